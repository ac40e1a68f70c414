"""What memorising costs networks of few nodes: a law with one constant, fitted on random labels.

Memorising n examples takes n/2 nodes, each of which answers two (`theory.heights.memorising`). Networks of fewer
have to answer more with each, and pay c_mem (1 + nu (n/2K - 1)/M), with nu from runs on 30% of the table,
``data/memorising_width.csv``. From K = n/2 to 12 n/2 the cost stays the same within 3%, the noise of these runs.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from twopeaks.theory.heights.tables import records

__all__ = ["NU", "NU_ERROR", "WidthRun", "fitted_nu", "narrow_factor", "width_runs"]

#: nu, and 1.96 standard deviations of a run's excess cost times M about the law; a test fits them again.
NU, NU_ERROR = 10.90, 1.79


class WidthRun(NamedTuple):
    """One network that memorised random labels, in the standard setting but for its width.

    Attributes:
        order: M.
        samples: n.
        width: K.
        seed: of the network and its labels.
        steps: budget.
        cost: |W|^2 + |V|^2 at the end, over n.
    """

    order: int
    samples: int
    width: int
    seed: int
    steps: int
    cost: float


def narrow_factor(order: int, samples: float, width: int, shift: float = 0.0) -> float:
    """By how much more a network of K nodes pays for memorising n pairs than a wide one does: 1 if it has n/2 nodes.

    Args:
        order: M.
        samples: n.
        width: K.
        shift: added to the excess times M where there is one, for an interval.
    """
    crowding = samples / (2 * width) - 1
    return 1.0 if crowding <= 0 else 1 + max(0.0, NU * crowding + shift) / order


@cache
def width_runs() -> tuple[WidthRun, ...]:
    """All runs that nu rests on, and wider ones of the same orders."""
    return records("memorising_width.csv", WidthRun)


def fitted_nu() -> tuple[float, float]:
    """Nu by least squares over the runs of fewer than n/2 nodes; and 1.96 standard deviations of one run about it.

    What they pay more is over the mean of the wider runs of the same order.
    """
    runs = width_runs()
    wide = {
        order: np.mean([r.cost for r in runs if r.order == order and r.samples <= 2 * r.width])
        for order in {r.order for r in runs}
    }
    narrow = [r for r in runs if r.samples > 2 * r.width]
    crowding = np.array([r.samples / (2 * r.width) - 1 for r in narrow])
    excess = np.array([(r.cost / wide[r.order] - 1) * r.order for r in narrow])
    nu = float(crowding @ excess / (crowding @ crowding))
    return nu, float(1.96 * np.sqrt(np.sum((excess - nu * crowding) ** 2) / (len(narrow) - 1)))
