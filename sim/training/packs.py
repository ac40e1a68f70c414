"""Members cut into packs, and packs spread over threads: how every trainer here uses a machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

import numpy as np

from twopeaks.sim.network.data import pack_size
from twopeaks.sim.network.members import check
from twopeaks.sim.network.runtime import Runtime, pinned
from twopeaks.theory.setting import Setting

__all__ = ["fit", "mixed_size", "over_packs", "packs", "side_by_side"]

Part = TypeVar("Part")
Result = TypeVar("Result")

#: Largest share of padding among the rows of a pack of unequal sizes n. A row of padding costs what any row costs,
#: while a member alone takes 1.4 times (Z23, K = 256, n = 264) to 29 times (Z7, K = 24, n = 30) what it takes in a
#: pack: so this is never more than half of what packing gains, and mostly a small part of it.
_PADDING = 0.15
#: On CPUs cells are put together up to this part of a full pack: a step of a member then costs within 6% of what it
#: costs in a full one, and three times as many shards are left for the workers to share.
_MIXED = 3


def packs(setting: Setting, seeds: Sequence[int], runtime: Runtime) -> list[list[int]]:
    """Seeds cut into packs of about equal size: each fits a tile, and there is one for each thread if it can be.

    Raises:
        InputError: if there are no seeds, negative ones, some of 64 bits or more, or some twice.
    """
    check([(setting, seed) for seed in seeds])
    return [[int(seeds[i]) for i in part] for part in _split(range(len(seeds)), setting, runtime)]


def side_by_side(settings: Sequence[Setting], runtime: Runtime) -> list[list[int]]:
    """Members of one shape, by their places in the list, cut into packs of about equal size n.

    Only members whose sizes differ little go together, so that little is padding. What is cut how follows from the
    settings and the runtime alone.
    """

    def size(i: int) -> int:
        return settings[i].task.samples

    runs: list[list[int]] = []
    rows = 0
    for n, alike in groupby(sorted(range(len(settings)), key=size), size):
        some = list(alike)
        if not runs or not fit(rows + n * len(some), n * (len(runs[-1]) + len(some))):
            runs.append([])
            rows = 0
        runs[-1] += some
        rows += n * len(some)
    return [part for run in runs for part in _split(run, settings[run[-1]], runtime)]


def mixed_size(setting: Setting, runtime: Runtime) -> int:
    """Members of several cells that are put together, see `_MIXED`."""
    size = pack_size(setting, runtime)
    return max(1, size // _MIXED) if runtime.device == "cpu" else size


def fit(rows: int, padded: int) -> bool:
    """Whether so many training rows may be padded to so many, all members of a pack taken together."""
    return rows >= (1 - _PADDING) * padded


def _split(places: Sequence[int], largest: Setting, runtime: Runtime) -> list[list[int]]:
    """Packs of about equal numbers of members: each fits a tile, and there is one for each thread if it can be."""
    count = -(-len(places) // pack_size(largest, runtime))
    if runtime.device == "cpu":
        even = -(-count // runtime.threads) * runtime.threads
        count = min(even, len(places))
    return [part.tolist() for part in np.array_split(np.asarray(places), count)]


def over_packs(
    parts: Sequence[Part],
    runtime: Runtime,
    work: Callable[[Part, Runtime, threading.Event], Result],
) -> list[Result]:
    """What ``work(part, runtime, cancelled)`` makes of each pack, in order; one pack a thread at a time.

    Args:
        parts: the packs.
        runtime: where to run; each call of ``work`` gets its share of the threads.
        work: trains one pack; it must stop soon once the event ``cancelled`` is set.
    """
    # A pack a thread needs no barriers; threads that share every small product wait for each other all the time,
    # and for ever when other work takes a core away.
    workers = min(runtime.threads, len(parts)) if runtime.device == "cpu" else 1
    cancelled = threading.Event()
    share = replace(runtime, threads=runtime.threads // workers)

    def one(part: Part) -> Result:
        with pinned(share):
            return work(part, share, cancelled)

    if workers == 1:
        return [one(part) for part in parts]
    with ThreadPoolExecutor(workers) as pool:
        try:
            return list(pool.map(one, parts))
        except BaseException:
            cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise
