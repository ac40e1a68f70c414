"""The two-layer network with a leading member axis: init, forward, loss, exact gradients.

    Z = X W,  F = sigma(Z),  O = F V,  L = (1/n) sum_rows l(O, y)
    R = dL/dO,  dL/dV = F^T R,  dL/dW = X^T (R V^T * sigma'(Z))

Deeper and complex networks have more between F and O; their gradients are in `twopeaks.sim.network.autograd`. Members
never mix: the loss is a mean over samples, and each member has its own slice of every tensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twopeaks.sim.network.activations import ACTIVATIONS
from twopeaks.sim.network.data import PackData
from twopeaks.sim.network.losses import LOSSES
from twopeaks.sim.network.members import each
from twopeaks.sim.network.products import PLAIN, Products, readout
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.network.sizes import layer_shapes
from twopeaks.sim.network.table_features import table_features
from twopeaks.theory.setting import Setting
from twopeaks.theory.setting.sampling import stream

__all__ = [
    "Evaluation",
    "Gradient",
    "Params",
    "empty_params",
    "evaluate",
    "flat",
    "init_params",
    "packed",
]


class Params(tuple[Tensor, ...]):
    """Layers of E members, first to last, as views of one flat array: weights, gradients or averages of these.

    Two of them, or more where the setting has hidden layers (E, K, K) in between, embeddings or a transformer
    (`twopeaks.sim.network.sizes.layer_shapes`).
    """

    __slots__ = ()

    def __new__(cls, *layers: Tensor) -> Self:
        """The given layers, first to last."""
        return super().__new__(cls, layers)

    @property
    def W(self) -> Tensor:
        """(E, kA, K) first layer; row j A + x_j belongs to operand j, counted from 0. A table, if there is one."""
        return self[0]

    @property
    def V(self) -> Tensor:
        """(E, K, C) last layer."""
        return self[-1]


def empty_params(like: Params) -> Params:
    """Uninitialised parameters of the same shapes; in memory the last layer is (E, C, K), as its gradient is made."""
    memory = like.W.new_empty(sum(layer.numel() for layer in like))
    *parts, last = torch.split_with_sizes(memory, [layer.numel() for layer in like])
    hidden = (part.view(layer.shape) for part, layer in zip(parts, like, strict=False))
    return Params(*hidden, last.view(like.V.mT.shape).mT)


def packed(*layers: Tensor) -> Params:
    """Parameters holding copies of the given layers."""
    params = empty_params(Params(*layers))
    for layer, values in zip(params, layers, strict=True):
        layer.copy_(values)
    return params


def flat(params: Params) -> Tensor:
    """The one real array behind all layers, as the optimizer sees it."""
    first = torch.view_as_real(params.W) if params.W.is_complex() else params.W
    size = first.numel() // params.W.numel() * sum(layer.numel() for layer in params)
    return torch.as_strided(first, (size,), (1,))


def init_params(settings: Setting | Sequence[Setting], seeds: Sequence[int], runtime: Runtime) -> Params:
    """Uniform on ±1/sqrt(fan_in), tables ±1/sqrt(d), from each member's own stream; V scaled by ``init_scale_v``.

    Complex weights are (real + i imaginary)/sqrt(2) of two such draws, so that |.|^2 is as for real ones.

    Args:
        settings: one for all members, or one each, of one shape.
        seeds: one a member.
        runtime: where to.
    """
    members = each(settings, seeds)
    drawn = [_drawn(setting, stream(seed, "init", setting.task)) for setting, seed in zip(members, seeds, strict=True)]
    dtype = runtime.torch_dtype.to_complex() if members[0].network.weights == "complex" else runtime.torch_dtype
    stacks = (np.stack(layer) for layer in zip(*drawn, strict=True))
    return packed(*(torch.as_tensor(layer, dtype=dtype, device=runtime.torch_device) for layer in stacks))


def _drawn(setting: Setting, rng: np.random.Generator) -> list[NDArray[np.inexact]]:
    """Initial layers of one member. W and V come first from the stream: other layers leave them as they are."""
    shapes, count = layer_shapes(setting), setting.network.tables

    def draw() -> list[NDArray[np.float64]]:
        tables, (W, *hidden, V) = shapes[:count], shapes[count:]
        first = rng.uniform(-1, 1, W) / math.sqrt(W[0])
        last = rng.uniform(-1, 1, V) * setting.network.init_scale_v / math.sqrt(V[0])
        between = [rng.uniform(-1, 1, H) / math.sqrt(H[0]) for H in hidden]
        return [*(rng.uniform(-1, 1, T) / math.sqrt(T[1]) for T in tables), first, *between, last]

    real = draw()
    if setting.network.weights == "real":
        return list(real)
    return [(x + 1j * y) / math.sqrt(2) for x, y in zip(real, draw(), strict=True)]


class Gradient:
    """Gradient of the mean training loss of a pack (decay not included), tile by tile.

    Bound to parameters that the optimizer changes in place. Working arrays but Z are made once: fresh memory of this
    size may be handed out by the system page by page, at twice the cost of the step. Outputs and V lie in memory
    with the class first, (E, C, s) and (E, C, K): a product with as few columns as there are classes is half as fast
    where the classes are the last dimension.
    """

    def __init__(self, setting: Setting, params: Params, data: PackData, through: Products = PLAIN) -> None:
        self._products = through
        self._sigma, self._loss = ACTIVATIONS[setting.network.activation], LOSSES[setting.loss]
        self._params, self._tiles = params, data.tiles
        self._scale = self._loss.scale / data.divisor
        members, width, classes = params.V.shape
        self._result = empty_params(params)
        self._alpha = setting.network.output_scale
        self._scaled_v = params.V if self._alpha == 1 else torch.empty_like(params.V)  # alpha V: O = F (alpha V)
        most = max(tile.one_hot.shape[1] for tile in data.tiles)
        self._hidden = params.V.new_empty(members * most * width)
        self._outputs = params.V.new_empty(members * most * classes)

    def __call__(self) -> Params:
        """dL/dW (E, kA, K) and dL/dV (E, K, C) at the present parameters, valid until the next call."""
        W, V = self._params.W, self._scaled_v
        if self._alpha != 1:
            torch.mul(self._params.V, self._alpha, out=V)
        grad_w, grad_v = self._result
        grad_vt = grad_v.mT
        for i, tile in enumerate(self._tiles):
            Z = tile.gather(W)
            F = self._sigma.forward(Z, self._hidden[: Z.numel()].view(Z.shape))
            O = self._outputs[: tile.one_hot.numel()].view(tile.one_hot.mT.shape).mT
            R = self._loss.gradient(self._products.outputs(F, V, O), tile.one_hot)
            if tile.weights is not None:
                R.mul_(tile.weights.unsqueeze(2))
            self._products.to_readout(R, F, grad_vt, add=i > 0, scale=self._scale)
            G = F  # its memory is free now, and warm in the cache
            self._products.to_features(R, V, G, scale=self._scale * self._sigma.scale)
            tile.scatter(self._sigma.backward(G, Z), out=grad_w, add=i > 0)
        if self._alpha != 1:
            grad_v.mul_(self._alpha)
        return self._result


class Evaluation(NamedTuple):
    """Losses and accuracies of E members, each (E,); test values are NaN where every row is trained on."""

    train_accuracy: Tensor
    test_accuracy: Tensor
    train_loss: Tensor
    test_loss: Tensor


def evaluate(setting: Setting, params: Params, data: PackData, runtime: Runtime) -> Evaluation:
    """Loss and accuracy on training rows and on all other rows, from one pass over the whole table."""
    loss, table, alpha = LOSSES[setting.loss], data.table, setting.network.output_scale
    V = params.V if alpha == 1 else alpha * params.V
    losses = torch.empty_like(data.labels, dtype=runtime.torch_dtype)
    correct = torch.empty_like(losses)
    for rows, F in table_features(setting.network, params, table, runtime):
        labels = data.labels[:, rows]
        outputs = readout(F, V, V.new_empty(len(F), table.classes, F.shape[1]).mT, runtime.threads).real
        losses[:, rows] = loss.value(outputs, labels)
        correct[:, rows] = (outputs.argmax(dim=-1) == labels).to(losses.dtype)
    n, rest = data.sizes, table.rows.size - data.sizes

    def split(values: Tensor) -> tuple[Tensor, Tensor]:
        inside = torch.where(data.in_train, values, 0).sum(dim=1) / n
        outside = torch.where(data.in_test, values, 0).sum(dim=1) / rest
        return inside, outside

    train_accuracy, test_accuracy = split(correct)
    train_loss, test_loss = split(losses)
    return Evaluation(train_accuracy, test_accuracy, train_loss, test_loss)
