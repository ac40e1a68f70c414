"""What every command says to a terminal: tables, JSON, progress. Nothing here knows what is computed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from twopeaks.validate.measured.files import finite

__all__ = ["Interrupted", "console", "open_ended", "print_json", "stages", "status_bar", "waiting"]


#: Columns from which a line of progress has room for more than the time left.
_ROOM_FOR_RATES = 64


class Interrupted(Exception):  # noqa: N818 - it is no error
    """Ctrl-C, with a sentence on what is kept."""


def console() -> Console:
    """Standard output, as wide as the terminal, or 120 columns where it is piped."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A word on stderr, on a terminal only, on what takes a while."""
    with Console(stderr=True).status(what) if sys.stderr.isatty() else nullcontext():
        yield


def print_json(value: object) -> None:
    """The value on standard output; numbers that are not finite become null."""
    sys.stdout.write(json.dumps(finite(value), indent=1) + "\n")


class _Done(ProgressColumn):
    """Member-steps so far."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.completed:,.0f} member-steps")


class _Rate(ProgressColumn):
    """Member-steps a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f} member-steps/s")


class _Left(ProgressColumn):
    """Time left, as words."""

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        return Text("" if left is None else f"{timedelta(seconds=round(left))} left")


@contextmanager
def stages() -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """Progress bars on stderr, with rate and time left, on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), _Rate())
    with _bars(*columns, TimeElapsedColumn(), TimeRemainingColumn()) as bars:

        def stage(name: str, total: int) -> Callable[[int], None]:
            bar = bars.add_task(name, total=total)
            return lambda done: bars.advance(bar, done)

        yield stage


@contextmanager
def open_ended(names: Sequence[str]) -> Iterator[Callable[[str], Callable[[int], None]]]:
    """One line on stderr, on a terminal only, for stages of unknown length that follow each other."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _Done(), _Rate(), TimeElapsedColumn())
    with _bars(*columns) as bars:
        bar = bars.add_task("", total=None, visible=False)

        def stage(name: str) -> Callable[[int], None]:
            bars.reset(bar, description=f"{name} ({names.index(name) + 1} of {len(names)})", visible=True)
            return lambda done: bars.advance(bar, done)

        yield stage


def status_bar(console: Console) -> Progress:
    """One line with a bar and the time left, as a part of a larger picture that is drawn elsewhere."""

    def whole() -> Column:
        return Column(no_wrap=True)

    rest = [_Rate(whole()), TimeElapsedColumn(whole())] if console.width >= _ROOM_FOR_RATES else []
    columns = (BarColumn(None), TaskProgressColumn(), *rest, _Left(whole()))
    return Progress(*columns, console=console, expand=True)


def _bars(*columns: ProgressColumn) -> Progress:
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
