"""Predictors of t_mem and t_grok in steps: medians over an ensemble of networks none of which is trained.

Each integrates a flow from the pairs and first weights of seeds 0 … 7, those that a trainer draws with these seeds.
`TIMES` lists them by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.stats import binom

from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Answer, Prediction, another_clock, another_network, another_task, stamped
from twopeaks.theory.predictors.times.adam import (
    adam_course,
    adamw_course,
    memory_clock,
    memory_steps,
    rule_course,
    sign_memorising,
)
from twopeaks.theory.predictors.times.descent import LONGEST, descent, lazy_memorising
from twopeaks.theory.predictors.times.members import Course
from twopeaks.theory.predictors.times.selection import SELECTION, selection
from twopeaks.theory.setting import Optimizer, Setting

__all__ = [
    "CLOCK",
    "FLOW",
    "LAZY",
    "MEMORISING",
    "REFERENCES",
    "SEEDS",
    "TIMES",
    "clock",
    "flow",
    "flow_memorising",
    "lazy",
    "time_interval",
]

#: Names under which predictions are tabulated.
LAZY, MEMORISING, FLOW, CLOCK = "lazy", "flow-memorising", "flow", "clock"

#: Seeds whose pairs and first weights are integrated.
SEEDS: tuple[int, ...] = tuple(range(8))

#: (lr, eta) at which a rule is integrated once (AdamW: trained), to predict all others by its clock: conventions, not
#: fits. The rate of gradient descent does not matter; those of Adam and AdamW are that of the
#: standard setting, the decay of AdamW is one at which runs are short.
REFERENCES: Mapping[str, tuple[float, float]] = {"sgd": (1.0, 5e-4), "adam": (1e-3, 2e-4), "adamw": (1e-3, 0.5)}

#: Least chance that the interval of a median holds the median of all seeds that could be drawn.
_COVERAGE = 0.9

_DRAWN = "pairs and first weights are those of the seeds, the weights after them those of a flow"
_SAME = "a finite step does not matter: the rate is below the edge of stability"


def time_interval(times: Sequence[float | None]) -> tuple[float | None, float | None, float | None]:
    """Median of times, and order statistics between which the median of all seeds lies with a chance of 90% or more.

    None stands for a time beyond the end, and in the result for a number that lies there. With four times or fewer
    the interval is all of them, and the chance less.
    """
    x = np.sort([math.inf if t is None else t for t in times])
    E = len(x)
    if not E:
        raise InputError("times", "one or more", times, "integrate one seed at least")
    # P(x_(k) <= median <= x_(E + 1 - k)) = 1 - 2 P(Binomial(E, 1/2) < k).
    k = max((k for k in range(1, E // 2 + 1) if 1 - 2 * binom.cdf(k - 1, E, 0.5) >= _COVERAGE), default=1)
    # The upper of two middle times decides whether the median was reached.
    median = (x[(E - 1) // 2] + x[E // 2]) / 2
    return _finite(median), _finite(x[k - 1]), _finite(x[E - k])


def _finite(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None


# --- ensembles: integrated once ---------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _ensemble(course: Callable[[Setting, int], Course], setting: Setting, seeds: tuple[int, ...]) -> tuple[Course, ...]:
    return tuple(course(setting, seed) for seed in seeds)


def _at(setting: Setting, **rule: float) -> Setting:
    """The same problem under another rate or decay."""
    changed = setting.optimizer.model_copy(update=rule)
    return setting.model_copy(update={"optimizer": Optimizer.model_validate(changed.model_dump())})


def _descended(setting: Setting, seeds: tuple[int, ...]) -> tuple[Course, ...]:
    """Gradient descent in t = lr · steps; all rates share one integration."""
    return _ensemble(descent, _at(setting, lr=1.0), seeds)


def _in_steps(courses: tuple[Course, ...], lr: float) -> list[Course]:
    def steps(t: float | None) -> float | None:
        return None if t is None else t / lr

    return [replace(c, t_mem=steps(c.t_mem), t_grok=steps(c.t_grok)) for c in courses]


def _courses(setting: Setting, seeds: tuple[int, ...]) -> list[Course]:
    """Transitions of each seed, in steps, at this rate and decay."""
    rule = setting.optimizer
    if rule.name == "sgd":
        return _in_steps(_descended(setting, seeds), rule.lr)
    return list(_ensemble(adam_course if rule.name == "adam" else adamw_course, setting, seeds))


# --- predictors -------------------------------------------------------------------------------------------


def lazy(setting: Setting, seeds: tuple[int, ...] = SEEDS) -> Prediction:
    """t_mem from Stage I: outputs linear in both layers (sgd, eq. descent.3), sign descent (Adam, eq. adam.5)."""
    return stamped(LAZY, setting, lambda s: _memorising(s, seeds, stage_one=True), quantity="t_mem")


def flow_memorising(setting: Setting, seeds: tuple[int, ...] = SEEDS) -> Prediction:
    """t_mem of gradient descent from its whole flow (eq. descent.1), which `flow` follows further."""
    return stamped(MEMORISING, setting, lambda s: _memorising(s, seeds, stage_one=False), quantity="t_mem")


def _memorising(setting: Setting, seeds: tuple[int, ...], *, stage_one: bool) -> Answer:
    rule, sgd = setting.optimizer, setting.optimizer.name == "sgd"
    reasons = _no_flow(setting) + ([] if sgd or stage_one else [f"of gradient descent, not {rule.name}"])
    if sgd:
        words = "outputs stay linear in the weights; decay does not matter yet" if stage_one else _DRAWN
    else:
        words = "Adam's moments have seen gradients of one size: each weight moves by lr a step"
    assumptions = (words, _SAME)
    if reasons:
        return Answer(None, None, None, 0, 0, False, "; ".join(reasons), assumptions)
    if not stage_one:
        courses = _descended(setting, seeds)
    else:
        courses = _ensemble(lazy_memorising if sgd else sign_memorising, _at(setting, lr=1.0), seeds)
    times = [c.t_mem for c in _in_steps(courses, rule.lr)]
    return _answer(times, courses, assumptions, [], "outputs never fit the pairs")


def flow(setting: Setting, seeds: tuple[int, ...] = SEEDS) -> Prediction:
    """t_grok by following the flow of the setting's own rule and decay. Eqs. descent.1, adam.1, adam.4."""
    return stamped(FLOW, setting, lambda s: _flow(s, seeds), quantity="t_grok")


