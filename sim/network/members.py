"""Members that can be trained together: of one shape, each with a setting and a seed of its own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Network, Optimizer, Setting, Task

__all__ = ["PER_MEMBER", "Member", "check", "each", "shape"]

#: One network: what it learns and how, and its seed.
Member = tuple[Setting, int]

#: Records keep seeds as 64-bit integers.
_LARGEST_SEED = 2**63 - 1

#: Fields that members of one pack may have of their own. All others decide shapes, formulas or what a number means.
PER_MEMBER: dict[str, frozenset[str]] = {
    "task": frozenset({"samples", "labels", "bias", "noise"}),
    "network": frozenset({"init_scale_v"}),
    "optimizer": frozenset({"lr", "weight_decay", "lr_v", "momentum"}),
}

_FIELDS = {"task": Task.model_fields, "network": Network.model_fields, "optimizer": Optimizer.model_fields}
_SHARED = [(part, [field for field in fields if field not in PER_MEMBER[part]]) for part, fields in _FIELDS.items()]


def shape(setting: Setting) -> Hashable:
    """What members of one pack have in common: equal for settings whose members can be trained together.

    It is the setting without the fields of `PER_MEMBER`: table and operands, network, loss, update rule with its
    averages and schedule.
    """
    parts = (tuple(getattr(getattr(setting, part), field) for field in fields) for part, fields in _SHARED)
    return (*parts, setting.loss, setting.schema_version)


def each(settings: Setting | Sequence[Setting], seeds: Sequence[int]) -> list[Setting]:
    """The setting of each member; a single setting stands for all."""
    return [settings] * len(seeds) if isinstance(settings, Setting) else list(settings)


def check(members: Sequence[Member]) -> None:
    """Check that members can be trained together.

    Raises:
        InputError: if there are no members, two are equal, shapes differ, or a seed is negative or not below 2^63.
    """
    seeds = [seed for _, seed in members]
    if not seeds or min(seeds) < 0 or max(seeds) > _LARGEST_SEED or len(set(members)) != len(members):
        raise InputError("seeds", "one or more different integers >= 0 and < 2^63", seeds, "use e.g. 0, 1, 2")
    first = members[0][0]
    other = next((setting for setting in {setting for setting, _ in members} if shape(setting) != shape(first)), None)
    if other is not None:
        own = ", ".join(sorted(field for fields in PER_MEMBER.values() for field in fields))
        raise InputError("members", f"alike but for {own}", _difference(first, other), "train the others separately")


def _difference(a: Setting, b: Setting) -> str:
    """The first field that differs and may not, with both values."""
    for part, fields in _SHARED:
        for field in fields:
            value_a, value_b = (getattr(getattr(setting, part), field) for setting in (a, b))
            if value_a != value_b:
                return f"{field} {value_a} beside {value_b}"
    return f"loss {a.loss} beside {b.loss}"
