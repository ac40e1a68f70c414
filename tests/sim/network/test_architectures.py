"""Embeddings, product units, scaled outputs, transformers: against plain modules of torch, and among themselves."""

from __future__ import annotations

import hashlib
import itertools
import math
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests import oracle
from twopeaks.sim.network.autograd import AutogradGradient
from twopeaks.sim.network.data import pack_data
from twopeaks.sim.network.network import Gradient, Params, evaluate, init_params, packed
from twopeaks.sim.network.readout import solve_readout
from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.learner import Learner
from twopeaks.sim.training.loop import train
from twopeaks.sim.training.snapshots import Start, snapshots
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES, Setting
from twopeaks.theory.setting.sampling import draw_pairs, label_table

NETWORKS: dict[str, dict[str, Any]] = {
    "shared": {"embedding": "shared", "embedding_dim": 5},
    "separate": {"embedding": "separate", "embedding_dim": 5, "activation": "relu"},
    "shared, deep": {"embedding": "shared", "embedding_dim": 7, "layers": 3, "activation": "tanh", "residual": True},
    "shared, complex": {"embedding": "shared", "embedding_dim": 3, "weights": "complex"},
    "product": {"hidden": "product"},
    "product, complex": {"hidden": "product", "weights": "complex"},
    "product of embeddings": {"hidden": "product", "embedding": "separate", "embedding_dim": 4},
    "product, deep": {"hidden": "product", "layers": 3, "activation": "silu"},
    "scaled": {"output_scale": 2.5},
    "scaled relu from zero": {"output_scale": 0.3, "activation": "relu", "init_scale_v": 0.0},
    "scaled, deep": {"output_scale": 0.3, "layers": 3, "activation": "relu"},
    "transformer": {"family": "transformer", "embedding_dim": 12, "heads": 3, "activation": "relu"},
    "transformer of one head": {"family": "transformer", "embedding_dim": 6, "heads": 1, "output_scale": 0.5},
    "ridge on embeddings": {"embedding": "shared", "embedding_dim": 5, "readout": "ridge", "output_scale": 3.0},
    "ridge on products": {"hidden": "product", "weights": "complex", "readout": "ridge", "output_scale": 3.0},
    "ridge on a transformer": {"family": "transformer", "embedding_dim": 8, "heads": 2, "readout": "ridge"},
}
RULES: dict[str, dict[str, Any]] = {
    "sgd": {"name": "sgd", "lr": 0.05, "weight_decay": 1e-3, "momentum": 0.5},
    "adam": {"name": "adam", "lr": 3e-3, "weight_decay": 1e-3},
    "adamw": {"name": "adamw", "lr": 3e-3, "weight_decay": 1e-2},
    "muon": {"name": "muon", "lr": 1e-2, "weight_decay": 1e-2, "lr_v": 3e-3},
}
RIDGES = [name for name in NETWORKS if name.startswith("ridge")]
TRAINED = [name for name in NETWORKS if name not in RIDGES]


def problem(network: str, rule: str = "adam", loss: str = "mse", **task: object) -> Setting:
    group = {} if "parity" in task else {"group": "D4"}
    return Setting.model_validate(
        {
            "task": {**group, "samples": 37, **task},
            "network": {"width": 21, **NETWORKS[network]},
            "optimizer": RULES[rule],
            "loss": loss,
        }
    )


