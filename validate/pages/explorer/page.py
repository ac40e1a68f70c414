"""The explorer as one HTML file, with its style, its scripts and its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from twopeaks.theory.setting import TRANSITIONS
from twopeaks.validate.claims.words import VERDICTS
from twopeaks.validate.pages.explorer.commands import scored_line
from twopeaks.validate.pages.explorer.data import Shown
from twopeaks.validate.pages.explorer.gather import Content
from twopeaks.validate.pages.explorer.runs import LEAVES
from twopeaks.validate.pages.page import render
from twopeaks.validate.pages.scoreboard import board_text, meanings
from twopeaks.validate.scores import words

__all__ = ["page"]


def page(content: Content, title: str | None) -> str:
    """The whole page.

    Args:
        content: what is on it.
        title: of the page; None makes one.
    """
    from plotly.offline import get_plotlyjs

    provenance, groups = content.provenance, content.groups
    sources, predictions = [*map(str, provenance["sources"])], str(provenance["predictions"] or "")
    subject = groups[0].name if len(groups) == 1 else f"{len(groups)} groups"
    return render(
        "explorer.html",
        title=title or f"Two peaks: {subject}",
        lead=_lead(content),
        t_mem=TRANSITIONS["t_mem"],
        t_grok=TRANSITIONS["t_grok"],
        leaves=f"{LEAVES:.0%}",
        boards=[board_text(board) for board in content.boards],
        board_commands={board.quantity: scored_line(sources, board.quantity, predictions) for board in content.boards},
        meanings=meanings(),
        claims=content.claims,
        verdict_counts={
            verdict: sum(claim.outcome.verdict == verdict for claim in content.claims) for verdict in VERDICTS
        },
        command=provenance["command"],
        facts=_facts(provenance),
        notes=provenance["notes"],
        conventions_of=_conventions(content),
        groups=[_data(group) for group in groups],
        plotly=get_plotlyjs(),
    )


def _lead(content: Content) -> str:
    """The result in one sentence."""
    networks = sum(fate.members or 0 for group in content.groups for fate in group.fates)
    trained = f"{networks:,} trained networks. " if networks else ""
    for board in content.boards:
        best = board.standings[0] if board.standings else None
        if best is not None and best.own["all"].value is not None:
            error = words.median(best.own["all"], board.kind)
            where = f"{board.quantity} on {words.cells(best.own['all'].cells)}"
            able = sum(standing.own["all"].value is not None for standing in board.standings)
            return f"{trained}Of {able} predictors of {where}, {best.predictor} is closest: median error {error}."
    return f"{trained}No quantity that was measured here has a prediction."


def _facts(provenance: Mapping[str, Any]) -> dict[str, object]:
    """Files with their digests, and versions; what is empty is left out."""
    facts = {
        "measured": ", ".join(map(str, provenance["sources"])),
        "predictions written before": provenance["predictions"],
        **{f"SHA-256 of {path}": digest for path, digest in provenance["sha256"].items()},
        **provenance["versions"],
    }
    return {name: value for name, value in facts.items() if value}


def _conventions(content: Content) -> list[tuple[str, dict[str, str]]]:
    """Names of groups that share their conventions, and these."""
    names: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for group in content.groups:
        names.setdefault(tuple(group.conventions.items()), []).append(group.name)
    return [(", ".join(sharing), dict(conventions)) for conventions, sharing in names.items()]


def _data(group: Shown) -> dict[str, object]:
    """A group for the scripts: its conventions stand in the page already."""
    return {name: value for name, value in asdict(group).items() if name != "conventions"}
