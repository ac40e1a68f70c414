"""Processes, as tests look at them from outside."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

#: For tests that look for processes and open files in /proc.
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc, which Linux has")


def until(true: Callable[[], bool]) -> None:
    """Wait for something that is sure to happen."""
    for _ in range(6000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def pieces(terminal: int) -> Iterator[bytes]:
    """What is shown on a terminal, seen from its other side, as it comes, until nobody writes there any more."""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # how Linux says that the last writer has gone
            return
        if not piece:
            return
        yield piece


def written(path: Path) -> int:
    """The process that holds there (see `tests.calls.hold`), once it does."""
    until(path.exists)
    return int(path.read_text())


def gone(pid: int) -> bool:
    """Whether a process has ended; one that waits to be buried counts as ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def children(pid: int) -> list[int]:
    """Living processes that one has started."""
    try:
        lists = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    return [child for told in lists for child in map(int, told.split()) if not gone(child)]


def pool_workers(pid: int) -> list[int]:
    """Those of them that a `twopeaks.sim.sweep.pool.LocalPool` has started."""

    def command(child: int) -> str:
        try:
            return Path(f"/proc/{child}/cmdline").read_text()
        except OSError:
            return ""

    return [child for child in children(pid) if "spawn_main" in command(child)]
