"""Predictors of t_mem and t_grok in steps: medians over an ensemble of networks, none of which is trained to the end.

Each integrates a flow from the training examples and first weights of seeds 0 … 7, those that a trainer draws with
these seeds. What that takes is counted in gradients (`theory.predictors.answer.Prediction`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Answer
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.predictors.ranges import another_clock, another_network, another_task
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
from twopeaks.theory.setting import Optimizer, Setting

__all__ = ["REFERENCES", "SEEDS", "clock", "flow", "flow_memorising", "lazy", "time_interval"]

#: Seeds whose training examples and first weights are integrated.
SEEDS: tuple[int, ...] = tuple(range(8))

#: (lr, eta) at which a rule is integrated once (AdamW: trained), to predict all others by its clock: conventions, not
#: fits. The rate of gradient descent does not matter; those of Adam and AdamW are that of the
#: standard setting, the decay of AdamW is one at which runs are short.
REFERENCES: Mapping[str, tuple[float, float]] = {"sgd": (1.0, 5e-4), "adam": (1e-3, 2e-4), "adamw": (1e-3, 0.5)}

#: Least chance that the interval of a median holds the median of all seeds that could be drawn.
_COVERAGE = 0.9


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
    from scipy.stats import binom  # slow to import, and few predictions need it

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


# --- what is assumed, and for which settings there is a flow --------------------------------------------------

_DRAWN = "pairs and first weights are those of the seeds, the weights after them those of a flow"
_SAME = "a finite step does not matter: the rate is below the edge of stability"
_LINEAR = "outputs stay linear in the weights; decay does not matter yet"
_SIGNS = "Adam's moments have seen gradients of one size: each weight moves by lr a step"
_FIRST_UPDATES = "the first updates, until gradients have faded, are the rule's own (two to five times t_mem of them)"
_ADAM = "afterwards the second moment is what memorising left in it"
_ADAMW = "later the second moment is alike for all weights, and its size does not matter"
_CLOCK = "rate and decay act through the rule's clock"

_ONE_RATE = "all rates of gradient descent share one integration"


def _of_flow(rule: Optimizer) -> tuple[str, ...]:
    later = {"adam": (_FIRST_UPDATES, _ADAM), "adamw": (_FIRST_UPDATES, _ADAMW)}
    return (_DRAWN, *later.get(rule.name, (_SAME,)))


def _no_flow(setting: Setting) -> list[str]:
    """Why there is no flow to follow."""
    rule = setting.optimizer
    reasons = another_task(setting) + another_network(setting) + another_clock(setting)
    reasons += [f"a flow of squared error, not of {setting.loss}"] if setting.loss != "mse" else []
    reasons += ["for gradient descent without momentum"] if rule.name == "sgd" and rule.momentum else []
    return reasons + (["Muon has no flow here"] if rule.name == "muon" else [])


def _not_descent(setting: Setting) -> list[str]:
    rule = setting.optimizer.name
    return [] if rule == "sgd" else [f"of gradient descent, not {rule}"]


def _endless(setting: Setting) -> list[str]:
    """Why the whole flow cannot be followed."""
    return [] if setting.optimizer.weight_decay else ["without weight decay the flow has no end"]


def _nothing_to_grok(setting: Setting) -> list[str]:
    """Why there is no slow stage, or no test example."""
    reasons = ["without weight decay nothing moves once the pairs are memorised"]
    reasons = reasons if setting.optimizer.weight_decay == 0 else []
    every = setting.task.samples == setting.task.table_of().rows.size
    return reasons + (["every pair is trained on, so none is left to test"] if every else [])


# --- predictors -------------------------------------------------------------------------------------------


@predictor(
    name="lazy",
    quantity="t_mem",
    constants=0,
    fitted_on="",
    assumptions=(f"gradient descent: {_LINEAR}", f"Adam, AdamW: {_SIGNS}", _SAME),
    refuses=(_no_flow,),
    gradients="one for each step of sign descent, or for each product with the tangent kernel",
    amortised="all rates share one integration",
)
def lazy(setting: Setting, seeds: tuple[int, ...] = SEEDS) -> Answer:
    """t_mem from Stage I: outputs linear in both layers (sgd, eq. descent.3), sign descent (Adam, eq. adam.5)."""
    descends = setting.optimizer.name == "sgd"
    courses = _ensemble(lazy_memorising if descends else sign_memorising, _at(setting, lr=1.0), seeds)
    return _memorised(courses, setting.optimizer.lr, (_LINEAR if descends else _SIGNS, _SAME))


@predictor(
    name="flow-memorising",
    quantity="t_mem",
    constants=0,
    fitted_on="",
    assumptions=(_DRAWN, _SAME),
    refuses=(_no_flow, _not_descent, _endless),
    gradients="those of the integration, which flow follows further",
    amortised=_ONE_RATE,
)
def flow_memorising(setting: Setting, seeds: tuple[int, ...] = SEEDS) -> Answer:
    """t_mem of gradient descent from its whole flow (eq. descent.1), which `flow` follows further."""
    return _memorised(_descended(setting, seeds), setting.optimizer.lr, (_DRAWN, _SAME))


def _memorised(courses: tuple[Course, ...], lr: float, assumptions: tuple[str, ...]) -> Answer:
    times = [course.t_mem for course in _in_steps(courses, lr)]
    return _answer(times, courses, "outputs never fit the pairs", assumptions)


@predictor(
    name="flow",
    quantity="t_grok",
    constants=0,
    fitted_on="",
    assumptions=(_DRAWN, "after its first updates the rule is the flow that is derived for it"),
    refuses=(_no_flow, _nothing_to_grok),
    gradients="those of the integration; with Adam and AdamW also one for each of the rule's own first updates",
    amortised=_ONE_RATE,
)
def flow(setting: Setting, seeds: tuple[int, ...] = SEEDS) -> Answer:
    """t_grok by following the flow of the setting's own rule and decay. Eqs. descent.1, adam.1, adam.4."""
    courses, rule = _courses(setting, seeds), setting.optimizer
    return _answer([course.t_grok for course in courses], courses, _not_reached(rule), _of_flow(rule))


