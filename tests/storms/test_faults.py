"""Faults of the disk and of what lies on it, as commands and sweeps meet them: named in one line, nothing lost."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage import archive, store
from twopeaks.sim.storage.checkpoint import Checkpoints
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.sweep import journal
from twopeaks.sim.sweep.cells import Cell, Search, Trained
from twopeaks.sim.sweep.drive import Monitor, run_cells, run_searches
from twopeaks.sim.sweep.pool import LocalPool
from twopeaks.sim.sweep.shards import Place, Shard, cut
from twopeaks.sim.training.learner import Learner
from twopeaks.sim.training.loop import train
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Network, Optimizer, Setting, Task
from twopeaks.validate.cli.app import run

PLAN = Plan(steps=40, every=10)
COMMAND = ["train", "--group", "Z5", "--width", "8", "--threads", "1", "--seeds", "2", "--every", "10"]
COMMAND += ["--steps", "40", "--device", "cpu", "--checkpoint-seconds", "0"]


def setting(samples: int) -> Setting:
    return Setting(task=Task(group="Z5", samples=samples), network=Network(width=8), optimizer=Optimizer(lr=1e-2))


def cells() -> list[Cell]:
    return [Cell(setting(samples), (0, 1), PLAN) for samples in (10, 15, 22)]  # no two share a shard


def same(a: Records, b: Records) -> None:
    """Equal to the last bit."""
    assert (a.seeds.tolist(), a.steps.tolist(), a.ends) == (b.seeds.tolist(), b.steps.tolist(), b.ends)
    for name, values in a.curves.items():
        assert values.tobytes() == b.curves[name].tobytes(), name


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- a disk of its own ----------------------------------------------------------------------------------


class Disk:
    """A small file system."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Take all room but so many bytes, to the page."""
        free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize
        self._ballast.write_bytes(bytes(max(0, free - leave)))

    def clear(self) -> None:
        self._ballast.unlink()

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.path)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(path)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield Disk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_a_disk_that_is_full_when_results_are_stored_costs_a_moment(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*COMMAND, "--out", str(tmp_path / "straight")]) == 0
    step, done = Learner.step, [0]

    def filling(learner: Learner) -> None:
        done[0] += 1
        if done[0] == 30:
            disk.fill()
        step(learner)

    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", filling)
        assert run([*COMMAND, "--out", str(disk.path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "must be a folder that takes results, got 'No space left on device'; mend that and run again" in said
    disk.clear()
    (folder,) = disk.path.iterdir()
    assert names(folder) == ["pack-00000-0000000028.ckpt", "pack-00000-0000000029.ckpt"]
    assert run([*COMMAND, "--out", str(disk.path)]) == 0
    assert "note: the run was interrupted and went on from step 29" in capsys.readouterr().err
    assert names(disk.path) == names(tmp_path / "straight")
    a, b = (store.load(next(root.iterdir())).records for root in (tmp_path / "straight", disk.path))
    same(a, b)


def test_a_disk_that_is_full_for_a_while_costs_nothing_but_a_note(
    disk: Disk, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = train(setting(15), range(2), PLAN, single)
    step, done = Learner.step, [0]

    def filling(learner: Learner) -> None:
        done[0] += 1
        if done[0] == 10:
            disk.fill(leave=4096)
        if done[0] == 20:
            assert names(disk.path / "run") == ["lock", "pack-00000-0000000008.ckpt", "pack-00000-0000000009.ckpt"]
            disk.clear()
        step(learner)

    monkeypatch.setattr(Learner, "step", filling)
    kept = Checkpoints(disk.path / "run", 0)
    same(train(setting(15), range(2), PLAN, single, checkpoint=kept), straight)
    assert kept.notes == ["checkpoints could not be written (No space left on device); earlier ones were kept"]
    assert names(disk.path / "run") == ["pack-00000-0000000039.ckpt", "pack-00000-0000000040.ckpt"]


@pytest.mark.slow
def test_a_sweep_whose_disk_is_full_stops_in_one_line_and_goes_on_when_there_is_room(
    disk: Disk, single: Runtime
) -> None:
    runs = disk.path / "runs"
    runs.mkdir()
    with LocalPool(1) as pool:
        first = run_cells(cells()[:1], runs, single, pool)
        disk.fill()
        said = "must be a folder that takes results, got 'No space left on device'; mend that and run again"
        with pytest.raises(InputError, match=said):
            run_cells(cells(), runs, single, pool)
        disk.clear()
        done = run_cells(cells(), runs, single, pool)
    same(done[0].records, first[0].records)
    for cell, trained in zip(cells(), done, strict=True):
        same(trained.records, train(cell.setting, cell.seeds, cell.plan, single))
    assert len(names(runs)) == 3


def test_a_read_only_disk_is_named_before_training_and_its_results_can_be_read(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*COMMAND, "--out", str(disk.path)]) == 0
    before = names(disk.path)
    disk.remount("ro")
    monkeypatch.setattr(Learner, "__init__", None)  # nothing is trained
    capsys.readouterr()
    assert run([*COMMAND, "--out", str(disk.path)]) == 0
    assert capsys.readouterr().err == ""
    for out in (disk.path, disk.path / "new"):
        assert run([*COMMAND, "--first-seed", "7", "--out", str(out)]) == 2
        said = capsys.readouterr().err
        assert said == f"error: --out must be a folder that can be written, got '{out}'; Read-only file system\n"
    assert names(disk.path) == before


def test_a_sweep_on_a_read_only_disk_is_named_and_reads_what_is_there(disk: Disk, single: Runtime) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = run_cells(cells()[:2], disk.path, single, pool)
        disk.remount("ro")
        again = run_cells(cells()[:2], disk.path, single, pool)
        with pytest.raises(InputError, match="must be a folder that can be written, got 'Read-only file system'"):
            run_cells(cells(), disk.path, single, pool)
    for a, b in zip(first, again, strict=True):
        same(a.records, b.records)


# --- what lies there ------------------------------------------------------------------------------------


def swept(root: Path, runtime: Runtime) -> list[Trained]:
    root.mkdir(exist_ok=True)
    with ThreadPoolExecutor(1) as pool:
        return run_cells(cells(), root, runtime, pool)


def cut_short(root: Path, runtime: Runtime) -> Path:
    """A sweep of which the first shard is at update 17; its checkpoints."""
    shard = cut(cells(), runtime)[0]
    folder = Place(root, runtime).unfinished(shard)
    step, left = Learner.step, [17]

    def dying(learner: Learner) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        step(learner)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Learner, "step", dying)
        part = shard.parts[0]
        train(part.setting, part.seeds, part.plan, runtime, checkpoint=Checkpoints(folder, 0))
    assert names(folder) == ["pack-00000-0000000016.ckpt", "pack-00000-0000000017.ckpt"]
    return folder


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


@pytest.mark.parametrize("damage", [flip, truncate])
def test_a_sweep_goes_on_from_the_checkpoint_before_a_damaged_one_and_says_so(
    damage: Any, tmp_path: Path, single: Runtime
) -> None:
    straight, root = swept(tmp_path / "straight", single), tmp_path / "damaged"
    torn = cut_short(root, single) / "pack-00000-0000000017.ckpt"
    damage(torn)
    for a, b in zip(straight, swept(root, single), strict=True):
        same(a.records, b.records)
    assert names(root) == names(tmp_path / "straight")
    history = store.load(root / cut(cells(), single)[0].name).manifest["history"]
    assert history["resumed_from_steps"] == [16]
    assert history["notes"] == [f"{torn} is damaged (its digest is not that of its content) and was not used"]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"schema": 2}, r"must be a checkpoint of schema 1, got 2; go on with the version that wrote it, or delete "),
        ({"schema": 1, "identity": {"seeds": [7]}}, r"must be a checkpoint of this run, got .other .*seeds"),
    ],
)
def test_a_sweep_leaves_foreign_checkpoints_alone_and_names_them(
    facts: dict[str, Any], told: str, tmp_path: Path, single: Runtime
) -> None:
    folder = cut_short(tmp_path, single)
    archive.write(folder / "pack-00000-0000000020.ckpt", facts, {})
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match=told) as found:
        swept(tmp_path, single)
    assert "\n" not in str(found.value)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", [store.MANIFEST, "curves.npz"])
