"""Update rules on stacked parameters, in place: SGD with momentum, Adam (coupled decay), AdamW (decoupled).

The formulas are those of torch.optim (Kingma & Ba 1412.6980; Loshchilov & Hutter 1711.05101), which the tests
use as the reference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sim.network import Params, flat, packed
from theory.setting import Optimizer

__all__ = ["State", "init_state", "select", "update"]


@dataclass
class State:
    """Memory of the optimizer.

    Attributes:
        step: updates done.
        first: average of gradients (Adam) or momentum buffer (SGD), like the parameters.
        second: average of squared gradients (Adam); unused by SGD.
    """

    step: int
    first: Params
    second: Params


def init_state(params: Params) -> State:
    """State before the first update."""
    zeros = Params(*map(torch.zeros_like, params))
    return State(0, packed(*zeros), packed(*zeros))


def select(state: State, keep: Tensor) -> State:
    """State of the members at the indices ``keep``."""
    first, second = (packed(*(x[keep] for x in part)) for part in (state.first, state.second))
    return State(state.step, first, second)


def update(rule: Optimizer, params: Params, grads: Params, state: State) -> None:
    """One step: changes ``params`` and ``state`` in place and uses up ``grads``."""
    state.step += 1
    theta, grad, first = flat(params), flat(grads), flat(state.first)
    if rule.weight_decay and not rule.decoupled:
        grad.add_(theta, alpha=rule.weight_decay)
    if rule.name == "sgd":
        _sgd(rule, theta, grad, first)
    else:
        _adam(rule, theta, grad, first, flat(state.second), state.step)


def _sgd(rule: Optimizer, theta: Tensor, grad: Tensor, buffer: Tensor) -> None:
    if rule.momentum:
        grad = buffer.mul_(rule.momentum).add_(grad)
    theta.add_(grad, alpha=-rule.lr)


def _adam(rule: Optimizer, theta: Tensor, grad: Tensor, m: Tensor, v: Tensor, step: int) -> None:
    if rule.decoupled and rule.weight_decay:
        theta.mul_(1 - rule.lr * rule.weight_decay)
    m.lerp_(grad, 1 - rule.beta1)
    v.mul_(rule.beta2).addcmul_(grad, grad, value=1 - rule.beta2)
    # m^/(sqrt(v^) + eps) with v^ = v / c^2 equals c m^ / (sqrt(v) + c eps): one pass less.
    c = math.sqrt(1 - rule.beta2**step)
    denominator = torch.sqrt(v, out=grad).add_(rule.eps * c)
    theta.addcdiv_(m, denominator, value=-rule.lr * c / (1 - rule.beta1**step))
