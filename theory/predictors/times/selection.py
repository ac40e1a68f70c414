r"""T_grok of gradient descent from one equation: the rule's share of the outputs grows as a fitter species does.

After memorisation let g be the share of the outputs on test examples that follows the rule. Trajectories of cyclic
groups (M = 11 to 31, n/n_c = 1.1 to 2) have, at equal g, rates proportional to n/n_c - 1: what costs less grows, as in
a population of two species of which one is the fitter. In tau = lr · eta · steps,

* selection.1  dg/dtau = (r - 1)(1 - g)(alpha g + beta), r = n/n_rho (mixed.1), alpha = a (M/20)^b, beta = c (M/20)^-d:
  the rule's share copies itself (alpha), and arises anew from memory (beta), the less often the larger the table.
* selection.2  Its solution is closed: (alpha + beta)(r - 1) tau = ln[(alpha g + beta)/(1 - g)] between both ends.
* selection.3  It begins after 1.2 t_mem, at g_0 = -.05 + rise (r - 1)^power: what Stage II has left.
* selection.4  It ends where the test accuracy reaches the level of t_grok: outputs are g of the label and memory's
  noise, of variance nu (1 - g) relative to the label's, so that the accuracy is E[Phi(x + g/s)^(M-1)], x normal,
  s^2 = nu (1 - g)/M.
* selection.5  Decay leaves a residual, with which norms fall faster: tau = tau_0 exp(-e eta n).

Where g_0 is beyond the end (small tables, r near 2), networks generalise while they memorise; there this is rough.

Ten constants are fitted on training runs of orders 13, 19, 29, 37 and 43 (``data/selection.csv``); -.05, 1.2 and
nu = .5 were read off trajectories with M = 11 to 31 at half of the width. So this is no law without a fit; but an
answer takes a millisecond, for orders, rates and decays that none of them had. Cyclic groups of odd order, whose
blocks are alike.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, least_squares
from scipy.special import ndtr

from twopeaks.theory.groups import Group, named
from twopeaks.theory.heights.phases import blocks
from twopeaks.theory.heights.tables import records
from twopeaks.theory.predictors.answer import Answer
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.predictors.ranges import another_clock, another_network, another_task
from twopeaks.theory.setting import TRANSITIONS, Setting

__all__ = [
    "CONSTANTS",
    "Constants",
    "Run",
    "accuracy_of",
    "fitted_constants",
    "selection",
    "selection_runs",
    "share_needed",
    "steps_to_grok",
]

#: Orders on which the constants rest, and up to which they are taken.
_LEAST, _LARGEST = 11, 60


class Constants(NamedTuple):
    """What is fitted in selection.1, 3 and 5, and t_mem = memorise (M/20)^size r^load in lr · steps.

    Attributes:
        a, b, c, d: of alpha and beta.
        e: of the residual.
        rise, power: of selection.3.
        memorise, size, load: of t_mem.
    """

    a: float
    b: float
    c: float
    d: float
    e: float
    rise: float
    power: float
    memorise: float
    size: float
    load: float

    def memorising(self, order: int, r: float) -> float:
        """T_mem in lr · steps."""
        return float(self.memorise * (order / 20) ** self.size * r**self.load)


class Run(NamedTuple):
    """Networks of one cell: gradient descent, K = 14 M.

    Attributes:
        order, samples, lr, weight_decay: which.
        seeds: how many.
        t_mem, t_grok: medians in steps; infinite where half of the seeds or more did not get there.
    """

    order: int
    samples: int
    lr: float
    weight_decay: float
    seeds: int
    t_mem: float
    t_grok: float


#: What `fitted_constants` gives; a test fits them again.
CONSTANTS = Constants(
    a=1.67, b=-2.695, c=0.1953, d=0.654, e=1.05, rise=0.3228, power=1.773, memorise=63.1, size=1.591, load=1.077
)
#: nu of selection.4.
_NOISE = 0.5
#: Of selection.3: -g_0 at r = 1, and where it begins in t_mem.
_DEFICIT, _AFTER = 0.05, 1.2


def accuracy_of(share: float, order: int, noise: float = _NOISE) -> float:
    """Test accuracy of outputs that follow the rule with a share g. Eq. selection.4."""
    x, weights = _normal()
    spread = math.sqrt(max(noise * (1 - share), 1e-12) / order)
    return float(np.dot(weights, ndtr(x + share / spread) ** (order - 1)))


@lru_cache(maxsize=256)
def share_needed(order: int) -> float:
    """Share g at which the accuracy is that of t_grok."""
    level = TRANSITIONS["t_grok"].level
    return float(brentq(lambda g: accuracy_of(g, order) - level, 0.0, 1.0))


@cache
def _normal() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, weights = np.polynomial.hermite_e.hermegauss(60)
    return x, weights / weights.sum()


def steps_to_grok(
    order: int, samples: int, crossing: float, lr: float, eta: float, constants: Constants | None = None
) -> float:
    """T_grok in steps of a network with n_rho = ``crossing``; infinite where the rule does not pay. All equations."""
    k, r = constants or CONSTANTS, samples / crossing
    if r <= 1:
        return math.inf
    end, begin = share_needed(order), k.rise * (r - 1) ** k.power - _DEFICIT
    start = _AFTER * k.memorising(order, r)
    if begin >= end:
        return float(start * (end + _DEFICIT) / (begin + _DEFICIT) / lr)
    alpha, beta = float(k.a * (order / 20) ** k.b), float(k.c * (order / 20) ** -k.d)

    def potential(g: float) -> float:
        return math.log(max(alpha * g + beta, 1e-9) / (1 - g)) / (alpha + beta)

    tau = (potential(end) - potential(begin)) / (r - 1)
    return float((start + tau * math.exp(-k.e * eta * samples) / eta) / lr)


def _not_alike(setting: Setting) -> list[str]:
    group = setting.task.resolve()
    return [] if _alike(group) else [f"for cyclic groups of odd order, not {group.name}"]


def _not_plain_descent(setting: Setting) -> list[str]:
    rule = setting.optimizer
    reasons = [] if rule.name == "sgd" and not rule.momentum else ["for gradient descent without momentum"]
    return reasons + ([] if rule.weight_decay else ["without weight decay nothing is selected"])


@predictor(
    name="selection",
    quantity="t_grok",
    constants=13,
    fitted_on="t_mem and t_grok of training runs of Z13, Z19, Z29, Z37 and Z43; three were read off trajectories",
    assumptions=(
        "rule and memory compete as species do whose fitness is n/n_rho",
        "constants of cyclic groups of order 13 to 43 at K = 14 M",
    ),
    refuses=(another_task, another_network, another_clock, _not_alike, _not_plain_descent),
)
def selection(setting: Setting) -> Answer:
    """t_grok of plain gradient descent on a cyclic group of odd order, in a millisecond. Eqs. selection.1-5."""
    rule, order, samples = setting.optimizer, setting.task.resolve().order, setting.task.samples
    crossing = blocks(setting.task.resolve(), rule.weight_decay)[0].crossing
    value = steps_to_grok(order, samples, crossing, rule.lr, rule.weight_decay)
    details = {"n_rho": crossing} if math.isfinite(crossing) else {}
    if not math.isfinite(value):
        return Answer(note=f"memorising costs less: n_rho = {crossing:.1f}", details=details)
    width = setting.network.width / order
    outside = {
        f"constants are from M = 13 to 43, not {order}": not _LEAST <= order <= _LARGEST,
        f"constants are from K = 14 M, not {width:.0f} M": not 7 <= width <= 28,
    }
    return Answer(
        value,
        value * math.exp(-1.96 * SPREAD),
        value * math.exp(1.96 * SPREAD),
        note=f"n/n_rho = {samples / crossing:.3f}; interval: the spread over the runs that were fitted",
        outside=tuple(reason for reason, applies in outside.items() if applies),
        details=details,
    )


def _alike(group: Group) -> bool:
    """Whether a group is cyclic of odd order: all blocks are pairs of characters."""
    return group.is_cyclic and group.order % 2 == 1 and group.order > 1


#: Standard deviation of ln(measured/predicted) over the runs in the table.
SPREAD = 0.162


# --- where the constants come from ---------------------------------------------------------------------


@cache
def selection_runs() -> tuple[Run, ...]:
    """All cells of ``data/selection.csv``."""
    return records("selection.csv", Run, empty=math.inf)


def fitted_constants() -> tuple[Constants, float]:
    """Constants by least squares in ln t_mem, then in ln t_grok (outliers damped), and the spread of the latter."""
    crossings = {(run.order, run.weight_decay): 0.0 for run in selection_runs()}
    crossings = {key: blocks(named(f"Z{key[0]}"), key[1])[0].crossing for key in crossings}
    ratio = {run: run.samples / crossings[run.order, run.weight_decay] for run in selection_runs()}
    runs = list(ratio)
    design = np.array([[1, math.log(run.order / 20), math.log(ratio[run])] for run in runs])
    times = np.array([math.log(run.t_mem * run.lr) for run in runs])
    memorise, size, load = np.linalg.lstsq(design, times, rcond=None)[0]
    known = [run for run in runs if math.isfinite(run.t_grok) and ratio[run] > _NEAREST]

    def constants(x: NDArray[np.float64]) -> Constants:
        a, b, c, d, e, rise, power = map(float, x)
        times = (math.exp(memorise), float(size), float(load))
        return Constants(math.exp(a), b, math.exp(c), d, e, rise, power, *times)

    def misses(x: NDArray[np.float64], /) -> NDArray[np.float64]:
        k = constants(x)
        return np.array([_miss(run, crossings[run.order, run.weight_decay], k) for run in known])

    start = np.array([0.0, 0.5, math.log(0.28), 2.3, 0.55, 0.4, 1.6])
    fitted = least_squares(misses, start, loss="soft_l1", f_scale=0.1).x
    return constants(fitted), float(np.std(misses(fitted)))


#: n/n_rho below which a run is too near the crossing to be fitted: an error of 2% in n_rho would double its rate.
_NEAREST = 1.04


def _miss(run: Run, crossing: float, constants: Constants) -> float:
    """ln(predicted/measured) of t_grok."""
    predicted = steps_to_grok(run.order, run.samples, crossing, run.lr, run.weight_decay, constants)
    return math.log(predicted / run.t_grok)
