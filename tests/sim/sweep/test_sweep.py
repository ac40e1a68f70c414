from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twopeaks.sim.network.members import Member
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage.checkpoint import Checkpoints
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.sweep import journal, shards
from twopeaks.sim.sweep.cells import Finished, Search
from twopeaks.sim.sweep.drive import Cell, Monitor, run_cells, run_searches
from twopeaks.sim.sweep.pool import LostContactError, LostWorkerError
from twopeaks.sim.training.loop import train, train_members
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES, Network, Setting, Task
from twopeaks.validate.screen.sweep_screen import Tally


def cell(samples: int) -> Cell:
    return Cell(
        Setting(task=Task(group="Z5", samples=samples), network=Network(width=8)), (0, 1, 2), Plan(steps=20, every=10)
    )


def test_cells_come_back_in_order_and_equal_plain_training(tmp_path: Path, double: Runtime) -> None:
    cells, told = [cell(10), cell(20)], []
    with ThreadPoolExecutor(1) as pool:
        done = run_cells(cells, tmp_path, double, pool, told.append)
    assert sum(told) == sum(c.member_steps for c in cells)
    for c, trained in zip(cells, done, strict=True):
        plain = train(c.setting, c.seeds, c.plan, double)
        for name in OBSERVABLES:
            assert np.array_equal(trained.records.curves[name], plain.curves[name], equal_nan=True)
        assert trained.seconds > 0


