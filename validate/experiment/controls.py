"""Control runs: networks that can only memorise, and networks that must generalise, measured for their norm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.sweep.drive import Cell, Trained
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group
from twopeaks.theory.heights.heights import Control, fit_heights, generalising_cost, memorising_cost
from twopeaks.theory.predictors.calibrated import Calibration
from twopeaks.theory.predictors.paper import PAPER_CONSTANT
from twopeaks.theory.setting import TRANSITIONS, Setting, Task

__all__ = ["ControlCells", "calibrate", "control_cells", "first_guess", "with_task"]

#: Share of the table that counts as plentiful data.
PLENTY = 0.85
#: Random labels are memorised at these multiples of the first guess of n_c.
AROUND = (0.8, 1.1)


@dataclass(frozen=True)
class ControlCells:
    """What is trained for one calibration."""

    generalising: Cell
    memorising: tuple[Cell, ...]

    @property
    def all(self) -> list[Cell]:
        """Every cell, the generalising one first."""
        return [self.generalising, *self.memorising]


def with_task(setting: Setting, samples: int, labels: str = "true") -> Setting:
    """The same setting with another number of samples, or with random labels."""
    task = Task.model_validate({**setting.task.model_dump(), "samples": samples, "labels": labels})
    return setting.model_copy(update={"task": task})


def first_guess(group: Group) -> float:
    """Rough n_c that only decides where controls are run: closed form, else M log M."""
    if group.is_abelian and group.order >= 5:
        return generalising_cost(group) / memorising_cost()
    return min(PAPER_CONSTANT * group.order * float(np.log(max(2, group.order))), 0.6 * group.order**2)


def control_cells(setting: Setting, plan: Plan, seeds: Sequence[int]) -> ControlCells:
    """Cells of the controls: every member is trained for the whole budget, recorded 16 times.

    Raises:
        InputError: if the task does not multiply two elements of a group.
    """
    group = setting.task.resolve()
    if setting.task.operands != 2:
        raise InputError("operands", "2 for control runs", setting.task.operands, "predictions are for two operands")
    guess = first_guess(group)
    plan = Plan(steps=plan.steps, every=max(1, plan.steps // 16))
    entries = group.order**2
    sizes = sorted({max(1, min(entries, round(f * guess))) for f in AROUND})
    return ControlCells(
        Cell(with_task(setting, max(1, round(PLENTY * entries))), tuple(seeds), plan),
        tuple(Cell(with_task(setting, n, "random"), tuple(seeds), plan) for n in sizes),
    )


def calibrate(cells: ControlCells, trained: Sequence[Trained]) -> Calibration:
    """Heights of both peaks from trained controls, in the order of ``cells.all``.

    Raises:
        InputError: if every member of a control diverged, or the heights do not cross.
    """
    records = [part.records for part in trained]
    for cell, part in zip(cells.all, records, strict=True):
        if part.diverged.all():
            raise InputError(
                "control runs",
                "finite",
                f"all {len(part.seeds)} diverged at n={cell.setting.task.samples}",
                "lower --lr",
            )
    controls = [
        Control(c.setting.task.samples, _cost(r, 1.0), _cost(r, 0.75)) for c, r in zip(cells.all, records, strict=True)
    ]
    try:
        fit = fit_heights(controls[0], controls[1:])
    except ArithmeticError as error:
        raise InputError("control runs", "long enough to show two peaks", str(error), "give them more steps") from error
    return Calibration(
        fit=fit,
        runs=sum(len(c.seeds) for c in cells.all),
        seconds=sum(part.seconds for part in trained),
        problems=tuple(_problems(cells, records)),
    )


def _cost(records: Records, share: float) -> tuple[float, ...]:
    """|W|^2 + |V|^2 of each member that did not diverge, at this share of the budget."""
    column = int(np.searchsorted(records.steps, share * records.steps[-1]))
    total = records.curves["norm_w2"] + records.curves["norm_v2"]
    return tuple(float(x) for x in total[~records.diverged, column])


def _problems(cells: ControlCells, records: Sequence[Records]) -> list[str]:
    problems = []
    level = TRANSITIONS["t_grok"].level
    if (records[0].final("test_accuracy") < level).any():
        problems.append(f"a control on {PLENTY:.0%} of the data did not generalise to {level:.0%}")
    for cell, part in zip(cells.memorising, records[1:], strict=True):
        if (part.final("train_accuracy") < TRANSITIONS["t_mem"].level).any():
            problems.append(f"a control on {cell.setting.task.samples} random labels did not memorise them")
    if any(part.diverged.any() for part in records):
        problems.append("a control diverged")
    return problems
