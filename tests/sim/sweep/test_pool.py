"""Workers that are killed cost the call they were at and nothing else; nobody outlives the parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests import calls
from tests.places import ROOT
from tests.processes import gone, needs_proc, pool_workers, until, written
from twopeaks.sim.sweep import pool as pools
from twopeaks.sim.sweep.pool import LocalPool, LostWorkerError
from twopeaks.theory.errors import InputError

pytestmark = needs_proc


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalPool]:
    with LocalPool(2) as workers:
        yield workers


# --- outcomes -------------------------------------------------------------------------------------------


def test_results_come_from_other_processes_and_each_is_used_again(pool: LocalPool) -> None:
    assert [pool.submit(calls.add, n, b=1).result() for n in range(5)] == [1, 2, 3, 4, 5]
    assert list(pool.map(calls.add, range(20), range(20))) == list(range(0, 40, 2))
    processes = {pool.submit(calls.who).result() for _ in range(10)}
    assert 1 <= len(processes) <= 2
    assert os.getpid() not in processes


def test_a_large_payload_goes_through_whole(pool: LocalPool) -> None:
    payload = os.urandom(3 << 20)
    assert pool.submit(calls.echo, payload).result() == payload


def test_an_error_arrives_as_it_was_raised_with_the_traceback_of_the_process(pool: LocalPool) -> None:
    with pytest.raises(ZeroDivisionError, match="by nothing") as found:
        pool.submit(calls.fail).result()
    (note,) = found.value.__notes__
    assert note.startswith("Traceback")
    assert "in fail\n" in note
    with pytest.raises(SystemExit) as left:
        pool.submit(calls.leave, 3).result()
    assert left.value.code == 3
    assert pool.submit(calls.add, 1).result() == 1


def test_bad_input_stays_one_line(pool: LocalPool) -> None:
    with pytest.raises(InputError) as found:
        pool.submit(calls.refuse).result()
    assert str(found.value) == "--samples must be at most 25, got 26; use fewer"
    assert (found.value.name, found.value.value) == ("--samples", 26)


def test_what_cannot_travel_is_named_and_the_process_lives_on(pool: LocalPool) -> None:
    before = {pool.submit(calls.who).result() for _ in range(10)}
    with pytest.raises(RuntimeError, match=r"result of lock that could not be sent .*cannot pickle"):
        pool.submit(calls.unsendable, False).result()
    with pytest.raises(RuntimeError, match=r"error of ValueError that could not be sent .*cannot pickle"):
        pool.submit(calls.unsendable, True).result()
    with pytest.raises(RuntimeError, match=r"error of StubbornError that could not be sent .*this and that"):
        pool.submit(calls.fail_stubbornly).result()
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        pool.submit(lambda: None).result()
    after = {pool.submit(calls.who).result() for _ in range(10)}
    assert len(before | after) <= 2


def test_a_call_that_the_process_does_not_know_is_an_error_not_a_loss(
    pool: LocalPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown() -> None: ...

    unknown.__qualname__ = "unknown"
    monkeypatch.setattr(calls, "unknown", unknown, raising=False)
    monkeypatch.setattr(unknown, "__module__", calls.__name__)
    with pytest.raises(AttributeError, match="unknown"):
        pool.submit(unknown).result()


def test_workers_do_not_hear_ctrl_c(pool: LocalPool) -> None:
    assert not pool.submit(calls.interrupts_arrive).result()


# --- losses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_killed_worker_costs_its_call_and_no_other(number: int, pool: LocalPool, tmp_path: Path) -> None:
    other = pool.submit(calls.hold, tmp_path / "other", 1.0)
    alive = written(tmp_path / "other")
    with pytest.raises(LostWorkerError, match=f"a worker process ended with exit code -{number}"):
        pool.submit(calls.die, number).result()
    assert other.result() == alive
    assert pool.submit(calls.add, 1, 1).result() == 2


def test_a_worker_that_died_while_idle_costs_nothing(tmp_path: Path) -> None:
    with LocalPool(1) as pool:
        first = pool.submit(calls.who).result()
        (worker,) = pool._all
        process = worker._process
        assert process is not None
        process.kill()
        process.join()  # with all of its threads
        assert pool.submit(calls.who).result() != first


def test_a_process_that_cannot_be_started_is_a_loss_and_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    with LocalPool(1) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(pools.BaseProcess, "start", no_room)
            with pytest.raises(LostWorkerError, match="no worker process could be started \\(Resource temporarily"):
                pool.submit(calls.who).result()
        assert pool.submit(calls.add, 1).result() == 1


def test_kills_during_the_start_of_a_worker_are_losses_like_others() -> None:
    with LocalPool(1) as pool:
        outcomes = []
        for _ in range(20):
            call = pool.submit(calls.add, 1)
            (worker,) = pool._all
            until(lambda w=worker: w._process is not None and w._process.pid is not None)  # type: ignore[misc]
            process = worker._process
            assert process is not None
            process.kill()
            outcomes.append(type(call.exception()))
        assert set(outcomes) <= {LostWorkerError, type(None)}
        assert LostWorkerError in outcomes
        assert pool.submit(calls.add, 2).result() == 2


# --- the end --------------------------------------------------------------------------------------------


def test_shutdown_waits_for_what_was_handed_in() -> None:
    pool = LocalPool(2)
    asked = [pool.submit(calls.add, n, n) for n in range(6)]
    pids = [pool.submit(calls.who) for _ in range(2)]
    pool.shutdown()
    assert [call.result(0) for call in asked] == [0, 2, 4, 6, 8, 10]
    assert all(gone(pid.result(0)) for pid in pids)
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(calls.add, 1)


def held(folder: Path, pool: LocalPool, waiting: int) -> tuple[list[Future[int]], int]:
    """One call that holds its process, and others behind it; and the process."""
    asked = [pool.submit(calls.hold, folder / "held")]
    asked += [pool.submit(calls.add, n) for n in range(waiting)]
    return asked, written(folder / "held")


def test_shutdown_without_waiting_ends_the_workers_and_every_future(tmp_path: Path) -> None:
    pool = LocalPool(1)
    asked, pid = held(tmp_path, pool, 3)
    pool.shutdown(wait=False)
    assert gone(pid)
    for call in asked:
        assert isinstance(call.exception(60), LostWorkerError)


def test_an_exception_in_the_context_ends_the_workers_and_cancels_what_waits(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), LocalPool(1) as pool:
        asked, pid = held(tmp_path, pool, 3)
        raise ZeroDivisionError
    assert gone(pid)
    assert isinstance(asked[0].exception(60), LostWorkerError)
    assert all(call.cancelled() for call in asked[1:])


def test_waiting_for_the_end_can_be_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = LocalPool(1)
    asked, pid = held(tmp_path, pool, 1)
    shutdown, times = pools.ThreadPoolExecutor.shutdown, [0]

    def interrupted(self: object, *args: bool, **options: bool) -> None:
        times[0] += 1
        if times[0] == 1:
            raise KeyboardInterrupt
        shutdown(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pools.ThreadPoolExecutor, "shutdown", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool.shutdown()
    assert gone(pid)
    assert all(isinstance(call.exception(60), LostWorkerError) for call in asked)


def test_nothing_is_left_of_a_pool() -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    def used() -> None:
        with LocalPool(2) as pool:
            assert pool.submit(calls.add, 1).result() == 1
            with pytest.raises(LostWorkerError):
                pool.submit(calls.die).result()

    used()  # the first one starts what the standard library keeps
    before, threads = descriptors(), threading.active_count()
    used()
    assert (descriptors(), threading.active_count()) == (before, threads)


# --- the parent -----------------------------------------------------------------------------------------


def started(folder: Path) -> subprocess.Popen[str]:
    """A parent of two workers, with a process group of its own, as from a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.calls", str(folder)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_workers_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    parent = started(tmp_path)
    pids = [written(tmp_path / name) for name in ("a", "b")]
    assert not any(gone(pid) for pid in pids)
    parent.kill()
    assert parent.communicate()[1] == ""
    until(lambda: all(gone(pid) for pid in pids))


def deaf(pid: int) -> bool:
    """Whether a process keeps Ctrl-C from reaching it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = (line.split()[1] for line in lines if line.startswith("SigBlk"))
    return bool(int(mask, 16) >> (signal.SIGINT - 1) & 1)


@pytest.mark.parametrize("moment", ["at work", "starting"])
def test_ctrl_c_ends_all_and_only_the_parent_speaks(moment: str, tmp_path: Path) -> None:
    parent = started(tmp_path)
    if moment == "at work":
        pids = [written(tmp_path / name) for name in ("a", "b")]
    else:
        until(lambda: len(pool_workers(parent.pid)) == 2)
        pids = pool_workers(parent.pid)
        assert all(deaf(pid) for pid in pids)  # before Python could have seen to it
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.communicate() == (None, "interrupted\n")
    assert parent.returncode == 130
    until(lambda: all(gone(pid) for pid in pids))
