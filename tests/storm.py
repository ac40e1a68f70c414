"""A sweep of forty small cells to be killed at any moment, which writes down every update that it ever makes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twopeaks.sim.network.runtime import resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.cells import Cell, Search
from twopeaks.sim.sweep.cluster import Cluster
from twopeaks.sim.sweep.drive import Monitor, run_searches
from twopeaks.sim.sweep.folder import UNFINISHED
from twopeaks.sim.sweep.pool import LocalPool
from twopeaks.sim.sweep.shards import Place, Shard, cut
from twopeaks.sim.training.learner import Learner
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Network, Optimizer, Setting, Task

#: Of each cell.
STEPS, SEEDS = 80, (0, 1)

#: One update: which shard, how many updates it had, and by which process.
_UPDATE = np.dtype([("shard", "<i4"), ("step", "<i4"), ("pid", "<i4")])


def cells() -> list[Cell]:
    """Forty, on two groups, two of each width, which share a shard; some members stop early."""
    optimizer = Optimizer(lr=4e-2, weight_decay=1e-3)
    plan = Plan(steps=STEPS, every=7, patience=20)
    tasks = [Task(group=group, samples=n) for group, first in (("Z5", 5), ("Z7", 29)) for n in range(first, first + 20)]
    return [
        Cell(Setting(task=task, network=Network(width=12 + i // 2), optimizer=optimizer), SEEDS, plan)
        for i, task in enumerate(tasks)
    ]


def shards() -> list[Shard]:
    return cut(cells(), resolve("cpu", "float32", 1))


def description() -> str:
    """The same cells in the words of ``twopeaks sweep``."""
    tasks = [cell.setting.task for cell in cells()]
    return f"""
name = "storm"
seeds = {len(SEEDS)}
[base]
lr = 4e-2
weight_decay = 1e-3
[plan]
steps = {STEPS}
every = 7
patience = 20
[list]
group = {[task.group for task in tasks]}
samples = {[task.samples for task in tasks]}
width = {[cell.setting.network.width for cell in cells()]}
"""


@dataclass(frozen=True)
class Sweep:
    """Where one sweep keeps what.

    Attributes:
        folder: all of it.
    """

    folder: Path

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    @property
    def log(self) -> Path:
        return self.folder / "updates"

    @property
    def stored(self) -> list[str]:
        """Names of what is in the folder of runs and stored there."""
        return sorted(path.name for path in self.runs.glob("Z*") if path.suffix != UNFINISHED)

    @property
    def count(self) -> int:
        """Updates begun so far, those that were lost included."""
        return self.log.stat().st_size // _UPDATE.itemsize if self.log.exists() else 0

    def updates(self) -> NDArray[Any]:
        """(updates,) of shard, step and pid."""
        return np.fromfile(self.log, _UPDATE)

    def command(self, seconds: float, address: str | None = None) -> list[str]:
        """What runs it, or goes on with it, and logs its updates."""
        return [sys.executable, "-m", "tests.storm", str(self.folder), str(seconds), *([address] if address else [])]

    def run(self, seconds: float, address: str | None) -> None:
        self.runs.mkdir(parents=True, exist_ok=True)
        place = Place(self.runs, resolve("cpu", "float32", 1), seconds, self.journal)

        def everything() -> Search:
            yield cells()

        with LocalPool(2) if address is None else Cluster(address) as executor:
            run_searches([everything()], place, _Logged(executor, self.log), _Notes(self.folder / "notes.txt"))


class _Notes(Monitor):
    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, sentence: str) -> None:
        with self._path.open("a") as file:
            file.write(f"{sentence}\n")


class _Logged(Executor):
    """Hands on calls for shards, and lets the process that gets one log its updates."""

    def __init__(self, executor: Executor, log: Path) -> None:
        self._executor, self._log = executor, log
        self._numbers = {shard.name: i for i, shard in enumerate(shards())}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        shard, place = args
        return self._executor.submit(logged, fn, shard, place, self._log, self._numbers[shard.name])


_step = Learner.step


def logged(fn: Callable[[Shard, Place], Any], shard: Shard, place: Place, log: Path, number: int) -> Any:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def stepping(learner: Learner) -> None:
        os.write(descriptor, np.array((number, learner._state.step, os.getpid()), _UPDATE).tobytes())
        _step(learner)

    Learner.step = stepping  # type: ignore[method-assign,assignment]
    try:
        return fn(shard, place)
    finally:
        Learner.step = _step  # type: ignore[method-assign]
        os.close(descriptor)


def main(folder: str, seconds: str, address: str | None = None) -> None:
    try:
        Sweep(Path(folder)).run(float(seconds), address)
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    from tests import storm  # what is sent to workers must have a name that they can import

    storm.main(*sys.argv[1:])