@predictor(
    name="clock",
    quantity="t_grok",
    constants=0,
    fitted_on="",
    assumptions=(_DRAWN, _CLOCK),
    refuses=(_no_flow, _nothing_to_grok),
    gradients="those of one integration at a reference rate and decay; with AdamW those of its reference runs",
    amortised="all rates and decays of one rule share one integration, or with AdamW the reference runs",
)
def clock(setting: Setting, seeds: tuple[int, ...] = SEEDS) -> Answer:
    """t_grok of every rate and decay from one integration at a reference. Eqs. descent.2, adam.3, adam.4.

    Nothing is trained for gradient descent and Adam. For AdamW, whose flow is not known well, the reference is a run of
    each seed, counted as such.
    """
    rule = setting.optimizer
    lr, eta = REFERENCES[rule.name]
    reference = _at(setting, lr=lr, weight_decay=eta)
    trains = rule.decoupled
    courses = list(_ensemble(rule_course, reference, seeds)) if trains else _courses(reference, seeds)
    times = [_retimed(course, rule, lr, eta) for course in courses]
    words = f"{'trained' if trains else 'integrated'} at lr {lr:g}, decay {eta:g}"
    assumptions = (_CLOCK,) if trains else (*_of_flow(rule), _CLOCK)
    answer = _answer(times, courses, _not_reached(rule), assumptions, words)
    return replace(answer, runs_used=len(seeds) if trains else 0)


def _retimed(course: Course, rule: Optimizer, lr: float, eta: float) -> float | None:
    """t_grok under a rule, given the transitions at its reference lr and eta, all in steps."""
    if course.t_grok is None or course.t_mem is None:
        return None
    if rule.name == "adam":
        scale = (lr / rule.lr) ** 1.5 * eta / rule.weight_decay
        return memory_steps(scale * memory_clock(course.t_grok, rule.beta2), rule.beta2)
    memorising = course.t_mem * lr / rule.lr
    return memorising + (course.t_grok - course.t_mem) * (lr * eta) / (rule.lr * rule.weight_decay)


def _not_reached(rule: Optimizer) -> str:
    if rule.name == "adam":
        return "half of the seeds or more do not generalise while Adam remembers, or do before its gradients have faded"
    return f"half of the seeds or more do not generalise by tau = {LONGEST:g}"


def _answer(
    times: Sequence[float | None],
    courses: Sequence[Course],
    unreached: str,
    assumptions: tuple[str, ...],
    reference: str = "",
) -> Answer:
    """The median over seeds, with what it cost.

    Args:
        times: of each seed, in steps.
        courses: of each seed, that were integrated.
        unreached: what it means that there is no median.
        assumptions: of this rule.
        reference: at which rate and decay courses were integrated, if at others.
    """
    value, low, high = time_interval(times)
    gradients, updates = sum(c.evaluations for c in courses), sum(c.updates for c in courses)
    cost = f"{np.mean([c.evaluations for c in courses]):.0f} gradients a seed"
    words = f"median of {len(times)} seeds, between order statistics that hold it 9 times in 10; {cost}"
    return Answer(
        value,
        low,
        high,
        note="; ".join(filter(None, [words, reference, unreached if value is None else ""])),
        details={"gradients_per_seed": gradients / len(courses), "first_updates_per_seed": updates / len(courses)},
        gradients_used=gradients,
        assumptions=assumptions,
    )
