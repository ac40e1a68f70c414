r"""Gradient descent with coupled decay: one integration of its flow serves every rate.

* descent.1  dtheta/dt = -dL/dtheta - eta theta (network.1) in t = lr · steps, from the first weights on, by
  `theory.flows.stabilised`. Nothing is neglected but the finite step: for rates below the edge of stability the steps
  to a transition are its t over lr.
* descent.2  Once memorised, tau = eta t advances alone (clock.1), up to terms of first order in eta. So t_grok at decay
  eta is t_mem + (t_grok - t_mem)' eta'/eta, the primed ones at a decay eta' of reference. What it neglects: the
  residual that balances the decay is of order eta, and the larger it is the faster the descent.
* descent.3  Stage I with both layers, outputs linear in the weights at the start: dr/dt = -(2/n) J J^T r, decay left
  out. With W at rest (lazy.5) it is too slow by a factor of two to four.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from twopeaks.theory.flows.problem import Array, Problem
from twopeaks.theory.flows.slow import Tangent
from twopeaks.theory.flows.stabilised import stabilised
from twopeaks.theory.predictors.times.members import Course, Crossing, Member, first_weights
from twopeaks.theory.setting import TRANSITIONS, Setting

__all__ = ["LONGEST", "descent", "follow", "lazy_memorising"]

#: tau = lr·eta·steps at which an integration gives up.
LONGEST = 100.0
#: Gradients after which an integration gives up.
_MOST_GRADIENTS = 30_000
#: t = lr·steps at which linearised memorising gives up.
_LONGEST_LAZY = 1e5
#: Time for which test accuracy must hold: that of t_grok at a rate of 1.
_HOLD = float(TRANSITIONS["t_grok"].hold)


def follow(member: Member, path: Iterable[tuple[float, Array, int]], *, longest: float, hold: float = 0.0) -> Course:
    """Transitions of one network along a flow, in the unit of its time.

    Args:
        member: whose accuracies are looked at.
        path: time, weights and gradients so far at each step, from `twopeaks.theory.flows.stabilised.stabilised`.
        longest: time at which to give up (as it does after 30,000 gradients).
        hold: how long test accuracy must stay at its level.
    """
    memorised, generalised, gradients = member.memorised(), member.generalised(hold), 0
    for t, now, evaluations in path:
        gradients = evaluations
        if not memorised.held:
            memorised.look(t, member.train_accuracy(now))
        if generalised.look(t, member.test_accuracy(now)) or t >= longest or evaluations >= _MOST_GRADIENTS:
            break
    return Course(memorised.time, generalised.time if generalised.held else None, gradients)


def descent(setting: Setting, seed: int, *, tolerance: float = 3e-3) -> Course:
    """Transitions of gradient descent in t = lr · steps, for any rate below the edge of stability. Eq. descent.1."""
    member, eta = Member(setting, seed), setting.optimizer.weight_decay
    path = stabilised(lambda y: -member.gradient(y) - eta * y, member.y, tolerance=tolerance)
    return follow(member, path, longest=LONGEST / eta, hold=_HOLD)


def lazy_memorising(setting: Setting, seed: int, *, tolerance: float = 3e-3) -> Course:
    """t_mem of gradient descent in t = lr · steps, with outputs linear in both layers' weights. Eq. descent.3."""
    problem, weights = Problem.of(setting, seed), first_weights(setting, seed)
    tangent, outputs, labels = Tangent(problem, *weights), problem.forward(*weights).O, problem.labels[problem.pairs]
    start, memorised, products = tangent.residual, Crossing(TRANSITIONS["t_mem"].level), 0

    def velocity(r: Array) -> Array:
        return -2 / problem.samples * tangent.push(*tangent.back(r.reshape(start.shape))).ravel()

    for t, r, evaluations in stabilised(velocity, start.ravel(), tolerance=tolerance):
        products = evaluations
        moved = tangent.in_classes(r.reshape(start.shape) - start)
        accuracy = float(np.mean((outputs + moved).argmax(axis=1) == labels))
        if memorised.look(t, accuracy) or t > _LONGEST_LAZY:
            break
    return Course(memorised.time if memorised.held else None, None, products)