def _flow(setting: Setting, seeds: tuple[int, ...]) -> Answer:
    reasons, assumptions = _no_flow(setting) + _no_decay(setting), (_DRAWN, *_assumed(setting.optimizer))
    if reasons:
        return Answer(None, None, None, 0, 0, False, "; ".join(reasons), assumptions)
    courses = _courses(setting, seeds)
    return _answer([c.t_grok for c in courses], courses, assumptions, [], _not_reached(setting.optimizer))


def clock(setting: Setting, seeds: tuple[int, ...] = SEEDS) -> Prediction:
    """t_grok of every rate and decay from one integration at a reference. Eqs. descent.2, adam.3, adam.4.

    Nothing is trained for gradient descent and Adam. For AdamW, whose flow is not known well, the reference is a run of
    each seed, counted as such.
    """
    return stamped(CLOCK, setting, lambda s: _clock(s, seeds), quantity="t_grok")


def _clock(setting: Setting, seeds: tuple[int, ...]) -> Answer:
    rule, reasons = setting.optimizer, _no_flow(setting) + _no_decay(setting)
    assumptions = (
        *(() if rule.decoupled else (_DRAWN, *_assumed(rule))),
        "rate and decay act through the rule's clock",
    )
    if reasons:
        return Answer(None, None, None, 0, 0, False, "; ".join(reasons), assumptions)
    lr, eta = REFERENCES[rule.name]
    reference, runs = _at(setting, lr=lr, weight_decay=eta), len(seeds) if rule.decoupled else 0
    courses = list(_ensemble(rule_course, reference, seeds)) if rule.decoupled else _courses(reference, seeds)
    times = [_retimed(course, rule, lr, eta) for course in courses]
    words = f"{'trained' if runs else 'integrated'} at lr {lr:g}, decay {eta:g}"
    return replace(_answer(times, courses, assumptions, [words], _not_reached(rule)), runs_used=runs)


def _retimed(course: Course, rule: Optimizer, lr: float, eta: float) -> float | None:
    """t_grok under a rule, given the transitions at its reference lr and eta, all in steps."""
    if course.t_grok is None or course.t_mem is None:
        return None
    if rule.name == "adam":
        scale = (lr / rule.lr) ** 1.5 * eta / rule.weight_decay
        return memory_steps(scale * memory_clock(course.t_grok, rule.beta2), rule.beta2)
    memorising = course.t_mem * lr / rule.lr
    return memorising + (course.t_grok - course.t_mem) * (lr * eta) / (rule.lr * rule.weight_decay)


def _answer(
    times: Sequence[float | None],
    courses: Sequence[Course],
    assumptions: tuple[str, ...],
    notes: list[str],
    unreached: str,
) -> Answer:
    value, low, high = time_interval(times)
    cost = f"{np.mean([c.evaluations for c in courses]):.0f} gradients a seed"
    words = f"median of {len(times)} seeds, between order statistics that hold it 9 times in 10; {cost}"
    notes = [words, *notes, *([unreached] if value is None else [])]
    gradients = sum(course.evaluations for course in courses)
    updates = sum(course.updates for course in courses)
    details = {"gradients_per_seed": gradients / len(courses), "first_updates_per_seed": updates / len(courses)}
    valid = value is not None
    return Answer(value, low, high, 0, 0, valid, "; ".join(notes), assumptions, gradients, details)


def _not_reached(rule: Optimizer) -> str:
    if rule.name == "adam":
        return "half of the seeds or more do not generalise while Adam remembers, or do before its gradients have faded"
    return f"half of the seeds or more do not generalise by tau = {LONGEST:g}"


def _assumed(rule: Optimizer) -> tuple[str, ...]:
    adam = (
        "the first updates, until gradients have faded, are the rule's own (two to five times t_mem of them)",
        "afterwards the second moment is what memorising left in it",
    )
    adamw = (adam[0], "later the second moment is alike for all weights, and its size does not matter")
    return {"adam": adam, "adamw": adamw}.get(rule.name, (_SAME,))


def _no_flow(setting: Setting) -> list[str]:
    """Why there is no flow to follow."""
    rule = setting.optimizer
    reasons = another_task(setting) + another_network(setting.network) + another_clock(setting)
    reasons += [f"a flow of squared error, not of {setting.loss}"] if setting.loss != "mse" else []
    reasons += ["for gradient descent without momentum"] if rule.name == "sgd" and rule.momentum else []
    return reasons + (["Muon has no flow here"] if rule.name == "muon" else [])


def _no_decay(setting: Setting) -> list[str]:
    reasons = ["without weight decay nothing moves once the pairs are memorised"]
    reasons = reasons if setting.optimizer.weight_decay == 0 else []
    every = setting.task.samples == setting.task.table_of().rows.size
    return reasons + (["every pair is trained on, so none is left to test"] if every else [])


#: Predictors of times that need nothing but the setting.
TIMES: Mapping[str, Callable[[Setting], Prediction]] = {
    LAZY: lazy,
    MEMORISING: flow_memorising,
    FLOW: flow,
    CLOCK: clock,
    SELECTION: selection,
}
