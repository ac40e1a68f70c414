"""What version 0.1 stored is read, gone on with and reported.

`tests/data/stored-0.1` was written by twopeaks 0.1 (torch 2.13.0, CPU, one thread):

    twopeaks train --group Z5 --samples 15 --width 16 --lr 0.01 --seeds 2 --steps 200 --every 20 --threads 1
                   --probes live,gradient
    twopeaks sweep small.toml

``runs`` holds the first; ``unfinished`` the checkpoint of the same run, killed after 130 updates; ``sweep`` the second.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.places import ROOT
from twopeaks.sim.network.runtime import resolve
from twopeaks.sim.storage.checkpoint import Checkpoints
from twopeaks.sim.storage.store import Stored, load, run_name
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.training.loop import train
from twopeaks.theory.setting import OBSERVABLES
from twopeaks.validate.cli.app import run

DATA = ROOT / "tests" / "data" / "stored-0.1"
NAME = "Z5-true-n15-29945202880b"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A copy of everything that version 0.1 left."""
    return Path(shutil.copytree(DATA, tmp_path / "stored"))


def whole_run() -> Stored:
    return load(DATA / "runs" / NAME)


def test_a_run_is_read() -> None:
    whole = whole_run()
    assert whole.manifest["versions"]["twopeaks"] == "0.1.0"
    assert whole.setting.task.name == "Z5"
    assert (whole.setting.task.samples, whole.setting.network.width, whole.setting.optimizer.lr) == (15, 16, 0.01)
    assert whole.setting.content_id == whole.manifest["content_id"]
    assert whole.plan.record_steps().tolist() == whole.records.steps.tolist()
    assert whole.records.seeds.tolist() == [0, 1]
    assert set(OBSERVABLES) < set(whole.records.curves)
    assert whole.records.curves["train_loss"][:, 0] == pytest.approx([0.770429492, 0.829125345])
    assert whole.records.curves["train_accuracy"][:, -1].tolist() == [1.0, 1.0]


def test_a_run_has_the_name_that_it_would_get_today() -> None:
    whole = whole_run()
    assert run_name(whole.setting, whole.plan, [0, 1], "float32") == NAME


def test_a_checkpoint_is_gone_on_from(stored: Path) -> None:
    """The uninterrupted run is the oracle. Bits agree on the processor that wrote it, digits elsewhere."""
    whole = whole_run()
    checkpoints = Checkpoints(stored / "unfinished" / f"{NAME}.unfinished")
    records = train(whole.setting, [0, 1], whole.plan, resolve("cpu", threads=1), checkpoint=checkpoints)
    assert checkpoints.resumed == {0: 130}
    assert records.steps.tolist() == whole.records.steps.tolist()
    assert list(records.curves) == list(whole.records.curves)
    before = records.steps <= 130
    for name, values in whole.records.curves.items():
        assert records.curves[name][:, before].tobytes() == values[:, before].tobytes(), name
        np.testing.assert_allclose(records.curves[name], values, rtol=1e-3, atol=1e-5, err_msg=name)


def test_the_command_finds_the_run(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is trained: the folder stays as it is to the last byte."""
    before = {path: path.read_bytes() for path in (stored / "runs" / NAME).iterdir()}
    options = "--group Z5 --samples 15 --width 16 --lr 0.01 --seeds 2 --steps 200 --every 20 --threads 1"
    command = ["train", *options.split(), "--probes", "live,gradient", "--out", str(stored / "runs"), "--json"]
    assert run(command) == 0
    assert json.loads(capsys.readouterr().out)["folder"] == str(stored / "runs" / NAME)
    assert {path: path.read_bytes() for path in (stored / "runs" / NAME).iterdir()} == before


def test_a_sweep_is_read_and_reported(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = SweepFolder(stored / "sweep")
    assert folder.spec().name == "small"
    assert [load(path).setting.task.samples for path in folder.stored()] == [12, 20]
    assert run(["sweep", "--status", "--out", str(folder.root), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["cells"] == {"done": 2, "running": 0, "to_do": 0}
    assert status["members"] == {"stored": 4, "grokked": 0}
    assert [row["rates"] for row in status["transitions"]] == ["12: 0/2, 20: 0/2"]
    members = pl.read_parquet(folder.root / "members.parquet")
    assert sorted(members["samples"]) == [12, 12, 20, 20]


def test_a_sweep_is_not_trained_again(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = SweepFolder(stored / "sweep")
    before = {path: path.read_bytes() for path in folder.runs.glob("*/*")}
    assert run(["sweep", "--resume", "--workers", "1", "--out", str(folder.root)]) == 0
    capsys.readouterr()
    assert {path: path.read_bytes() for path in folder.runs.glob("*/*")} == before
