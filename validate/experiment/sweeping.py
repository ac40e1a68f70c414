"""A whole sweep, trained from Python: claim the folder, train what is missing, bring its tables up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from twopeaks.sim.network.runtime import resolve, usable_cores
from twopeaks.sim.sweep import journal
from twopeaks.sim.sweep.cells import Search
from twopeaks.sim.sweep.drive import Monitor, run_searches
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.pool import LocalPool
from twopeaks.sim.sweep.shards import Place
from twopeaks.sim.sweep.spec import Spec
from twopeaks.theory.errors import InputError
from twopeaks.validate.measured import results
from twopeaks.validate.measured.detect import grokked
from twopeaks.validate.measured.progress import state

__all__ = ["in_journal", "run_sweep", "searches"]


def searches(spec: Spec) -> list[Search]:
    """What a description asks for: all cells at once, or one search for each transition."""

    def everything() -> Search:
        yield list(spec.cells)

    return [everything()] if spec.cells else [bisection.search(grokked) for bisection in spec.bisections]


@contextmanager
def in_journal(place: Place, spec: Spec, workers: int | None) -> Iterator[None]:
    """Note in the journal that training started and how it ended; ``workers`` is None on a cluster."""
    journal.append(place.journal, "started", workers=workers, digest=spec.digest)
    outcome = "failed"
    try:
        yield
        outcome = "finished"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise
    finally:
        journal.append(place.journal, "ended", outcome=outcome)


def run_sweep(spec: Spec, folder: SweepFolder, workers: int | None = None, device: str = "auto") -> None:
    """Train what is not stored yet, in local processes of one thread each, and write the tables of the folder.

    Args:
        spec: what to train.
        folder: of the sweep; runs that are there are not trained again.
        workers: processes; by default one a usable core, and one on an accelerator.
        device: as `twopeaks.sim.network.runtime.resolve` reads it.

    Raises:
        InputError: if a number is out of range, the folder belongs to another sweep, or results have no place.
    """
    if workers is not None and not 1 <= workers <= 512:
        raise InputError("workers", "between 1 and 512", workers, "leave it out for one a core")
    runtime = resolve(device, spec.dtype, 1)
    count = workers or (usable_cores() if runtime.device == "cpu" else 1)
    folder.check(spec)
    folder.claim(spec)
    place = Place(folder.runs.resolve(), runtime, None, folder.journal.resolve())
    with in_journal(place, spec, count), LocalPool(count) as pool:
        run_searches(searches(spec), place, pool, Monitor())
    there = state(folder, spec)
    transitions = results.points(there.series, spec, results.last_points(folder))
    results.write(folder, results.frame(there.parts), transitions)
