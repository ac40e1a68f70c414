"""Characters of a finite group: dimensions and Frobenius-Schur types of its irreducible representations.

Burnside's method. For class sums C_i the structure constants a_ijk (C_i C_j = sum_k a_ijk C_k) define commuting
matrices [A_i]_jk = a_ijk. Their common eigenvectors have entries omega_rho(C_j) = |C_j| chi_rho(C_j) / d_rho, with
A_i omega = omega(C_i) omega, and orthogonality of characters gives d_rho^2 = M / sum_j |omega(C_j)|^2 / |C_j|.

Then Dixon's observation makes them exact: rho(g) of an element of order o has eigenvalues exp(2 pi i k/o), each a
whole number of times, m_k = (1/o) sum_j chi(g^j) exp(-2 pi i jk/o). Rounding the m_k and summing again leaves no
error but that of the last operation (Dixon, Numer. Math. 10 (1967) 446).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.groups.group import Group

__all__ = ["Irrep", "block_basis", "conjugate_index", "irreps", "real_blocks"]


@dataclass(frozen=True)
class Irrep:
    """One irreducible representation over the complex numbers.

    Attributes:
        dim: dimension d_rho.
        schur: Frobenius-Schur indicator: 1 real, 0 complex, -1 quaternionic type.
        character: (M,) complex, chi_rho(g); its imaginary part is exactly 0 unless the type is complex.
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

    Among those of one dimension the order is that of the real part of their characters, falling, so the two of
    a complex pair {chi, conj chi} are neighbours.

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
    chi = _made_exact(group, omega / sizes * dims[:, None], class_of)[:, class_of]
    schur = chi[:, np.diagonal(group.table)].mean(axis=1)
    _check_laws(group, chi, dims, schur)
    unsorted = [_irrep(round(d), round(s.real), character) for d, s, character in zip(dims, schur, chi, strict=True)]
    representatives = [members[0] for members in classes]
    return tuple(sorted(unsorted, key=lambda rho: _rank(rho, representatives)))


def conjugate_index(all_irreps: Sequence[Irrep]) -> NDArray[np.int64]:
    """(R,) the irrep at ``conjugate_index(all_irreps)[i]`` has the conjugate of character i; often i itself."""
    chi = np.array([rho.character for rho in all_irreps])
    return np.asarray((chi @ chi.T).real.argmax(axis=1), dtype=np.int64)  # M where one is the other's conjugate, or 0


def real_blocks(all_irreps: Sequence[Irrep]) -> tuple[tuple[int, ...], ...]:
    """Positions of the irreps that real functions cannot distinguish: (i,), or (i, j) for chi_j = conj chi_i."""
    partners = conjugate_index(all_irreps)
    return tuple((i,) if i == j else (i, int(j)) for i, j in enumerate(partners) if i <= j)


