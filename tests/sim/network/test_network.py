from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests import oracle
from twopeaks.sim.network.activations import ACTIVATIONS as ACTIVATION_RULES
from twopeaks.sim.network.data import pack_data
from twopeaks.sim.network.losses import LOSSES as LOSS_RULES
from twopeaks.sim.network.network import Gradient, Params, evaluate, init_params
from twopeaks.sim.network.products import products
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.training.optim import init_state, update
from twopeaks.theory.setting import Network, Optimizer, Setting, Task
from twopeaks.theory.setting import setting as vocabulary

ACTIVATIONS = ("x^2", "relu", "relu^2", "silu", "gelu", "tanh")
LOSSES = ("mse", "cross-entropy", "hinge", "contrastive")
RULES = {
    "sgd": Optimizer(name="sgd", lr=0.05, weight_decay=1e-3),
    "sgd-momentum": Optimizer(name="sgd", lr=0.02, weight_decay=1e-3, momentum=0.9),
    "adam": Optimizer(name="adam", lr=3e-3, weight_decay=1e-3),
    "adamw": Optimizer(name="adamw", lr=3e-3, weight_decay=1e-2),
}
CASES = [
    *itertools.product(("x^2", "relu", "relu^2", "silu", "gelu"), ("mse", "cross-entropy"), RULES),
    *itertools.product(ACTIVATIONS, ("hinge", "contrastive"), ("adam",)),
    *itertools.product(("tanh",), LOSSES, ("sgd",)),
]


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
    gradient, state = (
        Gradient(setting, params, pack_data(setting, seeds, runtime), products(runtime)),
        init_state(params),
    )
    for _ in range(steps):
        update(setting.optimizer, params, gradient(), state)
    return params


