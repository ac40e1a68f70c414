"""Who is closer, and how surely: medians and ranks with a bootstrap over cells. Arrays in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from twopeaks.validate.measured.statistics import bootstrap_interval

__all__ = ["Placing", "median_interval", "place", "rms_interval"]

Floats = NDArray[np.float64]

#: Numbers resampled at once: keeps memory near 100 MB whatever the number of cells.
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Placing:
    """One competitor on cells that all have.

    Attributes:
        cells: how many.
        median, low, high: of its absolute errors, with the 95% interval; no interval for fewer than two cells.
        rank: 1 is the smallest median; equal ones share the mean of their ranks.
        rank_low, rank_high: 95% range of the rank; none for fewer than two cells.
        best: probability that its median is the smallest, equal ones share it; none likewise.
    """

    cells: int
    median: float
    low: float | None
    high: float | None
    rank: float
    rank_low: float | None
    rank_high: float | None
    best: float | None


def median_interval(errors: Floats, resamples: int = 4000, seed: int = 0) -> tuple[float | None, float | None]:
    """95% percentile bootstrap of the median over cells; nothing for fewer than two.

    Args:
        errors: (C,) absolute errors.
        resamples: of the bootstrap.
        seed: of the resampling.
    """
    if len(errors) < 2:
        return None, None
    low, high = np.quantile(_medians(errors[None], resamples, seed)[:, 0], [0.025, 0.975])
    return float(low), float(high)


def rms_interval(errors: Floats, resamples: int = 4000, seed: int = 0) -> tuple[float | None, float | None]:
    """The same for the root of the mean square of errors, (C,)."""
    return bootstrap_interval(errors, lambda drawn: np.sqrt(np.mean(drawn**2, axis=1)), resamples, seed)


def place(errors: Floats, resamples: int = 4000, seed: int = 0) -> list[Placing]:
    """Rank competitors by the median of their absolute errors.

    Cells are paired: every resample takes the same cells for all, so that what makes a cell hard makes it hard for all.

    Args:
        errors: (P, C) absolute errors of P competitors on C cells, one at least of each.
        resamples: B, of the bootstrap.
        seed: of the resampling.
    """
    if not errors.size:
        return []
    cells = errors.shape[1]
    medians = _medians(errors, resamples, seed)  # (B, P)
    first = medians == medians.min(axis=1, keepdims=True)
    best = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    ranges = np.quantile(rankdata(medians, axis=1), [0.025, 0.975], axis=0, method="inverted_cdf")
    told, ends = np.median(errors, axis=1), np.quantile(medians, [0.025, 0.975], axis=0)
    ranks = rankdata(told)
    found = []
    for p in range(len(errors)):
        sure = (ends[0, p], ends[1, p], ranges[0, p], ranges[1, p], best[p])
        low, high, first, last, chance = map(float, sure) if cells > 1 else [None] * len(sure)
        found.append(Placing(cells, float(told[p]), low, high, float(ranks[p]), first, last, chance))
    return found


def _medians(errors: Floats, resamples: int, seed: int) -> Floats:
    """(P, C) -> (B, P): medians over the cells of each resample."""
    count, cells = errors.shape
    draws = np.random.default_rng(seed).integers(0, cells, size=(resamples, cells))
    step = max(1, _AT_ONCE // errors.size)
    found = [np.median(errors[:, draws[i : i + step]], axis=2).T for i in range(0, resamples, step)]
    return np.concatenate(found).reshape(resamples, count)
