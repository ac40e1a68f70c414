"""Which share of its table a group is learned from: test accuracy over groups and densities, and what was predicted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, Normal, Stroke

from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group
from twopeaks.theory.setting import Setting
from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import PREDICTORS
from twopeaks.validate.figures.drawing.tables import part
from twopeaks.validate.measured.results import Part, parts

__all__ = ["FIGURE", "fig_phase_diagrams", "reduce"]

_CAPTION = """
Mean test accuracy at the end of training of 4 networks (seeds) a cell, for 35 groups trained on a share p of their
table: x² networks with 11 M nodes, MSE, Adam at rate 0.001, coupled decay 0.0002, at most 8,000 steps, stopped 300
steps after they grokked; the highest row is p = 0.9. (a, b) Cyclic groups by their order M; (c) products of cyclic
groups by the orders of the factors, 3² being Z3×Z3; (d) groups that are not abelian. White dots: some seeds grokked
and some did not. Neither line was fitted to these runs. Orange: n_c by heights-phases, a law that begins at M = 11.
Dotted: the n = 2.7482 M log M of the code behind the paper, times half the largest dimension of a representation
for groups that are not abelian. Of the 25 groups from M = 11 the rate of grokking crosses one half in the step of
densities that holds the orange line for 20, that holds the dotted one for 17. The orange line misses by 0.002 for
Z19 and Z4×Z4, by 0.02 to 0.08 for D7, F21 and A4; the dotted one by up to 0.2 (F21). Of S3 and Q8
only 1 and 2 of 4 networks grok from 90% of the table. The paper has larger groups, 2,048 nodes, rate 0.0005 and 20
seeds, which are reduced here for their cost.
"""

_PANELS = {
    "prime": "cyclic of prime order",
    "composite": "cyclic of composite order",
    "product": "products, not cyclic",
    "other": "not abelian",
}
_POWERS = {2: "²", 3: "³", 4: "⁴", 5: "⁵"}
#: Highest density shown, above the cells of 90%: some groups are predicted to need nearly their whole table.
_TOP = 0.985
_OURS, _PAPER = PREDICTORS["heights-phases"][0], "white"


# --- numbers -------------------------------------------------------------------------------------------


def reduce(folder: Path) -> pl.DataFrame:
    """A row a group and density, from the folder of the sweep.

    Returns:
        Columns ``panel``, ``group``, ``order``, ``density`` (n/M^2), ``accuracy`` (mean over seeds of the test
        accuracy at the end), ``grokked`` of ``seeds``, and for the group ``paper`` and ``heights``, predicted n_c/M^2.

    Raises:
        InputError: if the sweep is not complete, or a run is damaged.
    """
    cells: dict[str, list[Part]] = {}
    for stored in parts(SweepFolder(folder)):  # a large cell is stored in several
        cells.setdefault(stored.setting.content_id, []).append(stored)
    settings = {cell[0].setting.task.name: cell[0].setting for cell in cells.values()}
    predicted = {name: _predicted(setting) for name, setting in settings.items()}
    rows = [_row(cell) | predicted[cell[0].setting.task.name] for cell in cells.values()]
    densities = {row["density"] for row in rows}
    counts = Counter(row["group"] for row in rows)
    lacking = [name for name, count in counts.items() if count < len(densities)]
    if lacking:
        raise InputError("--store", "a sweep that is complete", f"{lacking[0]} at some densities only", "let it go on")
    places = list(_PANELS)
    rows.sort(key=lambda row: (places.index(row["panel"]), row["order"], row["group"], row["density"]))
    return pl.DataFrame(rows, infer_schema_length=None)


def _row(cell: Sequence[Part]) -> dict[str, Any]:
    task = cell[0].setting.task
    group = task.resolve()
    return {
        "panel": _panel(group),
        "group": group.name,
        "order": group.order,
        "density": round(task.samples / group.order**2, 1),
        "accuracy": round(float(np.mean([x for stored in cell for x in stored.columns["final_test_accuracy"]])), 4),
        "grokked": sum(stored.outcome.grokked for stored in cell),
        "seeds": sum(stored.outcome.members for stored in cell),
    }


def _panel(group: Group) -> str:
    if not group.is_abelian:
        return "other"
    if not group.is_cyclic:
        return "product"
    return "prime" if all(group.order % k for k in range(2, group.order)) else "composite"


def _predicted(setting: Setting) -> dict[str, float | None]:
    from twopeaks.theory.predictors.heights import shared_form
    from twopeaks.theory.predictors.paper import paper_law
    from twopeaks.theory.predictors.phases import phases_form

    heights = phases_form(setting).value or shared_form(setting).value
    paper, size = paper_law(setting).value, setting.task.resolve().order ** 2
    return {name: None if n is None else round(n / size, 4) for name, n in (("paper", paper), ("heights", heights))}


# --- drawing -------------------------------------------------------------------------------------------


def fig_phase_diagrams(table: pl.DataFrame, ax: Sequence[Axes] | None = None) -> tuple[Figure, list[Axes]]:
    """Four panels: density against group, colour the test accuracy.

    Args:
        table: as `reduce` makes it.
        ax: four axes; a figure of its own if None.
    """
    made = panels(ax, len(_PANELS), across=2, aspect=0.66)
    figure = figure_of(made)
    meshes = [_draw(part(table, panel=key), panel) for key, panel in zip(_PANELS, made, strict=True)]
    letters(made, list(_PANELS.values()))
    for panel in made if narrow() else made[::2]:
        panel.set_ylabel("density $p = n/M^2$")
    for panel in made[-1:] if narrow() else made[-2:]:
        panel.set_xlabel("group, and order M below")
    bar = figure.colorbar(meshes[0], ax=made, location="bottom", fraction=0.05, aspect=40, pad=0.02)
    bar.set_label("test accuracy at the end, mean of the seeds")
    bar.outline.set_visible(False)
    _draw_key(made[0])
    return figure, made


def _draw(table: pl.DataFrame, ax: Axes) -> QuadMesh:
    groups = table.unique("group", maintain_order=True)
    densities = table["density"].unique().sort().to_numpy()
    names, orders = groups["group"].to_list(), groups["order"].to_list()
    accuracy = np.array([part(table, group=name).sort("density")["accuracy"] for name in names])
    x = np.arange(len(names) + 1) - 0.5
    step = densities[1] - densities[0]
    y = np.append(densities - step / 2, densities[-1] + step / 2)
    mesh = ax.pcolormesh(x, y, accuracy.T, vmin=0, vmax=1, cmap="cividis")
    ax.vlines(x[1:-1], y[0], y[-1], color="white", linewidth=0.8)
    mixed = table.filter((pl.col("grokked") > 0) & (pl.col("grokked") < pl.col("seeds")))
    ax.scatter(
        [names.index(name) for name in mixed["group"]],
        mixed["density"],
        s=7,
        color="white",
        edgecolor="black",
        linewidth=0.5,
        zorder=3,
    )
    _steps(groups["paper"].to_list(), _PAPER, "dotted", ax)
    _steps(groups["heights"].to_list(), _OURS, "solid", ax)
    ax.set_xticks(range(len(names)), [_tick(name, order) for name, order in zip(names, orders, strict=True)])
    ax.set_yticks(densities[1::2] if len(densities) > 8 else densities)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], _TOP)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return mesh


def _steps(values: Sequence[float | None], colour: str, line: str, ax: Axes) -> None:
    """A level line across each column of which there is a prediction."""
    for place, value in enumerate(values):
        if value is not None:
            lines = ax.plot([place - 0.46, place + 0.46], [value, value], color=colour, linestyle=line, linewidth=1.7)
            lines[0].set_path_effects(_outlined(2.9))
            lines[0].set_solid_capstyle("butt")


def _outlined(width: float) -> list[AbstractPathEffect]:
    return [Stroke(linewidth=width, foreground="black"), Normal()]


def _tick(name: str, order: int) -> str:
    """A product of cyclic groups as the orders of its factors, anything else by its name; the order below."""
    if re.fullmatch(r"Z\d+", name):
        return str(order)
    if "x" not in name:
        return f"{name}\n{order}"
    factors = Counter(int(part.removeprefix("Z")) for part in name.split("x"))
    return "×".join(f"{k}{_POWERS.get(count, '')}" for k, count in factors.items()) + f"\n{order}"


def _draw_key(ax: Axes) -> None:
    """What lines and dots are, where no network generalises."""
    outlined: dict[str, Any] = {"linewidth": 1.7, "path_effects": _outlined(2.9)}
    handles = [
        Line2D([], [], color=_OURS, label="peak heights", **outlined),
        Line2D([], [], color=_PAPER, linestyle="dotted", label="c log M / M", **outlined),
        Line2D([], [], color="white", linestyle="", marker="o", markersize=3, label="seeds differ"),
    ]
    key = ax.legend(handles=handles, loc="lower left", labelcolor="white", handlelength=2.2, borderaxespad=0.4)
    key.set_frame_on(True)
    key.get_frame().set(facecolor=matplotlib.colormaps["cividis"](0.0), edgecolor="none", alpha=1.0)


#: Its entry in the catalogue.
FIGURE = Entry(
    "phase-diagrams",
    "Groups that are learned from which share of their table",
    _CAPTION,
    fig_phase_diagrams,
    paper="Fig. 5",
    reduce=reduce,
)