@pytest.mark.parametrize("damage", [flip, truncate])
def test_a_damaged_result_of_a_sweep_is_named_and_only_that_is_trained_again(
    name: str, damage: Any, tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = swept(tmp_path, single)
    folder = tmp_path / cut(cells(), single)[1].name
    damage(folder / name)
    with pytest.raises(InputError, match=f"{folder.name} must be a readable result folder, got .*; delete it and run"):
        swept(tmp_path, single)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    made, init = [0], Learner.__init__

    def counted(*args: Any) -> None:
        made[0] += 1
        init(*args)

    monkeypatch.setattr(Learner, "__init__", counted)
    for a, b in zip(straight, swept(tmp_path, single), strict=True):
        same(a.records, b.records)
    assert made == [1]


def test_results_of_a_newer_schema_are_refused_by_name_and_left_alone(tmp_path: Path, single: Runtime) -> None:
    swept(tmp_path, single)
    manifest = tmp_path / cut(cells(), single)[1].name / store.MANIFEST
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "schema": 99}))
    before = manifest.read_bytes()
    with pytest.raises(InputError, match=f"{manifest.parent.name} must be a run of schema 1, got 99"):
        swept(tmp_path, single)
    assert manifest.read_bytes() == before


# --- clocks and other writers ---------------------------------------------------------------------------


