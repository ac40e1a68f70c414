"""Both peaks as functions of n cross where their predictors say; registries give each predictor by its name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import named as group_named
from twopeaks.theory.heights.heights import generalising_cost, memorising_cost
from twopeaks.theory.heights.sharing import shared_height
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.heights import closed_form, shared_form
from twopeaks.theory.predictors.peaks import Peaks, closed_peaks, memorised_pair, relu_peaks, shared_peaks
from twopeaks.theory.predictors.registry import ACCURACY, NO_RUN, TIMES, of_quantity
from twopeaks.theory.predictors.registry.lists import PREDICTORS, named
from twopeaks.theory.predictors.relu import LAW, relu_form, relu_height
from twopeaks.theory.setting import Setting

NORM, OBJECTIVE = "norm |W|² + |V|²", "loss + (η/2)(|W|² + |V|²), over η/2"


def setting(group: str, eta: float = 2e-4, width: int = 400, activation: str = "x^2") -> Setting:
    return Setting.model_validate(
        {
            "task": {"group": group, "samples": 5},
            "network": {"width": width, "activation": activation},
            "optimizer": {"weight_decay": eta},
        }
    )


@pytest.mark.parametrize(
    ("peaks", "form", "problem", "equations", "words"),
    [
        (closed_peaks, closed_form, setting("Z11"), (2, 3, 4, 5), NORM),
        (shared_peaks, shared_form, setting("Z23"), (7, 8, 9, 11, 12), OBJECTIVE),
        (shared_peaks, shared_form, setting("S4"), (7, 8, 9, 11, 12), OBJECTIVE),
        (shared_peaks, shared_form, setting("Z23", eta=0), (7, 8, 9, 11, 12), NORM),
        (shared_peaks, shared_form, setting("Z23", width=90), (7, 8, 9, 11, 12), OBJECTIVE),
        (relu_peaks, relu_form, setting("Z23", activation="relu"), (13,), NORM),
    ],
    ids=["closed", "shared", "shared, S4", "without decay", "narrow", "relu"],
)
def test_peaks_cross_at_the_predicted_size(
    peaks: Callable[[Setting], Peaks | None],
    form: Callable[[Setting], Prediction],
    problem: Setting,
    equations: tuple[int, ...],
    words: str,
) -> None:
    drawn, value = peaks(problem), form(problem).value
    assert drawn is not None
    assert value is not None
    assert drawn.memorising(value) == pytest.approx(drawn.generalising, rel=1e-6)
    assert drawn.memorising(0.9 * value) < drawn.generalising < drawn.memorising(1.1 * value)
    assert drawn.equations == tuple(f"heights.{number}" for number in equations)
    assert drawn.words == words


def test_peaks_are_those_of_their_equations() -> None:
    closed, free = closed_peaks(setting("Z11")), shared_peaks(setting("Z23", eta=0))
    relu = relu_peaks(setting("Z23", activation="relu"))
    assert closed is not None
    assert free is not None
    assert relu is not None
    assert closed.generalising == generalising_cost(group_named("Z11"))
    assert closed.memorising(50) == pytest.approx(50 * memorising_cost())
    assert free.generalising == shared_height(group_named("Z23")).at_decay(0.0)[0]
    assert free.memorising(200) == pytest.approx(200 * memorised_pair(23, 400)(200))
    assert relu.generalising == relu_height(23)
    assert relu.memorising(200) == LAW.norm(23, 200)


def test_an_objective_is_the_norm_and_what_the_loss_is_worth() -> None:
    eta = 2e-4
    problem = setting("Z23", eta=eta)
    drawn, cost = shared_peaks(problem), memorised_pair(23, 400)
    assert drawn is not None
    assert drawn.generalising == pytest.approx(shared_height(group_named("Z23")).at_decay(eta)[1] / (eta / 2))
    # With a vanishing decay the loss vanishes too, and the norm alone is left.
    nearly = shared_peaks(setting("Z23", eta=1e-9))
    assert nearly is not None
    assert nearly.memorising(250) == pytest.approx(250 * cost(250), rel=1e-3)
    assert drawn.memorising(250) < nearly.memorising(250)


@pytest.mark.parametrize(
    ("peaks", "problem"),
    [
        (closed_peaks, setting("S4")),
        (closed_peaks, setting("Z3")),
        (shared_peaks, setting("Z7")),
        (shared_peaks, setting("Z23", eta=10.0)),
        (relu_peaks, setting("Z23")),
    ],
    ids=["not abelian", "too small to be closed", "too small to share", "decay leaves nothing", "x^2 is no ReLU"],
)
def test_elsewhere_there_are_no_peaks(peaks: Callable[[Setting], Peaks | None], problem: Setting) -> None:
    assert peaks(problem) is None


def test_five_and_eleven_elements_are_enough() -> None:
    assert closed_peaks(setting("Z5")) is not None
    assert closed_peaks(setting("Z4")) is None
    assert shared_peaks(setting("Z11")) is not None
    assert shared_peaks(setting("D5")) is None


# --- registries ----------------------------------------------------------------------------------------


def test_every_predictor_is_found_by_its_name_and_quantity() -> None:
    for predictor in PREDICTORS:
        assert named(predictor.name, predictor.quantity) is predictor
        assert predictor in of_quantity(predictor.quantity)
    assert {each.quantity for each in of_quantity("t_mem")} == {"t_mem"}
    assert set(of_quantity("t_mem")) | set(of_quantity("t_grok")) >= set(TIMES)
    assert of_quantity("test_accuracy") == ACCURACY
    assert set(NO_RUN) < set(of_quantity("n_c"))
    with pytest.raises(
        InputError, match=r"predictor must be the name of a predictor of t_mem, got 'paper'; known: lazy"
    ):
        named("paper", "t_mem")
