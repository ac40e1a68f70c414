"""Theory and training side by side in one call: what is said of a setting, and what networks do around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.training.loop import train_members
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.registry import predict
from twopeaks.theory.setting import Setting
from twopeaks.validate.experiment.controls import with_task
from twopeaks.validate.experiment.experiment import Outcome, crossing_of, outcome, sizes_across
from twopeaks.validate.measured.statistics import TransitionPoint
from twopeaks.validate.scores.board import Row, score

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """Predictions, networks, and how far the ones are from the others.

    Attributes:
        predictions: what theory says without a run, before anything is trained.
        outcomes: networks at each size.
        records: their curves, in the order of ``outcomes``.
        measured: n_c within the budget, with its 95% interval over seeds.
        scores: predictions against it.
    """

    predictions: tuple[Prediction, ...]
    outcomes: tuple[Outcome, ...]
    records: tuple[Records, ...]
    measured: TransitionPoint
    scores: tuple[Row, ...]


def compare(
    setting: Setting,
    sizes: Sequence[int] | None = None,
    *,
    seeds: Sequence[int] = range(8),
    steps: int = 10_000,
    every: int = 50,
    runtime: Runtime | None = None,
) -> Comparison:
    """Predict n_c of a setting, train networks on both sides of it, and compare. Nothing is kept on disk.

    Args:
        setting: the problem; its ``samples`` is not looked at.
        sizes: numbers of training examples; seven around the last prediction that calls itself valid, if left out.
        seeds: one network of each size per seed.
        steps: budget of each network, in updates; it stops 200 steps after it has grokked.
        every: steps between records.
        runtime: where to train; every core, or an accelerator if there is one, if left out.

    Raises:
        InputError: if no predictor covers the setting and ``sizes`` is left out, or a number is out of range.
    """
    predictions = tuple(prediction for prediction in predict(setting) if prediction.value is not None)
    sizes = _around(setting, predictions) if sizes is None else sizes
    plan = Plan(steps=steps, every=every, patience=200)
    members = [(with_task(setting, n), seed) for n in sizes for seed in seeds]
    trained = train_members(members, plan, runtime or resolve())
    count = len(seeds)
    records = tuple(trained.some(range(i * count, (i + 1) * count)) for i in range(len(sizes)))
    outcomes = tuple(outcome(n, records_of_size) for n, records_of_size in zip(sizes, records, strict=True))
    measured = crossing_of(outcomes)
    return Comparison(predictions, outcomes, records, measured, tuple(score(predictions, measured)))


def _around(setting: Setting, predictions: Sequence[Prediction]) -> tuple[int, ...]:
    valid = [prediction.value for prediction in predictions if prediction.valid and prediction.value is not None]
    if not valid:
        raise InputError("sizes", "given where no predictor covers the setting", None, "use e.g. sizes=[100, 120, 140]")
    return sizes_across(setting, valid[-1])
