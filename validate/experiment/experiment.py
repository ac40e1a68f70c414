"""One transition from end to end: predict, train controls, predict again, train across, measure, compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.sweep.drive import Cell, Trained, run_cells
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.calibrated import Calibration
from twopeaks.theory.predictors.registry import predict
from twopeaks.theory.setting import Setting
from twopeaks.validate.experiment.controls import ControlCells, calibrate, control_cells, with_task
from twopeaks.validate.experiment.written import written_once
from twopeaks.validate.measured.detect import transition_steps
from twopeaks.validate.measured.statistics import TransitionPoint, transition_point
from twopeaks.validate.scores.board import Row, score

__all__ = [
    "ACROSS",
    "Experiment",
    "Outcome",
    "Result",
    "Training",
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
class Training:
    """Where and how networks are trained.

    Attributes:
        root: folder of the results; what is there already is used again.
        runtime: device and dtype of the workers.
        executor: whose workers train.
        stage: progress, see `Stage`.
    """

    root: Path
    runtime: Runtime
    executor: Executor
    stage: Stage

    def run(self, name: str, cells: Sequence[Cell], root: Path) -> list[Trained]:
        """Train cells as one stage, and store them in a folder."""
        progress = self.stage(name, sum(cell.member_steps for cell in cells))
        return run_cells(cells, root, self.runtime, self.executor, progress)


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
    setting: Setting, steps: int, seeds: Sequence[int], training: Training
) -> tuple[ControlCells, tuple[Records, ...], Calibration]:
    """Train the control runs of a setting and read both heights off them.

    Args:
        setting: the problem.
        steps: budget of each control run.
        seeds: one control run of each kind per seed.
        training: where and how; runs are stored in its ``root`` itself.
    """
    cells = control_cells(setting, Plan(steps=steps, every=steps), seeds)
    trained = training.run("control runs", cells.all, training.root)
    return cells, tuple(part.records for part in trained), calibrate(cells, trained)


def run_experiment(experiment: Experiment, training: Training) -> Result:
    """Train controls, write predictions, then train networks across the transition and compare.

    Args:
        experiment: what to do.
        training: where and how; runs are stored in ``runs`` within its ``root``.
    """
    start = time.perf_counter()
    setting, runs = experiment.setting, training.root / "runs"
    runs.mkdir(exist_ok=True)
    cells, control_records, calibration = run_calibration(
        setting, experiment.steps, experiment.control_seeds, replace(training, root=runs)
    )
    predictions = written_once(training.root, predict(setting, calibration))
    across = _cells_across(experiment, calibration)
    trained = training.run("networks across the transition", across, runs)
    outcomes = [outcome(cell.setting.task.samples, part.records) for cell, part in zip(across, trained, strict=True)]
    measured = crossing_of(outcomes)
    return Result(
        experiment,
        cells,
        control_records,
        calibration,
        predictions,
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
        centre: the n_c expected, in training examples.
    """
    rows = setting.task.table_of().rows.size
    # Without rows left over there is no test accuracy, so at least a few are kept out.
    return tuple(sorted({max(1, min(round(0.97 * rows), round(f * centre))) for f in ACROSS}))


def outcome(samples: int, records: Records) -> Outcome:
    """What networks of one size did.

    Args:
        samples: their n.
        records: their curves.
    """
    steps = transition_steps(records)
    return Outcome(
        samples,
        tuple(steps["t_mem"]),
        tuple(steps["t_grok"]),
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
