"""What nodes have become at small and large learning rates, and how high their energy is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter
from numpy.typing import NDArray

from twopeaks.theory.groups import named
from twopeaks.theory.groups.constructions import pair_nodes
from twopeaks.theory.setting import Setting
from twopeaks.validate.figures.drawing.entry import Entry, Stage
from twopeaks.validate.figures.drawing.over_seeds import Summary, rounded
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import COLOURS
from twopeaks.validate.figures.drawing.tables import Floats, part

if TYPE_CHECKING:
    from twopeaks.sim.network.runtime import Runtime

__all__ = ["FIGURE", "Size", "fig_node_energies", "measure"]

_CAPTION = """
Energy E(w) = ½|Ỹᵀσ(Xw)|² of the nodes that carry trained networks, scaled to |w| = 1, on their training examples:
Z127, n = 3225 of 16129, K = 1024, σ = z², Adam, η = 2·10⁻⁴, 1000 steps at rate 0.001 and 500 at the others, two seeds
pooled (the paper: 15; its rates 0.001, 0.002 and 0.005). Nodes carry from |w|²|v| of 1% of the largest on; the number
of them and the test accuracy are means of the two. Blue: at least three quarters of the centred power in one
frequency; red: fewer effective entries than M/4; grey: neither. Lines: medians of E, on the same examples, of cosines
of one frequency with both phases aligned, of one pair of entries (a, b), and of one entry, a row of the table. As in
the paper, nodes at a small rate are cosines of low energy, and large rates add memorising ones of higher energy: 5%,
10%, 45% and 50% of these nodes at the four rates, at the last two near the energy of a row. But here many come only at
0.02, not at 0.005, and the networks generalise all the same.
"""


class Size(NamedTuple):
    """What is trained: group, training examples, width, seeds, and learning rate -> steps."""

    group: str
    samples: int
    width: int
    seeds: int
    steps: dict[float, int]


#: The paper's group, size and width. The smallest rate gets more steps, so that all have generalised long before.
SIZE = Size("Z127", 3225, 1024, 2, {0.001: 1000, 0.005: 500, 0.02: 500, 0.05: 500})
#: Edges of the bins of E; what lies beyond counts in the last one.
_EDGES = np.geomspace(0.1, 25.6, 49)
#: Kinds of `twopeaks.theory.landscape.features.classify`, from the bottom of a pile up: colour, name.
_KINDS = {
    "irrep": (COLOURS["generalising"], "one frequency"),
    "spread": ("#a8a8a8", "several frequencies"),
    "localised": (COLOURS["memorising"], "few entries"),
}
#: Ideal features, whose energies are lines: colour, name, side of the line on which it stands.
_IDEAL = {
    "fourier": (COLOURS["generalising"], "cosine", "center"),
    "pair": (COLOURS["memorising"], "one pair ", "right"),
    "row": (COLOURS["memorising"], " one row", "left"),
}
_SHOWN, _TICKS = (0.15, 25.0), (0.2, 0.5, 1, 2, 5, 10, 20)


# --- what is plotted -----------------------------------------------------------------------------------


def measure(runtime: Runtime, stage: Stage, size: Size = SIZE) -> pl.DataFrame:
    """Train, classify the nodes that carry, and count their energies on the training examples.

    Args:
        runtime: where to train.
        stage: opens a progress bar.
        size: what to train.

    Returns:
        Rows lr, what, low, high, value: share of these nodes of a kind with energy from low to high; test accuracy and
        their number, mean and range over seeds; energies of ideal features, median and quantiles 10% and 90%.
    """
    from twopeaks.sim.training.snapshots import snapshots

    progress = stage("node-energies", size.seeds * sum(size.steps.values()))
    rows: list[dict[str, Any]] = []
    for lr, steps in size.steps.items():
        setting = Setting.model_validate(
            {
                "task": {"group": size.group, "samples": size.samples},
                "network": {"width": size.width},
                "optimizer": {"lr": lr},
            }
        )
        trained = snapshots(setting, range(size.seeds), [steps], runtime, progress=progress)
        members = [(W[0].astype(float), V[0].astype(float)) for W, V in zip(trained.W, trained.V, strict=True)]
        rows += _of_rate(size.group, lr, members, trained.pairs)
    rows += _ideal(size.group, trained.pairs[0])
    return pl.DataFrame(rows, infer_schema_length=None)


def _of_rate(
    group: str, lr: float, members: Sequence[tuple[Floats, Floats]], pairs: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    from twopeaks.theory.landscape.features import classify
    from twopeaks.theory.landscape.landscape import Landscape, all_pairs
    from twopeaks.validate.claims.weights import accuracy, carrying

    of = named(group)
    kinds: list[str] = []
    energies: list[Floats] = []
    accuracies, counts = [], []
    for (W, V), trained in zip(members, pairs, strict=True):
        nodes = _unit(W[:, carrying(W, V)].T)
        kinds += classify(of, nodes).kinds
        energies.append(Landscape(of, np.sort(trained)).energy(nodes))
        accuracies.append(accuracy(of, W, V, np.setdiff1d(all_pairs(of), trained)))
        counts.append(len(nodes))
    together = np.clip(np.concatenate(energies), _EDGES[0], _EDGES[-1])
    for kind in _KINDS:
        counted, _ = np.histogram(together[np.array(kinds) == kind], _EDGES)
        for i in np.flatnonzero(counted):
            yield _row(lr, kind, _EDGES[i], _EDGES[i + 1], counted[i] / len(kinds))
    for what, values in (("test_accuracy", accuracies), ("live_nodes", counts)):
        yield _row(lr, what, min(values), max(values), float(np.mean(values)))


def _unit(nodes: Floats) -> Floats:
    return np.ascontiguousarray(nodes / np.linalg.norm(nodes, axis=1, keepdims=True))


def _ideal(group: str, pairs: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    """Energies of ideal features on one training set: cosines (feat.10), one pair (mem.1), one row (mem.3)."""
    from twopeaks.theory.landscape.landscape import Landscape

    of = named(group)
    M = of.order
    landscape = Landscape(of, np.sort(pairs))
    one = np.eye(2 * M)
    ideal = {
        "fourier": np.concatenate([pair_nodes(M, k)[0].T for k in range(1, (M + 1) // 2)]),
        "pair": one[pairs // M] + one[M + pairs % M],
        "row": one,
    }
    for what, nodes in ideal.items():
        low, middle, high = np.quantile(landscape.energy(_unit(nodes)), [0.1, 0.5, 0.9])
        yield _row(None, what, low, high, middle)


def _row(lr: float | None, what: str, low: float, high: float, value: float) -> dict[str, Any]:
    return {"lr": lr, "what": what, **rounded(Summary(value, low, high))}


# --- drawing -------------------------------------------------------------------------------------------


def fig_node_energies(table: pl.DataFrame, ax: Sequence[Axes] | None = None) -> tuple[Figure, list[Axes]]:
    """Histograms of the kinds on top of each other, a panel for each learning rate.

    Args:
        table: from `measure`.
        ax: one axes a learning rate; a figure of its own if None.

    Raises:
        InputError: if another number of axes was given.
    """
    rates = sorted(table["lr"].drop_nulls().unique())
    made = panels(ax, len(rates), across=2, aspect=0.5 if narrow() else 0.46, share_x=True, share_y=True)
    for panel, lr in zip(made, rates, strict=True):
        _pile(panel, table.filter(pl.col("lr") == lr))
        _ideal_lines(panel, table.filter(pl.col("lr").is_null()), named=panel in made[: 1 if narrow() else 2])
        panel.set_xscale("log")
        panel.set_xlim(_SHOWN)
        panel.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        panel.set_xticks(_TICKS)
        panel.minorticks_off()
    for panel in made if narrow() else made[::2]:
        panel.set_ylabel("share of nodes")
    for panel in made[-1:] if narrow() else made[-2:]:
        panel.set_xlabel("energy E of a node, |w| = 1, on the training examples")
    for i, (colour, name) in enumerate(_KINDS.values()):
        made[0].text(0.02, 0.44 - 0.11 * i, name, color=colour, transform=made[0].transAxes, va="top")
    letters(made)
    return figure_of(made), made


def _pile(ax: Axes, rows: pl.DataFrame) -> None:
    """Histograms of the kinds, each on top of the one before."""
    bottom: dict[float, float] = {}
    for kind, (colour, _) in _KINDS.items():
        for row in part(rows, what=kind).iter_rows(named=True):
            low, share = row["low"], row["value"]
            at = bottom.get(low, 0.0)
            ax.bar(low, share, row["high"] - low, bottom=at, align="edge", color=colour, linewidth=0)
            bottom[low] = at + share
    accuracy, nodes = (part(rows, what=name)["value"][0] for name in ("test_accuracy", "live_nodes"))
    text = f"rate {rows['lr'][0]:g}\ntest accuracy {accuracy:.2f}\n{nodes:.0f} nodes"
    ax.text(0.02, 0.96, text, transform=ax.transAxes, va="top")


def _ideal_lines(ax: Axes, rows: pl.DataFrame, *, named: bool) -> None:
    for row in rows.iter_rows(named=True):
        colour, words, side = _IDEAL[row["what"]]
        ax.axvline(row["value"], color=colour, linewidth=1, linestyle="--")
        if named:
            across = ax.get_xaxis_transform()
            ax.text(row["value"], 1.0, words, color=colour, ha=side, va="bottom", transform=across)


#: Its entry in the catalogue.
FIGURE = Entry(
    "node-energies",
    "Energy of the nodes of trained networks at small and large learning rates",
    _CAPTION,
    fig_node_energies,
    paper="Fig. 7",
    measure=measure,
)
