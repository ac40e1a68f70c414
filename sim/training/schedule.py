"""Learning rates that change with time: one factor f(t) on every rate of an update, t updates done before it.

It multiplies rates as torch.optim.lr_scheduler.LambdaLR does, which the tests use as the reference. So it also scales
decoupled decay, theta -= lr f eta theta, but not momentum and averages; coupled decay enters through the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from twopeaks.theory.setting.optimizer import Optimizer, Schedule

__all__ = ["factor"]


def factor(rule: Optimizer, done: int) -> float:
    """f(t) of the update that follows t = ``done`` updates; 1 for a constant rate."""
    return _FACTORS[rule.schedule](rule, done)


def _constant(rule: Optimizer, t: int) -> float:
    return 1.0


def _linear_warmup(rule: Optimizer, t: int) -> float:
    """min(1, (t + 1)/T_w), so that the first update is not zero."""
    return min(1.0, (t + 1) / rule.warmup_steps) if rule.warmup_steps else 1.0


def _cosine(rule: Optimizer, t: int) -> float:
    """Warm-up, then floor + (1 - floor) (1 + cos(pi u))/2 with u from 0 at T_w to 1 at T, and the floor from there."""
    u = min(1.0, max(0.0, (t - rule.warmup_steps) / (rule.decay_steps - rule.warmup_steps)))
    return _linear_warmup(rule, t) * (rule.lr_floor + (1 - rule.lr_floor) * (1 + math.cos(math.pi * u)) / 2)


def _step(rule: Optimizer, t: int) -> float:
    """drop^floor(t/T)."""
    return math.pow(rule.lr_drop, t // rule.decay_steps)


_FACTORS: dict[Schedule, Callable[[Optimizer, int], float]] = {
    "constant": _constant,
    "linear-warmup": _linear_warmup,
    "cosine": _cosine,
    "step": _step,
}
