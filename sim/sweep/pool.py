"""Local worker processes of one thread each, which neither outlive their parent nor take each other down.

The pool of the standard library breaks as a whole when one of its processes is killed, and its processes go on when
their parent is. Here a lost worker costs the one call it was at, which raises `LostWorkerError`, and another takes its
place; and workers end, in the middle of their work, as soon as their parent is no more.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

__all__ = ["LocalPool", "LostContactError", "LostWorkerError"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class LostWorkerError(Exception):
    """The process that worked on a call is no more; the call may be made again."""


class LostContactError(LostWorkerError):
    """Who had handed the call on is no more, and with it the call, which had nothing to do with that."""


class LocalPool(Executor):
    """An executor of so many processes. Leaving its context by an exception ends them at once.

    What a call raises arrives as it is, with the traceback of the process as a note; an outcome that cannot travel
    arrives as a RuntimeError that says so.

    Args:
        workers: processes; each is started with the first call it gets.
    """

    def __init__(self, workers: int) -> None:
        if sys.platform != "win32":
            resource_tracker.ensure_running()  # here, for it opens the ears of the thread that starts it
        self._threads = ThreadPoolExecutor(workers, "worker", _deafen)
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        self._all = [_Worker() for _ in range(workers)]
        for worker in self._all:
            self._free.put(worker)

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Call ``fn`` in one of the processes; the future raises `LostWorkerError` if that is killed meanwhile."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def _call(self, fn: Callable[..., Result], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
        worker = self._free.get()
        try:
            result: Result = worker.call(fn, args, kwargs)
            return result
        finally:
            self._free.put(worker)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: when all calls have been answered, or at once if nothing is to be waited for."""
        try:
            if wait:
                self._threads.shutdown(wait=True, cancel_futures=cancel_futures)
        finally:  # also where the waiting was interrupted: else the exit of the parent would wait for their work
            for worker in self._all:
                worker.end()
            # Nothing is to be waited for any more: a call whose worker has ended raises LostWorkerError.
            self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)


class _Worker:
    """One process, started when it is needed, and again when it was lost. One call at a time."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._ended = False
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._line: Connection | None = None

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = ForkingPickler.dumps((fn, args, kwargs))
        process, line = self._running()
        try:
            line.send_bytes(call)
            wait([line, process.sentinel])
            answer = line.recv_bytes() if line.poll() else None
        except (EOFError, OSError):
            answer = None
        if answer is None:
            self._drop()
            raise LostWorkerError(f"a worker process ended with exit code {process.exitcode}")
        kind, value = ForkingPickler.loads(answer)
        if kind == "error":
            raise value
        return value

    def _running(self) -> tuple[BaseProcess, Connection]:
        with self._lock:
            if self._ended:
                raise LostWorkerError("the pool was shut down")
            if self._process is not None and not self._process.is_alive():
                self._forget()  # it was killed while it had nothing to do: that is no call's loss
            if self._process is None or self._line is None:
                self._process, self._line = self._started()
            return self._process, self._line

    def _started(self) -> tuple[BaseProcess, Connection]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        try:
            process.start()
        except OSError as error:
            ours.close()
            raise LostWorkerError(f"no worker process could be started ({error.strerror or error})") from error
        finally:
            theirs.close()
        return process, ours

    def _drop(self) -> None:
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        if self._process is not None and self._line is not None:
            self._process.kill()
            self._process.join()
            self._line.close()
        self._process = self._line = None

    def end(self) -> None:
        """End the process, whatever it is doing; it will not be started again."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()
                self._process.join()


def _deafen() -> None:
    """Let this thread, and the processes it starts, not hear Ctrl-C, which goes to all: the parent decides.

    That the thread does not hear it matters as much: the signal goes to any one that listens, and Python acts on it
    in the main thread, which sleeps on if another was woken.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _serve(line: Connection) -> None:
    """Answer calls until the parent is gone or ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where threads have no ears to close
    threading.Thread(target=_follow_parent, daemon=True).start()
    while True:
        try:
            call = line.recv_bytes()
        except (EOFError, OSError):
            return
        answer = _answer(call)
        try:
            line.send_bytes(answer)
        except OSError:
            return  # nobody listens any more


def _answer(call: bytes) -> Any:
    """What comes of a call, as bytes from which the parent can surely rebuild it."""
    try:
        fn, args, kwargs = ForkingPickler.loads(call)
        kind, value = "result", fn(*args, **kwargs)
    except BaseException as error:
        error.add_note("".join(traceback.format_exception(error)).rstrip())
        kind, value = "error", error
    try:
        answer = ForkingPickler.dumps((kind, value))
        if kind == "error":  # some exceptions can be taken apart, but not put together again
            ForkingPickler.loads(answer)
    except Exception as problem:
        told = f"{kind} of {type(value).__name__} that could not be sent ({problem!r}): {value!r}"
        return ForkingPickler.dumps(("error", RuntimeError(told)))
    return answer


def _follow_parent() -> None:
    """End this process when its parent has ended, in whatever way: nobody would hear of its work."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
