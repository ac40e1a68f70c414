"""The command ``sweep``: train what a description asks for, estimate it first, or say how far it is."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from twopeaks.sim.sweep import journal
from twopeaks.sim.sweep.cells import Search
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import Spec, read_spec
from twopeaks.theory.errors import InputError
from twopeaks.validate.measured.detect import grokked
from twopeaks.validate.screen.sweep_picture import Point, duration, picture
from twopeaks.validate.screen.terminal import Interrupted, console, print_json, waiting
from twopeaks.validate.screen.watching import UNWATCHED, Watching

if TYPE_CHECKING:  # a look at a folder needs no torch, an estimate no tables
    from twopeaks.sim.network.runtime import Runtime
    from twopeaks.validate.measured.progress import State
    from twopeaks.validate.screen.sweep_boards import SweepBoards
    from twopeaks.validate.screen.sweep_screen import Tally

__all__ = ["Options", "sweep", "train"]

#: Groups of cells that are printed.
_SHOWN = 24


@dataclass(frozen=True)
class Options:
    """What was asked for; None where an option was left out.

    Attributes:
        spec: file with the description.
        out: folder of the sweep.
        resume, dry_run, status, as_json: flags.
        workers: local processes.
        scheduler: address of a Dask scheduler.
        device: as `twopeaks.sim.network.runtime.resolve` reads it.
        checkpoint_seconds: time between checkpoints.
        watching: how it is to be seen.
    """

    spec: Path | None
    out: Path | None
    resume: bool
    dry_run: bool
    status: bool
    workers: int | None
    scheduler: str | None
    device: str
    checkpoint_seconds: float | None
    as_json: bool
    watching: Watching = UNWATCHED


def sweep(options: Options) -> int:
    """Do what is asked; the exit code is 1 if a stored run turned out to be damaged.

    Raises:
        InputError: if something in the description or the options cannot be, or work or results have no place.
        Interrupted: after Ctrl-C, with what is kept.
    """
    _check(options)
    spec, folder = _asked(options)
    if options.status:
        return _show(folder, spec, options)
    if options.dry_run:
        from twopeaks.validate.screen.sweep_estimate import estimate

        estimate(spec, folder, options.device, options.workers, options.as_json)
        return 0
    train(spec, folder, options)
    return _show(folder, spec, options)


def _check(options: Options) -> None:
    """Refuse options that do not go together, or are out of range, before anything is read."""
    if options.status and options.dry_run:
        raise InputError("--status", "left out with --dry-run", "given", "give one of the two")
    for flag, given in (("--status", options.status), ("--dry-run", options.dry_run)):
        if given and options.scheduler is not None:
            remedy = "say with --workers how many there are" if options.dry_run else "the folder alone is looked at"
            raise InputError("--scheduler", f"left out with {flag}", options.scheduler, remedy)
    if options.scheduler is not None and options.workers is not None:
        raise InputError("--workers", "left out with --scheduler", options.workers, "all workers of the cluster help")
    if options.workers is not None and not 1 <= options.workers <= 512:
        raise InputError("--workers", "between 1 and 512", options.workers, "leave it out for one a core")
    asked = {"--live": options.watching.live or None, "--tensorboard": options.watching.tensorboard}
    for flag, value in asked.items():
        if value is not None and (options.status or options.dry_run):
            other = "--status" if options.status else "--dry-run"
            raise InputError(flag, f"left out with {other}", "given", "nothing is trained then")
    seconds = options.checkpoint_seconds
    if seconds is not None and not (seconds >= 0 and math.isfinite(seconds)):
        raise InputError("--checkpoint-seconds", "0 or more", seconds, "use e.g. 60")


def _asked(options: Options) -> tuple[Spec, SweepFolder]:
    """The description and the folder; with --resume or --status each can stand for the other."""
    spec = None if options.spec is None else read_spec(options.spec)
    if spec is not None:
        folder = SweepFolder(options.out or Path(f"twopeaks-sweep-{spec.name}"))
        folder.check(spec)
    elif options.out is not None and (options.resume or options.status or options.dry_run):
        folder = SweepFolder(options.out)
        spec = folder.spec()
    else:
        remedy = "see docs/sweeps.md; with --resume or --status --out DIR is enough"
        raise InputError("SPEC", "the path of a sweep's description", None, remedy)
    if (options.resume or options.status) and not folder.holds_a_sweep:
        flag = "--resume" if options.resume else "--status"
        remedy = "leave it out to begin" if options.resume else "give its --out"
        raise InputError(flag, "given for a folder that holds a sweep", str(folder.root), remedy)
    return spec, folder


# --- training ------------------------------------------------------------------------------------------


def train(spec: Spec, folder: SweepFolder, options: Options) -> None:
    """Train what is not stored yet; of the options, those count that say where.

    Raises:
        InputError: if an option is out of range, or work or results have no place.
        Interrupted: after Ctrl-C, with what is kept.
    """
    _check(options)
    from twopeaks.sim.sweep.drive import run_searches
    from twopeaks.sim.sweep.shards import Place
    from twopeaks.validate.screen.sweep_screen import screen

    with _executor(options, spec) as (executor, runtime, count):
        boards = _boards(options, spec)
        folder.claim(spec)
        place = Place(folder.runs.resolve(), runtime, options.checkpoint_seconds, folder.journal.resolve())
        with screen(place, spec.name, spec.varied, live=options.watching.live, boards=boards) as tally:
            for sentence in _checked(executor, place.root):
                tally.note(sentence)
            journal.append(place.journal, "started", workers=count, digest=spec.digest)
            outcome = "failed"
            try:
                run_searches(_searches(spec), place, executor, tally)
                outcome = "finished"
            except KeyboardInterrupt:
                outcome = "interrupted"
                raise Interrupted(_kept(tally, folder)) from None
            finally:
                journal.append(place.journal, "ended", outcome=outcome)


def _boards(options: Options, spec: Spec) -> SweepBoards | None:
    """Where event files are written, if they are asked for."""
    root = options.watching.tensorboard
    if root is None:
        return None
    from twopeaks.validate.screen.sweep_boards import SweepBoards
    from twopeaks.validate.screen.tensorboard import prepare

    prepare(root)
    return SweepBoards(root, spec.dtype)


def _searches(spec: Spec) -> list[Search]:
    """All cells at once, or one search for each transition."""

    def everything() -> Search:
        yield list(spec.cells)

    return [everything()] if spec.cells else [one.search(grokked) for one in spec.bisections]


@contextmanager
def _executor(options: Options, spec: Spec) -> Iterator[tuple[Executor, Runtime, int | None]]:
    """Where to train, on what device, and on how many local processes."""
    from twopeaks.sim.network.runtime import resolve, usable_cores
    from twopeaks.sim.sweep.pool import LocalPool, LostWorkerError

    if options.scheduler is not None:
        from twopeaks.sim.sweep.cluster import Cluster

        with Cluster(options.scheduler) as cluster:
            try:
                with waiting("waiting for a worker of the cluster"):
                    runtime = cluster.resolve(options.device, spec.dtype)
            except LostWorkerError as error:
                remedy = f"it was lost at once: {error}"
                raise InputError("--scheduler", "of a cluster that stays", options.scheduler, remedy) from error
            yield cluster, runtime, None
        return
    runtime = resolve(options.device, spec.dtype, 1)
    # One process keeps an accelerator busy where packs are large; several share it well where they are small.
    count = options.workers or (usable_cores() if runtime.device == "cpu" else 1)
    with LocalPool(count) as pool:
        yield pool, runtime, count


def _checked(executor: Executor, root: Path) -> list[str]:
    check = getattr(executor, "check", None)  # of a cluster, whose workers see the folder in their own way
    return [] if check is None else check(root)


def _kept(tally: Tally, folder: SweepFolder) -> str:
    done = f"{tally.done:,} of {tally.cells:,} cells are kept in {folder.root}"
    return f"{done}, others up to their last checkpoint; the same command goes on"


# --- screen --------------------------------------------------------------------------------------------


def _show(folder: SweepFolder, spec: Spec, options: Options) -> int:
    """Bring the tables up to date and print how far the sweep is."""
    from twopeaks.validate.measured import results
    from twopeaks.validate.measured.progress import state

    with waiting("reading runs, fitting transitions"):
        found = state(folder, spec)
        rows = results.points(found.series, spec, results.last_points(folder))
    notes = [str(error) for error in found.damaged]
    tables = [folder.root / name for name in (results.MEMBERS, results.POINTS)]
    try:
        results.write(folder, results.frame(found.parts), rows)
    except InputError as error:
        if not options.status:
            raise
        notes.append(str(error))
    for sentence in notes:
        sys.stderr.write(f"note: {sentence}\n")
    if options.as_json:
        print_json(_as_data(found, rows.to_dicts(), tables))
    else:
        fitted = {row["rates"]: (row["n_c"], row["n_c_low"], row["n_c_high"]) for row in rows.to_dicts()}
        _print(found, fitted, tables)
    return 1 if found.damaged else 0


def _as_data(found: State, rows: list[dict[str, Any]], tables: Sequence[Path]) -> dict[str, Any]:
    told = {**found.as_data(), "finished": found.finished, "folder": str(tables[0].parent)}
    return {**told, "tables": [str(path) for path in tables], "transitions": rows}


def _print(found: State, fitted: Mapping[str, Point], tables: Sequence[Path]) -> None:
    told, out = found.as_data(), console()
    cells, members, bisections = told["cells"], told["members"], told["bisections"]
    line = f"{told['name']}: {cells['done']:,} cells done, {cells['running']:,} running, {cells['to_do']:,} to do"
    if bisections["all"]:
        line += f"; {bisections['all'] - bisections['open']:,} of {bisections['all']:,} searches have ended"
    out.print(Text(line))
    facts = f"{members['grokked']:,} of {members['stored']:,} members grokked within their budget; "
    facts += f"{duration(told['seconds'])} so far"
    out.print(Text(facts + (f"; {told['lost_workers']:,} workers were lost" if told["lost_workers"] else "")))
    shown = picture(found.series, found.spec.varied, _SHOWN, fitted)
    if shown is not None:
        out.print(shown)
    out.print(Text(f"tables: {tables[0]} and {tables[1].name}"), soft_wrap=True)
