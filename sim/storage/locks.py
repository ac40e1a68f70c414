"""Locks on files that die with the process that holds them, however it dies.

Whether a writer is alive is asked of the system, not of a process number (which another process may have by now), a
host name or a clock: ``flock`` belongs to an open file, and the kernel closes the files of a process that is killed.
On a network file system the server does so for a machine that is lost, once its lease is over.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["Lock", "acquire", "held"]


class Lock:
    """A lock that this process holds until `release`, or until it ends.

    Attributes:
        path: the file that carries it.
        certain: whether the file system really keeps others out; if not, nothing may be concluded from having it.
    """

    def __init__(self, path: Path, descriptor: int, *, certain: bool, shared: bool) -> None:
        self.path, self.certain = path, certain
        self._descriptor, self._shared = descriptor, shared

    def sign(self, text: str) -> None:
        """Write who holds it into the file, for others to read."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, text.encode())

    def release(self) -> None:
        """Let go; whoever holds it alone takes its file away first, so that none is left behind."""
        with suppress(OSError):
            if not self._shared:
                self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


def acquire(path: Path, *, shared: bool = False, wait: bool = False) -> Lock | None:
    """Lock ``path`` (made if need be), alone or with others who share it; None if another is in the way.

    Args:
        path: file whose one purpose is the lock.
        shared: together with others who share it, instead of alone.
        wait: until nobody is in the way, instead of giving up.

    Raises:
        OSError: if the file cannot be made.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            certain = _flock(descriptor, shared=shared, wait=wait)
            # Its last holder may have taken the file away in between: then this one has no name and guards nothing.
            if _is_still(path, descriptor):
                return Lock(path, descriptor, certain=certain, shared=shared)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def held(path: Path) -> bool:
    """Whether a process holds this lock now; nothing is made or changed to find out.

    A holder that comes in the same instant may be kept out, as by any other that shares the lock.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        _flock(descriptor, shared=True, wait=False)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _flock(descriptor: int, *, shared: bool, wait: bool) -> bool:
    """Whether the lock is certain.

    Raises:
        BlockingIOError: if another has it.
    """
    if sys.platform == "win32":
        return False
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # this file system knows no locks
        return False
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
