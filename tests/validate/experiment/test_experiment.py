"""The whole experiment in miniature: files, order of events, resumption, and honest words when nothing groks."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from twopeaks.sim.sweep.cells import Cell
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.registry import predict
from twopeaks.theory.setting import standard
from twopeaks.validate.cli.app import run
from twopeaks.validate.experiment import experiment
from twopeaks.validate.experiment.written import written_once

SMALL = ["--width", "48", "--lr", "0.01", "--weight-decay", "0.003", "--control-seeds", "2", "--workers", "1"]


def demo(root: Path, *more: str) -> list[str]:
    return [
        "demo",
        "--group",
        "Z7",
        *SMALL,
        "--seeds",
        "2",
        "--steps",
        "640",
        "--every",
        "20",
        "--out",
        str(root),
        *more,
    ]


def test_demo_writes_report_figures_and_predictions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(demo(tmp_path / "d", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) >= {"group", "n_c", "predictions", "report", "figures", "seconds"}
    assert set(told["n_c"]) == {"value", "low", "high", "budget_steps", "seeds"}
    page = re.sub(r"data:image/png;base64,[^\"]*", "", Path(told["report"]).read_text())
    assert "Z7: when does the network stop memorising?" in page
    assert not re.search(r"https?:|[\"'(]//", page)  # nothing is fetched from elsewhere
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)
    assert {Path(f).suffix for f in told["figures"]} == {".png", ".pdf"}
    assert json.loads((tmp_path / "d" / "predictions.json").read_text())[0]["predictor"] == "paper-law"
    assert not list((tmp_path / "d").rglob(".*"))


def test_a_second_call_trains_nothing_and_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for _ in range(2):
        assert run(demo(tmp_path / "d", "--json")) == 0
        told.append(json.loads(capsys.readouterr().out))
        stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "d" / "runs").rglob("*.npz")}
        told[-1]["stamps"] = {str(p): s for p, s in stamps.items()}
    for key in ("n_c", "outcomes", "stamps"):
        assert told[0][key] == told[1][key]
    values = [[(p["value"], p["low"], p["high"]) for p in t["predictions"]] for t in told]
    assert values[0] == values[1]


def test_predictions_are_whole_on_disk_before_the_transition_is_trained_and_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, real = tmp_path / "d" / "predictions.json", experiment.run_cells
    at_training: list[tuple[set[str], bytes | None]] = []

    def watched(cells: Sequence[Cell], *rest: Any) -> object:
        labels = {cell.setting.task.labels for cell in cells}
        at_training.append((labels, path.read_bytes() if path.exists() else None))
        return real(cells, *rest)

    monkeypatch.setattr(experiment, "run_cells", watched)
    assert run(demo(tmp_path / "d")) == 0
    assert "report:" in capsys.readouterr().out
    (controls, before), (networks, at_start) = at_training
    assert (controls, before) == ({"true", "random"}, None)  # control runs alone come before predictions
    assert networks == {"true"}
    assert at_start is not None
    written = json.loads(at_start)
    names = [*(p.predictor for p in predict(standard("Z7"))), "heights-phases-calibrated"]
    assert [row["predictor"] for row in written] == names
    values = {row["predictor"]: (row["value"], row["low"], row["high"], row["runs_used"]) for row in written}
    assert all(None not in values[name] for name in ("paper-law", "heights-closed-form", "heights-calibrated"))
    assert values["heights-calibrated"][3] == 6
    assert path.read_bytes() == at_start
    stamp = path.stat().st_mtime_ns
    assert run(demo(tmp_path / "d")) == 0  # all networks are trained now
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (at_start, stamp)


def said(value: float, *, setting: str = "a", calibrated: float | None = None) -> list[Prediction]:
    common = {"quantity": "n_c", "constants_fitted": 0, "seconds": 0.5, "valid": True, "note": "", "assumptions": ()}
    common |= {"group": "Z7", "setting_id": setting, "low": None, "high": None}
    rows: list[dict[str, object]] = [{"predictor": "law", "value": value, "runs_used": 0}]
    if calibrated is not None:
        rows.append({"predictor": "calibrated", "value": calibrated, "runs_used": 6})
    return [Prediction.model_validate(common | row) for row in rows]


def test_predictions_that_were_written_are_those_that_count(tmp_path: Path) -> None:
    first = said(30.0, calibrated=31.0)
    assert written_once(tmp_path, first) == tuple(first)
    before = (tmp_path / "predictions.json").read_bytes()
    # A later version of a law says something else of the same experiment: too late.
    assert written_once(tmp_path, said(35.0, calibrated=31.0)) == tuple(first)
    assert (tmp_path / "predictions.json").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["predictions.json"]


def test_predictions_of_another_experiment_are_kept_and_come_back(tmp_path: Path) -> None:
    first, second = said(30.0, calibrated=31.0), said(50.0, setting="b", calibrated=51.0)
    third = said(30.0, calibrated=32.0)  # other control runs
    bytes_of = {}
    for number, predictions in enumerate((first, second, third)):
        assert written_once(tmp_path, predictions) == tuple(predictions)
        bytes_of[number] = (tmp_path / "predictions.json").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *("predictions-1.json", "predictions-2.json", "predictions.json"),
    ]
    assert written_once(tmp_path, first) == tuple(first)
    assert (tmp_path / "predictions.json").read_bytes() == bytes_of[0]
    assert {p.read_bytes() for p in tmp_path.iterdir()} == set(bytes_of.values())


def test_a_damaged_file_of_predictions_is_not_used(tmp_path: Path) -> None:
    for text in ("", "[", "[]", '[{"predictor": "law"}]'):
        (tmp_path / "predictions.json").write_text(text)
        assert written_once(tmp_path, said(30.0)) == tuple(said(30.0))
        assert json.loads((tmp_path / "predictions.json").read_text())[0]["value"] == 30.0
        (tmp_path / "predictions.json").unlink()


def test_controls_that_are_too_short_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(demo(tmp_path / "d", "--steps", "16", "--lr", "1e-9")) == 2
    told = capsys.readouterr().err
    assert "memorising heights do not grow with n" in told
    assert len(told.splitlines()) == 1


def test_diverging_controls_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(demo(tmp_path / "d", "--lr", "1e30")) == 2
    assert "control runs must be finite" in capsys.readouterr().err


def test_calibrated_prediction_of_a_non_abelian_group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["predict", "--group", "S3", *SMALL, "--calibrate", "--control-steps", "640"]
    assert run([*arguments, "--out", str(tmp_path), "--json"]) == 0
    rows = {row["predictor"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["heights-calibrated"]["runs_used"] == 6
    assert rows["heights-calibrated"]["value"] > 0


def test_drawing_leaves_matplotlib_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = dict(matplotlib.rcParams)
    assert run(demo(tmp_path / "d")) == 0
    assert dict(matplotlib.rcParams) == before
    assert capsys.readouterr().err == ""
