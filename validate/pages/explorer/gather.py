"""Everything of the page that has to be looked up or computed: groups, their theory and networks, boards, claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.registry import of_quantity
from twopeaks.validate.measured.cell import ON_REQUEST, distinct, names
from twopeaks.validate.measured.sources import Sources
from twopeaks.validate.pages.explorer.claims import Examined, read_claims
from twopeaks.validate.pages.explorer.data import Curves, Key, Marked, Shown
from twopeaks.validate.pages.explorer.groups import Series, as_shown, key_of, series_of
from twopeaks.validate.pages.explorer.runs import PredictedTimes, chosen_curves
from twopeaks.validate.pages.explorer.theory_curves import spot
from twopeaks.validate.scores.asking import Request, Stage, provided, scored
from twopeaks.validate.scores.board import Board
from twopeaks.validate.scores.predictors import asked

__all__ = ["Content", "gather"]


@dataclass(frozen=True)
class Content:
    """What is on the page.

    Attributes:
        groups: networks that differ in their size alone.
        boards: of each quantity that is scored.
        claims: examined; empty without a claims.json.
        provenance: command, sources and their digests, versions, notes; of `twopeaks.validate.scores.asking.provided`.
    """

    groups: tuple[Shown, ...]
    boards: tuple[Board, ...]
    claims: tuple[Examined, ...]
    provenance: Mapping[str, Any]


def gather(request: Request, claims: Path | None, stage: Stage) -> Content:
    """Look up and compute all of it.

    Args:
        request: sources, predictions and quantities, as ``twopeaks validate`` has them.
        claims: claims.json, or None.
        stage: progress.

    Raises:
        InputError: if a source, the predictions or the claims cannot be used.
    """
    examined = read_claims(claims) if claims is not None else ()
    sources = replace(request.measured, accuracy=True)
    cells, notes = sources.gather()
    distinct(cells)
    series = series_of(cells)
    if not series:
        raise InputError("STORE", "with networks trained on true labels", "none", "give another sweep or CSV")
    quantities = set(request.quantities) or {"n_c"}
    measured = {str(cell.quantity) for cell in cells}
    boards: list[Board] = []
    if request.quantities or "n_c" in measured:
        boards, notes_on_scores = scored(replace(request, quantities=tuple(sorted(quantities))), cells, stage)
        notes = [*notes, *notes_on_scores]
    groups = _groups(series, boards, request, sources, stage)
    notes = [*notes, *_left_out(request, measured - quantities - ON_REQUEST)]
    return Content(groups, tuple(boards), examined, provided(request, boards, notes))


def _left_out(request: Request, quantities: set[str]) -> list[str]:
    """Says which quantities were measured and are not scored, and which option scores them."""
    names_of = sorted(quantities)
    return (
        []
        if request.quantities or not names_of
        else [f"{', '.join(names_of)} not scored; add --quantity {names_of[0]}"]
    )


def _groups(
    series: Sequence[Series], boards: Sequence[Board], request: Request, sources: Sources, stage: Stage
) -> tuple[Shown, ...]:
    predictions, origins = _of_boards(boards, request)
    predictions |= _asked([group for group in series if group.key not in predictions], stage)
    curves = _curves(sources, _predicted_times(boards))
    paths = [str(path) for path in request.sources]
    progress = stage("theory of each group", len(series))
    shown = []
    for group, name in zip(series, names([group.size for group in series]), strict=True):
        shown.append(as_shown(group, name, predictions.get(group.key, {}), origins, paths, curves.get(group.key, ())))
        progress(1)
    return tuple(shown)


#: Predictions of n_c, by group and predictor.
_Predictions = dict[Key, dict[str, Prediction]]


def _of_boards(boards: Sequence[Board], request: Request) -> tuple[_Predictions, dict[str, str]]:
    """Predictions of n_c as the board has them, the best predictor first, and where each was read."""
    predictions: _Predictions = {}
    origins: dict[str, str] = {}
    standings = [(board, standing) for board in boards if board.quantity == "n_c" for standing in board.standings]
    for board, standing in standings:
        origins[standing.predictor] = str(request.predictions) if standing.origin == "file" else ""
        for entry in standing.entries:
            if entry.prediction is not None:
                predictions.setdefault(key_of(board.cells[entry.cell]), {})[standing.predictor] = entry.prediction
    return predictions, origins


def _asked(series: Sequence[Series], stage: Stage) -> _Predictions:
    """Predictions where n_c was not measured."""
    if not series:
        return {}
    predictors = of_quantity("n_c")
    progress = stage("asking predictors", len(predictors))
    predictions: _Predictions = {}
    for answers in asked([group.size for group in series], predictors, progress):
        for place, prediction in answers.on.items():
            predictions.setdefault(series[place].key, {})[answers.predictor] = prediction
    return predictions


def _predicted_times(boards: Sequence[Board]) -> PredictedTimes:
    """Predictions of t_mem and t_grok, for marks on curves."""
    marks: dict[Key, tuple[Marked, ...]] = {}
    for board in boards:
        for standing in board.standings if board.quantity in ("t_mem", "t_grok") else ():
            for entry in standing.entries:
                p, key = entry.prediction, key_of(board.cells[entry.cell])
                if p is not None and p.value is not None:
                    mark = Marked(standing.predictor, board.quantity, spot(p.value, p.low, p.high))
                    marks[key] = (*marks.get(key, ()), mark)
    return marks


def _curves(sources: Sources, predicted: PredictedTimes) -> dict[Key, tuple[Curves, ...]]:
    curves: dict[Key, tuple[Curves, ...]] = {}
    for folder in sources.folders():
        for key, chosen in chosen_curves(folder, predicted).items():
            curves[key] = (*curves.get(key, ()), *chosen)
    return curves
