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
import pytest
from numpy.typing import NDArray

from sim import journal, store
from sim.records import Records
from tests.dask_processes import DaskProcesses, dask_processes
from tests.processes import needs_proc, pool_workers
from tests.storm import Sweep, cells, shards

pytestmark = [needs_proc, pytest.mark.slow]

_ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The same sweep, uninterrupted."""
    sweep = Sweep(tmp_path_factory.mktemp("straight"))
    ended(begun(sweep, 60.0))
    return sweep


def begun(sweep: Sweep, seconds: float, address: str | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(sweep.command(seconds, address), cwd=_ROOT, stderr=subprocess.PIPE, text=True)


def ended(parent: subprocess.Popen[str]) -> None:
    """It now runs to its end, without a word."""
    told = parent.communicate()[1]
    assert (parent.returncode, told) == (0, "")


def reached(sweep: Sweep, updates: int, parent: subprocess.Popen[str]) -> None:
    """Wait until the sweep has begun so many updates."""
    while sweep.count < updates:
        if parent.poll() is not None:
            ended(parent)
            raise AssertionError("it ended too soon")
        time.sleep(0.001)


class Blows:
    """What is killed when: moments drawn over all the updates that the sweep needs, victims among all it is made of."""

    def __init__(self, seed: int, needed: int, blows: list[Callable[[], int]]) -> None:
        self._rng = np.random.default_rng(seed)
        self._moments = np.sort(self._rng.choice(needed - 1, len(blows), replace=False)) + 1
        self._blows = blows
        self.deaths = 0

    def fall(self, sweep: Sweep, parent: Callable[[], subprocess.Popen[str]]) -> None:
        for moment, blow in zip(self._moments, self._blows, strict=True):
            reached(sweep, int(moment), parent())
            time.sleep(self._rng.uniform(0, 0.02))
            self.deaths += blow()


def same_as(straight: Sweep, sweep: Sweep, deaths: int) -> None:
    """Same folders and nothing else, same bits; nothing done twice but one update a death at most."""
    names = sorted(shard.name for shard in shards())
    assert len(names) == len(cells()) == 40
    assert sorted(path.name for path in straight.runs.iterdir()) == names
    assert sorted(path.name for path in sweep.runs.iterdir()) == names
    same_records(straight, sweep, names)
    trained_once(straight, sweep)
    needed, made = straight.updates(), sweep.updates()
    assert len(needed) == len(distinct(needed))
    assert distinct(needed) == distinct(made)
    figures = f"{deaths} processes killed, {len(np.unique(made['pid']))} trained; "
    sys.stdout.write(f"{figures}{len(needed)} updates needed, {len(made) - len(needed)} more made\n")
    assert len(made) - len(needed) <= deaths


def same_records(straight: Sweep, sweep: Sweep, names: list[str]) -> None:
    resumed = 0
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


def test_fifty_kills_of_workers_and_parent(straight: Sweep, tmp_path: Path) -> None:
    sweep, rng = Sweep(tmp_path / "killed"), np.random.default_rng(50)
    parents = [begun(sweep, 0.0)]

    def kill_parent() -> int:
        workers = pool_workers(parents[-1].pid)
        parents[-1].kill()
        assert parents[-1].communicate()[1] == ""
        parents.append(begun(sweep, 0.0))
        return len(workers)

    def kill_worker() -> int:
        while not (workers := pool_workers(parents[-1].pid)):
            time.sleep(0.001)
        os.kill(int(rng.choice(workers)), signal.SIGKILL)
        return 1

    kinds = [kill_parent, kill_worker, kill_worker]
    blows = Blows(4, straight.count, [*(kinds[rng.integers(3)] for _ in range(49)), kill_parent])
    blows.fall(sweep, lambda: parents[-1])
    ended(parents[-1])
    assert len(parents) > 10
    same_as(straight, sweep, blows.deaths)


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
