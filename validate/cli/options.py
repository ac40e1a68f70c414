"""Options that several commands share, and what is read out of them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

from twopeaks.theory.errors import InputError

__all__ = [
    "CheckpointSeconds",
    "Device",
    "GroupsAlone",
    "Json",
    "Live",
    "Store",
    "TensorBoard",
    "Threads",
    "Workers",
    "check_workers",
    "local_workers",
    "repeated",
    "seeds_of",
    "usable_workers",
]

_MACHINE = "Machine"

#: Option ``--device``.
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps", rich_help_panel=_MACHINE)]
#: Option ``--workers``.
Workers = Annotated[
    int | None, typer.Option(help="processes that train", show_default="usable cores", rich_help_panel=_MACHINE)
]
#: Option ``--threads``.
Threads = Annotated[int | None, typer.Option(help="CPU threads", show_default="usable cores", rich_help_panel=_MACHINE)]
#: Option ``--checkpoint-seconds``.
CheckpointSeconds = Annotated[
    float | None,
    typer.Option(help="time between checkpoints of what is kept", show_default="60", rich_help_panel=_MACHINE),
]
#: Option ``--json``.
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of tables")]
#: Option ``--live``.
Live = Annotated[bool, typer.Option("--live", help="draw the curves on the terminal while they grow, see docs/live.md")]
#: Option ``--tensorboard``.
TensorBoard = Annotated[
    Path | None, typer.Option("--tensorboard", metavar="DIR", help="folder for event files of TensorBoard")
]
#: Option ``--store``.
Store = Annotated[Path | None, typer.Option(help="folder of SPEC's sweep (default: as sweep has it)")]
#: An option that is not listed in helps: it is refused with the reason.
_Unfit = Annotated[str | None, typer.Option(hidden=True)]


def repeated() -> str:
    """The command line that was given, which repeats the call."""
    return shlex.join(["twopeaks", *sys.argv[1:]])


@dataclass(frozen=True, kw_only=True)
class GroupsAlone:
    """Options of ``train`` that a request about products of two elements of a group cannot take."""

    operands: _Unfit = None
    expression: _Unfit = None
    field: _Unfit = None
    parity: _Unfit = None

    def refuse_other_tasks(self) -> None:
        """Refuse tasks on which predictions do not rest.

        Raises:
            InputError: if one of these options is given.
        """
        for option in fields(GroupsAlone):
            value = getattr(self, option.name)
            if value is not None:
                remedy = "predictions are for pairs from a group: use --group"
                raise InputError(f"--{option.name}", "left out here", value, remedy)


def seeds_of(count: int, first: int = 0, name: str = "--seeds") -> tuple[int, ...]:
    """The given number of seeds, counted up from the first.

    Raises:
        InputError: if there are none, or too many, or the first is negative; ``name`` is the option that it names.
    """
    if not 1 <= count <= 100_000:
        raise InputError(name, "between 1 and 100000", count, f"use e.g. {name} 8")
    if not 0 <= first < 2**62:
        raise InputError("--first-seed", "0 or more, below 2^62", first, "use e.g. --first-seed 0")
    return tuple(range(first, first + count))


def check_workers(workers: int | None) -> None:
    """Refuse a number of processes that cannot be.

    Raises:
        InputError: if it is below 1 or above 512.
    """
    if workers is not None and not 1 <= workers <= 512:
        raise InputError("--workers", "between 1 and 512", workers, "leave it out for one a core")


def usable_workers(workers: int | None) -> int:
    """The number of processes that was given, or one for each core.

    Raises:
        InputError: as `check_workers`.
    """
    from twopeaks.sim.network.runtime import usable_cores

    check_workers(workers)
    return workers or usable_cores()


@contextmanager
def local_workers(workers: int | None, device: str) -> Iterator[Executor]:
    """Local processes of one thread each; on an accelerator one process, which keeps the device busy."""
    from twopeaks.sim.network.runtime import resolve
    from twopeaks.sim.sweep.pool import LocalPool

    count = usable_workers(workers) if resolve(device).device.startswith("cpu") else 1
    with LocalPool(count) as pool:
        yield pool
