"""Event files for TensorBoard of a sweep: a folder for each finished cell, written from what is stored."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from twopeaks.sim.storage.store import run_name, stored_at
from twopeaks.sim.sweep.cells import Finished
from twopeaks.theory.errors import InputError
from twopeaks.validate.screen.tensorboard import is_complete, write_run

__all__ = ["SweepBoards"]


class SweepBoards:
    """Where they go.

    Args:
        root: folder, which can be written.
        dtype: of the sweep.
    """

    def __init__(self, root: Path, dtype: str) -> None:
        self._root, self._dtype = root, dtype

    def write(self, finished: Finished) -> None:
        """Those of a cell, unless they are there; a cell that is damaged is left out, for the sweep names it itself.

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
