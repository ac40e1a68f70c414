"""The scoreboard as data: two tables and one JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from twopeaks.theory.predictors.heights import Prediction
from twopeaks.theory.setting import SCHEMA
from twopeaks.validate.measured.cell import QUANTITIES, Measured
from twopeaks.validate.scores.board import SCOPES, Board, Entry, Standing, judge

__all__ = ["as_data", "cells_csv", "predictions_csv", "rows_csv", "standings_csv"]

_PREDICTIONS = (
    "predictor", "quantity", "group", "setting_id", "value", "low", "high", "constants_fitted", "runs_used",
    "seconds", "valid", "note",
)  # fmt: skip


def as_data(boards: Sequence[Board], provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything, as JSON holds it."""
    return {"schema": SCHEMA, "boards": [_board(board) for board in boards], **provenance}


def standings_csv(boards: Sequence[Board]) -> str:
    """A row a predictor and quantity."""
    return rows_csv([_standing_row(board, standing) for board in boards for standing in board.standings])


def cells_csv(boards: Sequence[Board]) -> str:
    """A row a predictor and cell, cells without a prediction too; a row a cell where nobody predicts its quantity."""
    rows = [_cell_row(board, s, entry) for board in boards for s in board.standings for entry in s.entries]
    unasked = [(board, i) for board in boards if not board.standings for i in range(len(board.cells))]
    return rows_csv(rows + [_cell_row(board, None, judge(i, None, board.cells[i])) for board, i in unasked])


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
    told = {key: value for key, value in vars(cell).items() if key != "setting"}
    setting = cell.setting.model_dump(mode="json")
    return {"cell": name, **told, "censored": cell.censored, "setting_id": cell.setting.content_id, "setting": setting}


def _standing(board: Board, standing: Standing) -> dict[str, Any]:
    own = {scope: asdict(standing.own[scope]) for scope in SCOPES}
    placed = {scope: standing.common[scope] for scope in SCOPES}
    return {
        **_standing_row(board, standing),
        "own": own,
        "common": {scope: None if found is None else asdict(found) for scope, found in placed.items()},
        "worst": [board.names[entry.cell] for entry in standing.worst],
        "entries": [_entry(board, entry) for entry in standing.entries],
    }


def _entry(board: Board, entry: Entry) -> dict[str, Any]:
    told = {key: value for key, value in vars(entry).items() if key not in ("cell", "prediction")}
    prediction = None if entry.prediction is None else entry.prediction.model_dump()
    return {"cell": board.names[entry.cell], **told, "prediction": prediction}


def _standing_row(board: Board, standing: Standing) -> dict[str, Any]:
    row: dict[str, Any] = {
        "quantity": board.quantity,
        "predictor": standing.predictor,
        "origin": standing.origin,
        "cells": len(board.cells),
        "values": standing.values,
        "in_range": standing.in_range,
    }
    for scope in SCOPES:
        name, own, common = scope.replace(" ", "_"), standing.own[scope], standing.common[scope]
        row |= {f"{name}_cells": own.cells, f"{name}_median_error": own.value}
        row |= {f"{name}_median_error_low": own.low, f"{name}_median_error_high": own.high}
        fields = ("cells", "median", "low", "high", "rank", "rank_low", "rank_high", "best")
        row |= {f"common_{name}_{field}": getattr(common, field, None) for field in fields}
    low, high = standing.coverage or (None, None)
    worst = standing.worst[0] if standing.worst else None
    return row | {
        "median_signed_error": standing.bias,
        "rms_error": standing.rms.value,
        "rms_error_low": standing.rms.low,
        "rms_error_high": standing.rms.high,
        "covered": standing.covered,
        "with_interval": standing.with_interval,
        "coverage_low": low,
        "coverage_high": high,
        "censored": standing.censored,
        "contradicted": standing.contradicted,
        "constants_fitted": standing.constants_fitted,
        "runs_used": standing.runs_used,
        "seconds": standing.seconds,
        "cost_over_training": standing.cost,
        "worst_cell": None if worst is None else board.names[worst.cell],
        "worst_error": None if worst is None else worst.error if worst.error is not None else worst.at_least,
    }


def _cell_row(board: Board, standing: Standing | None, entry: Entry) -> dict[str, Any]:
    cell, said = board.cells[entry.cell], entry.prediction
    return {
        "quantity": board.quantity,
        "cell": board.names[entry.cell],
        "setting_id": cell.setting.content_id,
        "measured": cell.value,
        "measured_low": cell.low,
        "measured_high": cell.high,
        "censored": cell.censored,
        "seeds": cell.seeds,
        "budget": cell.budget,
        "seconds_of_training": cell.seconds_of_training,
        "predictor": None if standing is None else standing.predictor,
        "origin": None if standing is None else standing.origin,
        "predicted": entry.value,
        "predicted_low": None if said is None else said.low,
        "predicted_high": None if said is None else said.high,
        "valid": None if said is None else said.valid,
        "error": entry.error,
        "error_low": entry.error_low,
        "error_high": entry.error_high,
        "wrong_by_at_least": entry.at_least,
        "covered": entry.covered,
        "constants_fitted": None if said is None else said.constants_fitted,
        "runs_used": None if said is None else said.runs_used,
        "seconds": None if said is None else said.seconds,
        "cost_over_training": entry.cost,
        "note": None if said is None else said.note,
        "measurement_note": cell.note,
        "source": cell.source,
    }


def rows_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Rows with the columns of the first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["quantity", "predictor"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
