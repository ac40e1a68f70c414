from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sim import store
from sim.records import Plan, Records, concatenate
from sim.runtime import Runtime
from sim.train import train
from theory.errors import InputError
from theory.setting import OBSERVABLES, Network, Setting, Task

SETTING = Setting(task=Task(group="Z2xZ3", samples=20), network=Network(width=8))
PLAN = Plan(steps=20, every=5)


@pytest.fixture
def records(single: Runtime) -> Records:
    return train(SETTING, [0, 1], PLAN, single)


def save(root: Path, records: Records, runtime: Runtime) -> Path:
    return store.save(root, SETTING, PLAN, records, runtime.describe(), 1.5)


def test_what_is_saved_is_read_back(tmp_path: Path, records: Records, single: Runtime) -> None:
    back = store.load(save(tmp_path, records, single))
    assert (back.setting, back.plan, back.records.ends) == (SETTING, PLAN, records.ends)
    assert back.records.seeds.tolist() == [0, 1]
    for name in OBSERVABLES:
        assert np.array_equal(back.records.curves[name], records.curves[name], equal_nan=True)
    assert back.manifest["conventions"] == SETTING.conventions
    assert {"device", "dtype", "threads", "torch"} <= set(back.manifest["runtime"])


def test_nothing_half_written_stays_when_writing_fails(
    tmp_path: Path, records: Records, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path, records, single)
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer_leaves_the_first_result(tmp_path: Path, records: Records, single: Runtime) -> None:
    folder = save(tmp_path, records, single)
    before = (folder / "manifest.json").read_bytes()
    assert save(tmp_path, records, single) == folder
    assert (folder / "manifest.json").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]


def test_every_part_of_the_identity_changes_the_name() -> None:
    names = {
        store.run_name(SETTING, PLAN, [0, 1], "float32"),
        store.run_name(SETTING, PLAN, [0, 2], "float32"),
        store.run_name(SETTING, PLAN, [0, 1], "float64"),
        store.run_name(SETTING, Plan(steps=21, every=5), [0, 1], "float32"),
        store.run_name(SETTING.model_copy(update={"loss": "cross-entropy"}), PLAN, [0, 1], "float32"),
    }
    assert len(names) == 5


def test_another_schema_is_refused_by_name(tmp_path: Path, records: Records, single: Runtime) -> None:
    folder = save(tmp_path, records, single)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "schema": 99}))
    with pytest.raises(InputError, match="must be a run of schema 1, got 99"):
        store.load(folder)


@pytest.mark.parametrize("name", ["manifest.json", "curves.npz"])
def test_a_torn_file_is_named(name: str, tmp_path: Path, records: Records, single: Runtime) -> None:
    folder = save(tmp_path, records, single)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"must be a readable result folder.*delete it and run again"):
        store.load(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing-here must be a readable result folder"):
        store.load(tmp_path / "nothing-here")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out must be a folder that can be written"):
        store.prepare(tmp_path / "file" / "below")


def test_concatenated_records_keep_members_and_pad_short_packs(single: Runtime) -> None:
    first = train(SETTING, [0], PLAN, single)
    second = Records(
        np.array([9]),
        first.steps[:3],
        np.array([3]),
        ("patience",),
        {name: first.curves[name][:, :3] for name in OBSERVABLES},
    )
    both = concatenate([first, second])
    assert both.seeds.tolist() == [0, 9]
    assert both.steps.tolist() == first.steps.tolist()
    assert np.isnan(both.curves["train_loss"][1, 3:]).all()
    assert both.final("train_loss")[1] == first.curves["train_loss"][0, 2]
