"""Ascents of the energy of a single node: from random starts to peaks that memorise or generalise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.theory.groups import Group, named
from twopeaks.theory.groups.irreps import irreps, real_blocks
from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.marks import only_ticks, words
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import COLOURS, FADED, INK
from twopeaks.validate.figures.drawing.tables import Floats, Row, committed, numbers, part, table_of

if TYPE_CHECKING:
    from twopeaks.theory.landscape.landscape import Landscape

__all__ = ["FIGURE", "climb", "fig_ascents", "gather"]

_CAPTION = """
Ascents of the energy E of one node (Stage II, σ = x², |w| = 1) from random starts; theory alone, no network. a: S4,
whole table; dashed: the levels E* = M/(2d) of real representations of dimension d = 1, 2, 3. b-d: Z23 on one random
subset of density p each: ascents that end on a detector of single rows (orange), on a Fourier feature (blue), on
neither (grey); dashed: what either keeps on average, M p(1-p)/2 and about p²M/4. Steps are w ← w + 0.3 ∇E/(4E) and
back to the sphere. e: highest peaks of either kind, mean over 3 subsets, and the same two laws, which meet at p = 2/3
whatever M is. f: share of 120 ascents that end on each kind; they turn at 0.61. Networks of Z23 grok from p = 0.34 on
(dotted; measured n_c): the bare landscape does not say where.
"""

_STARTS, _STEPS, _RATE, _SEED = 40, 250, 0.3, 0
_DENSITIES = (0.4, 0.6, 0.8)
_SURVEYED = tuple(round(0.3 + 0.05 * i, 2) for i in range(13))
_SUBSETS = 3
_GROUP = "Z23"
#: What an ascent ends on -> colour.
_COLOURS = {
    "d = 1": "#E69F00",
    "d = 2": "#009E73",
    "d = 3": "#0072B2",
    "localised": COLOURS["memorising"],
    "irrep": COLOURS["generalising"],
    "spread": FADED,
}
#: Steps that are kept: all at first, then ever fewer.
_KEPT = np.unique(np.round(np.geomspace(1, _STEPS + 1, 45)).astype(int)) - 1


def gather(results: Path) -> pl.DataFrame:
    """Energies along ascents, levels, and where ascents end over p; from theory, and n_c of Z23 as measured."""
    from twopeaks.theory.landscape.landscape import Landscape, all_pairs, random_pairs

    rng = np.random.default_rng(_SEED)
    full, cyclic = named("S4"), named(_GROUP)
    rows = [*_ascents("S4", Landscape(full, all_pairs(full)), rng), *_levels(full)]
    for p in _DENSITIES:
        rows += _ascents(f"p = {p:g}", Landscape(cyclic, random_pairs(cyclic, p, rng)), rng)
    rows += _survey(cyclic, rng)
    n_c = part(committed(results, "transitions", "n_c"), group=_GROUP)["value"][0]
    return table_of([*rows, _row("networks", "", x=n_c / cyclic.order**2)], ("series", "kind"))


def _row(series: str, kind: str, **more: float | None) -> Row:
    nothing: Row = {"series": series, "kind": kind, "ascent": None, "x": None, "value": None}
    return nothing | more


def climb(landscape: Landscape, w: Floats, steps: int = _STEPS, rate: float = _RATE) -> tuple[Floats, Floats]:
    """Energies after 0 … ``steps`` normalised gradient steps, and where nodes are then.

    E has degree 4 for sigma = z^2, so w·dE/dw = 4 E: a rate of 1 would be as long as the node.

    Args:
        landscape: of the data.
        w: (R, 2M) starts, |w| = 1, E > 0.
        steps: how many.
        rate: of each.

    Returns:
        (steps + 1, R) energies and (R, 2M) nodes.
    """
    energies = [landscape.energy(w)]
    for _ in range(steps):
        w = w + rate * landscape.gradient(w) / (4 * energies[-1])[:, None]
        w = w / np.linalg.norm(w, axis=1, keepdims=True)
        energies.append(landscape.energy(w))
    return np.array(energies), w


def _ascents(series: str, landscape: Landscape, rng: np.random.Generator) -> Iterator[Row]:
    from twopeaks.theory.landscape.ascent import ascend, random_nodes
    from twopeaks.theory.landscape.features import classify

    energies, w = climb(landscape, random_nodes(_STARTS, landscape.dim, rng))
    ends = classify(landscape.group, ascend(landscape, w).nodes)
    dims = [irreps(landscape.group)[block[0]].dim for block in real_blocks(irreps(landscape.group))]
    for i, kind in enumerate(ends.kinds):
        name = f"d = {dims[ends.blocks[i]]}" if series == "S4" and kind == "irrep" else kind
        for step in _KEPT.tolist():
            yield _row(series, name, ascent=float(i), x=float(step), value=float(energies[step, i]))


def _levels(group: Group) -> list[Row]:
    from twopeaks.theory.landscape.features import irrep_energy

    levels = {rho.dim: irrep_energy(group.order, rho) for rho in irreps(group)[1:]}
    return [_row("level", f"d = {dim}", value=level) for dim, level in levels.items()]


def _survey(group: Group, rng: np.random.Generator) -> Iterator[Row]:
    from twopeaks.theory.landscape.survey import Effort, basins

    for counts in basins(group, _SURVEYED, rng, effort=Effort(_SUBSETS, _STARTS)):
        p, total = counts.density, _SUBSETS * _STARTS
        yield _row("highest", "irrep", x=p, value=counts.highest_irrep)
        yield _row("highest", "localised", x=p, value=counts.highest_localised)
        yield _row("share", "irrep", x=p, value=counts.irrep / total)
        yield _row("share", "localised", x=p, value=counts.localised / total)
        yield _row("law", "irrep", x=p, value=p**2 * group.order / 4)
        yield _row("law", "localised", x=p, value=group.order * p * (1 - p) / 2)


def fig_ascents(table: pl.DataFrame, ax: Axes | Sequence[Axes] | None = None) -> tuple[Figure, Sequence[Axes]]:
    """Ascents on S4 and on Z23 at three densities, highest peaks and ends over the density.

    Args:
        table: as `gather` makes it.
        ax: six axes.
    """
    axes = panels(ax, 6, across=3, aspect=0.44 if narrow() else 0.95)
    _draw_ascents(axes[0], part(table, series="S4"))
    for level in part(table, series="level").iter_rows(named=True):
        axes[0].axhline(level["value"], color=_COLOURS[level["kind"]], linewidth=0.8, linestyle="--", zorder=0)
        text, at = f"{level['kind']}: E* = {level['value']:g}", (230, level["value"] - 0.95)
        words(axes[0], text, at, _COLOURS[level["kind"]], ha="right")
    for ax_p, p in zip(axes[1:4], _DENSITIES, strict=True):
        _draw_ascents(ax_p, part(table, series=f"p = {p:g}"))
        law = part(table, series="law").filter((pl.col("x") - p).abs() < 1e-6)
        for row in law.iter_rows(named=True):
            ax_p.axhline(row["value"], color=_COLOURS[row["kind"]], linewidth=0.8, linestyle="--", zorder=0)
        ax_p.set_ylim(0, 5.2)
    words(axes[1], "detectors of rows", (1.1, 4.6), _COLOURS["localised"])
    words(axes[3], "Fourier features", (1.1, 4.6), _COLOURS["irrep"])
    _draw_over_density(axes[4], axes[5], table)
    titles = [f"{_GROUP}, density {p:g}" for p in _DENSITIES]
    letters(axes, ["S4, whole table", *titles, f"{_GROUP}: highest peaks", f"{_GROUP}: where ascents end"])
    return figure_of(axes), axes


def _draw_ascents(ax: Axes, table: pl.DataFrame) -> None:
    for _, ascent in table.group_by("ascent", maintain_order=True):
        colour = _COLOURS[ascent["kind"][0]]
        ax.plot(numbers(ascent, "x") + 1, numbers(ascent, "value"), color=colour, linewidth=0.6, alpha=0.7)
    ax.set_xscale("log")
    ax.set_xlim(1, _STEPS + 1)
    only_ticks(ax.xaxis, (1, 10, 100))
    ax.set_xlabel("step of the ascent + 1")
    ax.set_ylabel("energy E")


def _draw_over_density(highest: Axes, ends: Axes, table: pl.DataFrame) -> None:
    for kind in ("localised", "irrep"):
        colour = _COLOURS[kind]
        law, peaks = part(table, series="law", kind=kind), part(table, series="highest", kind=kind)
        highest.plot(numbers(law, "x"), numbers(law, "value"), color=colour, linewidth=0.8, linestyle="--")
        highest.plot(numbers(peaks, "x"), numbers(peaks, "value"), "o", color=colour, markersize=3.5)
        share = part(table, series="share", kind=kind)
        ends.plot(numbers(share, "x"), numbers(share, "value"), "o-", color=colour, markersize=3.5, linewidth=1)
    networks = numbers(part(table, series="networks"), "x")[0]
    for ax in (highest, ends):
        ax.axvline(2 / 3, color=INK, linewidth=0.7, zorder=0)
        ax.axvline(networks, color=INK, linewidth=0.9, linestyle=":", zorder=0)
        ax.set_xlabel("density p of examples")
    words(ends, "2/3", (0.68, 0.5), INK)
    words(ends, "networks\ngrok", (networks + 0.015, 0.5), INK)
    highest.set_ylabel("energy E")
    ends.set_ylabel("share of ascents")


#: Its entry in the catalogue.
FIGURE = Entry(
    "ascents",
    "Ascents of the energy of one node, to peaks that memorise or generalise",
    _CAPTION,
    fig_ascents,
    sources=("transitions/measured.csv",),
    numbers=gather,
)
