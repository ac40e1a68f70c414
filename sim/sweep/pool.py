"""Local worker processes of one thread each. They end with their parent, and one that dies does not stop the others.

The pool of the standard library breaks as a whole when one of its processes is killed, and its processes continue when
their parent is killed. Here a lost worker costs only the call it worked on, which raises `LostWorkerError`; another
worker replaces it. Workers end, even during a call, as soon as their parent has ended.
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
    """The process that worked on a call has ended; the call may be made again."""


class LostContactError(LostWorkerError):
    """The scheduler that held a call is gone, and the call with it; the call was not the cause."""


class LocalPool(Executor):
    """An executor with a number of processes. If its context is left by an exception, they are ended at once.

    An exception of a call is raised here too, with the traceback of the process as a note. A result that cannot be
    sent to this process becomes a RuntimeError that says so.

    Args:
        workers: processes; each is started with the first call it gets.
    """

    def __init__(self, workers: int) -> None:
        if sys.platform != "win32":
            resource_tracker.ensure_running()  # here, because it unblocks SIGINT in the thread that starts it
        self._threads = ThreadPoolExecutor(workers, "worker", _block_interrupts)
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        self._all = [_Worker() for _ in range(workers)]
        for worker in self._all:
            self._free.put(worker)

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Call ``fn`` in one of the processes; the future raises `LostWorkerError` if that process is killed."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def _call(self, fn: Callable[..., Result], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
        worker = self._free.get()
        try:
            result: Result = worker.call(fn, args, kwargs)
            return result
        finally:
            self._free.put(worker)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: when all calls have returned, or at once without ``wait``."""
        try:
            if wait:
                self._threads.shutdown(wait=True, cancel_futures=cancel_futures)
        finally:  # also if the wait was interrupted: otherwise the exit of the parent would wait for the workers
            for worker in self._all:
                worker.end()
            # This does not wait for work: a call whose worker has ended raises LostWorkerError.
            self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)


class _Worker:
    """One process, started with its first call and again after it was lost. One call at a time."""

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
                self._forget()  # it was killed while it was idle, so no call was lost
            if self._process is None or self._line is None:
                self._process, self._line = self._started()
            return self._process, self._line

    def _started(self) -> tuple[BaseProcess, Connection]:
        line, far_end = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(far_end,), daemon=True)
        try:
            process.start()
        except OSError as error:
            line.close()
            raise LostWorkerError(f"no worker process could be started ({error.strerror or error})") from error
        finally:
            far_end.close()
        return process, line

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


def _block_interrupts() -> None:
    """Block SIGINT (Ctrl-C) in this thread and in the processes it starts; the main thread handles it.

    The thread must block it too: the system gives the signal to any thread that does not, but Python handles it in the
    main thread, which is not woken then.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _serve(line: Connection) -> None:
    """Answer calls until the parent is gone or ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems where threads cannot block signals
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
            return  # the parent has closed its end


def _answer(call: bytes) -> Any:
    """The outcome of a call, as bytes that the parent can certainly read."""
    try:
        fn, args, kwargs = ForkingPickler.loads(call)
        kind, value = "result", fn(*args, **kwargs)
    except BaseException as error:
        error.add_note("".join(traceback.format_exception(error)).rstrip())
        kind, value = "error", error
    try:
        answer = ForkingPickler.dumps((kind, value))
        if kind == "error":  # some exceptions can be pickled but not unpickled
            ForkingPickler.loads(answer)
    except Exception as problem:
        message = f"{kind} of {type(value).__name__} that could not be sent ({problem!r}): {value!r}"
        return ForkingPickler.dumps(("error", RuntimeError(message)))
    return answer


def _follow_parent() -> None:
    """End this process when its parent has ended in any way, because no result could be returned."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
