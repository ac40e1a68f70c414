"""Members cut into packs, and packs spread over threads: how every trainer here uses a machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import numpy as np

from sim.data import pack_size
from sim.runtime import Runtime, pinned
from theory.errors import InputError
from theory.setting import Setting

__all__ = ["over_packs", "packs"]

Result = TypeVar("Result")

#: Records keep seeds as 64-bit integers.
_LARGEST_SEED = 2**63 - 1


def packs(setting: Setting, seeds: Sequence[int], runtime: Runtime) -> list[list[int]]:
    """Seeds cut into packs of about equal size: each fits a tile, and there is one for each thread if it can be.

    Raises:
        InputError: if there are no seeds, negative ones, some of 64 bits or more, or some twice.
    """
    if not len(seeds) or min(seeds) < 0 or max(seeds) > _LARGEST_SEED or len(set(seeds)) != len(seeds):
        raise InputError("seeds", "one or more different integers >= 0 and < 2^63", list(seeds), "use e.g. 0, 1, 2")
    count = -(-len(seeds) // pack_size(setting, runtime))
    if runtime.device == "cpu":
        even = -(-count // runtime.threads) * runtime.threads
        count = min(even, len(seeds))
    return [list(map(int, part)) for part in np.array_split(np.asarray(seeds), count)]


def over_packs(
    setting: Setting,
    seeds: Sequence[int],
    runtime: Runtime,
    work: Callable[[list[int], Runtime, threading.Event], Result],
) -> list[Result]:
    """What ``work(seeds, runtime, cancelled)`` makes of each pack, in order; one pack a thread at a time.

    Args:
        setting: the problem.
        seeds: one non-negative integer a member, all different.
        runtime: where to run; each call of ``work`` gets its share of the threads.
        work: trains one pack; it must stop soon once the event ``cancelled`` is set.

    Raises:
        InputError: if there are no seeds, negative ones, some of 64 bits or more, or some twice.
    """
    parts = packs(setting, seeds, runtime)
    # A pack a thread needs no barriers; threads that share every small product wait for each other all the time,
    # and for ever when other work takes a core away.
    workers = min(runtime.threads, len(parts)) if runtime.device == "cpu" else 1
    cancelled = threading.Event()
    share = replace(runtime, threads=runtime.threads // workers)

    def one(part: list[int]) -> Result:
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
