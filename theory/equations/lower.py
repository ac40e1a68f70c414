"""Numbers from symbols: the one door from a labelled equation to a fast function.

A formula is typed once, in `theory.equations`, where a machine verifies it; whoever needs its numbers asks here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["function"]


@cache
def function(label: str) -> Callable[..., Any]:
    """The right-hand side of an equation as a function of its `inputs`, in their order, on numbers or arrays.

    Where a label states several relations, the last one is meant. Common parts are computed once.

    Args:
        label: such as ``"heights.1"``.

    Raises:
        InputError: if there is no such label.
        TypeError: if the equation has no inputs to be a function of.

    Example:
        >>> round(function("heights.1")(0.5), 4)
        1.1906
    """
    import sympy as sp  # half a second that callers of other functions need not wait for

    from twopeaks.theory.equations import equation

    found = equation(label)
    if found.inputs is None:
        raise TypeError(f"{label} states a relation, not a function")
    relation = found.statement[-1] if isinstance(found.statement, sp.Tuple) else found.statement
    lowered: Callable[..., Any] = sp.lambdify(found.inputs, relation.rhs, modules=["scipy", "numpy"], cse=True)
    return lowered
