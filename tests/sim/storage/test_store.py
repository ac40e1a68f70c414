from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage import store
from twopeaks.sim.storage.records import Plan, Records, concatenate
from twopeaks.sim.training.loop import train
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES, Network, Setting, Task

SETTING = Setting(task=Task(group="Z2xZ3", samples=20), network=Network(width=8))
PLAN = Plan(steps=20, every=5)


@pytest.fixture
def records(single: Runtime) -> Records:
    return train(SETTING, [0, 1], PLAN, single)


def save(root: Path, records: Records, runtime: Runtime) -> Path:
    return store.save(root, SETTING, PLAN, records, store.Provenance(runtime.describe(), 1.5))


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
    with pytest.raises(InputError, match="must be a folder that takes results, got 'No space left on device'"):
        save(tmp_path, records, single)
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer_leaves_the_first_result(tmp_path: Path, records: Records, single: Runtime) -> None:
    folder = save(tmp_path, records, single)
    before = (folder / store.MANIFEST).read_bytes()
    assert save(tmp_path, records, single) == folder
    assert (folder / store.MANIFEST).read_bytes() == before
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
    manifest = json.loads((folder / store.MANIFEST).read_text())
    (folder / store.MANIFEST).write_text(json.dumps({**manifest, "schema": 99}))
    with pytest.raises(InputError, match="must be a run of schema 1, got 99"):
        store.load(folder)


@pytest.mark.parametrize("name", [store.MANIFEST, "curves.npz"])
@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_torn_file_is_named(name: str, part: int, tmp_path: Path, records: Records, single: Runtime) -> None:
    folder = save(tmp_path, records, single)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: part * len(whole) // 3])
    with pytest.raises(InputError, match=r"must be a readable result folder.*delete it and run again"):
        store.load(folder)


@pytest.mark.parametrize("name", [store.MANIFEST, "curves.npz"])
def test_every_flipped_bit_is_noticed(name: str, tmp_path: Path, records: Records, single: Runtime) -> None:
    folder = save(tmp_path, records, single)
    whole = (folder / name).read_bytes()
    for i in range(0, len(whole), 3):
        (folder / name).write_bytes(whole[:i] + bytes([whole[i] ^ (1 << i % 8)]) + whole[i + 1 :])
        with pytest.raises(InputError, match=r"must be a (readable result folder|run of schema 1)"):
            store.load(folder)


def unsigned(folder: Path, **changes: Any) -> None:
    """Make the manifest what versions without digests wrote."""
    manifest = json.loads((folder / store.MANIFEST).read_text())
    del manifest["digests"], manifest["usage"]
    (folder / store.MANIFEST).write_text(json.dumps({**manifest, **changes}, indent=1))


def test_a_run_from_before_there_were_digests_still_loads(tmp_path: Path, records: Records, single: Runtime) -> None:
    folder = save(tmp_path, records, single)
    signed = store.load(folder)
    unsigned(folder)
    back = store.load(folder)
    assert (back.setting, back.plan) == (signed.setting, signed.plan)
    assert np.array_equal(back.records.curves["train_loss"], records.curves["train_loss"])


def test_a_manifest_that_lost_its_digests_does_not_pass_as_an_old_one(
    tmp_path: Path, records: Records, single: Runtime
) -> None:
    folder = save(tmp_path, records, single)
    unsigned(folder, digestz={})
    with pytest.raises(InputError, match=r"curves.npz is not what was written: its digest differs"):
        store.load(folder)


@pytest.mark.parametrize("content", ["[]", "3", "null", '{"schema": 1, "digests": 5}', "{}"])
def test_json_that_is_no_manifest_is_named(content: str, tmp_path: Path, records: Records, single: Runtime) -> None:
    folder = save(tmp_path, records, single)
    (folder / store.MANIFEST).write_text(content)
    with pytest.raises(InputError, match="must be a readable result folder"):
        store.load(folder)


def test_a_damaged_run_is_not_taken_for_the_one_that_was_to_be_saved(
    tmp_path: Path, records: Records, single: Runtime
) -> None:
    folder = save(tmp_path, records, single)
    (folder / "curves.npz").write_bytes(b"")
    with pytest.raises(InputError, match=r"must be a readable result folder.*delete it and run again"):
        save(tmp_path, records, single)
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]
    assert (folder / "curves.npz").read_bytes() == b""


def test_interruptions_are_on_record(tmp_path: Path, records: Records, single: Runtime) -> None:
    history = {"resumed_from_steps": [10], "seconds_before": 3.0, "notes": ["a note"]}
    folder = store.save(tmp_path, SETTING, PLAN, records, store.Provenance(single.describe(), 1.5, history))
    assert store.load(folder).manifest["history"] == history


# --- killed writers ------------------------------------------------------------------------------------


def left_aside(root: Path) -> Path:
    folder = root / ".writing-abcdefgh"
    folder.mkdir()
    (folder / "curves.npz").write_bytes(b"half")
    return folder


@pytest.mark.parametrize("by", [store.prepare, store.tidy])
def test_what_killed_writers_left_is_removed(by: Any, tmp_path: Path) -> None:
    left_aside(tmp_path)
    (tmp_path / ".writers").touch()
    by(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_saving_removes_it_too(tmp_path: Path, records: Records, single: Runtime) -> None:
    left_aside(tmp_path)
    assert [save(tmp_path, records, single)] == list(tmp_path.iterdir())


def test_what_a_living_writer_has_aside_stays_until_it_dies(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from twopeaks.sim.storage.store import _aside
with _aside(Path({str(tmp_path)!r})) as folder:
    print(folder, flush=True)
    time.sleep(60)
"""
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    folder = Path(writer.stdout.readline().strip())
    store.prepare(tmp_path)
    assert folder.is_dir()
    writer.kill()
    writer.wait()
    writer.stdout.close()
    assert folder.is_dir()
    store.prepare(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_could_belong_to_a_living_writer_stays_where_there_are_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = left_aside(tmp_path)

    def no_locks(*_: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(store.locks.fcntl, "flock", no_locks)
    store.prepare(tmp_path)
    assert list(tmp_path.iterdir()) == [left]


def test_a_folder_that_cannot_be_written_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = left_aside(tmp_path)

    def read_only(*_: object) -> int:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(os, "open", read_only)
    store.tidy(tmp_path)
    assert list(tmp_path.iterdir()) == [left]
    with pytest.raises(InputError, match=r"--out must be a folder that can be written, got .*; Read-only file system"):
        store.prepare(tmp_path)


# --- refusals ------------------------------------------------------------------------------------------


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
