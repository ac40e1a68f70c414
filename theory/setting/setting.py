"""The whole problem: task, network, optimizer, and every convention, each defined once.

Everything that predicts or trains takes a `Setting`; its canonical JSON and content id travel with each
prediction and each record, so only numbers with the same conventions are compared.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import named
from twopeaks.theory.setting.frozen import Frozen
from twopeaks.theory.setting.network import Activation, Network, Readout, Weights
from twopeaks.theory.setting.optimizer import Optimizer, OptimizerName, Scaling
from twopeaks.theory.setting.task import Labels, Task

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
    "Readout",
    "Scaling",
    "Setting",
    "Task",
    "Transition",
    "Weights",
    "default_width",
    "explain",
    "standard",
]

#: Version of the conventions and of the stored form. A change of clock or normalisation raises it.
SCHEMA = 1

#: What is minimised, without the decay term.
Loss = Literal["mse", "cross-entropy", "hinge", "contrastive"]

#: What is recorded during training, one value for each member and recorded step.
OBSERVABLES: dict[str, str] = {
    "train_accuracy": "share of training examples whose largest output is the label",
    "test_accuracy": "the same over all other examples of the table (absent if there are none)",
    "train_loss": "mean loss over training examples, without the decay term",
    "test_loss": "mean loss over all other examples",
    "norm_w2": "|W|^2, sum of squares of the first layer (of every layer but the last, if there are more)",
    "norm_v2": "|V|^2, sum of squares of the last layer",
}


@dataclass(frozen=True)
class Transition:
    """A named event on a recorded curve.

    Attributes:
        curve: observable that shows it.
        level: it happens when the curve first reaches this value ...
        hold: ... and stays there for this many further steps (or until the run ends).
    """

    curve: str
    level: float
    hold: int


#: When a network has memorised, and when it has grokked.
TRANSITIONS: dict[str, Transition] = {
    "t_mem": Transition("train_accuracy", 0.99, 0),
    "t_grok": Transition("test_accuracy", 0.95, 200),
}


#: Words for each loss: what is averaged over the training examples, and how outputs are centred first.
_LOSSES: dict[Loss, tuple[str, str]] = {
    "mse": ("sum_c (o_c - mean_c o - (y_c - 1/M))^2", "outputs over classes"),
    "cross-entropy": ("-log softmax(o)[label]", "none (softmax is invariant)"),
    "hinge": ("max(0, 1 + max_{c != label} o_c - o_label)", "none (differences of outputs alone count)"),
    "contrastive": (
        "-log softmax(u/T)[label], u = o / sqrt(|o|^2 + 1e-12) the cosines with the one-hot prototypes, T = 0.1",
        "none (outputs are normalised instead)",
    ),
}


class Setting(Frozen):
    """One training problem, complete: the same setting and seed give the same run."""

    task: Task
    network: Network
    optimizer: Optimizer = Optimizer()
    loss: Loss = Field("mse", description="class-centred squared error, cross-entropy, hinge or contrastive")
    schema_version: Literal[1] = 1

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        rule = self.optimizer
        if self.network.weights == "complex" and rule.name == "muon":
            raise InputError(
                "optimizer", "sgd, adam or adamw for complex weights", "muon", "Muon needs real matrices: use another"
            )
        if self.network.readout == "ridge":
            if self.loss != "mse":
                raise InputError("loss", "mse for a ridge readout", self.loss, "train the readout instead")
            if rule.name == "adamw":
                raise InputError(
                    "optimizer", "one with coupled decay for a ridge readout", "adamw", "use adam, sgd or muon"
                )
            if rule.weight_decay == 0:
                raise InputError(
                    "weight_decay", "positive for a ridge readout", 0.0, "it sets the ridge: use e.g. 2e-4"
                )
        return self

    def canonical(self) -> str:
        """Canonical JSON: sorted keys, no spaces; equal settings give equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def content_id(self) -> str:
        """First 16 hex digits of the SHA-256 of `canonical`; it names this setting in every store."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:16]

    @property
    def conventions(self) -> dict[str, str]:
        """The conventions that numbers of this setting follow, in words."""
        words, centring = _LOSSES[self.loss]
        tables = self.network.tables > 0
        return {
            "clock": f"step = one full-batch update; {self.optimizer.clock_in_words}",
            "network": self.network.words,
            "loss": f"mean over training examples of {words}",
            "centring": centring,
            "decay": self.optimizer.decay_in_words(tables),
            "init": f"uniform(±1/sqrt(fan_in)), {'tables ±1/sqrt(d), ' if tables else ''}V scaled by init_scale_v",
            **self.task.words,
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
    """The default number of hidden nodes K for M classes: 11 M, at least 256."""
    return max(256, 11 * order)


def explain(error: ValidationError, *models: type[BaseModel]) -> InputError:
    """The first problem of a pydantic validation as one clear `InputError`.

    Args:
        error: from the validation of a `Setting`, a part of it, or one of ``models``.
        models: more models whose descriptions of fields may serve as remedies.
    """
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return cause
    name = next((str(key) for key in reversed(first["loc"]) if isinstance(key, str)), "setting")
    if (error.title.lower(), *first["loc"])[-2:] == ("optimizer", "name"):
        name = "optimizer"  # as options and sweeps call it
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
    """The description of the field at this location."""
    text = "a field of the setting; unknown fields are refused"
    for key in location:
        all_models: tuple[type[BaseModel], ...] = (Setting, Task, Network, Optimizer, *models)
        for model in all_models:
            described = model.model_fields.get(str(key))
            if described is not None:
                text = described.description or text
                break
    return text
