"""The command ``twopeaks validate``, as `validate.cli.app` offers it: claims, or the scoreboard of predictions."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from twopeaks.theory.errors import InputError
from twopeaks.validate.cli.common_options import Device, Json, seeds_of

__all__ = ["examine"]

_CLAIMS_OUT = Path("twopeaks-claims")


def examine(
    about: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SPEC_OR_STORE|ID",
            help="a sweep's SPEC.toml or folder, or a CSV of measured cells; with --claims: claims (default: all)",
        ),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="CSV or JSON of predictions written before the measurement; these are scored")
    ] = None,
    predictor: Annotated[
        list[str] | None, typer.Option(help="compare this predictor; may be repeated (default: all)")
    ] = None,
    quantity: Annotated[
        list[str] | None,
        typer.Option(help="n_c, t_mem, t_grok or test_accuracy; may be repeated (default: all but the last)"),
    ] = None,
    write_predictions: Annotated[
        Path | None,
        typer.Option(
            help="write what is predicted on every cell of SPEC (--rival-times: fitted) into a CSV or JSON, and end"
        ),
    ] = None,
    write_measured: Annotated[
        Path | None, typer.Option(help="write all measured cells into a CSV that can be scored in place of the sweep")
    ] = None,
    rival_times: Annotated[
        bool, typer.Option("--rival-times", help="fit others' laws of t_grok on some cells, score them on the rest")
    ] = False,
    train: Annotated[bool, typer.Option("--train", help="train cells of SPEC that are missing")] = False,
    store: Annotated[Path | None, typer.Option(help="folder of SPEC's sweep (default: as sweep has it)")] = None,
    workers: Annotated[int | None, typer.Option(help="with --train: processes (default: usable cores)")] = None,
    claims: Annotated[bool, typer.Option("--claims", help="examine claims on trained networks")] = False,
    listed: Annotated[bool, typer.Option("--list", help="list the claims and train nothing")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="claims: smaller sizes and fewer networks")] = False,
    seeds: Annotated[int | None, typer.Option(help="claims: one network a seed (default: 10, with --quick 4)")] = None,
    first_seed: Annotated[int, typer.Option(help="claims: seeds count up from here")] = 0,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(help="claims: CPU threads (default: usable cores)")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help=f"folder for tables, figures and page (claims: {_CLAIMS_OUT}; else none written)"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score every prediction against measured cells; or, with --claims, test claims about training on networks.

    Claims are supported, refuted or undecided, as the ranges that were fixed before decide.
    """
    of_scores = {
        "--predictions": predictions, "--predictor": predictor, "--quantity": quantity, "--train": train,
        "--write-predictions": write_predictions, "--write-measured": write_measured, "--store": store,
        "--workers": workers, "--rival-times": rival_times,
    }  # fmt: skip
    if claims or listed:
        _refuse(of_scores, "with --claims")
        _claims(about or [], listed, quick, seeds, first_seed, device, threads, out or _CLAIMS_OUT, as_json)
        return
    of_claims = {"--quick": quick, "--seeds": seeds, "--first-seed": first_seed, "--threads": threads}
    _refuse(of_claims, "without --claims")
    if not about:
        remedy = (
            "give a sweep's SPEC.toml or folder, or a CSV of measured cells; or --claims, or --list to see the claims"
        )
        raise InputError("SPEC_OR_STORE", "given", "nothing", remedy)
    from twopeaks.validate.cli import scoreboard_command as command
    from twopeaks.validate.scores.asking import Request as Scored

    command.scoreboard(
        command.Request(
            scored=Scored(
                sources=tuple(map(Path, about)),
                predictions=predictions,
                predictors=tuple(predictor or ()),
                quantities=tuple(quantity or ()),
                rival_times=rival_times,
                store=store,
                command=shlex.join(["twopeaks", *sys.argv[1:]]),
            ),
            write_predictions=write_predictions,
            write_measured=write_measured,
            train=train,
            workers=workers,
            device=device,
            out=out,
            as_json=as_json,
        )
    )


def _refuse(options: Mapping[str, object], where: str) -> None:
    for name, value in options.items():
        if value:
            raise InputError(name, f"left out {where}", value if value is not True else "given", "see validate --help")


def _claims(
    ids: list[str],
    listed: bool,
    quick: bool,
    seeds: int | None,
    first_seed: int,
    device: str,
    threads: int | None,
    out: Path,
    as_json: bool,
) -> None:
    from twopeaks.validate.cli import claims_command

    if listed:
        claims_command.listing(ids, as_json)
        return
    budget = claims_command.Budget(quick, seeds_of(seeds if seeds is not None else 4 if quick else 10, first_seed))
    claims_command.validate(ids, budget, device, threads, out, as_json)
