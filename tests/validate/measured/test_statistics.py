"""Rates and transition points: intervals from their definition, fits from their score equations, known truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import root
from scipy.special import betainc, expit, logit
from scipy.stats import beta

from twopeaks.validate.measured.statistics import (
    TransitionPoint,
    _halfway,
    contains,
    fit_logistic,
    overlap,
    rate_interval,
    transition_point,
)

SIZES = np.array([150.0, 159, 168, 177, 186, 195, 204])
EIGHT = np.full(7, 8.0)
MIXED = np.array([0.0, 0, 1, 3, 6, 8, 8])
GAP = np.array([0.0, 0, 0, 8, 8, 8, 8])

#: How far a fit may be from the exact maximum, in ranges of sizes: where its search stops.
PLACE = 1e-6


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


# --- rates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trials", [1, 2, 8, 30])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_interval_has_the_quantiles_of_the_posterior(trials: int, level: float) -> None:
    for successes in range(trials + 1):
        a, b = successes + 0.5, trials - successes + 0.5
        low, high = rate_interval(successes, trials, level)
        assert low == (pytest.approx(beta.ppf((1 - level) / 2, a, b), rel=1e-12) if successes else 0)
        assert high == (pytest.approx(beta.ppf((1 + level) / 2, a, b), rel=1e-12) if successes < trials else 1)


@pytest.mark.parametrize(("successes", "trials"), [(1, 4), (3, 8), (7, 8), (50, 100)])
def test_interval_leaves_the_same_mass_on_either_side(successes: int, trials: int) -> None:
    low, high = rate_interval(successes, trials)
    a, b = successes + 0.5, trials - successes + 0.5
    assert betainc(a, b, low) == pytest.approx(0.025, rel=1e-9)
    assert betainc(b, a, 1 - high) == pytest.approx(0.025, rel=1e-9)


#: Brown, Cai & DasGupta (2001), Table 5: 95% Jeffreys limits for seven trials; the last digit may be one off.
TABLE_5 = [(0, 0.0, 0.292), (1, 0.016, 0.501), (2, 0.065, 0.648), (3, 0.139, 0.766), (4, 0.234, 0.861)]


@pytest.mark.parametrize(("successes", "low", "high"), TABLE_5)
def test_interval_is_published(successes: int, low: float, high: float) -> None:
    assert rate_interval(successes, 7) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


@pytest.mark.parametrize("trials", [1, 8, 40])
def test_interval_is_closed_where_all_fail_or_all_succeed(trials: int) -> None:
    assert rate_interval(0, trials)[0] == 0
    assert rate_interval(trials, trials)[1] == 1
    assert 0 < rate_interval(0, trials)[1] < 1
    assert 0 < rate_interval(trials, trials)[0] < 1


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (1, 5), (2, 8), (4, 8)])
def test_interval_of_failures_mirrors_that_of_successes(successes: int, trials: int) -> None:
    low, high = rate_interval(successes, trials)
    mirrored = rate_interval(trials - successes, trials)
    assert mirrored == (pytest.approx(1 - high, abs=1e-12), pytest.approx(1 - low, abs=1e-12))


def test_interval_contains_the_rate_and_grows_with_the_level() -> None:
    narrow, wide = rate_interval(3, 8, 0.5), rate_interval(3, 8, 0.99)
    assert wide[0] < narrow[0] < 3 / 8 < narrow[1] < wide[1]


def test_interval_rises_with_successes() -> None:
    intervals = np.array([rate_interval(k, 12) for k in range(13)])
    assert (np.diff(intervals, axis=0) > 0).all()


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        ((1, 5), (3, 4), True),
        ((3, 4), (1, 5), True),
        ((1, 3), (3, 4), True),
        ((3, 4), (1, 3), True),
        ((1, 2), (3, 4), False),
        ((3, 4), (1, 2), False),
        ((2, 4), (3, 6), True),
        ((-math.inf, 2), (1, math.inf), True),
    ],
)
def test_intervals_overlap_if_they_have_a_point_in_common(
    first: tuple[float, float], second: tuple[float, float], meet: bool
) -> None:
    assert overlap(first, second) is meet


@pytest.mark.parametrize(("value", "inside"), [(0.9, False), (1, True), (2, True), (3, True), (3.1, False)])
def test_an_interval_contains_its_ends(value: float, inside: bool) -> None:
    assert contains((1, 3), value) is inside


# --- the logistic --------------------------------------------------------------------------------------


def plain_likelihood(sizes: np.ndarray, successes: np.ndarray, trials: np.ndarray) -> tuple[float, float]:
    """(n_c, width) of greatest likelihood, by Newton's method on its two score equations."""
    z = (sizes - sizes.mean()) / np.ptp(sizes)
    x, b = np.stack([np.ones_like(z), z]), np.zeros(2)
    for _ in range(50):
        p = expit(b @ x)
        b = b + np.linalg.solve((x * trials * p * (1 - p)) @ x.T, x @ (successes - trials * p))
    return float(sizes.mean() - np.ptp(sizes) * b[0] / b[1]), float(np.ptp(sizes) / b[1])


