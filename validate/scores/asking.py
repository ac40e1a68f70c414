"""What is to be scored, and the answers of predictors to it: read from a file, asked now, or fitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twopeaks.sim.storage import store
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.declaration import Predictor
from twopeaks.validate.measured.cell import ON_REQUEST, Measured, quantity_of
from twopeaks.validate.measured.sheets import digest
from twopeaks.validate.measured.sources import Sources
from twopeaks.validate.scores import files
from twopeaks.validate.scores.board import Board, boards
from twopeaks.validate.scores.predictors import Said, asked, known_predictors, predicted_quantities, read_predictions

__all__ = ["Request", "Stage", "provided", "said_before", "scored", "wants_accuracy"]

#: Told the name of a stage and its length; returns what hears of steps done.
Stage = Callable[[str, int], Callable[[int], object]]


@dataclass(frozen=True)
class Request:
    """What is to be scored.

    Attributes:
        sources: descriptions of sweeps (TOML), folders of sweeps, CSV files of measured cells.
        predictions: file of predictions that were written down before.
        predictors: names of those that are compared; all if empty.
        quantities: what is scored; all if empty.
        rival_times: whether rivals' laws of t_grok are fitted on part of the runs and scored on the others.
        store: folder of the sweep that a description belongs to; None is where ``sweep`` puts it.
        accuracy: whether test accuracies are measured as well.
        command: what repeats this call.
    """

    sources: tuple[Path, ...]
    predictions: Path | None = None
    predictors: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    rival_times: bool = False
    store: Path | None = None
    accuracy: bool = False
    command: str = ""

    @property
    def measured(self) -> Sources:
        """Where cells come from."""
        return Sources(self.sources, self.store, self.accuracy)


def scored(request: Request, cells: Sequence[Measured], stage: Stage) -> tuple[list[Board], list[str]]:
    """Every prediction that is asked for against cells of the quantities that are asked for, and what is to be said.

    Raises:
        InputError: if nothing of that was measured, a name is unknown, or the predictions cannot be used.
    """
    wanted = {quantity_of("--quantity", name) for name in request.quantities}
    cells = [cell for cell in cells if not wanted or cell.quantity in wanted]
    if not cells:
        quantities = " or ".join(request.quantities) or "anything"
        raise InputError(
            "SPEC_OR_STORE", f"where {quantities} was measured", "no cell", "n_c takes two sizes of a setting"
        )
    predictions, notes = _said(request, cells, stage)
    return boards(cells, predictions), notes


def wants_accuracy(request: Request) -> bool:
    """Whether test accuracy is asked for: by name, by a predictor of nothing else, or by a file that predicts it."""
    if request.quantities:
        return "test_accuracy" in request.quantities
    of_nothing_else = {p.name for p in known_predictors(on_request=True)} - {p.name for p in known_predictors()}
    if set(request.predictors) & of_nothing_else:
        return True
    return request.predictions is not None and "test_accuracy" in predicted_quantities(request.predictions)


def _said(request: Request, cells: Sequence[Measured], stage: Stage) -> tuple[list[Said], list[str]]:
    """Predictions from the file; predictors that are not in it are asked."""
    written, notes = list[Said](), list[str]()
    if request.predictions is not None:
        written, notes = read_predictions(request.predictions, cells)
    available, fitted = _available(request), _fitted(request)
    chosen = _chosen(request, {p.predictor for p in written} | {p.name for p in available} | set(fitted))
    written = [predictions for predictions in written if predictions.predictor in chosen]
    answered = {(predictions.predictor, predictions.quantity in ON_REQUEST) for predictions in written}
    absent = [p for p in available if p.name in chosen and (p.name, p.quantity in ON_REQUEST) not in answered]
    computed = _asked(cells, absent, stage)
    if computed and request.predictions is not None:
        names = ", ".join(predictions.predictor for predictions in computed)
        notes.append(f"not in {request.predictions}, so asked now: {names}")
    if fitted:
        from twopeaks.validate.scores.rival_board import rival_times

        fitted_predictions, fitted_notes = rival_times(
            [folder for _, folder in request.measured.sweeps()], cells, chosen & set(fitted)
        )
        computed, notes = computed + fitted_predictions, notes + fitted_notes
    return [*written, *computed], notes


def _available(request: Request) -> tuple[Predictor[...], ...]:
    """Predictors that need nothing but a setting, those of test accuracy only if it is asked for."""
    return (*known_predictors(), *(known_predictors(on_request=True) if request.accuracy else ()))


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


def _asked(cells: Sequence[Measured], asked_now: Sequence[Predictor[...]], stage: Stage) -> list[Said]:
    return asked(cells, asked_now, stage("asking predictors", len(asked_now))) if asked_now else []


def said_before(request: Request, stage: Stage) -> tuple[list[Said], list[Measured], list[str]]:
    """What is predicted on cells that were not looked at, those cells, and what is to be said of it.

    Laws that are fitted on part of the runs speak of the others; all others of every cell that a sweep would measure.

    Raises:
        InputError: if a source is no sweep, or a name is unknown.
    """
    return _fitted_now(request) if request.rival_times else (*_asked_before(request, stage), [])


def _asked_before(request: Request, stage: Stage) -> tuple[list[Said], list[Measured]]:
    available = _available(request)
    names = _chosen(request, {predictor.name for predictor in available})
    cells = request.measured.to_measure()
    cells = [cell for cell in cells if not request.quantities or cell.quantity in request.quantities]
    return _asked(cells, [predictor for predictor in available if predictor.name in names], stage), cells


def _fitted_now(request: Request) -> tuple[list[Said], list[Measured], list[str]]:
    """What rivals' laws, fitted on part of the runs, say on the others, and all cells that were measured."""
    from twopeaks.validate.scores.rival_board import rival_times

    names = _chosen(request, set(_fitted(request)))
    cells, _ = request.measured.gather()
    predictions, notes = rival_times([folder for _, folder in request.measured.sweeps()], cells, names)
    return predictions, cells, notes


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