def block_basis(group: Group) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Real functions on the group, sorted by what they transform as.

    The projectors P_b[h, k] = (1/M) sum_{rho in b} d_rho chi_rho(k h^-1) of the real blocks are symmetric and add up
    to 1, so the eigenvectors of sum_b b P_b with eigenvalue b are a basis of block b.

    Returns:
        Q: (M, M) orthogonal; each row is a function, so row i of Q f is one coefficient of f.
        blocks: (M,) position among `real_blocks` of what each row belongs to, rising.

    Raises:
        ArithmeticError: if the eigenvalues are not nearly whole.
    """
    all_irreps = irreps(group)
    weighted = sum(
        b * all_irreps[i].dim * all_irreps[i].character.real
        for b, block in enumerate(real_blocks(all_irreps))
        for i in block
    )
    quotient = group.table[:, group.inverses].T  # [h, k] -> k·h^-1
    values, vectors = np.linalg.eigh(np.asarray(weighted)[quotient] / group.order)
    blocks = np.round(values)
    if not np.abs(values - blocks).max() < 1e-6:
        raise ArithmeticError(f"projectors of {group.name} lost precision ({np.abs(values - blocks).max():.1e})")
    return np.ascontiguousarray(vectors.T), blocks.astype(np.int64)


def _central_characters(group: Group, sizes: NDArray[np.int64], class_of: NDArray[np.int64]) -> NDArray[np.complex128]:
    """(R, R) array omega[rho, j], from the eigenvectors of one generic combination of the A_i."""
    count = len(sizes)
    rng = np.random.default_rng(0)
    generic = rng.standard_normal(count) + 1j * rng.standard_normal(count)
    # omega(C^-1) = conj omega(C): weights conjugate on inverse classes make all eigenvalues real.
    generic += generic[class_of[group.inverses[[c[0] for c in group.conjugacy_classes]]]].conj()
    # a_ijk = number of (x, y) in C_i x C_j with x·y = z for one fixed z in C_k; here y = x^-1·z.
    combined = np.zeros((count, count), dtype=np.complex128)
    for k, members in enumerate(group.conjugacy_classes):
        y = group.table[group.inverses, members[0]]
        np.add.at(combined[:, k], class_of[y], generic[class_of])
    # Scaling by sqrt|C_j| makes the matrix Hermitian, so its eigenvectors are found to rounding.
    scale = np.sqrt(sizes)
    _, vectors = np.linalg.eigh(combined * scale[None, :] / scale[:, None])
    omega = (vectors * scale[:, None]).T
    identity_class = int(class_of[group.identity])
    return np.asarray(omega / omega[:, [identity_class]], dtype=np.complex128)


def _made_exact(group: Group, chi: NDArray[np.complex128], class_of: NDArray[np.int64]) -> NDArray[np.complex128]:
    """(R, R) characters on classes, with the multiplicities of their eigenvalues rounded to whole numbers.

    Raises:
        ArithmeticError: if they are not nearly whole, or negative.
    """
    exact = np.empty_like(chi)
    done = np.zeros(len(chi), dtype=bool)
    # An element of large order settles the classes of all its powers at once.
    for g in np.argsort(-group.element_orders, kind="stable"):
        if done[class_of[g]]:
            continue
        powers = class_of[_powers(group, int(g))]
        multiplicities = np.fft.fft(chi[:, powers], axis=1) / len(powers)
        rounded = np.round(multiplicities.real)
        error = np.abs(multiplicities - rounded).max()
        if not (error < 0.01 and rounded.min() >= 0):
            raise ArithmeticError(f"characters of {group.name} lost precision (multiplicities {error:.1e} off)")
        j = np.arange(len(powers))
        exact[:, powers] = rounded @ np.exp(2j * np.pi * j / len(j))[np.outer(j, j) % len(j)]
        done[powers] = True
    return exact


def _powers(group: Group, g: int) -> list[int]:
    """1, g, g^2, … as far as they differ."""
    powers = [group.identity]
    while (power := int(group.table[powers[-1], g])) != group.identity:
        powers.append(power)
    return powers


def _irrep(dim: int, schur: int, character: NDArray[np.complex128]) -> Irrep:
    exact = character if schur == 0 else character.real.astype(np.complex128)
    exact.setflags(write=False)
    return Irrep(dim, schur, exact)


def _rank(rho: Irrep, representatives: Sequence[int]) -> tuple[int, bool, int, tuple[float, ...], tuple[float, ...]]:
    values = rho.character[representatives].round(6)
    return rho.dim, not rho.is_trivial, -rho.schur, tuple(-values.real), tuple(-values.imag)


def _check_laws(
    group: Group,
    chi: NDArray[np.complex128],
    dims: NDArray[np.float64],
    schur: NDArray[np.complex128],
) -> None:
    orthonormal = np.abs(chi @ chi.conj().T / group.order - np.eye(len(chi))).max()
    dimension = np.abs(dims - np.round(dims)).max()
    indicator = np.abs(schur - np.round(schur.real)).max()
    if not max(orthonormal, dimension, indicator) < 1e-6:
        raise ArithmeticError(
            f"characters of {group.name} lost precision "
            f"(orthogonality {orthonormal:.1e}, dimension {dimension:.1e}, type {indicator:.1e})"
        )
