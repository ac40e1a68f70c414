"""Numbers of figures from networks: a sweep that is trained or was stored, or a figure's own training. Needs torch."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from twopeaks.sim.network.runtime import resolve
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import read_spec
from twopeaks.theory.errors import InputError
from twopeaks.validate.cli import sweep_command
from twopeaks.validate.figures.drawing.entry import Entry, usable
from twopeaks.validate.screen.terminal import stages

__all__ = ["measured", "reduced"]


def reduced(one: Entry, folder: Path) -> pl.DataFrame:
    """The numbers of a figure from the folder of its sweep.

    Raises:
        InputError: if it holds no sweep, or one that does not have what the figure shows.
    """
    if not SweepFolder(folder).holds_a_sweep:
        raise InputError("--store", "the folder of a sweep", str(folder), f"`twopeaks sweep {one.spec} --out {folder}`")
    if one.reduce is None:
        raise InputError("--store", "given for a figure that a sweep makes", one.name, f"`{one.remake}`")
    with usable(f"the sweep in {folder}", "one that this figure shows", f"that is {one.spec}"):
        return one.reduce(folder)


def measured(one: Entry, out: Path, workers: int | None, device: str) -> pl.DataFrame:
    """The numbers of a figure from networks trained now, or as far as that was done before in the same folder.

    Raises:
        InputError: as ``twopeaks sweep``.
    """
    if one.measure is not None:
        with stages() as stage:
            return one.measure(resolve(device), stage)
    spec = one.spec
    if spec is None:
        raise InputError("NAME", "a figure that can be measured", one.name, "see `twopeaks figures`")
    folder = SweepFolder(out / f"{one.name}-sweep")
    wanted = read_spec(spec)
    folder.check(wanted)
    options = sweep_command.Options(
        spec=spec,
        out=folder.root,
        resume=False,
        dry_run=False,
        status=False,
        workers=workers,
        scheduler=None,
        device=device,
        checkpoint_seconds=None,
        as_json=False,
    )
    sweep_command.train(wanted, folder, options)
    return reduced(one, folder.root)
