"""Height of the memorising peak: a law with one constant, fitted on networks that memorise random labels.

A node of its own for each pair costs 3 (1/4)^(2/3) = 1.19 (heights.4). Trained networks do better: about n/2 nodes are
alive, each of which answers two pairs of one label, with opposite signs of z, and spills on others. What that saves
falls like 1/M: c_mem = 1.19 (1 - kappa/M), whatever n is, as long as random labels leave half of the table free. Random
labels know of no group, so kappa is one number for all of them. The runs are in ``data/memorising.csv``.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from theory.heights import memorising_cost

__all__ = ["KAPPA", "KAPPA_ERROR", "LEAST_ORDER", "Run", "control_runs", "fitted_kappa", "shared_memorising_cost"]

#: kappa, and the half-width of its 95% interval over the runs in the table; a test fits it again.
KAPPA, KAPPA_ERROR = 2.13, 0.22
#: Orders below that of the smallest table are not covered.
LEAST_ORDER = 11
#: Densities n/M^2 whose runs count. Above, labels begin to determine each other and the cost falls.
_DENSITIES = (0.15, 0.45)


class Run(NamedTuple):
    """One network that memorised random labels, in the standard setting (width 14 M, decay 2e-4).

    Attributes:
        order: M.
        samples: n.
        seed: of the network and its labels.
        steps: budget.
        cost: |W|^2 + |V|^2 at the end, over n.
    """

    order: int
    samples: int
    seed: int
    steps: int
    cost: float


def shared_memorising_cost(order: int, kappa: float = KAPPA) -> float:
    """Norm that memorising one more pair costs in a table of this order."""
    return memorising_cost() * (1 - kappa / order)


@cache
def control_runs() -> tuple[Run, ...]:
    """All runs that the constant rests on, and those at densities that do not count."""
    text = (files("theory") / "data" / "memorising.csv").read_text()
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Run(int(r["order"]), int(r["samples"]), int(r["seed"]), int(r["steps"]), float(r["cost"])) for r in rows
    )


def fitted_kappa() -> tuple[float, float]:
    """Kappa by least squares over the runs that count, each table order weighing the same; and 1.96 standard errors.

    The error is over orders, whose means are what the law has to meet.
    """
    low, high = _DENSITIES
    counted = [run for run in control_runs() if low <= run.samples / run.order**2 <= high]
    orders = sorted({run.order for run in counted})
    each = [
        np.mean([(1 - run.cost / memorising_cost()) * run.order for run in counted if run.order == order])
        for order in orders
    ]
    return float(np.mean(each)), float(1.96 * np.std(each, ddof=1) / np.sqrt(len(each)))
