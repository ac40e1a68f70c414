"""The command ``twopeaks validate``, as `validate.cli` offers it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theory.errors import InputError
from validate.common_options import Device, Json, seeds_of

__all__ = ["examine"]


def examine(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="claims to examine (default: all)")] = None,
    claims: Annotated[bool, typer.Option("--claims", help="examine claims on trained networks")] = False,
    listed: Annotated[bool, typer.Option("--list", help="list the claims and train nothing")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="smaller sizes and fewer networks")] = False,
    seeds: Annotated[int | None, typer.Option(help="networks, one a seed (default: 10, with --quick 4)")] = None,
    first_seed: Annotated[int, typer.Option(help="seeds count up from here")] = 0,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads (default: usable cores)")] = None,
    out: Annotated[Path, typer.Option(help="folder for findings, figures and page")] = Path("twopeaks-claims"),
    as_json: Json = False,
) -> None:
    """Test claims about training on trained networks: each is supported, refuted or undecided, as ranges decide."""
    from validate import claims_command

    if listed:
        claims_command.listing(ids or [], as_json)
        return
    if not claims:
        raise InputError("--claims", "given", "nothing", "use validate --claims [ID]..., or --list to see the claims")
    budget = claims_command.Budget(quick, seeds_of(seeds if seeds is not None else 4 if quick else 10, first_seed))
    claims_command.validate(ids or [], budget, device, threads, out, as_json)
