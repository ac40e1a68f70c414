"""The laws of memorising: their constants from their runs, and their limits."""

from __future__ import annotations

import numpy as np
import pytest

from twopeaks.theory.heights.heights import memorising_cost
from twopeaks.theory.heights.memorising import (
    KAPPA,
    KAPPA_ERROR,
    LARGEST_ORDER,
    LAW,
    LEAST_ORDER,
    control_runs,
    fitted_kappa,
    fitted_law,
    memorised,
    shared_memorising_cost,
)

#: (M, n) of the runs that the law of all tables rests on.
COUNTED = sorted({(r.order, r.samples) for r in control_runs() if 0.1 <= r.samples / r.order**2 <= 0.45})
ETA = 2e-4


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
    assert max(run.order for run in control_runs()) == LARGEST_ORDER
    keys = [(run.order, run.samples) for run in control_runs()]
    assert all(keys.count(key) == 2 for key in keys)
    assert all(0.5 < run.cost < memorising_cost() for run in control_runs())


def test_large_tables_cost_a_node_a_pair() -> None:
    assert shared_memorising_cost(10**9) == pytest.approx(memorising_cost(), rel=1e-8)
    assert shared_memorising_cost(23) == pytest.approx(memorising_cost() * (1 - KAPPA / 23), rel=1e-14)


# --- all tables ----------------------------------------------------------------------------------------


def test_the_constants_of_all_tables_are_those_of_the_runs() -> None:
    found = fitted_law()
    assert found.kappa == pytest.approx(LAW.kappa, abs=0.005)
    assert found.reach == pytest.approx(LAW.reach, abs=0.5)
    assert found.decay == pytest.approx(LAW.decay, abs=0.0005)
    assert found.scatter == pytest.approx(LAW.scatter, abs=0.0005)


@pytest.mark.parametrize(("order", "samples"), COUNTED)
def test_norms_and_objectives_of_the_runs_are_met(order: int, samples: int) -> None:
    """Means of two seeds, each within 4%: the worst is 3.4%, at M = 17, n = 57."""
    runs = [run for run in control_runs() if (run.order, run.samples) == (order, samples)]
    norm, objective = memorised(order, samples, ETA)
    assert np.mean([run.cost for run in runs]) * samples == pytest.approx(norm, rel=0.04)
    kept = [run.cost * samples + run.loss / (ETA / 2) for run in runs if not np.isnan(run.loss)]
    assert len(kept) == (2 if order >= 43 else 0)
    if kept:
        assert np.mean(kept) == pytest.approx(objective, rel=0.04)


def test_beyond_small_tables_the_law_of_small_ones_is_too_dear() -> None:
    (run, *_) = (run for run in control_runs() if (run.order, run.samples) == (127, 2419))
    assert shared_memorising_cost(127) > 1.25 * run.cost


@pytest.mark.parametrize("eta", [5e-5, 2e-4, 1e-3, 1e-2])
@pytest.mark.parametrize(("order", "samples"), [(11, 30.0), (31, 288.0), (127, 2419.0)])
def test_the_objective_grows_with_decay_as_fast_as_the_norm(order: int, samples: float, eta: float) -> None:
    """L(eta) = loss + (eta/2) norm at its least has dL/d(eta/2) = norm (the weights do not count: envelope)."""
    step = 1e-4 * eta
    above, below = ((eta + s) * memorised(order, samples, eta + s)[1] for s in (step, -step))
    assert (above - below) / (2 * step) == pytest.approx(memorised(order, samples, eta)[0], rel=1e-6)


def test_without_decay_norm_and_objective_are_one() -> None:
    norm, objective = memorised(59, 650, 0.0)
    assert norm == objective == pytest.approx(650 * LAW.cost(59), rel=1e-14)
    assert memorised(59, 650, 1e-12) == pytest.approx((norm, objective), rel=1e-6)
    smaller = memorised(59, 650, 1e-3)
    assert smaller[0] < smaller[1] < norm
