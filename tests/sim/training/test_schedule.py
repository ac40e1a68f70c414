"""Learning-rate schedules: the factor against torch's own schedulers, runs against torch.optim with LambdaLR."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from tests import oracle
from twopeaks.sim.network.network import Params, init_params
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.learner import Learner
from twopeaks.sim.training.loop import train
from twopeaks.sim.training.schedule import factor
from twopeaks.theory.setting import OBSERVABLES, Optimizer, Setting

SCHEDULES: dict[str, dict[str, Any]] = {
    "constant": {},
    "linear-warmup": {"schedule": "linear-warmup", "warmup_steps": 7},
    "cosine": {"schedule": "cosine", "warmup_steps": 5, "decay_steps": 19, "lr_floor": 0.1},
    "cosine to nothing": {"schedule": "cosine", "warmup_steps": 0, "decay_steps": 12},
    "step": {"schedule": "step", "decay_steps": 6, "lr_drop": 0.5},
}
RULES: dict[str, dict[str, Any]] = {
    "sgd": {"name": "sgd", "lr": 0.05, "weight_decay": 1e-2, "momentum": 0.8},
    "adam": {"name": "adam", "lr": 3e-3, "weight_decay": 1e-2},
    "adamw": {"name": "adamw", "lr": 3e-3, "weight_decay": 0.5},
    "muon": {"name": "muon", "lr": 1e-2, "weight_decay": 0.5, "lr_v": 3e-3},
}


def written(name: str, t: int) -> float:
    """f(t) of each schedule above, by hand."""
    if name == "linear-warmup":
        return (t + 1) / 7 if t < 7 else 1.0
    if name == "cosine":
        if t < 5:
            return (t + 1) / 5
        return 0.1 + 0.45 * (1 + math.cos(math.pi * (t - 5) / 14)) if t < 19 else 0.1
    if name == "cosine to nothing":
        return math.cos(math.pi * t / 24) ** 2 if t < 12 else 0.0
    if name == "step":
        return 0.5 ** (t // 6)
    return 1.0


def problem(rule: str, schedule: str) -> Setting:
    return Setting.model_validate(
        {
            "task": {"group": "D4", "samples": 37},
            "network": {"width": 45},
            "optimizer": {**RULES[rule], **SCHEDULES[schedule]},
        }
    )


def by_torch(setting: Setting, schedule: str, seed: int, steps: int, runtime: Runtime) -> Params:
    """Weights of one member after some steps of autograd, torch.optim and LambdaLR."""
    layers = [p[0].clone().requires_grad_() for p in init_params(setting, [seed], runtime)]
    x, y = oracle.dense_data(setting, seed, runtime.torch_dtype)
    rules = oracle.optimizers(setting, layers)
    clocks = [lr_scheduler.LambdaLR(rule, lambda t: written(schedule, t)) for rule in rules]
    for _ in range(steps):
        for rule in rules:
            rule.zero_grad()
        oracle.loss(setting, layers, x, y).backward()
        for rule in rules:
            rule.step()
        for clock in clocks:
            clock.step()
    return Params(*(layer.detach() for layer in layers))


@pytest.mark.parametrize("steps", [1, 4, 25])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_steps_equal_torch_optim_under_lambda_lr(schedule: str, rule: str, steps: int, double: Runtime) -> None:
    setting = problem(rule, schedule)
    learner = Learner(setting, [3, 4], double)
    for _ in range(steps):
        learner.step()
    with oracle.full_precision_muon():
        for e, seed in enumerate([3, 4]):
            theirs = by_torch(setting, schedule, seed, steps, double)
            for mine, other in zip(learner.params, theirs, strict=True):
                assert oracle.relative(mine[e], other) < 1e-9


def rates(scheduler: Any, steps: int, **numbers: Any) -> list[float]:
    """What a scheduler of torch makes of the rate 1."""
    rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    clock, found = scheduler(rule, **numbers), []
    for _ in range(steps):
        found.append(float(rule.param_groups[0]["lr"]))
        rule.step()
        clock.step()
    return found


@pytest.mark.parametrize(
    ("fields", "scheduler", "numbers"),
    [
        ({"schedule": "constant"}, lr_scheduler.ConstantLR, {"factor": 1.0}),
        (
            {"schedule": "linear-warmup", "warmup_steps": 9},
            lr_scheduler.LinearLR,
            {"start_factor": 1 / 9, "total_iters": 8},
        ),
        ({"schedule": "step", "decay_steps": 8, "lr_drop": 0.3}, lr_scheduler.StepLR, {"step_size": 8, "gamma": 0.3}),
    ],
    ids=["constant", "linear-warmup", "step"],
)
def test_factors_are_those_of_torch_schedulers(fields: dict[str, Any], scheduler: Any, numbers: dict[str, Any]) -> None:
    ours = [factor(Optimizer(**fields), t) for t in range(40)]
    np.testing.assert_allclose(ours, rates(scheduler, 40, **numbers), rtol=1e-12)


def test_cosine_is_torch_cosine_annealing_after_the_warmup() -> None:
    rule = Optimizer(schedule="cosine", warmup_steps=6, decay_steps=26, lr_floor=0.05)
    ours = [factor(rule, t) for t in range(40)]
    np.testing.assert_allclose(ours[:6], (np.arange(6) + 1) / 6, rtol=1e-15)
    np.testing.assert_allclose(ours[6:27], rates(lr_scheduler.CosineAnnealingLR, 21, T_max=20, eta_min=0.05), rtol=1e-9)
    assert ours[26:] == [0.05] * 14


def test_factors_of_long_runs_stay_within_zero_and_one() -> None:
    for fields in SCHEDULES.values():
        rule = Optimizer(**fields)
        values = [factor(rule, t) for t in (0, 1, 10, 10**3, 10**6, 10**9)]
        assert all(0 <= value <= 1 for value in values)


@pytest.mark.parametrize("rule", RULES)
def test_a_rate_of_zero_stops_everything(rule: str, double: Runtime) -> None:
    learner = Learner(problem(rule, "cosine to nothing"), [0], double)
    for _ in range(13):
        learner.step()
    before = [layer.clone() for layer in learner.params]
    learner.step()
    assert all(map(torch.equal, before, learner.params))


def test_a_member_of_a_batch_equals_its_solo_run(double: Runtime) -> None:
    setting, plan = problem("adamw", "cosine"), Plan(steps=30, every=10)
    together = train(setting, [5, 6, 7], plan, double)
    for e, seed in enumerate([5, 6, 7]):
        alone = train(setting, [seed], plan, double)
        for name in OBSERVABLES:
            np.testing.assert_allclose(together.curves[name][e], alone.curves[name][0], rtol=1e-9)


def test_the_schedule_goes_on_where_a_member_has_left(double: Runtime) -> None:
    setting = problem("adam", "step")
    leaving, staying = Learner(setting, [0, 1, 2], double), Learner(setting, [0, 1, 2], double)
    for _ in range(9):
        leaving.step()
        staying.step()
    leaving.keep([0, 2])
    for _ in range(9):
        leaving.step()
        staying.step()
    for a, b in zip(leaving.params, staying.params, strict=True):
        assert oracle.relative(a, b[[0, 2]]) < 1e-12


def test_conventions_say_what_the_clock_is() -> None:
    assert problem("adam", "constant").conventions["clock"] == "step = one full-batch update; tau = lr·eta·step"
    assert problem("adam", "cosine").conventions["clock"] == (
        "step = one full-batch update; tau = eta·(sum of lr·f(t) over the updates done, t = 0, 1, …), "
        "f = min(1, (t+1)/warmup_steps)·(lr_floor + (1 - lr_floor)(1 + cos(pi u))/2), "
        "u = (t - warmup_steps)/(decay_steps - warmup_steps) within 0 … 1, "
        "decay_steps = 19, lr_floor = 0.1, warmup_steps = 5"
    )
