"""Test accuracy against data size, with every predicted n_c as a line and the measured one as a band."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.validate.experiment.experiment import Result
from twopeaks.validate.figures.drawing.panels import axes, figure_of, finish
from twopeaks.validate.figures.drawing.style import COLOURS, INK, look_of

__all__ = ["draw_measured", "draw_outcomes", "fig_transition"]


def fig_transition(result: Result, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """One dot a network, the mean of each size as a line, predictions and measurement."""
    if ax is None:
        ax = axes()[0]
    draw_measured(result, ax)
    for p in result.predictions:
        if p.value is None:
            continue
        colour, line = look_of(p.predictor)
        ax.axvline(p.value, color=colour, linestyle=line, linewidth=2, label=f"{p.predictor}: {p.value:.0f}")
    draw_outcomes(result, ax)
    means = [np.mean(o.test_accuracy) for o in result.outcomes]
    ax.plot([o.samples for o in result.outcomes], means, color=INK, linewidth=1, zorder=2, label="mean of the seeds")
    finish(ax, "training examples n", "test accuracy at the end")
    ax.set_ylim(-0.03, 1.05)
    ax.set_title(_title(result), loc="left", fontsize=11)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, fontsize=8, frameon=False)
    return figure_of([ax]), ax


def _title(result: Result) -> str:
    group = result.experiment.setting.task.group
    return f"{group}: {len(result.experiment.seeds)} networks a size, {result.experiment.steps:,} steps each"


def draw_measured(result: Result, ax: Axes) -> None:
    """Band of the measured n_c, if it was found."""
    m = result.measured
    if m.value is None or m.low is None or m.high is None:
        return
    label = f"measured: {m.value:.0f} (95%: {m.low:.0f} to {m.high:.0f})"
    ax.axvspan(m.low, m.high, color=COLOURS["measured"], alpha=0.35, linewidth=0, label=label)


def draw_outcomes(result: Result, ax: Axes) -> None:
    """One dot a network: grokked within the budget, or not."""
    for kind, colour, grokked in (
        ("grokked", COLOURS["generalising"], True),
        ("did not grok within the budget", COLOURS["memorising"], False),
    ):
        points = [
            (o.samples + offset, accuracy)
            for o in result.outcomes
            for offset, accuracy, t in zip(_apart(result), o.test_accuracy, o.t_grok, strict=True)
            if (t is not None) == grokked
        ]
        if points:
            x, y = np.array(points).T
            ax.scatter(x, y, s=26, color=colour, edgecolor="white", linewidth=0.6, zorder=3, label=kind)


def _apart(result: Result) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Small horizontal offsets, one a seed, so that equal outcomes do not hide each other."""
    sizes = [o.samples for o in result.outcomes]
    reach = 0.006 * (max(sizes) - min(sizes))
    return np.linspace(-reach, reach, len(result.experiment.seeds))
