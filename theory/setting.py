"""The problem in full: task, network, optimizer, and every convention, written down once.

Everything that predicts or trains takes a `Setting`; its canonical JSON and content id travel with each
prediction and each record, so numbers are only ever compared under the same conventions.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

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

Activation = Literal["x^2", "relu", "relu^2", "silu", "gelu", "tanh"]
Loss = Literal["mse", "cross-entropy", "hinge", "contrastive"]
Labels = Literal["true", "random"]
Weights = Literal["real", "complex"]
Readout = Literal["trained", "ridge"]
OptimizerName = Literal["sgd", "adam", "adamw", "muon"]
Scaling = Literal["original", "match_rms_adamw"]

#: What is recorded while training, one value per member and recorded step.
OBSERVABLES: dict[str, str] = {
    "train_accuracy": "share of training pairs whose largest output is the label",
    "test_accuracy": "the same over all other pairs of the table (absent if there are none)",
    "train_loss": "mean loss over training pairs, without the decay term",
    "test_loss": "mean loss over all other pairs",
    "norm_w2": "|W|^2, sum of squares of the first layer (of every layer but the last, if there are more)",
    "norm_v2": "|V|^2, sum of squares of the last layer",
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


#: Words for each loss: what is averaged over the training pairs, and what it does to the outputs first.
_LOSSES: dict[Loss, tuple[str, str]] = {
    "mse": ("sum_c (o_c - mean_c o - (y_c - 1/M))^2", "outputs over classes"),
    "cross-entropy": ("-log softmax(o)[label]", "none (softmax is invariant)"),
    "hinge": ("max(0, 1 + max_{c != label} o_c - o_label)", "none (differences of outputs alone count)"),
    "contrastive": (
        "-log softmax(u/T)[label], u = o / sqrt(|o|^2 + 1e-12) the cosines with the one-hot prototypes, T = 0.1",
        "none (outputs are normalised instead)",
    ),
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    #: Fields added since the first settings were stored. They are written down only where they differ from their
    #: default, so that a setting keeps its text and content id.
    added: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="after")
    @classmethod
    def _one_zero(cls, value: object) -> object:
        # -0.0 equals 0.0, so it must not give another content id.
        if isinstance(value, tuple) and value and isinstance(value[0], float):
            return tuple(number + 0.0 for number in value)
        return value + 0.0 if isinstance(value, float) else value

    @model_serializer(mode="wrap")
    def _only_what_differs(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = write(self)
        return {name: value for name, value in content.items() if name not in self.added or self._differs(name)}

    def _differs(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)


class Task(_Frozen):
    """What is learned: the Cayley table of a group, from some of its M^2 entries.

    Attributes:
        group: name, as `theory.groups.named` reads it, or the name of `table`.
        table: the Cayley table itself, for groups without a name.
        labels: ``true`` (label of (a, b) is a·b) or ``random`` (uniform, independent: the memorisation control).
        samples: size n of the training set, drawn without replacement from the M^2 pairs.
        bias: pairs (a, b) are drawn one after the other with probability proportional to (1 + a)^-bias among those
            left, a counted as in the table (0 is the neutral element of a named group); 0 is uniform.
    """

    added = frozenset({"bias"})

    group: str = Field("Z23", description="a name such as Z23, D11, S4, Z2xZ2xZ6")
    table: tuple[tuple[int, ...], ...] | None = None
    labels: Labels = Field("true", description="the group's own labels, or random ones as a control")
    samples: int = Field(ge=1, description="training pairs, between 1 and M^2")
    bias: float = Field(0.0, ge=0, le=_LARGEST, description="0 draws pairs uniformly, more prefers a small first one")

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
    """Layers without biases: output = sigma(X W) V, W (2M, K), V (K, M), in the standard case.

    Attributes:
        width: hidden nodes K.
        activation: sigma.
        init_scale_v: factor on the initial V; all layers start uniform on ±1/sqrt(fan_in).
        layers: matrices in all; beyond two, each further H_l (K, K) makes F <- sigma(F H_l) before V reads F.
        residual: F <- F + sigma(F H_l) instead.
        weights: ``complex`` makes every layer complex and the output Re(F V).
        readout: ``ridge`` solves V at each step for the least loss + (eta/2) |V|^2; ``trained`` descends in V too.
    """

    added = frozenset({"layers", "residual", "weights", "readout"})

    width: int = Field(ge=1, le=1_000_000, description="hidden nodes K, such as 256")
    activation: Activation = Field("x^2", description="sigma of the hidden layer")
    init_scale_v: float = Field(
        1.0, ge=0, le=_LARGEST, description="factor on the initial output layer; 0 starts it at zero"
    )
    layers: int = Field(2, ge=2, le=4, description="matrices in all, 2 … 4")
    residual: bool = Field(False, description="whether layers beyond the second add to what they read")
    weights: Weights = Field("real", description="real, or complex with output Re(F V)")
    readout: Readout = Field("trained", description="the output layer trained, or solved by ridge regression")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.residual and self.layers == 2:
            raise InputError("residual", "false with 2 layers", True, "use --layers 3, or leave it out")
        if self.weights == "complex" and self.activation != "x^2":
            raise InputError("activation", "x^2 for complex weights", self.activation, "use real weights")
        if self.readout == "ridge" and self.init_scale_v != 1:
            raise InputError("init_scale_v", "1 for a ridge readout", self.init_scale_v, "V is solved, leave it out")
        return self


class Optimizer(_Frozen):
    """Full-batch update rule, one step per gradient of the mean loss over the training set.

    Attributes:
        name: ``sgd`` (decay in the gradient), ``adam`` (decay in the gradient: *coupled*), ``adamw`` (decay on the
            parameters, theta -= lr·eta·theta: *decoupled*) or ``muon`` (Muon with decoupled decay on every layer
            but the last, Adam with coupled decay on V).
        lr: learning rate per step.
        weight_decay: eta.
        momentum: heavy-ball momentum of SGD or average of Muon (0.95 unless given), as torch.optim defines them.
        beta1, beta2, eps: Adam's constants.
        nesterov: whether Muon looks one gradient ahead.
        ns_steps, ns_coefficients: Newton-Schulz steps O <- a O + (b A + c A^2) O, A = O O^T, that orthogonalise
            Muon's update.
        scaling: Muon's factor on lr for a layer of R rows and C columns, ``original`` sqrt(max(1, R/C)) or
            ``match_rms_adamw`` 0.2 sqrt(max(R, C)).
        lr_v: rate of the Adam part of Muon; lr if not given.
    """

    added = frozenset({"nesterov", "ns_steps", "ns_coefficients", "scaling", "lr_v"})

    name: OptimizerName = Field("adam", description="the update rule")
    lr: float = Field(1e-3, gt=0, le=_LARGEST, description="learning rate per step, such as 1e-3")
    weight_decay: float = Field(2e-4, ge=0, le=_LARGEST, description="decay eta, such as 2e-4")
    momentum: float = Field(0.0, ge=0, lt=1, description="momentum of SGD or Muon")
    beta1: float = Field(0.9, ge=0, lt=1, description="Adam's average of the gradient")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's average of the squared gradient")
    eps: float = Field(1e-8, gt=0, description="Adam's guard against division by zero")
    nesterov: bool = Field(True, description="whether Muon looks one gradient ahead")
    ns_steps: int = Field(5, ge=1, le=99, description="Newton-Schulz steps of Muon")
    ns_coefficients: tuple[float, float, float] = Field(
        (3.4445, -4.7750, 2.0315), description="coefficients of a Newton-Schulz step of Muon"
    )
    scaling: Scaling = Field("original", description="how Muon's rate follows the shape of a layer")
    lr_v: float | None = Field(None, gt=0, le=_LARGEST, description="rate of V, which Adam trains beside Muon")

    @model_validator(mode="before")
    @classmethod
    def _momentum_of_muon(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("name") == "muon":
            return {"momentum": 0.95, **content}
        return content

    @model_validator(mode="after")
    def _only_its_own(self) -> Self:
        if self.momentum and self.name not in ("sgd", "muon"):
            raise InputError("momentum", f"0 for {self.name}", self.momentum, "use --optimizer sgd, or leave it out")
        for field in sorted(self.added):
            if self.name != "muon" and self._differs(field):
                value = getattr(self, field)
                raise InputError(field, f"left out for {self.name}", value, "it is Muon's: use --optimizer muon")
        return self

    @property
    def decoupled(self) -> bool:
        """Whether decay acts on the parameters and not through the gradient (Muon: but for V)."""
        return self.name in ("adamw", "muon")


class Setting(_Frozen):
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
            raise InputError("optimizer", "sgd, adam or adamw for complex weights", "muon", "Muon takes real matrices")
        if self.network.readout == "ridge":
            if self.loss != "mse":
                raise InputError("loss", "mse for a ridge readout", self.loss, "train the readout instead")
            if rule.name == "adamw":
                raise InputError("optimizer", "of coupled decay for a ridge readout", "adamw", "use adam, sgd or muon")
            if rule.weight_decay == 0:
                raise InputError("weight_decay", "positive for a ridge readout", 0.0, "it is the ridge, such as 2e-4")
        return self

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
        words, centring = _LOSSES[self.loss]
        uniform = self.task.bias == 0
        return {
            "clock": "step = one full-batch update; tau = lr·eta·step",
            "network": _words_for_network(self.network),
            "loss": f"mean over training pairs of {words}",
            "centring": centring,
            "decay": _DECAY[self.optimizer.name],
            "init": "uniform(±1/sqrt(fan_in)), V scaled by init_scale_v",
            "training_set": f"n pairs, {'uniform' if uniform else 'weights (1 + a)^-bias,'} without replacement",
            **{
                name: f"first recorded step with {t.curve} >= {t.level}, held for {t.hold} steps"
                for name, t in TRANSITIONS.items()
            },
        }


_COUPLED = "coupled: gradient += eta·theta, objective = loss + (eta/2)(|W|^2 + |V|^2)"
_DECAY: dict[OptimizerName, str] = {
    "sgd": _COUPLED,
    "adam": _COUPLED,
    "adamw": "decoupled: theta -= lr·eta·theta",
    "muon": "decoupled for every layer but the last (Muon): theta -= lr·eta·theta; coupled for V (Adam)",
}


def _words_for_network(network: Network) -> str:
    deeper = "F + sigma(F H_l)" if network.residual else "sigma(F H_l)"
    middle = f", F <- {deeper} {network.layers - 2} times" if network.layers > 2 else ""
    output = "Re(F V), complex weights with |.|^2 as the real ones" if network.weights == "complex" else "F V"
    solved = ", V = (F^T F + (n eta/2) I)^-1 F^T (Y - 1/M) at each step" if network.readout == "ridge" else ""
    return f"F = sigma(X W){middle}, output {output}{solved}"


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
