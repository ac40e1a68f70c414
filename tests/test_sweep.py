from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sim import shards
from sim.records import Plan
from sim.runtime import Runtime
from sim.sweep import Cell, run_cells
from sim.train import train
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

        monkeypatch.setattr(shards, "train", never)
        again = run_cells([cell(10)], tmp_path, double, pool)
    assert np.array_equal(first[0].records.final("train_loss"), again[0].records.final("train_loss"))
    assert first[0].seconds == pytest.approx(again[0].seconds, abs=1e-3)


def test_what_was_done_before_an_error_is_kept(
    tmp_path: Path, double: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_on_ten(setting: Setting, *rest: object) -> object:
        if setting.task.samples == 10:
            raise RuntimeError("worker lost")
        return train(setting, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(shards, "train", fail_on_ten)
    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="worker lost"):
        run_cells([cell(20), cell(10)], tmp_path, double, pool)
    assert [p.name.split("-")[2] for p in tmp_path.iterdir()] == ["n20"]
