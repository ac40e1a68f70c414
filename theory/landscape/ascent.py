"""Ascent of many nodes at once on the unit sphere, and the second-order test of where they stop.

On |w| = 1 only the tangential part g = dE/dw - lambda w counts, lambda = w·dE/dw. A node is a critical point where
g = 0, and a local maximum only if the Hessian of E on the sphere, P (d^2E/dw^2 - lambda) P with P = I - w w^T, has no
positive eigenvalue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.errors import InputError
from twopeaks.theory.landscape.landscape import Landscape

__all__ = ["Ascents", "ascend", "curvatures", "is_maximum", "random_nodes"]

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Share of the first-order gain g·move that a move must bring (Armijo).
_GAIN = 1e-4
#: Relative error of E, whose class sums nearly cancel: smaller losses are none.
_ROUNDING = 1e-12
#: A node that no longer move can raise is at a kink of sigma, where the gradient does not point upwards.
_SHORTEST = 1e-11
#: Longest move on the unit sphere: derivatives do not describe longer ones, and nodes would leave their basins.
_LONGEST = 0.3
#: Curvatures below this, relative to the largest, count as this one: along flat directions g is rounding alone.
_FLATTEST = 1e-8
#: Numbers in the Hessians of one block of nodes.
_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Ascents:
    """Where R ascents ended.

    Attributes:
        nodes: (R, 2M), |w| = 1.
        energies: (R,) E.
        slopes: (R,) sine of the angle between w and dE/dw; 0 at a critical point.
        converged: (R,) whether the slope fell to the tolerance.
    """

    nodes: Array
    energies: Array
    slopes: Array
    converged: NDArray[np.bool_]

    @property
    def outcome(self) -> str:
        """One sentence: how many ascents converged, and how far off the others are."""
        total, missing = len(self.nodes), int((~self.converged).sum())
        if not missing:
            return f"all {total} ascents converged"
        worst = self.slopes[~self.converged].max()
        return f"{missing} of {total} ascents did not converge (slope up to {worst:.1e})"


def random_nodes(count: int, dim: int, rng: np.random.Generator) -> Array:
    """(count, dim) nodes uniform on the unit sphere."""
    return _normalised(rng.standard_normal((count, dim)))


def ascend(
    landscape: Landscape,
    starts: Array,
    *,
    tolerance: float = 1e-8,
    gradient_steps: int = 500,
    newton_steps: int = 200,
) -> Ascents:
    """Ascent of every node on the unit sphere: E never falls, beyond rounding.

    First along the gradient, each node with its own step, |dw|^2 / |dw·dg| of its last move (Barzilai and Borwein),
    cut until E rises enough; then, for nodes that have not converged, along H^-1 g with all curvatures taken as
    downward, so that both narrow ridges and saddles are left fast. At slope epsilon E is off by epsilon^2 over
    the least relative curvature that is not zero: 1e-8 at worst for the default tolerance.

    Steps are long, so that a node may end on a neighbour of the peak to which the exact gradient flow would take it
    (one or two in a hundred on full tables, five to ten near p = 2/3); the shares of all peaks are the flow's.
    With ReLU most maxima lie at kinks, where no gradient vanishes; nodes that stand there count as not converged.

    Args:
        landscape: E.
        starts: (R, 2M) nodes, none of them 0; they are normalised.
        tolerance: slope at which an ascent has converged.
        gradient_steps: most moves along the gradient.
        newton_steps: most moves along H^-1 g.

    Raises:
        InputError: for starts of another shape, zero, or not finite.
    """
    norms = np.linalg.norm(starts, axis=-1)
    if starts.ndim != 2 or starts.shape[1] != landscape.dim or not (np.isfinite(norms) & (norms > 0)).all():
        expectation = f"finite nodes (R, {landscape.dim}), none 0"
        raise InputError("starts", expectation, f"shape {starts.shape}", "draw them with random_nodes")
    climb = _Climb(landscape, starts)
    _climb_gradient(climb, tolerance, gradient_steps)
    _climb_newton(climb, tolerance, newton_steps)
    return Ascents(climb.w, climb.energy, climb.slope, climb.slope <= tolerance)


class _Climb:
    """Nodes during an ascent: w, E, g (the tangential gradient), its slope, and whether a node is stalled."""

    def __init__(self, landscape: Landscape, starts: Array) -> None:
        self.landscape = landscape
        self.w = _normalised(starts)
        self.energy, self.g, self.slope = self._look(self.w)
        self.stalled = np.zeros(len(starts), dtype=bool)

    def live(self, tolerance: float) -> Indices:
        """Nodes that still move."""
        return np.flatnonzero((self.slope > tolerance) & ~self.stalled)

    def attempt(self, live: Indices, moves: Array) -> NDArray[np.bool_]:
        """Move nodes ``live`` by tangential ``moves`` where that raises E enough; return which moved."""
        w = _normalised(self.w[live] + moves)
        energy, g, slope = self._look(w)
        gain = _GAIN * (self.g[live] * moves).sum(axis=1)
        up = energy >= (1 - _ROUNDING) * self.energy[live] + gain
        moved = live[up]
        self.w[moved], self.energy[moved], self.g[moved], self.slope[moved] = w[up], energy[up], g[up], slope[up]
        self.stalled[live] = ~up & (np.linalg.norm(moves, axis=1) < _SHORTEST)
        return np.asarray(up)

    def _look(self, w: Array) -> tuple[Array, Array, Array]:
        energy, pull = self.landscape.energy_and_gradient(w)
        g = pull - (w * pull).sum(axis=1, keepdims=True) * w
        size = np.linalg.norm(pull, axis=1)
        return energy, g, np.linalg.norm(g, axis=1) / np.where(size > 0, size, 1)


def _climb_gradient(climb: _Climb, tolerance: float, steps: int) -> None:
    step = 0.1 / np.maximum(np.linalg.norm(climb.g, axis=1), np.finfo(float).tiny)
    for _ in range(steps):
        live = climb.live(tolerance)
        if not live.size:
            return
        w, g = climb.w[live], climb.g[live]
        up = climb.attempt(live, _limited(step[live, None] * g))
        dw, dg = climb.w[live] - w, g - climb.g[live]
        curvature = (dw * dg).sum(axis=1)
        # Where E does not curve down along the move, a longer one is safe.
        next_step = np.where(curvature > 0, (dw**2).sum(axis=1) / np.where(curvature > 0, curvature, 1), 2 * step[live])
        step[live] = np.where(up, next_step, step[live] / 4)


def _climb_newton(climb: _Climb, tolerance: float, steps: int) -> None:
    for _ in range(steps):
        live = climb.live(tolerance)
        if not live.size:
            return
        moves = _newton_moves(climb.landscape, climb.w[live], climb.g[live])
        while live.size:
            up = climb.attempt(live, moves)
            refused = ~up & ~climb.stalled[live]
            live, moves = live[refused], moves[refused] / 4


def _newton_moves(landscape: Landscape, w: Array, g: Array) -> Array:
    """(R, 2M) H^-1 g on the sphere, every curvature taken as downward."""
    moves = np.empty_like(w)
    size = max(1, _BLOCK // landscape.dim**2)
    for block in (slice(start, start + size) for start in range(0, len(w), size)):
        kappa, axes = np.linalg.eigh(_on_sphere(landscape, w[block]))
        kappa = np.abs(kappa)
        kappa = np.maximum(kappa, _FLATTEST * kappa.max(axis=1, keepdims=True))
        moves[block] = np.einsum("rij,rj,rkj,rk->ri", axes, 1 / kappa, axes, g[block], optimize=True)
    return _limited(moves)


def _on_sphere(landscape: Landscape, w: Array) -> Array:
    """(R, 2M, 2M) P (d^2E/dw^2 - lambda) P; in the normal direction it is lower than in any other."""
    normal = w[:, :, None] * w[:, None, :]
    P = np.eye(landscape.dim) - normal
    radial = (w * landscape.gradient(w)).sum(axis=1)[:, None, None]
    tangential = P @ landscape.hessian(w) @ P - radial * P
    return np.asarray(tangential - (1 + np.linalg.norm(tangential, axis=(1, 2), keepdims=True)) * normal)


def curvatures(landscape: Landscape, w: Array) -> Array:
    """Eigenvalues, ascending, of the Hessian of E on the unit sphere at nodes of norm 1: (R, 2M) -> (R, 2M - 1)."""
    return np.asarray(np.linalg.eigvalsh(_on_sphere(landscape, w))[:, 1:])


def is_maximum(landscape: Landscape, w: Array, tolerance: float = 1e-6) -> NDArray[np.bool_]:
    """(R,) whether E > 0 and curves up nowhere: no curvature above ``tolerance`` times the steepest downward one.

    A maximum passes, also one with flat directions; a critical point that passes could still be none if E rises
    along a flat direction in higher order. Where E = 0, the least value there is, a node has not risen at all.
    """
    eigenvalues = curvatures(landscape, w)
    return np.asarray((landscape.energy(w) > 0) & (eigenvalues[:, -1] <= -tolerance * eigenvalues[:, 0]))


def _limited(moves: Array) -> Array:
    """The same moves, none longer than `_LONGEST`."""
    length = np.linalg.norm(moves, axis=1, keepdims=True)
    return np.asarray(moves * (_LONGEST / np.maximum(length, _LONGEST)))


def _normalised(w: Array) -> Array:
    return np.asarray(w / np.linalg.norm(w, axis=1, keepdims=True))
