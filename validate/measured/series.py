"""Cells that differ in their number of samples alone, and where their members begin to grok. No torch here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.bisect import bracket, resized
from twopeaks.sim.sweep.flat import flat
from twopeaks.theory.setting import Setting
from twopeaks.validate.measured.rates import Rate, rates_text

if TYPE_CHECKING:  # most need no fit, and SciPy takes its time
    from twopeaks.validate.measured.statistics import TransitionPoint

__all__ = ["Outcome", "Series", "name_of", "order_of", "series"]

#: Fields that say what is learned: its name says all of them at once.
_WHAT = frozenset({"group", "group_table", "table", "operands", "expression", "field", "parity"})


@dataclass(frozen=True)
class Outcome:
    """Members of one cell: how many grokked, of how many."""

    setting: Setting
    plan: Plan
    grokked: int
    members: int


@dataclass(frozen=True)
class Series:
    """Members of one setting at several sizes.

    Attributes:
        setting, plan: theirs; its ``samples`` mean nothing.
        rates: size n -> how many grokked within their budget, of how many; sizes increasing.
    """

    setting: Setting
    plan: Plan
    rates: dict[int, tuple[int, int]]

    @property
    def name(self) -> str:
        """Tells it from other ones, see `name_of`."""
        return name_of(self.setting, self.plan)

    @property
    def members(self) -> int:
        """Of all sizes."""
        return sum(count for _, count in self.rates.values())

    @property
    def grokked(self) -> int:
        """Of all sizes."""
        return sum(count for count, _ in self.rates.values())

    @property
    def bracket(self) -> tuple[int | None, int | None]:
        """The sizes around the transition, as `twopeaks.sim.sweep.bisect.bracket` has them."""
        return bracket({n: k / m for n, (k, m) in self.rates.items()})

    @cached_property
    def point(self) -> TransitionPoint:
        """n_c with its bootstrap interval."""
        from twopeaks.validate.measured.statistics import transition_point

        sizes, counts = list(self.rates), np.array(list(self.rates.values()), dtype=np.float64)
        return transition_point(np.array(sizes, dtype=np.float64), counts[:, 0], counts[:, 1])

    @property
    def text(self) -> str:
        """The rates as words: ``40: 0/8, 44: 3/8, 48: 8/8``."""
        return rates_text(Rate(n, grokked, members) for n, (grokked, members) in self.rates.items())

    def label(self, varied: Sequence[str]) -> str:
        """What tells it from others of a sweep in which these fields vary."""
        values = flat(self.setting, self.plan)
        fields = [f"{name} {_short(values[name])}" for name in varied if name not in _WHAT | {"samples"}]
        return ", ".join([self.setting.task.name, *fields])


def series(outcomes: Iterable[Outcome]) -> list[Series]:
    """Outcomes put together by what they have in common but for the size, in the order of their fields' values."""
    by_name: dict[str, Series] = {}
    for cell in outcomes:
        rates = by_name.setdefault(name_of(cell.setting, cell.plan), Series(cell.setting, cell.plan, {})).rates
        k, m = rates.get(cell.setting.task.samples, (0, 0))
        rates[cell.setting.task.samples] = (k + cell.grokked, m + cell.members)
    ordered = sorted(by_name.values(), key=lambda group: order_of(group.setting, group.plan))
    return [Series(group.setting, group.plan, dict(sorted(group.rates.items()))) for group in ordered]


def name_of(setting: Setting, plan: Plan) -> str:
    """16 hex digits that say all but the size, the seeds and the dtype."""
    identity = json.dumps([resized(setting, 1).content_id, plan.model_dump()], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def order_of(setting: Setting, plan: Plan) -> list[tuple[bool, str, float, str]]:
    """Key by which settings are put in order: small groups first, numbers before words."""
    values = [setting.task.table_of().classes, *flat(setting, plan).values()]
    numbers = [value if isinstance(value, int | float) else None for value in values]
    return [
        (number is None, type(value).__name__, number or 0, "" if number is not None else str(value))
        for value, number in zip(values, numbers, strict=True)
    ]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
