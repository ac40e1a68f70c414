"""Update rules on stacked parameters, in place: SGD with momentum, Adam (coupled decay), AdamW (decoupled), Muon.

The formulas are those of torch.optim (Kingma & Ba 1412.6980; Loshchilov & Hutter 1711.05101; Jordan 2024), which
the tests use as the reference. Where torch.optim.Muon works in bfloat16, this one keeps the precision of the weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sim.network import Params, flat, packed
from sim.schedule import factor
from theory.setting import Optimizer

__all__ = ["State", "init_state", "select", "update"]

#: Muon's guard against division by zero, as torch.optim.Muon has it.
_TINY_NORM = 1e-7


@dataclass
class State:
    """Memory of the optimizer.

    Attributes:
        step: updates done.
        first: average of gradients (Adam, Muon) or momentum buffer (SGD), like the parameters.
        second: average of squared gradients (Adam); unused by SGD and Muon.
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


def update(rule: Optimizer, params: Params, grads: Params, state: State, tables: int = 0) -> None:
    """One step: changes ``params`` and ``state`` in place and uses up ``grads``.

    The first ``tables`` layers are embeddings, which Adam trains beside Muon, as it does the last layer.
    """
    f = factor(rule, state.step)
    state.step += 1
    if rule.name == "muon":
        _muon(rule, f, params, grads, state, tables)
        return
    lr = rule.lr * f
    theta, grad, first = flat(params), flat(grads), flat(state.first)
    if rule.weight_decay and not rule.decoupled:
        grad.add_(theta, alpha=rule.weight_decay)
    if rule.weight_decay and rule.decoupled:
        theta.mul_(1 - lr * rule.weight_decay)
    if rule.name == "sgd":
        _sgd(rule, lr, theta, grad, first)
    else:
        _adam(rule, lr, theta, grad, first, flat(state.second), state.step)


def _sgd(rule: Optimizer, lr: float, theta: Tensor, grad: Tensor, buffer: Tensor) -> None:
    if rule.momentum:
        grad = buffer.mul_(rule.momentum).add_(grad)
    theta.add_(grad, alpha=-lr)


def _adam(rule: Optimizer, lr: float, theta: Tensor, grad: Tensor, m: Tensor, v: Tensor, step: int) -> None:
    m.lerp_(grad, 1 - rule.beta1)
    v.mul_(rule.beta2).addcmul_(grad, grad, value=1 - rule.beta2)
    # m^/(sqrt(v^) + eps) with v^ = v / c^2 equals c m^ / (sqrt(v) + c eps): one pass less.
    c = math.sqrt(1 - rule.beta2**step)
    denominator = torch.sqrt(v, out=grad).add_(rule.eps * c)
    theta.addcdiv_(m, denominator, value=-lr * c / (1 - rule.beta1**step))


def _muon(rule: Optimizer, f: float, params: Params, grads: Params, state: State, tables: int) -> None:
    """Muon on every layer but tables and the last, Adam with coupled decay on these; f times their rates."""
    lr, hidden = rule.lr * f, slice(tables, -1)
    for theta, grad, buffer in zip(params[hidden], grads[hidden], state.first[hidden], strict=True):
        buffer.lerp_(grad, 1 - rule.momentum)
        ahead = grad.lerp_(buffer, rule.momentum) if rule.nesterov else buffer
        theta.mul_(1 - lr * rule.weight_decay)
        theta.sub_(_orthogonalised(ahead, rule), alpha=lr * _shape_factor(rule, *theta.shape[1:]))
    lr_v = (rule.lr_v or rule.lr) * f
    for i in (*range(tables), -1):
        grad = grads[i].add_(params[i], alpha=rule.weight_decay)
        _adam(rule, lr_v, params[i], grad, state.first[i], state.second[i], state.step)


def _orthogonalised(G: Tensor, rule: Optimizer) -> Tensor:
    """About U V^T of each G = U S V^T, (E, R, C).

    Each Newton-Schulz step takes every singular value s, at first s / |S|, to a s + b s^3 + c s^5, which nears 1.
    """
    a, b, c = rule.ns_coefficients
    wide = G if G.shape[1] <= G.shape[2] else G.mT
    size: Tensor = torch.linalg.matrix_norm(wide, keepdim=True)
    O = wide / size.clamp_(min=_TINY_NORM)
    for _ in range(rule.ns_steps):
        A = torch.bmm(O, O.mT)
        O = torch.baddbmm(O, torch.baddbmm(A, A, A, beta=b, alpha=c), O, beta=a)
    return O if wide is G else O.mT


def _shape_factor(rule: Optimizer, rows: int, columns: int) -> float:
    if rule.scaling == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))
