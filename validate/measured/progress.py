"""How far a sweep is, read from its folder alone, while it runs elsewhere or does not. No torch here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from twopeaks.sim.sweep import journal
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import Spec
from twopeaks.theory.errors import InputError
from twopeaks.validate.measured.results import Part, parts
from twopeaks.validate.measured.series import Series, name_of, series

__all__ = ["State", "state"]


@dataclass(frozen=True)
class State:
    """What is there.

    Attributes:
        spec: what is to be done.
        parts: what is stored of it.
        damaged: why some runs cannot be read.
        done: cells that are stored; of bisections those that are needed.
        open: cells that are wanted next and not stored.
        running: how many of these a process is training now.
        searches: bisections that have not come to their end.
        lost: workers lost so far.
        seconds: in which the sweep ran, by the clock.
    """

    spec: Spec
    parts: tuple[Part, ...]
    damaged: tuple[InputError, ...]
    done: tuple[Cell, ...]
    open: tuple[Cell, ...]
    running: int
    searches: int
    lost: int
    seconds: float
    series: tuple[Series, ...] = field(repr=False)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return not self.open and not self.damaged

    def as_data(self) -> dict[str, Any]:
        """Numbers by name, without the transitions."""
        members = sum(len(part.columns["seed"]) for part in self.parts)
        return {
            "name": self.spec.name,
            "cells": {"done": len(self.done), "running": self.running, "to_do": len(self.open) - self.running},
            "bisections": {"all": len(self.spec.bisections), "open": self.searches},
            "members": {"stored": members, "grokked": sum(part.outcome.grokked for part in self.parts)},
            "lost_workers": self.lost,
            "seconds": round(self.seconds, 1),
            "damaged": [str(error) for error in self.damaged],
        }


def state(folder: SweepFolder, spec: Spec) -> State:
    """Look at what a folder holds of a sweep.

    Raises:
        InputError: if its description cannot be read.
    """
    damaged: list[InputError] = []
    at_work = set(folder.at_work())
    stored = parts(folder, damaged.append)
    entries = journal.entries(folder.journal)
    all_series = series(part.outcome for part in stored)
    done, wanted, searches = _cells(spec, stored, all_series)
    begun = {line.get("shard"): line.get("settings", []) for line in entries if line["event"] == "begun"}
    now = {name for shard in at_work for name in begun.get(shard, [])}
    return State(
        spec=spec,
        parts=tuple(stored),
        damaged=tuple(damaged),
        done=tuple(done),
        open=tuple(wanted),
        running=sum(cell.setting.content_id in now for cell in wanted),
        searches=searches,
        lost=sum(line["event"] == "lost" for line in entries),
        seconds=_seconds(entries, running=bool(at_work)),
        series=tuple(all_series),
    )


def _cells(
    spec: Spec, stored_parts: Sequence[Part], all_series: Sequence[Series]
) -> tuple[list[Cell], list[Cell], int]:
    """Cells that are stored, cells that are wanted, and how many bisections go on."""
    seeds: dict[tuple[str, str], set[int]] = {}
    for part in stored_parts:
        seeds.setdefault(_key(part.columns["content_id"][0], part), set()).update(part.columns["seed"])

    def stored(cell: Cell) -> bool:
        return seeds.get(_key(cell.setting.content_id, cell), set()).issuperset(cell.seeds)

    done = [cell for cell in spec.cells if stored(cell)]
    wanted = [cell for cell in spec.cells if not stored(cell)]
    by_name, searches = {sizes.name: sizes for sizes in all_series}, 0
    for bisection in spec.bisections:
        sizes = by_name.get(name_of(bisection.setting, bisection.plan))
        known = {n: k / m for n, (k, m) in (sizes.rates if sizes else {}).items() if stored(bisection.cell(n))}
        used, waits = bisection.replayed(known)
        searches += bool(waits)
        done += [bisection.cell(n) for n in (*used, *(n for n in waits if n in known))]
        wanted += [bisection.cell(n) for n in waits if n not in known]
    return done, wanted, searches


def _key(content_id: str, of: Part | Cell) -> tuple[str, str]:
    return content_id, of.plan.model_dump_json()


def _seconds(entries: Iterable[dict[str, Any]], *, running: bool) -> float:
    """From the beginning of each call to the last thing heard before the next, or to now if it goes on."""
    total = 0.0
    begun: float | None = None
    last = 0.0
    for line in entries:
        if line["event"] == "started":
            total += last - begun if begun is not None else 0.0
            begun = line["time"]
        last = line["time"]
    if begun is None:
        return 0.0
    return total + max(0.0, (time.time() if running else last) - begun)
