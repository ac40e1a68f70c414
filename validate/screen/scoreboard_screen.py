"""The scoreboard on a terminal: a table of predictors and a table of where they fail, for each quantity."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from twopeaks.validate.scores import words
from twopeaks.validate.scores.board import Board
from twopeaks.validate.screen.terminal import console

__all__ = ["show"]

#: Worst cells that are listed of each predictor.
_WORST = 3


def show(boards: Sequence[Board]) -> None:
    """Print all of it."""
    screen = console()
    for board in boards:
        if board.standings:
            screen.print(_standings(board))
        if any(standing.worst for standing in board.standings):
            screen.print(_worst(board))
        screen.print(Text(words.headline(board)), soft_wrap=True)
        if board.standings:
            screen.print(Text(words.restricted(board)), soft_wrap=True)


def _standings(board: Board) -> Table:
    table = Table(
        title=f"{board.quantity}: {words.cells(len(board.cells))} measured, {board.censored or 'none'} censored",
        box=None,
    )
    table.add_column("predictor", no_wrap=True)
    headings = ("median |error|", "on", "in range", "common", "rank", "best", "covered", "wrong side", "fitted", "cost")
    by_difference = board.kind == "difference"
    for heading in (*(["rms"] * by_difference), *headings):
        table.add_column(heading, justify="right")
    for s in board.standings:
        place = s.common["all"]
        cells = (
            *([words.median(s.rms, board.kind)] * by_difference),
            words.median(s.own["all"], board.kind),
            f"{s.own['all'].cells}",
            words.share(s.own["in range"].value, board.kind) if s.in_range < s.values else "same",
            words.share(None if place is None else place.median, board.kind),
            words.rank(place),
            words.best(place),
            words.covered(s),
            words.contradicted(s),
            str(s.constants_fitted),
            words.factor(s.cost),
        )
        table.add_row(*map(Text, (s.predictor, *cells)))
    table.caption = (
        "median |error|: over the cells where it has a value (on so many), 95% over cells; in range: only where it "
        "calls itself valid; common: on the cells that all have; wrong side: of the bounds of censored cells; cost: "
        "over that of training"
    )
    return table


def _worst(board: Board) -> Table:
    table = Table(title=f"{board.quantity}: worst cells of each predictor", box=None)
    for heading in ("predictor", "cell"):
        table.add_column(heading, overflow="fold")
    for heading in ("predicted", "measured", "error"):
        table.add_column(heading, justify="right")
    for s in board.standings:
        name = s.predictor
        for entry in s.worst[:_WORST]:
            cell = board.cells[entry.cell]
            told = (board.names[entry.cell], words.predicted(entry), words.measured(cell), words.error(entry))
            table.add_row(*map(Text, (name, *told)))
            name = ""
    return table
