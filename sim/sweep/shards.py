"""Shards: what one worker trains together and stores, under a name that follows from its content.

How cells are cut into shards depends on the cells alone, never on what is already done; so shards are the same, bit for
bit, however often a sweep was interrupted. A shard may be submitted any number of times: stored parts are not trained
again, a shard that another process works on is left alone, and an unfinished one is resumed.
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

#: Seconds after which a worker returns a shard that another process holds, and seconds between its attempts.
_PATIENCE, _PAUSE = 5.0, 0.2


@dataclass(frozen=True)
class Place:
    """Where shards are trained and stored.

    Attributes:
        root: folder of results, the same for all workers.
        runtime: device and dtype, one thread.
        seconds: between checkpoints; None for the default.
        journal: file for events; None for none.
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
        """Name of the folder of each part."""
        return tuple(run_name(part.setting, part.plan, part.seeds, self.dtype) for part in self.parts)

    @property
    def name(self) -> str:
        """Name of the shard: that of its only part, or a digest of the names of all parts."""
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
    """Cells cut into shards of a size that suits the device; the members of a cell keep their order.

    A large cell is cut into parts by itself, so that its runs have the same names in every sweep. Small parts of one
    shape and plan and of nearly equal size n go into one shard: a grid of rates and decays is one batch. This depends
    on the list of cells alone and not on what is stored. Otherwise an interrupted sweep would group members in another
    way and get other digits.
    """
    together: dict[Hashable, list[tuple[int, Cell]]] = {}
    for owner, cell in enumerate(cells):
        for part in packs(cell.setting, cell.seeds, runtime):
            key = (shape(cell.setting), cell.plan)
            together.setdefault(key, []).append((owner, replace(cell, seeds=tuple(part))))
    return [
        Shard(tuple(part for _, part in members), tuple(owner for owner, _ in members), runtime.dtype)
        for parts in together.values()
        for members in _filled(parts, runtime)
    ]


def _filled(parts: list[tuple[int, Cell]], runtime: Runtime) -> list[list[tuple[int, Cell]]]:
    """Parts grouped into shards, from the smallest n on, while they fit; a large part is a shard by itself."""
    shards: list[list[tuple[int, Cell]]] = []
    current: list[tuple[int, Cell]] = []
    members = rows = 0
    for owner, part in sorted(parts, key=lambda owned: owned[1].setting.task.samples):
        n, more, enough = part.setting.task.samples, len(part.seeds), mixed_size(part.setting, runtime)
        if more >= enough:
            shards.append([(owner, part)])
            continue
        if not current or members + more > enough or not fit(rows + n * more, n * (members + more)):
            current, members, rows = [], 0, 0
            shards.append(current)
        current.append((owner, part))
        members, rows = members + more, rows + n * more
    return shards


def run_shard(shard: Shard, place: Place) -> str | None:
    """Train a shard, or resume it, and store it; do nothing if it is stored already.

    Returns:
        None when it is stored; otherwise a description of the process that holds it.

    Raises:
        InputError: if the folder does not exist or cannot be written, or holds something that is not this shard.
    """
    if not place.root.is_dir():
        remedy = "give a folder on a file system that the cluster shares"
        raise InputError("--out", f"a folder that {platform.node()} sees", str(place.root), remedy)
    until = time.monotonic() + _PATIENCE
    while not place.has(shard):
        try:
            _train(shard, place)
        except InUseError as in_use:
            if time.monotonic() > until:
                return str(in_use.value)
            time.sleep(_PAUSE)
    place.checkpoints(shard).discard()
    return None


def _train(shard: Shard, place: Place) -> None:
    checkpoints = place.checkpoints(shard)
    with checkpoints.held():
        if not place.has(shard):  # another process may have stored and released it in the meantime
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
    for part, part_records, share in _shares(parts, records):
        save(place.root, part.setting, part.plan, part_records, Provenance(facts, seconds * share, checkpoints.history))
    checkpoints.discard()


def _shares(parts: Sequence[Cell], records: Records) -> Iterator[tuple[Cell, Records, float]]:
    """Each part with its records, and its share of the work: training rows times steps."""
    work = records.last_steps * np.repeat([part.setting.task.samples for part in parts], [len(p.seeds) for p in parts])
    total, first = int(work.sum()), 0
    for part in parts:
        rows = range(first, first + len(part.seeds))
        yield part, records.some(rows), int(work[rows].sum()) / total if total else 1 / len(parts)
        first = rows.stop


def _to_train(shard: Shard, place: Place, checkpoints: Checkpoints) -> list[Cell]:
    """Parts that are not stored; or all parts that a killed worker had started, even if it stored some of them.

    Its checkpoints hold all of these parts, so no step is repeated and every bit is the same as without the kill.
    Parts that an earlier sweep of other cells has stored are left out.
    """
    parts = dict(zip(shard.names, shard.parts, strict=True))
    missing = [name for name in parts if not (place.root / name).exists()]
    resumed = checkpoints.begun
    if resumed and not set(resumed) & set(missing):  # all of that is stored
        checkpoints.discard()
        resumed = []
    checkpoints.about = resumed or missing
    return [part for name, part in parts.items() if name in checkpoints.about]
