"""Small formulas of predictors worked out by hand, and laws at the ends of their ranges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.margin import margin_form
from twopeaks.theory.predictors.relu import ReluLaw, relu_form
from twopeaks.theory.predictors.rival_times import _interval
from twopeaks.theory.predictors.rivals import fit_constant
from twopeaks.theory.predictors.run_norms import NormCurve, run_norms
from twopeaks.theory.predictors.times.ensemble import time_interval
from twopeaks.theory.predictors.times.members import Crossing
from twopeaks.theory.predictors.times.selection import CONSTANTS, selection, share_needed, steps_to_grok
from twopeaks.theory.setting import Setting

# --- laws of n_c ---------------------------------------------------------------------------------------


def test_two_crossings_give_an_interval_with_one_degree_of_freedom() -> None:
    law = fit_constant(1.0, {"Z10": (10, 20.0), "Z20": (20, 50.0)})
    scatter = math.log(50 / 20 / 2) / math.sqrt(2)  # of log 2 and log 2.5
    assert (law.constant, law.scatter) == pytest.approx((math.sqrt(5), scatter))
    low, high = law.interval(10)
    factor = math.exp(12.7062 * scatter * math.sqrt(1.5))  # the 97.5% quantile of Student's t at 1
    assert (low, high) == pytest.approx((10 * math.sqrt(5) / factor, 10 * math.sqrt(5) * factor), rel=1e-4)
    assert fit_constant(1.0, {"Z10": (10, 20.0)}).interval(10) == (None, None)


def test_memorising_with_relu_and_its_inverse() -> None:
    law = ReluLaw(cost=2.0, power=0.5, scatter=0.1)
    assert law.norm(10, 40) == pytest.approx(2 * 40 / math.sqrt(4))
    assert law.samples(10, law.norm(10, 40)) == pytest.approx(40)


# --- laws of times -------------------------------------------------------------------------------------


def test_a_run_that_groks_when_it_has_memorised_has_norms() -> None:
    steps, norms = np.array([0.0, 10, 20, 30]), np.array([4.0, 3, 2, 1])
    run = run_norms(NormCurve(steps, norms), 20.0, 20.0, lr=0.1, eta=0.01)
    assert (run.norm_mem, run.norm_grok, run.norm_post) == pytest.approx((2, 2, 1))
    assert not run.delayed


def test_a_run_that_has_only_memorised_has_the_norm_there() -> None:
    run = run_norms(NormCurve(np.array([0.0, 10, 20]), np.array([4.0, 3, 2])), 10.0, None, 0.1, 0.01)
    assert (run.lr, run.eta, run.t_mem) == (0.1, 0.01, 10.0)
    assert run.norm_mem == pytest.approx(3)
    assert (run.t_grok, run.norm_grok, run.norm_post, run.rate) == (None, None, None, None)


def test_an_interval_needs_a_degree_of_freedom_a_scatter_and_a_positive_value() -> None:
    low, high = _interval(10.0, 0.1, 1)
    assert (low, high) == pytest.approx((10 / math.exp(1.27062), 10 * math.exp(1.27062)), rel=1e-5)
    for value, scatter, freedom in ((10.0, 0.1, 0), (10.0, math.nan, 3), (0.0, 0.1, 3), (-1.0, 0.1, 3)):
        assert _interval(value, scatter, freedom) == (None, None)


def test_time_of_memorising_by_selection() -> None:
    constants = CONSTANTS._replace(memorise=10.0, size=2.0, load=3.0)
    assert constants.memorising(40, 2.0) == pytest.approx(10 * 4 * 8)


def test_much_data_are_grokked_before_anything_is_selected() -> None:
    """Eq. selection.3: the share grows linearly from -0.05 with the time of memorising, and is there at once."""
    order, crossing, lr = 23, 200.0, 0.5
    r = 5.0
    begin = CONSTANTS.rise * (r - 1) ** CONSTANTS.power - 0.05
    assert begin > share_needed(order)
    start = 1.2 * CONSTANTS.memorising(order, r)
    expected = start * (share_needed(order) + 0.05) / (begin + 0.05) / lr
    assert steps_to_grok(order, 1000, crossing, lr, 1e-3) == pytest.approx(expected)
    assert steps_to_grok(order, 200, crossing, lr, 1e-3) == math.inf


def test_both_ways_meet_where_the_share_is_just_there() -> None:
    order = 23
    r = 1 + ((share_needed(order) + 0.05) / CONSTANTS.rise) ** (1 / CONSTANTS.power)
    before, after = (steps_to_grok(order, 1000, 1000 / (r * f), 0.5, 1e-3) for f in (1 - 1e-9, 1 + 1e-9))
    assert before == pytest.approx(after, rel=1e-6)


def test_a_crossing_counts_from_the_last_way_up_and_must_hold() -> None:
    crossing = Crossing(0.5, hold=2.0)
    assert crossing.held is False
    looks = [(0.0, 0.0), (1.0, 1.0), (2.0, 0.4), (3.0, 0.6), (5.4, 0.7), (5.6, 0.1)]
    held = [crossing.look(t, value) for t, value in looks]
    assert held == [False, False, False, False, True, True]
    assert crossing.time == pytest.approx(2.5)
    at_once = Crossing(0.5)
    assert at_once.look(3.0, 0.5) is True
    assert at_once.time == 3.0


@pytest.mark.parametrize(
    ("seeds", "places"), [(1, (0, 0)), (4, (0, 3)), (5, (0, 4)), (7, (0, 6)), (8, (1, 6)), (11, (2, 8))]
)
def test_order_statistics_of_a_median(seeds: int, places: tuple[int, int]) -> None:
    """1 - 2 P(Binomial(E, 1/2) < k) is at least 0.9: the second of eight has 0.93, the second of seven 0.875."""
    times = [float(10 * i) for i in range(seeds)]
    median, low, high = time_interval(times[::-1])
    assert (low, high) == (times[places[0]], times[places[1]])
    assert median == pytest.approx(5 * (seeds - 1))


# --- ends of ranges ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("group", "inside"), [("Z7", False), ("Z11", True), ("Z31", True), ("Z37", False)])
@pytest.mark.parametrize(
    ("form", "changes"),
    [(relu_form, {"network": {"activation": "relu", "width": 400}}), (margin_form, {"loss": "cross-entropy"})],
    ids=["relu", "margin"],
)
def test_laws_of_memorising_rest_on_11_to_31_elements(
    form: Callable[[Setting], Prediction], changes: dict[str, object], group: str, inside: bool
) -> None:
    problem = {"task": {"group": group, "samples": 40}, "network": {"width": 14 * int(group[1:])}}
    said = "the law of memorising rests on M = 11 to 31"
    assert (said in form(Setting.model_validate(problem | changes)).note) is not inside


@pytest.mark.parametrize(
    ("group", "times", "outside"),
    [
        ("Z23", 7, ""),
        ("Z23", 28, ""),
        ("Z23", 6, "constants are from K = 14 M, not 6 M"),
        ("Z23", 29, "constants are from K = 14 M, not 29 M"),
        ("Z11", 14, ""),
        ("Z59", 14, ""),
        ("Z9", 14, "constants are from M = 13 to 43, not 9"),
        ("Z61", 14, "constants are from M = 13 to 43, not 61"),
    ],
)
def test_selection_is_valid_to_the_ends_of_its_range(group: str, times: int, outside: str) -> None:
    order = int(group[1:])
    prediction = selection(
        Setting.model_validate(
            {
                "task": {"group": group, "samples": int(0.8 * order**2)},
                "network": {"width": times * order},
                "optimizer": {"name": "sgd", "lr": 0.5, "weight_decay": 4e-4},
            }
        )
    )
    assert prediction.value is not None
    assert prediction.valid is (not outside)
    assert outside in prediction.note
    assert ("constants are from" in prediction.note) is bool(outside)
