"""The network of one member in plain torch: dense one-hots, autograd, torch.optim. The trainer's reference."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sim.network import Params, init_params
from sim.runtime import Runtime
from theory.sampling import draw_pairs, label_table
from theory.setting import Setting

SIGMA = {
    "x^2": torch.square,
    "relu": torch.relu,
    "relu^2": lambda z: torch.relu(z).square(),
    "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu,
}


def dense_data(setting: Setting, seed: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """(n, 2M) two-hot inputs and (n,) labels of one member."""
    order = setting.task.resolve().order
    pairs = torch.as_tensor(draw_pairs(setting.task, seed))
    hot = torch.nn.functional.one_hot
    x = torch.cat([hot(pairs // order, order), hot(pairs % order, order)], dim=1).to(dtype)
    return x, torch.as_tensor(label_table(setting.task, seed))[pairs]


def loss(setting: Setting, W: Tensor, V: Tensor, x: Tensor, y: Tensor) -> Tensor:
    outputs = SIGMA[setting.network.activation](x @ W) @ V
    if setting.loss == "cross-entropy":
        return torch.nn.functional.cross_entropy(outputs, y)
    target = torch.nn.functional.one_hot(y, outputs.shape[1]).to(outputs.dtype) - 1 / outputs.shape[1]
    return (outputs - outputs.mean(dim=1, keepdim=True) - target).square().sum(dim=1).mean()


def optimizer(setting: Setting, parameters: list[Tensor]) -> torch.optim.Optimizer:
    rule = setting.optimizer
    if rule.name == "sgd":
        return torch.optim.SGD(parameters, lr=rule.lr, momentum=rule.momentum, weight_decay=rule.weight_decay)
    kind = torch.optim.AdamW if rule.name == "adamw" else torch.optim.Adam
    betas = (rule.beta1, rule.beta2)
    return kind(parameters, lr=rule.lr, betas=betas, eps=rule.eps, weight_decay=rule.weight_decay)


def trained(setting: Setting, seed: int, steps: int, runtime: Runtime) -> Params:
    """Weights of one member after some steps of autograd and torch.optim."""
    W, V = (p[0].clone().requires_grad_() for p in init_params(setting, [seed], runtime))
    x, y = dense_data(setting, seed, runtime.torch_dtype)
    rule = optimizer(setting, [W, V])
    for _ in range(steps):
        rule.zero_grad()
        loss(setting, W, V, x, y).backward()
        rule.step()
    return Params(W.detach(), V.detach())


def relative(a: Tensor, b: Tensor) -> float:
    """Largest difference over largest size."""
    size = float(b.abs().max())
    return float((a - b).abs().max()) / (size if math.isfinite(size) and size > 0 else 1.0)
