"""Kinds of training side by side: test accuracy against step, a panel a problem, and the steps they took to grok.

Several figures share it. Their table has three kinds of rows:

    curve   panel, series, step, value, low, high: median and range over seeds of the test accuracy at a step
    time    panel, series, seed, value, censored: t_grok of a network, or its budget if it was not done by then
    ratio   panel, series, value, low, high, bound: its median t_grok over that of the first series, with a 95%
            interval. A network that was not done counts with its budget, so the ratio is at least (bound ">=") or
            at most ("<=") this much; where that goes for both series there is no number ("?")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from twopeaks.sim.storage.store import load
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting
from twopeaks.validate.figures.drawing.marks import marked, part, small
from twopeaks.validate.figures.drawing.print_style import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import FADED
from twopeaks.validate.measured.results import Part, parts
from twopeaks.validate.measured.statistics import bootstrap_interval

__all__ = ["READING", "Look", "contrast", "draw_contrast"]

#: How such a figure is read, for its caption.
READING = """
Test accuracy: lines are medians over the seeds, bands reach from the lowest to the highest; a network stops 200 steps
after it has grokked and keeps its accuracy. Last panel: a dot is a network, a bar their median, an open triangle a
network that was not done by the end of its budget, with which it counts (a ratio is then a bound). On the right: ratio
of median steps, with the 95% interval of a bootstrap over seeds.
"""

#: Steps of a curve that are kept, evenly spaced in their logarithm.
_KEPT = 70
_RESAMPLES = 4000
#: Curves are shown from a little before the first network is this accurate.
_RISEN = 0.1
#: Whether a network of the series, and of the first series, was not done -> what the ratio of medians says.
_BOUNDS = {(False, False): None, (True, False): ">=", (False, True): "<=", (True, True): "?"}
_SIGNS = {">=": "≥ ", "<=": "≤ "}
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("kind", "panel", "series"), pl.String),
    **dict.fromkeys(("seed", "step"), pl.Int64),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "censored": pl.Boolean,
    "bound": pl.String,
}


@dataclass(frozen=True)
class Look:
    """How a series is shown: its name in the figure and its colour."""

    name: str
    colour: str


# --- numbers -------------------------------------------------------------------------------------------


def contrast(
    folder: Path, panel: Callable[[Setting], str], series: Callable[[Setting], str], order: Sequence[str]
) -> pl.DataFrame:
    """The table of such a figure.

    Args:
        folder: of the sweep.
        panel: to which one the networks of a setting belong; panels are in the order of M, then of names.
        series: to which one they belong in it.
        order: of the series; ratios are to the first.

    Raises:
        InputError: if the sweep has not trained every series of every panel yet, or a run is damaged.
    """
    cells = [(one.setting, _members(one)) for one in parts(SweepFolder(folder))]
    names = sorted({(setting.task.table_of().classes, panel(setting)) for setting, _ in cells})
    rows: list[dict[str, Any]] = []
    for _, name in names:
        here = {
            one: [m for s, members in cells if (panel(s), series(s)) == (name, one) for m in members] for one in order
        }
        lacking = [one for one, found in here.items() if not found]
        if lacking:
            raise InputError("--store", "a sweep that is complete", f"{name} without {lacking[0]}", "let it go on")
        for one in order:
            ratio = [] if one == order[0] else [_ratio(here[one], here[order[0]])]
            found = (*_curve(folder, here[one]), *_times(here[one]), *ratio)
            rows += [{"panel": name, "series": one, **row} for row in found]
    columns = {key: [row.get(key) for row in rows] for key in _TYPES}
    return pl.DataFrame(columns, schema_overrides=_TYPES)


def _members(cell: Part) -> list[dict[str, Any]]:
    """A row a network, with its budget: one that diverged has stopped long before."""
    budget = {"budget": cell.plan.steps}
    return [{key: values[e] for key, values in cell.columns.items()} | budget for e in range(cell.outcome.members)]


def _curve(folder: Path, members: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Median and range at log-spaced steps; a network that stopped keeps the accuracy that it had then."""
    curves = [_accuracy(folder, row) for row in members]
    steps = np.unique(np.concatenate([steps for steps, _ in curves]))
    steps = steps[steps > 0]
    wanted = np.geomspace(steps[0], steps[-1], _KEPT)
    kept = np.unique(steps[np.searchsorted(steps, wanted * (1 - 1e-9))])
    values = np.array([accuracy[np.searchsorted(at, kept, side="right") - 1] for at, accuracy in curves])
    found = zip(kept, np.median(values, axis=0), values.min(axis=0), values.max(axis=0), strict=True)
    return [
        {"kind": "curve", "step": int(s), "value": round(v, 4), "low": round(lo, 4), "high": round(hi, 4)}
        for s, v, lo, hi in ((int(s), float(v), float(lo), float(hi)) for s, v, lo, hi in found)
    ]


