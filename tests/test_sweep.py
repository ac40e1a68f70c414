from __future__ import annotations

import os
import platform
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim import shards
from sim.checkpoint import Checkpoints
from sim.members import Member
from sim.pool import LostContactError, LostWorkerError
from sim.records import Plan, Records
from sim.runtime import Runtime
from sim.sweep import Cell, run_cells
from sim.train import train, train_members
from theory.errors import InputError
from theory.setting import OBSERVABLES, Network, Setting, Task


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
    said = r"shard .* must be trained by a worker that lives, got '5 died: a worker died'; look at what ended them"
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