class Plain(nn.Module):
    """One member's network, written for reading: whole sequences, dense attention with a causal mask, no tables."""

    def __init__(self, setting: Setting, weights: list[Tensor]) -> None:
        super().__init__()
        self.network, self.layers = setting.network, nn.ParameterList(w.clone() for w in weights)
        self.table = setting.task.table_of()

    def forward(self, x: Tensor) -> Tensor:
        """(n, k) operands -> (n, C) outputs."""
        return self.network.output_scale * torch.real(self.features(x) @ self.layers[-1])

    def features(self, x: Tensor) -> Tensor:
        return self.transformer(x) if self.network.family == "transformer" else self.mlp(x)

    def mlp(self, x: Tensor) -> Tensor:
        network, (*tables, first) = self.network, list(self.layers)[: -1 - (self.network.layers - 2)]
        sigma = oracle.SIGMA[network.activation]
        vectors = [self.vector(tables, x[:, j], j) for j in range(x.shape[1])]
        parts = first.split([v.shape[1] for v in vectors])
        sums = [v @ W for v, W in zip(vectors, parts, strict=True)]
        F = sigma(reduce(torch.add, sums)) if network.hidden == "sum" else reduce(torch.mul, sums)
        for H in list(self.layers)[len(tables) + 1 : -1]:
            F = sigma(F @ H) + (F if network.residual else 0)
        return F

    def vector(self, tables: list[Tensor], values: Tensor, j: int) -> Tensor:
        """(n, A) or (n, d): what W reads of operand j."""
        hot = nn.functional.one_hot(values, self.table.alphabet).to(self.layers[-1].dtype)
        if not tables:
            return hot
        return hot @ (tables[0].split(self.table.alphabet)[j] if self.network.embedding == "separate" else tables[0])

    def transformer(self, x: Tensor) -> Tensor:
        T, P, W_Q, W_K, W_V, W_O, W_in, W_out, _ = self.layers
        equals = torch.full((len(x), 1), self.table.alphabet)
        stream = T[torch.cat([x, equals], dim=1)] + P
        query, key, value = (self.heads(stream @ W) for W in (W_Q, W_K, W_V))
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        stream = stream + mixed.transpose(1, 2).flatten(2) @ W_O
        stream = stream + oracle.SIGMA[self.network.activation](stream @ W_in) @ W_out
        return stream[:, -1]

    def heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.network.heads, -1)).transpose(1, 2)


def operands(setting: Setting, seed: int) -> tuple[Tensor, Tensor]:
    """(n, k) operands and (n,) labels of one member's training rows."""
    rows = draw_pairs(setting.task, seed)
    x = torch.as_tensor(setting.task.table_of().digits(rows)).T
    return x, torch.as_tensor(label_table(setting.task, seed)[rows])


def optimizers(setting: Setting, layers: list[Tensor]) -> list[torch.optim.Optimizer]:
    if setting.optimizer.name != "muon":
        return oracle.optimizers(setting, layers)
    network = setting.network
    tables = 2 if network.family == "transformer" else 0 if network.embedding == "one-hot" else 1
    muon, adam = oracle.optimizers(setting, layers[tables:])
    if tables:
        adam.add_param_group({"params": layers[:tables]})
    return [muon, adam]


def solved(setting: Setting, module: Plain, x: Tensor, y: Tensor) -> Tensor:
    """The ridge readout by least squares on alpha F, and sqrt(lambda) I below it."""
    F = module.network.output_scale * module.features(x).detach()
    A = torch.cat([F.real, -F.imag], dim=1) if F.is_complex() else F
    below = math.sqrt(len(y) * setting.optimizer.weight_decay / 2) * torch.eye(A.shape[1], dtype=A.dtype)
    target = nn.functional.one_hot(y).to(A.dtype) - 1 / module.table.classes
    nothing = torch.zeros(len(below), module.table.classes, dtype=A.dtype)
    V = torch.linalg.lstsq(torch.cat([A, below]), torch.cat([target, nothing])).solution
    return torch.complex(*V.chunk(2)) if F.is_complex() else V


def by_torch(setting: Setting, seed: int, steps: int, runtime: Runtime) -> list[Tensor]:
    """Weights of one member after some steps of autograd and torch.optim on the plain module."""
    module = Plain(setting, [layer[0] for layer in init_params(setting, [seed], runtime)])
    x, y = operands(setting, seed)
    rules = optimizers(setting, list(module.layers))
    for step in range(steps + 1):
        if setting.network.readout == "ridge":
            module.layers[-1].data.copy_(solved(setting, module, x, y))
        if step == steps:
            break
        for rule in rules:
            rule.zero_grad()
        oracle.row_losses(setting.loss, module(x), y).mean().backward()
        for rule in rules:
            rule.step()
    return [layer.detach() for layer in module.layers]


