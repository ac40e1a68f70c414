"""Measured again: which numbers agree; and the whole of `make reproduce` on a tiny sweep, twice."""

from __future__ import annotations

import importlib.util
import re
import shutil
import types
from pathlib import Path

import pytest

from tests.places import ROOT
from twopeaks.sim.storage.store import MANIFEST
from twopeaks.sim.sweep.spec import read_spec
from twopeaks.theory.setting import standard
from twopeaks.validate.measured.cell import Measured, Quantity
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.measured.from_sweep import to_measure
from twopeaks.validate.scores.reproduced import Again, again, summary

SPEC = """
name = "tiny"
seeds = 2
[base]
group = "Z7"
width = 64
lr = 0.02
weight_decay = 2e-3
[plan]
steps = 200
every = 10
[grid]
samples = [18, 44]
"""

pytestmark = pytest.mark.usefixtures("predictors_in_no_time")


def cell(
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    group: str = "Z11",
    quantity: Quantity = "n_c",
    budget: int | None = 1000,
) -> Measured:
    return Measured(quantity, standard(group), value, low, high, 8, budget, 1.0)


@pytest.mark.parametrize(
    ("before", "now", "outcome"),
    [
        ((100, 98, 102), (100, 90, 110), "same"),
        ((100, 98, 102), (104, 101, 108), "within"),
        ((100, 98, 102), (104, 102, 108), "within"),  # they touch
        ((100, 98, 102), (104, 102.1, 108), "apart"),
        ((100, None, None), (101, 100.5, 102), "apart"),  # no interval: the value alone
        ((100, None, None), (101, 99, 102), "within"),
        ((None, 100, None), (None, 100, None), "same"),
        ((None, 100, None), (None, 200, None), "within"),  # both may lie above 200
        ((None, 100, None), (120, 110, 130), "within"),
        ((None, 100, None), (90, 80, 99), "apart"),
        ((90, 80, None), (None, 1000, None), "within"),  # an open end
    ],
)
def test_outcomes(before: tuple[float | None, ...], now: tuple[float | None, ...], outcome: str) -> None:
    (found,) = again([cell(*before)], [cell(*now)])  # type: ignore[arg-type]
    assert found.outcome == outcome
    (other_way,) = again([cell(*now)], [cell(*before)])  # type: ignore[arg-type]
    assert other_way.outcome == outcome


def test_cells_find_each_other_by_quantity_setting_and_budget() -> None:
    before = [cell(1, 1, 1, group="Z7"), cell(2, 2, 2), cell(3, 3, 3, budget=500), cell(4, 4, 4, quantity="t_mem")]
    now = [cell(30, 30, 30, budget=500), cell(20, 20, 20), cell(50, 50, 50, group="Z13")]
    found = again(before, now)
    told = [
        (None if a.before is None else a.before.value, None if a.now is None else a.now.value, a.outcome) for a in found
    ]
    assert told == [
        (1, None, "missing"), (2, 20, "apart"), (3, 30, "apart"), (4, None, "missing"), (None, 50, "new"),
    ]  # fmt: skip
    assert "n_c of Z7" in found[0].name


def test_a_budget_that_was_not_written_down_matches_any_but_only_once() -> None:
    found = again([cell(1, 1, 1, budget=None)], [cell(1, 1, 1), cell(2, 2, 2, budget=500)])
    assert [one.outcome for one in found] == ["same", "new"]


def test_the_summary_counts_all_and_names_what_does_not_agree() -> None:
    found = [Again("n_c of A", cell(100, 98, 102), cell(104, 103, 105)), Again("n_c of B", cell(1, 1, 2), None)]
    lines = summary([*found, Again("n_c of C", cell(5, 4, 6), cell(5, 4, 6))])
    assert [int(line.split()[0]) for line in lines[:3]] == [1, 1, 1]
    assert lines[3] == "intervals do not overlap: n_c of A: committed 100 [98, 102], now 104 [103, 105]"
    assert lines[4] == "committed, and not measured again: n_c of B: 1 [1, 2]"
    assert len(lines) == 5


