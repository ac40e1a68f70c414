r"""Adam and AdamW after memorisation: what the second moment remembers sets the clock.

While a network memorises, its gradients are large; afterwards they are of order eta. Adam's second moment v forgets at
a rate a = -ln beta_2 a step only, so that for thousands of steps sqrt(v) is what memorising left behind, and the
gradients of the slow stage do not show in it.

* adam.1  After step t_1, when gradients have faded, v(t) = v(t_1) e^(-a (t - t_1)) and the update is
  -lr sqrt(1 - e^(-a t)) g / sqrt(v(t)), g = dL/dtheta + eta theta: gradient descent with the preconditioner
  D = v(t_1)^(-1/2), which no longer changes, in the time y with
  dy/dt = lr sqrt(1 - e^(-a t)) e^(a (t - t_1)/2) = lr e^(-a t_1/2) sqrt(e^(a t) - 1).
* adam.2  int_0^t sqrt(e^(a s) - 1) ds = (2/a) (X - arctan X), X = sqrt(e^(a t) - 1) (clock.7).
* adam.3  v(t_1) = (1 - beta_2) e^(-a (t_1 - t_b)) sum g^2 over the burst of memorising at t_b, which takes a number of
  steps ∝ 1/lr: sqrt(v(t_1)) ∝ lr^(-1/2). With tau = eta y the slow flow of clock.5 knows neither lr nor eta, so

      lr^(3/2) eta (X - arctan X) = const at t_grok, for each group, n, K.

  Early (a t << 1) this is t ∝ lr^-1 eta^(-2/3); late, t grows with ln(1/(lr^(3/2) eta)) only.
* adam.4  Decoupled decay: by clock.5 the size of D drops out of AdamW's slow flow, so its clock is tau = lr·eta·steps.
  Its transitions come after many times 1/a steps: D grows until steps are at the edge of stability, whose noise then
  sets v, first that of the stiff layer V. To follow the flow D is taken as the same for all weights, which is not
  derived; the clock needs no such thing.
* adam.5  Memorising, before D is anything: both moments have seen gradients of one size only, each weight moves by lr
  a step against the sign of its gradient. In s = lr·steps, dtheta/ds = -sign(dL/dtheta + eta theta).

Neglects: momentum (10 steps); the finite step; new gradients in v.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from twopeaks.theory.equations.lower import function
from twopeaks.theory.flows.problem import Array
from twopeaks.theory.flows.stabilised import stabilised, stiffness
from twopeaks.theory.predictors.times.descent import LONGEST, follow
from twopeaks.theory.predictors.times.members import Course, Member
from twopeaks.theory.setting import TRANSITIONS, Optimizer, Setting

__all__ = [
    "Faded",
    "adam_course",
    "adamw_course",
    "burst",
    "memory_clock",
    "memory_steps",
    "rule_course",
    "sign_memorising",
]

#: Root mean square of Adam's update over lr at which gradients count as faded: they are 1/25 of v then.
FADED = 0.2
#: Updates after which a network that has not memorised, or whose gradients have not faded, is given up.
_MOST_UPDATES = 10_000
#: Times of memory, 1/a steps each, after which what memorising left in v is taken to have gone.
_LATEST = 10.0
#: Updates between looks at test accuracy while memorising.
_LOOK = 10
#: Stiffness lambda/eps of AdamW's slow flow: the loss holds it that much faster than decay moves it.
_HELD = 1e4
#: Sign descent: change of each weight at a step, and where it gives up.
_SIGN_STEP, _SIGN_END = 1e-3, 1.0


def memory_clock(t: float, beta2: float = 0.999) -> float:
    """X - arctan X with X = sqrt(e^(a t) - 1), a = -ln beta_2, for t >= 0 steps. Eq. clock.7."""
    return float(function("clock.7")(t, -math.log(beta2)))


def memory_steps(clock: float, beta2: float = 0.999) -> float:
    """The steps t at which `memory_clock` is at a value >= 0."""
    if clock <= 0:
        return 0.0
    # X lies between clock and clock + pi/2.
    X = brentq(lambda x: x - math.atan(x) - clock, clock, clock + math.pi / 2, xtol=1e-14 + 1e-14 * clock)
    return math.log1p(float(X) ** 2) / -math.log(beta2)


@dataclass(frozen=True)
class Faded:
    """A network whose gradients have faded.

    Attributes:
        steps: updates done, t_1.
        t_mem: when it had memorised, between two steps.
        y: weights.
        v: second moment, not corrected for its start at zero.
        generalised: whether test accuracy was there before.
    """

    steps: int
    t_mem: float
    y: Array
    v: Array
    generalised: bool


class _Updated(NamedTuple):
    """After update t: weights, second moment as it is averaged, and the update over lr."""

    t: int
    y: Array
    v: Array
    update: Array


def _updates(member: Member, rule: Optimizer) -> Iterator[_Updated]:
    """Adam or AdamW, update by update."""
    y, m, v = member.y, np.zeros_like(member.y), np.zeros_like(member.y)
    shrink = rule.lr * rule.weight_decay if rule.decoupled else 0.0
    for t in range(1, _MOST_UPDATES + 1):
        g = member.gradient(y) if rule.decoupled else member.gradient(y) + rule.weight_decay * y
        m = rule.beta1 * m + (1 - rule.beta1) * g
        v = rule.beta2 * v + (1 - rule.beta2) * g * g
        update = m / (1 - rule.beta1**t) / (np.sqrt(v / (1 - rule.beta2**t)) + rule.eps)
        y = y - rule.lr * update - shrink * y
        yield _Updated(t, y, v, update)


def burst(member: Member, rule: Optimizer) -> Faded | None:
    """The first updates of Adam or AdamW, until gradients have faded; None if they do not.

    They are the rule's own: two to five times t_mem of them.
    """
    memorised, generalised = member.memorised(), member.generalised(0)
    for t, y, v, update in _updates(member, rule):
        if not memorised.held:
            memorised.look(t, member.train_accuracy(y))
            continue
        done = t % _LOOK == 0 and generalised.look(t, member.test_accuracy(y))
        if done or float(np.sqrt(np.mean(np.square(update)))) < FADED:
            return Faded(t, memorised.time or 0.0, y, v, done)
    return None


def rule_course(setting: Setting, seed: int) -> Course:
    """Transitions of Adam or AdamW by its own updates, in steps: a run, for a rate and decay at which it is short."""
    member, rule = Member(setting, seed), setting.optimizer
    memorised, generalised, done = member.memorised(), member.generalised(TRANSITIONS["t_grok"].hold), 0
    for t, y, _, _ in _updates(member, rule):
        done = t
        if not memorised.held:
            memorised.look(t, member.train_accuracy(y))
        if t % _LOOK == 0 and generalised.look(t, member.test_accuracy(y)):
            break
    return Course(memorised.time, generalised.time if generalised.held else None, done, done)


def _preconditioner(faded: Faded) -> Array:
    """D = v(t_1)^(-1/2). Eq. adam.1."""
    return np.asarray(1 / (np.sqrt(faded.v) + np.float32(1e-20)))


def adam_course(setting: Setting, seed: int, *, tolerance: float = 3e-3) -> Course:
    """Transitions of Adam with coupled decay, in steps. Eqs. adam.1 and adam.2.

    t_grok is None where it comes before gradients have faded: then there is no slow stage to follow.
    """
    member, rule = Member(setting, seed), setting.optimizer
    faded = burst(member, rule)
    if faded is None:
        return Course(None, None, _MOST_UPDATES, _MOST_UPDATES)
    if faded.generalised:
        return Course(faded.t_mem, None, faded.steps, faded.steps)
    a, D = -math.log(rule.beta2), _preconditioner(faded)
    unit = rule.lr * math.exp(-a * faded.steps / 2) * 2 / a
    begun = memory_clock(faded.steps, rule.beta2)
    longest = unit * (memory_clock(_LATEST / a, rule.beta2) - begun)
    path = stabilised(lambda y: -D * (member.gradient(y) + rule.weight_decay * y), faded.y, tolerance=tolerance)
    slow = follow(member, path, longest=longest)
    steps = None if slow.t_grok is None else memory_steps(begun + slow.t_grok / unit, rule.beta2)
    return Course(faded.t_mem, steps, faded.steps + slow.evaluations, faded.steps)


def adamw_course(setting: Setting, seed: int, *, tolerance: float = 3e-3) -> Course:
    """Transitions of AdamW, in steps. Eq. adam.4."""
    member, rule = Member(setting, seed), setting.optimizer
    faded = burst(member, rule)
    if faded is None:
        return Course(None, None, _MOST_UPDATES, _MOST_UPDATES)
    if faded.generalised:
        return Course(faded.t_mem, None, faded.steps, faded.steps)
    slope = member.gradient(faded.y)
    rough = np.random.default_rng(0).standard_normal(slope.size).astype(slope.dtype)
    radius, _, cost = stiffness(member.gradient, faded.y, slope, rough)
    held = _HELD / radius
    path = stabilised(lambda y: -held * member.gradient(y) - y, faded.y, tolerance=tolerance)
    slow = follow(member, path, longest=LONGEST)
    steps = None if slow.t_grok is None else faded.steps + slow.t_grok / (rule.lr * rule.weight_decay)
    return Course(faded.t_mem, steps, faded.steps + cost + slow.evaluations, faded.steps)


def sign_memorising(setting: Setting, seed: int) -> Course:
    """t_mem of Adam or AdamW in s = lr · steps, by sign descent. Eq. adam.5."""
    member, eta = Member(setting, seed), setting.optimizer.weight_decay
    y, memorised = member.y, member.memorised()
    if setting.optimizer.decoupled:
        eta = 0.0
    for step in range(round(_SIGN_END / _SIGN_STEP) + 1):
        if memorised.look(step * _SIGN_STEP, member.train_accuracy(y)):
            return Course(memorised.time, None, step)
        y = y - np.float32(_SIGN_STEP) * np.sign(member.gradient(y) + eta * y)
    return Course(None, None, step)
