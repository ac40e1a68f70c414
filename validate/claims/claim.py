"""Claims about trained networks, each with a threshold fixed beforehand, and the rule that judges them.

A claim has one or more forms (as printed, as corrected, as derived here). A form says in which range a number measured
on trained networks must lie. The verdict follows from the 95% interval of that number over seeds and from nothing else:
inside the range supported, outside it refuted, otherwise undecided.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator
from scipy.stats import t as student

from twopeaks.validate.measured.statistics import rate_interval

__all__ = [
    "Claim",
    "Estimate",
    "Finding",
    "Form",
    "FormName",
    "Judgement",
    "Kind",
    "Outcome",
    "Sample",
    "Series",
    "Verdict",
    "estimate",
    "judge",
    "outcome_of",
    "overall",
    "problem_of",
]

#: What an interval says of a range: inside, outside, or neither.
Verdict = Literal["supported", "refuted", "undecided"]
#: A number for each seed, or whether something happened.
Kind = Literal["mean", "rate"]
#: Whose reading of a claim it is.
FormName = Literal["printed", "corrected", "derived here", "claimed"]

#: Largest share of seeds that may be without a value (diverged, not reached, tied) for an estimate to be made.
_MISSING = 0.2
#: Fewest values that get an interval.
_FEWEST = 3

#: Text that is not empty.
_Words = Annotated[str, Field(min_length=1)]
#: A point of a curve; null in a file stands for one that is missing.
_Point = Annotated[float, BeforeValidator(lambda value: np.nan if value is None else value)]


class _Record(BaseModel):
    """Fields are set once and checked; unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sample(_Record):
    """One number for each seed.

    Attributes:
        values: the numbers, or 0 and 1 for a rate; None where a seed gave none.
        kind: ``mean`` (Student's interval) or ``rate`` (Jeffreys' interval).
        resolution: what the measurement cannot tell apart, however many seeds agree: a mean's interval is wider by
            this on both sides.
    """

    values: tuple[float | None, ...]
    kind: Kind = "mean"
    resolution: float = 0.0


class Series(_Record):
    """A curve to draw: measured (mean over seeds, with its spread) or predicted.

    Attributes:
        name: shown in the legend.
        x, y: points.
        low, high: spread of measured values; empty for predictions.
    """

    name: str
    x: tuple[_Point, ...]
    y: tuple[_Point, ...]
    low: tuple[_Point, ...] = ()
    high: tuple[_Point, ...] = ()


class Finding(_Record):
    """What was measured for one claim.

    Attributes:
        samples: number by quantity, which the claim's forms refer to.
        budget: networks, sizes, steps, in words.
        settings: content ids of everything that was trained.
        series: curves for the figure, if there are any.
        axes: labels of the figure's axes.
        notes: what a reader of the numbers should know.
    """

    samples: dict[str, Sample]
    budget: str
    settings: tuple[str, ...]
    series: tuple[Series, ...] = ()
    axes: tuple[str, str] = ("", "")
    notes: str = ""


class Form(_Record):
    """One reading of a claim: it holds if the quantity lies in [low, high].

    Attributes:
        name: whose reading it is.
        prediction: in words, with the number.
        quantity: of the finding's samples.
        low, high: the range, fixed before any run; None is no bound.
    """

    name: FormName
    prediction: _Words
    quantity: _Words
    low: int | float | None = None
    high: int | float | None = None

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("a form needs a lower or an upper bound")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"the lower bound {self.low} is above the upper bound {self.high}")
        return self


class Estimate(_Record):
    """A number with its 95% interval; all None where there are too few values."""

    value: float | None
    low: float | None
    high: float | None
    seeds: int
    missing: int


class Judgement(Form):
    """One form of a claim, judged by what was measured."""

    estimate: Estimate
    verdict: Verdict


class _Statement(_Record):
    """What is claimed.

    Attributes:
        id: short name, as the command takes it.
        statement: in words.
        source: where it is made.
        equations: labels it rests on.
        measure: how it is measured, in words.
    """

    id: Annotated[str, Field(pattern="^[a-z0-9-]+$")]
    statement: _Words
    source: _Words
    equations: tuple[str, ...]
    measure: _Words


