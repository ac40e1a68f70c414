"""Every predictor against every measurement of the same quantity: errors, overlaps, cost, rank, and where it fails.

Errors are predicted over measured, less one; of accuracies the difference (`validate.measured.cell.ERRORS`). A censored
cell is scored from one side: a prediction on the wrong side of its bound is wrong by at least so much, one on the right
side is not contradicted; such cells are counted by themselves and never enter a median.

Two intervals **overlap** if they have a point in common: that is asked of a predictor's interval and a measured one. An
interval **contains** a value: that is asked of a predictor's interval and the measured value of one transition.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.predictors.answer import Prediction
from twopeaks.validate.measured.cell import ERRORS, QUANTITIES, ErrorKind, Measured, Quantity, names
from twopeaks.validate.measured.statistics import TransitionPoint, contains, overlap, rate_interval
from twopeaks.validate.scores.cost import Cost, cost_of
from twopeaks.validate.scores.predictors import Said
from twopeaks.validate.scores.ranking import Placing, median_interval, place, rms_interval

__all__ = ["SCOPES", "Board", "Entry", "Median", "Row", "Scope", "Standing", "boards", "judge", "score"]

#: Which predictions count.
Scope = Literal["all", "in range"]
#: Which predictions count: all values, or only those that the predictor itself calls valid.
SCOPES: tuple[Scope, ...] = ("all", "in range")


@dataclass(frozen=True)
class Entry:
    """One predictor on one cell.

    Attributes:
        cell: its place in the board's list.
        prediction: None where none was made.
        error: predicted over measured, less one, or their difference; None without a value or on a censored cell.
        error_low, error_high: the same for both ends of the measurement's interval; None where that end is open.
        at_least: on a censored cell, the same for the bound on whose wrong side the prediction is; None where it is on
            none, or there is no prediction.
        overlaps: whether the predictor's own interval overlaps the measured one; None without, or on a censored cell.
        cost: seconds of predicting over seconds of training the cell; None where either is unknown (or told as 0).
        kind: whether errors are ratios or differences.
    """

    cell: int
    prediction: Prediction | None
    error: float | None
    error_low: float | None
    error_high: float | None
    at_least: float | None
    overlaps: bool | None
    cost: float | None
    kind: ErrorKind = "ratio"

    @property
    def value(self) -> float | None:
        """What was predicted."""
        return None if self.prediction is None else self.prediction.value

    @property
    def in_range(self) -> bool:
        """Whether there is a value that the predictor calls valid."""
        return self.prediction is not None and self.prediction.value is not None and self.prediction.valid

    @property
    def badness(self) -> float | None:
        """By how much it is wrong, at least; None where nothing is known."""
        wrong = self.error if self.error is not None else self.at_least
        return None if wrong is None else abs(wrong)

    def scored(self, scope: Scope) -> bool:
        """Whether there is an error that counts."""
        return self.error is not None and (self.in_range or scope == "all")


@dataclass(frozen=True)
class Median:
    """Of absolute errors on so many cells (or their root mean square), with its 95% bootstrap interval over cells."""

    cells: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Standing:
    """One predictor on all cells of its quantity.

    Attributes:
        predictor, origin: its name, and whether it was read from a file or asked (`validate.scores.predictors.Said`).
        entries: one a cell, in their order.
        own: on all cells where it has a value itself.
        common: on the cells where every predictor has one; None where it has none.
        bias: median of its signed errors; None without any.
        rms: root mean square of its errors, in place of their median.
        overlaps, with_interval: cells where its own interval overlaps the measured one, of how many.
        overlaps_interval: 95% interval of that share; None without any.
        censored, contradicted: censored cells with a value, and those on whose wrong side it is.
        constants_fitted, runs_used: most of any of its predictions.
        median_seconds, median_ratio: of predicting, and over those of training the cell; medians over the cells where
            they are known; None where they are nowhere. They hide what is done once and kept: see ``cost``.
        cost: sums over cells.
        worst: its entries that are wrong, the worst first, those of censored cells by what they are wrong at least.
    """

    predictor: str
    origin: str
    entries: tuple[Entry, ...]
    own: dict[Scope, Median]
    common: dict[Scope, Placing | None]
    bias: float | None
    rms: Median
    overlaps: int
    with_interval: int
    overlaps_interval: tuple[float, float] | None
    censored: int
    contradicted: int
    constants_fitted: int
    runs_used: int
    median_seconds: float | None
    median_ratio: float | None
    cost: Cost
    worst: tuple[Entry, ...]

    @property
    def values(self) -> int:
        """Cells with a value."""
        return sum(entry.value is not None for entry in self.entries)

    @property
    def in_range(self) -> int:
        """Cells with a value that it calls valid."""
        return sum(entry.in_range for entry in self.entries)


@dataclass(frozen=True)
class Board:
    """All of one quantity.

    Attributes:
        quantity: which.
        cells, names: what was measured, and a short name for each.
        standings: one a predictor, the best first: by its median on the common cells, or, where there are none, on
            its own; those without any error last.
        common: places of the cells on which every predictor that has any has an error.
        narrowest: who leaves cells out of these, and on how many it has an error itself; the fewest first.
    """

    quantity: Quantity
    cells: tuple[Measured, ...]
    names: tuple[str, ...]
    standings: tuple[Standing, ...]
    common: dict[Scope, tuple[int, ...]]
    narrowest: tuple[tuple[str, int], ...]

    @property
    def kind(self) -> ErrorKind:
        """Whether errors are ratios or differences."""
        return ERRORS[self.quantity]

    @property
    def censored(self) -> int:
        """Cells of which only a bound is known."""
        return sum(cell.censored for cell in self.cells)


def boards(cells: Sequence[Measured], said: Sequence[Said]) -> list[Board]:
    """One for each quantity that was measured.

    Args:
        cells: measured.
        said: predictions on them, by place in ``cells``.
    """
    of_quantity = []
    for quantity in QUANTITIES:
        places = [i for i, cell in enumerate(cells) if cell.quantity == quantity]
        if places:
            of_quantity.append(
                _board(quantity, [cells[i] for i in places], places, [s for s in said if s.quantity == quantity])
            )
    return of_quantity


def judge(cell: int, prediction: Prediction | None, measured: Measured) -> Entry:
    """One prediction against one measurement.

    Args:
        cell: place of the measured cell.
        prediction: None where none was made.
        measured: the cell.
    """
    value = None if prediction is None else prediction.value
    kind, cost = measured.error_kind, None
    if prediction is not None and prediction.seconds and measured.seconds_of_training:
        cost = prediction.seconds / measured.seconds_of_training
    if prediction is None or value is None:
        return Entry(cell, prediction, None, None, None, None, None, cost, kind)
    low, high = measured.ends
    if measured.value is None:
        bound = low if value < low else high if value > high else None
        at_least = None if bound is None else _off(value, bound, kind)
        return Entry(cell, prediction, None, None, None, at_least, None, cost, kind)
    overlaps = None
    if prediction.low is not None and prediction.high is not None:
        overlaps = overlap((prediction.low, prediction.high), (low, high))
    ends: tuple[float | None, float | None] = (_off(value, high, kind), _off(value, low, kind))
    if measured.low is None and measured.high is None:
        ends = (None, None)
    return Entry(cell, prediction, _off(value, measured.value, kind), ends[0], ends[1], None, overlaps, cost, kind)


def _off(value: float, reference: float, kind: ErrorKind) -> float | None:
    """By what a value differs from another one; None if that is open."""
    if not math.isfinite(reference):
        return None
    if kind == "difference":
        return value - reference
    return value / reference - 1 if reference > 0 else None


# --- one quantity --------------------------------------------------------------------------------------


def _board(quantity: Quantity, cells: Sequence[Measured], places: Sequence[int], said: Sequence[Said]) -> Board:
    entries = [tuple(judge(i, s.on.get(at), cells[i]) for i, at in enumerate(places)) for s in said]
    common: dict[Scope, tuple[int, ...]] = {scope: _common(entries, scope) for scope in SCOPES}
    placings = {scope: _placings(entries, common[scope], scope) for scope in SCOPES}
    standings = [
        _standing(predictions, of_predictor, cells, {scope: placings[scope].get(p) for scope in SCOPES})
        for p, (predictions, of_predictor) in enumerate(zip(said, entries, strict=True))
    ]
    scored = [(s.predictor, s.own["all"].cells) for s in standings if s.own["all"].cells]
    most = max((count for _, count in scored), default=0)
    narrow = sorted(((name, count) for name, count in scored if count < most), key=lambda name_count: name_count[1])
    return Board(
        quantity, tuple(cells), tuple(names(cells)), tuple(sorted(standings, key=_order)), common, tuple(narrow)
    )


def _common(entries: Sequence[Sequence[Entry]], scope: Scope) -> tuple[int, ...]:
    """Cells on which everybody who has any error in this scope has one."""
    able = [{entry.cell for entry in of_predictor if entry.scored(scope)} for of_predictor in entries]
    able = [cells for cells in able if cells]
    return tuple(sorted(set.intersection(*able))) if able else ()


def _placings(entries: Sequence[Sequence[Entry]], cells: Sequence[int], scope: Scope) -> dict[int, Placing]:
    """Competitor -> its place on these cells."""
    if not cells:
        return {}
    able = [p for p, of_predictor in enumerate(entries) if any(entry.scored(scope) for entry in of_predictor)]
    errors = np.array([[entries[p][c].badness for c in cells] for p in able], dtype=np.float64)
    return dict(zip(able, place(errors), strict=True))


def _standing(
    said: Said, entries: tuple[Entry, ...], cells: Sequence[Measured], common: dict[Scope, Placing | None]
) -> Standing:
    predictions = [entry.prediction for entry in entries if entry.prediction is not None]
    errors = [entry.error for entry in entries if entry.error is not None]
    overlaps = [entry.overlaps for entry in entries if entry.overlaps is not None]
    # An error and a bound make a cell either scored or censored; a value with neither is on the right side of a bound.
    bounded = [entry for entry in entries if entry.value is not None and entry.error is None]
    return Standing(
        said.predictor,
        said.origin,
        entries,
        {scope: _median(entries, scope) for scope in SCOPES},
        common,
        float(np.median(errors)) if errors else None,
        _rms(np.array(errors, dtype=np.float64)),
        sum(overlaps),
        len(overlaps),
        rate_interval(sum(overlaps), len(overlaps)) if overlaps else None,
        len(bounded),
        sum(entry.at_least is not None for entry in bounded),
        max((p.constants_fitted for p in predictions), default=0),
        max((p.runs_used for p in predictions), default=0),
        _middle([p.seconds for p in predictions if p.seconds]),
        _middle([entry.cost for entry in entries if entry.cost is not None]),
        cost_of(
            ((cells[entry.cell], entry.prediction) for entry in entries if entry.prediction is not None),
            gradients_known=said.gradients_known,
            amortised=said.amortised,
        ),
        tuple(sorted((e for e in entries if e.badness is not None), key=lambda e: -(e.badness or 0.0))),
    )


def _median(entries: Sequence[Entry], scope: Scope) -> Median:
    errors = np.array([abs(e.error) for e in entries if e.error is not None and e.scored(scope)], dtype=np.float64)
    if not len(errors):
        return Median(0, None, None, None)
    return Median(len(errors), float(np.median(errors)), *median_interval(errors))


def _rms(errors: NDArray[np.float64]) -> Median:
    if not len(errors):
        return Median(0, None, None, None)
    return Median(len(errors), float(np.sqrt(np.mean(errors**2))), *rms_interval(errors))


def _middle(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _order(standing: Standing) -> tuple[bool, bool, float]:
    on_common, own = standing.common["all"], standing.own["all"].value
    return on_common is None, own is None, on_common.median if on_common else own if own is not None else 0.0


# --- one transition ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One predictor on one measured transition.

    Attributes:
        prediction: what was said.
        error: predicted over measured, less one; None where either is missing.
        error_low, error_high: the same for both ends of the measurement's interval.
        contains: whether the predictor's own interval contains the measured value; None without one.
    """

    prediction: Prediction
    error: float | None
    error_low: float | None
    error_high: float | None
    contains: bool | None


def score(predictions: Sequence[Prediction], measured: TransitionPoint) -> list[Row]:
    """Rows in the order given."""
    return [_row(prediction, measured) for prediction in predictions]


def _row(prediction: Prediction, measured: TransitionPoint) -> Row:
    def error(reference: float | None) -> float | None:
        if prediction.value is None or reference is None:
            return None
        return prediction.value / reference - 1

    contained = None
    if measured.value is not None and prediction.low is not None and prediction.high is not None:
        contained = contains((prediction.low, prediction.high), measured.value)
    return Row(prediction, error(measured.value), error(measured.high), error(measured.low), contained)
