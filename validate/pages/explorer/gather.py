"""Everything of the page that has to be looked up or computed: groups, their theory and networks, boards, claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.registry import of_quantity
from twopeaks.validate.measured.cell import ON_REQUEST, distinct, names
from twopeaks.validate.measured.sources import Sources
from twopeaks.validate.pages.explorer.data import Curves, Marked, Shown
from twopeaks.validate.pages.explorer.groups import Series, as_shown, found_series
from twopeaks.validate.pages.explorer.runs import Predicted, chosen_curves
from twopeaks.validate.pages.explorer.theory_curves import spot
from twopeaks.validate.scores.asking import Request, Stage, provided, scored
from twopeaks.validate.scores.board import Board
from twopeaks.validate.scores.predictors import asked

if TYPE_CHECKING:  # claims need torch
    from twopeaks.validate.pages.explorer.claims import Examined

__all__ = ["Content", "gather"]


@dataclass(frozen=True)
class Content:
    """What is on the page.

    Attributes:
        groups: networks that differ in their size alone.
        boards: of each quantity that is scored.
        claims: examined; empty if none were given.
        provenance: command, sources and their digests, versions, notes; from `validate.cli.scoreboard_command`.
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
    from twopeaks.validate.pages.explorer.claims import read_claims

    examined = read_claims(claims) if claims is not None else ()
    sources = replace(request.measured, accuracy=True)
    cells, notes = sources.gather()
    distinct(cells)
    series = found_series(cells)
    if not series:
        raise InputError("STORE", "with networks trained on true labels", "none", "give another sweep or CSV")
    wanted = set(request.quantities) or {"n_c"}
    there = {str(cell.quantity) for cell in cells}
    can = bool(request.quantities) or "n_c" in there
    boards, told = scored(replace(request, quantities=tuple(sorted(wanted))), cells, stage) if can else ([], [])
    groups = _groups(series, boards, request, sources, stage)
    notes = [*notes, *told, *_left_out(request, wanted, there)]
    return Content(groups, tuple(boards), examined, provided(request, boards, notes))


def _left_out(request: Request, wanted: set[str], there: set[str]) -> list[str]:
    """Quantities that were measured and are not scored, and how to have them."""
    rest = sorted(there - wanted - ON_REQUEST)
    return [] if request.quantities or not rest else [f"{', '.join(rest)} not scored; add --quantity {rest[0]}"]


def _groups(
    series: Sequence[Series], boards: Sequence[Board], request: Request, sources: Sources, stage: Stage
) -> tuple[Shown, ...]:
    said, origins = _of_boards(boards, request)
    missing = [one for one in series if (one.setting.content_id, one.budget) not in said]
    said |= _asked(missing, stage)
    curves = _curves(sources, _predicted_times(boards))
    given = [str(path) for path in request.sources]
    tell = stage("theory of each group", len(series))
    shown = []
    for one, name in zip(series, names([one.size for one in series]), strict=True):
        mine = said.get((one.setting.content_id, one.budget), {})
        shown.append(as_shown(one, name, mine, origins, given, curves.get((one.setting.content_id, one.budget), ())))
        tell(1)
    return tuple(shown)


_Said = dict[tuple[str, int | None], dict[str, Prediction]]


def _of_boards(boards: Sequence[Board], request: Request) -> tuple[_Said, dict[str, str]]:
    """Predictions of n_c as the board has them, the best predictor first, and where each was read."""
    found: _Said = {}
    origins: dict[str, str] = {}
    for board in boards:
        if board.quantity == "n_c":
            for standing in board.standings:
                origins[standing.predictor] = str(request.predictions) if standing.origin == "file" else ""
                for entry in standing.entries:
                    cell = board.cells[entry.cell]
                    if entry.prediction is not None:
                        mine = found.setdefault((cell.setting.content_id, cell.budget), {})
                        mine[standing.predictor] = entry.prediction
    return found, origins


def _asked(series: Sequence[Series], stage: Stage) -> _Said:
    """Predictions where n_c was not measured."""
    if not series:
        return {}
    tell = stage("asking predictors", len(of_quantity("n_c")))
    found: _Said = {}
    for said in asked([one.size for one in series], of_quantity("n_c"), tell):
        for place, prediction in said.on.items():
            one = series[place]
            found.setdefault((one.setting.content_id, one.budget), {})[said.predictor] = prediction
    return found


def _predicted_times(boards: Sequence[Board]) -> Predicted:
    """What theories had said of t_mem and t_grok, for marks on curves."""
    found: dict[tuple[str, int | None], tuple[Marked, ...]] = {}
    for board in boards:
        for standing in board.standings if board.quantity in ("t_mem", "t_grok") else ():
            for entry in standing.entries:
                cell, told = board.cells[entry.cell], entry.prediction
                if told is not None and told.value is not None:
                    mark = Marked(standing.predictor, board.quantity, spot(told.value, told.low, told.high))
                    key = (cell.setting.content_id, cell.budget)
                    found[key] = (*found.get(key, ()), mark)
    return found


def _curves(sources: Sources, predicted: Predicted) -> dict[tuple[str, int | None], tuple[Curves, ...]]:
    found: dict[tuple[str, int | None], tuple[Curves, ...]] = {}
    for folder in sources.folders():
        for key, curves in chosen_curves(folder, predicted).items():
            found[key] = (*found.get(key, ()), *curves)
    return found
