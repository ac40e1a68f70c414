"""Claims about trained networks, each with a threshold fixed beforehand, and the rule that judges them.

A claim has one or more forms (as printed, as corrected, as derived here). A form says in which range a number measured
on trained networks must lie. The verdict follows from the 95% interval of that number over seeds and from nothing else:
inside the range supported, outside it refuted, otherwise undecided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.stats import t as student

from twopeaks.validate.measured.statistics import rate_interval

if TYPE_CHECKING:  # it trains, and judging needs no torch
    from twopeaks.validate.claims.laboratory import Laboratory

__all__ = [
    "Claim",
    "Estimate",
    "Finding",
    "Form",
    "Judgement",
    "Kind",
    "Sample",
    "Series",
    "Verdict",
    "as_finding",
    "estimate",
    "judge",
]

#: What an interval says of a range: inside, outside, or neither.
Verdict = Literal["supported", "refuted", "undecided"]
#: A number a seed, or whether something happened.
Kind = Literal["mean", "rate"]

#: Largest share of seeds that may be without a value (diverged, not reached, tied) for an estimate to be made.
_MISSING = 0.2
#: Fewest values that get an interval.
_FEWEST = 3


@dataclass(frozen=True)
class Sample:
    """One number per seed.

    Attributes:
        values: a number each, or 0 and 1 for a rate; None where a seed gave none.
        kind: ``mean`` (Student's interval) or ``rate`` (Jeffreys' interval).
        resolution: what the measurement cannot tell apart, however many seeds agree: a mean's interval is wider by
            this on both sides.
    """

    values: tuple[float | None, ...]
    kind: Kind = "mean"
    resolution: float = 0.0


@dataclass(frozen=True)
class Series:
    """A curve to draw: measured (mean over seeds, with its spread) or predicted.

    Attributes:
        name: shown in the legend.
        x, y: points.
        low, high: spread of measured values; empty for predictions.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True)
class Finding:
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


@dataclass(frozen=True)
class Form:
    """One reading of a claim: it holds if the quantity lies in [low, high].

    Attributes:
        name: ``printed``, ``corrected``, ``derived here`` or ``claimed``.
        prediction: in words, with the number.
        quantity: of the finding's samples.
        low, high: the range, fixed before any run; None is no bound.
    """

    name: str
    prediction: str
    quantity: str
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Claim:
    """A statement about trained networks.

    Attributes:
        id: short name, as the command takes it.
        statement: in words.
        source: where it is made.
        equations: labels it rests on.
        measure: how it is measured, in words.
        forms: what must come out for it to hold.
        examine: trains the networks and returns the finding.
    """

    id: str
    statement: str
    source: str
    equations: tuple[str, ...]
    measure: str
    forms: tuple[Form, ...]
    examine: Callable[[Laboratory], Finding] = field(repr=False)


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval; all None where there are too few values."""

    value: float | None
    low: float | None
    high: float | None
    seeds: int
    missing: int


@dataclass(frozen=True)
class Judgement:
    """One form of a claim, judged."""

    form: Form
    estimate: Estimate
    verdict: Verdict


def estimate(sample: Sample) -> Estimate:
    """Mean with Student's 95% interval and the resolution, or rate with Jeffreys', over seeds that gave a value.

    Nothing is estimated from fewer than three values, or if more than a fifth of the seeds gave none.
    """
    found = np.array([v for v in sample.values if v is not None and np.isfinite(v)])
    count, missing = len(sample.values), len(sample.values) - len(found)
    if len(found) < _FEWEST or missing > _MISSING * count:
        return Estimate(None, None, None, count, missing)
    mean = float(found.mean())
    if sample.kind == "rate":
        return Estimate(mean, *rate_interval(round(found.sum()), len(found)), count, missing)
    half = float(student.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found))) + sample.resolution
    return Estimate(mean, mean - half, mean + half, count, missing)


def judge(claim: Claim, finding: Finding) -> tuple[Judgement, ...]:
    """Every form of the claim against what was measured."""
    judged = []
    for form in claim.forms:
        found = estimate(finding.samples[form.quantity])
        judged.append(Judgement(form, found, _verdict(form, found)))
    return tuple(judged)


def _verdict(form: Form, found: Estimate) -> Verdict:
    if found.low is None or found.high is None:
        return "undecided"
    low = -np.inf if form.low is None else form.low
    high = np.inf if form.high is None else form.high
    if low <= found.low and found.high <= high:
        return "supported"
    if found.high < low or found.low > high:
        return "refuted"
    return "undecided"


def as_finding(data: dict[str, Any]) -> Finding:
    """The finding of `dataclasses.asdict`, read back from JSON, where null stands for a number that is missing."""
    return Finding(
        samples={
            name: Sample(tuple(s["values"]), s["kind"], s.get("resolution", 0.0)) for name, s in data["samples"].items()
        },
        budget=data["budget"],
        settings=tuple(data["settings"]),
        series=tuple(_series(s) for s in data["series"]),
        axes=(data["axes"][0], data["axes"][1]),
        notes=data["notes"],
    )


def _series(data: dict[str, Any]) -> Series:
    points = {name: tuple(np.nan if v is None else v for v in data[name]) for name in ("x", "y", "low", "high")}
    return Series(data["name"], **points)
