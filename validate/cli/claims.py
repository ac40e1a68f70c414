"""What ``twopeaks validate --claims`` does: examine claims, judge them, write table, JSON, CSV, figures and page."""

from __future__ import annotations

import csv
import io
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage import store
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import SCHEMA, standard
from twopeaks.validate.claims import exams
from twopeaks.validate.claims.claim import Judgement, Outcome
from twopeaks.validate.claims.examine import examine as examine_all
from twopeaks.validate.claims.examine import set_aside
from twopeaks.validate.claims.laboratory import Laboratory
from twopeaks.validate.claims.words import counts, measured, summary
from twopeaks.validate.figures.drawing.style import VERDICTS
from twopeaks.validate.figures.of_runs.claims import fig_all_series, fig_series, fig_verdicts
from twopeaks.validate.measured.files import save_figure, write, write_json
from twopeaks.validate.pages.claims import claims_page
from twopeaks.validate.screen.terminal import console, open_ended, print_json

__all__ = ["Request", "examine", "listing"]

#: Fewest seeds that give an interval, and so a verdict.
_FEWEST = 3
#: Colours on a terminal; each verdict has a sign as well.
_STYLES = {"supported": "bold blue", "refuted": "bold red", "undecided": "bold yellow"}
_COLUMNS = (
    "id", "statement", "form", "prediction", "low", "high", "estimate", "interval_low", "interval_high",
    "seeds", "missing", "verdict", "seconds",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which claims are examined, how, and where the findings go.

    Attributes:
        ids: of the claims; none stands for all.
        quick: whether sizes are small.
        seeds: of the networks.
        device, threads: as `twopeaks.sim.network.runtime.resolve` reads them.
        out: folder.
        as_json: whether to print JSON.
    """

    ids: tuple[str, ...]
    quick: bool
    seeds: tuple[int, ...]
    device: str
    threads: int | None
    out: Path
    as_json: bool


def listing(ids: Sequence[str], as_json: bool) -> None:
    """Print what is claimed, and train nothing.

    Raises:
        InputError: if there is no claim of such an id.
    """
    chosen = exams.pick(exams.CLAIMS, ids)
    if as_json:
        print_json([{"id": c.id, "statement": c.statement, "source": c.source} for c in chosen])
        return
    table = Table(title="claims: twopeaks validate --claims ID... examines these, without ids every one")
    for heading in ("claim", "what it says", "source"):
        table.add_column(heading, overflow="fold")
    for claim in chosen:
        table.add_row(*map(Text, (claim.id, claim.statement, claim.source)))
    console().print(table)


def examine(request: Request) -> None:
    """Examine the claims of these ids (all, if none are given), write what was found and print the verdicts.

    Raises:
        InputError: if a claim, the device or a number is unknown or out of range, or the folder cannot be written.
    """
    claims = exams.pick(exams.CLAIMS, request.ids)
    if len(request.seeds) < _FEWEST:
        raise InputError("--seeds", f"{_FEWEST} or more", len(request.seeds), "fewer give no interval and no verdict")
    runtime = resolve(request.device, threads=request.threads)
    store.prepare(request.out)
    _note_set_aside(set_aside(claims, Laboratory(request.seeds, request.quick, runtime), request.out), request.out)
    with open_ended([claim.id for claim in claims]) as stage:
        outcomes = examine_all(claims, request.seeds, request.quick, runtime, request.out, stage)
    data = _write(outcomes, _command(request, runtime), runtime, request.out)
    if request.as_json:
        print_json(data)
    else:
        _show(outcomes, request.out)


def _note_set_aside(ids: Sequence[str], out: Path) -> None:
    if ids:
        sentence = f"findings of {', '.join(ids)} in {out / 'findings'} rest on other code, dtype or device: not read"
        sys.stderr.write(f"note: {sentence}\n")


def _command(request: Request, runtime: Runtime) -> str:
    """What repeats this call on a machine of the same kind."""
    seeds = ["--seeds", str(len(request.seeds)), "--first-seed", str(request.seeds[0])]
    place = ["--device", runtime.device, "--threads", str(runtime.threads), "--out", str(request.out)]
    quick = ["--quick"] * request.quick
    return shlex.join(["twopeaks", "validate", "--claims", *request.ids, *quick, *seeds, *place])


# --- files ---------------------------------------------------------------------------------------------


def _write(outcomes: Sequence[Outcome], command: str, runtime: Runtime, out: Path) -> dict[str, Any]:
    """Every file of this call; returns what is in its JSON."""
    figures = {"verdicts": fig_verdicts(outcomes)[0]}
    drawn = [outcome for outcome in outcomes if outcome.finding.series]
    figures |= {outcome.id: fig_series(outcome)[0] for outcome in drawn}
    page = out / "claims.html"
    facts = {**_conventions(), **runtime.describe(), **store.versions()}
    write(page, claims_page(outcomes, figures, command, facts))
    if drawn:
        figures["series"] = fig_all_series(drawn)[0]
    folder = out / "figures"
    folder.mkdir(exist_ok=True)
    paths = chain.from_iterable(save_figure(figure, folder / name) for name, figure in figures.items())
    data = {
        "schema": SCHEMA,
        "counts": counts(outcomes),
        "claims": [outcome.model_dump() for outcome in outcomes],
        "conventions": _conventions(),
        "runtime": runtime.describe(),
        "versions": store.versions(),
        "command": command,
        "page": str(page),
        "figures": [str(path) for path in paths],
    }
    write_json(out / "claims.json", data)
    write(out / "claims.csv", _csv(outcomes))
    return data


def _conventions() -> dict[str, str]:
    """Of the standard setting; each finding's budget says where it differs."""
    return standard("Z23").conventions


def _csv(outcomes: Sequence[Outcome]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    rows.writerows(_cells(outcome, judged) for outcome in outcomes for judged in outcome.forms)
    return text.getvalue()


def _cells(outcome: Outcome, judged: Judgement) -> tuple[object, ...]:
    estimate = judged.estimate
    claimed = (outcome.id, outcome.statement, judged.name, judged.prediction, judged.low, judged.high)
    estimated = (estimate.value, estimate.low, estimate.high, estimate.seeds, estimate.missing)
    return (*claimed, *estimated, judged.verdict, round(outcome.seconds, 1))


# --- screen --------------------------------------------------------------------------------------------


def _show(outcomes: Sequence[Outcome], out: Path) -> None:
    table = Table(title="claims about trained networks")
    table.add_column("claim", overflow="fold")
    table.add_column("form")
    table.add_column("prediction", overflow="fold")
    table.add_column("measured [95%]")
    table.add_column("verdict", no_wrap=True)
    table.add_column("seconds", justify="right")
    for outcome in outcomes:
        first = (outcome.id, f"{outcome.seconds:,.0f}")
        for judged in outcome.forms:
            name, seconds = first
            words = (name, judged.name, judged.prediction, measured(judged.estimate))
            verdict = Text(f"{VERDICTS[judged.verdict][2]} {judged.verdict}", _STYLES[judged.verdict])
            table.add_row(*map(Text, words), verdict, seconds)
            first = ("", "")
        table.add_section()
    screen = console()
    screen.print(table)
    screen.print(summary(outcomes), soft_wrap=True)
    screen.print(Text(f"page: {out / 'claims.html'}"), soft_wrap=True)
