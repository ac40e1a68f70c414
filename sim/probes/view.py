"""The input of probes: the weights of a pack, and values computed from them on its training rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from twopeaks.sim.network.activations import ACTIVATIONS
from twopeaks.sim.network.architectures import features
from twopeaks.sim.network.data import PackData, Tile
from twopeaks.sim.network.network import Params
from twopeaks.sim.storage.probe_catalogue import LIVE_SHARE
from twopeaks.theory.setting import Setting

__all__ = ["Answers", "View", "exact", "squares"]

_WITHOUT_DOUBLE = ("mps",)


class Answers(NamedTuple):
    """Outputs of the networks on their training rows.

    Attributes:
        O: (E, n, C) outputs.
        Y: (E, n, C) one-hot labels. Both are zero where a member has less than n rows.
        sums: (E, C, K) Y~^T F, ~ for centring over rows. It is Y~^T F~ as well.
    """

    O: Tensor
    Y: Tensor
    sums: Tensor


class View:
    """The members of a pack at one moment. What several probes need is computed once.

    Attributes:
        settings: (E) problem of each member.
        params: their weights, which nothing here changes.
    """

    def __init__(self, settings: Sequence[Setting], params: Params, data: PackData) -> None:
        self.settings, self.params, self._data = settings, params, data
        self._network = settings[0].network

    @cached_property
    def V(self) -> Tensor:
        """(E, K, C) last layer with the factor on the outputs in it."""
        scales = [setting.network.output_scale for setting in self.settings]
        if set(scales) == {1.0}:
            return self.params.V
        return self.params.V * self._of_members(scales)[:, None, None]

    @cached_property
    def decay(self) -> Tensor:
        """(E,) weight decay eta."""
        return exact(self._of_members([s.optimizer.weight_decay for s in self.settings]))

    @cached_property
    def sizes(self) -> Tensor:
        """(E, K) |w| of every node."""
        return exact(squares(self.params.W, 1)).sqrt()

    @cached_property
    def live(self) -> Tensor:
        """(E, K) whether |w|^2 |v| of a node is at least `LIVE_SHARE` of the largest."""
        share = self.sizes.square() * exact(squares(self.V, 2)).sqrt()
        return share >= LIVE_SHARE * share.amax(dim=1, keepdim=True)

    @cached_property
    def answers(self) -> Answers:
        """Outputs and class sums of hidden values, from one pass over the training rows."""
        outputs, sums = [], self._no_sums()
        for tile, F in self.features():
            outputs.append(torch.bmm(F, self.V).real)
            _add_class_sums(tile, F, sums)
        Y = torch.cat([tile.one_hot for tile in self._data.tiles], dim=1)
        return Answers(torch.cat(outputs, dim=1), Y, self._centred(sums))

    @cached_property
    def counts(self) -> Tensor:
        """(E, C) training rows of each class."""
        return sum((tile.one_hot.sum(dim=1) for tile in self._data.tiles), self.params.V.real.new_zeros(()))

    @property
    def rows(self) -> Tensor:
        """(E,) training rows n of each member."""
        return self._data.sizes

    def mean(self, values: Tensor) -> Tensor:
        """(E, …) mean over training rows of values (E, n, …)."""
        if self._padding is None:
            return values.mean(dim=1)
        total = self.filled(values, 0).sum(dim=1)
        return total / self.rows.view(-1, *[1] * (total.dim() - 1))

    def filled(self, values: Tensor, other: float) -> Tensor:
        """Values (E, n, …) with another one where a member has no row."""
        if self._padding is None:
            return values
        return values.masked_fill(self._padding.view(*values.shape[:2], *[1] * (values.dim() - 2)), other)

    @cached_property
    def _padding(self) -> Tensor | None:
        """(E, n) where a member has no row; None where all have n of them."""
        weights = self._data.weights
        return None if weights is None else weights == 0

    def class_sums(self, W: Tensor) -> Tensor:
        """(E, C, K) Y~^T sigma(X W) for another first layer of a core network."""
        sums = self._no_sums()
        for tile, F in self.features(W):
            _add_class_sums(tile, F, sums)
        return self._centred(sums)

    def features(self, W: Tensor | None = None) -> Iterator[tuple[Tile, Tensor]]:
        """Training rows tile by tile with F (E, s, K), what V reads: zero where a member has no row."""
        if not self._network.core:
            for tile in self._data.tiles:
                yield tile, tile.without_padding(features(self._network, self.params, tile.inputs))
            return
        W = self.params.W if W is None else W
        sigma = ACTIVATIONS[self._network.activation]
        for tile in self._data.tiles:
            yield tile, tile.without_padding(sigma.function(tile.gather(W)))

    def _no_sums(self) -> Tensor:
        E, K, C = self.params.V.shape
        return self.params.V.new_zeros(E, C, K)

    def _centred(self, sums: Tensor) -> Tensor:
        """Y~^T F from Y^T F: less the share of each class times the sum over all, as every row has one label."""
        share = self.counts / self.counts.sum(dim=1, keepdim=True)
        return sums - share.unsqueeze(2) * sums.sum(dim=1, keepdim=True)

    def _of_members(self, values: Sequence[float]) -> Tensor:
        V = self.params.V
        return torch.tensor(values, dtype=V.real.dtype, device=V.device)


def _add_class_sums(tile: Tile, F: Tensor, sums: Tensor) -> None:
    """Add Y^T F (E, C, K) of a tile: row by row on a CPU, elsewhere by a product, whose order of summing is fixed."""
    if F.device.type != "cpu":
        sums.baddbmm_(tile.one_hot.mT.to(F.dtype), F)
        return
    E, C, K = sums.shape
    labels = tile.one_hot.argmax(dim=2) + C * torch.arange(E).unsqueeze(1)
    sums.view(E * C, K).index_add_(0, labels.flatten(), F.view(-1, K))


def squares(x: Tensor, dim: int) -> Tensor:
    """Sums of squares along a dimension; many times faster than `torch.linalg.vector_norm` along any but the last."""
    return x.abs().square_().sum(dim=dim) if x.is_complex() else x.square().sum(dim=dim)


def exact(x: Tensor) -> Tensor:
    """In double precision if the device has it."""
    return x if x.device.type in _WITHOUT_DOUBLE else x.double()