def firth(sizes: np.ndarray, successes: np.ndarray, trials: np.ndarray) -> tuple[float, float]:
    """(n_c, width) where Firth's modified score vanishes: sum x (k - m p + h (1/2 - p)) with leverages h."""
    z = (sizes - sizes.mean()) / np.ptp(sizes)
    x = np.stack([np.ones_like(z), z])

    def score(b: np.ndarray) -> np.ndarray:
        p = expit(b @ x)
        weights = trials * p * (1 - p)
        leverages = weights * np.einsum("ij,ij->j", x, np.linalg.solve((x * weights) @ x.T, x))
        return x @ (successes - trials * p + leverages * (0.5 - p))

    found = root(score, [0.0, 4.0], tol=1e-12)
    assert found.success
    return float(sizes.mean() - np.ptp(sizes) * found.x[0] / found.x[1]), float(np.ptp(sizes) / found.x[1])


@pytest.mark.parametrize(("centre", "width"), [(177.0, 8.0), (165.0, 15.0), (190.0, 6.0)])
def test_plentiful_trials_give_the_plain_maximum_of_likelihood(centre: float, width: float) -> None:
    trials = np.full(7, 10_000.0)
    successes = np.round(trials * expit((SIZES - centre) / width))
    found = fit_logistic(SIZES, successes, trials)
    # The penalty shifts an estimate by about its variance, which is of the order of width^2 / trials.
    assert found == (
        pytest.approx(plain_likelihood(SIZES, successes, trials)[0], abs=2e-4 * width),
        pytest.approx(plain_likelihood(SIZES, successes, trials)[1], rel=1e-3),
    )
    assert found == (pytest.approx(centre, abs=1e-3 * width), pytest.approx(width, rel=2e-3))


OUTCOMES: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {
    "mixed": (SIZES, MIXED, EIGHT),
    "separated": (SIZES, GAP, EIGHT),
    "noisy": (SIZES, floats(1, 0, 3, 2, 5, 8, 7), EIGHT),
    "uneven": (floats(40, 90, 100, 250), floats(0, 3, 2, 20), floats(5, 9, 4, 20)),
    "falling": (SIZES, MIXED[::-1].copy(), EIGHT),
}


@pytest.mark.parametrize("outcome", ["mixed", "separated", "noisy", "uneven"])
def test_fit_solves_the_modified_score_equations(outcome: str) -> None:
    sizes, successes, trials = OUTCOMES[outcome]
    centre, width = firth(sizes, successes, trials)
    found = fit_logistic(sizes, successes, trials)
    assert found == (pytest.approx(centre, abs=PLACE * np.ptp(sizes)), pytest.approx(width, rel=10 * PLACE))


