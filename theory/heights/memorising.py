"""Height of the memorising peak: laws fitted on networks that memorise random labels, never on one that could grok.

A node of its own for each pair costs 3 (1/4)^(2/3) = 1.19 (heights.4). Trained networks do better: about n/2 nodes are
alive, each of which answers two examples of one label, with opposite signs of z, and spills on others. Random labels
know of no group, so what they cost is one law for all of them. The runs are in ``data/memorising.csv``.

* **Small tables** (M up to 31): what sharing saves falls like 1/M, c_mem = 1.19 (1 - kappa/M), whatever n is, as long
  as random labels leave half of the table free.
* **All tables**: beyond, the cost falls again, in two ways. Where eta n is not small, decay leaves residuals where
  they are dearest to remove; and large tables share more. `memorised` has a constant for each:
  R = c_0 n exp(-lambda eta n) with c_0 = 1.19 (1 - kappa/M - M/reach).
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from twopeaks.theory.heights.heights import memorising_cost
from twopeaks.theory.heights.tables import records

__all__ = [
    "KAPPA",
    "KAPPA_ERROR",
    "LARGEST_ORDER",
    "LAW",
    "LEAST_ORDER",
    "Law",
    "Run",
    "control_runs",
    "fitted_kappa",
    "fitted_law",
    "memorised",
    "shared_memorising_cost",
]

#: kappa of small tables, and the half-width of its 95% interval over the runs in the table; a test fits it again.
KAPPA, KAPPA_ERROR = 2.13, 0.22
#: Orders between the smallest and the largest table.
LEAST_ORDER, LARGEST_ORDER = 11, 127
#: Largest order on which kappa of small tables rests.
_SMALL = 31
#: Densities n/M^2 whose runs count. Above, labels begin to determine each other and the cost falls.
_DENSITIES, _LOWEST = (0.15, 0.45), 0.1
#: Weight decay of all runs.
_ETA = 2e-4


class Run(NamedTuple):
    """One network that memorised random labels, in the standard setting (width 14 M, decay 2e-4).

    Attributes:
        order: M.
        samples: n.
        seed: of the network and its labels.
        steps: budget.
        cost: |W|^2 + |V|^2 at the end, over n.
        loss: training loss at the end; NaN where it was not kept.
    """

    order: int
    samples: int
    seed: int
    steps: int
    cost: float
    loss: float


class Law(NamedTuple):
    """Constants of `memorised`.

    Attributes:
        kappa: 1.19 kappa/M is what sharing saves less in small tables.
        reach: 1.19 M/reach is what large tables save.
        decay: lambda.
        scatter: standard deviation of ln(measured/law) over the means of the table orders.
    """

    kappa: float
    reach: float
    decay: float
    scatter: float

    def cost(self, order: int) -> float:
        """c_0: norm of one more training example as decay goes to zero."""
        return memorising_cost() * (1 - self.kappa / order - order / self.reach)


def shared_memorising_cost(order: int, kappa: float = KAPPA) -> float:
    """Norm that memorising one more training example costs in a small table of this order."""
    return memorising_cost() * (1 - kappa / order)


def memorised(order: int, samples: float, eta: float, law: Law | None = None) -> tuple[float, float]:
    """Norm R, and loss + (eta/2) norm over eta/2, of a network that has memorised n training examples under decay eta.

    The second is the integral of the first over eta, divided by eta, since the objective is stationary in the weights.
    """
    law = law or LAW
    x = law.decay * eta * samples
    cost = law.cost(order) * samples
    return cost * math.exp(-x), cost * (-math.expm1(-x) / x if x else 1.0)


@cache
def control_runs() -> tuple[Run, ...]:
    """All runs that the constants rest on, and those at densities that do not count."""
    return records("memorising.csv", Run)


def fitted_kappa() -> tuple[float, float]:
    """Kappa of small tables by least squares, each table order weighing the same; and 1.96 standard errors.

    The error is over orders, whose means are what the law has to meet.
    """
    counted = [run for run in _counted(_DENSITIES[0]) if run.order <= _SMALL]
    orders = sorted({run.order for run in counted})
    each = [
        np.mean([(1 - run.cost / memorising_cost()) * run.order for run in counted if run.order == order])
        for order in orders
    ]
    return float(np.mean(each)), float(1.96 * np.std(each, ddof=1) / np.sqrt(len(each)))


def fitted_law() -> Law:
    """The constants of `memorised` by least squares in the logarithm of norms and, where kept, of objectives."""
    runs = _counted(_LOWEST)

    def misses(constants: NDArray[np.float64], /) -> NDArray[np.float64]:
        law = _law(constants)
        norms = [_miss(run, law, 0) for run in runs]
        return np.array(norms + [_miss(run, law, 1) for run in runs if not math.isnan(run.loss)])

    start = np.array([2.0, 1500.0, 0.3])
    law = _law(least_squares(misses, start, x_scale=start).x)
    orders = sorted({run.order for run in runs})
    means = [np.mean([_miss(run, law, 0) for run in runs if run.order == order]) for order in orders]
    return law._replace(scatter=float(np.std(means, ddof=1)))


def _law(constants: NDArray[np.float64]) -> Law:
    kappa, reach, decay = map(float, constants)
    return Law(kappa, reach, decay, 0.0)


def _counted(lowest: float) -> list[Run]:
    return [run for run in control_runs() if lowest <= run.samples / run.order**2 <= _DENSITIES[1]]


def _miss(run: Run, law: Law, which: int) -> float:
    """ln(measured/law) of the norm (0) or the objective (1)."""
    measured = run.cost if which == 0 else run.cost + run.loss / (_ETA / 2 * run.samples)
    return math.log(measured * run.samples / memorised(run.order, run.samples, _ETA, law)[which])


#: What `fitted_law` gives; a test fits it again.
LAW = Law(kappa=1.66, reach=1624, decay=0.345, scatter=0.016)