def test_finished_cells_are_read_and_not_trained_again(
    tmp_path: Path, double: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = run_cells([cell(10)], tmp_path, double, pool)

        def never(*_: object) -> None:
            raise AssertionError("trained again")

        monkeypatch.setattr(shards, "train_members", never)
        again = run_cells([cell(10)], tmp_path, double, pool)
    assert np.array_equal(first[0].records.final("train_loss"), again[0].records.final("train_loss"))
    assert first[0].seconds == pytest.approx(again[0].seconds, abs=1e-3)


def test_a_shard_that_another_process_stores_meanwhile_is_not_trained_again(
    tmp_path: Path, double: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shard,), place = shards.cut([cell(10)], double), shards.Place(tmp_path, double)
    held, trained = Checkpoints.held, []

    def late(self: Checkpoints) -> AbstractContextManager[None]:
        monkeypatch.setattr(Checkpoints, "held", held)
        assert shards.run_shard(shard, place) is None  # the other one: begins, ends and leaves nothing but the result
        return held(self)

    def noted(*args: Any) -> Records:
        trained.append(args)
        return train_members(*args)

    monkeypatch.setattr(Checkpoints, "held", late)
    monkeypatch.setattr(shards, "train_members", noted)
    assert shards.run_shard(shard, place) is None
    assert len(trained) == 1
    assert [path.name for path in tmp_path.iterdir()] == [shard.name]


def test_nobody_else_trains_a_shard_until_it_is_stored(
    tmp_path: Path, double: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shard,), place = shards.cut([cell(10)], double), shards.Place(tmp_path, double)
    told, save = [], shards.save

    def storing(*args: Any) -> Path:
        monkeypatch.setattr(shards, "_PATIENCE", 0.0)
        told.append(shards.run_shard(shard, place))
        return save(*args)

    monkeypatch.setattr(shards, "save", storing)
    assert shards.run_shard(shard, place) is None
    assert told == [f"held by process {os.getpid()} on {platform.node()}"]


class Flaky(ThreadPoolExecutor):
    """Loses every call so many times before it makes it."""

    def __init__(self, error: Exception, times: int) -> None:
        super().__init__(1)
        self._error, self._times, self._lost = error, times, Counter[str]()

    def submit(self, fn: Any, /, shard: Any, place: Any) -> Any:
        self._lost[shard.name] += 1
        if self._lost[shard.name] > self._times:
            return super().submit(fn, shard, place)
        lost: Future[None] = Future()
        lost.set_exception(self._error)
        return lost


def test_a_shard_at_which_worker_after_worker_dies_is_given_up(tmp_path: Path, double: Runtime) -> None:
    with Flaky(LostWorkerError("a worker died"), 4) as pool:
        run_cells([cell(10)], tmp_path, double, pool)
    said = (
        r"shard .* must be trained by a worker that stays alive, got '5 died: a worker died'; find out what ended them"
    )
    with Flaky(LostWorkerError("a worker died"), 5) as pool, pytest.raises(InputError, match=said):
        run_cells([cell(20)], tmp_path, double, pool)


def test_a_shard_is_not_to_blame_for_a_scheduler_that_goes_away(tmp_path: Path, double: Runtime) -> None:
    with Flaky(LostContactError("the scheduler went away"), 9) as pool:
        run_cells([cell(10), cell(20)], tmp_path, double, pool)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_killed_workers_left_is_gone_at_the_end_even_if_all_was_stored(tmp_path: Path, double: Runtime) -> None:
    with ThreadPoolExecutor(1) as pool:
        run_cells([cell(10)], tmp_path, double, pool)
        stored = list(tmp_path.iterdir())
        (tmp_path / ".writers").touch()
        (tmp_path / ".writing-abcdefgh").mkdir()
        (tmp_path / f"{stored[0].name}.unfinished").mkdir()
        run_cells([cell(10)], tmp_path, double, pool)
    assert list(tmp_path.iterdir()) == stored


def test_what_was_done_before_an_error_is_kept(
    tmp_path: Path, double: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_on_ten(members: list[Member], *rest: object) -> object:
        if members[0][0].task.samples == 10:
            raise RuntimeError("worker lost")
        return train_members(members, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(shards, "train_members", fail_on_ten)
    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="worker lost"):
        run_cells([cell(20), cell(10)], tmp_path, double, pool)
    assert [p.name.split("-")[2] for p in tmp_path.iterdir()] == ["n20"]


# --- what a monitor hears ------------------------------------------------------------------------------


class Ears(Monitor):
    """Keeps what it hears, in short."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def wanted(self, cells: Sequence[Cell]) -> None:
        self.heard.append(f"wanted {[c.setting.task.samples for c in cells]}")

    def awaited(self, shard: shards.Shard) -> None:
        self.heard.append(f"awaited {shard.parts[0].setting.task.samples}")

    def worked(self, shard: shards.Shard, *, before: bool) -> None:
        self.heard.append(f"{'was' if before else 'is'} stored {shard.parts[0].setting.task.samples}")

    def finished(self, cell: Finished) -> None:
        assert all(folder.is_dir() for folder in cell.folders)
        self.heard.append(f"finished {cell.cell.setting.task.samples}")

    def note(self, sentence: str) -> None:
        self.heard.append(sentence)


def growing(sizes: Sequence[int]) -> Search:
    """One size after the other; what is sent back must be what was asked for."""
    for n in sizes:
        (done,) = yield [cell(n)]
        assert done.cell == cell(n)
        assert done.load().records.seeds.tolist() == [0, 1, 2]


def test_a_monitor_hears_of_each_step_of_a_search_in_order(tmp_path: Path, double: Runtime) -> None:
    place, first, again = shards.Place(tmp_path, double), Ears(), Ears()
    with ThreadPoolExecutor(1) as pool:
        run_searches([growing([5, 10, 20])], place, pool, first)
        run_searches([growing([5, 10, 20])], place, pool, again)
    assert first.heard == [
        line for n in (5, 10, 20) for line in (f"wanted [{n}]", f"awaited {n}", f"is stored {n}", f"finished {n}")
    ]
    assert again.heard == [line for n in (5, 10, 20) for line in (f"wanted [{n}]", f"was stored {n}", f"finished {n}")]


def test_two_searches_share_a_cell_and_it_is_trained_once(tmp_path: Path, double: Runtime) -> None:
    ears = Ears()
    with ThreadPoolExecutor(1) as pool:
        run_searches([growing([5, 10]), growing([5, 20])], shards.Place(tmp_path, double), pool, ears)
    assert ears.heard.count("awaited 5") == ears.heard.count("is stored 5") == 1
    assert ears.heard.count("finished 5") == 2
    assert {"finished 10", "finished 20"} <= set(ears.heard)


def test_lost_workers_are_noted_and_in_the_journal(tmp_path: Path, double: Runtime) -> None:
    ears, book = Ears(), tmp_path / "journal.jsonl"
    with Flaky(LostWorkerError("a worker died"), 2) as pool:
        (tmp_path / "runs").mkdir()
        run_searches([growing([5])], shards.Place(tmp_path / "runs", double, journal=book), pool, ears)
    noted = [line for line in ears.heard if "a worker died" in line]
    assert len(noted) == 2
    assert all("its work on Z5-true-n5-" in line and "is resumed" in line for line in noted)
    assert [line["event"] for line in journal.entries(book)] == ["lost", "lost", "begun", "trained"]
    assert journal.entries(book)[2]["settings"] == [cell(5).setting.content_id]


def test_a_tally_counts_work_checkpoints_included(
    tmp_path: Path, double: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two shards of 60 and 120 member-step units of work; the large one has a checkpoint in the middle."""
    place = shards.Place(tmp_path, double)
    small, large = (shards.cut([cell(n)], double)[0] for n in (5, 10))
    tally = Tally(place)
    tally.wanted([cell(5), cell(10)])
    for shard in (small, large):
        tally.awaited(shard)
    assert tally.progress(100.0) == (0.0, None, None)
    place.unfinished(large).mkdir()
    (place.unfinished(large) / "pack-00000-0000000010.ckpt").touch()
    share, rate, left = tally.progress(110.0)
    assert share == pytest.approx(1 / 3)  # half of two thirds
    assert rate == pytest.approx(30 / 10)  # member-steps: half of 3 times 20
    assert left == pytest.approx(20.0)
    tally.worked(small, before=False)
    assert tally.progress(120.0)[0] == pytest.approx(2 / 3)
    tally.worked(large, before=False)
    assert tally.progress(130.0) == (1.0, pytest.approx(120 / 30), 0.0)
    assert (tally.done, tally.cells) == (0, 2)
    tally.note("once")
    tally.note("once")
    assert capsys.readouterr().err == "note: once\n"


def test_what_was_stored_before_is_no_work(tmp_path: Path, double: Runtime) -> None:
    tally = Tally(shards.Place(tmp_path, double))
    tally.wanted([cell(5)])
    tally.worked(shards.cut([cell(5)], double)[0], before=True)
    assert tally.progress(1.0) == (1.0, None, None)
