"""The command ``twopeaks report``: one self-contained page of a store, on which the amount of data can be dragged."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import SCHEMA
from twopeaks.validate.cli.options import Json, Store, repeated
from twopeaks.validate.pages.explorer.gather import Content, gather
from twopeaks.validate.scores import asking
from twopeaks.validate.screen.terminal import Interrupted, console, print_json, stages

__all__ = ["Request", "report"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the page shows, and where it goes."""

    stores: Annotated[
        list[Path],
        typer.Argument(
            metavar="STORE", help="a sweep's SPEC.toml or folder, a demo's folder, or a CSV of cells; or several"
        ),
    ]
    predictions: Annotated[
        Path | None, typer.Option(help="show these, a CSV or JSON of predictions written before the measurement")
    ] = None
    claims: Annotated[
        Path | None, typer.Option(help="claims.json of twopeaks validate --claims --out DIR; shown with their verdicts")
    ] = None
    predictor: Annotated[
        list[str] | None, typer.Option(help="show this predictor; may be repeated", show_default="all")
    ] = None
    quantity: Annotated[
        list[str] | None,
        typer.Option(help="score n_c, t_mem, t_grok or test_accuracy; may be repeated", show_default="n_c"),
    ] = None
    store: Store = None
    title: Annotated[str | None, typer.Option(help="title of the page")] = None
    out: Annotated[Path, typer.Option(help="the page, one HTML file")] = Path("twopeaks-report.html")
    as_json: Json = False

    @property
    def asked(self) -> asking.Request:
        """What is scored on the page."""
        return asking.Request(
            sources=tuple(self.stores),
            predictions=self.predictions,
            predictors=tuple(self.predictor or ()),
            quantities=tuple(self.quantity or ()),
            store=self.store,
            command=repeated(),
        )


def report(request: Request) -> None:
    """Write the page and say where it is.

    Raises:
        InputError: if plotly is missing, a source cannot be used, or the file cannot be written.
    """
    if find_spec("plotly") is None:
        raise InputError("plotly", "installed for this command", "none", "pip install 'twopeaks[explore]'")
    _check(request.out)
    from twopeaks.validate.measured.files import write
    from twopeaks.validate.pages.explorer.page import page

    try:
        with stages() as stage:
            content = gather(request.asked, request.claims, stage)
        text = page(content, request.title)
        write(request.out, text)
    except KeyboardInterrupt as stop:
        raise Interrupted("no page was written") from stop
    except OSError as error:
        raise _unwritable(request.out, error) from error
    _print(request, content, len(text.encode()))


def _check(out: Path) -> None:
    """See that the page has a place before anything is computed."""
    if out.suffix not in (".html", ".htm"):
        raise InputError("--out", "a file .html", str(out), "give it this ending")
    if out.is_dir():
        raise InputError("--out", "a file", f"{out} (a folder)", "give another name")
    if not out.parent.is_dir():
        remedy = "make the folder first"
        raise InputError("--out", "a file in a folder that is there", f"{out} (no folder for it)", remedy)
    try:
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise _unwritable(out, error) from error


def _unwritable(out: Path, error: OSError) -> InputError:
    return InputError("--out", "a file that can be written", str(out), str(error.strerror))


def _print(request: Request, content: Content, size: int) -> None:
    notes = list(content.provenance["notes"])
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
    if not request.as_json:
        console().print(Text(f"page: {request.out} ({size / 1e6:.1f} MB, {_counted(content)})"), soft_wrap=True)
        return
    print_json(_summary(request, content, size, notes))


def _summary(request: Request, content: Content, size: int, notes: list[str]) -> dict[str, Any]:
    groups = [
        {
            "group": group.name,
            "measured": None if group.measured is None else group.measured.value,
            "crossing": group.mountains[0].crossing.value if group.mountains else None,
            "sizes": [fate.samples for fate in group.fates],
            "curves": len(group.curves),
        }
        for group in content.groups
    ]
    return {
        "schema": SCHEMA,
        "page": str(request.out),
        "bytes": size,
        "groups": groups,
        "quantities": [board.quantity for board in content.boards],
        "claims": len(content.claims),
        "command": request.asked.command,
        "notes": notes,
    }


def _counted(content: Content) -> str:
    groups, curves = len(content.groups), sum(len(group.curves) for group in content.groups)
    return f"{groups} group{'s' * (groups != 1)}, {curves} training curves, {len(content.claims)} claims"
