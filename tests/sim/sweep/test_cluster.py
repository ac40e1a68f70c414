"""Calls on a Dask cluster: every future comes to an end, whoever is killed."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import calls
from tests.dask_processes import DaskProcesses, dask_processes
from tests.processes import needs_proc, until, written
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.sweep import cluster as clusters
from twopeaks.sim.sweep.cluster import Cluster
from twopeaks.sim.sweep.pool import LostContactError, LostWorkerError
from twopeaks.theory.errors import InputError


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    with dask_processes(tmp_path_factory.mktemp("dask"), workers=2) as started:
        yield started


@pytest.fixture(scope="module")
def cluster(processes: DaskProcesses) -> Iterator[Cluster]:
    with Cluster(processes.address) as connected:
        yield connected


# --- outcomes -------------------------------------------------------------------------------------------


def test_results_and_errors_come_back_as_they_are(cluster: Cluster) -> None:
    assert [f.result() for f in [cluster.submit(calls.add, n, b=1) for n in range(5)]] == [1, 2, 3, 4, 5]
    assert cluster.submit(calls.who).result() != os.getpid()
    with pytest.raises(ZeroDivisionError, match="by nothing"):
        cluster.submit(calls.fail).result()
    with pytest.raises(InputError) as found:
        cluster.submit(calls.refuse).result()
    assert str(found.value) == "--samples must be at most 25, got 26; use fewer"
    assert (found.value.name, found.value.value) == ("--samples", 26)


def test_arguments_are_not_taken_for_options_or_results_of_dask(cluster: Cluster) -> None:
    done = cluster.submit(calls.add, 1)
    assert done.result() == 1
    assert cluster.submit(calls.given, ["a", ("b", 1)], retries=2, pure=True).result() == (
        (["a", ("b", 1)],),
        {"retries": 2, "pure": True},
    )


def test_a_result_that_cannot_travel_is_an_error(cluster: Cluster) -> None:
    with pytest.raises(TypeError, match="serialize"):
        cluster.submit(calls.unsendable, False).result()


def test_a_scheduler_without_this_package_is_named(cluster: Cluster) -> None:
    with pytest.raises(InputError, match=r"--scheduler must be one that can read calls, .*; install this"):
        cluster.submit(calls.given, calls.Local()).result()


def test_an_exception_that_is_a_result_is_not_raised(cluster: Cluster) -> None:
    result: Any = cluster.submit(calls.echo, ValueError("fine")).result()  # type: ignore[arg-type]
    assert repr(result) == "ValueError('fine')"


def test_the_runtime_is_that_of_a_worker(cluster: Cluster) -> None:
    runtime = cluster.resolve("cpu", "float64")
    assert isinstance(runtime, Runtime)
    assert (runtime.device, runtime.dtype, runtime.threads) == ("cpu", "float64", 1)
    with pytest.raises(InputError, match="device must be"):
        cluster.resolve("abacus", "float64")


def test_the_runtime_is_asked_for_until_there_is_an_answer(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [LostContactError("away"), LostContactError("away")]

    def submit(*_: object) -> Future[str]:
        answer: Future[str] = Future()
        if errors:
            answer.set_exception(errors.pop(0))
        else:
            answer.set_result("runtime")
        return answer

    monkeypatch.setattr(clusters, "_PAUSE", 0.0)
    monkeypatch.setattr(cluster, "submit", submit)
    assert cluster.resolve("cpu", "float32") == "runtime"  # type: ignore[comparison-overlap]
    errors.append(LostWorkerError("several workers died at it"))
    with pytest.raises(
        InputError, match="--scheduler must be a cluster whose workers stay alive, got 'several workers died"
    ):
        cluster.resolve("cpu", "float32")


def test_a_worker_that_cannot_be_asked_is_a_note(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "_facts", calls.fail)
    assert cluster.submit(calls.add, 1).result() == 1  # there is a worker
    told = {note.partition(" could not be asked about the folder: ")[2] for note in cluster.check(tmp_path)}
    assert told == {"ZeroDivisionError('by nothing')"}


def test_a_folder_that_a_worker_cannot_write_is_named(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cluster.check(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"--out must be a folder that worker tcp://127.0.0.1:\d+ can write, got .No"):
        cluster.check(tmp_path / "missing")
    monkeypatch.setattr(clusters, "versions", lambda: {"torch": "0.1"})
    assert all(note.startswith("worker tcp://127.0.0.1:") for note in cluster.check(tmp_path))
    assert len(cluster.check(tmp_path)) == 2


# --- losses ---------------------------------------------------------------------------------------------


def test_a_call_on_a_worker_that_is_killed_goes_to_another(
    cluster: Cluster, processes: DaskProcesses, tmp_path: Path
) -> None:
    spare = processes.add_worker()
    assert cluster.submit(calls.die_once, tmp_path / "died").result() == "survived"
    assert [w.wait() for w in processes.workers if w.poll() is not None] == [-signal.SIGKILL]
    assert spare.poll() is None or len(processes.workers) == 3


def test_cancelling_a_call_that_runs_does_not_wait_for_it(
    cluster: Cluster, processes: DaskProcesses, tmp_path: Path
) -> None:
    call = cluster.submit(calls.hold, tmp_path / "held", 0.5)
    written(tmp_path / "held")
    assert call.cancel()
    assert call.cancelled()
    assert cluster.submit(calls.add, 1).result() == 1


@pytest.mark.slow
def test_a_call_that_kills_worker_after_worker_is_given_back(tmp_path: Path) -> None:
    with dask_processes(tmp_path, workers=5) as processes, Cluster(processes.address) as cluster:
        with pytest.raises(LostWorkerError, match="several workers died at it") as found:
            cluster.submit(calls.die).result()
        assert not isinstance(found.value, LostContactError)
        assert cluster.submit(calls.add, 1).result() == 1


def handed_in(cluster: Cluster, seconds_between: float = 0.05) -> Future[int]:
    """A call, as soon as the cluster takes one."""
    while True:
        try:
            return cluster.submit(calls.add, 1)
        except LostContactError:
            time.sleep(seconds_between)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_scheduler_that_goes_away_ends_every_call_and_is_found_again(number: int, tmp_path: Path) -> None:
    with dask_processes(tmp_path, workers=1) as processes, Cluster(processes.address) as cluster:
        finished = cluster.submit(calls.add, 1)
        assert finished.result() == 1
        open_calls = [cluster.submit(calls.hold, tmp_path / "held"), *(cluster.submit(calls.add, n) for n in range(20))]
        os.kill(written(tmp_path / "held"), signal.SIGKILL)
        processes.restart_scheduler(number)
        for call in open_calls:
            assert isinstance(call.exception(60), LostContactError)
        again = handed_in(cluster)
        processes.add_worker()
        assert again.result() == 1


@pytest.mark.slow
def test_a_scheduler_that_is_killed_while_results_arrive_leaves_no_future_open(tmp_path: Path) -> None:
    with dask_processes(tmp_path, workers=2) as processes, Cluster(processes.address) as cluster:
        assert cluster.submit(calls.add, 1).result() == 1
        for some in (3, 17, 40):
            asked = [cluster.submit(calls.echo, bytes(200_000)) for _ in range(80)]
            until(lambda: sum(call.done() for call in asked) >= some)  # noqa: B023
            processes.restart_scheduler()
            outcomes = [call.exception(60) for call in asked]
            assert sum(outcome is None for outcome in outcomes) >= some
            assert {type(outcome) for outcome in outcomes} <= {type(None), LostContactError}
            for _ in range(2):
                processes.add_worker()
            assert handed_in(cluster).result() == 1


def test_a_scheduler_that_stays_away_is_said_after_ten_minutes(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        status = "connecting"

    clock = [0.0]
    monkeypatch.setattr(clusters, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "_client", Away())
        for now in (0.0, 300.0, 600.0):
            clock[0] = now
            with pytest.raises(LostContactError, match="the scheduler is away"):
                cluster.submit(calls.add, 1)
        clock[0] = 601.0
        with pytest.raises(InputError, match=r"--scheduler must be a Dask scheduler that answers, got 'tcp://127"):
            cluster.submit(calls.add, 1)
    assert cluster.submit(calls.add, 1).result() == 1
    clock[0] = 2000.0
    monkeypatch.setattr(cluster, "_client", Away())
    with pytest.raises(LostContactError):  # it has been there in between
        cluster.submit(calls.add, 1)


# --- beginning and end ----------------------------------------------------------------------------------


def test_leaving_ends_every_future(processes: DaskProcesses, tmp_path: Path) -> None:
    with Cluster(processes.address) as other:
        asked = [other.submit(calls.add, n) for n in range(5)]
    assert [call.result(0) for call in asked] == [0, 1, 2, 3, 4]
    other = Cluster(processes.address)
    held = other.submit(calls.hold, tmp_path / "held", 0.5)
    written(tmp_path / "held")
    other.shutdown(wait=False)
    assert isinstance(held.exception(60), LostContactError)
    with pytest.raises(ZeroDivisionError), Cluster(processes.address) as last:
        held = last.submit(calls.hold, tmp_path / "again", 0.5)
        raise ZeroDivisionError
    assert held.cancelled()


def test_leaving_ends_every_future_even_if_the_connection_cannot_be_closed(
    processes: DaskProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise OSError("lost")

    other = Cluster(processes.address)
    held = other.submit(calls.hold, tmp_path / "held", 0.5)
    with monkeypatch.context() as patch:
        patch.setattr(other._client, "close", broken)
        other.shutdown(wait=False)
    assert str(held.exception(0)) == "the cluster was left"
    other.shutdown()


@needs_proc
def test_nothing_is_left_of_a_connection(processes: DaskProcesses, cluster: Cluster) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    def used() -> None:
        with Cluster(processes.address) as other:
            assert other.submit(calls.add, 1).result() == 1

    used()
    before, threads = descriptors(), threading.active_count()
    used()
    until(lambda: (descriptors(), threading.active_count()) == (before, threads))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{}", "127.0.0.1:{}", "nonsense", "tpc://127.0.0.1:{}", ""])
def test_an_address_where_no_scheduler_answers_is_one_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setattr(clusters, "_FIRST", 0.5)
    with pytest.raises(InputError, match="--scheduler must be the address of a Dask scheduler that answers, got"):
        Cluster(address.format(port))


def test_what_dask_would_log_is_not_heard(cluster: Cluster) -> None:
    for name in ("distributed", "distributed.client"):  # which warns of keys that a killed worker had
        assert not logging.getLogger(name).isEnabledFor(logging.ERROR)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'twopeaks\[cluster\]'"):
        Cluster("tcp://127.0.0.1:1")
