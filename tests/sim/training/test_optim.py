"""Muon on stacked matrices: against the singular values, against torch.optim.Muon, and beside Adam."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests import oracle
from twopeaks.sim.network.data import pack_data
from twopeaks.sim.network.network import Gradient, Params, init_params, packed
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.training.optim import init_state, update
from twopeaks.theory.setting import Network, Optimizer, Setting, Task

SHAPES = {"wide": (14, 40), "square": (14, 14), "tall": (14, 6)}


def muon(**fields: object) -> Optimizer:
    return Optimizer.model_validate({"name": "muon", "lr": 0.02, "weight_decay": 0.1, "lr_v": 3e-3, **fields})


def weights(rows: int, columns: int, members: int = 3, seed: int = 0) -> Params:
    rng = np.random.default_rng(seed)
    return packed(
        torch.as_tensor(rng.normal(size=(members, rows, columns))),
        torch.as_tensor(rng.normal(size=(members, columns, 7))),
    )


def one_update(rule: Optimizer, params: Params, grads: Params) -> Params:
    theta = packed(*params)
    update(rule, theta, packed(*grads), init_state(theta))
    return theta


def by_singular_values(G: Tensor, rule: Optimizer) -> Tensor:
    """The Newton-Schulz map on a matrix, from its singular value decomposition."""
    left, s, right = torch.linalg.svd(G, full_matrices=False)
    s = s / s.square().sum().sqrt()
    a, b, c = rule.ns_coefficients
    for _ in range(rule.ns_steps):
        s = a * s + b * s**3 + c * s**5
    return left @ torch.diag(s) @ right


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("scaling", ["original", "match_rms_adamw"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_first_muon_update_acts_on_singular_values(shape: tuple[int, int], scaling: str, nesterov: bool) -> None:
    rule = muon(scaling=scaling, nesterov=nesterov)
    params, grads = weights(*shape), weights(*shape, seed=1)
    moved = one_update(rule, params, grads)
    rows, columns = shape
    factor = math.sqrt(max(1, rows / columns)) if scaling == "original" else 0.2 * math.sqrt(max(rows, columns))
    for W, G, after in zip(params.W, grads.W, moved.W, strict=True):
        # The first average is a multiple of the gradient, whose size does not matter.
        expected = (1 - 0.02 * 0.1) * W - 0.02 * factor * by_singular_values(G, rule)
        torch.testing.assert_close(after, expected, rtol=1e-9, atol=1e-11)


def test_enough_steps_of_the_exact_coefficients_give_the_nearest_orthogonal_matrix() -> None:
    rule = muon(ns_steps=40, ns_coefficients=(1.875, -1.25, 0.375), weight_decay=0)
    params, grads = weights(14, 40), weights(14, 40, seed=1)
    step = (params.W - one_update(rule, params, grads).W) / 0.02
    left, _, right = torch.linalg.svd(grads.W, full_matrices=False)
    torch.testing.assert_close(step, left @ right, rtol=1e-9, atol=1e-10)


def setting(rule: Optimizer, width: int) -> Setting:
    return Setting(task=Task(group="Z7", samples=30), network=Network(width=width), optimizer=rule)


def stepped(problem: Setting, seeds: list[int], steps: int, runtime: Runtime) -> Params:
    params = init_params(problem, seeds, runtime)
    gradient, state = Gradient(problem, params, pack_data(problem, seeds, runtime)), init_state(params)
    for _ in range(steps):
        update(problem.optimizer, params, gradient(), state)
    return params


FIELDS = [{}, {"scaling": "match_rms_adamw"}, {"nesterov": False}, {"momentum": 0.6, "ns_steps": 3}, {"lr_v": None}]


@pytest.mark.parametrize("steps", [1, 20])
@pytest.mark.parametrize(("fields", "width"), list(itertools.product(FIELDS, (40, 6))), ids=str)
def test_steps_equal_torch_muon_without_its_rounding(
    fields: dict[str, object], width: int, steps: int, double: Runtime
) -> None:
    problem = setting(muon(lr=0.01, weight_decay=1e-2, **fields), width)
    ours = stepped(problem, [3, 4], steps, double)
    with oracle.full_precision_muon():
        for e, seed in enumerate([3, 4]):
            theirs = oracle.trained(problem, seed, steps, double)
            assert oracle.relative(ours.W[e], theirs.W) < 1e-9
            assert oracle.relative(ours.V[e], theirs.V) < 1e-9


def test_one_step_equals_torch_muon_within_bfloat16(single: Runtime) -> None:
    problem = setting(muon(), 40)
    before, ours = init_params(problem, [3], single), stepped(problem, [3], 1, single)
    theirs = oracle.trained(problem, 3, 1, single)
    step = theirs.W - before.W[0]
    assert float((ours.W[0] - theirs.W).norm() / step.norm()) < 0.2  # eight bits, five times through a slope of 3.4
    assert oracle.relative(ours.V[0], theirs.V) < 1e-5


def test_members_do_not_mix() -> None:
    params, grads = weights(14, 40), weights(14, 40, seed=1)
    together = one_update(muon(), params, grads)
    for e in range(3):
        alone = one_update(muon(), Params(*(x[e : e + 1] for x in params)), Params(*(x[e : e + 1] for x in grads)))
        assert oracle.relative(together.W[e], alone.W[0]) < 1e-13


def test_a_zero_gradient_moves_nothing_but_by_decay() -> None:
    params = weights(14, 40)
    grads = Params(*(torch.zeros_like(x) for x in params))
    torch.testing.assert_close(one_update(muon(), params, grads).W, (1 - 0.02 * 0.1) * params.W)
