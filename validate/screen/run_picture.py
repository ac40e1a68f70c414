"""A run as it trains, for a terminal: accuracies against the step, the loss below, who has made which transition."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from twopeaks.theory.setting import Setting
from twopeaks.validate.screen.canvas import Canvas
from twopeaks.validate.screen.chart import GUTTER, framed, sparkline, step_ticks
from twopeaks.validate.screen.curves import BINS, LiveCurves

__all__ = ["FAINT", "TEST", "TRAIN", "middle", "run_picture", "title"]

Floats = NDArray[np.float64]

#: Styles of curves: colours of Okabe & Ito that are seen on a dark and on a light ground.
TEST, TRAIN, FAINT = "bold #56b4e9", "#e69f00", "bright_black"

#: Members up to which each is drawn; of more, some quantiles are.
_EACH = 64
_QUANTILES = (0.05, 0.25, 0.75, 0.95)
#: Lines beside the chart and its two axes; least and largest number of rows of a chart.
_WORDS, _LEAST, _MOST = 4, 3, 20
#: Least columns of a canvas.
_NARROW = 16


def run_picture(curves: LiveCurves, heading: str, remark: str, width: int, height: int) -> list[Text]:
    """Lines of at most ``width`` cells, at most ``height`` of them; on a very small terminal the last one alone.

    Args:
        curves: what is known.
        heading: what is trained.
        remark: one more line, or nothing; left out where there is little room.
        width: cells of the terminal.
        height: lines that may be used.
    """
    lines = [Text(heading, style="bold"), *([Text(remark)] if remark and height >= 14 else [])]
    rows, columns = min(_MOST, height - len(lines) - _WORDS - 1), width - GUTTER
    last_line = _transitions(curves)
    if rows < _LEAST or columns < _NARROW:
        lines = [last_line]
    else:
        lines += [_legend(curves), *framed(_canvas(curves, columns, rows), step_ticks(curves.plan, columns))]
        lines += [_loss(curves, columns), last_line]
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return lines


def title(setting: Setting) -> str:
    """What a run is about, in a line."""
    task, table = setting.task, setting.task.table_of()
    labels = f"{task.labels} labels" + (f" but for {task.noise:.3g} of them" if task.noise else "")
    return f"{task.name}: {task.samples} of {table.rows.size} examples, {labels}, K={setting.network.width}"


def middle(curves: LiveCurves, name: str) -> tuple[Floats, Floats, Floats]:
    """An observable where there are records: positions on the axis, (B,), values, (E, B), and their median, (B,).

    Members that have stopped count with what they had last.
    """
    values = curves.curves[name]
    newest = np.flatnonzero(np.isfinite(values).any(axis=0))
    values = values[:, newest]
    if values.size:
        stopped = ~curves.training
        last = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(newest)), 0), axis=1)
        values = np.where(stopped[:, None], np.take_along_axis(values, last, axis=1), values)
        return newest / (BINS - 1), values, np.nanmedian(values, axis=0)
    return newest / (BINS - 1), values, np.empty(0)


def _canvas(curves: LiveCurves, columns: int, rows: int) -> Canvas:
    canvas = Canvas(columns, rows)
    x, values, median = middle(curves, "test_accuracy")
    if values.size:
        canvas.curve(x, values if len(values) <= _EACH else np.nanquantile(values, _QUANTILES, axis=0), FAINT)
    at, _, of_train = middle(curves, "train_accuracy")
    canvas.curve(at, of_train, TRAIN, dashed=True)
    canvas.curve(x, median, TEST)
    return canvas


def _legend(curves: LiveCurves) -> Text:
    count = len(curves.steps)
    others = "each" if count <= _EACH else "quantiles 5, 25, 75, 95%"
    line = Text("accuracy: ").append("━ test", TEST).append("  ").append("╍ train", TRAIN)
    if count > 1:
        line.append(f", medians of {count:,}; ").append(f"── test, {others}", FAINT)
    return line


def _loss(curves: LiveCurves, columns: int) -> Text:
    """The median training loss, on a logarithmic scale of its own, below the chart."""
    x, _, median = middle(curves, "train_loss")
    values = np.full(columns, np.nan)
    if len(x):
        places = np.arange(round(x[-1] * (columns - 1)) + 1)
        logs = np.log10(np.maximum(median, 1e-300))
        values[places] = np.interp(places, x * (columns - 1), logs)
    return Text(" loss ").append(sparkline(values), TRAIN)


def _transitions(curves: LiveCurves) -> Text:
    count = len(curves.steps)
    parts = [_share(curves, "t_mem", "memorised"), _share(curves, "t_grok", "grokked")]
    stopped = int((~curves.training).sum())
    parts += [f"{stopped}/{count} have stopped"] if stopped else []
    _, _, median = middle(curves, "train_loss")
    parts += [f"loss {median[-1]:.1e}"] if len(median) else []
    return Text(", ".join(parts))


def _share(curves: LiveCurves, transition: str, word: str) -> str:
    made = curves.made(transition)
    text = f"{word} {len(made)}/{len(curves.steps)}"
    return f"{text} at ~{float(np.median(made)):,.0f}" if len(made) else text
