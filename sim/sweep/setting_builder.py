"""Cells from flat names and values, for sweeps and commands alike; equal parts are checked once."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.flat import PLAN, SETTING, field_of, part_of, standard_values
from twopeaks.sim.sweep.quantities import resolved
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting, explain
from twopeaks.theory.setting.network import Network
from twopeaks.theory.setting.optimizer import Optimizer
from twopeaks.theory.setting.tables import Table
from twopeaks.theory.setting.task import Task

__all__ = ["Builder", "is_whole"]

Model = TypeVar("Model", bound=BaseModel)

#: Fields of a task that decide its table.
_TABLE_FIELDS = ("group", "table", "operands", "expression", "field", "parity")


def is_whole(key: str) -> bool:
    """Whether a field holds an integer."""
    if key not in SETTING | PLAN:
        return False
    kind = field_of(key).annotation
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return int in kinds and float not in kinds


class Builder:
    """Makes cells from flat values.

    Args:
        seeds: of every cell.
        varied: keys whose values tell a cell apart in messages.
    """

    def __init__(self, seeds: Sequence[int], varied: Sequence[str]) -> None:
        self._seeds, self._varied = tuple(seeds), varied
        self._made: dict[tuple[type[BaseModel], str], BaseModel] = {}

    def cell(self, values: Mapping[str, Any]) -> Cell:
        """The cell of these values, for a sweep.

        Raises:
            InputError: if a value is out of range, or some contradict each other; it names the keys and the cell.
        """
        try:
            return self.checked(values)
        except (ValidationError, InputError) as error:
            problem = explain(error, Plan) if isinstance(error, ValidationError) else error
            place = ", ".join(f"{key} = {_short(values[key])}" for key in self._varied if key in values)
            remedy = _as_keys(problem.remedy) + (f" (in the cell {place})" if place else "")
            raise InputError(problem.name, problem.expectation, problem.value, remedy) from error

    def table(self, values: Mapping[str, Any]) -> Table:
        """The table that is learned with these values."""
        task_fields = {key: value for key, value in _named(values).items() if key in _TABLE_FIELDS}
        return self._part(Task, {**task_fields, "samples": 1}).table_of()

    def checked(self, values: Mapping[str, Any]) -> Cell:
        """The cell of these values, for a command.

        Raises:
            InputError: if some values contradict each other; it names the options.
            ValidationError: if a value is out of range; `twopeaks.theory.setting.explain` makes it one line.
        """
        values = _named(values)
        table = self.table(values)
        values = {key: resolved(key, value, table) for key, value in (standard_values(table) | values).items()}
        if values.get("schedule") == "cosine":
            values = {"decay_steps": values["steps"], **values}
        setting = Setting(
            task=self._part(Task, part_of("task", values)),
            network=self._part(Network, part_of("network", values)),
            optimizer=self._part(Optimizer, part_of("optimizer", values)),
            **part_of("setting", values),
        )
        return Cell(setting, self._seeds, self._part(Plan, part_of("plan", values)))

    def _part(self, model: type[Model], fields: dict[str, Any]) -> Model:
        key = (model, repr(sorted(fields.items())))
        if key not in self._made:
            self._made[key] = model.model_validate(fields)
        part = self._made[key]
        if not isinstance(part, model):
            raise TypeError(key)
        return part


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with `group` and `table` in place of what was read from a CSV file."""
    values = dict(values)
    csv_group = values.pop("group_table", None)
    if csv_group is None:
        return values
    if "group" in values or "table" in values:
        raise InputError("group_table", "left out with group", csv_group["name"], "give one of the two")
    return {**values, "group": csv_group["name"], "table": csv_group["rows"]}


def _as_keys(remedy: str) -> str:
    """The text with keys of a description in place of options of a command."""
    return re.sub(r"--([a-z][a-z-]*)", lambda option: option[1].replace("-", "_"), remedy)


def _short(value: object) -> str:
    text = str(value["name"] if isinstance(value, Mapping) else value)
    return text if len(text) <= 40 else f"{text[:39]}…"
