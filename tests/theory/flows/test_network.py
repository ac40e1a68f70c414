"""Both layers in continuous time, against the trainer with small steps, exact laws, Stage I and published numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from twopeaks.sim.network.data import pack_data
from twopeaks.sim.network.network import Gradient, init_params
from twopeaks.sim.network.runtime import Runtime, pinned, resolve
from twopeaks.sim.training.optim import init_state, update
from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.lazy import Lazy
from twopeaks.theory.flows.network import adam_start, network_flow
from twopeaks.theory.flows.problem import Problem, centred_classes, centred_samples
from twopeaks.theory.flows.solution import Solver, State
from twopeaks.theory.setting import Network, Optimizer, Setting, Task, standard
from twopeaks.theory.setting.sampling import stream

SGD = Optimizer(name="sgd", lr=0.1, weight_decay=0.02)
ADAM = Optimizer(name="adam", lr=0.02, weight_decay=0.02)
ADAMW = Optimizer(name="adamw", lr=0.02, weight_decay=0.5)


def setting(optimizer: Optimizer, activation: str = "x^2") -> Setting:
    network = Network(width=12, activation=activation)  # type: ignore[arg-type]
    return Setting(task=Task(group="Z7", samples=30), network=network, optimizer=optimizer)


def start(s: Setting, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The initial weights of the trainer, drawn as it draws them."""
    rng, M, K = stream(seed, "init", s.task), s.task.resolve().order, s.network.width
    W = rng.uniform(-1, 1, (2 * M, K)) / math.sqrt(2 * M)
    return W, rng.uniform(-1, 1, (K, M)) / math.sqrt(K)


def initial(s: Setting, frozen: bool = False) -> State:
    W, V = start(s)
    if s.optimizer.name == "sgd":
        return {"W": W, "V": V}
    return adam_start(replace(Problem.of(s, 0), frozen=frozen), W, V, s.optimizer)


def trained(s: Setting, steps: int, runtime: Runtime) -> np.ndarray:
    """All weights of the trainer after some steps."""
    params = init_params(s, [0], runtime)
    gradient, state = Gradient(s, params, pack_data(s, [0], runtime)), init_state(params)
    with pinned(runtime):
        for _ in range(steps):
            update(s.optimizer, params, gradient(), state)
    return np.concatenate([params.W[0].numpy().ravel(), params.V[0].numpy().ravel()])


def flat(state: State) -> np.ndarray:
    return np.concatenate([state["W"].ravel(), state["V"].ravel()])


@pytest.mark.parametrize("activation", ["x^2", "relu", "silu", "tanh"])
def test_small_steps_of_gradient_descent_approach_the_flow(activation: str, double: Runtime) -> None:
    s = setting(SGD, activation)
    flowed = flat(network_flow(Problem.of(s, 0), initial(s), SGD, [0, 4], watch=[]).final)
    moved = np.linalg.norm(flowed - flat(initial(s)))

    def error(lr: float) -> float:
        small = s.model_copy(update={"optimizer": SGD.model_copy(update={"lr": lr})})
        return float(np.linalg.norm(trained(small, round(4 / lr), double) - flowed) / moved)

    assert error(0.01) < 0.01
    if activation != "relu":  # whose flow is itself known to 1e-3 only
        assert error(0.02) / error(0.01) == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("rule", [ADAM, ADAMW], ids=["adam", "adamw"])
def test_small_steps_of_adam_approach_the_flow(rule: Optimizer, double: Runtime) -> None:
    """lr/s and beta^(1/s), s times the steps, is the same flow for every s (but for where it starts)."""

    def error(s: int) -> float:
        finer = rule.model_copy(
            update={"lr": rule.lr / s, "beta1": rule.beta1 ** (1 / s), "beta2": rule.beta2 ** (1 / s)}
        )
        fine = setting(finer)
        flowed = network_flow(Problem.of(fine, 0), initial(fine), finer, [1, 20 * s], watch=[])
        found = trained(fine, 20 * s, double)
        return float(np.linalg.norm(found - flat(flowed.final)) / np.linalg.norm(found - flat(initial(fine))))

    errors = [error(s) for s in (1, 4, 16)]
    assert errors[0] < 0.1
    assert errors[2] < 0.01
    assert errors[2] < errors[1] / 2 < errors[0] / 4


