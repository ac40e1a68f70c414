"""Test accuracy where the last layer starts at random and where it starts at zero, and the steps to grok."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.theory.setting import Setting
from twopeaks.validate.figures.of_paper.contrasts import READING, Look, contrast, draw_contrast

__all__ = ["CAPTION", "fig_zero_init", "reduce"]

CAPTION = f"""
Networks whose last layer V starts at zero or, as usual, at uniform random weights: 256 ReLUs on Z23 at decay
0.0001, the same with a hidden layer more that adds its output to what it reads, and 512 nodes of x² on Z41 at decay
0.00005; MSE, Adam at rate 0.005, coupled decay, 80% of all pairs, at most 4,000 steps, 6 seeds each. {READING} Zero
V is faster everywhere: half of the steps with ReLUs, with or without the residual layer, and three quarters with
x². The paper has M = 41, 89 and 127 at 1,024 nodes (ReLUs: 2,048), which are reduced here for their cost, and finds
networks with the residual layer up to 10 times faster from zero; here it is 2 times, and the layer itself makes
grokking slower.
"""

_LOOKS = {"random": Look("random V", "#222222"), "zero": Look("zero V", "#009E73")}


def reduce(folder: Path) -> pl.DataFrame:
    """Curves, times and ratios from the folder of the sweep.

    Raises:
        InputError: as `contrast`.
    """
    return contrast(
        folder,
        panel=_panel,
        series=lambda setting: "random" if setting.network.init_scale_v else "zero",
        order=list(_LOOKS),
    )


def _panel(setting: Setting) -> str:
    network = setting.network
    sigma = "x²" if network.activation == "x^2" else "ReLU"
    return f"{setting.task.name}, {sigma}{', residual layer' if network.residual else ''}"


def fig_zero_init(table: pl.DataFrame, ax: Sequence[Axes] | None = None) -> tuple[Figure, list[Axes]]:
    """Four panels: curves of three networks, times.

    Args:
        table: as `reduce` makes it.
        ax: four axes; a figure of its own if None.
    """
    return draw_contrast(table, _LOOKS, ax, count=3)
