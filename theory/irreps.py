"""Characters of a finite group: dimensions and Frobenius-Schur types of its irreducible representations.

Burnside's method. For class sums C_i the structure constants a_ijk (C_i C_j = sum_k a_ijk C_k) define commuting
matrices [A_i]_jk = a_ijk. Their common eigenvectors have entries omega_rho(C_j) = |C_j| chi_rho(C_j) / d_rho, with
A_i omega = omega(C_i) omega, and orthogonality of characters gives d_rho^2 = M / sum_j |omega(C_j)|^2 / |C_j|.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.groups import Group

__all__ = ["Irrep", "irreps"]


@dataclass(frozen=True)
class Irrep:
    """One irreducible representation over the complex numbers.

    Attributes:
        dim: dimension d_rho.
        schur: Frobenius-Schur indicator: 1 real, 0 complex, -1 quaternionic type.
        character: (M,) complex, chi_rho(g).
    """

    dim: int
    schur: int
    character: NDArray[np.complex128]

    @property
    def is_trivial(self) -> bool:
        """Whether rho(g) = 1 for all g."""
        return self.dim == 1 and bool(np.allclose(self.character, 1))


def irreps(group: Group) -> tuple[Irrep, ...]:
    """All irreducible representations, by dimension, the trivial one first.

    The laws they satisfy, which the tests check: sum d^2 = M; characters orthonormal; chi(1) = d;
    sum over rho of schur·d = number of g with g^2 = 1.

    Raises:
        ArithmeticError: if the laws fail numerically, so a wrong character never leaves here.
    """
    classes = group.conjugacy_classes
    sizes = np.array([len(c) for c in classes])
    class_of = np.empty(group.order, dtype=np.int64)
    for j, members in enumerate(classes):
        class_of[list(members)] = j
    omega = _central_characters(group, sizes, class_of)
    dims = np.sqrt(group.order / (np.abs(omega) ** 2 / sizes).sum(axis=1))
    chi = (omega / sizes * dims[:, None])[:, class_of]
    squares = np.diagonal(group.table)
    schur = chi[:, squares].mean(axis=1)
    _check_laws(group, chi, dims, schur)
    found = [Irrep(round(d), round(s.real), character) for d, s, character in zip(dims, schur, chi, strict=True)]
    return tuple(sorted(found, key=lambda rho: (rho.dim, not rho.is_trivial, -rho.schur)))


def _central_characters(group: Group, sizes: NDArray[np.int64], class_of: NDArray[np.int64]) -> NDArray[np.complex128]:
    """(R, R) array omega[rho, j], from the eigenvectors of one generic combination of the A_i."""
    count = len(sizes)
    # a_ijk = number of (x, y) in C_i x C_j with x·y = z for one fixed z in C_k; here y = x^-1·z.
    generic = np.random.default_rng(0).standard_normal(count)
    combined = np.zeros((count, count))
    elements = np.arange(group.order)
    for k, members in enumerate(group.conjugacy_classes):
        y = group.table[group.inverses[elements], members[0]]
        np.add.at(combined[:, k], class_of[y], generic[class_of[elements]])
    # Scaling by sqrt|C_j| makes the matrix normal, so its eigenvectors are found to rounding.
    scale = np.sqrt(sizes)
    _, vectors = np.linalg.eig(combined * scale[None, :] / scale[:, None])
    omega = (vectors * scale[:, None]).T
    identity_class = int(class_of[group.identity])
    return np.asarray(omega / omega[:, [identity_class]], dtype=np.complex128)


def _check_laws(
    group: Group,
    chi: NDArray[np.complex128],
    dims: NDArray[np.float64],
    schur: NDArray[np.complex128],
) -> None:
    orthonormal = np.abs(chi @ chi.conj().T / group.order - np.eye(len(chi))).max()
    whole = np.abs(dims - np.round(dims)).max()
    indicator = np.abs(schur - np.round(schur.real)).max()
    if not max(orthonormal, whole, indicator) < 1e-6:
        raise ArithmeticError(
            f"characters of {group.name} lost precision "
            f"(orthogonality {orthonormal:.1e}, dimension {whole:.1e}, type {indicator:.1e})"
        )
