"""The whole experiment in miniature: files, order of events, resumption, and honest words when nothing groks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import matplotlib
import pytest

from twopeaks.validate.cli.app import run
from twopeaks.validate.experiment import experiment

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
    assert "http" not in page
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


def test_predictions_are_on_disk_before_the_transition_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[bool] = []
    real = experiment.run_cells

    def watched(cells: object, *rest: object) -> object:
        seen.append((tmp_path / "d" / "predictions.json").exists())
        return real(cells, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(experiment, "run_cells", watched)
    assert run(demo(tmp_path / "d")) == 0
    assert seen == [False, True]
    assert "report:" in capsys.readouterr().out


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
