"""Shared fixtures: small settings, explicit runtimes, and a guard on torch's global state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

# Set before the first import of numpy or torch, which read it once. Tests work on small matrices, in as many processes
# as there are cores: threads beside them would spend most of the processor's time waiting for each other. What is
# trained on several threads asks for them by name (`twopeaks.sim.network.runtime`), whatever is set here.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from twopeaks.sim.network.runtime import Runtime, resolve


@pytest.fixture(autouse=True)
def torch_globals_untouched() -> Iterator[None]:
    def state() -> tuple[object, ...]:
        return torch.get_default_dtype(), torch.get_num_threads(), torch.initial_seed(), torch.is_grad_enabled()

    before = state()
    yield
    assert state() == before, "a test left torch's global state changed"


@pytest.fixture
def double() -> Runtime:
    return resolve("cpu", "float64", threads=1)


@pytest.fixture
def single() -> Runtime:
    return resolve("cpu", "float32", threads=1)


@pytest.fixture(scope="module")
def predictors_in_no_time() -> Iterator[None]:
    """The scoreboard without predictors of times, which may integrate for half a minute a cell: test_times has them."""
    from twopeaks.validate.scores import predictors

    with pytest.MonkeyPatch.context() as patch:
        quick = tuple(p for p in predictors.PREDICTORS if p.quantity not in ("t_mem", "t_grok"))
        patch.setattr(predictors, "PREDICTORS", quick)
        yield


@pytest.fixture
def refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Sequence[str], str], None]:
    """Says that a command ends with exit code 2 and one line with these words, and leaves its folder as it was.

    The folder is ``tmp_path``, in which both the test and the command are.
    """
    from twopeaks.validate.cli.app import run

    monkeypatch.chdir(tmp_path)

    def check(arguments: Sequence[str], message: str) -> None:
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert run(list(arguments)) == 2
        said = capsys.readouterr()
        assert message in said.err
        assert said.err.count("\n") == 1
        assert said.out == ""
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    return check


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))
