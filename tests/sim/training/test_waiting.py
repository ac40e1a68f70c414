"""Steps that never wait for a device: no number goes back to Python, no shape depends on values.

Where a step asks for a value, a graphics card has to finish all it was given first. The guard sees every operation
of a step below Python, so it works on any device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.training.learner import Learner
from twopeaks.theory.setting import Setting

#: Operations whose result is a number or has a shape that depends on values.
WAITING = {
    "_local_scalar_dense",
    "equal",
    "is_nonzero",
    "masked_select",
    "nonzero",
    "nonzero_numpy",
    "repeat_interleave",
    "unique_dim",
    "_unique2",
    "bincount",
}


class NoWaiting(TorchDispatchMode):
    """Refuses operations that wait, indexing by masks, and data sent from one device to another."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name, kwargs = func.overloadpacket.__name__, kwargs or {}
        masks = name.startswith("index") and any(
            isinstance(x, torch.Tensor) and x.dtype in (torch.bool, torch.uint8)
            for arg in args
            if isinstance(arg, list | tuple)
            for x in arg
        )
        # What `torch.tensor` makes is lifted here before it is sent where it belongs.
        if name in WAITING or masks or name == "lift_fresh" or (name == "_to_copy" and kwargs.get("device")):
            raise AssertionError(f"waits in {func}")
        return func(*args, **kwargs)


NETWORKS: dict[str, dict[str, Any]] = {
    "core": {},
    "relu": {"activation": "relu"},
    "scaled": {"output_scale": 0.5},
    "deep": {"layers": 3, "activation": "relu"},
    "complex": {"weights": "complex"},
    "transformer": {"family": "transformer", "embedding_dim": 8, "heads": 2},
}
RULES: dict[str, dict[str, Any]] = {
    "sgd": {"name": "sgd", "lr": 0.05, "momentum": 0.9},
    "adam": {"name": "adam"},
    "adamw": {"name": "adamw"},
    "muon": {"name": "muon", "lr": 0.02},
    "schedule": {"name": "adam", "schedule": "cosine", "warmup_steps": 2, "decay_steps": 9},
}


def learner(runtime: Runtime, network: dict[str, Any], rule: dict[str, Any], loss: str = "mse") -> Learner:
    problem = {"task": {"group": "Z5", "samples": 15}, "network": {"width": 12, **network}, "optimizer": rule}
    return Learner(Setting.model_validate({**problem, "loss": loss}), [0, 1], runtime)


@pytest.mark.parametrize(
    ("network", "rule", "loss"),
    [
        *((network, "adam", "mse") for network in NETWORKS),
        *(("core", rule, "mse") for rule in RULES),
        *(("core", "sgd", loss) for loss in ("cross-entropy", "hinge", "contrastive")),
    ],
)
def test_a_step_never_waits(network: str, rule: str, loss: str, single: Runtime) -> None:
    members = learner(single, NETWORKS[network], RULES[rule], loss)
    with torch.no_grad():
        members.step()
        with NoWaiting():
            members.step()


@pytest.mark.parametrize("rule", ["sgd", "adam", "muon"])
def test_a_step_of_members_that_differ_never_waits(rule: str, single: Runtime) -> None:
    settings = [
        Setting.model_validate(
            {
                "task": {"group": "Z5", "samples": n},
                "network": {"width": 12},
                "optimizer": {**RULES[rule], "lr": lr, "weight_decay": 10 * lr},
            }
        )
        for n, lr in ((15, 1e-3), (11, 2e-3))
    ]
    members = Learner(settings, [0, 1], single)
    with torch.no_grad():
        members.step()
        with NoWaiting():
            members.step()


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: float(x.sum()),
        lambda x: bool((x > 0).any()),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x.masked_select(x > 0),
        lambda x: torch.equal(x, x),
        lambda x: torch.tensor(3.0),
    ],
)
def test_the_guard_sees_what_waits(wait: Callable[[torch.Tensor], object]) -> None:
    x = torch.arange(-2.0, 3.0)
    with NoWaiting(), pytest.raises(AssertionError, match="waits in"):
        wait(x)