def learned(setting: Setting, seeds: list[int], steps: int, runtime: Runtime) -> Params:
    learner = Learner(setting, seeds, runtime)
    for _ in range(steps):
        learner.step()
    return learner.params


def sensible() -> list[tuple[str, str, str]]:
    """Every network with every rule, and with other losses, where the three go together."""
    by_rule = [(network, rule, "mse") for network, rule in itertools.product(NETWORKS, RULES)]
    by_loss = [(network, "adam", loss) for network in TRAINED for loss in ("cross-entropy", "hinge")]
    return [
        (network, rule, loss)
        for network, rule, loss in by_rule + by_loss
        if not (rule == "muon" and NETWORKS[network].get("weights") == "complex")
        and not (rule == "adamw" and network in RIDGES)
    ]


@pytest.mark.parametrize(("network", "rule", "loss"), sensible())
def test_steps_equal_a_plain_module_and_torch_optim(network: str, rule: str, loss: str, double: Runtime) -> None:
    setting = problem(network, rule, loss)
    ours = learned(setting, [3, 4], 10, double)
    with oracle.full_precision_muon():
        for e, seed in enumerate([3, 4]):
            for mine, other in zip(ours, by_torch(setting, seed, 10, double), strict=True):
                assert oracle.relative(mine[e], other) < 1e-8


@pytest.mark.parametrize("task", [{"operands": 3, "group": "S3", "samples": 120}, {"parity": (6, 3), "samples": 50}])
@pytest.mark.parametrize("network", NETWORKS)
def test_tasks_of_more_operands_train_as_plain_modules_do(network: str, task: dict[str, Any], double: Runtime) -> None:
    setting = problem(network, **task)
    ours = learned(setting, [3], 3, double)
    for mine, other in zip(ours, by_torch(setting, 3, 3, double), strict=True):
        assert oracle.relative(mine[0], other) < 1e-8


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("task", [{}, {"operands": 3, "group": "S3", "samples": 120}], ids=["D4", "three operands"])
def test_evaluation_equals_the_plain_module_on_every_row(network: str, task: dict[str, Any], double: Runtime) -> None:
    setting = problem(network, labels="random", **task)
    learner = Learner(setting, [7], replace(double, tile_bytes=5000))
    found, module = learner.evaluate(), Plain(setting, [layer[0] for layer in learner.params])
    table = setting.task.table_of()
    labels = torch.as_tensor(label_table(setting.task, 7))
    with torch.no_grad():
        outputs = module(torch.as_tensor(table.digits(table.rows)).T)
    losses, right = oracle.row_losses(setting.loss, outputs, labels), (outputs.argmax(1) == labels).double()
    train = torch.zeros(len(labels), dtype=torch.bool)
    train[torch.as_tensor(draw_pairs(setting.task, 7))] = True
    expected = (right[train], right[~train], losses[train], losses[~train])
    for mine, other in zip(found, expected, strict=True):
        assert float(mine) == pytest.approx(float(other.mean()), rel=1e-10)


# --- the trainer's promises hold for every architecture --------------------------------------------------

PLAN = Plan(steps=30, every=10)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_member_of_a_batch_equals_its_solo_run(network: str, double: Runtime) -> None:
    together = train(problem(network), [5, 6, 7], PLAN, double)
    for e, seed in enumerate([5, 6, 7]):
        alone = train(problem(network), [seed], PLAN, double)
        for name in OBSERVABLES:
            np.testing.assert_allclose(together.curves[name][e], alone.curves[name][0], rtol=1e-7)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_same_call_gives_identical_records(network: str) -> None:
    runtime = resolve("cpu", "float32", threads=2)
    first, second = (train(problem(network), [0, 1, 2], PLAN, runtime) for _ in range(2))
    for name in OBSERVABLES:
        assert np.array_equal(first.curves[name], second.curves[name])


