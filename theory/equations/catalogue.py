"""Every equation by its label, stage by stage; each is derived when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from twopeaks.theory.equations.core.equation import Equation
from twopeaks.theory.equations.decay import aligned, clock, heights, mixed, relu, sharing
from twopeaks.theory.equations.learning import (
    addition,
    depth,
    features,
    interaction,
    lazy,
    memorise,
    modes,
    muon,
    peaks,
)
from twopeaks.theory.errors import InputError

__all__ = ["equation", "labels"]

_STAGES: tuple[dict[str, Callable[[], Equation]], ...] = (
    lazy.EQUATIONS,
    features.EQUATIONS,
    peaks.EQUATIONS,
    addition.EQUATIONS,
    modes.EQUATIONS,
    memorise.EQUATIONS,
    heights.EQUATIONS,
    sharing.EQUATIONS,
    aligned.EQUATIONS,
    relu.EQUATIONS,
    mixed.EQUATIONS,
    interaction.EQUATIONS,
    muon.EQUATIONS,
    depth.EQUATIONS,
    clock.EQUATIONS,
)


def labels() -> tuple[str, ...]:
    """Every label, stage by stage."""
    return tuple(label for stage in _STAGES for label in stage)


@cache
def equation(label: str) -> Equation:
    """The equation of a label; its derivation runs on the first call.

    Raises:
        InputError: if there is no such label.
    """
    for stage in _STAGES:
        if label in stage:
            return stage[label]()
    near = [other for other in labels() if other.split(".")[0] == label.split(".")[0]]
    remedy = f"use one of {', '.join(near)}" if near else "twopeaks derive lists them"
    raise InputError("label", "one of the equations' labels", label, remedy)
