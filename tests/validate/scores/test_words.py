"""Sentences and numbers of scores, word for word."""

from __future__ import annotations

import pytest

from tests.validate.scores.test_scoreboard import board_of, cell, cells, off, saying
from twopeaks.theory.setting import standard
from twopeaks.validate.scores import words
from twopeaks.validate.scores.board import Median, boards, judge
from twopeaks.validate.scores.cost import Cost
from twopeaks.validate.scores.ranking import Placing

WHOLE = Placing(9, 0.125, 0.1, 0.2, 2.0, 1.0, 3.5, 0.25)
ONE_CELL = Placing(1, 0.125, None, None, 2.0, None, None, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((None, "–"), (0, "0"), (142.0, "142"), (120.0, "120"), (100000.0, "100,000"), (0.5, "0.5"), (1.25, "1.25")),
        *((-12.345, "-12.35"), (0.000123456, "0.000123"), (1234.5, "1,234")),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert words.number(value) == text


def test_shares_and_differences() -> None:
    assert [words.percent(x) for x in (None, 0.5, -0.123, 9.99, 10.0, 123.4)] == [
        *("–", "+50.0%", "-12.3%", "+999.0%", "+1,000%", "+12,340%"),
    ]
    assert [words.percent(x, "difference") for x in (None, 0.5, -0.123)] == ["–", "+50.0 pts", "-12.3 pts"]
    assert [words.share(x) for x in (None, 0.5, 9.99, 10.0)] == ["–", "50.0%", "999.0%", "1,000%"]
    assert [words.share(x, "difference") for x in (None, 0.5)] == ["–", "50.0 pts"]
    assert [words.factor(x) for x in (1.0, 12.345, 0.9, 1 / 16.4)] == ["1", "12.3", "1/1", "1/16"]


def test_seconds_counts_and_amortisation() -> None:
    assert [words.seconds(x) for x in (None, 0.0123, 2.34, 99.4, 100.4, 3685.2)] == [
        *("–", "0.012", "2.3", "99", "100", "3,685"),
    ]
    assert [words.count(x) for x in (None, 0, 12192)] == ["–", "0", "12,192"]
    told = [words.amortised(Cost(cells, 1.0, 2.0, 3, shared)) for cells, shared in ((88, True), (1, True), (5, False))]
    assert told == ["over 88 cells", "over 1 cell", "no"]
    assert words.amortised(Cost(5, 1.0, 2.0, 3, None)) == "–"


def test_medians_and_ranks() -> None:
    assert words.median(WHOLE) == "12.5% [10.0–20.0%]"
    assert words.median(WHOLE, "difference") == "12.5 pts [10.0–20.0 pts]"
    assert words.median(ONE_CELL) == "12.5%"
    assert words.median(Median(3, 0.125, 0.1, 0.2)) == "12.5% [10.0–20.0%]"
    assert [words.median(x) for x in (None, Median(0, None, None, None))] == ["–", "–"]
    assert [words.rank(x) for x in (WHOLE, ONE_CELL, None)] == ["2 [1–3.5]", "2", "–"]
    assert [words.best(x) for x in (WHOLE, ONE_CELL, None)] == ["25%", "–", "–"]
    assert [words.cells(n) for n in (0, 1, 2)] == ["no cells", "1 cell", "2 cells"]


def test_measured_and_predicted() -> None:
    assert words.measured(cell(100)) == "100"
    assert words.measured(cell(100, None, 110)) == "100 [–, 110]"
    assert words.measured(cell(None, None, 20.0)) == "below 20"
    assert words.measured_briefly(cell(100, 90, 110)) == "100"
    assert words.measured_briefly(cell(None, 90)) == "above 90"
    told = [words.predicted(judge(0, saying(150, *ends), cell(100))) for ends in ((90, 160), (90, None), (None, 160))]
    assert told == ["150 [90, 160]", "150", "150"]
    assert words.predicted(judge(0, None, cell(100))) == words.predicted(judge(0, saying(None), cell(100))) == "–"


def test_errors() -> None:
    assert words.error(judge(0, saying(110), cell(100, 80, 125))) == "+10.0% [-12.0%, +37.5%]"
    assert words.error(judge(0, saying(110), cell(100, 80, None))) == "+10.0% [-100%, +37.5%]"
    assert words.error(judge(0, saying(110), cell(100, None, 125))) == "+10.0% [-12.0%, –]"
    shares = judge(0, saying(0.5, quantity="test_accuracy"), cell(0.7, 0.6, 0.75, "test_accuracy"))
    assert words.error(shares) == "-20.0 pts [-25.0 pts, -10.0 pts]"
    assert words.brief(judge(0, saying(50), cell(None, 100))) == "-50.0% at least"


def test_who_is_closest_in_a_sentence() -> None:
    measured = cells(3)
    board = board_of(measured, a=off(measured, [0.1, -0.2, 0.1]), b=off(measured, [0.3, 0.3, 0.3]))
    assert words.headline(board) == (
        "n_c on 3 cells: closest on the 3 cells common to all is a, median |error| 10.0% [10.0–20.0%], the best of 2 "
        "with probability 100%. Worst cell of a: Z13, -20.0% [-21.6%, -18.4%]. Worst of all: b on Z11, +30.0% "
        "[+27.5%, +32.7%]."
    )
    assert words.restricted(board) == "All predictors with an error have it on the same 3 cells."
    (alone,) = (board_of(measured, a=off(measured, [0.1, -0.2, 0.1])),)
    assert words.headline(alone).endswith("Worst of all: a on Z13, -20.0% [-21.6%, -18.4%].")
    assert "Worst cell of" not in words.headline(alone)


def test_who_is_closest_on_cells_of_its_own() -> None:
    measured = cells(4)
    board = board_of(measured, a=off(measured, [0.2, 0.2, 0.01, 0.01]), b=off(measured, [0.15, 0.15, None, None]))
    assert "is b, median |error| 15.0% [15.0–15.0%], the best of 2" in words.headline(board)
    assert "On cells of their own the smallest is that of a (10.5% [1.0–20.0%] on 4 cells)." in words.headline(board)
    apart = board_of(measured, a=off(measured, [0.2, None, None, None]), b=off(measured, [None, 0.1, 0.1, None]))
    assert words.headline(apart).startswith(
        "n_c on 4 cells: smallest median |error| on cells of its own: b (10.0% [10.0–10.0%] on 2 cells)."
    )


def test_who_leaves_cells_out() -> None:
    measured = cells(6)
    narrow = {f"p{n}": off(measured, [0.1] * n + [None] * (6 - n)) for n in (1, 2, 3, 4, 5)}
    board = board_of(measured, whole=off(measured, [0.1] * 6), **narrow)
    assert words.restricted(board) == (
        "Common to all: 1 cell. Errors on fewer cells than others: p1 on 1, p2 on 2, p3 on 3, p4 on 4 and 1 more."
    )
    four = board_of(measured, whole=off(measured, [0.1] * 6), **{k: narrow[k] for k in ("p1", "p2", "p3", "p4")})
    assert words.restricted(four).endswith("p1 on 1, p2 on 2, p3 on 3, p4 on 4.")
    apart = board_of(measured, a=off(measured, [0.1, *[None] * 5]), b=off(measured, [None, 0.1, *[None] * 4]))
    assert words.restricted(apart) == "Common to all: no cells, so nobody is ranked; choose with --predictor."
    silent = board_of(measured, a=[saying(None)] * 6)
    assert words.restricted(silent) == "No predictor has an error on any cell."
    assert words.headline(silent) == "n_c on 6 cells: no predictor has a value on a cell that has one."


def test_censored_cells_are_counted_in_the_sentence() -> None:
    measured = [*cells(2), cell(None, 1000.0, setting=standard("S4"))]
    assert words.headline(boards(measured, [])[0]) == "n_c on 3 cells, 1 censored: nobody predicts n_c."
    (standing,) = board_of(measured, a=[*off(measured[:2], [0.1, 0.1]), saying(500, 400, 600)]).standings
    assert (words.contradicted(standing), words.overlaps(standing), words.predictor(standing)) == ("1/1", "–", "a")


def test_spans_of_training_examples() -> None:
    ends = [(186.4, 184.6, 188.2), (186.4, 186.2, 186.4), (186.4, None, 188.0), (None, 20.0, 30.0), (None, None, 30.0)]
    assert [words.span(*one) for one in ends] == [
        *("186 [185, 188]", "186", "186", "above 20 and below 30", "below 30"),
    ]
    assert words.span(None, 20.0, None) == "above 20"
    assert words.span(None, None, None) == "–"
