"""From the first part of a training curve: will it grok within the budget, and when? No torch here.

Coefficients are in ``data/forecast.json``; `validate.forecast.fit` says on which runs they were fitted, and how.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import TRANSITIONS, Setting
from twopeaks.validate.forecast.features import LEAST, available, features, memorised_at, says_training
from twopeaks.validate.forecast.model import Model
from twopeaks.validate.measured.curves import Curve

__all__ = ["BAND", "GUESS", "LEVELS", "THEORY", "VARIANTS", "Forecast", "Forecaster", "forecast", "of_data", "shipped"]

State = Literal["forecast", "grokked", "over"]

#: What is taken together, the most telling first: the first of which a curve has every kind is used.
VARIANTS: tuple[tuple[str, ...], ...] = (
    ("loss", "norm", "memory", "theory"),
    ("loss", "norm", "theory"),
    ("loss", "norm", "memory", "shared"),
    ("loss", "norm", "shared"),
    ("loss", "norm", "memory"),
    ("loss", "norm"),
    ("loss", "memory"),
    ("loss",),
    ("accuracy", "norm", "memory"),
    ("accuracy", "norm"),
    ("accuracy", "memory"),
    ("accuracy",),
)
#: Kinds of knowledge that are theory's, not the curve's.
THEORY = ("theory", "shared")
#: What is said of a curve without any sign yet of when.
GUESS = "test loss or accuracy does not improve yet: the step is little more than a guess"
#: Levels of the interval of t_grok, and of the band of the probability over refits.
LEVELS = (0.1, 0.9)
#: Quantiles over refits of the model between which the band of P lies.
BAND = (0.1, 0.9)
#: Budget, in units of the time that has passed, where nobody says one.
_FAR = 10.0
#: Fewest records from which anything is said.
_FEWEST = 4


@dataclass(frozen=True)
class Forecast:
    """Of one run.

    Attributes:
        name: of the run.
        state: ``forecast``, or what needs none: it has ``grokked`` by then, or its budget is ``over``.
        step: until which the curve was used.
        budget: steps within which grokking counts.
        probability: that it groks within the budget.
        low, high: 80% band of that, over refits of the model to reweighted development runs.
        t_grok: median of the step at which it groks, if it does within the budget; the step itself if it has.
        t_low, t_high: 80% interval of that.
        basis: kinds of knowledge that were used, of `twopeaks.validate.forecast.features.KINDS`.
        warnings: why it may be worse than the development runs say.
    """

    name: str
    state: State
    step: float
    budget: float
    probability: float
    low: float
    high: float
    t_grok: float | None
    t_low: float | None
    t_high: float | None
    basis: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Forecaster:
    """Models for curves that know more or less.

    Attributes:
        models: kinds of knowledge -> coefficients.
        development: what they were fitted on, in words and numbers.
    """

    models: Mapping[tuple[str, ...], Model]
    development: Mapping[str, Any]

    def choose(self, curve: Curve, without: Collection[str] = ()) -> tuple[str, ...]:
        """The variant for a curve.

        Raises:
            InputError: if there is none.
        """
        kinds_known = available(curve) - set(without)
        variant = next((kinds for kinds in VARIANTS if kinds in self.models and set(kinds) <= kinds_known), None)
        if variant is None:
            known = ", ".join(sorted(kinds_known)) or "nothing"
            raise InputError(curve.name, "a curve of test loss or test accuracy", known, "see docs/forecast.md")
        return variant


@lru_cache(maxsize=1)
def shipped() -> Forecaster:
    """The models of this package."""
    return of_data(
        json.loads((files("twopeaks.validate.forecast") / "data" / "forecast.json").read_text(encoding="utf-8"))
    )


def of_data(data: Mapping[str, Any]) -> Forecaster:
    """Models from JSON."""
    models = {tuple(content["kinds"]): Model.of_data(content) for content in data["models"]}
    return Forecaster(models, data["development"])


def forecast(
    curve: Curve,
    at: float | None = None,
    budget: float | None = None,
    without: Collection[str] = (),
    forecaster: Forecaster | None = None,
) -> Forecast:
    """Forecast one run from its records until a step, and from nothing that comes later.

    Args:
        curve: of the run.
        at: step; all records, if not given.
        budget: steps within which grokking counts; the run's own, or ten times the time that has passed.
        without: kinds of knowledge to leave out.
        forecaster: models; those shipped, if not given.

    Raises:
        InputError: if there are too few records by then, or the curve says nothing of the test data.
    """
    known = curve if at is None else curve.until(at)
    if (known.steps > 0).sum() < _FEWEST:
        remedy = "observe later, or record more often"
        raise InputError(f"records of {curve.name}", f"{_FEWEST} or more by then", int((known.steps > 0).sum()), remedy)
    forecaster = shipped() if forecaster is None else forecaster
    step = known.last_step
    horizon = float(budget or curve.budget or _FAR * step)
    done = _has_grokked(known)
    if done is not None:
        return Forecast(curve.name, "grokked", step, horizon, 1.0, 1.0, 1.0, done, done, done)
    if horizon <= step:
        return Forecast(curve.name, "over", step, horizon, 0.0, 0.0, 0.0, None, None, None)
    kinds = forecaster.choose(known, without)
    return _forecast(curve.name, known, horizon, kinds, forecaster)


def _forecast(name: str, known: Curve, horizon: float, kinds: tuple[str, ...], forecaster: Forecaster) -> Forecast:
    model, step = forecaster.models[kinds], known.last_step
    numbers = features(known, kinds)
    left = math.log(horizon / step - 1)
    probabilities = model.probability(numbers, left)
    low, high = np.quantile(probabilities[1:], BAND) if len(probabilities) > 1 else probabilities[[0, 0]]
    value = float(probabilities[0])
    times = [step * (1 + math.exp(model.quantile(numbers, left, level))) for level in (LEVELS[0], 0.5, LEVELS[1])]
    warnings = [f"{feature} is beyond the development runs" for feature in model.outside(numbers)]
    if numbers[model.names[0]] <= LEAST:
        warnings.append(GUESS)
    warnings += _warnings(known, forecaster.development)
    band = min(float(low), value), max(float(high), value)
    return Forecast(name, "forecast", step, horizon, value, *band, times[1], times[0], times[2], kinds, tuple(warnings))


def _has_grokked(known: Curve) -> float | None:
    """Step since which the test accuracy has held its level, by what is known so far."""
    event = TRANSITIONS["t_grok"]
    column = known.values.get(event.curve)
    if column is None or column[-1] < event.level:
        return None
    below = np.flatnonzero(column < event.level)
    return float(known.steps[below[-1] + 1 if len(below) else 0])


def _warnings(known: Curve, development: Mapping[str, Any]) -> list[str]:
    warnings = []
    if says_training(known) and memorised_at(known) is None:
        warnings.append("it has not memorised yet")
    elif says_training(known) and "memory" not in available(known):
        warnings.append("too few early records to say when it memorised, which is therefore not used")
    return warnings if known.setting is None else warnings + _unlike(known.setting, development)


def _unlike(setting: Setting, development: Mapping[str, Any]) -> list[str]:
    """In what a setting differs from all development runs."""
    rule, network = setting.optimizer, setting.network
    values = {
        "optimizer": rule.name,
        "loss": setting.loss,
        "activation": network.activation,
        "family": network.family,
        "layers": network.layers,
        "labels": setting.task.labels,
    }
    warnings = [
        f"no development run has {name} {value}" for name, value in values.items() if value not in development[name]
    ]
    if rule.weight_decay == 0:
        warnings.append("no development run is without weight decay")
    return warnings + (["labels are noisy, and no development run's are"] if setting.task.noise else [])
