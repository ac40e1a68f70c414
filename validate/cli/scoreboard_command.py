"""The command ``validate SPEC_OR_STORE``: gather measured cells, ask every predictor, score, print, write."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from rich.text import Text

from twopeaks.sim.storage import store
from twopeaks.theory.errors import InputError
from twopeaks.validate.measured.cell import ON_REQUEST, Measured, Quantity, distinct, quantity_of
from twopeaks.validate.measured.sheets import digest
from twopeaks.validate.measured.sources import Sources
from twopeaks.validate.scores import files
from twopeaks.validate.scores.board import Board, boards
from twopeaks.validate.scores.predictors import (
    Predictor,
    Said,
    accuracy_registry,
    asked,
    predicted_quantities,
    read_predictions,
    registry,
    subjects,
)
from twopeaks.validate.screen.scoreboard_screen import show
from twopeaks.validate.screen.terminal import console, print_json, stages

__all__ = ["Request", "provided", "scoreboard", "scored"]


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        sources: descriptions of sweeps (TOML), folders of sweeps, CSV files of measured cells.
        predictions: file of predictions that were written down before.
        predictors: names of those that are compared; all if empty.
        quantities: what is scored; all if empty.
        write_predictions: where to write what every predictor says on every cell; nothing is scored then.
        write_measured: where to write all cells of the sources.
        rival_times: whether rivals' laws of t_grok are fitted on part of the runs and scored on the others.
        train: whether cells that are missing are trained first.
        store: folder of the sweep that a description belongs to; None is where ``sweep`` puts it.
        workers, device: as ``sweep`` has them.
        out: folder for tables, figures and page; None writes none.
        as_json: whether to print JSON.
        command: what repeats this call.
        accuracy: whether test accuracies are measured as well: `scoreboard` sees whether somebody asks for them.
    """

    sources: tuple[Path, ...]
    predictions: Path | None = None
    predictors: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    write_predictions: Path | None = None
    write_measured: Path | None = None
    rival_times: bool = False
    train: bool = False
    store: Path | None = None
    workers: int | None = None
    device: str = "auto"
    out: Path | None = None
    as_json: bool = False
    command: str = ""
    accuracy: bool = False

    @property
    def measured(self) -> Sources:
        """Where cells come from."""
        return Sources(self.sources, self.store, self.train, self.workers, self.device, self.accuracy)


def scoreboard(request: Request) -> None:
    """Do what is asked.

    Raises:
        InputError: if a source, a file of predictions or a name cannot be used, or nothing was measured.
        Interrupted: after Ctrl-C while training, with what is kept.
    """
    if request.workers is not None and not request.train:
        raise InputError("--workers", "left out without --train", request.workers, "nothing is trained")
    functions = registry()
    request = replace(request, accuracy=_wants_accuracy(request, functions))
    if request.write_predictions is not None:
        _write_predictions(request, request.write_predictions, functions)
        return
    cells, notes = request.measured.gather()
    distinct(cells)
    if request.write_measured is not None:
        _write_measured(request, request.write_measured, cells)
    found, told = scored(request, cells)
    data = provided(request, found, [*notes, *told])
    if request.out is not None:
        data |= _write(request, request.out, found, data)
    for note in data["notes"]:
        sys.stderr.write(f"note: {note}\n")
    if request.as_json:
        print_json(data)
        return
    show(found)
    if request.out is not None:
        console().print(Text(f"page: {data['page']}"), soft_wrap=True)


def scored(request: Request, cells: Sequence[Measured]) -> tuple[list[Board], list[str]]:
    """Every prediction that is asked for against cells of the quantities that are asked for, and what is to be said.

    Raises:
        InputError: if nothing of that was measured, a name is unknown, or the predictions cannot be used.
    """
    wanted = {quantity_of("--quantity", name) for name in request.quantities}
    cells = [cell for cell in cells if not wanted or cell.quantity in wanted]
    if not cells:
        what = " or ".join(request.quantities) or "anything"
        raise InputError("SPEC_OR_STORE", f"where {what} was measured", "no cell", "n_c takes two sizes of a setting")
    said, told = _said(request, cells, registry())
    return boards(cells, said), told


