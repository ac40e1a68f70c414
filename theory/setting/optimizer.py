"""The optimizer: the rule that turns gradients into updates."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from twopeaks.theory.errors import InputError
from twopeaks.theory.setting.frozen import LARGEST, Frozen

__all__ = ["Optimizer", "OptimizerName", "Scaling", "Schedule"]

#: Update rules.
OptimizerName = Literal["sgd", "adam", "adamw", "muon"]
#: How Muon scales its rate with the shape of a layer, as `torch.optim.Muon` names it.
Scaling = Literal["original", "match_rms_adamw"]
#: How the rate changes with the step.
Schedule = Literal["constant", "linear-warmup", "cosine", "step"]

#: Fields that only Muon uses.
_MUON = frozenset({"nesterov", "ns_steps", "ns_coefficients", "scaling", "lr_v"})
#: Fields of each schedule, and its factor on the rate of the update that follows t updates.
_SCHEDULES: dict[Schedule, tuple[frozenset[str], str]] = {
    "constant": (frozenset(), "1"),
    "linear-warmup": (frozenset({"warmup_steps"}), "min(1, (t+1)/warmup_steps)"),
    "cosine": (
        frozenset({"warmup_steps", "decay_steps", "lr_floor"}),
        "min(1, (t+1)/warmup_steps)·(lr_floor + (1 - lr_floor)(1 + cos(pi u))/2), "
        "u = (t - warmup_steps)/(decay_steps - warmup_steps) within 0 … 1",
    ),
    "step": (frozenset({"decay_steps", "lr_drop"}), "lr_drop^floor(t/decay_steps)"),
}
_NUMBERS = frozenset[str]().union(*(numbers for numbers, _ in _SCHEDULES.values()))

_COUPLED = "coupled: gradient += eta·theta, objective = loss + (eta/2)(|W|^2 + |V|^2)"
_DECAY: dict[OptimizerName, str] = {
    "sgd": _COUPLED,
    "adam": _COUPLED,
    "adamw": "decoupled: theta -= lr·eta·theta",
    "muon": "decoupled for {muon} (Muon): theta -= lr·eta·theta; coupled for {adam} (Adam)",
}


class Optimizer(Frozen):
    """Full-batch update rule, one step per gradient of the mean loss over the training set.

    Attributes:
        name: ``sgd`` (decay in the gradient), ``adam`` (decay in the gradient: *coupled*), ``adamw`` (decay on the
            parameters, theta -= lr·eta·theta: *decoupled*) or ``muon`` (Muon with decoupled decay on every layer
            but tables and the last, Adam with coupled decay on these).
        lr: learning rate per step.
        weight_decay: eta.
        momentum: heavy-ball momentum of SGD, or factor of Muon's average (0.95 by default), as in torch.optim.
        beta1, beta2, eps: Adam's constants.
        nesterov: whether Muon looks one gradient ahead.
        ns_steps, ns_coefficients: Newton-Schulz steps O <- a O + (b A + c A^2) O, A = O O^T, that orthogonalise
            Muon's update.
        scaling: Muon's factor on lr for a layer of R rows and C columns, ``original`` sqrt(max(1, R/C)) or
            ``match_rms_adamw`` 0.2 sqrt(max(R, C)).
        lr_v: rate of the Adam part of Muon; lr if not given.
        schedule: factor on every rate (and so on decoupled decay) as a function of the updates t done before:
            ``constant`` 1; ``linear-warmup`` min(1, (t+1)/warmup_steps); ``cosine`` the same, then down half a cosine
            to lr_floor at t = decay_steps; ``step`` lr_drop^floor(t/decay_steps).
        warmup_steps, decay_steps, lr_floor, lr_drop: numbers of the schedule.
    """

    added = _MUON | _NUMBERS | {"schedule"}

    name: OptimizerName = Field(
        "adam", description="the update rule: adam (coupled decay), adamw (decoupled), sgd, or muon with Adam on V"
    )
    lr: float = Field(1e-3, gt=0, le=LARGEST, description="learning rate per step, such as 1e-3")
    weight_decay: float = Field(2e-4, ge=0, le=LARGEST, description="weight decay eta, such as 2e-4")
    momentum: float = Field(0.0, ge=0, lt=1, description="momentum of SGD or Muon, such as 0.9")
    beta1: float = Field(0.9, ge=0, lt=1, description="Adam's factor for its mean of the gradient, such as 0.9")
    beta2: float = Field(
        0.999, ge=0, lt=1, description="Adam's factor for its mean of the squared gradient, such as 0.999"
    )
    eps: float = Field(1e-8, gt=0, description="Adam's guard against division by zero, such as 1e-8")
    nesterov: bool = Field(True, description="whether Muon uses Nesterov momentum")
    ns_steps: int = Field(5, ge=1, le=99, description="Newton-Schulz steps of Muon, such as 5")
    ns_coefficients: tuple[float, float, float] = Field(
        (3.4445, -4.7750, 2.0315), description="three coefficients a,b,c of a Newton-Schulz step of Muon"
    )
    scaling: Scaling = Field("original", description="how Muon scales its rate with the shape of a layer")
    lr_v: float | None = Field(None, gt=0, le=LARGEST, description="learning rate of V, which Adam trains beside Muon")
    schedule: Schedule = Field("constant", description="how the learning rate changes with the step")
    warmup_steps: int = Field(10, ge=0, le=10**9, description="updates until the rate is full, such as 10")
    decay_steps: int = Field(
        10_000, ge=1, le=10**9, description="updates until the cosine ends, or from drop to drop, such as 10000"
    )
    lr_floor: float = Field(0.0, ge=0, le=1, description="share of the rate that is left when the cosine ends")
    lr_drop: float = Field(0.1, gt=0, le=1, description="factor on the rate at each drop")

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
        for field in sorted(_MUON):
            if self.name != "muon" and self._differs(field):
                value = getattr(self, field)
                raise InputError(field, f"left out for {self.name}", value, "only Muon uses it: add --optimizer muon")
        return self

    @model_validator(mode="after")
    def _schedule_makes_sense(self) -> Self:
        for field in sorted(_NUMBERS - _SCHEDULES[self.schedule][0]):
            if self._differs(field):
                value, remedy = getattr(self, field), "use another --schedule, or leave it out"
                raise InputError(field, f"left out for a {self.schedule} rate", value, remedy)
        if self.schedule == "linear-warmup" and self.warmup_steps == 0:
            raise InputError(
                "warmup_steps", "1 or more for a linear warm-up", 0, "use --schedule constant for no warm-up"
            )
        if self.schedule == "cosine" and self.decay_steps <= self.warmup_steps:
            expectation = f"more than the {self.warmup_steps} of the warm-up"
            raise InputError("decay_steps", expectation, self.decay_steps, "both count from the start of training")
        return self

    @property
    def decoupled(self) -> bool:
        """Whether decay acts on the parameters and not through the gradient (Muon: but for V)."""
        return self.name in ("adamw", "muon")

    def decay_in_words(self, tables: bool) -> str:
        """Where the decay acts, in a network with or without embedding tables, for the conventions of a setting."""
        muon = "every layer but tables and the last" if tables else "every layer but the last"
        return _DECAY[self.name].format(muon=muon, adam="tables and V" if tables else "V")

    @property
    def clock_in_words(self) -> str:
        """What counts as time, for the conventions of a setting."""
        if self.schedule == "constant":
            return "tau = lr·eta·step"
        fields, f = _SCHEDULES[self.schedule]
        numbers = ", ".join(f"{field} = {getattr(self, field):g}" for field in sorted(fields))
        return f"tau = eta·(sum of lr·f(t) over the updates done, t = 0, 1, …), f = {f}, {numbers}"
