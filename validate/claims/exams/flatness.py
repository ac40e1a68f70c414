"""Stage II, second order: what the landscape of E looks like around the features that networks learn."""

from __future__ import annotations

import numpy as np

from twopeaks.theory.groups import Group, named
from twopeaks.theory.groups.irreps import irreps, real_blocks
from twopeaks.theory.landscape.ascent import curvatures
from twopeaks.theory.landscape.features import flat_directions
from twopeaks.theory.landscape.landscape import Landscape, all_pairs
from twopeaks.validate.claims.claim import Claim, Finding, Form, Sample
from twopeaks.validate.claims.exams.problems import PAPER, problem, views
from twopeaks.validate.claims.laboratory import Laboratory
from twopeaks.validate.claims.weights import Array, carrying, dominant, purities

__all__ = ["CLAIMS"]

#: Group, training examples and steps of networks that had time to generalise.
_GROUPS = (("Z23", 264, 3000), ("D11", 260, 3000), ("Q8xZ3", 400, 4000))
#: Nodes of at least this purity count as features of one irrep.
_PURE = 0.98
#: A direction is flat if it curves less than this part of the steepest one: peaks have parts 1, 1/2 and 0 (feat.5).
_FLAT = 0.25


def _flatness(lab: Laboratory) -> Finding:
    some, exact, budgets, ids = [], [], [], []
    for name, n, steps in _GROUPS[: lab.pick(3, 1)]:
        setting = problem(name, n, 256)
        for W, V, _ in views(lab.weights(setting, [steps]), 0):
            counted, expected = _flat_directions(named(name), W[:, carrying(W, V)])
            some.append(float(np.mean(counted[expected > 0] > 0)))
            exact.append(float(np.mean(counted == expected)))
        budgets.append(f"{name} n={n} {steps} steps")
        ids.append(setting.content_id)
    return Finding(
        samples={"some": Sample(values=tuple(some)), "exact": Sample(values=tuple(exact))},
        budget="K=256; " + ", ".join(budgets),
        settings=tuple(ids),
        notes=f"carrying nodes of purity {_PURE} or more, means taken off, |w| = 1; curvature of E on the full table; "
        f"flat: less than {_FLAT} of the steepest",
    )


def _flat_directions(group: Group, W: Array) -> tuple[Array, Array]:
    """How many directions are flat at each pure node, and how many feat.6 says."""
    pure = W[:, purities(group, W) >= _PURE]
    rhos, blocks = irreps(group), real_blocks(irreps(group))
    expected = [flat_directions(rhos[blocks[b][0]]) for b in dominant(group, pure)]
    halves = pure.T.reshape(-1, 2, group.order)
    nodes = (halves - halves.mean(axis=2, keepdims=True)).reshape(len(halves), -1)
    nodes /= np.linalg.norm(nodes, axis=1, keepdims=True)
    kappa = curvatures(Landscape(group, all_pairs(group)), nodes)
    return (np.abs(kappa) < _FLAT * -kappa[:, :1]).sum(axis=1), np.array(expected)


#: Claims of this file.
CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="flat-peaks",
        statement="Around a learned feature E is flat along the phases of its irrep and falls in every other "
        "direction.",
        source=f"{PAPER}, corollary 1; the number of flat directions here",
        equations=("feat.5", "feat.6"),
        measure="directions at each pure carrying node along which E hardly curves, share of nodes in each network",
        forms=(
            Form(
                name="printed",
                prediction="flat in one direction or more: at least 90% of nodes with phases",
                quantity="some",
                low=0.9,
            ),
            Form(
                name="derived here",
                prediction="in 3 m d - 2 - beta directions exactly: at least 90% of nodes",
                quantity="exact",
                low=0.9,
            ),
        ),
        examine=_flatness,
    ),
)
