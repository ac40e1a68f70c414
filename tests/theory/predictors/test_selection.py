"""t_grok by selection: closed solution against an integrator, accuracy against draws, constants against runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from twopeaks.theory.heights.phases import blocks
from twopeaks.theory.predictors.times.selection import (
    CONSTANTS,
    SPREAD,
    accuracy_of,
    fitted_constants,
    selection,
    selection_runs,
    share_needed,
    steps_to_grok,
)
from twopeaks.theory.setting import Setting, standard


def descent(group: str = "Z31", samples: int = 355, lr: float = 1.0, eta: float = 5e-4, **other: object) -> Setting:
    setting = standard(group, samples, 14 * 31)
    rule = setting.optimizer.model_copy(update={"name": "sgd", "lr": lr, "weight_decay": eta, **other})
    return setting.model_copy(update={"optimizer": rule})


@pytest.mark.parametrize(("order", "r"), [(13, 1.1), (31, 1.3), (47, 1.5)])
def test_closed_solution_is_that_of_an_integrator(order: int, r: float) -> None:
    k, eta = CONSTANTS, 1e-9  # so small a decay that memorising takes no time and leaves no residual
    alpha, beta = k.a * (order / 20) ** k.b, k.c * (order / 20) ** -k.d
    begin, end = k.rise * (r - 1) ** k.power - 0.05, share_needed(order)

    def there(_: float, g: np.ndarray) -> float:
        return float(g[0] - end)

    there.terminal = True  # type: ignore[attr-defined]
    found = solve_ivp(
        lambda _, g: (r - 1) * (1 - g) * (alpha * g + beta), (0, 1e4), [begin], events=there, rtol=1e-10, atol=1e-12
    )
    tau = found.t_events[0][0]
    assert steps_to_grok(order, 100, 100 / r, 1.0, eta) * eta == pytest.approx(tau, rel=1e-5)


@pytest.mark.parametrize(("share", "order"), [(0.1, 11), (0.3, 23), (0.45, 59)])
def test_accuracy_is_that_of_noisy_outputs(share: float, order: int) -> None:
    rng = np.random.default_rng(0)
    outputs = rng.normal(0, math.sqrt(0.5 * (1 - share) / order), (40_000, order))
    outputs[:, 0] += share
    seen = np.mean(outputs.argmax(axis=1) == 0)
    assert accuracy_of(share, order) == pytest.approx(seen, abs=0.01)


def test_share_needed_falls_with_the_order_and_gives_the_level() -> None:
    needed = [share_needed(order) for order in (11, 23, 59, 127)]
    assert needed == sorted(needed, reverse=True)
    assert accuracy_of(needed[1], 23) == pytest.approx(0.95, abs=1e-9)


def test_nothing_is_selected_below_the_crossing_and_time_diverges_towards_it() -> None:
    assert steps_to_grok(23, 180, 187.0, 1.0, 1e-3) == math.inf
    near, nearer = (steps_to_grok(23, n, 187.0, 1.0, 1e-6) for n in (197, 192))
    assert nearer / near == pytest.approx((197 - 187) / (192 - 187), rel=0.05)  # as 1/(n - n_rho)


def test_rate_is_a_unit_of_time() -> None:
    slow, fast = (steps_to_grok(31, 355, 280.0, lr, 5e-4) for lr in (0.25, 1.0))
    assert slow == pytest.approx(4 * fast, rel=1e-12)


def test_constants_are_those_of_the_runs() -> None:
    found, spread = fitted_constants()
    assert found == pytest.approx(CONSTANTS, rel=0.02)
    assert spread == pytest.approx(SPREAD, abs=0.01)


def test_no_run_is_of_an_order_that_is_predicted_elsewhere() -> None:
    assert {run.order for run in selection_runs()} == {13, 19, 29, 37, 43}
    assert all(run.seeds >= 3 and run.t_mem < run.t_grok for run in selection_runs() if math.isfinite(run.t_grok))


def test_prediction_is_quick_and_says_what_it_rests_on() -> None:
    found = selection(descent())
    assert found.quantity == "t_grok" and found.valid
    assert found.value is not None and found.low is not None and found.high is not None
    assert found.low < found.value < found.high
    assert (found.constants_fitted, found.runs_used) == (13, 0)
    crossing = blocks(descent().task.resolve(), 5e-4)[0].crossing
    assert found.value == pytest.approx(steps_to_grok(31, 355, crossing, 1.0, 5e-4))


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (descent("D9", 150), "cyclic groups of odd order, not D9"),
        (descent("Z24", 250), "cyclic groups of odd order, not Z24"),
        (descent(momentum=0.9), "without momentum"),
        (descent(eta=0.0), "nothing is selected"),
        (standard("Z23", 264, 322), "for gradient descent"),
        (descent(samples=200), "memorising costs less"),
    ],
)
def test_outside_its_range_it_has_no_value(setting: Setting, reason: str) -> None:
    found = selection(setting)
    assert found.value is None and not found.valid
    assert reason in found.note


def test_a_cyclic_group_is_one_whatever_it_is_called() -> None:
    assert selection(descent("Z3xZ7", 230)).value == pytest.approx(selection(descent("Z21", 230)).value, rel=1e-12)


def test_far_orders_and_widths_are_marked() -> None:
    assert not selection(descent("Z61", 1500)).valid
    narrow = descent()
    narrow = narrow.model_copy(update={"network": narrow.network.model_copy(update={"width": 62})})
    assert "14 M" in selection(narrow).note and not selection(narrow).valid
