"""The problem in full: task, network, optimizer, and every convention, written down once.

Everything that predicts or trains takes a `Setting`; its canonical JSON and content id travel with each
prediction and each record, so numbers are only ever compared under the same conventions.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from theory.errors import InputError
from theory.groups import Group, from_table, named

__all__ = [
    "OBSERVABLES",
    "SCHEMA",
    "TRANSITIONS",
    "Activation",
    "Labels",
    "Loss",
    "Network",
    "Optimizer",
    "OptimizerName",
    "Setting",
    "Task",
    "Transition",
    "default_width",
    "explain",
    "standard",
]

#: Version of the conventions and of the stored form. A change of clock or normalisation raises it.
SCHEMA = 1

Activation = Literal["x^2", "relu", "relu^2", "silu", "gelu"]
Loss = Literal["mse", "cross-entropy"]
Labels = Literal["true", "random"]
OptimizerName = Literal["sgd", "adam", "adamw"]

#: What is recorded while training, one value per member and recorded step.
OBSERVABLES: dict[str, str] = {
    "train_accuracy": "share of training pairs whose largest output is the label",
    "test_accuracy": "the same over all other pairs of the table (absent if there are none)",
    "train_loss": "mean loss over training pairs, without the decay term",
    "test_loss": "mean loss over all other pairs",
    "norm_w2": "|W|^2, sum of squares of the first layer",
    "norm_v2": "|V|^2, sum of squares of the second layer",
}


@dataclass(frozen=True)
class Transition:
    """A named event on a recorded curve.

    Attributes:
        curve: observable it is read from.
        level: it happens when the curve first reaches this value ...
        hold: ... and stays there for this many further steps (or until the run ends).
    """

    curve: str
    level: float
    hold: int


TRANSITIONS: dict[str, Transition] = {
    "t_mem": Transition("train_accuracy", 0.99, 0),
    "t_grok": Transition("test_accuracy", 0.95, 200),
}


#: Largest rate, decay or scale: beyond it single precision overflows before the first step.
_LARGEST = 1e30


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="after")
    @classmethod
    def _one_zero(cls, value: object) -> object:
        # -0.0 equals 0.0, so it must not give another content id.
        return 0.0 if isinstance(value, float) and value == 0 else value


class Task(_Frozen):
    """What is learned: the Cayley table of a group, from some of its M^2 entries.

    Attributes:
        group: name, as `theory.groups.named` reads it, or the name of `table`.
        table: the Cayley table itself, for groups without a name.
        labels: ``true`` (label of (a, b) is a·b) or ``random`` (uniform, independent: the memorisation control).
        samples: size n of the training set, drawn uniformly without replacement from the M^2 pairs.
    """

    group: str = Field("Z23", description="a name such as Z23, D11, S4, Z2xZ2xZ6")
    table: tuple[tuple[int, ...], ...] | None = None
    labels: Labels = Field("true", description="the group's own labels, or random ones as a control")
    samples: int = Field(ge=1, description="training pairs, between 1 and M^2")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        group = self.resolve()
        if self.samples > group.order**2:
            raise InputError("samples", f"at most M^2 = {group.order**2} for {group.name}", self.samples, "lower it")
        canonical = group.name if self.table is None or "group" in self.model_fields_set else "table"
        object.__setattr__(self, "group", canonical)
        return self

    def resolve(self) -> Group:
        """The group itself."""
        return _resolve(self.group, self.table)


@lru_cache(maxsize=64)
def _resolve(name: str, table: tuple[tuple[int, ...], ...] | None) -> Group:
    return named(name) if table is None else from_table(table, name)


class Network(_Frozen):
    """Two layers without biases: output = sigma(X W) V, W (2M, K), V (K, M).

    Attributes:
        width: hidden nodes K.
        activation: sigma.
        init_scale_v: factor on the initial V; both layers start uniform on ±1/sqrt(fan_in).
    """

    width: int = Field(ge=1, le=1_000_000, description="hidden nodes K, such as 256")
    activation: Activation = Field("x^2", description="sigma of the hidden layer")
    init_scale_v: float = Field(
        1.0, ge=0, le=_LARGEST, description="factor on the initial output layer; 0 starts it at zero"
    )


class Optimizer(_Frozen):
    """Full-batch update rule, one step per gradient of the mean loss over the training set.

    Attributes:
        name: ``sgd`` (decay in the gradient), ``adam`` (decay in the gradient: *coupled*) or ``adamw``
            (decay on the parameters, theta -= lr·eta·theta: *decoupled*).
        lr: learning rate per step.
        weight_decay: eta.
        momentum: heavy-ball momentum of SGD, as torch.optim.SGD defines it.
        beta1, beta2, eps: Adam's constants.
    """

    name: OptimizerName = Field("adam", description="the update rule")
    lr: float = Field(1e-3, gt=0, le=_LARGEST, description="learning rate per step, such as 1e-3")
    weight_decay: float = Field(2e-4, ge=0, le=_LARGEST, description="decay eta, such as 2e-4")
    momentum: float = Field(0.0, ge=0, lt=1, description="momentum of SGD")
    beta1: float = Field(0.9, ge=0, lt=1, description="Adam's average of the gradient")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's average of the squared gradient")
    eps: float = Field(1e-8, gt=0, description="Adam's guard against division by zero")

    @model_validator(mode="after")
    def _momentum_is_sgd(self) -> Self:
        if self.momentum and self.name != "sgd":
            raise InputError("momentum", f"0 for {self.name}", self.momentum, "use --optimizer sgd, or leave it out")
        return self

    @property
    def decoupled(self) -> bool:
        """Whether decay acts on the parameters and not through the gradient."""
        return self.name == "adamw"


class Setting(_Frozen):
    """One training problem, complete: the same setting and seed give the same run."""

    task: Task
    network: Network
    optimizer: Optimizer = Optimizer()
    loss: Loss = Field("mse", description="class-centred squared error, or cross-entropy")
    schema_version: Literal[1] = 1

    def canonical(self) -> str:
        """Canonical JSON: sorted keys, no blanks; equal settings give equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def content_id(self) -> str:
        """First 16 hex digits of the SHA-256 of `canonical`; the name of this setting in every store."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:16]

    @property
    def conventions(self) -> dict[str, str]:
        """The conventions under which numbers of this setting hold, in words."""
        decay = (
            "decoupled: theta -= lr·eta·theta"
            if self.optimizer.decoupled
            else "coupled: gradient += eta·theta, objective = loss + (eta/2)(|W|^2 + |V|^2)"
        )
        loss = (
            "mean over training pairs of sum_c (o_c - mean_c o - (y_c - 1/M))^2"
            if self.loss == "mse"
            else "mean over training pairs of -log softmax(o)[label]"
        )
        return {
            "clock": "step = one full-batch update; tau = lr·eta·step",
            "loss": loss,
            "centring": "outputs over classes" if self.loss == "mse" else "none (softmax is invariant)",
            "decay": decay,
            "init": "uniform(±1/sqrt(fan_in)), V scaled by init_scale_v",
            "training_set": "n pairs, uniform without replacement",
            **{
                name: f"first recorded step with {t.curve} >= {t.level}, held for {t.hold} steps"
                for name, t in TRANSITIONS.items()
            },
        }


def standard(group: str = "Z23", samples: int | None = None, width: int | None = None) -> Setting:
    """The standard setting S0: x^2, class-centred MSE, Adam lr 1e-3 with coupled decay 2e-4.

    Args:
        group: name of the group.
        samples: n; by default half of all pairs.
        width: K; by default `default_width`.
    """
    order = named(group).order
    return Setting(
        task=Task(group=group, samples=samples if samples is not None else max(1, order**2 // 2)),
        network=Network(width=width if width is not None else default_width(order)),
    )


def default_width(order: int) -> int:
    """Hidden nodes K used for a group of order M where none are given: 11 a class, at least 256."""
    return max(256, 11 * order)


def explain(error: ValidationError, *models: type[BaseModel]) -> InputError:
    """The first problem of a pydantic validation as one clear `InputError`.

    Args:
        error: what pydantic found in a `Setting`, a part of it, or one of ``models``.
        models: further models whose fields' descriptions may serve as remedies.
    """
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return cause
    name = next((str(key) for key in reversed(first["loc"]) if isinstance(key, str)), "setting")
    if first["type"] == "extra_forbidden":
        return InputError(name, "a known field", first.get("input"), "check its spelling, or leave it out")
    if first["type"] == "missing":
        return InputError(name, "given", None, f"expected: {_description(first['loc'], models)}")
    message = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    bound = first.get("ctx", {}).get("le")
    if isinstance(bound, float):
        message = f"at most {bound:g}"
    return InputError(name, message, first.get("input"), f"expected: {_description(first['loc'], models)}")


def _description(location: tuple[int | str, ...], models: tuple[type[BaseModel], ...]) -> str:
    """What the field at this location is for, as its own model says."""
    text = "a field of the setting; unknown fields are refused"
    for key in location:
        every: tuple[type[BaseModel], ...] = (Setting, Task, Network, Optimizer, *models)
        for model in every:
            found = model.model_fields.get(str(key))
            if found is not None:
                text = found.description or text
                break
    return text
