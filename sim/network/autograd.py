"""Gradients of networks other than the core, O = alpha Re(F V): autograd through F and O, the loss by hand.

What V reads, F, is in `twopeaks.sim.network.architectures`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from twopeaks.sim.network.architectures import features
from twopeaks.sim.network.data import PackData, Tile
from twopeaks.sim.network.losses import LOSSES
from twopeaks.sim.network.network import Params, empty_params
from twopeaks.theory.setting import Setting

__all__ = ["AutogradGradient"]


class AutogradGradient:
    """Gradient of the mean training loss of a pack (decay not included), tile by tile: see `Gradient`.

    A complex layer has the gradient dL/dRe + i dL/dIm, so that a step against it is one in both parts.
    """

    def __init__(self, setting: Setting, params: Params, data: PackData) -> None:
        self._network, self._loss = setting.network, LOSSES[setting.loss]
        self._params, self._tiles = params, data.tiles
        self._scale = self._loss.scale / data.divisor
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
            F = features(self._network, layers, tile.inputs)
            outputs = torch.bmm(F, layers[-1]).real * self._network.output_scale
        R = self._loss.gradient(outputs.detach().clone(), tile.one_hot).mul_(self._scale)
        if tile.weights is not None:
            R.mul_(tile.weights.unsqueeze(2))
        return torch.autograd.grad(outputs, layers, R)
