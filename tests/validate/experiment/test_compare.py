"""Predictions and networks side by side: the same numbers as their parts give alone, and clear words otherwise."""

from __future__ import annotations

import pytest

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.loop import train
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.registry import predict
from twopeaks.theory.setting import Setting, standard
from twopeaks.theory.setting.optimizer import Optimizer
from twopeaks.validate.experiment.compare import compare
from twopeaks.validate.experiment.controls import with_task
from twopeaks.validate.experiment.experiment import ACROSS
from twopeaks.validate.measured.detect import transition_steps

SIZES, STEPS = (20, 38, 43), 600


@pytest.fixture(scope="module")
def setting() -> Setting:
    quick = standard("Z7", width=48)
    return quick.model_copy(update={"optimizer": Optimizer(lr=0.01, weight_decay=0.003)})


def test_networks_are_those_that_train_alone(setting: Setting, double: Runtime) -> None:
    found = compare(setting, SIZES, seeds=range(3), steps=STEPS, every=20, runtime=double)
    assert [row.samples for row in found.outcomes] == list(SIZES)
    for row, records in zip(found.outcomes, found.records, strict=True):
        alone = train(with_task(setting, row.samples), range(3), Plan(steps=STEPS, every=20, patience=200), double)
        assert row.t_grok == tuple(transition_steps(alone)["t_grok"])
        assert row.test_accuracy == pytest.approx(alone.final("test_accuracy"))
        assert records.curves["norm_w2"][:, 1] == pytest.approx(alone.curves["norm_w2"][:, 1])


def test_scores_are_those_of_the_predictions(setting: Setting, double: Runtime) -> None:
    found = compare(setting, SIZES, seeds=range(3), steps=STEPS, every=20, runtime=double)
    said = [one for one in predict(setting) if one.value is not None]
    assert [row.prediction.value for row in found.scores] == [one.value for one in said]
    assert found.measured.value is not None
    for row in found.scores:
        assert row.prediction.value is not None
        assert row.error == pytest.approx(row.prediction.value / found.measured.value - 1)


def test_sizes_lie_around_the_last_valid_prediction(double: Runtime) -> None:
    setting = standard("Z11", width=154)
    centre = next(one.value for one in predict(setting) if one.predictor == "heights-phases")
    assert centre is not None
    found = compare(setting, seeds=[0], steps=1, every=1, runtime=double)
    assert [row.samples for row in found.outcomes] == [round(f * centre) for f in ACROSS]


def test_without_a_prediction_sizes_are_asked_for(double: Runtime) -> None:
    decoupled = standard("Z11").model_copy(update={"optimizer": Optimizer(name="adamw", weight_decay=0.1)})
    undecided = decoupled.model_copy(update={"loss": "hinge"})
    with pytest.raises(InputError, match=r"sizes must be given where no predictor covers the setting"):
        compare(undecided, seeds=[0], steps=1, runtime=double)
