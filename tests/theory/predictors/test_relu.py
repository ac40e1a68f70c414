"""ReLU: the height against networks, energies and training; the law of memorising against its runs."""

from __future__ import annotations

import numpy as np
import pytest

from twopeaks.sim.network.runtime import resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.loop import train
from twopeaks.theory.equations.decay.relu import orbit_network
from twopeaks.theory.equations.lower import function
from twopeaks.theory.groups import cyclic
from twopeaks.theory.landscape.landscape import Landscape, all_pairs
from twopeaks.theory.predictors.registry import predict
from twopeaks.theory.predictors.relu import LAW, fitted_relu_law, largest_energy, relu_form, relu_height, relu_runs
from twopeaks.theory.setting import Setting, standard
from twopeaks.theory.setting.network import Network
from twopeaks.theory.setting.task import Task


def relu(group: str, **changes: object) -> Setting:
    return Setting.model_validate(
        {"task": {"group": group, "samples": 30}, "network": {"width": 200, "activation": "relu"}} | changes
    )


@pytest.mark.parametrize("order", [5, 7, 11])
def test_largest_energy_is_that_of_its_node_and_no_other_is_higher(order: int) -> None:
    landscape = Landscape(cyclic(order), all_pairs(cyclic(order)), activation="relu")
    energy, node = largest_energy(order)
    assert np.linalg.norm(node) == pytest.approx(1)
    assert landscape.energy(np.array([node]))[0] == pytest.approx(energy, rel=1e-12)
    others = np.random.default_rng(1).standard_normal((2000, 2 * order))
    assert landscape.energy(others / np.linalg.norm(others, axis=1, keepdims=True)).max() < energy


def test_height_is_the_cost_of_a_network_that_computes_the_table() -> None:
    order, node = 7, np.array(largest_energy(7)[1])
    W, V = orbit_network(node)
    table = np.add.outer(np.arange(order), np.arange(order)) % order
    out = np.maximum(W[:order, None] + W[None, order:], 0) @ V
    out -= out.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(out, np.eye(order)[table] - 1 / order, atol=1e-12)
    norm = 2 * np.sqrt((W**2).sum(axis=0) * (V**2).sum(axis=1)).sum()
    assert relu_height(order) == pytest.approx(norm, rel=1e-12)


def test_height_grows_like_the_order() -> None:
    a, b = (relu_height(order) / (order - 1) for order in (11, 23))
    assert 9.1 < a < b < 9.44
    # Cosines alone, in the limit: r = (8/3 pi^2) cos, cost 3 pi^2/sqrt 2 for each of (M - 1)/2 frequencies.
    assert b < 3 * np.pi**2 / np.sqrt(2) / 2


def test_the_law_is_that_of_its_runs() -> None:
    assert fitted_relu_law() == pytest.approx(LAW, abs=6e-4)
    for run in relu_runs():
        assert run.cost == pytest.approx(LAW.cost * (run.samples / run.order) ** -LAW.power, rel=0.06)


def test_predictions_for_relu_hold_it() -> None:
    assert relu_form.name in [found.predictor for found in predict(relu("Z11"))]
    assert relu_form.name not in [found.predictor for found in predict(standard("Z11"))]


def test_crossing_is_where_both_heights_are_equal() -> None:
    found = relu_form(relu("Z17"))
    assert (found.predictor, found.valid, found.constants_fitted, found.runs_used) == (relu_form.name, True, 2, 0)
    n = found.value
    assert n is not None and found.low is not None and found.high is not None
    assert LAW.cost * (n / 17) ** -LAW.power * n == pytest.approx(relu_height(17), rel=1e-9)
    assert found.low < n < found.high
    # Trained: 1 of 4 networks at 95% test accuracy for n = 150, 4 of 4 for n = 165 (12,000 steps).
    assert found.low < 158 < found.high


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (standard("Z17"), "derived for relu, not x^2"),
        (relu("Z15"), "derived for groups of prime order"),
        (relu("S3"), "derived for groups of prime order"),
    ],
)
def test_what_it_does_not_cover_has_no_value(setting: Setting, reason: str) -> None:
    found = relu_form(setting)
    assert (found.value, found.valid) == (None, False)
    assert reason in found.note.split("; ")


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (relu("Z11", loss="cross-entropy"), "derived for centred MSE, not cross-entropy"),
        (relu("Z7"), "the law of memorising rests on M = 11 to 31"),
        (relu("Z11", task=Task(group="Z11", samples=60, bias=0.5)), "derived for pairs drawn uniformly"),
        (relu("Z11", optimizer={"weight_decay": 0}), "no weight decay, so nothing lowers the norm"),
    ],
)
def test_outside_the_range_the_value_is_marked(setting: Setting, reason: str) -> None:
    found = relu_form(setting)
    assert found.value is not None
    assert not found.valid
    assert reason in found.note.split("; ")


@pytest.mark.slow
def test_trained_networks_come_down_to_the_height() -> None:
    """S0 with ReLU on the whole table of Z11: within 3% above the height, which no run has touched."""
    setting = standard("Z11", samples=121, width=154).model_copy(
        update={"network": Network(width=154, activation="relu")}
    )
    records = train(setting, [0, 1], Plan(steps=8000, every=8000), resolve("cpu"))
    ratio = (records.final("norm_w2") + records.final("norm_v2")) / relu_height(11)
    assert np.all((ratio > 0.995) & (ratio < 1.03))


def test_equation_and_height_agree() -> None:
    assert relu_height(5) == pytest.approx(function("heights.13")(5, largest_energy(5)[0]))
