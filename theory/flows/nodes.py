r"""Stage II, independent nodes: each w = [u; v] climbs E(w) = 1/2 |Y~^T sigma(X w)|^2 on its own.

On the whole table of Z_M with sigma = z^2, and with *unnormalised* DFTs u^_k = sum_a u_a e^(-2 pi i k a / M), so that
E = (2/M) sum_{k != 0} |u^_k|^2 |v^_k|^2 (feat.2),

* modes.1  du^_k/dt = 4 |v^_k|^2 u^_k, dv^_k/dt = 4 |u^_k|^2 v^_k for k != 0; the mean stays.
* modes.2  x = |u^_k|^2, y = |v^_k|^2: dx/dt = dy/dt = 8 x y, so D = x - y stays, and so do phases.
* modes.3  x(t) = D / (1 - e^(-8 D (t* - t))), y(t) = D / (e^(8 D (t* - t)) - 1); both 1 / (8 (t* - t)) where D = 0.
* modes.4  t* = ln(x/y) / (8 (x - y)) = 1 / (8 L(x, y)) at the start, L the logarithmic mean: the mode with the largest
  logarithmic mean wins the node.

k and M - k are one mode, since u and v are real; for even M the mode k = M/2 is real. Any other energy is integrated:
`emerge` and `settle` take its gradient, such as that of `twopeaks.theory.landscape.landscape.Landscape`.

Neglects: the other nodes, decay, the motion of V and the end of growth (G_F is proportional to Y~ Y~^T F~ all along).
Clock: dw/dt = dE/dw. Where G_F = c Y~ Y~^T F~, it is c times the clock of J (see `twopeaks.theory.flows.lazy`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import exprel

from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.solution import PRECISE, Event, Flow, Solution, Solver, State, integrate

__all__ = [
    "GradientField",
    "blow_up_times",
    "emerge",
    "evolved",
    "evolved_energies",
    "mode_energies",
    "on_sphere",
    "population_gradient",
    "settle",
    "winners",
]

Reals = NDArray[np.float64]

#: Gradient of an energy, row by row: (R, 2M) -> (R, 2M).
GradientField = Callable[[Reals], Reals]

_CLOCK = "t of gradient ascent on E = 1/2 |Y~^T sigma(X w)|^2"


def _transforms(w: Reals) -> NDArray[np.complex128]:
    """(R, 2, M // 2 + 1) DFTs of u and v."""
    if w.ndim != 2 or w.shape[1] % 2:
        raise InputError("w", "of shape (R, 2M)", w.shape, "give one node in each row")
    return np.fft.rfft(w.reshape(len(w), 2, -1), axis=2)


def _nodes(transforms: NDArray[np.complex128], order: int) -> Reals:
    return np.asarray(np.fft.irfft(transforms, n=order, axis=2).reshape(len(transforms), -1))


def mode_energies(w: Reals) -> tuple[Reals, Reals]:
    """(R, M // 2) x = |u^_k|^2 and y = |v^_k|^2 of nodes (R, 2M), for k = 1 … M // 2."""
    squares = np.abs(_transforms(w)[:, :, 1:]) ** 2
    return squares[:, 0], squares[:, 1]


def population_gradient(w: Reals) -> Reals:
    """(R, 2M) dE/dw of nodes (R, 2M) on the whole table of Z_M, sigma = z^2. Eq. modes.1."""
    hats = _transforms(w)
    slopes = 4 * np.abs(hats[:, ::-1]) ** 2 * hats
    slopes[:, :, 0] = 0
    return _nodes(slopes, w.shape[1] // 2)


def blow_up_times(x: ArrayLike, y: ArrayLike) -> Reals:
    """t* of modes with energies x, y at the start; infinite where one is zero. Eq. modes.4."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    grows = (x > 0) & (y > 0)
    x, y = np.where(grows, x, 1.0), np.where(grows, y, 1.0)
    # L(x, y) = (x - y)/ln(x/y) without a difference of close numbers.
    mean = np.maximum(x, y) * exprel(-np.abs(np.log(x) - np.log(y)))
    return np.asarray(np.where(grows, 1 / (8 * mean), np.inf))


def evolved_energies(x: ArrayLike, y: ArrayLike, t: float) -> tuple[Reals, Reals]:
    """x(t) and y(t) of modes that start at x and y; infinite from t* on. Eq. modes.3."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    time_left = blow_up_times(x, y) - t
    grows, over = np.isfinite(time_left), time_left <= 0
    s = np.where(grows & ~over, time_left, 1.0)

    def at(start: Reals, exponent: Reals) -> Reals:
        return np.where(over, np.inf, np.where(grows, 1 / (8 * s * exprel(exponent)), start))

    with np.errstate(over="ignore"):  # exprel of a large number is infinite: that mode's smaller energy is zero
        return at(x, -8 * (x - y) * s), at(y, 8 * (x - y) * s)


def evolved(w: Reals, t: float) -> Reals:
    """(R, 2M) nodes at time t on the whole table of Z_M, sigma = z^2, in closed form.

    Raises:
        InputError: if a node has blown up by then.
    """
    x, y = mode_energies(w)
    if (first := blow_up_times(x, y).min()) <= t:
        raise InputError("t", f"below the first blow-up at {first:.6g}", t, "stop earlier")
    hats = _transforms(w)
    for part, (start, now) in enumerate(zip((x, y), evolved_energies(x, y, t), strict=True)):
        hats[:, part, 1:] *= np.sqrt(np.divide(now, start, out=np.ones_like(now), where=start > 0))
    return _nodes(hats, w.shape[1] // 2)


def winners(w: Reals) -> tuple[NDArray[np.int64], Reals]:
    """(R,) winning mode k and (R,) its blow-up time, of nodes (R, 2M) on the whole table of Z_M."""
    times = blow_up_times(*mode_energies(w))
    return 1 + times.argmin(axis=1), times.min(axis=1)


# --- any energy, by integration ------------------------------------------------------------------------


def on_sphere(gradient: GradientField) -> GradientField:
    """The gradient less its part along each node: ascent at fixed |w|, as the paper imposes."""

    def projected(w: Reals) -> Reals:
        g = gradient(w)
        along = (g * w).sum(axis=1, keepdims=True) / (w * w).sum(axis=1, keepdims=True)
        return np.asarray(g - along * w)

    return projected


def emerge(
    gradient: GradientField, w: Reals, times: ArrayLike, *, growth: float = 10.0, solver: Solver = PRECISE
) -> tuple[Solution, ...]:
    """Free ascent of each node (R, 2M) until its norm has grown by a factor: R solutions.

    Observables ``w`` (T, 2M) and ``norm`` (T,); event ``emerged``, which ends the solve: |w| = growth · |w(0)|. For an
    energy of degree 4 it precedes the blow-up by less than about t*/growth^2.
    """

    def events(start: Reals) -> list[Event]:
        bound = growth * float(np.linalg.norm(start))
        return [Event("emerged", lambda t, s: float(np.linalg.norm(s["w"])) / bound - 1, terminal=True)]

    return _each(gradient, w, times, events, solver)


def settle(
    gradient: GradientField, w: Reals, times: ArrayLike, *, tolerance: float = 1e-3, solver: Solver = PRECISE
) -> tuple[Solution, ...]:
    """Ascent of each node (R, 2M) at fixed norm until it is at a peak: R solutions.

    Observables as in `emerge`; event ``settled``, which ends the solve: the part of the gradient along the sphere falls
    below ``tolerance`` of the whole.
    """
    tangent = on_sphere(gradient)

    def slope(t: float, state: State) -> float:
        w = np.asarray(state["w"], dtype=np.float64)[None]
        return tolerance * float(np.linalg.norm(gradient(w))) - float(np.linalg.norm(tangent(w)))

    return _each(tangent, w, times, lambda start: [Event("settled", slope, terminal=True)], solver)


def _each(
    field: GradientField, w: Reals, times: ArrayLike, events: Callable[[Reals], Sequence[Event]], solver: Solver
) -> tuple[Solution, ...]:
    def velocity(t: float, state: State) -> State:
        return {"w": field(np.asarray(state["w"], dtype=np.float64)[None])[0]}

    def observe(t: float, state: State) -> dict[str, ArrayLike]:
        return {"w": state["w"], "norm": float(np.linalg.norm(state["w"]))}

    flow = Flow(velocity, observe, _CLOCK)
    return tuple(integrate(flow, {"w": start}, times, events=events(start), solver=solver) for start in w)
