"""Losses on rows of class outputs, with their gradients; rows are averaged by the caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from theory import setting as vocabulary

__all__ = ["LOSSES", "LossRule"]


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


LOSSES: dict[vocabulary.Loss, LossRule] = {
    "mse": LossRule(_mse, _centred_residual, scale=2.0),
    "cross-entropy": LossRule(_cross_entropy, _softmax_residual),
}
