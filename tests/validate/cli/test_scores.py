"""The command `validate SPEC_OR_STORE` on a tiny sweep: what is missing, training, tables, page, figures, nonsense."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.places import ROOT
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.theory.predictors.registry import NO_RUN
from twopeaks.theory.predictors.rivals import RIVALS
from twopeaks.validate.cli.app import run
from twopeaks.validate.figures.of_runs.scoreboard import fig_scoreboard
from twopeaks.validate.measured import results
from twopeaks.validate.measured.cell import Measured
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.measured.from_sweep import measured_sweep
from twopeaks.validate.scores.board import Board, boards
from twopeaks.validate.scores.predictors import read_predictions

SPEC = """
name = "tiny"
seeds = 3
[base]
group = "Z7"
width = 64
lr = 0.02
weight_decay = 2e-3
[plan]
steps = 400
every = 10
[grid]
samples = [18, 36, 44]
"""


pytestmark = pytest.mark.usefixtures("predictors_in_no_time")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, predictors_in_no_time: None) -> Path:
    """A folder in which predictions were written, cells trained, and all of it scored."""
    folder = tmp_path_factory.mktemp("ran")
    (folder / "tiny.toml").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch, (folder / "printed.json").open("w") as out:
        patch.chdir(folder)
        assert run(["validate", "tiny.toml", "--write-predictions", "before.csv"]) == 0
        patch.setattr(sys, "stdout", out)
        scored = ["--predictions", "before.csv", "--out", "o", "--json"]
        assert run(["validate", "tiny.toml", "--train", "--workers", "1", "--device", "cpu", *scored]) == 0
    return folder


@pytest.fixture
def told(ran: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((ran / "printed.json").read_text())
    return found


def committed() -> Board:
    """The board of the crossings in results/."""
    cells, _ = measured_csv(ROOT / "results" / "crossings" / "measured.csv")
    said, _ = read_predictions(ROOT / "results" / "crossings" / "predictions.csv", cells)
    return boards(cells, said)[0]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    assert run(["validate", *arguments]) == 0
    captured = capsys.readouterr()
    return captured.out, captured.err


# --- what is measured ----------------------------------------------------------------------------------


def test_every_cell_of_the_sweep_is_measured_as_its_table_says(ran: Path) -> None:
    folder = ran / "twopeaks-sweep-tiny"
    cells, notes = measured_sweep(SweepFolder(folder))
    assert notes == []
    members, (transition,) = results.table(folder), results.transitions(folder).to_dicts()
    by_quantity: dict[str, list[Measured]] = {}
    for cell in cells:
        by_quantity.setdefault(cell.quantity, []).append(cell)
    assert {name: len(found) for name, found in by_quantity.items()} == {"n_c": 1, "t_mem": 3, "t_grok": 3}
    (n_c,) = by_quantity["n_c"]
    assert (n_c.value, n_c.budget, n_c.seeds) == (transition["n_c"], 400, 3)
    assert (n_c.low, n_c.high) == (transition["n_c_low"], transition["n_c_high"]) == (36, 44)
    assert n_c.seconds_of_training == pytest.approx(members["seconds"].sum())
    for cell in by_quantity["t_mem"] + by_quantity["t_grok"]:
        mine = members.filter(pl.col("samples") == cell.setting.task.samples)
        times = [np.inf if t is None else t for t in mine[cell.quantity].to_list()]
        assert cell.seeds == len(times) == 3
        assert cell.value == (None if np.isinf(np.median(times)) else np.median(times))
        assert cell.seconds_of_training == pytest.approx(mine["seconds"].sum())
        assert cell.censored == (cell.quantity == "t_grok" and cell.setting.task.samples < 44)
        if cell.censored:
            assert (cell.low, cell.high) == (400, None)
            assert "later than the budget" in cell.note
        else:
            assert cell.low == min(times) - 10  # of three seeds every resample may be one, and a record is 10 steps


def test_json_and_tables_say_the_same(ran: Path, told: dict[str, list[dict[str, object]]]) -> None:
    assert told == json.loads((ran / "o" / "scoreboard.json").read_text())
    assert [board["quantity"] for board in told["boards"]] == ["n_c", "t_mem", "t_grok"]
    with (ran / "o" / "scoreboard.csv").open() as file:
        standings = list(csv.DictReader(file))
    ours, rivals = {predictor.name for predictor in NO_RUN}, {rival.name for rival in RIVALS}
    assert {row["predictor"] for row in standings if row["quantity"] == "n_c"} == ours | rivals
    assert {row["origin"] for row in standings if row["predictor"] in ours} == {"file"}
    with (ran / "o" / "cells.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert {row["quantity"] for row in cells} == {"n_c", "t_mem", "t_grok"}
    # heights-shared has no value below M = 11: shown, with the reason, not left out
    (missing,) = (row for row in cells if row["predictor"] == "heights-shared")
    assert (missing["predicted"], missing["valid"]) == ("", "False")
    assert "M = 11" in missing["note"]
    with (ran / "before.csv").open() as file:
        before = {row["predictor"]: row for row in csv.DictReader(file) if row["quantity"] == "n_c"}
    for row in cells:
        if row["predictor"] in before and row["predicted"]:
            assert float(row["predicted"]) == float(before[row["predictor"]]["value"])
            if row["error"]:
                assert float(row["error"]) == pytest.approx(float(row["predicted"]) / float(row["measured"]) - 1)


def test_provenance_is_written_down(told: dict[str, dict[str, str]]) -> None:
    assert set(told["sha256"]) == {"tiny.toml", "before.csv"}
    assert "numpy" in told["versions"]


def test_every_file_is_written_and_none_is_half(ran: Path, told: dict[str, list[str]]) -> None:
    out = ran / "o"
    names = ["cells.csv", "figures", "scoreboard.csv", "scoreboard.html", "scoreboard.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    for name in told["figures"]:
        assert (ran / name).read_bytes()[:4] in (b"\x89PNG", b"%PDF")
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]


class Reader(HTMLParser):
    """Text of a page, and whether its tags are closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_whole_and_shows_the_worst_beside_the_best(ran: Path) -> None:
    page = (ran / "o" / "scoreboard.html").read_text()
    reader = Reader(page)
    text = " ".join(reader.words)
    assert reader.open == []
    assert "http" not in page.replace("http-equiv", "")
    assert page.index("Closest") < page.index("Farthest off") < page.index("<h3>Predictors</h3>")
    for word in ("paper-law", "heights-shared", "t_grok", "SHA-256 of before.csv", "no value", "M = 11"):
        assert word in text


