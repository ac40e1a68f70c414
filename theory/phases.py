r"""Mixed phases: which irreducible representations generalise at which n, and the test accuracy that they give.

A network can know some blocks of a group's representations by rule and hold the rest of each label in memory. Norms of
such networks lie near the straight line between both peaks, so blocks decide one by one: a block of D functions
and cost C pays from the n at which C is what memorising the share D/(M-1) of n labels costs (mixed.1). Large blocks
cost more for each function (d^(2/3) by heights.7), so **representations of low dimension generalise first**, and those
of high dimension may stay memorised at an n where the test accuracy is high already. Memory of the last part of a
label costs more than its share F, about F^0.77 of all (`REMAINDER`): what is left to the last blocks pays earlier.

Around its n_rho a block is learned in part: g_rho goes from 0 to almost 1. How wide that step is follows from a spread
that all blocks have, and from the sampling of the pairs on which the nodes of a block act (for d > 1 each on a part of
the table, about 1/d^2 of it). Where it lies depends on the energy of the block's features (feat.5), E* = M/(2md):
those of low energy are not found as soon as they pay. What is not generalised is answered from memory, which on test
pairs is noise in the same blocks.

Of the four constants of that step, `STEP`, three are fitted on networks of one cyclic group (Z23, ``data/step.csv``),
the one of the energy on the n_c of two others (S4, Q8xZ3), all in the standard experiment: 20,000 steps of Adam with
rate 1e-3. Z23 moves by 0.4% from 12,000 to 20,000 steps: it is no matter of time.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, least_squares
from scipy.special import ndtr

from theory.blocks import Kind, block_cost, kind_of
from theory.groups import Group, named
from theory.irreps import irreps, real_blocks
from theory.lower import function
from theory.memorising import LARGEST_ORDER, LEAST_ORDER, memorised
from theory.prediction import Answer, Prediction, not_norm_descent, outside, stamped
from theory.setting import TRANSITIONS, Setting
from theory.sharing import Part, shared_height

__all__ = [
    "ACCURACY",
    "PHASES",
    "REMAINDER",
    "SPREAD",
    "STEP",
    "Block",
    "Step",
    "accuracy",
    "blocks",
    "fitted_step",
    "learned",
    "phases_accuracy",
    "phases_form",
]

#: Name under which predictions are tabulated.
PHASES = "heights-phases"

_DRAWS = 4000
_CONSTANTS = 8
#: Budget and rate at which `STEP` was fitted.
_STEPS, _RATE = 20_000, 1e-3


class Step(NamedTuple):
    """How a block goes from memorised to generalised as n grows.

    Attributes:
        centre: n/n_rho at which half of it is learned, for features of energy M/4.
        width: standard deviation of that in n/n_rho, for a block whose nodes act on every pair.
        noise: variance of memory's answer to a test pair, over that of the label, where nothing is generalised.
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
        name: index of the (first) irreducible representation in `theory.irreps.irreps`.
        crossing: n_rho, pairs from which it pays to generalise it. Eq. mixed.1.
        kept: share of its outputs that decay leaves, g of heights.11.
        kernel: (M,) what it adds to the output at c when the answer is the identity.
    """

    kind: Kind
    name: int
    crossing: float
    kept: float
    kernel: NDArray[np.float64]


#: What `fitted_step` gives; a test fits it again.
STEP = Step(centre=0.981, width=0.06, noise=0.665, energy=0.28)

#: Power of the share F of a label's energy by which memory of that part alone costs less than memory of all. From four
#: networks on S4 with labels drawn at random within cosets of V4 (F = 18/23; n = 200 and 256, two seeds each): .829 of
#: what random labels cost, after the norm of the S3 that they know by rule.
REMAINDER = 0.765
#: Blocks whose n_rho differ by less than this part generalise together.
_TOGETHER = 0.1
#: Standard deviation of ln(measured/predicted) of n_c over 13 groups of order 17 to 31 that were known while this was
#: built (Z17, Z19, Z23, Z31, Z24, Z2xZ2xZ5, Z2xZ2xZ6, D9, D10, D12, S4, D4xZ3, Q8xZ3). Intervals are 1.96 of it.
SPREAD = 0.037


def blocks(group: Group, eta: float) -> tuple[Block, ...]:
    """Every block but the trivial one, with the n_rho of its own at decay eta. Eqs. mixed.1, heights.7-9, 11, 12.

    What blocks leave over is undone by carriers (heights.9); each block is charged for the part that it leaves.
    """
    return _blocks(group.name, group, eta)


@lru_cache(maxsize=64)
def _blocks(_: str, group: Group, eta: float) -> tuple[Block, ...]:
    found, order = irreps(group), group.order
    whole = [block for block in real_blocks(found) if not found[block[0]].is_trivial]
    each = [kind_of(found[block[0]], found) for block in whole]
    costs = [block_cost(kind, order) for kind in each]
    extra = shared_height(group).cost - sum(cost.free for cost in costs)
    left = sum(cost.left for cost in costs)
    parts = [
        Part(1, kind.functions / order, cost.free + (extra * cost.left / left if left else 0.0))
        for kind, cost in zip(each, costs, strict=True)
    ]
    crossings = _crossings(parts, [kind.functions / (order - 1) for kind in each], each, order, eta)
    kernels = [np.sum([found[i].dim * found[i].character for i in block], axis=0).real / order for block in whole]
    return tuple(
        Block(kind, block[0], crossing, _kept(part, eta), kernel)
        for block, kind, crossing, part, kernel in zip(whole, each, crossings, parts, kernels, strict=True)
    )


def _crossings(
    parts: Sequence[Part], shares: Sequence[float], each: Sequence[Kind], order: int, eta: float
) -> list[float]:
    """n_rho of each block; the last ones to pay have memory of what is left of the label against them."""
    alone = [_crossing(part, kind, order, eta, 1.0) for part, kind in zip(parts, each, strict=True)]
    last = max(alone, default=0.0) / (1 + _TOGETHER)
    remainder = sum(share for share, n in zip(shares, alone, strict=True) if n >= last)
    dearer = remainder ** (REMAINDER - 1)
    return [
        _crossing(part, kind, order, eta, dearer) if n >= last else n
        for part, kind, n in zip(parts, each, alone, strict=True)
    ]


def _crossing(part: Part, kind: Kind, order: int, eta: float, dearer: float) -> float:
    """Pairs at which the share D/(M-1) of memorising n labels, made dearer, is worth as much as the block."""
    worth = part.cost if eta == 0 else part.at_decay(eta)[1] / (eta / 2)

    def gap(n: float) -> float:
        memory = memorised(order, n, eta)[1]
        return dearer * float(function("mixed.1")(memory, kind.functions, order)) - worth

    most = 50.0 * order**2
    return float(brentq(gap, 1e-6, most)) if gap(most) > 0 else float("inf")


def _kept(part: Part, eta: float) -> float:
    """G of heights.11: the share of a block's outputs that decay leaves."""
    norm = part.at_decay(eta)[0] if eta else part.cost
    return float((norm / part.cost) ** 1.5)


