"""A Dask cluster as an executor: any deployment of Dask (Slurm, Kubernetes, clouds, a laptop) trains a sweep.

A worker that dies is Dask's business: its call goes to another one. A scheduler that goes away takes all calls with it;
they raise `LostWorkerError`, and new ones are taken once a scheduler answers at the same address.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sim.pool import LostWorkerError
from sim.runtime import DTypeName, Runtime, resolve
from sim.store import versions
from theory.errors import InputError

__all__ = ["Cluster"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

#: Seconds to wait for a scheduler at the start, at each attempt to find it again, and in all while it is away.
_FIRST, _AGAIN, _AWAY = 30, 2, 600


class Cluster(Executor):
    """Calls on the workers of a Dask cluster.

    Args:
        address: of its scheduler, such as ``tcp://127.0.0.1:8786``.

    Raises:
        InputError: if Dask is not installed, or no scheduler answers there.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client = _connected(address, _FIRST)
        self._executor = self._client.get_executor(pure=False)
        self._away_since: float | None = None

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Call ``fn`` on a worker; the future raises `LostWorkerError` if the cluster could not see it through.

        Raises:
            LostWorkerError: if there is no scheduler now; try again later.
            InputError: if there has been none for ten minutes.
        """
        self._find_scheduler()
        answer: Future[Result] = Future()
        theirs = self._executor.submit(fn, *args, **kwargs)
        theirs.add_done_callback(lambda done: _pass_on(done, answer))
        answer.add_done_callback(lambda mine: theirs.cancel() if mine.cancelled() else None)
        return answer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, which goes on."""
        with suppress(Exception):  # whatever a lost connection makes of it
            self._client.close(timeout=_AGAIN)

    def resolve(self, device: str, dtype: DTypeName) -> Runtime:
        """One thread on the given device of a worker; waits until there is a worker."""
        return self.submit(resolve, device, dtype, 1).result()

    def check(self, root: Path) -> list[str]:
        """See that the workers there are now can write to ``root``; returns notes on what else is not as here.

        Raises:
            InputError: if one of them cannot.
        """
        notes = []
        for worker, (problem, theirs) in self._client.run(_facts, str(root)).items():
            if problem is not None:
                remedy = "give a folder on a file system that the cluster shares"
                raise InputError("--out", f"a folder that worker {worker} can write", problem, remedy)
            if theirs != versions():
                notes.append(f"worker {worker} has other versions: {theirs}")
        return notes

    def _find_scheduler(self) -> None:
        if self._client.status == "running":
            self._away_since = None
            return
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        if now - self._away_since > _AWAY:
            remedy = "start one there and give the same command again: it goes on"
            raise InputError("--scheduler", "a Dask scheduler that answers", self._address, remedy)
        if self._client.status == "closed":
            with suppress(InputError):
                self._client = _connected(self._address, _AGAIN)
                self._executor = self._client.get_executor(pure=False)
                return
        raise LostWorkerError("the scheduler is away")


def _connected(address: str, seconds: float) -> Any:
    """A client; Dask ships no types for it."""
    try:
        import distributed
    except ImportError as error:
        remedy = "pip install 'twopeaks[cluster]'"
        raise InputError("--scheduler", "given where the extra cluster is installed", address, remedy) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it would say is said by us
    try:
        connect: Any = distributed.Client
        return connect(address, timeout=seconds, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        remedy = "start one with: dask scheduler"
        raise InputError("--scheduler", "the address of a Dask scheduler that answers", address, remedy) from error


def _pass_on(theirs: Future[Any], answer: Future[Any]) -> None:
    """Give the outcome of one future to another; what the cluster did to it is not the call's own error."""
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    with suppress(InvalidStateError):  # it was cancelled meanwhile
        if theirs.cancelled():
            answer.set_exception(LostWorkerError("the scheduler went away"))
        elif isinstance(theirs.exception(), KilledWorker | CommClosedError):
            answer.set_exception(LostWorkerError("several workers died at it"))
        elif (error := theirs.exception()) is not None:
            answer.set_exception(error)
        else:
            answer.set_result(theirs.result())


def _facts(root: str) -> tuple[str | None, dict[str, str]]:
    """On a worker: why the folder cannot be written, or None; and the versions there."""
    try:
        with tempfile.TemporaryFile(dir=root):
            return None, versions()
    except OSError as error:
        return f"{error.strerror or error} on {os.uname().nodename}", versions()
