"""Event files for TensorBoard: a folder for each seed and one for their mean, as a run goes or once it is stored."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.storage.store import run_name, stored_at
from twopeaks.sim.sweep.cells import Finished
from twopeaks.sim.sweep.flat import flat
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import TRANSITIONS, Setting
from twopeaks.validate.measured.detect import transition_steps

__all__ = ["MOST", "Board", "SweepBoards", "is_complete", "prepare", "write_run"]

#: Largest number of members with event files: each has an open file and a thread of its own.
MOST = 256

_MEAN, _COMPLETE = "mean", "complete"
#: Seconds until a record can be seen, and how many records may wait for that.
_FLUSH, _QUEUE = 10, 1000


def prepare(root: Path) -> None:
    """Make the folder, if TensorBoard is installed.

    Raises:
        InputError: if the extra is not installed, or the folder cannot be made or written.
    """
    try:
        from torch.utils import tensorboard  # noqa: F401
    except ImportError as error:
        remedy = "pip install 'twopeaks[tensorboard]'"
        raise InputError("--tensorboard", "given where that extra is installed", str(root), remedy) from error
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        raise InputError("--tensorboard", "a folder that can be written", str(root), reason) from error


@contextmanager
def _without_tracebacks() -> Iterator[None]:
    """TensorBoard's threads end without a traceback where a file cannot be written: closing raises the same error."""
    before = threading.excepthook

    def hook(failure: threading.ExceptHookArgs) -> None:
        of_tensorboard = type(failure.thread).__module__.startswith("tensorboard.")
        if not (of_tensorboard and issubclass(failure.exc_type, OSError)):
            before(failure)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


class Board:
    """An observer of `sim.training.loop.train` that writes what it hears; a context, at whose end all files are whole.

    Where a file cannot be written a note says so, once, and nothing more is written: training goes on.

    Args:
        folder: of the run; event files of an earlier call go.
        setting, plan, seeds: of the run.
    """

    def __init__(self, folder: Path, setting: Setting, plan: Plan, seeds: Sequence[int]) -> None:
        self._folder, self._setting, self._plan, self._seeds = folder, setting, plan, seeds
        self._stack, self._lock, self._failed = ExitStack(), threading.Lock(), False
        self._writers: list[Any] = []
        self._mean: Any = None
        self._sums: dict[int, tuple[int, dict[str, float]]] = {}  # of records that some members have

    def __enter__(self) -> Self:
        self._stack.enter_context(_without_tracebacks())
        with self._noted():
            _clear(self._folder)
            self._writers = [self._stack.enter_context(_writer(path)) for path in _paths(self._folder, self._seeds)]
            self._mean = self._stack.enter_context(_mean_writer(self._folder, self._setting, self._plan))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._noted():
            self._stack.close()

    def __call__(self, places: Sequence[int], step: int, values: Mapping[str, NDArray[np.float64]]) -> None:
        """Write one record of some members."""
        now = time.time()
        scalars = {name: its for name, its in values.items() if _is_scalar(name)}
        with self._lock, self._noted():
            if self._failed:
                return
            for p, place in enumerate(places):
                _write(self._writers[place], step, {name: float(its[p]) for name, its in scalars.items()}, now)
            self._add(step, len(places), {name: float(its.sum()) for name, its in scalars.items()}, now)

    def finish(self, records: Records) -> None:
        """Write the transitions, and that nothing is missing."""
        with self._noted():
            if not self._failed:
                _write_transitions(self._writers, records, time.time())
                _write_shares(self._mean, records, time.time())
                self._stack.close()
                (self._folder / _COMPLETE).touch()

    def _add(self, step: int, count: int, sums: Mapping[str, float], now: float) -> None:
        """The mean of a record, as soon as every member has it."""
        before, others = self._sums.pop(step, (0, dict.fromkeys(sums, 0.0)))
        total = {name: others[name] + value for name, value in sums.items()}
        if before + count == len(self._seeds):
            _write(self._mean, step, {name: value / len(self._seeds) for name, value in total.items()}, now)
        else:
            self._sums[step] = (before + count, total)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._failed:
                reason = error.strerror or error
                sys.stderr.write(f"note: event files could not be written ({reason}); training goes on without\n")
            self._failed = True


