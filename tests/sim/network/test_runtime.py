from __future__ import annotations

import pytest
import torch

from twopeaks.sim.network.runtime import pinned, resolve
from twopeaks.theory.errors import InputError


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cpu0", ""])
def test_unknown_devices_are_refused(device: str) -> None:
    with pytest.raises(InputError, match="device must be auto, cpu, cuda, cuda:N or mps"):
        resolve(device)


@pytest.mark.parametrize("device", ["cuda:99", "mps:7"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(InputError, match="device must be one of this machine"):
        resolve(device)


@pytest.mark.parametrize("threads", [0, -1, 100_000])
def test_thread_counts_have_a_range(threads: int) -> None:
    with pytest.raises(InputError, match="threads must be between 1 and 1024"):
        resolve("cpu", threads=threads)


def test_what_was_chosen_is_described() -> None:
    facts = resolve("cpu", "float64", 3).describe()
    assert facts["device"] == "cpu"
    assert (facts["dtype"], facts["threads"], facts["torch"]) == ("float64", 3, torch.__version__)


def test_denormals_are_flushed_inside_and_kept_outside() -> None:
    tiny = torch.tensor([1e-39], dtype=torch.float32)
    with pinned(resolve("cpu", threads=1)):
        assert float(tiny * 0.5) == 0.0
        assert not torch.is_grad_enabled()
    assert float(tiny * 0.5) > 0.0
    assert torch.is_grad_enabled()


@pytest.mark.gpu
def test_a_gpu_gives_the_same_curves_as_the_cpu() -> None:
    import numpy as np

    from twopeaks.sim.storage.records import Plan
    from twopeaks.sim.training.loop import train
    from twopeaks.theory.setting import standard

    setting, plan = standard("Z11", 60, 64), Plan(steps=100, every=20)
    there, here = (train(setting, [0, 1], plan, resolve(d, "float64")) for d in ("cuda", "cpu"))
    np.testing.assert_allclose(there.curves["train_loss"], here.curves["train_loss"], rtol=1e-8)
