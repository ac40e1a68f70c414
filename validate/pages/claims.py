"""The page of claims: every verdict, what it rests on, and how to get it again. One self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from twopeaks.validate.claims.claim import Judgement, Outcome, Verdict
from twopeaks.validate.claims.words import VERDICTS, allowed, counts, measured, summary
from twopeaks.validate.pages.page import png, render

__all__ = ["ClaimText", "FormText", "claim_text", "claims_page"]


@dataclass(frozen=True)
class FormText:
    """One form of a claim in words.

    Attributes:
        verdict: on this form.
        name, prediction, quantity: of the form.
        measured, allowed: estimate and range, in words.
        seeds, missing: networks, and those of them that gave no number.
    """

    verdict: Verdict
    name: str
    prediction: str
    quantity: str
    measured: str
    allowed: str
    seeds: int
    missing: int


@dataclass(frozen=True)
class ClaimText:
    """One claim in words.

    Attributes:
        id, statement: of the claim.
        verdict: over all its forms.
        forms: of the claim.
        facts: source, equations, budget and the like; none is empty.
        seconds: it took.
    """

    id: str
    statement: str
    verdict: Verdict
    forms: tuple[FormText, ...]
    facts: Mapping[str, str]
    seconds: str


def claims_page(
    outcomes: Sequence[Outcome], figures: Mapping[str, Figure], command: str, facts: Mapping[str, object]
) -> str:
    """The page.

    Args:
        outcomes: every claim that was examined.
        figures: ``verdicts``, and one by id for each claim that has curves.
        command: what reproduces this page.
        facts: conventions, machine and versions, shown at the end.
    """
    return render(
        "claims.html",
        title="Claims about grokking, tested on trained networks",
        summary=summary(outcomes),
        counts=counts(outcomes)["forms"],
        listed={verdict: _listed(outcomes, verdict) for verdict in VERDICTS},
        claims=[claim_text(outcome) for outcome in outcomes],
        figures={name: png(figure) for name, figure in figures.items()},
        command=command,
        facts=facts,
    )


def _form_text(form: Judgement) -> FormText:
    estimate = form.estimate
    text = (form.name, form.prediction, form.quantity, measured(estimate), allowed(form))
    return FormText(form.verdict, *text, estimate.seeds, estimate.missing)


def _listed(outcomes: Sequence[Outcome], verdict: Verdict) -> dict[str, str]:
    """All forms with this verdict, by the id of their claim."""
    forms = {
        outcome.id: [f"{form.prediction} ({form.name})" for form in outcome.forms if form.verdict == verdict]
        for outcome in outcomes
    }
    return {claim: "; ".join(texts) for claim, texts in forms.items() if texts}


def claim_text(outcome: Outcome) -> ClaimText:
    """An outcome in words."""
    finding, seeds = outcome.finding, outcome.seeds
    facts = {
        "claimed in": outcome.source,
        "rests on equations": ", ".join(outcome.equations) or "none",
        "measured": outcome.measure,
        "on": f"{finding.budget}; seeds {seeds[0]} to {seeds[-1]}",
        "note": finding.notes,
        "took": f"{outcome.seconds:,.1f} s{_machine(outcome)}",
    }
    return ClaimText(
        outcome.id,
        outcome.statement,
        outcome.verdict,
        tuple(map(_form_text, outcome.forms)),
        {name: text for name, text in facts.items() if text},
        f"{outcome.seconds:,.0f}",
    )


def _machine(outcome: Outcome) -> str:
    known = [f"{key} {outcome.runtime[key]}" for key in ("device", "dtype", "threads") if key in outcome.runtime]
    return f" ({', '.join(known)})" if known else ""