@pytest.mark.parametrize("network", NETWORKS)
def test_tiles_change_nothing(network: str, double: Runtime) -> None:
    whole = learned(problem(network), [0], 10, double)
    cut = learned(problem(network), [0], 10, replace(double, tile_bytes=4000, threads=2))
    for a, b in zip(whole, cut, strict=True):
        assert oracle.relative(a, b) < 1e-8


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_learns(network: str, single: Runtime) -> None:
    setting = problem(network)
    records = train(setting, [0, 1], Plan(steps=250, every=250), single)
    norms = records.curves["norm_w2"] + records.curves["norm_v2"]
    decay = setting.optimizer.weight_decay / 2 * norms if network in RIDGES else 0
    objective = records.curves["train_loss"] + decay
    assert (objective[:, -1] < 0.9 * objective[:, 0]).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_divergence_is_an_outcome(network: str, double: Runtime) -> None:
    wild = problem(network, "sgd").model_copy(
        update={"optimizer": problem(network, "sgd").optimizer.model_copy(update={"lr": 1e30})}
    )
    records = train(wild, [0, 1], Plan(steps=30, every=1), double)
    assert records.ends == ("diverged", "diverged")


@pytest.mark.parametrize("network", ["separate", "product, complex", "transformer"])
def test_a_member_that_stops_leaves_the_others_as_they_were(network: str, double: Runtime) -> None:
    leaving, staying = (Learner(problem(network), [0, 1, 2], double) for _ in range(2))
    for learner in (leaving, staying):
        for _ in range(5):
            learner.step()
    leaving.keep([0, 2])
    for learner in (leaving, staying):
        for _ in range(5):
            learner.step()
    for a, b in zip(leaving.params, staying.params, strict=True):
        assert oracle.relative(a, b[[0, 2]]) < 1e-12


@pytest.mark.parametrize("network", NETWORKS)
def test_norms_count_every_layer(network: str, double: Runtime) -> None:
    setting = problem(network)
    params, records = Learner(setting, [3], double).params, train(setting, [3], Plan(steps=1, every=1), double)
    squares = [float(layer.abs().square().sum()) for layer in params]
    assert records.curves["norm_w2"][0, 0] == pytest.approx(sum(squares[:-1]), rel=1e-12)
    assert records.curves["norm_v2"][0, 0] == pytest.approx(squares[-1], rel=1e-12)


# --- initial weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "digest"),
    [
        ({}, "e9ef3c9eeacba50c"),
        ({"layers": 4, "residual": True}, "244445bfd0c4f081"),
        ({"weights": "complex", "init_scale_v": 0.5}, "3e30d5c5eafd9ed4"),
    ],
    ids=["two layers", "four layers", "complex"],
)
def test_initial_weights_of_older_networks_are_what_they_were(
    network: dict[str, Any], digest: str, double: Runtime
) -> None:
    content = {"task": {"group": "Z7", "samples": 20}, "network": {"width": 5, **network}}
    params = init_params(Setting.model_validate(content), [3, 4], double)
    assert hashlib.sha256(b"".join(layer.numpy().tobytes() for layer in params)).hexdigest()[:16] == digest


@pytest.mark.parametrize("other", ["product", "scaled"])
def test_options_without_new_layers_leave_the_initial_weights_alone(other: str, double: Runtime) -> None:
    plain = Setting.model_validate({**problem(other).model_dump(), "network": {"width": 21}})
    for a, b in zip(init_params(problem(other), [3], double), init_params(plain, [3], double), strict=True):
        assert torch.equal(a, b)


