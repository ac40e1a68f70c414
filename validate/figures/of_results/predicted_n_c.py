"""Predicted against measured n_c: each group, each predictor and rival, and what decay and width do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.marks import error_rows, only_ticks, words
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import FADED, INK, PREDICTORS
from twopeaks.validate.figures.drawing.tables import Row, intervals, medians, numbers, part, table_of

if TYPE_CHECKING:
    from twopeaks.validate.scores.board import Board

__all__ = ["FIGURE", "FOLDERS", "SEEN", "fig_predicted_n_c", "gather"]

_CAPTION = """
Training examples n_c from which half of the networks grok, predicted and measured. a: 28 groups (26 of order 11 to 59
with 8 networks a size, Z83 and Z127 with 6; bars: 95% bootstrap intervals of the measurement), for heights-phases (8
constants, none fitted on a filled group) and for the paper's law 2.7482 M log M (times d_max/2). b: the same as error,
predicted over measured less one, by order of the group. Filled: groups that had no part in building the theory, open:
the seven that had one. c: median |error| with its 95% bootstrap interval over cells, and the worst cell (cross), of
every predictor (colour) and rival (grey); in brackets: groups it says something of. d: Z23 at three decays and three
widths: heights-phases (lines) is right to 6% and wrong in direction. All predictions were committed before the runs.
S0: x², Adam at rate 1e-3, η = 2e-4 and K = 14 M where not said otherwise, 20,000 steps.
"""

#: Folders of results whose predictions were committed before the runs.
FOLDERS = ("transitions", "decisive")
#: Groups that were known while heights-phases was built (`twopeaks.theory.predictors.phases.SPREAD`).
SEEN = frozenset({"Z17", "Z23", "Z31", "Z2xZ2xZ6", "S4", "D4xZ3", "Q8xZ3"})
#: Points of the names of 28 groups beside each other.
_TINY = 5.6
#: Predictors whose every group is shown, as `twopeaks.theory.predictors` has them.
_PAPER_LAW, _PHASES = "paper-law", "heights-phases"
#: Decay -> its colour and how it is written.
_DECAYS = {
    5e-5: ("#56B4E9", r"$\eta = 5\cdot10^{-5}$"),
    2e-4: ("#0072B2", r"$\eta = 2\cdot10^{-4}$"),
    1e-3: (INK, r"$\eta = 10^{-3}$"),
}
_WORDS = ("panel", "predictor", "group", "seen")


def gather(results: Path) -> pl.DataFrame:
    """Every prediction with what was measured, medians of each predictor, and Z23 over decay and width."""
    rows = [row for folder in FOLDERS for row in _each(_board(results / folder))]
    rows += _medians(rows)
    return table_of([*rows, *_decay_width(_board(results / "decay-width"))], _WORDS)


def _board(folder: Path) -> Board:
    from twopeaks.validate.measured.sources import Sources
    from twopeaks.validate.scores.board import boards
    from twopeaks.validate.scores.predictors import read_predictions

    cells, _ = Sources((folder / "measured.csv",)).gather()
    predictions, _ = read_predictions(folder / "predictions.csv", cells)
    return next(board for board in boards(cells, predictions) if board.quantity == "n_c")


def _row(panel: str, predictor: str, **more: str | float | None) -> Row:
    nothing = dict.fromkeys(
        ("order", "measured", "low", "high", "predicted", "error", "worst", "cells", "eta", "width")
    )
    return {"panel": panel, "predictor": predictor, "group": "", "seen": ""} | nothing | more


def _each(board: Board) -> Iterator[Row]:
    for standing in board.standings:
        for entry in standing.entries:
            cell = board.cells[entry.cell]
            task, ends = cell.setting.task, {"low": cell.low, "high": cell.high}
            seen = "seen" if task.group in SEEN else "fresh"
            yield _row("groups", standing.predictor, group=task.group, seen=seen, order=task.resolve().order,
                       measured=cell.value, predicted=entry.value, error=entry.error, **ends)  # fmt: skip


def _medians(rows: Sequence[Row]) -> list[Row]:
    errors: dict[str, list[float]] = {}
    for row in rows:
        if row["error"] is not None:
            errors.setdefault(str(row["predictor"]), []).append(float(row["error"]))
    made = [_row("medians", name, **medians(of_predictor)) for name, of_predictor in errors.items()]
    return sorted(made, key=lambda row: float(row["error"] or 0))


def _decay_width(board: Board) -> Iterator[Row]:
    standing = next(standing for standing in board.standings if standing.predictor == _PHASES)
    for entry in standing.entries:
        cell = board.cells[entry.cell]
        where = {"eta": cell.setting.optimizer.weight_decay, "width": float(cell.setting.network.width)}
        yield _row("decay and width", _PHASES, group=cell.setting.task.group, measured=cell.value, low=cell.low,
                   high=cell.high, predicted=entry.value, error=entry.error, **where)  # fmt: skip


def fig_predicted_n_c(table: pl.DataFrame, ax: Axes | Sequence[Axes] | None = None) -> tuple[Figure, Sequence[Axes]]:
    """Four panels: groups, their errors, medians of all predictors, decay and width.

    Args:
        table: as `gather` makes it.
        ax: four axes.
    """
    axes = panels(ax, 4, aspect=0.66 if narrow() else 0.8)
    groups = part(table, panel="groups")
    for name in (_PAPER_LAW, _PHASES):
        _draw_groups(axes[0], axes[1], part(groups, predictor=name), PREDICTORS[name][0])
    _finish_groups(axes[0], axes[1])
    _draw_medians(axes[2], part(table, panel="medians"))
    _draw_decay(axes[3], part(table, panel="decay and width"))
    letters(axes, ["28 groups", "how far off", "every predictor and rival", "Z23: decay and width"])
    return figure_of(axes), axes


def _draw_groups(both: Axes, off: Axes, table: pl.DataFrame, colour: str) -> None:
    table = table.sort("order", "group").with_row_index("place")
    for seen, face in (("fresh", colour), ("seen", "white")):
        rows = part(table, seen=seen)
        measured, low, high = intervals(rows, "measured")
        predicted = numbers(rows, "predicted")
        look: dict[str, Any] = {"color": colour, "markerfacecolor": face, "capsize": 0}
        both.errorbar(
            measured, predicted, xerr=[measured - low, high - measured], fmt="o", markersize=3.5, elinewidth=0.7, **look
        )
        ends = np.array([predicted / measured - predicted / high, predicted / low - predicted / measured])
        place, error = numbers(rows, "place"), 100 * numbers(rows, "error")
        off.errorbar(place, error, 100 * ends, fmt="o", markersize=3.5, elinewidth=0.7, **look)
    off.set_xticks(range(len(table)), table["group"].to_list(), rotation=90, fontsize=_TINY)


def _finish_groups(both: Axes, off: Axes) -> None:
    both.plot([65, 2200], [65, 2200], color=FADED, linewidth=0.8, zorder=0)
    words(both, "heights-phases", (300, 130), PREDICTORS[_PHASES][0])
    words(both, "the paper's law", (72, 400), PREDICTORS[_PAPER_LAW][0])
    both.set_xscale("log")
    both.set_yscale("log")
    for axis in (both.xaxis, both.yaxis):
        only_ticks(axis, (100, 200, 500, 1000, 2000))
    both.set_xlabel("measured $n_c$")
    both.set_ylabel("predicted $n_c$")
    off.axhline(0, color=FADED, linewidth=0.8, zorder=0)
    off.tick_params(axis="x", length=2, pad=1.5)
    off.set_ylabel("predicted over measured, less 1, in %")


def _draw_medians(ax: Axes, table: pl.DataFrame) -> None:
    names = table["predictor"].to_list()
    labels = [f"{name} ({cells:.0f})" for name, cells in zip(names, table["cells"], strict=True)]
    error_rows(ax, labels, table, [PREDICTORS[name][0] if name in PREDICTORS else FADED for name in names])


def _draw_decay(ax: Axes, table: pl.DataFrame) -> None:
    for shift, (eta, (colour, name)) in zip((-0.04, 0.0, 0.04), _DECAYS.items(), strict=True):
        rows = table.filter((pl.col("eta") - eta).abs() < 1e-9).sort("width")
        width = numbers(rows, "width") / 23
        value, low, high = intervals(rows, "measured")
        ax.errorbar(
            width * np.exp(shift), value, [value - low, high - value], fmt="o", color=colour, elinewidth=0.8, capsize=0
        )
        ax.plot(width, numbers(rows, "predicted"), color=colour, linewidth=1.2)
        words(ax, name, (width[0] * np.exp(-0.12), value[0]), colour, ha="right")
    ax.set_xscale("log")
    ax.set_xlim(2.2, 48)
    only_ticks(ax.xaxis, (6, 14, 40), " M")
    ax.set_xlabel("nodes K")
    ax.set_ylabel("$n_c$: measured (dots), predicted (lines)")


#: Its entry in the catalogue.
FIGURE = Entry(
    "predicted-n-c",
    "Training examples from which half of the networks grok, predicted and measured, for 28 groups",
    _CAPTION,
    fig_predicted_n_c,
    sources=(
        "transitions/measured.csv",
        "transitions/predictions.csv",
        "decisive/measured.csv",
        "decisive/predictions.csv",
        "decay-width/measured.csv",
        "decay-width/predictions.csv",
    ),
    numbers=gather,
)
