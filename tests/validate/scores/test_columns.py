"""One table of columns behind screen, page, documentation and files; the order of files is that of version 0.1."""

from __future__ import annotations

import csv
import io

import pytest

from tests.places import ROOT
from tests.validate.scores.test_scoreboard import board_of, cell, cells, off, saying
from twopeaks.validate.scores import files
from twopeaks.validate.scores.board import Board
from twopeaks.validate.scores.columns import (
    PREDICTIONS,
    PREDICTORS,
    Medium,
    entry_rows,
    explained,
    headings,
    scored_cells,
    shown,
    texts,
    values,
)

#: Columns of version 0.1, in their order.
OLD_PREDICTORS = [
    "quantity",
    "predictor",
    "origin",
    "cells",
    "values",
    "in_range",
    "all_cells",
    "all_median_error",
    "all_median_error_low",
    "all_median_error_high",
    "common_all_cells",
    "common_all_median",
    "common_all_low",
    "common_all_high",
    "common_all_rank",
    "common_all_rank_low",
    "common_all_rank_high",
    "common_all_best",
    "in_range_cells",
    "in_range_median_error",
    "in_range_median_error_low",
    "in_range_median_error_high",
    "common_in_range_cells",
    "common_in_range_median",
    "common_in_range_low",
    "common_in_range_high",
    "common_in_range_rank",
    "common_in_range_rank_low",
    "common_in_range_rank_high",
    "common_in_range_best",
    "median_signed_error",
    "rms_error",
    "rms_error_low",
    "rms_error_high",
    "covered",
    "with_interval",
    "coverage_low",
    "coverage_high",
    "censored",
    "contradicted",
    "constants_fitted",
    "runs_used",
    "seconds",
    "cost_over_training",
    "worst_cell",
    "worst_error",
]
NEW_PREDICTORS = [
    *("total_seconds", "total_training_seconds", "total_cost_over_training", "gradients_used", "amortised")
]  # fmt: skip
OLD_PREDICTIONS = [
    "quantity",
    "cell",
    "setting_id",
    "measured",
    "measured_low",
    "measured_high",
    "censored",
    "seeds",
    "budget",
    "seconds_of_training",
    "predictor",
    "origin",
    "predicted",
    "predicted_low",
    "predicted_high",
    "valid",
    "error",
    "error_low",
    "error_high",
    "wrong_by_at_least",
    "covered",
    "constants_fitted",
    "runs_used",
    "seconds",
    "cost_over_training",
    "note",
    "measurement_note",
    "source",
]


@pytest.fixture
def board() -> Board:
    measured = [*cells(3), cell(None, 1000.0, None)]
    close = off(measured[:3], [0.01, -0.02, 0.03])
    far = [saying(150, 90, 160, valid=False), None, saying(60, 50, 70), saying(300, 200, 400, note="why")]
    return board_of(measured, close=close, far=far)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_files_have_the_columns_of_version_0_1_and_new_ones_after_them(board: Board) -> None:
    assert list(rows(files.standings_csv([board]))[0]) == [*OLD_PREDICTORS, *NEW_PREDICTORS]
    assert list(rows(files.cells_csv([board]))[0]) == OLD_PREDICTIONS


def test_every_value_of_a_row_by_hand(board: Board) -> None:
    far = values(PREDICTORS, board, board.standings[1])
    expected = {
        "quantity": "n_c", "predictor": "far", "origin": "asked", "cells": 4, "values": 3, "in_range": 2,
        "all_cells": 2, "in_range_cells": 1, "common_all_cells": 2, "common_in_range_cells": 1,
        "covered": 1, "with_interval": 2, "censored": 1, "contradicted": 1, "constants_fitted": 1, "runs_used": 2,
        "worst_cell": "Z11, budget 1000" if "," in board.names[3] else board.names[3], "worst_error": -0.7,
    }  # fmt: skip
    assert {key: far[key] for key in expected} == pytest.approx(expected) or far["worst_error"] == pytest.approx(-0.7)
    assert far["all_median_error"] == pytest.approx((0.5 + (1 - 60 / 102)) / 2)
    assert far["in_range_median_error"] == pytest.approx(1 - 60 / 102)
    assert far["median_signed_error"] == pytest.approx((0.5 + (60 / 102 - 1)) / 2)
    assert (far["common_all_rank"], far["common_all_best"]) == (2, 0.0)
    assert far["common_all_median"] == pytest.approx(far["all_median_error"])
    assert far["rms_error"] == pytest.approx(((0.5**2 + (1 - 60 / 102) ** 2) / 2) ** 0.5)
    assert (far["seconds"], far["cost_over_training"]) == (0.5, pytest.approx(0.01))
    close = values(PREDICTORS, board, board.standings[0])
    assert (close["predictor"], close["common_all_rank"], close["common_all_best"]) == ("close", 1, 1.0)
    assert (close["coverage_low"], close["coverage_high"]) == (None, None)
    assert far["coverage_low"] < 0.5 < far["coverage_high"]