@pytest.mark.parametrize(("k1", "k2"), [(0, 8), (2, 7), (0, 5), (3, 8), (1, 5)])
def test_fit_of_two_sizes_adds_half_a_success_and_half_a_failure(k1: int, k2: int) -> None:
    # Two parameters for two rates: then Jeffreys' penalty just adds 1/2 to every count.
    eta1, eta2 = logit((k1 + 0.5) / 9), logit((k2 + 0.5) / 9)
    width = 40 / (eta2 - eta1)
    found = fit_logistic(floats(100, 140), floats(k1, k2), floats(8, 8))
    assert found == (pytest.approx(100 - width * eta1, abs=PLACE * 40), pytest.approx(width, rel=10 * PLACE))


@pytest.mark.parametrize("trials", [1, 8, 1000])
@pytest.mark.parametrize("last_failure", range(6))
def test_fit_is_finite_under_separation(trials: int, last_failure: int) -> None:
    successes = np.where(np.arange(7) > last_failure, float(trials), 0.0)
    centre, width = fit_logistic(SIZES, successes, np.full(7, float(trials)))
    assert SIZES[last_failure] < centre < SIZES[last_failure + 1]
    assert 0 < width < np.ptp(SIZES)


def test_a_fit_starts_where_sorted_rates_cross_one_half() -> None:
    assert _halfway(floats(10, 20), floats(0, 1)) == pytest.approx(15)
    assert _halfway(floats(30, 10, 20), floats(1, 0, 0.25)) == pytest.approx(20 + 10 / 3)
    assert _halfway(floats(10, 20, 30), floats(0.25, 0, 0.75)) == pytest.approx(25), "rates that fall back are level"
    assert _halfway(floats(10, 20), floats(0, 0.25)) == 20
    assert _halfway(floats(10, 20), floats(0.75, 1)) == 10


def test_separated_and_symmetric_data_are_halved() -> None:
    centre, _ = fit_logistic(SIZES[:6], floats(0, 0, 0, 8, 8, 8), EIGHT[:6])
    assert centre == pytest.approx((SIZES[2] + SIZES[3]) / 2, abs=PLACE * np.ptp(SIZES))


def test_rates_that_fall_have_the_same_centre_and_a_negative_width() -> None:
    falling = fit_logistic(SIZES, 8 - MIXED, EIGHT)
    rising = fit_logistic(SIZES, MIXED, EIGHT)
    assert falling == (pytest.approx(rising[0], abs=PLACE * np.ptp(SIZES)), pytest.approx(-rising[1], rel=10 * PLACE))


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_fit_does_not_depend_on_the_order_of_sizes(outcome: str) -> None:
    shuffled = np.random.default_rng(4).permutation(len(OUTCOMES[outcome][0]))
    sizes, successes, trials = (values[shuffled] for values in OUTCOMES[outcome])
    centre, width = fit_logistic(*OUTCOMES[outcome])
    found = fit_logistic(sizes, successes, trials)
    assert found == (pytest.approx(centre, abs=PLACE * np.ptp(sizes)), pytest.approx(width, rel=10 * PLACE))


# --- the transition point ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "expected"),
    [
        ([0] * 7, TransitionPoint(None, 204.0, None, None)),
        ([0, 0, 0, 0, 1, 2, 3], TransitionPoint(None, 186.0, None, None)),
        ([8] * 7, TransitionPoint(None, None, 150.0, None)),
        ([5, 6, 7, 8, 8, 8, 8], TransitionPoint(None, None, 168.0, None)),
        ([4] * 7, TransitionPoint(None, None, None, None)),
        ([0, 0, 0, 8, 0, 0, 0], TransitionPoint(None, 204.0, 177.0, None)),
        ([8, 8, 8, 8, 0, 0, 0], TransitionPoint(None, 204.0, 150.0, None)),
    ],
    ids=["all fail", "below one half", "all succeed", "above one half", "flat", "erratic", "falling"],
)
def test_rates_that_never_cross_one_half_bound_one_side(successes: list[int], expected: TransitionPoint) -> None:
    assert transition_point(SIZES, floats(*successes), EIGHT) == expected


