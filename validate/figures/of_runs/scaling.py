"""How n_c grows with the order of the group: measured over M log M, and the laws that were fitted to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from twopeaks.validate.figures.drawing.panels import axes, figure_of, finish
from twopeaks.validate.figures.drawing.style import COLOURS, FADED, INK, PREDICTORS, look_of
from twopeaks.validate.figures.drawing.tables import Floats
from twopeaks.validate.laws.compare import Comparison, Score, Verdict, verdict
from twopeaks.validate.laws.laws import ASYMPTOTE, CORRECTED, FOUR_THIRDS, M_LOG_M, Law

__all__ = ["fig_scaling"]

#: law -> (colour, line style)
_LINES = {
    M_LOG_M.name: (PREDICTORS["paper-law"][0], "-"),
    FOUR_THIRDS.name: (COLOURS["generalising"], "-"),
    CORRECTED.name: (COLOURS["memorising"], "-."),
    ASYMPTOTE.name: (PREDICTORS["heights-closed-form"][0], "--"),
}
#: Orders that may be marked on the axis.
_TICKS = (5, 7, 11, 17, 23, 31, 43, 59, 89, 127, 179, 257, 367, 521)
#: No axis reaches further than this many times the largest measured order, wherever a decision would fall.
_FURTHEST = 4.0


def fig_scaling(
    comparison: Comparison, ax: Axes | None = None, first: Law = M_LOG_M, second: Law = FOUR_THIRDS
) -> tuple[Figure, Axes]:
    """n_c/(M log M) against M: crossings with their 95% intervals, laws, the two of the verdict with their model error.

    Args:
        comparison: laws on measured crossings.
        ax: where to draw; a figure of its own if left out.
        first: law between which and ``second`` the title decides.
        second: the other one.

    Raises:
        InputError: if one of these was not compared.
    """
    if ax is None:
        ax = axes(size=(7.0, 4.6))[0]
    decision = verdict(comparison, first, second)
    measured = np.array([cell.order for cell in comparison.cells], dtype=np.float64)
    end = 1.15 * max(measured[-1], decision.next_order or 0.0)
    orders = np.geomspace(0.9 * measured[0], min(end, _FURTHEST * measured[-1]), 300)
    for score in comparison.scores:
        if score.name in _LINES:
            _draw_law(ax, score, orders, banded=score.name in (first.name, second.name))
    _draw_crossings(ax, comparison, measured)
    if decision.next_order is not None and decision.next_order <= orders[-1]:
        ax.axvline(decision.next_order, color=FADED, linewidth=1, linestyle=":")
        text = f"M = {decision.next_order} would decide "
        across = ax.get_xaxis_transform()
        ax.text(decision.next_order, 0.02, text, color=FADED, fontsize=8, ha="right", va="bottom", transform=across)
    ax.set_xscale("log")
    ax.set_xticks([M for M in _TICKS if orders[0] <= M <= orders[-1]])
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.minorticks_off()
    finish(ax, "order M of the group", "training examples n_c over M log M")
    ax.set_title(_title(decision), loc="left", fontsize=11)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=8, frameon=False, handlelength=3)
    return figure_of([ax]), ax


def _draw_law(ax: Axes, score: Score, orders: Floats, *, banded: bool) -> None:
    colour, line = _LINES[score.name]
    curve = score.fit.log_curve(orders) - np.log(orders * np.log(orders))
    label = _label(score.name, score.left_out)
    ax.plot(orders, np.exp(curve), color=colour, linestyle=line, linewidth=2, label=label)
    if banded:
        ends = np.exp(curve - score.fit.scatter), np.exp(curve + score.fit.scatter)
        ax.fill_between(orders, *ends, color=colour, alpha=0.12, linewidth=0)


def _draw_crossings(ax: Axes, comparison: Comparison, orders: Floats) -> None:
    """What the theory predicted of each group, as open diamonds, and what was measured."""
    scale = orders * np.log(orders)
    score = next((score for score in comparison.scores if score.fit.law.shape is None), None)
    if score is not None:
        predicted = np.exp(score.fit.log_n(comparison.cells)) / scale
        colour = look_of(score.name)[0]
        label = _label(f"{score.name}, no run", score.left_out)
        ax.plot(orders, predicted, "D", color=colour, markerfacecolor="none", markersize=6, label=label)
    ends = ((cell.low, cell.value, cell.high) for cell in comparison.cells)
    low, value, high = np.array(list(ends)).T / scale
    look: dict[str, Any] = {"color": INK, "markersize": 4.5, "capsize": 2.5, "linewidth": 1.2, "zorder": 4}
    ax.errorbar(orders, value, [value - low, high - value], fmt="o", label="measured, 95%", **look)


def _label(name: str, left_out: float) -> str:
    return f"{name}: {left_out:.1%} off where left out"


def _title(decision: Verdict) -> str:
    state = "Decided" if decision.decided else "Undecided"
    return f"{state}: evidence {decision.ratio} for {decision.favoured} against {decision.other}"
