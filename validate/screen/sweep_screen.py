"""What a sweep shows while it runs: notes on stderr, and on a terminal a picture of its progress."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from twopeaks.sim.storage.checkpoint import newest_step
from twopeaks.sim.storage.store import manifest_of
from twopeaks.sim.sweep.cells import Cell, Finished
from twopeaks.sim.sweep.drive import Monitor
from twopeaks.sim.sweep.folder import UNFINISHED
from twopeaks.sim.sweep.shards import Place, Shard
from twopeaks.theory.errors import InputError
from twopeaks.validate.measured.detect import grokked
from twopeaks.validate.measured.series import Outcome, series
from twopeaks.validate.screen.live import drawable
from twopeaks.validate.screen.sweep_charts import SweepCharts
from twopeaks.validate.screen.sweep_picture import duration, picture

if TYPE_CHECKING:  # only with --tensorboard
    from twopeaks.validate.screen.tensorboard import SweepBoards

__all__ = ["Screen", "Tally", "screen"]

#: Seconds between looks at checkpoints, and of each tick that may go into reading what has finished.
_LOOK, _READING = 2.0, 0.2
#: Lines of the terminal that the picture leaves to the rest.
_REST = 8
#: Lines that charts leave to the rest and to the table below them.
_TABLE = 14


class Tally(Monitor):
    """Counts what is done.

    Attributes:
        cells, done: how many are wanted so far, and stored.
        notes: all different sentences so far.
    """

    def __init__(self, place: Place, boards: SweepBoards | None = None) -> None:
        self.place, self.boards = place, boards
        self._unwritten: deque[Finished] = deque()
        self.cells = self.done = 0
        self.notes: list[str] = []
        self._open: dict[str, Shard] = {}
        self._steps, self._flops = 0, 0.0  # of shards that are stored
        self._all_flops = 0.0
        self._first: tuple[float, float, float] | None = None

    def wanted(self, cells: Sequence[Cell]) -> None:
        """Count more cells as wanted."""
        self.cells += len(cells)

    def awaited(self, shard: Shard) -> None:
        """Count a shard as work to do."""
        self._open[shard.name] = shard
        self._all_flops += shard.flops

    def worked(self, shard: Shard, *, before: bool) -> None:
        """Count a shard as done, and pass on the notes of its training."""
        awaited = self._open.pop(shard.name, None)
        if before:
            return
        if awaited is not None:
            self._steps += shard.member_steps
            self._flops += shard.flops
        for folder in self.place.folders(shard):
            for sentence in _notes(folder):
                self.note(f"{folder.name}: {sentence}")

    def finished(self, cell: Finished) -> None:
        """Count one more cell as finished."""
        self.done += 1
        if self.boards is not None:
            self._unwritten.append(cell)

    def tick(self) -> None:
        """Write some event files."""
        self.write(time.monotonic() + _READING)

    def write(self, until: float = float("inf")) -> None:
        """Write event files of what has finished, as long as there is time."""
        while self._unwritten and self.boards is not None and time.monotonic() < until:
            try:
                self.boards.write(self._unwritten.popleft())
            except OSError as error:
                self.note(f"event files could not be written ({error.strerror or error}); the sweep goes on without")
                self.boards = None

    def note(self, sentence: str) -> None:
        """Print a note, unless it was printed before."""
        if sentence not in self.notes:
            self.notes.append(sentence)
            self.say(sentence)

    def say(self, sentence: str) -> None:
        """Print a note on stderr."""
        sys.stderr.write(f"note: {sentence}\n")

    def progress(self, now: float) -> tuple[float, float | None, float | None]:
        """Share of the work asked for so far that is done; member-steps a second; seconds left.

        Checkpoints count as the part of a shard that is behind them. Rates are those of this call alone.
        """
        steps, flops = float(self._steps), self._flops
        for path in self.place.root.glob(f"*{UNFINISHED}"):
            shard = self._open.get(path.stem)
            if shard is not None:
                part = max(0, newest_step(path)) / shard.parts[0].plan.steps
                steps, flops = steps + part * shard.member_steps, flops + part * shard.flops
        if self._first is None:
            self._first = (now, steps, flops)
        began, steps_before, flops_before = self._first
        share = flops / self._all_flops if self._all_flops else 1.0
        if now <= began or flops <= flops_before:
            return share, None, None
        left = (self._all_flops - flops) * (now - began) / (flops - flops_before)
        return share, (steps - steps_before) / (now - began), left


class Screen(Tally):
    """The same on a terminal, with a picture that is drawn again as it changes.

    Args:
        place: where results go.
        name: of the sweep.
        varied: fields that tell its cells apart.
        live: where to draw.
        boards: where event files are written, if they are.
        charts: drawn as well, if given.
    """

    def __init__(
        self,
        place: Place,
        name: str,
        varied: Sequence[str],
        live: Live,
        boards: SweepBoards | None = None,
        charts: SweepCharts | None = None,
    ) -> None:
        super().__init__(place, boards)
        self._charts = charts
        self._name, self._varied, self._live = name, varied, live
        self._began = time.monotonic()
        self._looked = float("-inf")
        self._unread: deque[Finished] = deque()
        self._outcomes: list[Outcome] = []

    def finished(self, cell: Finished) -> None:
        """One more, to be read when there is time."""
        super().finished(cell)
        self._unread.append(cell)

    def say(self, sentence: str) -> None:
        """A line above the picture."""
        self._live.console.print(Text(f"note: {sentence}"), soft_wrap=True)

    def tick(self) -> None:
        """Read some of what has finished, and draw."""
        super().tick()
        until = time.monotonic() + _READING
        while self._unread and time.monotonic() < until:
            self._read(self._unread.popleft())
        if time.monotonic() - self._looked >= _LOOK:
            self._looked = time.monotonic()
            self._live.update(self._drawn(*self.progress(self._looked)), refresh=True)

    def _read(self, cell: Finished) -> None:
        with suppress(InputError):  # said at the end, by name
            records = cell.load().records
            members = grokked(records)
            self._outcomes.append(Outcome(cell.cell.setting, cell.cell.plan, sum(members), len(members)))
            if self._charts is not None:
                self._charts.add(cell.cell, records, sum(members))

    def _drawn(self, share: float, rate: float | None, left: float | None) -> Group:
        line = Table.grid(padding=(0, 2))
        speed = f"{rate:,.0f} member-steps/s" if rate else "no rate yet"
        line.add_row(
            f"{self._name}: {self.done:,} of {self.cells:,} cells",
            ProgressBar(1.0, share, width=24),
            *(f"{share:.0%}", speed, duration(time.monotonic() - self._began)),
            f"{duration(left)} left" if left is not None else "",
        )
        width, height = self._live.console.size
        groups = series(self._outcomes)
        charts = [] if self._charts is None else self._charts.drawn(groups, width, height - _TABLE)
        rows = max(1, height - _REST - len(charts))
        return Group(line, *charts, picture(groups, self._varied, rows, {}) or "")


@contextmanager
def screen(
    place: Place, name: str, varied: Sequence[str], *, live: bool = False, boards: SweepBoards | None = None
) -> Iterator[Tally]:
    """A picture on stderr while the context lasts, if that is a terminal; notes alone if it is not.

    Args:
        place: where results go.
        name: of the sweep.
        varied: fields that tell its cells apart.
        live: whether transitions and curves are drawn as well.
        boards: where event files are written, if they are.
    """
    charts = SweepCharts(varied) if live and drawable() is not None else None
    if not sys.stderr.isatty():
        tally = Tally(place, boards)
        yield tally
        tally.write()
        return
    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as drawn:
        shown = Screen(place, name, varied, drawn, boards, charts)
        yield shown
        shown.write()


def _notes(folder: Path) -> list[str]:
    with suppress(OSError, ValueError):
        return [str(sentence) for sentence in manifest_of(folder).get("history", {}).get("notes", [])]
    return []