def test_shapes_and_sizes_of_initial_layers(double: Runtime) -> None:
    content = {"task": {"group": "Z7", "samples": 20}, "network": {"width": 600, "init_scale_v": 0.5}}

    def layers(**network: Any) -> Params:
        merged = {**content, "network": {**content["network"], **network}}
        return init_params(Setting.model_validate(merged), [0], double)

    transformer = layers(family="transformer", embedding_dim=200)
    shapes = [(8, 200), (3, 200), *[(200, 200)] * 4, (200, 600), (600, 200), (200, 7)]
    assert [tuple(layer.shape[1:]) for layer in transformer] == shapes
    shared, separate = layers(embedding="shared", embedding_dim=200), layers(embedding="separate", embedding_dim=200)
    assert [tuple(layer.shape[1:]) for layer in shared] == [(7, 200), (400, 600), (600, 7)]
    assert [tuple(layer.shape[1:]) for layer in separate] == [(14, 200), (400, 600), (600, 7)]
    assert torch.equal(shared.V, separate.V)
    for params, tables in ((transformer, 2), (shared, 1), (separate, 1)):
        for i, layer in enumerate(params):
            fan_in = layer.shape[2] if i < tables else layer.shape[1]
            bound = fan_in**-0.5 * (0.5 if layer is params[-1] else 1)
            assert 0.98 * bound < float(layer.abs().max()) <= bound
            assert float(layer.square().mean()) == pytest.approx(bound**2 / 3, rel=0.15)


# --- one form against another ----------------------------------------------------------------------------


def test_an_identity_table_is_no_embedding(double: Runtime) -> None:
    plain = Setting.model_validate({**problem("scaled").model_dump(), "network": {"width": 21}})
    W, V = init_params(plain, [0, 1], double)
    data = pack_data(plain, [0, 1], double)
    expected = Gradient(plain, Params(W, V), data)()
    for name, copies in (("shared", 1), ("separate", 2)):
        network = {"width": 21, "embedding": name, "embedding_dim": 8}
        setting = Setting.model_validate({**plain.model_dump(), "network": network})
        params = packed(torch.eye(8, dtype=torch.float64).repeat(2, copies, 1), W, V)
        grads = AutogradGradient(setting, params, data)()
        assert oracle.relative(grads[1], expected.W) < 1e-13
        assert oracle.relative(grads.V, expected.V) < 1e-13
        ours, theirs = (evaluate(s, p, data, double) for s, p in ((setting, params), (plain, Params(W, V))))
        assert float((ours.test_loss - theirs.test_loss).abs().max()) < 1e-13


