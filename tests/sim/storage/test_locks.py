"""Locks keep others out while their process lives, and not a moment longer."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from twopeaks.sim.storage import locks
from twopeaks.sim.storage.locks import acquire


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_alone_keeps_everybody_out(path: Path) -> None:
    held = acquire(path)
    assert held is not None
    assert held.certain
    assert acquire(path) is acquire(path, shared=True) is None
    held.release()
    assert not path.exists()
    again = acquire(path)
    assert again is not None
    again.release()


def test_sharers_keep_out_who_wants_it_alone(path: Path) -> None:
    first, second = acquire(path, shared=True), acquire(path, shared=True)
    assert first is not None
    assert second is not None
    assert acquire(path) is None
    first.release()
    assert acquire(path) is None
    second.release()
    assert path.exists()
    alone = acquire(path)
    assert alone is not None
    alone.release()
    assert not path.exists()


def test_a_lock_dies_with_its_process(path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
from twopeaks.sim.storage.locks import acquire
acquire(Path({str(path)!r})).sign("me")
print("held", flush=True)
time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    assert acquire(path) is None
    assert path.read_text() == "me"
    child.kill()
    child.wait()
    child.stdout.close()
    held = acquire(path)
    assert held is not None
    held.release()


def test_waiting_ends_when_the_holder_lets_go_even_if_it_takes_the_file_away(path: Path) -> None:
    held = acquire(path)
    assert held is not None
    found: list[locks.Lock | None] = []
    waiter = threading.Thread(target=lambda: found.append(acquire(path, shared=True, wait=True)))
    waiter.start()
    waiter.join(0.05)
    assert waiter.is_alive()
    held.release()
    waiter.join(10)
    assert found[0] is not None
    assert acquire(path) is None  # the waiter's lock is on the file that has the name now
    found[0].release()


def test_many_threads_never_hold_it_at_once(path: Path) -> None:
    inside, most, turns = [0], [0], [0]

    def work() -> None:
        for _ in range(300):
            held = acquire(path)
            if held is not None:
                inside[0] += 1
                time.sleep(1e-5)
                most[0] = max(most[0], inside[0])
                turns[0] += 1
                inside[0] -= 1
                held.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
    assert turns[0] > 100
    assert not path.exists()


def test_a_file_system_without_locks_is_told_apart(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: int) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(locks.fcntl, "flock", unknown)
    held = acquire(path)
    assert held is not None
    assert not held.certain
    held.release()


def test_no_descriptor_is_leaked(path: Path) -> None:
    def next_descriptor() -> int:
        descriptor = os.open(os.devnull, os.O_RDONLY)
        os.close(descriptor)
        return descriptor

    before = next_descriptor()
    for _ in range(50):
        held = acquire(path)
        assert held is not None
        assert acquire(path) is None
        held.release()
    assert next_descriptor() == before
