"""Products rounded to bfloat16: what is rounded, how far results move, and that no run is taken for another."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from twopeaks.sim.network.arithmetic import known_dtype
from twopeaks.sim.network.products import products
from twopeaks.sim.network.runtime import resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.storage.store import run_name
from twopeaks.sim.sweep.spec import spec_of
from twopeaks.sim.training.loop import train
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Network, Setting, Task, standard
from twopeaks.validate.cli.app import run


def factors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    F, V, R = (torch.randn(shape, generator=generator) for shape in ((3, 40, 64), (3, 7, 64), (3, 7, 40)))
    return F, V.mT, R.mT


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_three_products(dtype: str) -> None:
    F, V, R = factors()
    through = products(resolve("cpu", known_dtype("dtype", dtype), 1))
    O, to_v = torch.empty(3, 7, 40).mT, torch.full((3, 7, 64), 5.0)
    rtol = 0.02 if dtype == "bfloat16" else 1e-5
    scale = float((F @ V).abs().max())
    torch.testing.assert_close(through.outputs(F, V, O), F @ V, rtol=0, atol=rtol * scale)
    through.to_readout(R, F, to_v, add=True, scale=0.5)
    torch.testing.assert_close(to_v, 5 + 0.5 * R.mT @ F, rtol=0, atol=rtol * scale)
    through.to_readout(R, F, to_v, add=False, scale=0.5)
    torch.testing.assert_close(to_v, 0.5 * R.mT @ F, rtol=0, atol=rtol * scale)
    expected = 2 * R @ V.mT
    through.to_features(R, V, F, scale=2)
    torch.testing.assert_close(F, expected, rtol=0, atol=rtol * scale)


def test_rounding_is_there_and_is_small() -> None:
    F, V, _ = factors()
    through = products(resolve("cpu", "bfloat16", 1))
    found = through.outputs(F, V, torch.empty(3, 7, 40).mT)
    assert torch.equal(found, found.bfloat16().float())
    assert 1e-4 < float((found - F @ V).abs().max() / (F @ V).abs().max()) < 0.02


def test_rounded_networks_learn_nearly_the_same() -> None:
    setting, plan = standard("Z7", 40, 64), Plan(steps=300, every=100)
    plain, rounded = (train(setting, [0, 1], plan, resolve("cpu", d, 1)) for d in ("float32", "bfloat16"))
    assert not np.array_equal(plain.curves["train_loss"], rounded.curves["train_loss"])
    np.testing.assert_allclose(rounded.curves["norm_w2"], plain.curves["norm_w2"], rtol=0.02)
    assert np.isfinite(rounded.curves["train_loss"]).all()


def test_rounded_runs_have_a_name_of_their_own() -> None:
    setting, plan = standard("Z7", 40, 64), Plan(steps=10, every=10)
    assert len({run_name(setting, plan, [0], dtype) for dtype in ("float32", "bfloat16", "float64")}) == 3


def test_members_are_rounded_alike_alone_and_together() -> None:
    setting, plan = standard("Z7", 40, 64), Plan(steps=30, every=10)
    runtime = resolve("cpu", "bfloat16", 1)
    together, alone = train(setting, [0, 1, 2], plan, runtime), train(setting, [1], plan, runtime)
    np.testing.assert_allclose(together.curves["train_loss"][1], alone.curves["train_loss"][0], rtol=1e-3)


def test_other_networks_refuse() -> None:
    deep = Setting(task=Task(group="Z7", samples=40), network=Network(width=16, layers=3))
    with pytest.raises(InputError, match="dtype must be float32 or float64 for this network, got 'bfloat16'"):
        train(deep, [0], Plan(steps=10, every=10), resolve("cpu", "bfloat16", 1))


def test_sweeps_and_commands_know_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert spec_of({"dtype": "bfloat16"}).dtype == "bfloat16"
    with pytest.raises(InputError, match="dtype must be float32, bfloat16"):
        spec_of({"dtype": "half"})
    small = ["train", "--group", "Z5", "--width", "8", "--seeds", "1", "--steps", "20", "--every", "10", "--json"]
    assert run([*small, "--dtype", "bfloat16"]) == 0
    assert json.loads(capsys.readouterr().out)["members"][0]["ended"] == "budget"
    assert run([*small, "--dtype", "half"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
