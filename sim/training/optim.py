"""Update rules on stacked parameters, in place: SGD with momentum, Adam (coupled decay), AdamW (decoupled), Muon.

The formulas are those of torch.optim (Kingma & Ba 1412.6980; Loshchilov & Hutter 1711.05101; Jordan 2024), which
the tests use as the reference. Where torch.optim.Muon works in bfloat16, this one keeps the precision of the weights.
Members may have rates, decays and momenta of their own; where these are equal they are plain numbers, and all layers
of all members are updated as one flat array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.optim.adam import adam

from twopeaks.sim.network.network import Params, flat, packed
from twopeaks.sim.training.schedule import factor
from twopeaks.theory.setting import Optimizer

__all__ = ["Rates", "State", "init_state", "select", "update"]

#: Muon's guard against division by zero, as torch.optim.Muon has it.
_TINY_NORM = 1e-7

#: One number for all members, or (E, 1), one each.
Factor = float | Tensor


class _Arrays(NamedTuple):
    """Arrays that one update changes: weights, their gradient, and the optimizer's two averages."""

    theta: Tensor
    grad: Tensor
    first: Tensor
    second: Tensor


@dataclass(frozen=True)
class Rates:
    """What members of one update rule may have of their own.

    Attributes:
        lr, weight_decay, momentum: as `twopeaks.theory.setting.optimizer.Optimizer` has them.
        lr_v: rate of the Adam part of Muon.
        shrink: lr times weight_decay, the share that decoupled decay takes.
    """

    lr: Factor
    weight_decay: Factor
    momentum: Factor
    lr_v: Factor
    shrink: Factor

    @classmethod
    def of(cls, rules: Sequence[Optimizer], like: Params) -> Self:
        """Of the members' rules, for weights ``like``."""

        def factor_of(values: list[float]) -> Factor:
            if len(set(values)) == 1:
                return values[0]
            return torch.tensor(values, dtype=torch.float64).to(like.V.device, like.V.real.dtype).unsqueeze(1)

        return cls(
            factor_of([rule.lr for rule in rules]),
            factor_of([rule.weight_decay for rule in rules]),
            factor_of([rule.momentum for rule in rules]),
            factor_of([rule.lr_v or rule.lr for rule in rules]),
            factor_of([rule.lr * rule.weight_decay for rule in rules]),
        )

    @property
    def alike(self) -> bool:
        """Whether all members have the same."""
        return not any(isinstance(x, Tensor) for x in vars(self).values())


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


def update(
    rule: Optimizer, params: Params, grads: Params, state: State, tables: int = 0, rates: Rates | None = None
) -> None:
    """One step: changes ``params`` and ``state`` in place and uses up ``grads``.

    Args:
        rule: the rule of all members.
        params: weights.
        grads: their gradients.
        state: memory of the rule.
        tables: so many leading layers are embeddings, which Adam trains beside Muon, as it does the last layer.
        rates: the members' own numbers; by default those of the rule.
    """
    rates = rates or Rates.of([rule], params)
    f = factor(rule, state.step)
    state.step += 1
    adam_alone = rule.name in ("adam", "adamw")
    if adam_alone and not isinstance(rates.lr, Tensor) and not isinstance(rates.weight_decay, Tensor):
        _adam_in_one_pass(rule, rates.lr * f, rates.weight_decay, params, grads, state)
        return
    layers = [_Arrays(*arrays) for arrays in zip(params, grads, state.first, state.second, strict=True)]
    if rule.name == "muon":
        by_adam = (*range(tables), len(layers) - 1)
        _muon(rule, rates, f, [layer for i, layer in enumerate(layers) if i not in by_adam])
        for i in by_adam:
            part = _Arrays(*map(_rows, layers[i]))
            _add(part.grad, part.theta, rates.weight_decay)
            _adam(rule, rates.lr_v, f, part, state.step)
        return
    if rates.alike:
        parts = [_Arrays(*map(flat, (params, grads, state.first, state.second)))]
    else:  # each member has factors of its own: (E, …) real numbers of every layer
        parts = [_Arrays(*map(_rows, layer)) for layer in layers]
    for part in parts:
        if rule.decoupled:
            _shrink(part.theta, rates.shrink, f)
        else:
            _add(part.grad, part.theta, rates.weight_decay)
        if rule.name == "sgd":
            _sgd(rates, f, part)
        else:
            _adam(rule, rates.lr, f, part, state.step)


