"""Who is closer, and how surely: medians and ranks with a bootstrap over cells. Arrays in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from twopeaks.validate.measured.statistics import bootstrap_interval, interval_95, resampled

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
    return interval_95(_medians(errors[None], resamples, seed)[:, 0])


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
    observed = np.median(errors, axis=1)
    ranks = rankdata(observed)
    placings = []
    for p in range(len(errors)):
        placing = Placing(cells, float(observed[p]), None, None, float(ranks[p]), None, None, None)
        if cells > 1:
            low, high = interval_95(medians[:, p])
            first, last = map(float, ranges[:, p])
            placing = replace(placing, low=low, high=high, rank_low=first, rank_high=last, best=float(best[p]))
        placings.append(placing)
    return placings


def _medians(errors: Floats, resamples: int, seed: int) -> Floats:
    """(P, C) -> (B, P): medians over the cells of each resample."""

    def medians(cells: NDArray[np.int64]) -> Floats:
        return np.asarray(np.median(errors[:, cells], axis=2).T)

    return resampled(errors.shape[1], medians, resamples, seed, at_once=max(1, _AT_ONCE // errors.size))
