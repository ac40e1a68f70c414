"""The maxima of a landscape and the sizes of their basins, by many ascents from random starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.groups import Group
from twopeaks.theory.groups.irreps import irreps, real_blocks
from twopeaks.theory.landscape.ascent import ascend, is_maximum, random_nodes
from twopeaks.theory.landscape.features import Kind, block_label, classify
from twopeaks.theory.landscape.landscape import Landscape, random_pairs

__all__ = ["Basins", "Effort", "Peak", "Survey", "basins", "survey"]

#: Energies closer than this, relatively, are one: those of converged ascents agree far better.
_SAME = 1e-6


@dataclass(frozen=True)
class Peak:
    """Critical points of one energy and one kind that ascents ended on.

    Attributes:
        energy: E, mean over its ascents.
        kind: what its nodes are, see `twopeaks.theory.landscape.features.Features`.
        irrep: for kind ``irrep`` which one, such as ``"d=2 real #4"``; otherwise empty.
        purity, participation: mean over its ascents, as `twopeaks.theory.landscape.features.Features` defines them.
        count: ascents that ended here; their share of all ascents measures the basin.
        maximum: whether its first node passes the second-order test `twopeaks.theory.landscape.ascent.is_maximum`.
    """

    energy: float
    kind: Kind
    irrep: str
    purity: float
    participation: float
    count: int
    maximum: bool


class Effort(NamedTuple):
    """How many ascents `basins` makes at each density: ``starts`` on each of ``subsets`` random sets."""

    subsets: int = 4
    starts: int = 50


_DEFAULT_EFFORT = Effort()


@dataclass(frozen=True)
class Survey:
    """Results of ascents from random starts.

    Attributes:
        peaks: where converged ascents ended, the highest first.
        unconverged: ascents that did not converge and are in no peak.
        outcome: one sentence about convergence.
    """

    peaks: tuple[Peak, ...]
    unconverged: int
    outcome: str


def survey(landscape: Landscape, count: int, rng: np.random.Generator) -> Survey:
    """Peaks on which ``count`` ascents from uniformly random starts end."""
    ascents = ascend(landscape, random_nodes(count, landscape.dim, rng))
    done = np.flatnonzero(ascents.converged)
    nodes, energies = ascents.nodes[done], ascents.energies[done]
    features = classify(landscape.group, nodes)
    named = _names(landscape.group, features.kinds, features.blocks)
    clusters = _clusters(named, energies)
    tested = is_maximum(landscape, nodes[[members[0] for members in clusters]])
    peaks = [
        Peak(
            energy=float(energies[members].mean()),
            kind=features.kinds[members[0]],
            irrep=named[members[0]][1],
            purity=float(features.purities[members].mean()),
            participation=float(features.participations[members].mean()),
            count=len(members),
            maximum=bool(passed),
        )
        for members, passed in zip(clusters, tested, strict=True)
    ]
    peaks.sort(key=lambda peak: (-round(peak.energy, 9), peak.kind, peak.irrep))
    return Survey(tuple(peaks), count - len(done), ascents.outcome)


def _names(group: Group, kinds: Sequence[Kind], blocks: NDArray[np.int64]) -> list[tuple[Kind, str]]:
    """(kind, irrep) of every node; no irrep where the kind is another."""
    all_irreps = irreps(group)
    labels = [block_label(all_irreps, block) for block in real_blocks(all_irreps)]
    return [(kind, labels[block] if kind == "irrep" else "") for kind, block in zip(kinds, blocks, strict=True)]


def _clusters(named: Sequence[tuple[Kind, str]], energies: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Indices of nodes with one name and one energy, a cluster at a time."""
    clusters = []
    for name in sorted(set(named)):
        members = np.array([i for i, other in enumerate(named) if other == name])
        members = members[np.argsort(energies[members], kind="stable")]
        gaps = np.diff(energies[members]) > _SAME * energies[members[1:]]
        clusters += np.split(members, np.flatnonzero(gaps) + 1)
    return clusters


@dataclass(frozen=True)
class Basins:
    """Kinds of maxima at one density of pairs, counted over ascents on several random subsets.

    Attributes:
        density: p.
        irrep, localised, spread: ascents that ended on a maximum of each kind.
        none: ascents that ended on none: they did not converge, or stood where E = 0 or at a saddle.
        highest_irrep, highest_localised: greatest E of either kind, mean over the subsets that have one; None
            where no subset has.
    """

    density: float
    irrep: int
    localised: int
    spread: int
    none: int
    highest_irrep: float | None
    highest_localised: float | None


def basins(
    group: Group,
    densities: Sequence[float],
    rng: np.random.Generator,
    *,
    activation: str = "x^2",
    bias: float = 0.0,
    effort: Effort = _DEFAULT_EFFORT,
) -> tuple[Basins, ...]:
    """Where ascents from random starts on random sets of pairs end, at each density.

    With a bias the sets prefer small first operands, see `twopeaks.theory.landscape.landscape.random_pairs`.
    """

    def at_density(p: float) -> Basins:
        data = [random_pairs(group, p, rng, bias) for _ in range(effort.subsets)]
        surveys = [survey(Landscape(group, pairs, activation=activation), effort.starts, rng) for pairs in data]
        return _counted(p, surveys, effort.subsets * effort.starts)

    return tuple(at_density(p) for p in densities)


def _counted(density: float, surveys: Sequence[Survey], ascents: int) -> Basins:
    kinds: Counter[Kind] = Counter()
    for peak in (peak for one_survey in surveys for peak in one_survey.peaks if peak.maximum):
        kinds[peak.kind] += peak.count
    return Basins(
        density=density,
        irrep=kinds["irrep"],
        localised=kinds["localised"],
        spread=kinds["spread"],
        none=ascents - kinds.total(),
        highest_irrep=_mean_highest(surveys, "irrep"),
        highest_localised=_mean_highest(surveys, "localised"),
    )


def _mean_highest(surveys: Sequence[Survey], kind: Kind) -> float | None:
    """Mean over surveys of the highest peak of a kind, where there is one."""
    energies = [
        [peak.energy for peak in one_survey.peaks if peak.kind == kind and peak.maximum] for one_survey in surveys
    ]
    return float(np.mean([max(heights) for heights in energies if heights])) if any(energies) else None
