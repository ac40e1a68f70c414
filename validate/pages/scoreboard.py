"""The page of the scoreboard: who was close, who was wrong and where, equally large. One self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from matplotlib.figure import Figure

from twopeaks.validate.measured.cell import QUANTITIES, Quantity
from twopeaks.validate.pages.page import document, fact_table, figure_tag
from twopeaks.validate.scores import words
from twopeaks.validate.scores.board import Board, Entry, Standing
from twopeaks.validate.scores.columns import (
    PREDICTIONS,
    PREDICTORS,
    Column,
    Medium,
    Subject,
    entry_rows,
    headings,
    scored_cells,
    shown,
    texts,
)

__all__ = ["RULE", "all_cells", "scoreboard_page", "standings_table"]

#: Cells that are listed as the best and as the worst, and entries of the whole table beyond which it is folded.
_LISTED, _FOLDED = 6, 60

_CSS = """
body { max-width: 66rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 1.4rem; }
.pair section { border-top: 5px solid; padding-top: .1rem; } .pair h3 { margin: .3rem 0; }
.pair .close { border-color: #0072B2; } .pair .wrong { border-color: #D55E00; }
td.name { white-space: nowrap; } td.note { min-width: 15rem; }
h3 { font-size: 1.02rem; } td, th { padding-right: .6rem; } p, dd, li, code { overflow-wrap: anywhere; }
"""

#: What the columns mean.
RULE = (
    "Error: predicted over measured, less one (of test_accuracy: their difference, in points, hundredths); in brackets "
    "what the 95% interval of the measurement leaves. “rms”: root of the mean square of errors. Medians "
    "of |error|, with 95% bootstrap intervals over cells: “own” on all cells where the predictor has a value, “in "
    "range” on those where it calls itself valid, “common” on the cells where every predictor has one. Ranks are by "
    "the median on "
    "the common cells; in brackets the 95% range over resampled cells, the same for all, and “best” is the share of "
    "resamples in which nobody is closer. “Overlaps”: cells where the predictor's interval overlaps the measured one. "
    "A censored cell has a bound and no value: a prediction on its wrong side is wrong by at least the distance, one "
    "on the right side is not contradicted; neither enters a median. “Cost”: seconds of predicting over seconds of "
    "training the same cells, both summed. “(before)”: read from a file of predictions, which were not computed again."
)
_CAPTION = (
    "A row a predictor, a dot a cell, in the same order in each row. Lines: what the 95% interval of the measurement "
    "leaves. Bar: median signed error. The worst cells of each are named."
)


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
    body = "".join(_section(board, figures.get(board.quantity)) for board in boards)
    body += f"""<h2>What the columns mean</h2><p class="small">{escape(RULE)}</p>
<h2>Sources and how to repeat this</h2>
<p><code>{escape(command)}</code></p>
{fact_table(facts)}
"""
    return document("Scoreboard: every prediction against every measurement", body, _CSS)


def _section(board: Board, figure: Figure | None) -> str:
    title = f"<h2>{escape(board.quantity)}, in {escape(QUANTITIES[board.quantity])}</h2>"
    verdict = f'{title}<p class="verdict">{escape(words.headline(board))}</p>'
    if not board.standings:
        return f"{verdict}<h3>Measured</h3>{_measured(board)}"
    drawn = "" if figure is None else figure_tag(figure, _CAPTION, f"Predicted against measured {board.quantity}")
    return f"""{verdict}
{_best_and_worst(board)}
{drawn}
<h3>Predictors</h3>
{standings_table(board)}
<p class="small">{escape(words.restricted(board))}</p>
<h3>Worst cells of each predictor</h3>
{_worst(board)}
{all_cells(board)}
"""


def _best_and_worst(board: Board) -> str:
    """The closest and the farthest predictions of all, side by side."""
    wrong = [(s, entry) for s in board.standings for entry in s.worst]
    wrong.sort(key=lambda pair: pair[1].badness or 0.0)
    close = [pair for pair in wrong if pair[1].error is not None][:_LISTED]
    parts = (("close", "Closest", close), ("wrong", "Farthest off", wrong[::-1][:_LISTED]))
    sections = (
        f'<section class="{kind}"><h3>{title}</h3>{_entries(board, pairs, brief=True)}</section>'
        for kind, title, pairs in parts
    )
    return f'<div class="pair">{"".join(sections)}</div>'


def _entries(board: Board, pairs: Sequence[tuple[Standing, Entry]], *, brief: bool = False) -> str:
    """A row each; in brief without intervals."""
    medium: Medium = "brief" if brief else "screen"
    columns = shown(PREDICTIONS, medium, board)
    return _columns_table(board, columns, [texts(columns, medium, board, row) for row in entry_rows(board, pairs)])


def standings_table(board: Board) -> str:
    """A row a predictor, the best first."""
    columns = shown(PREDICTORS, "page", board)
    return _columns_table(board, columns, [texts(columns, "page", board, standing) for standing in board.standings])


def _worst(board: Board) -> str:
    return _entries(board, [(s, entry) for s in board.standings for entry in s.worst[:3]])


def all_cells(board: Board) -> str:
    """Every predictor on every cell, those without a value and why."""
    columns = shown(PREDICTIONS, "page", board)
    rows = [texts(columns, "page", board, row) for row in scored_cells(board)]
    table = _columns_table(board, columns, rows)
    opened = "" if len(rows) > _FOLDED else " open"
    return f"<details{opened}><summary>All {len(rows)} predictions, cell by cell</summary>{table}</details>"


def _columns_table(board: Board, columns: Sequence[Column[Subject]], rows: Sequence[Sequence[str]]) -> str:
    names = [heading for c, heading in zip(columns, headings(columns, board), strict=True) if c.kind == "name"]
    numbers = [heading for c, heading in zip(columns, headings(columns, board), strict=True) if c.kind == "number"]
    notes = [heading for c, heading in zip(columns, headings(columns, board), strict=True) if c.kind == "note"]
    return _table(names, numbers, rows, last=notes)


def _measured(board: Board) -> str:
    rows = [
        (name, words.measured(cell), str(cell.seeds or "–"), cell.note)
        for name, cell in zip(board.names, board.cells, strict=True)
    ]
    return _table(("cell",), ("measured", "seeds"), rows, last=("note",))


def _table(
    first: Sequence[str], numbers: Sequence[str], rows: Sequence[Sequence[str]], last: Sequence[str] = ()
) -> str:
    """Columns of words, columns of numbers, columns of words."""
    kinds = [' class="name"'] * len(first) + [' class="n"'] * len(numbers) + [' class="note"'] * len(last)
    head = "".join(f"<th{k}>{escape(h)}</th>" for k, h in zip(kinds, (*first, *numbers, *last), strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
