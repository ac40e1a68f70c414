"""The command ``twopeaks scaling``, as `twopeaks.validate.cli.app` offers it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from twopeaks.validate.cli.common_options import Json

__all__ = ["scale"]


def scale(
    cells: Annotated[
        list[Path], typer.Argument(metavar="CELLS", help="CSV of measured cells, or a sweep's SPEC.toml or folder")
    ],
    family: Annotated[
        str, typer.Option(help="groups compared: cyclic, cyclic-odd, cyclic-prime, abelian or all")
    ] = "cyclic",
    predictor: Annotated[str, typer.Option(help="whose prediction without a run is among the laws")] = "heights-shared",
    store: Annotated[Path | None, typer.Option(help="folder of SPEC's sweep (default: as sweep has it)")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for tables, figure and JSON (default: none written)")] = None,
    as_json: Json = False,
) -> None:
    """Which law does n_c follow across groups? M log M against M^(4/3), with cross-validation and a verdict."""
    from twopeaks.validate.cli import scaling_command as command
    from twopeaks.validate.measured.sources import Sources

    line = shlex.join(["twopeaks", *sys.argv[1:]])
    command.scaling(command.Request(Sources(tuple(cells), store), family, predictor, out, as_json, line))
