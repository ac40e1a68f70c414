"""What a sweep will cost, before it is begun: operations against a rate measured on the spot, memory, disk."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

from twopeaks.sim.network.runtime import Runtime, pinned
from twopeaks.sim.network.sizes import forward_flops, layer_shapes, step_flops
from twopeaks.sim.storage.probe_catalogue import columns
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.bisect import resized
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.shards import Shard, cut
from twopeaks.sim.training.learner import Learner
from twopeaks.theory.setting import OBSERVABLES, Setting

__all__ = ["Cost", "cost", "measured_rate"]

#: Seconds that measuring takes (at least one step, of at most so many operations), and steps before the clock runs.
_SECONDS, _MOST_FLOPS, _WARM = 0.3, 2e9, 2

#: Bytes of a process that has loaded everything, and of what is written beside the curves of a run.
_PROCESS, _MANIFEST = 300 << 20, 6 << 10


@dataclass(frozen=True)
class Cost:
    """An estimate: no member stops early, and workers are busy to the end unless one has to be waited for.

    Attributes:
        cells, shards, members: how many.
        member_steps: members times their budgets.
        flops: operations of matrix products (`twopeaks.sim.network.sizes`): of every member-step, and of a pass over
            the whole table at every record, for testing.
        flops_per_second: of one worker, measured on a typical shard.
        workers: how many.
        seconds: flops over those of all workers; or of the largest shard, or of cells in turn, if these take longer.
        worker_bytes: memory of one worker, at most.
        disk_bytes: of what is kept.
    """

    cells: int
    shards: int
    members: int
    member_steps: int
    flops: float
    flops_per_second: float
    workers: int
    seconds: float
    worker_bytes: int
    disk_bytes: int

    def as_data(self) -> dict[str, float]:
        """All of it by name."""
        return asdict(self)


def cost(cells: Sequence[Cell], runtime: Runtime, workers: int, in_turn: Sequence[Sequence[Cell]] = ()) -> Cost:
    """Estimate the cost of cells on so many workers of one thread each.

    Args:
        cells: all of them.
        runtime: device and dtype.
        workers: how many.
        in_turn: lists of some of them in which each waits for the one before.
    """
    shards = cut(cells, runtime)
    ordered = sorted(((shard.flops, i) for i, shard in enumerate(shards)))
    rate = measured_rate(shards[_typical(ordered)], runtime)
    flops, longest = float(sum(_flops(cell) for cell in cells)), ordered[-1][0]
    chains = (sum(_alone(cell, runtime, workers) for cell in chain) for chain in in_turn)
    return Cost(
        cells=len(cells),
        shards=len(shards),
        members=sum(len(cell.seeds) for cell in cells),
        member_steps=sum(cell.member_steps for cell in cells),
        flops=flops,
        flops_per_second=rate,
        workers=workers,
        seconds=max(flops / workers, longest, *chains) / rate,
        worker_bytes=_PROCESS + max(_bytes(shard, runtime) for shard in shards),
        disk_bytes=sum(_curves(cell) + _MANIFEST for cell in cells),
    )


def measured_rate(shard: Shard, runtime: Runtime) -> float:
    """Operations of matrix products a second of one thread that trains a shard, in a fraction of a second."""
    settings, seeds, a_step = _affordable(shard)
    with pinned(runtime):
        learner = Learner(settings, seeds, runtime)
        for _ in range(_WARM if a_step < _MOST_FLOPS / 10 else 1):
            learner.step()
        steps, start = 0, time.perf_counter()
        while steps == 0 or time.perf_counter() - start < _SECONDS:
            learner.step()
            steps += 1
        return a_step * steps / (time.perf_counter() - start)


def _affordable(shard: Shard) -> tuple[list[Setting], list[int], float]:
    """Settings and seeds of as many members as may be tried, and the operations of a step of them."""
    members = [(part, seed) for part in shard.parts for seed in part.seeds]
    first = shard.parts[0]
    a_step = first.flops / first.member_steps
    if a_step > _MOST_FLOPS:  # a smaller training set will do: the rate hardly depends on n where it is that large
        smaller = resized(first.setting, max(1, math.floor(first.setting.task.samples * _MOST_FLOPS / a_step)))
        return [smaller], [first.seeds[0]], float(step_flops(smaller))
    reached = itertools.accumulate(part.flops / part.member_steps for part, _ in members)
    steps = [flops for flops in reached if flops <= _MOST_FLOPS]
    tried = members[: len(steps)]
    return [part.setting for part, _ in tried], [seed for _, seed in tried], steps[-1]


def _typical(ordered: Sequence[tuple[int, int]]) -> int:
    """Where half of all operations are reached, from the smallest shard on: the second of that pair."""
    half = sum(flops for flops, _ in ordered) / 2
    reached = itertools.accumulate(flops for flops, _ in ordered)
    return next(i for (_, i), so_far in zip(ordered, reached, strict=True) if so_far >= half)


def _flops(cell: Cell) -> int:
    return cell.flops + _testing(cell)


def _alone(cell: Cell, runtime: Runtime, workers: int) -> float:
    """Operations in a row where only this cell is worked on."""
    return _flops(cell) / min(workers, len(cut([cell], runtime)))


def _testing(cell: Cell) -> int:
    a_record = forward_flops(cell.setting, cell.setting.task.table_of().labels.size)
    return len(cell.seeds) * _records(cell.plan) * a_record


@lru_cache(maxsize=64)
def _records(plan: Plan) -> int:
    return int(plan.record_steps().size)


def _bytes(shard: Shard, runtime: Runtime) -> int:
    """Weights, gradients and two averages of each member; its data and table; working pieces."""
    return 3 * runtime.tile_bytes + sum(len(p.seeds) * _member_bytes(p.setting, runtime) for p in shard.parts)


@lru_cache(maxsize=4096)
def _member_bytes(setting: Setting, runtime: Runtime) -> int:
    table, number = setting.task.table_of(), runtime.torch_dtype.itemsize
    parts = 2 if setting.network.weights == "complex" else 1
    weights = sum(math.prod(shape) for shape in layer_shapes(setting)) * parts
    rows = table.labels.size * (8 + 1 + 1 + 2 * number)
    data = setting.task.samples * (table.classes * number + table.operands * (8 + 2 * (4 + number)))
    return 5 * weights * number + rows + data


def _curves(cell: Cell) -> int:
    observed = len(OBSERVABLES) + len(columns(cell.setting, cell.plan.probes)) if cell.plan.probes else len(OBSERVABLES)
    return 8 * len(cell.seeds) * _records(cell.plan) * observed
