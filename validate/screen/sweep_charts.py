"""The newest results of a sweep, drawn for a terminal: the transition it searches for, and the latest curves."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from twopeaks.sim.storage.records import Records
from twopeaks.sim.sweep.cells import Cell
from twopeaks.validate.measured.series import Series, name_of
from twopeaks.validate.screen.canvas import Canvas
from twopeaks.validate.screen.chart import GUTTER, framed, step_ticks
from twopeaks.validate.screen.curves import LiveCurves
from twopeaks.validate.screen.run_picture import FAINT, TEST, TRAIN, middle
from twopeaks.validate.screen.sweep_picture import size_text

__all__ = ["SweepCharts", "transition_lines"]

#: Cells whose curves are drawn; rows of a chart, at least and at most; cells from which two charts stand side by side.
_NEWEST, _LEAST, _MOST, _WIDE = 6, 4, 14, 72
#: Blank cells between two charts; lines of one beside its canvas; room on both sides of the sizes.
_GAP, _WORDS, _MARGIN = 2, 3, 0.06


@dataclass(frozen=True)
class _Done:
    cell: Cell
    curves: LiveCurves
    grokked: int


class SweepCharts:
    """Keeps the newest cells.

    Args:
        varied: fields that tell cells apart.
    """

    def __init__(self, varied: Sequence[str]) -> None:
        self._varied = varied
        self._done: deque[_Done] = deque(maxlen=_NEWEST)

    def add(self, cell: Cell, records: Records, grokked: int) -> None:
        """Add a finished cell and the number of its members that grokked."""
        self._done.append(_Done(cell, LiveCurves.of(records, cell.plan), grokked))

    def drawn(self, groups: Sequence[Series], width: int, height: int) -> list[Text]:
        """Lines of both charts, side by side; of the transition alone on a narrow terminal; none on a very small one.

        Args:
            groups: all groups of cells; the one of the newest cell is drawn.
            width: cells of the terminal.
            height: lines that may be used.
        """
        rows = min(_MOST, height - _WORDS)
        if not self._done or rows < _LEAST or width < GUTTER + 16:
            return []
        newest = self._done[-1].cell
        name = name_of(newest.setting, newest.plan)
        group = next(group for group in groups if group.name == name)
        if width < _WIDE:
            return transition_lines(group, self._varied, width, rows)
        half = (width - _GAP) // 2
        left, right = transition_lines(group, self._varied, half, rows), self._curve_lines(half, rows)
        for line in left:
            line.pad_right(max(0, half + _GAP - line.cell_len))
        return [Text.assemble(a, b, no_wrap=True) for a, b in zip(left, right, strict=True)]

    def _curve_lines(self, width: int, rows: int) -> list[Text]:
        """Medians of the newest cells that have one plan."""
        *others, newest = self._done
        canvas, cell = Canvas(width - GUTTER, rows), newest.cell
        for older in others:
            if older.cell.plan == cell.plan:
                x, _, median = middle(older.curves, "test_accuracy")
                canvas.curve(x, median, FAINT)
        for name, style in (("train_accuracy", TRAIN), ("test_accuracy", TEST)):
            x, _, median = middle(newest.curves, name)
            canvas.curve(x, median, style, dashed=style == TRAIN)
        title = f"newest: n = {cell.setting.task.samples}, {newest.grokked}/{len(cell.seeds)} grokked; "
        heading = Text(title).append("test", TEST).append(", ").append("train", TRAIN)
        heading.truncate(width, overflow="ellipsis")
        return [heading, *framed(canvas, step_ticks(cell.plan, width - GUTTER))]


def transition_lines(group: Series, varied: Sequence[str], width: int, rows: int) -> list[Text]:
    """Share of members that grokked against n, with 95% intervals, the logistic fit and its n_c.

    Args:
        group: members of one setting at several sizes.
        varied: fields that tell it from others.
        width: cells of each line.
        rows: of the canvas.
    """
    from twopeaks.validate.measured.statistics import rate_interval

    canvas, sizes = Canvas(width - GUTTER, rows), np.array(list(group.rates), dtype=np.float64)
    first, last = float(sizes.min()), float(sizes.max())
    spare = _MARGIN * (last - first) or 1.0
    low, span = first - spare, last - first + 2 * spare
    value, fitted = _fit(tuple((n, *rate) for n, rate in group.rates.items()), low, low + span)
    if value is not None:
        canvas.curve(np.linspace(0, 1, len(fitted)), fitted, TRAIN, dashed=True)
        canvas.upright((value - low) / span, TRAIN)
    for n, (k, m) in group.rates.items():
        canvas.upright((n - low) / span, FAINT, *rate_interval(k, m))
        canvas.point((n - low) / span, k / m, TEST)
    ticks = {(n - low) / span: f"{n:.0f}" for n in (first, last, *group.rates)}
    heading = Text(f"{group.label(varied)}: {_words(group, value)}", no_wrap=True)
    heading.truncate(width, overflow="ellipsis")
    return [heading, *framed(canvas, ticks)]


def _words(group: Series, value: float | None) -> str:
    low, high = group.bracket
    between = f"{low} … {high}" if low is not None and high is not None else None
    if value is not None:
        return f"n_c ~{size_text(value)}" + (f", in {between}" if between else "")
    if between:
        return f"n_c in {between}"
    return f"n_c above {low}" if low is not None else f"n_c at most {high}"


@lru_cache(maxsize=64)
def _fit(rates: tuple[tuple[int, int, int], ...], low: float, high: float) -> tuple[float | None, NDArray[np.float64]]:
    """n_c and the logistic between two sizes, (200,); None where rates do not rise through one half."""
    from scipy.special import expit

    from twopeaks.validate.measured.statistics import transition_point

    sizes, grokked, members = np.array(rates, dtype=np.float64).T
    point = transition_point(sizes, grokked, members, resamples=1)  # the interval is for the end: it takes a second
    if point.value is None or point.width is None:
        return None, np.empty(0)
    return point.value, np.asarray(expit((np.linspace(low, high, 200) - point.value) / point.width))
