"""Weights that keep their initial values while the others learn."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from twopeaks.sim.network.network import Params

__all__ = ["FrozenWeights", "Layer"]

#: A layer that may be frozen.
Layer = Literal["W", "V"]


class FrozenWeights:
    """Entries of the first or the last layer that no update changes.

    Their gradient is set to zero, because Muon's update of an entry depends on the gradients of all. What decay and
    averages still change is put back after the update.
    """

    def __init__(self, params: Params, frozen: Layer | Tensor) -> None:
        """Freeze weights at their present values.

        Args:
            params: weights of the pack.
            frozen: ``W`` or ``V`` for a whole layer, or (E, K) booleans: the nodes whose columns of W are frozen.
        """
        self._layer: Layer = "W" if isinstance(frozen, Tensor) else frozen
        self._values: Tensor = getattr(params, self._layer).clone()
        whole_layer = torch.ones((), dtype=torch.bool, device=self._values.device)
        self._mask = frozen.unsqueeze(1) if isinstance(frozen, Tensor) else whole_layer

    def silence(self, grads: Params) -> None:
        """Set the gradient of frozen weights to zero, in place."""
        getattr(grads, self._layer).masked_fill_(self._mask, 0)

    def restore(self, params: Params) -> None:
        """Put the values of frozen weights back, in place."""
        layer: Tensor = getattr(params, self._layer)
        torch.where(self._mask, self._values, layer, out=layer)
