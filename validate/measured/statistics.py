"""Rates and transition points with honest intervals. Arrays in, numbers out; no labels, no files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import beta

__all__ = [
    "TransitionPoint",
    "bootstrap_interval",
    "contains",
    "fit_logistic",
    "interval_95",
    "of_clusters",
    "overlap",
    "rate_interval",
    "resampled",
    "transition_point",
]

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

#: Quantiles of a 95% interval.
_ENDS = (0.025, 0.975)


def rate_interval(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Jeffreys interval of a success rate: quantiles of Beta(k + 1/2, m - k + 1/2), closed at 0 and 1.

    Brown, Cai & DasGupta, Statistical Science 16 (2001) 101.
    """
    tail = (1 - level) / 2
    posterior = beta(successes + 0.5, trials - successes + 0.5)
    low = 0.0 if successes == 0 else float(posterior.ppf(tail))
    high = 1.0 if successes == trials else float(posterior.ppf(1 - tail))
    return low, high


def contains(interval: tuple[float, float], value: float) -> bool:
    """Whether a value lies in a closed interval; an end that is infinite is open."""
    low, high = interval
    return low <= value <= high


def overlap(first: tuple[float, float], second: tuple[float, float]) -> bool:
    """Whether two closed intervals have a point in common; ends that are infinite are open."""
    return first[0] <= second[1] and second[0] <= first[1]


# --- bootstrap -----------------------------------------------------------------------------------------


def resampled(
    units: int, statistic: Callable[[Places], Floats], resamples: int, seed: int = 0, at_once: int | None = None
) -> Floats:
    """A statistic of every resample: units are drawn with replacement, as many as there are.

    What belongs to one unit stays together. For pairs, ``statistic`` looks up the same places in several arrays; for
    clusters see `of_clusters`.

    Args:
        units: U, of one or more.
        statistic: (b, U) places of the units drawn -> (b, ...).
        resamples: B.
        seed: of the resampling. The same seed draws the same units.
        at_once: b, resamples that ``statistic`` gets in one call, to bound memory; all if left out.

    Returns:
        (B, ...).
    """
    draws = np.random.default_rng(seed).integers(0, units, size=(resamples, units))
    step = at_once or resamples
    return np.concatenate([np.asarray(statistic(draws[i : i + step])) for i in range(0, resamples, step)])


def of_clusters(clusters: Sequence[Places], statistic: Callable[[Places], float]) -> Callable[[Places], Floats]:
    """What `resampled` takes where a unit is a cluster of members, such as the seeds of one setting.

    Args:
        clusters: places of the members of each.
        statistic: places of all members of the clusters drawn -> a number.
    """
    return lambda draws: np.array([statistic(np.concatenate([clusters[i] for i in row])) for row in draws])


def interval_95(values: Floats) -> tuple[float, float]:
    """Percentile interval of resampled statistics, (B,); those that are NaN do not count."""
    low, high = np.nanquantile(values, _ENDS)
    return float(low), float(high)


def bootstrap_interval(
    values: Floats, statistic: Callable[[Floats], Floats], resamples: int, seed: int = 0
) -> tuple[float, float] | tuple[None, None]:
    """95% percentile bootstrap of a statistic of values that were drawn alike; nothing for fewer than two.

    Args:
        values: (N,).
        statistic: (B, N) resampled values -> (B,).
        resamples: B.
        seed: of the resampling.
    """
    if len(values) < 2:
        return None, None
    return interval_95(resampled(len(values), lambda places: statistic(values[places]), resamples, seed))


# --- transition point ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TransitionPoint:
    """Data size at which half of the seeds succeed.

    Attributes:
        value: n_c, or None if the rates do not rise through one half within the sizes.
        low, high: 95% interval of ``value``. Without a value: the largest size whose rate is below one half for
            sure (its own interval says so), and the smallest whose rate is above it; None where there is none.
        width: of the logistic, in samples; None without ``value``.
    """

    value: float | None
    low: float | None
    high: float | None
    width: float | None


