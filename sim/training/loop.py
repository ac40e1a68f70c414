"""The training loop: packs of members, one gradient and one update a step, records on a schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twopeaks.sim.network.members import Member, check
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.probes.probing import PackProbes
from twopeaks.sim.storage.checkpoint import Checkpoints, PackCheckpoints
from twopeaks.sim.storage.records import End, Plan, Records, concatenate
from twopeaks.sim.training.learner import Learner
from twopeaks.sim.training.packs import over_packs, packs, side_by_side
from twopeaks.theory.setting import TRANSITIONS, Setting

__all__ = ["Observer", "Progress", "Reports", "identity", "packs", "train", "train_members"]

#: Called with the number of member-steps done since the last call.
Progress = Callable[[int], None]

#: Called at each record with the places of a pack's members in the list given, the step, and each observable, (P,);
#: NaN where a member has stopped. Packs go their own way: another one may be at another step.
Observer = Callable[[Sequence[int], int, Mapping[str, NDArray[np.float64]]], None]

#: The same of one pack.
_Observe = Callable[[int, Mapping[str, NDArray[np.float64]]], None]


@dataclass(frozen=True)
class Reports:
    """What to call while networks train, from any thread. Neither changes a bit of the result.

    Attributes:
        progress: called now and then with the member-steps done since the last call, first with those of an
            interrupted call whose checkpoints are resumed.
        observer: called at each record with copies of what was measured, first with the records of an interrupted
            call whose checkpoints are resumed.
    """

    progress: Progress | None = None
    observer: Observer | None = None


def train(
    setting: Setting,
    seeds: Sequence[int],
    plan: Plan,
    runtime: Runtime,
    reports: Reports | None = None,
    checkpoint: Checkpoints | None = None,
) -> Records:
    """Train one member per seed and record its curves.

    Args:
        setting: the problem; the same setting and seed give the same run, whatever the packing (to rounding).
        seeds: one non-negative integer a member, all different.
        plan: budget and recording.
        runtime: where to run, from `twopeaks.sim.network.runtime.resolve`.
        reports: what to call during training.
        checkpoint: where to keep checkpoints, and to resume from those that are there; its class says what it promises.

    Raises:
        InputError: if there are no seeds, negative ones, or some twice; if the folder of ``checkpoint`` cannot be
            written, is in use, or holds checkpoints of another run.
    """
    return train_members([(setting, int(seed)) for seed in seeds], plan, runtime, reports, checkpoint)


def train_members(
    members: Sequence[Member],
    plan: Plan,
    runtime: Runtime,
    reports: Reports | None = None,
    checkpoint: Checkpoints | None = None,
) -> Records:
    """Train members of one shape, each with its own setting and seed, side by side: a whole grid in one batch.

    Each member gives the same records as alone (to rounding). Members of unequal n are padded, which is exact; members
    whose sizes differ much go into different packs.

    Args:
        members: setting and seed of each; all different, and alike but for `twopeaks.sim.network.members.PER_MEMBER`.
        plan: budget and recording.
        runtime: where to run, from `twopeaks.sim.network.runtime.resolve`.
        reports: as for `train`.
        checkpoint: as for `train`.

    Returns:
        Curves of the members in the order given; `twopeaks.sim.storage.records.Records.some` selects those of one
        setting.

    Raises:
        InputError: if there are no members, some twice, or of different shapes; or for a reason of `train`.
    """
    check(members)
    reports = reports or Reports()
    parts = list(enumerate(side_by_side([setting for setting, _ in members], runtime)))

    def work(part: tuple[int, list[int]], share: Runtime, cancelled: threading.Event) -> Records:
        number, places = part
        pack_checkpoints = None if checkpoint is None else checkpoint.pack(number)
        observe = None if reports.observer is None else partial(reports.observer, places)
        pack = _Pack([members[i] for i in places], plan, share, cancelled, pack_checkpoints)
        return pack.run(reports.progress, observe)

    order = [i for _, places in parts for i in places]
    run = identity([members[i] for i in order], plan, runtime) | {"packs": [len(places) for _, places in parts]}
    with checkpoint.opened(run) if checkpoint is not None else nullcontext():
        records = concatenate(over_packs(parts, runtime, work))
    return records if order == sorted(order) else records.some(np.argsort(order).tolist())


def identity(members: Sequence[Member], plan: Plan, runtime: Runtime) -> dict[str, Any]:
    """Everything that decides the bits of the records, except which graphics card of a kind it was."""
    settings = [setting for setting, _ in members]
    if len(set(settings)) == 1:
        trained: dict[str, Any] = {"setting": settings[0].model_dump(mode="json")}
    else:
        trained = {"settings": [setting.content_id for setting in settings]}
    return {
        **trained,
        "seeds": [seed for _, seed in members],
        "plan": plan.model_dump(),
        "dtype": runtime.dtype,
        "device": runtime.torch_device.type,
        "threads": runtime.threads,
        "tile_bytes": runtime.tile_bytes,
    }


class _Pack:
    """Members trained in lockstep; a member that stops is removed from the tensors at once."""

    learner: Learner  # not set where a checkpoint shows that all members have ended

    def __init__(
        self,
        members: Sequence[Member],
        plan: Plan,
        runtime: Runtime,
        cancelled: threading.Event,
        checkpoints: PackCheckpoints | None,
    ) -> None:
        self.plan, self.runtime, self.cancelled, self.checkpoints = plan, runtime, cancelled, checkpoints
        self.settings = [setting for setting, _ in members]
        self.seeds = np.array([seed for _, seed in members], dtype=np.int64)
        self.active = np.arange(len(members))  # positions of the members still training
        self.probes = PackProbes(self.settings, plan)
        self.done = 0  # updates so far
        self.reported = 0  # member-steps reported as progress
        self.steps: list[int] = []
        self.rows: list[dict[str, NDArray[np.float64]]] = []
        self.ends: list[End] = ["budget"] * len(members)
        self.above_since = np.full(len(members), -1)  # step since which test accuracy holds the level of t_grok
        self.observe: _Observe | None = None

    @property
    def unfinished(self) -> bool:
        return self.done < self.plan.steps and len(self.active) > 0

    def run(self, progress: Progress | None, observe: _Observe | None) -> Records:
        self.observe = observe
        if not self._resume():
            self.learner = self._learner()
            self._record(0)
        elif progress is not None:
            progress(self.reported)
        while self.unfinished and not self.cancelled.is_set():
            target = self.plan.next_record(self.done)
            while self.done < target and not self.cancelled.is_set():
                if self.checkpoints is not None and self.checkpoints.due():
                    self._store_state(self.checkpoints)
                self.probes.watch(self.done, self.learner.params)
                self.learner.step()
                self.done += 1
            if self.done < target:
                break
            work = (target - self.steps[-1]) * len(self.active)
            self.reported += work
            if progress is not None:
                progress(work)
            self._record(target)
        if self.checkpoints is not None and not self.unfinished:
            self._store_state(self.checkpoints)
        if progress is not None:
            progress(self.plan.steps * len(self.seeds) - self.reported)  # steps that members ended early do not need
        return self._records()

    def _learner(self) -> Learner:
        return Learner([self.settings[e] for e in self.active], self.seeds[self.active].tolist(), self.runtime)

    def _store_state(self, checkpoints: PackCheckpoints) -> None:
        """Store a checkpoint; weights and averages only if some member goes on."""
        arrays: dict[str, NDArray[Any]] = {f"curve/{name}": curve for name, curve in self._curves().items()}
        arrays |= {"steps": np.array(self.steps), "active": self.active, "above_since": self.above_since}
        if self.unfinished:
            state = {f"learner/{name}": values for name, values in self.learner.state().items()}
            state |= {f"probes/{name}": values for name, values in self.probes.state().items()}
            arrays |= {name: values.cpu().numpy() for name, values in state.items()}
        checkpoints.store(self.done, {"told": self.reported, "ends": self.ends}, arrays)

    def _resume(self) -> bool:
        """Restore the newest checkpoint; False if there is none."""
        newest = None if self.checkpoints is None else self.checkpoints.latest()
        if newest is None:
            return False
        facts, arrays = newest
        self.done, self.reported, self.ends = facts["step"], facts["told"], facts["ends"]
        self.steps, self.active, self.above_since = arrays["steps"].tolist(), arrays["active"], arrays["above_since"]
        curves = _below("curve/", arrays)
        self.rows = [{name: curve[:, r] for name, curve in curves.items()} for r in range(len(self.steps))]
        for step, row in zip(self.steps, self.rows, strict=True):
            self._report(step, row)
        if self.unfinished:
            self.learner = self._learner()
            self.learner.restore({k: torch.as_tensor(v) for k, v in _below("learner/", arrays).items()})
            like = self.learner.params.V
            self.probes.keep(self.active.tolist(), like)
            self.probes.restore({k: torch.as_tensor(v) for k, v in _below("probes/", arrays).items()}, like)
        return True

    def _record(self, step: int) -> None:
        """Append one row of observables, then stop members that diverged or have waited long enough."""
        values = _observe(self.learner) | self.probes.measure(step, self.learner.params, self.learner.data)
        finite = self._finite(values)
        row = {name: np.full(len(self.seeds), np.nan) for name in values}
        for name, value in values.items():
            row[name][self.active[finite]] = value[finite]
        self.steps.append(step)
        self.rows.append(row)
        self._report(step, row)
        for position in self.active[~finite]:
            self.ends[position] = "diverged"
        stay = finite & ~self._has_waited(step, values["test_accuracy"])
        if not stay.all():
            self._keep(stay)

    def _report(self, step: int, row: Mapping[str, NDArray[np.float64]]) -> None:
        if self.observe is not None:
            self.observe(step, {name: values.copy() for name, values in row.items()})

    def _finite(self, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
        """(E,) whether losses and norms of a member are finite; the test loss counts only if it has test rows."""
        data = self.learner.data
        has_tests = (data.sizes < data.table.rows.size).cpu().numpy()
        finite = np.isfinite([values[name] for name in ("train_loss", "norm_w2", "norm_v2")]).all(axis=0)
        return np.asarray(finite & (np.isfinite(values["test_loss"]) | ~has_tests))

    def _has_waited(self, step: int, accuracy: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(E,) whether test accuracy has held the level of ``t_grok`` for the patience of the plan."""
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
        """Go on with these members alone."""
        self.active = self.active[stay]
        if len(self.active):
            members = np.flatnonzero(stay).tolist()
            self.learner.keep(members)
            self.probes.keep(members, self.learner.params.V)

    def _records(self) -> Records:
        curves = self._curves()
        counts = np.isfinite(curves["train_loss"]).sum(axis=1)
        return Records(self.seeds, np.array(self.steps), counts, tuple(self.ends), curves)

    def _curves(self) -> dict[str, NDArray[np.float64]]:
        return {name: np.stack([row[name] for row in self.rows], axis=1) for name in self.rows[0]}


def _below(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}


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
