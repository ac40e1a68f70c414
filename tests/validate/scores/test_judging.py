"""One prediction against one measurement, and ranks: what the scoreboard's own tables do not show."""

from __future__ import annotations

import numpy as np
import pytest

from tests.validate.scores.test_scoreboard import board_of, cell, saying
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Answer
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.setting import Setting
from twopeaks.validate.measured.statistics import TransitionPoint
from twopeaks.validate.scores import ranking
from twopeaks.validate.scores.board import judge, score
from twopeaks.validate.scores.predictors import asked
from twopeaks.validate.scores.ranking import median_interval, place, rms_interval
from twopeaks.validate.scores.words import brief

ERRORS = np.random.default_rng(5).gamma(2.0, 0.1, size=(3, 9))


# --- one prediction ------------------------------------------------------------------------------------


def test_an_accuracy_is_wrong_by_differences_at_both_ends() -> None:
    entry = judge(4, saying(0.7, quantity="test_accuracy"), cell(0.5, 0.4, 0.6, "test_accuracy"))
    assert (entry.cell, entry.kind) == (4, "difference")
    assert (entry.error, entry.error_low, entry.error_high) == pytest.approx((0.2, 0.1, 0.3))


@pytest.mark.parametrize("prediction", [None, saying(None, quantity="test_accuracy")])
def test_what_was_not_predicted_keeps_its_kind(prediction: None) -> None:
    assert judge(0, prediction, cell(0.5, quantity="test_accuracy")).kind == "difference"
    assert judge(0, prediction, cell(None, 0.4, None, quantity="test_accuracy")).kind == "difference"


def test_an_accuracy_beyond_a_bound_is_wrong_by_a_difference() -> None:
    entry = judge(0, saying(0.3, quantity="test_accuracy"), cell(None, 0.4, None, "test_accuracy"))
    assert (entry.at_least, entry.kind) == (pytest.approx(-0.1), "difference")
    assert brief(entry) == "-10.0 pts at least"


def test_a_ratio_to_nothing_is_no_error() -> None:
    assert judge(0, saying(50), cell(100, 0, 120)).error_high is None


POINT = TransitionPoint(100.0, 80.0, 125.0, 5.0)


def test_a_transition_is_scored_in_the_order_given() -> None:
    first, second = score([saying(110, 105, 130), saying(90, 85, 101)], POINT)
    assert (first.error, first.error_low, first.error_high) == pytest.approx((0.1, 110 / 125 - 1, 110 / 80 - 1))
    assert (second.error, second.error_low, second.error_high) == pytest.approx((-0.1, 90 / 125 - 1, 90 / 80 - 1))
    assert (first.contains, second.contains) == (False, True)
    assert first.prediction.value == 110


@pytest.mark.parametrize(
    ("prediction", "point", "known", "contains"),
    [
        (saying(110, 90, None), POINT, True, None),
        (saying(110, None, 120), POINT, True, None),
        (saying(None), POINT, False, None),
        (saying(110, 90, 120), TransitionPoint(None, 80.0, None, None), False, None),
    ],
)
def test_what_is_missing_on_either_side_is_no_score(
    prediction: object, point: TransitionPoint, known: bool, contains: bool | None
) -> None:
    (row,) = score([prediction], point)  # type: ignore[list-item]
    assert (row.error is not None, row.contains) == (known, contains)
    assert (row.error_low is None) == (row.prediction.value is None or point.high is None)
    assert (row.error_high is None) == (row.prediction.value is None)


def test_a_predictor_that_refuses_a_setting_has_used_nothing() -> None:
    @predictor(name="picky", quantity="n_c", constants=3, fitted_on="runs", assumptions=("a",), runs=5)
    def picky(setting: Setting) -> Answer:
        raise InputError("group", "another one", setting.task.name, "choose it")

    tells: list[int] = []
    (answers,) = asked([cell(100)], [picky], tells.append)
    assert (answers.predictor, answers.origin, tells) == ("picky", "asked", [1])
    refusal = answers.on[0]
    assert (refusal.value, refusal.low, refusal.high, refusal.valid) == (None, None, None, False)
    assert (refusal.constants_fitted, refusal.runs_used, refusal.assumptions) == (0, 0, ())
    assert (refusal.predictor, refusal.quantity, refusal.group) == ("picky", "n_c", "Z11")
    assert refusal.note == "refused: group must be another one, got 'Z11'; choose it"


# --- places --------------------------------------------------------------------------------------------


def test_the_bootstrap_is_the_same_each_time_and_is_that_of_seed_0_in_4000_draws() -> None:
    assert place(ERRORS) == place(ERRORS, 4000, 0)
    assert place(ERRORS) != place(ERRORS, 4000, 1)
    many = np.random.default_rng(6).gamma(2.0, 0.1, size=1000)
    for interval in (median_interval, rms_interval):
        assert interval(many) == interval(many, 4000, 0)
        assert interval(many) != interval(many, 4000, 1)


def test_an_interval_of_one_competitor_is_that_of_its_median() -> None:
    (placing,) = place(ERRORS[:1])
    assert (placing.low, placing.high) == median_interval(ERRORS[0])
    assert (placing.rank, placing.rank_low, placing.rank_high, placing.best) == (1, 1, 1, 1)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resamples are drawn in pieces of so many numbers, and the numbers do not depend on it."""
    whole, most = place(ERRORS, 200), 0
    median = np.median

    def watched(values: np.ndarray, axis: int | None = None) -> np.ndarray:
        nonlocal most
        most = max(most, values.size)
        return np.asarray(median(values, axis=axis))

    monkeypatch.setattr(ranking, "_AT_ONCE", 10 * ERRORS.size)
    monkeypatch.setattr(ranking.np, "median", watched)
    assert place(ERRORS, 200) == whole
    assert most == 10 * ERRORS.size


def test_the_best_on_common_cells_is_first_and_who_has_no_error_last() -> None:
    measured = [cell(100), cell(200), cell(400)]
    board = board_of(
        measured,
        none=[saying(None)] * 3,
        far=[saying(200), saying(400), saying(800)],
        near=[saying(101), saying(202), saying(404)],
    )
    assert [standing.predictor for standing in board.standings] == ["near", "far", "none"]
    assert [standing.runs_used for standing in board.standings] == [2, 2, 2]


def test_who_predicts_nothing_has_used_nothing() -> None:
    board = board_of([cell(100)], silent=[None])
    assert (board.standings[0].constants_fitted, board.standings[0].runs_used) == (0, 0)
