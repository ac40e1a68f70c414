"""Shards: what one worker trains in one go and stores, under a name that says what it is.

A shard is cut from cells in a way that depends on the cells alone, never on what is already done, so that it is the
same one, bit for bit, however often a sweep was interrupted. It may be handed out as often as one likes: what is stored
is not trained again, what another process is at is left to that, what was begun is gone on with.
"""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from sim import journal
from sim.cells import Cell
from sim.checkpoint import Checkpoints, InUseError
from sim.runtime import DTypeName, Runtime
from sim.store import run_name, save
from sim.train import packs, train
from theory.errors import InputError

__all__ = ["Place", "Shard", "cut", "run_shard"]

#: Seconds after which a worker gives a shard back that another process is at, and between looks at it.
_PATIENCE, _LOOK = 5.0, 0.2


@dataclass(frozen=True)
class Place:
    """Where shards are trained and stored.

    Attributes:
        root: folder of results, the same for all workers.
        runtime: device and dtype, one thread.
        seconds: between checkpoints; None for the default.
        journal: file to write down what happened in, if any.
    """

    root: Path
    runtime: Runtime
    seconds: float | None = None
    journal: Path | None = None

    def folders(self, shard: Shard) -> list[Path]:
        """Where each part of a shard is stored."""
        return [self.root / name for name in shard.names]

    def unfinished(self, shard: Shard) -> Path:
        """Where the checkpoints of a shard are."""
        return self.root / f"{shard.name}.unfinished"

    def has(self, shard: Shard) -> bool:
        """Whether all of a shard is stored."""
        return all(folder.exists() for folder in self.folders(shard))

    def checkpoints(self, shard: Shard) -> Checkpoints:
        """Checkpoints of a shard, for one call of `sim.train.train`."""
        return Checkpoints(self.unfinished(shard), self.seconds)


@dataclass(frozen=True)
class Shard:
    """Members trained together.

    Attributes:
        parts: some or all seeds of each cell in it.
        owners: for each part, which of the cells it was cut from (their position).
        dtype: arithmetic.
    """

    parts: tuple[Cell, ...]
    owners: tuple[int, ...]
    dtype: DTypeName

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the folder of each part."""
        return tuple(run_name(part.setting, part.plan, part.seeds, self.dtype) for part in self.parts)

    @property
    def name(self) -> str:
        """Of the shard: that of its one part, or a digest of all."""
        if len(self.names) == 1:
            return self.names[0]
        return f"pack-{hashlib.sha256(' '.join(self.names).encode()).hexdigest()[:16]}"

    @property
    def member_steps(self) -> int:
        """Members times budget."""
        return sum(part.member_steps for part in self.parts)

    @property
    def flops(self) -> int:
        """The same in operations, see `sim.cells.Cell.flops`."""
        return sum(part.flops for part in self.parts)


def cut(cells: Sequence[Cell], runtime: Runtime) -> list[Shard]:
    """Cells cut into shards, of a size that suits the device; the members of a cell keep their order."""
    return [
        Shard((replace(cell, seeds=tuple(part)),), (owner,), runtime.dtype)
        for owner, cell in enumerate(cells)
        for part in packs(cell.setting, cell.seeds, runtime)
    ]


def run_shard(shard: Shard, place: Place) -> str | None:
    """Train a shard, or go on with it, and store it; nothing where it is stored already.

    Returns:
        None when it is stored; who is at it, if another process has been for a while.

    Raises:
        InputError: if the folder is not there or cannot be written, or holds something that is not this shard.
    """
    if not place.root.is_dir():
        remedy = "give a folder on a file system that the cluster shares"
        raise InputError("--out", f"a folder that {platform.node()} sees", str(place.root), remedy)
    until = time.monotonic() + _PATIENCE
    while not place.has(shard):
        try:
            _train(shard, place)
        except InUseError as held:
            if time.monotonic() > until:
                return str(held.value)
            time.sleep(_LOOK)
    place.checkpoints(shard).discard()
    return None


def _train(shard: Shard, place: Place) -> None:
    checkpoints = place.checkpoints(shard)
    with checkpoints.held():
        if place.has(shard):  # another process has stored it, and let go of it, since this one last looked
            return
        _train_alone(shard, place, checkpoints)


def _train_alone(shard: Shard, place: Place, checkpoints: Checkpoints) -> None:
    (part,) = shard.parts
    start, name = time.perf_counter(), shard.name
    settings = [part.setting.content_id for part in shard.parts]
    journal.append(place.journal, "begun", shard=name, settings=settings)
    records = train(part.setting, part.seeds, part.plan, place.runtime, None, checkpoints)
    seconds = time.perf_counter() - start + checkpoints.seconds_before
    journal.append(place.journal, "trained", shard=name, resumed_from=max(checkpoints.resumed.values(), default=None))
    facts = {**place.runtime.describe(), "pid": os.getpid(), "host": platform.node()}
    save(place.root, part.setting, part.plan, records, facts, seconds, checkpoints.history)
    checkpoints.discard()
