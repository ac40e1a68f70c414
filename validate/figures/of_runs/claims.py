"""Claims about trained networks: every verdict in one figure, and what was measured as curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from twopeaks.validate.claims.claim import Estimate, Form, Judgement, Outcome, Series
from twopeaks.validate.claims.words import allowed, counts, measured
from twopeaks.validate.figures.drawing.panels import axes, figure_of, finish
from twopeaks.validate.figures.drawing.style import COLOURS, FADED, INK, VERDICTS

__all__ = ["fig_all_series", "fig_series", "fig_verdicts"]

#: Where the columns of text begin, in points right of the axes, and where the claims' names end, left of them.
_ALLOWED, _MEASURED, _NAMES = 10, 75, -170
#: A range open on one side is drawn so that the farthest end of the interval comes this close to its other side.
_OPEN = 0.8
#: Distances from the range, in its widths, that get a tick.
_TICKS = (1, 4)
#: Curves with more points than this have no dots; axes with more points than this have matplotlib's ticks.
_DOTS, _OWN_TICKS = 30, 8
#: Colours in turn: of measured curves, and of predicted ones.
_CURVES = (COLOURS["generalising"], "#009E73", COLOURS["partial"], "#E69F00")
_PREDICTED = (COLOURS["memorising"], INK, "#56B4E9")


# --- verdicts ------------------------------------------------------------------------------------------


def fig_verdicts(outcomes: Sequence[Outcome], ax: Axes | None = None) -> tuple[Figure, Axes]:
    """One row a form: the range it allows as a bar, the estimate with its 95% interval on it.

    Each row has a scale of its own. A range is drawn from 0 to 1, linearly; beyond it, the distance d in widths of the
    range is drawn as d / (1 + d), so that everything has a place and nothing changes sides. A range open on one side
    has no width; the end of the interval farthest from its bound takes that part.
    """
    rows = [(outcome, judged) for outcome in outcomes for judged in outcome.forms]
    if ax is None:
        ax = axes(size=(11.0, 1.6 + 0.26 * len(rows)))[0]
    for y, (_, judged) in enumerate(rows):
        _draw_row(ax, y, judged)
    _name_rows(ax, outcomes)
    ax.set_xlim(-1.03, 2.03)
    ax.set_ylim(len(rows) - 0.4, -1.6)
    _scale_axis(ax)
    _legend(ax, outcomes)
    return figure_of([ax]), ax


def _draw_row(ax: Axes, y: int, judged: Judgement) -> None:
    estimate = judged.estimate
    colour, marker, _ = VERDICTS[judged.verdict]
    left, right = (-1.0 if judged.low is None else 0.0), (2.0 if judged.high is None else 1.0)
    ax.barh(y, right - left, left=left, height=0.62, color=colour, alpha=0.16, linewidth=0)
    for bound, place in ((judged.low, 0.0), (judged.high, 1.0)):
        if bound is not None:
            ax.plot([place, place], [y - 0.31, y + 0.31], color=INK, linewidth=1.4, solid_capstyle="butt")
    if estimate.value is not None and estimate.low is not None and estimate.high is not None:
        place_of = _scale(judged, estimate)
        ax.plot([place_of(estimate.low), place_of(estimate.high)], [y, y], color=colour, linewidth=2.2)
        face = "white" if judged.verdict == "undecided" else colour
        ax.plot([place_of(estimate.value)], [y], marker, color=colour, markerfacecolor=face, markersize=6.5, zorder=4)
    _beside(ax, y, _ALLOWED, allowed(judged))
    _beside(ax, y, _MEASURED, measured(estimate))


def _beside(ax: Axes, y: float, points: float, text: str, **font: Any) -> None:
    """Text beside a row: so many points right of the axes, or, if negative, left of them."""
    look: dict[str, Any] = {"va": "center", "fontsize": 8, "color": INK, **font}
    at = (float(points > 0), y)
    ax.annotate(text, at, (points, 0), ax.get_yaxis_transform(), "offset points", annotation_clip=False, **look)


def _scale(form: Form, estimate: Estimate) -> Callable[[float], float]:
    """Place of a value in its row: the range is [0, 1], with more and more squeezed beyond it."""
    bounds = [bound for bound in (form.low, form.high) if bound is not None]
    ends = [end for end in (estimate.low, estimate.high) if end is not None]
    farthest = max(abs(end - bound) for end in ends for bound in bounds)
    unit = (max(bounds) - min(bounds) or farthest / _OPEN) or 1.0
    start = bounds[0] if form.low is not None else bounds[0] - unit
    stop = bounds[-1] if form.high is not None else bounds[-1] + unit

    def place(value: float) -> float:
        if start <= value <= stop:
            return 0.5 if start == stop else (value - start) / (stop - start)
        beyond = (start - value if value < start else value - stop) / unit
        squeezed = beyond / (1 + beyond)
        return -squeezed if value < start else 1 + squeezed

    return place


def _name_rows(ax: Axes, outcomes: Sequence[Outcome]) -> None:
    """Claim at its first row, quantity and form at each, a thin line between claims."""
    names, y = [], 0
    for outcome in outcomes:
        ax.axhline(y - 0.5, color=FADED, linewidth=0.5, alpha=0.6)
        _beside(ax, y, _NAMES, outcome.id, ha="right", weight="bold")
        names += [f"{judged.quantity} ({judged.name})" for judged in outcome.forms]
        y += len(outcome.forms)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    _beside(ax, -1, _ALLOWED, "allowed", style="italic")
    _beside(ax, -1, _MEASURED, "measured [95%]", style="italic")


def _scale_axis(ax: Axes) -> None:
    below = [-d / (1 + d) for d in _TICKS]
    ticks = [*reversed(below), 0, 1, *(1 - place for place in below)]
    words = [f"−{d}×" for d in reversed(_TICKS)], [f"+{d}×" for d in _TICKS]
    ax.set_xticks(ticks, [*words[0], "lower bound", "upper bound", *words[1]])
    finish(ax, "place in the row's own range; beyond it, distance in widths of the range, squeezed", "")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0, labelsize=8)


def _legend(ax: Axes, outcomes: Sequence[Outcome]) -> None:
    handles = []
    for verdict, number in counts(outcomes)["forms"].items():
        colour, marker, _ = VERDICTS[verdict]
        face = "white" if verdict == "undecided" else colour
        label = f"{verdict}: {number}"
        handles.append(Line2D([], [], color=colour, marker=marker, markerfacecolor=face, linewidth=2.2, label=label))
    ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=9, frameon=False)


# --- curves --------------------------------------------------------------------------------------------


def fig_series(outcome: Outcome, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """What was measured for a claim (mean and spread), with what was predicted as dashed lines.

    Raises:
        ValueError: if the claim's finding has no curves.
    """
    series = outcome.finding.series
    if not series:
        raise ValueError(f"{outcome.id} has no curves")
    if ax is None:
        ax = axes(size=(7.0, 4.2))[0]
    _draw_curves(ax, series)
    colour, _, sign = VERDICTS[outcome.verdict]
    ax.set_title(outcome.id, loc="left", fontsize=11)
    ax.set_title(f"{sign} {outcome.verdict}", loc="right", fontsize=10, color=colour)
    finish(ax, *(fill(label, 40) for label in outcome.finding.axes))
    ax.legend(fontsize=8, frameon=True, framealpha=0.8, edgecolor="none")
    return figure_of([ax]), ax


def fig_all_series(outcomes: Sequence[Outcome]) -> tuple[Figure, list[Axes]]:
    """A page of small figures: every claim that has curves.

    Raises:
        ValueError: if none has.
    """
    shown = [outcome for outcome in outcomes if outcome.finding.series]
    if not shown:
        raise ValueError("none of the claims has curves")
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.4 * rows), layout="constrained", dpi=150)
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for outcome, ax in zip(shown, places, strict=False):
        fig_series(outcome, ax)
    for ax in places[len(shown) :]:
        ax.remove()
    return figure, places[: len(shown)]


def _draw_curves(ax: Axes, series: Sequence[Series]) -> None:
    spread, lines = [s for s in series if s.low], [s for s in series if not s.low]
    for s, colour in zip(spread, _in_turn(_CURVES, len(spread)), strict=True):
        ax.fill_between(s.x, s.low, s.high, color=colour, alpha=0.2, linewidth=0)
        marker = "o" if len(s.x) <= _DOTS else ""
        ax.plot(s.x, s.y, color=colour, marker=marker, linewidth=1.6, markersize=3.5, label=s.name)
    for s, colour in zip(lines, _in_turn(_PREDICTED, len(lines)), strict=True):
        ax.plot(s.x, s.y, color=colour, linestyle="--", linewidth=1.8, label=s.name)
    _scale_axes(ax, [x for s in series for x in s.x], [y for s in series for y in s.y])


def _scale_axes(ax: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    """Logarithmic where the numbers grow by factors; few x get a tick each."""
    if not _by_factors(x):
        return
    ax.set_xscale("log")
    if len(ticks := np.unique(x)) <= _OWN_TICKS:
        ax.set_xticks(ticks, [f"{number:g}" for number in ticks])
    ax.minorticks_off()
    if _by_factors(y):
        ax.set_yscale("log")


def _in_turn(colours: Sequence[str], count: int) -> list[str]:
    return [colours[i % len(colours)] for i in range(count)]


def _by_factors(values: Sequence[float]) -> bool:
    """Whether these numbers grow by factors rather than by steps, over more than one order of magnitude or so."""
    different = np.unique(np.array(values)[np.isfinite(values)])
    if len(different) < 3 or different[0] <= 0 or different[-1] < 8 * different[0]:
        return False
    steps, factors = np.diff(different), np.diff(np.log(different))
    return bool(factors.std() / factors.mean() < steps.std() / steps.mean())
