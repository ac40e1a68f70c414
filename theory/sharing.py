"""Height of the generalising peak of any group, without a run: every block by its nodes, some of which carry the rest.

Nodes that build a block most cheaply leave a function of c over (heights.7, heights.8). Blocks with a few nodes more
leave nothing, and can undo what the others leave (heights.9). How many of which kind do so is chosen by cost. Decay
takes a share of every part away (heights.11).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from theory.groups import Group
from theory.irreps import irreps, real_blocks
from theory.lower import function

__all__ = ["Kind", "Part", "SharedHeight", "kinds", "shared_height"]


@dataclass(frozen=True, order=True)
class Kind:
    """What blocks have in common that cost the same.

    Attributes:
        dim: dimension d of the representation.
        schur: 1 real, 0 a complex pair, -1 quaternionic.
    """

    dim: int
    schur: int

    @property
    def factor(self) -> int:
        """f: 1 for real type, else 2."""
        return 1 if self.schur == 1 else 2

    @property
    def functions(self) -> int:
        """D: dimension of the block's real functions."""
        return self.dim**2 * (2 if self.schur == 0 else 1)

    @property
    def nodes(self) -> int:
        """Nodes that build such a block up to a function of c."""
        return self.factor * self.dim * self.functions

    def arguments(self, order: int) -> tuple[int, int, int, int]:
        """(M, d, f, D), as the equations take them."""
        return order, self.dim, self.factor, self.functions


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
        carriers: kind and number of the blocks that undo what the others leave over; None if there are no blocks.
        parts: the blocks, carriers last.
        looseness: which blocks may cost less than here; empty where search has found nothing cheaper.
    """

    cost: float
    nodes: int
    carriers: tuple[Kind, int] | None
    parts: tuple[Part, ...]
    looseness: str

    def at_decay(self, eta: float) -> tuple[float, float]:
        """Norm and objective loss + (eta/2) norm of the network that decay eta leaves."""
        found = [part.at_decay(eta) for part in self.parts]
        return sum(norm for norm, _ in found), sum(objective for _, objective in found)


def kinds(group: Group) -> Counter[Kind]:
    """How many blocks of each kind a group has, the trivial one left out."""
    found = irreps(group)
    blocks = [found[block[0]] for block in real_blocks(found)]
    return Counter(Kind(rho.dim, rho.schur) for rho in blocks if not rho.is_trivial)


def shared_height(group: Group) -> SharedHeight:
    """The cheapest way to have the blocks of one kind carry, of all kinds and numbers. Eqs. heights.7 to heights.9."""
    counts, order = kinds(group), group.order
    if not counts:
        return SharedHeight(0.0, 0, None, (), "")
    return min(
        (_with_carriers(counts, order, kind, P) for kind, most in sorted(counts.items()) for P in range(1, most + 1)),
        key=lambda height: height.cost,
    )


def _with_carriers(counts: Counter[Kind], order: int, kind: Kind, P: int) -> SharedHeight:
    rest = counts - Counter({kind: P})
    beta2 = sum(count * float(function("heights.8")(*k.arguments(order))) for k, count in rest.items())
    carrying = float(function("heights.9")(*kind.arguments(order), P, beta2))
    parts = [
        Part(count, k.functions / order, float(function("heights.7")(*k.arguments(order)))) for k, count in rest.items()
    ]
    parts.append(Part(P, kind.functions / order, carrying / P))
    nodes = sum(count * k.nodes for k, count in rest.items()) + P * (kind.nodes + kind.factor * kind.dim)
    return SharedHeight(
        sum(part.count * part.cost for part in parts), nodes, (kind, P), tuple(parts), _looseness(counts)
    )


def _looseness(counts: Counter[Kind]) -> str:
    """Where heights.7 is a bound that some groups stay below."""
    loose = sorted(k for k in counts if k.schur == -1 or (k.schur == 0 and k.dim > 1) or k.dim > 3)
    if not loose:
        return ""
    names = {1: "real", 0: "complex", -1: "quaternionic"}
    told = ", ".join(f"{names[k.schur]} of d = {k.dim}" for k in loose)
    return f"(a bound from above for blocks that are {told}: relations of their group may make them cheaper)"
