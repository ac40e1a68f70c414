"""The page of claims: every verdict, what it rests on, and how to get it again. One self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from matplotlib.figure import Figure

from twopeaks.validate.claims.claim import Judgement, Verdict
from twopeaks.validate.claims.examine import Outcome, overall
from twopeaks.validate.claims.words import allowed, counts, measured, summary
from twopeaks.validate.figures.drawing.style import VERDICTS
from twopeaks.validate.pages.page import document, fact_table, figure_tag

__all__ = ["RULE", "badge", "claims_page", "form_block"]

_CSS = (
    """
.counts { display: grid; grid-template-columns: repeat(3, 1fr); gap: .6rem; margin: 1rem 0; }
.counts a { border: 2px solid; border-left-width: 8px; border-radius: 6px; padding: .3rem .7rem; }
.counts a { text-decoration: none; } .counts a span { color: CanvasText; }
.counts b { display: block; font-size: 1.7rem; line-height: 1.2; }
.verdicts { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 1rem; }
.verdicts section { border-top: 4px solid; padding-top: .2rem; } .verdicts h2 { margin: .2rem 0; }
.verdicts h2 { color: CanvasText; } .verdicts ul { padding-left: 1.1rem; margin: .3rem 0; font-size: .92rem; }
.verdicts li, .verdicts p { color: CanvasText; }
.badge { display: inline-block; border: 2px solid; border-radius: 5px; padding: 0 .45rem; font-weight: 600;
  white-space: nowrap; }
.badge span { color: CanvasText; } .wide figure { min-width: 46rem; }
.wide figcaption { position: sticky; left: 0; max-width: min(46rem, calc(100vw - 2rem)); }
@media (max-width: 36rem) {
  .claims thead { display: none; } .claims tr { display: block; border-bottom: 1px solid var(--line); }
  .claims td { display: inline-block; border: none; } .claims td.statement { display: block; padding-bottom: 0; }
  .claims td.n::after { content: " s"; }
}
.claim { border-top: 1px solid var(--line); margin-top: 2.2rem; } .claim h2 { margin: .8rem 0 .2rem; }
.form { border-left: 5px solid; padding: .1rem 0 .1rem .8rem; margin: .8rem 0; } .form p { margin: .15rem 0; }
.form p, .form small { color: CanvasText; } dl { margin: .6rem 0; } dt { font-weight: 600; } dd { margin: 0 0 .4rem; }
p, dd, li, code { overflow-wrap: anywhere; }
"""
    + "\n".join(
        f".{verdict} {{ border-color: {colour}; color: {colour}; }}" for verdict, (colour, _, _) in VERDICTS.items()
    )
    + "\n"
)

#: How a verdict is passed.
RULE = (
    "Each claim says, in one or more forms, in which range a number measured on trained networks must lie; the ranges "
    "stand in the program, whatever comes out. The verdict follows from the 95% interval of that number over seeds and "
    "from nothing else: inside the range the form is supported, outside it is refuted, otherwise it is undecided. A "
    "claim is supported if all its forms are, and refuted if one of them is: where the printed form is refuted and the "
    "corrected one supported, the claim counts as refuted, and its forms tell the rest."
)
_SCALE = (
    "One row a form. Bar: the range it allows; line: 95% interval. Each row has its own scale, on which the bounds are "
    "in fixed places. Beyond a range distances are squeezed, so that every row fits; a range open on one side is "
    "scaled by the end of the interval farthest from its bound. The numbers stand beside it."
)


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
    verdicts = figure_tag(figures["verdicts"], _SCALE, "Range and measured interval of every form of every claim")
    body = f"""<p class="verdict">{escape(summary(outcomes))}</p>
