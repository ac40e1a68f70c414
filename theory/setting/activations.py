"""Activations sigma with their first two derivatives, as functions of arrays."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from twopeaks.theory.errors import InputError

__all__ = ["Sigma", "named_sigma"]

Array = NDArray[np.float64]
Function = Callable[[Array], Array]


@dataclass(frozen=True)
class Sigma:
    """An activation.

    Attributes:
        name: as `named_sigma` reads it.
        value, slope, bend: sigma, sigma', sigma'' element by element. At a kink the slope is the one on the
            left, and the bend leaves the kink out.
    """

    name: str
    value: Function
    slope: Function
    bend: Function


def named_sigma(name: str) -> Sigma:
    """The activation of a name: ``x^q`` or ``relu^q`` for a whole q >= 1, ``relu``, ``silu``, ``gelu``, ``tanh``.

    Raises:
        InputError: if there is none of this name.
    """
    if name in _SMOOTH:
        return Sigma(name, *_SMOOTH[name])
    match = re.fullmatch(r"(x|relu)\^([1-9])", "relu^1" if name == "relu" else name)
    if match is None:
        raise InputError("activation", "x^q, relu, relu^q, silu, gelu or tanh", name, "such as x^2")
    base, q = match[1], int(match[2])
    functions = (_power(1, q), _power(q, q - 1), _power(q * (q - 1), q - 2))
    return Sigma(name, *(functions if base == "x" else map(_rectified, functions)))


def _power(factor: int, exponent: int) -> Function:
    """Map z to factor · z^exponent, by products; to zero if the factor is zero."""

    def power(z: Array) -> Array:
        if factor == 0:
            return np.zeros_like(z)
        return functools.reduce(np.multiply, [z] * exponent, np.full_like(z, factor))

    return power


def _rectified(function: Function) -> Function:
    return lambda z: np.where(z > 0, function(z), 0.0)


def _silu_slope(z: Array) -> Array:
    s = expit(z)
    return np.asarray(s * (1 + z * (1 - s)))


def _silu_bend(z: Array) -> Array:
    s = expit(z)
    return np.asarray(s * (1 - s) * (2 + z * (1 - 2 * s)))


def _density(z: Array) -> Array:
    """Standard normal density, the slope of `ndtr`."""
    return np.asarray(np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))


_SMOOTH: dict[str, tuple[Function, Function, Function]] = {
    "silu": (lambda z: z * expit(z), _silu_slope, _silu_bend),
    "gelu": (lambda z: z * ndtr(z), lambda z: ndtr(z) + z * _density(z), lambda z: _density(z) * (2 - z**2)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2, lambda z: -2 * np.tanh(z) * (1 - np.tanh(z) ** 2)),
}
