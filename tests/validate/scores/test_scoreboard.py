"""The scoreboard against hand-computed errors, known ranks, censored cells; its files against nonsense."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.places import ROOT
from twopeaks.sim.sweep.spec import spec_of
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Answer, Prediction
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.predictors.paper import paper_law
from twopeaks.theory.predictors.registry import ACCURACY, NO_RUN, TIMES, of_quantity
from twopeaks.theory.predictors.rivals import RIVALS
from twopeaks.theory.setting import Setting, standard
from twopeaks.validate.measured.cell import Measured, Quantity, at_half, distinct, names
from twopeaks.validate.measured.from_csv import COLUMNS, measured_csv
from twopeaks.validate.measured.from_sweep import median_of, to_measure
from twopeaks.validate.scores.board import Board, Entry, boards, judge
from twopeaks.validate.scores.predictors import Said, asked, known_predictors, read_predictions
from twopeaks.validate.scores.ranking import median_interval, place
from twopeaks.validate.scores.words import brief, error, factor, headline, number, rank, restricted
from twopeaks.validate.scores.words import measured as in_words

GROUPS = ("Z11", "Z13", "Z17", "Z19", "Z23", "D5", "D7", "D9", "Z29", "Z31", "S4", "A4")


def cell(
    value: float | None, low: float | None = None, high: float | None = None, quantity: Quantity = "n_c", **more: object
) -> Measured:
    told = {"seeds": 8, "budget": 1000, "seconds_of_training": 50.0, "setting": standard("Z11"), **more}
    return Measured(quantity=quantity, value=value, low=low, high=high, **told)  # type: ignore[arg-type]


def saying(value: float | None, low: float | None = None, high: float | None = None, **more: object) -> Prediction:
    told = {"constants_fitted": 1, "runs_used": 2, "seconds": 0.5, "valid": True, "note": "", "assumptions": ()}
    told |= {"predictor": "p", "quantity": "n_c", "group": "Z11", "setting_id": ""} | more
    return Prediction.model_validate({"value": value, "low": low, "high": high, **told})


def board_of(measured: Sequence[Measured], **said: Sequence[Prediction | None]) -> Board:
    """One quantity; of each predictor one prediction a cell, None where it made none."""
    everything = [
        Said(name, measured[0].quantity, "asked", {i: p for i, p in enumerate(predictions) if p is not None})
        for name, predictions in said.items()
    ]
    (board,) = boards(measured, everything)
    return board


# --- one prediction on one cell ------------------------------------------------------------------------


def test_errors_and_their_intervals_by_hand() -> None:
    entry = judge(0, saying(110, 105, 130), cell(100, 80, 125))
    assert entry.error == pytest.approx(0.1)
    assert entry.error_low == pytest.approx(110 / 125 - 1)
    assert entry.error_high == pytest.approx(110 / 80 - 1)
    assert entry.cost == pytest.approx(0.5 / 50)
    assert entry.badness == entry.error
    assert (entry.overlaps, entry.at_least) == (True, None)


@pytest.mark.parametrize(
    ("own", "measured", "overlapping"),
    [
        ((90, 95), (95, 110), True),  # they touch
        ((90, 94.9), (95, 110), False),
        ((110.1, 120), (95, 110), False),
        ((90, 120), (95, 110), True),  # one inside the other
        ((99, 101), (95, 110), True),
        ((99, 101), (None, None), True),  # no interval: the value 100 alone
        ((101, 102), (None, None), False),
        ((5000, 6000), (95, None), True),  # open upwards
        ((80, 90), (95, None), False),
        ((None, None), (95, 110), None),
    ],
)
def test_overlaps_asks_whether_the_intervals_have_a_point_in_common(
    own: tuple[float | None, float | None], measured: tuple[float | None, float | None], overlapping: bool | None
) -> None:
    assert judge(0, saying(100, *own), cell(100, *measured)).overlaps is overlapping


def test_an_open_interval_leaves_that_end_of_the_error_open() -> None:
    entry = judge(0, saying(90), cell(100, 80, None))
    assert entry.error_low is None
    assert entry.error_high == pytest.approx(90 / 80 - 1)
    assert error(entry) == "-10.0% [-100%, +12.5%]"


def test_a_measurement_without_interval_gives_an_error_without() -> None:
    entry = judge(0, saying(90), cell(100))
    assert entry.error == pytest.approx(-0.1)
    assert (entry.error_low, entry.error_high) == (None, None)
    assert error(entry) == "-10.0%"


@pytest.mark.parametrize(
    ("value", "bounds", "wrong"),
    [
        (800, (1000, None), -0.2),
        (1000, (1000, None), None),
        (5000, (1000, None), None),
        (600, (None, 500), 0.2),
        (400, (None, 500), None),
        (150, (100, 200), None),
        (50, (100, 200), -0.5),
        (250, (100, 200), 0.25),
        (250, (None, None), None),
    ],
)
def test_a_censored_cell_is_scored_from_one_side(
    value: float, bounds: tuple[float | None, float | None], wrong: float | None
) -> None:
    entry = judge(0, saying(value, value, value), cell(None, *bounds))
    assert entry.at_least == (None if wrong is None else pytest.approx(wrong))
    assert (entry.error, entry.overlaps) == (None, None)
    assert brief(entry) == ("not contradicted" if wrong is None else f"{wrong:+.1%} at least")


def test_no_value_is_no_error() -> None:
    for prediction in (None, saying(None, valid=False)):
        entry = judge(0, prediction, cell(100, 90, 110))
        assert (entry.error, entry.overlaps, entry.badness, entry.in_range) == (None, None, None, False)
        assert error(entry) == "no value"


# --- many --------------------------------------------------------------------------------------------------


def cells(count: int = 12) -> list[Measured]:
    return [cell(100.0 + i, 98.0 + i, 102.0 + i, setting=standard(group)) for i, group in enumerate(GROUPS[:count])]


def off(measured: Sequence[Measured], errors: Sequence[float | None]) -> list[Prediction | None]:
    """Predictions that are wrong by so much."""
    pairs = zip(measured, errors, strict=True)
    return [None if wrong is None else saying((one.value or 0.0) * (1 + wrong)) for one, wrong in pairs]


def test_medians_bias_coverage_and_worst_by_hand() -> None:
    measured = cells(4)
    board = board_of(measured, a=off(measured, [0.10, -0.20, 0.04, None]))
    (standing,) = board.standings
    assert standing.own["all"].value == pytest.approx(0.10)
    assert standing.own["all"].cells == standing.values == 3
    assert standing.bias == pytest.approx(0.04)
    assert [entry.cell for entry in standing.worst] == [1, 0, 2]
    assert (standing.overlaps, standing.with_interval, standing.overlaps_interval) == (0, 0, None)
    assert (standing.constants_fitted, standing.runs_used, standing.median_seconds) == (1, 2, 0.5)
    assert standing.median_ratio == pytest.approx(0.01)
    assert board.names[1] == "Z13"


def test_shares_that_overlap_have_a_binomial_interval() -> None:
    measured = cells(4)
    said = [saying(100, 90, 110), saying(100, 90, 110), saying(100, 1, 2), saying(100)]
    (standing,) = board_of(measured, a=said).standings
    assert (standing.overlaps, standing.with_interval) == (2, 3)
    low, high = standing.overlaps_interval or (math.nan, math.nan)
    # Quantiles of Beta(2.5, 1.5), here from its density by brute force.
    grid = (np.arange(400_000) + 0.5) / 400_000
    below = np.cumsum(grid**1.5 * (1 - grid) ** 0.5)
    expected = grid[np.searchsorted(below / below[-1], [0.025, 0.975])]
    assert (low, high) == pytest.approx(tuple(expected), abs=1e-4)


def test_common_cells_are_those_where_everybody_has_an_error() -> None:
    measured = cells(5)
    a, b = off(measured, [0.1] * 5), off(measured, [0.2, 0.2, None, 0.2, 0.2])
    outside = off(measured, [0.3, 0.3, 0.3, 0.3, 0.3])
    outside[0] = saying(130, valid=False)
    board = board_of(measured, a=a, b=b, c=outside, nothing=[saying(None, valid=False)] * 5)
    assert board.common == {"all": (0, 1, 3, 4), "in range": (1, 3, 4)}
    assert board.narrowest == (("b", 4),)
    assert [s.predictor for s in board.standings] == ["a", "b", "c", "nothing"]
    by_name = {s.predictor: s for s in board.standings}
    assert by_name["nothing"].common == {"all": None, "in range": None}
    assert by_name["nothing"].own["all"].value is None
    assert by_name["c"].own["in range"].cells == 4
    assert by_name["c"].in_range == 4
    assert "b on 4" in restricted(board)


def test_without_common_cells_nobody_is_ranked_and_it_is_said() -> None:
    measured = cells(2)
    board = board_of(measured, a=off(measured, [0.1, None]), b=off(measured, [None, 0.05]))
    assert board.common["all"] == ()
    assert [s.predictor for s in board.standings] == ["b", "a"]
    assert all(s.common["all"] is None for s in board.standings)
    assert "nobody is ranked" in restricted(board)
    assert "cells of its own: b" in headline(board)


def test_censored_cells_are_counted_and_never_enter_a_median() -> None:
    measured = [*cells(3), cell(None, 1000.0, None, setting=standard("S4")), cell(None, 10.0, setting=standard("A5"))]
    said: list[Prediction | None] = [*off(measured[:3], [0.1, 0.1, 0.1]), saying(300), saying(20)]
    board = board_of(measured, a=said)
    (standing,) = board.standings
    assert (board.censored, standing.censored, standing.contradicted) == (2, 2, 1)
    assert standing.own["all"].cells == 3
    assert standing.own["all"].value == pytest.approx(0.1)
    assert board.common["all"] == (0, 1, 2)
    assert standing.worst[0].cell == 3  # the worst of all: 70% too low at least
    assert standing.worst[0].at_least == pytest.approx(-0.7)
    assert "S4, -70.0% at least" in headline(board)


def test_quantities_have_boards_of_their_own() -> None:
    measured = [cell(100, 90, 110), cell(500, 400, 600, "t_grok"), cell(50, 40, 60, "t_mem")]
    said = [Said("a", "n_c", "asked", {0: saying(100)}), Said("t", "t_grok", "file", {1: saying(550)})]
    found = boards(measured, said)
    assert [board.quantity for board in found] == ["n_c", "t_mem", "t_grok"]
    assert [len(board.standings) for board in found] == [1, 0, 1]
    assert found[2].standings[0].entries[0].error == pytest.approx(0.1)
    assert headline(found[1]).endswith("nobody predicts t_mem.")


# --- ranks ---------------------------------------------------------------------------------------------


def test_a_clearly_better_predictor_is_surely_the_first() -> None:
    noise = np.random.default_rng(3).uniform(0.9, 1.1, size=(3, 12))
    first, second, third = place(noise * np.array([[0.01], [0.05], [0.2]]))
    assert [p.rank for p in (first, second, third)] == [1, 2, 3]
    assert (first.best, second.best) == (1.0, 0.0)
    assert (first.rank_low, first.rank_high, third.rank_low, third.rank_high) == (1, 1, 3, 3)


def test_equal_predictors_share_their_rank() -> None:
    errors = np.abs(np.random.default_rng(0).normal(size=(1, 9)))
    for found in place(np.repeat(errors, 2, axis=0)):
        assert (found.rank, found.rank_low, found.rank_high) == (1.5, 1.5, 1.5)
        assert found.best == pytest.approx(0.5)


def test_bootstrap_of_three_cells_against_every_resample() -> None:
    """27 resamples of three cells, one by one: interval of the median, and probability to be the best."""
    errors = np.array([[0.1, 0.2, 0.6], [0.3, 0.15, 0.3]])
    every = [np.median(errors[:, list(chosen)], axis=1) for chosen in itertools.product(range(3), repeat=3)]
    best = np.mean([float(a < b) + 0.5 * (a == b) for a, b in every])
    first, second = place(errors, resamples=40_000)
    assert first.best == pytest.approx(best, abs=0.01)
    assert second.best == pytest.approx(1 - best, abs=0.01)
    assert (first.low, first.high) == (0.1, 0.6)  # each has more than 2.5%: 7 of 27
    assert median_interval(errors[1]) == (0.15, 0.3)


def test_cells_are_paired() -> None:
    """Where one is a little closer on every cell it is always the best, however much cells differ."""
    hard = np.exp(np.random.default_rng(1).normal(scale=2, size=11))
    first, _ = place(np.stack([hard, 1.01 * hard]))
    assert first.best == 1.0
    assert (first.high or 0) > 2 * (first.low or 1)  # while neither is known well


def test_one_cell_ranks_without_certainty() -> None:
    first, second = place(np.array([[0.1], [0.2]]))
    assert (first.rank, second.rank) == (1, 2)
    assert (first.low, first.best, first.rank_low) == (None, None, None)
    assert rank(first) == "1"
    assert place(np.zeros((0, 3))) == []


def test_many_cells_are_resampled_in_pieces() -> None:
    errors = np.random.default_rng(2).uniform(size=(4, 5000))
    found = place(errors, resamples=300)
    for p, one in enumerate(found):
        assert (one.low, one.high) == median_interval(errors[p], resamples=300)


# --- medians of times ----------------------------------------------------------------------------------


def test_a_median_that_is_later_than_the_budget_has_no_value() -> None:
    assert median_of([100, 300, None]).value == 300
    assert median_of([100, None]).value is None
    assert median_of([None, None, 5]).value is None
    found = median_of([100, 110, 120, 130, None, None, None])
    assert (found.value, found.low, found.high) == (130, 100 + 10, None)  # an end may be later than the budget
    assert median_of([7]) == type(found)(7.0, None, None)


# --- names and words -----------------------------------------------------------------------------------


def test_names_tell_what_differs() -> None:
    settings = [standard("Z11"), standard("Z11").model_copy(update={"loss": "hinge"})]
    assert names([cell(1, setting=s) for s in settings]) == ["Z11, loss mse", "Z11, loss hinge"]
    sizes = [standard("Z11", samples=n) for n in (30, 40)]
    assert names([cell(1, quantity="t_grok", setting=s) for s in sizes]) == ["Z11, n 30", "Z11, n 40"]
    widths = [standard(group, width=14 * order) for group, order in (("Z31", 31), ("Z37", 37))]
    assert names([cell(1, setting=s) for s in widths]) == ["Z31", "Z37"]
    assert names([cell(1, budget=5), cell(1, budget=None)]) == ["Z11, budget 5", "Z11, budget unknown"]


def test_words_for_numbers() -> None:
    assert [number(x) for x in (None, 142.4, 12345.6, 0.012345, 7.0)] == ["–", "142.4", "12,346", "0.01235", "7"]
    assert [factor(x) for x in (None, 2.5, 1 / 40000, 0.0)] == ["–", "2.5", "1/40,000", "0"]
    assert in_words(cell(None, 20000.0)) == "above 20,000"
    assert in_words(cell(None, 10.0, 20.0)) == "above 10 and below 20"
    assert in_words(cell(None)) == "nothing known"
    assert in_words(cell(100, 90, None)) == "100 [90, later]"


def test_a_cell_given_twice_is_refused() -> None:
    distinct([cell(1), cell(2, quantity="t_mem"), cell(1, budget=2000)])
    with pytest.raises(InputError, match="n_c of Z11 must be measured once"):
        distinct([cell(1, source="a"), cell(2, source="b")])


# --- CSV of measured cells -----------------------------------------------------------------------------


def read(tmp_path: Path, text: str) -> list[Measured]:
    path = tmp_path / "m.csv"
    path.write_text(text)
    return measured_csv(path)[0]


def test_a_csv_with_every_column(tmp_path: Path) -> None:
    text = "group,width,weight_decay,samples,quantity,value,low,high,seeds,steps,seconds,note\n"
    text += "Z11,14 M,1e-3,40%,t_grok,500,450,600,8,20000,12.5,a note\n"
    (found,) = read(tmp_path, text)
    assert (found.quantity, found.value, found.low, found.high) == ("t_grok", 500, 450, 600)
    assert (found.seeds, found.budget, found.seconds_of_training, found.note) == (8, 20000, 12.5, "a note")
    assert (found.setting.task.samples, found.setting.network.width) == (48, 154)
    assert found.setting.optimizer.weight_decay == 1e-3


def test_n_c_is_asked_at_half_of_all_rows_whatever_was_measured(tmp_path: Path) -> None:
    (found,) = read(tmp_path, "group,n_c\nZ11,70\n")
    assert found.setting == at_half(standard("Z11", samples=7)) == standard("Z11", samples=60)


def test_the_committed_crossings_are_read() -> None:
    root = ROOT / "results" / "crossings"
    found, _ = measured_csv(root / "measured.csv")
    assert len(found) >= 6
    assert not any(one.censored for one in found)
    assert {one.quantity for one in found} == {"n_c"}
    assert {one.budget for one in found} == {20000}
    assert all(one.setting.network.width == 14 * one.setting.task.table_of().classes for one in found)
    said, _ = read_predictions(root / "predictions.csv", found)
    assert {"paper-law", "heights-shared"} <= {one.predictor for one in said}
    (board,) = boards(found, said)
    z19 = board.names.index("Z19")
    shared = next(s for s in board.standings if s.predictor == "heights-shared")
    assert shared.entries[z19].error == pytest.approx(0.04, abs=5e-4)  # +4.0%, as the table itself says


@pytest.mark.parametrize(
    ("row", "bound"),
    [("t_grok,,,,true,500", 500), ("t_grok,,,,,500", 500), ("t_grok,,700,,,500", 700), ("t_grok,,700,,yes,", 700)],
)
def test_censored_rows(tmp_path: Path, row: str, bound: float) -> None:
    header = "group,samples,quantity,value,low,high,censored,steps\n"
    (found,) = read(tmp_path, f"{header}Z11,40,{row}\n")
    assert (found.censored, found.low, found.high) == (True, bound, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "with a header, got 'an empty file'"),
        ("group,n_c\n", "one row at least"),
        ("group,low\nZ11,3\n", "with one of value, n_c"),
        ("group,n_c,value\nZ11,3,4\n", "with one of value, n_c"),
        ("n_c,low\n3,2\n", "with a column group"),
        ("group,n_c\n,3\n", "line 2, group must be the name"),
        ("group,n_c\nZ11,-3\n", "line 2, n_c must be a positive number"),
        ("group,n_c,low\nZ11,3,-1\n", "line 2, low must be a number, 0 or more"),
        ("group,n_c\nZ11,inf\n", "positive number"),
        ("group,n_c\nZ11,many\n", "positive number"),
        ("group,n_c\nZZ11,70\n", "line 2, .*ZZ11"),
        ("group,n_c\nZ11,70\nQ7,70\n", "line 3, "),
        ("group,n_c,low,high\nZ11,70,71,75\n", "around the value"),
        ("group,n_c,low,high\nZ11,70,60,65\n", "around the value"),
        ("group,n_c\nZ11,\n", "nothing"),
        ("group,n_c,censored\nZ11,70,true\n", "censored must be true where"),
        ("group,n_c,censored,low\nZ11,,no,30\n", "censored must be true where"),
        ("group,n_c,censored\nZ11,70,maybe\n", "true or false"),
        ("group,n_c,samples\nZ11,70,40\n", "samples must be left out for n_c"),
        ("group,t_grok\nZ11,70\n", "samples must be given for t_grok"),
        ("group,quantity,value\nZ11,t_gork,70\n", "n_c or t_mem or t_grok"),
        ("group,n_c,quantity\nZ11,70,t_mem\n", "quantity must be n_c"),
        ("group,n_c,weigth_decay\nZ11,70,1e-3\n", "did you mean weight_decay"),
        ("group,n_c,n_c\nZ11,70,70\n", "different columns"),
        ("group,n_c,weight_decay\nZ11,70,-1\n", "weight_decay"),
        ("group,n_c,seeds\nZ11,70,2.5\n", "whole number"),
        ("group,n_c\nZ11,70,80\n", "as long as the header"),
        ('group,n_c\n"Z11,70\n', "a CSV file in UTF-8"),
    ],
)
def test_nonsense_in_a_csv_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_columns_that_mean_nothing_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("group,n_c,colour\nZ11,70,red\n")
    assert measured_csv(path)[1] == [f"{path}: not used: colour"]
    assert not {"colour"} & set(COLUMNS)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a file that can be read"):
        measured_csv(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00group")
    with pytest.raises(InputError, match="UTF-8"):
        measured_csv(tmp_path / "b.csv")


# --- predictors ----------------------------------------------------------------------------------------


def declared(name: str, quantity: Quantity) -> predictor:
    return predictor(name=name, quantity=quantity, constants=0, fitted_on="", assumptions=("nothing",))


def test_the_registry_holds_all_that_need_no_run() -> None:
    assert known_predictors() == (*NO_RUN, *RIVALS, *TIMES)
    assert known_predictors(on_request=True) == ACCURACY


def test_each_predictor_is_asked_on_cells_of_its_quantity_alone() -> None:
    heard: list[str] = []

    @declared("times", "t_grok")
    def times(setting: Setting) -> Answer:
        heard.append(setting.content_id)
        return Answer(5)

    measured = [cell(100), cell(9, quantity="t_mem"), cell(7, quantity="t_grok"), cell(8, quantity="t_grok", budget=5)]
    through: list[int] = []
    (said,) = asked(measured, [times], through.append)
    assert (said.predictor, said.quantity, set(said.on)) == ("times", "t_grok", {2, 3})
    assert len(heard) == 1  # the answer is about the setting, whatever was measured there
    assert through == [1]


def test_a_predictor_is_not_asked_on_cells_that_it_cannot_be_about() -> None:
    heard: list[str] = []

    @declared("slow", "t_grok")
    def slow(setting: Setting) -> Answer:
        heard.append(setting.task.name)
        return Answer(5)

    measured = [cell(100, setting=standard("Z13")), cell(7, quantity="t_grok", setting=standard("Z17"))]
    (said,) = asked(measured, [slow])
    assert (heard, set(said.on)) == (["Z17"], {1})
    assert asked(measured[:1], [slow]) == []
    assert set(of_quantity("n_c")) == {*NO_RUN, *RIVALS}
    assert {*of_quantity("t_mem"), *of_quantity("t_grok")} == set(TIMES)
    for of_size in of_quantity("n_c"):  # and this is what they predict
        assert of_size(standard("Z11")).quantity == "n_c"


def test_a_refusal_does_not_say_what_a_predictor_is_about() -> None:
    @declared("p", "t_grok")
    def of_large_ones(setting: Setting) -> Answer:
        if setting.task.name == "Z11":
            raise InputError("group", "larger", "Z11", "take another")
        return Answer(5)

    pairs: list[tuple[str, Quantity]] = [("Z11", "t_mem"), ("Z11", "t_grok"), ("Z13", "t_mem"), ("Z13", "t_grok")]
    measured = [cell(9, quantity=quantity, setting=standard(group)) for group, quantity in pairs]
    (said,) = asked(measured, [of_large_ones])
    assert (said.quantity, set(said.on)) == ("t_grok", {1, 3})
    assert said.on[1].note.startswith("refused: group must be larger")


def test_who_refuses_a_setting_has_no_value_there_and_says_why() -> None:
    odd = Setting.model_validate({"task": {"parity": (6, 3), "samples": 20}, "network": {"width": 16}})
    for one in asked([cell(10, setting=odd)], NO_RUN):
        said = one.on[0]
        assert (said.value, said.valid) == (None, False)
        assert said.note


def predictions(tmp_path: Path, text: str, measured: list[Measured]) -> list[Said]:
    path = tmp_path / "p.csv"
    path.write_text(text)
    return read_predictions(path, measured)[0]


def test_predictions_find_their_cells_by_id_or_by_fields(tmp_path: Path) -> None:
    decays = [spec_of({"base": {"group": "Z11", "weight_decay": d}}).cells[0].setting for d in (1e-4, 1e-3)]
    measured = [cell(70, setting=at_half(s)) for s in decays]
    text = "predictor,group,weight_decay,value,valid\nlaw,Z11,0.001,77,False\nlaw,Z11,1e-4,63,True\n"
    (said,) = predictions(tmp_path, text, measured)
    assert {i: p.value for i, p in said.on.items()} == {0: 63, 1: 77}
    assert (said.origin, said.on[1].valid) == ("file", False)
    text = f"predictor,setting_id,value\nlaw,{measured[1].setting.content_id},77\n"
    assert set(predictions(tmp_path, text, measured)[0].on) == {1}
    with pytest.raises(InputError, match="about one measured setting"):
        predictions(tmp_path, "predictor,group,value\nlaw,Z11,70\n", measured)


def test_json_as_predict_prints_it(tmp_path: Path) -> None:
    measured = [cell(70, setting=at_half(standard("Z11")))]
    said = paper_law(measured[0].setting)
    path = tmp_path / "p.json"
    path.write_text(json.dumps([said.model_dump()]))
    (found,), notes = read_predictions(path, measured)
    assert (found.on[0], notes) == (said, [])
    path.write_text(json.dumps([said.model_dump() | {"low": said.high, "high": said.low}]))
    with pytest.raises(InputError, match="a positive value inside its interval"):
        read_predictions(path, measured)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("group,value\nZ11,3\n", "with a column predictor"),
        ("predictor,group\nlaw,Z11\n", "with a column value"),
        ("predictor,value\nlaw,3\n", "group must be given, or setting_id"),
        ("predictor,group,value\n,Z11,3\n", "predictor must be a name"),
        ("predictor,group,value\nlaw,Z11,-3\n", "positive number"),
        ("predictor,group,value,low\nlaw,Z11,3,4\n", "inside its interval"),
        ("predictor,group,value\nlaw,ZZ11,3\n", "ZZ11"),
        ("predictor,group,value\nlaw,Z13,3\n", "about some of the measured cells"),
        ("predictor,group,value\nlaw,Z11,3\nlaw,Z11,4\n", "the only prediction of its predictor"),
        ("predictor,group,value,quantity\nlaw,Z11,3,n\n", "n_c or t_mem"),
        ("predictor,group,valeu\nlaw,Z11,3\n", "did you mean value"),
    ],
)
def test_nonsense_in_predictions_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        predictions(tmp_path, text, [cell(70, setting=at_half(standard("Z11")))])


@pytest.mark.parametrize("text", ["{", "{}", "[]", "[3]", '[{"predictor": "x"}]'])
def test_nonsense_in_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"p\.json"):
        read_predictions(path, [cell(70)])


def test_what_a_sweep_is_to_measure() -> None:
    grid = spec_of({"grid": {"group": ["Z7", "Z11"], "samples": ["40%", "60%"]}})
    found = to_measure(grid)
    assert [one.quantity for one in found].count("n_c") == 2
    assert [one.quantity for one in found].count("t_grok") == 4
    around = spec_of({"grid": {"group": ["Z7", "Z11"]}, "bisect": {"low": "40%", "high": "60%"}})
    assert [(one.quantity, one.setting.task.name) for one in to_measure(around)] == [("n_c", "Z7"), ("n_c", "Z11")]
    random = spec_of({"base": {"labels": "random"}, "grid": {"samples": ["40%", "60%"]}})
    assert {one.quantity for one in to_measure(random)} == {"t_mem"}
    whole = spec_of({"base": {"samples": "100%"}})
    assert {one.quantity for one in to_measure(whole)} == {"t_mem"}


def test_entries_count_only_where_the_scope_says() -> None:
    outside: Entry = judge(0, saying(90, valid=False), cell(100))
    assert (outside.scored("all"), outside.scored("in range"), outside.in_range) == (True, False, False)


def test_the_table_of_the_committed_crossings_has_a_seed_count() -> None:
    path = ROOT / "results" / "crossings" / "measured.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert all(row["seeds"] and row["steps"] and row["width"] for row in rows)