def fit_logistic(sizes: Floats, successes: Floats, trials: Floats) -> tuple[float, float]:
    """(n_c, width) of P(success) = 1 / (1 + exp(-(n - n_c) / width)), by penalised likelihood.

    Jeffreys' penalty, (1/2) log det of the information (Firth, Biometrika 80 (1993) 27), keeps the width finite
    where failures and successes are fully separated; plain likelihood would send it to zero.

    Args:
        sizes: (C,) data sizes n.
        successes: (C,) successes at each.
        trials: (C,) members at each.
    """
    centre, scale = float(sizes.mean()), float(np.ptp(sizes)) or 1.0
    x = np.stack([np.ones_like(sizes), (sizes - centre) / scale])

    def negative(b: Floats) -> float:
        eta = b @ x
        p = expit(eta)
        information = (x * (trials * p * (1 - p))) @ x.T
        sign, logdet = np.linalg.slogdet(information)
        log_likelihood = successes @ -np.logaddexp(0, -eta) + (trials - successes) @ -np.logaddexp(0, eta)
        return float(-log_likelihood - 0.5 * (logdet if sign > 0 else -1e3))

    rising = successes / trials
    start = np.array([0.0, 8.0]) if rising[np.argmax(sizes)] >= rising[np.argmin(sizes)] else np.array([0.0, -8.0])
    # Start where the rates cross one half, so that the simplex need not find the transition first.
    start[0] = -start[1] * (_halfway(sizes, rising) - centre) / scale
    found = minimize(negative, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 4000})
    b0, b1 = found.x
    return float(centre - scale * b0 / b1), float(scale / b1)


def _halfway(sizes: Floats, rates: Floats) -> float:
    """Rough crossing of one half by linear interpolation of sorted rates."""
    order = np.argsort(sizes)
    monotone = np.maximum.accumulate(rates[order]) + 1e-9 * np.arange(len(sizes))
    return float(np.interp(0.5, monotone, sizes[order]))


def transition_point(
    sizes: Floats, successes: Floats, trials: Floats, resamples: int = 400, seed: int = 0
) -> TransitionPoint:
    """n_c with a bootstrap interval over seeds.

    Seeds are resampled within each size. Where no size has mixed outcomes the bootstrap sees no spread, though
    the data only say that n_c lies in the gap; then the interval is that gap. Simulated for seven sizes about 9
    apart and 8 seeds, the interval covers the truth in 88-94% of cases (nominally 95%).

    Args:
        sizes: (C,) data sizes n, C >= 1.
        successes: (C,) successes at each.
        trials: (C,) members at each.
        resamples: bootstrap resamples.
        seed: of the resampling.
    """
    order = np.argsort(sizes)
    sizes, successes, trials = (np.asarray(x, dtype=np.float64)[order] for x in (sizes, successes, trials))
    rates = successes / trials
    open_ended = _open_ended(sizes, successes, trials)
    if rates.max() < 0.5 or rates.min() > 0.5:
        return open_ended
    if len(sizes) < 2:
        return TransitionPoint(float(sizes[0]), None, None, None)
    value, width = fit_logistic(sizes, successes, trials)
    span = float(np.ptp(sizes))
    if width <= 0 or not sizes[0] - 0.1 * span <= value <= sizes[-1] + 0.1 * span:
        return open_ended  # flat, falling or erratic rates have no transition to report
    draws = np.random.default_rng(seed).binomial(trials.astype(np.int64), rates, size=(resamples, len(sizes)))
    different, counts = np.unique(draws, axis=0, return_counts=True)  # few: only mixed outcomes vary
    fitted = [fit_logistic(sizes, k.astype(np.float64), trials)[0] for k in different]
    # A resample of flat rates may cross one half anywhere; beyond this it only says "outside".
    places = np.clip(np.repeat(fitted, counts), sizes[0] - span, sizes[-1] + span)
    low, high = interval_95(places)
    if not ((rates > 0) & (rates < 1)).any():
        below, above = sizes[rates == 0], sizes[rates == 1]
        low = min(low, float(below[below < value].max(initial=-np.inf))) if (below < value).any() else low
        high = max(high, float(above[above > value].min(initial=np.inf))) if (above > value).any() else high
    return TransitionPoint(value, low, high, width)


def _open_ended(sizes: Floats, successes: Floats, trials: Floats) -> TransitionPoint:
    """What can be said without a crossing: where the rate is surely below, or surely above, one half."""
    bounds = [rate_interval(int(k), int(m)) for k, m in zip(successes, trials, strict=True)]
    below = [float(n) for n, (_, high) in zip(sizes, bounds, strict=True) if high < 0.5]
    above = [float(n) for n, (low, _) in zip(sizes, bounds, strict=True) if low > 0.5]
    return TransitionPoint(None, max(below, default=None), min(above, default=None), None)
