"""What one block of a group costs: laws that hold for every block, and less where more relations hold.

The cost of a block depends on the image rho(G) alone, apart from the factor (M/d)^(1/3)
(`theory.heights.block_search`): on the type of algebra, and on how few functions the squares of its nodes can be. Both
are read off characters, so that images which cost the same meet in one `Kind`. Kinds below the laws heights.7 and
heights.9 are in ``data/blocks.csv``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from twopeaks.theory.equations.lower import function
from twopeaks.theory.groups import Group
from twopeaks.theory.groups.irreps import Irrep, irreps, real_blocks
from twopeaks.theory.heights.tables import rows

__all__ = ["BlockCost", "Kind", "block_cost", "kind_of", "kinds", "known_costs"]


@dataclass(frozen=True, order=True)
class Kind:
    """What blocks have in common that cost the same.

    Attributes:
        dim: dimension d of the representation.
        schur: 1 real, 0 a complex pair, -1 quaternionic.
        squares: R, dimension of the functions that products of two of the block's functions span, without constants:
            the sum of d^2 over all irreducible representations in (rho + conj rho) x (rho + conj rho) but the trivial.
        overlap: mean of |chi|^4, the sum of squared multiplicities in rho x conj rho.
    """

    dim: int
    schur: int
    squares: int
    overlap: int

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
        """Nodes of heights.7, which build such a block up to a function of c."""
        return self.factor * self.dim * self.functions

    def arguments(self, order: int) -> tuple[int, int, int, int]:
        """(M, d, f, D), as the equations take them."""
        return order, self.dim, self.factor, self.functions

    def __str__(self) -> str:
        """Type and dimension, in words."""
        return f"{ {1: 'real', 0: 'complex', -1: 'quaternionic'}[self.schur] } of d = {self.dim}"


@dataclass(frozen=True)
class BlockCost:
    """Least norm known of one block in a group of order M.

    Attributes:
        free: up to a function of c.
        left: sum over c of the squared function that is left over then.
        free_nodes: nodes that takes.
        exact: with nothing left over.
        exact_nodes: nodes that takes.
        source: the equation it follows from, or "search".
    """

    free: float
    left: float
    free_nodes: int
    exact: float
    exact_nodes: int
    source: str


def kind_of(rho: Irrep, all_irreps: Sequence[Irrep]) -> Kind:
    """Kind of the block that holds ``rho``, one of ``all_irreps``, the irreducible representations of its group."""
    chi = rho.character
    products = (chi if rho.schur else chi + chi.conj()) ** 2
    squares = sum(s.dim**2 for s in all_irreps if not s.is_trivial and abs(np.vdot(s.character, products)) > 0.5)
    return Kind(rho.dim, rho.schur, squares, round(float(np.mean(np.abs(chi) ** 4))))


def kinds(group: Group) -> Counter[Kind]:
    """How many blocks of each kind a group has, the trivial one left out."""
    all_irreps = irreps(group)
    blocks = [all_irreps[block[0]] for block in real_blocks(all_irreps)]
    return Counter(kind_of(rho, all_irreps) for rho in blocks if not rho.is_trivial)


def block_cost(kind: Kind, order: int) -> BlockCost:
    """Cost of one block of a kind: from the table where it is below the laws of every block, heights.7 to heights.9."""
    known = known_costs().get(kind)
    if known is not None:
        unit = (order / kind.dim) ** (1 / 3)
        return BlockCost(
            known.free * unit, known.left / order, known.free_nodes, known.exact * unit, known.exact_nodes, known.source
        )
    arguments = kind.arguments(order)
    return BlockCost(
        free=float(function("heights.7")(*arguments)),
        left=float(function("heights.8")(*arguments)),
        free_nodes=kind.nodes,
        exact=float(function("heights.9")(*arguments, 1, 0.0)),
        exact_nodes=kind.nodes + kind.factor * kind.dim,
        source="heights.7",
    )


@cache
def known_costs() -> Mapping[Kind, BlockCost]:
    """The table: costs over (M/d)^(1/3), and what is left times M."""
    return {
        Kind(int(r["dim"]), int(r["schur"]), int(r["squares"]), int(r["overlap"])): BlockCost(
            free=float(r["free"]),
            left=float(r["left"]),
            free_nodes=int(r["free_nodes"]),
            exact=float(r["exact"]),
            exact_nodes=int(r["exact_nodes"]),
            source=r["source"],
        )
        for r in rows("blocks.csv")
    }