def _accuracy(folder: Path, row: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    member = load(folder / row["folder"]).records.member(row["member"])
    return member["steps"], member["test_accuracy"]


def _times(members: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"kind": "time", "seed": row["seed"], "value": _time(row), "censored": not row["grokked"]} for row in members
    ]


def _time(row: Mapping[str, Any]) -> float:
    return float(row["t_grok"] if row["grokked"] else row["budget"])


def _ratio(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Ratio of medians. Equal seeds have the same training pairs, so they are resampled together."""
    pairs = {row["seed"]: row for row in theirs}
    both = [(row, pairs[row["seed"]]) for row in ours if row["seed"] in pairs]
    times = np.array([[_time(a), _time(b)] for a, b in both]).T

    def ratio(which: NDArray[np.float64]) -> NDArray[np.float64]:
        index = which.astype(np.int64)
        return np.asarray(np.median(times[0][index], axis=-1) / np.median(times[1][index], axis=-1))

    bound = _BOUNDS[any(not row["grokked"] for row, _ in both), any(not row["grokked"] for _, row in both)]
    if bound == "?":
        return {"kind": "ratio", "bound": bound}
    members = np.arange(len(both), dtype=np.float64)
    low, high = bootstrap_interval(members, ratio, _RESAMPLES)
    return {"kind": "ratio", "value": float(ratio(members)), "low": low, "high": high, "bound": bound}


# --- picture -------------------------------------------------------------------------------------------


def draw_contrast(
    table: pl.DataFrame, looks: Mapping[str, Look], ax: Sequence[Axes] | None, count: int
) -> tuple[Figure, list[Axes]]:
    """Curves, a panel each, and below them the times of all networks.

    Args:
        table: as `contrast` makes it.
        looks: series -> how it is shown.
        ax: one axes more than panels of curves; a figure of its own if None.
        count: panels of curves.

    Raises:
        InputError: if the table or ``ax`` has other panels.
    """
    names = list(dict.fromkeys(table["panel"]))
    if len(names) != count:
        raise InputError("table", f"{count} panels", len(names), "take the committed one again")
    made = panels(ax, count + 1) if ax is not None else _panels(count, len(names) * (len(looks) + 1))
    for name, one in zip(names, made[:-1], strict=True):
        _draw_curves(part(table, panel=name), looks, one)
    _draw_times(table, names, looks, made[-1])
    letters(made, [*names, "steps to a test accuracy of 0.95 that stays"])
    return figure_of(made), made


def _panels(count: int, rows: int) -> list[Axes]:
    """Those of the curves beside each other, if the width allows it, that of the times below them all."""
    width = float(matplotlib.rcParams["figure.figsize"][0])
    top, across = (count, 1) if narrow() else (1, count)
    aspect = 0.5 if narrow() else 0.62 if count < 3 else 0.8
    heights = [aspect * width / across] * top + [0.6 + 0.16 * rows]
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(top + 1, across, height_ratios=heights)
    curves = [figure.add_subplot(grid[i // across, i % across]) for i in range(count)]
    return [*curves, figure.add_subplot(grid[top, :])]


def _draw_curves(table: pl.DataFrame, looks: Mapping[str, Look], ax: Axes) -> None:
    curves = part(table, kind="curve").sort("step")
    for one, look in looks.items():
        curve = part(curves, series=one)
        ax.fill_between(curve["step"], curve["low"], curve["high"], color=look.colour, alpha=0.18, linewidth=0)
        ax.plot(curve["step"], curve["value"], color=look.colour)
    rising = curves.filter(pl.col("high") > _RISEN)["step"].to_numpy()
    ax.set_xscale("log")
    before = 0.4 if len(looks) < 4 else 0.12  # where their names stand
    ax.set_xlim(left=max(1.0, before * rising.min(initial=curves["step"].to_numpy()[-1])))
    _log_steps(ax, (1, 3))
    ax.set_ylim(-0.02, 1.02)
    ax.set_yticks([0, 0.5, 1] if narrow() else [0, 0.2, 0.4, 0.6, 0.8, 1])
    ax.set_xlabel("step")
    ax.set_ylabel("test accuracy")
    _name(curves, list(looks.values()), ax)


def _name(curves: pl.DataFrame, looks: Sequence[Look], ax: Axes) -> None:
    """The names of the series in their colours, before all curves have risen or after, wherever there is more room."""
    left, right = np.log(ax.get_xlim())
    high = np.log(curves.filter(pl.col("high") > 0.65)["step"].to_numpy())
    low = np.log(curves.filter(pl.col("low") < 0.35)["step"].to_numpy())
    late = right - low.max(initial=left) > high.min(initial=right) - left
    line = 1.3 * small() / _points(ax)
    for place, look in enumerate(looks):
        x, y = (0.98, 0.03 + line * (len(looks) - 1 - place)) if late else (0.02, 0.98 - line * place)
        ax.text(
            x, y, look.name, color=look.colour, fontweight="bold", fontsize=small(), transform=ax.transAxes,
            ha="right" if late else "left", va="bottom" if late else "top",
        )  # fmt: skip


def _points(ax: Axes) -> float:
    """About how high a panel is, in points, before it has been laid out."""
    figure = figure_of([ax])
    return 72 * float(figure.get_figheight()) * ax.get_position().height


def _draw_times(table: pl.DataFrame, names: Sequence[str], looks: Mapping[str, Look], ax: Axes) -> None:
    first = next(iter(looks))
    rows = [(name, one) for name in names for one in ("", *looks)]
    place = {row: float(-i) for i, row in enumerate(rows)}
    for (name, one), y in place.items():
        if one:
            _draw_row(part(table, panel=name, series=one), looks[one], y, ax)
        else:
            _told(ax, 0.006, y - 0.15, name, FADED)
    _told(ax, 1.01, -0.15, f"ratio to {looks[first].name}", FADED)
    shown = [row for row in rows if row[1]]
    ax.set_yticks([place[row] for row in shown], [looks[one].name for _, one in shown])
    for label, (_, one) in zip(ax.get_yticklabels(), shown, strict=True):
        label.set_color(looks[one].colour)
    ax.set_ylim(-len(rows) + 0.3, 0.4)
    ax.tick_params(axis="y", length=0)
    _log_steps(ax, (1, 3) if narrow() else (1, 2, 5))
    ax.set_xlabel("$t_{grok}$, steps")


def _log_steps(ax: Axes, of_a_decade: Sequence[int]) -> None:
    """These steps of each decade that is shown, in plain numbers on a logarithmic axis."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    steps = [k * 10**decade for decade in range(9) for k in of_a_decade]
    marked(ax.xaxis, [step for step in steps if low <= step <= high])


def _told(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Small text at a share of the width, level with a row."""
    across = ax.get_yaxis_transform()
    ax.text(x, y, text, fontsize=small(), color=colour, ha="left", va="center", transform=across)


def _draw_row(here: pl.DataFrame, look: Look, y: float, ax: Axes) -> None:
    times = part(here, kind="time").sort("seed")
    values, open_ended = times["value"].to_numpy(), times["censored"].to_numpy()
    heights = y + np.linspace(-0.25, 0.25, len(values))
    ax.scatter(values[~open_ended], heights[~open_ended], s=9, color=look.colour, linewidth=0, zorder=3)
    ax.scatter(
        values[open_ended], heights[open_ended], s=14, marker=">", facecolor="none", edgecolor=look.colour, zorder=3
    )
    median = float(np.median(values))
    ax.plot([median, median], [y - 0.38, y + 0.38], color=look.colour, linewidth=1.4, zorder=2)
    for row in part(here, kind="ratio").to_dicts():
        _told(ax, 1.01, y, _ratio_in_words(row), look.colour)


def _ratio_in_words(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "open"
    interval = "" if row["low"] is None else f" ({row['low']:#.3g} to {row['high']:#.3g})"
    return f"{_SIGNS.get(row['bound'], '')}{row['value']:#.3g}{interval}"