@pytest.mark.parametrize(
    ("successes", "expected"),
    [
        (0, TransitionPoint(None, 100.0, None, None)),
        (3, TransitionPoint(None, None, None, None)),
        (8, TransitionPoint(None, None, 100.0, None)),
        (5, TransitionPoint(None, None, None, None)),
        (4, TransitionPoint(100.0, None, None, None)),
    ],
)
def test_one_size_alone_bounds_one_side(successes: int, expected: TransitionPoint) -> None:
    assert transition_point(floats(100), floats(successes), floats(8)) == expected


@pytest.mark.parametrize(
    "successes", [[0, 0, 0, 0, 0, 1, 4], [4, 7, 8, 8, 8, 8, 8]], ids=["half at the end", "half at the start"]
)
def test_rate_of_one_half_is_a_crossing(successes: list[int]) -> None:
    found = transition_point(SIZES, floats(*successes), EIGHT, resamples=20)
    end = SIZES[-1] if successes[0] == 0 else SIZES[0]
    assert found.value == pytest.approx(end, abs=2)  # a quarter of the distance between sizes
    assert found.low < end < found.high


def test_a_fit_beyond_the_sizes_is_no_crossing() -> None:
    """Beyond by more than a tenth of their range, on either side; within it is one."""
    beyond, within = floats(3, 2, 5, 3, 2, 3, 5), floats(2, 3, 3, 2, 5, 4, 3)
    assert fit_logistic(SIZES, beyond, EIGHT)[0] == pytest.approx(204 + 0.163 * 54, abs=0.1)
    assert transition_point(SIZES, beyond, EIGHT, resamples=5).value is None
    assert transition_point(SIZES, 8 - beyond[::-1], EIGHT, resamples=5).value is None
    assert transition_point(SIZES, within, EIGHT, resamples=5).value == pytest.approx(204 + 0.065 * 54, abs=0.1)
    assert transition_point(SIZES, 8 - within[::-1], EIGHT, resamples=5).value == pytest.approx(146.5, abs=0.1)


def test_an_interval_ends_at_most_one_range_beyond_the_sizes() -> None:
    nearly_flat = transition_point(SIZES, floats(3, 6, 2, 4, 5, 6, 4), EIGHT, resamples=40)
    assert (nearly_flat.low, nearly_flat.high) == (150 - 54, 204 + 54)


def test_gap_between_failures_and_successes_is_the_interval() -> None:
    found = transition_point(SIZES, GAP, EIGHT)
    assert (found.low, found.high) == (SIZES[2], SIZES[3])
    assert found.value == pytest.approx(fit_logistic(SIZES, GAP, EIGHT)[0], abs=PLACE * np.ptp(SIZES))
    assert found.low < found.value < found.high


def test_gap_of_two_sizes_is_the_interval() -> None:
    found = transition_point(floats(100, 140), floats(0, 8), floats(8, 8))
    assert (found.low, found.high) == (100.0, 140.0)
    assert found.value == pytest.approx(120.0, abs=PLACE * 40)


def test_mixed_outcomes_give_the_fit_and_an_interval_about_it() -> None:
    found = transition_point(SIZES, MIXED, EIGHT, resamples=60)
    centre, width = firth(SIZES, MIXED, EIGHT)
    assert found.value == pytest.approx(centre, abs=PLACE * np.ptp(SIZES))
    assert found.width == pytest.approx(width, rel=10 * PLACE)
    assert 159 < found.low < found.value < found.high < 195


def test_one_size_with_mixed_outcomes_is_enough_for_an_interval() -> None:
    found = transition_point(SIZES, floats(0, 0, 0, 4, 8, 8, 8), EIGHT, resamples=60)
    assert found.value == pytest.approx(177.0, abs=PLACE * np.ptp(SIZES))
    assert 168 <= found.low < 177 < found.high <= 186


