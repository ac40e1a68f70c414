"""Mixed phases: which irreducible representations generalise at which n, and the test accuracy that they give.

A network can know some blocks of a group's representations by rule and hold the rest of each label in memory. Norms of
such networks lie near the straight line between both peaks, so blocks decide one by one: a block of D functions
and cost C pays from the n at which C is what memorising the share D/(M-1) of n labels costs (mixed.1). A block costs
3 (fd/2)^(2/3) M^(1/3) a function by heights.7, so **of one type, representations of low dimension generalise first**,
and those of high dimension may stay memorised at an n where the test accuracy is high already. Memory of the last part
of a label costs more than its share F, about F^0.77 of all (`REMAINDER`): what is left to the last blocks pays earlier.

Around its n_rho a block is learned in part: g_rho goes from 0 to almost 1. How wide that step is follows from a spread
that all blocks have, and from the sampling of the pairs on which the nodes of a block act (for d > 1 each on a part of
the table, about 1/d^2 of it). Where it lies depends on the energy of the block's features (feat.5), E* = M/(2md):
those of low energy are not found as soon as they pay. What is not generalised is answered from memory, which on test
examples is noise in the same blocks.

Of the four constants of that step, `STEP`, centre and width are fitted on networks of one cyclic group (Z23,
``data/step.csv``), the one of the energy on the n_c of two others (S4, Q8xZ3), all in the standard experiment: 20,000
steps of Adam with rate 1e-3. Z23 moves by 0.4% from 12,000 to 20,000 steps: it is no matter of time. **The noise is not
determined by Z23**: with any from 0.3 to 2 centre and width can be chosen to meet it as well (centre 1.00 to 0.955).
That leaves n_c of cyclic groups in place, but moves S4 from 242 to 258 and D4xZ3 from 204 to 224.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import ndtr

from twopeaks.theory.equations.lower import function
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group, named
from twopeaks.theory.groups.irreps import irreps, real_blocks
from twopeaks.theory.heights.blocks import Kind, block_cost, kind_of
from twopeaks.theory.heights.memorising import memorised
from twopeaks.theory.heights.sharing import Part, SharedHeight, shared_height
from twopeaks.theory.heights.tables import records

__all__ = [
    "REMAINDER",
    "STEP",
    "Block",
    "Step",
    "accuracy",
    "accuracy_at",
    "all_at_once",
    "blocks",
    "fitted_step",
    "learned",
]

_DRAWS = 4000


class Step(NamedTuple):
    """How a block goes from memorised to generalised as n grows.

    Attributes:
        centre: n/n_rho at which half of it is learned, for features of energy M/4.
        width: standard deviation of that in n/n_rho, for a block whose nodes act on every example.
        noise: variance of memory's answer to a test example, over that of the label, where nothing is generalised.
        energy: power of M/(4 E*) with which the centre grows.
    """

    centre: float
    width: float
    noise: float
    energy: float


@dataclass(frozen=True)
class Block:
    """One block of a group's real representations.

    Attributes:
        kind: type and dimension.
        irrep: position of its (first) irreducible representation in `twopeaks.theory.groups.irreps.irreps`.
        crossing: n_rho, the n from which it pays to generalise it; infinite where it never does. Eq. mixed.1.
        kept: share of its outputs that decay leaves, g of heights.11.
        kernel: (M,) k_rho, what it adds to the output at c when the answer is the identity.
    """

    kind: Kind
    irrep: int
    crossing: float
    kept: float
    kernel: NDArray[np.float64]


#: Centre and width are what `fitted_step` gives for this noise and energy; a test fits them again.
STEP = Step(centre=0.981, width=0.06, noise=0.665, energy=0.28)

#: Power of the share F of a label's energy by which memory of that part alone costs less than memory of all. From four
#: networks on S4 with labels drawn at random within cosets of V4 (F = 18/23; n = 200 and 256, two seeds each): .829 of
#: what random labels cost, after the norm of the S3 that they know by rule.
REMAINDER = 0.765
#: Blocks whose n_rho is less than this part below the largest are the last ones. Chosen, not fitted.
_TOGETHER = 0.1


def blocks(group: Group, eta: float) -> tuple[Block, ...]:
    """Every block but the trivial one, with the n_rho of its own. Eqs. mixed.1, heights.7-9, 11, 12.

    What blocks leave over is undone by carriers (heights.9); each block is charged for the part that it leaves.

    Args:
        group: the group, of at least two elements to have such a block.
        eta: weight decay; at 0 norms are compared, to which decay would lead.

    Raises:
        InputError: if eta is negative or not finite.
    """
    if not 0 <= eta < float("inf"):
        raise InputError("eta", "a finite weight decay, 0 or more", eta, "such as 2e-4")
    all_irreps, order = irreps(group), group.order
    members = [block for block in real_blocks(all_irreps) if not all_irreps[block[0]].is_trivial]
    kinds = [kind_of(all_irreps[block[0]], all_irreps) for block in members]
    costs = [block_cost(kind, order) for kind in kinds]
    extra = shared_height(group).cost - sum(cost.free for cost in costs)
    left = sum(cost.left for cost in costs)
    parts = [
        Part(1, kind.functions / order, cost.free + (extra * cost.left / left if left else 0.0))
        for kind, cost in zip(kinds, costs, strict=True)
    ]
    crossings = _crossings(parts, kinds, order, eta)
    kernels = [
        np.sum([all_irreps[i].dim * all_irreps[i].character for i in block], axis=0).real / order for block in members
    ]
    return tuple(
        Block(kind, block[0], crossing, _kept(part, eta), kernel)
        for block, kind, crossing, part, kernel in zip(members, kinds, crossings, parts, kernels, strict=True)
    )


def _crossings(parts: Sequence[Part], kinds: Sequence[Kind], order: int, eta: float) -> list[float]:
    """n_rho of each block; the last ones to pay have memory of what is left of the label against them."""
    if not parts:
        return []
    alone = [_crossing(part, kind.functions, order, eta) for part, kind in zip(parts, kinds, strict=True)]
    last = max(alone) / (1 + _TOGETHER)
    remainder = sum(kind.functions / (order - 1) for kind, n in zip(kinds, alone, strict=True) if n >= last)
    dearer = remainder ** (REMAINDER - 1)
    return [
        _crossing(part, kind.functions, order, eta, dearer) if n >= last else n
        for part, kind, n in zip(parts, kinds, alone, strict=True)
    ]


def _crossing(height: Part | SharedHeight, functions: int, order: int, eta: float, dearer: float = 1.0) -> float:
    """The n at which the share D/(M-1) of memorising n labels, made dearer, is worth as much as what it would free."""
    worth = height.cost if eta == 0 else height.at_decay(eta)[1] / (eta / 2)

    def gap(n: float) -> float:
        memory = memorised(order, n, eta)[1]
        return dearer * float(function("mixed.1")(memory, functions, order)) - worth

    most = 50.0 * order**2  # beyond any table: where decay keeps memory cheaper even there, nothing pays
    return float(brentq(gap, 1e-6, most)) if gap(most) > 0 else float("inf")


def _kept(part: Part, eta: float) -> float:
    """Share g of a block's outputs that decay leaves, eq. heights.11: its norm goes like g^(2/3)."""
    norm = part.at_decay(eta)[0] if eta else part.cost
    return float((norm / part.cost) ** 1.5)