def test_a_sweep_does_not_mind_a_clock_that_goes_back(
    tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, root = swept(tmp_path / "straight", single), tmp_path / "back"
    folder = cut_short(root, single)
    os.utime(folder / "pack-00000-0000000017.ckpt", (0, 0))
    os.utime(folder / "pack-00000-0000000016.ckpt", (2**32, 2**32))
    now = [2e9]

    def backwards() -> float:
        now[0] -= 3600.0
        return now[0]

    monkeypatch.setattr(time, "time", backwards)
    monkeypatch.setattr(time, "time_ns", lambda: int(backwards() * 1e9))
    place = Place(root, single, 0.0, root / "journal.jsonl")
    done: list[Any] = []

    def everything() -> Search:
        done.extend((yield cells()))

    with ThreadPoolExecutor(1) as pool:
        run_searches([everything()], place, pool, Monitor())
    for a, b in zip(straight, done, strict=True):
        same(a.records, b.load().records)
    told = journal.entries(root / "journal.jsonl")
    assert [entry["resumed_from"] for entry in told if entry["event"] == "trained"] == [None, None, 17]
    assert np.all(np.diff([entry["time"] for entry in told]) < 0)


def test_a_second_command_on_one_run_is_told_who_trains_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told, step = [], Learner.step

    def meanwhile(learner: Learner) -> None:
        monkeypatch.setattr(Learner, "step", step)
        told.append(run([*COMMAND, "--out", str(tmp_path)]))
        step(learner)

    monkeypatch.setattr(Learner, "step", meanwhile)
    assert run([*COMMAND, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().err
    assert told == [2]
    assert f".unfinished must be free, got 'held by process {os.getpid()} on " in said
    assert said.count("\n") == 1
    assert len(names(tmp_path)) == 1


def test_a_run_that_another_command_stores_meanwhile_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, init, made = Checkpoints.held, Learner.__init__, [0]

    def late(self: Checkpoints) -> AbstractContextManager[None]:
        monkeypatch.setattr(Checkpoints, "held", held)
        assert run([*COMMAND, "--out", str(tmp_path)]) == 0
        return held(self)

    def counted(*args: Any) -> None:
        made[0] += 1
        init(*args)

    monkeypatch.setattr(Checkpoints, "held", late)
    monkeypatch.setattr(Learner, "__init__", counted)
    assert run([*COMMAND, "--out", str(tmp_path)]) == 0
    assert made == [1]
    assert len(names(tmp_path)) == 1


class Told(Monitor):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


def test_a_sweep_leaves_a_shard_to_the_process_that_is_at_it(
    tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, told = Place(tmp_path, single), Told()
    shard: Shard = cut(cells(), single)[-1]  # the largest one, which is tried first
    monkeypatch.setattr("twopeaks.sim.sweep.shards._PATIENCE", 0.0)
    other = Checkpoints(place.unfinished(shard)).held()
    other.__enter__()

    def until_free() -> Search:
        yield cells()[:-1]
        other.__exit__(None, None, None)

    def everything() -> Search:
        yield cells()

    with ThreadPoolExecutor(1) as pool:
        run_searches([everything(), until_free()], place, pool, told)
    held = f"held by process {os.getpid()} on {platform.node()}"
    assert set(told.notes) == {f"{shard.name} is {held}; that process goes on with it"}
    assert len(names(tmp_path)) == 3
