"""Predicted over measured: a row a predictor, a dot a cell, the worst cells by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from twopeaks.validate.figures.drawing.panels import axes, figure_of, finish
from twopeaks.validate.figures.drawing.style import FADED, INK, look_of
from twopeaks.validate.measured.cell import ErrorKind
from twopeaks.validate.scores.board import Board, Entry, Standing
from twopeaks.validate.scores.words import share

__all__ = ["fig_scoreboard"]

#: Cells that are named in each row, and beyond which ratio the axis is logarithmic.
_NAMED, _LINEAR = 2, 3.0
#: Heights of rows by which two names on one side must differ.
_APART = 0.16
#: Where a prediction without error stands on the axis.
_ZERO: dict[ErrorKind, float] = {"ratio": 1.0, "difference": 0.0}
#: Ratios that get a tick on a logarithmic axis.
_TICKS = (1e-3, 0.01, 0.03, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0, 1e3)


def fig_scoreboard(board: Board, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Each dot is one cell: predicted over measured (or less, for shares), and what the measurement's interval leaves.

    In every row the cells stand in the same order from top to bottom. Open triangles: censored cells, at the ratio to
    the bound on whose wrong side the prediction is; they point away from where the truth may be. Bars: median signed
    error. Open dots: outside the predictor's range.

    Raises:
        ValueError: if no predictor is wrong by anything known.
    """
    shown = [s for s in board.standings if s.worst]
    if not shown:
        raise ValueError(f"nothing to draw of {board.quantity}")
    if ax is None:
        height = 0.75 + 0.02 * min(len(board.cells), 40)
        ax = axes(size=(9.0, 1.9 + height * len(shown)))[0]
    zero = _ZERO[board.kind]
    places = [place for s in shown for entry in s.worst for place in (_ratio(entry), *_ends(entry))]
    places = [place for place in places if place > 0 or board.kind == "difference"]
    low, high = min([zero, *places]), max([zero, *places])
    logarithmic = board.kind == "ratio" and (high > _LINEAR or low < 1 / _LINEAR)
    ax.axvline(zero, color=INK, linewidth=1.0)
    for y, standing in enumerate(shown):
        _row(ax, y, standing, board, look_of(standing.predictor)[0])
    named = [board.names[entry.cell] for s in shown for entry in s.worst[:_NAMED]]
    if board.kind == "difference":
        _points(ax, low, high, _room(max(map(len, named))))
    else:
        _scale(ax, low, high, _room(max(map(len, named))), logarithmic=logarithmic)
    ax.set_ylim(len(shown) - 0.45, -0.55)
    ax.set_yticks(range(len(shown)), [_label(s, board.kind) for s in shown])
    how = {"ratio": "over measured", "difference": "less measured, in points"}[board.kind]
    finish(ax, f"predicted {board.quantity} {how}", "")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    _legend(ax, shown)
    return figure_of([ax]), ax


def _row(ax: Axes, y: int, standing: Standing, board: Board, colour: str) -> None:
    if y:
        ax.axhline(y - 0.5, color=FADED, linewidth=0.5, alpha=0.6)
    if standing.bias is not None:
        ax.plot(
            [_ZERO[board.kind] + standing.bias] * 2,
            [y - 0.4, y + 0.4],
            color=colour,
            linewidth=5,
            alpha=0.3,
            solid_capstyle="butt",
        )
    for entry in standing.worst:
        at = y + _offset(entry.cell, len(board.cells))
        face = colour if entry.in_range else "white"
        if entry.error is not None:
            ax.plot(_ends(entry), [at, at], color=colour, linewidth=1.1, alpha=0.7)
        ax.plot([_ratio(entry)], [at], _marker(entry), color=colour, markerfacecolor=face, markersize=5, zorder=4)
    taken: list[tuple[bool, float]] = []
    for entry in standing.worst[:_NAMED]:
        right, at = _ratio(entry) >= _ZERO[board.kind], y + _offset(entry.cell, len(board.cells))
        if any(side == right and abs(at - where) < _APART for side, where in taken):
            continue  # two names over each other would both be lost
        taken.append((right, at))
        end, shift = (max(_ends(entry)), 6) if right else (min(_ends(entry)), -6)
        look: dict[str, Any] = {"fontsize": 7.5, "color": INK, "ha": "left" if right else "right", "va": "center"}
        ax.annotate(board.names[entry.cell], (end, at), (shift, 0), textcoords="offset points", zorder=5, **look)


def _marker(entry: Entry) -> str:
    if entry.error is not None:
        return "o"
    return "<" if (entry.at_least or 0.0) < 0 else ">"


def _ratio(entry: Entry) -> float:
    wrong = entry.error if entry.error is not None else entry.at_least
    return _ZERO[entry.kind] + (wrong or 0.0)


def _ends(entry: Entry) -> list[float]:
    """Where both ends are of the measurement's interval; an open end, or none, is drawn at the dot."""
    zero = _ZERO[entry.kind]
    return [_ratio(entry) if error is None else zero + error for error in (entry.error_low, entry.error_high)]


def _offset(cell: int, cells: int) -> float:
    return 0.0 if cells == 1 else 0.68 * (cell / (cells - 1) - 0.5)


def _label(standing: Standing, kind: ErrorKind) -> str:
    own = standing.own["all"]
    error = "no error known" if own.value is None else f"median |error| {share(own.value, kind)} on {own.cells}"
    return f"{standing.predictor}\n{error}"


def _room(letters: int) -> float:
    """What is added on each side for names of so many letters, over the span of the dots."""
    share = min(0.3, 0.03 + 0.0085 * letters)
    return share / (1 - 2 * share)


def _scale(ax: Axes, low: float, high: float, room: float, *, logarithmic: bool) -> None:
    """Room for names on both sides; ticks as ratios if far apart, else as per cent."""
    if logarithmic:
        span = math.log(high / low)
        ax.set_xscale("log")
        ax.set_xlim(low * math.exp(-room * span), high * math.exp(room * span))
        left, right = ax.get_xlim()
        ax.xaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if left <= tick <= right]))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        return
    span = max(high - low, 0.02)
    ax.set_xlim(low - room * span, high + room * span)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x - 1:+.1%}" if span < 0.06 else f"{x - 1:+.0%}"))


def _points(ax: Axes, low: float, high: float, room: float) -> None:
    """Room for names on both sides; ticks in points."""
    span = max(high - low, 0.02)
    ax.set_xlim(low - room * span, high + room * span)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:+g}" if abs(x) > 1e-9 else "0"))


def _legend(ax: Axes, shown: Sequence[Standing]) -> None:
    entries = [entry for s in shown for entry in s.worst]
    handles = [Line2D([], [], color=FADED, marker="o", linewidth=1.1, markersize=5, label="cell, 95% of measurement")]
    if any(not entry.in_range for entry in entries):
        handles.append(_handle("o", "outside the predictor's range"))
    if any(entry.error is None for entry in entries):
        handles.append(_handle("<", "censored cell: wrong by at least this"))
    handles.append(Line2D([], [], color=FADED, linewidth=5, alpha=0.4, label="median signed error"))
    ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8, frameon=False)


def _handle(marker: str, label: str) -> Line2D:
    return Line2D([], [], color=FADED, marker=marker, markerfacecolor="white", linestyle="", markersize=5, label=label)
