"""A run seen while it trains: who hears of its records, and the picture of them on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.live import Live
from rich.progress import Progress
from rich.segment import Segments

from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.storage.store import Stored, stored_at
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.heights import shared_form
from twopeaks.theory.setting import Setting
from twopeaks.validate.screen.curves import LiveCurves
from twopeaks.validate.screen.live import drawable, moving
from twopeaks.validate.screen.run_picture import run_picture, title
from twopeaks.validate.screen.terminal import stages, status_bar
from twopeaks.validate.screen.watching import Watching

if TYPE_CHECKING:  # only with --tensorboard
    from twopeaks.sim.training.loop import Observer, Reports
    from twopeaks.validate.screen.tensorboard import Board

__all__ = ["RunView", "Watch", "check", "prediction", "replay", "watched"]

#: Order of a group up to which the prediction takes less than a third of a second.
_QUICK = 128


@dataclass(frozen=True)
class Watch:
    """What to give to `twopeaks.sim.training.loop.train`.

    Attributes:
        reports: its ``reports``.
        board: event files that are written as it goes.
    """

    reports: Reports
    board: Board | None

    def finish(self, records: Records) -> None:
        """Write down what is known at the end alone."""
        if self.board is not None:
            self.board.finish(records)


def check(watching: Watching, seeds: Sequence[int]) -> None:
    """See that what was asked for can be, before anything is trained.

    Raises:
        InputError: if TensorBoard is not there, its folder cannot be written, or there are more seeds than open files.
    """
    if watching.tensorboard is not None:
        from twopeaks.validate.screen import tensorboard as tensorboard_files

        if len(seeds) > tensorboard_files.MOST:
            remedy = "write fewer curves: each is a file that stays open"
            most = f"used with at most {tensorboard_files.MOST} seeds"
            raise InputError("--tensorboard", most, len(seeds), remedy)
        tensorboard_files.prepare(watching.tensorboard)


@contextmanager
def watched(watching: Watching, setting: Setting, plan: Plan, seeds: Sequence[int], name: str) -> Iterator[Watch]:
    """Watch a run while the context lasts.

    Args:
        watching: what was asked for; without anything there is a progress bar.
        setting: of the run.
        plan: of the run.
        seeds: of its members.
        name: folder of its event files.
    """
    from twopeaks.sim.training.loop import Reports

    with ExitStack() as stack:
        observers: list[Observer] = []
        console = drawable() if watching.live else None
        if console is None:
            tell = stack.enter_context(stages())("training", len(seeds) * plan.steps)
        else:
            view = RunView(setting, plan, len(seeds), console)
            stack.enter_context(view.shown())
            tell = view.advance
            observers.append(view.curves)
        board = None
        if watching.tensorboard is not None:
            from twopeaks.validate.screen.tensorboard import Board

            board = stack.enter_context(Board(watching.tensorboard / name, setting, plan, seeds))
            observers.append(board)
        yield Watch(Reports(tell, _all(observers)), board)


def _all(observers: Sequence[Observer]) -> Observer | None:
    if len(observers) < 2:
        return observers[0] if observers else None

    def each(places: Sequence[int], step: int, values: Mapping[str, NDArray[np.float64]]) -> None:
        for observer in observers:
            observer(places, step, values)

    return each


def replay(watching: Watching, kept: Stored, folder: Path) -> None:
    """The same of a run that was stored before, in its folder: its picture once, its event files if there are none.

    Raises:
        InputError: if these cannot be written.
    """
    setting, plan, records = kept.setting, kept.plan, kept.records
    console = drawable() if watching.live else None
    if console is not None:
        view = RunView(setting, plan, len(records.seeds), console)
        view.curves = LiveCurves.of(records, plan)
        console.print(view.picture())
    if watching.tensorboard is not None:
        from twopeaks.validate.screen.tensorboard import write_run

        ended = stored_at(folder)
        try:
            write_run(watching.tensorboard / folder.name, setting, plan, records, kept.manifest["seconds"], ended)
        except OSError as error:
            reason, place = error.strerror or str(error), str(watching.tensorboard)
            raise InputError("--tensorboard", "a folder that takes event files", place, reason) from error


# --- on a terminal -------------------------------------------------------------------------------------


class RunView:
    """The picture of a run.

    Args:
        setting, plan: of the run.
        members: how many.
        console: where it is drawn.

    Attributes:
        curves: the observer that feeds it.
    """

    def __init__(self, setting: Setting, plan: Plan, members: int, console: Console) -> None:
        self.curves = LiveCurves(members, plan)
        self._console = console
        self._drawn: tuple[object, Segments] | None = None
        self._heading, self._remark = title(setting), prediction(setting)
        self._bar: Progress = status_bar(console)
        self._task = self._bar.add_task("", total=members * plan.steps)

    def advance(self, member_steps: int) -> None:
        """Count work as done."""
        self._bar.advance(self._task, member_steps)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw it again and again; the last picture stays."""
        with moving(Live(get_renderable=self._frame, console=self._console, auto_refresh=False)):
            yield

    def picture(self) -> Segments:
        """Without the bar; drawn anew only where there is something new, for training waits meanwhile."""
        width, height = self._console.size
        state = self.curves.heard, width, height
        if self._drawn is None or self._drawn[0] != state:
            lines = run_picture(self.curves, self._heading, self._remark, width, height - 2)
            self._drawn = state, Segments(self._console.render(Group(*lines)))
        return self._drawn[1]

    def _frame(self) -> Group:
        return Group(self.picture(), self._bar)


def prediction(setting: Setting) -> str:
    """The ratio of n to an n_c predicted without a run; nothing where that is not valid, or would take long."""
    if setting.task.table_of().classes > _QUICK or not setting.task.has_group:
        return ""
    shared = shared_form(setting)
    if not shared.valid or shared.value is None:
        return ""
    n, n_c = setting.task.samples, shared.value
    return f"n = {n} is {n / n_c:.2f} n_c of {shared_form.name} ({n_c:.4g})"
