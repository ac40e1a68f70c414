"""The columns of scores: one table of them for predictors, one for predictions, from which every medium takes its own.

CSV and JSON hold the values of a column, other media its text. A column that is new in a CSV file stands at the end of
its table, so that files keep the order in which they were first written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, TypeVar

from twopeaks.validate.measured.cell import ErrorKind, Measured
from twopeaks.validate.scores import words
from twopeaks.validate.scores.board import Board, Entry, Scope, Standing, judge

__all__ = [
    "PREDICTIONS",
    "PREDICTORS",
    "Column",
    "Kind",
    "Medium",
    "Scored",
    "entry_rows",
    "explained",
    "headings",
    "scored_cells",
    "shown",
    "texts",
    "values",
]

#: Where text is shown: terminal (errors, then cost), HTML page, its lists of the closest and farthest, documentation.
Medium = Literal["screen", "cost", "page", "brief", "site"]
#: What stands in a column, which decides how it is set.
Kind = Literal["name", "number", "note"]

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Column(Generic[Subject]):
    """One column.

    Attributes:
        key: name in CSV and JSON; empty where no file holds it.
        value: what CSV and JSON hold.
        heading: where it is shown; ``{common}`` stands for the number of common cells, ``{in_range}`` for that of
            those in range.
        texts: medium -> what is shown there. Other media leave the column out.
        kind: what stands in it.
        errors: of boards with errors of this kind alone; all if None.
        meaning: of the column, for a legend.
    """

    key: str
    value: Callable[[Board, Subject], object] | None = None
    heading: str = ""
    texts: Mapping[Medium, Callable[[Board, Subject], str]] | None = None
    kind: Kind = "number"
    errors: ErrorKind | None = None
    meaning: str = ""


def values(columns: Sequence[Column[Subject]], board: Board, subject: Subject) -> dict[str, Any]:
    """Row of a CSV file: key -> value, in the order of the columns."""
    return {column.key: column.value(board, subject) for column in columns if column.value is not None}


def shown(columns: Sequence[Column[Subject]], medium: Medium, board: Board) -> list[Column[Subject]]:
    """Columns that a medium shows of a board: names first, notes last."""
    here = [c for c in columns if c.texts and medium in c.texts and c.errors in (None, board.kind)]
    return [column for kind in ("name", "number", "note") for column in here if column.kind == kind]


def headings(columns: Sequence[Column[Subject]], board: Board) -> list[str]:
    """Headings of columns that are shown."""
    counts = {"common": len(board.common["all"]), "in_range": len(board.common["in range"])}
    return [column.heading.format(**counts) for column in columns]


def texts(columns: Sequence[Column[Subject]], medium: Medium, board: Board, subject: Subject) -> list[str]:
    """Row of columns that are shown."""
    return [column.texts[medium](board, subject) for column in columns if column.texts]


def explained(columns: Sequence[Column[Subject]]) -> dict[str, str]:
    """Heading -> meaning, of the columns that have one."""
    return {column.heading.partition(" (")[0]: column.meaning for column in columns if column.meaning}


# --- predictors ----------------------------------------------------------------------------------------


def _own(scope: Scope, field: str, board: Board, s: Standing) -> object:
    return getattr(s.own[scope], field)


def _placing(scope: Scope, field: str, board: Board, s: Standing) -> object:
    return getattr(s.common[scope], field, None)


def _end(interval: tuple[float, float] | None, end: int) -> float | None:
    return None if interval is None else interval[end]


def _in_range(board: Board, s: Standing) -> str:
    own = s.own["in range"]
    return "same" if s.in_range == s.values else f"{words.median(own, board.kind)} on {own.cells}"


def _in_range_brief(board: Board, s: Standing) -> str:
    return "same" if s.in_range == s.values else words.share(s.own["in range"].value, board.kind)


def _common_brief(board: Board, s: Standing) -> str:
    placing = s.common["all"]
    return words.share(None if placing is None else placing.median, board.kind)


def _worst(board: Board, s: Standing) -> str | None:
    return board.names[s.worst[0].cell] if s.worst else None


def _worst_error(board: Board, s: Standing) -> float | None:
    if not s.worst:
        return None
    return s.worst[0].error if s.worst[0].error is not None else s.worst[0].at_least


def _worst_two(board: Board, s: Standing) -> str:
    return "; ".join(f"{board.names[entry.cell]} {words.brief(entry)}" for entry in s.worst[:2])


_RMS = "root of the mean square of the errors, 95% over cells"

#: A row is a `twopeaks.validate.scores.board.Standing`. The order is that of the CSV file.
PREDICTORS: tuple[Column[Standing], ...] = (
    Column("quantity", lambda board, s: board.quantity),
    Column(
        "predictor", lambda board, s: s.predictor, "predictor",
        {"screen": lambda board, s: s.predictor, "cost": lambda board, s: s.predictor,
         "page": lambda board, s: words.predictor(s), "site": lambda board, s: f"`{s.predictor}`"},
        kind="name",
    ),
    Column("origin", lambda board, s: s.origin),
    Column("cells", lambda board, s: len(board.cells)),
    Column("values", lambda board, s: s.values),
    Column("in_range", lambda board, s: s.in_range),
    Column(
        "", None, "rms", dict.fromkeys(("screen",), lambda board, s: words.median(s.rms, board.kind)),
        errors="difference", meaning=_RMS,
    ),
    Column(
        "all_cells", partial(_own, "all", "cells"), "on",
        dict.fromkeys(("screen", "page", "site"), lambda board, s: str(s.own["all"].cells)),
        meaning="cells on which it has an error",
    ),
    Column(
        "all_median_error", partial(_own, "all", "value"), "median |error|",
        dict.fromkeys(("screen", "page", "site"), lambda board, s: words.median(s.own["all"], board.kind)),
        meaning="over these cells, 95% over cells",
    ),
    Column("all_median_error_low", partial(_own, "all", "low")),
    Column("all_median_error_high", partial(_own, "all", "high")),
    Column("common_all_cells", partial(_placing, "all", "cells")),
    Column(
        "common_all_median", partial(_placing, "all", "median"), "common ({common})",
        {"screen": _common_brief, "page": lambda board, s: words.median(s.common["all"], board.kind)},
        meaning="median |error| on the cells that all have",
    ),
    Column("common_all_low", partial(_placing, "all", "low")),
    Column("common_all_high", partial(_placing, "all", "high")),
    Column(
        "common_all_rank", partial(_placing, "all", "rank"), "rank",
        dict.fromkeys(("screen", "page"), lambda board, s: words.rank(s.common["all"])),
        meaning="by the median on the common cells, 95% over cells",
    ),
    Column("common_all_rank_low", partial(_placing, "all", "rank_low")),
    Column("common_all_rank_high", partial(_placing, "all", "rank_high")),
    Column(
        "common_all_best", partial(_placing, "all", "best"), "best",
        dict.fromkeys(("screen", "page"), lambda board, s: words.best(s.common["all"])),
        meaning="chance that nobody is closer on the common cells",
    ),
    Column("in_range_cells", partial(_own, "in range", "cells")),
    Column(
        "in_range_median_error", partial(_own, "in range", "value"), "in range",
        {"screen": _in_range_brief, "page": _in_range},
        meaning="median |error| where it calls itself valid",
    ),
    Column("in_range_median_error_low", partial(_own, "in range", "low")),
    Column("in_range_median_error_high", partial(_own, "in range", "high")),
    Column("common_in_range_cells", partial(_placing, "in range", "cells")),
    Column("common_in_range_median", partial(_placing, "in range", "median")),
    Column("common_in_range_low", partial(_placing, "in range", "low")),
    Column("common_in_range_high", partial(_placing, "in range", "high")),
    Column(
        "common_in_range_rank", partial(_placing, "in range", "rank"), "rank in range ({in_range})",
        dict.fromkeys(("page",), lambda board, s: words.rank(s.common["in range"])),
        meaning="on the cells where all call themselves valid",
    ),
    Column("common_in_range_rank_low", partial(_placing, "in range", "rank_low")),
    Column("common_in_range_rank_high", partial(_placing, "in range", "rank_high")),
    Column("common_in_range_best", partial(_placing, "in range", "best")),
    Column(
        "median_signed_error", lambda board, s: s.bias, "median signed",
        dict.fromkeys(("page", "site"), lambda board, s: words.percent(s.bias, board.kind)),
        meaning="median of the errors with their signs",
    ),
    Column(
        "rms_error", lambda board, s: s.rms.value, "rms",
        dict.fromkeys(("page",), lambda board, s: words.median(s.rms, board.kind)), meaning=_RMS,
    ),
    Column("rms_error_low", lambda board, s: s.rms.low),
    Column("rms_error_high", lambda board, s: s.rms.high),
    Column(
        "covered", lambda board, s: s.overlaps, "overlaps",
        dict.fromkeys(("screen", "page", "site"), lambda board, s: words.overlaps(s)),
        meaning="cells where its interval overlaps the measured one",
    ),
    Column("with_interval", lambda board, s: s.with_interval),
    Column("coverage_low", lambda board, s: _end(s.overlaps_interval, 0)),
    Column("coverage_high", lambda board, s: _end(s.overlaps_interval, 1)),
    Column("censored", lambda board, s: s.censored),
    Column(
        "contradicted", lambda board, s: s.contradicted, "wrong side",
        dict.fromkeys(("screen", "page", "site"), lambda board, s: words.contradicted(s)),
        meaning="of the bounds of censored cells",
    ),
    Column(
        "constants_fitted", lambda board, s: s.constants_fitted, "fitted",
        dict.fromkeys(("screen", "page", "site"), lambda board, s: str(s.constants_fitted)),
        meaning="constants fitted to any data",
    ),
    Column(
        "runs_used", lambda board, s: s.runs_used, "runs",
        dict.fromkeys(("cost", "page", "site"), lambda board, s: str(s.runs_used)),
        meaning="training runs that it needed",
    ),
    Column("seconds", lambda board, s: s.median_seconds),
    Column("cost_over_training", lambda board, s: s.median_ratio),
    Column("worst_cell", _worst),
    Column("worst_error", _worst_error, "worst cells", {"site": _worst_two}, kind="note"),
    Column(
        "total_seconds", lambda board, s: s.cost.seconds, "seconds",
        dict.fromkeys(("cost", "page", "site"), lambda board, s: words.seconds(s.cost.seconds)),
        meaning="of predicting, summed over cells",
    ),
    Column(
        "total_training_seconds", lambda board, s: s.cost.training_seconds, "training",
        dict.fromkeys(("cost", "page", "site"), lambda board, s: words.seconds(s.cost.training_seconds)),
        meaning="seconds of training the same cells, summed",
    ),
    Column(
        "total_cost_over_training", lambda board, s: s.cost.ratio, "cost",
        dict.fromkeys(("cost", "page", "site"), lambda board, s: words.factor(s.cost.ratio)),
        meaning="seconds of predicting over seconds of training the same cells, both summed",
    ),
    Column(
        "gradients_used", lambda board, s: s.cost.gradients, "gradients",
        dict.fromkeys(("cost", "page", "site"), lambda board, s: words.count(s.cost.gradients)),
        meaning="of the predicted networks that it needed",
    ),
    Column(
        "amortised", lambda board, s: s.cost.amortised, "amortised",
        dict.fromkeys(("cost", "page", "site"), lambda board, s: words.amortised(s.cost)),
        meaning="whether cells share the work of one call",
    ),
)  # fmt: skip


# --- predictions ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """A row of `PREDICTIONS`: a cell, with a predictor and its prediction if somebody predicts the quantity."""

    cell: Measured
    name: str
    predictor: str | None
    origin: str | None
    entry: Entry


def scored_cells(board: Board) -> list[Scored]:
    """Every predictor on every cell, cells without a prediction too; the cells alone where nobody is asked."""
    rows = [(standing.predictor, standing.origin, entry) for standing in board.standings for entry in standing.entries]
    unasked = [] if board.standings else [judge(i, None, cell) for i, cell in enumerate(board.cells)]
    return [
        Scored(board.cells[entry.cell], board.names[entry.cell], predictor, origin, entry)
        for predictor, origin, entry in [*rows, *((None, None, entry) for entry in unasked)]
    ]


def entry_rows(board: Board, chosen: Iterable[tuple[Standing, Entry]]) -> list[Scored]:
    """Rows of `PREDICTIONS` of some entries."""
    return [Scored(board.cells[e.cell], board.names[e.cell], s.predictor, s.origin, e) for s, e in chosen]


def _predicted(field: str, board: Board, row: Scored) -> object:
    return getattr(row.entry.prediction, field, None)


def _yes_or_no(value: bool | None) -> str:
    return {True: "yes", False: "no", None: words.NONE}[value]


def _valid(board: Board, row: Scored) -> str:
    return _yes_or_no(None if row.entry.value is None else row.entry.in_range)


def _note(board: Board, row: Scored) -> str:
    return "no prediction was made" if row.entry.prediction is None else row.entry.prediction.note


#: A row is a `Scored`. The order is that of the CSV file.
PREDICTIONS: tuple[Column[Scored], ...] = (
    Column("", None, "predictor", dict.fromkeys(("screen", "page", "brief"), lambda board, row: row.predictor or ""),
           kind="name"),
    Column("quantity", lambda board, row: row.cell.quantity),
    Column("cell", lambda board, row: row.name, "cell",
           dict.fromkeys(("screen", "page", "brief"), lambda board, row: row.name), kind="name"),
    Column("setting_id", lambda board, row: row.cell.setting.content_id),
    Column("measured", lambda board, row: row.cell.value, "measured",
           {"screen": lambda board, row: words.measured(row.cell), "page": lambda board, row: words.measured(row.cell),
            "brief": lambda board, row: words.measured_briefly(row.cell)}),
    Column("measured_low", lambda board, row: row.cell.low),
    Column("measured_high", lambda board, row: row.cell.high),
    Column("censored", lambda board, row: row.cell.censored),
    Column("seeds", lambda board, row: row.cell.seeds),
    Column("budget", lambda board, row: row.cell.budget),
    Column("seconds_of_training", lambda board, row: row.cell.seconds_of_training),
    Column("predictor", lambda board, row: row.predictor),
    Column("origin", lambda board, row: row.origin),
    Column("predicted", lambda board, row: row.entry.value, "predicted",
           {"screen": lambda board, row: words.predicted(row.entry),
            "page": lambda board, row: words.predicted(row.entry),
            "brief": lambda board, row: words.number(row.entry.value)}),
    Column("predicted_low", partial(_predicted, "low")),
    Column("predicted_high", partial(_predicted, "high")),
    Column("valid", partial(_predicted, "valid"), "in range",
           dict.fromkeys(("page",), _valid)),
    Column("error", lambda board, row: row.entry.error, "error",
           {"screen": lambda board, row: words.error(row.entry), "page": lambda board, row: words.error(row.entry),
            "brief": lambda board, row: words.brief(row.entry)}),
    Column("error_low", lambda board, row: row.entry.error_low),
    Column("error_high", lambda board, row: row.entry.error_high),
    Column("wrong_by_at_least", lambda board, row: row.entry.at_least),
    Column("covered", lambda board, row: row.entry.overlaps, "overlaps",
           dict.fromkeys(("page",), lambda board, row: _yes_or_no(row.entry.overlaps))),
    Column("constants_fitted", partial(_predicted, "constants_fitted")),
    Column("runs_used", partial(_predicted, "runs_used")),
    Column("seconds", partial(_predicted, "seconds")),
    Column("cost_over_training", lambda board, row: row.entry.cost),
    Column("note", partial(_predicted, "note"), "note", dict.fromkeys(("page",), _note), kind="note"),
    Column("measurement_note", lambda board, row: row.cell.note),
    Column("source", lambda board, row: row.cell.source),
)  # fmt: skip
