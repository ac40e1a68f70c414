"""Test accuracy of networks of two, three and four layers of ReLUs, and the steps they take to grok."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.validate.figures.of_paper.contrasts import READING, Look, contrast, draw_contrast

__all__ = ["CAPTION", "fig_depth", "reduce"]

CAPTION = f"""
Networks of ReLUs on Z23: 2, 3 or 4 matrices from inputs to outputs, 128 nodes a layer, with or without residual
connections past the hidden matrices; 423 of the 529 pairs (80%), Adam at rate 0.002, coupled weight decay as the
panels say, MSE, at most 2,500 steps, 6 seeds each. {READING} All memorise within 110 steps, so what depth delays is
grokking: 3 and 4 layers take 4.7 and 5.5 times the steps of 2 at decay 0.001, 1.6 and 2.3 times at 0.002; residual
connections change little at 3 layers and delay it further at 4. The sizes behind the figure of the paper are not
known to us.
"""

_LOOKS = {
    "2": Look("2 layers", "#222222"),
    "3": Look("3", "#0072B2"),
    "3 residual": Look("3 residual", "#56B4E9"),
    "4": Look("4", "#D55E00"),
    "4 residual": Look("4 residual", "#E69F00"),
}


def reduce(folder: Path) -> pl.DataFrame:
    """Curves, times and ratios from the folder of the sweep.

    Raises:
        InputError: as `contrast`.
    """
    return contrast(
        folder,
        panel=lambda setting: f"decay {setting.optimizer.weight_decay:g}",
        series=lambda setting: f"{setting.network.layers}{' residual' if setting.network.residual else ''}",
        order=list(_LOOKS),
    )


def fig_depth(table: pl.DataFrame, ax: Sequence[Axes] | None = None) -> tuple[Figure, list[Axes]]:
    """Three panels: curves at either decay, times.

    Args:
        table: as `reduce` makes it.
        ax: three axes; a figure of its own if None.
    """
    return draw_contrast(table, _LOOKS, ax, count=2)
