"""Predictors: from a setting to the number n_c of training pairs at which generalisation overtakes memorisation.

A predictor is a name and a function of a `Setting`; it says what it assumes, how many constants were fitted (and
on what), how many training runs it used, and whether the setting lies inside its range (`theory.predictors.answer`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twopeaks.theory.equations.lower import function
from twopeaks.theory.groups.constructions import NODES_PER_PAIR
from twopeaks.theory.groups.irreps import irreps
from twopeaks.theory.heights.heights import HeightFit, generalising_cost, memorising_cost
from twopeaks.theory.heights.memorising import KAPPA, KAPPA_ERROR, LEAST_ORDER
from twopeaks.theory.heights.narrow import NU_ERROR
from twopeaks.theory.heights.sharing import shared_height
from twopeaks.theory.predictors.answer import (
    Answer,
    Prediction,
    another_clock,
    another_task,
    not_norm_descent,
    outside,
    stamped,
)
from twopeaks.theory.predictors.margin import MARGIN, margin_form
from twopeaks.theory.predictors.peaks import equal_objectives, memorised_pair
from twopeaks.theory.predictors.phases import PHASES, all_at_once, phases_form
from twopeaks.theory.predictors.phases import SPREAD as PHASES_SPREAD
from twopeaks.theory.predictors.relu import RELU, relu_form
from twopeaks.theory.setting import Setting

__all__ = [
    "CALIBRATED",
    "CLOSED_FORM",
    "MARGIN",
    "NO_RUN",
    "PAPER_CONSTANT",
    "PAPER_LAW",
    "PHASES",
    "PHASES_CALIBRATED",
    "RELU",
    "SHARED",
    "Calibration",
    "Prediction",
    "closed_form",
    "control_calibrated",
    "paper_law",
    "phases_calibrated",
    "phases_form",
    "predict",
    "shared_form",
]

#: Names under which predictions are tabulated.
PAPER_LAW, CLOSED_FORM, SHARED, CALIBRATED = "paper-law", "heights-closed-form", "heights-shared", "heights-calibrated"
#: Name of `phases_calibrated`.
PHASES_CALIBRATED = "heights-phases-calibrated"

#: Constant of n = c M log M in the code of arXiv 2509.21519; its origin is not documented there.
PAPER_CONSTANT = 2.7482
#: Half a unit of its last printed digit.
_PRINTED = 0.00005

#: Nodes a pair at which the lower end of the closed form's bracket is taken: trained networks, which share nodes
#: between frequencies, have been seen between four and six. It moves the bracket, never the value.
_FEWEST_NODES = 4


# --- the paper's law -----------------------------------------------------------------------------------


def paper_law(setting: Setting) -> Prediction:
    """The paper's n = 2.7482 M log M, times d_max/2 for non-abelian groups (code of arXiv 2509.21519; Theorem 4).

    Eq. feat.9.
    """
    return stamped(PAPER_LAW, setting, _paper_law)


def _paper_law(setting: Setting) -> Answer:
    group = setting.task.resolve()
    value = float(function("feat.9")(group.order, max(rho.dim for rho in irreps(group))))
    precision = _PRINTED / PAPER_CONSTANT
    reasons = outside(setting) + ([] if group.order > 1 else ["M = 1 has nothing to learn"])
    return Answer(
        value=value,
        low=value * (1 - precision),
        high=value * (1 + precision),
        constants_fitted=1,
        runs_used=0,
        valid=not reasons,
        note="; ".join(["its author gives no interval: this one is the printed precision of 2.7482", *reasons]),
        assumptions=("x^2 network, MSE", "one constant, fitted by its author", "lr, decay and width do not matter"),
    )


# --- crossing of the two peaks -------------------------------------------------------------------------


def closed_form(setting: Setting) -> Prediction:
    """n_c = C_gen / c_mem with both heights in closed form: no run and no constant. Eqs. heights.2-5."""
    return stamped(CLOSED_FORM, setting, _closed_form)


def _closed_form(setting: Setting) -> Answer:
    group = setting.task.resolve()
    reasons = outside(setting) + not_norm_descent(setting)
    if not group.is_abelian:
        reasons.append(
            f"{group.name} is not abelian; heights-shared and heights-phases (from M = 11) "
            "and heights-calibrated cover it"
        )
    if group.order < 5:
        reasons.append("below M = 5 too few characters are generic")
    assumptions = (
        "weight decay makes the solution of smaller |W|^2 + |V|^2 win",
        f"each pair of characters is built from its own {NODES_PER_PAIR} nodes",
        "each memorised pair takes one node of its own",
        "decay small enough that both solutions fit the data; budget long enough",
    )
    if not group.is_abelian or group.order < 5:
        return Answer(None, None, None, 0, 0, False, "; ".join(reasons), assumptions)
    value = generalising_cost(group) / memorising_cost()
    low = generalising_cost(group, _FEWEST_NODES) / memorising_cost()
    return Answer(
        value=value,
        low=low,
        high=value**2 / low,
        constants_fitted=0,
        runs_used=0,
        valid=not reasons,
        note="; ".join(
            [f"bracket, not a confidence interval: {_FEWEST_NODES} nodes a pair, and the same factor upwards", *reasons]
        ),
        assumptions=assumptions,
    )


def shared_form(setting: Setting) -> Prediction:
    """n_c where both objectives, loss + (eta/2) norm, are equal, for any group. Eqs. heights.7-9 and heights.11.

    Nothing is trained. The one constant is that of memorising (`theory.heights.memorising`), the same for every group.
    """
    return stamped(SHARED, setting, _shared_form)


def _shared_form(setting: Setting) -> Answer:
    group, eta = setting.task.resolve(), setting.optimizer.weight_decay
    reasons = outside(setting) + not_norm_descent(setting)
    assumptions = (
        "weight decay makes the solution of smaller loss + (eta/2) (|W|^2 + |V|^2) win",
        "every block is built as cheaply as is known, and a few blocks undo what the others leave over",
        "memorising costs 1.19 (1 - kappa/M) a pair, as for random labels, and more where width K < n/2",
        "budget long enough; width for the generalising solution",
    )
    if group.order < LEAST_ORDER:
        note = f"the law of memorising begins at M = {LEAST_ORDER}"
        return Answer(None, None, None, 1, 0, False, "; ".join([note, *reasons]), assumptions)
    height, width = shared_height(group), setting.network.width
    value, low, high = (
        # the dear end of memorising gives the lower end of n_c
        equal_objectives(
            height, group.order, eta, memorised_pair(group.order, width, KAPPA - sign * KAPPA_ERROR, sign * NU_ERROR)
        )
        for sign in (0, 1, -1)
    )
    if value is None:
        note = f"decay {eta:g} leaves nothing of the rule"
        return Answer(None, None, None, 1, 0, False, "; ".join([note, *reasons]), assumptions)
    narrow = value > 2 * width
    notes = [f"C_gen = {height.cost:.1f}, interval that of the law of memorising alone", height.origin]
    if narrow:
        notes.append(f"(memorising {value:.0f} pairs with {width} nodes costs more than with half as many as pairs)")
    if width < height.nodes:
        reasons.append(f"the generalising solution takes {height.nodes} nodes, the network has {width}")
    note = " ".join(filter(None, notes))
    return Answer(value, low, high, 2 if narrow else 1, 0, not reasons, "; ".join([note, *reasons]), assumptions)


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


def control_calibrated(setting: Setting, calibration: Calibration | None) -> Prediction:
    """n_c where C_gen and c_mem n meet, both measured on control runs. Eq. heights.5.

    Args:
        setting: the problem.
        calibration: control runs of the same group, network and optimizer; None says that there are none.
    """
    return stamped(
        CALIBRATED,
        setting,
        lambda s: _calibrated(s, calibration),
        extra_seconds=0.0 if calibration is None else calibration.seconds,
    )


def _calibrated(setting: Setting, calibration: Calibration | None) -> Answer:
    assumptions = (
        "weight decay makes the solution of smaller |W|^2 + |V|^2 win",
        "memorising true labels costs what memorising random ones does",
        "the network either generalises or memorises as a whole",
    )
    reasons = another_task(setting) + not_norm_descent(setting) + another_clock(setting)
    if calibration is None:
        return Answer(None, None, None, 2, 0, False, "needs control runs: add --calibrate", assumptions)
    fit = calibration.fit
    reasons += calibration.problems
    note = (
        f"C_gen = {fit.generalising:.1f}, C_mem(n) = {fit.scale:.3f} n^{fit.power:.3f}, both from control runs; "
        f"95% over control seeds, widened by their late drift of {fit.drift:.1%}"
    )
    return Answer(
        value=fit.crossing,
        low=fit.low,
        high=fit.high,
        constants_fitted=2,
        runs_used=calibration.runs,
        valid=not reasons,
        note="; ".join([note, *reasons]),
        assumptions=assumptions,
    )


def phases_calibrated(setting: Setting, calibration: Calibration) -> Prediction:
    """`control_calibrated` times what generalising block by block makes of n_c, over `all_at_once`.

    Heights are measured, the steps of blocks are not: those are the theory's, with the constants of heights-phases.

    Args:
        setting: the problem.
        calibration: control runs of the same group, network and optimizer.
    """
    return stamped(
        PHASES_CALIBRATED,
        setting,
        lambda s: _phases_calibrated(s, calibration),
        extra_seconds=calibration.seconds,
    )


def _phases_calibrated(setting: Setting, calibration: Calibration) -> Answer:
    found, step = _calibrated(setting, calibration), phases_form(setting)
    reasons = outside(setting) + ([] if step.value is not None else [step.note])
    eta = setting.optimizer.weight_decay
    constants = found.constants_fitted + step.constants_fitted
    assumptions = (*found.assumptions[:2], *step.assumptions)
    if step.value is None or eta == 0 or found.value is None or found.low is None or found.high is None:
        return Answer(None, None, None, constants, calibration.runs, False, "; ".join(reasons), assumptions)
    factor = step.value / all_at_once(setting.task.resolve(), eta)
    spread = math.exp(1.96 * PHASES_SPREAD)
    return Answer(
        value=found.value * factor,
        low=found.low * factor / spread,
        high=found.high * factor * spread,
        constants_fitted=constants,
        runs_used=calibration.runs,
        valid=found.valid and step.valid,
        note="; ".join([f"times {factor:.3f} for blocks that generalise one by one; {found.note}", *reasons]),
        assumptions=assumptions,
    )


def predict(setting: Setting, calibration: Calibration | None = None) -> list[Prediction]:
    """Every predictor on one setting, the cheapest knowledge first; those of other activations and losses left out."""
    return [
        paper_law(setting),
        closed_form(setting),
        shared_form(setting),
        phases_form(setting),
        *(found for found in (relu_form(setting), margin_form(setting)) if found.value is not None),
        control_calibrated(setting, calibration),
        *([] if calibration is None else [phases_calibrated(setting, calibration)]),
    ]


#: Predictors that need nothing but the setting.
NO_RUN: Mapping[str, Callable[[Setting], Prediction]] = {
    PAPER_LAW: paper_law,
    CLOSED_FORM: closed_form,
    SHARED: shared_form,
    PHASES: phases_form,
    RELU: relu_form,
    MARGIN: margin_form,
}
