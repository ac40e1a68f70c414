"""Muon against Adam in narrow networks: test loss, its ratio, and frequencies learned, against the width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter

from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.marks import bars
from twopeaks.validate.figures.drawing.over_seeds import Cell, cells, mean_of, rounded
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import FADED, INK
from twopeaks.validate.figures.drawing.tables import Floats, numbers, part

__all__ = ["FIGURE", "fig_muon_width", "reduce"]

_CAPTION = """
Muon on W with Adam on V (squares) against Adam alone (circles) in narrow networks: Z71, n = 2016 of 5041 examples,
η = 5·10⁻⁵, σ = z², 800 steps, 8 seeds, the same initial weights and examples for both. Heavy lines: the best of three
rates at each width, by mean test loss (Adam 0.002, 0.005, 0.02; Muon 0.01, 0.02, 0.05, V at 0.005); thin lines: the
others. a, test loss at the end. b, test loss of Muon over that of Adam, seed by seed, at their best rates.
c, frequencies, of 35, in which some live node has at least three quarters of its power. Bars: 95% bootstrap intervals
of means over seeds; that the rates were chosen on the same seeds is not in them. The paper shows a lower test loss with
Muon at small width. Not here: the ratio is within its interval of 1 at K = 16, 24 and 64, and Muon's loss is higher by
2% at K = 40 and 4% at K = 96, within this budget. At K = 40 Muon does learn more frequencies, the direction of the
paper's theorem 8, and they do not pay.
"""

#: Curve of the records -> label of its axis.
_CURVES = {"test_loss": "test loss", "covered": "frequencies learned"}
#: Optimizer -> colour, marker, name.
_RULES = {"adam": ("#0072B2", "o", "Adam"), "muon": ("#D55E00", "s", "Muon on W")}
#: Widths are drawn apart by this factor, so that equal numbers do not hide each other.
_APART = {"adam": 0.98, "muon": 1.02}
#: Lines through the values, bars with caps.
_LINE: dict[str, Any] = {"fmt": "-", "elinewidth": None, "capsize": None, "zorder": 2}


def reduce(folder: Path) -> pl.DataFrame:
    """Rows optimizer, lr, width, quantity, best, value, low, high, diverged; ``best`` is 1 at the rate of least loss.

    A rate at which a member diverged comes after all others: the mean of its other members would flatter it.

    Raises:
        InputError: if the sweep was not trained to its end.
    """
    trained = cells(folder)
    best: dict[tuple[str, int], Cell] = {}
    for cell in sorted(trained, key=_mean_loss):
        best.setdefault((cell.fields["optimizer"], cell.fields["width"]), cell)
    rows = [row for cell in trained for row in _rows(cell, any(cell is other for other in best.values()))]
    for width in sorted({width for _, width in best}):
        muon, adam = (_ends(best[name, width], "test_loss") for name in ("muon", "adam"))
        rows.append(_row("muon/adam", None, width, "ratio", best=True, values=muon / adam))
    return pl.DataFrame(rows, infer_schema_length=None)


def _mean_loss(cell: Cell) -> float:
    """At the end; infinite if a member diverged."""
    return float(np.nan_to_num(_ends(cell, "test_loss"), nan=np.inf).mean())


def _rows(cell: Cell, best: bool) -> Iterator[dict[str, Any]]:
    optimizer, lr, width = (cell.fields[key] for key in ("optimizer", "lr", "width"))
    for quantity in _CURVES:
        yield _row(optimizer, lr, width, quantity, best=best, values=_ends(cell, quantity))


def _row(optimizer: str, lr: float | None, width: int, quantity: str, *, best: bool, values: Floats) -> dict[str, Any]:
    row = {"optimizer": optimizer, "lr": lr, "width": width, "quantity": quantity, "best": int(best)}
    return row | rounded(mean_of(values)) | {"diverged": int(np.isnan(values).sum())}


def _ends(cell: Cell, quantity: str) -> Floats:
    """(E,) last values, in the order of seeds; NaN for members that diverged."""
    return np.where(cell.records.diverged, np.nan, cell.records.final(quantity))


def fig_muon_width(table: pl.DataFrame, ax: Sequence[Axes] | None = None) -> tuple[Figure, list[Axes]]:
    """Three panels over the width.

    Args:
        table: from `reduce`.
        ax: three axes; a figure of its own if None.

    Raises:
        InputError: if another number of axes was given.
    """
    made = panels(ax, 3, across=3, aspect=0.62 if narrow() else 0.9, share_x=True)
    loss, ratio, frequencies = made
    for name in _RULES:
        of_rule = part(table, optimizer=name).sort("lr", "width")
        for panel, (quantity, label) in zip((loss, frequencies), _CURVES.items(), strict=True):
            _rule(panel, part(of_rule, quantity=quantity), name)
            panel.set_ylabel(label)
    ratios = part(table, quantity="ratio").sort("width")
    bars(ratio, numbers(ratios, "width"), ratios, INK, **_LINE, marker="D")
    ratio.axhline(1, color=FADED, linewidth=0.8, linestyle=":")
    ratio.set_ylabel("test loss, Muon over Adam")
    loss.set_ylim(0, 1)
    loss.legend(loc="lower left")
    frequencies.set_ylim(0, None)
    for panel in made:
        panel.set_xscale("log")
        panel.set_xticks(sorted(table["width"].unique()))
        panel.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        panel.minorticks_off()
    for panel in made[-1:] if narrow() else made:
        panel.set_xlabel("width K")
    letters(made)
    return figure_of(made), made


def _rule(ax: Axes, rows: pl.DataFrame, name: str) -> None:
    colour, marker, label = _RULES[name]
    for lr in rows["lr"].unique(maintain_order=True):
        of_rate = rows.filter(pl.col("lr") == lr)
        ax.plot(of_rate["width"] * _APART[name], of_rate["value"], color=colour, alpha=0.4, linewidth=0.6)
    best = rows.filter(pl.col("best") == 1).sort("width")
    bars(ax, numbers(best, "width") * _APART[name], best, colour, **_LINE, marker=marker, label=label)


#: Its entry in the catalogue.
FIGURE = Entry(
    "muon-width",
    "Muon against Adam in narrow networks: test loss and frequencies learned against the width",
    _CAPTION,
    fig_muon_width,
    paper="Fig. 8",
    reduce=reduce,
)
