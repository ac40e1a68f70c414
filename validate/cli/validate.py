"""The command ``twopeaks validate``: the scoreboard of predictions, or claims (with ``--claims``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from twopeaks.theory.errors import InputError
from twopeaks.validate.cli.options import Device, Json, Store, Threads, Workers, repeated, seeds_of

__all__ = ["Request", "validate"]

_CLAIMS_OUT = Path("twopeaks-claims")
_SCORES, _CLAIMS = "Scores", "Claims"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is scored or examined, on what, and what is written of it."""

    about: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SPEC_OR_STORE|ID",
            help="a sweep's SPEC.toml or folder, or a CSV of measured cells; with --claims: claims (default: all)",
        ),
    ] = None
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="score these, a CSV or JSON of predictions written before the measurement", rich_help_panel=_SCORES
        ),
    ] = None
    predictor: Annotated[
        list[str] | None,
        typer.Option(help="compare this predictor; may be repeated", show_default="all", rich_help_panel=_SCORES),
    ] = None
    quantity: Annotated[
        list[str] | None,
        typer.Option(
            help="n_c, t_mem, t_grok or test_accuracy; may be repeated",
            show_default="all but the last",
            rich_help_panel=_SCORES,
        ),
    ] = None
    write_predictions: Annotated[
        Path | None,
        typer.Option(
            help="write what is predicted on every cell of SPEC (--rival-times: fitted) into a CSV or JSON, and end",
            rich_help_panel=_SCORES,
        ),
    ] = None
    write_measured: Annotated[
        Path | None,
        typer.Option(
            help="write all measured cells into a CSV that can be scored in place of the sweep", rich_help_panel=_SCORES
        ),
    ] = None
    rival_times: Annotated[
        bool,
        typer.Option(
            "--rival-times",
            help="fit others' laws of t_grok on some cells, score them on the rest",
            rich_help_panel=_SCORES,
        ),
    ] = False
    train: Annotated[
        bool, typer.Option("--train", help="train cells of SPEC that are missing", rich_help_panel=_SCORES)
    ] = False
    store: Store = None
    workers: Workers = None
    claims: Annotated[
        bool, typer.Option("--claims", help="examine claims on trained networks", rich_help_panel=_CLAIMS)
    ] = False
    listed: Annotated[
        bool, typer.Option("--list", help="list the claims and train nothing", rich_help_panel=_CLAIMS)
    ] = False
    quick: Annotated[
        bool, typer.Option("--quick", help="smaller sizes and fewer networks", rich_help_panel=_CLAIMS)
    ] = False
    seeds: Annotated[
        int | None,
        typer.Option(
            help="number of networks, one for each seed", show_default="10, with --quick 4", rich_help_panel=_CLAIMS
        ),
    ] = None
    first_seed: Annotated[int, typer.Option(help="seed of the first network", rich_help_panel=_CLAIMS)] = 0
    device: Device = "auto"
    threads: Threads = None
    out: Annotated[
        Path | None,
        typer.Option(help="folder for tables, figures and page", show_default=f"none; with --claims {_CLAIMS_OUT}"),
    ] = None
    as_json: Json = False


def validate(request: Request) -> None:
    """Score predictions, or examine claims.

    Raises:
        InputError: if an option belongs to the other of the two, nothing is given, or a value cannot be used.
    """
    if request.claims or request.listed:
        _refuse(request, _OF_SCORES, "with --claims")
        _examine(request)
        return
    _refuse(request, ("quick", "seeds", "first_seed", "threads"), "without --claims")
    if not request.about:
        remedy = (
            "give a sweep's SPEC.toml or folder, or a CSV of measured cells; or --claims, or --list to see the claims"
        )
        raise InputError("SPEC_OR_STORE", "given", "nothing", remedy)
    _score(request, tuple(map(Path, request.about)))


_OF_SCORES = (
    *("predictions", "predictor", "quantity", "train", "write_predictions", "write_measured", "store", "workers"),
    "rival_times",
)


def _refuse(request: Request, names: tuple[str, ...], where: str) -> None:
    for name in names:
        value = getattr(request, name)
        if value:
            option, shown = "--" + name.replace("_", "-"), "given" if value is True else value
            raise InputError(option, f"left out {where}", shown, "see validate --help")


def _score(request: Request, sources: tuple[Path, ...]) -> None:
    from twopeaks.validate.cli import scores
    from twopeaks.validate.scores import asking

    asked = asking.Request(
        sources=sources,
        predictions=request.predictions,
        predictors=tuple(request.predictor or ()),
        quantities=tuple(request.quantity or ()),
        rival_times=request.rival_times,
        store=request.store,
        command=repeated(),
    )
    scores.scoreboard(
        scores.Request(
            asked=asked,
            write_predictions=request.write_predictions,
            write_measured=request.write_measured,
            train=request.train,
            workers=request.workers,
            device=request.device,
            out=request.out,
            as_json=request.as_json,
        )
    )


def _examine(request: Request) -> None:
    from twopeaks.validate.cli import claims

    if request.listed:
        claims.listing(request.about or [], request.as_json)
        return
    count = request.seeds if request.seeds is not None else 4 if request.quick else 10
    claims.examine(
        claims.Request(
            ids=tuple(request.about or ()),
            quick=request.quick,
            seeds=seeds_of(count, request.first_seed),
            device=request.device,
            threads=request.threads,
            out=request.out or _CLAIMS_OUT,
            as_json=request.as_json,
        )
    )
