"""`import twopeaks as tp`: the public names, what they take, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import twopeaks as tp
from twopeaks.sim.network.runtime import resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.loop import train
from twopeaks.theory.groups import from_table, named
from twopeaks.theory.predictors.registry import predict
from twopeaks.theory.setting import standard
from twopeaks.validate.measured.detect import transition_steps

NAMES = [
    "compare",
    "derive",
    "forecast",
    "load",
    "predict",
    "sweep",
    "train",
    "Setting",
    "Group",
    "Prediction",
    "named",
]


def test_public_names_are_there_and_listed() -> None:
    assert set(NAMES) <= set(tp.__all__)
    assert set(tp.__all__) <= set(dir(tp))
    for name in tp.__all__:
        assert getattr(tp, name) is not None


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'predikt'; it has .*predict"):
        tp.predikt  # noqa: B018


def test_importing_it_loads_nothing_else() -> None:
    code = "import sys, twopeaks; print(*(n for n in sys.modules if n.startswith('twopeaks.')), 'numpy' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.split() == ["False"]


def test_predicting_needs_no_torch() -> None:
    code = (
        "import sys, twopeaks as tp; tp.predict('Z11'); sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def numbers(predictions: list[tp.Prediction]) -> dict[str, tuple[float | None, bool]]:
    return {prediction.predictor: (prediction.value, prediction.valid) for prediction in predictions}


def test_a_problem_is_a_name_a_group_or_a_setting() -> None:
    known = numbers(predict(standard("Z13")))
    assert numbers(tp.predict("Z13")) == known
    assert numbers(tp.predict(named("Z13"))) == known
    assert numbers(tp.predict(standard("Z13"))) == known
    shifted = (np.add.outer(np.arange(13), np.arange(13)) + 1) % 13  # the cyclic group with 12 as its unit
    assert numbers(tp.predict(from_table(shifted, name="mine"))).keys() == known.keys()


def test_a_named_group_keeps_the_content_id_of_its_name() -> None:
    from twopeaks.api import setting_of

    assert setting_of(named("S4")) == setting_of("S4") == standard("S4")
    assert setting_of("Z7", samples=20, width=16) == standard("Z7", 20, 16)
    assert setting_of(standard("Z7", 20, 16), samples=24) == standard("Z7", 24, 16)


def test_rivals_are_asked_on_request() -> None:
    assert len(tp.predict("Z13", rivals=True)) > len(tp.predict("Z13"))


@pytest.mark.parametrize("problem", [7, None, ["Z7"]])
def test_what_is_no_problem_is_refused(problem: object) -> None:
    with pytest.raises(tp.InputError, match="problem must be the name of a group, a Group or a Setting, got"):
        tp.predict(problem)  # type: ignore[arg-type]


def test_training_is_that_of_the_loop_and_is_kept_and_read_again(tmp_path: Path) -> None:
    run = tp.train("Z7", 24, 32, seeds=2, steps=60, every=20, device="cpu")
    direct = train(standard("Z7", 24, 32), range(2), Plan(steps=60, every=20), resolve("cpu"))
    assert run.manifest == {}
    np.testing.assert_array_equal(run.records.curves["train_loss"], direct.curves["train_loss"])
    kept = tp.train("Z7", 24, 32, seeds=[0, 1], steps=60, every=20, device="cpu", out=tmp_path / "store")
    (folder,) = (path for path in (tmp_path / "store").iterdir() if path.is_dir())
    written = (folder / "manifest.json").stat().st_mtime_ns
    again = tp.train("Z7", 24, 32, seeds=2, steps=60, every=20, device="cpu", out=tmp_path / "store")
    assert (folder / "manifest.json").stat().st_mtime_ns == written
    for stored in (kept, again, tp.load(folder), *tp.load(tmp_path / "store")):
        assert stored.setting == standard("Z7", 24, 32)
        np.testing.assert_array_equal(stored.records.curves["train_loss"], direct.curves["train_loss"])


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(tp.InputError, match="path must be a stored run or a folder of stored runs"):
        tp.load(tmp_path)


def test_a_sweep_gives_its_tables_and_goes_on(tmp_path: Path) -> None:
    spec = {
        "name": "tiny",
        "seeds": 2,
        "base": {"group": "Z7", "width": 16},
        "grid": {"samples": [20, 30]},
        "plan": {"steps": 20, "every": 10},
    }
    swept = tp.sweep(spec, tmp_path / "sweep", workers=1, device="cpu")
    assert len(swept.members) == 4
    assert swept.folder == tmp_path / "sweep"
    assert len(tp.load(swept.folder)) == 2
    assert tp.sweep(spec, tmp_path / "sweep", workers=1, device="cpu").members.equals(swept.members)
    with pytest.raises(tp.InputError, match="workers must be between 1 and 512, got 0"):
        tp.sweep(spec, tmp_path / "sweep", workers=0)


def test_forecasts_of_a_path_and_of_a_curve(tmp_path: Path) -> None:
    steps = np.arange(0, 1100, 50)
    rows = [f"{t},{min(1, t / 200):.3f},{0.1 + 0.3 * t / 1000:.3f},{2.0 / (1 + t / 100):.4f}" for t in steps]
    path = tmp_path / "curve.csv"
    path.write_text("step,train_accuracy,test_accuracy,test_loss\n" + "\n".join(rows))
    (by_path,) = tp.forecast(path, budget=5000)
    from twopeaks.validate.measured.curves import curves_at

    (by_curve,) = tp.forecast(curves_at(path)[0], budget=5000)
    assert by_path.as_data() == by_curve.as_data()
    (early,) = tp.forecast(path, at=500, budget=5000)
    assert early.step <= 500


def test_comparing_takes_a_name() -> None:
    comparison = tp.compare("Z7", [20, 40], seeds=2, steps=40, every=20, device="cpu")
    assert [outcome.samples for outcome in comparison.outcomes] == [20, 40]
    assert len(transition_steps(comparison.records[0])["t_mem"]) == 2


def test_an_equation_by_its_label() -> None:
    assert tp.derive("heights.2").label == "heights.2"
    with pytest.raises(tp.InputError, match="label must be one of the equations' labels"):
        tp.derive("heights.999")
