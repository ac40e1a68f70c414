"""What ``twopeaks validate SPEC_OR_STORE`` does: gather measured cells, ask every predictor, score, print, write."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from rich.text import Text

from twopeaks.sim.storage import store
from twopeaks.theory.errors import InputError
from twopeaks.validate.measured.cell import Measured, distinct
from twopeaks.validate.scores import asking, files
from twopeaks.validate.scores.board import Board
from twopeaks.validate.screen.scoreboard_screen import show
from twopeaks.validate.screen.terminal import console, print_json, stages

__all__ = ["Request", "scoreboard"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is scored, and what is written of it.

    Attributes:
        asked: sources, predictions, predictors and quantities.
        write_predictions: where to write what every predictor says on every cell; nothing is scored then.
        write_measured: where to write all cells of the sources.
        train: whether cells that are missing are trained first.
        workers, device: as ``sweep`` has them.
        out: folder for tables, figures and page; None writes none.
        as_json: whether to print JSON.
    """

    asked: asking.Request
    write_predictions: Path | None = None
    write_measured: Path | None = None
    train: bool = False
    workers: int | None = None
    device: str = "auto"
    out: Path | None = None
    as_json: bool = False


def scoreboard(request: Request) -> None:
    """Score predictions on measured cells, or write either of them.

    Raises:
        InputError: if a source, a file of predictions or a name cannot be used, or nothing was measured.
        Interrupted: after Ctrl-C while training, with what is kept.
    """
    if request.workers is not None and not request.train:
        raise InputError("--workers", "left out without --train", request.workers, "nothing is trained")
    request = replace(request, asked=replace(request.asked, accuracy=asking.wants_accuracy(request.asked)))
    if request.write_predictions is not None:
        _write_predictions(request, request.write_predictions)
        return
    if request.train:
        _train(request)
    cells, notes = request.asked.measured.gather()
    distinct(cells)
    if request.write_measured is not None:
        _write_measured(request, request.write_measured, cells)
    with stages() as stage:
        boards, more_notes = asking.scored(request.asked, cells, stage)
    data = asking.provided(request.asked, boards, [*notes, *more_notes])
    if request.out is not None:
        data |= _write(request, request.out, boards, data)
    for note in data["notes"]:
        sys.stderr.write(f"note: {note}\n")
    if request.as_json:
        print_json(data)
        return
    show(boards)
    if request.out is not None:
        console().print(Text(f"page: {data['page']}"), soft_wrap=True)


def _train(request: Request) -> None:
    """Train what the sweeps among the sources miss."""
    from twopeaks.validate.cli import sweep

    sources = request.asked.measured
    if all(path.suffix == ".csv" for path in sources.paths):
        raise InputError("--train", "given with a sweep", "CSV alone", "leave it out, or give the SPEC.toml")
    for spec, folder in sources.trainable():
        sweep.train(spec, folder, sweep.Request(out=folder.root, workers=request.workers, device=request.device))


# --- predicted -----------------------------------------------------------------------------------------


def _write_predictions(request: Request, path: Path) -> None:
    """Write what every predictor says on every cell of a sweep, whether it was trained or not."""
    if request.write_measured is not None:
        raise InputError("--write-measured", "left out with --write-predictions", "given", "nothing is scored then")
    if path.exists():
        raise InputError(
            "--write-predictions", "a file that is not there yet", str(path), "predictions are written once"
        )
    if path.suffix not in (".csv", ".json"):
        raise InputError("--write-predictions", "a file .csv or .json", str(path), "give it one of these endings")
    with stages() as stage:
        answers, cells, notes = asking.said_before(request.asked, stage)
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
    predictions = [answer.on[i] for answer in answers for i in sorted(answer.on)]
    if not predictions:
        raise InputError(
            "--write-predictions", "given with predictors that have a value", "no prediction", "see --predictor"
        )
    from twopeaks.validate.measured.files import write, write_json

    try:
        if path.suffix == ".json":
            write_json(path, [prediction.model_dump() for prediction in predictions])
        else:
            write(path, files.predictions_csv(predictions))
    except OSError as error:
        raise InputError("--write-predictions", "a file that can be written", str(path), str(error.strerror)) from error
    if request.as_json:
        print_json([prediction.model_dump() for prediction in predictions])
    else:
        console().print(Text(f"{len(predictions)} predictions on {len(cells)} cells: {path}"), soft_wrap=True)


def _write_measured(request: Request, path: Path, cells: Sequence[Measured]) -> None:
    from twopeaks.validate.measured.to_csv import write_measured

    beside = write_measured(path, cells, request.asked.measured)
    sys.stderr.write(f"{len(cells)} measured cells: {path}, and where they came from: {beside}\n")


# --- files ---------------------------------------------------------------------------------------------


def _write(request: Request, out: Path, boards: Sequence[Board], data: dict[str, Any]) -> dict[str, Any]:
    """Every file of this call; returns what it adds to the JSON."""
    from twopeaks.validate.figures.of_runs.scoreboard import fig_scoreboard
    from twopeaks.validate.measured.files import save_figure, write, write_json
    from twopeaks.validate.pages.scoreboard import scoreboard_page

    store.prepare(out)
    drawn = [board for board in boards if any(standing.worst for standing in board.standings)]
    figures = {board.quantity: fig_scoreboard(board)[0] for board in drawn}
    page = out / "scoreboard.html"
    facts = {**{f"SHA-256 of {path}": text for path, text in data["sha256"].items()}, **data["versions"]}
    facts = {"measured": ", ".join(data["sources"]), "predictions written before": data["predictions"], **facts}
    write(page, scoreboard_page(boards, figures, request.asked.command, {k: v for k, v in facts.items() if v}))
    folder = out / "figures"
    folder.mkdir(exist_ok=True)
    paths = chain.from_iterable(save_figure(figure, folder / f"scoreboard-{name}") for name, figure in figures.items())
    added = {"page": str(page), "figures": [str(path) for path in paths]}
    write(out / "scoreboard.csv", files.standings_csv(boards))
    write(out / "cells.csv", files.cells_csv(boards))
    write_json(out / "scoreboard.json", {**data, **added})
    return added
