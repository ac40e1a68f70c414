"""What a predictor gives: one number with all that is needed to judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Answer", "Prediction", "Quantity"]

#: What can be predicted and measured: n_c in training examples, times in steps, a share of the test examples.
Quantity = Literal["n_c", "t_mem", "t_grok", "test_accuracy"]


class Prediction(BaseModel):
    """One predicted number, with everything that is needed to judge it.

    Attributes:
        predictor, quantity: what predicts what; ``n_c`` is in training examples, ``t_grok`` in steps.
        value, low, high: the number and its interval; null where there is none.
        constants_fitted: constants adjusted to any data, by whoever proposed the law.
        runs_used: training runs that the value needed (never runs of the setting itself).
        seconds: time it took, training of control runs included.
        valid: whether the setting lies inside the predictor's range.
        note: what the interval means, or why there is no value.
        assumptions: what must hold for the value to be right.
        group, setting_id: which problem.
        gradients_used: gradients of the loss of the predicted networks themselves (their training examples and first
            weights) that the value needed, summed over seeds. Training takes one a step and seed.
        details: numbers behind the value, by name (such as ``C_gen``); each is finite.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    predictor: str
    quantity: str = "n_c"
    value: float | None
    low: float | None
    high: float | None
    constants_fitted: int
    runs_used: int
    seconds: float
    valid: bool
    note: str
    assumptions: tuple[str, ...]
    group: str
    setting_id: str
    gradients_used: int = 0
    details: Mapping[str, float] = Field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What the function of a predictor computes; `theory.predictors.declaration.Predictor` adds all that it declares.

    Attributes:
        value, low, high: as in `Prediction`.
        note: what the interval means, or why there is no value.
        outside: reasons, found while computing, for which the value lies outside the predictor's range.
        details, gradients_used: as in `Prediction`.
        constants_fitted, runs_used, assumptions: where they differ from what is declared.
        seconds: time that was spent before the call, such as that of control runs.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    outside: tuple[str, ...] = ()
    details: Mapping[str, float] = field(default_factory=dict)
    gradients_used: int = 0
    constants_fitted: int | None = None
    runs_used: int | None = None
    assumptions: tuple[str, ...] | None = None
    seconds: float = 0.0
