"""Weights that are held at their initial values while the rest learns."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from twopeaks.sim.network.network import Params

__all__ = ["Frozen", "Layer"]

#: A layer that may be held still.
Layer = Literal["W", "V"]


class Frozen:
    """Entries of the first or the last layer that no update changes.

    Their gradient is zero, so that they have no part in an update that mixes entries (Muon), and whatever decay or
    an average would still do to them is undone.
    """

    def __init__(self, params: Params, what: Layer | Tensor) -> None:
        """Hold weights at their present values.

        Args:
            params: weights of the pack.
            what: ``W`` or ``V`` for a whole layer, or (E, K) booleans: the nodes whose columns of W are held.
        """
        self._layer: Layer = "W" if isinstance(what, Tensor) else what
        self._held: Tensor = getattr(params, self._layer).clone()
        everything = torch.ones((), dtype=torch.bool, device=self._held.device)
        self._mask = what.unsqueeze(1) if isinstance(what, Tensor) else everything

    def silence(self, grads: Params) -> None:
        """Set the gradient of what is held to zero, in place."""
        getattr(grads, self._layer).masked_fill_(self._mask, 0)

    def restore(self, params: Params) -> None:
        """Put held values back, in place."""
        layer: Tensor = getattr(params, self._layer)
        torch.where(self._mask, self._held, layer, out=layer)