def test_averages_forget_at_the_logarithm_of_beta(double: Runtime) -> None:
    """The rate 1 - beta in place of -ln beta would be off by 1.8% here."""
    slower = setting(ADAM.model_copy(update={"lr": 0.002}))
    flowed = network_flow(Problem.of(slower, 0), initial(slower), slower.optimizer, [1, 50], watch=[])
    found = trained(slower, 50, double)
    assert np.linalg.norm(found - flat(flowed.final)) < 0.01 * np.linalg.norm(found - flat(initial(slower)))


def test_adam_starts_where_its_first_step_ends(double: Runtime) -> None:
    for rule in (ADAM, ADAMW):
        s = setting(rule)
        assert flat(initial(s)) == pytest.approx(trained(s, 1, double), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("rule", [SGD, ADAM, ADAMW], ids=["sgd", "adam", "adamw"])
def test_the_semigroup_law(rule: Optimizer) -> None:
    s = setting(rule)
    problem = Problem.of(s, 0)
    solver = Solver("DOP853", rtol=1e-9, atol=1e-12)
    whole = network_flow(problem, initial(s), rule, [1, 9], solver=solver)
    half = network_flow(problem, initial(s), rule, [1, 4], solver=solver)
    rest = network_flow(problem, half.final, rule, [4, 9], solver=solver)
    assert flat(rest.final) == pytest.approx(flat(whole.final), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(("activation", "degree"), [("x^2", 2), ("relu", 1)])
def test_scales_of_the_layers_balance_at_the_rate_of_the_decay(activation: str, degree: int) -> None:
    """|w_j|^2 - p |v_j|^2 falls as e^(-2 eta t), whatever the loss does."""
    s = setting(SGD, activation)
    found = network_flow(Problem.of(s, 0), initial(s), SGD, [0, 15], watch=[])

    def imbalance(state: State) -> np.ndarray:
        return (state["W"] ** 2).sum(axis=0) - degree * (state["V"] ** 2).sum(axis=1)

    expected = math.exp(-2 * 0.02 * 15) * imbalance(initial(s))
    assert imbalance(found.final) == pytest.approx(expected, rel=1e-4 if activation == "x^2" else 2e-2)


def test_with_frozen_features_it_is_stage_one() -> None:
    s = setting(SGD)
    problem, state = Problem.of(s, 0), initial(s)
    found = network_flow(replace(problem, frozen=True), state, SGD, [0, 30], watch=[])
    assert (found.final["W"] == state["W"]).all()
    F, n = problem.forward(state["W"], state["V"]).F, problem.samples
    lazy = Lazy(F, centred_classes(problem.Y), centred_classes(state["V"]), n * 0.02 / 2, centred=True)
    assert centred_classes(found.final["V"]) == pytest.approx(lazy.weights(2 * 30 / n), rel=1e-4, abs=1e-5)
    for rule in (ADAM, ADAMW):
        adam = initial(setting(rule), frozen=True)
        still = network_flow(replace(problem, frozen=True), adam, rule, [1, 10], watch=[])
        assert (still.final["W"] == state["W"]).all()
        assert np.abs(still.final["V"] - adam["V"]).max() > 0.05


def test_observables_are_what_they_say() -> None:
    s = setting(ADAM, "silu")
    problem = Problem.of(s, 0)
    found = network_flow(problem, initial(s), ADAM, [1, 5, 30])
    W, V = torch.tensor(found.final["W"]), torch.tensor(found.final["V"])
    X, Y = torch.tensor(problem.X.toarray()), torch.tensor(problem.Y)
    F = torch.nn.functional.silu(X @ W).requires_grad_()
    R = Y - F @ V
    J = (R - R.mean(dim=0)).square().sum() / 2
    J.backward()
    last = {name: float(values[-1]) for name, values in found.observables.items()}
    assert F.grad is not None
    assert last["gradient_norm"] == pytest.approx(float(F.grad.norm()))
    assert last["train_loss"] == pytest.approx(problem.loss(found.final["W"], found.final["V"]))
    assert last["norm_w2"] == pytest.approx(float(W.square().sum()))
    assert last["norm_v2"] == pytest.approx(float(V.square().sum()))
    for name, pairs in (("train_accuracy", problem.pairs), ("test_accuracy", problem.rest)):
        assert last[name] == problem.accuracy(found.final["W"], found.final["V"], pairs)


def test_transitions_are_where_the_curves_pass_them() -> None:
    s = setting(ADAM).model_copy(update={"network": Network(width=64)})
    problem = Problem.of(s, 0)
    times = np.arange(1, 61)
    found = network_flow(problem, initial(s), ADAM, times)
    norms, accuracy = found.observables["gradient_norm"], found.observables["train_accuracy"]
    peak, memorised = found.events["peak"], found.events["memorised"]
    assert peak is not None
    assert memorised is not None
    assert abs(peak - times[norms.argmax()]) <= 1
    assert norms.max() <= found.at_events["peak"]["gradient_norm"] < 1.02 * norms.max()
    assert accuracy[times < memorised].max() < 0.99 <= accuracy[np.searchsorted(times, memorised)]
    assert found.events["generalised"] is None


def test_without_test_pairs_nothing_generalises() -> None:
    s = setting(SGD).model_copy(update={"task": Task(group="Z7", samples=49)})
    found = network_flow(Problem.of(s, 0), initial(s), SGD, [0, 1])
    assert "test_accuracy" not in found.observables
    assert found.events["generalised"] is None


def test_what_no_flow_describes_is_refused() -> None:
    s = setting(SGD)
    problem = Problem.of(s, 0)
    with pytest.raises(InputError, match="momentum must be 0 for a flow"):
        network_flow(problem, initial(s), Optimizer(name="sgd", momentum=0.9), [0, 1])
    with pytest.raises(InputError, match="optimizer must be sgd, adam or adamw"):
        network_flow(problem, initial(s), Optimizer(name="muon"), [0, 1])
    with pytest.raises(InputError, match="schedule must be constant for a flow, got 'cosine'"):
        network_flow(problem, initial(s), Optimizer(schedule="cosine"), [1, 2])
    with pytest.raises(InputError, match="state must be one with Adam's moments"):
        network_flow(problem, initial(s), ADAM, [1, 2])
    with pytest.raises(InputError, match="times must be steps from 1 on"):
        network_flow(problem, initial(setting(ADAM)), ADAM, [0, 2])


@pytest.mark.slow
def test_the_published_peak_of_the_gradient_on_features() -> None:
    """Z71, K = 2048, n = 2016 under Adam: |G_F| peaks at 71 near step 57 in print; with W held it keeps rising."""
    s, runtime = standard("Z71", 2016, 2048), resolve("cpu", "float32", threads=1)
    problem, solver = Problem.of(s, 0, dtype="float32"), Solver("RK23", rtol=1e-2, atol=1e-4)
    measured = gradient_norms(s, problem, 70, runtime)
    W, V = start(s)
    times = np.array([1, 10, 20, 30, 40, 50, 60, 70])
    found = network_flow(problem, adam_start(problem, W, V, s.optimizer), s.optimizer, times, solver=solver)
    peak, height = found.events["peak"], float(found.at_events["peak"]["gradient_norm"])
    assert peak == pytest.approx(int(measured.argmax()), rel=0.1)
    assert peak == pytest.approx(57, rel=0.1)
    assert height == pytest.approx(measured.max(), rel=0.1)
    assert height == pytest.approx(71, rel=0.1)
    assert found.observables["gradient_norm"] == pytest.approx(measured[times], rel=0.05)
    stage_one = replace(problem, frozen=True)
    held = adam_start(stage_one, W, V, s.optimizer)
    lazy = network_flow(stage_one, held, s.optimizer, [1, 50, 80], watch=["peak"], solver=solver)
    assert lazy.events["peak"] is None
    assert lazy.observables["gradient_norm"][1] == pytest.approx(measured[50], rel=0.1)
    assert lazy.observables["gradient_norm"][2] > 1.2 * measured.max()


def gradient_norms(s: Setting, problem: Problem, steps: int, runtime: Runtime) -> np.ndarray:
    """(steps + 1,) |G_F| of the paper while the trainer trains."""
    params = init_params(s, [0], runtime)
    gradient, state = Gradient(s, params, pack_data(s, [0], runtime)), init_state(params)
    norms = []
    with pinned(runtime):
        for _ in range(steps + 1):
            W, V = params.W[0].numpy(), params.V[0].numpy()
            R = centred_samples(problem.Y - problem.forward(W, V).O)
            norms.append(np.linalg.norm(R @ V.T))
            update(s.optimizer, params, gradient(), state)
    return np.array(norms)
