"""What the ensemble trainer is timed against: plain torch, vmapped torch, and bare matrix products."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.network.sizes import step_flops
from twopeaks.theory.setting import Setting
from twopeaks.theory.setting.sampling import draw_pairs, label_table

__all__ = ["Step", "idiomatic", "products", "vmapped"]

#: One training step of all members a contestant has.
Step = Callable[[], None]


class IdiomaticNet(nn.Module):
    """The network as one would write it in plain torch."""

    def __init__(self, order: int, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(2 * order, width, bias=False)
        self.second = nn.Linear(width, order, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Class outputs of dense two-hot rows."""
        outputs: Tensor = self.second(self.first(x).square())
        return outputs


def _data(setting: Setting, seed: int, runtime: Runtime) -> tuple[Tensor, Tensor]:
    """Dense two-hot rows (n, 2M) of one member and their centred one-hot labels (n, M)."""
    order, one_hot = setting.task.resolve().order, nn.functional.one_hot
    pairs = draw_pairs(setting.task, seed)
    a, b = torch.as_tensor(pairs // order), torch.as_tensor(pairs % order)
    x = torch.cat([one_hot(a, order), one_hot(b, order)], dim=1).to(runtime.torch_dtype)
    labels = torch.as_tensor(label_table(setting.task, seed)[pairs])
    return x, one_hot(labels, order).to(runtime.torch_dtype) - 1 / order


def _loss(outputs: Tensor, y: Tensor) -> Tensor:
    return (outputs - outputs.mean(dim=1, keepdim=True) - y).square().sum(dim=1).mean()


def _net(setting: Setting) -> IdiomaticNet:
    return IdiomaticNet(setting.task.resolve().order, setting.network.width)


def _adam(weights: Sequence[nn.Parameter], setting: Setting) -> torch.optim.Adam:
    rule = setting.optimizer
    return torch.optim.Adam(weights, lr=rule.lr, weight_decay=rule.weight_decay)


def idiomatic(setting: Setting, runtime: Runtime) -> Step:
    """One member: nn.Linear, autograd, torch.optim.Adam."""
    (x, y), net = _data(setting, 0, runtime), _net(setting)
    optimizer = _adam(list(net.parameters()), setting)

    def step() -> None:
        with torch.enable_grad():
            optimizer.zero_grad()
            _loss(net(x), y).backward()
        optimizer.step()

    return step


def vmapped(setting: Setting, members: int, runtime: Runtime) -> Step:
    """All members at once, as torch's tutorial on ensembles has it: stack_module_state, vmap of grad, Adam."""
    data = [_data(setting, seed, runtime) for seed in range(members)]
    x, y = (torch.stack(parts) for parts in zip(*data, strict=True))
    nets = [_net(setting) for _ in range(members)]
    stacked, buffers = stack_module_state(nets)
    weights = {name: nn.Parameter(values.detach()) for name, values in stacked.items()}
    optimizer = _adam(list(weights.values()), setting)

    def loss(own: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return _loss(functional_call(nets[0], (own, buffers), (x,)), y)

    slopes = vmap(grad(loss))

    def step() -> None:
        with torch.enable_grad():
            for name, slope in slopes({k: v.detach() for k, v in weights.items()}, x, y).items():
                weights[name].grad = slope
        optimizer.step()

    return step


def products(setting: Setting, runtime: Runtime) -> Step:
    """The arithmetic limit of one member: a square matrix product with the operations that a step cannot avoid."""
    size = max(64, round((step_flops(setting) / 2) ** (1 / 3)))
    a, b = torch.rand(2, size, size, dtype=runtime.torch_dtype)
    out = torch.empty_like(a)

    def step() -> None:
        torch.mm(a, b, out=out)

    return step
