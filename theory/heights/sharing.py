"""Height of the generalising peak of any group, without a run: every block by its nodes, some of which carry the rest.

Nodes that build a block most cheaply leave a function of c over (heights.7, heights.8), or as much less as its kind
allows (`theory.heights.blocks`). Blocks with a few nodes more leave nothing, and can undo what the others leave
(heights.9). Which do so is chosen by cost. Decay takes a share of every part away (heights.11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from twopeaks.theory.equations.lower import function
from twopeaks.theory.groups import Group
from twopeaks.theory.heights.blocks import BlockCost, Kind, block_cost, kinds

__all__ = ["Part", "SharedHeight", "shared_height"]


@dataclass(frozen=True)
class Part:
    """Equal blocks of a network.

    Attributes:
        count: how many.
        energy: what each adds to the loss where it is missing, D/M.
        cost: least norm of each.
    """

    count: int
    energy: float
    cost: float

    def at_decay(self, eta: float) -> tuple[float, float]:
        """What decay leaves of these blocks: their norm, and what they add to loss + (eta/2) norm. Eq. heights.11.

        A block that is not worth its norm is given up: norm 0, all of its energy lost.
        """
        theta = float(function("heights.11")(self.cost, self.energy, eta))
        g = 1.0
        for _ in range(200):  # the larger root attracts where there is one; below g = 1/4 there is none
            g = 1 - theta / max(g, 0.25) ** (1 / 3)
        norm = self.cost * max(g, 0.0) ** (2 / 3)
        objective = self.energy * (1 - g) ** 2 + eta / 2 * norm
        if g < 0.25 or objective >= self.energy:
            return 0.0, self.count * self.energy
        return self.count * norm, self.count * objective


@dataclass(frozen=True)
class SharedHeight:
    """C_gen of a group and how it is reached.

    Attributes:
        cost: C_gen, the norm |W|^2 + |V|^2 as decay goes to zero.
        nodes: how many take part.
        carriers: kind and number of the blocks that undo what the others leave over; None if nothing is left over.
        parts: the blocks, carriers last.
        origin: which blocks' costs were found by search, or may be lower than here; empty if closed forms are met.
    """

    cost: float
    nodes: int
    carriers: tuple[Kind, int] | None
    parts: tuple[Part, ...]
    origin: str

    def at_decay(self, eta: float) -> tuple[float, float]:
        """Norm and objective loss + (eta/2) norm of the network that decay eta leaves."""
        kept = [part.at_decay(eta) for part in self.parts]
        return sum(norm for norm, _ in kept), sum(objective for _, objective in kept)


def shared_height(group: Group) -> SharedHeight:
    """The cheapest choice of which blocks leave nothing over, and which carry what the others do. Eqs. heights.7-9, 12.

    All blocks of one kind that do not carry are built alike, up to a function of c or exactly.
    """
    counts, order = kinds(group), group.order
    if not counts:
        return SharedHeight(0.0, 0, None, (), "")
    costs = {kind: block_cost(kind, order) for kind in counts}
    heights = (
        height
        for carriers in _carriers(counts)
        for exactly in product((False, True), repeat=len(counts))
        if (height := _height(counts, costs, order, carriers, dict(zip(sorted(counts), exactly, strict=True))))
    )
    return min(heights, key=lambda height: height.cost)


def _carriers(counts: Counter[Kind]) -> Iterator[tuple[Kind, int] | None]:
    """Every kind and number of blocks that may carry, and that none does."""
    yield None
    for kind, most in sorted(counts.items()):
        for P in range(1, most + 1):
            yield kind, P


def _height(
    counts: Counter[Kind],
    costs: Mapping[Kind, BlockCost],
    order: int,
    carriers: tuple[Kind, int] | None,
    exactly: Mapping[Kind, bool],
) -> SharedHeight | None:
    """One choice; None if it leaves over what nobody carries."""
    rest = counts if carriers is None else counts - Counter({carriers[0]: carriers[1]})
    beta2 = sum(count * costs[kind].left for kind, count in rest.items() if not exactly[kind])
    if carriers is None and beta2 > 0:
        return None
    parts, nodes = [], 0
    for kind, count in rest.items():
        cost = costs[kind]
        parts.append(Part(count, kind.functions / order, cost.exact if exactly[kind] else cost.free))
        nodes += count * (cost.exact_nodes if exactly[kind] else cost.free_nodes)
    if carriers is not None:
        kind, P = carriers
        carrying = float(function("heights.9")(*kind.arguments(order), P, beta2))
        parts.append(Part(P, kind.functions / order, carrying / P))
        nodes += P * (kind.nodes + kind.factor * kind.dim)
    return SharedHeight(sum(part.count * part.cost for part in parts), nodes, carriers, tuple(parts), _origin(costs))


def _origin(costs: Mapping[Kind, BlockCost]) -> str:
    """Which blocks owe their cost to a search, or to a bound that their kind may stay below."""
    searched = sorted({str(kind) for kind, cost in costs.items() if cost.source == "search"})
    general = [kind for kind, cost in costs.items() if cost.source == "heights.7"]
    bounds = sorted({str(kind) for kind in general if kind.dim > 3 or (kind.schur != 1 and kind.dim > 1)})
    sentences = [f"by numerical search for blocks that are {', '.join(searched)}"] if searched else []
    sentences += [f"a bound from above for blocks that are {', '.join(bounds)}"] if bounds else []
    return f"({'; '.join(sentences)})" if sentences else ""