<div class="counts">{"".join(_tile(*found) for found in counts(outcomes)["forms"].items())}</div>
<p>{escape(RULE)}</p>
<div class="verdicts">{"".join(_listed(outcomes, verdict) for verdict in VERDICTS)}</div>
<div class="scroll wide">{verdicts}</div>
<h2>Claims</h2>
<div class="scroll"><table class="claims"><thead><tr><th>claim</th><th>verdict</th><th>statement</th>
<th class="n">seconds</th></tr></thead><tbody>{"".join(map(_row, outcomes))}</tbody></table></div>
{"".join(_claim(outcome, figures.get(outcome.claim.id)) for outcome in outcomes)}
<h2 class="claim">Conventions and how to repeat this</h2>
<p><code>{escape(command)}</code></p>
{fact_table(facts)}
"""
    return document("Claims about grokking, tested on trained networks", body, _CSS)


def _tile(verdict: Verdict, number: int) -> str:
    forms = f"form{'' if number == 1 else 's'}"
    return (
        f'<a class="{verdict}" href="#{verdict}"><b>{VERDICTS[verdict][2]} {number}</b>'
        f"<span>{forms} {verdict}</span></a>"
    )


def _listed(outcomes: Sequence[Outcome], verdict: str) -> str:
    """All forms with this verdict, linked to their claims."""
    items = []
    for o in outcomes:
        told = [f"{j.form.prediction} ({j.form.name})" for j in o.judgements if j.verdict == verdict]
        if told:
            items.append(
                f'<li><a href="#{escape(o.claim.id)}">{escape(o.claim.id)}</a>: {escape("; ".join(told))}</li>'
            )
    heading = f'<h2><span class="{verdict}">{VERDICTS[verdict][2]}</span> {verdict}</h2>'
    listed = f"<ul>{''.join(items)}</ul>" if items else "<p>none</p>"
    return f'<section class="{verdict}" id="{verdict}">{heading}{listed}</section>'


def badge(verdict: Verdict) -> str:
    """A verdict with its sign."""
    return f'<span class="badge {verdict}">{VERDICTS[verdict][2]} <span>{verdict}</span></span>'


def _row(outcome: Outcome) -> str:
    claim = outcome.claim
    name = f'<a href="#{escape(claim.id)}">{escape(claim.id)}</a>'
    cells = f'<td>{name}</td><td>{badge(overall(outcome))}</td><td class="statement">{escape(claim.statement)}</td>'
    return f'<tr>{cells}<td class="n">{outcome.seconds:,.0f}</td></tr>'


def _claim(outcome: Outcome, figure: Figure | None) -> str:
    claim, finding = outcome.claim, outcome.finding
    told = {
        "claimed in": claim.source,
        "rests on equations": ", ".join(claim.equations) or "none",
        "measured": claim.measure,
        "on": f"{finding.budget}; {_seeds(outcome.seeds)}",
        "note": finding.notes,
        "took": f"{outcome.seconds:,.1f} s{_where(outcome)}",
    }
    facts = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in told.items() if value)
    drawn = ""
    if figure is not None:
        caption = "Solid: mean over networks, with the spread as a band. Dashed: predicted, or a mean without spread."
        drawn = figure_tag(figure, caption, f"Curves of the claim {claim.id}")
    return f"""<section class="claim" id="{escape(claim.id)}"><h2>{escape(claim.id)} {badge(overall(outcome))}</h2>
<p><strong>{escape(claim.statement)}</strong></p>
{"".join(map(form_block, outcome.judgements))}
{drawn}<dl class="small">{facts}</dl></section>
"""


def form_block(judged: Judgement) -> str:
    """One form: what it says, what was measured, what is allowed."""
    form, found = judged.form, judged.estimate
    values = f"n = {found.seeds}, {found.missing} missing"
    return f"""<div class="form {judged.verdict}"><p>{badge(judged.verdict)} <strong>{escape(form.name)}</strong>:
{escape(form.prediction)}</p>
<p>measured {escape(measured(found))} <small>(95%; {values})</small>; allowed {escape(allowed(form))}
<small>({escape(form.quantity)})</small></p></div>
"""


def _seeds(seeds: Sequence[int]) -> str:
    return f"seeds {seeds[0]} to {seeds[-1]}"


def _where(outcome: Outcome) -> str:
    known = [f"{key} {outcome.runtime[key]}" for key in ("device", "dtype", "threads") if key in outcome.runtime]
    return f" ({', '.join(known)})" if known else ""
