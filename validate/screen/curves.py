"""The curves of a run while it trains, in bins: small enough to be drawn at any moment of a long run."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from twopeaks.sim.storage.records import Plan, Records
from twopeaks.theory.setting import TRANSITIONS

__all__ = ["BINS", "SHOWN", "LiveCurves"]

Floats = NDArray[np.float64]

#: Bins of the axis of steps; the newest record in a bin counts. A picture of 500 cells has 1000 columns of dots.
BINS = 1000

#: Observables that are kept.
SHOWN = ("train_accuracy", "test_accuracy", "train_loss")


class LiveCurves:
    """An observer of `twopeaks.sim.training.loop.train`, which may call it from several threads.

    Args:
        members: how many there are.
        plan: their budget; its spacing is that of the axis.

    Attributes:
        curves: observable -> (E, BINS), NaN where there is no record.
        steps: (E,) step of each member's last record; -1 before the first.
        since: transition -> (E,) step of the record since which each member has made it, -1 if it has not. As
            long as its curve has not been held for as long as `theory.setting.Transition` asks, it may be taken back.
        heard: how many records were taken in.
        training: (E,) whether each member had values in its last record.
    """

    def __init__(self, members: int, plan: Plan) -> None:
        self.plan = plan
        self.curves = {name: np.full((members, BINS), np.nan) for name in SHOWN}
        self.steps = np.full(members, -1)
        self.since = {name: np.full(members, -1) for name in TRANSITIONS}
        self.training = np.ones(members, dtype=bool)
        self.heard = 0
        self._lock = threading.Lock()

    def __call__(self, places: Sequence[int], step: int, values: Mapping[str, Floats]) -> None:
        """Take in one record of some members."""
        members = np.asarray(places)
        finite = np.isfinite(values["train_loss"])
        with self._lock:
            self.heard += 1
            self.training[members] = finite
            self.steps[members[finite]] = step
            for name in SHOWN:
                self.curves[name][members[finite], self.bin(step)] = values[name][finite]
            for name, event in TRANSITIONS.items():
                above = values[event.curve][finite] >= event.level
                since = self.since[name][members[finite]]
                since = np.where(~above & (step <= since + event.hold), -1, since)
                self.since[name][members[finite]] = np.where(above & (since < 0), step, since)

    @classmethod
    def of(cls, records: Records, plan: Plan) -> Self:
        """The curves of a stored run, as they were at its end."""
        curves, members = cls(len(records.seeds), plan), range(len(records.seeds))
        by_name = {name: records.curves[name] for name in SHOWN}
        for r, step in enumerate(records.steps.tolist()):
            curves(members, step, {name: values[:, r] for name, values in by_name.items()})
        return curves

    def position(self, step: float) -> float:
        """Position of a step on the axis, 0 to 1; with log spacing step 1 is at 0."""
        if self.plan.spacing == "linear":
            return step / self.plan.steps
        return math.log(max(step, 1)) / math.log(max(self.plan.steps, 2))

    def bin(self, step: int) -> int:
        """The part of the axis that a step lies in."""
        return round(self.position(step) * (BINS - 1))

    def made(self, transition: str) -> NDArray[np.int64]:
        """Steps at which members have made a transition so far, in order."""
        since = self.since[transition]
        return np.sort(since[since >= 0])
