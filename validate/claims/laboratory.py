"""Where claims are examined: seeds, budget, machine, and a memory of what was trained already in this call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.training.loop import Reports, train
from twopeaks.sim.training.snapshots import Snapshots, snapshots
from twopeaks.theory.setting import Setting

__all__ = ["Laboratory"]

T = TypeVar("T")

#: Weights larger than this are made again rather than kept.
_KEPT_BYTES = 1 << 26


@dataclass
class Laboratory:
    """What an examination may use.

    Attributes:
        seeds: of the networks of each claim.
        quick: whether small sizes are asked for.
        runtime: device, dtype and threads.
        progress: called with member-steps done.
    """

    seeds: tuple[int, ...]
    quick: bool
    runtime: Runtime
    progress: Callable[[int], None] | None = None
    _trained: dict[tuple[str, str], Records] = field(default_factory=dict, repr=False)
    _kept: dict[tuple[str, tuple[int, ...]], Snapshots] = field(default_factory=dict, repr=False)

    def pick(self, full: T, quick: T) -> T:
        """The first for a full examination, the second for a quick one."""
        return quick if self.quick else full

    def train(self, setting: Setting, steps: int, every: int = 10, patience: int | None = None) -> Records:
        """Curves of one network a seed; a run already done in this call is not repeated."""
        plan = Plan(steps=steps, every=every, patience=patience)
        key = (setting.content_id, plan.model_dump_json())
        if key not in self._trained:
            self._trained[key] = train(setting, self.seeds, plan, self.runtime, Reports(self.progress))
        return self._trained[key]

    def weights(self, setting: Setting, steps: Sequence[int]) -> Snapshots:
        """Weights of one network a seed at the given steps; small ones already made in this call are not repeated."""
        key = (setting.content_id, tuple(steps))
        if key in self._kept:
            return self._kept[key]
        made = snapshots(setting, self.seeds, steps, self.runtime, progress=self.progress)
        if sum(layer.nbytes for layer in made.layers) <= _KEPT_BYTES:
            self._kept[key] = made
        return made
