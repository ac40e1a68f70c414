"""Test accuracy over n: measured as a mean over seeds, on request alone, and scored by differences in points."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import read_spec
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.registry import ACCURACY
from twopeaks.theory.setting import standard
from twopeaks.validate.cli.app import run
from twopeaks.validate.figures.of_runs.scoreboard import fig_scoreboard
from twopeaks.validate.measured import results
from twopeaks.validate.measured.cell import Measured
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.measured.from_sweep import measured_sweep, to_measure
from twopeaks.validate.scores.board import Board, boards, judge
from twopeaks.validate.scores.predictors import Said, read_predictions
from twopeaks.validate.scores.ranking import rms_interval
from twopeaks.validate.scores.words import brief, error, headline, median

SPEC = """
name = "tiny"
seeds = 3
[base]
group = "Z11"
width = 64
lr = 0.02
weight_decay = 2e-3
[plan]
steps = 300
every = 10
patience = 50
[grid]
samples = [30, 60, 100, 121]
"""

pytestmark = pytest.mark.usefixtures("predictors_in_no_time")


def cell(value: float, low: float | None = None, high: float | None = None, samples: int = 60) -> Measured:
    return Measured("test_accuracy", standard("Z11", samples=samples), value, low, high, 8, 1000, 50.0)


def saying(value: float, low: float | None = None, high: float | None = None) -> Prediction:
    told = {"constants_fitted": 1, "runs_used": 0, "seconds": 0.5, "valid": True, "note": "", "assumptions": ()}
    told |= {"predictor": "p", "quantity": "test_accuracy", "group": "Z11", "setting_id": ""}
    return Prediction.model_validate({"value": value, "low": low, "high": high, **told})


def board_of(measured: list[Measured], **said: list[float]) -> Board:
    everything = [
        Said(name, "test_accuracy", "asked", {i: saying(x) for i, x in enumerate(values)})
        for name, values in said.items()
    ]
    (board,) = boards(measured, everything)
    return board


# --- scored --------------------------------------------------------------------------------------------


def test_errors_are_differences_by_hand() -> None:
    entry = judge(0, saying(0.6, 0.55, 0.7), cell(0.5, 0.4, 0.56))
    assert (entry.error, entry.error_low, entry.error_high) == pytest.approx((0.1, 0.04, 0.2))
    assert entry.overlaps is True
    assert error(entry) == "+10.0 pts [+4.0 pts, +20.0 pts]"


def test_an_accuracy_of_zero_is_a_value() -> None:
    entry = judge(0, saying(0.02), cell(0.0, 0.0, 0.0))
    assert (entry.error, entry.error_low, entry.error_high) == pytest.approx((0.02, 0.02, 0.02))
    assert brief(entry) == "+2.0 pts"
    assert judge(0, saying(0.0), cell(0.3)).error == pytest.approx(-0.3)


def test_medians_and_root_mean_squares_by_hand() -> None:
    board = board_of([cell(0.1, samples=n) for n in (20, 30, 40)], a=[0.2, 0.0, 0.4], b=[0.1, 0.1, 0.1])
    best, other = board.standings
    assert (best.predictor, best.rms.value, best.own["all"].value) == ("b", 0.0, 0.0)
    assert other.own["all"].value == pytest.approx(0.1)
    assert other.rms.value == pytest.approx(math.sqrt((0.01 + 0.01 + 0.09) / 3))
    assert other.rms.low is not None
    assert other.rms.high is not None
    assert other.rms.low <= other.rms.value <= other.rms.high
    assert median(other.rms, "difference").startswith("19.1 pts [10.0–")
    assert "b, median |error| 0.0 pts" in headline(board)
    assert "Worst of all: a on Z11, n 40, +30.0 pts" in headline(board)


def test_interval_of_the_root_mean_square_is_that_of_scipy() -> None:
    from scipy.stats import bootstrap

    errors = np.random.default_rng(1).standard_normal(40)
    found = rms_interval(errors, 20_000)
    other = bootstrap(
        (errors,), lambda x, axis: np.sqrt(np.mean(x**2, axis=axis)), method="percentile", n_resamples=20_000, rng=2
    ).confidence_interval
    assert found == pytest.approx((other.low, other.high), rel=0.02)
    assert rms_interval(errors[:1]) == (None, None)


def test_the_figure_is_in_points_about_zero() -> None:
    board = board_of([cell(0.1, samples=n) for n in (20, 30, 40)], a=[0.2, 0.0, 0.4])
    _, ax = fig_scoreboard(board)
    dots = sorted(float(np.asarray(line.get_xdata())[0]) for line in ax.lines if line.get_marker() == "o")
    assert dots == pytest.approx([-0.1, 0.1, 0.3])
    assert ax.get_xscale() == "linear"
    assert ax.get_xlabel() == "predicted test_accuracy less measured, in points"


# --- measured ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, predictors_in_no_time: None) -> Path:
    folder = tmp_path_factory.mktemp("swept")
    (folder / "tiny.toml").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["sweep", "tiny.toml", "--out", "store", "--workers", "1", "--device", "cpu"]) == 0
    return folder


def test_it_is_the_mean_over_seeds_of_the_table(swept: Path) -> None:
    folder = SweepFolder(swept / "store")
    members = results.table(folder.root)
    found = [one for one in measured_sweep(folder, accuracy=True)[0] if one.quantity == "test_accuracy"]
    assert [one.setting.task.samples for one in found] == [30, 60, 100]  # with 121 of 121 there is nothing to test
    for one in found:
        mine = members.filter(members["samples"] == one.setting.task.samples)
        shares = mine["final_test_accuracy"].to_numpy()
        assert one.value == pytest.approx(shares.mean())
        assert one.low is not None
        assert one.high is not None
        assert shares.min() <= one.low <= one.value <= one.high <= shares.max()
        assert (one.seeds, one.budget) == (3, 300)
        early = int((mine["end"] == "patience").sum())
        assert (f"{early} of 3 stopped after they had grokked" in one.note) == bool(early)
    assert [one.key for one in found] == [
        one.key for one in to_measure(read_spec(swept / "tiny.toml"), accuracy=True) if one.quantity == "test_accuracy"
    ]


def test_without_being_asked_for_it_is_not_there(swept: Path) -> None:
    assert "test_accuracy" not in {one.quantity for one in measured_sweep(SweepFolder(swept / "store"))[0]}
    assert "test_accuracy" not in {one.quantity for one in to_measure(read_spec(swept / "tiny.toml"))}


def test_members_that_diverged_have_no_accuracy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ends = ["budget", "diverged", "patience", "diverged"]
    columns = {"end": ends, "final_test_accuracy": [0.2, 0.9, 1.0, None], "seconds": [1.0] * 4, "seed": [0, 1, 2, 3]}
    columns |= {"t_mem": [10, None, 10, None], "t_grok": [None] * 4, "grokked": [False] * 4}
    part = results.Part(standard("Z11", samples=60), Plan(steps=300, every=10), columns)
    monkeypatch.setattr("twopeaks.validate.measured.from_sweep.parts", lambda *told: [part])
    *_, found = measured_sweep(SweepFolder(tmp_path), accuracy=True)[0]
    assert (found.value, found.seeds, found.low, found.high) == (0.6, 2, 0.2, 1.0)
    assert found.note == "1 of 4 stopped after they had grokked, before the budget; 2 diverged, left out"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[dict[str, object]], str]:
    capsys.readouterr()
    assert run(["validate", *arguments, "--json"]) == 0
    said = capsys.readouterr()
    return json.loads(said.out)["boards"], said.err


def test_the_command_scores_it_where_it_is_asked_for(
    swept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(swept)
    found, _ = printed(capsys, "store", "--quantity", "test_accuracy", "--write-measured", "m.csv", "--out", "o")
    (board,) = found
    assert (board["quantity"], board["errors"]) == ("test_accuracy", "difference")
    assert [one["predictor"] for one in board["predictors"]] == [p.name for p in ACCURACY]  # type: ignore[attr-defined]
    for one in board["predictors"]:  # type: ignore[attr-defined]
        for entry in one["entries"]:
            assert entry["prediction"]["quantity"] == "test_accuracy"
    assert " pts" in (swept / "o" / "scoreboard.html").read_text()

    found, err = printed(capsys, "m.csv")  # the table holds it now, and still nobody asked
    assert {board["quantity"] for board in found} == {"n_c", "t_mem", "t_grok"}
    assert "3 cells of test_accuracy are left out; ask for --quantity test_accuracy" in err
    again, _ = printed(capsys, "m.csv", "--quantity", "test_accuracy")
    told = [[(cell["value"], cell["low"], cell["high"]) for cell in one["cells"]] for one in (board, again[0])]  # type: ignore[attr-defined]
    assert told[0] != []
    assert told[0] == told[1]
    with (swept / "m.csv").open() as file:
        assert [row["quantity"] for row in csv.DictReader(file)].count("test_accuracy") == 3


def test_a_file_that_predicts_it_asks_for_it(
    swept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(swept)
    Path("p.csv").write_text(
        "predictor,quantity,group,samples,value,low,high\n"
        "law,test_accuracy,Z11,30,0,0,0.1\nlaw,test_accuracy,Z11,60,0.5,0.4,0.6\nlaw,n_c,Z11,,70,60,80\n"
    )
    found, _ = printed(capsys, "store", "--predictions", "p.csv", "--predictor", "law")
    assert {board["quantity"] for board in found} == {"n_c", "t_mem", "t_grok", "test_accuracy"}
    (board,) = (board for board in found if board["quantity"] == "test_accuracy")
    (law,) = board["predictors"]  # type: ignore[misc]
    assert (law["values"], law["origin"]) == (2, "file")
    first = law["entries"][0]
    assert first["error"] == pytest.approx(0 - board["cells"][0]["value"])  # type: ignore[index]


def test_what_is_predicted_can_be_written_before(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = str(swept / "tiny.toml")
    assert run(["validate", spec, "--write-predictions", "p.csv", "--quantity", "test_accuracy"]) == 0
    with Path("p.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["quantity"] for row in rows} == {"test_accuracy"}
    cells = to_measure(read_spec(Path(spec)), accuracy=True)
    said, _ = read_predictions(Path("p.csv"), cells)
    assert [(one.predictor, len(one.on)) for one in said] == [(predictor.name, 3) for predictor in ACCURACY]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("quantity,value,group,samples\ntest_accuracy,90,Z11,60\n", "a share between 0 and 1"),
        ("quantity,value,high,group,samples\ntest_accuracy,0.9,1.2,Z11,60\n", "a share between 0 and 1"),
        ("quantity,value,low,group,samples\ntest_accuracy,,0.2,Z11,60\n", "a share between 0 and 1"),
        ("quantity,value,group\ntest_accuracy,0.9,Z11\n", "samples"),
        ("quantity,value,group,samples\ntest_accuracy,-0.1,Z11,60\n", "0 or more"),
    ],
)
def test_what_is_no_share_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        measured_csv(tmp_path / "m.csv")


@pytest.mark.parametrize("row", ["law,test_accuracy,Z11,60,50,,", "law,test_accuracy,Z11,60,0.5,0.6,0.7"])
def test_predictions_that_are_no_share_are_refused(tmp_path: Path, row: str) -> None:
    (tmp_path / "p.csv").write_text(f"predictor,quantity,group,samples,value,low,high\n{row}\n")
    with pytest.raises(InputError, match="a share between 0 and 1"):
        read_predictions(tmp_path / "p.csv", [cell(0.5)])
