"""Settings and plans as flat names and values: the keys of a specification, the options of commands, columns of tables.

Every field keeps its own name; the rule of the optimizer, whose field is called ``name``, is ``optimizer``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from twopeaks.sim.storage.records import Plan
from twopeaks.theory.setting import Setting, default_width
from twopeaks.theory.setting.network import Network
from twopeaks.theory.setting.optimizer import Optimizer
from twopeaks.theory.setting.tables import Table
from twopeaks.theory.setting.task import Task

__all__ = ["PARTS", "PLAN", "PLANNED", "SETTING", "Part", "default", "field_of", "flat", "part_of", "standard_values"]

#: Where a field of a flat description belongs.
Part = Literal["task", "network", "optimizer", "setting", "plan"]

#: Part -> its model.
PARTS: dict[Part, type[BaseModel]] = {
    "task": Task,
    "network": Network,
    "optimizer": Optimizer,
    "setting": Setting,
    "plan": Plan,
}

#: Flat name of a setting's field -> the part it belongs to, and its name there.
SETTING: dict[str, tuple[Part, str]] = {
    **{name: ("task", name) for name in Task.model_fields},
    **{name: ("network", name) for name in Network.model_fields},
    **{("optimizer" if name == "name" else name): ("optimizer", name) for name in Optimizer.model_fields},
    "loss": ("setting", "loss"),
}

#: The same for a plan.
PLAN: dict[str, tuple[Part, str]] = {name: ("plan", name) for name in Plan.model_fields}

#: Values of commands and sweeps for fields that a plan requires.
PLANNED = {"steps": 3000, "every": 50}


def flat(setting: Setting, plan: Plan) -> dict[str, Any]:
    """Every field of a setting and a plan, defaults included, by its flat name."""
    objects = {
        "task": setting.task,
        "network": setting.network,
        "optimizer": setting.optimizer,
        "setting": setting,
        "plan": plan,
    }
    return {name: getattr(objects[part], field) for name, (part, field) in (SETTING | PLAN).items()}


def part_of(part: Part, values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of one part among flat values, under the part's own names."""
    places = SETTING | PLAN
    return {places[name][1]: value for name, value in values.items() if places[name][0] == part}


def field_of(name: str) -> FieldInfo:
    """The field of this flat name: its type, default and description."""
    part, field = (SETTING | PLAN)[name]
    return PARTS[part].model_fields[field]


def default(name: str) -> Any:
    """The model's own default of a field; ``PydanticUndefined``, which equals no value, where the field is required."""
    return field_of(name).default


def standard_values(table: Table) -> dict[str, Any]:
    """What commands and sweeps take for the required fields: half of the rows, the standard width, a short plan."""
    return {"samples": max(1, table.rows.size // 2), "width": default_width(table.classes), **PLANNED}
