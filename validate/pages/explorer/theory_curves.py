"""Theory of one group as points: costs of both ways to fit n training examples, and the predicted test accuracy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from twopeaks.theory.heights.phases import STEP as PHASES_STEP
from twopeaks.theory.heights.phases import accuracy, blocks, learned
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.heights import closed_form, shared_form
from twopeaks.theory.predictors.peaks import Peaks, closed_peaks, relu_peaks, shared_peaks
from twopeaks.theory.predictors.phases import SPREAD, phases_accuracy, phases_form
from twopeaks.theory.predictors.relu import relu_form
from twopeaks.theory.setting import Setting
from twopeaks.validate.pages.explorer.data import Accuracy, Mountains, Spot
from twopeaks.validate.scores.words import number

__all__ = ["accuracy_over", "grid", "mountains", "spot"]

#: Theories that have both heights, the one that is shown first.
_PEAKS: Mapping[str, Callable[[Setting], Peaks | None]] = {
    shared_form.name: shared_peaks,
    closed_form.name: closed_peaks,
    relu_form.name: relu_peaks,
}
#: Points of a curve, and of a predicted accuracy, which takes milliseconds each.
_POINTS = 91
#: The grid reaches from this part of the transition to that multiple.
_FROM, _TO = 0.35, 1.8


def grid(rows: int, centre: float, sizes: Sequence[int]) -> tuple[float, ...]:
    """Sizes at which curves are given: whole numbers around the transition, all measured sizes within.

    Args:
        rows: of the table.
        centre: where the transition is thought to be.
        sizes: that were trained.
    """
    low = max(1, min([round(_FROM * centre), *sizes]))
    high = min(rows - 1, max([round(_TO * centre), *(round(1.02 * n) for n in sizes)]))
    return tuple(map(float, np.unique(np.round(np.linspace(low, max(high, low + 1), _POINTS)))))


def mountains(setting: Setting, predictions: Mapping[str, Prediction], n: Sequence[float]) -> tuple[Mountains, ...]:
    """Costs by each theory that has both, where it has a crossing.

    Args:
        setting: of the group.
        predictions: of n_c, by predictor.
        n: sizes.
    """
    if not setting.task.has_group:
        return ()
    costed = []
    for theory, peaks_of in _PEAKS.items():
        prediction = predictions.get(theory)
        peaks = None if prediction is None or prediction.value is None else peaks_of(setting)
        if prediction is not None and peaks is not None:
            costs = tuple(_short(peaks.memorising(x)) for x in n)
            crossing = spot(prediction.value, prediction.low, prediction.high)
            words = (theory, theory, peaks.words, peaks.equations)
            costed.append(Mountains(*words, costs, _short(peaks.generalising), crossing))
    return tuple(costed)


def accuracy_over(setting: Setting, n: Sequence[float]) -> Accuracy | None:
    """Test accuracy of blocks that generalise one by one, with the interval of `theory.predictors.phases`."""
    if not setting.task.has_group:
        return None
    prediction = phases_accuracy(setting)
    if prediction.value is None:
        return None
    group = setting.task.resolve()
    parts = blocks(group, setting.optimizer.weight_decay)

    def at(samples: float) -> float:
        shares = [learned(part, samples, group.order) for part in parts]
        return round(accuracy(group, parts, shares, PHASES_STEP.noise), 4)

    wide = float(np.exp(1.96 * SPREAD))
    value = [at(x) for x in n]
    low = [min(v, at(x / wide)) for v, x in zip(value, n, strict=True)]
    high = [max(v, at(x * wide)) for v, x in zip(value, n, strict=True)]
    curves = tuple(value), tuple(low), tuple(high)
    return Accuracy(phases_form.name, phases_form.name, *curves, prediction.valid, prediction.note)


def spot(value: float | None, low: float | None, high: float | None) -> Spot:
    """A predicted number with the words of the scoreboard."""
    text = number(value)
    if value is not None and low is not None and high is not None:
        text = f"{text} [{number(low)}, {number(high)}]"
    return Spot(value, low, high, text)


def _short(x: float) -> float:
    return float(f"{x:.6g}")
