"""What a run leaves behind: one curve per observable and member, and how each member ended. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from theory.errors import InputError
from theory.setting import OBSERVABLES

__all__ = ["Plan", "Records", "concatenate"]


#: Most records of one run: a million would already be 50 MB a member.
MAX_RECORDS = 1_000_000


class Plan(BaseModel):
    """How long to train and what to record.

    Attributes:
        steps: budget in updates.
        every: steps between records; step 0 and the last step are recorded too.
        patience: stop a member once its test accuracy has stayed at the level of ``t_grok`` for this many
            steps; None trains every member to the end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=1, le=10**9, description="updates, such as 3000")
    every: int = Field(ge=1, description="steps between records, such as 50")
    patience: int | None = Field(None, ge=0, description="steps to go on after grokking, such as 200")

    @model_validator(mode="after")
    def _records_fit(self) -> Self:
        if self.steps // self.every > MAX_RECORDS:
            raise InputError(
                "every", f"at least steps/{MAX_RECORDS:,}", self.every, f"with {self.steps:,} steps, record less often"
            )
        return self


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
        curves={name: np.concatenate([padded(part, name) for part in parts]) for name in OBSERVABLES},
    )
