"""Both peaks over n: what memorising n training examples costs, what the rule costs, and where they are equal.

Predictors of n_c solve for the crossing of these two (`theory.predictors.heights`, `twopeaks.theory.predictors.relu`);
who draws the peaks asks here, so that what is drawn crosses where it is predicted. Costs are in units of the squared
norm |W|^2 + |V|^2: where decay leaves a loss they are the objective loss + (eta/2) norm over eta/2, which is the norm
plus what the loss is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scipy.optimize import brentq

from twopeaks.theory.heights.heights import generalising_cost, memorising_cost
from twopeaks.theory.heights.memorising import KAPPA, LEAST_ORDER, shared_memorising_cost
from twopeaks.theory.heights.narrow import narrow_factor
from twopeaks.theory.heights.sharing import Part, SharedHeight, shared_height
from twopeaks.theory.predictors.relu import LAW, relu_form, relu_height
from twopeaks.theory.setting import Setting

__all__ = [
    "Peaks",
    "closed_peaks",
    "equal_objectives",
    "memorised_pair",
    "memorising_objective",
    "relu_peaks",
    "shared_peaks",
]


@dataclass(frozen=True)
class Peaks:
    """Costs of both ways to fit n training examples; the cheaper one is the higher peak.

    Attributes:
        generalising: cost of the rule, the same for every n.
        memorising: n -> cost of memorising n training examples.
        equations: labels of the equations that both rest on.
        words: what is counted.
    """

    generalising: float
    memorising: Callable[[float], float]
    equations: tuple[str, ...]
    words: str


_NORM = "norm |W|² + |V|²"
_OBJECTIVE = "loss + (η/2)(|W|² + |V|²), over η/2"


def closed_peaks(setting: Setting) -> Peaks | None:
    """Norms in closed form, of abelian groups from M = 5 on; None for others. Eqs. heights.2-5."""
    group = setting.task.resolve()
    if not group.is_abelian or group.order < 5:
        return None
    each = memorising_cost()
    equations = ("heights.2", "heights.3", "heights.4", "heights.5")
    return Peaks(generalising_cost(group), lambda n: each * n, equations, _NORM)


def shared_peaks(setting: Setting) -> Peaks | None:
    """Objectives of any group from M = 11 on, where decay leaves the rule anything. Eqs. heights.7-9, 11, 12."""
    group, eta, width = setting.task.resolve(), setting.optimizer.weight_decay, setting.network.width
    if group.order < LEAST_ORDER:
        return None
    norm, objective = shared_height(group).at_decay(eta)
    if not norm:
        return None
    each, order = memorised_pair(group.order, width), group.order
    equations = ("heights.7", "heights.8", "heights.9", "heights.11", "heights.12")
    if eta == 0:
        return Peaks(norm, lambda n: each(n) * n, equations, _NORM)
    return Peaks(
        objective / (eta / 2),
        lambda n: memorising_objective(n, order, eta, each) / (eta / 2),
        equations,
        _OBJECTIVE,
    )


def relu_peaks(setting: Setting) -> Peaks | None:
    """Norms for ReLU, where `twopeaks.theory.predictors.relu.relu_form` has a value; None elsewhere. Eq. heights.13."""
    if relu_form(setting).value is None:
        return None
    order = setting.task.resolve().order
    return Peaks(relu_height(order), lambda n: LAW.norm(order, n), ("heights.13",), _NORM)


def memorised_pair(order: int, width: int, kappa: float = KAPPA, shift: float = 0.0) -> Callable[[float], float]:
    """Norm that each memorised training example costs, as a function of n; more where there are fewer than n/2 nodes.

    Args:
        order: M.
        width: K.
        kappa: constant of memorising, see `twopeaks.theory.heights.memorising`.
        shift: of the constant of narrow networks, see `twopeaks.theory.heights.narrow.narrow_factor`.
    """
    cost = shared_memorising_cost(order, kappa)
    return lambda n: cost * narrow_factor(order, n, width, shift)


def memorising_objective(n: float, order: int, eta: float, cost: Callable[[float], float]) -> float:
    """Loss + (eta/2) norm of a network that memorises n training examples of a group of this order. Eq. heights.11."""
    return Part(1, (1 - 1 / order) / n, cost(n)).at_decay(eta)[1] * n


def equal_objectives(height: SharedHeight, order: int, eta: float, cost: Callable[[float], float]) -> float | None:
    """N at which n memorised training examples are worth as much as the rule; None if the rule is worth nothing.

    Args:
        height: of the generalising peak.
        order: M.
        eta: weight decay; at 0 no objective tells them apart, but the norms to which decay would lead still differ.
        cost: norm of each memorised example, from `memorised_pair`.
    """
    norm, generalising = height.at_decay(eta)
    if not norm:
        return None

    def gap(n: float) -> float:
        return cost(n) * n - norm if eta == 0 else memorising_objective(n, order, eta, cost) - generalising

    wide = norm / cost(0.0)
    return float(brentq(gap, 1e-3 * wide, 1e3 * wide))
