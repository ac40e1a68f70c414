"""Norm descent on the zero-loss manifold: the projection, its exact laws, and gradient descent in the time tau."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import helmert, pinv

from twopeaks.sim.network.runtime import resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.loop import train
from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.problem import Problem
from twopeaks.theory.flows.slow import Tangent, norm_descent
from twopeaks.theory.flows.solution import Solver
from twopeaks.theory.setting import TRANSITIONS, Network, Optimizer, Setting, Task, standard
from twopeaks.theory.setting.sampling import stream

M, K = 7, 64
SETTING = Setting(task=Task(group="Z7", samples=35), network=Network(width=K))


def start(s: Setting = SETTING, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng, order, width = stream(seed, "init", s.task), s.task.resolve().order, s.network.width
    W = rng.uniform(-1, 1, (2 * order, width)) / math.sqrt(2 * order)
    return W, rng.uniform(-1, 1, (width, order)) / math.sqrt(width)


def descended(
    problem: Problem, W: np.ndarray, V: np.ndarray, *, steps: int, lr: float, eta: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Plain gradient descent on L with decay."""
    W, V = W.copy(), V.copy()
    for _ in range(steps):
        dW, dV = problem.gradient(W, V)
        W -= lr * (dW + eta * W)
        V -= lr * (dV + eta * V)
    assert eta or problem.loss(W, V) < 1e-10
    return W, V


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem.of(SETTING, 0)