def test_every_value_of_a_prediction_by_hand(board: Board) -> None:
    scored = scored_cells(board)
    assert [(row.predictor, row.entry.cell) for row in scored] == [(s, i) for s in ("close", "far") for i in range(4)]
    first, missing, inside, bounded = (values(PREDICTIONS, board, row) for row in scored[4:])
    assert (first["measured"], first["measured_low"], first["measured_high"]) == (100.0, 98.0, 102.0)
    assert (first["predicted"], first["predicted_low"], first["predicted_high"]) == (150, 90, 160)
    assert (first["valid"], inside["valid"], missing["valid"]) == (False, True, None)
    assert (first["covered"], inside["covered"], missing["covered"], bounded["covered"]) == (True, False, None, None)
    assert (first["error"], bounded["error"]) == (pytest.approx(0.5), None)
    assert (first["error_low"], first["error_high"]) == (pytest.approx(150 / 102 - 1), pytest.approx(150 / 98 - 1))
    assert (bounded["wrong_by_at_least"], bounded["censored"]) == (pytest.approx(-0.7), True)
    assert (bounded["note"], bounded["seconds"], bounded["seconds_of_training"]) == ("why", 0.5, 50.0)
    assert (first["seeds"], first["budget"], first["quantity"], first["cell"]) == (8, 1000, "n_c", board.names[0])


def test_cells_of_a_quantity_that_nobody_predicts_have_rows() -> None:
    board = board_of(cells(2))
    (first, second) = rows(files.cells_csv([board]))
    assert (first["predictor"], first["measured"], second["measured"]) == ("", "100.0", "101.0")


def text_of(board: Board, medium: Medium, place: int) -> dict[str, str]:
    columns = shown(PREDICTORS, medium, board)
    return dict(zip(headings(columns, board), texts(columns, medium, board, board.standings[place]), strict=True))


def test_what_the_screen_shows(board: Board) -> None:
    far = text_of(board, "screen", 1)
    assert list(far) == [
        *("predictor", "on", "median |error|", "common (2)", "rank", "best", "in range", "overlaps", "wrong side"),
        "fitted",
    ]
    assert (far["predictor"], far["on"], far["common (2)"], far["in range"]) == ("far", "2", "45.6%", "41.2%")
    assert far["median |error|"].startswith("45.6% [41.2–50.0%]")
    assert (far["rank"][0], far["best"], far["overlaps"][:3], far["wrong side"]) == ("2", "0%", "1/2", "1/1")
    close = text_of(board, "screen", 0)
    assert (close["predictor"], close["in range"], close["overlaps"], close["wrong side"]) == (
        "close",
        "same",
        "–",
        "–",
    )


def test_page_and_documentation_show_the_same_and_more(board: Board) -> None:
    screen, page, site = (text_of(board, medium, 1) for medium in ("screen", "page", "site"))
    for heading in ("on", "median |error|", "overlaps", "wrong side", "fitted"):
        assert screen[heading] == page[heading] == site[heading]
    assert page["median signed"] == site["median signed"] == "+4.4%"
    assert page["in range"] == "41.2% on 1"
    assert page["common (2)"].startswith("45.6% [")
    assert page["rank in range (1)"] == "2"
    assert page["rms"].startswith("45.8%")
    assert (site["predictor"], site["worst cells"].count(";")) == ("`far`", 1)


def test_root_mean_squares_are_on_screen_where_errors_are_differences(board: Board) -> None:
    shares = [cell(0.5, 0.4, 0.6, "test_accuracy"), cell(0.7, 0.6, 0.8, "test_accuracy", budget=5)]
    accuracy = board_of(shares, a=[saying(0.4, quantity="test_accuracy"), saying(0.9, quantity="test_accuracy")])
    assert list(text_of(accuracy, "screen", 0))[:3] == ["predictor", "rms", "on"]
    assert text_of(accuracy, "screen", 0)["rms"].startswith("15.8 pts")
    assert text_of(accuracy, "screen", 0)["common (2)"] == "15.0 pts"
    assert text_of(accuracy, "page", 0)["in range"] == "same"
    assert "rms" not in text_of(board, "screen", 0)


def test_rows_of_worst_cells_say_what_is_predicted_and_measured(board: Board) -> None:
    far = board.standings[1]
    (row,) = entry_rows(board, [(far, far.entries[0])])
    for medium, predicted, measured, error in (
        ("screen", "150 [90, 160]", "100 [98, 102]", "+50.0% [+47.1%, +53.1%]"),
        ("brief", "150", "100", "+50.0%"),
    ):
        columns = shown(PREDICTIONS, medium, board)
        told = dict(zip(headings(columns, board), texts(columns, medium, board, row), strict=True))
        assert list(told) == ["predictor", "cell", "measured", "predicted", "error"]
        assert (told["predictor"], told["predicted"], told["measured"], told["error"]) == (
            *("far", predicted, measured, error),
        )
    columns = shown(PREDICTIONS, "page", board)
    told = dict(zip(headings(columns, board), texts(columns, "page", board, row), strict=True))
    assert (told["in range"], told["overlaps"], list(told)[-1]) == ("no", "yes", "note")
    last = dict(zip(headings(columns, board), texts(columns, "page", board, scored_cells(board)[5]), strict=True))
    assert (last["predicted"], last["in range"], last["note"]) == ("–", "–", "no prediction was made")


def test_every_heading_is_explained_and_stands_in_the_documentation(board: Board) -> None:
    meanings = explained(PREDICTORS)
    for medium in ("screen", "cost", "page"):
        for heading in headings(shown(PREDICTORS, medium, board), board)[1:]:
            assert heading.partition(" (")[0] in meanings
    text = (ROOT / "docs" / "scoreboard.md").read_text().partition("## What the numbers mean")[2]
    rows_of_table = (line.replace(r"\|", "¦").split("|") for line in text.splitlines() if line.startswith("|"))
    names = {name.strip() for row in rows_of_table for name in row[1].split(",")}
    assert {heading.replace("|", "¦") for heading in meanings} <= names
