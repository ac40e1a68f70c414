"""The two peaks: norm that memorising and generalising cost against data size, and what networks did below."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.validate.experiment.experiment import Result
from twopeaks.validate.figures.drawing.panels import axes, figure_of, finish
from twopeaks.validate.figures.drawing.style import COLOURS, FADED, INK
from twopeaks.validate.figures.of_runs.transition import draw_measured, draw_outcomes

__all__ = ["fig_two_peaks"]


def fig_two_peaks(result: Result, both: tuple[Axes, Axes] | None = None) -> tuple[Figure, tuple[Axes, Axes]]:
    """Heights above (control runs as dots, crossing marked), networks' outcomes below, on one axis of n."""
    if both is None:
        made = axes(2, (3, 2), (7.0, 6.0))
        both = (made[0], made[1])
    top, bottom = both
    fit = result.calibration.fit
    sizes = [o.samples for o in result.outcomes] + [c.setting.task.samples for c in result.controls.memorising]
    n = np.linspace(0.9 * min(sizes), 1.05 * max(sizes), 200)
    memorising = np.asarray(fit.memorising(n))
    blue, red = COLOURS["generalising"], COLOURS["memorising"]
    top.plot(n, memorising, color=red, linewidth=2.2)
    top.axhline(fit.generalising, color=blue, linewidth=2.2)
    top.fill_between(n, np.minimum(memorising, fit.generalising), memorising.max(), color=FADED, alpha=0.10)
    _control_dots(result, top)
    top.annotate(
        f"peaks equally high at n = {fit.crossing:.0f}",
        (fit.crossing, fit.generalising),
        xytext=(26, 48),
        textcoords="offset points",
        ha="left",
        fontsize=9,
        arrowprops={"arrowstyle": "->", "color": INK},
    )
    top.plot([fit.crossing], [fit.generalising], "o", color=INK, markersize=7, zorder=4)
    top.text(
        n[2], float(fit.memorising(n[2])), "  memorisation: sinks as data grow", color=red, fontsize=9, va="bottom"
    )
    top.text(n[2], fit.generalising, "  generalisation: stays", color=blue, fontsize=9, va="bottom")
    top.invert_yaxis()
    finish(top, None, "norm it costs, |W|² + |V|²\n(higher on the page = cheaper)")
    top.set_title(f"The two peaks of {result.experiment.setting.task.group}", loc="left", fontsize=11)
    draw_measured(result, bottom)
    draw_outcomes(result, bottom)
    bottom.axvline(fit.crossing, color=INK, linewidth=1, linestyle="--")
    top.axvline(fit.crossing, color=INK, linewidth=1, linestyle="--")
    bottom.set_ylim(-0.05, 1.08)
    finish(bottom, "training examples n", "test accuracy\nof trained networks")
    bottom.legend(loc="center right", fontsize=8, frameon=True, framealpha=0.9, edgecolor="none")
    return figure_of([top]), both


def _control_dots(result: Result, ax: Axes) -> None:
    for cell, records in zip(result.controls.memorising, result.control_records[1:], strict=True):
        costs = (records.final("norm_w2") + records.final("norm_v2"))[~records.diverged]
        ax.scatter(np.full(len(costs), cell.setting.task.samples), costs, s=18, color=COLOURS["memorising"], zorder=3)
