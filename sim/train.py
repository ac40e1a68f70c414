"""The training loop: packs of members, one gradient and one update a step, records on a schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sim.learner import Learner
from sim.packs import over_packs, packs
from sim.records import End, Plan, Records, concatenate
from sim.runtime import Runtime
from theory.setting import OBSERVABLES, TRANSITIONS, Setting

__all__ = ["packs", "train"]

#: Called with the number of member-steps done since the last call.
Progress = Callable[[int], None]


def train(
    setting: Setting,
    seeds: Sequence[int],
    plan: Plan,
    runtime: Runtime,
    progress: Progress | None = None,
) -> Records:
    """Train one member per seed and record its curves.

    Args:
        setting: the problem; the same setting and seed give the same run, whatever the packing (to rounding).
        seeds: one non-negative integer a member, all different.
        plan: budget and recording.
        runtime: where to run, from `sim.runtime.resolve`.
        progress: called now and then, from any thread, with the member-steps done since the last call.

    Raises:
        InputError: if there are no seeds, negative ones, or some twice.
    """

    def work(part: list[int], share: Runtime, cancelled: threading.Event) -> Records:
        return _Pack(setting, part, plan, share, cancelled).run(progress)

    return concatenate(over_packs(setting, seeds, runtime, work))


class _Pack:
    """Members trained in lockstep; a member that stops leaves the tensors at once."""

    def __init__(
        self, setting: Setting, seeds: Sequence[int], plan: Plan, runtime: Runtime, cancelled: threading.Event
    ) -> None:
        self.plan, self.cancelled = plan, cancelled
        self.seeds = np.asarray(seeds, dtype=np.int64)
        self.active = np.arange(len(seeds))  # positions in `seeds` of the members still training
        self.learner = Learner(setting, seeds, runtime)
        self.steps: list[int] = []
        self.rows: list[dict[str, NDArray[np.float64]]] = []
        self.ends: list[End] = ["budget"] * len(seeds)
        self.above_since = np.full(len(seeds), -1)  # step since which test accuracy holds the level of t_grok

    def run(self, progress: Progress | None) -> Records:
        done, told = 0, 0
        self._record(0)
        while done < self.plan.steps and len(self.active) and not self.cancelled.is_set():
            target = min(done + self.plan.every, self.plan.steps)
            for _ in range(done, target):
                self.learner.step()
            if progress is not None:
                progress((target - done) * len(self.active))
                told += (target - done) * len(self.active)
            done = target
            self._record(done)
        if progress is not None:
            progress(self.plan.steps * len(self.seeds) - told)  # members that stopped early owe no more
        return self._records()

    def _record(self, step: int) -> None:
        """Append one row of observables, then let go of members that diverged or have waited long enough."""
        values = _observe(self.learner)
        finite = np.isfinite([values[name] for name in ("train_loss", "norm_w2", "norm_v2")]).all(axis=0)
        row = {name: np.full(len(self.seeds), np.nan) for name in OBSERVABLES}
        for name, value in values.items():
            row[name][self.active[finite]] = value[finite]
        self.steps.append(step)
        self.rows.append(row)
        for position in self.active[~finite]:
            self.ends[position] = "diverged"
        stay = finite & ~self._has_waited(step, values["test_accuracy"])
        if not stay.all():
            self._keep(stay)

    def _has_waited(self, step: int, accuracy: NDArray[np.float64]) -> NDArray[np.bool_]:
        since = self.above_since[self.active]
        above = accuracy >= TRANSITIONS["t_grok"].level
        since = np.where(above, np.where(since < 0, step, since), -1)
        self.above_since[self.active] = since
        if self.plan.patience is None:
            return np.zeros(len(self.active), dtype=bool)
        waited = above & (step - since >= self.plan.patience)
        for position in self.active[waited]:
            self.ends[position] = "patience"
        return waited

    def _keep(self, stay: NDArray[np.bool_]) -> None:
        self.active = self.active[stay]
        if len(self.active):
            self.learner.keep(np.flatnonzero(stay).tolist())

    def _records(self) -> Records:
        curves = {name: np.stack([row[name] for row in self.rows], axis=1) for name in OBSERVABLES}
        counts = np.isfinite(curves["train_loss"]).sum(axis=1)
        return Records(self.seeds, np.array(self.steps), counts, tuple(self.ends), curves)


def _observe(learner: Learner) -> dict[str, NDArray[np.float64]]:
    """Every observable of every member, (E,) each."""

    def numbers(x: Tensor) -> NDArray[np.float64]:
        return np.asarray(x.double().cpu().numpy())

    def squares(layer: Tensor) -> Tensor:
        return layer.abs().square().sum(dim=(1, 2))

    *hidden, V = learner.params
    values = {name: numbers(x) for name, x in learner.evaluate()._asdict().items()}
    values["norm_w2"] = numbers(torch.stack([squares(layer) for layer in hidden]).sum(dim=0))
    values["norm_v2"] = numbers(squares(V))
    return values
