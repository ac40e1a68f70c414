"""What a predictor gives: one number with all that is needed to judge it, and why a setting may lie outside its range.

A predictor is a function of a `Setting` that answers with an `Answer`; `stamped` adds the setting and the time it took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from twopeaks.theory.setting import Setting
from twopeaks.theory.setting.network import Network

__all__ = [
    "Answer",
    "Prediction",
    "another_clock",
    "another_network",
    "another_task",
    "not_norm_descent",
    "outside",
    "stamped",
]


class Prediction(BaseModel):
    """One predicted number, with everything that is needed to judge it.

    Attributes:
        predictor, quantity: what predicts what; ``n_c`` is in training pairs, ``t_grok`` in steps.
        value, low, high: the number and its interval; null where there is none.
        constants_fitted: constants adjusted to any data, by whoever proposed the law.
        runs_used: training runs that the value needed (never runs of the setting itself).
        gradients_used: gradients of the loss of the very networks that are predicted (their training examples and first
            weights) that the value needed, summed over seeds. Training takes one a step and seed.
        seconds: time it took, training of control runs included.
        valid: whether the setting lies inside the predictor's range.
        note: what the interval means, or why there is no value.
        assumptions: what must hold for the value to be right.
        group, setting_id: which problem.
        details: numbers behind the value, by name (such as ``C_gen``); every one is finite.
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
    """What a predictor computes, with the fields of `Prediction`; `stamped` adds setting and time."""

    value: float | None
    low: float | None
    high: float | None
    constants_fitted: int
    runs_used: int
    valid: bool
    note: str
    assumptions: tuple[str, ...]
    gradients_used: int = 0
    details: Mapping[str, float] = field(default_factory=dict)


def stamped(
    name: str,
    setting: Setting,
    answer: Callable[[Setting], Answer],
    extra_seconds: float = 0.0,
    quantity: str = "n_c",
) -> Prediction:
    """The answer to a setting as a prediction, with the time it took.

    Args:
        name: of the predictor.
        setting: the problem.
        answer: what computes; it is called once.
        extra_seconds: what the answer rests on and was paid before, such as control runs.
        quantity: what is predicted.
    """
    start = time.perf_counter()
    found = answer(setting)
    return Prediction(
        predictor=name,
        quantity=quantity,
        group=setting.task.name,
        setting_id=setting.content_id,
        seconds=round(extra_seconds + time.perf_counter() - start, 6),
        **found.__dict__,
    )


# --- ranges --------------------------------------------------------------------------------------------


def outside(setting: Setting) -> list[str]:
    """Why the x^2, MSE constructions do not describe this setting."""
    reasons, network = another_task(setting), setting.network
    if network.activation != "x^2":
        reasons.append(f"derived for x^2, not {network.activation}")
    if setting.loss != "mse":
        reasons.append(f"derived for centred MSE, not {setting.loss}")
    reasons += another_network(network)
    if setting.task.bias:
        reasons.append("derived for pairs drawn uniformly")
    return reasons + another_clock(setting)


def another_network(network: Network) -> list[str]:
    """Why it is not sigma(X W) V, all real and all trained."""
    if network.family != "mlp":
        return [f"derived for two layers, not a {network.family}"]
    checks = {
        f"derived for two layers, not {network.layers}": network.layers != 2,
        "derived for real weights": network.weights != "real",
        "derived for a trained output layer": network.readout != "trained",
        "derived for one-hot inputs, not embeddings": network.embedding != "one-hot",
        "derived for sums of operands, not products": network.hidden != "sum",
        "derived for outputs that are not scaled": network.output_scale != 1,
    }
    return [reason for reason, applies in checks.items() if applies]


def another_clock(setting: Setting) -> list[str]:
    """Why the rate is not constant, so that a step is not always the same piece of time."""
    schedule = setting.optimizer.schedule
    return [] if schedule == "constant" else [f"derived for a constant rate, not a {schedule} schedule"]


def another_task(setting: Setting) -> list[str]:
    """Why what is learned is not the table of a group, each label of it true."""
    reasons, task = [], setting.task
    if task.labels == "random":
        reasons.append("random labels have nothing to generalise")
    if task.operands != 2:
        reasons.append(f"derived for products of two, not of {task.operands}")
    if task.noise:
        reasons.append("derived for labels without noise")
    return reasons


def not_norm_descent(setting: Setting) -> list[str]:
    """Why training does not descend the norm on which the heights rest."""
    reasons = []
    if setting.optimizer.weight_decay == 0:
        reasons.append("no weight decay, so nothing lowers the norm")
    if setting.optimizer.decoupled:
        reasons.append("decoupled decay descends another function than the norm")
    return reasons
