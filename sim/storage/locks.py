"""Locks on files that end with the process that holds them, however it ends.

``flock`` belongs to an open file, and the kernel closes the files of a process that is killed; so a lock shows whether
its holder is alive. Process numbers (which are used again), host names and clocks do not. On a network file system the
server releases the locks of a lost machine when its lease ends.
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
        certain: whether the file system really excludes others; if not, holding the lock proves nothing.
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
        """Release the lock. An exclusive holder removes the file first, so that none is left."""
        with suppress(OSError):
            if not self._shared:
                self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


def acquire(path: Path, *, shared: bool = False, wait: bool = False) -> Lock | None:
    """Lock ``path`` (made if necessary), exclusively or shared; None if another holder prevents it.

    Args:
        path: file that is used for nothing else.
        shared: share the lock with others who share it, instead of holding it exclusively.
        wait: wait until the lock is free, instead of returning None.

    Raises:
        OSError: if the file cannot be made.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            certain = _flock(descriptor, shared=shared, wait=wait)
            # The last holder may have removed the file in between: then this file has no name and locks nothing.
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
    """Whether a process holds this lock now; no file is made or changed.

    The test itself shares the lock for an instant, in which an exclusive holder cannot get it.
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
        BlockingIOError: if another process holds it.
    """
    if sys.platform == "win32":
        return False
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # this file system has no locks
        return False
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
