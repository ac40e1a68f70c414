"""A canvas with its axes, for a terminal: shares against steps or sizes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from twopeaks.sim.storage.records import Plan
from twopeaks.validate.screen.canvas import Canvas

__all__ = ["GUTTER", "compact", "framed", "sparkline", "step_ticks"]

#: Cells to the left of a canvas.
GUTTER = 6
#: Rows from which the middle of the axis is marked too.
_TALL = 5
_BARS = " ▁▂▃▄▅▆▇█"


def framed(canvas: Canvas, ticks: Mapping[float, str]) -> list[Text]:
    """A canvas of shares with its axes.

    Args:
        canvas: its columns and `GUTTER` are the width, its rows and two the height.
        ticks: position on the horizontal axis, 0 to 1, -> label; what has no room is left out, the first ones stay.
    """
    lines = canvas.lines()
    columns, last = canvas.dots.shape[1] // 2, len(lines) - 1
    labels = {0: "100%", last: "0%"} | ({last // 2: "50%"} if last >= _TALL and last % 2 == 0 else {})
    edges = [f"{labels[row]:>4} ┤" if row in labels else "     │" for row in range(last + 1)]
    rows = [Text(edge).append(line) for edge, line in zip(edges, lines, strict=True)]
    marks, words = ["─"] * columns, [" "] * (columns + GUTTER)
    for place, label in ticks.items():
        column = round(place * (columns - 1))
        first = min(max(0, GUTTER + column - len(label) // 2), len(words) - len(label))
        if first >= 0 and not "".join(words[max(0, first - 1) : first + len(label) + 1]).strip():
            words[first : first + len(label)] = label
            marks[column] = "┬"
    return [*rows, Text("     └" + "".join(marks)), Text("".join(words))]


def step_ticks(plan: Plan, columns: int) -> dict[float, str]:
    """Labels of an axis of steps: its ends and halves or quarters, or decades where records are log-spaced."""
    if plan.spacing == "linear":
        parts = 4 if columns >= 60 else 2
        return {part / parts: compact(plan.steps * part / parts) for part in (0, parts, *range(1, parts))}
    decades = np.arange(0, np.log10(max(plan.steps, 2)) + 1e-9)
    return {float(d / np.log10(max(plan.steps, 2))): compact(10**d) for d in [*decades[-1::-1]]}


def compact(value: float) -> str:
    """A number in few letters: 950, 1.5k, 20M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def sparkline(values: NDArray[np.float64]) -> str:
    """One character for each value, from the least to the largest; a blank for what is not finite."""
    low, high = np.fmin.reduce(values, initial=np.inf), np.fmax.reduce(values, initial=-np.inf)
    levels = 1 + np.rint((values - low) / max(high - low, 1e-300) * 7)
    return "".join(_BARS[int(level)] if np.isfinite(level) else " " for level in levels)