@pytest.mark.parametrize("steps", [1, 50])
@pytest.mark.parametrize(("activation", "loss", "rule"), CASES)
def test_steps_equal_autograd_and_torch_optim(
    activation: str, loss: str, rule: str, steps: int, double: Runtime
) -> None:
    setting = problem(activation, loss, rule)
    ours = stepped(setting, [3, 4], steps, double)
    for e, seed in enumerate([3, 4]):
        theirs = oracle.trained(setting, seed, steps, double)
        assert oracle.relative(ours.W[e], theirs.W) < 1e-9
        assert oracle.relative(ours.V[e], theirs.V) < 1e-9


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_in_place_equal_their_function_and_its_slope(activation: vocabulary.Activation) -> None:
    rule = ACTIVATION_RULES[activation]
    z = torch.linspace(-3, 3, 61, dtype=torch.float64).requires_grad_()
    with torch.enable_grad():
        value = rule.function(z)
        (slope,) = torch.autograd.grad(value.sum(), z)
    z = z.detach()
    torch.testing.assert_close(rule.forward(z, torch.empty_like(z)), value.detach(), rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(rule.backward(torch.ones_like(z), z) * rule.scale, slope, rtol=1e-12, atol=1e-15)


def loss_rows(loss: vocabulary.Loss, outputs: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    rule, one_hot = LOSS_RULES[loss], torch.nn.functional.one_hot(labels, outputs.shape[-1]).to(outputs.dtype)
    return rule.value(outputs, labels), rule.gradient(outputs.clone(), one_hot) * rule.scale


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_their_slopes_equal_plain_ones_row_by_row(loss: vocabulary.Loss) -> None:
    outputs = torch.as_tensor(np.random.default_rng(0).normal(size=(40, 6))).requires_grad_()
    labels = torch.arange(40) % 6
    with torch.enable_grad():
        expected = oracle.row_losses(loss, outputs, labels)
        (slope,) = torch.autograd.grad(expected.sum(), outputs)
    value, gradient = loss_rows(loss, outputs.detach(), labels)
    torch.testing.assert_close(value, expected.detach(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(gradient, slope, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
def test_slopes_of_losses_are_finite_differences(loss: vocabulary.Loss) -> None:
    outputs, labels, h = torch.as_tensor(np.random.default_rng(1).normal(size=(30, 5))), torch.arange(30) % 5, 1e-6
    _, gradient = loss_rows(loss, outputs, labels)
    for c in range(5):
        shift = h * torch.eye(5, dtype=torch.float64)[c]
        up, down = (loss_rows(loss, outputs + sign * shift, labels)[0] for sign in (1, -1))
        torch.testing.assert_close(gradient[:, c], (up - down) / (2 * h), rtol=1e-6, atol=1e-8)


def test_hinge_counts_only_rows_within_the_margin_and_shares_among_equal_rivals() -> None:
    outputs = torch.tensor([[2.0, 0.5, 0.9], [0.0, 0.0, 0.0], [0.2, 0.1, 0.0]], dtype=torch.float64)
    value, gradient = loss_rows("hinge", outputs, torch.tensor([0, 1, 0]))
    torch.testing.assert_close(value, torch.tensor([0.0, 1.0, 0.9], dtype=torch.float64))
    expected = [[0, 0, 0], [0.5, -1, 0.5], [-1, 1, 0]]
    torch.testing.assert_close(gradient, torch.tensor(expected, dtype=torch.float64))


def test_contrastive_loss_looks_at_directions_alone() -> None:
    outputs, labels = torch.as_tensor(np.random.default_rng(2).normal(size=(9, 4))), torch.arange(9) % 4
    near, far = (loss_rows("contrastive", size * outputs, labels)[0] for size in (1.0, 7.0))
    torch.testing.assert_close(near, far, rtol=1e-10, atol=1e-12)
    perfect, _ = loss_rows("contrastive", torch.eye(4, dtype=torch.float64), torch.arange(4))
    torch.testing.assert_close(perfect, torch.full((4,), math.log1p(3 * math.exp(-10)), dtype=torch.float64))


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_of_a_single_class_are_flat(loss: vocabulary.Loss) -> None:
    value, gradient = loss_rows(loss, torch.tensor([[0.3], [-2.0]], dtype=torch.float64), torch.tensor([0, 0]))
    assert value.abs().max() < 1e-12
    assert gradient.abs().max() < 1e-12


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_do_not_hide_nan(loss: vocabulary.Loss) -> None:
    value, _ = loss_rows(loss, torch.tensor([[math.nan, 0.0], [0.0, math.nan]]), torch.tensor([0, 0]))
    assert torch.isnan(value).all()


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


def test_sums_of_rows_equal_products_with_dense_inputs(double: Runtime) -> None:
    setting, seeds = problem(), [0, 1]
    params, (tile,) = init_params(setting, seeds, double), pack_data(setting, seeds, double).tiles
    X = torch.stack([oracle.dense_data(setting, seed, torch.float64)[0] for seed in seeds])
    Z = tile.gather(params.W)
    torch.testing.assert_close(Z, X @ params.W, rtol=1e-14, atol=1e-15)
    sums = tile.scatter(Z, torch.full_like(params.W, float("nan")), add=False)
    torch.testing.assert_close(sums, X.mT @ Z, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(tile.scatter(Z, sums.clone(), add=True), 2 * sums)


def test_stale_memory_cannot_leak_into_the_gradient(double: Runtime) -> None:
    setting = problem()
    params = init_params(setting, [0], double)
    gradient = Gradient(setting, params, pack_data(setting, [0], double))
    first = [g.clone() for g in gradient()]
    for array in (gradient._hidden, gradient._outputs, *gradient._result):
        array.fill_(float("nan"))
    assert all(torch.equal(a, b) for a, b in zip(first, gradient(), strict=True))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", ["true", "random"])
def test_evaluation_equals_the_dense_network(loss: str, labels: str, double: Runtime) -> None:
    setting = problem(loss=loss, labels=labels)
    params, data = init_params(setting, [7], double), pack_data(setting, [7], double)
    found = evaluate(setting, params, data, replace(double, tile_bytes=5000))
    x, y = oracle.dense_data(setting, 7, torch.float64)
    layers = [layer[0] for layer in params]
    expected = oracle.loss(setting, layers, x, y)
    assert float(found.train_loss) == pytest.approx(float(expected), rel=1e-12)
    outputs = oracle.outputs(setting, layers, x)
    assert float(found.train_accuracy) == pytest.approx(float((outputs.argmax(1) == y).double().mean()))
    everything = setting.model_copy(update={"task": Task.model_validate({**setting.task.model_dump(), "samples": 64})})
    x_all, _ = oracle.dense_data(everything, 7, torch.float64)
    y_all = data.labels[0]
    total = float(oracle.loss(setting, layers, x_all, y_all)) * 64
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
