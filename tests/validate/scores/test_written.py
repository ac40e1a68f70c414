"""Predictions that were written down, and sentences about shares: where errors are differences, points are said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.validate.scores.test_columns import text_of
from tests.validate.scores.test_scoreboard import board_of, cell, saying
from twopeaks.theory.errors import InputError
from twopeaks.validate.scores.predictors import predicted_quantities, read_predictions
from twopeaks.validate.scores.words import headline


def written(path: Path, **changes: object) -> dict[str, object]:
    fields = {"predictor": "p", "quantity": "test_accuracy", "group": "Z11", "value": 0.9, "low": 0.8, "high": 1.0}
    fields |= {"constants_fitted": 1, "runs_used": 2, "seconds": 0.5, "valid": True, "note": "n", "assumptions": ["a"]}
    return fields | {"setting_id": cell(0.5).setting.content_id} | changes


def test_json_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps([written(path), written(path, quantity="n_c", value=50, low=None, high=None)]))
    assert predicted_quantities(path) == {"test_accuracy", "n_c"}
    answers, notes = read_predictions(path, [cell(100), cell(0.5, quantity="test_accuracy")])
    assert [(each.quantity, list(each.on)) for each in answers] == [("test_accuracy", [1]), ("n_c", [0])]
    assert answers[0].on[1].note == "n"
    assert answers[0].on[1].assumptions == ("a",)
    assert notes == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": 1.1, "high": 1.2}, "prediction 2 must be a share between 0 and 1 inside its interval"),
        ({"value": -0.1, "low": None}, "prediction 2 must be a share between 0 and 1 inside its interval"),
        ({"value": 0.7}, "prediction 2 must be a share between 0 and 1 inside its interval"),
        ({"quantity": "n_c", "value": 0, "low": None}, "prediction 2 must be a positive value inside its interval"),
        ({"quantity": "n_c", "value": 0.5, "low": 0.6}, "prediction 2 must be a positive value inside its interval"),
        ({"value": "many"}, "prediction 2, value must be"),
    ],
)
def test_the_prediction_that_cannot_be_is_named(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps([written(path), written(path, **changes)]))
    with pytest.raises(InputError, match=message):
        predicted_quantities(path)


@pytest.mark.parametrize("ends", [(0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (None, 1.0, None), (None, 0.0, None)])
def test_none_and_all_are_shares(tmp_path: Path, ends: tuple[float | None, float, float | None]) -> None:
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps([written(path, low=ends[0], value=ends[1], high=ends[2])]))
    assert predicted_quantities(path) == {"test_accuracy"}


def test_predictions_of_other_cells_alone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps([written(path, setting_id="0" * 16)]))
    message = (
        "must be about some of the measured cells, got '1 about others'; "
        "groups, fields and setting_id must be those of the measured cells"
    )
    with pytest.raises(InputError, match=message):
        read_predictions(path, [cell(0.5, quantity="test_accuracy")])


def test_a_headline_about_shares_says_points() -> None:
    shares = [cell(0.5, quantity="test_accuracy"), cell(0.8, quantity="test_accuracy", budget=5)]
    here = board_of(
        shares, a=[saying(0.6, quantity="test_accuracy"), None], b=[None, saying(0.75, quantity="test_accuracy")]
    )
    assert "smallest median |error| on cells of its own: b (5.0 pts on 1 cell)" in headline(here)


def test_a_page_says_points_where_only_some_shares_are_in_range() -> None:
    shares = [cell(0.5, quantity="test_accuracy"), cell(0.8, quantity="test_accuracy", budget=5)]
    inside, outside = saying(0.6, quantity="test_accuracy"), saying(0.9, quantity="test_accuracy", valid=False)
    said = text_of(board_of(shares, a=[inside, outside]), "page", 0)
    assert said["in range"] == "10.0 pts on 1"
