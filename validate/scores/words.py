"""How cells, errors and standings are put into words: the same on screen, page and figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from twopeaks.validate.measured.cell import ErrorKind, Measured

if TYPE_CHECKING:  # a single prediction is put into words without the statistics of a board
    from twopeaks.validate.scores.board import Board, Entry, Median, Standing
    from twopeaks.validate.scores.cost import Cost
    from twopeaks.validate.scores.ranking import Placing

__all__ = [
    "NONE",
    "amortised",
    "best",
    "brief",
    "cells",
    "contradicted",
    "count",
    "error",
    "factor",
    "headline",
    "measured",
    "measured_briefly",
    "median",
    "number",
    "overlaps",
    "percent",
    "predicted",
    "predictor",
    "rank",
    "restricted",
    "seconds",
    "share",
    "span",
]

#: In place of a number that there is not.
NONE = "–"
_POINTS = " pts"
#: Beside the name of a predictor that was not asked by this call.
_BEFORE = " (before)"


def number(value: float | None) -> str:
    """Four digits that count, all of a larger whole part, no exponent."""
    if value is None:
        return NONE
    digits = 3 - math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:,.{max(0, min(digits, 6))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def span(value: float | None, low: float | None, high: float | None) -> str:
    """A number of training examples with its interval, in whole numbers; of a censored one its bounds."""
    if value is None and low is None and high is None:
        return NONE
    if value is None:
        bounds = (("above", low), ("below", high))
        return " and ".join(f"{side} {bound:.0f}" for side, bound in bounds if bound is not None)
    if low is None or high is None or f"{low:.0f}" == f"{high:.0f}":
        return f"{value:.0f}"
    return f"{value:.0f} [{low:.0f}, {high:.0f}]"


def percent(value: float | None, kind: ErrorKind = "ratio") -> str:
    """A signed error: per cent of what was measured, or points (hundredths) where it is a difference of shares."""
    if value is None:
        return NONE
    if kind == "difference":
        return f"{100 * value:+.1f}{_POINTS}"
    return f"{value:+.1%}" if abs(value) < 10 else f"{value:+,.0%}"


def factor(value: float | None) -> str:
    """A cost over another one: ``1/40,000``, or ``1.3``."""
    if value is None:
        return NONE
    if value >= 1:
        return number(float(f"{value:.3g}"))
    return f"1/{float(f'{1 / value:.2g}'):,.0f}" if value > 0 else "0"


def seconds(value: float | None) -> str:
    """Two digits that count, all of a larger whole part."""
    return NONE if value is None else number(float(f"{value:.2g}") if abs(value) < 100 else round(value))


def count(value: int | None) -> str:
    """A whole number."""
    return NONE if value is None else f"{value:,}"


def predictor(standing: Standing) -> str:
    """Its name, and whether its predictions were written down before."""
    return standing.predictor + (_BEFORE if standing.origin == "file" else "")


def amortised(cost: Cost) -> str:
    """Over how many cells the work of a call is shared, if it is."""
    return {True: f"over {cells(cost.cells)}", False: "no", None: NONE}[cost.amortised]


def measured(cell: Measured) -> str:
    """Value with its interval, or the bounds that are known of it."""
    if cell.value is None:
        bounds = [f"above {number(cell.low)}"] * (cell.low is not None)
        bounds += [f"below {number(cell.high)}"] * (cell.high is not None)
        return " and ".join(bounds) or "nothing known"
    if cell.low is None and cell.high is None:
        return number(cell.value)
    ends = (NONE if cell.low is None else number(cell.low), "later" if cell.high is None else number(cell.high))
    return f"{number(cell.value)} [{ends[0]}, {ends[1]}]"


def measured_briefly(cell: Measured) -> str:
    """Value alone, or the bounds that are known of it."""
    return measured(cell) if cell.value is None else number(cell.value)


def predicted(entry: Entry) -> str:
    """Value with the predictor's own interval."""
    p = entry.prediction
    if p is None or p.value is None:
        return NONE
    return (
        number(p.value) if p.low is None or p.high is None else f"{number(p.value)} [{number(p.low)}, {number(p.high)}]"
    )


def error(entry: Entry) -> str:
    """Error with its interval, or what is known of it."""
    if entry.error is None or (entry.error_low is None and entry.error_high is None):
        return brief(entry)
    # the truth may lie anywhere above
    low = "-100%" if entry.error_low is None else percent(entry.error_low, entry.kind)
    return f"{percent(entry.error, entry.kind)} [{low}, {percent(entry.error_high, entry.kind)}]"


