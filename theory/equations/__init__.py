"""The equations: every statement the project rests on, derived with sympy and verified by a machine.

The names below are imported when they are first used: `twopeaks.theory.equations.lower`, which predictors need, works
without sympy, whose import takes longer than most predictions.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twopeaks.theory.equations.catalogue import equation, labels
    from twopeaks.theory.equations.core.equation import Check, Equation, Printed, Step, Verdict, verify

__all__ = ["Check", "Equation", "Printed", "Step", "Verdict", "equation", "labels", "verify"]


def __getattr__(name: str) -> Any:
    """Import a public name on its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "catalogue" if name in ("equation", "labels") else "core.equation"
    return getattr(import_module(f"{__name__}.{home}"), name)
