"""The cheapest x^2 nodes of one block, found numerically: what heights.7 bounds from above.

In an orthonormal basis phi_m of the block's D real functions a node is three vectors: u = x·phi, v = y·phi, out =
z·phi/2M. It adds x (x) y (x) z to the block's tensor t_mnp, the coefficients of phi_p(ab) on phi_m(a) phi_n(b), and
(x^T P_r x) z to what must not be there, where the P_r are the coefficients of phi_m phi_n on functions other than 1.
Sums of both over the nodes are asked to be t and 0: then the nodes compute the block up to a function of c. Least norm
is the least sum of s^(2/3), s = (|x|^2 + |y|^2)/2 |z|, hence of (|x|^2 + |y|^2 + |z|^2)/3 over all scales of nodes.

t is that of the algebra (real, complex or quaternionic matrices) and no more. The group enters by the P_r alone: the
fewer products of its functions differ, the fewer conditions there are. So cost depends on the *image* rho(G) up to a
change of basis, and on M only by (M/d)^(1/3). Minimised by augmented Lagrangians (equality constraints by multipliers
and a penalty) with quasi-Newton descent from random starts. Eqs. heights.7 to heights.9, heights.12.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from twopeaks.theory.groups.representations import Representation

__all__ = ["Found", "block_tensors", "image", "search"]

_Array = NDArray[np.float64]
_Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

#: Largest violation of the conditions (root of the sum of squares; t itself has norm sqrt D) that counts as none.
_TOLERANCE = 2e-5
#: Nodes smaller than this share of the largest are dust.
_DUST = 1e-3
_ROUNDS, _ITERATIONS, _FIRST_PENALTY = 20, 500, 20.0


@dataclass(frozen=True)
class Found:
    """The cheapest nodes that a search has met.

    Attributes:
        cost: kappa, the norm of the block over (M/d)^(1/3).
        left: M Σ_c beta(c)^2 of the function of c that is left over (f d D for the nodes of heights.8).
        sizes: s of each node, falling.
        x, y, z: (N, D) each: the nodes in the basis of `block_tensors`.
    """

    cost: float
    left: float
    sizes: tuple[float, ...]
    x: _Array
    y: _Array
    z: _Array


def image(rho: Representation) -> NDArray[np.complex128]:
    """(M', d, d) the different matrices of a representation."""
    flat = rho.matrices.reshape(len(rho.matrices), -1).round(6) + 0.0  # no -0
    _, first = np.unique(np.concatenate([flat.real, flat.imag], axis=1), axis=0, return_index=True)
    return rho.matrices[np.sort(first)]


def block_tensors(rho: Representation) -> tuple[_Array, _Array]:
    """The tensor t, (D, D, D), and the conditions P, (R, D, D), of one block, of which ``rho`` is a representation."""
    some = image(rho)
    order = len(some)
    flat = some.reshape(order, -1)
    product = np.einsum("aij,bjk->abik", some, some).reshape(order**2, -1)
    # Unitary matrices of one size are equal where the real part of their inner product is largest.
    table = (product @ flat.conj().T).real.argmax(axis=1).reshape(order, order)
    basis, sizes, _ = np.linalg.svd(np.concatenate([flat.real, flat.imag], axis=1), full_matrices=False)
    phi = np.sqrt(order) * basis[:, sizes > 1e-9 * sizes[0]]
    dim = phi.shape[1]
    t = np.einsum("abp,am,bn->mnp", phi[table], phi, phi, optimize=True) / order**2
    squares = (phi[:, :, None] * phi[:, None, :] - np.eye(dim)).reshape(order, -1) / np.sqrt(order)
    _, sizes, rows = np.linalg.svd(squares, full_matrices=False)
    some_rows = sizes > 1e-9
    return t, (sizes[some_rows, None] * rows[some_rows]).reshape(-1, dim, dim)


def search(rho: Representation, nodes: int, *, exact: bool = False, seeds: int = 4) -> Found | None:
    """The cheapest of several descents from random starts, the same at each call.

    Args:
        rho: a representation of the block.
        nodes: to start with; those not needed go to zero. fdD + D is plenty.
        exact: whether a function of c may not be left over.
        seeds: number of starts.

    Returns:
        The best found, None if no start has met the conditions.
    """
    t, P = block_tensors(rho)
    descents = [_descend(_Problem(t, P, exact), nodes, np.random.default_rng(seed)) for seed in range(seeds)]
    unit = 3 * (rho.dim / 4) ** (1 / 3)
    ends = [_found(x, unit) for x, violation in descents if violation < _TOLERANCE]
    return min(ends, key=lambda found: found.cost, default=None)


def _found(nodes: _Array, unit: float) -> Found:
    x, y, z = nodes
    power = (x**2).sum(axis=1) + (y**2).sum(axis=1)
    s = power / 2 * np.sqrt((z**2).sum(axis=1))
    left = float(((power @ z) ** 2).sum() / 4)
    kept = np.argsort(-s)[: int((s > _DUST * s.max()).sum())]
    return Found(float(unit * (s ** (2 / 3)).sum()), left, tuple(s[kept].tolist()), x[kept], y[kept], z[kept])


@dataclass(frozen=True)
class _Problem:
    t: _Array
    P: _Array
    exact: bool

    def conditions(self, nodes: _Array) -> list[_Array]:
        """What should be zero: tensor, squares of the first and of the second operand, function of c."""
        x, y, z = nodes
        built = np.einsum("jm,jn,jp->mnp", x, y, z, optimize=True) - self.t
        conditions = [built, *(self._squares(w)[1].T @ z for w in (x, y))]
        if self.exact:
            conditions.append(((x**2).sum(axis=1) + (y**2).sum(axis=1)) @ z)
        return conditions

    def value(self, flat: _Array, multipliers: list[_Array], penalty: float) -> tuple[float, _Vector]:
        """Augmented Lagrangian and its slope at nodes (3 N D,)."""
        nodes = flat.reshape(3, -1, len(self.t))
        x, y, z = nodes
        broken = self.conditions(nodes)
        pull = [m + penalty * c for m, c in zip(multipliers, broken, strict=True)]
        f = float(flat @ flat) / 3 + sum(
            float((m * c).sum() + penalty / 2 * (c**2).sum()) for m, c in zip(multipliers, broken, strict=True)
        )
        slope = 2 / 3 * nodes
        along = np.tensordot(z, pull[0], (1, 2))  # (N, D, D)
        slope[0] += np.einsum("jmn,jn->jm", along, y)
        slope[1] += np.einsum("jmn,jm->jn", along, x)
        slope[2] += (x[:, :, None] * y[:, None, :]).reshape(len(x), -1) @ pull[0].reshape(-1, len(self.t))
        for i, w in enumerate((x, y)):
            half, squares = self._squares(w)
            slope[2] += squares @ pull[1 + i]
            slope[i] += 2 * np.einsum("jr,jrn->jn", z @ pull[1 + i].T, half)
        if self.exact:
            slope[2] += ((x**2).sum(axis=1) + (y**2).sum(axis=1))[:, None] * pull[3]
            slope[:2] += 2 * (z @ pull[3])[:, None] * nodes[:2]
        return f, slope.ravel()

    def _squares(self, w: _Array) -> tuple[_Array, _Array]:
        """P_r w of each node, (N, R, D), and w^T P_r w, (N, R)."""
        half = np.tensordot(w, self.P, (1, 1))
        return half, np.einsum("jrn,jn->jr", half, w)


def _descend(problem: _Problem, count: int, rng: np.random.Generator) -> tuple[_Array, float]:
    """Nodes (3, N, D) and by how much they miss the conditions."""
    nodes = 0.5 * rng.standard_normal((3, count, len(problem.t)))
    multipliers = [np.zeros_like(c) for c in problem.conditions(nodes)]
    penalty, before = _FIRST_PENALTY, np.inf
    for _ in range(_ROUNDS):
        nodes = _lower(problem, nodes, multipliers, penalty)
        broken = problem.conditions(nodes)
        multipliers = [m + penalty * c for m, c in zip(multipliers, broken, strict=True)]
        violation = float(np.sqrt(sum((c**2).sum() for c in broken)))
        if violation < _TOLERANCE / 10:
            break
        penalty, before = penalty * (2 if violation > 0.3 * before else 1), violation
    return nodes, float(np.sqrt(sum((c**2).sum() for c in problem.conditions(nodes))))


def _lower(problem: _Problem, nodes: _Array, multipliers: list[_Array], penalty: float) -> _Array:
    """A local minimum of the augmented Lagrangian."""

    def value(flat: _Array) -> tuple[float, _Vector]:
        return problem.value(flat, multipliers, penalty)

    end = minimize(
        value,
        nodes.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _ITERATIONS, "maxcor": 20, "ftol": 1e-14, "gtol": 1e-8},
    )
    return np.asarray(end.x.reshape(nodes.shape))
