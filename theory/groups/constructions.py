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

Two-dimensional representations that are, up to scalars, the four matrices 1, i, j, k of the quaternions (Q8, and the
D4, the complex pairs of Q8 x Z3, D4 x Z3, …) need fewer nodes, and leave nothing over:

* quaternionic type: the half-units h = (±1 ± i ± j ± k)/2 have coordinates of equal size, so that squares of nodes are
  constants. The eight of them (up to sign) multiply quaternions: xy = 2 sum_h <h, x> <h', y> h h', where h' is h turned
  by w = (1 + i + j + k)/2: w h w^-1 for an even number of minus signs in h, w^-1 h w for an odd one. Then the h h' are
  the eight half-units again, up to signs, which can be chosen so that they add up to zero.
* other types: in a basis where rho(g) is a scalar times a signed permutation, u = (rho(a) H)_ij, v = (H rho(b))_jk,
  out = rho(c)_ik with the Hadamard matrix H. All entries of rho H are of equal size, so squares depend on a scalar
  alone, and signs +1 for j = 1, -1 for j = 2 undo them. So three phases do for a pair, where others need four, and one
  does for real type, as for any block, but without a function of c.

One frequency of a cyclic group without remainder, in six nodes of plain cosines: `pair_nodes`.

Eqs. heights.2, heights.7 to heights.9, and heights.12.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.groups.representations import Representation

__all__ = [
    "NODES_PER_PAIR",
    "Nodes",
    "feature_nodes",
    "half_units",
    "pair_nodes",
    "quaternion_nodes",
    "quaternion_products",
    "remainder",
    "wanted",
]

_Array = NDArray[np.float64]
_Complex = NDArray[np.complex128]


#: Nodes that build one pair of complex characters without remainder (heights.2).
NODES_PER_PAIR = 6


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
        exact: whether the remainder must be zero; otherwise it is a function of c alone.

    Returns:
        d^3 nodes for real type, 4 d^3 for a complex pair, 2 d^3 for quaternionic type. If ``exact``, d^3 + d for real
        type up to d = 2 and twice as many above, 3/2 of them for the other types.
    """
    if rho.irrep.schur == 1:
        return _real_nodes(rho.matrices.real, exact) if rho.dim > 2 or not exact else _equal_angles(rho.matrices.real)
    matrices = rho.matrices if rho.irrep.schur == 0 else _symplectic(rho.matrices)
    # For quaternionic type every second row repeats the row before.
    rows = slice(None) if rho.irrep.schur == 0 else slice(0, None, 2)
    return _phased_nodes(matrices, rows, 3 if exact else 2)


def quaternion_nodes(rho: Representation) -> Nodes:
    """Nodes without remainder, for a block that is 1, i, j, k up to scalars. Eq. heights.12.

    Args:
        rho: of dimension 2, with |trace| 0 or 2 everywhere.

    Returns:
        8 nodes, 24 for a complex pair.

    Raises:
        ValueError: if the representation is not of this kind.
    """
    traces = np.abs(rho.irrep.character)
    if rho.dim != 2 or not np.all((traces < 1e-6) | (traces > 2 - 1e-6)):
        raise ValueError("needs a representation that is 1, i, j, k up to scalars")
    coordinates, order = _quaternion_coordinates(rho.matrices), len(rho.matrices)
    if rho.irrep.schur == -1:
        x, y, z = (coordinates.real @ part.T for part in half_units())
        return Nodes(np.concatenate([x, y]), 4 / order * z.T)
    J, X, Z = np.array([[0, 1], [-1, 0]]), np.array([[0, 1], [1, 0]]), np.diag([1, -1])
    monomial = np.einsum("gu,uab->gab", coordinates, np.stack([np.eye(2), J, 1j * X, 1j * Z]))
    hadamard = (X + Z) / np.sqrt(2)
    shape = (order, 2, 2, 2)
    first = np.broadcast_to((monomial @ hadamard)[:, :, :, None], shape).reshape(order, -1)
    second = np.broadcast_to((hadamard @ monomial)[:, None, :, :], shape).reshape(order, -1)
    third = np.broadcast_to(monomial[:, :, None, :], shape).reshape(order, -1)
    sign = np.broadcast_to(np.array([1, -1])[None, :, None], (2, 2, 2)).reshape(-1)
    phases, amplitude = (1, 1.0) if rho.irrep.schur == 1 else (3, 8 / 3)
    turns = np.exp(1j * np.pi * np.arange(phases) / 3)
    W = [np.concatenate([(sign * s * first).real, (s * second).real]) for s in turns]
    V = [amplitude / order * (sign * s**2 * third).real.T for s in turns]
    return Nodes(np.concatenate(W, axis=1), np.concatenate(V))


def half_units() -> tuple[_Array, _Array, _Array]:
    """(8, 4) each: h, h' and h h', with signs of h by which the h h' add up to zero. Eq. heights.12."""
    signs = np.array(list(itertools.product([1.0, -1.0], repeat=3)))
    h = np.concatenate([np.ones((8, 1)), signs], axis=1) / 2
    even = np.prod(signs, axis=1, keepdims=True) > 0
    turned = np.where(even, h[:, [0, 3, 1, 2]], h[:, [0, 2, 3, 1]])  # i, j, k turned into j, k, i, or into k, i, j
    product = np.einsum("nx,ny,xyz->nz", h, turned, quaternion_products())
    flip = np.prod(np.sign(product[:, 1:]), axis=1, keepdims=True)
    return flip * h, turned, flip * product


def quaternion_products() -> _Array:
    """(4, 4, 4) table of 1, i, j, k: entry xyz is the coordinate z of x y."""
    table = np.zeros((4, 4, 4))
    for x, row in enumerate(["0+ 1+ 2+ 3+", "1+ 0- 3+ 2-", "2+ 3- 0- 1+", "3+ 2+ 1- 0-"]):
        for y, entry in enumerate(row.split()):
            table[x, y, int(entry[0])] = 1 if entry[1] == "+" else -1
    return table


def _quaternion_coordinates(matrices: _Complex) -> _Complex:
    """(M, 4) coordinates of 2 x 2 matrices in 1, i, j, k, where i and j are two of them made to square to -1."""
    traceless = [m / np.sqrt(np.linalg.det(m)) for m in matrices if abs(np.trace(m)) < 1e-6]
    i = traceless[0]
    j = next(m for m in traceless if abs(np.trace(m @ i)) < 1e-6)
    units = np.stack([np.eye(2), i, j, i @ j])
    return np.asarray(np.einsum("gab,uab->gu", matrices, units.conj()) / 2)


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
    chosen = matrices[:, rows]
    shape = (order, chosen.shape[1], d, d)
    first = np.broadcast_to(chosen[:, :, :, None], shape).reshape(order, -1)
    second = np.broadcast_to(matrices[:, None, :, :], shape).reshape(order, -1)
    third = np.broadcast_to(chosen[:, :, None, :], shape).reshape(order, -1)
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


def pair_nodes(order: int, frequency: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The six nodes of heights.2 for one frequency of Z_M: W (2M, 6) and V (6, M), before rescaling."""
    angle = 2 * np.pi * frequency * np.arange(order) / order
    phi = 2 * np.pi * np.arange(NODES_PER_PAIR) / NODES_PER_PAIR
    first, second = np.cos(angle[:, None] + phi), np.cos(angle[:, None] + 4 * phi)
    V = 4 / (order * NODES_PER_PAIR) * np.cos(angle[None, :] + 5 * phi[:, None])
    return np.concatenate([first, second]), V
