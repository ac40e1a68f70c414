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

from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.marks import band
from twopeaks.validate.figures.drawing.over_seeds import Cell, Summary, cells, quantiles_of, rounded
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import COLOURS, INK
from twopeaks.validate.figures.drawing.tables import part
from twopeaks.validate.measured.detect import grokked

__all__ = ["FIGURE", "fig_dynamics", "reduce"]

_CAPTION = """
Training with weight decay η = 2·10⁻⁴ (blue) and without (red): Z71, n = 2016 of 5041 examples, K = 2048, σ = z², Adam
at rate 10⁻³, full batch, 400 steps, 15 seeds each, as in the paper. Lines are medians over seeds, bands the quantiles
10% to 90%. a, accuracy on training examples (dashed) and on all others (solid). b, loss, likewise. c, size of the
gradient on the features, G_F = P(Y − FV)Vᵀ over training examples; dots mark the largest medians. d, 1 − cosine of the
weights before and after a step, W solid, V dashed. e, cosine of a step and the one before, likewise. f, mean size of
the off-diagonal entries of F̃ᵀF̃ over the mean of its diagonal, estimated from 32 nodes to about 1% (3% at the end).
As in the paper: off-diagonals stay far below its 8%, at most 3.5%; |G_F| is larger near step 100 with decay, 30
against 22; every network groks with decay and none without. But the two peaks of |G_F| differ little (71 at step 55,
64 at step 50): what decay changes is that the gradient does not die out after it. Without decay both layers end by
stepping back and forth.
"""

#: Curve of the records -> quantity in the table.
_CURVES = (
    "train_accuracy", "test_accuracy", "train_loss", "test_loss", "gradient_norm",
    "turn_w", "turn_v", "update_cosine_w", "update_cosine_v", "off_diagonal",
)  # fmt: skip
#: Whose largest median is marked.
_PEAK = "gradient_norm"
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
    """Rows of every curve, the largest median of |G_F|, and the members that grokked, from the folder of the sweep.

    Raises:
        InputError: if it was not trained to its end.
    """
    return pl.DataFrame([row for cell in cells(folder) for row in _rows(cell)], infer_schema_length=None)


def _rows(cell: Cell) -> Iterator[dict[str, Any]]:
    decay = cell.fields["weight_decay"]
    records = cell.records
    for name in _CURVES:
        summaries = quantiles_of(records.curves[name])
        for step, summary in zip(records.steps, summaries, strict=True):
            if np.isfinite(summary.value):
                yield _row(decay, name, int(step), summary)
        if name == _PEAK:
            most = int(np.nanargmax([summary.value for summary in summaries]))
            yield _row(decay, f"{name}_peak", int(records.steps[most]), summaries[most])
    done = grokked(records)
    yield _row(decay, "grokked", int(records.steps[-1]), Summary(float(sum(done)), 0.0, float(len(done))))


def _row(decay: float, quantity: str, step: int, summary: Summary) -> dict[str, Any]:
    return {"weight_decay": decay, "quantity": quantity, "step": step, **rounded(summary)}


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
        of_decay = table.filter(pl.col("weight_decay") == decay).sort("step")
        for panel, (solid, dashed, _) in zip(made, _PANELS, strict=True):
            if dashed:
                band(panel, "step", part(of_decay, quantity=dashed), colour, _DASHED)
            band(panel, "step", part(of_decay, quantity=solid), colour)
        peak = part(of_decay, quantity=f"{_PEAK}_peak")
        look: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.6, "zorder": 4}
        made[2].plot(peak["step"], peak["value"], "o", color=colour, **look)
    for panel, (*_, label) in zip(made, _PANELS, strict=True):
        panel.set_ylabel(label)
        panel.set_xlim(0, int(table["step"].max()))  # type: ignore[arg-type]
    for panel in made[-1:] if narrow() else made[3:]:
        panel.set_xlabel("step")
    _words(made, table)
    letters(made)
    return figure_of(made), made


def _words(made: Sequence[Axes], table: pl.DataFrame) -> None:
    """Scales, and what lines are."""
    accuracy, loss, gradient, turn, _, overlap = made
    for i, (decay, colour) in enumerate(_COLOURS.items()):
        row = part(table, quantity="grokked").filter(pl.col("weight_decay") == decay).row(0, named=True)
        counted = f"{row['value']:.0f} of {row['high']:.0f} grok"
        for ax, text, height in ((accuracy, counted, 0.8 - 0.58 * i), (gradient, f"η = {decay:g}", 0.85 - 0.14 * i)):
            ax.text(0.98, height, text, color=colour, ha="right", transform=ax.transAxes)
    loss.set_yscale("log")
    turn.set_yscale("log")
    for ax, names, where in ((accuracy, ("training", "test"), (1, 0.55)), (turn, ("V", "W"), (1, 0.85))):
        lines = [Line2D([], [], color=INK, linestyle=style) for style in (_DASHED, "-")]
        ax.legend(lines, names, loc="center right", bbox_to_anchor=where, ncols=2 if narrow() else 1)
    overlap.axhline(_CLAIMED, color=INK, linestyle=":", linewidth=1)
    across = overlap.get_yaxis_transform()
    overlap.text(0.98, _CLAIMED, f"paper: at most {_CLAIMED:.0%}", ha="right", va="bottom", transform=across)
    overlap.set_yticks(np.arange(0, 0.11, 0.02))
    overlap.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


#: Its entry in the catalogue.
FIGURE = Entry(
    "dynamics",
    "Training with weight decay and without: accuracy, loss, gradient on features, steps, overlap",
    _CAPTION,
    fig_dynamics,
    paper="Fig. 3",
    reduce=reduce,
)
