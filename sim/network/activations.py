"""Activations sigma and their slopes, written for in-place work on large hidden arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from twopeaks.theory.setting import setting as vocabulary

__all__ = ["ACTIVATIONS", "ActivationRule"]


@dataclass(frozen=True)
class ActivationRule:
    """sigma and sigma'.

    Attributes:
        function: ``function(z)`` gives sigma(z) as a new tensor that autograd can follow.
        forward: ``forward(z, out)`` writes sigma(z) into ``out``.
        backward: ``backward(grad, z)`` multiplies ``grad`` by sigma'(z) / `scale`, in place.
        scale: constant factor of sigma' that the caller folds into a matrix product, where it is free.
    """

    function: Callable[[Tensor], Tensor]
    forward: Callable[[Tensor, Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]
    scale: float = 1.0


def _square(z: Tensor, out: Tensor) -> Tensor:
    return torch.mul(z, z, out=out)


def _square_backward(grad: Tensor, z: Tensor) -> Tensor:
    return grad.mul_(z)


def _relu(z: Tensor, out: Tensor) -> Tensor:
    return torch.clamp(z, min=0, out=out)


def _relu_backward(grad: Tensor, z: Tensor) -> Tensor:
    return grad.masked_fill_(z <= 0, 0)


def _relu_square(z: Tensor, out: Tensor) -> Tensor:
    return _relu(z, out).square_()


def _relu_square_backward(grad: Tensor, z: Tensor) -> Tensor:
    return grad.mul_(z.clamp(min=0))


def _silu(z: Tensor, out: Tensor) -> Tensor:
    return torch.sigmoid(z, out=out).mul_(z)


def _silu_backward(grad: Tensor, z: Tensor) -> Tensor:
    # sigma(z) = z s(z), s' = s (1 - s), so sigma' = s (1 + z (1 - s)).
    s = torch.sigmoid(z)
    return grad.mul_(torch.addcmul(s, s, z * (1 - s)))


def _gelu(z: Tensor, out: Tensor) -> Tensor:
    return torch.erf(z * math.sqrt(0.5), out=out).add_(1).mul_(z).mul_(0.5)


def _gelu_backward(grad: Tensor, z: Tensor) -> Tensor:
    # sigma(z) = z Phi(z), so sigma' = Phi + z phi with the standard normal density phi.
    cdf = torch.erf(z * math.sqrt(0.5)).add_(1).mul_(0.5)
    density = torch.exp(z.square().mul_(-0.5)).mul_(1 / math.sqrt(2 * math.pi))
    return grad.mul_(cdf.addcmul_(z, density))


def _tanh(z: Tensor, out: Tensor) -> Tensor:
    return torch.tanh(z, out=out)


def _tanh_backward(grad: Tensor, z: Tensor) -> Tensor:
    # sigma' = 1 - tanh^2.
    t = torch.tanh(z)
    return grad.addcmul_(grad, t.square_(), value=-1)


#: Name -> forward and backward pass.
ACTIVATIONS: dict[vocabulary.Activation, ActivationRule] = {
    "x^2": ActivationRule(torch.square, _square, _square_backward, scale=2.0),
    "relu": ActivationRule(torch.relu, _relu, _relu_backward),
    "relu^2": ActivationRule(lambda z: torch.relu(z).square(), _relu_square, _relu_square_backward, scale=2.0),
    "silu": ActivationRule(functional.silu, _silu, _silu_backward),
    "gelu": ActivationRule(functional.gelu, _gelu, _gelu_backward),
    "tanh": ActivationRule(torch.tanh, _tanh, _tanh_backward),
}
