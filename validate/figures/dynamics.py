"""Training with weight decay and without it: accuracy, loss, |G_F|, turning of W and V, overlap of features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from validate.figures.over_seeds import Cell, Floats, Summary, cells, quantiles_of, rounded
from validate.figures.print_style import figure_of, letters, narrow, panels
from validate.figures.style import COLOURS, INK

__all__ = ["fig_dynamics", "reduce"]

CAPTION = """
Training with weight decay η = 2·10⁻⁴ (blue) and without (red): Z71, n = 2016 of 5041 pairs, K = 2048, σ = z², Adam at
rate 10⁻³, full batch, 400 steps, 15 seeds each. Lines are medians over seeds, bands the quantiles 10% to 90%.
a, accuracy on training (dashed) and other pairs (solid).
b, loss. c, size of the gradient on the features, G_F = P(Y − FV)Vᵀ; dots mark where the medians are largest.
d, 1 − cosine of the weights before and after a step, W solid, V dashed. e, cosine of a step and the one before it.
f, mean size of off-diagonal entries of F̃ᵀF̃ over the mean of diagonal ones; the dotted line is the 8% under which the
paper has them.
"""

#: Curve of the records -> quantity in the table.
_CURVES = (
    "train_accuracy", "test_accuracy", "train_loss", "test_loss", "gradient_norm",
    "turn_w", "turn_v", "update_cosine_w", "update_cosine_v", "off_diagonal",
)  # fmt: skip
#: Quantities whose largest median is marked.
_PEAKS = ("gradient_norm", "off_diagonal")
#: What the paper says of off-diagonal entries.
_CLAIMED = 0.08
_COLOURS = {2e-4: COLOURS["generalising"], 0.0: COLOURS["memorising"]}
_DASHED: Any = (0, (3, 1.2))
#: Solid line, dashed line, label of each panel.
_PANELS = (
    ("test_accuracy", "train_accuracy", "accuracy"),
    ("test_loss", "train_loss", "loss"),
    ("gradient_norm", "", "|$G_F$|"),
    ("turn_w", "turn_v", "1 − cosine of weights\nbefore and after a step"),
    ("update_cosine_w", "update_cosine_v", "cosine of a step\nand the one before"),
    ("off_diagonal", "", "off-diagonal share"),
)


def reduce(folder: Path) -> pl.DataFrame:
    """Rows of every curve, and of its largest median and the members that grokked, from the folder of the sweep."""
    return pl.DataFrame([row for cell in cells(folder) for row in _rows(cell)], infer_schema_length=None)


def _rows(cell: Cell) -> Iterator[dict[str, Any]]:
    decay = cell.fields["weight_decay"]
    records = cell.records
    for name in _CURVES:
        found = quantiles_of(records.curves[name])
        for step, one in zip(records.steps, found, strict=True):
            if np.isfinite(one.value):
                yield _row(decay, name, int(step), one)
        if name in _PEAKS:
            most = int(np.nanargmax([one.value for one in found]))
            yield _row(decay, f"{name}_peak", int(records.steps[most]), found[most])
    ends = records.final("test_accuracy")
    yield _row(decay, "grokked", int(records.steps[-1]), Summary(float((ends >= 0.95).sum()), 0.0, float(len(ends))))


def _row(decay: float, quantity: str, step: int, one: Summary) -> dict[str, Any]:
    return {"weight_decay": decay, "quantity": quantity, "step": step, **rounded(one)}


def fig_dynamics(table: pl.DataFrame, ax: Sequence[Axes] | None = None) -> tuple[Figure, list[Axes]]:
    """Six panels over the step of training.

    Args:
        table: from `reduce`: weight_decay, quantity, step, value, low, high.
        ax: six axes; a figure of its own if None.

    Raises:
        InputError: if another number of axes was given.
    """
    made = panels(ax, 6, across=3, aspect=0.4 if narrow() else 0.72, share_x=True)
    for decay, colour in _COLOURS.items():
        of_decay = table.filter(pl.col("weight_decay") == decay)
        for one, (solid, dashed, _) in zip(made, _PANELS, strict=True):
            if dashed:
                _curve(one, of_decay, dashed, colour, _DASHED)
            _curve(one, of_decay, solid, colour, "-")
        _peak(made[2], of_decay, colour)
    for one, (*_, label) in zip(made, _PANELS, strict=True):
        one.set_ylabel(label)
        one.set_xlim(0, int(table["step"].max()))  # type: ignore[arg-type]
    for one in made[-1:] if narrow() else made[3:]:
        one.set_xlabel("step")
    _words(made, table)
    letters(made)
    return figure_of(made), made


def _columns(rows: pl.DataFrame, name: str) -> tuple[Floats, ...]:
    found = rows.filter(pl.col("quantity") == name).sort("step")
    return tuple(found[key].cast(pl.Float64).to_numpy() for key in ("step", "value", "low", "high"))


def _curve(ax: Axes, rows: pl.DataFrame, name: str, colour: str, line: Any) -> None:
    step, value, low, high = _columns(rows, name)
    ax.fill_between(step, low, high, color=colour, alpha=0.22, linewidth=0)
    ax.plot(step, value, color=colour, linestyle=line)


def _peak(ax: Axes, rows: pl.DataFrame, colour: str) -> None:
    step, value, *_ = _columns(rows, "gradient_norm_peak")
    ax.plot(step, value, "o", color=colour, markeredgecolor="white", markeredgewidth=0.6, zorder=4)


def _words(made: Sequence[Axes], table: pl.DataFrame) -> None:
    """Scales, and what lines are."""
    accuracy, loss, _, turn, steady, overlap = made
    for decay, colour in _COLOURS.items():
        row = table.filter((pl.col("quantity") == "grokked") & (pl.col("weight_decay") == decay)).row(0, named=True)
        grok = f"η = {decay:g}: {row['value']:.0f} of {row['high']:.0f} grok"
        accuracy.text(0.97, 0.62 if decay else 0.18, grok, color=colour, ha="right", transform=accuracy.transAxes)
    loss.set_yscale("log")
    turn.set_yscale("log")
    keys = {loss: ("training", "test"), turn: ("V", "W"), steady: ("V", "W")}
    for one, (dashed, solid) in {accuracy: ("training", "test"), **keys}.items():
        lines = [Line2D([], [], color=INK, linestyle=style) for style in (_DASHED, "-")]
        one.legend(lines, (dashed, solid), loc="center right" if one is accuracy else "best", handlelength=2.2)
    overlap.axhline(_CLAIMED, color=INK, linestyle=":", linewidth=1)
    overlap.text(
        0.97, _CLAIMED, f"paper: below {_CLAIMED:.0%}", ha="right", va="bottom", transform=overlap.get_yaxis_transform()
    )
    overlap.set_ylim(0, 1.25 * _CLAIMED)
    overlap.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
