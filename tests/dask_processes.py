"""A Dask cluster of processes on this machine, each of which a test may kill and start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.places import ROOT

_NO_PAGE = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")


class DaskProcesses:
    """A scheduler and workers of one thread each, on the loopback interface."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.scheduler = self._scheduler()
        self.workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self) -> subprocess.Popen[bytes]:
        options = ("--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", *_NO_PAGE)
        worker = self._start("worker", self.address, *options, "--local-directory", str(self._folder))
        self.workers.append(worker)
        return worker

    def restart_scheduler(self, number: int = signal.SIGKILL) -> None:
        """End the scheduler and start it again at the same address; its workers end by themselves."""
        self.scheduler.send_signal(number)
        self.scheduler.wait()
        self.scheduler = self._scheduler()

    def end(self) -> None:
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()

    def _scheduler(self) -> subprocess.Popen[bytes]:
        return self._start("scheduler", "--host", "127.0.0.1", "--port", str(self._port), *_NO_PAGE)

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        log = self._folder / "log.txt"
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        settings = {"PYTHONPATH": paths, "DASK_TEMPORARY_DIRECTORY": str(self._folder)}
        with log.open("ab") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                env={**os.environ, **settings},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )


@contextmanager
def dask_processes(folder: Path, workers: int) -> Iterator[DaskProcesses]:
    """The cluster, until the end of the context."""
    cluster = DaskProcesses(folder)
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.end()