def test_more_seeds_narrow_the_interval() -> None:
    few = transition_point(SIZES, MIXED, EIGHT, resamples=60)
    many = transition_point(SIZES, 25 * MIXED, 25 * EIGHT, resamples=60)
    # Spread goes as one over the root of the seeds, 1/5 here; quantiles of 60 draws know it to about a quarter.
    assert (many.high - many.low) / (few.high - few.low) == pytest.approx(1 / 5, rel=0.5)


def test_same_seed_gives_the_same_interval() -> None:
    first = transition_point(SIZES, MIXED, EIGHT, resamples=20, seed=3)
    assert transition_point(SIZES, MIXED, EIGHT, resamples=20, seed=3) == first


def test_other_seed_changes_the_interval_alone() -> None:
    first = transition_point(SIZES, MIXED, EIGHT, resamples=20, seed=3)
    other = transition_point(SIZES, MIXED, EIGHT, resamples=20, seed=4)
    assert (other.value, other.width) == (first.value, first.width)
    assert (other.low, other.high) != (first.low, first.high)


@pytest.mark.parametrize("outcome", ["mixed", "separated", "uneven"])
def test_order_of_sizes_does_not_matter(outcome: str) -> None:
    shuffled = np.random.default_rng(6).permutation(len(OUTCOMES[outcome][0]))
    sizes, successes, trials = (values[shuffled] for values in OUTCOMES[outcome])
    expected = transition_point(*OUTCOMES[outcome], resamples=20)
    assert transition_point(sizes, successes, trials, resamples=20) == expected


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 1000.0), (3.5, 0.0), (0.01, 7.0)], ids=["moved", "scaled", "both"])
@pytest.mark.parametrize("outcome", ["mixed", "separated", "uneven"])
def test_transition_moves_and_scales_with_the_sizes(outcome: str, factor: float, shift: float) -> None:
    sizes, successes, trials = OUTCOMES[outcome]
    found = transition_point(sizes, successes, trials, resamples=20)
    moved = transition_point(factor * sizes + shift, successes, trials, resamples=20)
    place = 10 * PLACE * factor * np.ptp(sizes)
    assert moved.value == pytest.approx(factor * found.value + shift, abs=place)
    assert moved.low == pytest.approx(factor * found.low + shift, abs=place)
    assert moved.high == pytest.approx(factor * found.high + shift, abs=place)
    assert moved.width == pytest.approx(factor * found.width, rel=10 * PLACE)


def test_input_arrays_are_left_alone() -> None:
    sizes, successes, trials = SIZES[::-1].copy(), MIXED[::-1].copy(), EIGHT.copy()
    transition_point(sizes, successes, trials, resamples=20)
    assert (sizes == SIZES[::-1]).all()
    assert (successes == MIXED[::-1]).all()
    assert (trials == EIGHT).all()


def test_whole_numbers_are_taken_as_they_are() -> None:
    whole = transition_point(SIZES.astype(int), MIXED.astype(int), EIGHT.astype(int), resamples=20)
    assert whole == transition_point(SIZES, MIXED, EIGHT, resamples=20)


# --- simulated cases with a known truth ----------------------------------------------------------------

TRUTH, WIDTH = 179.0, 5.0


def simulated(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.binomial(8, expit((SIZES - TRUTH) / WIDTH)).astype(np.float64)


def test_fitted_centre_is_unbiased() -> None:
    centres = np.array([fit_logistic(SIZES, simulated(seed), EIGHT)[0] for seed in range(100)])
    assert abs(centres.mean() - TRUTH) < 3 * centres.std() / 100**0.5


def test_bootstrap_interval_contains_the_truth() -> None:
    found = [transition_point(SIZES, simulated(seed), EIGHT, resamples=30) for seed in range(12)]
    assert all(f.low <= f.value <= f.high for f in found)
    # Said to cover 89-94%: four or more misses of twelve have a chance of 4% at most.
    assert sum(f.low <= TRUTH <= f.high for f in found) >= 9
