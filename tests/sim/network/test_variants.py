"""Deeper, complex and ridge-solved networks: against plain autograd and torch.optim, and the trainer's own promises."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests import oracle
from twopeaks.sim.network.autograd import AutogradGradient
from twopeaks.sim.network.data import pack_data
from twopeaks.sim.network.network import Gradient, Params, evaluate, init_params, packed
from twopeaks.sim.network.readout import solve_readout
from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.learner import Learner
from twopeaks.sim.training.loop import train
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES, Setting, Task

NETWORKS: dict[str, dict[str, Any]] = {
    "three layers": {"layers": 3, "activation": "relu"},
    "three residual layers": {"layers": 3, "activation": "relu", "residual": True},
    "four residual layers": {"layers": 4, "activation": "tanh", "residual": True},
    "complex": {"weights": "complex"},
    "complex and deep": {"weights": "complex", "layers": 3, "residual": True},
    "ridge": {"readout": "ridge"},
    "ridge, fewer nodes than pairs": {"readout": "ridge", "width": 12},
    "deep ridge": {"readout": "ridge", "layers": 3, "activation": "silu", "residual": True},
    "complex ridge": {"readout": "ridge", "weights": "complex"},
    "complex ridge, few nodes": {"readout": "ridge", "weights": "complex", "width": 9},
}
RULES: dict[str, dict[str, Any]] = {
    "sgd": {"name": "sgd", "lr": 0.05, "weight_decay": 1e-3, "momentum": 0.5},
    "adam": {"name": "adam", "lr": 3e-3, "weight_decay": 1e-3},
    "adamw": {"name": "adamw", "lr": 3e-3, "weight_decay": 1e-2},
    "muon": {"name": "muon", "lr": 1e-2, "weight_decay": 1e-2, "lr_v": 3e-3},
}


def problem(network: str, rule: str = "adam", loss: str = "mse", **task: object) -> Setting:
    return Setting.model_validate(
        {
            "task": {"group": "D4", "samples": 37, **task},
            "network": {"width": 45, **NETWORKS[network]},
            "optimizer": RULES[rule],
            "loss": loss,
        }
    )


def learned(setting: Setting, seeds: list[int], steps: int, runtime: Runtime) -> Params:
    learner = Learner(setting, seeds, runtime)
    for _ in range(steps):
        learner.step()
    return learner.params


def sensible() -> list[tuple[str, str, str]]:
    """Every network with every rule, and with another loss, where the three go together."""
    by_rule = [(network, rule, "mse") for network, rule in itertools.product(NETWORKS, RULES)]
    by_loss = [(network, "adam", "contrastive") for network in NETWORKS if "ridge" not in network]
    impossible = {("muon", "complex"), ("adamw", "ridge")}
    return [
        (network, rule, loss)
        for network, rule, loss in by_rule + by_loss
        if not any(rule == name and word in network for name, word in impossible)
    ]


@pytest.mark.parametrize("steps", [1, 20])
@pytest.mark.parametrize(("network", "rule", "loss"), sensible())
def test_steps_equal_autograd_and_torch_optim(network: str, rule: str, loss: str, steps: int, double: Runtime) -> None:
    setting = problem(network, rule, loss)
    ours = learned(setting, [3, 4], steps, double)
    with oracle.full_precision_muon():
        for e, seed in enumerate([3, 4]):
            theirs = oracle.trained(setting, seed, steps, double)
            for mine, other in zip(ours, theirs, strict=True):
                assert oracle.relative(mine[e], other) < 1e-8


@pytest.mark.parametrize("network", NETWORKS)
def test_evaluation_equals_the_dense_network(network: str, double: Runtime) -> None:
    setting = problem(network, labels="random")
    learner = Learner(setting, [7], replace(double, tile_bytes=5000))
    found, layers = learner.evaluate(), [layer[0] for layer in learner.params]
    x, y = oracle.dense_data(setting, 7, torch.float64)
    outputs = oracle.outputs(setting, layers, x)
    assert float(found.train_loss) == pytest.approx(float(oracle.loss(setting, layers, x, y)), rel=1e-12)
    assert float(found.train_accuracy) == pytest.approx(float((outputs.argmax(1) == y).double().mean()))
    everything = setting.model_copy(update={"task": Task.model_validate({**setting.task.model_dump(), "samples": 64})})
    x_all, _ = oracle.dense_data(everything, 7, torch.float64)
    total = 64 * float(oracle.loss(setting, layers, x_all, pack_data(setting, [7], double).labels[0]))
    assert float(found.test_loss) == pytest.approx((total - 37 * float(found.train_loss)) / 27, rel=1e-10)


# --- the trainer's promises hold for every variant -------------------------------------------------------

PLAN = Plan(steps=30, every=10)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_member_of_a_batch_equals_its_solo_run(network: str, double: Runtime) -> None:
    together = train(problem(network), [5, 6, 7], PLAN, double)
    for e, seed in enumerate([5, 6, 7]):
        alone = train(problem(network), [seed], PLAN, double)
        for name in OBSERVABLES:
            np.testing.assert_allclose(together.curves[name][e], alone.curves[name][0], rtol=1e-8)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_same_call_gives_identical_records(network: str) -> None:
    runtime = resolve("cpu", "float32", threads=2)
    first, second = (train(problem(network), [0, 1, 2], PLAN, runtime) for _ in range(2))
    for name in OBSERVABLES:
        assert np.array_equal(first.curves[name], second.curves[name])


@pytest.mark.parametrize("loss", ["mse", "cross-entropy", "hinge", "contrastive"])
@pytest.mark.parametrize("network", [name for name in NETWORKS if "ridge" not in name])
def test_loss_falls(network: str, loss: str, single: Runtime) -> None:
    records = train(problem(network, loss=loss), [0, 1], Plan(steps=150, every=150), single)
    assert (records.curves["train_loss"][:, -1] < 0.7 * records.curves["train_loss"][:, 0]).all()


@pytest.mark.parametrize("network", [name for name in NETWORKS if "ridge" in name])
def test_objective_falls_under_a_ridge_readout(network: str, single: Runtime) -> None:
    setting = problem(network)
    records = train(setting, [0, 1], Plan(steps=150, every=150), single)
    norms = records.curves["norm_w2"] + records.curves["norm_v2"]
    objective = records.curves["train_loss"] + setting.optimizer.weight_decay / 2 * norms
    assert (objective[:, -1] < 0.9 * objective[:, 0]).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_tiles_change_nothing(network: str, double: Runtime) -> None:
    whole = learned(problem(network), [0], 10, double)
    cut = learned(problem(network), [0], 10, replace(double, tile_bytes=4000, threads=2))
    for a, b in zip(whole, cut, strict=True):
        assert oracle.relative(a, b) < 1e-9


@pytest.mark.parametrize("network", NETWORKS)
def test_divergence_is_an_outcome(network: str, double: Runtime) -> None:
    wild = problem(network, "sgd").model_copy(
        update={"optimizer": problem(network, "sgd").optimizer.model_copy(update={"lr": 1e30})}
    )
    records = train(wild, [0, 1], Plan(steps=20, every=1), double)
    assert records.ends == ("diverged", "diverged")


def test_a_member_that_stops_leaves_the_others_as_they_were(double: Runtime) -> None:
    setting = problem("three residual layers")
    leaving, staying = Learner(setting, [0, 1, 2], double), Learner(setting, [0, 1, 2], double)
    for learner in (leaving, staying):
        for _ in range(5):
            learner.step()
    leaving.keep([0, 2])
    for learner in (leaving, staying):
        for _ in range(5):
            learner.step()
    for a, b in zip(leaving.params, staying.params, strict=True):
        assert oracle.relative(a, b[[0, 2]]) < 1e-12


# --- initial weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["three layers", "four residual layers", "ridge"])
def test_depth_and_readout_leave_the_first_draws_alone(network: str, double: Runtime) -> None:
    deep, plain = problem(network), Setting.model_validate({**problem(network).model_dump(), "network": {"width": 45}})
    ours, theirs = init_params(deep, [3], double), init_params(plain, [3], double)
    assert torch.equal(ours.W, theirs.W)
    assert torch.equal(ours.V, theirs.V)


def test_hidden_layers_start_by_their_fan_in(double: Runtime) -> None:
    setting = problem("four residual layers")
    params = init_params(
        setting.model_copy(update={"network": setting.network.model_copy(update={"width": 300})}), [0], double
    )
    assert [tuple(layer.shape) for layer in params] == [(1, 16, 300), (1, 300, 300), (1, 300, 300), (1, 300, 8)]
    for H in params[1:-1]:
        assert 0.99 * 300**-0.5 < float(H.abs().max()) <= 300**-0.5
        assert float(H.var()) == pytest.approx(1 / 900, rel=0.02)
    assert not torch.equal(params[1], params[2])


def test_complex_weights_start_with_the_squared_size_of_real_ones(double: Runtime) -> None:
    network = {"width": 500, "weights": "complex", "init_scale_v": 0.5}
    setting = Setting.model_validate({"task": {"group": "Z23", "samples": 100}, "network": network})
    params = init_params(setting, [0, 1], double)
    assert params.W.dtype == torch.complex128
    for layer, mean_square in ((params.W, 1 / (3 * 46)), (params.V, 0.25 / (3 * 500))):
        assert float(layer.abs().square().mean()) == pytest.approx(mean_square, rel=0.02)
        correlation = np.corrcoef(layer.real.numpy().ravel(), layer.imag.numpy().ravel())[0, 1]
        assert abs(correlation) < 0.02


# --- autograd against the core ---------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["mse", "cross-entropy", "hinge", "contrastive"])
@pytest.mark.parametrize("activation", ["x^2", "relu", "relu^2", "silu", "gelu", "tanh"])
def test_both_gradients_agree_where_both_apply(activation: str, loss: str, double: Runtime) -> None:
    setting = Setting.model_validate(
        {
            "task": {"group": "Q8", "samples": 30},
            "network": {"width": 17, "activation": activation},
            "loss": loss,
        }
    )
    params, data = init_params(setting, [0, 1], double), pack_data(setting, [0, 1], double)
    by_hand, by_torch = Gradient(setting, params, data)(), AutogradGradient(setting, params, data)()
    for a, b in zip(by_hand, by_torch, strict=True):
        assert oracle.relative(a, b) < 1e-12


# --- ridge readout ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", [name for name in NETWORKS if "ridge" in name])
def test_solved_readout_is_a_stationary_point_of_the_objective(network: str, double: Runtime) -> None:
    setting, seeds = problem(network), [0, 1]
    params, data = init_params(setting, seeds, double), pack_data(setting, seeds, double)
    solve_readout(setting, params, data)
    slope = AutogradGradient(setting, params, data)().V + setting.optimizer.weight_decay * params.V
    assert float(slope.abs().max()) < 1e-12
    assert float(params.V.sum(dim=2).abs().max()) < 1e-10  # centred over classes


@pytest.mark.parametrize("network", ["ridge", "ridge, fewer nodes than pairs", "deep ridge"])
def test_partial_gradient_is_the_total_one_under_a_solved_readout(network: str, double: Runtime) -> None:
    setting, h = problem(network), 1e-6
    params, data = init_params(setting, [0], double), pack_data(setting, [0], double)
    solve_readout(setting, params, data)
    partial = AutogradGradient(setting, params, data)()

    def objective(layer: int, entry: tuple[int, int, int], shift: float) -> float:
        moved = packed(*params)
        moved[layer][entry] += shift
        solve_readout(setting, moved, data)
        norm_v2 = float(moved.V.square().sum())
        return float(evaluate(setting, moved, data, double).train_loss) + setting.optimizer.weight_decay / 2 * norm_v2

    for layer, entry in [(0, (0, 5, 3)), (0, (0, 11, 0)), (len(params) - 2, (0, 2, 7))]:
        total = (objective(layer, entry, h) - objective(layer, entry, -h)) / (2 * h)
        assert float(partial[layer][entry]) == pytest.approx(total, rel=1e-5, abs=1e-9)


def test_single_precision_solves_the_ridge_as_well_as_double(double: Runtime, single: Runtime) -> None:
    setting = problem("ridge")
    fine, coarse = (Learner(setting, [0], runtime).params.V for runtime in (double, single))
    assert oracle.relative(coarse.double(), fine) < 1e-3


def test_a_readout_of_lost_features_is_not_a_number(double: Runtime) -> None:
    setting = problem("ridge")
    params, data = init_params(setting, [0, 1], double), pack_data(setting, [0, 1], double)
    params.W[0, 0, 0] = math.inf
    solve_readout(setting, params, data)
    assert torch.isnan(params.V[0]).all()
    assert torch.isfinite(params.V[1]).all()


def test_a_ridge_lost_in_rounding_is_not_a_number(double: Runtime) -> None:
    setting = problem("ridge")
    params, data = init_params(setting, [0, 1], double), pack_data(setting, [0, 1], double)
    params.W[0] += 1e6  # pairs look almost the same, and lambda is far below rounding of |F|^2
    solve_readout(setting, params, data)
    assert torch.isnan(params.V[0]).all()
    assert torch.isfinite(params.V[1]).all()


def test_ridge_is_refused_where_there_is_no_double_precision(double: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = problem("ridge")
    data = pack_data(setting, [0], double)
    V = torch.empty(1, device="meta")
    monkeypatch.setattr("twopeaks.sim.network.readout._WITHOUT_DOUBLE", ("meta",))
    with pytest.raises(InputError, match="readout must be trained on meta, which has no float64"):
        solve_readout(setting, Params(V, V), data)