def learned(block: Block, samples: float, order: int, step: Step = STEP) -> float:
    """Share g of a block's outputs that is generalised at n training examples, within the budget.

    Below half of the n where half of it is learned, sampling widens the step no further: there are too few examples to
    learn it by, and a normal law's tail would say otherwise.

    Args:
        block: the block.
        samples: n.
        order: M of its group.
        step: how it goes from nothing to what decay leaves.

    Raises:
        InputError: if there are no training examples.
    """
    if not samples > 0:
        raise InputError("samples", "a positive number of training examples", samples, "draw some")
    late = (block.kind.factor * block.kind.dim / 2) ** step.energy  # M/(4 E*), E* = M/(2 m d) with m = f
    cells, drawn = block.kind.dim**2, max(samples, step.centre * late * block.crossing / 2)
    sampling = (cells - 1) * max(1 - drawn / order**2, 0.0) / drawn
    width = np.sqrt(step.width**2 + sampling)
    return float(block.kept * ndtr((samples / block.crossing - step.centre * late) / width))


def accuracy(group: Group, parts: Sequence[Block], shares: Sequence[float], noise: float) -> float:
    """Test accuracy where block rho answers with g_rho of its outputs, and memory with noise in the rest of it.

    The output at c when the answer is h is sum_rho g_rho k_rho(c^-1 h) + e(c) with Gaussian e, whose covariance between
    c and c' is noise sum_rho (1 - g_rho) k_rho(c^-1 c')/M; right is what is largest at h. Averaged over 4000 draws,
    always the same, so a standard error of 0.008 at most.

    Args:
        group: the group.
        parts: its blocks.
        shares: g_rho of each, 0 to 1.
        noise: see `Step`.

    Raises:
        InputError: if blocks and shares differ in number, or there is no noise.
    """
    if len(parts) != len(shares) or not parts:
        raise InputError("shares", f"one for each block, {len(parts) or 'at least one'}", shares, "give as many")
    if not noise > 0:
        raise InputError("noise", "a positive variance", noise, "see twopeaks.theory.heights.phases.Step")
    inverses = group.inverses
    signal = np.sum([g * part.kernel[inverses] for g, part in zip(shares, parts, strict=True)], axis=0)
    rest = np.sum([max(1 - g, 0.0) * part.kernel for g, part in zip(shares, parts, strict=True)], axis=0)
    covariance = noise / group.order * rest[group.table[inverses]]
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    # The symmetric root does not depend on which eigenvectors of equal values a library happens to choose.
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    errors = _draws(group.order) @ root
    return float(np.mean(np.argmax(signal + errors, axis=1) == group.identity))


