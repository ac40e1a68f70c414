"""Small cells of one shape share a shard: what is cut how, what is stored where, and what a kill may cost."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.storage.store import load, run_name
from twopeaks.sim.sweep import journal, shards
from twopeaks.sim.sweep.cells import Cell, Finished, Search
from twopeaks.sim.sweep.cost import cost, measured_rate
from twopeaks.sim.sweep.drive import Monitor, run_cells, run_searches
from twopeaks.sim.sweep.shards import Place, Shard, cut, run_shard
from twopeaks.sim.training.learner import Learner
from twopeaks.sim.training.loop import train, train_members
from twopeaks.sim.training.packs import mixed_size
from twopeaks.theory.setting import OBSERVABLES, Setting

PLAN = Plan(steps=20, every=10)


class KilledError(BaseException):
    """The worker ends here."""


def cell(lr: float = 3e-3, eta: float = 1e-3, n: int = 20, seeds: tuple[int, ...] = (0,), **parts: Any) -> Cell:
    content = {
        "task": {"group": "Z5", "samples": n},
        "network": {"width": parts.get("width", 8)},
        "optimizer": {"lr": lr, "weight_decay": eta},
    }
    return Cell(Setting.model_validate(content), seeds, parts.get("plan", PLAN))


def grid() -> list[Cell]:
    """Three rates, two decays, two sizes."""
    return [cell(lr, eta, n) for lr, eta, n in itertools.product((1e-3, 3e-3, 1e-2), (1e-4, 1e-2), (20, 22))]


def owned(found: list[Shard]) -> list[tuple[int, ...]]:
    return [shard.owners for shard in found]


def same(a: Records, b: Records) -> None:
    """Equal to the last bit."""
    assert (a.seeds.tolist(), a.steps.tolist(), a.counts.tolist()) == (
        b.seeds.tolist(),
        b.steps.tolist(),
        b.counts.tolist(),
    )
    assert a.ends == b.ends
    for name, values in a.curves.items():
        assert values.tobytes() == b.curves[name].tobytes(), name


# --- what is cut how -------------------------------------------------------------------------------------


def test_a_grid_of_rates_decays_and_near_sizes_is_one_shard(double: Runtime) -> None:
    (shard,) = cut(grid(), double)
    assert sorted(shard.owners) == list(range(12))
    assert [part.setting.task.samples for part in shard.parts] == [20] * 6 + [22] * 6
    assert shard.member_steps == 12 * 20
    assert shard.name.startswith("pack-")


def test_sizes_that_would_be_padded_much_stay_apart(double: Runtime) -> None:
    assert owned(cut([cell(n=n) for n in (25, 10, 11, 23)], double)) == [(1, 2), (3, 0)]
    assert owned(cut([cell(n=16), cell(n=20)], double)) == [(0, 1)]  # 36 rows of 40
    assert owned(cut([cell(n=13), cell(n=20)], double)) == [(0,), (1,)]  # 33 of 40 would be less than 85%


def test_plans_and_shapes_stay_apart(double: Runtime) -> None:
    cells = [cell(), cell(plan=Plan(steps=30, every=10)), cell(width=9), cell(lr=1e-2)]
    assert owned(cut(cells, double)) == [(0, 3), (1,), (2,)]


def test_large_cells_stay_alone_and_keep_their_parts(double: Runtime) -> None:
    tight = resolve("cpu", "float64", threads=1, tile_bytes=6 * 8 * 8 * 20)  # six members of n = 20, two if mixed
    assert mixed_size(cell().setting, tight) == 2
    cells = [cell(lr=1e-3), cell(seeds=tuple(range(9))), cell(lr=1e-2), cell(lr=2e-2)]
    found = cut(cells, tight)
    assert owned(found) == [(0, 2), (1,), (1,), (3,)]
    assert [part.seeds for shard in found if shard.owners == (1,) for part in shard.parts] == [
        (0, 1, 2, 3, 4),
        (5, 6, 7, 8),
    ]


def test_what_is_stored_of_a_cell_has_the_same_name_in_every_sweep(double: Runtime) -> None:
    cells = grid()
    (together,) = cut(cells, double)
    for owner, name in zip(together.owners, together.names, strict=True):
        (alone,) = cut([cells[owner]], double)
        assert (alone.names, alone.name) == ((name,), name)


def test_the_same_cells_are_cut_the_same_way(double: Runtime) -> None:
    assert cut(grid(), double) == cut(grid(), double)


def test_ten_thousand_cells_are_cut_once_each(double: Runtime) -> None:
    cells = [cell(lr=1e-6 * (i + 1), n=20 + i % 5) for i in range(10_000)]
    found = cut(cells, double)
    assert sorted(owner for shard in found for owner in shard.owners) == list(range(10_000))
    for shard in found:
        sizes = [part.setting.task.samples for part in shard.parts]
        assert len(sizes) <= mixed_size(shard.parts[-1].setting, double)
        assert sum(sizes) >= 0.85 * max(sizes) * len(sizes)


# --- what is stored --------------------------------------------------------------------------------------


def test_a_sweep_of_mixed_cells_gives_what_each_gives_alone(tmp_path: Path, double: Runtime) -> None:
    cells, told = [*grid(), cell(seeds=(1, 2, 3))], []
    with ThreadPoolExecutor(1) as pool:
        done = run_cells(cells, tmp_path, double, pool, told.append)
    assert sum(told) == sum(c.member_steps for c in cells)
    assert {path.name for path in tmp_path.iterdir()} == {
        run_name(c.setting, c.plan, c.seeds, "float64") for c in cells
    }
    for c, trained in zip(cells, done, strict=True):
        plain = train(c.setting, c.seeds, c.plan, double)
        assert trained.records.ends == plain.ends
        assert trained.seconds > 0
        for name in OBSERVABLES:
            np.testing.assert_allclose(trained.records.curves[name], plain.curves[name], rtol=1e-9, equal_nan=True)
    assert load(next(tmp_path.iterdir())).manifest["runtime"]["pack"] == 15


def test_seconds_are_shared_by_rows_and_steps(tmp_path: Path, double: Runtime) -> None:
    (shard,) = cut([cell(lr=1e-3, n=20), cell(n=23, seeds=(0, 1))], double)
    assert run_shard(shard, Place(tmp_path, double)) is None
    one, two = (float(load(folder).manifest["seconds"]) for folder in Place(tmp_path, double).folders(shard))
    assert two == pytest.approx(one * 46 / 20, abs=2e-3)


def test_a_cell_that_is_wanted_twice_is_trained_once(
    tmp_path: Path, double: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = counted(monkeypatch)
    with ThreadPoolExecutor(1) as pool:
        first, second, third = run_cells([cell(), cell(lr=1e-2), cell()], tmp_path, double, pool)
    assert trained == [2]
    same(first.records, third.records)
    assert first.records.final("norm_w2") != second.records.final("norm_w2")


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many members each call trains."""
    trained: list[int] = []

    def noted(members: Any, *rest: Any) -> Records:
        trained.append(len(members))
        return train_members(members, *rest)

    monkeypatch.setattr(shards, "train_members", noted)
    return trained


