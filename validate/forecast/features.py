"""What the first part of a curve says, in numbers that know neither the clock nor the units. No torch here.

Every feature is a ratio of times or of values of one curve, or a slope in log-log: training twice as fast, or a loss of
another scale, leaves it as it is. The exceptions are accuracies, which are shares, and what theory says of a setting.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.setting import TRANSITIONS, Setting
from twopeaks.validate.forecast.theory import held_share, phases_size, shared_size
from twopeaks.validate.measured.curves import Curve

__all__ = [
    "KINDS",
    "LEAST",
    "WHETHER",
    "available",
    "features",
    "largest",
    "local",
    "memorised_at",
    "names_of",
    "says_training",
]

Floats = NDArray[np.float64]

#: Kinds of knowledge, and the features that each gives; the first one of a kind tells how far a run has come.
KINDS: dict[str, tuple[str, ...]] = {
    "loss": ("loss_slope", "loss_fall"),
    "accuracy": ("accuracy_slope", "accuracy_level"),
    "norm": ("norm_fall",),
    "memory": ("age",),
    "theory": ("held", "size", "decoupled", "descent"),
    "shared": ("shared_size", "decoupled", "descent"),
}
#: Features that say whether, and nothing of when; they come last in their kinds.
WHETHER = frozenset({"size", "shared_size", "decoupled", "descent"})

#: Slopes are those of a parabola in log time through the records since this share of the time ...
_WINDOW = 0.4
#: ... or through this many, where there are fewer.
_FEWEST = 4
#: The largest value so far is that of means over records within this factor in time, so that noise is no peak.
_NEAR = 1.25
#: Accuracies are moved this far from 0 and 1 before their odds are taken: about what 100 test pairs can tell.
_EDGE = 0.01
#: Train loss over its first value at which a curve without train accuracy is held to have memorised.
_MEMORISED = 0.05
#: Smaller slopes and falls (of logarithms) are not told apart.
_LEAST_SLOPE, _LEAST_FALL = 0.02, 0.01
#: A slope that is told from none is above this.
LEAST = math.log(_LEAST_SLOPE)
#: The time of memorising is known where the record before it is at this share of it or later: not where the first
#: record after the start finds all training pairs fitted.
_RESOLVED = 0.5


def available(curve: Curve) -> frozenset[str]:
    """Kinds of knowledge that a curve has, of `KINDS`."""
    knows = {
        "loss": "test_loss" in curve.values,
        "accuracy": "test_accuracy" in curve.values,
        "norm": "norm2" in curve.values,
        "memory": says_training(curve) and _resolves(curve),
        "theory": curve.setting is not None and phases_size(curve.setting) is not None,
        "shared": curve.setting is not None and shared_size(curve.setting) is not None,
    }
    return frozenset(kind for kind, known in knows.items() if known)


def names_of(kinds: Collection[str]) -> tuple[str, ...]:
    """Features of these kinds, in the order of `KINDS`."""
    return tuple(name for kind, names in KINDS.items() if kind in kinds for name in names)


def features(curve: Curve, kinds: Collection[str]) -> dict[str, float]:
    """Features of these kinds, all of what was recorded until the curve's last step t.

    ``loss_slope`` log of -d log(test loss)/d log t; ``loss_fall`` log of log(largest test loss / that now);
    ``accuracy_level`` log-odds of the test accuracy, ``accuracy_slope`` log of its rise with log t; ``norm_fall`` as
    ``loss_fall``, of the norm; ``age`` log(t / t_mem), 0 before; ``held`` the share of a label that memory is expected
    to hold for good (`twopeaks.validate.forecast.theory`); ``size`` and ``shared_size`` log(n / n_c); ``decoupled`` and
    ``descent`` whether decay is decoupled, and whether it is plain gradient descent.

    Args:
        curve: cut at the time of observation.
        kinds: of `KINDS`, that are `available`.
    """
    numbers: dict[str, float] = {}
    later = curve.steps > 0
    steps = curve.steps[later]
    values = {name: column[later] for name, column in curve.values.items()}
    if "loss" in kinds:
        logs = np.log(np.maximum(values["test_loss"], 1e-12))
        level, slope = local(steps, logs)
        numbers |= {
            "loss_slope": _log(-slope, _LEAST_SLOPE),
            "loss_fall": _log(largest(steps, logs) - level, _LEAST_FALL),
        }
    if "accuracy" in kinds:
        odds = np.log(values["test_accuracy"] + _EDGE) - np.log1p(_EDGE - values["test_accuracy"])
        level, slope = local(steps, odds)
        numbers |= {"accuracy_slope": _log(slope, _LEAST_SLOPE), "accuracy_level": level}
    if "norm" in kinds:
        logs = np.log(np.maximum(values["norm2"], 1e-12))
        numbers["norm_fall"] = _log(largest(steps, logs) - local(steps, logs)[0], _LEAST_FALL)
    if "memory" in kinds:
        t_mem = memorised_at(curve)
        numbers["age"] = 0.0 if t_mem is None else max(math.log(curve.last_step / max(t_mem, 1.0)), 0.0)
    if "theory" in kinds and curve.setting is not None:
        numbers |= {"held": held_share(curve.setting), "size": _relative(curve.setting, phases_size(curve.setting))}
    if "shared" in kinds and curve.setting is not None:
        numbers["shared_size"] = _relative(curve.setting, shared_size(curve.setting))
    if {"theory", "shared"} & set(kinds) and curve.setting is not None:
        rule = curve.setting.optimizer
        numbers |= {"decoupled": float(rule.decoupled), "descent": float(rule.name == "sgd")}
    return numbers


def local(steps: Floats, values: Floats) -> tuple[float, float]:
    """Value and slope in log t at the last step, of a parabola through the last records, each log time counted alike.

    Args:
        steps: (R,) positive and increasing, R >= 2.
        values: (R,) of a curve.
    """
    first = max(min(int(np.searchsorted(steps, _WINDOW * steps[-1])), len(steps) - _FEWEST), 0)
    x = np.log(steps[first:] / steps[-1])
    weights = np.sqrt(np.gradient(x))  # records may lie on any grid
    rows = np.vander(x, min(3, len(x)), increasing=True) * weights[:, None]
    coefficients = np.linalg.lstsq(rows, values[first:] * weights)[0]
    return float(coefficients[0]), float(coefficients[1])


def largest(steps: Floats, values: Floats) -> float:
    """Largest mean over records that lie near each other in log time.

    Args:
        steps: (R,) positive and increasing.
        values: (R,) of a curve.
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first, after = np.searchsorted(steps, steps / _NEAR), np.searchsorted(steps, steps * _NEAR, side="right")
    return float(((sums[after] - sums[first]) / (after - first)).max())


def memorised_at(curve: Curve) -> float | None:
    """First recorded step at which the training data are fitted; None if they are not, or nothing says so."""
    if "train_accuracy" in curve.values:
        fitted = curve.values["train_accuracy"] >= TRANSITIONS["t_mem"].level
    elif "train_loss" in curve.values:
        fitted = curve.values["train_loss"] <= _MEMORISED * curve.values["train_loss"][0]
    else:
        return None
    return float(curve.steps[fitted][0]) if fitted.any() else None


def says_training(curve: Curve) -> bool:
    """Whether it has a curve of the training data, and so may tell when it memorised."""
    return bool({"train_loss", "train_accuracy"} & set(curve.values))


def _resolves(curve: Curve) -> bool:
    """Whether records tell when it memorised, if it has."""
    t_mem = memorised_at(curve)
    return t_mem is None or bool(((curve.steps >= _RESOLVED * t_mem) & (curve.steps < t_mem)).any())


def _relative(setting: Setting, size: float | None) -> float:
    return math.log(setting.task.samples / size) if size else 0.0


def _log(value: float, least: float) -> float:
    return math.log(max(value, least))
