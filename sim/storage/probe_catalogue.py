"""The probes, which measure more than losses during training: names, columns, where each applies, what it costs.

A probe fills one or more columns of `sim.storage.records.Records.curves`, one number a member and record; vectors over
irreducible representations become columns such as ``spectrum[3]``. So every reader of curves (tables, figures,
checkpoints) handles them like any curve. A number is NaN where it is undefined or was not measured.

Probes only read: curves are the same bit for bit with and without them. `twopeaks.sim.probes.budget` decides at which
records each is measured, `twopeaks.sim.probes.probing` measures it. Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

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
    "Level",
    "Probe",
    "applicable",
    "chosen",
    "columns",
]

#: A node is live (not removed by decay) if |w|^2 |v| is at least this part of the largest one of its network.
#: Far fewer nodes carry the function: see `twopeaks.validate.claims.weights.CARRYING_SHARE`.
LIVE_SHARE = 1e-6
#: A representation is covered if a live node has at least this share of its centred power in it.
COVERED = 0.75
#: Node pairs count as similar from this |cosine| of their centred answers.
SIMILAR = 0.5
#: The most similar pairs of which the replication of this claim counts signs (of largest |f_j . f_l|).
TOP = 200
#: Nodes whose overlaps with all others are computed; if there are more nodes, the mean is estimated from these.
SAMPLED = 32

#: What a probe has to compute; probes of one level share it.
Level = Literal["weights", "outputs", "irreps", "overlap", "repulsion"]


@dataclass(frozen=True)
class Probe:
    """One thing to measure.

    Attributes:
        words: what it is, in one line.
        level: what it has to compute; probes of one level share it.
        calls: number of other operations, whatever their size.
        columns: ``columns(setting)`` gives each column's name and meaning.
        outside: ``outside(setting)`` is the reason why it does not apply, None if it does.
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
    representations = irreps(group)
    return tuple(
        f"irrep {b}, {'a complex pair' if len(block) == 2 else 'one'} of dimension {representations[block[0]].dim}"
        for b, block in enumerate(real_blocks(representations))
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
    requested = set(names)
    for name in sorted(requested - PROBES.keys()):
        raise InputError("probes", f"some of {', '.join(PROBES)}", name, "or all of them: --probes all")
    return tuple(name for name in PROBES if name in requested)


def applicable(setting: Setting) -> tuple[tuple[str, ...], dict[str, str]]:
    """Names of the probes that apply to a setting, and for each other probe the reason why it does not."""
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
