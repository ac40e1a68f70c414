"""Settings and plans as flat names and values: the keys of a specification, the columns of a table.

Every field keeps its own name; the rule of the optimizer, whose field is called ``name``, is ``optimizer``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from twopeaks.sim.storage.records import Plan
from twopeaks.theory.setting import Setting
from twopeaks.theory.setting.network import Network
from twopeaks.theory.setting.optimizer import Optimizer
from twopeaks.theory.setting.task import Task

__all__ = ["PARTS", "PLAN", "SETTING", "Part", "flat", "part_of"]

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
