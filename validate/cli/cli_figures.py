"""The command ``twopeaks figures``, as `twopeaks.validate.cli.app` offers it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from twopeaks.validate.cli.common_options import Device, Json

__all__ = ["draw_figures"]


def draw_figures(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="figures to draw (default: list them all)")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="every figure of which results are there")] = False,
    results: Annotated[Path, typer.Option(help="folder of stored results")] = Path("results"),
    out: Annotated[Path, typer.Option(help="folder for PDF, PNG, CSV and captions")] = Path("twopeaks-figures"),
    face: Annotated[str, typer.Option(help="sans or serif")] = "sans",
    columns: Annotated[int, typer.Option(help="width: 1 column (89 mm) or 2 (183 mm)")] = 2,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="train what a figure needs; a sweep goes on where it was"),
    ] = False,
    store: Annotated[
        Path | None, typer.Option(help="read this folder of a sweep instead (one NAME, made by a sweep)")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="with --measure: processes (default: usable cores)")] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Figures for print from stored results: vector PDF, PNG, plotted numbers as CSV; what is missing is listed."""
    from twopeaks.validate.cli import figures_command as command

    source = command.Source(results, measure, store, workers, device)
    return command.figures(command.Request(tuple(names or ()), every, source, out, face, columns, as_json))
