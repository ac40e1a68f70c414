"""Heights of the two peaks for cross-entropy: what a few frequencies with margins cost, against memorised margins.

Cross-entropy asks for margins, not for values, and costs of x^2 nodes are concave: a frequency of amplitude A costs
3^(4/3) M A^(2/3) (heights.14), so that two to four frequencies do where squared error asks for all (M-1)/2. Which, and
how strong, is a small optimisation of log-loss + (eta/2) norm; no constant is fitted and nothing is trained.

Memorising by cross-entropy: random labels end at an objective loss + (eta/2) norm of B n^p M^r at decay 2e-4, fitted
on networks that memorise random labels, ``data/memorising_margin.csv``, never on one that could grok.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from twopeaks.theory.equations.lower import function
from twopeaks.theory.heights.tables import records
from twopeaks.theory.predictors.answer import Answer
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.predictors.ranges import (
    another_clock,
    another_network,
    another_task,
    biased_sampling,
    not_norm_descent,
)
from twopeaks.theory.setting import Setting

__all__ = [
    "LAW",
    "Generalising",
    "MarginLaw",
    "MarginRun",
    "fitted_margin_law",
    "generalising_by_margin",
    "margin_form",
    "margin_runs",
]

_Array = NDArray[np.float64]

#: Weight decay of the runs on random labels, and their orders.
_ETA, _ORDERS = 2e-4, (11, 31)
_STARTS = 40


class MarginRun(NamedTuple):
    """One network that memorised random labels by cross-entropy, in the standard setting but for the loss.

    Attributes:
        order: M.
        samples: n.
        width: K.
        seed: of the network and its labels.
        steps: budget.
        cost: |W|^2 + |V|^2 at the end, over n.
        loss: cross-entropy on its training examples at the end.
    """

    order: int
    samples: int
    width: int
    seed: int
    steps: int
    cost: float
    loss: float

    @property
    def objective(self) -> float:
        """Loss + (eta/2) norm."""
        return self.loss + _ETA / 2 * self.cost * self.samples


class MarginLaw(NamedTuple):
    """Constants of the objective B n^p M^r of memorised labels.

    Attributes:
        scale: B.
        samples_power: p.
        order_power: r.
        scatter: standard deviation of ln(measured/law) over the runs.
    """

    scale: float
    samples_power: float
    order_power: float
    scatter: float

    def samples(self, order: int, objective: float) -> float:
        """N training examples that are memorised at this objective."""
        return float((objective / (self.scale * order**self.order_power)) ** (1 / self.samples_power))


#: What `fitted_margin_law` gives; a test fits it again.
LAW = MarginLaw(4.859e-4, 0.712, 0.316, 0.023)


class Generalising(NamedTuple):
    """The cheapest rule found.

    Attributes:
        objective: log-loss + (eta/2) norm.
        norm: |W|^2 + |V|^2.
        amplitudes: ((M-1)/2,) of the frequencies 1, 2, …
    """

    objective: float
    norm: float
    amplitudes: tuple[float, ...]


@cache
def generalising_by_margin(order: int, eta: float) -> Generalising:
    """Least log-loss + (eta/2) norm of a network of exact frequencies of Z_M, M odd. Eq. heights.14.

    The best of some descents from random sets of frequencies, the same at each call; a bound from above.
    """
    count = (order - 1) // 2
    waves = np.cos(2 * np.pi * np.outer(np.arange(order), np.arange(1, count + 1)) / order)
    unit = float(function("heights.14")(order, 1.0))

    def value(roots: _Array) -> tuple[float, _Array]:
        # In the cube roots y of amplitudes the norm is unit |y|^2.
        outputs = waves @ np.abs(roots) ** 3
        top = outputs.max()
        weights = np.exp(outputs - top)
        loss = float(np.log(weights.sum()) + top - outputs[0])
        slope = waves.T @ (weights / weights.sum()) - waves[0]
        return loss + eta / 2 * unit * float(roots @ roots), slope * 3 * roots * np.abs(roots) + eta * unit * roots

    rng, best = np.random.default_rng(0), Generalising(np.inf, 0.0, ())
    for _ in range(_STARTS):
        start = np.full(count, 1e-3)
        some = rng.permutation(count)[: rng.integers(1, count + 1)]
        start[some] = rng.uniform(1.2, 1.7, len(some))
        end = minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": 3000, "ftol": 1e-14})
        if float(end.fun) < best.objective:
            amplitudes = tuple((np.abs(end.x) ** 3).tolist())
            best = Generalising(float(end.fun), unit * float(end.x @ end.x), amplitudes)
    return best


@cache
def margin_runs() -> tuple[MarginRun, ...]:
    """All runs that the law rests on."""
    return records("memorising_margin.csv", MarginRun)


def fitted_margin_law() -> MarginLaw:
    """The law by least squares in the logarithm."""
    runs = margin_runs()
    X = np.array([[1, np.log(r.samples), np.log(r.order)] for r in runs])
    y = np.log([r.objective for r in runs])
    constants = np.linalg.lstsq(X, y, rcond=None)[0]
    scatter = np.sqrt(np.sum((y - X @ constants) ** 2) / (len(runs) - len(constants)))
    return MarginLaw(float(np.exp(constants[0])), float(constants[1]), float(constants[2]), float(scatter))


def _not_margins(setting: Setting) -> list[str]:
    """Why neither heights.14 nor the law of memorising by cross-entropy holds."""
    group, network, eta = setting.task.resolve(), setting.network, setting.optimizer.weight_decay
    checks = {
        f"derived for cross-entropy, not {setting.loss}": setting.loss != "cross-entropy",
        f"derived for x^2, not {network.activation}": network.activation != "x^2",
        "derived for cyclic groups of odd order, from 5 on": not group.is_cyclic
        or group.order % 2 == 0
        or group.order < 5,
        f"the law of memorising rests on decay {_ETA:g}, not {eta:g}": eta != _ETA,
    }
    return [reason for reason, applies in checks.items() if applies]


@predictor(
    name="heights-margin",
    quantity="n_c",
    constants=3,
    fitted_on="objectives of networks that memorise random labels by cross-entropy, M = 11 to 31",
    assumptions=(
        "weight decay makes the solution of smaller loss + (eta/2) (|W|^2 + |V|^2) win",
        "the rule is built from frequencies of six nodes each, none of which shares nodes",
        "memorising ends at an objective B n^p M^r, as for random labels",
    ),
    refuses=(_not_margins,),
    outside=(another_task, not_norm_descent, another_network, another_clock, biased_sampling),
)
def margin_form(setting: Setting) -> Answer:
    """n_c for cross-entropy where both objectives are equal; cyclic groups of odd order, decay 2e-4. Eq. heights.14."""
    order, (low_order, high_order) = setting.task.resolve().order, _ORDERS
    rule = generalising_by_margin(order, setting.optimizer.weight_decay)
    value, factor = LAW.samples(order, rule.objective), float(np.exp(1.96 * LAW.scatter / LAW.samples_power))
    frequencies = sum(amplitude > 1e-3 for amplitude in rule.amplitudes)
    outside = {
        f"the law of memorising rests on M = {low_order} to {high_order}": not low_order <= order <= high_order,
        f"there are only {order**2} pairs": value > order**2,
    }
    return Answer(
        value,
        value / factor,
        value * factor,
        note=f"{frequencies} frequencies, C_gen = {rule.norm:.1f}, interval that of the law of memorising alone",
        outside=tuple(reason for reason, applies in outside.items() if applies),
        details={"C_gen": rule.norm, "objective": rule.objective, "frequencies": frequencies},
    )
