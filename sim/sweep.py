"""Many runs over any executor: each cell cut into packs, finished packs skipped, the rest done and stored."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from sim.records import Plan, Records, concatenate
from sim.runtime import Runtime
from sim.store import Stored, load, run_name, save
from sim.train import packs, train
from theory.setting import Setting

__all__ = ["Cell", "Trained", "run_cells"]


@dataclass(frozen=True)
class Cell:
    """One setting, its seeds and its plan."""

    setting: Setting
    seeds: tuple[int, ...]
    plan: Plan

    @property
    def member_steps(self) -> int:
        """Largest cost of the cell: members times budget."""
        return len(self.seeds) * self.plan.steps


@dataclass(frozen=True)
class Trained:
    """A finished cell: its records, and the seconds of one thread that training it took (whenever that was)."""

    records: Records
    seconds: float


def run_cells(
    cells: Sequence[Cell],
    root: Path,
    runtime: Runtime,
    executor: Executor,
    progress: Callable[[int], None] | None = None,
) -> list[Trained]:
    """Train every cell on the executor, each worker with one thread; results land below ``root``.

    Args:
        cells: what to train.
        root: store; packs already there are read instead of trained, so a stopped call resumes.
        runtime: device and dtype of the workers.
        executor: any ``concurrent.futures.Executor`` whose workers can write to ``root``.
        progress: called with the member-steps of each pack as it ends.

    Returns:
        Each cell's outcome, in order.
    """
    single = replace(runtime, threads=1)
    jobs = [[replace(cell, seeds=tuple(p)) for p in packs(cell.setting, cell.seeds, single)] for cell in cells]
    waiting: dict[Future[None], Cell] = {}
    try:
        for job in sorted((j for part in jobs for j in part), key=lambda j: -_cost(j)):
            if not _folder(job, root, single).exists():
                waiting[executor.submit(_run, job, root, single)] = job
            elif progress is not None:
                progress(job.member_steps)
        for future in as_completed(waiting):
            future.result()
            if progress is not None:
                progress(waiting[future].member_steps)
    except BaseException:
        for future in waiting:
            future.cancel()
        raise
    return [_gather([load(_folder(job, root, single)) for job in part]) for part in jobs]


def _gather(parts: Sequence[Stored]) -> Trained:
    return Trained(
        concatenate([part.records for part in parts]), sum(float(part.manifest["seconds"]) for part in parts)
    )


def _cost(job: Cell) -> int:
    """Order of submission: the largest first, so that workers end together."""
    return job.member_steps * job.setting.task.samples


def _folder(job: Cell, root: Path, runtime: Runtime) -> Path:
    return root / run_name(job.setting, job.plan, job.seeds, runtime.dtype)


def _run(job: Cell, root: Path, runtime: Runtime) -> None:
    start = time.perf_counter()
    records = train(job.setting, job.seeds, job.plan, runtime)
    facts = {**runtime.describe(), "pid": os.getpid()}
    save(root, job.setting, job.plan, records, facts, time.perf_counter() - start)
