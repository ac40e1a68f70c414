"""The bootstrap against every resample of a few units, and against loops that draw for themselves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from twopeaks.validate.measured.from_sweep import median_of
from twopeaks.validate.measured.statistics import bootstrap_interval, interval_95, of_clusters, resampled

VALUES = np.array([1.0, 2, 4, 8, 16])


def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values.mean(axis=1))


def drawn(units: int, resamples: int, seed: int) -> list[list[int]]:
    """Units of each resample, drawn one after the other from the generator that is meant."""
    rng = np.random.default_rng(seed)
    return [rng.integers(units, size=units).tolist() for _ in range(resamples)]


@pytest.mark.parametrize("seed", [0, 7])
def test_the_draws_are_those_of_a_plain_loop(seed: int) -> None:
    means = resampled(5, lambda places: mean(VALUES[places]), 50, seed)
    assert means.tolist() == [VALUES[chosen].mean() for chosen in drawn(5, 50, seed)]
    low, high = np.quantile(means, [0.025, 0.975])
    assert bootstrap_interval(VALUES, mean, 50, seed) == (low, high)


def test_three_values_against_every_resample_of_them() -> None:
    every = [np.mean(chosen) for chosen in itertools.product([0.0, 1.0, 5.0], repeat=3)]
    found = resampled(3, lambda places: mean(np.array([0.0, 1.0, 5.0])[places]), 40_000)
    for value in np.unique(every):
        assert np.mean(np.isclose(found, value)) == pytest.approx(np.mean(np.isclose(every, value)), abs=0.01)
    # 1 of 27 resamples is all zeros, one all fives: both are more than 2.5%
    assert bootstrap_interval(np.array([0.0, 1.0, 5.0]), mean, 40_000) == (0.0, 5.0)


def test_pieces_give_what_one_piece_gives() -> None:
    sizes: list[int] = []

    def spread(places: NDArray[np.int64]) -> NDArray[np.float64]:
        sizes.append(len(places))
        return np.asarray(VALUES[places].max(axis=1) - VALUES[places].min(axis=1))

    whole = resampled(5, spread, 100)
    assert sizes == [100]
    assert resampled(5, spread, 100, at_once=33).tolist() == whole.tolist()
    assert sizes[1:] == [33, 33, 33, 1]


def test_pairs_are_drawn_together() -> None:
    other = 3 * VALUES
    ratios = resampled(5, lambda places: mean(other[places]) / mean(VALUES[places]), 200)
    assert ratios == pytest.approx(np.full(200, 3.0))
    both = resampled(5, lambda places: np.stack([mean(VALUES[places]), mean(other[places])], axis=1), 200)
    assert both.shape == (200, 2)
    assert both[:, 1] == pytest.approx(3 * both[:, 0])


def test_members_of_a_cluster_stay_together() -> None:
    clusters = [np.array([0, 1]), np.array([2, 3]), np.array([4])]
    sums = resampled(3, of_clusters(clusters, lambda members: float(VALUES[members].sum())), 60, 2)
    assert sums.tolist() == [sum(VALUES[clusters[unit]].sum() for unit in chosen) for chosen in drawn(3, 60, 2)]
    alike = [np.array([0, 4]), np.array([1, 3])]  # one value each, whichever are drawn
    assert set(resampled(2, of_clusters(alike, lambda members: float(len(members))), 30).tolist()) == {4.0}


def test_an_interval_leaves_out_resamples_without_a_value() -> None:
    numbers = np.arange(1001.0)
    assert interval_95(numbers) == (25.0, 975.0)
    assert interval_95(np.concatenate([numbers, [np.nan] * 50])) == (25.0, 975.0)


def test_fewer_than_two_values_have_no_interval() -> None:
    assert bootstrap_interval(VALUES[:1], mean, 50) == (None, None)
    assert bootstrap_interval(VALUES[:0], mean, 50) == (None, None)
    assert bootstrap_interval(VALUES[:2], mean, 500) == (1.0, 2.0)


def test_medians_of_times_draw_in_the_same_way() -> None:
    times = [100, 130, 180, 240, 300, 420, 560]
    medians = sorted(float(np.median([times[i] for i in chosen])) for chosen in drawn(7, 2000, 0))
    found = median_of(times)
    assert (found.value, found.low, found.high) == (240, medians[round(0.025 * 1999)], medians[round(0.975 * 1999)])