# --- predicted -----------------------------------------------------------------------------------------


def _wants_accuracy(request: Request, functions: Mapping[str, Predictor]) -> bool:
    """Whether test accuracy is asked for: by name, by a predictor of nothing else, or by a file that predicts it."""
    if request.quantities:
        return "test_accuracy" in request.quantities
    if set(request.predictors) & (set(accuracy_registry()) - set(functions)):
        return True
    return request.predictions is not None and "test_accuracy" in predicted_quantities(request.predictions)


def _said(
    request: Request, cells: Sequence[Measured], functions: Mapping[str, Predictor]
) -> tuple[list[Said], list[str]]:
    """Predictions from the file; those who are not in it are asked."""
    written, notes = list[Said](), list[str]()
    if request.predictions is not None:
        written, notes = read_predictions(request.predictions, cells)
    of_accuracy = accuracy_registry() if request.accuracy else {}
    fitted = _fitted(request)
    chosen = _chosen(request, {one.predictor for one in written} | set(functions) | set(of_accuracy) | set(fitted))
    written = [one for one in written if one.predictor in chosen]
    there = {one.predictor for one in written if one.quantity not in ON_REQUEST}
    now = _asked(cells, {n: f for n, f in functions.items() if n in chosen - there}, subjects())
    there = {one.predictor for one in written if one.quantity in ON_REQUEST}
    now += _asked(
        cells, {n: f for n, f in of_accuracy.items() if n in chosen - there}, dict.fromkeys(of_accuracy, ON_REQUEST)
    )
    if now and request.predictions is not None:
        notes.append(f"not in {request.predictions}, so asked now: {', '.join(one.predictor for one in now)}")
    if fitted:
        from twopeaks.validate.scores.rival_board import rival_times

        more, said = rival_times([folder for _, folder in request.measured.sweeps()], cells, chosen & set(fitted))
        now, notes = now + more, notes + said
    return [*written, *now], notes


def _fitted(request: Request) -> tuple[str, ...]:
    """Names of laws that are fitted on part of the runs, if they are asked for.

    Raises:
        InputError: if no source has runs.
    """
    if not request.rival_times:
        return ()
    from twopeaks.validate.scores.rival_board import RIVAL_TIMES

    if all(path.suffix == ".csv" for path in request.sources):
        raise InputError("--rival-times", "given with a sweep", "CSV alone", "these laws read the curves of runs")
    return RIVAL_TIMES


def _chosen(request: Request, names: set[str]) -> set[str]:
    """Those that are asked for, of all there are."""
    for name in request.predictors:
        if name not in names:
            raise InputError("--predictor", "the name of a predictor", name, f"known: {', '.join(sorted(names))}")
    return set(request.predictors) or names


def _asked(
    cells: Sequence[Measured], functions: Mapping[str, Predictor], of: Mapping[str, Collection[Quantity]]
) -> list[Said]:
    if not functions:
        return []
    with stages() as stage:
        return asked(cells, functions, stage("asking predictors", len(functions)), of)


def _write_predictions(request: Request, path: Path, functions: Mapping[str, Predictor]) -> None:
    """What every predictor says on every cell of a sweep, whether it was trained or not."""
    if request.write_measured is not None:
        raise InputError("--write-measured", "left out with --write-predictions", "given", "nothing is scored then")
    if path.exists():
        raise InputError(
            "--write-predictions", "a file that is not there yet", str(path), "predictions are not changed"
        )
    if path.suffix not in (".csv", ".json"):
        raise InputError("--write-predictions", "a file .csv or .json", str(path), "give it one of these endings")
    said, cells = _fitted_now(request) if request.rival_times else _said_before(request, functions)
    predictions = [one.on[i] for one in said for i in sorted(one.on)]
    if not predictions:
        raise InputError("--write-predictions", "given where somebody predicts", "no prediction", "see --predictor")
    from twopeaks.validate.measured.files import write, write_json

    try:
        if path.suffix == ".json":
            write_json(path, [one.model_dump() for one in predictions])
        else:
            write(path, files.predictions_csv(predictions))
    except OSError as error:
        raise InputError("--write-predictions", "a file that can be written", str(path), str(error.strerror)) from error
    if request.as_json:
        print_json([one.model_dump() for one in predictions])
    else:
        console().print(Text(f"{len(predictions)} predictions on {len(cells)} cells: {path}"), soft_wrap=True)


