"""Numbers from symbols: turns a labelled equation into a fast function.

A formula is typed once, in `theory.equations`, where a machine verifies it; code that needs its numbers gets them here.
The functions that sympy makes are in `theory.equations.lowered`, so that numbers need no sympy: ``make formulas``
writes that file anew, and a test compares it with the equations.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from twopeaks.theory.equations.lowered import FUNCTIONS

__all__ = ["function", "lowered_module"]

_HEAD = '''"""What sympy makes of the right-hand sides of equations. Written by ``make formulas``; not to be edited."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from numpy import arctan, euler_gamma, exp, log, maximum, pi, sqrt
from scipy.special import polygamma

__all__ = ["FUNCTIONS"]

'''


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
    stored = FUNCTIONS.get(label)
    return _derived(label) if stored is None else stored


def lowered_module() -> str:
    """The text of `theory.equations.lowered`, from the equations as they stand."""
    import inspect

    from twopeaks.theory.equations import equation, labels

    named = [label for label in labels() if equation(label).inputs is not None]
    functions = [_as_private(label, inspect.getsource(_derived(label))) for label in named]
    entries = "".join(f'    "{label}": {_name(label)},\n' for label in named)
    table = (
        f"#: Label of an equation -> its right-hand side.\nFUNCTIONS: dict[str, Callable[..., Any]] = {{\n{entries}}}\n"
    )
    return "\n\n".join([_HEAD, *functions, table])


def _derived(label: str) -> Callable[..., Any]:
    """The function that sympy makes of an equation; a derivation may take seconds."""
    import sympy as sp

    from twopeaks.theory.equations import equation

    labelled = equation(label)
    if labelled.inputs is None:
        raise TypeError(f"{label} states a relation, not a function")
    statement = labelled.statement
    relation = statement[-1] if isinstance(statement, sp.Tuple) else statement
    lowered: Callable[..., Any] = sp.lambdify(labelled.inputs, relation.rhs, modules=["scipy", "numpy"], cse=True)
    return lowered


def _name(label: str) -> str:
    return "_" + label.replace(".", "_")


def _as_private(label: str, source: str) -> str:
    """A function that sympy wrote, under a name of its own and with types."""
    for number, dummy in enumerate(dict.fromkeys(re.findall(r"_?Dummy_[0-9]+", source))):
        source = re.sub(rf"\b{dummy}\b", f"argument_{number}", source)  # letters that are no names of Python
    head, body = source.split("\n", 1)
    arguments = [name.strip() for name in head[head.index("(") + 1 : head.index(")")].split(",") if name.strip()]
    typed = ", ".join(f"{name}: Any" for name in arguments)
    return f"def {_name(label)}({typed}) -> Any:\n{body}"
