"""Stage I: closed form against integration, matrix exponentials, printed limits and small-step training."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.lazy import Lazy, early_gradient, limit_gradient, ridge
from twopeaks.theory.flows.problem import Problem, centred_classes, centred_samples

M = 4


def stage(n: int, K: int, eta: float, *, scale: float = 0.3, seed: int = 0) -> Lazy:
    rng = np.random.default_rng(seed)
    F, Y = rng.normal(size=(n, K)), np.eye(M)[rng.integers(0, M, n)]
    return Lazy(F, Y, scale * rng.normal(size=(K, M)), eta)


SHAPES = [(9, 5), (5, 9), (6, 6)]


@pytest.mark.parametrize("eta", [0.0, 0.2])
@pytest.mark.parametrize(("n", "K"), SHAPES)
def test_the_closed_form_is_the_integrated_equation(n: int, K: int, eta: float) -> None:
    lazy, times = stage(n, K, eta), np.linspace(0, 2, 9)
    found = lazy.solve(times)
    assert found.success
    for t, V, norm in zip(times, found.observables["V"], found.observables["gradient_norm"], strict=True):
        assert lazy.weights(t) == pytest.approx(V, rel=1e-6, abs=1e-8)
        assert norm == pytest.approx(np.linalg.norm(lazy.gradient(t)), rel=1e-6)
    assert lazy.gradient_norm(times) == pytest.approx(found.observables["gradient_norm"], rel=1e-6)


@pytest.mark.parametrize(("n", "K"), SHAPES)
def test_the_closed_form_is_the_matrix_exponential(n: int, K: int) -> None:
    lazy, t = stage(n, K, 0.2), 0.7
    P = np.eye(n) - 1 / n
    F, Y = P @ stage(n, K, 0.2).F, P @ stage(n, K, 0.2).Y
    A = F.T @ F + 0.2 * np.eye(K)
    rest = np.linalg.solve(A, F.T @ Y)
    V = rest + expm(-A * t) @ (lazy.V0 - rest)
    assert lazy.weights(t) == pytest.approx(V, rel=1e-9, abs=1e-12)
    assert lazy.gradient(t) == pytest.approx((Y - F @ V) @ V.T, rel=1e-9, abs=1e-12)


def test_early_the_gradient_is_t_times_the_label_kernel() -> None:
    lazy = stage(9, 5, 0.2, scale=0)

    def error(t: float) -> float:
        early = early_gradient(lazy.F, lazy.Y, t)
        return float(np.linalg.norm(lazy.gradient(t) - early) / np.linalg.norm(early))

    assert error(1e-6) < 1e-4
    assert error(1e-6) / error(5e-7) == pytest.approx(2, rel=1e-3)  # the next order is t^2


@pytest.mark.parametrize(("n", "K"), SHAPES)
def test_late_the_gradient_is_as_printed(n: int, K: int) -> None:
    lazy, eta = stage(n, K, 0.2), 0.2
    F, Y = lazy.F, lazy.Y
    left, right = np.linalg.inv(F @ F.T + eta * np.eye(n)), np.linalg.inv(F.T @ F + eta * np.eye(K))
    printed = eta * left @ Y @ Y.T @ F @ right
    for found in (limit_gradient(F, Y, eta), lazy.gradient(np.inf), lazy.gradient(300)):
        assert found == pytest.approx(printed, rel=1e-9, abs=1e-12)
    assert lazy.weights(np.inf) == pytest.approx(right @ F.T @ Y, rel=1e-9, abs=1e-12)
    assert ridge(F, Y, eta) == pytest.approx(right @ F.T @ Y, rel=1e-9, abs=1e-12)


def test_the_slowest_direction_sets_the_rate() -> None:
    lazy = stage(9, 5, 0.2, scale=0)
    slowest = np.linalg.svd(lazy.F)[1].min() ** 2 + 0.2
    assert lazy.rates[-1] == pytest.approx(slowest)
    left = [np.linalg.norm(lazy.gradient(t) - lazy.gradient(np.inf)) for t in (8 / slowest, 9 / slowest)]
    assert np.log(left[0] / left[1]) == pytest.approx(1, rel=0.02)


def test_weights_outside_the_rows_of_the_features_fade_with_the_decay_alone() -> None:
    lazy = stage(5, 9, 0.2)  # rank 4: five directions of V are never pushed
    outside = np.eye(9) - np.linalg.pinv(lazy.F) @ lazy.F
    assert outside @ lazy.weights(3) == pytest.approx(np.exp(-0.6) * outside @ lazy.V0, rel=1e-9, abs=1e-12)
    assert outside @ stage(5, 9, 0.0).weights(np.inf) == pytest.approx(outside @ lazy.V0, rel=1e-9, abs=1e-12)


def test_without_decay_the_gradient_vanishes_only_where_the_labels_can_be_fitted() -> None:
    fits, cannot = stage(6, 9, 0.0, scale=0), stage(9, 5, 0.0, scale=0)
    assert np.abs(fits.gradient(np.inf)).max() < 1e-12
    V = np.linalg.pinv(cannot.F) @ cannot.Y
    rest = (cannot.Y - cannot.F @ V) @ V.T
    assert np.linalg.norm(rest) > 0.1
    assert cannot.gradient(np.inf) == pytest.approx(rest, rel=1e-9, abs=1e-12)


def test_the_peak_is_the_largest_norm_of_the_closed_form() -> None:
    lazy = stage(5, 9, 0.01, scale=0)
    found = lazy.solve([0, 0.5, 20])
    times = np.linspace(0, 2, 2_001)
    norms = lazy.gradient_norm(times)
    assert found.events["peak"] == pytest.approx(times[norms.argmax()], abs=1e-3)
    assert found.at_events["peak"]["gradient_norm"] == pytest.approx(norms.max(), rel=1e-5)


def test_the_semigroup_law() -> None:
    lazy = stage(9, 5, 0.2)
    later = Lazy(lazy.F, lazy.Y, lazy.weights(0.3), 0.2, centred=True)
    assert later.weights(0.9) == pytest.approx(lazy.weights(1.2), rel=1e-9, abs=1e-12)
    half = lazy.solve([0, 0.3])
    rest = Lazy(lazy.F, lazy.Y, half.final["V"], 0.2).solve([0.3, 1.2])
    assert rest.final["V"] == pytest.approx(lazy.weights(1.2), rel=1e-7, abs=1e-9)


def test_small_steps_on_the_standard_loss_follow_it_in_the_stated_time() -> None:
    """V trained by hand on L with decay eta: t = 2 lr steps / n and eta_J = n eta / 2, Y and V centred over classes."""
    rng = np.random.default_rng(3)
    problem = Problem(5, np.sort(rng.choice(25, 12, replace=False)), rng.integers(0, 5, 25))
    W, V0, eta, n = rng.normal(size=(10, 8)), rng.normal(size=(8, 5)), 0.05, 12
    lazy = Lazy(problem.forward(W, V0).F, centred_classes(problem.Y), centred_classes(V0), n * eta / 2, centred=True)

    def error(lr: float) -> float:
        V = V0.copy()
        steps = round(2 / lr)
        for _ in range(steps):
            V -= lr * (problem.gradient(W, V)[1] + eta * V)
        predicted = lazy.weights(2 * lr * steps / n)
        return float(np.abs(centred_classes(V) - predicted).max())

    assert error(4e-3) < 2e-2
    assert error(4e-3) / error(2e-3) == pytest.approx(2, rel=0.1)


def test_features_and_labels_are_centred_over_samples() -> None:
    rng = np.random.default_rng(0)
    F, Y, V0 = rng.normal(size=(6, 3)), rng.normal(size=(6, M)), np.zeros((3, M))
    assert Lazy(F, Y, V0, 0.1).weights(1) == pytest.approx(Lazy(F + 7, Y - 2, V0, 0.1).weights(1))
    same = Lazy(centred_samples(F), centred_samples(Y), V0, 0.1, centred=True)
    assert Lazy(F, Y, V0, 0.1).weights(1) == pytest.approx(same.weights(1))


def test_bad_input_is_refused() -> None:
    lazy = stage(9, 5, 0.2)
    with pytest.raises(InputError, match="eta must be at least 0"):
        Lazy(lazy.F, lazy.Y, lazy.V0, -1)
    with pytest.raises(InputError, match=r"F, Y, V0 must be of shapes \(n, K\)"):
        Lazy(lazy.F, lazy.Y[1:], lazy.V0, 0)
