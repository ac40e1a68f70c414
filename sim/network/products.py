"""The three products of a step, in a given arithmetic.

    O = F V,   dL/dV^T = R^T F,   dL/dF = R V^T

Outputs and V lie in memory with the class first, so O is computed as O^T = V^T F^T.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from twopeaks.sim.network.runtime import Runtime

__all__ = ["PLAIN", "Products", "products", "readout"]


class Products(Protocol):
    """Products of members' F (E, s, K), V (E, K, C) and R (E, s, C); F and V of the last call of `outputs` are kept."""

    def outputs(self, F: Tensor, V: Tensor, out: Tensor) -> Tensor:
        """F V into ``out`` (E, s, C), which lies class-major."""

    def to_readout(self, R: Tensor, F: Tensor, out: Tensor, *, add: bool, scale: float) -> None:
        """Scale times R^T F into ``out`` (E, C, K), or added to it."""

    def to_features(self, R: Tensor, V: Tensor, out: Tensor, *, scale: float) -> None:
        """Scale times R V^T into ``out`` (E, s, K), which may be F."""


def products(runtime: Runtime) -> Products:
    """Those of a runtime."""
    return _Rounded() if runtime.dtype == "bfloat16" else _Plain(runtime.threads)


def readout(F: Tensor, V: Tensor, out: Tensor, parts: int) -> Tensor:
    """F V into ``out``. A lone member's rows are cut into equal parts, one a thread.

    A flat product with as few columns as there are classes shares its work badly among threads (half the speed
    with two); a batched one does it well.
    """
    members, rows, width = F.shape
    if members > 1 or rows % parts:
        torch.bmm(V.mT, F.mT, out=out.mT)
        return out
    torch.bmm(V.mT.expand(parts, -1, -1), F.view(parts, -1, width).mT, out=out.view(parts, -1, V.shape[2]).mT)
    return out


class _Plain:
    """In the precision of the weights."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def outputs(self, F: Tensor, V: Tensor, out: Tensor) -> Tensor:
        return readout(F, V, out, self._threads)

    def to_readout(self, R: Tensor, F: Tensor, out: Tensor, *, add: bool, scale: float) -> None:
        torch.baddbmm(out, R.mT, F, beta=int(add), alpha=scale, out=out)

    def to_features(self, R: Tensor, V: Tensor, out: Tensor, *, scale: float) -> None:
        torch.baddbmm(out, R, V.mT, beta=0, alpha=scale, out=out)


class _Rounded:
    """Factors and results rounded to bfloat16; sums within a product are longer, as its kernels have them."""

    _F: Tensor
    _V: Tensor
    _R: Tensor

    def outputs(self, F: Tensor, V: Tensor, out: Tensor) -> Tensor:
        self._F, self._V = F.bfloat16(), V.bfloat16()
        return out.copy_(torch.bmm(self._V.mT, self._F.mT).mT)

    def to_readout(self, R: Tensor, F: Tensor, out: Tensor, *, add: bool, scale: float) -> None:
        del F
        self._R = R.bfloat16()
        part = torch.bmm(self._R.mT, self._F)
        if add:
            out.add_(part, alpha=scale)
        else:
            torch.mul(part, scale, out=out)

    def to_features(self, R: Tensor, V: Tensor, out: Tensor, *, scale: float) -> None:
        del R, V
        torch.mul(torch.bmm(self._R, self._V.mT), scale, out=out)


#: On one thread, in the precision of the weights.
PLAIN: Products = _Plain(1)
