"""Mixed phases: the memorising cost that a network saves if it computes one block of the labels by rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from twopeaks.theory.equations.core.algebra import relative
from twopeaks.theory.equations.core.equation import Check, Equation, Step
from twopeaks.theory.groups import named
from twopeaks.theory.groups.representations import representations

__all__ = ["EQUATIONS", "share"]

M, D, L = sp.symbols("M D L_mem", positive=True)


def share() -> Equation:
    """mixed.1: the share of the labels in a block of D functions."""
    block, label = D / M, 1 - 1 / M
    closed = L * sp.simplify(block / label)

    def check(rng: np.random.Generator) -> Check:
        # A cyclic group of odd order has (M-1)/2 pairs with D = 2: together they are all of memory.
        proved = sp.simplify(closed.subs(D, 2) * (M - 1) / 2 - L) == 0
        computed, expected = [], []
        for name in ("S4", "Z7", "Q8", "F21"):
            group = named(name)
            order = group.order
            centred = np.eye(order) - 1 / order
            for rho in representations(group):
                if np.allclose(rho.matrices, 1):
                    continue
                entries = rho.matrices.reshape(order, -1)
                basis, sizes, _ = np.linalg.svd(np.hstack([entries.real, entries.imag]), full_matrices=False)
                projection = basis[:, sizes > 1e-9]
                projected = projection @ (projection.T @ centred)
                computed.append(float((projected**2).sum() / (centred**2).sum()))
                expected.append(float((closed / L).subs({D: projection.shape[1], M: order})))
        return Check(bool(proved), relative(computed, expected), "labels projected on each block of S4, Z7, Q8 and F21")

    return Equation(
        "mixed.1",
        "What knowing a block by rule saves in memory",
        sp.Eq(sp.Symbol("S"), closed),
        {
            "S": "what is saved of L_mem; the block pays where it costs less",
            "L_mem": "loss + (eta/2) norm of memorising all labels, or the norm itself",
            "D": "dimension of the block's real functions",
            "M": "order of the group",
        },
        "here",
        (
            "a uniform label has D/M of its energy 1 - 1/M in the block",
            "a network that knows blocks by rule and memorises the rest has an objective on the line between both",
        ),
        "The line is seen, not proved: for S4 with random labels within cosets of V4 memory costs .83 of all, not "
        "18/23 = .78. One node a sample of the remaining amplitude would cost its power 1/3, .92.",
        check,
        (Step("energy of the block", block), Step("energy of the label", label)),
        inputs=(L, D, M),
    )


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {"mixed.1": share}