@lru_cache(maxsize=1)
def _draws(order: int) -> NDArray[np.float64]:
    """(draws, M) standard normal numbers, always the same: a search for n_c asks for them forty times."""
    return np.random.default_rng(0).standard_normal((_DRAWS, order))


def accuracy_at(group: Group, parts: Sequence[Block], samples: float, step: Step = STEP, shift: float = 0.0) -> float:
    """Accuracy at n training examples if every n_rho were exp(shift) of what it is."""
    at = samples * np.exp(-shift)
    return accuracy(group, parts, [learned(part, at, group.order, step) for part in parts], step.noise)


def all_at_once(group: Group, eta: float) -> float:
    """N at which both peaks of `blocks` are equally high if all blocks generalise together. Eq. heights.5."""
    return _crossing(shared_height(group), group.order - 1, group.order, eta)


# --- where the constants come from ---------------------------------------------------------------------


class _Seen(NamedTuple):
    """Mean test accuracy over seeds at the end of the budget."""

    group: str
    weight_decay: float
    samples: int
    accuracy: float


@cache
def _step_runs() -> tuple[_Seen, ...]:
    return records("step.csv", _Seen)


def fitted_step() -> Step:
    """Centre and width by least squares in the accuracies in ``data/step.csv``; noise and energy as they are.

    Accuracies are counts of draws, which have no slope: the search takes none. It starts at a step at n_rho.
    """
    names = {(name, eta) for name, eta, _, _ in _step_runs()}
    of = {(name, eta): (group := named(name), blocks(group, eta)) for name, eta in names}

    def misfit(x: NDArray[np.float64], /) -> float:
        step = STEP._replace(centre=float(x[0]), width=float(x[1]))
        return sum((accuracy_at(*of[name, eta], n, step) - seen) ** 2 for name, eta, n, seen in _step_runs())

    within = [(0.5, 2.0), (0.01, 1.0)]
    centre_and_width = minimize(
        misfit, np.array([1.0, 0.1]), method="Nelder-Mead", bounds=within, options={"xatol": 1e-3, "fatol": 1e-4}
    ).x
    return STEP._replace(centre=float(centre_and_width[0]), width=float(centre_and_width[1]))
