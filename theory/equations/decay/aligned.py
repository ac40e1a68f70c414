"""Blocks that need fewer nodes: those of the quaternions, up to scalars. They are built in `groups.constructions`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from twopeaks.theory.equations.core.algebra import relative
from twopeaks.theory.equations.core.equation import Check, Equation, Step
from twopeaks.theory.groups import named
from twopeaks.theory.groups.constructions import Nodes, half_units, quaternion_nodes, quaternion_products, remainder
from twopeaks.theory.groups.representations import Representation, representations

__all__ = ["EQUATIONS", "fewer_nodes"]

M, d, f, D, N = sp.symbols("M d f D N", positive=True)


def fewer_nodes() -> Equation:
    """heights.12: N nodes in place of the f d D of heights.7."""
    size = sp.sqrt(M / (f * d)) * f * d * D / N
    cost = N * 3 * (size / 2) ** sp.Rational(2, 3)
    ratio = sp.powsimp(sp.simplify(cost / cost.subs(N, f * d * D)), force=True)
    unit = sp.cbrt(M / 2)
    quaternionic = sp.simplify(cost.subs({d: 2, f: 2, D: 4, N: 8}) / unit)
    pairs = sp.simplify(cost.subs({d: 2, f: 2, D: 8, N: 24}) / unit)

    def check(rng: np.random.Generator) -> Check:
        del rng
        h, turned, product = (sp.Matrix(np.round(2 * part).astype(int)) / 2 for part in half_units())
        table = quaternion_products()
        proved = (
            sum((product.row(n) for n in range(8)), sp.zeros(1, 4)) == sp.zeros(1, 4)
            and all(
                2 * sum(h[n, x] * turned[n, y] * product[n, z] for n in range(8)) == int(table[x, y, z])
                for x in range(4) for y in range(4) for z in range(4)
            )
            and sp.simplify(ratio - sp.cbrt(N / (f * d * D))) == 0
        )  # fmt: skip
        computed, expected = [], []
        for rho, table_ in _blocks():
            nodes = quaternion_nodes(rho)
            schur = rho.irrep.schur
            numbers = {M: len(table_), d: 2, f: 1 if schur == 1 else 2, D: 4 if schur else 8, N: 8 if schur else 24}
            computed += [_least_norm(nodes), float(np.abs(remainder(nodes, rho, table_)).max())]
            expected += [float(cost.subs(numbers)), 0.0]
        return Check(
            bool(proved), relative(computed, expected), "nodes built for Q8, D4, Dic6, Q8xZ3, D4xZ3 and two of order 16"
        )

    return Equation(
        "heights.12",
        "Cost of a block that takes N nodes of equal size, each of which agrees with it as well as can be",
        sp.Eq(sp.Symbol("C_block"), cost),
        {
            "M": "order of the group",
            "d, f, D": "as in heights.7, whose f d D nodes are such nodes too",
            "N": "nodes: 8 where the matrices are those of Q8 or D4, 24 for complex pairs where they are these up to "
            "scalars (Q8xZ3, D4xZ3)",
            "C_block": "least norm; (N/fdD)^(1/3) of that of heights.7",
        },
        "here",
        (
            "d = 2 and |trace| 0 or 2 everywhere: relations by which the squares of some nodes are constants",
            "sigma = z^2",
            "standard setting S0 with decay so small that both peaks fit the data",
        ),
        "Other representations cannot undo the squares of so few nodes: for dicyclic groups from Dic3 on search finds "
        "11 nodes of unequal sizes at 0.886 of heights.7, for the pairs of SL(2,3) 28 at 0.96.",
        check,
        (
            Step("agreement is shared by fewer nodes: q of each", size),
            Step("cost over that of heights.7", ratio),
            Step("quaternionic type, over (M/2)^(1/3)", quaternionic),
            Step("complex pairs, over (M/2)^(1/3)", pairs),
        ),
        inputs=(M, d, f, D, N),
    )


def _blocks() -> list[tuple[Representation, np.ndarray]]:
    names = ["Q8", "D4", "Dic6", "Q8xZ3", "D4xZ3", "SmallGroup(16,6)", "SmallGroup(16,13)"]
    blocks = []
    for group in map(named, names):
        for rho in representations(group):
            if rho.dim == 2 and set(np.abs(rho.irrep.character).round(6)) <= {0.0, 2.0}:
                blocks.append((rho, group.table))
    return blocks


def _least_norm(nodes: Nodes) -> float:
    sizes = (nodes.W**2).sum(axis=0) * np.sqrt((nodes.V**2).sum(axis=1))
    return float(np.sum(3 * (sizes / 2) ** (2 / 3)))


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {"heights.12": fewer_nodes}
