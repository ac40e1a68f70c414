"""Muon against Adam in narrow networks: test loss, test accuracy and frequencies learned, against the width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from validate.figures.over_seeds import Cell, cells, mean_of, rounded
from validate.figures.print_style import figure_of, letters, narrow, panels

__all__ = ["fig_muon_width", "reduce"]

CAPTION = """
"""

#: Curve of the records -> quantity of the table, and the label of its axis.
_PANELS = {
    "test_loss": "test loss at the end",
    "test_accuracy": "test accuracy at the end",
    "covered": "frequencies with a node, of 35",
}
#: Optimizer -> colour, marker, name.
_RULES = {"adam": ("#0072B2", "o", "Adam"), "muon": ("#D55E00", "s", "Muon on W,\nAdam on V")}


def reduce(folder: Path) -> pl.DataFrame:
    """Rows of every optimizer, rate, width and quantity; ``best`` marks the rate of least mean loss at each width."""
    rows = pl.DataFrame([row for cell in cells(folder) for row in _rows(cell)])
    losses = rows.filter(pl.col("quantity") == "test_loss").sort("value")
    chosen = losses.group_by("optimizer", "width", maintain_order=True).first()
    best = chosen.select("optimizer", "width", "lr", best=pl.lit(1))
    joined = rows.join(best, on=["optimizer", "width", "lr"], how="left").with_columns(pl.col("best").fill_null(0))
    return joined.sort("optimizer", "lr", "width", "quantity")


def _rows(cell: Cell) -> Iterator[dict[str, Any]]:
    given = {key: cell.fields[key] for key in ("optimizer", "lr", "width")}
    kept = ~cell.records.diverged
    for quantity in _PANELS:
        values = np.where(kept, cell.records.final(quantity), np.nan)
        yield {**given, "quantity": quantity, **rounded(mean_of(values)), "diverged": int((~kept).sum())}


def fig_muon_width(table: pl.DataFrame, ax: Sequence[Axes] | None = None) -> tuple[Figure, list[Axes]]:
    """Three panels over the width: the best rate of either optimizer with its interval, other rates thin.

    Args:
        table: from `reduce`.
        ax: three axes; a figure of its own if None.

    Raises:
        InputError: if another number of axes was given.
    """
    made = panels(ax, 3, across=3, aspect=0.62 if narrow() else 0.95, share_x=True)
    for one, (quantity, label) in zip(made, _PANELS.items(), strict=True):
        for name in _RULES:
            rows = table.filter((pl.col("quantity") == quantity) & (pl.col("optimizer") == name)).sort("width")
            _rule(one, rows, name)
        one.set_ylabel(label)
        _widths(one, sorted(table["width"].unique()))
    for one in made if narrow() else made[:]:
        one.set_xlabel("width K")
    letters(made)
    return figure_of(made), made


def _rule(ax: Axes, rows: pl.DataFrame, name: str) -> None:
    colour, marker, _ = _RULES[name]
    for (_,), of_rate in rows.group_by("lr", maintain_order=True):
        ax.plot(of_rate["width"], of_rate["value"], color=colour, alpha=0.35, linewidth=0.7)
    best = rows.filter(pl.col("best") == 1)
    value, low, high = (best[key].to_numpy() for key in ("value", "low", "high"))
    ax.errorbar(best["width"], value, np.stack([value - low, high - value]), color=colour, marker=marker)


def _widths(ax: Axes, widths: Sequence[int]) -> None:
    ax.set_xscale("log")
    ax.set_xticks(widths)
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.minorticks_off()
