"""Trains many cells on any executor: shards that are stored are skipped, those of lost workers are resumed."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage.checkpoint import newest_step
from twopeaks.sim.storage.store import tidy
from twopeaks.sim.sweep import journal
from twopeaks.sim.sweep.cells import Cell, Finished, Search, Trained
from twopeaks.sim.sweep.pool import LostContactError, LostWorkerError
from twopeaks.sim.sweep.shards import Place, Shard, cut, run_shard
from twopeaks.theory.errors import InputError

__all__ = ["Cell", "Monitor", "Trained", "run_cells", "run_searches"]

#: Seconds between two ticks of the monitor, and before a shard that could not be submitted is tried again.
_TICK = 0.5
#: So many workers may die at a shard without a new checkpoint; then the sweep ends.
_LOSSES = 5


class Monitor:
    """Is told what a sweep does. This class ignores it all."""

    def wanted(self, cells: Sequence[Cell]) -> None:
        """These cells are needed: they will be trained, or are stored already."""

    def awaited(self, shard: Shard) -> None:
        """A shard is not stored and will be trained."""

    def worked(self, shard: Shard, *, before: bool) -> None:
        """A shard is stored; ``before``: it was stored before this call."""

    def finished(self, cell: Finished) -> None:
        """All of a cell is stored."""

    def note(self, sentence: str) -> None:
        """There is a problem, but the sweep continues."""

    def tick(self) -> None:
        """Time has passed."""


def run_cells(
    cells: Sequence[Cell],
    root: Path,
    runtime: Runtime,
    executor: Executor,
    progress: Callable[[int], None] | None = None,
) -> list[Trained]:
    """Train every cell on the executor, each worker with one thread; results are stored below ``root``.

    Args:
        cells: what to train.
        root: folder of runs; stored shards are read instead of trained, so a stopped call is resumed.
        runtime: device and dtype of the workers.
        executor: any ``concurrent.futures.Executor`` whose workers can write to ``root``.
        progress: called with the member-steps of each shard as it ends.

    Returns:
        Each cell's outcome, in order.
    """
    done: list[Finished] = []

    def everything() -> Search:
        done.extend((yield list(cells)))

    run_searches([everything()], Place(root, runtime), executor, _Progress(progress))
    return [part.load() for part in done]


class _Progress(Monitor):
    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self._progress = progress

    def worked(self, shard: Shard, *, before: bool) -> None:
        if self._progress is not None:
            self._progress(shard.member_steps)


def run_searches(searches: Iterable[Search], place: Place, executor: Executor, monitor: Monitor) -> None:
    """Train the cells that searches yield, until all searches have ended.

    Args:
        searches: independent of each other, see `twopeaks.sim.sweep.cells.Search`.
        place: where runs are stored; those stored before are not trained again.
        executor: any ``concurrent.futures.Executor`` whose workers can write to the place.
        monitor: its methods are called in the thread of the caller.

    Raises:
        InputError: if a shard cannot be stored, or if several workers in a row died at it. Finished runs stay.
    """
    place = replace(place, root=place.root.resolve(), runtime=replace(place.runtime, threads=1))
    drive = _Drive(place, executor, monitor)
    try:
        for search in searches:
            drive.begin(search)
        drive.run()
    except BaseException:
        drive.cancel()
        raise
    finally:
        tidy(place.root)  # a worker may have been killed after storing a run and before this


@dataclass
class _Request:
    """Cells that a search waits for.

    Attributes:
        search: the search.
        cells: the cells.
        folders: for each cell, where its parts are or will be stored.
        missing: for each unfinished cell, how many of its parts are not stored.
    """

    search: Search
    cells: list[Cell]
    folders: list[list[Path]]
    missing: Counter[int]

    @property
    def finished(self) -> list[Finished]:
        """All cells of the request, once none is missing."""
        return [Finished(cell, tuple(parts)) for cell, parts in zip(self.cells, self.folders, strict=True)]


class _Drive:
    """The state of one call of `run_searches`."""

    def __init__(self, place: Place, executor: Executor, monitor: Monitor) -> None:
        self._place, self._executor, self._monitor = place, executor, monitor
        self._requests: dict[str, list[tuple[_Request, Shard]]] = {}  # by the name of the shard they wait for
        self._to_do: deque[Shard] = deque()
        self._running: dict[Future[str | None], Shard] = {}
        self._ended: SimpleQueue[Future[str | None]] = SimpleQueue()
        self._losses: Counter[str] = Counter()
        self._step: dict[str, int] = {}  # of the newest checkpoint when a shard was last lost

    def begin(self, search: Search) -> None:
        self._go_on(search, None)

    def run(self) -> None:
        self._to_do = deque(sorted(self._to_do, key=lambda shard: -shard.flops))  # so that workers end together
        while self._to_do or self._running:
            self._submit()
            self._listen()
            self._monitor.tick()

    def cancel(self) -> None:
        for future in self._running:
            future.cancel()

    def _go_on(self, search: Search, finished: list[Finished] | None) -> None:
        """Get the next cells of a search, and submit those that are not stored."""
        try:
            cells = next(search) if finished is None else search.send(finished)
        except StopIteration:
            return
        self._monitor.wanted(cells)
        shards = cut(cells, self._place.runtime)
        request = _Request(search, cells, [[] for _ in cells], Counter(i for shard in shards for i in shard.owners))
        for shard in shards:
            for owner, folder in zip(shard.owners, self._place.folders(shard), strict=True):
                request.folders[owner].append(folder)
        for shard in shards:
            if self._place.has(shard):
                self._clear(shard)
                self._monitor.worked(shard, before=True)
                self._fulfil(request, shard)
            else:
                self._await(request, shard)
        if not request.missing:
            self._go_on(search, request.finished)

    def _clear(self, shard: Shard) -> None:
        """Remove checkpoints of a stored shard whose worker was killed before it could remove them."""
        if self._place.unfinished(shard).exists():
            self._place.checkpoints(shard).discard()

    def _await(self, request: _Request, shard: Shard) -> None:
        if shard.name not in self._requests:
            self._to_do.append(shard)
            self._monitor.awaited(shard)
        self._requests.setdefault(shard.name, []).append((request, shard))

    def _fulfil(self, request: _Request, shard: Shard) -> None:
        for owner in shard.owners:
            request.missing[owner] -= 1
            if not request.missing[owner]:
                del request.missing[owner]
                self._monitor.finished(Finished(request.cells[owner], tuple(request.folders[owner])))

    def _submit(self) -> None:
        while self._to_do:
            shard = self._to_do[0]
            try:
                future = self._executor.submit(run_shard, shard, self._place)
            except LostWorkerError as error:
                self._monitor.note(f"{error}; waiting for it")
                return
            self._to_do.popleft()
            self._running[future] = shard
            future.add_done_callback(self._ended.put)

    def _listen(self) -> None:
        """Handle the futures that have ended; wait at most one tick for the first."""
        with suppress(Empty):
            self._take(self._ended.get(timeout=_TICK))
            while True:
                self._take(self._ended.get_nowait())

    def _take(self, future: Future[str | None]) -> None:
        shard = self._running.pop(future)
        try:
            holder = future.result()
        except LostWorkerError as error:
            self._lost(shard, str(error), blamed=not isinstance(error, LostContactError))
            return
        if holder is not None:
            self._monitor.note(f"{shard.name} is {holder}; that process goes on with it")
            self._to_do.append(shard)
            return
        self._monitor.worked(shard, before=False)
        for request, part in self._requests.pop(shard.name):
            self._fulfil(request, part)
            if not request.missing:
                self._go_on(request.search, request.finished)

    def _lost(self, shard: Shard, reason: str, *, blamed: bool) -> None:
        """Try again, unless it seems to be the shard that kills workers."""
        journal.append(self._place.journal, "lost", shard=shard.name, reason=reason)
        if blamed:
            self._blame(shard, reason)
        self._monitor.note(f"{reason}; its work on {shard.name} is resumed")
        self._to_do.append(shard)

    def _blame(self, shard: Shard, reason: str) -> None:
        step = newest_step(self._place.unfinished(shard))
        self._losses[shard.name] = 1 if step > self._step.get(shard.name, -1) else self._losses[shard.name] + 1
        self._step[shard.name] = step
        if self._losses[shard.name] >= _LOSSES:
            remedy = "find out what ended them (memory?), then give the same command again"
            expectation = "trained by a worker that stays alive"
            raise InputError(f"shard {shard.name}", expectation, f"{_LOSSES} died: {reason}", remedy)
