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

from twopeaks.sim.storage.store import load
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting
from twopeaks.validate.figures.drawing.marks import band, only_ticks, small
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import FADED
from twopeaks.validate.figures.drawing.tables import AGAIN, Floats, part
from twopeaks.validate.measured.results import Part, parts

__all__ = ["READING", "Contrast", "Look"]

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


@dataclass(frozen=True)
class Contrast:
    """What is set side by side: networks of a sweep, in panels and in series.

    Attributes:
        panel: to which panel the networks of a setting belong; panels are in the order of M, then of names.
        series: to which series they belong in it.
        looks: series -> how it is shown, in order; ratios are to the first.
        panels: how many panels of curves there are.
    """

    panel: Callable[[Setting], str]
    series: Callable[[Setting], str]
    looks: Mapping[str, Look]
    panels: int

    def reduce(self, folder: Path) -> pl.DataFrame:
        """Curves, times and ratios from the folder of the sweep.

        Raises:
            InputError: if the sweep has not trained every series of every panel yet, or a run is damaged.
        """
        cells = [(cell.setting, _members(cell)) for cell in parts(SweepFolder(folder))]
        names = sorted({(setting.task.table_of().classes, self.panel(setting)) for setting, _ in cells})
        rows: list[dict[str, Any]] = []
        for _, name in names:
            members: dict[str, list[dict[str, Any]]] = {series: [] for series in self.looks}
            for setting, of_cell in cells:
                if self.panel(setting) == name and self.series(setting) in members:
                    members[self.series(setting)] += of_cell
            lacking = [series for series, networks in members.items() if not networks]
            if lacking:
                raise InputError("--store", "a sweep that is complete", f"{name} without {lacking[0]}", "let it go on")
            for place, (series, networks) in enumerate(members.items()):
                ratio = [_ratio(networks, members[next(iter(self.looks))])] if place else []
                shown = (*_curve(folder, networks), *_times(networks), *ratio)
                rows += [{"panel": name, "series": series, **row} for row in shown]
        columns = {key: [row.get(key) for row in rows] for key in _TYPES}
        return pl.DataFrame(columns, schema_overrides=_TYPES)

    def draw(self, table: pl.DataFrame, ax: Sequence[Axes] | None = None) -> tuple[Figure, list[Axes]]:
        """Curves, a panel each, and below them the times of all networks.

        Args:
            table: as `reduce` makes it.
            ax: one axes more than panels of curves; a figure of its own if None.

        Raises:
            InputError: if the table or ``ax`` has other panels.
        """
        names = list(dict.fromkeys(table["panel"]))
        if len(names) != self.panels:
            raise InputError("table", f"{self.panels} panels", len(names), AGAIN)
        count, rows = self.panels, len(names) * (len(self.looks) + 1)
        made = panels(ax, count + 1) if ax is not None else _panels(count, rows)
        for name, place in zip(names, made[:-1], strict=True):
            _draw_curves(part(table, panel=name), self.looks, place)
        _draw_times(table, names, self.looks, made[-1])
        letters(made, [*names, "steps to a test accuracy of 0.95 that stays"])
        return figure_of(made), made


# --- numbers -------------------------------------------------------------------------------------------


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
    summary = {"value": np.median(values, axis=0), "low": values.min(axis=0), "high": values.max(axis=0)}
    return [
        {"kind": "curve", "step": int(step)} | {key: round(float(column[i]), 4) for key, column in summary.items()}
        for i, step in enumerate(kept.tolist())
    ]


def _accuracy(folder: Path, row: Mapping[str, Any]) -> tuple[Floats, Floats]:
    member = load(folder / row["folder"]).records.member(row["member"])
    return member["steps"], member["test_accuracy"]


def _times(members: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"kind": "time", "seed": row["seed"], "value": _time(row), "censored": not row["grokked"]} for row in members
    ]


