"""The law of memorising: its constant from its runs, and its limits."""

from __future__ import annotations

import numpy as np
import pytest

from theory.heights import memorising_cost
from theory.memorising import KAPPA, KAPPA_ERROR, LEAST_ORDER, control_runs, fitted_kappa, shared_memorising_cost


def test_the_constant_is_that_of_the_runs() -> None:
    value, error = fitted_kappa()
    assert pytest.approx(value, abs=0.005) == KAPPA
    assert pytest.approx(error, abs=0.005) == KAPPA_ERROR


def test_the_law_of_small_tables_meets_each_of_them_within_its_noise() -> None:
    for order in sorted({run.order for run in control_runs() if run.order <= 31}):
        costs = [r.cost for r in control_runs() if r.order == order and 0.15 <= r.samples / order**2 <= 0.45]
        if costs:
            error = np.std(costs, ddof=1) / np.sqrt(len(costs))  # 3% at M = 11, below 1% from M = 17
            assert abs(shared_memorising_cost(order) - np.mean(costs)) <= 0.01 + 2 * error


def test_runs_begin_at_the_least_order_and_hold_two_seeds_each() -> None:
    assert min(run.order for run in control_runs()) == LEAST_ORDER
    keys = [(run.order, run.samples) for run in control_runs()]
    assert all(keys.count(key) == 2 for key in keys)
    assert all(0.5 < run.cost < memorising_cost() for run in control_runs())


def test_large_tables_cost_a_node_a_pair() -> None:
    assert shared_memorising_cost(10**9) == pytest.approx(memorising_cost(), rel=1e-8)
    assert shared_memorising_cost(23) == pytest.approx(memorising_cost() * (1 - KAPPA / 23), rel=1e-14)
