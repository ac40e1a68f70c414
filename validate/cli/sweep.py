"""The command ``twopeaks sweep``: train what a description asks for, estimate it first, or show how far it is."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import Spec, read_spec
from twopeaks.theory.errors import InputError
from twopeaks.validate.cli.options import CheckpointSeconds, Device, Json, Live, TensorBoard, Workers, check_workers
from twopeaks.validate.screen.sweep_picture import Point, duration, picture
from twopeaks.validate.screen.terminal import Interrupted, console, print_json, waiting

if TYPE_CHECKING:  # a look at a folder needs no torch, an estimate no tables
    from twopeaks.sim.network.runtime import Runtime
    from twopeaks.validate.measured.progress import State
    from twopeaks.validate.screen.sweep_screen import Tally
    from twopeaks.validate.screen.tensorboard import SweepBoards

__all__ = ["Request", "sweep", "train"]

#: Groups of cells that are printed.
_SHOWN = 24


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which sweep, what is done with it, where, and what is shown of it."""

    spec: Annotated[
        Path | None, typer.Argument(metavar="SPEC", help="TOML file, see docs/sweeps.md; the same command goes on")
    ] = None
    out: Annotated[Path | None, typer.Option(help="folder of the sweep", show_default="twopeaks-sweep-NAME")] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="only go on with a sweep that is in --out; SPEC may be left out")
    ] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print what it takes; train and write nothing")] = False
    status: Annotated[
        bool, typer.Option("--status", help="print how far it is, wherever it runs; SPEC or --out may be left out")
    ] = False
    workers: Workers = None
    scheduler: Annotated[
        str | None,
        typer.Option(help="train on the Dask cluster with this tcp://… address", rich_help_panel="Machine"),
    ] = None
    device: Device = "auto"
    checkpoint_seconds: CheckpointSeconds = None
    live: Live = False
    tensorboard: TensorBoard = None
    as_json: Json = False


def sweep(request: Request) -> int:
    """Train, estimate or look at a sweep; the exit code is 1 if a stored run turned out to be damaged.

    Raises:
        InputError: if something in the description or the options cannot be, or work or results have no place.
        Interrupted: after Ctrl-C, with what is kept.
    """
    _check(request)
    spec, folder = _sweep_of(request)
    if request.status:
        return _show(folder, spec, request)
    if request.dry_run:
        from twopeaks.validate.screen.sweep_estimate import estimate

        estimate(spec, folder, request.device, request.workers, request.as_json)
        return 0
    train(spec, folder, request)
    return _show(folder, spec, request)


def _check(request: Request) -> None:
    """Refuse options that do not go together, or are out of range, before anything is read."""
    if request.status and request.dry_run:
        raise InputError("--status", "left out with --dry-run", "given", "give one of the two")
    for flag, is_set in (("--status", request.status), ("--dry-run", request.dry_run)):
        if is_set and request.scheduler is not None:
            remedy = "say with --workers how many there are" if request.dry_run else "the folder alone is looked at"
            raise InputError("--scheduler", f"left out with {flag}", request.scheduler, remedy)
    if request.scheduler is not None and request.workers is not None:
        raise InputError("--workers", "left out with --scheduler", request.workers, "all workers of the cluster help")
    check_workers(request.workers)
    views = {"--live": request.live or None, "--tensorboard": request.tensorboard}
    for flag, value in views.items():
        if value is not None and (request.status or request.dry_run):
            other = "--status" if request.status else "--dry-run"
            raise InputError(flag, f"left out with {other}", "given", "nothing is trained then")
    seconds = request.checkpoint_seconds
    if seconds is not None and not (seconds >= 0 and math.isfinite(seconds)):
        raise InputError("--checkpoint-seconds", "0 or more", seconds, "use e.g. 60")


def _sweep_of(request: Request) -> tuple[Spec, SweepFolder]:
    """The description and the folder; with --resume or --status each can stand for the other."""
    spec = None if request.spec is None else read_spec(request.spec)
    if spec is not None:
        folder = SweepFolder(request.out or Path(f"twopeaks-sweep-{spec.name}"))
        folder.check(spec)
    elif request.out is not None and (request.resume or request.status or request.dry_run):
        folder = SweepFolder(request.out)
        spec = folder.spec()
    else:
        remedy = "see docs/sweeps.md; with --resume or --status --out DIR is enough"
        raise InputError("SPEC", "the path of a sweep's description", None, remedy)
    if (request.resume or request.status) and not folder.holds_a_sweep:
        flag = "--resume" if request.resume else "--status"
        remedy = "leave it out to begin" if request.resume else "give its --out"
        raise InputError(flag, "given for a folder that holds a sweep", str(folder.root), remedy)
    return spec, folder


# --- training ------------------------------------------------------------------------------------------


