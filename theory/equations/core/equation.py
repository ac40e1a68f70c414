"""An equation of this project: a statement, its derivation, and a check that a machine runs.

A statement is kept in the form that holds. Where print differs, the printed form is kept beside it, and the check
must find the first true *and* the second false: a correction that is not needed fails as an error does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy as sp

__all__ = ["TOLERANCE", "VISIBLE", "Check", "Equation", "Printed", "Step", "Verdict", "printed_name", "verify"]

#: Largest relative difference at random points between a statement and an independent computation of it.
TOLERANCE = 1e-8
#: A printed form counts as refuted only if it is wrong by more than this (relative) at some random point.
VISIBLE = 1e-2


@dataclass(frozen=True)
class Step:
    """One line of a derivation: what is done, and the result."""

    text: str
    result: sp.Basic


@dataclass(frozen=True)
class Printed:
    """A statement as its source prints it, where that differs from the corrected one."""

    statement: sp.Basic
    what_differs: str


@dataclass(frozen=True)
class Check:
    """The outcome of a check.

    Attributes:
        symbolic: whether the computer algebra proved every identity it was asked for.
        residual: largest relative difference at random points against an independent computation.
        printed: the same for the printed form; None where it is not kept apart.
        against: what the independent computation is, in words.
    """

    symbolic: bool
    residual: float
    against: str
    printed: float | None = None


@dataclass(frozen=True)
class Equation:
    """One labelled statement.

    Attributes:
        label: such as ``"feat.4"``; the same in code, tests and docs.
        title: the statement in words.
        statement: sympy relation (or a tuple of them) that holds.
        symbols: what each letter of the statement means, with units where it has one.
        source: where it comes from; "here" if it was derived in this project.
        assumptions: under which it holds.
        fails: where they fail, and what is seen then.
        derivation: steps that lead to the statement, each computed, not typed, where that is possible.
        check: runs the verification with the given random generator.
        printed: the statement in print, where it differs.
        inputs: arguments, in order, of the function that `theory.equations.lower` makes of the right-hand side (of the
        last
            relation, where there are several); None if the statement is no function.
    """

    label: str
    title: str
    statement: sp.Basic
    symbols: dict[str, str]
    source: str
    assumptions: tuple[str, ...]
    fails: str
    check: Callable[[np.random.Generator], Check]
    derivation: tuple[Step, ...] = ()
    printed: Printed | None = None
    inputs: tuple[sp.Symbol, ...] | None = None


@dataclass(frozen=True)
class Verdict:
    """Outcome of one verification.

    Attributes:
        label: of the equation.
        passed: the statement holds and, where a printed form is kept, that one does not.
        check: what was found; None if the check itself broke.
        failure: why it did not pass; empty if it did.
        seconds: time it took.
    """

    label: str
    passed: bool
    check: Check | None
    failure: str
    seconds: float


def verify(equation: Equation, seed: int = 0) -> Verdict:
    """Run the equation's check and judge it by `TOLERANCE` and `VISIBLE`."""
    start = time.perf_counter()
    try:
        check = equation.check(np.random.default_rng(seed))
    except (ArithmeticError, ValueError, TypeError, NotImplementedError) as error:
        return Verdict(equation.label, False, None, f"the check broke: {error}", time.perf_counter() - start)
    failure = _failure(equation, check)
    return Verdict(equation.label, not failure, check, failure, time.perf_counter() - start)


def _failure(equation: Equation, check: Check) -> str:
    if not check.symbolic:
        return "computer algebra did not prove it"
    if not check.residual <= TOLERANCE:
        return f"differs by {check.residual:.1e} from {check.against}"
    if (equation.printed is None) != (check.printed is None):
        return "a printed form must be both stated and checked"
    if check.printed is not None and not check.printed > VISIBLE:
        return f"the printed form holds as well (to {check.printed:.1e}), so there is nothing to correct"
    return ""


def printed_name(equation: Equation) -> str:
    """Whether the printed form holds: ``"as printed"``, ``"printed form refuted"`` or ``"not in print"``."""
    if equation.printed is not None:
        return "printed form refuted"
    return "not in print" if equation.source.startswith("here") else "as printed"
