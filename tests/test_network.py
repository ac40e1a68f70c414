from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from sim.data import pack_data
from sim.network import Gradient, Params, evaluate, init_params
from sim.optim import init_state, update
from sim.runtime import Runtime
from tests import oracle
from theory.setting import Network, Optimizer, Setting, Task

ACTIVATIONS = ("x^2", "relu", "relu^2", "silu", "gelu")
LOSSES = ("mse", "cross-entropy")
RULES = {
    "sgd": Optimizer(name="sgd", lr=0.05, weight_decay=1e-3),
    "sgd-momentum": Optimizer(name="sgd", lr=0.02, weight_decay=1e-3, momentum=0.9),
    "adam": Optimizer(name="adam", lr=3e-3, weight_decay=1e-3),
    "adamw": Optimizer(name="adamw", lr=3e-3, weight_decay=1e-2),
}


def problem(activation: str = "x^2", loss: str = "mse", rule: str = "adam", **task: object) -> Setting:
    return Setting.model_validate(
        {
            "task": {"group": "D4", "samples": 37, **task},
            "network": {"width": 12, "activation": activation},
            "optimizer": RULES[rule].model_dump(),
            "loss": loss,
        }
    )


def stepped(setting: Setting, seeds: list[int], steps: int, runtime: Runtime) -> Params:
    params = init_params(setting, seeds, runtime)
    gradient, state = Gradient(setting, params, pack_data(setting, seeds, runtime), runtime.threads), init_state(params)
    for _ in range(steps):
        update(setting.optimizer, params, gradient(), state)
    return params


@pytest.mark.parametrize("steps", [1, 50])
@pytest.mark.parametrize(("activation", "loss", "rule"), list(itertools.product(ACTIVATIONS, LOSSES, RULES)))
def test_steps_equal_autograd_and_torch_optim(
    activation: str, loss: str, rule: str, steps: int, double: Runtime
) -> None:
    setting = problem(activation, loss, rule)
    ours = stepped(setting, [3, 4], steps, double)
    for e, seed in enumerate([3, 4]):
        theirs = oracle.trained(setting, seed, steps, double)
        assert oracle.relative(ours.W[e], theirs.W) < 1e-9
        assert oracle.relative(ours.V[e], theirs.V) < 1e-9


def test_gradient_is_the_finite_difference_of_the_loss(double: Runtime) -> None:
    setting, h = problem("silu", "cross-entropy"), 1e-6
    params, data = init_params(setting, [0], double), pack_data(setting, [0], double)
    grads = Gradient(setting, params, data)()
    for layer, entry in (("W", (0, 5, 3)), ("W", (0, 11, 0)), ("V", (0, 2, 7))):
        values = []
        for shift in (h, -h):
            moved = Params(params.W.clone(), params.V.clone())
            getattr(moved, layer)[entry] += shift
            values.append(float(evaluate(setting, moved, data, double).train_loss))
        numeric = (values[0] - values[1]) / (2 * h)
        assert float(getattr(grads, layer)[entry]) == pytest.approx(numeric, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("tile_bytes", [1, 4000, 1 << 20], ids=["row by row", "some tiles", "one tile"])
@pytest.mark.parametrize("threads", [1, 3])
def test_tiles_change_nothing(tile_bytes: int, threads: int, double: Runtime) -> None:
    whole = stepped(problem(), [0], 20, double)
    cut = stepped(problem(), [0], 20, replace(double, tile_bytes=tile_bytes, threads=threads))
    assert oracle.relative(cut.W, whole.W) < 1e-12
    assert oracle.relative(cut.V, whole.V) < 1e-12


def test_indexed_sums_equal_sparse_products(double: Runtime) -> None:
    setting = problem()
    params, data = init_params(setting, [0, 1], double), pack_data(setting, [0, 1], double)
    bare = replace(data, tiles=tuple(replace(t, X=None, Xt=None) for t in data.tiles))
    for with_sparse, without in zip(Gradient(setting, params, data)(), Gradient(setting, params, bare)(), strict=True):
        assert oracle.relative(with_sparse, without) < 1e-14


def test_stale_memory_cannot_leak_into_the_gradient(double: Runtime) -> None:
    setting = problem()
    params = init_params(setting, [0], double)
    gradient = Gradient(setting, params, pack_data(setting, [0], double))
    first = [g.clone() for g in gradient()]
    for array in (gradient._hidden, gradient._outputs, gradient._grad_vt, *gradient._result):
        array.fill_(float("nan"))
    assert all(torch.equal(a, b) for a, b in zip(first, gradient(), strict=True))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", ["true", "random"])
def test_evaluation_equals_the_dense_network(loss: str, labels: str, double: Runtime) -> None:
    setting = problem(loss=loss, labels=labels)
    params, data = init_params(setting, [7], double), pack_data(setting, [7], double)
    found = evaluate(setting, params, data, replace(double, tile_bytes=5000))
    x, y = oracle.dense_data(setting, 7, torch.float64)
    outputs = (x @ params.W[0]).square() @ params.V[0]
    expected = oracle.loss(setting, params.W[0], params.V[0], x, y)
    assert float(found.train_loss) == pytest.approx(float(expected), rel=1e-12)
    assert float(found.train_accuracy) == pytest.approx(float((outputs.argmax(1) == y).double().mean()))
    everything = setting.model_copy(update={"task": Task.model_validate({**setting.task.model_dump(), "samples": 64})})
    x_all, _ = oracle.dense_data(everything, 7, torch.float64)
    y_all = data.labels[0]
    total = float(oracle.loss(setting, params.W[0], params.V[0], x_all, y_all)) * 64
    assert float(found.test_loss) == pytest.approx((total - 37 * float(found.train_loss)) / 27, rel=1e-10)


def test_test_values_are_absent_where_nothing_is_left(double: Runtime) -> None:
    setting = problem(samples=64)
    found = evaluate(setting, init_params(setting, [0], double), pack_data(setting, [0], double), double)
    assert torch.isnan(found.test_accuracy).all()
    assert torch.isfinite(found.train_loss).all()


def test_initial_weights_follow_fan_in_and_scale(double: Runtime) -> None:
    setting = Setting(task=Task(group="Z23", samples=100), network=Network(width=500, init_scale_v=0.5))
    params = init_params(setting, [0, 1], double)
    assert 0.99 * 46**-0.5 < float(params.W.abs().max()) <= 46**-0.5
    assert 0.49 * 500**-0.5 < float(params.V.abs().max()) <= 0.5 * 500**-0.5
    assert float(params.W.var()) == pytest.approx(1 / (3 * 46), rel=0.02)
    assert not torch.equal(params.W[0], params.W[1])
