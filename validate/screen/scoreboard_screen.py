"""The scoreboard on a terminal, for each quantity: errors of predictors, what they cost, and where they fail."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from twopeaks.validate.scores import words
from twopeaks.validate.scores.board import Board
from twopeaks.validate.scores.columns import (
    PREDICTIONS,
    PREDICTORS,
    Column,
    Medium,
    Subject,
    entry_rows,
    explained,
    headings,
    shown,
    texts,
)
from twopeaks.validate.screen.terminal import console

__all__ = ["show"]

#: Worst cells that are listed of each predictor.
_WORST = 3


def show(boards: Sequence[Board]) -> None:
    """Print the tables and headlines of all boards."""
    screen = console()
    for board in boards:
        if board.standings:
            errors = f"{words.cells(len(board.cells))} measured, {board.censored or 'none'} censored"
            screen.print(_predictors(board, "screen", errors))
            screen.print(_predictors(board, "cost", "what predictions cost"))
        if any(standing.worst for standing in board.standings):
            screen.print(_worst(board))
        screen.print(Text(words.headline(board)), soft_wrap=True)
        if board.standings:
            screen.print(Text(words.restricted(board)), soft_wrap=True)


def _predictors(board: Board, medium: Medium, title: str) -> Table:
    columns = shown(PREDICTORS, medium, board)
    table = _table(title, columns, board)
    table.columns[0].no_wrap = True
    for standing in board.standings:
        table.add_row(*map(Text, texts(columns, medium, board, standing)))
    table.caption = "; ".join(f"{heading}: {meaning}" for heading, meaning in explained(columns).items())
    return table


def _worst(board: Board) -> Table:
    columns = shown(PREDICTIONS, "screen", board)
    table = _table("worst cells of each predictor", columns, board)
    for standing in board.standings:
        rows = entry_rows(board, ((standing, entry) for entry in standing.worst[:_WORST]))
        for i, row in enumerate(rows):
            name, *others = texts(columns, "screen", board, row)
            table.add_row(*map(Text, ("" if i else name, *others)))
    return table


def _table(title: str, columns: Sequence[Column[Subject]], board: Board) -> Table:
    table = Table(title=f"{board.quantity}: {title}", box=None)
    for column, heading in zip(columns, headings(columns, board), strict=True):
        if column.kind == "number":
            table.add_column(heading, justify="right")
        else:
            table.add_column(heading, overflow="fold")
    return table
