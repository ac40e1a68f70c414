"""``sweep --dry-run``: what a sweep will cost, before anything is trained or written."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from rich.table import Table

from twopeaks.sim.network.runtime import Runtime, resolve, usable_cores
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.cost import Cost, cost
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import Spec
from twopeaks.validate.screen.sweep_picture import duration
from twopeaks.validate.screen.terminal import console, print_json

__all__ = ["estimate"]


def estimate(spec: Spec, folder: SweepFolder, device: str, workers: int | None, as_json: bool) -> None:
    """Print what it takes from the beginning; members that stop early take less.

    Args:
        spec: what is to be done.
        folder: where it would go.
        device: as `twopeaks.sim.network.runtime.resolve` reads it.
        workers: local processes, or workers of a cluster; None for one a core.
        as_json: whether to print JSON.

    Raises:
        InputError: if the device is not there.
    """
    runtime = resolve(device, spec.dtype, 1)
    count = workers or (usable_cores() if runtime.device == "cpu" else 1)
    searches = spec.bisections
    most = usual = _cost(spec, [search.most_cells for search in searches], runtime, count)
    if searches:
        usual = _cost(spec, [search.cells_if((search.low + search.high) / 2) for search in searches], runtime, count)
    if as_json:
        facts = {"name": spec.name, "folder": str(folder.root), "bisections": len(spec.bisections)}
        print_json({**facts, **usual.as_data(), "most": most.as_data(), "free_bytes": _free(folder.root)})
        return
    _print(spec, folder, usual, most)


def _cost(spec: Spec, searches: Sequence[list[Cell]], runtime: Runtime, workers: int) -> Cost:
    cells = list(spec.cells) or list(chain.from_iterable(searches))
    return cost(cells, runtime, workers, searches)


def _print(spec: Spec, folder: SweepFolder, usual: Cost, most: Cost) -> None:
    both = {"low and high enclose the transition": usual, "at most": most} if spec.bisections else {"": most}
    table = Table(title=f"{spec.name}: what it takes", show_header=len(both) > 1)
    for heading in ("", *both):
        table.add_column(heading)
    columns = [_words(needed, folder) for needed in both.values()]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    out = console()
    out.print(table)
    out.print(f"rate measured just now: {most.flops_per_second / 1e9:,.1f} Gflop/s a worker")


def _words(needed: Cost, folder: SweepFolder) -> dict[str, str]:
    all_bytes = needed.workers * needed.worker_bytes
    return {
        "cells": f"{needed.cells:,}",
        "members": f"{needed.members:,}",
        "member-steps": f"{needed.member_steps:,}",
        "time": f"{duration(needed.seconds)} with {needed.workers} workers",
        "memory": f"{_bytes(needed.worker_bytes)} a worker, {_bytes(all_bytes)} in all",
        "disk": f"{_bytes(needed.disk_bytes)} of {_bytes(_free(folder.root))} free",
    }


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"


def _free(root: Path) -> int:
    """Where the folder is, or would be made."""
    nearest = next(path for path in (root.resolve(), *root.resolve().parents) if path.is_dir())
    return shutil.disk_usage(nearest).free
