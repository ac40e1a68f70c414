"""``twopeaks forecast`` on stored runs and on curves of others, and what it says of bad files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage import store
from twopeaks.sim.storage.records import End, Plan, Records
from twopeaks.sim.training.loop import train
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting, standard
from twopeaks.validate.cli.app import run
from twopeaks.validate.cli.forecast import At, parsed
from twopeaks.validate.measured.curves import curves_at, read_csv

RUNTIME = {"device": "cpu", "dtype": "float32"}
HEADER = "step,train_loss,train_accuracy,test_loss,test_accuracy"


def text_of(t_grok: float, header: str = HEADER, run: str = "", last: int = 400) -> str:
    """Rows of a file as others have them."""
    lines = [header]
    for step in range(0, last + 1, 10):
        done = min(step / 40, 1)
        loss, accuracy = (1 + 0.3 * done) * np.exp(-0.9 * (step / t_grok) ** 1.5), 0.02 + 0.5 * (step / t_grok) ** 4
        lines.append(",".join([*([run] if run else []), f"{step},{1 - 0.99 * done},{done},{loss:.6g},{accuracy:.6g}"]))
    return "\n".join(lines) + "\n"


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def data_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(["forecast", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def stored(
    root: Path,
    setting: Setting,
    times: list[float | None],
    budget: int = 3000,
    ends: tuple[End, ...] = ("budget", "budget"),
    tested: bool = True,
) -> Path:
    """A run whose members grok when told to."""
    steps = np.arange(0, budget + 1, 10)
    phase = np.array([steps / (end if end is not None else 1e9) for end in times])
    done = np.minimum(steps / 40, 1) * np.ones_like(phase)
    curves = {
        "train_accuracy": done,
        "test_accuracy": np.where(phase >= 1, 0.97, 0.02 + 0.8 * np.minimum(phase, 1) ** 4),
        "train_loss": 1 - 0.99 * done,
        "test_loss": (1 + 0.3 * done) * np.exp(-0.9 * phase**1.5),
        "norm_w2": 200 * done * np.exp(-steps / 6000) + 10,
        "norm_v2": 100 * done * np.exp(-steps / 6000) + 10,
    }
    if not tested:
        curves |= {name: np.full_like(phase, np.nan) for name in ("test_loss", "test_accuracy")}
    count = len(times)
    records = Records(np.arange(count), steps, np.full(count, len(steps)), ends[:count], curves)
    return store.save(root, setting, Plan(steps=budget, every=10), records, store.Provenance(RUNTIME, 1.0))


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    ends: dict[int, list[float | None]] = {
        70: [None, None],
        85: [None, None],
        110: [2000.0, 2100.0],
        150: [900.0, 1000.0],
    }
    store.prepare(tmp_path / "runs")
    for n, times in ends.items():
        stored(tmp_path / "runs", standard("Z13", samples=n, width=182), times)
    return tmp_path


# --- curves of others ----------------------------------------------------------------------------------


def test_a_file_of_one_run_is_forecast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "mine.csv", text_of(1000))
    (one,) = data_of(capsys, path)["forecasts"]
    assert (one["name"], one["step"], one["budget"]) == ("mine.csv", 400, 4000)
    assert one["basis"] == ["loss", "memory"]
    assert one["probability"] > 0.5
    assert 400 < one["t_low"] < one["t_grok"] < one["t_high"] < 4000
    (early,) = data_of(capsys, path, "--at", "200", "--budget", "2000")["forecasts"]
    assert (early["step"], early["budget"]) == (200, 2000)
    (share,) = data_of(capsys, path, "--at", "50%")["forecasts"]
    assert share["step"] == 200
    assert run(["forecast", path]) == 0
    told = capsys.readouterr().out
    assert "mine.csv" in told
    assert "loss+memory" in told
    assert "development runs" in told


def test_several_runs_in_one_file_and_other_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = "seed,Epoch,train_loss,train_acc,val_loss,val_acc"
    text = text_of(1000, header, "7") + text_of(600, header, "8").split("\n", 1)[1]
    found = data_of(capsys, written(tmp_path / "two.csv", text))["forecasts"]
    assert [one["name"] for one in found] == ["two.csv run 7", "two.csv run 8"]
    assert found[1]["t_grok"] < found[0]["t_grok"]
    both = data_of(capsys, str(tmp_path / "two.csv"), written(tmp_path / "more.csv", text_of(1000)))["forecasts"]
    assert [one["name"] for one in both] == ["two.csv run 7", "two.csv run 8", "more.csv"]


def test_norms_are_read_in_both_forms(tmp_path: Path) -> None:
    body = "\n".join(f"{s},0.9,{s + 1},{s + 2},{np.sqrt(2 * s + 3)}" for s in range(5))
    squares = read_csv(Path(written(tmp_path / "a.csv", f"step,test_loss,norm_w2,norm_v2,other\n{body}")))[0]
    root = read_csv(Path(written(tmp_path / "b.csv", f"step,test_loss,x,y,weight_norm\n{body}")))[0]
    np.testing.assert_allclose(squares.values["norm2"], root.values["norm2"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a header and a row a record"),
        (HEADER + "\n", "a header and a row a record"),
        ("time,test_loss\n0,1\n", "with a column step"),
        ("step,train_loss\n0,1\n", "a column test_loss or test_accuracy"),
        ("step,test_loss,val_loss\n0,1,1\n", "one column for test_loss"),
        ("step,test_loss\n0,1\n10,1\n5,1\n20,1\n", "above the one before, 10"),
        ("step,test_loss\n0,1\n10,1\n10,1\n20,1\n", "row 4 step"),
        ("step,test_loss\n0,1\n10,nan\n", "row 3 test_loss must be a finite number"),
        ("step,test_loss\n0,1\n10,\n", "row 3 test_loss must be a number"),
        ("step,test_loss\n0,1\n10,-2\n", "row 3 test_loss must be 0 or more"),
        ("step,test_accuracy\n0,0.1\n10,35.5\n", "divide percentages by 100"),
        ("step,test_loss\n0,1\n10\n", "of 2 cells"),
        ("step,test_loss\n0,1\n10,1\n20,1\n", "of 4 records or more"),
    ],
)
def test_bad_files_are_one_line(text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["forecast", written(tmp_path / "bad.csv", text)]) == 2
    found = capsys.readouterr()
    assert told in found.err
    assert "bad.csv" in found.err
    assert found.err.count("\n") == 1
    assert found.out == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--at", "soon"], "a step or a share"),
        (["--at", "0"], "a step of 1 or more"),
        (["--at", "120%"], "a share of 0 to 100%"),
        (["--at", "nan"], "a step of 1 or more"),
        (["--at", "20"], "4 or more by then"),
        (["--budget", "0"], "1 or more steps"),
        (["--score", "--at", "30%"], "left out with --score"),
        (["--score", "--budget", "300"], "left out with --score"),
        (["--score"], "some that grokked"),
    ],
)
def test_bad_options_are_one_line(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["forecast", written(tmp_path / "mine.csv", text_of(1000)), *arguments]) == 2
    assert told in capsys.readouterr().err


def test_paths_without_curves_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path, told in (
        (tmp_path / "none.csv", "check the path"),
        (tmp_path, "a folder with runs that can be forecast"),
    ):
        assert run(["forecast", str(path)]) == 2
        assert told in capsys.readouterr().err
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="a CSV file that can be read"):
        curves_at(tmp_path / "binary.csv")


def test_at_is_a_step_or_a_share() -> None:
    assert parsed("600") == At(600, False)
    assert parsed("30%") == parsed("0.3") == At(0.3, True)
    assert parsed("1") == At(1, False)


# --- stored runs ---------------------------------------------------------------------------------------


def test_a_stored_run_is_forecast_within_its_own_budget_and_by_theory(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = next((sweep / "runs").glob("*n110*"))
    out = sweep / "out"
    data = data_of(capsys, str(folder), "--at", "600", "--out", str(out))
    assert [one["budget"] for one in data["forecasts"]] == [3000, 3000]
    assert [one["basis"] for one in data["forecasts"]] == [["loss", "norm", "memory", "theory"]] * 2
    assert {path.name for path in out.glob("forecast*")} == {
        *("forecasts.json", "forecast-01.png", "forecast-01.pdf", "forecast-02.png", "forecast-02.pdf")
    }
    assert json.loads((out / "forecasts.json").read_text()) == data["forecasts"]
    (alone, _) = data_of(capsys, str(folder), "--at", "600", "--no-theory")["forecasts"]
    assert alone["basis"] == ["loss", "norm", "memory"]
    (done, _) = data_of(capsys, str(folder))["forecasts"]
    assert (done["state"], done["t_grok"]) == ("grokked", 2000)


def test_members_that_diverge_did_not_grok_and_runs_without_tests_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = stored(tmp_path, standard("Z13", samples=110, width=182), [2000.0, 1000.0], ends=("budget", "diverged"))
    assert [curve.t_grok for curve in curves_at(folder)] == [2000, None]
    whole = stored(tmp_path, standard("Z5", samples=25), [2000.0], tested=False)
    assert run(["forecast", str(whole)]) == 2
    assert "give runs with test examples" in capsys.readouterr().err


def test_a_sweep_is_scored(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = data_of(capsys, str(sweep), "--score", "--out", str(sweep / "out"))
    assert set(found) == {"curve and theory", "curve alone"}
    for scores in found.values():
        assert [one["share"] for one in scores] == [0.1, 0.2, 0.3, 0.5, None]
        assert {(one["runs"], one["grokked"]) for one in scores} == {(8, 4)}
        assert scores[2]["auroc"]["value"] == 1.0
        assert scores[2]["leak"] == pytest.approx(0.5)
        assert scores[2]["rivals"]["n / n_c"] == 1.0
    assert json.loads((sweep / "out" / "scores.json").read_text()) == found
    assert run(["forecast", str(sweep), "--score", "--no-theory"]) == 0
    told = capsys.readouterr().out
    assert "curve alone" in told
    assert "curve and theory" not in told
    assert "best constant multiple" in told


def test_a_real_run_is_forecast(tmp_path: Path, single: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    """A real network that groks: seen at a third of the way, it is expected to, and nearly when it does."""
    setting, plan = standard("Z11", samples=100, width=154), Plan(steps=3000, every=10, patience=200)
    setting = setting.model_copy(update={"optimizer": setting.optimizer.model_copy(update={"lr": 2e-3})})
    records = train(setting, [5, 6], plan, single)
    folder = store.save(tmp_path, setting, plan, records, store.Provenance(single.describe(), 1.0))
    ends = [curve.transition("t_grok") for curve in curves_at(folder)]
    at = round(0.4 * min(end for end in ends if end is not None))
    for one, end in zip(data_of(capsys, str(folder), "--at", str(at))["forecasts"], ends, strict=True):
        assert one["probability"] > 0.7
        assert end is not None
        assert one["t_grok"] == pytest.approx(end, rel=0.5)