def learned(block: Block, samples: float, order: int, step: Step | None = None) -> float:
    """Share g of a block's outputs that is generalised at n = ``samples``, within the budget."""
    step = step or STEP
    cells = block.kind.dim**2
    sampling = (cells - 1) * (1 - samples / order**2) / samples
    width = np.sqrt(step.width**2 + sampling)
    late = (block.kind.factor * block.kind.dim / 2) ** step.energy  # M/(4 E*), E* = M/(2 m d) with m = f
    return float(block.kept * ndtr((samples / block.crossing - step.centre * late) / width))


def accuracy(group: Group, parts: Sequence[Block], shares: Sequence[float], noise: float) -> float:
    """Test accuracy where block rho answers with g_rho of its outputs, and memory with noise in the rest of it.

    The output at c when the answer is h is sum_rho g_rho k_rho(c^-1 h) + e(c) with Gaussian e, whose covariance between
    c and c' is noise sum_rho (1 - g_rho) k_rho(c^-1 c')/M; right is what is largest at h. Averaged over 4000 draws.

    Args:
        group: the group.
        parts: its blocks.
        shares: g_rho of each.
        noise: see `Step`.
    """
    order, table = group.order, group.table
    inverse = np.argmax(table == group.identity, axis=1)
    signal = sum(g * part.kernel[inverse] for g, part in zip(shares, parts, strict=True))
    spread = sum(max(1 - g, 0.0) * part.kernel for g, part in zip(shares, parts, strict=True))
    covariance = noise / order * np.asarray(spread)[table[inverse]]
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    rng = np.random.default_rng(0)
    errors = rng.standard_normal((_DRAWS, order)) * np.sqrt(np.maximum(values, 0)) @ vectors.T
    return float(np.mean(np.argmax(signal + errors, axis=1) == group.identity))


def _accuracy_at(group: Group, samples: float, eta: float, step: Step, shift: float = 0.0) -> float:
    parts = blocks(group, eta)
    at = samples * np.exp(-shift)
    return accuracy(group, parts, [learned(part, at, group.order, step) for part in parts], step.noise)


# --- predictors ----------------------------------------------------------------------------------------


def phases_form(setting: Setting) -> Prediction:
    """n_c where the test accuracy within the budget reaches that of t_grok, blocks generalising one by one.

    Eight constants in all, none of them fitted on a network of the group that is predicted (but for Z23, S4 and
    Q8xZ3): three of memorising (`theory.memorising.LAW`), `REMAINDER`, four of the step of a block (`STEP`).
    """
    return stamped(PHASES, setting, _phases_form)