# --- what is there already -------------------------------------------------------------------------------


def test_what_another_sweep_has_stored_is_not_trained_again(
    tmp_path: Path, double: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = counted(monkeypatch)
    with ThreadPoolExecutor(1) as pool:
        run_cells(grid()[:5], tmp_path, double, pool)
        before = {path: (path / "curves.npz").read_bytes() for path in tmp_path.iterdir()}
        done = run_cells(grid(), tmp_path, double, pool)
    assert trained == [5, 7]
    assert all((path / "curves.npz").read_bytes() == content for path, content in before.items())
    assert [len(part.records.seeds) for part in done] == [1] * 12


def killed_while_storing(place: Place, shard: Shard, after: int) -> None:
    """End a worker that has stored so many parts of a shard."""
    save, left = shards.save, [after]

    def dying(*args: Any) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise KilledError
        return save(*args)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(shards, "save", dying)
        run_shard(shard, place)


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_kill_among_the_parts_costs_nothing_and_changes_no_bit(after: int, tmp_path: Path, double: Runtime) -> None:
    (shard,) = cut(grid(), double)
    straight, place = Place(tmp_path / "a", double), Place(tmp_path / "b", double, journal=tmp_path / "journal")
    for root in (straight.root, place.root):
        root.mkdir()
    run_shard(shard, straight)
    killed_while_storing(place, shard, after)
    assert sum(folder.exists() for folder in place.folders(shard)) == after
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "step", lambda _: pytest.fail("trained again"))
        assert run_shard(shard, place) is None
    for a, b in zip(straight.folders(shard), place.folders(shard), strict=True):
        same(load(a).records, load(b).records)
    assert not place.unfinished(shard).exists()
    assert journal.entries(tmp_path / "journal")[-1]["resumed_from"] == 20


