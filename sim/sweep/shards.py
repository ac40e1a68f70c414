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
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from twopeaks.sim.network.arithmetic import DTypeName
from twopeaks.sim.network.members import shape
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage.checkpoint import Checkpoints, InUseError
from twopeaks.sim.storage.records import Records
from twopeaks.sim.storage.store import Provenance, run_name, save
from twopeaks.sim.sweep import journal
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.training.loop import train_members
from twopeaks.sim.training.packs import fit, mixed_size, packs
from twopeaks.theory.errors import InputError

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
        """Checkpoints of a shard, for one call of `twopeaks.sim.training.loop.train_members`."""
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
        if len(set(self.names)) == 1:
            return self.names[0]
        return f"pack-{hashlib.sha256(' '.join(self.names).encode()).hexdigest()[:16]}"

    @property
    def member_steps(self) -> int:
        """Members times budget."""
        return sum(part.member_steps for part in self.parts)

    @property
    def flops(self) -> int:
        """The same in operations, see `twopeaks.sim.sweep.cells.Cell.flops`."""
        return sum(part.flops for part in self.parts)


def cut(cells: Sequence[Cell], runtime: Runtime) -> list[Shard]:
    """Cells cut into shards, of a size that suits the device; the members of a cell keep their order.

    A large cell is cut into parts by itself, so that what is stored of it has the same name in every sweep. Parts that
    are small, of one shape and plan, and of nearly one size n are put together: a grid of rates and decays is one
    batch. This follows from the list of cells alone, and not from what is stored, or an interrupted sweep would put
    the same members together in other ways and get other digits.
    """
    together: dict[Hashable, list[tuple[int, Cell]]] = {}
    for owner, cell in enumerate(cells):
        for part in packs(cell.setting, cell.seeds, runtime):
            key = (shape(cell.setting), cell.plan)
            together.setdefault(key, []).append((owner, replace(cell, seeds=tuple(part))))
    return [
        Shard(tuple(part for _, part in some), tuple(owner for owner, _ in some), runtime.dtype)
        for parts in together.values()
        for some in _filled(parts, runtime)
    ]


def _filled(parts: list[tuple[int, Cell]], runtime: Runtime) -> list[list[tuple[int, Cell]]]:
    """Parts put together, from the smallest n on, while they fit; those that are large enough stay alone."""
    shards: list[list[tuple[int, Cell]]] = []
    open_one: list[tuple[int, Cell]] = []
    members = rows = 0
    for owner, part in sorted(parts, key=lambda some: some[1].setting.task.samples):
        n, more, enough = part.setting.task.samples, len(part.seeds), mixed_size(part.setting, runtime)
        if more >= enough:
            shards.append([(owner, part)])
            continue
        if not open_one or members + more > enough or not fit(rows + n * more, n * (members + more)):
            open_one, members, rows = [], 0, 0
            shards.append(open_one)
        open_one.append((owner, part))
        members, rows = members + more, rows + n * more
    return shards


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
        if not place.has(shard):  # another process may have stored it, and let go of it, since this one last looked
            _train_alone(shard, place, checkpoints)


def _train_alone(shard: Shard, place: Place, checkpoints: Checkpoints) -> None:
    start, name = time.perf_counter(), shard.name
    parts = _to_train(shard, place, checkpoints)
    members = [(part.setting, seed) for part in parts for seed in part.seeds]
    journal.append(place.journal, "begun", shard=name, settings=[part.setting.content_id for part in parts])
    records = train_members(members, parts[0].plan, place.runtime, None, checkpoints)
    seconds = time.perf_counter() - start + checkpoints.seconds_before
    journal.append(place.journal, "trained", shard=name, resumed_from=max(checkpoints.resumed.values(), default=None))
    facts = {**place.runtime.describe(), "pid": os.getpid(), "host": platform.node(), "pack": len(members)}
    for part, its, share in _shares(parts, records):
        save(place.root, part.setting, part.plan, its, Provenance(facts, seconds * share, checkpoints.history))
    checkpoints.discard()


def _shares(parts: Sequence[Cell], records: Records) -> Iterator[tuple[Cell, Records, float]]:
    """Each part with its records, and its share of the work: training rows times steps."""
    work = records.last_steps * np.repeat([part.setting.task.samples for part in parts], [len(p.seeds) for p in parts])
    total, first = int(work.sum()), 0
    for part in parts:
        its = range(first, first + len(part.seeds))
        yield part, records.some(its), int(work[its].sum()) / total if total else 1 / len(parts)
        first = its.stop


def _to_train(shard: Shard, place: Place, checkpoints: Checkpoints) -> list[Cell]:
    """Parts that are not stored, or those that a killed worker had begun with, some of which it may have stored.

    Its checkpoints hold all of these to the last step, so none is trained again and every bit is as it would have
    been. What an earlier sweep of other cells has stored is left out.
    """
    parts = dict(zip(shard.names, shard.parts, strict=True))
    missing = [name for name in parts if not (place.root / name).exists()]
    begun = checkpoints.begun
    if begun and not set(begun) & set(missing):  # all of that is stored
        checkpoints.discard()
        begun = []
    checkpoints.about = begun or missing
    return [part for name, part in parts.items() if name in checkpoints.about]
