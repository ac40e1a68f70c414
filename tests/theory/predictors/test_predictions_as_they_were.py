"""All that predictors say is as it was: values, intervals, details, notes, assumptions, validity.

`predictions.json` beside this file has it. After a change that was meant, write it again:

    python -m tests.theory.predictors.test_predictions_as_they_were
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twopeaks.theory.heights.heights import HeightFit
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.calibrated import Calibration, control_calibrated, phases_calibrated
from twopeaks.theory.predictors.declaration import Predictor
from twopeaks.theory.predictors.registry import TIMES
from twopeaks.theory.predictors.registry.lists import PREDICTORS
from twopeaks.theory.predictors.rival_times import fit_density, fit_first_passage, fit_norm_separation
from twopeaks.theory.predictors.run_norms import RunNorms
from twopeaks.theory.setting import Setting

FILE = Path(__file__).with_name("predictions.json")
Z23 = {"task": {"group": "Z23", "samples": 264}, "network": {"width": 322}}
Z13 = {"task": {"group": "Z13", "samples": 90}, "network": {"width": 182}}
SETTINGS: dict[str, dict[str, Any]] = {
    "Z23": Z23,
    "S4": {"task": {"group": "S4", "samples": 300}, "network": {"width": 336}},
    "Z7": {"task": {"group": "Z7", "samples": 20}, "network": {"width": 98}},
    "Z1": {"task": {"group": "Z1", "samples": 1}, "network": {"width": 14}},
    "narrow": Z13 | {"network": {"width": 30}},
    "relu": Z13 | {"network": {"activation": "relu", "width": 200}},
    "cross-entropy": Z13 | {"loss": "cross-entropy"},
    "no decay": Z23 | {"optimizer": {"weight_decay": 0.0}},
    "much decay": Z23 | {"optimizer": {"weight_decay": 1.0}},
    "another rate": Z23 | {"optimizer": {"lr": 3e-3}},
    "adamw": Z23 | {"optimizer": {"name": "adamw", "weight_decay": 0.1}},
    "sgd": Z23 | {"optimizer": {"name": "sgd", "lr": 0.5}},
}
#: Rules whose flows are followed, in a small network; the last one has nothing to grok.
RULES: Mapping[str, Mapping[str, Any]] = {
    "sgd": {"name": "sgd", "lr": 1.0, "weight_decay": 2e-3},
    "adam": {"name": "adam", "lr": 1e-3, "weight_decay": 2e-4},
    "adamw": {"name": "adamw", "lr": 1e-3, "weight_decay": 0.4},
    "no decay": {"name": "sgd", "lr": 1.0, "weight_decay": 0.0},
    "muon": {"name": "muon", "lr": 1e-3, "weight_decay": 0.0},
}
#: Runs that are made up, on which laws of times are fitted: t_mem, t_grok, and the rate at which the norm falls.
RUNS = [
    RunNorms(1e-3, 1.0, t_mem, 100 + t_mem, t_grok, 40 + t_mem / 10, 30.0, rate)
    for t_mem, t_grok, rate in (
        (50.0, 900.0, 1.1e-3),
        (60.0, 1100.0, 9e-4),
        (70.0, 1000.0, 1e-3),
        (80.0, 1350.0, 1.2e-3),
    )
]
DENSITIES = np.array([0.3, 0.4, 0.5, 0.6, 0.8])
STEPS = 900 * DENSITIES**-1.7 + np.array([120.0, 90, 110, 95, 105])
FIT = HeightFit(generalising=220.0, scale=1.21, power=0.98, crossing=187.5, low=181.0, high=193.0, drift=0.0123)
CONTROLS = Calibration(fit=FIT, runs=24, seconds=12.5)


def without_runs() -> dict[str, Callable[[], Prediction]]:
    """Every predictor that needs nothing but a setting."""
    cases: dict[str, Callable[[], Prediction]] = {}
    for name, fields in SETTINGS.items():
        for each in PREDICTORS:
            if each not in TIMES:
                cases[f"{name}: {each.quantity} by {each.name}"] = partial(asked, each, fields)
        cases[f"{name}: calibrated"] = partial(asked, control_calibrated, fields, CONTROLS)
        cases[f"{name}: phases calibrated"] = partial(asked, phases_calibrated, fields, CONTROLS)
    for name, rule in RULES.items():
        fields = {"task": {"group": "Z7", "samples": 34}, "network": {"width": 64}, "optimizer": rule}
        for each in TIMES:
            seeds = () if each.name == "selection" else ((0, 1),)
            cases[f"Z7, {name}: {each.quantity} by {each.name}"] = partial(asked, each, fields, *seeds)
    return cases


def asked(predictor: Predictor[...], fields: Mapping[str, Any], *args: object) -> Prediction:
    return predictor(Setting.model_validate(fields), *args)


def fitted() -> dict[str, Callable[[], Prediction]]:
    """Laws whose constants are fitted on other runs."""
    problem = Setting.model_validate(SETTINGS["adamw"])
    cases: dict[str, Callable[[], Prediction]] = {}
    for count in (4, 3, 1):
        runs = RUNS[:count]
        for norm_post in (None, 35.0, 1e4):
            name = f"norm separation on {count}, V_post {norm_post}"
            cases[name] = lambda runs=runs, v=norm_post: fit_norm_separation(runs).predict(problem, RUNS[1], v)
        for relative in (True, False):
            name = f"first passage on {count}, relative {relative}"
            cases[name] = lambda runs=runs, r=relative: fit_first_passage(runs).predict(problem, RUNS[2], r)
    for count in (5, 4, 3):
        cases[f"density on {count}"] = lambda c=count: fit_density(DENSITIES[:c], STEPS[:c]).predict(problem)
    return cases


CASES = without_runs() | fitted()
BEFORE: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def record(prediction: Prediction) -> Any:
    """What is compared: all but the time that it took and the hash of the problem."""
    return json.loads(prediction.model_dump_json(exclude={"seconds", "setting_id"}))


def same(now: Any, before: Any) -> bool:
    """Whether two records are equal, numbers to 1e-6."""
    if isinstance(before, dict):
        return now.keys() == before.keys() and all(same(now[key], before[key]) for key in before)
    if isinstance(before, float) and isinstance(now, float):
        return math.isclose(now, before, rel_tol=1e-6)
    return bool(now == before)


def test_nobody_is_left_out() -> None:
    assert list(CASES) == list(BEFORE)


@pytest.mark.parametrize("name", CASES)
def test_a_prediction_is_as_it_was(name: str) -> None:
    now = record(CASES[name]())
    assert same(now, BEFORE[name]), f"it was {BEFORE[name]}\nand is {now}"


if __name__ == "__main__":
    records = {name: record(case()) for name, case in CASES.items()}
    FILE.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