class Claim(_Statement):
    """A statement about trained networks.

    Attributes:
        forms: what must come out for it to hold.
        examine: called with a `twopeaks.validate.claims.laboratory.Laboratory`, trains the networks and returns the
            finding. It is no part of what is written down.
    """

    forms: Annotated[tuple[Form, ...], Field(min_length=1)]
    examine: Annotated[Callable[..., Finding], Field(exclude=True, repr=False)]


class Outcome(_Statement):
    """A claim, examined; what `model_dump` gives is an entry of ``claims.json``.

    Attributes:
        verdict: over all forms, see `overall`.
        forms: each form, judged.
        finding: what was measured.
        seeds: of the networks.
        seconds: it took to train and measure, when that was done.
        runtime: where it was trained; empty if that was not kept.
    """

    verdict: Verdict
    forms: tuple[Judgement, ...]
    finding: Finding
    seeds: tuple[int, ...]
    seconds: Annotated[float, PlainSerializer(lambda seconds: round(seconds, 1))]
    runtime: dict[str, Any] = {}


def estimate(sample: Sample) -> Estimate:
    """Mean with Student's 95% interval and the resolution, or rate with Jeffreys', over seeds that gave a value.

    Nothing is estimated from fewer than three values, or if more than a fifth of the seeds gave none.
    """
    known = np.array([v for v in sample.values if v is not None and np.isfinite(v)])
    seeds, missing = len(sample.values), len(sample.values) - len(known)
    if len(known) < _FEWEST or missing > _MISSING * seeds:
        return Estimate(value=None, low=None, high=None, seeds=seeds, missing=missing)
    mean = float(known.mean())
    if sample.kind == "rate":
        low, high = rate_interval(round(known.sum()), len(known))
    else:
        half = float(student.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known))) + sample.resolution
        low, high = mean - half, mean + half
    return Estimate(value=mean, low=low, high=high, seeds=seeds, missing=missing)


def judge(claim: Claim, finding: Finding) -> tuple[Judgement, ...]:
    """Every form of the claim against what was measured.

    Raises:
        KeyError: if the finding lacks a quantity that a form refers to.
    """
    judged = []
    for form in claim.forms:
        measured = estimate(finding.samples[form.quantity])
        judged.append(Judgement(**form.model_dump(), estimate=measured, verdict=_verdict(form, measured)))
    return tuple(judged)


def _verdict(form: Form, measured: Estimate) -> Verdict:
    if measured.low is None or measured.high is None:
        return "undecided"
    low = -np.inf if form.low is None else form.low
    high = np.inf if form.high is None else form.high
    if low <= measured.low and measured.high <= high:
        return "supported"
    if measured.high < low or measured.low > high:
        return "refuted"
    return "undecided"


def overall(forms: tuple[Judgement, ...]) -> Verdict:
    """Refuted if one form is, supported if all are, otherwise undecided."""
    verdicts = {judged.verdict for judged in forms}
    if "refuted" in verdicts:
        return "refuted"
    return "supported" if verdicts == {"supported"} else "undecided"


def outcome_of(
    claim: Claim, finding: Finding, seeds: tuple[int, ...], seconds: float, runtime: dict[str, Any] | None = None
) -> Outcome:
    """The claim, judged by what was measured.

    Args:
        claim: what is claimed.
        finding: what was measured.
        seeds: of the networks.
        seconds: it took.
        runtime: where it was trained, if that is known.

    Raises:
        KeyError: if the finding lacks a quantity that a form refers to.
    """
    forms = judge(claim, finding)
    statement = {name: getattr(claim, name) for name in _Statement.model_fields}
    return Outcome(
        **statement,
        verdict=overall(forms),
        forms=forms,
        finding=finding,
        seeds=seeds,
        seconds=seconds,
        runtime=runtime or {},
    )


def problem_of(error: Exception) -> str:
    """What is wrong with content that was read, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"
