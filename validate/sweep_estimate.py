"""``sweep --dry-run``: what a sweep will cost, said before anything is trained or written."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.table import Table

from sim.cost import Cost, cost
from sim.runtime import resolve, usable_cores
from sim.spec import Spec
from sim.sweep_folder import SweepFolder
from validate.sweep_picture import duration
from validate.terminal import console, print_json

__all__ = ["estimate"]


def estimate(spec: Spec, folder: SweepFolder, device: str, workers: int | None, as_json: bool) -> None:
    """Print what it takes from the beginning, at most: members that stop early take less.

    Args:
        spec: what is to be done.
        folder: where it would go.
        device: as `sim.runtime.resolve` reads it.
        workers: local processes, or workers of a cluster; None for one a core.
        as_json: whether to print JSON.

    Raises:
        InputError: if the device is not there.
    """
    runtime = resolve(device, spec.dtype, 1)
    count = workers or (usable_cores() if runtime.device == "cpu" else 1)
    cells = list(spec.cells) or [cell for one in spec.bisections for cell in one.most_cells]
    found = cost(cells, runtime, count)
    if as_json:
        print_json(
            {**found.as_data(), "bisections": len(spec.bisections), "name": spec.name, "folder": str(folder.root)}
        )
        return
    _print(spec, folder, found)


def _print(spec: Spec, folder: SweepFolder, found: Cost) -> None:
    most = "at most " if spec.bisections else ""
    rows = {
        "cells": f"{most}{found.cells:,}" + (f" for {len(spec.bisections):,} transitions" * bool(spec.bisections)),
        "members": f"{most}{found.members:,}",
        "member-steps": f"{most}{found.member_steps:,}",
        "time": f"{most}{duration(found.seconds)} on {found.workers} workers",
        "rate": f"{found.flops_per_second / 1e9:,.1f} Gflop/s a worker, measured just now",
        "memory": f"{_bytes(found.worker_bytes)} a worker, {_bytes(found.workers * found.worker_bytes)} in all",
        "disk": f"{_bytes(found.disk_bytes)} of {_bytes(_free(folder.root))} free",
    }
    table = Table(title=f"{spec.name}: what it takes", show_header=False)
    for row in rows.items():
        table.add_row(*row)
    console().print(table)


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"


def _free(root: Path) -> int:
    """Where the folder is, or would be made."""
    there = next(path for path in (root.resolve(), *root.resolve().parents) if path.is_dir())
    return shutil.disk_usage(there).free
