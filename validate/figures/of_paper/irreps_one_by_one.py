"""Irreducible representations appear one by one as data grow: accuracy, and what networks answer to unseen examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from twopeaks.theory.groups import Group, named
from twopeaks.theory.setting import Optimizer, standard
from twopeaks.validate.figures.drawing.entry import Entry, Stage
from twopeaks.validate.figures.drawing.marks import bars, words
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import COLOURS, INK
from twopeaks.validate.figures.drawing.tables import Floats, Row, committed, numbers, part, read_table, table_of

if TYPE_CHECKING:
    from twopeaks.sim.network.runtime import Runtime
    from twopeaks.theory.heights.phases import Block

__all__ = ["ACCURATE", "FIGURE", "TRAINED", "fig_irreps_one_by_one", "gather", "measure", "shares"]

_CAPTION = """
Irreducible representations appear one by one as data grow. a: share of each real representation of S4 that networks
answer with on examples they never saw, the projection of their outputs on it over that of the labels (mean and range
of 4 networks after 20,000 steps; the two of dimension 3 together); lines: the theory of phases, block by block, small
dimensions first. The order is as it says; d = 2 comes later than it says, and where networks grok d = 3 is complete at
once. b-d: test accuracy over n (dots: mean of 8 networks after 20,000 steps with its 95% bootstrap interval; networks
that grok stop there), black: the same theory, thin lines its blocks (pair: complex; quat.: quaternionic). Diamonds in
b: the networks of a, which go on after they have grokked. The theory's step was fitted on Z23, its one constant of
energy on n_c of S4 and Q8xZ3; its accuracy is nearly always too high (rms 0.105, 0.083 and 0.130 in b, c and d). S0:
x², Adam at rate 1e-3, η = 2e-4, K = 14 M.
"""

#: The group whose representations are looked for in outputs, and those whose accuracy was measured.
TRAINED, ACCURATE = "S4", ("S4", "D4xZ3", "Q8xZ3")
_SIZES = (189, 206, 224, 234, 244, 254, 277, 301)
_SEEDS, _STEPS, _POINTS = (0, 1, 2, 3), 20_000, 45
#: Kind of a representation -> its colour and how it is called.
_KINDS = {
    "real of d = 1": ("#E69F00", "d = 1"),
    "complex of d = 1": ("#56B4E9", "d = 1 pair"),
    "real of d = 2": ("#009E73", "d = 2"),
    "complex of d = 2": ("#0072B2", "d = 2 pair"),
    "quaternionic of d = 2": ("#CC79A7", "d = 2 quat."),
    "real of d = 3": ("#0072B2", "d = 3"),
}
#: Where kinds are named beside their line: n, share, and which side of the words is there.
_PLACES: dict[str, dict[str, tuple[float, float, str]]] = {
    "shares": {
        "real of d = 1": (118, 0.92, "left"),
        "real of d = 2": (180, 0.5, "right"),
        "real of d = 3": (229, 0.1, "left"),
    },
    "S4": {
        "real of d = 1": (118, 0.92, "left"),
        "real of d = 2": (180, 0.5, "right"),
        "real of d = 3": (268, 0.45, "left"),
    },
    "D4xZ3": {
        "real of d = 1": (156, 0.93, "left"),
        "real of d = 2": (183, 0.6, "right"),
        "complex of d = 1": (203, 0.45, "left"),
        "complex of d = 2": (250, 0.45, "left"),
    },
    "Q8xZ3": {
        "real of d = 1": (175, 0.93, "left"),
        "complex of d = 1": (204, 0.75, "right"),
        "complex of d = 2": (229, 0.27, "right"),
        "quaternionic of d = 2": (281, 0.45, "left"),
    },
}

_WORDS = ("group", "series", "kind")


def gather(results: Path) -> pl.DataFrame:
    """What `measure` made, and measured accuracies of all three groups."""
    trained = read_table(results / "figures" / "irreps-one-by-one.csv")
    accuracies = committed(results, "transitions", "test_accuracy", "accuracy.csv")
    rows = [
        _row(cell["group"], "measured", cell["samples"], cell["value"], low=cell["low"], high=cell["high"])
        for cell in accuracies.iter_rows(named=True)
        if cell["group"] in ACCURATE
    ]
    return pl.concat([table_of(list(trained.iter_rows(named=True)), _WORDS), table_of(rows, _WORDS)])


def measure(runtime: Runtime, stage: Stage) -> pl.DataFrame:
    """Shares of representations in outputs of trained networks, and the lines of the theory.

    Args:
        runtime: where to train.
        stage: opens a progress bar.
    """
    from twopeaks.sim.training.snapshots import snapshots

    group, rows = named(TRAINED), [row for name in ACCURATE for row in _theory(name)]
    progress = stage(f"{TRAINED}, {len(_SIZES)} sizes", len(_SIZES) * len(_SEEDS) * _STEPS)
    for n in _SIZES:
        setting = standard(TRAINED, n, 14 * group.order)
        trained = snapshots(setting, _SEEDS, [_STEPS], runtime, progress=progress)
        outputs = _outputs(trained.W[:, 0], trained.V[:, 0])
        unseen = np.ones((len(_SEEDS), group.order**2), dtype=bool)
        np.put_along_axis(unseen, trained.pairs, values=False, axis=1)
        rows += _measured(group, n, outputs, unseen)
    return table_of(rows, _WORDS)


def _row(group: str, series: str, n: float, value: float, kind: str = "", **ends: float) -> Row:
    row: Row = {"group": group, "series": series, "kind": kind, "n": n, "value": value, "low": None, "high": None}
    return row | ends


def _theory(name: str) -> Iterator[Row]:
    from twopeaks.theory.heights.phases import STEP, accuracy, blocks, learned

    group, eta = named(name), Optimizer().weight_decay
    parts = blocks(group, eta)
    least, most = min(block.crossing for block in parts), max(block.crossing for block in parts)
    for n in np.linspace(0.85 * least if name == TRAINED else 0.75 * most, 1.4 * most, _POINTS):
        each = [learned(block, float(n), group.order) for block in parts]
        yield _row(name, "theory", float(n), accuracy(group, parts, each, STEP.noise))
        for kind, share in _by_kind(parts, each).items():
            yield _row(name, "theory of a block", float(n), share, kind)


def _by_kind(parts: Sequence[Block], values: Sequence[float]) -> dict[str, float]:
    """Mean over blocks of each kind."""
    kinds = {str(part.kind): [v for p, v in zip(parts, values, strict=True) if p.kind == part.kind] for part in parts}
    return {kind: float(np.mean(each)) for kind, each in kinds.items()}


def _outputs(W: NDArray[Any], V: NDArray[Any]) -> Floats:
    """(E, M^2, M) class-centred outputs of the square network on the whole table: W (E, 2M, K), V (E, K, M)."""
    M = V.shape[-1]
    before = W[:, :M, None] + W[:, None, M:]  # (E, M, M, K)
    outputs = np.square(before, dtype=np.float64).reshape(len(W), M * M, -1) @ V.astype(np.float64)
    return np.asarray(outputs - outputs.mean(axis=-1, keepdims=True))


def shares(group: Group, parts: Sequence[Block], outputs: Floats, rows: NDArray[np.int64]) -> list[float]:
    """Share of each block in outputs: sum of o(c) k_rho(h^-1 c) over that of the label, k_rho(1), mean over examples.

    Args:
        group: the group.
        parts: its blocks.
        outputs: (M^2, M) class-centred outputs, example a·M + b.
        rows: examples that count.
    """
    labels = group.table.ravel()[rows]
    quotient = group.table[group.inverses[labels]]  # (rows, M): h^-1 c
    return [
        float((outputs[rows] * part.kernel[quotient]).sum(axis=1).mean() / part.kernel[group.identity])
        for part in parts
    ]


def _measured(group: Group, n: int, outputs: Floats, unseen: NDArray[np.bool_]) -> Iterator[Row]:
    from twopeaks.theory.heights.phases import blocks

    parts, labels = blocks(group, Optimizer().weight_decay), group.table.ravel()
    each = [
        _by_kind(parts, shares(group, parts, out, np.flatnonzero(rows)))
        for out, rows in zip(outputs, unseen, strict=True)
    ]
    for kind in each[0]:
        of_kind = [network[kind] for network in each]
        yield _row(group.name, "share", n, float(np.mean(of_kind)), kind, low=min(of_kind), high=max(of_kind))
    right = [float((out.argmax(axis=1) == labels)[rows].mean()) for out, rows in zip(outputs, unseen, strict=True)]
    yield _row(group.name, "accuracy of these", n, float(np.mean(right)), low=min(right), high=max(right))


def fig_irreps_one_by_one(
    table: pl.DataFrame, ax: Axes | Sequence[Axes] | None = None
) -> tuple[Figure, Sequence[Axes]]:
    """Shares of representations in outputs, and accuracies of three groups.

    Args:
        table: as `gather` makes it.
        ax: four axes.
    """
    axes = panels(ax, 4, aspect=0.6 if narrow() else 0.66)
    _draw_shares(axes[0], part(table, group=TRAINED))
    for ax_of_group, name in zip(axes[1:], ACCURATE, strict=True):
        _draw_accuracy(ax_of_group, part(table, group=name), name)
    letters(axes, [f"{TRAINED}: answers to unseen examples", *(f"{name}: accuracy" for name in ACCURATE)])
    for panel in axes:
        panel.set_xlabel("training examples n")
        panel.set_ylim(-0.04, 1.05)
    return figure_of(axes), axes


def _draw_shares(ax: Axes, table: pl.DataFrame) -> None:
    for kind in _PLACES["shares"]:
        line, dots = part(table, series="theory of a block", kind=kind), part(table, series="share", kind=kind)
        ax.plot(numbers(line, "n"), numbers(line, "value"), color=_KINDS[kind][0], linewidth=1.2)
        bars(ax, numbers(dots, "n"), dots, _KINDS[kind][0])
    _name(ax, "shares")
    ax.set_ylabel("share generalised")


def _draw_accuracy(ax: Axes, table: pl.DataFrame, group: str) -> None:
    for kind in _PLACES[group]:
        line = part(table, series="theory of a block", kind=kind)
        ax.plot(numbers(line, "n"), numbers(line, "value"), color=_KINDS[kind][0], linewidth=0.8)
    line = part(table, series="theory")
    ax.plot(numbers(line, "n"), numbers(line, "value"), color=INK, linewidth=1.6)
    trained, measured = part(table, series="accuracy of these"), part(table, series="measured")
    ax.plot(numbers(trained, "n"), numbers(trained, "value"), "D", markerfacecolor="none", color=INK, markersize=5)
    bars(ax, numbers(measured, "n"), measured, COLOURS["memorising"])
    _name(ax, group)
    ax.set_ylabel("test accuracy")


def _name(ax: Axes, panel: str) -> None:
    for kind, (n, share, side) in _PLACES[panel].items():
        colour, name = _KINDS[kind]
        words(ax, name, (n, share), colour, ha=side)


#: Its entry in the catalogue.
FIGURE = Entry(
    "irreps-one-by-one",
    "Irreducible representations appear one by one as data grow",
    _CAPTION,
    fig_irreps_one_by_one,
    sources=("transitions/accuracy.csv",),
    numbers=gather,
    measure=measure,
)
