"""What a sweep trains, and its results. No torch here."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from twopeaks.sim.network.sizes import step_flops
from twopeaks.sim.storage.records import Plan, Records, concatenate
from twopeaks.sim.storage.store import load
from twopeaks.theory.setting import Setting

__all__ = ["Cell", "Finished", "Search", "Trained"]


@dataclass(frozen=True)
class Cell:
    """One setting, its seeds and its plan."""

    setting: Setting
    seeds: tuple[int, ...]
    plan: Plan

    @property
    def member_steps(self) -> int:
        """Largest cost of the cell: members times budget."""
        return len(self.seeds) * self.plan.steps

    @property
    def flops(self) -> int:
        """The same in operations of matrix products, see `twopeaks.sim.network.sizes`."""
        return step_flops(self.setting) * self.member_steps


@dataclass(frozen=True)
class Trained:
    """A finished cell: its records, and the seconds of training on one thread, earlier calls included."""

    records: Records
    seconds: float


@dataclass(frozen=True)
class Finished:
    """A cell that was trained to the end.

    Attributes:
        cell: the cell.
        folders: where its members are stored, in their order.
    """

    cell: Cell
    folders: tuple[Path, ...]

    def load(self) -> Trained:
        """Read its runs.

        Raises:
            InputError: if a folder is damaged.
        """
        parts = [load(folder) for folder in self.folders]
        return Trained(
            concatenate([part.records for part in parts]), sum(float(part.manifest["seconds"]) for part in parts)
        )


#: Yields cells to be trained, is sent these in the same order once all are finished, and ends when it needs no more.
#: What it yields must depend only on what it was sent: then a search that is started again yields the same cells.
Search = Generator[list[Cell], list[Finished], None]
