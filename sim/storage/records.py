"""What a run leaves behind: one curve per observable and member, and how each member ended. No torch here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from twopeaks.sim.storage.probe_catalogue import chosen
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting.frozen import LARGEST, Frozen

__all__ = ["Plan", "Records", "concatenate"]


Spacing = Literal["linear", "log"]

#: Most records of one run: a million already take 50 MB a member.
MAX_RECORDS = 1_000_000


class Plan(Frozen):
    """How long to train and what to record.

    Attributes:
        steps: budget in updates.
        every: steps between records; step 0 and the last step are recorded too.
        patience: stop a member once its test accuracy has stayed at the level of ``t_grok`` for this many
            steps; None trains every member to the end.
        probes: names of what else to measure, from `twopeaks.sim.storage.probe_catalogue.PROBES`.
        spacing: ``linear``, or ``log``: ``every`` is then the number of records a decade, at the steps 10^(i/every)
            rounded to whole ones.
        probe_share: what the probes may cost, as a part of the run without them; dear ones are measured at fewer
            records to keep to it.
    """

    added = frozenset({"probes", "spacing", "probe_share"})

    steps: int = Field(ge=1, le=10**9, description="budget in updates, such as 3000")
    every: int = Field(
        ge=1, description="steps between records, such as 50; with log spacing the number of records a decade"
    )
    patience: int | None = Field(
        None, ge=0, description="steps to go on after grokking, such as 200; then that network stops"
    )
    probes: tuple[str, ...] = Field((), description="names of probes (what else to measure), such as gradient,irreps")
    spacing: Spacing = Field("linear", description="linear, or log: records at equal distances of the logarithm")
    probe_share: float = Field(
        0.1,
        ge=0,
        le=LARGEST,
        description="what probes may cost, as a share of the run, such as 0.1; dear ones are measured less often",
    )

    @field_validator("probes")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return chosen(names)

    @model_validator(mode="after")
    def _records_fit(self) -> Self:
        remedy = f"with {self.steps:,} steps, record less often"
        if self.spacing == "log" and self.every > MAX_RECORDS // 9:
            raise InputError("every", f"at most {MAX_RECORDS // 9:,} records a decade", self.every, remedy)
        if self.spacing == "linear" and self.steps // self.every > MAX_RECORDS:
            raise InputError("every", f"at least steps/{MAX_RECORDS:,}", self.every, remedy)
        return self

    def next_record(self, step: int) -> int:
        """First recorded step after this one."""
        if self.spacing == "linear":
            return min((step // self.every + 1) * self.every, self.steps)
        first = math.floor(self.every * math.log10(max(step, 1)))
        marks = (round(10 ** (i / self.every)) for i in itertools.count(first))
        return min(next(mark for mark in marks if mark > step), self.steps)

    def record_steps(self) -> NDArray[np.int64]:
        """(R,) recorded steps, from 0 to the budget, of a member that trains to the end."""
        if self.spacing == "linear":
            return np.append(np.arange(0, self.steps, self.every), self.steps)
        steps = [0]
        while steps[-1] < self.steps:
            steps.append(self.next_record(steps[-1]))
        return np.array(steps)


End = Literal["budget", "patience", "diverged"]


@dataclass(frozen=True)
class Records:
    """Curves of E members on R recorded steps.

    Attributes:
        seeds: (E,) seed of each member.
        steps: (R,) recorded steps.
        counts: (E,) how many of them each member has; later entries of its curves are NaN.
        ends: (E,) why each member stopped: its budget, patience after grokking, or divergence.
        curves: observable -> (E, R).
    """

    seeds: NDArray[np.int64]
    steps: NDArray[np.int64]
    counts: NDArray[np.int64]
    ends: tuple[End, ...]
    curves: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """(E,) whether a member's loss or weights stopped being finite."""
        return np.array([end == "diverged" for end in self.ends])

    def member(self, e: int) -> dict[str, NDArray[np.float64]]:
        """Curves of member e without the padding, and its ``steps``."""
        count = int(self.counts[e])
        curves = {name: values[e, :count] for name, values in self.curves.items()}
        return {"steps": self.steps[:count].astype(np.float64), **curves}

    @property
    def last_steps(self) -> NDArray[np.int64]:
        """(E,) last recorded step of each member."""
        return np.asarray(self.steps[np.maximum(self.counts, 1) - 1])

    def some(self, members: Sequence[int]) -> Self:
        """Records of some members, in the order given, cut to the longest of these."""
        index = np.asarray(members)
        ends = tuple(self.ends[e] for e in members)
        # Where a member diverged there is one record more, in which it has no values.
        rows = int((self.counts[index] + np.array([end == "diverged" for end in ends])).max())
        curves = {name: values[index, :rows] for name, values in self.curves.items()}
        return type(self)(self.seeds[index], self.steps[:rows], self.counts[index], ends, curves)

    def final(self, name: str) -> NDArray[np.float64]:
        """(E,) last recorded value of an observable."""
        return self.curves[name][np.arange(len(self.seeds)), self.counts - 1]


def concatenate(parts: Sequence[Records]) -> Records:
    """Records of several packs of one plan as one, members in the order given."""
    longest = max(parts, key=lambda part: len(part.steps)).steps

    def padded(part: Records, name: str) -> NDArray[np.float64]:
        missing = len(longest) - len(part.steps)
        return np.pad(part.curves[name], ((0, 0), (0, missing)), constant_values=np.nan)

    return Records(
        seeds=np.concatenate([part.seeds for part in parts]),
        steps=longest,
        counts=np.concatenate([part.counts for part in parts]),
        ends=tuple(end for part in parts for end in part.ends),
        curves={name: np.concatenate([padded(part, name) for part in parts]) for name in parts[0].curves},
    )
