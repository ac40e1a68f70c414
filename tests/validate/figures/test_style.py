"""A predictor that figures and pages have never heard of is drawn and named like any other."""

from __future__ import annotations

import re
from typing import Any, cast

import numpy as np

from tests.places import ROOT
from twopeaks.theory.predictors.answer import Answer
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.predictors.heights import shared_form
from twopeaks.theory.predictors.registry import PREDICTORS as EVERY
from twopeaks.theory.setting import Setting, standard
from twopeaks.validate.experiment.experiment import Experiment, Outcome, Result
from twopeaks.validate.figures.drawing.style import PREDICTORS, look_of
from twopeaks.validate.figures.of_runs.scaling import fig_scaling
from twopeaks.validate.figures.of_runs.scoreboard import fig_scoreboard
from twopeaks.validate.figures.of_runs.transition import fig_transition
from twopeaks.validate.laws.compare import compare
from twopeaks.validate.laws.families import crossings
from twopeaks.validate.laws.laws import LAWS, NO_RUN, Law
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.measured.statistics import transition_point
from twopeaks.validate.pages.report import verdict
from twopeaks.validate.scores.board import boards, score
from twopeaks.validate.scores.predictors import asked


@predictor(name="unheard-of", quantity="n_c", constants=0, fitted_on="", assumptions=("nothing",))
def unheard_of(setting: Setting) -> Answer:
    """Twice the predicted one."""
    return Answer(2 * (shared_form(setting).value or 1.0))


def n_c_cells() -> list[Any]:
    cells, _ = measured_csv(ROOT / "results" / "transitions" / "measured.csv")
    return [cell for cell in cells if cell.quantity == "n_c" and cell.setting.task.name.startswith("Z")]


def experiment() -> Result:
    """A transition of Z23 between two sizes, of two networks each."""
    setting, predictions = standard("Z23"), (shared_form(standard("Z23")), unheard_of(standard("Z23")))
    before = Outcome(170, (50, 50), (None, None), (0.2, 0.3), (False, False))
    after = Outcome(200, (50, 50), (900, 950), (1.0, 1.0), (False, False))
    measured = transition_point(np.array([170.0, 200.0]), np.array([0.0, 2.0]), np.array([2.0, 2.0]))
    rows = tuple(score(predictions, measured))
    made = Experiment(setting, 1000, 10, (0, 1), (0,))
    nothing = cast("Any", None)
    return Result(made, nothing, (), nothing, predictions, (before, after), measured, rows, 1.0, 1.0)


def test_every_predictor_has_a_look_which_does_not_change() -> None:
    assert look_of("heights-shared") == PREDICTORS["heights-shared"]
    assert look_of("unheard-of") == look_of("unheard-of") == ("#44AA99", (0, (4, 1, 1, 1, 1, 1)))
    assert all(re.fullmatch("#[0-9A-F]{6}", look_of(each.name)[0]) for each in (*EVERY, unheard_of))
    assert not {look_of(name)[0] for name in ("unheard-of", "another", "a third")} & {c for c, _ in PREDICTORS.values()}


def test_a_transition_with_an_unknown_predictor_is_drawn_and_told() -> None:
    result = experiment()
    _, ax = fig_transition(result)
    lines = {str(line.get_label()): line for line in ax.get_lines()}
    for prediction in result.predictions:
        line = lines[f"{prediction.predictor}: {prediction.value:.0f}"]
        assert (line.get_color(), line.get_xdata()[0]) == (look_of(prediction.predictor)[0], prediction.value)  # type: ignore[index]
    assert "Closest: heights-shared." in verdict(result)
    assert "unheard-of +" in verdict(result)


def test_a_scoreboard_with_an_unknown_predictor_is_drawn() -> None:
    cells = n_c_cells()[:4]
    (board,) = boards(cells, asked(cells, [shared_form, unheard_of]))
    figure, _ = fig_scoreboard(board)
    shown = " ".join(text.get_text() for ax in figure.axes for text in (*ax.get_yticklabels(), *ax.texts))
    assert "unheard-of" in shown


def test_laws_beside_an_unknown_predictor_are_drawn() -> None:
    measured, _ = crossings(n_c_cells(), "cyclic-prime", unheard_of)
    comparison = compare(measured, [Law(unheard_of.name, None, 0) if law is NO_RUN else law for law in LAWS])
    _, ax = fig_scaling(comparison)
    (diamonds,) = (line for line in ax.get_lines() if str(line.get_label()).startswith("unheard-of"))
    assert diamonds.get_color() == look_of("unheard-of")[0]
