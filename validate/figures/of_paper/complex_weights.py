"""Test accuracy of networks of real and of complex weights, and the steps they take to grok."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.validate.figures.of_paper.contrasts import READING, Look, contrast, draw_contrast

__all__ = ["CAPTION", "fig_complex_weights", "reduce"]

CAPTION = f"""
Networks with 256 nodes (x², MSE, Adam at rate 0.005, coupled decay 0.00005, 80% of all pairs) of real weights, or
of complex ones in both layers with the real part as output (twice as many numbers); at most 1,500 steps, 6 seeds
each. {READING} That complex weights are faster, as the paper reports for M from 23 to 127, is seen for Z41, which
needs two thirds of the steps. For Z23 the interval of the ratio holds 1: complex networks learn a part earlier and
the rest no sooner. The paper has 5 seeds and M = 89 and 127 beside these groups, which are left out here for their
cost.
"""

_LOOKS = {"real": Look("real", "#222222"), "complex": Look("complex", "#0072B2")}


def reduce(folder: Path) -> pl.DataFrame:
    """Curves, times and ratios from the folder of the sweep.

    Raises:
        InputError: as `contrast`.
    """
    return contrast(
        folder,
        panel=lambda setting: f"{setting.task.name}, n = {setting.task.samples:,}",
        series=lambda setting: str(setting.network.weights),
        order=list(_LOOKS),
    )


def fig_complex_weights(table: pl.DataFrame, ax: Sequence[Axes] | None = None) -> tuple[Figure, list[Axes]]:
    """Three panels: curves of either group, times.

    Args:
        table: as `reduce` makes it.
        ax: three axes; a figure of its own if None.
    """
    return draw_contrast(table, _LOOKS, ax, count=2)
