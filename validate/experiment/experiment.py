"""One transition from end to end: predict, train controls, predict again, train across, measure, compare."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.sweep.drive import Cell, run_cells
from twopeaks.theory.predictors.heights import Calibration, Prediction, predict
from twopeaks.theory.setting import Setting
from twopeaks.validate.experiment.controls import ControlCells, calibrate, control_cells, with_task
from twopeaks.validate.measured.detect import transition_steps
from twopeaks.validate.measured.statistics import TransitionPoint, transition_point
from twopeaks.validate.scores.board import Row, score

__all__ = [
    "ACROSS",
    "Experiment",
    "Outcome",
    "Result",
    "crossing_of",
    "outcome",
    "run_calibration",
    "run_experiment",
    "sizes_across",
]

#: Networks are trained at these multiples of the calibrated prediction.
ACROSS = (0.75, 0.9, 0.96, 1.0, 1.04, 1.1, 1.25)

#: Says what a stage is about and how many member-steps it has; returns what to call as they are done.
Stage = Callable[[str, int], Callable[[int], None]]


@dataclass(frozen=True)
class Experiment:
    """What is to be done.

    Attributes:
        setting: the problem; its ``samples`` is replaced as needed.
        steps, every: budget of each network and how often it is recorded.
        seeds: one network of each size per seed.
        control_seeds: one control of each kind per seed.
    """

    setting: Setting
    steps: int
    every: int
    seeds: tuple[int, ...]
    control_seeds: tuple[int, ...]


@dataclass(frozen=True)
class Outcome:
    """Networks trained at one size.

    Attributes:
        samples: n.
        t_mem, t_grok: steps of the transitions, None where not reached within the budget (censored).
        test_accuracy: last recorded, one a member.
        diverged: whether a member's numbers stopped being finite.
    """

    samples: int
    t_mem: tuple[int | None, ...]
    t_grok: tuple[int | None, ...]
    test_accuracy: tuple[float, ...]
    diverged: tuple[bool, ...]

    @property
    def grokked(self) -> int:
        """Members that reached t_grok within the budget and did not diverge."""
        return sum(t is not None and not d for t, d in zip(self.t_grok, self.diverged, strict=True))


@dataclass(frozen=True)
class Result:
    """Everything that a report needs.

    Attributes:
        experiment: what was asked.
        controls: which controls were trained ...
        control_records: ... and their curves, in the order of ``controls.all``.
        calibration: heights read off them.
        predictions: said before any of ``outcomes`` was trained.
        outcomes: networks across the transition.
        measured: n_c within the budget.
        scores: predictions against it.
        training_seconds: of one thread, for the networks of ``outcomes``.
        seconds: by the clock, for this call; less than training where finished runs were found.
    """

    experiment: Experiment
    controls: ControlCells
    control_records: tuple[Records, ...]
    calibration: Calibration
    predictions: tuple[Prediction, ...]
    outcomes: tuple[Outcome, ...]
    measured: TransitionPoint
    scores: tuple[Row, ...]
    training_seconds: float
    seconds: float


def run_calibration(
    setting: Setting,
    steps: int,
    seeds: Sequence[int],
    root: Path,
    runtime: Runtime,
    executor: Executor,
    stage: Stage,
) -> tuple[ControlCells, tuple[Records, ...], Calibration]:
    """Train the control runs of a setting and read both heights off them."""
    cells = control_cells(setting, Plan(steps=steps, every=steps), seeds)
    tell = stage("control runs", sum(c.member_steps for c in cells.all))
    trained = run_cells(cells.all, root, runtime, executor, tell)
    return cells, tuple(t.records for t in trained), calibrate(cells, trained)


def run_experiment(experiment: Experiment, root: Path, runtime: Runtime, executor: Executor, stage: Stage) -> Result:
    """Predict first, then measure; predictions are on disk before any network across the transition is trained.

    Args:
        experiment: what to do.
        root: folder of the results; what is there already is used again.
        runtime: device and dtype of the workers.
        executor: where to train.
        stage: progress, see `Stage`.
    """
    start = time.perf_counter()
    setting, runs = experiment.setting, root / "runs"
    runs.mkdir(exist_ok=True)
    cells, control_records, calibration = run_calibration(
        setting, experiment.steps, experiment.control_seeds, runs, runtime, executor, stage
    )
    predictions = predict(setting, calibration)
    (root / "predictions.json").write_text(json.dumps([p.model_dump() for p in predictions], indent=1))
    across = _cells_across(experiment, calibration)
    tell = stage("networks across the transition", sum(c.member_steps for c in across))
    trained = run_cells(across, runs, runtime, executor, tell)
    outcomes = [outcome(cell.setting.task.samples, part.records) for cell, part in zip(across, trained, strict=True)]
    measured = crossing_of(outcomes)
    return Result(
        experiment,
        cells,
        control_records,
        calibration,
        tuple(predictions),
        tuple(outcomes),
        measured,
        tuple(score(predictions, measured)),
        sum(part.seconds for part in trained),
        time.perf_counter() - start,
    )


def sizes_across(setting: Setting, centre: float) -> tuple[int, ...]:
    """Sizes on both sides of where a transition is expected, each once.

    Args:
        setting: whose table.
        centre: the n_c expected, in training pairs.
    """
    pairs = setting.task.table_of().rows.size
    # Without pairs left over there is no test accuracy, so at least a few are kept out.
    return tuple(sorted({max(1, min(round(0.97 * pairs), round(f * centre))) for f in ACROSS}))


def outcome(samples: int, records: Records) -> Outcome:
    """What networks of one size did.

    Args:
        samples: their n.
        records: their curves.
    """
    found = transition_steps(records)
    return Outcome(
        samples,
        tuple(found["t_mem"]),
        tuple(found["t_grok"]),
        tuple(float(x) for x in records.final("test_accuracy")),
        tuple(bool(x) for x in records.diverged),
    )


def crossing_of(outcomes: Sequence[Outcome]) -> TransitionPoint:
    """The size at which half of the networks reach t_grok within their budget, with its 95% interval over seeds."""
    return transition_point(
        np.array([o.samples for o in outcomes], dtype=np.float64),
        np.array([o.grokked for o in outcomes], dtype=np.float64),
        np.array([len(o.t_grok) for o in outcomes], dtype=np.float64),
    )


def _cells_across(experiment: Experiment, calibration: Calibration) -> list[Cell]:
    plan = Plan(steps=experiment.steps, every=experiment.every, patience=200)
    sizes = sizes_across(experiment.setting, calibration.fit.crossing)
    return [Cell(with_task(experiment.setting, n), experiment.seeds, plan) for n in sizes]
