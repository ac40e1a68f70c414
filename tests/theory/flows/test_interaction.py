"""Stage III: its velocity as the slope of J*, its printed form, its invariant, and the fast-V limit of both layers."""

from __future__ import annotations

import numpy as np
import pytest

from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.interaction import slaved, slaved_flow, slaved_height, slaved_velocity
from twopeaks.theory.flows.problem import Problem, centred_samples
from twopeaks.theory.flows.solution import Flow, Solver, integrate

M, K, ETA = 5, 7, 0.3


def problem(activation: str = "x^2", samples: int = 14) -> Problem:
    rng = np.random.default_rng(1)
    return Problem(M, np.sort(rng.choice(M * M, samples, replace=False)), rng.integers(0, M, M * M), activation)


def start(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2 * M, K)) / 2


def features(p: Problem, W: np.ndarray) -> np.ndarray:
    return p.sigma.value(W[p.pairs // M] + W[M + p.pairs % M])


@pytest.mark.parametrize("samples", [5, 14], ids=["n < K", "n > K"])
def test_the_gradient_on_features_is_as_printed(samples: int) -> None:
    p, W = problem(samples=samples), start()
    P = np.eye(samples) - 1 / samples
    F, Y = P @ features(p, W), P @ p.Y
    B = np.linalg.inv(F.T @ F + ETA * np.eye(K))
    P_eta = ETA * np.linalg.inv(F @ F.T + ETA * np.eye(samples))
    at, V, R = slaved(p, W, ETA)
    np.testing.assert_allclose(at.F, F, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(V, B @ F.T @ Y, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(R @ V.T, P_eta @ Y @ Y.T @ F @ B, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("activation", ["x^2", "relu", "silu", "tanh"])
def test_it_is_the_gradient_flow_of_the_least_height(activation: str) -> None:
    p, W, h = problem(activation), start(), 1e-5
    P = np.eye(14) - 1 / 14
    F, Y = P @ features(p, W), P @ p.Y
    closed = ETA / 2 * (np.sum(Y * np.linalg.solve(F @ F.T + ETA * np.eye(14), Y)) + np.sum(W**2))
    assert slaved_height(p, W, ETA) == pytest.approx(closed)
    velocity = slaved_velocity(p, W, ETA)
    for i in np.ndindex(*W.shape):
        heights = []
        for shift in (h, -h):
            moved = W.copy()
            moved[i] += shift
            heights.append(slaved_height(p, moved, ETA))
        assert velocity[i] == pytest.approx((heights[1] - heights[0]) / (2 * h), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize(("activation", "degree"), [("x^2", 2), ("relu", 1), ("x^3", 3)])
def test_norms_of_each_node_obey_their_law(activation: str, degree: int) -> None:
    p, W = problem(activation), start()
    V = slaved(p, W, ETA)[1]
    growth = 2 * (W * slaved_velocity(p, W, ETA)).sum(axis=0)
    expected = -2 * ETA * ((W**2).sum(axis=0) - degree * (V**2).sum(axis=1))
    assert growth == pytest.approx(expected, rel=1e-9)


def test_solutions_descend_compose_and_record() -> None:
    p, W = problem(), start()
    whole = slaved_flow(p, W, ETA, [0, 0.5, 1, 2])
    assert whole.success
    heights = whole.observables["height"]
    assert (np.diff(heights) < 0).all()
    rest = slaved_flow(p, slaved_flow(p, W, ETA, [0, 0.7]).final["W"], ETA, [0.7, 2])
    assert rest.final["W"] == pytest.approx(whole.final["W"], rel=1e-5, abs=1e-6)
    _, V, R = slaved(p, whole.final["W"], ETA)
    last = {name: values[-1] for name, values in whole.observables.items()}
    assert last["gradient_norm"] == pytest.approx(np.linalg.norm(R @ V.T))
    assert last["norm_w2"] == pytest.approx(np.sum(whole.final["W"] ** 2))
    assert last["norm_v2"] == pytest.approx(np.sum(V**2))
    assert last["height"] == pytest.approx(slaved_height(p, whole.final["W"], ETA))
    outputs = features(p, whole.final["W"]) @ V
    assert last["train_accuracy"] == pytest.approx((outputs.argmax(axis=1) == p.labels[p.pairs]).mean())
    assert last["test_accuracy"] == p.accuracy(whole.final["W"], V, p.rest)


def test_it_is_the_limit_of_a_fast_output_layer() -> None:
    """Both layers descend J, V at c times the rate of W: the distance to the slaved flow falls as 1/c."""
    p, W = problem(), start()
    V = slaved(p, W, ETA)[1]
    limit = slaved_flow(p, W, ETA, [0, 1.0]).final["W"]

    def distance(c: float) -> float:
        def velocity(t: float, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            Z = p.X @ state["W"]
            F = p.sigma.value(Z)
            R = centred_samples(p.Y - F @ state["V"])
            dW = p.X.T @ ((R @ state["V"].T) * p.sigma.slope(Z)) - ETA * state["W"]
            return {"W": dW, "V": c * (F.T @ R - ETA * state["V"])}

        solver = Solver("BDF", rtol=1e-8, atol=1e-10)
        flow = Flow(velocity, lambda t, s: {}, "t")  # type: ignore[arg-type]
        found = integrate(flow, {"W": W, "V": V}, [0, 1.0], solver=solver)
        return float(np.linalg.norm(found.final["W"] - limit))

    near, nearer = distance(300), distance(600)
    assert nearer < 0.02 * np.linalg.norm(limit - W)
    assert near / nearer == pytest.approx(2, rel=0.1)


def test_decay_must_be_positive() -> None:
    with pytest.raises(InputError, match="eta must be positive"):
        slaved_flow(problem(), start(), 0.0, [0, 1])