@_without_tracebacks()
def write_run(folder: Path, setting: Setting, plan: Plan, records: Records, seconds: float, ended: float) -> None:
    """Event files of a stored run; nothing if they are there already.

    Args:
        folder: of the run's event files.
        setting: of the run.
        plan: of the run.
        records: its curves.
        seconds: that its training took; records are dated as if each step had taken the same.
        ended: when it ended, in seconds since the epoch.

    Raises:
        OSError: if they cannot be written.
    """
    if is_complete(folder):
        return
    _clear(folder)
    names, last = [name for name in records.curves if _is_scalar(name)], max(1, int(records.steps[-1]))
    times = (ended - seconds * (1 - records.steps / last)).tolist()
    for e, path in enumerate(_paths(folder, records.seeds.tolist())):
        with _writer(path) as writer:
            for r in range(int(records.counts[e])):
                row = {name: float(records.curves[name][e, r]) for name in names}
                _write(writer, int(records.steps[r]), row, times[r])
            _write_transitions([writer], records.some([e]), ended)
    with _mean_writer(folder, setting, plan) as mean:
        for r in range(int(records.counts.min())):
            row = {name: float(records.curves[name][:, r].sum()) / len(records.seeds) for name in names}
            _write(mean, int(records.steps[r]), row, times[r])
        _write_shares(mean, records, ended)
    (folder / _COMPLETE).touch()


def is_complete(folder: Path) -> bool:
    """Whether all event files of a run are there."""
    return (folder / _COMPLETE).exists()


class SweepBoards:
    """Event files of a sweep: a folder for each finished cell, written from what is stored.

    Args:
        root: folder, which can be written.
        dtype: of the sweep.
    """

    def __init__(self, root: Path, dtype: str) -> None:
        self._root, self._dtype = root, dtype

    def write(self, finished: Finished) -> None:
        """Write the files of a cell, unless they are there; a damaged cell is left out, the sweep itself names it.

        Raises:
            OSError: if they cannot be written.
        """
        cell = finished.cell
        folder = self._root / run_name(cell.setting, cell.plan, cell.seeds, self._dtype)
        if is_complete(folder):
            return
        with suppress(InputError):
            trained = finished.load()
            ended = max(stored_at(path) for path in finished.folders)
            write_run(folder, cell.setting, cell.plan, trained.records, trained.seconds, ended)


def _is_scalar(name: str) -> bool:
    return "[" not in name  # else it is a part of a vector over representations


def _paths(folder: Path, seeds: Sequence[int]) -> list[Path]:
    return [folder / f"seed-{seed}" for seed in seeds]


def _clear(folder: Path) -> None:
    """Remove what an earlier call wrote, and nothing else."""
    (folder / _COMPLETE).unlink(missing_ok=True)
    for pattern in ("seed-*", _MEAN):
        for path in folder.glob(f"{pattern}/events.out.tfevents.*"):
            path.unlink(missing_ok=True)


def _writer(folder: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), max_queue=_QUEUE, flush_secs=_FLUSH)


@contextmanager
def _mean_writer(folder: Path, setting: Setting, plan: Plan) -> Iterator[Any]:
    """The writer of means; what the run is about is there as a table."""
    values = flat(setting, plan)
    rows = "\n".join(f"| {name} | {value} |" for name, value in values.items() if value is not None)
    with _writer(folder / _MEAN) as writer:
        writer.add_text("setting", f"| field | value |\n|---|---|\n{rows}", 0)
        yield writer


def _write(writer: Any, step: int, row: Mapping[str, float], wall_time: float) -> None:
    """Numbers of one record; one that is missing stays missing."""
    for name, value in row.items():
        if np.isfinite(value):
            writer.add_scalar(name, value, step, wall_time)


def _write_transitions(writers: Sequence[Any], records: Records, wall_time: float) -> None:
    """Steps of the transitions that each member made, at its last step."""
    steps = transition_steps(records)
    for e, writer in enumerate(writers):
        made = {f"transition/{name}": np.nan if (step := steps[name][e]) is None else step for name in TRANSITIONS}
        _write(writer, int(records.last_steps[e]), made, wall_time)


def _write_shares(mean: Any, records: Records, wall_time: float) -> None:
    """Share of members that made each transition: the mean of their steps would leave out those that did not."""
    steps = transition_steps(records)
    shares = {f"transition/{name}_share": sum(s is not None for s in steps[name]) / len(steps[name]) for name in steps}
    _write(mean, int(records.steps[-1]), shares, wall_time)
