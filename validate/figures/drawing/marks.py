"""What figures of the catalogue share: text beside lines, numbers out of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from twopeaks.validate.figures.drawing.entry import read_table
from twopeaks.validate.scores.ranking import median_interval

__all__ = [
    "bars",
    "committed",
    "error_rows",
    "marked",
    "medians",
    "numbers",
    "part",
    "small",
    "table_of",
    "told",
]

Floats = NDArray[np.float64]


def small() -> float:
    """Points of the smallest text in the style that is in force: that of ticks."""
    return float(matplotlib.rcParams["font.size"]) - 1.0


def told(ax: Axes, text: str, at: tuple[float, float], colour: str, **more: Any) -> None:
    """Small text at a place in the data, without an arrow; a halo keeps lines out of it."""
    look: dict[str, Any] = {"fontsize": small(), "color": colour, "ha": "left", "va": "center", "zorder": 6} | more
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    ax.text(*at, text, bbox=box, **look)


def bars(ax: Axes, x: Floats, part: pl.DataFrame, colour: str, **more: Any) -> None:
    """Values of a table over x, with what its columns ``low`` and ``high`` leave of them; open ends have no bar."""
    value, low, high = (numbers(part, name) for name in ("value", "low", "high"))
    low, high = np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high)
    look: dict[str, Any] = {"fmt": "o", "color": colour, "elinewidth": 0.8, "capsize": 0, "zorder": 3} | more
    ax.errorbar(x, value, [np.maximum(value - low, 0), np.maximum(high - value, 0)], **look)


def error_rows(ax: Axes, labels: Sequence[str], table: pl.DataFrame, colours: Sequence[str]) -> None:
    """A row each: median |error| with its interval, and the worst, as shares, drawn in per cent.

    Args:
        ax: where.
        labels: of the rows, from the top.
        table: a row each, as `medians` makes them.
        colours: of the rows.
    """
    for y, (row, colour) in enumerate(zip(table.iter_rows(named=True), colours, strict=True)):
        ends = [100 * row[name] if row[name] is not None else np.nan for name in ("low", "high")]
        ax.plot(ends, [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
        ax.plot([100 * row["error"]], [y], "o", color=colour, markersize=5)
        ax.plot([100 * row["worst"]], [y], "x", color=colour, markersize=4)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xscale("log")
    marked(ax.xaxis, (1, 3, 10, 30, 100, 300))
    ax.grid(axis="x")
    ax.set_xlabel("|error| in %, median and worst")


def medians(errors: Sequence[float]) -> dict[str, str | float | None]:
    """Columns of a table: median of absolute errors, its interval over cells, the worst, and how many cells."""
    found = np.abs(np.array(errors, dtype=np.float64))
    low, high = median_interval(found)
    told = {"error": float(np.median(found)), "low": low, "high": high}
    return {**told, "worst": float(found.max()), "cells": float(len(found))}


def marked(axis: Axis, ticks: Sequence[float], suffix: str = "") -> None:
    """These ticks and no others on a logarithmic axis, as whole numbers where they are."""
    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda x, _: (f"{x:,.0f}" if x == round(x) else f"{x:g}") + suffix))


def numbers(table: pl.DataFrame, name: str) -> Floats:
    """A column as numbers; NaN where there is none."""
    return table[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def part(table: pl.DataFrame, **wanted: str) -> pl.DataFrame:
    """Rows that have these words in these columns, in the order of the table."""
    return table.filter(*(pl.col(name) == word for name, word in wanted.items()))


def table_of(rows: Sequence[Mapping[str, str | float | None]], words: Sequence[str]) -> pl.DataFrame:
    """A table of words and numbers; a number that is missing or not finite is left empty.

    Args:
        rows: columns of each, all the same.
        words: columns that are not numbers.
    """
    schema = {name: pl.String() if name in words else pl.Float64() for name in rows[0]}
    return pl.DataFrame(rows, schema=schema, strict=False).with_columns(
        pl.col(name).fill_nan(None) for name, kind in schema.items() if isinstance(kind, pl.Float64)
    )


def committed(results: Path, folder: str, quantity: str, file: str = "measured.csv") -> pl.DataFrame:
    """Rows of one quantity in a table of committed results."""
    return part(read_table(results / folder / file), quantity=quantity)
