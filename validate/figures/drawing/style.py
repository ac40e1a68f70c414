"""Colours, type and sizes shared by all figures; colour-blind safe (Okabe & Ito)."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["COLOURS", "FADED", "INK", "PREDICTORS", "VERDICTS", "axes", "finish"]

#: Text and lines, and what steps back.
INK, FADED = "#222222", "#8a8a8a"
#: What is drawn -> its colour, the same in every figure.
COLOURS = {
    "generalising": "#0072B2",
    "memorising": "#D55E00",
    "partial": "#CC79A7",
    "measured": "#999999",
}
#: predictor -> (colour, line style, name shown)
PREDICTORS: dict[str, tuple[str, str, str]] = {
    "paper-law": ("#009E73", (0, (1, 1.5)), "paper's law, 2.7482 M log M"),  # type: ignore[dict-item]
    "heights-closed-form": ("#E69F00", "--", "peak heights, closed form"),
    "heights-shared": ("#CC79A7", "-.", "peak heights, blocks that share"),
    "heights-phases": ("#D55E00", (0, (5, 1, 1, 1)), "peak heights, block by block"),  # type: ignore[dict-item]
    "heights-calibrated": ("#0072B2", "-", "peak heights, calibrated on controls"),
    "heights-phases-calibrated": ("#56B4E9", (0, (3, 1)), "block by block, calibrated on controls"),  # type: ignore[dict-item]
}
#: verdict -> (colour, marker in figures, sign in text)
VERDICTS: dict[str, tuple[str, str, str]] = {
    "supported": (COLOURS["generalising"], "o", "✓"),
    "refuted": (COLOURS["memorising"], "X", "✗"),
    "undecided": (FADED, "D", "?"),
}


def axes(rows: int = 1, heights: tuple[float, ...] = (1.0,), size: tuple[float, float] = (7.0, 5.0)) -> list[Axes]:
    """Stacked axes that share x, on a figure of their own (no global state)."""
    figure = Figure(figsize=size, layout="constrained", dpi=150)
    grid = figure.subplots(rows, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    return [row[0] for row in grid]


def finish(ax: Axes, xlabel: str | None, ylabel: str) -> None:
    """Labels, and no frame above or to the right."""
    if xlabel is not None:
        ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=INK, labelsize=9)