def brief(entry: Entry) -> str:
    """Error alone, or what is known of it."""
    if entry.error is not None:
        return percent(entry.error, entry.kind)
    if entry.value is None:
        return "no value"
    return "not contradicted" if entry.at_least is None else f"{percent(entry.at_least, entry.kind)} at least"


def median(average: Median | Placing | None, kind: ErrorKind = "ratio") -> str:
    """Median absolute error, or root mean square, with its interval."""
    from twopeaks.validate.scores.ranking import Placing

    value = None if average is None else average.median if isinstance(average, Placing) else average.value
    if average is None or value is None:
        return NONE
    text = share(value, kind)
    if average.low is None or average.high is None:
        return text
    low = share(average.low, kind).removesuffix("%").removesuffix(_POINTS)
    return f"{text} [{low}–{share(average.high, kind)}]"


def share(value: float | None, kind: ErrorKind = "ratio") -> str:
    """An absolute error."""
    if value is None:
        return NONE
    if kind == "difference":
        return f"{100 * value:.1f}{_POINTS}"
    return f"{value:.1%}" if value < 10 else f"{value:,.0%}"


def rank(placing: Placing | None) -> str:
    """Rank with its 95% range."""
    if placing is None:
        return NONE
    if placing.rank_low is None or placing.rank_high is None:
        return f"{placing.rank:g}"
    return f"{placing.rank:g} [{placing.rank_low:g}–{placing.rank_high:g}]"


def best(placing: Placing | None) -> str:
    """Probability to be the closest."""
    return NONE if placing is None or placing.best is None else f"{placing.best:.0%}"


def cells(count: int) -> str:
    """So many cells."""
    return f"{count or 'no'} cell{'s' if count != 1 else ''}"


def overlaps(standing: Standing) -> str:
    """Cells where its interval overlaps the measured one, of those with both, and the interval of that share."""
    if standing.overlaps_interval is None:
        return NONE
    low, high = standing.overlaps_interval
    return f"{standing.overlaps}/{standing.with_interval} [{100 * low:.0f}–{high:.0%}]"


def contradicted(standing: Standing) -> str:
    """Censored cells on whose wrong side it is, of those where it has a value."""
    return f"{standing.contradicted}/{standing.censored}" if standing.censored else NONE


def restricted(board: Board) -> str:
    """How many cells are common, and who leaves the others out."""
    count, able = len(board.common["all"]), [s for s in board.standings if s.own["all"].cells]
    if not able:
        return "No predictor has an error on any cell."
    if not board.narrowest and count:
        return f"All predictors with an error have it on the same {cells(count)}."
    who = ", ".join(f"{name} on {number}" for name, number in board.narrowest[:4])
    more = f" and {len(board.narrowest) - 4} more" if len(board.narrowest) > 4 else ""
    kept = "" if count else ", so nobody is ranked; choose with --predictor"
    fewer = f" Errors on fewer cells than others: {who}{more}." if who else ""
    return f"Common to all: {cells(count)}{kept}.{fewer}"


def headline(board: Board) -> str:
    """For somebody in a hurry: who is closest, and who is wrong where."""
    about = f"{board.quantity} on {cells(len(board.cells))}{f', {board.censored} censored' if board.censored else ''}: "
    able = [s for s in board.standings if s.own["all"].value is not None]
    if not board.standings:
        return f"{about}nobody predicts {board.quantity}."
    if not able:
        return f"{about}no predictor has a value on a cell that has one."
    who = max((s for s in board.standings if s.worst), key=lambda s: s.worst[0].badness or 0.0)
    worst = f"Worst of all: {who.predictor} on {_at_worst(board, who)}."
    if who is able[0]:
        return f"{about}{_closest(board, able)} {worst}"
    return f"{about}{_closest(board, able)} Worst cell of {able[0].predictor}: {_at_worst(board, able[0])}. {worst}"


def _at_worst(board: Board, standing: Standing) -> str:
    return f"{board.names[standing.worst[0].cell]}, {error(standing.worst[0])}"


def _closest(board: Board, able: Sequence[Standing]) -> str:
    """Who is closest on the common cells, and who on cells of its own, if that is somebody else."""
    first, place = able[0], able[0].common["all"]
    own = min(able, key=lambda s: (s.own["all"].value or 0.0, -s.own["all"].cells))
    alone = f"{own.predictor} ({median(own.own['all'], board.kind)} on {cells(own.own['all'].cells)})"
    if place is None:
        return f"smallest median |error| on cells of its own: {alone}."
    sure = "" if place.best is None else f", the best of {len(able)} with probability {best(place)}"
    on, off = cells(place.cells), median(place, board.kind)
    closest = f"closest on the {on} common to all is {first.predictor}, median |error| {off}{sure}."
    return closest if own is first else f"{closest} On cells of their own the smallest is that of {alone}."
