"""The command ``twopeaks train``: train one ensemble, or read or continue one that was kept, and show it."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from twopeaks.sim.network.arithmetic import known_dtype
from twopeaks.sim.probes.budget import measured
from twopeaks.sim.storage import store
from twopeaks.sim.storage.probe_catalogue import applicable, columns
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.flat import PLAN, SETTING
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES
from twopeaks.validate.cli.fields import GROUP_TABLE, FieldOptions, Values, checked
from twopeaks.validate.cli.options import CheckpointSeconds, Device, Json, Live, TensorBoard, Threads, seeds_of
from twopeaks.validate.measured.detect import transition_steps
from twopeaks.validate.screen.terminal import Interrupted, console, print_json
from twopeaks.validate.screen.watching import Watching

if TYPE_CHECKING:  # the help needs no torch
    from twopeaks.sim.network.runtime import Runtime
    from twopeaks.sim.storage.checkpoint import Checkpoints

__all__ = ["FIELDS", "Request", "run", "train"]

#: Every field of a setting and a plan has an option; a table is read from a file.
FIELDS = FieldOptions(tuple(GROUP_TABLE if name == "table" else name for name in SETTING | PLAN))


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is trained, where, and what is shown and kept of it."""

    values: Annotated[Values, FIELDS]
    log_spacing: Annotated[
        bool, typer.Option("--log-spacing", help="the same as --spacing log", rich_help_panel="Plan")
    ] = False
    seeds: Annotated[int, typer.Option(help="number of networks, one for each seed", rich_help_panel="Plan")] = 8
    first_seed: Annotated[int, typer.Option(help="seed of the first network", rich_help_panel="Plan")] = 0
    device: Device = "auto"
    dtype: Annotated[
        str, typer.Option(help="float32, bfloat16 (in products) or float64", rich_help_panel="Machine")
    ] = "float32"
    threads: Threads = None
    checkpoint_seconds: CheckpointSeconds = None
    out: Annotated[
        Path | None,
        typer.Option(help="folder to keep the run in; a run that is there is read, an interrupted one goes on"),
    ] = None
    live: Live = False
    tensorboard: TensorBoard = None
    as_json: Json = False

    @property
    def watching(self) -> Watching:
        """How training is shown."""
        return Watching(self.live, self.tensorboard)


def train(request: Request) -> None:
    """Train one ensemble and print what its networks did.

    Raises:
        InputError: if options do not go together, or the device or the folder cannot be used.
        ValidationError: if a value is out of range.
    """
    cell = _cell(request)
    run(cell, request)
    for note in _notes(cell, request.values):
        sys.stderr.write(f"note: {note}\n")


# --- what is trained -----------------------------------------------------------------------------------


def _cell(request: Request) -> Cell:
    """Setting, plan and seeds; ``--probes all`` stands for every probe that applies to the setting."""
    values, seeds = dict(request.values), seeds_of(request.seeds, request.first_seed)
    if request.log_spacing and values.setdefault("spacing", "log") != "log":
        raise InputError("--log-spacing", "left out with --spacing", values["spacing"], "give one of the two")
    probes = values.pop("probes", None)
    if probes is None and "probe_share" in values:
        raise InputError("--probe-share", "left out without --probes", values["probe_share"], "add --probes all")
    cell = checked(values, seeds)
    names = () if probes is None else applicable(cell.setting)[0] if probes == "all" else probes.split(",")
    columns(cell.setting, names)
    return Cell(cell.setting, seeds, Plan.model_validate({**cell.plan.model_dump(), "probes": tuple(names)}))


def _notes(cell: Cell, values: Mapping[str, Any]) -> list[str]:
    """Sentences on probes that ``all`` leaves out, and on those that are measured at some of the records only."""
    notes = []
    if values.get("probes") == "all":
        notes += [f"{name} is left out: {reason}" for name, reason in applicable(cell.setting)[1].items()]
    if not cell.plan.probes:
        return notes
    steps = cell.plan.record_steps()
    reason = f"more would cost above --probe-share {cell.plan.probe_share:g} of the run"
    for name, due in measured(cell.setting, cell.plan.probes, steps, cell.plan.probe_share).items():
        if len(due) < len(steps):
            notes.append(f"{name} is measured at {len(due) or 'none'} of {len(steps)} records: {reason}")
    return notes


# --- training ------------------------------------------------------------------------------------------


def run(cell: Cell, request: Request) -> None:
    """Train a cell, or read or continue one that was kept, and print what its networks did."""
    from twopeaks.sim.network.runtime import resolve
    from twopeaks.validate.screen.training import check

    runtime = resolve(request.device, known_dtype("--dtype", request.dtype), request.threads)
    if request.out is not None:
        _run_kept(cell, runtime, request.out, request)
        return
    if request.checkpoint_seconds is not None:
        raise InputError("--checkpoint-seconds", "left out without --out", request.checkpoint_seconds, "add --out DIR")
    check(request.watching, cell.seeds)
    records, seconds = _trained(cell, runtime, None, request.watching)
    _show(cell, records, seconds, None, request.as_json)


