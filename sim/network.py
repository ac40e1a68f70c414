"""The two-layer network with a leading member axis: init, forward, loss, exact gradients.

    Z = X W,  F = sigma(Z),  O = F V,  L = (1/n) sum_rows l(O, y)
    R = dL/dO,  dL/dV = F^T R,  dL/dW = X^T (R V^T * sigma'(Z))

Members never mix: the loss is a mean over samples and each member has its own slice of every tensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sim.activations import ACTIVATIONS
from sim.data import PackData
from sim.losses import LOSSES
from sim.runtime import Runtime
from theory.sampling import stream
from theory.setting import Setting

__all__ = ["Evaluation", "Gradient", "Params", "empty_params", "evaluate", "flat", "init_params", "packed"]


class Params(NamedTuple):
    """Weights (or gradients) of E members: two views, one after the other, of one flat array.

    Attributes:
        W: (E, 2M, K) first layer; rows 0 … M-1 belong to a, rows M … 2M-1 to b.
        V: (E, K, M) second layer.
    """

    W: Tensor
    V: Tensor


def empty_params(like: Params) -> Params:
    """Uninitialised parameters of the same shapes."""
    memory = like.W.new_empty(like.W.numel() + like.V.numel())
    return Params(memory[: like.W.numel()].view(like.W.shape), memory[like.W.numel() :].view(like.V.shape))


def packed(W: Tensor, V: Tensor) -> Params:
    """Parameters holding copies of the given layers."""
    params = empty_params(Params(W, V))
    params.W.copy_(W)
    params.V.copy_(V)
    return params


def flat(params: Params) -> Tensor:
    """The one array behind both layers, as the optimizer sees it."""
    return torch.as_strided(params.W, (params.W.numel() + params.V.numel(),), (1,))


def init_params(setting: Setting, seeds: Sequence[int], runtime: Runtime) -> Params:
    """Uniform on ±1/sqrt(fan_in), from each member's own stream; V scaled by ``init_scale_v``."""
    order, width = setting.task.resolve().order, setting.network.width
    first, second = [], []
    for seed in seeds:
        rng = stream(seed, "init", setting.task)
        first.append(rng.uniform(-1, 1, (2 * order, width)) / math.sqrt(2 * order))
        second.append(rng.uniform(-1, 1, (width, order)) * setting.network.init_scale_v / math.sqrt(width))

    def stack(members: list[NDArray[np.float64]]) -> Tensor:
        return torch.as_tensor(np.stack(members), dtype=runtime.torch_dtype, device=runtime.torch_device)

    return packed(stack(first), stack(second))


class Gradient:
    """Gradient of the mean training loss of a pack (decay not included), tile by tile.

    Bound to parameters that the optimizer changes in place. Working arrays are made once: fresh memory of this
    size would be handed out by the system page by page, at twice the cost of the step.
    """

    def __init__(self, setting: Setting, params: Params, data: PackData, threads: int = 1) -> None:
        self._threads = threads
        self._sigma, self._loss = ACTIVATIONS[setting.network.activation], LOSSES[setting.loss]
        self._params, self._tiles = params, data.tiles
        self._scale = self._loss.scale / data.samples
        members, width, order = params.V.shape
        self._result = empty_params(params)
        self._v_transposed = params.V.transpose(1, 2)
        self._grad_vt = params.V.new_empty(members, order, width)
        most = max(tile.one_hot.shape[1] for tile in data.tiles)
        self._hidden = params.V.new_empty(2, members * most * width)
        self._outputs = params.V.new_empty(members * most * order)

    def __call__(self) -> Params:
        """dL/dW (E, 2M, K) and dL/dV (E, K, M) at the present parameters, valid until the next call."""
        W, V = self._params
        grad_w, grad_v = self._result
        for i, tile in enumerate(self._tiles):
            shape = (*tile.one_hot.shape[:2], V.shape[1])
            Z, F = (half[: math.prod(shape)].view(shape) for half in self._hidden)
            self._sigma.forward(tile.gather(W, out=Z), F)
            O = self._outputs[: tile.one_hot.numel()].view(tile.one_hot.shape)
            R = self._loss.gradient(_product(F, V, O, self._threads), tile.one_hot)
            torch.baddbmm(self._grad_vt, R.transpose(1, 2), F, beta=min(i, 1), alpha=self._scale, out=self._grad_vt)
            G = F  # its memory is free now, and warm in the cache
            torch.baddbmm(G, R, self._v_transposed, beta=0, alpha=self._scale * self._sigma.scale, out=G)
            tile.scatter(self._sigma.backward(G, Z), out=grad_w, add=i > 0)
        grad_v.copy_(self._grad_vt.transpose(1, 2))
        return self._result


def _product(F: Tensor, V: Tensor, out: Tensor, parts: int) -> Tensor:
    """F V into ``out``. A lone member's rows are cut into equal parts, one a thread.

    A flat product with as few columns as there are classes shares its work badly among threads (half the speed
    with two); a batched one does it well.
    """
    members, rows, width = F.shape
    if members > 1 or rows % parts:
        return torch.bmm(F, V, out=out)
    torch.bmm(F.view(parts, -1, width), V.expand(parts, -1, -1), out=out.view(parts, -1, V.shape[2]))
    return out


class Evaluation(NamedTuple):
    """Losses and accuracies of E members, each (E,); test values are NaN where every pair is trained on."""

    train_accuracy: Tensor
    test_accuracy: Tensor
    train_loss: Tensor
    test_loss: Tensor


def evaluate(setting: Setting, params: Params, data: PackData, runtime: Runtime) -> Evaluation:
    """Loss and accuracy on training pairs and on all other pairs, from one pass over the whole table."""
    sigma, loss = ACTIVATIONS[setting.network.activation], LOSSES[setting.loss]
    members, _, width = params.W.shape
    M = data.order
    first, second = params.W[:, :M, None, :], params.W[:, None, M:, :]
    losses = torch.empty_like(data.labels, dtype=params.W.dtype)
    correct = torch.empty_like(losses)
    block = runtime.rows_that_fit(members * M * width * params.W.itemsize)
    hidden = params.W.new_empty(2, members * min(block, M) * M * width)
    for a in range(0, M, block):
        shape = (members, len(range(a, min(a + block, M))), M, width)
        Z, F = (half[: math.prod(shape)].view(shape) for half in hidden)
        sigma.forward(torch.add(first[:, a : a + block], second, out=Z), F)
        pairs = slice(a * M, a * M + shape[1] * M)
        labels = data.labels[:, pairs]
        outputs = _product(F.view(members, -1, width), params.V, params.V.new_empty(*labels.shape, M), runtime.threads)
        losses[:, pairs] = loss.value(outputs, labels)
        correct[:, pairs] = (outputs.argmax(dim=-1) == labels).to(losses.dtype)
    n, rest = data.samples, M * M - data.samples

    def split(values: Tensor) -> tuple[Tensor, Tensor]:
        inside = torch.where(data.in_train, values, 0).sum(dim=1) / n
        outside = torch.where(data.in_train, 0, values).sum(dim=1) / rest
        return inside, outside

    train_accuracy, test_accuracy = split(correct)
    train_loss, test_loss = split(losses)
    return Evaluation(train_accuracy, test_accuracy, train_loss, test_loss)
