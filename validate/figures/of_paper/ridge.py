"""Test accuracy with the last layer trained and with it solved by ridge regression, and the steps to grok."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.validate.figures.of_paper.contrasts import READING, Look, contrast, draw_contrast

__all__ = ["CAPTION", "fig_ridge", "reduce"]

CAPTION = f"""
Networks with 256 nodes (x², MSE, Adam at rate 0.005, coupled decay 0.00005, 80% of all pairs) whose last layer V is
trained like the first, or solved at each step by ridge regression for the present features; at most 1,500 steps, 6
seeds each. {READING} What the paper reports is seen here as well: solving V is slower for Z23 (1.4 times the steps)
and faster for Z41 (half of them). At each of these steps it costs a Cholesky factorisation, so fewer steps are not
less time. The paper has 5 seeds and M = 89 and 127 beside these groups, which are left out here for their cost.
"""

_LOOKS = {"trained": Look("V trained", "#222222"), "ridge": Look("V solved", "#D55E00")}


def reduce(folder: Path) -> pl.DataFrame:
    """Curves, times and ratios from the folder of the sweep.

    Raises:
        InputError: as `contrast`.
    """
    return contrast(
        folder,
        panel=lambda setting: f"{setting.task.name}, n = {setting.task.samples:,}",
        series=lambda setting: str(setting.network.readout),
        order=list(_LOOKS),
    )


def fig_ridge(table: pl.DataFrame, ax: Sequence[Axes] | None = None) -> tuple[Figure, list[Axes]]:
    """Three panels: curves of either group, times.

    Args:
        table: as `reduce` makes it.
        ax: three axes; a figure of its own if None.
    """
    return draw_contrast(table, _LOOKS, ax, count=2)
