"""The stabilised integrator: its order, its stability, its spectral radius, and a stiff flow with a known solution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.polynomial import Chebyshev

from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.stabilised import _coefficients, chebyshev_step, stabilised, stages_for, stiffness

Velocity = Callable[[np.ndarray], np.ndarray]


def at(velocity: Velocity, y: np.ndarray, end: float, steps: int, stages: int) -> np.ndarray:
    for _ in range(steps):
        y = chebyshev_step(velocity, y, velocity(y), end / steps, stages)
    return y


def riccati(y: np.ndarray) -> np.ndarray:
    """dy/dt = -y^2, y = y_0 / (1 + y_0 t)."""
    return -(y**2)


@pytest.mark.parametrize("stages", [2, 3, 7, 20])
def test_it_is_of_second_order(stages: int) -> None:
    start, end = np.array([0.5, 2.0]), 1.0
    exact = start / (1 + start * end)
    steps = np.array([32, 64, 128])
    errors = [np.abs(at(riccati, start, end, int(k), stages) - exact).max() for k in steps]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(-2, abs=0.06)


@pytest.mark.parametrize("stages", [2, 5, 12, 40])
def test_a_step_on_a_linear_flow_is_the_shifted_chebyshev_polynomial(stages: int) -> None:
    """P(z) = a + b T_s(w_0 + w_1 z), which is e^z to second order: written with numpy's polynomials."""
    w0 = 1 + 2 / 13 / stages**2
    T = Chebyshev.basis(stages)
    w1 = T.deriv()(w0) / T.deriv(2)(w0)
    b = T.deriv(2)(w0) / T.deriv()(w0) ** 2
    z = np.linspace(-0.6 * stages**2, 0, 41)
    expected = 1 - b * T(w0) + b * T(w0 + w1 * z)
    ours = chebyshev_step(lambda y: z * y, np.ones_like(z), z, 1.0, stages)
    np.testing.assert_allclose(ours, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("stages", [2, 5, 12, 40, 120])
def test_it_is_stable_as_far_as_it_says_and_not_far_beyond(stages: int) -> None:
    reach = 2 / 3 * (1 - 4 / 195) * (stages**2 - 1)
    assert stages_for(1.0, 0.999 * reach) == stages
    z = np.linspace(-reach, 0, 5001)
    inside = chebyshev_step(lambda y: z * y, np.ones_like(z), z, 1.0, stages)
    assert np.abs(inside).max() <= 1 + 1e-9
    beyond = np.array([-1.1 * reach])
    assert np.abs(chebyshev_step(lambda y: beyond * y, np.ones(1), beyond, 1.0, stages)) > 1


def test_the_spectral_radius_is_that_of_the_jacobian() -> None:
    rng = np.random.default_rng(1)
    Q = np.linalg.qr(rng.standard_normal((30, 30))).Q
    A = Q * -np.geomspace(0.1, 50, 30) @ Q.T
    y = rng.standard_normal(30)
    radius, vector, cost = stiffness(lambda x: A @ x, y, A @ y, rng.standard_normal(30))
    assert radius == pytest.approx(50, rel=0.05)
    assert cost <= 40
    assert np.linalg.norm(A @ vector) / np.linalg.norm(vector) == pytest.approx(50, rel=0.05)


def test_a_stiff_flow_takes_far_fewer_evaluations_than_euler() -> None:
    """Rates 1 and 20000: y_1 falls as e^-t, y_2 is held at half its cube."""

    def velocity(y: np.ndarray) -> np.ndarray:
        return np.array([-y[0], -20_000 * (y[1] - y[0] ** 3 / 2)])

    flow = stabilised(velocity, np.array([1.0, 0.0]), tolerance=1e-3)
    t, y, evaluations = next(moment for moment in flow if moment.t > 2)
    assert y[0] == pytest.approx(np.exp(-t), rel=5e-3)
    # The exact slow manifold: y_2 = y_1^3 / 2 · 20000 / (20000 - 3).
    assert y[1] == pytest.approx(20_000 / 19_997 * y[0] ** 3 / 2, rel=2e-2)
    assert evaluations < 2000  # Euler: 20000 t / 2


def test_a_smaller_tolerance_is_more_accurate() -> None:
    def error(tolerance: float) -> float:
        for t, y, _ in stabilised(riccati, np.array([3.0]), tolerance=tolerance):
            if t > 1:
                return abs(float(y[0]) - 3 / (1 + 3 * t))
        raise AssertionError

    assert error(1e-5) < error(1e-3) / 10


def test_what_leaves_the_finite_numbers_is_an_error() -> None:
    with pytest.raises(ArithmeticError, match="finite"), np.errstate(all="ignore"):
        for t, _, _ in stabilised(lambda y: y**2, np.array([1.0])):
            assert t < 1.1


def test_one_stage_is_refused() -> None:
    with pytest.raises(InputError, match="2 or more"):
        chebyshev_step(riccati, np.ones(1), -np.ones(1), 0.1, 1)


def test_coefficients_are_consistent() -> None:
    """A constant velocity is followed exactly: mu~ and gamma~ carry a step of h to the end."""
    for stages in (2, 3, 9):
        ours = chebyshev_step(lambda y: np.full_like(y, 1.5), np.zeros(1), np.full(1, 1.5), 2.0, stages)
        np.testing.assert_allclose(ours, 3.0, rtol=1e-12)
        assert len(_coefficients(stages)[1]) == stages - 1
