"""Heights of the two peaks for ReLU: the generalising one from the energy of Stage II, the memorising one by a law.

ReLU is homogeneous of degree 1, so a node costs 2 |w| |v| (heights.6) and the least norm of a function is a *convex*
problem: to average a node over all translations of the table costs nothing, and whatever does not belong to the rule
averages to zero. For Z_M, M prime, this gives the height in closed form but for one number, the largest energy of a
node: C_gen = 2 M (M - 1)/sqrt(2 E*), heights.13. It grows like 9.44 (M - 1), where x^2 pays 3 M^(4/3).

Memorising shares nodes as well: random labels cost A (n/M)^-p a pair. Both constants are fitted on networks that
memorise random labels, ``data/memorising_relu.csv``, never on one that could grok.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from twopeaks.theory.equations.lower import function
from twopeaks.theory.heights.narrow import WidthRun
from twopeaks.theory.heights.tables import records
from twopeaks.theory.predictors.answer import Answer
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.predictors.ranges import (
    another_clock,
    another_network,
    another_task,
    biased_sampling,
    not_norm_descent,
    not_squared_error,
)
from twopeaks.theory.setting import Setting

__all__ = ["LAW", "ReluLaw", "fitted_relu_law", "largest_energy", "relu_form", "relu_height", "relu_runs"]

_STARTS = 6


class ReluLaw(NamedTuple):
    """Constants of c_mem = A (n/M)^-p.

    Attributes:
        cost: A.
        power: p.
        scatter: standard deviation of ln(measured/law) over the runs.
    """

    cost: float
    power: float
    scatter: float

    def norm(self, order: int, samples: float) -> float:
        """Norm that memorising n training examples costs."""
        return float(self.cost * samples * (samples / order) ** -self.power)

    def samples(self, order: int, norm: float) -> float:
        """N training examples that cost this norm."""
        return float(order * (norm / (self.cost * order)) ** (1 / (1 - self.power)))


#: What `fitted_relu_law` gives; a test fits it again.
LAW = ReluLaw(1.717, 0.269, 0.024)
#: Orders of the runs.
_ORDERS = (11, 31)


def relu_height(order: int) -> float:
    """C_gen of Z_M, M prime, for ReLU. Eq. heights.13."""
    return float(function("heights.13")(order, largest_energy(order)[0]))


@cache
def largest_energy(order: int) -> tuple[float, tuple[float, ...]]:
    """E* of Stage II on the full table of Z_M for ReLU, and the node of norm 1, (2M,), that has it.

    The best of some ascents, from a cosine and from random starts, the same at each call; a bound from below for E*.
    """
    table = np.add.outer(np.arange(order), np.arange(order)) % order

    def value(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        size = float(np.linalg.norm(x))
        w = x / size
        z = w[:order, None] + w[None, order:]
        sums = np.bincount(table.ravel(), np.maximum(z, 0).ravel(), order)
        sums -= sums.mean()
        pull = sums[table] * (z > 0)
        gradient = np.concatenate([pull.sum(axis=1), pull.sum(axis=0)])
        energy = 0.5 * float(sums @ sums)
        return -energy, np.asarray((2 * energy * w - gradient) / size)  # E is of degree 2

    rng = np.random.default_rng(0)
    cosine = np.cos(2 * np.pi * np.arange(order) / order)
    starts = [np.concatenate([cosine, cosine]), *rng.standard_normal((_STARTS - 1, 2 * order))]
    ends = [
        minimize(value, x, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "maxcor": 30, "ftol": 1e-14})
        for x in starts
    ]
    best = min(ends, key=lambda end: float(end.fun))
    node = best.x / np.linalg.norm(best.x)
    return -float(best.fun), tuple(node.tolist())


@cache
def relu_runs() -> tuple[WidthRun, ...]:
    """All runs that the law rests on."""
    return records("memorising_relu.csv", WidthRun)


def fitted_relu_law() -> ReluLaw:
    """The law by least squares in the logarithm."""
    runs = relu_runs()
    x, y = np.log([r.samples / r.order for r in runs]), np.log([r.cost for r in runs])
    slope, intercept = (float(c) for c in np.polyfit(x, y, 1))
    scatter = np.sqrt(np.sum((y - intercept - slope * x) ** 2) / (len(runs) - 2))
    return ReluLaw(float(np.exp(intercept)), -slope, float(scatter))


def _not_relu_on_prime(setting: Setting) -> list[str]:
    """Why heights.13 does not hold."""
    order, activation = setting.task.resolve().order, setting.network.activation
    prime = order > 2 and all(order % q for q in range(2, int(order**0.5) + 1))
    reasons = [] if activation == "relu" else [f"derived for relu, not {activation}"]
    return reasons + ([] if prime else ["derived for groups of prime order"])


@predictor(
    name="heights-relu",
    quantity="n_c",
    constants=2,
    fitted_on="norms of networks that memorise random labels, M = 11 to 31",
    assumptions=(
        "weight decay makes the solution of smaller |W|^2 + |V|^2 win, decay small enough that both fit the data",
        "width enough for any function of least norm",
        "memorising costs A (n/M)^-p a pair, as for random labels",
    ),
    refuses=(_not_relu_on_prime,),
    outside=(another_task, not_norm_descent, another_network, another_clock, not_squared_error, biased_sampling),
)
def relu_form(setting: Setting) -> Answer:
    """n_c for ReLU where C_gen of heights.13 and the law of memorising meet; cyclic groups of prime order."""
    order, (low_order, high_order) = setting.task.resolve().order, _ORDERS
    norm = relu_height(order)
    value, factor = LAW.samples(order, norm), float(np.exp(1.96 * LAW.scatter / (1 - LAW.power)))
    outside = f"the law of memorising rests on M = {low_order} to {high_order}"
    return Answer(
        value,
        value / factor,
        value * factor,
        note=f"C_gen = {norm:.1f}, interval that of the law of memorising alone",
        outside=() if low_order <= order <= high_order else (outside,),
        details={"C_gen": norm, "c_mem": LAW.norm(order, value) / value, "c_mem_power": -LAW.power},
    )
