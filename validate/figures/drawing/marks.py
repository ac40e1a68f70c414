"""Marks that figures share: words beside lines, values with their intervals, bands, ticks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from twopeaks.validate.figures.drawing.tables import Floats, intervals, numbers

__all__ = ["band", "bars", "error_rows", "only_ticks", "small", "words"]


def small() -> float:
    """Points of the smallest text in the style that is in force: that of ticks."""
    return float(matplotlib.rcParams["font.size"]) - 1.0


def words(ax: Axes, text: str, at: tuple[float, float], colour: str, **more: Any) -> None:
    """Small text at a place in the data, without an arrow; a halo keeps lines out of it."""
    look: dict[str, Any] = {"fontsize": small(), "color": colour, "ha": "left", "va": "center", "zorder": 6} | more
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    ax.text(*at, text, bbox=box, **look)


def bars(ax: Axes, x: Floats, table: pl.DataFrame, colour: str, **more: Any) -> None:
    """The column ``value`` over x, with bars from ``low`` to ``high``; open ends have no bar."""
    value, low, high = intervals(table)
    look: dict[str, Any] = {"fmt": "o", "color": colour, "elinewidth": 0.8, "capsize": 0, "zorder": 3} | more
    ax.errorbar(x, value, [np.maximum(value - low, 0), np.maximum(high - value, 0)], **look)


def band(ax: Axes, x: str, table: pl.DataFrame, colour: str, linestyle: Any = "-", alpha: float = 0.22) -> None:
    """The column ``value`` over the column ``x`` as a line, in a band from ``low`` to ``high``."""
    at = numbers(table, x)
    ax.fill_between(at, numbers(table, "low"), numbers(table, "high"), color=colour, alpha=alpha, linewidth=0)
    ax.plot(at, numbers(table, "value"), color=colour, linestyle=linestyle)


def error_rows(ax: Axes, labels: Sequence[str], table: pl.DataFrame, colours: Sequence[str]) -> None:
    """A row each: median |error| with its interval, and the worst, as shares, drawn in per cent.

    Args:
        ax: where.
        labels: of the rows, from the top.
        table: a row each, as `medians` makes them.
        colours: of the rows.
    """
    percent = {name: 100 * numbers(table, name) for name in ("error", "low", "high", "worst")}
    for y, colour in enumerate(colours):
        ax.plot([percent["low"][y], percent["high"][y]], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
        ax.plot([percent["error"][y]], [y], "o", color=colour, markersize=5)
        ax.plot([percent["worst"][y]], [y], "x", color=colour, markersize=4)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xscale("log")
    only_ticks(ax.xaxis, (1, 3, 10, 30, 100, 300))
    ax.grid(axis="x")
    ax.set_xlabel("|error| in %, median and worst")


def only_ticks(axis: Axis, ticks: Sequence[float], suffix: str = "") -> None:
    """These ticks and no others on a logarithmic axis, as whole numbers where they are."""
    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda x, _: (f"{x:,.0f}" if x == round(x) else f"{x:g}") + suffix))
