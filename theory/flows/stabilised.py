r"""An explicit integrator for stiff gradient flows: Runge-Kutta-Chebyshev of second order, after Sommeijer et al.

After memorisation a network drifts slowly along a manifold on which the loss holds it: dtheta/dt = -dL/dtheta - eta
theta has rates up to lambda (2/lambda is the edge of stability of gradient descent) and is of interest over 1/eta.
Gradient descent takes lambda/eta steps. One step of s stages costs s gradients and covers about 2 s^2 / (3 lambda), so
that a whole solution costs of the order of sqrt(lambda/eta) gradients, and no linear system is ever solved.

* rkc.1  Y_0 = y, Y_1 = y + b_1 w_1 h F(y), and for j = 2 … s
  Y_j = (1 - mu_j - nu_j) y + mu_j Y_{j-1} + nu_j Y_{j-2} + mu~_j h F(Y_{j-1}) + gamma~_j h F(y), with
  mu_j = 2 b_j w_0 / b_{j-1}, nu_j = -b_j / b_{j-2}, mu~_j = 2 b_j w_1 / b_{j-1}, gamma~_j = -a_{j-1} mu~_j;
  Y_s is the new state.
* rkc.2  b_j = T_j''(w_0) / T_j'(w_0)^2 (b_0 = b_1 = b_2), a_j = 1 - b_j T_j(w_0), w_1 = T_s'(w_0) / T_s''(w_0),
  w_0 = 1 + 2 / (13 s^2), T_j Chebyshev's polynomials.
* rkc.3  Stable for real eigenvalues from -2/3 (s^2 - 1) (1 - 2/15 · 2/13) / h to 0.
* rkc.4  The error of a step is about 0.8 (y - y') + 0.4 h (F(y) + F(y')).

Source: B. P. Sommeijer, L. F. Shampine, J. G. Verwer, J. Comput. Appl. Math. 88 (1998) 315.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.problem import Array

__all__ = ["Moment", "chebyshev_step", "stabilised", "stages_for", "stiffness"]

#: Right-hand side of an autonomous flow.
Velocity = Callable[[Array], Array]

_DAMPING = 2 / 13
#: Largest step times spectral radius, over s^2 - 1. Eq. rkc.3.
_REACH = 2 / 3 * (1 - 2 / 15 * _DAMPING)
#: Most stages of a step: more would cost accuracy in single precision.
_STAGES = 120
#: Accepted steps after which the spectral radius is looked at again, and the margin that is laid on it.
_RENEWED, _MARGIN = 5, 1.15
#: A step is not tried with less than this share of the last one.
_LEAST_SHARE = 0.1


class Moment(NamedTuple):
    """Where the flow is after a step: time, state, and evaluations of the velocity so far."""

    t: float
    y: Array
    evaluations: int


@lru_cache(maxsize=256)
def _coefficients(s: int) -> tuple[float, tuple[tuple[float, float, float, float], ...]]:
    """b_1 w_1, and (mu, nu, mu~, gamma~) of stages 2 … s. Eqs. rkc.1 and rkc.2."""
    w0 = 1 + _DAMPING / s**2
    T, first, second = [1.0, w0], [0.0, 1.0], [0.0, 0.0]
    for j in range(2, s + 1):
        second.append(4 * first[j - 1] + 2 * w0 * second[j - 1] - second[j - 2])
        first.append(2 * T[j - 1] + 2 * w0 * first[j - 1] - first[j - 2])
        T.append(2 * w0 * T[j - 1] - T[j - 2])
    w1 = first[s] / second[s]
    b = [second[j] / first[j] ** 2 for j in range(2, s + 1)]
    b = [b[0], b[0], *b]
    a = [1 - b[j] * T[j] for j in range(s + 1)]
    rows = []
    for j in range(2, s + 1):
        forward = 2 * b[j] * w1 / b[j - 1]
        rows.append((2 * b[j] * w0 / b[j - 1], -b[j] / b[j - 2], forward, -a[j - 1] * forward))
    return b[1] * w1, tuple(rows)


def chebyshev_step(velocity: Velocity, y: Array, slope: Array, h: float, stages: int) -> Array:
    """The state after a time h, from the state y and its velocity; stages - 1 evaluations. Eq. rkc.1.

    Raises:
        InputError: for fewer than two stages.
    """
    if stages < 2:
        raise InputError("stages", "2 or more", stages, "use stages_for")
    first, rows = _coefficients(stages)
    previous, current = y, y + (first * h) * slope
    for mu, nu, forward, back in rows:
        after = (
            (1 - mu - nu) * y + mu * current + nu * previous + (forward * h) * velocity(current) + (back * h) * slope
        )
        previous, current = current, after
    return current


def stages_for(h: float, radius: float) -> int:
    """The fewest stages with which a step h is stable for eigenvalues down to -radius. Eq. rkc.3."""
    return max(2, math.ceil(math.sqrt(1 + h * radius / _REACH)))


def stiffness(
    velocity: Velocity, y: Array, slope: Array, guess: Array, iterations: int = 40
) -> tuple[float, Array, int]:
    """Spectral radius of the velocity's Jacobian at y by power iteration on differences; its vector; evaluations."""
    size = 1e-3 * float(np.linalg.norm(y)) or 1e-3
    radius = 0.0
    for done in range(1, iterations + 1):
        guess = guess * (size / float(np.linalg.norm(guess)))
        guess = velocity(y + guess) - slope
        estimate = float(np.linalg.norm(guess)) / size
        if not math.isfinite(estimate) or estimate == 0:
            return math.inf if estimate else 0.0, np.ones_like(y), done
        if abs(estimate - radius) < 0.02 * estimate:
            return estimate, guess, done
        radius = estimate
    return radius, guess, iterations


