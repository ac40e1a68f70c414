"""Ranks, intervals and orders against loops that draw for themselves: the committed numbers rest on these draws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import rankdata

from tests.validate.scores.test_scoreboard import board_of, cell, cells, off, saying
from twopeaks.validate.measured.statistics import TransitionPoint, contains, overlap
from twopeaks.validate.scores import ranking
from twopeaks.validate.scores.board import judge, score
from twopeaks.validate.scores.ranking import median_interval, place, rms_interval

ERRORS = np.abs(np.random.default_rng(5).normal(size=(3, 9)) * np.array([[1.0], [1.1], [2.0]]))


def resampled(resamples: int = 4000, seed: int = 0) -> NDArray[np.float64]:
    """Medians of three competitors on the same resampled cells, (B, 3)."""
    draws = np.random.default_rng(seed).integers(0, 9, size=(resamples, 9))
    return np.array([[np.median(row[chosen]) for row in ERRORS] for chosen in draws])


def test_intervals_rest_on_4000_resamples_from_seed_0() -> None:
    medians = resampled()
    assert median_interval(ERRORS[0]) == tuple(np.quantile(medians[:, 0], [0.025, 0.975]))
    draws = np.random.default_rng(0).integers(0, 9, size=(4000, 9))
    squares = np.sqrt(np.mean(ERRORS[1][draws] ** 2, axis=1))
    assert rms_interval(ERRORS[1]) == tuple(np.quantile(squares, [0.025, 0.975]))


@pytest.mark.parametrize(("resamples", "seed"), [(4000, 0), (50, 3)])
def test_every_number_of_a_placing(resamples: int, seed: int) -> None:
    medians = resampled(resamples, seed)
    ranks = np.sort([rankdata(row) for row in medians], axis=0)
    placings = place(ERRORS) if resamples == 4000 else place(ERRORS, resamples, seed)
    for p, placing in enumerate(placings):
        assert (placing.cells, placing.median) == (9, np.median(ERRORS[p]))
        assert (placing.low, placing.high) == tuple(np.quantile(medians[:, p], [0.025, 0.975]))
        assert placing.best == pytest.approx(np.mean(medians[:, p] == medians.min(axis=1)), abs=1e-12)
        ends = (ranks[int(np.ceil(q * resamples)) - 1, p] for q in (0.025, 0.975))
        assert (placing.rank_low, placing.rank_high) == tuple(ends)
    assert [placing.rank for placing in placings] == rankdata(np.median(ERRORS, axis=1)).tolist()


def test_a_bootstrap_in_many_pieces_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = place(ERRORS)
    monkeypatch.setattr(ranking, "_AT_ONCE", 100)
    assert place(ERRORS) == whole


def test_two_cells_are_enough_for_an_interval_and_one_is_not() -> None:
    assert median_interval(np.array([0.1, 0.3])) == (0.1, 0.3)
    assert rms_interval(np.array([0.1, 0.3])) == (pytest.approx(0.1), pytest.approx(0.3))
    assert median_interval(np.array([0.1])) == rms_interval(np.array([0.1])) == (None, None)


def test_predictors_are_ordered_by_the_common_cells_and_not_by_their_own() -> None:
    measured = cells(5)
    board = board_of(
        measured,
        own_is_better=off(measured, [0.3, 0.3, 0.3, 0.01, 0.01]),
        common_is_better=off(measured, [0.2, 0.2, 0.2, 0.9, 0.9]),
        narrow=off(measured, [0.25, 0.25, 0.25, None, None]),
        silent=[saying(None)] * 5,
    )
    assert [s.predictor for s in board.standings] == ["common_is_better", "narrow", "own_is_better", "silent"]
    placings = [s.common["all"] for s in board.standings]
    assert [p.rank for p in placings if p is not None] == [1, 2, 3]
    assert placings[-1] is None
    assert board.narrowest == (("narrow", 3),)


def test_differences_have_the_interval_of_differences() -> None:
    entry = judge(0, saying(0.5, 0.45, 0.52, quantity="test_accuracy"), cell(0.7, 0.6, 0.75, "test_accuracy"))
    assert entry.kind == "difference"
    assert (entry.error, entry.error_low, entry.error_high) == pytest.approx((-0.2, -0.25, -0.1))
    assert entry.overlaps is False
    zero = judge(0, saying(0.1, quantity="test_accuracy"), cell(0.0, 0.0, 0.2, "test_accuracy"))
    assert (zero.error, zero.error_low, zero.error_high) == pytest.approx((0.1, -0.1, 0.1))
    bound = judge(0, saying(0.1, quantity="test_accuracy"), cell(None, 0.3, None, "test_accuracy"))
    assert bound.at_least == pytest.approx(-0.2)


def test_measured_and_predicted_are_not_swapped() -> None:
    entry = judge(0, saying(50, 40, 60), cell(100, 90, 120))
    assert (entry.error, entry.error_low, entry.error_high) == pytest.approx((-0.5, 50 / 120 - 1, 50 / 90 - 1))
    assert entry.cost == pytest.approx(0.01)
    assert judge(0, saying(50, seconds=0.0), cell(100)).cost is None
    assert judge(0, saying(50), cell(100, seconds_of_training=None)).cost is None
    assert judge(0, saying(None, seconds=5.0), cell(100)).cost == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("own", "contained"),
    [
        ((90.0, 110.0), True),
        ((100.0, 110.0), True),  # ends belong to it
        ((90.0, 100.0), True),
        ((100.1, 110.0), False),  # overlaps the measured interval, and does not contain the value
        ((90.0, 99.9), False),
        ((None, 110.0), None),
        ((90.0, None), None),
    ],
)
def test_one_transition_asks_whether_the_interval_contains_the_value(
    own: tuple[float | None, float | None], contained: bool | None
) -> None:
    (row,) = score([saying(105, *own)], TransitionPoint(100.0, 95.0, 108.0, 3.0))
    assert row.contains is contained


def test_errors_of_one_transition() -> None:
    first, second = score([saying(50), saying(None)], TransitionPoint(100.0, 80.0, 125.0, 3.0))
    assert (first.error, first.error_low, first.error_high) == pytest.approx((-0.5, 50 / 125 - 1, 50 / 80 - 1))
    assert (second.error, second.error_low, second.error_high, second.contains) == (None, None, None, None)
    (censored,) = score([saying(50, 40, 60)], TransitionPoint(None, 80.0, None, None))
    assert (censored.error, censored.error_low, censored.contains) == (None, None, None)
    assert censored.error_high == pytest.approx(50 / 80 - 1)


def test_two_closed_intervals_overlap_if_they_have_a_point_in_common() -> None:
    assert overlap((1, 2), (2, 3))
    assert overlap((2, 3), (1, 2))
    assert overlap((1, 5), (2, 3))
    assert not overlap((1, 2), (2.1, 3))
    assert not overlap((2.1, 3), (1, 2))
    assert overlap((5, np.inf), (-np.inf, 5))
    assert contains((1, 2), 1)
    assert contains((1, 2), 2)
    assert not contains((1, 2), 2.1)
    assert not contains((1, 2), 0.9)
