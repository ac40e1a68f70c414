"""A sweep that is killed again and again, workers and parent, ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tests.dask_processes import DaskProcesses, dask_processes
from tests.places import ROOT
from tests.processes import needs_proc, pool_workers
from tests.storm import Sweep, cells, description, shards
from twopeaks.sim.storage import store
from twopeaks.sim.storage.records import Records
from twopeaks.sim.sweep import journal

pytestmark = [needs_proc, pytest.mark.slow]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The same sweep, uninterrupted."""
    sweep = Sweep(tmp_path_factory.mktemp("straight"))
    ended(begun(sweep, 60.0))
    return sweep


def begun(sweep: Sweep, seconds: float, address: str | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(sweep.command(seconds, address), cwd=ROOT, stderr=subprocess.PIPE, text=True)


def ended(parent: subprocess.Popen[str]) -> None:
    """It now runs to its end, without a word."""
    told = parent.communicate()[1]
    assert (parent.returncode, told) == (0, "")


def reached(sweep: Sweep, moment: int, parent: subprocess.Popen[str], count: Callable[[Sweep], int]) -> None:
    """Wait until the sweep has got so far."""
    while count(sweep) < moment:
        if parent.poll() is not None:
            ended(parent)
            raise AssertionError("it ended too soon")
        time.sleep(0.001)


def updates(sweep: Sweep) -> int:
    """Updates begun so far: how far a sweep is that logs them."""
    return sweep.count


class Blows:
    """What is done to a sweep when: moments are drawn over its whole length.

    Attributes:
        deaths: processes that were killed, as the blows say.
    """

    def __init__(
        self, seed: int, length: int, blows: list[Callable[[], int]], count: Callable[[Sweep], int] = updates
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._moments = np.sort(self._rng.choice(length - 1, len(blows), replace=False)) + 1
        self._blows, self._count = blows, count
        self.deaths = 0

    def fall(self, sweep: Sweep, parent: Callable[[], subprocess.Popen[str]]) -> None:
        for moment, blow in zip(self._moments, self._blows, strict=True):
            reached(sweep, int(moment), parent(), self._count)
            time.sleep(self._rng.uniform(0, 0.02))
            self.deaths += blow()


def same_as(straight: Sweep, sweep: Sweep, deaths: int) -> None:
    """Same folders and nothing else, same bits; nothing done twice but one update a death at most."""
    same_runs(straight, sweep)
    trained_once(straight, sweep)
    needed, made = straight.updates(), sweep.updates()
    assert len(needed) == len(distinct(needed))
    assert distinct(needed) == distinct(made)
    figures = f"{deaths} processes killed, {len(np.unique(made['pid']))} trained; "
    sys.stdout.write(f"{figures}{len(needed)} updates needed, {len(made) - len(needed)} more made\n")
    assert len(made) - len(needed) <= deaths


def same_runs(straight: Sweep, sweep: Sweep) -> None:
    names, resumed = sorted(name for shard in shards() for name in shard.names), 0
    assert len(names) == len(cells()) == 40
    assert sorted(path.name for path in straight.runs.iterdir()) == names
    assert sorted(path.name for path in sweep.runs.iterdir()) == names
    for name in names:
        there, here = store.load(straight.runs / name), store.load(sweep.runs / name)
        same(there.records, here.records)
        history = here.manifest.get("history", {"notes": [], "resumed_from_steps": []})
        assert history["notes"] == []  # no checkpoint was ever found damaged
        resumed += bool(history["resumed_from_steps"])
    sys.stdout.write(f"{len(names)} records bit-equal, {resumed} of them by processes that went on\n")


def same(a: Records, b: Records) -> None:
    for x, y in ((a.seeds, b.seeds), (a.steps, b.steps), (a.counts, b.counts)):
        assert x.tolist() == y.tolist()
    assert a.ends == b.ends
    assert {name: values.tobytes() for name, values in a.curves.items()} == {
        name: values.tobytes() for name, values in b.curves.items()
    }


def trained_once(straight: Sweep, sweep: Sweep) -> None:
    """By the journal, nobody trained to the end what had been trained to the end."""
    last = dict(straight.updates()[["shard", "step"]].tolist())
    length = {shard.name: last[i] + 1 for i, shard in enumerate(shards())}
    told = [entry for entry in journal.entries(sweep.journal) if entry["event"] == "trained"]
    assert {entry["shard"] for entry in told} == set(length)
    ends = Counter(entry["shard"] for entry in told if (entry["resumed_from"] or 0) < length[entry["shard"]])
    assert max(ends.values()) == 1


def distinct(updates: NDArray[Any]) -> set[tuple[int, int]]:
    return set(updates[["shard", "step"]].tolist())


class Family:
    """A parent and its workers, to be killed; whoever is killed is followed by another."""

    def __init__(self, begin: Callable[[], subprocess.Popen[str]]) -> None:
        self._begin = begin
        self.parents = [begin()]

    @property
    def parent(self) -> subprocess.Popen[str]:
        return self.parents[-1]

    def kill_parent(self) -> int:
        workers = pool_workers(self.parent.pid)
        self.parent.kill()
        self.parent.communicate()
        self.parents.append(self._begin())
        return len(workers)

    def kill_worker(self) -> int:
        while not (workers := pool_workers(self.parent.pid)):
            time.sleep(0.001)
        os.kill(workers[time.monotonic_ns() % len(workers)], signal.SIGKILL)
        return 1

    def blows(self, seed: int, count: int) -> list[Callable[[], int]]:
        """So many, the last one at the parent: what follows is a resume."""
        kinds = [self.kill_parent, self.kill_worker, self.kill_worker]
        rng = np.random.default_rng(seed)
        return [*(kinds[rng.integers(3)] for _ in range(count - 1)), self.kill_parent]


def test_fifty_kills_of_workers_and_parent(straight: Sweep, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "killed")
    family = Family(lambda: begun(sweep, 0.0))
    blows = Blows(4, straight.count, family.blows(50, 50))
    blows.fall(sweep, lambda: family.parent)
    ended(family.parent)
    assert len(family.parents) > 10
    same_as(straight, sweep, blows.deaths)


def test_kills_of_the_command_and_its_workers(straight: Sweep, tmp_path: Path) -> None:
    sweep, spec = Sweep(tmp_path / "killed"), tmp_path / "spec.toml"
    spec.write_text(description())
    options = ["--out", str(sweep.folder), "--workers", "2", "--device", "cpu", "--checkpoint-seconds", "0"]
    command = [sys.executable, "-m", "twopeaks", "sweep", str(spec), *options]

    def begin() -> subprocess.Popen[str]:
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    family = Family(begin)
    blows = Blows(5, 40, family.blows(5, 10), lambda sweep: len(sweep.stored))
    blows.fall(sweep, lambda: family.parent)
    told = family.parent.communicate()[1]
    assert family.parent.returncode == 0, told
    assert "error" not in told
    same_runs(straight, sweep)
    trained_once(straight, sweep)
    assert sorted(path.name for path in sweep.folder.iterdir()) == [
        "journal.jsonl",
        "members.parquet",
        "runs",
        "sweep.json",
        "transitions.parquet",
    ]
    table = pl.read_parquet(sweep.folder / "members.parquet")
    assert len(table) == 80


def test_two_sweeps_on_one_folder(straight: Sweep, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "shared")
    parents = [begun(sweep, 0.0) for _ in range(2)]
    for parent in parents:
        ended(parent)
    same_as(straight, sweep, 0)


def on_a_cluster(straight: Sweep, folder: Path, kinds: Callable[[DaskProcesses], list[Callable[[], int]]]) -> None:
    sweep = Sweep(folder / "killed")
    with dask_processes(folder, workers=2) as cluster:
        parent = begun(sweep, 0.0, cluster.address)
        blows = Blows(7, straight.count, kinds(cluster))
        blows.fall(sweep, lambda: parent)
        ended(parent)
    same_as(straight, sweep, blows.deaths)


def replaced(cluster: DaskProcesses) -> int:
    """One worker is killed, and another one comes."""
    worker = next(worker for worker in cluster.workers if worker.poll() is None)
    worker.kill()
    worker.wait()
    cluster.add_worker()
    return 1


def test_a_dask_worker_that_is_killed_in_mid_shard(straight: Sweep, tmp_path: Path) -> None:
    on_a_cluster(straight, tmp_path, lambda cluster: [lambda: replaced(cluster)] * 3)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_dask_scheduler_that_is_restarted(number: int, straight: Sweep, tmp_path: Path) -> None:
    def restarted(cluster: DaskProcesses) -> int:
        alive = [worker for worker in cluster.workers if worker.poll() is None]
        cluster.restart_scheduler(number)
        for _ in range(2):
            cluster.add_worker()
        return len(alive)

    on_a_cluster(straight, tmp_path, lambda cluster: [lambda: restarted(cluster), lambda: replaced(cluster)])