def _tried(velocity: Velocity, y: Array, slope: Array, h: float, stages: int) -> tuple[Array, Array, float]:
    """State and velocity after a step, and its error over the size of the state. Eq. rkc.4."""
    with np.errstate(over="ignore", invalid="ignore"):  # such a step has an infinite error, and is tried again
        new = chebyshev_step(velocity, y, slope, h, stages)
        new_slope = velocity(new)
        off = 0.8 * (y - new) + (0.4 * h) * (slope + new_slope)
        return new, new_slope, float(np.linalg.norm(off)) / max(float(np.linalg.norm(y)), 1e-30)


def stabilised(
    velocity: Velocity, y: Array, *, tolerance: float = 3e-3, first: float | None = None
) -> Iterator[Moment]:
    """Follow dy/dt = velocity(y) from t = 0, step by step, for as long as the caller asks.

    Args:
        velocity: of a flow whose Jacobian has eigenvalues close to the negative real axis (or small ones).
        y: state at t = 0, in the arithmetic to be used.
        tolerance: error of a step, by root mean square, over that of the state.
        first: length of the first step; by default one at which three stages are stable.

    Yields:
        The start, then the state after every step that was accepted.

    Raises:
        ArithmeticError: if the flow leaves the finite numbers however short the step.
    """
    slope = velocity(y)
    rough = np.random.default_rng(0).standard_normal(y.size).astype(y.dtype)
    radius, rough, cost = stiffness(velocity, y, slope, rough)
    t, evaluations, since = 0.0, 1 + cost, 0
    yield Moment(t, y, evaluations)
    h = first or (_REACH * 8 / radius if 0 < radius < math.inf else 1.0)
    while True:
        h = min(h, _REACH * (_STAGES**2 - 1) / (_MARGIN * radius)) if radius > 0 else h
        stages = stages_for(h, _MARGIN * radius)
        new, new_slope, error = _tried(velocity, y, slope, h, stages)
        evaluations, error = evaluations + stages, error / tolerance
        good = error < 1  # False for NaN
        if good:
            t, y, slope, since = t + h, new, new_slope, since + 1
            yield Moment(t, y, evaluations)
        if not good or since % _RENEWED == 0:
            radius, rough, cost = stiffness(velocity, y, slope, rough, 5 if good else 20)
            evaluations += cost
        h *= min(2.0, max(_LEAST_SHARE, 0.8 * error ** (-1 / 3) if 0 < error < math.inf else 2.0 * good))
        if h < 1e-12 * max(t, 1e-12):
            raise ArithmeticError(f"the flow leaves the finite numbers at time {t:.6g}")
