"""The page of claims: every verdict, what it rests on, and how to get it again. One self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from twopeaks.validate.claims.claim import Outcome, Verdict
from twopeaks.validate.claims.words import VERDICTS, counts, summary
from twopeaks.validate.pages.page import png, render

__all__ = ["claim_facts", "claims_page"]


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
        claims=[(outcome, claim_facts(outcome)) for outcome in outcomes],
        figures={name: png(figure) for name, figure in figures.items()},
        command=command,
        facts=facts,
    )


def _listed(outcomes: Sequence[Outcome], verdict: Verdict) -> dict[str, str]:
    """All forms with this verdict, by the id of their claim."""
    forms = {
        outcome.id: [f"{form.prediction} ({form.name})" for form in outcome.forms if form.verdict == verdict]
        for outcome in outcomes
    }
    return {claim: "; ".join(texts) for claim, texts in forms.items() if texts}


def claim_facts(outcome: Outcome) -> dict[str, str]:
    """What a claim rests on, and on what it was measured, in words; none is empty."""
    finding, seeds = outcome.finding, outcome.seeds
    facts = {
        "claimed in": outcome.source,
        "rests on equations": ", ".join(outcome.equations) or "none",
        "measured": outcome.measure,
        "on": f"{finding.budget}; seeds {seeds[0]} to {seeds[-1]}",
        "note": finding.notes,
        "took": f"{outcome.seconds:,.1f} s{_machine(outcome)}",
    }
    return {name: text for name, text in facts.items() if text}


def _machine(outcome: Outcome) -> str:
    known = [f"{key} {outcome.runtime[key]}" for key in ("device", "dtype", "threads") if key in outcome.runtime]
    return f" ({', '.join(known)})" if known else ""
