"""Which law does n_c follow across group orders M? Cross-validation, Akaike's criterion, and a verdict.

Cells of one comparison should be one family of groups, for the laws (`twopeaks.validate.laws.laws`) know nothing but M.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twopeaks.theory.errors import InputError
from twopeaks.validate.laws.laws import FOUR_THIRDS, LAWS, M_LOG_M, Cell, Fit, Law, check_cells, fit_law

__all__ = ["EVIDENCE", "SIGMAS", "SPLIT", "Comparison", "Score", "Verdict", "compare", "verdict"]

#: Thresholds of a verdict, fixed before any run: ratio of Akaike evidence, and the M up to which laws are fitted when
#: they are to predict the larger ones.
EVIDENCE, SPLIT = 20.0, 31
#: Combined standard deviations by which two laws must differ for one more crossing to decide.
SIGMAS = 3.0
#: A law with three constants has no corrected criterion below this number of cells.
_FEWEST_CELLS = 5
#: Order up to which a deciding experiment is sought.
_LARGEST_ORDER = 10**6


# --- laws against each other ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """How one law does.

    Attributes:
        fit: on all cells.
        left_out: root mean square of log n_c's error on cells left out one by one.
        extrapolated: the same for cells of M > 31, fitted on the smaller; None without enough of either.
        weight: share of Akaike evidence among the laws compared.
    """

    fit: Fit
    left_out: float
    extrapolated: float | None
    weight: float

    @property
    def name(self) -> str:
        """Of the law."""
        return self.fit.law.name


@dataclass(frozen=True)
class Comparison:
    """Laws on the same cells.

    Attributes:
        cells: by order.
        scores: best corrected criterion first.
        left_aside: laws that say nothing of some cell.
    """

    cells: tuple[Cell, ...]
    scores: tuple[Score, ...]
    left_aside: tuple[str, ...]

    def score(self, law: Law) -> Score:
        """Of one of the laws.

        Raises:
            InputError: if it was not compared.
        """
        for score in self.scores:
            if score.name == law.name:
                return score
        names = ", ".join(score.name for score in self.scores)
        raise InputError("law", f"one of {names}", law.name, "compare it first")

    def rows(self) -> list[dict[str, float | int | str | None]]:
        """A row a law: constants, model error, criteria, errors out of sample; numbers as they are."""
        return [
            {
                "law": score.name,
                "constants_fitted": score.fit.law.constants,
                "factor": float(np.exp(score.fit.theta[0])) if score.fit.law.constants else None,
                "power": float(score.fit.theta[1]) if score.fit.law.constants > 1 else None,
                "scatter": score.fit.scatter,
                "log_likelihood": score.fit.log_likelihood,
                "aic": score.fit.aic,
                "aicc": score.fit.aicc,
                "weight": score.weight,
                "left_out": score.left_out,
                "extrapolated": score.extrapolated,
            }
            for score in self.scores
        ]


def compare(cells: Sequence[Cell], laws: Sequence[Law] = LAWS) -> Comparison:
    """Fit every law to the same cells and let each predict those that it has not seen.

    Args:
        cells: five or more, of three or more orders.
        laws: to be compared; those that say nothing of some cell are left aside.

    Raises:
        InputError: for fewer cells or orders, or intervals that are none.
    """
    check_cells(cells, _FEWEST_CELLS)
    if len({cell.order for cell in cells}) < 3:
        raise InputError("cells", "of three or more orders", {c.order for c in cells}, "measure groups of other sizes")
    cells = sorted(cells, key=lambda cell: cell.order)
    covering = [law for law in laws if law.covers(cells)]
    fits = [fit_law(law, cells) for law in covering]
    best = min((fit.aicc for fit in fits), default=0.0)
    shares = [math.exp((best - fit.aicc) / 2) for fit in fits]
    scores = [
        Score(fit, _left_out(fit.law, cells), _extrapolated(fit.law, cells), share / sum(shares))
        for fit, share in zip(fits, shares, strict=True)
    ]
    aside = tuple(law.name for law in laws if law not in covering)
    return Comparison(tuple(cells), tuple(sorted(scores, key=lambda score: score.fit.aicc)), aside)


def _left_out(law: Law, cells: Sequence[Cell]) -> float:
    """Root mean square error on cells left out one by one."""
    return _rms([_miss(fit_law(law, [*cells[:i], *cells[i + 1 :]]), [cell])[0] for i, cell in enumerate(cells)])


def _extrapolated(law: Law, cells: Sequence[Cell]) -> float | None:
    """Root mean square error on the larger groups, fitted on the smaller."""
    small = [cell for cell in cells if cell.order <= SPLIT]
    large = [cell for cell in cells if cell.order > SPLIT]
    if len(small) <= law.constants + 1 or not large:
        return None
    return _rms(_miss(fit_law(law, small), large))


def _miss(fit: Fit, cells: Sequence[Cell]) -> list[float]:
    found: list[float] = (np.log([cell.value for cell in cells]) - fit.log_n(cells)).tolist()
    return found


def _rms(values: Sequence[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))


# --- a verdict on two laws -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """Two laws: is it decided, for whom, and if not, what would decide.

    Attributes:
        decided: evidence of 20 to 1 or more, both ways of cross-validation agree with it, and no other law that was
            compared has such evidence against both: then neither is right, whichever is nearer.
        favoured, other: names, by corrected criterion.
        evidence: exp(half the difference of corrected criteria), 1 or more.
        left_out: whether leaving cells out one by one favours the same law.
        extrapolated: whether predicting M > 31 from the smaller does; None where it could not be tried.
        next_order: least M above the measured at which the laws fitted so far differ by three combined standard
            deviations of one more crossing; None if decided, if there is none below a million, or without curves.
        better: the best law, if it has evidence of 20 to 1 or more against both; None without.
        curves: whether both laws are known at any M, not cell by cell.
    """

    decided: bool
    favoured: str
    other: str
    evidence: float
    left_out: bool
    extrapolated: bool | None
    next_order: int | None
    better: str | None
    curves: bool = True

    def __str__(self) -> str:
        """One sentence."""
        return self._told() + ("" if self.better is None else f"; {self.better} fits better than either")

    @property
    def ratio(self) -> str:
        """The evidence in words."""
        digits = f"{self.evidence:.3g}" if self.evidence < 1000 else f"{self.evidence:,.0f}"
        return f"{digits} to 1" if self.evidence < 1e6 else "over a million to 1"

    def _told(self) -> str:
        told = f"evidence {self.ratio} for {self.favoured} against {self.other}"
        if self.decided:
            return f"decided: {told}; cross-validation agrees, one by one and from M <= {SPLIT} to the larger"
        ways = {"one by one": self.left_out, f"from M <= {SPLIT} to the larger": self.extrapolated}
        verb = {True: "agrees", False: "does not agree", None: "could not be tried"}
        checks = ", ".join(f"{way} {verb[agrees]}" for way, agrees in ways.items())
        undecided = f"undecided: {told} (cross-validation {checks})"
        if not self.curves:
            return undecided
        then = "no order below a million" if self.next_order is None else f"a crossing at M = {self.next_order}"
        return f"{undecided}; {then} would decide"


def verdict(comparison: Comparison, first: Law = M_LOG_M, second: Law = FOUR_THIRDS) -> Verdict:
    """Decide between two of the laws compared.

    Raises:
        InputError: if one of them was not compared.
    """
    better, worse = sorted((comparison.score(first), comparison.score(second)), key=lambda score: score.fit.aicc)
    evidence = math.exp(min((worse.fit.aicc - better.fit.aicc) / 2, 700.0))
    left_out = better.left_out < worse.left_out
    extrapolated = None
    if better.extrapolated is not None and worse.extrapolated is not None:
        extrapolated = better.extrapolated < worse.extrapolated
    best = comparison.scores[0]
    third = best.name if best.fit.aicc + 2 * math.log(EVIDENCE) <= better.fit.aicc else None
    decided = evidence >= EVIDENCE and left_out and extrapolated is True and third is None
    order = None if decided else _deciding_order(comparison, better.fit, worse.fit)
    curves = better.fit.law.shape is not None and worse.fit.law.shape is not None
    return Verdict(decided, better.name, worse.name, evidence, left_out, extrapolated, order, third, curves)


def _deciding_order(comparison: Comparison, better: Fit, worse: Fit) -> int | None:
    """Least M at which the laws differ by `SIGMAS` of one more crossing: its own error, model error, constants' errors.

    The crossing is as well measured as the median of the cells, and scatters about the law as about the better one.
    """
    if better.law.shape is None or worse.law.shape is None:
        return None
    noise = float(np.median([cell.sigma for cell in comparison.cells])) ** 2 + better.scatter**2
    first = comparison.cells[-1].order + 1
    orders = np.unique(np.round(np.geomspace(first, max(_LARGEST_ORDER, first), 20_000)))
    apart = np.abs(better.log_curve(orders) - worse.log_curve(orders))
    combined = np.sqrt(noise + np.maximum(better.error(orders), worse.error(orders)) ** 2)
    far = np.nonzero(apart >= SIGMAS * combined)[0]
    return int(orders[far[0]]) if len(far) else None
