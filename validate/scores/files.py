"""The scoreboard as data: two tables and one JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.setting import SCHEMA
from twopeaks.validate.measured.cell import QUANTITIES, Measured
from twopeaks.validate.scores.board import SCOPES, Board, Entry, Standing
from twopeaks.validate.scores.columns import PREDICTIONS, PREDICTORS, scored_cells, values

__all__ = ["as_data", "cells_csv", "predictions_csv", "rows_csv", "standings_csv"]

_PREDICTIONS = (
    "predictor", "quantity", "group", "setting_id", "value", "low", "high", "constants_fitted", "runs_used",
    "seconds", "valid", "note", "gradients_used",
)  # fmt: skip


#: Fields of an entry that JSON has under another name, which is that of version 0.1.
_KEYS = {"overlaps": "covered"}


def as_data(boards: Sequence[Board], provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything, as JSON holds it."""
    return {"schema": SCHEMA, "boards": [_board(board) for board in boards], **provenance}


def standings_csv(boards: Sequence[Board]) -> str:
    """A row a predictor and quantity."""
    return rows_csv([values(PREDICTORS, board, standing) for board in boards for standing in board.standings])


def cells_csv(boards: Sequence[Board]) -> str:
    """A row a predictor and cell, cells without a prediction too; a row a cell where nobody predicts its quantity."""
    asked_first = sorted(boards, key=lambda board: not board.standings)
    return rows_csv([values(PREDICTIONS, board, row) for board in asked_first for row in scored_cells(board)])


def predictions_csv(predictions: Sequence[Prediction]) -> str:
    """What was predicted, in the form that `twopeaks.validate.scores.predictors.read_predictions` reads."""
    return rows_csv([{name: getattr(one, name) for name in _PREDICTIONS} for one in predictions])


def _board(board: Board) -> dict[str, Any]:
    return {
        "quantity": board.quantity,
        "unit": QUANTITIES[board.quantity],
        "errors": board.kind,
        "cells": [_cell(cell, name) for cell, name in zip(board.cells, board.names, strict=True)],
        "censored": board.censored,
        "common_cells": {scope: [board.names[i] for i in board.common[scope]] for scope in SCOPES},
        "predictors": [_standing(board, standing) for standing in board.standings],
    }


def _cell(cell: Measured, name: str) -> dict[str, Any]:
    fields = {key: value for key, value in vars(cell).items() if key != "setting"}
    setting = cell.setting.model_dump(mode="json")
    return {
        "cell": name,
        **fields,
        "censored": cell.censored,
        "setting_id": cell.setting.content_id,
        "setting": setting,
    }


def _standing(board: Board, standing: Standing) -> dict[str, Any]:
    own = {scope: asdict(standing.own[scope]) for scope in SCOPES}
    placed = {scope: standing.common[scope] for scope in SCOPES}
    return {
        **values(PREDICTORS, board, standing),
        "own": own,
        "common": {scope: None if found is None else asdict(found) for scope, found in placed.items()},
        "worst": [board.names[entry.cell] for entry in standing.worst],
        "entries": [_entry(board, entry) for entry in standing.entries],
    }


def _entry(board: Board, entry: Entry) -> dict[str, Any]:
    fields = {_KEYS.get(key, key): value for key, value in vars(entry).items() if key not in ("cell", "prediction")}
    prediction = None if entry.prediction is None else entry.prediction.model_dump()
    return {"cell": board.names[entry.cell], **fields, "prediction": prediction}


def rows_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Rows with the columns of the first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["quantity", "predictor"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
