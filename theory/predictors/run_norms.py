"""What laws of the norm read off one run: V = |W|^2 + |V|^2 where it memorises, at its peak and at the transition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.errors import InputError

__all__ = ["NormCurve", "RunNorms", "run_norms"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RunNorms:
    """What the laws read off one run.

    Attributes:
        lr, eta: rate and decay.
        t_mem: step at which the training set is memorised, or of the peak of V after it.
        norm_mem: V at that step.
        t_grok: step of the transition; None where it was not seen.
        norm_grok: V at that step; None where it was not seen.
        norm_post: V at the end of the run, after the transition; None where it was not seen.
        rate: -d log V/dt from t_mem to t_grok, least squares, a step; None where it was not seen.
    """

    lr: float
    eta: float
    t_mem: float
    norm_mem: float
    t_grok: float | None = None
    norm_grok: float | None = None
    norm_post: float | None = None
    rate: float | None = None

    @property
    def delayed(self) -> bool:
        """Whether it generalised after it had memorised, so that a delay law can be fitted on it."""
        return self.t_grok is not None and self.t_grok > self.t_mem


class NormCurve(NamedTuple):
    """What was recorded of a run.

    Attributes:
        steps: (T,) recorded steps, rising.
        norms: (T,) V = |W|^2 + |V|^2 at each.
    """

    steps: Floats
    norms: Floats


def run_norms(
    curve: NormCurve, t_mem: float, t_grok: float | None, lr: float, eta: float, *, peak: bool = False
) -> RunNorms:
    """Read a run's norms off its curve, log V interpolated between records.

    Args:
        curve: recorded steps and norms.
        t_mem: step at which it has memorised.
        t_grok: step of the transition, or None if it was not seen.
        lr: rate.
        eta: decay.
        peak: start at the largest V recorded between t_mem and t_grok, in place of t_mem.

    Raises:
        InputError: for curves of different length, steps that do not rise, norms, a rate or a decay that are not
            positive, or a transition before memorisation.
    """
    steps, norms = curve
    if steps.ndim != 1 or steps.shape != norms.shape or len(steps) < 2 or not (np.diff(steps) > 0).all():
        raise InputError("steps", "rising, one for each norm, two or more", steps.shape, "give the curve as recorded")
    if not (norms > 0).all() or lr <= 0 or eta <= 0:
        raise InputError("norms, lr, eta", "above 0", (float(norms.min()), lr, eta), "these laws divide by them")
    if t_grok is not None and t_grok < t_mem:
        raise InputError("t_grok", f"at or after t_mem = {t_mem:g}", t_grok, "leave out runs without a delay")
    logs = np.log(norms)
    if peak:
        t_mem = _peak(steps, norms, t_mem, t_grok)

    def at(step: float) -> float:
        return float(np.exp(np.interp(step, steps, logs)))

    if t_grok is None:
        return RunNorms(lr, eta, t_mem, at(t_mem))
    inside = (steps >= t_mem) & (steps <= t_grok)
    rate = -float(np.polyfit(steps[inside], logs[inside], 1)[0]) if inside.sum() > 1 else None
    return RunNorms(lr, eta, t_mem, at(t_mem), t_grok, at(t_grok), float(norms[-1]), rate)


def _peak(steps: Floats, norms: Floats, t_mem: float, t_grok: float | None) -> float:
    """Step of the largest recorded V from t_mem to t_grok, or to the end; t_mem if nothing is recorded there."""
    inside = np.flatnonzero((steps >= t_mem) & (steps <= (steps[-1] if t_grok is None else t_grok)))
    return float(steps[inside[np.argmax(norms[inside])]]) if len(inside) else t_mem
