"""The records at which probes are measured, so that they cost at most a given share of the run. No torch here.

It depends on sizes alone and not on a clock: a run that is repeated or resumed measures at the same records.

Costs are in multiply-adds of a large matrix product, for one member alone, as measured on a CPU: an entry of an array
that is passed over costs as much as `_PASS` of them, an entry of the weights' own small arrays in all `_SMALL`, a
multiply-add in double precision `_DOUBLE`, and `_CALL` is what any operation costs however small it is. A shorter run
than `_MOMENT`, a tenth of a second, counts as that long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twopeaks.sim.network.sizes import forward_flops, gradient_flops, layer_shapes
from twopeaks.sim.storage.probe_catalogue import PROBES, SAMPLED, Level
from twopeaks.theory.setting import Network, Setting

__all__ = ["measured"]

_EXPENSIVE = "repulsion"
_PASS, _SMALL, _DOUBLE, _CALL, _MOMENT = 16, 96, 2.5, 110_000, 3e9
#: Passes and operations of a network whose gradient is autograd's over those of the core, whose gradient is by hand.
_AUTOGRAD = 3
#: A probe now and then finds nothing in the cache, and one member's passes are not shared among threads.
_COLD = 1.5


@dataclass(frozen=True)
class _Work:
    """What decides the cost of a step, of a test on the whole table and of a probe.

    Attributes:
        n: training rows.
        read: columns of F, what the last layer reads.
        classes: columns of outputs.
        alphabet, operands: of the table.
        rows: of the table, all of them.
        overhead: 1, or `_AUTOGRAD`.
        values: numbers that a row passes through on the way to F, forward and backward.
        weights: in all layers.
        step, test, features: multiply-adds in the products of a step, of a pass over the table and of F on the
            training rows.
    """

    n: int
    read: int
    classes: int
    alphabet: int
    operands: int
    rows: int
    overhead: int
    values: int
    weights: int
    step: float
    test: float
    features: float

    @classmethod
    def of(cls, setting: Setting) -> _Work:
        table, n, shapes = setting.task.table_of(), setting.task.samples, layer_shapes(setting)
        read, classes = shapes[-1]
        parts = 2 if setting.network.weights == "complex" else 1
        return cls(
            n=n,
            read=read * parts,
            classes=classes,
            alphabet=table.alphabet,
            operands=table.operands,
            rows=table.labels.size,
            overhead=1 if setting.network.core else _AUTOGRAD,
            values=_values(setting.network, table.operands) * parts,
            weights=sum(rows * columns for rows, columns in shapes) * parts,
            step=gradient_flops(setting) / 2,
            test=forward_flops(setting, table.labels.size) / 2,
            features=forward_flops(setting, n) / 2 - parts**2 * n * read * classes,
        )


def _values(network: Network, operands: int) -> int:
    """(1 + k) K of two layers: a row of W an operand, and sigma."""
    return network.hidden_values(operands) + (operands + 2 * (network.layers - 2)) * network.width


def _step_cost(work: _Work) -> float:
    """One update: products, gather, sigma, scatter, Adam."""
    passed = work.overhead * work.n * work.values + 4 * work.weights
    return work.step + _PASS * passed + 30 * work.overhead * _CALL


def _test_cost(work: _Work) -> float:
    return work.test + _PASS * work.rows * (1.5 * work.read + 2 * work.classes) + 40 * _CALL


def _level_costs(work: _Work) -> dict[Level, float]:
    n, K, A = work.n, work.read, work.alphabet
    features, small = work.features + _PASS * n * work.values / 2, _SMALL * work.weights
    return {
        "weights": 0.5 * small,
        "outputs": features + 1.6 * n * K * work.classes + 60 * _CALL,
        "irreps": work.operands * A * A * K + small,
        "overlap": 2 * features + 2.5 * n * K * min(K, SAMPLED),
        "repulsion": 3 * features + _DOUBLE * (n * K * K + K**3) + 60 * _PASS * K * K,
    }


def measured(setting: Setting, names: Sequence[str], steps: NDArray[np.int64], share: float) -> dict[str, set[int]]:
    """At which of the recorded steps each probe is measured, so that all cost ``share`` of the run at most.

    All but repulsion, the most expensive one, are measured together, at every record if the budget allows it; repulsion
    gets the rest of the budget. If the budget is too small for every record, the records are spaced evenly and include
    the last one.

    Args:
        setting: the problem; with the budget it gives the cost of the run.
        names: probes.
        steps: (R,) recorded steps, increasing; the last one is the budget.
        share: cost of the probes over that of the run without them.
    """
    work = _Work.of(setting)
    run = steps[-1] * _step_cost(work) + len(steps) * _test_cost(work)
    budget_left = share * max(run, _MOMENT)
    due: dict[str, set[int]] = {}
    for together in ([n for n in names if n != _EXPENSIVE], [n for n in names if n == _EXPENSIVE]):
        cost = _cost(together, _level_costs(work))
        count = min(len(steps), int(budget_left / cost)) if together else 0
        budget_left -= count * cost
        due |= {name: set(_spread(steps, count)) for name in together}
    return due


def _cost(names: Sequence[str], levels: dict[Level, float]) -> float:
    """Cost of measuring these once; each computes by itself what it needs."""
    return _COLD * sum(levels[PROBES[name].level] + _CALL * PROBES[name].calls for name in names)


def _spread(steps: NDArray[np.int64], count: int) -> list[int]:
    """``count`` of the steps, evenly spaced, including the last one."""
    places = (np.arange(1, count + 1) * len(steps)) // max(count, 1) - 1
    return [int(step) for step in steps[places]]
