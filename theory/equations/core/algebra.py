"""Functions that derivations share: symbolic matrices, and the relative difference of a check."""

from __future__ import annotations

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

__all__ = ["Matrix", "centring", "centring_matrix", "matrix", "relative", "symbols_of", "vanishes"]

#: Numbers in rows and columns.
Matrix = NDArray[np.float64]


def symbols_of(name: str, rows: sp.Expr, columns: sp.Expr) -> sp.MatrixSymbol:
    """One letter for a whole matrix, for statements."""
    return sp.MatrixSymbol(name, rows, columns)


def matrix(name: str, rows: int, columns: int) -> sp.Matrix:
    """Matrix of real symbols ``name_ij``, for derivations."""
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}_{i + 1}{j + 1}", real=True))


def centring(n: int) -> sp.Matrix:
    """P = I - 1 1^T / n, exactly."""
    return sp.eye(n) - sp.ones(n, n) / n


def centring_matrix(n: int) -> Matrix:
    """P = I - 1 1^T / n, in numbers."""
    return np.asarray(np.eye(n) - 1 / n)


def vanishes(expression: sp.Expr | sp.MatrixBase) -> bool:
    """Whether every entry simplifies to zero."""
    entries = list(expression) if isinstance(expression, sp.MatrixBase) else [expression]
    return all(sp.simplify(sp.expand(entry)) == 0 for entry in entries)


def relative(computed: ArrayLike, expected: ArrayLike) -> float:
    """Largest difference over the largest expected size; infinite if any number is not finite."""
    a, b = np.asarray(computed, dtype=np.complex128), np.asarray(expected, dtype=np.complex128)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    return float(np.abs(a - b).max() / max(float(np.abs(b).max()), 1e-300))