def _time(row: Mapping[str, Any]) -> float:
    return float(row["t_grok"] if row["grokked"] else row["budget"])


def _ratio(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Ratio of medians. Networks of one seed have the same training examples, so they are resampled together."""
    from twopeaks.validate.measured.statistics import bootstrap_interval

    by_seed = {row["seed"]: row for row in theirs}
    both = [(row, by_seed[row["seed"]]) for row in ours if row["seed"] in by_seed]
    times = np.array([[_time(a), _time(b)] for a, b in both]).T

    def ratio(draws: Floats) -> Floats:
        index = draws.astype(np.int64)
        return np.asarray(np.median(times[0][index], axis=-1) / np.median(times[1][index], axis=-1))

    bound = _BOUNDS[any(not row["grokked"] for row, _ in both), any(not row["grokked"] for _, row in both)]
    if bound == "?":
        return {"kind": "ratio", "bound": bound}
    members = np.arange(len(both), dtype=np.float64)
    low, high = bootstrap_interval(members, ratio, _RESAMPLES)
    return {"kind": "ratio", "value": float(ratio(members)), "low": low, "high": high, "bound": bound}


# --- drawing -------------------------------------------------------------------------------------------


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
    for series, look in looks.items():
        band(ax, "step", part(curves, series=series), look.colour, alpha=0.18)
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
    rows = [(name, series) for name in names for series in ("", *looks)]
    heights = {row: float(-i) for i, row in enumerate(rows)}
    for (name, series), y in heights.items():
        if series:
            _draw_row(part(table, panel=name, series=series), looks[series], y, ax)
        else:
            _words(ax, 0.006, y - 0.15, name, FADED)
    _words(ax, 1.01, -0.15, f"ratio to {looks[first].name}", FADED)
    shown = [row for row in rows if row[1]]
    ax.set_yticks([heights[row] for row in shown], [looks[series].name for _, series in shown])
    for label, (_, series) in zip(ax.get_yticklabels(), shown, strict=True):
        label.set_color(looks[series].colour)
    ax.set_ylim(-len(rows) + 0.3, 0.4)
    ax.tick_params(axis="y", length=0)
    _log_steps(ax, (1, 3) if narrow() else (1, 2, 5))
    ax.set_xlabel("$t_{grok}$, steps")


def _log_steps(ax: Axes, of_a_decade: Sequence[int]) -> None:
    """These steps of each decade that is shown, in plain numbers on a logarithmic axis."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    steps = [k * 10**decade for decade in range(9) for k in of_a_decade]
    only_ticks(ax.xaxis, [step for step in steps if low <= step <= high])


def _words(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Small text at a share of the width, level with a row."""
    across = ax.get_yaxis_transform()
    ax.text(x, y, text, fontsize=small(), color=colour, ha="left", va="center", transform=across)


def _draw_row(table: pl.DataFrame, look: Look, y: float, ax: Axes) -> None:
    times = part(table, kind="time").sort("seed")
    values, open_ended = times["value"].to_numpy(), times["censored"].to_numpy()
    heights = y + np.linspace(-0.25, 0.25, len(values))
    ax.scatter(values[~open_ended], heights[~open_ended], s=9, color=look.colour, linewidth=0, zorder=3)
    ax.scatter(
        values[open_ended], heights[open_ended], s=14, marker=">", facecolor="none", edgecolor=look.colour, zorder=3
    )
    median = float(np.median(values))
    ax.plot([median, median], [y - 0.38, y + 0.38], color=look.colour, linewidth=1.4, zorder=2)
    for row in part(table, kind="ratio").to_dicts():
        _words(ax, 1.01, y, _ratio_in_words(row), look.colour)


def _ratio_in_words(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "open"
    interval = "" if row["low"] is None else f" ({row['low']:#.3g} to {row['high']:#.3g})"
    return f"{_SIGNS.get(row['bound'], '')}{row['value']:#.3g}{interval}"
