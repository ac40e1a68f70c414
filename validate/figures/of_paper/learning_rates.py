"""Near the threshold at small and large learning rates: what is left of generalising at the end, and on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.marks import band, bars
from twopeaks.validate.figures.drawing.over_seeds import Cell, cells, mean_of, rounded
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.tables import numbers, part

__all__ = ["FIGURE", "fig_learning_rates", "reduce"]

_CAPTION = """
Test accuracy near the threshold at five learning rates of Adam, η = 2·10⁻⁴, σ = z², full batch, 8 seeds a point. a,
b, at the end: Z23, K = 256, 3000 steps; Z47, K = 384, 2000 steps (with 20,000 steps and K = 14 M half of the networks
grok from n = 182 and 461 on). c, d, on the way, at one number of examples. Points and lines are means over seeds, bars
and bands 95% bootstrap intervals; all networks fit all training examples, none diverged. What still rises at the end is
censored, not lost: so does 0.001 in a to d, and 0.2 in c. In the paper small rates keep generalising features near
the threshold and large ones go to memorising ones (M = 23, 71, 127, K = 1024, 15 seeds). So it is here, but at rates
much larger than its 0.005: up to 0.05 the rate moves pace more than outcome, 0.2 needs more examples within the budget,
and 0.5 memorises at every size shown. No network that generalised lost it again.
"""

#: From the smallest rate to the largest one.
_COLOURS = ("#0072B2", "#56B4E9", "#999999", "#E69F00", "#D55E00")
#: Group -> number of training examples whose accuracy is shown over time.
_SHOWN = {"Z23": 205, "Z47": 600}
#: Step from which it is shown.
_FIRST = 30
#: Dots on a line, bars with caps.
_DOTS: dict[str, Any] = {"fmt": "o-", "elinewidth": None, "capsize": None, "zorder": 2}


def reduce(folder: Path) -> pl.DataFrame:
    """Rows group, samples, lr, quantity, step: test accuracy at the end of every cell, and over time of some.

    Raises:
        InputError: if the sweep was not trained to its end.
    """
    return pl.DataFrame([row for cell in cells(folder) for row in _rows(cell)], infer_schema_length=None)


def _rows(cell: Cell) -> Iterator[dict[str, Any]]:
    where = {key: cell.fields[key] for key in ("group", "samples", "lr")}
    records = cell.records
    diverged = records.diverged
    accuracy = np.where(diverged[:, None], np.nan, records.curves["test_accuracy"])
    lost = int(diverged.sum())

    def row(quantity: str, step: int, values: Any) -> dict[str, Any]:
        return {**where, "quantity": quantity, "step": step, **rounded(mean_of(values)), "diverged": lost}

    last = int(records.steps[-1])
    yield row("at the end", last, np.where(diverged, np.nan, records.final("test_accuracy")))
    if _SHOWN[where["group"]] == where["samples"]:
        for r in np.flatnonzero(records.steps >= _FIRST / 2):
            yield row("on the way", int(records.steps[r]), accuracy[:, r])


def fig_learning_rates(table: pl.DataFrame, ax: Sequence[Axes] | None = None) -> tuple[Figure, list[Axes]]:
    """Accuracy at the end against training examples above, over time at one number of them below; a group a column.

    Args:
        table: from `reduce`.
        ax: four axes; a figure of its own if None.

    Raises:
        InputError: if another number of axes was given.
    """
    made = panels(ax, 4, across=2, aspect=0.6, share_y=True)
    for (group, samples), above, below in zip(_SHOWN.items(), made[:2], made[2:], strict=True):
        of_group = part(table, group=group)
        for lr, colour in zip(sorted(of_group["lr"].unique()), _COLOURS, strict=True):
            rows = of_group.filter(pl.col("lr") == lr)
            end = part(rows, quantity="at the end").sort("samples")
            bars(above, numbers(end, "samples"), end, colour, **_DOTS, label=f"{lr:g}")
            band(below, "step", part(rows, quantity="on the way").sort("step"), colour)
        above.set_xticks(sorted(of_group["samples"].unique()))
        above.set_xlabel(f"training examples n of {group}")
        below.set_xlabel(f"step, {group} at n = {samples}")
        below.set_xscale("log")
        below.set_xlim(_FIRST, int(of_group["step"].max()))  # type: ignore[arg-type]
    for panel in made if narrow() else made[::2]:
        panel.set_ylabel("test accuracy")
        panel.set_ylim(-0.04, 1.06)
    made[0].legend(title="learning rate", loc="center right")
    letters(made)
    return figure_of(made), made


#: Its entry in the catalogue.
FIGURE = Entry(
    "learning-rates",
    "Test accuracy near the threshold at small and large learning rates",
    _CAPTION,
    fig_learning_rates,
    paper="Fig. 6",
    reduce=reduce,
)
