"""The command ``twopeaks derive``: list, show, verify the equations. Needs no torch."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from twopeaks.theory.equations import Equation, Verdict, equation, labels, verify
from twopeaks.theory.equations.core.equation import printed_name
from twopeaks.theory.equations.render import as_data, latex_document, markdown, plain
from twopeaks.theory.errors import InputError
from twopeaks.validate.cli.options import Json

__all__ = ["Form", "Request", "derive"]

#: In which form equations are printed.
Form = Literal["text", "latex", "markdown", "json"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which equations, in which form, and whether they are checked."""

    labels: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LABEL]...", help="labels such as heights.2 (default: list them)", show_default=False),
    ] = None
    every: Annotated[bool, typer.Option("--all", help="every equation")] = False
    verify: Annotated[bool, typer.Option("--verify", help="prove and check each; exit code 1 if one fails")] = False
    latex: Annotated[bool, typer.Option("--latex", help="print a LaTeX document")] = False
    markdown: Annotated[bool, typer.Option("--markdown", help="print a page in Markdown")] = False
    as_json: Json = False


def derive(request: Request) -> int:
    """Print the equations of these labels; returns 1 if one was verified and failed.

    Raises:
        InputError: if options do not go together, or a label is unknown.
    """
    form = _form(request)
    if request.labels and request.every:
        raise InputError("LABEL", "left out with --all", " ".join(request.labels), "give labels or --all, not both")
    start = time.perf_counter()
    all_of_them = request.every or request.verify or form != "text"
    equations = [equation(label) for label in dict.fromkeys(request.labels or (labels() if all_of_them else ()))]
    if not equations:
        _list()
        return 0
    verdicts = [verify(e) for e in equations] if request.verify else []
    _show(equations, verdicts, form)
    if form == "text" and verdicts:
        _verdicts(equations, verdicts, time.perf_counter() - start)
    return int(any(not v.passed for v in verdicts))


def _form(request: Request) -> Form:
    """The form of output that is given; text if none is."""
    flags: dict[Form, bool] = {"latex": request.latex, "markdown": request.markdown, "json": request.as_json}
    forms = [form for form, is_set in flags.items() if is_set]
    if len(forms) > 1:
        raise InputError("--" + forms[1], f"left out with --{forms[0]}", "given", "give one form of output")
    return forms[0] if forms else "text"


def _list() -> None:
    table = Table(title="equations: twopeaks derive LABEL shows one, --all --verify checks every one")
    table.add_column("label")
    table.add_column("what it says", overflow="fold")
    table.add_column("standing")
    for label in labels():
        listed = equation(label)
        table.add_row(label, listed.title, printed_name(listed))
    _console().print(table)


def _show(equations: Sequence[Equation], verdicts: Sequence[Verdict], form: Form) -> None:
    outcome = dict(zip((e.label for e in equations), verdicts, strict=False))
    if form == "json":
        sys.stdout.write(json.dumps([as_data(e, outcome.get(e.label)) for e in equations], indent=2) + "\n")
    elif form == "latex":
        sys.stdout.write(latex_document(equations))
    elif form == "markdown":
        sys.stdout.write(markdown(equations))
    elif not verdicts:
        sys.stdout.write("\n\n".join(plain(e) for e in equations) + "\n")


def _verdicts(equations: Sequence[Equation], verdicts: Sequence[Verdict], seconds: float) -> None:
    table = Table(title="verification: by computer algebra, and at random points against an independent computation")
    for heading in ("label", "what it says", "verdict", "symbolic"):
        table.add_column(heading, overflow="fold")
    table.add_column("residual", justify="right")
    table.add_column("printed form", justify="right")
    for e, v in zip(equations, verdicts, strict=True):
        verdict = "[green]verified[/]" if v.passed else f"[red]FAILED: {v.failure}[/]"
        if v.check is None:
            table.add_row(e.label, e.title, verdict, "", "", "")
            continue
        printed = "" if v.check.printed is None else f"off by {v.check.printed:.2g}"
        symbolic = "proved" if v.check.symbolic else "no"
        table.add_row(e.label, e.title, verdict, symbolic, f"{v.check.residual:.0e}", printed)
    console = _console()
    console.print(table)
    passed = sum(v.passed for v in verdicts)
    refuted = sum(e.printed is not None and v.passed for e, v in zip(equations, verdicts, strict=True))
    console.print(f"{passed} of {len(verdicts)} verified, {refuted} printed forms refuted, {seconds:.0f} s")


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 140)
