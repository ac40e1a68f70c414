"""Heights of the two peaks: what norm a generalising and a memorising solution cost, and where they cross.

With weight decay the long-run winner among solutions that fit the data is the one of smallest |W|^2 + |V|^2. The
formulas are the equations heights.1 to heights.5 of `theory.equations`; here they meet groups and control runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.equations.lower import function
from twopeaks.theory.groups import Group
from twopeaks.theory.groups.constructions import NODES_PER_PAIR

__all__ = [
    "Control",
    "HeightFit",
    "fit_heights",
    "generalising_cost",
    "memorising_cost",
    "node_cost",
    "pair_cost",
    "real_cost",
]

#: A memorising height that grows more slowly than this power of n is no height to cross.
_LEAST_POWER = 0.1


def node_cost(q: float) -> float:
    """Least |w|^2 + |v|^2 of a node with q = |w|^2 |v|. Eq. heights.1."""
    return float(function("heights.1")(q))


def memorising_cost() -> float:
    """Cost of one memorised sample, 3 (1/4)^(2/3) = 1.19. Eq. heights.4."""
    return float(function("heights.4")())


def pair_cost(order: int, nodes: float = NODES_PER_PAIR) -> float:
    """Cost of one pair of complex characters built from N nodes. Eq. heights.2."""
    return float(function("heights.2")(order, nodes))


def real_cost(order: int) -> float:
    """Cost of one real character other than the trivial one. Eq. heights.3."""
    return float(function("heights.3")(order))


def generalising_cost(group: Group, nodes: float = NODES_PER_PAIR) -> float:
    """C_gen of an abelian group, summed over its characters. Eqs. heights.2 and heights.3.

    Raises:
        ValueError: for a non-abelian group, whose irreducible representations are not all of dimension 1.
    """
    if not group.is_abelian:
        raise ValueError(f"closed form needs an abelian group, got {group.name}")
    # As many characters are real as elements have order 1 or 2 (the dual group is isomorphic to the group).
    real = int((group.element_orders <= 2).sum())
    pairs = (group.order - real) // 2
    return pairs * pair_cost(group.order, nodes) + (real - 1) * real_cost(group.order)


@dataclass(frozen=True)
class Control:
    """Norms reached by control runs of one size: random labels, or plentiful true data.

    Attributes:
        samples: n.
        costs: |W|^2 + |V|^2 of each member at the end.
        earlier: the same at three quarters of the budget: what they moved since is about what they still will.
    """

    samples: int
    costs: tuple[float, ...]
    earlier: tuple[float, ...]


@dataclass(frozen=True)
class HeightFit:
    """Both peaks as measured on control runs.

    Attributes:
        generalising: C_gen.
        memorising: C_mem(n) = scale · n^power, through the control sizes.
        scale, power: of C_mem.
        crossing: n_c with C_mem(n_c) = C_gen.
        low, high: interval of ``crossing``: 95% over control seeds, widened by a factor 1 + ``drift`` both ways.
        drift: relative movement of the crossing over the last quarter of the control runs.
    """

    generalising: float
    scale: float
    power: float
    crossing: float
    low: float
    high: float
    drift: float

    def memorising(self, samples: NDArray[np.float64] | float) -> NDArray[np.float64] | float:
        """C_mem at n samples."""
        return self.scale * samples**self.power


def fit_heights(generalising: Control, memorising: Sequence[Control], resamples: int = 2000) -> HeightFit:
    """Crossing of the two peaks from control runs, with its interval. Eq. heights.5.

    Args:
        generalising: runs on plentiful true data.
        memorising: runs on random labels, at one or more sizes.
        resamples: bootstrap resamples over control seeds.

    Raises:
        ArithmeticError: if memorising more examples did not cost more norm, so that the peaks need not cross: the
            control runs were too short, or too noisy.
    """
    central = _crossing(np.mean(generalising.costs), [(c.samples, float(np.mean(c.costs))) for c in memorising])
    earlier = _crossing(np.mean(generalising.earlier), [(c.samples, float(np.mean(c.earlier))) for c in memorising])
    rng = np.random.default_rng(0)

    def resampled(costs: tuple[float, ...]) -> float:
        return float(rng.choice(costs, size=len(costs)).mean())

    draws = [
        _crossing(resampled(generalising.costs), [(c.samples, resampled(c.costs)) for c in memorising])[0]
        for _ in range(resamples)
    ]
    low, high = np.quantile(draws, 0.025, method="lower"), np.quantile(draws, 0.975, method="higher")
    drift = abs(earlier[0] / central[0] - 1) if np.isfinite(central[0]) else np.inf
    if not all(map(np.isfinite, (central[0], high, drift))):
        heights = ", ".join(f"{np.mean(c.costs):.4g} at n={c.samples}" for c in memorising)
        raise ArithmeticError(f"memorising heights do not grow with n ({heights})")
    return HeightFit(
        generalising=float(np.mean(generalising.costs)),
        crossing=central[0],
        scale=central[1],
        power=central[2],
        low=float(low) / (1 + drift),
        high=float(high) * (1 + drift),
        drift=drift,
    )


def _crossing(generalising: float | np.floating, memorising: Sequence[tuple[int, float]]) -> tuple[float, float, float]:
    """(n_c, scale, power): a power law through the memorising heights (proportional for one size alone)."""
    sizes, heights = np.array([n for n, _ in memorising]), np.array([h for _, h in memorising])
    if len(sizes) == 1:
        power, scale = 1.0, float(heights[0] / sizes[0])
    else:
        power, intercept = (float(x) for x in np.polyfit(np.log(sizes), np.log(heights), 1))
        scale = float(np.exp(intercept))
    # Below this power the heights are flat or fall, and a crossing would be an accident of noise.
    if power < _LEAST_POWER:
        return np.inf, scale, power
    return float((float(generalising) / scale) ** (1 / power)), scale, power
