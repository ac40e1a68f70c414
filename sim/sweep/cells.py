"""What a sweep trains, and what comes of it. No torch here."""

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
    """A finished cell: its records, and the seconds of one thread that training it took (whenever that was)."""

    records: Records
    seconds: float


@dataclass(frozen=True)
class Finished:
    """A cell that was trained to its end.

    Attributes:
        cell: what was asked for.
        folders: where its members are stored, in their order.
    """

    cell: Cell
    folders: tuple[Path, ...]

    def load(self) -> Trained:
        """Read it.

        Raises:
            InputError: if a folder is damaged.
        """
        parts = [load(folder) for folder in self.folders]
        return Trained(
            concatenate([part.records for part in parts]), sum(float(part.manifest["seconds"]) for part in parts)
        )


#: Asks for cells to be trained, is sent them in the same order once all are, and ends when it wants no more. What it
#: asks for must follow from what it was sent alone: then a search that is begun again asks for the same.
Search = Generator[list[Cell], list[Finished], None]