def train(spec: Spec, folder: SweepFolder, request: Request) -> None:
    """Train what is not stored yet, where the request says.

    Raises:
        InputError: if an option is out of range, or work or results have no place.
        Interrupted: after Ctrl-C, with what is kept.
    """
    _check(request)
    from twopeaks.sim.sweep.drive import run_searches
    from twopeaks.sim.sweep.shards import Place
    from twopeaks.validate.experiment.sweeping import in_journal, searches
    from twopeaks.validate.screen.sweep_screen import screen

    with _executor(request, spec) as (executor, runtime, count):
        boards = _boards(request, spec)
        folder.claim(spec)
        place = Place(folder.runs.resolve(), runtime, request.checkpoint_seconds, folder.journal.resolve())
        with screen(place, spec.name, spec.varied, live=request.live, boards=boards) as tally:
            for note in _notes_of(executor, place.root):
                tally.note(note)
            try:
                with in_journal(place, spec, count):
                    run_searches(searches(spec), place, executor, tally)
            except KeyboardInterrupt:
                raise Interrupted(_kept(tally, folder)) from None


def _boards(request: Request, spec: Spec) -> SweepBoards | None:
    """Where event files are written, if they are asked for."""
    root = request.tensorboard
    if root is None:
        return None
    from twopeaks.validate.screen.tensorboard import SweepBoards, prepare

    prepare(root)
    return SweepBoards(root, spec.dtype)


@contextmanager
def _executor(request: Request, spec: Spec) -> Iterator[tuple[Executor, Runtime, int | None]]:
    """Where to train, on what device, and on how many local processes."""
    from twopeaks.sim.network.runtime import resolve, usable_cores
    from twopeaks.sim.sweep.pool import LocalPool, LostWorkerError

    if request.scheduler is not None:
        from twopeaks.sim.sweep.cluster import Cluster

        with Cluster(request.scheduler) as cluster:
            try:
                with waiting("waiting for a worker of the cluster"):
                    runtime = cluster.resolve(request.device, spec.dtype)
            except LostWorkerError as error:
                remedy = f"it was lost at once: {error}"
                raise InputError("--scheduler", "of a cluster that stays", request.scheduler, remedy) from error
            yield cluster, runtime, None
        return
    runtime = resolve(request.device, spec.dtype, 1)
    # One process keeps an accelerator busy where packs are large; several share it well where they are small.
    count = request.workers or (usable_cores() if runtime.device == "cpu" else 1)
    with LocalPool(count) as pool:
        yield pool, runtime, count


def _notes_of(executor: Executor, root: Path) -> list[str]:
    check = getattr(executor, "check", None)  # of a cluster, whose workers see the folder in their own way
    return [] if check is None else check(root)


def _kept(tally: Tally, folder: SweepFolder) -> str:
    done = f"{tally.done:,} of {tally.cells:,} cells are kept in {folder.root}"
    return f"{done}, others up to their last checkpoint; the same command goes on"


# --- screen --------------------------------------------------------------------------------------------


def _show(folder: SweepFolder, spec: Spec, request: Request) -> int:
    """Bring the tables up to date and print how far the sweep is."""
    from twopeaks.validate.measured import results
    from twopeaks.validate.measured.progress import state

    with waiting("reading runs, fitting transitions"):
        sweep_state = state(folder, spec)
        transitions = results.points(sweep_state.series, spec, results.last_points(folder))
    notes = [str(error) for error in sweep_state.damaged]
    tables = [folder.root / name for name in (results.MEMBERS, results.POINTS)]
    try:
        results.write(folder, results.frame(sweep_state.parts), transitions)
    except InputError as error:
        if not request.status:
            raise
        notes.append(str(error))
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
    rows = transitions.to_dicts()
    if request.as_json:
        print_json(_as_data(sweep_state, rows, tables))
    else:
        _print(sweep_state, {row["rates"]: (row["n_c"], row["n_c_low"], row["n_c_high"]) for row in rows}, tables)
    return 1 if sweep_state.damaged else 0


def _as_data(sweep_state: State, transitions: list[dict[str, Any]], tables: Sequence[Path]) -> dict[str, Any]:
    data = {**sweep_state.as_data(), "finished": sweep_state.finished, "folder": str(tables[0].parent)}
    return {**data, "tables": [str(path) for path in tables], "transitions": transitions}


def _print(sweep_state: State, fitted: Mapping[str, Point], tables: Sequence[Path]) -> None:
    data, out = sweep_state.as_data(), console()
    cells, members, bisections = data["cells"], data["members"], data["bisections"]
    line = f"{data['name']}: {cells['done']:,} cells done, {cells['running']:,} running, {cells['to_do']:,} to do"
    if bisections["all"]:
        line += f"; {bisections['all'] - bisections['open']:,} of {bisections['all']:,} searches have ended"
    out.print(Text(line))
    facts = f"{members['grokked']:,} of {members['stored']:,} members grokked within their budget; "
    facts += f"{duration(data['seconds'])} so far"
    out.print(Text(facts + (f"; {data['lost_workers']:,} workers were lost" if data["lost_workers"] else "")))
    table = picture(sweep_state.series, sweep_state.spec.varied, _SHOWN, fitted)
    if table is not None:
        out.print(table)
    out.print(Text(f"tables: {tables[0]} and {tables[1].name}"), soft_wrap=True)
