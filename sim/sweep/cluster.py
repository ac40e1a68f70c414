"""A Dask cluster as an executor: any deployment of Dask (Slurm, Kubernetes, clouds, a laptop) trains a sweep.

If a worker dies, Dask gives its call to another one. If the scheduler goes away, all calls are lost: they raise
`LostWorkerError`, and new calls are accepted once a scheduler answers at the same address.
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

#: Seconds to wait: for a scheduler at the start, for one that went away, for the connection to close; between attempts.
_FIRST, _AWAY, _LEAVE, _PAUSE = 30, 600, 2, 0.5

#: Start of the error that Dask raises if the scheduler could not read a call.
_UNREAD = "Error during deserialization of the task graph"


class Cluster(Executor):
    """Calls on the workers of a Dask cluster.

    Every future ends: with what the call returned or raised, or with `LostWorkerError` if the cluster could not finish
    it; this is a `LostContactError` if the scheduler went away.

    Args:
        address: of its scheduler, such as ``tcp://127.0.0.1:8786``.

    Raises:
        InputError: if Dask is not installed, or no scheduler answers there.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client = _connected(address)
        self._pending: set[Future[Any]] = set()
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
            # As one object: Dask takes some arguments for names of other calls, or for options of its own.
            on_cluster = self._client.submit(partial(fn, *args, **kwargs), pure=False)
        except Exception as error:
            if self._client.status == "running":
                raise
            raise LostContactError("the scheduler is away") from error
        self._pending.add(answer)
        answer.add_done_callback(self._pending.discard)
        answer.add_done_callback(lambda done: on_cluster.release() if done.cancelled() else None)
        self._client.loop.add_callback(_follow, on_cluster, answer)
        return answer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Disconnect, once all calls have returned or at once; the cluster itself continues."""
        try:
            if cancel_futures:
                for future in list(self._pending):
                    future.cancel()
            if wait:
                wait_for(list(self._pending))
        finally:
            with suppress(Exception):  # closing a lost connection may raise anything
                self._client.close(timeout=_LEAVE)
            for future in list(self._pending):
                _fail(future, LostContactError("the cluster was left"))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def resolve(self, device: str, dtype: DTypeName) -> Runtime:
        """One thread on the given device of a worker; waits until there is a worker.

        Raises:
            InputError: if the device is absent, workers die when asked, or no scheduler comes back.
        """
        while True:
            try:
                return self.submit(resolve, device, dtype, 1).result()
            except LostContactError:
                time.sleep(_PAUSE)
            except LostWorkerError as error:
                remedy = "find out what ended them (memory?)"
                raise InputError("--scheduler", "a cluster whose workers stay alive", str(error), remedy) from error

    def check(self, root: Path) -> list[str]:
        """Check that all present workers can write to ``root``; returns notes on other differences from this process.

        Raises:
            InputError: if one of them cannot.
        """
        notes = []
        for worker, answer in self._client.run(_facts, str(root), on_error="return").items():
            if isinstance(answer, BaseException):  # it may have died, or lack this package
                notes.append(f"worker {worker} could not be asked about the folder: {answer!r}")
                continue
            problem, worker_versions = answer
            if problem is not None:
                remedy = "give a folder on a file system that the cluster shares"
                raise InputError("--out", f"a folder that worker {worker} can write", problem, remedy)
            if worker_versions != versions():
                notes.append(f"worker {worker} has other versions: {worker_versions}")
        return notes

    def _see_scheduler(self) -> None:
        """Raise if the scheduler is away. Dask itself tries to reconnect to the same address."""
        if self._client.status == "running":
            self._away_since = None
            return
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        if self._client.status == "closed" or now - self._away_since > _AWAY:
            remedy = "start one there and give the same command again: it resumes"
            raise InputError("--scheduler", "a Dask scheduler that answers", self._address, remedy)
        raise LostContactError("the scheduler is away")


def _connected(address: str) -> Any:
    """A client that tries to reconnect for `_AWAY` seconds; Dask ships no types for it."""
    try:
        import distributed
    except ImportError as error:
        remedy = "install it: pip install 'twopeaks[cluster]'"
        raise InputError("--scheduler", "left out without the extra 'cluster'", address, remedy) from error
    _silence_dask()
    try:
        connect: Any = partial(distributed.Client, address, set_as_default=False)
        connect(timeout=_FIRST).close()  # a wrong address fails soon; a scheduler that once answered is waited for
        return connect(timeout=_AWAY)
    except (OSError, ValueError, TimeoutError) as error:
        remedy = "start one with: dask scheduler"
        raise InputError("--scheduler", "the address of a Dask scheduler that answers", address, remedy) from error


def _silence_dask() -> None:
    """Turn off the log of Dask, whose problems are reported here. Each part of it has a level of its own."""
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)


async def _follow(on_cluster: Any, answer: Future[Any]) -> None:
    """Copy the outcome of Dask's future to ours, in the loop of the client.

    Dask's own way loses the outcome if the scheduler goes away while a result is fetched; then our future never ends.
    """
    try:
        value = await on_cluster.result()
    except BaseException as error:
        _fail(answer, _meaning(error, on_cluster.status))
    else:
        with suppress(InvalidStateError):  # it was cancelled in the meantime
            answer.set_result(value)
    finally:
        on_cluster.release()


def _meaning(error: BaseException, status: str) -> BaseException:
    """The error of a call, from the error and status of Dask's future."""
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        return LostWorkerError("several workers died at it")
    if status == "cancelled" or (status != "error" and isinstance(error, OSError)):
        return LostContactError("the scheduler went away")
    if isinstance(error, RuntimeError) and str(error).startswith(_UNREAD):
        remedy = "install this version of twopeaks for the scheduler too, as for the workers"
        return InputError("--scheduler", "one that can read calls", "one that cannot", remedy)
    return error  # raised by the call itself, or by a result that cannot be sent


def _fail(answer: Future[Any], error: BaseException) -> None:
    with suppress(InvalidStateError):
        answer.set_exception(error)


def _facts(root: str) -> tuple[str | None, dict[str, str]]:
    """Run on a worker: why the folder cannot be written, or None; and its versions."""
    try:
        with tempfile.TemporaryFile(dir=root):
            return None, versions()
    except OSError as error:
        return f"{error.strerror or error} on {os.uname().nodename}", versions()
