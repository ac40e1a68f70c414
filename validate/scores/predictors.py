"""Predictors asked on measured cells, and files of predictions that were written before the measurement."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from twopeaks.sim.sweep.flat import SETTING
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.declaration import Predictor
from twopeaks.theory.predictors.registry import PREDICTORS
from twopeaks.theory.setting import Setting, explain
from twopeaks.validate.measured.cell import ON_REQUEST, Measured, Quantity, quantity_of
from twopeaks.validate.measured.from_csv import cell_setting
from twopeaks.validate.measured.sheets import FIELDS, Row, read_sheet

__all__ = ["COLUMNS", "Said", "asked", "known_predictors", "predicted_quantities", "read_predictions"]

#: Column of a file of predictions -> what it holds; fields of the setting come besides.
COLUMNS: dict[str, str] = {
    "predictor": "who says so",
    "quantity": "n_c (the default), t_mem, t_grok or test_accuracy",
    "value": "the number; empty where the predictor has none",
    "low": "lower end of its own interval",
    "high": "upper end of its own interval",
    "constants_fitted": "constants adjusted to any data",
    "runs_used": "training runs that it needed",
    "seconds": "that it took, control runs included",
    "valid": "whether the setting lies inside the predictor's range",
    "note": "anything",
    "setting_id": "content id of the setting, instead of its fields",
    "gradients_used": "gradients of the predicted networks that it needed, summed over seeds",
}


@dataclass(frozen=True)
class Said:
    """All that one predictor says.

    Attributes:
        predictor: its name.
        quantity: what it predicts.
        origin: ``file``: read from predictions that were written down; ``asked``: computed by this call.
        on: cell's place in the list -> prediction. A cell of its quantity that is not there has no prediction.
        gradients_known: whether ``gradients_used`` of the predictions says how many there were: older files do not.
        amortised: whether the work of one call serves several settings; None for predictors that are not known here.
    """

    predictor: str
    quantity: Quantity
    origin: Literal["asked", "file"]
    on: Mapping[int, Prediction]
    gradients_known: bool = False
    amortised: bool | None = None


def known_predictors(*, on_request: bool = False) -> tuple[Predictor[...], ...]:
    """Every predictor that needs nothing but a setting.

    Args:
        on_request: those of quantities that are measured on request alone, in place of all others.
    """
    return tuple(predictor for predictor in PREDICTORS if (predictor.quantity in ON_REQUEST) == on_request)


def asked(
    cells: Sequence[Measured],
    predictors: Sequence[Predictor[...]],
    tell: Callable[[int], object] = lambda done: None,
) -> list[Said]:
    """Ask every predictor on every cell of its quantity; one that refuses a setting has no value there, and says why.

    Args:
        cells: measured, or to be measured.
        predictors: that are asked.
        tell: is called with 1 after each predictor.
    """
    importlib.import_module("scipy.stats")  # some import it when they are first asked: that time is not theirs
    answers = []
    for predictor in predictors:
        on = _asked(cells, predictor)
        amortised = bool(predictor.declared.amortised)
        answers += [Said(predictor.name, predictor.quantity, "asked", on, True, amortised)] if on else []
        tell(1)
    return answers


def _asked(cells: Sequence[Measured], predictor: Predictor[...]) -> dict[int, Prediction]:
    """Predictions by place of the cell. Each setting is asked once: what was measured there is not known to it."""
    by_setting: dict[str, Prediction] = {}
    on: dict[int, Prediction] = {}
    for place, cell in enumerate(cells):
        if cell.quantity == predictor.quantity:
            key = cell.setting.content_id
            if key not in by_setting:
                by_setting[key] = _prediction(predictor, cell.setting)
            on[place] = by_setting[key]
    return on


def _prediction(predictor: Predictor[...], setting: Setting) -> Prediction:
    """The prediction for a setting; one without a value where the predictor refuses the setting."""
    start = time.perf_counter()
    try:
        return predictor(setting)
    except InputError as error:
        return Prediction(
            predictor=predictor.name,
            quantity=predictor.quantity,
            value=None,
            low=None,
            high=None,
            constants_fitted=0,
            runs_used=0,
            seconds=round(time.perf_counter() - start, 6),
            valid=False,
            note=f"refused: {error}",
            assumptions=(),
            group=setting.task.name,
            setting_id=setting.content_id,
        )


# --- files ---------------------------------------------------------------------------------------------


def read_predictions(path: Path, cells: Sequence[Measured]) -> tuple[list[Said], list[str]]:
    """Predictions that were written down, each on the one cell it is about, and sentences on what was not used.

    A prediction is about the cells with its setting's content id; without one, about those of its quantity that have
    every field it names, which must be of one setting.

    Args:
        path: CSV with the columns of `COLUMNS` and fields of the setting, or JSON as ``twopeaks predict`` prints it.
        cells: measured.

    Raises:
        InputError: if it cannot be read, a value cannot be, a prediction may be about several cells, a cell is
            predicted twice by one predictor, or no prediction is about any cell.
    """
    entries = _from_json(path) if path.suffix == ".json" else _from_csv(path)
    counted = any(prediction.gradients_used for _, prediction, _ in entries)
    on: dict[tuple[str, Quantity], dict[int, Prediction]] = {}
    elsewhere = 0
    for place, prediction, fields in entries:
        quantity = quantity_of(f"{place}, quantity", prediction.quantity)
        about = _places(place, prediction, fields, quantity, cells)
        elsewhere += not about
        for at in about:
            predictions = on.setdefault((prediction.predictor, quantity), {})
            if at in predictions:
                what = f"{prediction.predictor} on {prediction.group or prediction.setting_id} again"
                raise InputError(place, "the only prediction of its predictor on a cell", what, "leave one out")
            predictions[at] = prediction
    if not on:
        remedy = "groups, fields and setting_id must be those of the measured cells"
        raise InputError(str(path), "about some of the measured cells", f"{elsewhere} about others", remedy)
    notes = [f"{path}: {elsewhere} predictions are about cells that were not measured"] if elsewhere else []
    return [_from_file(name, quantity, predictions, counted) for (name, quantity), predictions in on.items()], notes


def _from_file(name: str, quantity: Quantity, on: Mapping[int, Prediction], counted: bool) -> Said:
    """Predictions of a file, with what is known of their predictor: by its name, if it is one of ours."""
    known = [each.declared for each in PREDICTORS if (each.name, each.quantity) == (name, quantity)]
    takes_none = bool(known) and not known[0].gradients
    return Said(name, quantity, "file", on, counted or takes_none, bool(known[0].amortised) if known else None)


def predicted_quantities(path: Path) -> set[Quantity]:
    """What a file of predictions is about.

    Raises:
        InputError: if it cannot be read, or a value cannot be.
    """
    entries = _from_json(path) if path.suffix == ".json" else _from_csv(path)
    return {quantity_of(f"{place}, quantity", prediction.quantity) for place, prediction, _ in entries}


_Entry = tuple[str, Prediction, Mapping[str, object]]


def _from_json(path: Path) -> list[_Entry]:
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            str(path), "a file that can be read", error.strerror, "give the path of predictions"
        ) from error
    except ValueError as error:
        raise InputError(str(path), "JSON as twopeaks predict prints it", str(error), "mend that") from error
    if not isinstance(written, list) or not written:
        raise InputError(
            str(path), "a list of predictions", type(written).__name__, "as twopeaks predict --json prints it"
        )
    entries: list[_Entry] = []
    for number, entry in enumerate(written, 1):
        place = f"{path}, prediction {number}"
        try:
            prediction = Prediction.model_validate(entry)
        except ValidationError as error:
            problem = explain(error, Prediction)
            raise InputError(f"{place}, {problem.name}", problem.expectation, problem.value, problem.remedy) from error
        _check(place, prediction)
        entries.append((place, prediction, {}))
    return entries


def _from_csv(path: Path) -> list[_Entry]:
    sheet = read_sheet(path, (*COLUMNS, "order"))
    for wanted in ("predictor", "value"):
        if wanted not in sheet.columns:
            raise InputError(f"{path}, header", f"with a column {wanted}", ",".join(sheet.columns), COLUMNS[wanted])
    return [_of_row(row) for row in sheet.rows]


def _of_row(row: Row) -> _Entry:
    fields: dict[str, object] = {key: text for key, text in row.texts.items() if key in FIELDS}
    if "predictor" not in row.texts:
        raise row.refused("predictor", "a name", "nothing", "say who predicts this")
    if not fields and "setting_id" not in row.texts:
        raise row.refused("group", "given, or setting_id", "nothing", "say which cell it is about")
    quantity = quantity_of(f"{row.place}, quantity", row.texts.get("quantity", "n_c"))
    share = quantity == "test_accuracy"
    prediction = Prediction(
        predictor=row.texts["predictor"],
        quantity=quantity,
        value=row.number("value", zero=share),
        low=row.number("low", zero=True),
        high=row.number("high", zero=share),
        constants_fitted=row.whole("constants_fitted", zero=True) or 0,
        runs_used=row.whole("runs_used", zero=True) or 0,
        seconds=row.number("seconds", zero=True) or 0.0,
        valid=row.flag("valid", default=True),
        note=row.texts.get("note", ""),
        assumptions=(),
        group=row.texts.get("group", ""),
        setting_id=row.texts.get("setting_id", ""),
        gradients_used=row.whole("gradients_used", zero=True) or 0,
    )
    _check(row.place, prediction)
    if not prediction.setting_id:
        of_all = cell_setting(row, quantity)  # refuses unknown groups and values out of range
        fields = {key: _field(of_all, key) for key in fields}
    return row.place, prediction, fields


def _field(setting: Setting, key: str) -> object:
    """Value of a field by its flat name."""
    part, field = SETTING[key]
    return getattr(setting if part == "setting" else getattr(setting, part), field)


def _check(place: str, prediction: Prediction) -> None:
    ends = [x for x in (prediction.low, prediction.value, prediction.high) if x is not None]
    if prediction.quantity == "test_accuracy":
        if ends != sorted(ends) or any(not 0 <= x <= 1 for x in ends):
            raise InputError(place, "a share between 0 and 1 inside its interval", ends, "low <= value <= high")
    elif any(x < 0 for x in ends) or prediction.value == 0 or ends != sorted(ends):
        raise InputError(place, "a positive value inside its interval", ends, "low <= value <= high")


def _places(
    place: str, prediction: Prediction, fields: Mapping[str, object], quantity: Quantity, cells: Sequence[Measured]
) -> list[int]:
    """The cells that a prediction is about: those of one setting, which differ at most in their budget."""

    def fits(cell: Measured) -> bool:
        if prediction.setting_id:
            return cell.setting.content_id == prediction.setting_id
        return all(_field(cell.setting, key) == value for key, value in fields.items())

    places = [i for i, cell in enumerate(cells) if cell.quantity == quantity and fits(cell)]
    settings = {cells[i].setting.content_id for i in places}
    if len(settings) > 1:
        remedy = "add a column that tells them apart, such as weight_decay, or setting_id"
        raise InputError(place, "about one measured setting", f"something that fits {len(settings)}", remedy)
    return places
