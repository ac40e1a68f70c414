"""Pages that are made from committed results: the scoreboards, and the verdicts on claims."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _site.pages import ROOT, write
from twopeaks.validate.claims.claim import Judgement
from twopeaks.validate.claims.words import allowed, measured
from twopeaks.validate.figures.drawing.style import VERDICTS
from twopeaks.validate.figures.of_runs.scoreboard import fig_scoreboard
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.scores import words
from twopeaks.validate.scores.board import Board, boards
from twopeaks.validate.scores.columns import PREDICTORS, headings, shown, texts
from twopeaks.validate.scores.predictors import read_predictions

__all__ = ["write_claims", "write_scoreboards"]

RESULTS = ROOT / "results"

#: Folder of results -> what was measured there.
_SCORED = {
    "transitions": "n_c of 26 groups of order 11 to 59",
    "decay-width": "n_c of Z23 over decay and width",
    "decisive": "n_c of Z83 and Z127",
    "times-gd": "Times of gradient descent",
    "times-adam": "Times of Adam and AdamW",
}


def write_scoreboards(target: Path) -> None:
    """Write the page of all scoreboards, and its figures."""
    lines = ["# Scoreboards", "", _SCORES, ""]
    for folder, title in _SCORED.items():
        lines += [f"## {title}", ""]
        for board in _boards(folder):
            lines += _section(board, folder, target)
    write(target / "scoreboards.md", "\n".join(lines))


def _boards(folder: str) -> list[Board]:
    cells = measured_csv(RESULTS / folder / "measured.csv")[0]
    said, _ = read_predictions(RESULTS / folder / "predictions.csv", cells)
    return [board for board in boards(cells, said) if any(s.worst for s in board.standings)]


def _section(board: Board, folder: str, target: Path) -> list[str]:
    picture = target / "img" / f"scores-{folder}-{board.quantity}.png"
    fig_scoreboard(board)[0].savefig(picture, dpi=110)
    columns = shown(PREDICTORS, "site", board)
    names = [heading.replace("|", r"\|") for heading in headings(columns, board)]
    rows = [texts(columns, "site", board, standing) for standing in board.standings]
    alt = f"Predicted over measured {board.quantity}, a row a predictor, a dot a cell"
    told = f"**{board.quantity}.** {_text(words.headline(board))}"
    return [told, "", *_table(names, rows), "", f"![{alt}](img/{picture.name})", ""]


def write_claims(target: Path) -> bool:
    """Write the page of claims, if their verdicts are among the results."""
    path = RESULTS / "claims" / "claims.json"
    if not path.exists():
        return False
    data = json.loads(path.read_text(encoding="utf-8"))
    total = ", ".join(f"{number} {verdict}" for verdict, number in data["counts"]["forms"].items())
    lines = ["# Claims", "", _CLAIMS, "", f"{len(data['claims'])} claims; their forms: {total}. Made by:", ""]
    lines += ["```text", data["command"], "```", ""]
    rows = [(f"[{c['id']}](#{c['id']})", _sign(c["verdict"]), _text(c["statement"])) for c in data["claims"]]
    lines += _table(("claim", "verdict", "statement"), rows)
    for claim in data["claims"]:
        lines += _claim(claim)
    write(target / "claims.md", "\n".join(lines) + "\n")
    return True


def _claim(claim: dict[str, Any]) -> list[str]:
    forms = map(Judgement.model_validate, claim["forms"])
    rows = [
        (_text(f.name), _text(f.prediction), _text(measured(f.estimate)), _text(allowed(f)), _sign(f.verdict))
        for f in forms
    ]
    equations = ", ".join(claim["equations"]) or "no equation"
    finding = claim["finding"]
    told = [
        f"*{_text(claim['statement'])}* Claimed in: {_text(claim['source'])}. Rests on {equations}.",
        f"Measured: {_text(claim['measure'])}. On: {_text(finding['budget'])}; {len(claim['seeds'])} seeds, "
        f"{claim['seconds']:,.0f} s.",
        *([_text(finding["notes"])] if finding["notes"] else []),
    ]
    table = _table(("form", "prediction", "measured (95%)", "allowed", "verdict"), rows)
    return ["", f"## {claim['id']}", "", *(line for text in told for line in (text, "")), *table]


def _sign(verdict: str) -> str:
    return f"{VERDICTS[verdict][2]} {verdict}"  # type: ignore[index]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [headings, ["---"] * len(headings), *rows]
    return ["| " + " | ".join(row) + " |" for row in cells]


def _text(text: str) -> str:
    """Text in which no sign means anything to Markdown."""
    for sign in "\\`*_|[]<>$":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())


_SCORES = (
    "Made from the tables in `results/` when this site was built: predictions that were committed before the "
    "networks were trained, against what these networks did. Median of |predicted/measured − 1| with a 95% bootstrap "
    "over cells; *overlaps*: cells where the predictor's interval overlaps the measured one; *wrong side*: censored "
    "cells that the prediction contradicts. What else the columns mean is said [here](scoreboard.md)."
)
_CLAIMS = (
    "Statements of the paper and of this project, each with ranges that were fixed before the first run, against "
    "trained networks. A form whose 95% interval over seeds lies inside its range is supported, outside it refuted, "
    "otherwise undecided; a claim is refuted if one of its forms is. A verdict holds for the networks that are named "
    "beside it."
)
