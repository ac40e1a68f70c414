"""n_c from heights that are measured on control runs: networks that can only memorise, or must generalise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from twopeaks.theory.heights.heights import HeightFit
from twopeaks.theory.heights.phases import all_at_once
from twopeaks.theory.predictors.answer import Answer
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.predictors.phases import SPREAD, not_in_range_of_phases, phases_form
from twopeaks.theory.predictors.ranges import another_clock, another_task, not_norm_descent, not_square_mse
from twopeaks.theory.setting import Setting

__all__ = ["Calibration", "control_calibrated", "phases_calibrated"]

_CONSTANTS = 2
_ASSUMPTIONS = (
    "weight decay makes the solution of smaller |W|^2 + |V|^2 win",
    "memorising true labels costs what memorising random ones does",
)


@dataclass(frozen=True)
class Calibration:
    """Heights measured on control runs, and what they cost.

    Attributes:
        fit: both peaks and their crossing.
        runs: control runs that were trained.
        seconds: what training them took.
        problems: why the controls cannot be trusted, if so (such as a control that did not learn).
    """

    fit: HeightFit
    runs: int
    seconds: float
    problems: tuple[str, ...] = ()


@predictor(
    name="heights-calibrated",
    quantity="n_c",
    constants=_CONSTANTS,
    fitted_on="norms of the control runs of this setting's own group, network and optimizer",
    assumptions=(*_ASSUMPTIONS, "the network either generalises or memorises as a whole"),
    outside=(another_task, not_norm_descent, another_clock),
)
def control_calibrated(setting: Setting, calibration: Calibration | None) -> Answer:
    """n_c where C_gen and c_mem n meet, both measured on control runs. Eq. heights.5.

    Args:
        setting: the problem.
        calibration: control runs of the same group, network and optimizer; None says that there are none.
    """
    del setting  # the control runs are of its group, network and optimizer
    if calibration is None:
        return Answer(note="needs control runs: add --calibrate")
    fit = calibration.fit
    note = (
        f"C_gen = {fit.generalising:.1f}, C_mem(n) = {fit.scale:.3f} n^{fit.power:.3f}, both from control runs; "
        f"95% over control seeds, widened by their late drift of {fit.drift:.1%}"
    )
    return Answer(
        fit.crossing,
        fit.low,
        fit.high,
        note,
        outside=calibration.problems,
        details={"C_gen": fit.generalising, "C_mem_scale": fit.scale, "C_mem_power": fit.power, "drift": fit.drift},
        runs_used=calibration.runs,
        seconds=calibration.seconds,
    )


@predictor(
    name="heights-phases-calibrated",
    quantity="n_c",
    constants=_CONSTANTS + phases_form.declared.constants,
    fitted_on=f"the control runs of heights-calibrated, and for the step of a block: {phases_form.declared.fitted_on}",
    assumptions=(*_ASSUMPTIONS, *phases_form.declared.assumptions),
    outside=(not_square_mse, not_norm_descent, not_in_range_of_phases),
)
def phases_calibrated(setting: Setting, calibration: Calibration) -> Answer:
    """`control_calibrated` times what generalising block by block makes of n_c, over `all_at_once`.

    Heights are measured, the steps of blocks are not: those are the theory's, with the constants of heights-phases.

    Args:
        setting: the problem.
        calibration: control runs of the same group, network and optimizer.
    """
    eta, fit, step = setting.optimizer.weight_decay, calibration.fit, phases_form.answer(setting)
    if step.value is None or eta == 0:
        note = step.note if step.value is None else ""
        return Answer(note=note, runs_used=calibration.runs, seconds=calibration.seconds)
    factor, spread = step.value / all_at_once(setting.task.resolve(), eta), math.exp(1.96 * SPREAD)
    heights = control_calibrated.answer(setting, calibration)
    return Answer(
        fit.crossing * factor,
        fit.low * factor / spread,
        fit.high * factor * spread,
        note=f"times {factor:.3f} for blocks that generalise one by one; {heights.note}",
        outside=(*heights.outside, *step.outside),
        details={**heights.details, **step.details, "factor": factor},
        runs_used=calibration.runs,
        seconds=calibration.seconds,
    )