def _rows(layer: Tensor) -> Tensor:
    """(E, …) a layer's real numbers as they lie in memory, in which columns may come first."""
    ordered = layer if layer.is_contiguous() else layer.mT
    return (torch.view_as_real(ordered) if layer.is_complex() else ordered).view(len(layer), -1)


def _add(x: Tensor, y: Tensor, factor: Factor, scale: float = 1.0) -> None:
    """Add scale times factor times y to x, in place."""
    if isinstance(factor, Tensor):
        x.addcmul_(y, factor, value=scale)
    elif factor:
        x.add_(y, alpha=scale * factor)


def _shrink(theta: Tensor, shrink: Factor, f: float) -> None:
    """Decoupled decay, theta -= f lr eta theta."""
    if isinstance(shrink, Tensor):
        theta.addcmul_(theta, shrink, value=-f)
    elif shrink:
        theta.mul_(1 - f * shrink)


def _sgd(rates: Rates, f: float, part: _Arrays) -> None:
    direction = part.grad
    if isinstance(rates.momentum, Tensor) or rates.momentum:
        direction = part.first.mul_(rates.momentum).add_(part.grad)
    _add(part.theta, direction, rates.lr, -f)


def _adam_in_one_pass(rule: Optimizer, lr: float, decay: float, params: Params, grads: Params, state: State) -> None:
    """Decay and `_adam` for members alike, by torch's own kernel: once over memory, not seven times."""
    # Filled where it is needed: a number sent to a device would wait for it. The call counts on from it.
    clock = torch.full((), state.step - 1.0, dtype=torch.float32, device=params.W.device)
    adam(
        [flat(params)],
        [flat(grads)],
        [flat(state.first)],
        [flat(state.second)],
        [],
        [clock],
        fused=True,
        decoupled_weight_decay=rule.decoupled,
        lr=lr,
        weight_decay=decay,
        beta1=rule.beta1,
        beta2=rule.beta2,
        eps=rule.eps,
        amsgrad=False,
        maximize=False,
    )


def _adam(rule: Optimizer, lr: Factor, f: float, part: _Arrays, step: int) -> None:
    theta, grad, m, v = part
    m.lerp_(grad, 1 - rule.beta1)
    v.mul_(rule.beta2).addcmul_(grad, grad, value=1 - rule.beta2)
    # m^/(sqrt(v^) + eps) with v^ = v / c^2 equals c m^ / (sqrt(v) + c eps): one pass less.
    c = math.sqrt(1 - rule.beta2**step)
    denominator = torch.sqrt(v, out=grad).add_(rule.eps * c)
    if isinstance(lr, Tensor):
        denominator.div_(lr)
        lr = 1.0
    theta.addcdiv_(m, denominator, value=-lr * f * c / (1 - rule.beta1**step))


def _muon(rule: Optimizer, rates: Rates, f: float, layers: Sequence[_Arrays]) -> None:
    """Muon with f times its rate; it leaves the second averages as they are."""
    lr, momentum, shrink = (
        x.unsqueeze(2) if isinstance(x, Tensor) else x for x in (rates.lr, rates.momentum, rates.shrink)
    )
    for theta, grad, buffer, _ in layers:
        buffer.lerp_(grad, 1 - momentum)
        ahead = grad.lerp_(buffer, momentum) if rule.nesterov else buffer
        _shrink(theta, shrink, f)
        _add(theta, _orthogonalised(ahead, rule), lr, -f * _shape_factor(rule, *theta.shape[1:]))


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
