"""Measured crossings of one family of groups, as laws across M take them. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.flat import SETTING, flat
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.setting import Setting
from twopeaks.validate.laws.laws import Cell
from twopeaks.validate.measured.cell import Measured, names

__all__ = ["FAMILIES", "crossings"]

#: Family -> which groups belong to it.
FAMILIES: dict[str, Callable[[Group], bool]] = {
    "cyclic": lambda group: group.is_cyclic,
    "cyclic-odd": lambda group: group.is_cyclic and group.order % 2 == 1,
    "cyclic-prime": lambda group: group.is_cyclic and _is_simple(group),
    "abelian": lambda group: group.is_abelian,
    "all": lambda group: True,
}

#: Fields that go with the group; in all others the cells of one comparison are alike.
_OF_THE_GROUP = frozenset({"group", "table", "samples"})


def crossings(
    cells: Sequence[Measured], family: str, predictor: Callable[[Setting], Prediction]
) -> tuple[list[Cell], list[str]]:
    """Cells with a value and an interval, and sentences on those that are left out and on what differs among the rest.

    Args:
        cells: measured, of any quantity; those of n_c count.
        family: one of `FAMILIES`.
        predictor: what is said of each without a run.

    Raises:
        InputError: if there is no such family, a group is measured twice, or settings differ in more than group, width
            and budget: laws know nothing but M.
    """
    if family not in FAMILIES:
        raise InputError("--family", f"one of {', '.join(FAMILIES)}", family, "laws compare groups of one kind")
    sizes = [cell for cell in cells if cell.quantity == "n_c" and cell.setting.task.has_group]
    member = FAMILIES[family]
    of_family = [cell for cell in sizes if cell.setting.task.operands == 2 and member(cell.setting.task.resolve())]
    _alike(of_family)
    notes = [f"{len(cells) - len(of_family)} measured cells are no n_c of a group of the family {family}"]
    usable = [c for c in of_family if c.value is not None and c.low is not None and c.high is not None]
    for cell, name in zip(of_family, names(of_family), strict=True):
        if cell.value is None:
            notes.append(f"left out: n_c of {name} is censored, so that a law through the others may be too low")
        elif cell not in usable:
            notes.append(f"left out: n_c of {name} has no interval")
    notes += [f"not the same for all: {field}" for field in _differing(of_family, ("width", "budget"))]
    return [_cell(cell, predictor) for cell in usable], notes[len(cells) == len(of_family) :]


def _is_simple(group: Group) -> bool:
    """Of a cyclic group: prime order, so that every element but one generates it."""
    return int((group.element_orders == group.order).sum()) == group.order - 1 > 0


def _cell(cell: Measured, predictor: Callable[[Setting], Prediction]) -> Cell:
    if cell.value is None or cell.low is None or cell.high is None:
        raise ValueError(cell.key)
    try:
        predicted = predictor(cell.setting).value
    except InputError:
        predicted = None
    return Cell(cell.setting.task.name, cell.setting.task.resolve().order, cell.value, cell.low, cell.high, predicted)


def _alike(cells: Sequence[Measured]) -> None:
    groups = [cell.setting.task.name for cell in cells]
    twice = sorted({group for group in groups if groups.count(group) > 1})
    if twice:
        remedy = "give one table for each setting and budget"
        raise InputError(f"n_c of {twice[0]}", "measured once", f"{groups.count(twice[0])} cells", remedy)
    differing = _differing(cells, [name for name in SETTING if name not in _OF_THE_GROUP | {"width"}])
    if differing:
        remedy = "give one table for each: laws know nothing but M"
        raise InputError("cells", "alike but for group, width and budget", f"several {differing[0]}", remedy)


def _differing(cells: Sequence[Measured], fields: Sequence[str]) -> list[str]:
    return [field for field in fields if len({str(_value(cell, field)) for cell in cells}) > 1]


def _value(cell: Measured, field: str) -> Any:
    if field == "budget":
        return cell.budget
    value = flat(cell.setting, Plan(steps=1, every=1))[field]
    return value / cell.setting.task.resolve().order if field == "width" else value