def test_a_kill_in_mid_training_changes_no_bit(tmp_path: Path, double: Runtime) -> None:
    (shard,) = cut(grid(), double)
    straight, place = Place(tmp_path / "a", double), Place(tmp_path / "b", double, seconds=0)
    for root in (straight.root, place.root):
        root.mkdir()
    run_shard(shard, straight)
    step, left = Learner.step, [13]

    def dying(learner: Learner) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KilledError
        step(learner)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(Learner, "step", dying)
        run_shard(shard, place)
    # Meanwhile someone else stores one of its cells: what was begun goes on as it was.
    owner = shard.owners[3]
    run_shard(cut([grid()[owner]], double)[0], place)
    assert run_shard(shard, place) is None
    for i, (a, b) in enumerate(zip(straight.folders(shard), place.folders(shard), strict=True)):
        if i == 3:
            continue  # alone: equal to rounding
        same(load(a).records, load(b).records)


def test_checkpoints_of_parts_that_are_all_stored_are_in_nobodys_way(
    tmp_path: Path, double: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shard,), place = cut(grid(), double), Place(tmp_path, double)
    (some,) = cut(grid()[:4], double)
    run_shard(some, place)
    killed_while_storing(place, shard, 7)
    (last,) = (owner for owner, path in zip(shard.owners, place.folders(shard), strict=True) if not path.exists())
    run_shard(cut([grid()[last]], double)[0], place)
    assert place.unfinished(shard).exists()
    folder = place.folders(some)[0]
    folder.rename(tmp_path / "elsewhere")
    trained = counted(monkeypatch)
    assert run_shard(shard, place) is None
    assert trained == [1]
    assert folder.exists()
    assert not place.unfinished(shard).exists()


# --- and what it will cost -------------------------------------------------------------------------------


def test_a_mixed_shard_has_a_rate_and_a_cost(double: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cost(grid(), double, workers=2)
    assert (found.cells, found.shards, found.members) == (12, 1, 12)
    assert found.member_steps == 240
    assert found.seconds > 0
    learners: list[Any] = []
    init = Learner.__init__

    def noted(learner: Learner, settings: Any, seeds: Any, *rest: Any) -> None:
        learners.append((len(settings), list(seeds)))
        init(learner, settings, seeds, *rest)

    monkeypatch.setattr(Learner, "__init__", noted)
    (shard,) = cut(grid(), double)
    assert measured_rate(shard, double) > 0
    assert learners == [(12, [0] * 12)]


def test_a_search_hears_of_each_mixed_cell_once(tmp_path: Path, double: Runtime) -> None:
    heard: list[Cell] = []

    class Hearing(Monitor):
        def finished(self, cell: Finished) -> None:
            heard.append(cell.cell)

    def search() -> Search:
        done = yield grid()
        assert [part.cell for part in done] == grid()
        yield [cell(lr=5e-3)]

    with ThreadPoolExecutor(1) as pool:
        run_searches([search()], Place(tmp_path, double), pool, Hearing())
    assert len(heard) == 13
    assert set(heard) == {*grid(), cell(lr=5e-3)}
