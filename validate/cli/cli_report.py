"""The command ``twopeaks report``, as `twopeaks.validate.cli.app` offers it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from twopeaks.validate.cli.common_options import Json

__all__ = ["explore"]


def explore(
    stores: Annotated[
        list[Path],
        typer.Argument(
            metavar="STORE", help="a sweep's SPEC.toml or folder, a demo's folder, or a CSV of cells; or several"
        ),
    ],
    predictions: Annotated[
        Path | None, typer.Option(help="CSV or JSON of predictions written before the measurement; these are shown")
    ] = None,
    claims: Annotated[
        Path | None, typer.Option(help="claims.json of twopeaks validate --claims --out DIR; shown with their verdicts")
    ] = None,
    predictor: Annotated[
        list[str] | None, typer.Option(help="show this predictor; may be repeated (default: all)")
    ] = None,
    quantity: Annotated[
        list[str] | None,
        typer.Option(help="score n_c, t_mem, t_grok or test_accuracy; may be repeated (default: n_c)"),
    ] = None,
    store: Annotated[Path | None, typer.Option(help="folder of SPEC's sweep (default: as sweep has it)")] = None,
    title: Annotated[str | None, typer.Option(help="title of the page")] = None,
    out: Annotated[Path, typer.Option(help="the page, one HTML file")] = Path("twopeaks-report.html"),
    as_json: Json = False,
) -> None:
    """Write one page to explore: drag the amount of data, see both peaks, the networks, their curves and all scores."""
    from twopeaks.validate.cli import report_command as command
    from twopeaks.validate.scores.asking import Request

    scored = Request(
        sources=tuple(stores),
        predictions=predictions,
        predictors=tuple(predictor or ()),
        quantities=tuple(quantity or ()),
        store=store,
        command=shlex.join(["twopeaks", *sys.argv[1:]]),
    )
    command.report(command.Request(scored, claims, title, out, as_json))
