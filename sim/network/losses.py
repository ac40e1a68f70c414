"""Losses on rows of class outputs, with their gradients; rows are averaged by the caller."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from twopeaks.theory.setting import setting as vocabulary

__all__ = ["LOSSES", "LossRule"]

#: Temperature T of the contrastive loss.
_TEMPERATURE = 0.1
#: Square of the length below which an output counts as zero: u = o / sqrt(|o|^2 + this).
_TINY_SQUARE = 1e-12


@dataclass(frozen=True)
class LossRule:
    """A loss l(o, y) of one row of outputs o (…, M) and its one-hot label y.

    Attributes:
        value: ``value(outputs, labels)`` gives l for each row, shape (…), from integer labels (…).
        gradient: ``gradient(outputs, one_hot)`` turns outputs into dl/do / `scale`, in place.
        scale: constant factor of the gradient that the caller folds into a matrix product, where it is free.
    """

    value: Callable[[Tensor, Tensor], Tensor]
    gradient: Callable[[Tensor, Tensor], Tensor]
    scale: float = 1.0


def _centred_residual(outputs: Tensor, one_hot: Tensor) -> Tensor:
    """r_c = (o - y)_c - mean_c (o - y). Its class mean is zero, so dl/do = 2 r."""
    outputs.sub_(one_hot)
    return outputs.sub_(outputs.mean(dim=-1, keepdim=True))


def _mse(outputs: Tensor, labels: Tensor) -> Tensor:
    # o_c - mean o + 1/M, less one at the label.
    centred = outputs - outputs.mean(dim=-1, keepdim=True)
    minus_label = torch.full_like(labels, -1, dtype=outputs.dtype).unsqueeze(-1)
    centred.add_(1 / outputs.shape[-1]).scatter_add_(-1, labels.unsqueeze(-1), minus_label)
    return centred.square_().sum(dim=-1)


def _cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    chosen = outputs.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return torch.logsumexp(outputs, dim=-1) - chosen


def _softmax_residual(outputs: Tensor, one_hot: Tensor) -> Tensor:
    """softmax(o) - y."""
    outputs.sub_(outputs.amax(dim=-1, keepdim=True)).exp_()
    outputs.div_(outputs.sum(dim=-1, keepdim=True))
    return outputs.sub_(one_hot)


def _hinge(outputs: Tensor, labels: Tensor) -> Tensor:
    """max(0, 1 + max_{c != y} o_c - o_y) (Crammer and Singer, JMLR 2, 2001)."""
    index = labels.unsqueeze(-1)
    rival = outputs.scatter(-1, index, -math.inf).amax(dim=-1)
    return (1 + rival - outputs.gather(-1, index).squeeze(-1)).clamp_(min=0)


def _hinge_slope(outputs: Tensor, one_hot: Tensor) -> Tensor:
    """Within the margin: one shared by the strongest rivals, minus one at the label; else zero."""
    chosen = (outputs * one_hot).sum(dim=-1, keepdim=True)
    rivals = outputs.masked_fill_(one_hot > 0, -math.inf)
    top = rivals.amax(dim=-1, keepdim=True)
    within = 1 + top - chosen > 0
    strongest = rivals.eq_(top)
    return strongest.div_(strongest.sum(dim=-1, keepdim=True)).sub_(one_hot).mul_(within)


def _length(outputs: Tensor) -> Tensor:
    return outputs.square().sum(dim=-1, keepdim=True).add_(_TINY_SQUARE).sqrt_()


def _contrastive(outputs: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(u/T)[y] with the cosines u = o / |o| between output and one-hot prototypes."""
    return _cross_entropy(outputs / (_length(outputs) * _TEMPERATURE), labels)


def _contrastive_slope(outputs: Tensor, one_hot: Tensor) -> Tensor:
    """T dl/do = (g - (g·u) u) / |o| with g = softmax(u/T) - y, as du/do = (1 - u u^T) / |o|."""
    length = _length(outputs)
    u = outputs.div_(length)
    g = _softmax_residual(u / _TEMPERATURE, one_hot)
    along = (g * u).sum(dim=-1, keepdim=True)
    return u.mul_(-along).add_(g).div_(length)


#: Name -> value and gradient.
LOSSES: dict[vocabulary.Loss, LossRule] = {
    "mse": LossRule(_mse, _centred_residual, scale=2.0),
    "cross-entropy": LossRule(_cross_entropy, _softmax_residual),
    "hinge": LossRule(_hinge, _hinge_slope),
    "contrastive": LossRule(_contrastive, _contrastive_slope, scale=1 / _TEMPERATURE),
}
