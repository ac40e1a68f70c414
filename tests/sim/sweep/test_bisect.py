"""Sizes tried around a transition: it is enclosed from wherever the search begins, and no size is tried twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.sweep.bisect import Bisection, bracket, next_size, resized
from twopeaks.sim.sweep.cells import Cell, Finished, Trained
from twopeaks.theory.setting import Network, Setting, Task

Z31 = Setting(task=Task(group="Z31", samples=1), network=Network(width=8))
AROUND = Bisection(
    Z31, (0, 1, 2), Plan(steps=20, every=10), 200, 400, lowest=1, highest=960, tolerance=0.02, rounds=30
)  # fmt: skip


def tried(search: Bisection, transition: float) -> list[int]:
    return [cell.setting.task.samples for cell in search.cells_if(transition)]


@given(st.integers(2, 959), st.integers(1, 900), st.integers(1, 59), st.sampled_from([0.005, 0.02, 0.1, 0.5]))
@hypothesis_settings(max_examples=200, deadline=None)
def test_a_transition_is_enclosed_from_wherever_the_search_begins(
    transition: int, low: int, further: int, tolerance: float
) -> None:
    search = replace(AROUND, low=low, high=low + further, tolerance=tolerance, rounds=100)
    sizes = tried(search, transition)
    assert len(set(sizes)) == len(sizes)
    below, above = bracket({n: float(n >= transition) for n in sizes})
    assert below is not None
    assert above is not None
    assert below < transition <= above
    assert above - below <= max(1, tolerance * (above + below) / 2)
    assert min(sizes) >= 1
    assert max(sizes) <= 960


def test_the_first_two_are_halved() -> None:
    assert tried(replace(AROUND, tolerance=0.1), 310) == [200, 400, 300, 350, 325]


def test_a_bracket_grows_by_its_own_ratio_and_at_least_by_a_quarter() -> None:
    assert tried(AROUND, 850)[:4] == [200, 400, 800, 960]
    assert tried(AROUND, 90)[:4] == [200, 400, 100, 50]
    assert tried(replace(AROUND, low=390), 700)[:5] == [390, 400, 500, 625, 782]


def test_it_ends_at_the_limits() -> None:
    assert tried(AROUND, 2000) == [200, 400, 800, 960]
    assert tried(replace(AROUND, lowest=60), 0) == [200, 400, 100, 60]


def test_it_ends_when_its_rounds_are_over() -> None:
    assert tried(replace(AROUND, rounds=2), 310) == [200, 400, 300, 350]
    assert tried(replace(AROUND, rounds=0), 310) == [200, 400]


@pytest.mark.parametrize(
    ("rates", "found"),
    [
        ({}, (None, None)),
        ({5: 0.0}, (5, None)),
        ({5: 0.5}, (None, 5)),
        ({5: 0.49, 9: 0.5}, (5, 9)),
        ({9: 1.0, 5: 0.0, 7: 0.2}, (7, 9)),
        ({5: 0.0, 6: 1.0, 7: 0.0, 8: 1.0}, (5, 6)),  # the smallest pair
        ({5: 0.0, 6: 1.0, 7: 0.0}, (7, None)),  # the largest size fails, so it is still to be found
    ],
)
def test_brackets(rates: dict[int, float], found: tuple[int | None, int | None]) -> None:
    assert bracket(rates) == found


def test_neighbouring_integers_are_narrow_enough() -> None:
    assert next_size({5: 0.0, 6: 1.0}, growth=2, limits=(1, 25), tolerance=1e-9) is None
    assert next_size({5: 0.0, 7: 1.0}, growth=2, limits=(1, 25), tolerance=1e-9) == 6


def test_a_search_that_is_begun_again_goes_on_where_it_was() -> None:
    sizes = tried(AROUND, 310)
    rates = {n: float(n >= 310) for n in sizes}
    assert AROUND.replayed({}) == ([], [200, 400])
    assert AROUND.replayed({200: 0.0}) == ([], [200, 400])
    for done in range(2, len(sizes)):
        known = {n: rates[n] for n in sizes[:done]}
        assert AROUND.replayed(known) == (sizes[:done], [sizes[done]])
    assert AROUND.replayed(rates) == (sizes, [])


def test_finer_and_longer_searches_try_all_that_the_others_try() -> None:
    finer = replace(AROUND, tolerance=0.01, rounds=40)
    assert finer.extends(AROUND)
    assert AROUND.extends(AROUND)
    assert not AROUND.extends(replace(AROUND, tolerance=0.01))
    assert not AROUND.extends(replace(AROUND, rounds=40))
    assert not replace(finer, high=401).extends(AROUND)
    assert not replace(finer, seeds=(0, 1)).extends(AROUND)
    for transition in (50, 310, 850):
        assert tried(finer, transition)[: len(tried(AROUND, transition))] == tried(AROUND, transition)


@given(st.integers(0, 1000), st.integers(1, 900), st.integers(1, 59), st.integers(0, 9))
@hypothesis_settings(max_examples=100, deadline=None)
def test_nothing_costs_more_than_the_most(transition: int, low: int, further: int, rounds: int) -> None:
    search = replace(AROUND, low=low, high=low + further, rounds=rounds)
    most, found = search.most_cells, search.cells_if(transition)
    assert len(found) <= len(most) == 2 + rounds
    assert sum(cell.flops for cell in found) <= sum(cell.flops for cell in most)


def test_rates_are_those_of_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members succeed from 300 + 10 seed on; half of three is two, so the rate passes one half at 310."""

    def trained(done: Finished) -> Trained:
        n, seeds = done.cell.setting.task.samples, np.array(done.cell.seeds)
        curves = {"test_accuracy": (n >= 300 + 10 * seeds[:, None]).astype(float)}
        return Trained(Records(seeds, np.array([0]), np.ones(3, dtype=int), ("budget",) * 3, curves), 1.0)

    monkeypatch.setattr(Finished, "load", trained)
    search = AROUND.search(lambda records: [bool(x) for x in records.curves["test_accuracy"][:, 0] > 0])
    cells, sizes = next(search), []
    try:
        while True:
            sizes += [cell.setting.task.samples for cell in cells]
            assert all(cell == AROUND.cell(cell.setting.task.samples) for cell in cells)
            cells = search.send([Finished(cell, ()) for cell in cells])
    except StopIteration:
        assert sizes == tried(AROUND, 310)


def test_resizing_changes_the_size_alone() -> None:
    other = resized(Z31, 77)
    assert other.task.samples == 77
    assert resized(other, 1) == Z31
    assert Cell(other, (0,), Plan(steps=2, every=1)).flops == 6 * 77 * 8 * 31 * 2
