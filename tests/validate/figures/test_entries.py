"""What the catalogue says of figures, and a scoreboard's ranges, markers, names and legend."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.validate.figures.test_drawn_runs import FORECAST, SEEN, comparison
from tests.validate.scores.test_scoreboard import board_of, cell, saying
from twopeaks.theory.errors import InputError
from twopeaks.validate.figures.catalogue import CATALOGUE, entry
from twopeaks.validate.figures.drawing.entry import Entry, MissingError, usable
from twopeaks.validate.figures.drawing.over_seeds import mean_of
from twopeaks.validate.figures.drawing.style import FADED
from twopeaks.validate.figures.drawing.tables import read_table
from twopeaks.validate.figures.of_paper import kinds_of_training
from twopeaks.validate.figures.of_runs.claims import _by_factors
from twopeaks.validate.figures.of_runs.forecast import fig_forecast
from twopeaks.validate.figures.of_runs.scaling import _title
from twopeaks.validate.figures.of_runs.scoreboard import fig_scoreboard
from twopeaks.validate.laws.compare import verdict

# --- entries -------------------------------------------------------------------------------------------


def drawn(table: pl.DataFrame, ax: Axes | None = None) -> tuple[Figure, Axes]:
    return plt.subplots() if ax is None else (ax.get_figure(), ax)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "title", "paper"),
    [
        ("depth", "Two, three and four layers", "Fig. 9"),
        ("complex-weights", "Real and complex weights", "Figs. 10-11"),
        ("ridge", "The last layer trained, or solved by ridge regression", "Figs. 12-13"),
        ("zero-init", "The last layer from random weights, or from zero", "Figs. 14-17"),
    ],
)
def test_kinds_of_training_are_made_from_sweeps_of_their_own(name: str, title: str, paper: str) -> None:
    made = {each.name: each for each in vars(kinds_of_training).values() if isinstance(each, Entry)}[name]
    assert entry(name) == made
    assert (made.title, made.paper) == (title, paper)
    assert made.reduce is not None
    assert made.measure is None
    assert made.spec is not None
    assert made.spec.is_file()
    assert made.files == (f"figures/{name}.csv",)
    assert made.remake == f"twopeaks figures {name} --measure"


def test_captions_are_one_line_of_sentences() -> None:
    for each in CATALOGUE:
        assert "\n" not in each.caption
        assert "  " not in each.caption
        assert len(each.caption.split()) > 20
    assert Entry("n", "t", "\n  two \n lines\n", drawn).caption == "two lines"


def test_an_entry_says_how_its_sources_are_made() -> None:
    sources = ("crossings/measured.csv", "times-gd/flow.csv", "crossings/predictions.csv")
    plain = Entry("n", "t", "c", drawn, sources=sources)
    assert plain.remake == 'make reproduce ONLY="crossings times-gd"'
    assert plain.files == sources
    assert (plain.trained, plain.spec) == (False, None)
    assert Entry("n", "t", "c", drawn, sources=sources, made="twopeaks x").remake == "twopeaks x"


def test_an_entry_draws_the_table_that_it_gathers(tmp_path: Path) -> None:
    plain = Entry("n", "t", "c", drawn, sources=("a.csv", "b.csv"))
    with pytest.raises(MissingError, match=r"a\.csv"):
        plain.gather(tmp_path)
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(MissingError, match=r"b\.csv"):
        plain.gather(tmp_path)
    (tmp_path / "b.csv").write_text("z\n3\n")
    assert plain.gather(tmp_path).rows() == [(1, 2)]
    figure = plain.draw(pl.DataFrame())
    assert isinstance(figure, Figure)
    plt.close(figure)


def test_a_mean_of_nothing_and_of_one_has_no_interval() -> None:
    nothing, single = mean_of(np.array([np.nan, np.nan])), mean_of(np.array([2.0, np.nan]))
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()
    assert single.value == 2
    assert np.isnan([single.low, single.high]).all()


def test_a_figure_is_found_by_its_name_or_by_one_like_it() -> None:
    for each in CATALOGUE:
        assert entry(each.name) is each
    with pytest.raises(InputError, match=r"got 'two-peak'; did you mean two-peaks\?$"):
        entry("two-peak")
    with pytest.raises(InputError, match=r"got 'zzz'; `twopeaks figures` lists them$"):
        entry("zzz")


def test_what_damaged_numbers_lead_to_is_one_line() -> None:
    with (
        pytest.raises(InputError, match=r"^numbers must be tables, got 'ValueError: first'; again$"),
        usable("numbers", "tables", "again"),
    ):
        raise ValueError("first\nsecond")
    with pytest.raises(InputError, match=r"^numbers must be tables, got 'KeyError: '; "), usable("numbers", "tables"):
        raise KeyError
    with pytest.raises(InputError, match=r"^own must be this"), usable("numbers", "tables"):
        raise InputError("own", "this", "that", "mend it")
    with pytest.raises(OSError, match="disk"), usable("numbers", "tables"):
        raise OSError("disk")


def test_a_table_is_read_with_all_its_rows_in_mind(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "1,2\n" * 300 + "1.5,\n")
    table = read_table(path)
    assert table.schema == {"x": pl.Float64, "y": pl.Int64}
    assert table.rows()[-1] == (1.5, None)
    with pytest.raises(InputError, match=r"must be .*, got '.*No such file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match="empty"):
        read_table(tmp_path / "empty.csv")


# --- a scoreboard --------------------------------------------------------------------------------------


def panel(quantity: str, value: float, prediction: float, **more: object) -> Axes:
    measured = [cell(value, quantity=quantity)]  # type: ignore[arg-type]
    return fig_scoreboard(board_of(measured, p=[saying(prediction, quantity=quantity, **more)]))[1]


@pytest.mark.parametrize(
    ("prediction", "scale"),
    [(200, "linear"), (50, "linear"), (2000, "log"), (2, "log")],
    ids=["2", "half", "20", "0.02"],
)
def test_ratios_far_apart_are_on_a_logarithmic_axis(prediction: float, scale: str) -> None:
    ax = panel("n_c", 100, prediction)
    assert ax.get_xscale() == scale
    low, high = ax.get_xlim()
    assert low < min(1, prediction / 100) < max(1, prediction / 100) < high
    if scale == "log":  # as much room on both sides
        ratio = prediction / 100
        room = math.log(min(1, ratio) / low), math.log(high / max(1, ratio))
        assert room[0] == pytest.approx(room[1])
        assert [tick for tick in ax.get_xticks() if not low <= tick <= high] == []
    plt.close(ax.figure)  # type: ignore[arg-type]


@pytest.mark.parametrize("prediction", [0.2, 0.9])
def test_shares_are_on_a_linear_axis_in_points(prediction: float) -> None:
    ax = panel("test_accuracy", 0.5, prediction)
    low, high = ax.get_xlim()
    off = prediction - 0.5
    assert ax.get_xscale() == "linear"
    assert min(0, off) - low == pytest.approx(high - max(0, off))
    assert ax.xaxis.get_major_formatter()(0.1, 0) == "+10"
    assert ax.xaxis.get_major_formatter()(0.0, 0) == "0"
    assert ax.get_xlabel() == "predicted test_accuracy less measured, in points"
    plt.close(ax.figure)  # type: ignore[arg-type]


def test_open_dots_are_outside_the_range_and_said_to_be() -> None:
    inside, outside = panel("n_c", 100, 120), panel("n_c", 100, 120, valid=False)
    for ax, face, words in ((inside, None, False), (outside, "white", True)):
        (dot,) = [line for line in ax.get_lines() if line.get_marker() == "o"]
        assert (dot.get_markerfacecolor() == "white") is words
        assert face is None or dot.get_markerfacecolor() == face
        assert dot.get_markerfacecolor() in (dot.get_color(), "white")
        legend = ax.get_legend()
        assert legend is not None
        said = [text.get_text() for text in legend.get_texts()]
        assert ("outside the predictor's range" in said) is words
        assert said[0] == "cell, 95% of measurement"
        assert said[-1] == "median signed error"
        assert {handle.get_color() for handle in legend.get_lines()} == {FADED}
        plt.close(ax.figure)  # type: ignore[arg-type]


def test_a_predictor_with_censored_cells_alone_has_no_known_error() -> None:
    board = board_of([cell(None, 1000, None)], p=[saying(800)])
    ax = fig_scoreboard(board)[1]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["p\nno error known"]
    (dot,) = [line for line in ax.get_lines() if line.get_marker() == "<"]
    assert dot.get_xdata() == pytest.approx([0.8])
    legend = ax.get_legend()
    assert legend is not None
    assert "censored cell: wrong by at least this" in [text.get_text() for text in legend.get_texts()]
    plt.close(ax.figure)  # type: ignore[arg-type]


# --- small parts of figures of commands ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "factors"),
    [
        ([1, 2, 4, 8], True),
        ([1, 2, 4, 7.9], False),
        ([1, 10, 100], True),
        ([1, 100], False),
        ([1, 1, 100, math.nan], False),
        ([0, 1, 10, 100], False),
        ([-1, 10, 100], False),
        ([1, 3, 5, 7, 9], False),
    ],
)
def test_numbers_grow_by_factors_over_eight_at_least(values: list[float], factors: bool) -> None:
    assert _by_factors(values) is factors


def test_a_span_needs_both_ends_of_a_forecast_of_a_time() -> None:
    whole = fig_forecast(SEEN, FORECAST)[1]
    assert any("t_grok 900 [600, 1,500], if it groks" in str(line.get_label()) for line in whole.lines)
    for lost in ({"t_low": None}, {"t_high": None}, {"t_grok": None}, {"state": "unsure"}):
        ax = fig_forecast(SEEN, replace(FORECAST, **lost))[1]  # type: ignore[arg-type]
        assert not any("t_grok" in str(line.get_label()) for line in ax.lines)
        assert len(ax.patches) == 0
        plt.close(ax.figure)  # type: ignore[arg-type]
    assert len(whole.patches) == 1
    plt.close(whole.figure)  # type: ignore[arg-type]


def test_the_title_of_laws_says_whether_it_is_decided() -> None:
    decision = verdict(comparison())
    for decided, word in ((True, "Decided"), (False, "Undecided")):
        title = _title(replace(decision, decided=decided))
        assert title.startswith(f"{word}: evidence {decision.ratio} for {decision.favoured} against {decision.other}")
