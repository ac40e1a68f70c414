"""Lists of predictors, which all commands and scoreboards ask. A new predictor is added here."""

from __future__ import annotations

from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Prediction, Quantity
from twopeaks.theory.predictors.calibrated import Calibration, control_calibrated, phases_calibrated
from twopeaks.theory.predictors.declaration import Predictor
from twopeaks.theory.predictors.heights import closed_form, shared_form
from twopeaks.theory.predictors.margin import margin_form
from twopeaks.theory.predictors.paper import paper_law
from twopeaks.theory.predictors.phases import phases_accuracy, phases_form
from twopeaks.theory.predictors.relu import relu_form
from twopeaks.theory.predictors.rivals import RIVALS
from twopeaks.theory.predictors.times.ensemble import clock, flow, flow_memorising, lazy
from twopeaks.theory.predictors.times.selection import selection
from twopeaks.theory.setting import Setting

__all__ = ["ACCURACY", "NO_RUN", "PREDICTORS", "TIMES", "named", "of_quantity", "predict"]

#: Predictors of n_c that `predict` asks and that need nothing but the setting.
NO_RUN: tuple[Predictor[...], ...] = (paper_law, closed_form, shared_form, phases_form, relu_form, margin_form)
#: Predictors of t_mem and t_grok.
TIMES: tuple[Predictor[...], ...] = (lazy, flow_memorising, flow, clock, selection)
#: Predictors of the final test accuracy.
ACCURACY: tuple[Predictor[...], ...] = (phases_accuracy,)
#: Every predictor that needs nothing but a setting. No two of one quantity have one name.
PREDICTORS: tuple[Predictor[...], ...] = (*NO_RUN, *RIVALS, *TIMES, *ACCURACY)


def of_quantity(quantity: Quantity) -> tuple[Predictor[...], ...]:
    """Those of `PREDICTORS` that predict it."""
    return tuple(predictor for predictor in PREDICTORS if predictor.quantity == quantity)


def named(name: str, quantity: Quantity) -> Predictor[...]:
    """The predictor of this name.

    Raises:
        InputError: if there is none of this quantity.
    """
    known = {predictor.name: predictor for predictor in of_quantity(quantity)}
    if name not in known:
        raise InputError("predictor", f"the name of a predictor of {quantity}", name, f"known: {', '.join(known)}")
    return known[name]


def predict(setting: Setting, calibration: Calibration | None = None) -> list[Prediction]:
    """n_c by every predictor of ours and by the paper's law; those of other activations and losses left out.

    Args:
        setting: the problem.
        calibration: control runs of the same group, network and optimizer, if there are any.
    """
    others = [relu_form(setting), margin_form(setting)]
    return [
        paper_law(setting),
        closed_form(setting),
        shared_form(setting),
        phases_form(setting),
        *(prediction for prediction in others if prediction.value is not None),
        control_calibrated(setting, calibration),
        *([] if calibration is None else [phases_calibrated(setting, calibration)]),
    ]
