"""Local worker processes of one thread each, which neither outlive their parent nor take each other down.

The pool of the standard library breaks as a whole when one of its processes is killed, and its processes go on when
their parent is. Here a lost worker costs the one call it was at, which raises `LostWorkerError`, and another takes its
place; and workers end, in the middle of their work, as soon as their parent is no more.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

__all__ = ["LocalPool", "LostWorkerError"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class LostWorkerError(Exception):
    """The process that worked on a call is no more; the call may be made again."""


class LocalPool(Executor):
    """An executor of so many processes. Leaving its context by an exception ends them at once.

    Args:
        workers: processes; each is started with the first call it gets.
    """

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, "worker")
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
        if not wait:
            for worker in self._all:
                worker.end()
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        for worker in self._all:
            worker.end()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)


class _Worker:
    """One process, started when it is needed, and again when it was lost."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._ended = False
        self._lock = threading.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._line: Connection | None = None

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        process, line = self._running()
        kind: str
        value: Any
        try:
            line.send((fn, args, kwargs))
            wait([line, process.sentinel])
            kind, value = line.recv() if line.poll() else ("lost", None)
        except (EOFError, OSError):
            kind, value = "lost", None
        if kind == "lost":
            self._drop()
            raise LostWorkerError(f"a worker process ended with exit code {process.exitcode}")
        if kind == "error":
            raise value
        return value

    def _running(self) -> tuple[multiprocessing.process.BaseProcess, Connection]:
        with self._lock:
            if self._ended:
                raise LostWorkerError("the pool was shut down")
            if self._process is None or self._line is None:
                self._line, theirs = self._context.Pipe()
                self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
                self._process.start()
                theirs.close()
            return self._process, self._line

    def _drop(self) -> None:
        with self._lock:
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


def _serve(line: Connection) -> None:
    """Answer calls until the parent is gone or ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent decides
    threading.Thread(target=_follow_parent, daemon=True).start()
    while True:
        try:
            fn, args, kwargs = line.recv()
        except EOFError:
            return
        try:
            answer = ("result", fn(*args, **kwargs))
        except BaseException as error:
            answer = ("error", error)
        _send(line, answer)


def _send(line: Connection, answer: tuple[str, Any]) -> None:
    try:
        line.send(answer)
    except OSError:
        return  # nobody listens any more
    except Exception as problem:
        line.send(("error", RuntimeError(f"{answer[1]!r} could not be sent: {problem!r}")))


def _follow_parent() -> None:
    """End this process when its parent has ended, in whatever way: nobody would hear of its work."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