def _said_before(request: Request, functions: Mapping[str, Predictor]) -> tuple[list[Said], list[Measured]]:
    """What predictors say without any cell of the sweep, and the cells."""
    of_accuracy = accuracy_registry() if request.accuracy else {}
    names = _chosen(request, set(functions) | set(of_accuracy))
    cells = request.measured.to_measure()
    cells = [cell for cell in cells if not request.quantities or cell.quantity in request.quantities]
    said = _asked(cells, {n: f for n, f in functions.items() if n in names}, subjects())
    said += _asked(cells, {n: f for n, f in of_accuracy.items() if n in names}, dict.fromkeys(of_accuracy, ON_REQUEST))
    return said, cells


def _fitted_now(request: Request) -> tuple[list[Said], list[Measured]]:
    """What rivals' laws, fitted on part of the runs, say on the others, and all cells that were measured."""
    from twopeaks.validate.scores.rival_board import rival_times

    names = _chosen(request, set(_fitted(request)))
    cells, _ = request.measured.gather()
    said, notes = rival_times([folder for _, folder in request.measured.sweeps()], cells, names)
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
    return said, cells


def _write_measured(request: Request, path: Path, cells: Sequence[Measured]) -> None:
    from twopeaks.validate.measured.to_csv import write_measured

    beside = write_measured(path, cells, request.measured)
    sys.stderr.write(f"{len(cells)} measured cells: {path}, and where they came from: {beside}\n")


# --- files ---------------------------------------------------------------------------------------------


def provided(request: Request, found: Sequence[Board], notes: Sequence[str]) -> dict[str, Any]:
    """All of it as JSON holds it, with where it came from."""
    texts = [path for path in (*request.sources, request.predictions) if path is not None and path.is_file()]
    provenance = {
        "command": request.command,
        "sources": [str(path) for path in request.sources],
        "predictions": None if request.predictions is None else str(request.predictions),
        "sha256": {str(path): digest(path) for path in texts},
        "versions": store.versions(),
        "notes": list(notes),
    }
    return files.as_data(found, provenance)


def _write(request: Request, out: Path, found: Sequence[Board], data: dict[str, Any]) -> dict[str, Any]:
    """Every file of this call; returns what it adds to the JSON."""
    from twopeaks.validate.figures.of_runs.scoreboard import fig_scoreboard
    from twopeaks.validate.measured.files import save_figure, write, write_json
    from twopeaks.validate.pages.scoreboard import scoreboard_page

    store.prepare(out)
    drawn = [board for board in found if any(standing.worst for standing in board.standings)]
    figures = {board.quantity: fig_scoreboard(board)[0] for board in drawn}
    page = out / "scoreboard.html"
    facts = {**{f"SHA-256 of {path}": text for path, text in data["sha256"].items()}, **data["versions"]}
    facts = {"measured": ", ".join(data["sources"]), "predictions written before": data["predictions"], **facts}
    write(page, scoreboard_page(found, figures, request.command, {k: v for k, v in facts.items() if v}))
    folder = out / "figures"
    folder.mkdir(exist_ok=True)
    paths = chain.from_iterable(save_figure(figure, folder / f"scoreboard-{name}") for name, figure in figures.items())
    added = {"page": str(page), "figures": [str(path) for path in paths]}
    write(out / "scoreboard.csv", files.standings_csv(found))
    write(out / "cells.csv", files.cells_csv(found))
    write_json(out / "scoreboard.json", {**data, **added})
    return added