def _run_kept(cell: Cell, runtime: Runtime, out: Path, request: Request) -> None:
    """The same with a folder: what is stored is read, what is missing is trained and stored."""
    from twopeaks.sim.storage.checkpoint import Checkpoints
    from twopeaks.validate.screen.training import check, replay

    folder = out / store.run_name(cell.setting, cell.plan, cell.seeds, runtime.dtype)
    checkpoint = Checkpoints(folder.with_name(f"{folder.name}.unfinished"), request.checkpoint_seconds)
    stored_before = folder.exists()
    if not stored_before:
        store.prepare(out)
        check(request.watching, cell.seeds)
        with checkpoint.held():
            if not folder.exists():  # another command may have stored it since
                records, seconds = _trained(cell, runtime, checkpoint, request.watching)
                provenance = store.Provenance(runtime.describe(), seconds, checkpoint.history)
                store.save(out, cell.setting, cell.plan, records, provenance)
    kept = store.load(folder)
    store.tidy(out)
    checkpoint.discard()
    if stored_before:
        check(request.watching, cell.seeds)
        replay(request.watching, kept, folder)
    _show(Cell(kept.setting, cell.seeds, kept.plan), kept.records, kept.manifest["seconds"], folder, request.as_json)
    for note in _interruptions(kept.manifest.get("history", {})):
        sys.stderr.write(f"note: {note}\n")


def _interruptions(history: Mapping[str, Any]) -> list[str]:
    steps = history.get("resumed_from_steps", [])
    resumed = [f"the run was interrupted and went on from step {max(steps)}"] if steps else []
    return [*resumed, *history.get("notes", [])]


def _trained(cell: Cell, runtime: Runtime, checkpoint: Checkpoints | None, watching: Watching) -> tuple[Records, float]:
    """Records, and the seconds they took, those before an interruption included."""
    from twopeaks.sim.training.loop import train as train_ensemble
    from twopeaks.validate.screen.training import watched

    setting, plan, seeds = cell.setting, cell.plan, cell.seeds
    with watched(watching, setting, plan, seeds, store.run_name(setting, plan, seeds, runtime.dtype)) as watch:
        start = time.perf_counter()
        try:
            records = train_ensemble(setting, seeds, plan, runtime, watch.reports, checkpoint)
            watch.finish(records)
        except KeyboardInterrupt:
            if checkpoint is None:
                raise
            raise Interrupted(checkpoint.kept) from None
    seconds = time.perf_counter() - start
    return records, seconds if checkpoint is None else seconds + checkpoint.seconds_before


# --- what is shown -------------------------------------------------------------------------------------

#: Observables of which the last value is shown, and their headings.
_FINALS = {
    "train_accuracy": "train acc",
    "test_accuracy": "test acc",
    "train_loss": "loss",
    "norm_w2": "|W|^2",
    "norm_v2": "|V|^2",
}


def _show(cell: Cell, records: Records, seconds: float, folder: Path | None, as_json: bool) -> None:
    steps = transition_steps(records)
    members = [_member(records, e, steps, with_probes=bool(cell.plan.probes)) for e in range(len(records.seeds))]
    member_steps = int(sum(records.steps[max(0, count - 1)] for count in records.counts))
    milliseconds = 1e3 * seconds / max(1, member_steps)
    if as_json:
        summary = {
            "setting": cell.setting.model_dump(mode="json"),
            "conventions": cell.setting.conventions,
            "members": members,
            "steps": cell.plan.steps,
            "seconds": round(seconds, 3),
            "ms_per_member_step": milliseconds,
            "folder": None if folder is None else str(folder),
        }
        print_json(summary)
        return
    screen = console()
    screen.print(_member_table(cell, members))
    if cell.plan.probes:
        screen.print(_probe_table([member["probes"] for member in members]))
    grokked = sum(step is not None for step in steps["t_grok"])
    screen.print(
        f"{grokked} of {len(members)} grokked within {cell.plan.steps} steps "
        f"(“–”: not reached). {seconds:.1f} s, {milliseconds:.3f} ms a member and step."
    )
    if folder is not None:
        screen.print(f"kept in {folder}")


def _member(
    records: Records, e: int, steps: Mapping[str, Sequence[int | None]], *, with_probes: bool
) -> dict[str, Any]:
    """What one network did, as JSON has it."""
    return {
        "seed": int(records.seeds[e]),
        "t_mem": steps["t_mem"][e],
        "t_grok": steps["t_grok"][e],
        "diverged": bool(records.diverged[e]),
        "ended": records.ends[e],
        "final": {name.replace("train_loss", "loss"): float(records.final(name)[e]) for name in _FINALS},
        **({"probes": _last_measured(records, e)} if with_probes else {}),
    }


def _member_table(cell: Cell, members: Sequence[Mapping[str, Any]]) -> Table:
    from twopeaks.validate.screen.run_picture import title

    table = Table(title=escape(title(cell.setting)))
    for heading in ("seed", "t_mem", "t_grok", *_FINALS.values(), "end"):
        table.add_column(heading, justify="right")
    for member in members:
        times = ("–" if member[name] is None else str(member[name]) for name in ("t_mem", "t_grok"))
        finals = (_short(name, value) for name, value in member["final"].items())
        table.add_row(str(member["seed"]), *times, *finals, str(member["ended"]))
    return table


def _last_measured(records: Records, e: int) -> dict[str, float]:
    """Last value of each probe's column of one network, NaN if there is none."""
    curves = {name: values[e] for name, values in records.curves.items() if name not in OBSERVABLES}
    finite = {name: values[np.isfinite(values)] for name, values in curves.items()}
    return {name: float(values[-1]) if len(values) else math.nan for name, values in finite.items()}


def _probe_table(members: Sequence[Mapping[str, float]]) -> Table:
    """What probes measured last: median and range over networks of every column that is no part of a vector."""
    table = Table(title="probes, last values")
    table.add_column("column")
    for heading in ("median", "least", "largest"):
        table.add_column(heading, justify="right")
    for name in (name for name in members[0] if "[" not in name):
        values = [member[name] for member in members if math.isfinite(member[name])]
        numbers = (np.median(values), min(values), max(values)) if values else (math.nan,) * 3
        table.add_row(name, *(_short(name, float(number)) for number in numbers))
    return table


def _short(name: str, value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.1e}" if name == "loss" else f"{value:.4g}"
