"""Features that a trained network has found, as seen on the group: frequencies, phases, representations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.theory.groups import Group, named
from twopeaks.theory.groups.irreps import irreps, real_blocks
from twopeaks.theory.setting import standard
from twopeaks.validate.figures.drawing.entry import Entry, Stage
from twopeaks.validate.figures.drawing.marks import small
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import COLOURS, FADED, INK
from twopeaks.validate.figures.drawing.tables import Floats, Row, numbers, part, table_of

if TYPE_CHECKING:
    from twopeaks.sim.network.runtime import Runtime

__all__ = ["FIGURE", "fig_features_on_the_group", "measure"]

_CAPTION = """
What nodes have become, one network each (seed 0) for Z23 (n = 264, 8,000 steps) and S4 (n = 400, 15,000 steps). Nodes
that decay has left, |w|² |v| at least 1% of the largest, in order. a: share of each frequency in the power of the
columns of W for Z23, without the mean; four frequencies have six nodes and seven have four, where heights-shared says
three and eight. b: phases at each node's frequency: that of the row of V is the
sum of those of both operands (colour: frequency; line: equality modulo 2π). c: the strongest node of Z23 on the
group, its elements in the order in which its wave runs through them once: weights of both operands and of the output,
each over its largest; lines: the wave of this frequency alone. d: share of each real representation of S4 in the power
of the columns of W, without the mean. S0: x², Adam at rate 1e-3, η = 2e-4, K = 14 M.
"""

_CYCLIC, _CYCLIC_SIZE, _CYCLIC_STEPS = "Z23", 264, 8_000
_OTHER, _OTHER_SIZE, _OTHER_STEPS = "S4", 400, 15_000
_WORDS = ("panel", "kind")


def measure(runtime: Runtime, stage: Stage) -> pl.DataFrame:
    """Spectra, phases and one node of trained networks.

    Args:
        runtime: where to train.
        stage: opens a progress bar.
    """
    from twopeaks.sim.training.snapshots import snapshots

    rows: list[Row] = []
    alone = replace(runtime, threads=1)  # one small network: a second thread costs more than it gives
    for name, n, steps in ((_CYCLIC, _CYCLIC_SIZE, _CYCLIC_STEPS), (_OTHER, _OTHER_SIZE, _OTHER_STEPS)):
        group = named(name)
        trained = snapshots(standard(name, n, 14 * group.order), [0], [steps], alone, progress=stage(name, steps))
        u, v, out = _alive(trained.W[0, 0].astype(np.float64), trained.V[0, 0].astype(np.float64))
        rows += _waves(u, v, out) if name == _CYCLIC else _blocks(group, u, v)
    return table_of(rows, _WORDS)


def _row(panel: str, kind: str, node: float, x: float, value: float) -> Row:
    return {"panel": panel, "kind": kind, "node": node, "x": x, "value": value}


def _alive(W: Floats, V: Floats) -> tuple[Floats, Floats, Floats]:
    """(R, M) weights of both operands and of the output of nodes that decay has left, less means; strongest first."""
    from twopeaks.validate.claims.weights import carrying

    kept = carrying(W, V)
    strength = (W[:, kept] ** 2).sum(axis=0) * np.linalg.norm(V[kept], axis=1)
    kept = kept[np.argsort(-strength)]
    M = V.shape[1]
    u, v, out = (x - x.mean(axis=1, keepdims=True) for x in (W[:M, kept].T, W[M:, kept].T, V[kept]))
    return u, v, out


def _waves(u: Floats, v: Floats, out: Floats) -> Iterator[Row]:
    """Nodes of a cyclic group: powers of frequencies, phases at the largest, and the strongest node."""
    M = u.shape[1]
    at = [np.fft.rfft(part, axis=1)[:, 1:] for part in (u, v, out)]
    power = np.abs(at[0]) ** 2 + np.abs(at[1]) ** 2
    share, best = power / power.sum(axis=1, keepdims=True), power.argmax(axis=1)
    for place, node in enumerate(np.lexsort((-share.max(axis=1), best))):
        for k, value in enumerate(share[node]):
            yield _row("frequencies", "", place, k + 1, float(value))
    phases = [np.angle(part[np.arange(len(best)), best]) for part in at]
    for node, k in enumerate(best):
        both = float((phases[0][node] + phases[1][node]) % (2 * np.pi))
        yield _row("phases", f"{k + 1}", node, both, _near(float(phases[2][node]), both))
    k = int(best[0]) + 1
    for kind, nodes, phase in zip(("first operand", "second operand", "output"), (u, v, out), phases, strict=True):
        weights = nodes[0] / np.abs(nodes[0]).max()
        for g in range(M):
            yield _row("node", kind, k, k * g % M, float(weights[g]))
        yield _row("wave", kind, k, float(phase[0]), float(np.abs(np.fft.rfft(weights)[k]) * 2 / M))


def _near(angle: float, other: float) -> float:
    """The same angle, plus the turns that bring it within half a turn of the other."""
    return other + (angle - other + np.pi) % (2 * np.pi) - np.pi


def _blocks(group: Group, u: Floats, v: Floats) -> Iterator[Row]:
    from twopeaks.theory.landscape.features import block_powers

    every = irreps(group)
    labels = [f"d = {every[block[0]].dim}" for block in real_blocks(every)][1:]
    power = (block_powers(group, u) + block_powers(group, v))[:, 1:]
    share = power / power.sum(axis=1, keepdims=True)
    for place, node in enumerate(np.lexsort((-share.max(axis=1), share.argmax(axis=1)))):
        for b, value in enumerate(share[node]):
            yield _row("representations", labels[b], place, b, float(value))


def fig_features_on_the_group(
    table: pl.DataFrame, ax: Axes | Sequence[Axes] | None = None
) -> tuple[Figure, Sequence[Axes]]:
    """Frequencies of nodes, their phases, one node on the group, representations of nodes of S4.

    Args:
        table: as `measure` makes it.
        ax: four axes.
    """
    axes = panels(ax, 4, aspect=0.62 if narrow() else 0.7)
    _draw_map(axes[0], part(table, panel="frequencies"))
    axes[0].set_xlabel("frequency k")
    _draw_phases(axes[1], part(table, panel="phases"))
    _draw_node(axes[2], table)
    shown = part(table, panel="representations")
    _draw_map(axes[3], shown)
    first = shown.filter(pl.col("node") == 0)
    axes[3].set_xticks(numbers(first, "x"), first["kind"].to_list())
    axes[3].set_xlabel("real representation of S4")
    letters(
        axes,
        ["Z23: one frequency a node", "Z23: phases add", "Z23: the strongest node", "S4: one representation a node"],
    )
    return figure_of(axes), axes


def _draw_map(ax: Axes, table: pl.DataFrame) -> None:
    columns = np.unique(numbers(table, "x"))
    shares = numbers(table, "value").reshape(-1, len(columns))
    ends = (columns[0] - 0.5, columns[-1] + 0.5, len(shares) - 0.5, -0.5)
    picture = ax.imshow(shares, aspect="auto", cmap="cividis", vmin=0, vmax=1, extent=ends, interpolation="nearest")
    figure_of([ax]).colorbar(picture, ax=ax, label="share of power", ticks=[0, 0.5, 1], fraction=0.08, pad=0.02)
    ax.set_xticks(columns[::2])
    ax.set_ylabel("node")


def _draw_phases(ax: Axes, table: pl.DataFrame) -> None:
    k = table["kind"].cast(pl.Float64).to_numpy()
    ax.plot([0, 2 * np.pi], [0, 2 * np.pi], color=FADED, linewidth=0.8, zorder=0)
    cividis = matplotlib.colormaps["cividis"]
    ax.scatter(
        numbers(table, "x"), numbers(table, "value"), c=cividis((k - 1) / max(k.max() - 1, 1)), s=14, linewidths=0
    )
    ax.set_xticks([0, np.pi, 2 * np.pi], ["0", "π", "2π"])
    ax.set_yticks([0, np.pi, 2 * np.pi], ["0", "π", "2π"])
    ax.set_xlabel("phase of first + second operand")
    ax.set_ylabel("phase of the output")


def _draw_node(ax: Axes, table: pl.DataFrame) -> None:
    colours = {"first operand": COLOURS["generalising"], "second operand": COLOURS["memorising"], "output": INK}
    M = int(numbers(part(table, panel="node"), "x").max()) + 1
    turn = np.linspace(0, M, 200)
    for place, (kind, colour) in enumerate(colours.items()):
        dots, wave = part(table, panel="node", kind=kind), part(table, panel="wave", kind=kind)
        phase, height = numbers(wave, "x")[0], numbers(wave, "value")[0]
        ax.plot(turn, height * np.cos(2 * np.pi * turn / M + phase), color=colour, linewidth=1)
        ax.plot(numbers(dots, "x"), numbers(dots, "value"), "o", color=colour, markersize=3)
        ax.text(0.02 + 0.37 * place, 0.99, kind, color=colour, transform=ax.transAxes, va="top", fontsize=small())
    k = int(numbers(part(table, panel="node"), "node")[0])
    ax.set_ylim(-1.1, 1.45)
    ax.set_yticks([-1, 0, 1])
    ax.set_xlabel(f"{k} g mod {M}" if k > 1 else f"g mod {M}")
    ax.set_ylabel("weight over the largest")


#: Its entry in the catalogue.
FIGURE = Entry(
    "features-on-the-group",
    "Features of trained networks as seen on the group: frequencies, phases, representations",
    _CAPTION,
    fig_features_on_the_group,
    measure=measure,
)
