"""Who predicts what on which cell: registries of functions, and files that were written before the measurement."""

from __future__ import annotations

import importlib
import importlib.util
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import ValidationError

from twopeaks.sim.sweep.flat import SETTING
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.heights import Prediction
from twopeaks.theory.setting import Setting, explain
from twopeaks.validate.measured.cell import QUANTITIES, Measured, Quantity, quantity_of
from twopeaks.validate.measured.from_csv import cell_setting
from twopeaks.validate.measured.sheets import FIELDS, Row, read_sheet

__all__ = [
    "COLUMNS",
    "Predictor",
    "Said",
    "accuracy_registry",
    "asked",
    "predicted_quantities",
    "read_predictions",
    "registry",
    "subjects",
]

#: What predicts one quantity of a setting.
Predictor = Callable[[Setting], Prediction]

_Registry = tuple[str, str, frozenset[Quantity]]

#: Mappings name -> predictor, as (module, name of the mapping, quantities that they may be about); one that is not
#: there has no predictors.
_REGISTRIES: tuple[_Registry, ...] = (
    ("twopeaks.theory.predictors.heights", "NO_RUN", frozenset({"n_c"})),
    ("twopeaks.theory.predictors.rivals", "RIVALS", frozenset({"n_c"})),
    ("twopeaks.theory.predictors.times", "TIMES", frozenset({"t_mem", "t_grok"})),
)
#: Those of the test accuracy, which may have the names of others.
_OF_ACCURACY: tuple[_Registry, ...] = (("twopeaks.theory.predictors.phases", "ACCURACY", frozenset({"test_accuracy"})),)

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
}


@dataclass(frozen=True)
class Said:
    """All that one predictor says.

    Attributes:
        predictor: its name.
        quantity: what it predicts.
        origin: ``file``: read from predictions that were written down; ``asked``: computed by this call.
        on: cell's place in the list -> prediction. A cell of its quantity that is not there has no prediction.
    """

    predictor: str
    quantity: Quantity
    origin: Literal["asked", "file"]
    on: Mapping[int, Prediction]
    gradients_known: bool = False
    amortised: bool | None = None


def registry() -> dict[str, Predictor]:
    """Every predictor that needs nothing but a setting, without those of the test accuracy.

    Raises:
        ValueError: if two have one name.
    """
    return _registered(_REGISTRIES)


def subjects() -> dict[str, frozenset[Quantity]]:
    """Name of a predictor of `registry` -> quantities that it may be about: on others it need not be asked."""
    return {name: quantities for place in _REGISTRIES for quantities in place[2:] for name in _registered([place])}


def accuracy_registry() -> dict[str, Predictor]:
    """Every predictor of the test accuracy that needs nothing but a setting."""
    return _registered(_OF_ACCURACY)


def _registered(places: Sequence[_Registry]) -> dict[str, Predictor]:
    found: dict[str, Predictor] = {}
    for module, name, _ in places:
        if importlib.util.find_spec(module) is None:
            continue
        entries: Mapping[str, Predictor] = getattr(importlib.import_module(module), name, {})
        twice = sorted(set(found) & set(entries))
        if twice:
            raise ValueError(f"two predictors are called {twice[0]}")
        found |= entries
    return found


def asked(
    cells: Sequence[Measured],
    predictors: Mapping[str, Predictor],
    tell: Callable[[int], object] = lambda done: None,
    of: Mapping[str, Collection[Quantity]] = MappingProxyType({}),
) -> list[Said]:
    """Ask every predictor on every cell of its quantity; one that refuses a setting has no value there, and says why.

    Args:
        cells: measured, or to be measured.
        predictors: by name. What each predicts is learned from its first answer.
        tell: hears of every predictor that is through.
        of: name -> quantities that it may be about; it is not asked on cells of others.
    """
    found = []
    for name, predictor in predictors.items():
        said = _asked(name, predictor, [(i, c) for i, c in enumerate(cells) if c.quantity in of.get(name, QUANTITIES)])
        found += [] if said is None else [said]
        tell(1)
    return found


def _asked(name: str, predictor: Predictor, cells: Sequence[tuple[int, Measured]]) -> Said | None:
    """On these cells, by place: once a setting, since what was measured there is not known to it."""
    answers: dict[str, Prediction | _Refusal] = {}
    quantity: Quantity | None = None
    for _, cell in cells:
        if quantity in (None, cell.quantity):
            key = cell.setting.content_id
            answer = answers[key] = answers.get(key) or _answer(predictor, cell.setting)
            if isinstance(answer, Prediction):
                quantity = quantity_of(f"what {name} predicts", answer.quantity)
    if not cells:
        return None
    quantity = quantity or cells[0][1].quantity
    mine = [(i, cell, answers[cell.setting.content_id]) for i, cell in cells if cell.quantity == quantity]
    on = {i: a if isinstance(a, Prediction) else _refused(name, cell, a) for i, cell, a in mine}
    return Said(name, quantity, "asked", on) if on else None


@dataclass(frozen=True)
class _Refusal:
    """Why there is no answer, and after how many seconds."""

    note: str
    seconds: float


def _answer(predictor: Predictor, setting: Setting) -> Prediction | _Refusal:
    start = time.perf_counter()
    try:
        return predictor(setting)
    except InputError as error:
        return _Refusal(f"refused: {error}", round(time.perf_counter() - start, 6))


def _refused(name: str, cell: Measured, why: _Refusal) -> Prediction:
    of = {"group": cell.setting.task.name, "setting_id": cell.setting.content_id}
    nothing = {"value": None, "low": None, "high": None, "constants_fitted": 0, "runs_used": 0, "assumptions": ()}
    told = {"predictor": name, "quantity": cell.quantity, "seconds": why.seconds, "valid": False, "note": why.note}
    return Prediction.model_validate({**told, **nothing, **of})


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
    on: dict[tuple[str, Quantity], dict[int, Prediction]] = {}
    elsewhere = 0
    for place, prediction, fields in entries:
        quantity = quantity_of(f"{place}, quantity", prediction.quantity)
        about = _places(place, prediction, fields, quantity, cells)
        elsewhere += not about
        for at in about:
            mine = on.setdefault((prediction.predictor, quantity), {})
            if at in mine:
                what = f"{prediction.predictor} on {prediction.group or prediction.setting_id} again"
                raise InputError(place, "the only prediction of its predictor on a cell", what, "leave one out")
            mine[at] = prediction
    if not on:
        remedy = "groups, fields and setting_id must be those of the measured cells"
        raise InputError(str(path), "about some of the measured cells", f"{elsewhere} about others", remedy)
    notes = [f"{path}: {elsewhere} predictions are about cells that were not measured"] if elsewhere else []
    return [Said(name, quantity, "file", mine) for (name, quantity), mine in on.items()], notes


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
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            str(path), "a file that can be read", error.strerror, "give the path of predictions"
        ) from error
    except ValueError as error:
        raise InputError(str(path), "JSON as twopeaks predict prints it", str(error), "mend that") from error
    if not isinstance(told, list) or not told:
        raise InputError(
            str(path), "a list of predictions", type(told).__name__, "as twopeaks predict --json prints it"
        )
    entries: list[_Entry] = []
    for number, one in enumerate(told, 1):
        place = f"{path}, prediction {number}"
        try:
            prediction = Prediction.model_validate(one)
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

    found = [i for i, cell in enumerate(cells) if cell.quantity == quantity and fits(cell)]
    settings = {cells[i].setting.content_id for i in found}
    if len(settings) > 1:
        remedy = "add a column that tells them apart, such as weight_decay, or setting_id"
        raise InputError(place, "about one measured setting", f"something that fits {len(settings)}", remedy)
    return found