def test_a_square_is_two_squares_and_a_product(double: Runtime) -> None:
    """(x A + y B)^2 = (x A)^2 + (y B)^2 + 2 (x A)(y B): product units are the cross term of x^2 units."""
    product = problem("product")
    W, V = init_params(product, [0], double)
    square = Setting.model_validate({**product.model_dump(), "network": {"width": 21}})
    table = product.task.table_of()
    x = torch.as_tensor(table.digits(table.rows)).T
    both, cross = (Plain(s, [W[0], V[0]]).features(x) for s in (square, product))
    alone = W[0, :8][x[:, 0]].square() + W[0, 8:][x[:, 1]].square()
    torch.testing.assert_close(both.detach(), alone + 2 * cross.detach(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("loss", ["mse", "cross-entropy", "hinge", "contrastive"])
@pytest.mark.parametrize("network", ["scaled", "scaled relu from zero"])
def test_scaled_outputs_by_hand_equal_autograd(network: str, loss: str, double: Runtime) -> None:
    setting = problem(network, loss=loss)
    params, data = init_params(setting, [0, 1], double), pack_data(setting, [0, 1], double)
    for a, b in zip(Gradient(setting, params, data)(), AutogradGradient(setting, params, data)(), strict=True):
        assert oracle.relative(a, b) < 1e-12


def test_scaled_outputs_are_those_of_a_scaled_last_layer(double: Runtime) -> None:
    setting = problem("scaled")
    plain = Setting.model_validate({**setting.model_dump(), "network": {"width": 21}})
    params, data = init_params(setting, [0, 1], double), pack_data(setting, [0, 1], double)
    larger = packed(params.W, 2.5 * params.V)
    ours, theirs = Gradient(setting, params, data)(), Gradient(plain, larger, data)()
    assert oracle.relative(ours.W, theirs.W) < 1e-13
    assert oracle.relative(ours.V, 2.5 * theirs.V) < 1e-13
    for a, b in zip(evaluate(setting, params, data, double), evaluate(plain, larger, data, double), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=0)


@pytest.mark.parametrize("network", RIDGES)
def test_solved_readout_is_a_stationary_point_of_the_objective(network: str, double: Runtime) -> None:
    setting, seeds = problem(network), [0, 1]
    params, data = init_params(setting, seeds, double), pack_data(setting, seeds, double)
    solve_readout(setting, params, data)
    slope = AutogradGradient(setting, params, data)().V + setting.optimizer.weight_decay * params.V
    assert float(slope.abs().max()) < 1e-12


# --- snapshots, words --------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["shared, complex", "product", "transformer"])
def test_snapshots_are_the_weights_of_the_run(network: str, double: Runtime) -> None:
    setting = problem(network)
    kept = snapshots(setting, [3, 4], [0, 6], double)
    for layer, begun, now in zip(
        kept.layers, init_params(setting, [3, 4], double), learned(setting, [3, 4], 6, double), strict=True
    ):
        assert np.array_equal(layer[:, 0], begun.numpy())
        np.testing.assert_allclose(layer[:, 1], now.numpy(), rtol=1e-9, atol=1e-12)
    again = snapshots(setting, [3, 4], [6], double, start=Start(initial=[layer[:, 0] for layer in kept.layers]))
    np.testing.assert_allclose(again.V[:, 0], kept.V[:, 1], rtol=1e-12)


@pytest.mark.parametrize("network", ["shared", "transformer"])
def test_the_last_layer_alone_may_be_frozen_behind_tables(network: str, double: Runtime) -> None:
    setting = problem(network)
    held = snapshots(setting, [3], [0, 5], double, start=Start(frozen="V"))
    assert np.array_equal(held.V[:, 0], held.V[:, 1])
    assert not np.array_equal(held.W[:, 0], held.W[:, 1])
    for frozen in ("W", np.zeros((1, 21), dtype=bool)):
        with pytest.raises(InputError, match="frozen must be V for a network with embeddings"):
            snapshots(setting, [3], [5], double, start=Start(frozen=frozen))


def test_conventions_name_every_part() -> None:
    words = {name: problem(name, "muon" if "complex" not in name else "adam").conventions for name in TRAINED}
    assert words["product"]["network"] == "F = product of X_j W_j over operands j, output F V"
    assert words["shared"]["network"].startswith(
        "X <- rows of one table T (d columns) for every operand, F = sigma(X W)"
    )
    assert words["separate"]["network"].startswith("X <- rows of a table T_j (d columns) for operand j, F = sigma(X W)")
    assert words["scaled"]["network"] == "F = sigma(X W), output alpha F V, alpha = 2.5"
    assert words["transformer"]["network"].startswith("F = residual stream at '=' after one block of 3 heads")
    assert words["shared"]["init"] == "uniform(±1/sqrt(fan_in)), tables ±1/sqrt(d), V scaled by init_scale_v"
    assert words["product"]["init"] == "uniform(±1/sqrt(fan_in)), V scaled by init_scale_v"
    plain = "decoupled for every layer but the last (Muon): theta -= lr·eta·theta; coupled for V (Adam)"
    tables = "decoupled for every layer but tables and the last (Muon): theta -= lr·eta·theta; coupled for tables and V"
    assert words["product"]["decay"] == plain
    assert words["transformer"]["decay"] == words["separate"]["decay"] == f"{tables} (Adam)"
