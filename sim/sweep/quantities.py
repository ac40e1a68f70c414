"""Values in the description of a sweep: plain ones, ranges, and sizes relative to a table ("14 M", "40%")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from twopeaks.theory.errors import InputError
from twopeaks.theory.setting.tables import Table

__all__ = ["Scaled", "points", "resolved", "scaled"]

Unit = Literal["M", "M^2", "%"]

#: Fields whose values may have a unit, and their units.
_SCALABLE: dict[str, tuple[Unit, ...]] = {"width": ("M",), "samples": ("M", "M^2", "%")}

_RANGE_KEYS = {"from", "to", "count", "spacing"}
_MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Scaled:
    """A multiple of M or of M^2, or a percentage of all rows of a table; M is its number of classes."""

    number: float
    unit: Unit

    def of(self, table: Table) -> int:
        """The nearest integer, for this table."""
        unit_rows = {"M": table.classes, "M^2": table.classes**2, "%": table.rows.size / 100}
        return round(self.number * unit_rows[self.unit])


def scaled(name: str, text: str) -> Scaled:
    """Read "14 M", "0.4 M^2" or "40%".

    Raises:
        InputError: if the text is anything else, or the field does not have this unit.
    """
    units = _SCALABLE[name]
    match = re.fullmatch(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(M\^2|M|%)\s*", text)
    try:
        number = float(match[1]) if match else -1.0
    except ValueError:
        number = -1.0
    unit = next((u for u in units if match and match[2] == u), None)
    if unit is None or number < 0:
        examples = {"M": '"14 M"', "M^2": '"0.4 M^2"', "%": '"40%" of all rows'}
        allowed = " or ".join(examples[u] for u in units)
        raise InputError(name, f"an integer or {allowed}", text, "M is the number of classes")
    return Scaled(number, unit)


def resolved(name: str, value: Any, table: Table) -> Any:
    """The value itself; a size with a unit as a number of this table."""
    if name in _SCALABLE and isinstance(value, str):
        value = scaled(name, value)
    return value.of(table) if isinstance(value, Scaled) else value


def points(name: str, axis: Any, *, whole: bool) -> list[Any]:
    """Values of one axis: those of a list, or of a range {from, to, count, spacing}.

    Args:
        name: of the field.
        axis: as read from TOML.
        whole: whether numbers of a range are rounded to integers.

    Raises:
        InputError: if it is neither, is empty, or its ends have different units.
    """
    if isinstance(axis, Mapping):
        return _range(name, axis, whole=whole)
    if not isinstance(axis, list) or not axis:
        expectation = "a list of one or more values, or a range { from = …, to = …, count = … }"
        raise InputError(name, expectation, axis, "put a value that all cells share into [base] or [plan]")
    return axis


def _range(name: str, axis: Mapping[str, Any], *, whole: bool) -> list[Any]:
    unknown = sorted(set(axis) - _RANGE_KEYS)
    missing = sorted({"from", "to", "count"} - set(axis))
    if unknown or missing:
        expectation = 'a range { from = …, to = …, count = … } with spacing = "linear" or "geometric"'
        remedy = f"remove {unknown[0]}" if unknown else f"add {missing[0]}"
        raise InputError(name, expectation, dict(axis), remedy)
    (low, unit), (high, other) = _end(name, axis["from"]), _end(name, axis["to"])
    if unit != other:
        remedy = "give both ends the same unit, or none"
        raise InputError(name, "a range between two numbers of the same unit", dict(axis), remedy)
    numbers = _spaced(name, low, high, axis)
    if unit is not None:
        return [Scaled(x, unit) for x in numbers]
    return list(dict.fromkeys(round(x) for x in numbers)) if whole else numbers


def _end(name: str, value: Any) -> tuple[float, Unit | None]:
    if isinstance(value, str) and name in _SCALABLE:
        size = scaled(name, value)
        return size.number, size.unit
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise InputError(name, "a range between two numbers", value, "use e.g. { from = 100, to = 300, count = 9 }")
    return float(value), None


def _spaced(name: str, low: float, high: float, axis: Mapping[str, Any]) -> list[float]:
    count, spacing = axis["count"], axis.get("spacing", "linear")
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST_POINTS:
        raise InputError(f"count of {name}", f"between 1 and {_MOST_POINTS}", count, "it is the number of points")
    if spacing not in ("linear", "geometric"):
        raise InputError(f"spacing of {name}", "linear or geometric", spacing, "leave it out for linear")
    if spacing == "geometric" and min(low, high) <= 0:
        raise InputError(name, "between positive ends for a geometric range", dict(axis), "use a linear one")
    space = np.geomspace if spacing == "geometric" else np.linspace
    # Twelve digits: 0.001 in the middle of 0.0001 … 0.01, not 0.0010000000000000002.
    return [float(f"{x:.12g}") for x in space(low, high, count)]
