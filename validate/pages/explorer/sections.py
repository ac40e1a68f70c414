"""Parts of the page that stay as they are: scoreboard, claims, sources. They need no script to be read."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import chain

from twopeaks.theory.setting import TRANSITIONS
from twopeaks.validate.figures.drawing.style import VERDICTS
from twopeaks.validate.measured.cell import QUANTITIES
from twopeaks.validate.pages import claims as claims_page
from twopeaks.validate.pages import scoreboard as scoreboard_page
from twopeaks.validate.pages.explorer.claims import Examined
from twopeaks.validate.pages.explorer.gather import Content
from twopeaks.validate.pages.explorer.runs import LEAVES
from twopeaks.validate.pages.page import fact_table
from twopeaks.validate.scores import words
from twopeaks.validate.scores.board import Board

__all__ = ["claims_html", "command_html", "lead", "nav", "scoreboard_html", "sources_html", "stages_html"]

_PARTS = {
    "peaks": "Two peaks",
    "curves": "Training curves",
    "scoreboard": "Scoreboard",
    "claims": "Claims",
    "sources": "Sources",
}


def nav() -> str:
    """Links to the parts of the page."""
    return "".join(f'<a href="#{part}">{title}</a>' for part, title in _PARTS.items())


def lead(content: Content) -> str:
    """What came out, for somebody in a hurry."""
    networks = sum(fate.members or 0 for one in content.groups for fate in one.fates)
    told = f"{networks:,} trained networks. " if networks else ""
    for board in content.boards:
        best = board.standings[0] if board.standings else None
        if best is not None and best.own["all"].value is not None:
            error = words.median(best.own["all"], board.kind)
            where = f"{board.quantity} on {words.cells(best.own['all'].cells)}"
            able = sum(standing.own["all"].value is not None for standing in board.standings)
            return f"{told}Of {able} predictors of {where}, {best.predictor} is closest: median error {error}."
    return f"{told}Nothing here was measured that anybody predicts."


def command_html(command: str) -> str:
    """A command with a button that copies it."""
    return f'<div class="command"><code>{escape(command)}</code><button type="button" class="copy">Copy</button></div>'


def stages_html() -> str:
    """How the three stages are read off a record."""
    mem, grok = TRANSITIONS["t_mem"], TRANSITIONS["t_grok"]
    told = {
        "lazy learning": f"until the training accuracy reaches {mem.level} (t_mem): features hardly move, the "
        "output layer fits what it is given",
        "independent features": "from t_mem until the test accuracy leaves its plateau, which is the first record from "
        f"which it stays {LEAVES:.0%} of the way from its value at t_mem to {grok.level}: nodes look for features of "
        "their own",
        "interaction": f"from there to t_grok, the first record with a test accuracy of {grok.level} that holds for "
        f"{grok.hold} steps, and after: nodes leave each other what is still missing",
    }
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in told.items())
    return (
        f"<dl>{terms}</dl><p>These marks are a convention on accuracies, known to a record. The theory's own stages "
        "are about the backpropagated gradient G<sub>F</sub>; its norm is drawn as well where it was recorded "
        "(<code>probes = [&quot;gradient&quot;]</code>). A stage that was not reached is not marked: the record ended "
        "first, which is not “never”.</p>"
    )


# --- scoreboard ----------------------------------------------------------------------------------------


def scoreboard_html(content: Content) -> str:
    """Standings of every quantity, and every prediction cell by cell: the tables of ``twopeaks validate``."""
    if not content.boards:
        return "<p>Nothing here was measured that anybody predicts.</p>"
    boards = "".join(_board(board, content.provenance) for board in content.boards)
    rule = f'<p class="small">{escape(scoreboard_page.RULE)}</p>'
    return f"{boards}<details><summary>What the columns mean</summary>{rule}</details>"


def _board(board: Board, provenance: Mapping[str, object]) -> str:
    title = f"<h3>{escape(board.quantity)}, in {escape(QUANTITIES[board.quantity])}</h3>"
    verdict = f'<p class="verdict">{escape(words.headline(board))}</p>'
    tables = ""
    if board.standings:
        restricted = f'<p class="small">{escape(words.restricted(board))}</p>'
        cells = scoreboard_page.all_cells(board).replace("<details open>", "<details>")
        tables = f"{scoreboard_page.standings_table(board)}{restricted}{cells}"
    return f"{title}{verdict}{tables}{command_html(_validate(board, provenance))}"


def _validate(board: Board, provenance: Mapping[str, object]) -> str:
    sources, predictions = provenance["sources"], provenance["predictions"]
    given = [str(path) for path in sources] if isinstance(sources, list) else []
    more = ["--predictions", str(predictions)] if predictions else []
    return shlex.join(["twopeaks", "validate", *given, "--quantity", board.quantity, *more])


# --- claims --------------------------------------------------------------------------------------------


def claims_html(claims: Sequence[Examined]) -> str:
    """Every claim with its forms; how to have them where there are none."""
    if not claims:
        made = command_html("twopeaks validate --claims --out twopeaks-claims")
        added = "<p>and give its file to the report with <code>--claims twopeaks-claims/claims.json</code>.</p>"
        how = "Examine them (an hour; <code>--quick</code>: minutes) with"
        return f"<p>No claims were given to this page. {how}</p>{made}{added}"
    counted = {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in VERDICTS}
    tiles = "".join(
        f'<li class="{verdict}"><b>{VERDICTS[verdict][2]} {number}</b> <span>{verdict}</span></li>'
        for verdict, number in counted.items()
    )
    rule = f"<details><summary>How a verdict is passed</summary><p>{escape(claims_page.RULE)}</p></details>"
    return f'<ul class="counts">{tiles}</ul>{rule}{"".join(map(_claim, claims))}'


def _claim(claim: Examined) -> str:
    facts = {
        "claimed in": claim.source,
        "rests on equations": ", ".join(claim.equations),
        "measured": claim.measure,
        "on": f"{claim.budget}; seeds {claim.seeds[0]} to {claim.seeds[-1]}",
        "note": claim.notes,
        "took": f"{claim.seconds:,.1f} s",
    }
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items() if text)
    summary = f"{claims_page.badge(claim.verdict)} <strong>{escape(claim.id)}</strong> {escape(claim.statement)}"
    forms = "".join(map(claims_page.form_block, claim.judgements))
    body = f"{forms}<dl>{listed}</dl>{command_html(claim.command)}"
    return f'<details class="claim"><summary>{summary}</summary>{body}</details>'


# --- sources -------------------------------------------------------------------------------------------


def sources_html(content: Content) -> str:
    """The command that makes this page again, files with their digests, versions, notes, conventions of each group."""
    told = content.provenance
    digests, versions = (_items(told[name]) for name in ("sha256", "versions"))
    facts = {**{f"SHA-256 of {path}": text for path, text in digests}, **dict(versions)}
    sources = told["sources"] if isinstance(told["sources"], list) else []
    facts = {"measured": ", ".join(map(str, sources)), "predictions written before": told["predictions"], **facts}
    notes = "".join(f"<li>{escape(str(note))}</li>" for note in told["notes"])
    return f"""<p>This page, again:</p>{command_html(str(told["command"]))}
{fact_table({name: text for name, text in facts.items() if text})}
{f"<h3>Notes</h3><ul>{notes}</ul>" if notes else ""}
<h3>Words</h3>
{_words()}
<h3>Conventions</h3>
{_conventions(content)}"""


def _words() -> str:
    told = {
        "n_c": "number of training pairs at which half of the seeds grok within the budget, by a logistic fit over "
        "sizes with a bootstrap interval (95%)",
        "grokked": "test accuracy reached 0.95 within the budget and held; one that diverged did not",
        "t_mem, t_grok": "median over seeds of the step, known to a record; a network that did not get there counts as "
        "later than all others",
        "rate": "networks that grokked of those trained, with Jeffreys' 95% interval",
        "cost": "squared norm of all weights that a way of fitting n pairs takes, and what decay leaves of its loss",
        "equations": "labels such as heights.5 are shown, proved and checked by twopeaks derive LABEL --verify",
        "intervals of predictions": "are the predictor's own; its note says what they are",
    }
    return f"<dl>{''.join(f'<dt>{escape(k)}</dt><dd>{escape(v)}</dd>' for k, v in told.items())}</dl>"


def _conventions(content: Content) -> str:
    """One table for all groups that share them."""
    by: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for one in content.groups:
        by.setdefault(tuple(one.conventions.items()), []).append(one.name)
    parts = ((f"<p>{escape(', '.join(names))}</p>", fact_table(dict(found))) for found, names in by.items())
    return "".join(chain.from_iterable(parts))


def _items(value: object) -> Iterable[tuple[str, str]]:
    return [(str(k), str(v)) for k, v in value.items()] if isinstance(value, Mapping) else []