@pytest.fixture(scope="module")
def memorised(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Weights of zero loss: gradient descent without decay."""
    return descended(problem, *start(), steps=4000, lr=0.5)


def jacobian(problem: Problem, W: np.ndarray, V: np.ndarray) -> np.ndarray:
    """(n (M - 1), parameters) by complex steps, exact to rounding."""
    sizes, basis, h = (W.size, V.size), helmert(M).T, 1e-30
    theta = np.concatenate([W.ravel(), V.ravel()]).astype(complex)
    columns = []
    for i in range(sum(sizes)):
        moved = theta.copy()
        moved[i] += 1j * h
        w, v = moved[: sizes[0]].reshape(W.shape), moved[sizes[0] :].reshape(V.shape)
        F = (w[problem.pairs // M] + w[M + problem.pairs % M]) ** 2
        columns.append(((F @ v) @ basis).imag.ravel() / h)
    return np.stack(columns, axis=1)


def joined(W: np.ndarray, V: np.ndarray) -> np.ndarray:
    return np.concatenate([W.ravel(), V.ravel()])


def test_multipliers_project_as_the_dense_jacobian_does(
    problem: Problem, memorised: tuple[np.ndarray, np.ndarray]
) -> None:
    W, V = memorised
    tangent, J = Tangent(problem, W, V), jacobian(problem, W, V)
    rng = np.random.default_rng(0)
    dW, dV = rng.normal(size=W.shape), rng.normal(size=V.shape)
    assert tangent.push(dW, dV).ravel() == pytest.approx(J @ joined(dW, dV), rel=1e-9, abs=1e-9)
    u = rng.normal(size=tangent.residual.shape)
    assert joined(*tangent.back(u)) == pytest.approx(J.T @ u.ravel(), rel=1e-9, abs=1e-9)
    found = tangent.multipliers(tangent.push(dW, dV), np.zeros_like(u))
    across = joined(*tangent.back(found))
    assert across == pytest.approx(J.T @ (pinv(J @ J.T) @ (J @ joined(dW, dV))), rel=1e-6, abs=1e-6)
    guessed = tangent.multipliers(tangent.push(dW, dV), found + 0.1 * u)
    assert joined(*tangent.back(guessed)) == pytest.approx(across, rel=1e-6, abs=1e-6)


def test_the_flow_obeys_its_laws(problem: Problem, memorised: tuple[np.ndarray, np.ndarray]) -> None:
    W, V = memorised
    found = norm_descent(problem, W, V, [0, 0.5, 1])
    assert found.success
    assert (found.observables["train_accuracy"] == 1).all()
    assert found.observables["residual"].max() < 1e-9
    norms = found.observables["norm_w2"] + found.observables["norm_v2"]
    assert (np.diff(norms) < 0).all()

    def imbalance(W: np.ndarray, V: np.ndarray) -> np.ndarray:
        return (W**2).sum(axis=0) - 2 * (V**2).sum(axis=1)

    ended = imbalance(found.final["W"], found.final["V"])
    assert ended == pytest.approx(math.exp(-2) * imbalance(W, V), rel=1e-4, abs=1e-7)
    # slow.3, by the dense projector at the end.
    W, V = found.final["W"], found.final["V"]
    J, theta, h = jacobian(problem, W, V), joined(W, V), 1e-3
    along = theta - J.T @ (pinv(J @ J.T) @ (J @ theta))
    later = norm_descent(problem, W, V, [0, h]).observables
    fall = (later["norm_w2"] + later["norm_v2"])[1] - norms[-1]
    assert fall / h == pytest.approx(-2 * along @ along, rel=2e-2)


def test_a_residual_fades_at_the_rate_kappa(problem: Problem, memorised: tuple[np.ndarray, np.ndarray]) -> None:
    W, V = memorised
    found = norm_descent(problem, 1.01 * W, V, [0, 0.2, 0.4], kappa=5)
    residual = found.observables["residual"]
    assert residual[0] == pytest.approx(problem.loss(1.01 * W, V))
    assert residual == pytest.approx(residual[0] * np.exp(-2 * 5 * found.times), rel=1e-3)


def test_the_semigroup_law(problem: Problem, memorised: tuple[np.ndarray, np.ndarray]) -> None:
    W, V = memorised
    whole = norm_descent(problem, W, V, [0, 0.6])
    half = norm_descent(problem, W, V, [0, 0.2])
    rest = norm_descent(problem, half.final["W"], half.final["V"], [0.2, 0.6])
    assert rest.final["W"] == pytest.approx(whole.final["W"], rel=1e-4, abs=1e-6)


def test_gradient_descent_approaches_it_as_rate_and_decay_vanish(
    problem: Problem, memorised: tuple[np.ndarray, np.ndarray]
) -> None:
    """Plain steps on L with decay eta for lr eta steps = tau: the distance falls as eta."""
    tau = 0.5
    slow = norm_descent(problem, *memorised, [0, tau])
    moved = np.linalg.norm(joined(slow.final["W"], slow.final["V"]) - joined(*memorised))

    def distance(eta: float, lr: float = 0.5) -> float:
        W, V = descended(problem, *memorised, steps=round(tau / (lr * eta)), lr=lr, eta=eta)
        return float(np.linalg.norm(joined(W - slow.final["W"], V - slow.final["V"])) / moved)

    assert distance(1e-3) < 0.05
    assert distance(1e-3) / distance(5e-4) == pytest.approx(2, rel=0.15)


def test_single_precision_is_refused() -> None:
    rough = Problem.of(SETTING, 0, dtype="float32")
    with pytest.raises(InputError, match="dtype must be float64 for the slow flow"):
        norm_descent(rough, *start(), [0, 1])


@pytest.mark.slow
def test_one_slow_flow_predicts_when_gradient_descent_groks() -> None:
    """Z23, K = 256, n = 264: tau of the flow, which knows neither rate nor decay, within 10% of two trained runs."""
    s, lr = standard("Z23", 264, 256), 1.0
    problem = Problem.of(s, 0)
    W, V = descended(problem, *start(s), steps=4000, lr=lr)
    solver = Solver("RK23", rtol=1e-3, atol=1e-6)
    found = norm_descent(problem, W, V, np.linspace(0, 4.5, 10), solver=solver)
    assert found.events["generalised"] is not None
    for eta in (2e-4, 4e-4):
        steps = round(4.5 / (lr * eta))
        rule = Optimizer(name="sgd", lr=lr, weight_decay=eta)
        run = train(
            s.model_copy(update={"optimizer": rule}), [0], Plan(steps=steps, every=50), resolve("cpu", threads=1)
        )
        accuracy = run.curves["test_accuracy"][0]
        grokked = run.steps[np.argmax(accuracy >= TRANSITIONS["t_grok"].level)]
        assert found.events["generalised"] == pytest.approx(lr * eta * grokked, rel=0.1)
