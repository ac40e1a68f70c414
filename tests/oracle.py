"""The network of one member in plain torch: dense one-hots, autograd, torch.optim. The trainer's reference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor

from twopeaks.sim.network.network import Params, init_params
from twopeaks.sim.network.runtime import Runtime
from twopeaks.theory.setting import Setting
from twopeaks.theory.setting.sampling import draw_pairs, label_table

SIGMA = {
    "x^2": torch.square,
    "relu": torch.relu,
    "relu^2": lambda z: torch.relu(z).square(),
    "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu,
    "tanh": torch.tanh,
}


def dense_data(setting: Setting, seed: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """(n, kA) inputs of k one-hots and (n,) labels of one member."""
    table = setting.task.table_of()
    k, A = table.operands, table.alphabet
    rows = torch.as_tensor(draw_pairs(setting.task, seed))
    hot = torch.nn.functional.one_hot
    x = torch.cat([hot(rows // A ** (k - 1 - j) % A, A) for j in range(k)], dim=1).to(dtype)
    return x, torch.as_tensor(label_table(setting.task, seed))[rows]


def features(setting: Setting, layers: Sequence[Tensor], x: Tensor) -> Tensor:
    """(n, K) what the last layer reads."""
    sigma = SIGMA[setting.network.activation]
    F = sigma(x.to(layers[0].dtype) @ layers[0])
    for H in layers[1:-1]:
        F = sigma(F @ H) + (F if setting.network.residual else 0)
    return F


def outputs(setting: Setting, layers: Sequence[Tensor], x: Tensor) -> Tensor:
    return torch.real(features(setting, layers, x) @ layers[-1])


def row_losses(name: str, outputs: Tensor, y: Tensor) -> Tensor:
    """l(o, y) of each row, written for reading."""
    one_hot = torch.nn.functional.one_hot(y, outputs.shape[1]).to(outputs.dtype)
    if name == "mse":
        return (outputs - outputs.mean(dim=1, keepdim=True) - one_hot + 1 / outputs.shape[1]).square().sum(dim=1)
    if name == "hinge":
        others = outputs[one_hot == 0].view(len(y), -1)
        return torch.relu(1 + others.amax(dim=1) - outputs[one_hot == 1])
    if name == "contrastive":
        outputs = outputs / (outputs.square().sum(dim=1, keepdim=True) + 1e-12).sqrt() / 0.1
    return torch.nn.functional.cross_entropy(outputs, y, reduction="none")


def loss(setting: Setting, layers: Sequence[Tensor], x: Tensor, y: Tensor) -> Tensor:
    return row_losses(setting.loss, outputs(setting, layers, x), y).mean()


def solved(setting: Setting, layers: Sequence[Tensor], x: Tensor, y: Tensor) -> Tensor:
    """The ridge readout of a network, by least squares on the data and sqrt(lambda) I below them."""
    F = features(setting, layers, x)
    A = torch.cat([F.real, -F.imag], dim=1) if F.is_complex() else F
    ridge = len(y) * setting.optimizer.weight_decay / 2
    target = torch.nn.functional.one_hot(y, layers[-1].shape[1]).to(A.dtype) - 1 / layers[-1].shape[1]
    below = math.sqrt(ridge) * torch.eye(A.shape[1], dtype=A.dtype)
    V = torch.linalg.lstsq(torch.cat([A, below]), torch.cat([target, 0 * below[:, : target.shape[1]]])).solution
    return torch.complex(*V.chunk(2)) if F.is_complex() else V


def optimizers(setting: Setting, layers: list[Tensor]) -> list[torch.optim.Optimizer]:
    rule = setting.optimizer
    if rule.name == "sgd":
        return [torch.optim.SGD(layers, lr=rule.lr, momentum=rule.momentum, weight_decay=rule.weight_decay)]
    decay, betas = {"weight_decay": rule.weight_decay}, (rule.beta1, rule.beta2)
    if rule.name != "muon":
        kind = torch.optim.AdamW if rule.name == "adamw" else torch.optim.Adam
        return [kind(layers, lr=rule.lr, betas=betas, eps=rule.eps, **decay)]
    newton_schulz = {"ns_steps": rule.ns_steps, "ns_coefficients": rule.ns_coefficients, "adjust_lr_fn": rule.scaling}
    return [
        torch.optim.Muon(
            layers[:-1], lr=rule.lr, momentum=rule.momentum, nesterov=rule.nesterov, **newton_schulz, **decay
        ),
        torch.optim.Adam(layers[-1:], lr=rule.lr_v or rule.lr, betas=betas, eps=rule.eps, **decay),
    ]


@contextmanager
def full_precision_muon() -> Iterator[None]:
    """Torch's own Muon with its rounding to bfloat16 taken out."""
    with patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
        yield


def trained(setting: Setting, seed: int, steps: int, runtime: Runtime) -> Params:
    """Weights of one member after some steps of autograd and torch.optim."""
    layers = [p[0].clone().requires_grad_() for p in init_params(setting, [seed], runtime)]
    x, y = dense_data(setting, seed, runtime.torch_dtype)
    rules = optimizers(setting, layers)
    ridge = setting.network.readout == "ridge"
    for step in range(steps + 1):
        if ridge:
            layers[-1].data.copy_(solved(setting, layers, x, y))
        if step == steps:
            break
        for rule in rules:
            rule.zero_grad()
        loss(setting, layers, x, y).backward()
        for rule in rules:
            rule.step()
    return Params(*(layer.detach() for layer in layers))


def relative(a: Tensor, b: Tensor) -> float:
    """Largest difference over largest size."""
    size = float(b.abs().max())
    return float((a - b).abs().max()) / (size if math.isfinite(size) and size > 0 else 1.0)
