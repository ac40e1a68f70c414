"""Gradients of networks beyond two real layers: autograd through the network, the loss by hand.

    F = sigma(X W),  F <- [F +] sigma(F H_l) for each hidden layer,  O = Re(F V)

The first product is two rows of W a sample, as in the core, so no dense one-hot is built here either.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from sim.activations import ACTIVATIONS
from sim.data import PackData, Tile, real_rows
from sim.losses import LOSSES
from sim.network import Params, deeper, empty_params
from theory.setting import Network, Setting

__all__ = ["AutogradGradient"]


class AutogradGradient:
    """Gradient of the mean training loss of a pack (decay not included), tile by tile: see `sim.network.Gradient`.

    A complex layer has the gradient dL/dRe + i dL/dIm, so that a step against it is one in both parts.
    """

    def __init__(self, setting: Setting, params: Params, data: PackData) -> None:
        self._network, self._loss = setting.network, LOSSES[setting.loss]
        self._params, self._tiles = params, data.tiles
        self._scale = self._loss.scale / data.samples
        self._result = empty_params(params)

    def __call__(self) -> Params:
        """dL/d(layer) for each layer at the present parameters, valid until the next call."""
        for i, tile in enumerate(self._tiles):
            for total, part in zip(self._result, self._of(tile), strict=True):
                total.copy_(part) if i == 0 else total.add_(part)
        return self._result

    def _of(self, tile: Tile) -> Sequence[Tensor]:
        with torch.enable_grad():
            layers = [layer.detach().requires_grad_() for layer in self._params]
            outputs = _outputs(self._network, layers, tile)
        R = self._loss.gradient(outputs.detach().clone(), tile.one_hot).mul_(self._scale)
        return torch.autograd.grad(outputs, layers, R)


def _outputs(network: Network, layers: Sequence[Tensor], tile: Tile) -> Tensor:
    """O of a tile's rows: (E, s, M)."""
    W, V = layers[0], layers[-1]
    rows = functional.embedding_bag(tile.inputs.T, real_rows(W), mode="sum").view(W.shape[0], -1, *_parts(W))
    Z = torch.view_as_complex(rows) if W.is_complex() else rows
    F = deeper(network, layers, ACTIVATIONS[network.activation].function(Z))
    return torch.bmm(F, V).real


def _parts(W: Tensor) -> tuple[int, ...]:
    return (W.shape[2], 2) if W.is_complex() else (W.shape[2],)