def phases_accuracy(setting: Setting) -> Prediction:
    """Test accuracy at the end of the budget for the setting's n."""
    return stamped(PHASES, setting, _phases_accuracy, quantity="test_accuracy")


_ASSUMPTIONS = (
    "a network that knows some blocks by rule and memorises the rest has a norm on the line between both",
    "each block is built as cheaply as is known",
    "memorising costs what random labels do",
    "how far blocks get within the budget is what it is for Z23 in 20,000 steps of Adam at rate 1e-3",
)


def _phases_form(setting: Setting) -> Answer:
    group, eta = setting.task.resolve(), setting.optimizer.weight_decay
    reasons = _reasons(setting)
    if group.order < LEAST_ORDER:
        return _none(f"the law of memorising begins at M = {LEAST_ORDER}", reasons)
    value, low, high = (_transition(group, eta, shift) for shift in (0.0, -1.96 * SPREAD, 1.96 * SPREAD))
    if value is None:
        return _none("no n of the table reaches the accuracy of t_grok", reasons)
    parts = blocks(group, eta)
    told = ", ".join(f"{kind} from {n:.0f}" for kind, n in _kinds(parts).items())
    note = f"{told}; interval by the spread over groups seen before"
    if setting.network.width < value / 2:
        reasons.append(f"memorising takes {value / 2:.0f} nodes, the network has {setting.network.width}")
    return Answer(value, low, high, _CONSTANTS, 0, not reasons, "; ".join([note, *reasons]), _ASSUMPTIONS)


def _phases_accuracy(setting: Setting) -> Answer:
    group, eta, n = setting.task.resolve(), setting.optimizer.weight_decay, setting.task.samples
    reasons = _reasons(setting)
    if group.order < LEAST_ORDER:
        return _none(f"the law of memorising begins at M = {LEAST_ORDER}", reasons)
    value, low, high = (_accuracy_at(group, n, eta, STEP, shift) for shift in (0.0, 1.96 * SPREAD, -1.96 * SPREAD))
    note = "interval by the spread of n_c over groups seen before"
    return Answer(
        value, min(value, low), max(value, high), _CONSTANTS, 0, not reasons, "; ".join([note, *reasons]), _ASSUMPTIONS
    )


def _none(note: str, reasons: Sequence[str]) -> Answer:
    return Answer(None, None, None, _CONSTANTS, 0, False, "; ".join([note, *reasons]), _ASSUMPTIONS)


def _reasons(setting: Setting) -> list[str]:
    reasons = outside(setting) + not_norm_descent(setting)
    order = setting.task.resolve().order
    if order > LARGEST_ORDER:
        reasons.append(f"the law of memorising was seen up to M = {LARGEST_ORDER}, not {order}")
    rule = setting.optimizer
    if rule.name != "adam" or rule.lr != _RATE:
        reasons.append(f"the step of a block was fitted with Adam at rate {_RATE:g}")
    return reasons


def _kinds(parts: Sequence[Block]) -> dict[str, float]:
    """Kinds of blocks and their least n_rho, the first to generalise first."""
    found: dict[str, float] = {}
    for part in sorted(parts, key=lambda part: part.crossing):
        found.setdefault(str(part.kind), part.crossing)
    return found


def _transition(group: Group, eta: float, shift: float) -> float | None:
    """Least n at which the accuracy reaches the level of t_grok, to one part in a thousand."""
    level, low, high = TRANSITIONS["t_grok"].level, 1.0, float(group.order**2 - 1)
    if _accuracy_at(group, high, eta, STEP, shift) < level:
        return None
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if _accuracy_at(group, middle, eta, STEP, shift) >= level else (middle, high)
    return (low + high) / 2


#: Predictors of the final test accuracy.
ACCURACY: Mapping[str, Callable[[Setting], Prediction]] = {PHASES: phases_accuracy}


# --- where the constants come from ---------------------------------------------------------------------


@cache
def _step_runs() -> tuple[tuple[str, float, int, float], ...]:
    """(Group, eta, n, mean test accuracy over seeds at the end of the budget)."""
    text = (files("theory") / "data" / "step.csv").read_text()
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple((r["group"], float(r["weight_decay"]), int(r["samples"]), float(r["accuracy"])) for r in rows)


def fitted_step() -> Step:
    """Centre, width and noise by least squares in the accuracies in ``data/step.csv``; energy as it is."""

    def misses(x: NDArray[np.float64], /) -> NDArray[np.float64]:
        step = STEP._replace(centre=float(x[0]), width=float(x[1]), noise=float(x[2]))
        return np.array([_accuracy_at(named(name), n, eta, step) - seen for name, eta, n, seen in _step_runs()])

    start = np.array(STEP[:3])
    found = least_squares(misses, start, diff_step=np.full(3, 0.05), x_scale=start, bounds=(0.01, 2)).x
    return STEP._replace(centre=float(found[0]), width=float(found[1]), noise=float(found[2]))
