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
from concurrent.futures import wait as wait_for
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from twopeaks.sim.network.arithmetic import DTypeName
from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage.store import versions
from twopeaks.sim.sweep.pool import LostContactError, LostWorkerError
from twopeaks.theory.errors import InputError

__all__ = ["Cluster"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

#: Seconds to wait for a scheduler at the start, in all while it is away, and for it to take leave; between attempts.
_FIRST, _AWAY, _LEAVE, _PAUSE = 30, 600, 2, 0.5

#: How Dask begins the error of a scheduler that could not read a call.
_UNREAD = "Error during deserialization of the task graph"


class Cluster(Executor):
    """Calls on the workers of a Dask cluster.

    Every future comes to an end: with what the call returned or raised, or with `LostWorkerError` if the cluster
    could not see it through, which is `LostContactError` where the scheduler went away with it.

    Args:
        address: of its scheduler, such as ``tcp://127.0.0.1:8786``.

    Raises:
        InputError: if Dask is not installed, or no scheduler answers there.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client = _connected(address)
        self._asked: set[Future[Any]] = set()
        self._away_since: float | None = None

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Call ``fn`` on a worker.

        Raises:
            LostContactError: if there is no scheduler now; try again later.
            InputError: if there has been none for ten minutes.
        """
        self._see_scheduler()
        answer: Future[Result] = Future()
        try:
            # In one piece: what Dask finds among arguments it takes for names of other calls, or options of its own.
            theirs = self._client.submit(partial(fn, *args, **kwargs), pure=False)
        except Exception as error:
            if self._client.status == "running":
                raise
            raise LostContactError("the scheduler is away") from error
        self._asked.add(answer)
        answer.add_done_callback(self._asked.discard)
        answer.add_done_callback(lambda mine: theirs.release() if mine.cancelled() else None)
        self._client.loop.add_callback(_follow, theirs, answer)
        return answer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, which goes on; once all calls have been answered, or at once."""
        try:
            if cancel_futures:
                for future in list(self._asked):
                    future.cancel()
            if wait:
                wait_for(list(self._asked))
        finally:
            with suppress(Exception):  # whatever a lost connection makes of it
                self._client.close(timeout=_LEAVE)
            for future in list(self._asked):
                _fail(future, LostContactError("the cluster was left"))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def resolve(self, device: str, dtype: DTypeName) -> Runtime:
        """One thread on the given device of a worker; waits until there is a worker.

        Raises:
            InputError: if the device is not there, workers die at the question, or no scheduler comes back.
        """
        while True:
            try:
                return self.submit(resolve, device, dtype, 1).result()
            except LostContactError:
                time.sleep(_PAUSE)
            except LostWorkerError as error:
                remedy = "look at what ended them (memory?)"
                raise InputError("--scheduler", "a cluster whose workers live", str(error), remedy) from error

    def check(self, root: Path) -> list[str]:
        """See that the workers there are now can write to ``root``; returns notes on what else is not as here.

        Raises:
            InputError: if one of them cannot.
        """
        notes = []
        for worker, answer in self._client.run(_facts, str(root), on_error="return").items():
            if isinstance(answer, BaseException):  # it may have died, or know nothing of this package
                notes.append(f"worker {worker} could not be asked about the folder: {answer!r}")
                continue
            problem, theirs = answer
            if problem is not None:
                remedy = "give a folder on a file system that the cluster shares"
                raise InputError("--out", f"a folder that worker {worker} can write", problem, remedy)
            if theirs != versions():
                notes.append(f"worker {worker} has other versions: {theirs}")
        return notes

    def _see_scheduler(self) -> None:
        """Raise unless there is one now. Dask itself looks for it again, at the same address."""
        if self._client.status == "running":
            self._away_since = None
            return
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        if self._client.status == "closed" or now - self._away_since > _AWAY:
            remedy = "start one there and give the same command again: it goes on"
            raise InputError("--scheduler", "a Dask scheduler that answers", self._address, remedy)
        raise LostContactError("the scheduler is away")


def _connected(address: str) -> Any:
    """A client, which looks for a lost scheduler for `_AWAY` seconds; Dask ships no types for it."""
    try:
        import distributed
    except ImportError as error:
        remedy = "pip install 'twopeaks[cluster]'"
        raise InputError("--scheduler", "given where the extra cluster is installed", address, remedy) from error
    _quieten()
    try:
        connect: Any = partial(distributed.Client, address, set_as_default=False)
        connect(timeout=_FIRST).close()  # a wrong address is to be said soon; a scheduler once seen is waited for
        return connect(timeout=_AWAY)
    except (OSError, ValueError, TimeoutError) as error:
        remedy = "start one with: dask scheduler"
        raise InputError("--scheduler", "the address of a Dask scheduler that answers", address, remedy) from error


def _quieten() -> None:
    """What Dask would log is said by us. Its parts have levels of their own, so that of the whole is not enough."""
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)


async def _follow(theirs: Any, answer: Future[Any]) -> None:
    """Bring the outcome of Dask's future to ours, in the loop of the client.

    What Dask offers for this loses the outcome, and leaves our future without one, when the scheduler goes away
    while a result is fetched.
    """
    try:
        value = await theirs.result()
    except BaseException as error:
        _fail(answer, _meaning(error, theirs.status))
    else:
        with suppress(InvalidStateError):  # it was cancelled meanwhile
            answer.set_result(value)
    finally:
        theirs.release()


def _meaning(error: BaseException, status: str) -> BaseException:
    """What an error that comes with a future of this status says of the call."""
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        return LostWorkerError("several workers died at it")
    if status == "cancelled" or (status != "error" and isinstance(error, OSError)):
        return LostContactError("the scheduler went away")
    if isinstance(error, RuntimeError) and str(error).startswith(_UNREAD):
        remedy = "install this version of twopeaks there too, as on the workers"
        return InputError("--scheduler", "one that can read what it is given", "one that cannot", remedy)
    return error  # the call's own, or that of a result that cannot travel


def _fail(answer: Future[Any], error: BaseException) -> None:
    with suppress(InvalidStateError):
        answer.set_exception(error)


def _facts(root: str) -> tuple[str | None, dict[str, str]]:
    """On a worker: why the folder cannot be written, or None; and the versions there."""
    try:
        with tempfile.TemporaryFile(dir=root):
            return None, versions()
    except OSError as error:
        return f"{error.strerror or error} on {os.uname().nodename}", versions()