# --- the command ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reproduce() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("reproduce", ROOT / "benchmarks" / "reproduce.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_sweep_is_measured_again_and_compared(
    reproduce: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "results" / "tiny", tmp_path / "out"
    source.mkdir(parents=True)
    (source / "sweep.toml").write_text(SPEC)
    arguments = ["--results", str(source.parent), "--out", str(out), "--device", "cpu", "--workers", "1"]

    assert reproduce.main(arguments) == 0  # nothing was committed, so nothing can differ
    told = capsys.readouterr().out
    assert "5  measured now, not committed" in told
    assert (out / "tiny" / "scores" / "scoreboard.html").exists()

    first = (out / "tiny" / "measured.csv").read_bytes()
    shutil.copy(out / "tiny" / "measured.csv", source / "measured.csv")
    runs = {path: path.stat().st_mtime_ns for path in (out / "tiny" / "sweep" / "runs").glob(f"*/{MANIFEST}")}
    assert reproduce.main([*arguments, "tiny"]) == 0
    assert "5  the same value" in capsys.readouterr().out
    assert (out / "tiny" / "measured.csv").read_bytes() == first
    assert {path: path.stat().st_mtime_ns for path in runs} == runs  # nothing was trained twice

    text = (source / "measured.csv").read_text()
    other = re.sub(r"(,t_mem),[0-9.]+,[0-9.]+,[0-9.]+", r"\1,300.0,290.0,310.0", text, count=1)
    assert other != text
    (source / "measured.csv").write_text(other)
    monkeypatch.setattr(reproduce, "measure", lambda *told: 0)
    assert reproduce.main(arguments) == 1
    told = capsys.readouterr().out
    assert "1  intervals do not overlap" in told
    assert "intervals do not overlap: t_mem of Z7, n 18: committed 300 [290, 310], now" in told


def test_what_was_predicted_is_scored_and_nobody_else(reproduce: types.ModuleType, tmp_path: Path) -> None:
    assert reproduce.what(tmp_path) == []
    (tmp_path / "predictions.csv").write_text("predictor,group,value\nb,Z7,3\na,Z7,3\nb,Z11,3\n")
    before = ["--predictions", str(tmp_path / "predictions.csv"), "--predictor", "a", "--predictor", "b"]
    assert reproduce.what(tmp_path) == before
    (tmp_path / "measured.csv").write_text("group,quantity,value\nZ7,n_c,3\n")
    assert reproduce.what(tmp_path) == before
    (tmp_path / "measured.csv").write_text("group,quantity,value,samples\nZ7,test_accuracy,0.3,20\n")
    told = [word for name in ("n_c", "t_mem", "t_grok", "test_accuracy") for word in ("--quantity", name)]
    assert reproduce.what(tmp_path) == [*before, *told]


def test_unknown_names_and_broken_sweeps_are_exit_code_2(
    reproduce: types.ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sweep.toml").write_text("name = 3")
    arguments = ["--results", str(tmp_path), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert reproduce.main([*arguments, "nothing"]) == 2
    assert "known: broken" in capsys.readouterr().err
    assert reproduce.main([*arguments, "--dry-run"]) == 2
    assert not (tmp_path / "out").exists()
    assert reproduce.main(arguments) == 2
    assert capsys.readouterr().err.count("error:") == 2


def test_every_committed_sweep_is_found_and_its_tables_can_be_read(reproduce: types.ModuleType) -> None:
    names = reproduce.chosen(ROOT / "results", [])
    assert "crossings" in names
    for name in names:
        folder = ROOT / "results" / name
        asked = to_measure(read_spec(folder / "sweep.toml"))
        if (folder / "measured.csv").exists():
            committed, _ = measured_csv(folder / "measured.csv")
            assert {one.key for one in committed} <= {one.key for one in asked}  # else it would be missing for ever
