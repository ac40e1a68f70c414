"""Predicted against measured t_grok: gradient descent, Adam and AdamW, and rivals' laws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.theory.setting import standard
from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.marks import error_rows, only_ticks, words
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import FADED, INK
from twopeaks.validate.figures.drawing.tables import Row, intervals, medians, numbers, part, table_of

if TYPE_CHECKING:
    from twopeaks.theory.predictors.declaration import Predictor
    from twopeaks.validate.scores.board import Board

__all__ = ["FIGURE", "fig_predicted_t_grok", "gather"]

_CAPTION = """
Steps to grokking, predicted and measured. a: plain gradient descent, 88 cells (Z17, Z23, Z31, Z47; four n from 1.1 to 2
n_c, two rates, three decays; median of 8 networks within 60,000 steps); flow integrates each setting's flow (not Z47),
clock one reference that every rate and decay is read off, both without a constant or a run; selection is a formula of
13 constants. Triangles: cells later than the budget, at the budget; they contradict nobody. b: predicted over measured
by n/n_c (heights-shared), cells in the order of their times; bars: 95% interval of the measured median. c: Adam (27
cells, no run) and AdamW (18 cells, a run a seed at a reference) at n = 1.4 n_c over rates and decays, clock. d: median
|error| with its 95% bootstrap interval over cells, worst cell as a cross, in brackets the cells scored; grey: rivals on
Adam, laws of the norm, read at its peak, that take t_mem and the norm from each run and are fitted on one cell a group
(read at t_mem, as printed, they say nothing of any cell). What clock says was committed before any cell was scored,
when 72 of the 88 of gradient descent had been run; flow, which has no constant either, after that. Selection and
rivals are fitted.
"""

#: Name of a curve -> colour, marker.
_LOOKS: dict[str, tuple[str, str]] = {
    "clock": ("#0072B2", "o"),
    "flow": ("#D55E00", "s"),
    "selection": ("#009E73", "^"),
}
#: Rule -> colour and name, in the order of the rows.
_RULES = {"sgd": (INK, "GD"), "adam": ("#CC79A7", "Adam"), "adamw": ("#E69F00", "AdamW")}
#: Training examples over n_c of gradient descent.
_OVER = (1.1, 1.3, 1.6, 2.0)
#: Rivals, in fewer words.
_RIVALS = {"norm-separation-from-peak": "norm separation", "first-passage-from-peak": "first passage"}
_WORDS = ("panel", "rule", "predictor", "group")


def gather(results: Path) -> pl.DataFrame:
    """Every prediction of t_grok with what was measured, and medians of each predictor."""
    from twopeaks.theory.predictors.times.selection import selection

    descent = _board(results / "times-gd", ("predictions.csv", "flow.csv"), (selection,))
    adam = _board(results / "times-adam", ("predictions.csv", "rivals.csv"))
    rows = [*_each(descent), *_each(adam)]
    return table_of([*rows, *_medians(rows)], _WORDS)


def _board(folder: Path, files: Sequence[str], now: Sequence[Predictor[...]] = ()) -> Board:
    from twopeaks.validate.measured.sources import Sources
    from twopeaks.validate.scores.board import boards
    from twopeaks.validate.scores.predictors import asked, read_predictions

    cells, _ = Sources((folder / "measured.csv",)).gather()
    cells = [cell for cell in cells if cell.quantity == "t_grok"]
    predictions = [column for file in files for column in read_predictions(folder / file, cells)[0]]
    predictions += asked(cells, now)
    return boards(cells, predictions)[0]


def _row(panel: str, rule: str, predictor: str, **more: str | float | None) -> Row:
    nothing = dict.fromkeys(("measured", "low", "high", "over", "predicted", "error", "worst", "cells"))
    return {"panel": panel, "rule": rule, "predictor": predictor, "group": ""} | nothing | more


def _each(board: Board) -> Iterator[Row]:
    from twopeaks.theory.predictors.heights import shared_form

    crossings: dict[str, float] = {}
    for standing in board.standings:
        for entry in standing.entries:
            cell = board.cells[entry.cell]
            task, ends = cell.setting.task, {"low": cell.low, "high": cell.high}
            if entry.value is None:
                continue
            if task.group not in crossings:
                crossings[task.group] = shared_form(standard(task.group)).value or np.nan
            rule, over = cell.setting.optimizer.name, task.samples / crossings[task.group]
            yield _row("cells", rule, standing.predictor, group=task.group, measured=cell.value,
                       over=over, predicted=entry.value, error=entry.error, **ends)  # fmt: skip


def _medians(rows: Sequence[Row]) -> list[Row]:
    errors: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row["error"] is not None:
            errors.setdefault((str(row["rule"]), str(row["predictor"])), []).append(float(row["error"]))
    made = [_row("medians", rule, name, **medians(of_rule)) for (rule, name), of_rule in errors.items()]
    return sorted(made, key=lambda row: (list(_RULES).index(str(row["rule"])), float(row["error"] or 0)))


def fig_predicted_t_grok(table: pl.DataFrame, ax: Axes | Sequence[Axes] | None = None) -> tuple[Figure, Sequence[Axes]]:
    """Four panels: gradient descent, its errors, Adam, medians.

    Args:
        table: as `gather` makes it.
        ax: four axes.
    """
    axes = panels(ax, 4, aspect=0.66 if narrow() else 0.76)
    cells = part(table, panel="cells")
    descent = part(cells, rule="sgd")
    for shift, (name, (colour, marker)) in enumerate(_LOOKS.items()):
        rows, look = part(descent, predictor=name), {"color": colour, "fmt": marker}
        _draw_both(axes[0], rows, look)
        _draw_errors(axes[1], rows, 0.27 * (shift - 1), look)
    _draw_censored(axes[0], part(descent, predictor="clock"))
    for rule, (colour, _) in list(_RULES.items())[1:]:
        _draw_both(axes[2], part(cells, rule=rule, predictor="clock"), {"color": colour, "fmt": "o"})
    _finish(axes)
    _draw_medians(axes[3], part(table, panel="medians"))
    letters(
        axes, ["gradient descent", "gradient descent: how far off", "Adam and AdamW", "every predictor, rivals on Adam"]
    )
    return figure_of(axes), axes


def _draw_both(ax: Axes, rows: pl.DataFrame, look: dict[str, Any]) -> None:
    measured, low, high = intervals(rows, "measured")
    predicted = numbers(rows, "predicted")
    ax.errorbar(measured, predicted, xerr=[measured - low, high - measured], markersize=3, elinewidth=0.6, capsize=0,
                alpha=0.85, markeredgewidth=0, **look)  # fmt: skip


def _draw_errors(ax: Axes, rows: pl.DataFrame, shift: float, look: dict[str, Any]) -> None:
    """Ratios beside each other for every n/n_c, in the order of the measured times."""
    for place, over in enumerate(_OVER):
        near = rows.filter((pl.col("over") - over).abs() < 0.05, pl.col("measured").is_not_null()).sort("measured")
        measured, low, high = intervals(near, "measured")
        predicted = numbers(near, "predicted")
        ratio, x = predicted / measured, place + shift + np.linspace(-0.11, 0.11, len(near))
        ends = [ratio - predicted / high, predicted / low - ratio]
        ax.errorbar(x, ratio, ends, markersize=2.2, elinewidth=0.4, capsize=0, markeredgewidth=0, **look)


def _draw_censored(ax: Axes, rows: pl.DataFrame) -> None:
    later = rows.filter(pl.col("measured").is_null())
    ax.plot(numbers(later, "low"), numbers(later, "predicted"), ">", color=_LOOKS["clock"][0], markerfacecolor="white",
            markersize=4.5)  # fmt: skip


def _finish(axes: Sequence[Axes]) -> None:
    for ax, ends, ticks in (
        (axes[0], (450, 150_000), (1_000, 10_000, 100_000)),
        (axes[2], (330, 40_000), (500, 1_000, 3_000, 10_000, 30_000)),
    ):
        ax.plot(ends, ends, color=FADED, linewidth=0.8, zorder=0)
        ax.set_xscale("log")
        ax.set_yscale("log")
        for axis in (ax.xaxis, ax.yaxis):
            only_ticks(axis, ticks)
        ax.set_xlabel("measured $t_{\\mathrm{grok}}$, steps")
        ax.set_ylabel("predicted, steps")
    names = {axes[0]: [(name, look[0]) for name, look in _LOOKS.items()]}
    names[axes[2]] = [(word, colour) for colour, word in list(_RULES.values())[1:]]
    for ax, key in names.items():
        for place, (word, colour) in enumerate(key):
            ax.text(0.05, 0.94 - 0.1 * place, word, color=colour, transform=ax.transAxes, va="top")
    words(axes[0], "later than\nthe budget", (45_000, 100_000), INK, ha="right")
    axes[1].axhline(1, color=FADED, linewidth=0.8, zorder=0)
    axes[1].set_yscale("log")
    only_ticks(axes[1].yaxis, (0.6, 0.8, 1, 1.5, 2))
    axes[1].set_xticks(range(len(_OVER)), [f"{over:g}" for over in _OVER])
    axes[1].tick_params(axis="x", length=0)
    axes[1].set_xlabel("training examples over $n_c$")
    axes[1].set_ylabel("predicted over measured")


def _draw_medians(ax: Axes, table: pl.DataFrame) -> None:
    rows = list(table.iter_rows(named=True))
    labels = [
        f"{_RULES[row['rule']][1]}: {_RIVALS.get(row['predictor'], row['predictor'])} ({row['cells']:.0f})"
        for row in rows
    ]
    error_rows(ax, labels, table, [_colour(row["rule"], row["predictor"]) for row in rows])


def _colour(rule: str, predictor: str) -> str:
    if rule != "sgd" and predictor == "clock":
        return _RULES[rule][0]
    return _LOOKS[predictor][0] if predictor in _LOOKS else FADED


#: Its entry in the catalogue.
FIGURE = Entry(
    "predicted-t-grok",
    "Steps to grokking, predicted and measured, for gradient descent, Adam and AdamW",
    _CAPTION,
    fig_predicted_t_grok,
    sources=(
        "times-gd/measured.csv",
        "times-gd/predictions.csv",
        "times-gd/flow.csv",
        "times-adam/measured.csv",
        "times-adam/predictions.csv",
        "times-adam/rivals.csv",
    ),
    numbers=gather,
)
