"""Matrices of all irreducible unitary representations of a finite group given as a table.

For one character chi of dimension d >= 2:

* representations.1  On functions on H, left translation (L(g) f)(h) = f(g^-1 h) contains rho just d times, within the
  range of the projector P[h, k] = (d/M) chi(k h^-1), which has dimension d^2.
* representations.2  Right translations (R(k) f)(h) = f(hk) commute with all L(g). A random Hermitian combination
  C = sum_k c(k) R(k), c(k^-1) = conj c(k), restricted to that range is a d x d Hermitian matrix times the identity of
  rho: d eigenspaces of dimension d, each one copy of rho.
* representations.3  An orthonormal basis V of one of them, (M, d), gives rho(g) = V^H L(g) V: unitary, and wrong only
  by the square of the error of V. The eigenspace whose eigenvalue is farthest from all others has the best V.

For real type P, c and so V and rho are real: rho(g) is orthogonal. Of a complex pair {chi, conj chi} one is
constructed and the other has the conjugate matrices. The basis of a representation means nothing: only what no unitary
change of basis alters (norms, traces, singular values) belongs in a result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.groups.group import Group
from twopeaks.theory.groups.irreps import Irrep, conjugate_index, irreps

__all__ = ["Representation", "representations"]

_Array = NDArray[np.float64] | NDArray[np.complex128]

#: Largest deviation from the laws that leaves this module; rounding alone gives about 1e-14.
_TOLERANCE = 1e-11


@dataclass(frozen=True, eq=False)
class Representation:
    """An irreducible representation with its matrices.

    Attributes:
        irrep: dimension, type and character.
        matrices: (M, d, d) complex, read-only: ``matrices[g]`` is rho(g), unitary; for real type orthogonal, with
            imaginary part exactly 0.
    """

    irrep: Irrep
    matrices: NDArray[np.complex128]

    @property
    def dim(self) -> int:
        """Dimension d."""
        return self.irrep.dim


def representations(group: Group) -> tuple[Representation, ...]:
    """All irreducible unitary representations, in the order of `irreps`. Eqs. representations.1 to 3.

    The same table always gives the same matrices (up to rounding). Memory grows with M^2, time with M^3.

    Raises:
        ArithmeticError: if a law fails numerically, so a wrong matrix never leaves here.
    """
    all_irreps = irreps(group)
    built: list[NDArray[np.complex128]] = []
    for i, partner in enumerate(conjugate_index(all_irreps)):
        matrices = built[partner].conj() if partner < i else _matrices(group, all_irreps[i])
        _check_laws(group, all_irreps[i], matrices)
        matrices.setflags(write=False)
        built.append(matrices)
    return tuple(Representation(rho, matrices) for rho, matrices in zip(all_irreps, built, strict=True))


def _matrices(group: Group, rho: Irrep) -> NDArray[np.complex128]:
    """(M, d, d) matrices rho(g)."""
    if rho.dim == 1:
        return rho.character[:, None, None].copy()
    V = _one_copy(group, rho)
    left_divided = group.table[group.inverses]  # [g, h] -> g^-1·h
    columns = [column[left_divided] @ V.conj() for column in V.T]  # column j of all rho(g): (M, d)
    return np.stack(columns, axis=-1).astype(np.complex128)


def _one_copy(group: Group, rho: Irrep) -> _Array:
    """(M, d) orthonormal functions that left translation transforms by rho; real for real type."""
    rng = np.random.default_rng(0)
    Q = _isotypic_basis(group, rho, rng)
    c = _random(rng, group.order, rho)
    c = c + c[group.inverses].conj()
    C = c[group.table[group.inverses]]  # [h, k] -> c(h^-1 k)
    values, vectors = np.linalg.eigh(Q.conj().T @ C @ Q)
    levels = values.reshape(rho.dim, rho.dim)
    gaps = np.concatenate([[np.inf], levels[1:, 0] - levels[:-1, -1], [np.inf]])
    best = int(np.minimum(gaps[1:], gaps[:-1]).argmax())
    return np.asarray(Q @ vectors[:, best * rho.dim : (best + 1) * rho.dim])


def _isotypic_basis(group: Group, rho: Irrep, rng: np.random.Generator) -> _Array:
    """(M, d^2) orthonormal basis of the functions that hold rho. Eq. representations.1."""
    chi = rho.character.real if rho.schur == 1 else rho.character
    P = rho.dim / group.order * chi[group.table[:, group.inverses].T]  # [h, k] -> k·h^-1
    # Twice, as a random start alone may be ill-conditioned.
    Q = np.linalg.qr(P @ _random(rng, (group.order, rho.dim**2), rho)).Q
    return np.asarray(np.linalg.qr(P @ Q).Q)


def _random(rng: np.random.Generator, shape: int | tuple[int, int], rho: Irrep) -> _Array:
    real = rng.standard_normal(shape)
    return real if rho.schur == 1 else real + 1j * rng.standard_normal(shape)


def _check_laws(group: Group, rho: Irrep, matrices: NDArray[np.complex128]) -> None:
    # rho(x) rho(g) = rho(xg) for all x and generators g gives all products; the character gives irreducibility.
    products = [np.abs(matrices @ matrices[g] - matrices[group.table[:, g]]).max() for g in group.generators]
    product = max(products, default=0.0)
    unitary = np.abs(matrices @ matrices.conj().swapaxes(1, 2) - np.eye(rho.dim)).max()
    character = np.abs(np.trace(matrices, axis1=1, axis2=2) - rho.character).max()
    if not max(product, unitary, character) < _TOLERANCE:
        raise ArithmeticError(
            f"a representation of {group.name} of dimension {rho.dim} lost precision "
            f"(product {product:.1e}, unitarity {unitary:.1e}, character {character:.1e})"
        )
