"""The Fourier transform on a finite group.

For f: H -> C and all irreducible unitary representations rho, of dimension d_rho:

* fourier.1  f^(rho) = sum_g f(g) rho(g).
* fourier.2  f(g) = (1/M) sum_rho d_rho tr(rho(g)^H f^(rho)).
  So f^(rho) holds the part of f that is spanned by the entries of conj rho, which f(a^-1 g) transforms by rho.
* fourier.3  sum_g |f(g)|^2 = (1/M) sum_rho d_rho |f^(rho)|_F^2 (Plancherel).
* fourier.4  Convolution (f * h)(x) = sum_y f(y) h(y^-1 x) becomes the matrix product f^(rho) h^(rho), in this order.
* fourier.5  Translation f(a^-1 g) in g becomes rho(a) f^(rho); f(g a) becomes f^(rho) rho(a)^H.

For real f the coefficients of a complex pair {rho, conj rho} are each other's conjugates, so what real features carry
is counted by pair: `merge_conjugates`.

Serre, *Linear Representations of Finite Groups*, 6.2, with rho(g) in place of rho(g^-1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.groups.irreps import real_blocks
from twopeaks.theory.groups.representations import Representation

__all__ = ["fourier_transform", "inverse_transform", "merge_conjugates", "power_spectrum"]

_Values = NDArray[np.float64] | NDArray[np.complex128]


def fourier_transform(f: _Values, representations: Sequence[Representation]) -> tuple[NDArray[np.complex128], ...]:
    """f^(rho) of every representation. Eq. fourier.1.

    Args:
        f: (..., M) functions on the group, in the numbering of its table.
        representations: all irreducible ones, from `twopeaks.theory.groups.representations.representations`.

    Returns:
        For each representation a (..., d, d) array.
    """
    return tuple(np.tensordot(f, rho.matrices, axes=(-1, 0)) for rho in representations)


def inverse_transform(
    coefficients: Sequence[NDArray[np.complex128]], representations: Sequence[Representation]
) -> NDArray[np.complex128]:
    """(..., M) functions with the given coefficients, one (..., d, d) array a representation. Eq. fourier.2."""
    order = len(representations[0].matrices)
    parts = [
        rho.dim / order * np.einsum("gij,...ij->...g", rho.matrices.conj(), at_rho, optimize=True)
        for rho, at_rho in zip(representations, coefficients, strict=True)
    ]
    return np.asarray(sum(parts), dtype=np.complex128)


def power_spectrum(f: _Values, representations: Sequence[Representation]) -> NDArray[np.float64]:
    """(..., R) shares d_rho |f^(rho)|_F^2 / M of each representation; they add up to |f|^2. Eq. fourier.3."""
    order = len(representations[0].matrices)
    coefficients = fourier_transform(f, representations)
    powers = [
        rho.dim / order * (np.abs(at_rho) ** 2).sum(axis=(-2, -1))
        for rho, at_rho in zip(representations, coefficients, strict=True)
    ]
    return np.stack(powers, axis=-1)


def merge_conjugates(spectrum: NDArray[np.float64], representations: Sequence[Representation]) -> NDArray[np.float64]:
    """(..., B) sums of a (..., R) spectrum over the blocks of `real_blocks`: complex pairs together."""
    blocks = real_blocks([rho.irrep for rho in representations])
    return np.stack([spectrum[..., list(block)].sum(axis=-1) for block in blocks], axis=-1)
