"""Networks built node by node: x^2 nodes that compute what one irreducible representation adds to the labels.

What a block (a real irreducible representation, a complex pair, or a quaternionic one) adds to the centred one-hot of
a·b is (d/M) sum_ijk rho_ij(a) rho_jk(b) conj rho_ik(c), twice its real part for a pair. One triple (i, j, k) takes

* real type: u = rho_ij(a), v = rho_jk(b), out = rho_ik(c): 2uv is wanted, and the squares add up to constants, for
  sum_j rho_ij^2 = 1. What is left is a function of c alone.
* otherwise, for each of some phases s, two nodes with u = Re(s rho_ij(a)), v = Re(rho_jk(b)) and with
  u = Re(i s rho_ij(a)), v = Re(-i rho_jk(b)), both with out = Re(s rho_ik(c)): what the first does beside the wanted
  term the second undoes, but for constants. Two phases, 1 and i, leave a function of c; three, the cube roots of 1,
  leave nothing, and so do two signs in the real case.

A function of c is left because the rank-one matrices e_i e_k^T that the triples stand for do not add up to zero. D + 1
of them at equal angles do: for d = 1 the numbers 1 and -1, for d = 2 x_m y_m^T with x_m on a pentagon and y_m on a
pentagram. Then u = (x_m^T rho(a))_j, v = (rho(b) y_m)_j, out = x_m^T rho(c) y_m leave nothing, with d nodes more.

Eqs. heights.7 to heights.9.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory.representations import Representation

__all__ = ["Nodes", "feature_nodes", "remainder", "wanted"]

_Array = NDArray[np.float64]
_Complex = NDArray[np.complex128]


class Nodes(NamedTuple):
    """N nodes of an x^2 network.

    Attributes:
        W: (2M, N) weights of the two one-hot inputs, first operand first.
        V: (N, M) what each node adds to the outputs.
    """

    W: _Array
    V: _Array


def feature_nodes(rho: Representation, *, exact: bool = False) -> Nodes:
    """Nodes of equal norm that build one block, given one of its representations.

    Args:
        rho: any but the trivial one; for a complex pair either of the two.
        exact: whether a function of c alone may not be left over.

    Returns:
        d^3 nodes for real type, 4 d^3 for a complex pair, 2 d^3 for quaternionic type. If ``exact``, d^3 + d for real
        type up to d = 2 and twice as many above, 3/2 of them for the other types.
    """
    if rho.irrep.schur == 1:
        return _real_nodes(rho.matrices.real, exact) if rho.dim > 2 or not exact else _equal_angles(rho.matrices.real)
    matrices = rho.matrices if rho.irrep.schur == 0 else _symplectic(rho.matrices)
    # Of quaternionic type every second row says the same as the row before.
    rows = slice(None) if rho.irrep.schur == 0 else slice(0, None, 2)
    return _phased_nodes(matrices, rows, 3 if exact else 2)


def wanted(rho: Representation, table: NDArray[np.int64]) -> _Array:
    """(M, M, M) what the block adds to the centred one-hot of a·b: (d/M) chi(a·b·c^-1), twice its real part for a pair.

    Args:
        rho: one representation of the block.
        table: the group's Cayley table.
    """
    order, d = len(table), rho.dim
    products = np.einsum("xij,cij->xc", rho.matrices, rho.matrices.conj()).real
    return np.asarray((2 if rho.irrep.schur == 0 else 1) * d / order * products[table])


def remainder(nodes: Nodes, rho: Representation, table: NDArray[np.int64]) -> _Array:
    """(M, M, M) what the nodes compute beyond what is wanted."""
    order = len(table)
    hidden = (nodes.W[:order, None, :] + nodes.W[None, order:, :]) ** 2
    return np.asarray(hidden @ nodes.V - wanted(rho, table))


def _real_nodes(matrices: _Array, exact: bool) -> Nodes:
    order, d, _ = matrices.shape
    shape = (order, d, d, d)
    u = np.broadcast_to(matrices[:, :, :, None], shape).reshape(order, -1)  # rho_ij for every (i, j, k)
    v = np.broadcast_to(matrices[:, None, :, :], shape).reshape(order, -1)  # rho_jk
    out = d / (2 * order) * np.broadcast_to(matrices[:, :, None, :], shape).reshape(order, -1).T  # rho_ik
    if not exact:
        return Nodes(np.concatenate([u, v]), out)
    signs = [np.concatenate([u, sign * v]) for sign in (1, -1)]
    return Nodes(np.concatenate(signs, axis=1), np.concatenate([out, -out]) / 2)


def _equal_angles(matrices: _Array) -> Nodes:
    order, d, _ = matrices.shape
    angles = 2 * np.pi * np.arange(5) / 5
    x = np.array([[1.0], [1.0]]) if d == 1 else np.stack([np.cos(angles), np.sin(angles)], axis=1)
    y = np.array([[1.0], [-1.0]]) if d == 1 else np.stack([np.cos(2 * angles), np.sin(2 * angles)], axis=1)
    u = np.einsum("mi,aij->amj", x, matrices).reshape(order, -1)
    v = np.einsum("bjk,mk->bmj", matrices, y).reshape(order, -1)
    out = np.repeat(np.einsum("mi,cik,mk->mc", x, matrices, y), d, axis=0)
    return Nodes(np.concatenate([u, v]), d**2 / (d**2 + 1) * d / (2 * order) * out)


def _phased_nodes(matrices: _Complex, rows: slice, phases: int) -> Nodes:
    order, d, _ = matrices.shape
    some = matrices[:, rows]
    shape = (order, some.shape[1], d, d)
    first = np.broadcast_to(some[:, :, :, None], shape).reshape(order, -1)
    second = np.broadcast_to(matrices[:, None, :, :], shape).reshape(order, -1)
    third = np.broadcast_to(some[:, :, None, :], shape).reshape(order, -1)
    turns = [1, 1j] if phases == 2 else list(np.exp(2j * np.pi * np.arange(phases) / phases))
    W = [np.concatenate([(s * p * first).real, (second / p).real]) for s in turns for p in (1, 1j)]
    V = [2 * d / (order * phases) * (s * third).real.T for s in turns for _ in (1, 1j)]
    return Nodes(np.concatenate(W, axis=1), np.concatenate(V))


def _symplectic(matrices: _Complex) -> _Complex:
    """The same in a basis e_1, J e_1, e_2, J e_2, … with the antilinear J, J^2 = -1, that commutes with all rho(g)."""
    order, d, _ = matrices.shape
    rng = np.random.default_rng(0)
    start = rng.standard_normal((d, d)) + 1j * rng.standard_normal((d, d))
    J = np.einsum("gij,jk,glk->il", matrices, start, matrices) / order  # rho J rho^T = J: x -> J conj(x) commutes
    J /= np.linalg.norm(J[0])
    basis: list[_Complex] = []
    while len(basis) < d:
        x: _Complex = np.asarray(rng.standard_normal(d) + 1j * rng.standard_normal(d))
        for e in basis:
            x = np.asarray(x - e * (e.conj() @ x))
        unit: _Complex = x / np.linalg.norm(x)
        basis += [unit, J @ unit.conj()]
    Q = np.stack(basis, axis=1)
    return np.asarray(Q.conj().T @ matrices @ Q)
