"""Measured cells: one number from trained networks, with its interval, its budget and what it cost. No torch here.

Quantities, as docs/conventions.md defines them: ``n_c`` (in training examples, for a budget), ``t_mem`` and ``t_grok``
(in steps, the median over seeds); on request ``test_accuracy`` (a share, the mean over seeds at the end of the budget).
What was not reached is not left out: a cell without a value says, with the end of its interval, beyond what it lies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.bisect import resized
from twopeaks.sim.sweep.flat import SETTING, flat
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting, default_width
from twopeaks.validate.measured.rates import Rate
from twopeaks.validate.measured.series import order_of

__all__ = [
    "ERRORS",
    "ON_REQUEST",
    "QUANTITIES",
    "ErrorKind",
    "Measured",
    "Quantity",
    "at_half",
    "distinct",
    "names",
    "ordered",
    "quantity_of",
]

#: What is predicted and measured.
Quantity = Literal["n_c", "t_mem", "t_grok", "test_accuracy"]
#: Predicted over measured less one, or their difference.
ErrorKind = Literal["ratio", "difference"]

#: Quantity -> what it counts.
QUANTITIES: dict[Quantity, str] = {
    "n_c": "training examples",
    "t_mem": "steps",
    "t_grok": "steps",
    "test_accuracy": "share of test rows",
}
#: Quantity -> how a prediction of it is wrong: by a ratio, less one; or by a difference, as shares are.
ERRORS: dict[Quantity, ErrorKind] = {
    "n_c": "ratio",
    "t_mem": "ratio",
    "t_grok": "ratio",
    "test_accuracy": "difference",
}
#: Quantities that are measured only where somebody asks for them: each cell of a sweep has one.
ON_REQUEST: frozenset[Quantity] = frozenset({"test_accuracy"})

#: Fields that say what is learned: its name says all of them at once.
_WHAT = frozenset({"group", "table", "operands", "expression", "field", "parity"})
#: Fields that have a shorter name.
_SHORT = {"samples": "n", "weight_decay": "decay"}


@dataclass(frozen=True)
class Measured:
    """One cell.

    Attributes:
        quantity: what was measured.
        setting: of which problem; for ``n_c``, which has no size of its own, the one of half of all rows (`at_half`).
        value: the number, positive (an accuracy may be 0); None where it is censored.
        low, high: 95% interval of the value. Without a value: the number lies above ``low``, below ``high``, or
            both. With a value, a ``high`` of None beside a ``low`` is an interval that is open upwards.
        seeds: networks (of each size, for ``n_c``); None where the source does not say.
        budget: steps within which it had to happen; None likewise.
        seconds_of_training: of one thread, of everything the number rests on; None likewise.
        note: what else is known, in words; no number is read from it.
        source: where it was read.
        rates: of ``n_c``, how many networks of each size grokked; empty where the source does not say.
        late: of times, networks that did not get there within the budget; None where the source does not say.
    """

    quantity: Quantity
    setting: Setting
    value: float | None
    low: float | None
    high: float | None
    seeds: int | None
    budget: int | None
    seconds_of_training: float | None
    note: str = ""
    source: str = ""
    rates: tuple[Rate, ...] = ()
    late: int | None = None

    @property
    def censored(self) -> bool:
        """Whether only a bound is known."""
        return self.value is None

    @property
    def in_time(self) -> Rate | None:
        """Of times: how many networks got there within the budget; None where that is not known."""
        if self.late is None or self.seeds is None:
            return None
        return Rate(self.setting.task.samples, self.seeds - self.late, self.seeds)

    @property
    def error_kind(self) -> ErrorKind:
        """How predictions of it are wrong."""
        return ERRORS[self.quantity]

    @property
    def ends(self) -> tuple[float, float]:
        """What the measurement leaves possible: its interval, or the value alone; open ends are infinite."""
        if self.low is None and self.high is None and self.value is not None:
            return self.value, self.value
        return (-math.inf if self.low is None else self.low), (math.inf if self.high is None else self.high)

    @property
    def key(self) -> tuple[str, str, int | None]:
        """Tells it from other cells."""
        return self.quantity, self.setting.content_id, self.budget


def quantity_of(name: str, value: object) -> Quantity:
    """The quantity of this name.

    Raises:
        InputError: if there is none.
    """
    for known in QUANTITIES:
        if value == known:
            return known
    raise InputError(name, " or ".join(QUANTITIES), value, "these are what is measured")


def at_half(setting: Setting) -> Setting:
    """The same problem with half of all rows, as ``twopeaks predict`` and ``train`` have it if no size is given.

    A predictor of n_c is asked at this size, so that no measured size reaches it.
    """
    return resized(setting, max(1, setting.task.table_of().rows.size // 2))


def distinct(cells: Sequence[Measured]) -> None:
    """See that no cell is given twice.

    Raises:
        InputError: if one is, with its sources.
    """
    seen: dict[tuple[str, str, int | None], Measured] = {}
    for cell in cells:
        other = seen.setdefault(cell.key, cell)
        if other is not cell:
            what = f"{cell.quantity} of {cell.setting.task.name}"
            budget = "an unknown budget" if cell.budget is None else f"{cell.budget:,} steps"
            remedy = f"it is in {other.source} and in {cell.source}; give one of the two"
            raise InputError(what, "measured once for a setting and a budget", f"two values for {budget}", remedy)


def ordered(cells: Sequence[Measured]) -> list[Measured]:
    """By quantity, then by the fields of the setting, small groups first, then by budget: however they were found.

    So a table of cells reads, and its bootstrap draws, the same whether it comes from a sweep or from a file.
    """
    place = {quantity: i for i, quantity in enumerate(QUANTITIES)}
    return sorted(cells, key=lambda c: (place[c.quantity], order_of(c.setting, Plan(steps=1, every=1)), c.budget or 0))


def names(cells: Sequence[Measured]) -> list[str]:
    """A short name for each: what is learned, and the fields in which the cells differ."""
    of_cells = [_fields(cell) for cell in cells]
    varied = [key for key in (*SETTING, "budget") if len({str(fields.get(key)) for fields in of_cells}) > 1]
    return [
        ", ".join(
            [
                cell.setting.task.name,
                *(f"{_SHORT.get(key, key)} {_short(fields[key])}" for key in varied if key in fields),
            ]
        )
        for cell, fields in zip(cells, of_cells, strict=True)
    ]


def _fields(cell: Measured) -> dict[str, Any]:
    """What may tell cells apart, but for what is learned; a width that goes with the table is told as such."""
    fields = {k: v for k, v in flat(cell.setting, Plan(steps=1, every=1)).items() if k in SETTING and k not in _WHAT}
    classes, width = cell.setting.task.table_of().classes, cell.setting.network.width
    if width == default_width(classes):
        fields["width"] = "default"
    elif width % classes == 0:
        fields["width"] = f"{width // classes} M"
    if cell.quantity == "n_c":
        del fields["samples"]
    return fields | {"budget": cell.budget}


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "unknown" if value is None else str(value)
