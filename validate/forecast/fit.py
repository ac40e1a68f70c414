"""From development runs to the coefficients of forecasts. No torch here.

Each run is observed at times spread evenly in log t from memorising to its end, whatever that end is: at a time those
runs are observed that are at risk then.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twopeaks.validate.forecast.features import WHETHER, available, features, names_of
from twopeaks.validate.forecast.forecast import VARIANTS, Forecaster, of_data
from twopeaks.validate.forecast.model import Model, Rows, fit
from twopeaks.validate.measured.curves import Curve

__all__ = ["development", "fitted", "forecaster", "observe", "rows"]

#: Observations of each run.
_TIMES = 6
#: Refits to clusters of random weight.
_REFITS = 16
#: Every which record is kept, in turn: others record less often than development runs.
_THINNED = (1, 2, 5)
#: Fewest records of an observation.
_FEWEST = 6


def fitted(curves: Sequence[Curve]) -> dict[str, Any]:
    """What ``data/forecast.json`` holds: models of every variant, and what they were fitted on.

    Args:
        curves: of development runs, with settings and budgets.
    """
    models = []
    for kinds in VARIANTS:
        models.append({"kinds": list(kinds), **_model(curves, kinds, _REFITS).as_data()})
    return {"development": development(curves), "models": models}


def forecaster(curves: Sequence[Curve], variants: Sequence[tuple[str, ...]]) -> Forecaster:
    """Models of some variants, fitted to these runs alone and never refitted."""
    models = [{"kinds": kinds, **_model(curves, kinds, 0).as_data()} for kinds in variants]
    return of_data({"development": development(curves), "models": models})


def _model(curves: Sequence[Curve], kinds: Collection[str], refits: int) -> Model:
    """The curve says when; what theory knows says whether, and of the time only how much is left to generalise."""
    names = names_of(kinds)
    return fit(names, sum(name not in WHETHER for name in names), rows(curves, kinds), refits)


def rows(curves: Sequence[Curve], kinds: Collection[str]) -> Rows:
    """Observations of all runs that have these kinds of knowledge; runs of one group and optimizer are a cluster."""
    x: list[list[float]] = []
    left: list[float] = []
    grokked: list[bool] = []
    cluster: list[int] = []
    clusters: dict[tuple[str, str], int] = {}
    for number, curve in enumerate(curves):
        if curve.setting is None:
            continue
        name = (curve.setting.task.name, curve.setting.optimizer.name)
        t_grok = curve.t_grok
        end = curve.last_step if t_grok is None else float(t_grok)
        for known in observe(curve, end, number):
            if not set(kinds) <= available(known):
                continue
            numbers = features(known, kinds)
            x.append([numbers[name] for name in names_of(kinds)])
            left.append(math.log(end / known.last_step - 1))
            grokked.append(t_grok is not None)
            cluster.append(clusters.setdefault(name, len(clusters)))
    return Rows(np.array(x), np.array(left), np.array(grokked), np.array(cluster))


def observe(curve: Curve, end: float, number: int) -> Iterator[Curve]:
    """What is known of a run at some times before its end.

    Args:
        curve: of the run.
        end: t_grok, or the last step.
        number: of the run; it shifts the times, so that those of many runs fill the range.
    """
    t_mem = curve.transition("t_mem")
    first = max(curve.steps[min(_FEWEST, len(curve.steps) - 1)], 0.8 * (t_mem or 0))
    if first >= 0.97 * end:
        return
    shift = number * (math.sqrt(5) - 1) / 2 % 1
    for i in range(_TIMES):
        known = curve.until(first * (0.97 * end / first) ** ((i + shift) / _TIMES))
        thinned = _thinned(known, _THINNED[(number + i) % len(_THINNED)])
        yield thinned if len(thinned.steps) > 2 * _FEWEST else known


def _thinned(known: Curve, every: int) -> Curve:
    """Fewer records, the last one among them."""
    kept: NDArray[np.int64] = np.arange(len(known.steps))[::-every][::-1]
    kept = np.union1d([0], kept)
    values = {name: column[kept] for name, column in known.values.items()}
    return Curve(known.name, known.steps[kept], values, known.budget, known.setting, known.series, known.complete)


def development(curves: Sequence[Curve]) -> dict[str, Any]:
    """On what was fitted: values of each field, and how many runs."""
    settings = [curve.setting for curve in curves if curve.setting is not None]
    fields: dict[str, list[Any]] = {
        "group": [setting.task.name for setting in settings],
        "optimizer": [setting.optimizer.name for setting in settings],
        "lr": [setting.optimizer.lr for setting in settings],
        "weight_decay": [setting.optimizer.weight_decay for setting in settings],
        "loss": [setting.loss for setting in settings],
        "activation": [setting.network.activation for setting in settings],
        "family": [setting.network.family for setting in settings],
        "layers": [setting.network.layers for setting in settings],
        "labels": [setting.task.labels for setting in settings],
        "budget": [curve.budget for curve in curves],
    }
    by_field: dict[str, Any] = {name: sorted(set(values)) for name, values in fields.items()}
    ends = [curve.t_grok for curve in curves]
    return {**by_field, "runs": len(curves), "grokked": sum(t is not None for t in ends)}
