"""Commands in processes of their own that are killed (SIGKILL) or cramped at a chosen moment."""

from __future__ import annotations

import os
import resource
import signal
import sys
from multiprocessing.connection import Connection

from twopeaks.sim.storage.checkpoint import PackCheckpoints
from twopeaks.validate.cli.app import run

#: What Python tells its audit hooks just before it asks the system for it.
_OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.scandir", "fcntl.flock"}


def die_at(moment: int, root: str, arguments: list[str]) -> None:
    """Run a command; die right before its so-many-th operation on something below ``root``."""
    left = moment

    def count(event: str, details: tuple[object, ...]) -> None:
        nonlocal left
        if event in _OPERATIONS and (event == "fcntl.flock" or str(details[0]).startswith(root)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    sys.exit(run(arguments))


def cramp(size: int, arguments: list[str]) -> None:
    """Run a command where no file can grow beyond ``size`` bytes: the system itself cuts the writing short."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    sys.exit(run(arguments))


def tell(told: Connection, arguments: list[str], most: int = sys.maxsize) -> None:
    """Run a command and say each step before which there is a checkpoint, once it is there; wait after so many."""
    store, left = PackCheckpoints.store, most

    def telling(self: PackCheckpoints, step: int, *content: object) -> None:
        nonlocal left
        store(self, step, *content)  # type: ignore[arg-type]
        told.send(step)
        left -= 1
        while left == 0:
            signal.pause()

    PackCheckpoints.store = telling  # type: ignore[method-assign,assignment]
    sys.exit(run(arguments))
