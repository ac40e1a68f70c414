"""Committed predictions of times, recomputed by the predictors with the seeds that they take by default."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from twopeaks.theory.predictors.times.ensemble import lazy
from twopeaks.theory.setting import Setting

RESULTS = Path(__file__).parents[3] / "results"


def committed(sweep: str, predictor: str, setting: Setting) -> dict[str, str]:
    with (RESULTS / sweep / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["predictor"] == predictor]
    return next(row for row in rows if row["setting_id"] == setting.content_id)


@pytest.mark.parametrize(
    ("sweep", "samples", "rule"),
    [
        ("times-gd", 142, {"name": "sgd", "lr": 0.6, "weight_decay": 4e-4}),
        ("times-gd", 259, {"name": "sgd", "lr": 1.0, "weight_decay": 1e-3}),
    ],
)
def test_eight_seeds_give_the_committed_median_and_interval(sweep: str, samples: int, rule: dict[str, object]) -> None:
    """Seven or nine would move the median, and the interval from the second and the seventh time to others."""
    setting = Setting.model_validate(
        {"task": {"group": "Z17", "samples": samples}, "network": {"width": 14 * 17}, "optimizer": rule}
    )
    row, prediction = committed(sweep, "lazy", setting), lazy(setting)
    for name in ("value", "low", "high"):
        assert getattr(prediction, name) == pytest.approx(float(row[name]), rel=1e-9)
