"""Predictors: published values, ranges with their reasons, and what each prediction says about itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sympy
from pydantic import ValidationError
from scipy.optimize import brentq

from twopeaks.theory.heights.heights import HeightFit
from twopeaks.theory.heights.memorising import memorised
from twopeaks.theory.heights.sharing import shared_height
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.calibrated import Calibration, control_calibrated, phases_calibrated
from twopeaks.theory.predictors.heights import closed_form, shared_form
from twopeaks.theory.predictors.margin import margin_form
from twopeaks.theory.predictors.paper import paper_law
from twopeaks.theory.predictors.phases import phases_form
from twopeaks.theory.predictors.registry import NO_RUN, predict
from twopeaks.theory.predictors.relu import relu_form
from twopeaks.theory.setting import Network, Setting, Task, standard

KEYS = {"predictor", "quantity", "value", "low", "high", "constants_fitted", "runs_used", "seconds", "valid", "note"}
KEYS |= {"assumptions", "group", "setting_id", "gradients_used", "details"}

FIT = HeightFit(generalising=220.0, scale=1.21, power=0.98, crossing=187.5, low=181.0, high=193.0, drift=0.0123)
CONTROLS = Calibration(fit=FIT, runs=24, seconds=12.5)

RELU = {"network": {"activation": "relu"}}
TRANSFORMER = {"network": {"family": "transformer"}}
EMBEDDED = {"network": {"embedding": "shared"}}
CROSS_ENTROPY = {"loss": "cross-entropy"}
NO_DECAY = {"optimizer": {"weight_decay": 0.0}}
ADAMW = {"optimizer": {"name": "adamw"}}
COSINE = {"optimizer": {"schedule": "cosine"}}
RANDOM = {"task": {"labels": "random"}}


def with_controls(setting: Setting) -> Prediction:
    return control_calibrated(setting, CONTROLS)


PREDICTORS: dict[str, Callable[[Setting], Prediction]] = {
    paper_law.name: paper_law,
    closed_form.name: closed_form,
    shared_form.name: shared_form,
    phases_form.name: phases_form,
    control_calibrated.name: with_controls,
}


@pytest.fixture(params=PREDICTORS.values(), ids=PREDICTORS.keys())
def predictor(request: pytest.FixtureRequest) -> Callable[[Setting], Prediction]:
    return request.param


def setting(group: str = "Z23", **changes: Any) -> Setting:
    """The standard setting with some fields replaced, such as ``network={"activation": "relu"}``."""
    content = standard(group).model_dump()
    for part, change in changes.items():
        content[part] = {**content[part], **change} if isinstance(change, dict) else change
    return Setting.model_validate(content)


# --- values --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("group", "published"), [("Z23", 198), ("Z24", 210), ("Z2xZ2xZ6", 210), ("D12", 210)])
def test_paper_law_gives_the_published_size(group: str, published: float) -> None:
    assert paper_law(standard(group)).value == pytest.approx(published, abs=0.5)


@pytest.mark.parametrize(("group", "published"), [("Z31", 292), ("S4", 315)])
def test_paper_law_gives_published_sizes_that_are_rounded_loosely(group: str, published: float) -> None:
    # The formula gives 292.56 and 314.42, so these two whole numbers are not the nearest ones.
    assert paper_law(standard(group)).value == pytest.approx(published, abs=0.6)


@pytest.mark.parametrize(
    ("group", "order", "largest"),
    [("Z23", 23, 2), ("Z31", 31, 2), ("Q8", 8, 2), ("D12", 24, 2), ("S4", 24, 3), ("F20", 20, 4), ("A5", 60, 5)],
)
def test_paper_law_is_its_formula(group: str, order: int, largest: int) -> None:
    # `largest` is the published dimension of the largest irreducible representation, or 2 where the factor is 1.
    exact = sympy.Rational(27482, 10000) * sympy.Rational(largest, 2) * order * sympy.log(order)
    assert paper_law(standard(group)).value == pytest.approx(float(exact.evalf(30)), rel=1e-14)


@pytest.mark.parametrize(("group", "n_c"), [("Z23", 180), ("Z31", 272)])
def test_closed_form_gives_the_size_in_our_documentation(group: str, n_c: float) -> None:
    assert closed_form(standard(group)).value == pytest.approx(n_c, abs=0.5)


@pytest.mark.parametrize("group", ["Z5", "Z23", "Z31"])
def test_bracket_of_the_closed_form_is_that_of_four_nodes(group: str) -> None:
    # Where every character but one is complex, C_gen goes as N^(1/3).
    found = closed_form(standard(group))
    assert found.low / found.value == pytest.approx((4 / 6) ** (1 / 3), rel=1e-13)
    assert found.high / found.value == pytest.approx((6 / 4) ** (1 / 3), rel=1e-13)


@pytest.mark.parametrize("group", ["Z24", "Z2xZ2xZ6"])
def test_real_characters_narrow_the_bracket(group: str) -> None:
    found = closed_form(standard(group))
    assert (4 / 6) ** (1 / 3) < found.low / found.value < 1
    assert found.high / found.value == pytest.approx(found.value / found.low, rel=1e-13)


def test_bracket_of_only_real_characters_is_empty() -> None:
    found = closed_form(standard("Z2xZ2xZ2"))
    assert found.low == found.value == pytest.approx(found.high, rel=1e-13)


def test_calibrated_prediction_is_the_crossing_of_its_controls() -> None:
    found = with_controls(standard("S4"))
    assert (found.value, found.low, found.high) == (187.5, 181.0, 193.0)
    assert found.note == (
        "C_gen = 220.0, C_mem(n) = 1.210 n^0.980, both from control runs; "
        "95% over control seeds, widened by their late drift of 1.2%"
    )


# --- ranges --------------------------------------------------------------------------------------------


def test_standard_setting_is_in_every_range(predictor: Callable[[Setting], Prediction]) -> None:
    assert predictor(standard("Z23")).valid


OUTSIDE: dict[str, tuple[str, dict[str, Any], str]] = {
    "paper, relu": (paper_law.name, RELU, "derived for x^2, not relu"),
    "paper, cross-entropy": (paper_law.name, CROSS_ENTROPY, "derived for centred MSE, not cross-entropy"),
    "paper, random labels": (paper_law.name, RANDOM, "random labels have nothing to generalise"),
    "closed form, relu": (closed_form.name, RELU, "derived for x^2, not relu"),
    "closed form, cross-entropy": (closed_form.name, CROSS_ENTROPY, "derived for centred MSE, not cross-entropy"),
    "closed form, random labels": (closed_form.name, RANDOM, "random labels have nothing to generalise"),
    "closed form, no decay": (closed_form.name, NO_DECAY, "no weight decay, so nothing lowers the norm"),
    "closed form, adamw": (closed_form.name, ADAMW, "decoupled decay descends another function than the norm"),
    "paper, three layers": (paper_law.name, {"network": {"layers": 3}}, "derived for two layers, not 3"),
    "paper, biased pairs": (paper_law.name, {"task": {"bias": 1.0}}, "derived for pairs drawn uniformly"),
    "closed form, complex": (closed_form.name, {"network": {"weights": "complex"}}, "derived for real weights"),
    "closed form, ridge": (closed_form.name, {"network": {"readout": "ridge"}}, "derived for a trained output layer"),
    "paper, transformer": (paper_law.name, TRANSFORMER, "derived for two layers, not a transformer"),
    "closed form, embeddings": (closed_form.name, EMBEDDED, "derived for one-hot inputs, not embeddings"),
    "paper, products": (
        paper_law.name,
        {"network": {"hidden": "product"}},
        "derived for sums of operands, not products",
    ),
    "closed form, scaled": (
        closed_form.name,
        {"network": {"output_scale": 2}},
        "derived for outputs that are not scaled",
    ),
    "paper, cosine": (paper_law.name, COSINE, "derived for a constant rate, not a cosine schedule"),
    "closed form, cosine": (closed_form.name, COSINE, "derived for a constant rate, not a cosine schedule"),
    "shared, relu": (shared_form.name, RELU, "derived for x^2, not relu"),
    "shared, random labels": (shared_form.name, RANDOM, "random labels have nothing to generalise"),
    "shared, adamw": (shared_form.name, ADAMW, "decoupled decay descends another function than the norm"),
    "calibrated, cosine": (control_calibrated.name, COSINE, "derived for a constant rate, not a cosine schedule"),
    "calibrated, random labels": (control_calibrated.name, RANDOM, "random labels have nothing to generalise"),
    "calibrated, no decay": (control_calibrated.name, NO_DECAY, "no weight decay, so nothing lowers the norm"),
    "calibrated, adamw": (control_calibrated.name, ADAMW, "decoupled decay descends another function than the norm"),
}


@pytest.mark.parametrize(("name", "changes", "reason"), OUTSIDE.values(), ids=OUTSIDE.keys())
def test_setting_outside_the_range_is_marked_with_its_reason(name: str, changes: dict[str, Any], reason: str) -> None:
    found, inside = PREDICTORS[name](setting(**changes)), PREDICTORS[name](setting())
    assert not found.valid
    assert reason in found.note.split("; ")
    assert found.note.startswith(inside.note)
    assert (found.value, found.low, found.high) == (inside.value, inside.low, inside.high)


INSIDE: dict[str, tuple[str, dict[str, Any]]] = {
    "paper, no decay": (paper_law.name, NO_DECAY),
    "paper, adamw": (paper_law.name, ADAMW),
    "calibrated, relu": (control_calibrated.name, RELU),
    "calibrated, cross-entropy": (control_calibrated.name, CROSS_ENTROPY),
    "closed form, sgd": (closed_form.name, {"optimizer": {"name": "sgd", "lr": 0.5}}),
    "shared, sgd": (shared_form.name, {"optimizer": {"name": "sgd", "lr": 0.5}}),
}


@pytest.mark.parametrize(("name", "changes"), INSIDE.values(), ids=INSIDE.keys())
def test_setting_inside_the_range_is_valid(name: str, changes: dict[str, Any]) -> None:
    found = PREDICTORS[name](setting(**changes))
    assert (found.valid, found.note) == (True, PREDICTORS[name](setting()).note)


def test_every_reason_is_given() -> None:
    found = closed_form(setting(**RELU, **CROSS_ENTROPY, **NO_DECAY))
    reasons = ["derived for x^2, not relu", "derived for centred MSE, not cross-entropy"]
    assert found.note.split("; ")[-3:] == [*reasons, "no weight decay, so nothing lowers the norm"]


@pytest.mark.parametrize("group", ["S4", "Q8", "D12"])
def test_closed_form_has_no_value_for_other_than_abelian_groups(group: str) -> None:
    found = closed_form(standard(group))
    assert (found.value, found.low, found.high, found.valid) == (None, None, None, False)
    assert (
        found.note
        == f"{group} is not abelian; heights-shared and heights-phases (from M = 11) and heights-calibrated cover it"
    )


@pytest.mark.parametrize(
    ("group", "low", "high"), [("Z23", 185, 188), ("Z24", 190, 195), ("Z31", 262, 275), ("Z2xZ2xZ2xZ3", 165, 177)]
)
def test_shared_form_is_where_networks_were_measured(group: str, low: float, high: float) -> None:
    """Sizes between which half of the seeds grok within 20,000 steps, K = 11 M, measured before the form was found."""
    assert low <= shared_form(standard(group)).value <= high


@pytest.mark.parametrize("eta", [5e-5, 2e-4, 1e-3])
def test_decay_takes_from_both_peaks_alike(eta: float) -> None:
    found = shared_form(setting(optimizer={"weight_decay": eta})).value
    assert found == pytest.approx(shared_form(standard("Z23")).value, rel=2e-3)


def test_decay_that_leaves_nothing_has_no_crossing() -> None:
    found = shared_form(setting(optimizer={"weight_decay": 0.5}))
    assert (found.value, found.valid) == (None, False)
    assert "leaves nothing of the rule" in found.note


def test_without_decay_the_norms_are_compared() -> None:
    found = shared_form(setting(**NO_DECAY))
    assert found.value == pytest.approx(shared_form(standard("Z23")).value, rel=1e-3)
    assert "no weight decay, so nothing lowers the norm" in found.note


def test_width_matters_only_where_memorising_runs_out_of_nodes() -> None:
    wide, same, narrow = (shared_form(setting(network={"width": K})) for K in (920, 96, 60))
    assert wide.value is not None and narrow.value is not None
    assert [same.value, same.low, same.high] == pytest.approx([wide.value, wide.low, wide.high], rel=1e-9)
    assert (wide.constants_fitted, same.constants_fitted) == (1, 1)
    assert 0.8 * wide.value < narrow.value < 0.9 * wide.value
    assert narrow.low is not None and narrow.high is not None
    assert narrow.low < narrow.value < narrow.high < wide.value
    assert narrow.constants_fitted == 2
    assert narrow.valid
    too_narrow = shared_form(setting(network={"width": 49}))
    assert not too_narrow.valid
    assert too_narrow.note.endswith("; the generalising solution takes 50 nodes, the network has 49")


def test_groups_with_other_relations_are_said_to_be_bounds() -> None:
    assert "bound" not in shared_form(standard("S4")).note
    assert "search" not in shared_form(standard("Q8xZ3")).note
    assert "by numerical search for blocks that are quaternionic of d = 2" in shared_form(standard("Dic6")).note
    assert (
        "a bound from above for blocks that are quaternionic of d = 4"
        in shared_form(standard("SmallGroup(32,50)")).note
    )


@pytest.mark.parametrize("group", ["S4", "Q8"])
def test_other_predictors_take_groups_that_are_not_abelian(group: str) -> None:
    assert paper_law(standard(group)).valid
    assert with_controls(standard(group)).valid


@pytest.mark.parametrize("group", ["Z1", "Z2", "Z3", "Z4", "Z2xZ2"])
def test_closed_form_has_no_value_for_tiny_groups(group: str) -> None:
    found = closed_form(standard(group))
    assert (found.value, found.valid, found.note) == (None, False, "below M = 5 too few characters are generic")


def test_group_of_one_element_has_nothing_to_learn() -> None:
    found = paper_law(standard("Z1"))
    assert (found.value, found.valid) == (0, False)
    assert "M = 1 has nothing to learn" in found.note


def test_calibrated_form_without_controls_says_how_to_get_them() -> None:
    found = control_calibrated(standard("Z23"), None)
    assert (found.value, found.low, found.high, found.valid, found.runs_used) == (None, None, None, False, 0)
    assert found.note == "needs control runs: add --calibrate"


def test_problems_of_the_controls_make_the_prediction_invalid() -> None:
    doubtful = Calibration(fit=FIT, runs=24, seconds=1.0, problems=("a control diverged", "another did not learn"))
    found = control_calibrated(standard("Z23"), doubtful)
    assert not found.valid
    assert found.value == FIT.crossing
    assert found.note.endswith("; a control diverged; another did not learn")


# --- what a prediction says ----------------------------------------------------------------------------


def test_prediction_has_every_key(predictor: Callable[[Setting], Prediction]) -> None:
    assert set(predictor(standard("Z23")).model_dump()) == KEYS


def test_prediction_names_its_problem(predictor: Callable[[Setting], Prediction]) -> None:
    for problem in (standard("Z23"), setting("S4", **RELU)):
        found = predictor(problem)
        assert (found.group, found.setting_id) == (problem.task.group, problem.content_id)
        assert found.quantity == "n_c"
        assert found.assumptions


def test_prediction_survives_its_json(predictor: Callable[[Setting], Prediction]) -> None:
    found = predictor(standard("D12"))
    assert Prediction.model_validate_json(found.model_dump_json()) == found
    assert set(json.loads(found.model_dump_json())) == KEYS


def test_prediction_is_frozen() -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        paper_law(standard("Z23")).value = 1.0


@pytest.mark.parametrize(
    ("name", "constants", "runs"),
    [
        (paper_law.name, 1, 0),
        (closed_form.name, 0, 0),
        (shared_form.name, 1, 0),
        (phases_form.name, 8, 0),
        (control_calibrated.name, 2, 24),
    ],
)
def test_prediction_states_constants_and_runs(name: str, constants: int, runs: int) -> None:
    found = PREDICTORS[name](standard("Z23"))
    assert (found.predictor, found.constants_fitted, found.runs_used) == (name, constants, runs)


def test_seconds_include_the_training_of_controls() -> None:
    assert with_controls(standard("Z23")).seconds >= CONTROLS.seconds
    assert closed_form(standard("Z23")).seconds >= 0


def test_predict_gives_every_predictor_in_order() -> None:
    found = predict(standard("Z23"), CONTROLS)
    assert [p.predictor for p in found] == [
        paper_law.name,
        closed_form.name,
        shared_form.name,
        phases_form.name,
        control_calibrated.name,
        phases_calibrated.name,
    ]
    assert [p.valid for p in found] == [True] * 6
    given = {p.predictor: p.value for p in found}
    assert all(given[name] == p(standard("Z23")).value for name, p in PREDICTORS.items())


def test_blocks_one_by_one_on_measured_heights() -> None:
    """The factor is that of theory alone: n_c of heights-phases over where its own two heights are equal."""
    setting = standard("S4")
    alone, measured, both = phases_form(setting), with_controls(setting), phases_calibrated(setting, CONTROLS)
    worth = shared_height(setting.task.resolve()).at_decay(2e-4)[1] / 1e-4
    whole = brentq(lambda n: memorised(24, n, 2e-4)[1] - worth, 1, 5000)
    assert alone.value is not None and measured.value is not None
    assert both.value == pytest.approx(measured.value * alone.value / whole, rel=1e-9)
    assert both.low is not None and both.high is not None and both.low < both.value < both.high
    assert (both.constants_fitted, both.runs_used) == (10, 24)
    assert both.seconds >= CONTROLS.seconds
    assert both.valid


@pytest.mark.parametrize(
    ("setting", "reason"),
    [(standard("Z7"), "M = 11"), (standard("Z23").model_copy(update={"loss": "cross-entropy"}), "cross-entropy")],
)
def test_blocks_one_by_one_are_out_of_range_where_either_part_is(setting: Setting, reason: str) -> None:
    found = phases_calibrated(setting, CONTROLS)
    assert not found.valid and reason in found.note


def test_predict_without_controls_has_a_value_from_the_others() -> None:
    assert [p.value is None for p in predict(standard("Z23"))] == [False] * 4 + [True]


def test_predictors_without_runs_are_listed() -> None:
    assert (paper_law, closed_form, shared_form, phases_form, relu_form, margin_form) == NO_RUN


def random_labels(**network: object) -> Setting:
    return Setting(task=Task(group="Z23", samples=100, labels="random"), network=Network(width=64, **network))


def test_reason_is_given_once() -> None:
    assert closed_form(random_labels()).note.count("random labels have nothing to generalise") == 1


def test_calibrated_refuses_random_labels_whatever_the_activation() -> None:
    fit = HeightFit(220.0, 1.2, 0.98, 187.0, 181.0, 193.0, 0.01)
    assert not control_calibrated(random_labels(activation="relu"), Calibration(fit, 1, 1.0)).valid


def test_paper_law_interval_is_the_printed_precision_of_its_constant() -> None:
    found = paper_law(standard("Z23"))
    assert found.low < found.value < found.high
    assert (found.high - found.low) / found.value == pytest.approx(1e-4 / 2.7482, rel=1e-9)
    assert "printed precision" in found.note
