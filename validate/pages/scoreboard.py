"""The page of the scoreboard: who was close, who was wrong and where, equally large. One self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from twopeaks.validate.measured.cell import QUANTITIES, Quantity
from twopeaks.validate.pages.page import Table, png, render
from twopeaks.validate.scores import words
from twopeaks.validate.scores.board import Board
from twopeaks.validate.scores.columns import (
    PREDICTIONS,
    PREDICTORS,
    Column,
    Kind,
    Medium,
    Subject,
    entry_rows,
    explained,
    headings,
    scored_cells,
    shown,
    texts,
)

__all__ = ["BoardText", "board_text", "meanings", "scoreboard_page"]

#: Cells that are listed as the best and as the worst, and as the worst of each predictor.
_LISTED, _WORST = 6, 3

#: Kind of a column -> its class in the style.
_KINDS: Mapping[Kind, str] = {"name": "name", "number": "n", "note": "note"}


@dataclass(frozen=True)
class BoardText:
    """The board of one quantity in words.

    Attributes:
        quantity, title: what was measured, alone and with its unit.
        headline: who is closest, and who is wrong where.
        restricted: how many cells are common to all predictors.
        standings: a row a predictor, the best first.
        predictions: every predictor on every cell, those without a value and why.
        closest, farthest: of all predictions.
        worst: cells of each predictor.
        measured: cells alone, where nobody predicts the quantity; None elsewhere.
        figure: address of the drawing; None where there is nothing to draw.
    """

    quantity: Quantity
    title: str
    headline: str
    restricted: str
    standings: Table
    predictions: Table
    closest: Table
    farthest: Table
    worst: Table
    measured: Table | None
    figure: str | None


def scoreboard_page(
    boards: Sequence[Board], figures: Mapping[Quantity, Figure], command: str, facts: Mapping[str, object]
) -> str:
    """The page.

    Args:
        boards: one a quantity.
        figures: by quantity; one without anything to draw has none.
        command: what reproduces this page.
        facts: sources, conventions and versions, shown at the end.
    """
    return render(
        "scoreboard.html",
        title="Scoreboard: every prediction against every measurement",
        boards=[board_text(board, figures.get(board.quantity)) for board in boards],
        meanings=meanings(),
        command=command,
        facts=facts,
    )


def board_text(board: Board, figure: Figure | None = None) -> BoardText:
    """All tables of a board."""
    ranked = sorted(
        ((standing, entry) for standing in board.standings for entry in standing.worst),
        key=lambda standing_entry: standing_entry[1].badness or 0.0,
    )
    closest = [(standing, entry) for standing, entry in ranked if entry.error is not None]
    worst = [(standing, entry) for standing in board.standings for entry in standing.worst[:_WORST]]
    return BoardText(
        board.quantity,
        f"{board.quantity}, in {QUANTITIES[board.quantity]}",
        words.headline(board),
        words.restricted(board),
        _table(board, PREDICTORS, board.standings),
        _table(board, PREDICTIONS, scored_cells(board)),
        _table(board, PREDICTIONS, entry_rows(board, closest[:_LISTED]), "brief"),
        _table(board, PREDICTIONS, entry_rows(board, ranked[::-1][:_LISTED]), "brief"),
        _table(board, PREDICTIONS, entry_rows(board, worst), "screen"),
        None if board.standings else _measured(board),
        None if figure is None else png(figure),
    )


def meanings() -> dict[str, str]:
    """Heading -> meaning of the columns of predictors."""
    return explained([column for column in PREDICTORS if column.texts and "page" in column.texts])


def _table(board: Board, columns: Sequence[Column[Subject]], rows: Sequence[Subject], medium: Medium = "page") -> Table:
    """The columns that a medium shows of these rows."""
    seen = shown(columns, medium, board)
    if medium != "page":  # a phone shows the first columns of a list: its errors
        seen.sort(key=lambda column: (column.kind != "name", column.key != "error"))
    kinds = [_KINDS[column.kind] for column in seen]
    head = tuple(zip(headings(seen, board), kinds, strict=True))
    return Table(head, [texts(seen, medium, board, row) for row in rows])


def _measured(board: Board) -> Table:
    rows = [
        (name, words.measured(cell), str(cell.seeds or "–"), cell.note)
        for name, cell in zip(board.names, board.cells, strict=True)
    ]
    return Table((("cell", "name"), ("measured", "n"), ("seeds", "n"), ("note", "note")), rows)