# --- what is said --------------------------------------------------------------------------------------


def test_without_results_one_line_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(SPEC)
    assert run(["validate", "tiny.toml"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "no trained cell in twopeaks-sweep-tiny" in said.err
    assert "run twopeaks sweep tiny.toml, or twopeaks validate with --train" in said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.toml"]


def test_what_is_missing_is_said_and_the_rest_is_scored(
    ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    larger = tmp_path / "larger.toml"
    larger.write_text(SPEC.replace("[18, 36, 44]", "[18, 36, 44, 46]"))
    out, err = printed(capsys, "larger.toml", "--store", str(ran / "twopeaks-sweep-tiny"), "--quantity", "n_c")
    assert "1 cell is not trained; run twopeaks sweep larger.toml --out" in err
    assert "paper-law" in out
    assert "t_grok on" not in out


def test_a_folder_and_a_csv_together(
    ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("more.csv").write_text("group,n_c,low,high,steps,extra\nZ11,70,66,73,400,x\nZ13,,90,,400,x\n")
    store = str(ran / "twopeaks-sweep-tiny")
    out, err = printed(capsys, store, "more.csv", "--predictor", "paper-law", "--json", "--quantity", "n_c")
    (board,) = json.loads(out)["boards"]
    assert [cell["cell"].partition(",")[0] for cell in board["cells"]] == ["Z7", "Z11", "Z13"]
    assert [one["predictor"] for one in board["predictors"]] == ["paper-law"]
    assert board["censored"] >= 1
    assert "not used: extra" in err
    assert list(tmp_path.iterdir()) == [tmp_path / "more.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "SPEC_OR_STORE must be given"),
        (("nothing.toml",), "a file that can be read"),
        (("nothing",), "a file or folder that is there"),
        (("m.csv", "--predictor", "oracle"), "known: "),
        (("m.csv", "--quantity", "loss"), "n_c or t_mem or t_grok"),
        (("m.csv", "--quantity", "t_grok"), "where t_grok was measured"),
        (("m.csv", "m.csv"), "measured once"),
        (("m.csv", "--predictions", "none.csv"), "a file that can be read"),
        (("m.csv", "--quick"), "--quick must be left out without --claims"),
        (("m.csv", "--threads", "2"), "--threads must be left out without --claims"),
        (("--claims", "--train"), "--train must be left out with --claims"),
        (("--list", "--predictions", "p.csv"), "--predictions must be left out with --claims"),
        ((".",), "measured cells (.csv)"),
        (("before.csv",), "before.csv, header must be of measured cells, got 'a column predictor'"),
        (("plot.png",), "plot.png must be a file of a known ending, got '.png'"),
        (("m.csv", "--train"), "--train must be given with a sweep"),
        (("m.csv", "--store", "d"), "--store must be given with a sweep"),
        (("m.csv", "--write-predictions", "m.csv"), "a file that is not there yet"),
        (("m.csv", "--write-predictions", "p.txt"), "csv or .json"),
        (("m.csv", "--write-predictions", "p.csv"), "m.csv must be a sweep's description (.toml) or folder"),
        ((".", "--store", "d"), "--store must be left out"),
        (("tiny.toml", "--train", "--workers", "0"), "--workers must be between 1 and 512"),
        (("tiny.toml", "--workers", "2"), "--workers must be left out without --train"),
        (("tiny.toml", "--write-predictions", "p.csv", "--predictor", "oracle"), "known: "),
    ],
)
def test_nonsense_is_one_line_and_exit_code_2(
    refused: Callable[[Sequence[str], str], None], arguments: tuple[str, ...], message: str
) -> None:
    Path("m.csv").write_text("group,n_c\nZ11,70\n")
    Path("tiny.toml").write_text(SPEC)
    Path("plot.png").touch()
    Path("before.csv").write_text("predictor,group,quantity,value\npaper-law,Z11,n_c,72\n")
    refused(["validate", *arguments], message)


def test_scoring_stored_results_needs_no_torch(ran: Path) -> None:
    code = "import sys; from twopeaks.validate.cli.app import run;"
    code += "run(['validate', 'twopeaks-sweep-tiny', '--out', 'o2', '--quantity', 'n_c']);"
    code += "sys.exit('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ran, check=False, capture_output=True, env=_here())
    assert found.returncode == 0, found.stderr


def _here() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


# --- figure --------------------------------------------------------------------------------------------


def test_the_figure_has_a_dot_a_cell_and_names_the_worst() -> None:
    board = committed()
    _, ax = fig_scoreboard(board)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(dots) == sum(entry.error is not None for s in board.standings for entry in s.entries)
    shown = {text.get_text() for text in ax.texts}
    assert shown == {board.names[entry.cell] for s in board.standings for entry in s.worst[:2]}
    low, high = ax.get_xlim()
    assert all(low < float(np.asarray(dot.get_xdata())[0]) < high for dot in dots)


def test_ratios_far_from_one_are_drawn_on_a_logarithmic_axis(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("group,n_c,low\nZ11,7,6\nZ13,,9000\nZ17,90,80\n")
    (tmp_path / "p.csv").write_text("predictor,group,value\nlaw,Z11,70\nlaw,Z13,90\nlaw,Z17,90\n")
    cells, _ = measured_csv(tmp_path / "m.csv")
    said, _ = read_predictions(tmp_path / "p.csv", cells)
    _, ax = fig_scoreboard(boards(cells, said)[0])
    assert ax.get_xscale() == "log"
    (triangle,) = (line for line in ax.lines if line.get_marker() == "<")
    assert np.asarray(triangle.get_xdata())[0] == pytest.approx(0.01)


def test_nothing_to_draw_is_refused() -> None:
    (board,) = boards(committed().cells, [])
    with pytest.raises(ValueError, match="nothing to draw of n_c"):
        fig_scoreboard(board)
