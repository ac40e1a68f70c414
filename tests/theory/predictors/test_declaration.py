"""What the decorator declares and checks, what every registered predictor declares, and committed predictions again."""

from __future__ import annotations

import inspect
import math
import pkgutil
from collections import Counter
from importlib import import_module

import pytest

import twopeaks.theory.predictors as room
from tests.places import ROOT
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Answer
from twopeaks.theory.predictors.calibrated import control_calibrated, phases_calibrated
from twopeaks.theory.predictors.declaration import Predictor, predictor
from twopeaks.theory.predictors.heights import closed_form, shared_form
from twopeaks.theory.predictors.phases import phases_accuracy, phases_form
from twopeaks.theory.predictors.registry import PREDICTORS, TIMES, named, of_quantity
from twopeaks.theory.predictors.rival_times import density_power_law, first_passage, norm_separation
from twopeaks.theory.setting import Setting, standard
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.scores.predictors import asked, read_predictions

EVERY = (*PREDICTORS, control_calibrated, phases_calibrated, norm_separation, first_passage, density_power_law)
Z23 = standard("Z23")


def is_z23(setting: Setting) -> list[str]:
    return ["it is Z23"] if setting.task.name == "Z23" else []


def five(answer: Answer, **fields: object) -> Predictor[[]]:
    """A predictor that gives this answer."""

    @predictor(name="five", quantity="n_c", constants=3, fitted_on="dice", assumptions=("luck",), runs=2, **fields)  # type: ignore[arg-type]
    def five(setting: Setting) -> Answer:
        """Five."""
        del setting
        return answer

    return five


# --- the decorator ---------------------------------------------------------------------------------------


def test_a_prediction_has_what_is_declared() -> None:
    prediction = five(Answer(5.0, 4.0, 6.0, "a guess", details={"C_gen": 1.5}, gradients_used=7))(Z23)
    assert (prediction.predictor, prediction.quantity, prediction.group) == ("five", "n_c", "Z23")
    assert prediction.setting_id == Z23.content_id
    assert (prediction.value, prediction.low, prediction.high) == (5, 4, 6)
    assert (prediction.constants_fitted, prediction.runs_used, prediction.assumptions) == (3, 2, ("luck",))
    assert (prediction.valid, prediction.note) == (True, "a guess")
    assert (prediction.details, prediction.gradients_used) == ({"C_gen": 1.5}, 7)


def test_an_answer_overrides_what_is_declared() -> None:
    changed = Answer(5.0, constants_fitted=0, runs_used=0, assumptions=(), seconds=9.0)
    prediction = five(changed)(Z23)
    assert (prediction.constants_fitted, prediction.runs_used, prediction.assumptions) == (0, 0, ())
    assert prediction.seconds >= 9


def test_outside_its_range_a_value_is_not_valid_and_reasons_follow_the_note() -> None:
    prediction = five(Answer(5.0, note="a guess", outside=("too wide",)), outside=(is_z23,))(Z23)
    assert (prediction.value, prediction.valid) == (5, False)
    assert prediction.note == "a guess; it is Z23; too wide"
    assert five(Answer(5.0), outside=(is_z23,))(standard("Z19")).valid


def test_a_refusal_computes_nothing() -> None:
    prediction = five(Answer(5.0, note="a guess"), refuses=(is_z23,), outside=(is_z23,))(Z23)
    assert (prediction.value, prediction.valid, prediction.note) == (None, False, "it is Z23; it is Z23")
    assert five(Answer(5.0), refuses=(is_z23,))(standard("Z19")).value == 5


def test_no_value_is_never_valid() -> None:
    assert not five(Answer(note="none"))(Z23).valid


def test_details_are_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        five(Answer(5.0, details={"n_rho": math.inf}))(Z23)


def test_a_predictor_keeps_name_and_documentation_of_its_function_and_cannot_be_changed() -> None:
    made = five(Answer(5.0))
    assert (made.__name__, made.__doc__) == ("five", "Five.")  # type: ignore[attr-defined]
    assert list(inspect.signature(made).parameters) == ["setting"]
    with pytest.raises(AttributeError):
        made.answer = closed_form.answer  # type: ignore[misc]


# --- every predictor -------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", EVERY, ids=repr)
def test_every_predictor_declares_what_a_reader_needs(each: Predictor[...]) -> None:
    declared = each.declared
    assert declared.assumptions
    assert bool(declared.fitted_on) == (declared.constants > 0)
    assert (each.__doc__ or "").strip()
    assert bool(declared.gradients) == bool(declared.amortised)


def test_no_two_predictors_of_a_quantity_have_one_name() -> None:
    assert max(Counter((each.name, each.quantity) for each in EVERY).values()) == 1


def test_those_that_follow_the_networks_of_the_seeds_say_which_gradients_they_take() -> None:
    assert {each.name for each in EVERY if each.declared.gradients} == {"lazy", "flow-memorising", "flow", "clock"}
    assert {each.name for each in TIMES} - {"selection"} == {each.name for each in EVERY if each.declared.gradients}


def test_predictors_are_found_by_name_and_quantity() -> None:
    assert named("heights-phases", "n_c") is phases_form
    assert named("heights-phases", "test_accuracy") is phases_accuracy
    assert {each.quantity for each in of_quantity("t_mem")} == {"t_mem"}
    with pytest.raises(InputError, match="predictor must be the name of a predictor of t_mem, got 'heights-phases'"):
        named("heights-phases", "t_mem")


def test_numbers_of_notes_are_details() -> None:
    prediction = shared_form(standard("S4"))
    assert f"C_gen = {prediction.details['C_gen']:.1f}" in prediction.note
    assert prediction.details["C_gen"] > prediction.details["c_mem"] * (prediction.value or 0)  # decay takes a part
    blocks = phases_form(standard("S4"))
    assert blocks.note.startswith(", ".join(f"{key[7:]} from {n:.0f}" for key, n in blocks.details.items()))


@pytest.mark.parametrize("module", [found.name for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")])
def test_no_module_is_hidden_by_a_name_of_its_package(module: str) -> None:
    parent, _, name = module.rpartition(".")
    assert getattr(import_module(parent), name) is import_module(module)


# --- what was committed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["transitions", "decisive"])
def test_committed_predictions_are_made_again(folder: str) -> None:
    """To rounding; accuracies of heights-phases count draws, which another library of eigenvalues changes."""
    cells = [cell for cell in measured_csv(ROOT / "results" / folder / "measured.csv")[0] if cell.quantity == "n_c"]
    cells = [cell for cell in cells if cell.setting.task.name in ("Z11", "Z17", "D9", "S4", "Q8xZ3", "Z83")]
    committed, _ = read_predictions(ROOT / "results" / folder / "predictions.csv", cells)
    of_name = {each.name: each for each in of_quantity("n_c")}
    again = asked(cells, [of_name[written.predictor] for written in committed])
    for written, computed in zip(committed, again, strict=True):
        assert set(written.on) == set(computed.on) == set(range(len(cells)))
        for place, old in written.on.items():
            new = computed.on[place]
            assert (new.predictor, new.setting_id, new.valid) == (old.predictor, old.setting_id, old.valid)
            assert (new.constants_fitted, new.runs_used) == (old.constants_fitted, old.runs_used)
            ends = ((new.value, old.value), (new.low, old.low), (new.high, old.high))
            close = 2e-3 if old.predictor == "heights-phases" else 1e-13
            assert all(mine == (None if theirs is None else pytest.approx(theirs, rel=close)) for mine, theirs in ends)
