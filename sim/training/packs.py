"""Members are cut into packs, and packs are spread over threads, the same way for every trainer."""

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

#: Largest share of padding among the rows of a pack of unequal sizes n. A padding row costs as much as any other row. A
#: member that is alone takes 1.4 times (Z23, K = 256, n = 264) to 29 times (Z7, K = 24, n = 30) as long as in a pack.
#: So the cost of padding is at most half of what packing gains, and mostly a small part of it.
_PADDING = 0.15
#: On CPUs, packs of several cells are smaller than full ones by this factor: a step of a member costs at most 6% more
#: than in a full pack, and the workers have three times as many shards to share.
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

    Sizes within a pack differ little, so that there is little padding. The cut depends on the settings and the runtime
    alone.
    """

    def size(i: int) -> int:
        return settings[i].task.samples

    runs: list[list[int]] = []
    rows = 0
    for n, alike in groupby(sorted(range(len(settings)), key=size), size):
        places = list(alike)
        if not runs or not fit(rows + n * len(places), n * (len(runs[-1]) + len(places))):
            runs.append([])
            rows = 0
        runs[-1] += places
        rows += n * len(places)
    return [part for run in runs for part in _split(run, settings[run[-1]], runtime)]


def mixed_size(setting: Setting, runtime: Runtime) -> int:
    """Most members of a pack of several cells, see `_MIXED`."""
    size = pack_size(setting, runtime)
    return max(1, size // _MIXED) if runtime.device == "cpu" else size


def fit(rows: int, padded: int) -> bool:
    """Whether ``rows`` training rows of a pack may be padded to ``padded`` rows."""
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
    """The results of ``work(part, runtime, cancelled)`` for each pack, in order; a thread has one pack at a time.

    Args:
        parts: the packs.
        runtime: where to run; each call of ``work`` gets its share of the threads.
        work: trains one pack; it must stop soon once the event ``cancelled`` is set.
    """
    # With a pack for each thread no barriers are needed. Threads that share every small product wait for each other all
    # the time, and much longer when other work takes a core away.
    workers = min(runtime.threads, len(parts)) if runtime.device == "cpu" else 1
    cancelled = threading.Event()
    share = replace(runtime, threads=runtime.threads // workers)

    def pinned_work(part: Part) -> Result:
        with pinned(share):
            return work(part, share, cancelled)

    if workers == 1:
        return [pinned_work(part) for part in parts]
    with ThreadPoolExecutor(workers) as pool:
        try:
            return list(pool.map(pinned_work, parts))
        except BaseException:
            cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise
