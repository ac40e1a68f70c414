"""Measured cells from a CSV file: somebody else's measurements, or a table that was committed. No torch here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from twopeaks.sim.sweep.setting_builder import Builder
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting
from twopeaks.validate.measured.cell import ON_REQUEST, QUANTITIES, Measured, Quantity, at_half, quantity_of
from twopeaks.validate.measured.rates import Rate, rates_in_old_note, rates_of, seeds_late_in_old_note
from twopeaks.validate.measured.sheets import Row, read_sheet

__all__ = ["COLUMNS", "cell_setting", "measured_csv"]

#: Quantities whose name may be that of the column of values.
_OWN_COLUMN = {name: unit for name, unit in QUANTITIES.items() if name not in ON_REQUEST}

_EMPTY = "leave it empty where it is not known"

#: Column -> what it holds; the fields of the setting come besides (`validate.measured.sheets.FIELDS`), with their
#: defaults.
COLUMNS: dict[str, str] = {
    "quantity": "n_c, t_mem, t_grok or test_accuracy; left out where a column of that name holds the values",
    "value": "the number; empty where it is censored",
    **{name: f"{name} in {unit}, instead of quantity and value" for name, unit in _OWN_COLUMN.items()},
    "low": "lower end of the 95% interval; where censored, what the number lies above",
    "high": "upper end of the 95% interval; where censored, what the number lies below",
    "censored": "true where only a bound is known; the same as an empty value, and needed where not even a bound is",
    "seeds": "networks, of each size for n_c",
    "steps": "budget",
    "seconds": "of training, on one thread",
    "note": "anything",
    "rates": "of n_c: networks that grokked at each size, as in 40: 0/8, 44: 3/8, 48: 8/8",
    "late": "of times: networks that did not get there within the budget",
}


def measured_csv(path: Path) -> tuple[list[Measured], list[str]]:
    """Cells of a file, and sentences on what in it was not used.

    Raises:
        InputError: if the file, a column or a value cannot be used; with its line.
    """
    sheet = read_sheet(path, COLUMNS)
    values = [name for name in ("value", *_OWN_COLUMN) if name in sheet.columns]
    if "predictor" in sheet.columns:
        remedy = "predictions go with --predictions, or they would be scored as if they had been measured"
        raise InputError(f"{path}, header", "of measured cells", "a column predictor", remedy)
    if len(values) != 1:
        given = ", ".join(values) or "none"
        raise InputError(
            f"{path}, header", f"with one of value, {', '.join(_OWN_COLUMN)}", given, "it holds the numbers"
        )
    if not {"group", "expression", "parity"} & set(sheet.columns):
        raise InputError(f"{path}, header", "with a column group", ",".join(sheet.columns), "say what was learned")
    notes = [f"{path}: not used: {', '.join(sheet.unused)}"] if sheet.unused else []
    cells = [_cell(row, values[0], str(path)) for row in sheet.rows]
    if not {"rates", "late"} & set(sheet.columns):
        cells = [_of_old_table(cell) for cell in cells]
    return cells, notes


def cell_setting(row: Row, quantity: Quantity) -> Setting:
    """The setting of a row, with defaults as ``twopeaks train`` has them.

    Raises:
        InputError: if its fields do not make a setting, or the size is missing or is one too many.
    """
    fields = row.fields()
    if not {"group", "expression", "parity"} & set(fields):
        raise row.refused("group", "the name of what was learned", "nothing", "such as Z23")
    if quantity == "n_c" and "samples" in fields:
        raise row.refused("samples", "left out for n_c", fields["samples"], "n_c is the size itself")
    if quantity != "n_c" and "samples" not in fields:
        raise row.refused("samples", f"given for {quantity}", "nothing", "it is the number of training examples")
    try:
        setting = Builder((0,), ()).cell(fields).setting
    except InputError as error:
        raise row.refused(error.name, error.expectation, error.value, error.remedy) from error
    return at_half(setting) if quantity == "n_c" else setting


def _cell(row: Row, column: str, source: str) -> Measured:
    quantity = quantity_of(f"{row.place}, quantity", _quantity(row, column))
    share = quantity == "test_accuracy"
    value, low, high = row.number(column, zero=share), row.number("low", zero=True), row.number("high", zero=share)
    if share and not all(x is not None and x <= 1 for x in (value, low or 0.0, high or 0.0)):
        raise row.refused(column, "a share between 0 and 1 for test_accuracy", (value, low, high), "no percentages")
    budget = row.whole("steps")
    censored = row.flag("censored", default=value is None)
    if censored != (value is None):
        remedy = "a censored cell has its bound in low or high, and no value"
        raise row.refused("censored", "true where the value is empty, and only there", row.texts.get(column), remedy)
    if value is None and low is None and high is None:
        if quantity != "n_c" and budget is not None:
            low = float(budget)
        elif "censored" not in row.texts:
            remedy = "a censored cell lies above low, below high, or both; if neither is known, say censored = true"
            raise row.refused(column, "a number, or low or high where it is censored", "nothing", remedy)
    ordered = [x for x in (low, value, high) if x is not None]
    if ordered != sorted(ordered):
        raise row.refused("low, high", "around the value", (low, value, high), "low <= value <= high")
    return Measured(
        quantity,
        cell_setting(row, quantity),
        value,
        low,
        high,
        seeds=row.whole("seeds"),
        budget=budget,
        seconds_of_training=row.number("seconds", zero=True),
        note=row.texts.get("note", ""),
        source=source,
        rates=_rates(row),
        late=_late(row),
    )


def _rates(row: Row) -> tuple[Rate, ...]:
    text = row.texts.get("rates", "")
    try:
        return rates_of(text)
    except ValueError:
        raise row.refused("rates", "sizes and shares as in 40: 0/8, 44: 3/8", text, _EMPTY) from None


def _late(row: Row) -> int | None:
    late, seeds = row.whole("late", zero=True), row.whole("seeds")
    if late is not None and (seeds is None or late > seeds):
        raise row.refused("late", "at most the number of seeds", late, "give seeds, and count late ones among them")
    return late


def _of_old_table(cell: Measured) -> Measured:
    """A cell of a table of version 0.1 with the numbers that such tables have in their notes alone."""
    if cell.quantity == "n_c":
        return replace(cell, rates=rates_in_old_note(cell.note))
    return replace(cell, late=seeds_late_in_old_note(cell.note))


def _quantity(row: Row, column: str) -> str:
    named = None if column == "value" else column
    quantity = row.texts.get("quantity", named or "n_c")
    if named is not None and quantity != named:
        raise row.refused("quantity", f"{named}, as the column of values says", quantity, "leave one of the two out")
    return quantity
