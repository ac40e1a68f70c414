"""The numerical side of checks: statements about matrices on numbers, flows to a given time, limits at zero."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

from twopeaks.theory.equations.core.algebra import Matrix

__all__ = ["extrapolated", "integrated", "lowered"]


def lowered(expression: sp.Expr, letters: Sequence[sp.Expr], sizes: Mapping[sp.Symbol, int]) -> Callable[..., Any]:
    """A matrix expression as a function of the given letters, on numbers and arrays.

    Args:
        expression: as it stands in a statement.
        letters: its symbols and matrix symbols, in the order of the arguments.
        sizes: numbers for the dimensions of the matrices.
    """
    sized = [letter.subs(sizes) for letter in letters]
    # Letters of statements, such as \tilde{F}, are not valid names in Python.
    plain = [
        sp.MatrixSymbol(f"m{i}", *letter.shape) if isinstance(letter, sp.MatrixSymbol) else sp.Symbol(f"m{i}")
        for i, letter in enumerate(sized)
    ]
    concrete = expression.subs(sizes).xreplace(dict(zip(sized, plain, strict=True)))
    function: Callable[..., Any] = sp.lambdify(plain, concrete, "numpy")
    return function


def integrated(slope: Callable[[float, Matrix], Matrix], start: Matrix, end: float, **how: Any) -> Matrix:
    """State at ``end`` of y' = slope(t, y), y(0) = start, to about 1e-12.

    Raises:
        ArithmeticError: if the integrator fails.
    """
    solution = solve_ivp(slope, (0, end), start, rtol=1e-13, atol=1e-14, **how)
    if not solution.success:
        raise ArithmeticError(solution.message)
    return np.asarray(solution.y[:, -1])


def extrapolated(measure: Callable[[float], Matrix], coarsest: float, levels: int = 7) -> Matrix:
    """Limit at 0 of a function with a power series there, from halvings of its argument (Richardson)."""
    row = [measure(coarsest / 2**level) for level in range(levels)]
    for order in range(1, levels):
        row = [(2**order * fine - rough) / (2**order - 1) for rough, fine in itertools.pairwise(row)]
    return row[0]
