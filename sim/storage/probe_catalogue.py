"""What may be measured beside the losses while a network trains: names, columns, where each applies, what it costs.

A probe fills one or more columns of `sim.storage.records.Records.curves`, one number a member and record; vectors over
irreducible representations become columns such as ``spectrum[3]``. So every reader of curves (tables, figures,
checkpoints) has them without knowing of them. A number is NaN where it is undefined or was not measured.

Probes look and never touch: curves are the same bit for bit with and without them. All of them together cost about
`Plan.probe_share` of a run at most: what is dear is measured at some of the records only (`measured`), which depends
on sizes alone, never on a clock. The measuring itself is in `twopeaks.sim.probes.probing`; nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group
from twopeaks.theory.groups.irreps import irreps, real_blocks
from twopeaks.theory.setting import Setting

__all__ = [
    "COVERED",
    "LIVE_SHARE",
    "PROBES",
    "SAMPLED",
    "SIMILAR",
    "TOP",
    "Probe",
    "applicable",
    "chosen",
    "columns",
    "measured",
]

#: A node is live (decay has not taken it away) if |w|^2 |v| is at least this part of the largest one of its network.
#: Far fewer nodes carry the function: see `twopeaks.validate.claims.weights.CARRYING_SHARE`.
LIVE_SHARE = 1e-6
#: A representation is covered if a live node has at least this share of its centred power in it.
COVERED = 0.75
#: Node pairs count as similar from this |cosine| of their centred answers.
SIMILAR = 0.5
#: The most similar pairs of which the published check counts signs (of largest |f_j . f_l|).
TOP = 200
#: Nodes whose overlaps with all others are worked out; the mean over all is estimated from theirs if there are more.
SAMPLED = 32

Level = Literal["weights", "outputs", "irreps", "overlap", "repulsion"]


@dataclass(frozen=True)
class Probe:
    """One thing to measure.

    Attributes:
        words: what it is, in one line.
        level: what it has to work out; probes of one level share it.
        calls: operations beside that, however small.
        columns: ``columns(setting)`` gives each column's name and meaning.
        outside: ``outside(setting)`` says in a line why it does not apply, or nothing.
    """

    words: str
    level: Level
    calls: int
    columns: Callable[[Setting], dict[str, str]]
    outside: Callable[[Setting], str | None]


# --- where they apply ----------------------------------------------------------------------------------


def _anywhere(setting: Setting) -> str | None:
    return None


def _real(setting: Setting) -> str | None:
    return None if setting.network.weights == "real" else "it needs real weights"


def _squared_loss(setting: Setting) -> str | None:
    return _real(setting) or (None if setting.loss == "mse" else "it is defined for the mse loss")


def _two_layers(setting: Setting) -> str | None:
    return None if setting.network.core else "it needs a two-layer network of real weights on one-hot inputs"


def _layers(setting: Setting) -> str | None:
    return None if setting.network.tables == 0 else "it needs a first layer W that reads one-hot inputs"


def _group_of_nodes(setting: Setting) -> str | None:
    return _two_layers(setting) or (None if setting.task.has_group else "it needs a task about a group")


# --- what they are called ------------------------------------------------------------------------------


def _fixed(**words: str) -> Callable[[Setting], dict[str, str]]:
    return lambda setting: dict(words)


def _irrep_columns(setting: Setting) -> dict[str, str]:
    group = setting.task.resolve()
    names = dict(enumerate(_block_names(group)))
    spectrum = {f"spectrum[{b}]": f"share of |W|^2 in {name}" for b, name in names.items()}
    del names[0]  # the trivial one: what centring takes away
    most = "live nodes with more of their centred power there than in any other representation:"
    return {
        **spectrum,
        **{f"nodes[{b}]": f"{most} {name}" for b, name in names.items()},
        **{f"covered[{b}]": f"1 if one of these has at least {COVERED} of it in {name}" for b, name in names.items()},
        "covered": "representations with covered[...] 1, the trivial one left out",
        "purity_mean": "mean over live nodes of the share of centred power in a node's strongest representation",
        **{f"purity_q{q}": f"{q}% quantile of the same" for q in (10, 50, 90)},
    }


@lru_cache(maxsize=64)
def _block_names(group: Group) -> tuple[str, ...]:
    """Names of `theory.groups.irreps.real_blocks`: complex pairs count as one, as no real weights tell them apart."""
    found = irreps(group)
    return tuple(
        f"irrep {b}, {'a complex pair' if len(block) == 2 else 'one'} of dimension {found[block[0]].dim}"
        for b, block in enumerate(real_blocks(found))
    )


#: Every probe by name, in the order of their columns.
PROBES: dict[str, Probe] = {
    "updates": Probe(
        "how steadily W and V move",
        "weights",
        70,
        _fixed(
            update_cosine_w="cosine of the last update of W and the one before it",
            update_cosine_v="the same for V",
            turn_w="1 - cosine of W before and after the last update",
            turn_v="the same for V",
        ),
        _layers,
    ),
    "live": Probe(
        "nodes that carry the function",
        "weights",
        20,
        _fixed(live_nodes=f"nodes with |w|^2 |v| at least {LIVE_SHARE:g} of the largest"),
        _two_layers,
    ),
    "margin": Probe(
        "how far outputs are on the right side",
        "outputs",
        15,
        _fixed(
            margin_mean="mean over training rows of output at the label - largest other output",
            margin_least="least of these",
        ),
        _anywhere,
    ),
    "gradient": Probe(
        "what the last layer asks of the features",
        "outputs",
        35,
        _fixed(
            gradient_norm="|G_F|, G_F = P (Y - F V) V^T over training rows, P centring over them",
            gradient_alignment="cosine of G_F and Y~ Y~^T F~, with ~ for P",
        ),
        _squared_loss,
    ),
    "energy": Probe(
        "energy of live nodes scaled to |w| = 1, E(w) = |Y~^T sigma(X w)|^2 / 2 over training rows",
        "outputs",
        30,
        _fixed(energy_mean="mean over live nodes of E(w/|w|)", energy_max="largest of these"),
        _two_layers,
    ),
    "irreps": Probe(
        "irreducible representations that W and its nodes hold", "irreps", 110, _irrep_columns, _group_of_nodes
    ),
    "overlap": Probe(
        "how far F~^T F~ is from diagonal",
        "overlap",
        90,
        _fixed(
            off_diagonal="mean |off-diagonal entry| / mean diagonal entry of F~^T F~",
            off_diagonal_error=f"its relative standard error: 0 up to {SAMPLED} nodes, else estimated from as many",
        ),
        _real,
    ),
    "repulsion": Probe(
        "whether similar nodes repel: sign of b_jl = -sign(f_j . f_l), B = (F~^T F~ + eta)^-1",
        "repulsion",
        60,
        _fixed(
            repulsion=f"share of node pairs with |cosine| above {SIMILAR} that have this sign",
            repulsion_top=f"share of the {TOP} pairs of largest |f_j . f_l|",
            similar_pairs=f"number of pairs with |cosine| above {SIMILAR}",
        ),
        _real,
    ),
}


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """The names in the order of `PROBES`, each once.

    Raises:
        InputError: if one of them is unknown.
    """
    wanted = set(names)
    for name in sorted(wanted - PROBES.keys()):
        raise InputError("probes", f"some of {', '.join(PROBES)}", name, "or all of them: --probes all")
    return tuple(name for name in PROBES if name in wanted)


def applicable(setting: Setting) -> tuple[tuple[str, ...], dict[str, str]]:
    """Names of the probes that apply to a setting, and for each other one why it does not."""
    reasons = {name: probe.outside(setting) for name, probe in PROBES.items()}
    without = {name: reason for name, reason in reasons.items() if reason is not None}
    return tuple(name for name in PROBES if name not in without), without


def columns(setting: Setting, names: Sequence[str]) -> dict[str, str]:
    """Columns that these probes fill, with their meaning.

    Raises:
        InputError: if a probe is unknown or does not apply.
    """
    for name in chosen(names):
        reason = PROBES[name].outside(setting)
        if reason is not None:
            raise InputError("probes", f"without {name} for this setting", list(names), f"leave it out: {reason}")
    return {column: words for name in chosen(names) for column, words in PROBES[name].columns(setting).items()}


# --- what they cost ------------------------------------------------------------------------------------
#
# In multiply-adds of a large matrix product, for one member alone, as measured on a CPU: an entry of an array that is
# passed over costs as much as `_PASS` of them, an entry of the weights' own small arrays in all `_SMALL`, a
# multiply-add in double precision `_DOUBLE`, and `_CALL` is what any operation costs however small it is. A shorter
# run than `_MOMENT`, a tenth of a second, counts as that long: nobody waits for it.

_DEAR = "repulsion"
_PASS, _SMALL, _DOUBLE, _CALL, _MOMENT = 16, 96, 2.5, 110_000, 3e9
#: A probe now and then finds nothing in the cache, and one member's passes are not shared among threads.
_COLD = 1.5


def _step_cost(n: int, k: int, A: int, K: int, C: int) -> float:
    """One update: three products, gather, sigma, scatter, Adam."""
    return 3 * n * K * C + _PASS * (n * K * (1 + k) + 4 * K * (k * A + C)) + 30 * _CALL


def _evaluation_cost(rows: int, K: int, C: int) -> float:
    return rows * K * C + _PASS * rows * (1.5 * K + 2 * C) + 40 * _CALL


def _level_costs(n: int, k: int, A: int, K: int, C: int) -> dict[Level, float]:
    features, small = _PASS * n * K * (1 + k) / 2, _SMALL * K * (k * A + C)
    return {
        "weights": 0.5 * small,
        "outputs": features + 1.6 * n * K * C + 60 * _CALL,
        "irreps": k * A * A * K + small,
        "overlap": 2 * features + 2.5 * n * K * min(K, SAMPLED),
        "repulsion": 3 * features + _DOUBLE * (n * K * K + K**3) + 60 * _PASS * K * K,
    }


def measured(setting: Setting, names: Sequence[str], steps: NDArray[np.int64], share: float) -> dict[str, set[int]]:
    """At which of the recorded steps each probe is measured, so that all cost ``share`` of the run at most.

    All but the dear one, repulsion, are measured together, at every record if that can be paid; what is left pays
    for that one. Where there is not enough for every record, these are as evenly spaced as whole numbers allow, the
    last one among them.

    Args:
        setting: the problem; with the budget it gives the cost of the run.
        names: probes.
        steps: (R,) recorded steps, increasing; the last one is the budget.
        share: cost of the probes over that of the run without them.
    """
    table = setting.task.table_of()
    sizes = (setting.task.samples, table.operands, table.alphabet, setting.network.width, table.classes)
    run = steps[-1] * _step_cost(*sizes) + len(steps) * _evaluation_cost(table.labels.size, *sizes[3:])
    left = share * max(run, _MOMENT)
    due: dict[str, set[int]] = {}
    for together in ([n for n in names if n != _DEAR], [n for n in names if n == _DEAR]):
        cost = _cost(together, _level_costs(*sizes))
        count = min(len(steps), int(left / cost)) if together else 0
        left -= count * cost
        due |= {name: set(_spread(steps, count)) for name in together}
    return due


def _cost(names: Sequence[str], levels: dict[Level, float]) -> float:
    """Cost of measuring these once; each works out for itself what it needs."""
    return _COLD * sum(levels[PROBES[name].level] + _CALL * PROBES[name].calls for name in names)


def _spread(steps: NDArray[np.int64], count: int) -> list[int]:
    """So many of the steps, evenly spaced, the last one among them."""
    places = (np.arange(1, count + 1) * len(steps)) // max(count, 1) - 1
    return [int(step) for step in steps[places]]
