"""Scores as JSON and CSV, key by key: what version 0.1 wrote is there under the same names."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.validate.scores.test_scoreboard import board_of, cell, cells, off, saying
from twopeaks.theory.setting import SCHEMA
from twopeaks.validate.measured.rates import Rate
from twopeaks.validate.scores.board import boards
from twopeaks.validate.scores.files import as_data, cells_csv, predictions_csv, rows_csv, standings_csv
from twopeaks.validate.scores.predictors import Said


def test_every_key_of_the_json() -> None:
    measured = [*cells(2), cell(None, 1000.0, None, rates=(Rate(40, 1, 8),), note="n", source="s")]
    board = board_of(measured, a=[*off(measured[:2], [0.1, -0.2]), saying(300, 200, 400)])
    data = as_data([board], {"command": "c"})
    assert list(data) == ["schema", "boards", "command"]
    assert (data["schema"], data["command"]) == (SCHEMA, "c")
    (found,) = data["boards"]
    assert list(found) == ["quantity", "unit", "errors", "cells", "censored", "common_cells", "predictors"]
    assert (found["quantity"], found["unit"], found["errors"], found["censored"]) == (
        *("n_c", "training examples", "ratio", 1),
    )
    assert found["common_cells"] == {scope: list(board.names[:2]) for scope in ("all", "in range")}
    last = found["cells"][2]
    assert list(last) == [
        *("cell", "quantity", "value", "low", "high", "seeds", "budget", "seconds_of_training", "note", "source"),
        *("rates", "late", "censored", "setting_id", "setting"),
    ]
    assert (last["cell"], last["value"], last["low"], last["censored"]) == (board.names[2], None, 1000.0, True)
    assert last["setting_id"] == measured[2].setting.content_id
    assert last["setting"] == measured[2].setting.model_dump(mode="json")
    (predictor,) = found["predictors"]
    assert (predictor["predictor"], predictor["covered"], predictor["censored"]) == ("a", 0, 1)
    assert list(predictor)[-4:] == ["own", "common", "worst", "entries"]
    own = predictor["own"]["all"]
    assert (own["cells"], own["value"]) == (2, pytest.approx(0.15))
    assert (own["low"], own["high"]) == (pytest.approx(0.1), pytest.approx(0.2))
    assert list(predictor["own"]) == list(predictor["common"]) == ["all", "in range"]
    assert predictor["common"]["all"]["rank"] == 1
    assert predictor["worst"] == [board.names[2], board.names[1], board.names[0]]
    first, _, bounded = predictor["entries"]
    assert list(first) == [
        *("cell", "error", "error_low", "error_high", "at_least", "covered", "cost", "kind", "prediction"),
    ]
    assert (first["cell"], first["covered"], bounded["at_least"]) == (board.names[0], None, pytest.approx(-0.7))
    assert first["prediction"]["value"] == pytest.approx(110)
    json.dumps(data)


def test_nobody_on_common_cells_is_null() -> None:
    board = board_of(cells(2), a=[saying(None)] * 2)
    (predictor,) = as_data([board], {})["boards"][0]["predictors"]
    assert predictor["common"] == {"all": None, "in range": None}
    missing = board_of(cells(2), a=[saying(90), None])
    assert as_data([missing], {})["boards"][0]["predictors"][0]["entries"][1]["prediction"] is None


def test_quantities_that_nobody_predicts_come_last_in_the_table_of_cells() -> None:
    measured = [cell(100, 90, 110), cell(500, 400, 600, "t_grok")]
    found = boards(measured, [Said("t", "t_grok", "file", {1: saying(550, quantity="t_grok")})])
    rows = list(csv.DictReader(io.StringIO(cells_csv(found))))
    assert [(row["quantity"], row["predictor"], row["origin"]) for row in rows] == [
        ("t_grok", "t", "file"),
        ("n_c", "", ""),
    ]
    (row,) = csv.DictReader(io.StringIO(standings_csv(found)))
    assert (row["quantity"], row["predictor"], row["values"]) == ("t_grok", "t", "1")


def test_tables_without_rows_have_a_header() -> None:
    assert rows_csv([]) == "quantity,predictor\n"
    assert predictions_csv([saying(5, 4, 6, note="a, b")]) == (
        "predictor,quantity,group,setting_id,value,low,high,constants_fitted,runs_used,seconds,valid,note,"
        'gradients_used\np,n_c,Z11,,5.0,4.0,6.0,1,2,0.5,True,"a, b",0\n'
    )
