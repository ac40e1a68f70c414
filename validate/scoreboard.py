"""Every prediction against the measurement of the same problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from theory.predict import Prediction
from validate.statistics import TransitionPoint

__all__ = ["Row", "score"]


@dataclass(frozen=True)
class Row:
    """One predictor on one measured transition.

    Attributes:
        prediction: what was said.
        error: predicted over measured, less one; None where either is missing.
        error_low, error_high: the same for both ends of the measurement's interval.
        covered: whether the measured value lies in the predictor's own interval; None without one.
    """

    prediction: Prediction
    error: float | None
    error_low: float | None
    error_high: float | None
    covered: bool | None


def score(predictions: Sequence[Prediction], measured: TransitionPoint) -> list[Row]:
    """Rows in the order given."""
    return [_row(prediction, measured) for prediction in predictions]


def _row(prediction: Prediction, measured: TransitionPoint) -> Row:
    def error(reference: float | None) -> float | None:
        if prediction.value is None or reference is None:
            return None
        return prediction.value / reference - 1

    covered = None
    if measured.value is not None and prediction.low is not None and prediction.high is not None:
        covered = prediction.low <= measured.value <= prediction.high
    return Row(prediction, error(measured.value), error(measured.high), error(measured.low), covered)
