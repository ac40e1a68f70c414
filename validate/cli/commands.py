"""What the commands do once their input is understood: run, print a table or JSON, write files."""

from __future__ import annotations

import math
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from twopeaks.sim.network.arithmetic import known_dtype
from twopeaks.sim.network.runtime import Runtime, resolve, usable_cores
from twopeaks.sim.storage import store
from twopeaks.sim.storage.checkpoint import Checkpoints
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.sweep.pool import LocalPool
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.heights import Prediction
from twopeaks.theory.predictors.heights import predict as every_prediction
from twopeaks.theory.predictors.rivals import rivals as every_rival
from twopeaks.theory.setting import OBSERVABLES, Setting
from twopeaks.validate.experiment.experiment import Experiment, Result, run_calibration, run_experiment
from twopeaks.validate.measured.detect import transition_steps
from twopeaks.validate.measured.files import save_figure, write, write_json
from twopeaks.validate.pages.report import draw, html_page, percent, span, verdict
from twopeaks.validate.screen.run_title import title
from twopeaks.validate.screen.terminal import Interrupted, console, print_json, stages
from twopeaks.validate.screen.watching import UNWATCHED, Watching

__all__ = ["Controls", "demo", "predict", "train"]


@dataclass(frozen=True)
class Controls:
    """How control runs (and the networks of the demo) are trained: budget, seeds, where to keep them, on what."""

    steps: int
    seeds: tuple[int, ...]
    out: Path
    device: str
    workers: int | None


# --- predict -------------------------------------------------------------------------------------------


def predict(settings: Sequence[Setting], controls: Controls | None, as_json: bool, rivals: bool = False) -> None:
    """Print every predictor on every setting, if asked for with the laws and bounds of others."""
    found: list[Prediction] = []
    for setting in settings:
        calibration = None
        if controls is not None:
            if controls.steps < 16:
                raise InputError("--control-steps", "16 or more", controls.steps, "use e.g. 10000")
            runtime = resolve(controls.device, threads=1)
            _count(controls.workers)
            store.prepare(controls.out)
            with _workers(controls) as executor, stages() as stage:
                calibration = run_calibration(
                    setting, controls.steps, controls.seeds, controls.out, runtime, executor, stage
                )[2]
        found += every_prediction(setting, calibration)
        found += every_rival(setting) if rivals else []
    if as_json:
        print_json([p.model_dump() for p in found])
        return
    _show_predictions(found)


#: Columns below which notes stand under the table, where as a column they would be a few letters wide.
_ROOM_FOR_NOTES = 110


def _show_predictions(found: Sequence[Prediction]) -> None:
    screen = console()
    beside = screen.width >= _ROOM_FOR_NOTES
    table = Table(title="training pairs n_c at which generalisation overtakes memorisation")
    for heading in ("group", "predictor"):
        table.add_column(heading, overflow="fold")
    for heading in ("n_c", "fitted", "runs", *(["seconds"] if beside else [])):
        table.add_column(heading, justify="right")
    table.add_column("in range")
    if beside:
        table.add_column("note", overflow="fold")
    for p in found:
        numbers = [span(p.value, p.low, p.high), str(p.constants_fitted), str(p.runs_used)]
        seconds, note = ([f"{p.seconds:.2f}"], [p.note]) if beside else ([], [])
        table.add_row(p.group, p.predictor, *numbers, *seconds, "yes" if p.valid else "no", *note)
    screen.print(table)
    if not beside:
        for p in found:
            screen.print(f"{p.group} {p.predictor}: {p.note}", markup=False)


# --- train ---------------------------------------------------------------------------------------------


def train(
    setting: Setting,
    seeds: tuple[int, ...],
    plan: Plan,
    device: str,
    dtype: str,
    threads: int | None,
    out: Path | None,
    as_json: bool,
    *,
    checkpoint_seconds: float | None = None,
    watching: Watching = UNWATCHED,
) -> None:
    """Train one ensemble (or read it, or go on with it, if it was kept) and print what its members did."""
    from twopeaks.validate.screen.training import check, replay

    runtime = resolve(device, known_dtype("--dtype", dtype), threads)
    if out is None:
        if checkpoint_seconds is not None:
            raise InputError("--checkpoint-seconds", "left out without --out", checkpoint_seconds, "add --out DIR")
        check(watching, seeds)
        records, seconds = _trained(setting, seeds, plan, runtime, None, watching)
        _show_training(setting, plan, records, seconds, None, as_json)
        return
    folder = out / store.run_name(setting, plan, seeds, runtime.dtype)
    checkpoint = Checkpoints(folder.with_name(f"{folder.name}.unfinished"), checkpoint_seconds)
    stored_before = folder.exists()
    if not stored_before:
        store.prepare(out)
        check(watching, seeds)
        with checkpoint.held():
            if not folder.exists():  # nor has another command stored it since
                records, seconds = _trained(setting, seeds, plan, runtime, checkpoint, watching)
                store.save(out, setting, plan, records, runtime.describe(), seconds, checkpoint.history)
    kept = store.load(folder)
    store.tidy(out)
    checkpoint.discard()
    if stored_before:
        check(watching, seeds)
        replay(watching, kept, folder)
    _show_training(kept.setting, kept.plan, kept.records, kept.manifest["seconds"], folder, as_json)
    for note in _interruptions(kept.manifest.get("history", {})):
        sys.stderr.write(f"note: {note}\n")


def _interruptions(history: dict[str, Any]) -> list[str]:
    steps = history.get("resumed_from_steps", [])
    resumed = [f"the run was interrupted and went on from step {max(steps)}"] if steps else []
    return [*resumed, *history.get("notes", [])]


def _trained(
    setting: Setting,
    seeds: tuple[int, ...],
    plan: Plan,
    runtime: Runtime,
    checkpoint: Checkpoints | None,
    watching: Watching,
) -> tuple[Records, float]:
    """Records, and the seconds they took, those before an interruption included."""
    from twopeaks.sim.training.loop import train as run
    from twopeaks.validate.screen.training import watched

    with watched(watching, setting, plan, seeds, store.run_name(setting, plan, seeds, runtime.dtype)) as watch:
        start = time.perf_counter()
        try:
            records = run(setting, seeds, plan, runtime, watch.tell, checkpoint, watch.observer)
            watch.finish(records)
        except KeyboardInterrupt:
            if checkpoint is None:
                raise
            raise Interrupted(checkpoint.kept) from None
    seconds = time.perf_counter() - start
    return records, seconds if checkpoint is None else seconds + checkpoint.seconds_before


def _show_training(
    setting: Setting, plan: Plan, records: Records, seconds: float, folder: Path | None, as_json: bool
) -> None:
    found = transition_steps(records)
    finals = ("train_accuracy", "test_accuracy", "train_loss", "norm_w2", "norm_v2")
    names = {"train_loss": "loss"}
    members = [
        {
            "seed": int(seed),
            "t_mem": found["t_mem"][e],
            "t_grok": found["t_grok"][e],
            "diverged": bool(records.diverged[e]),
            "ended": records.ends[e],
            "final": {names.get(n, n): float(records.final(n)[e]) for n in finals},
            **({"probes": _last_measured(records, e)} if plan.probes else {}),
        }
        for e, seed in enumerate(records.seeds)
    ]
    done = int(sum(records.steps[max(0, c - 1)] for c in records.counts))
    milliseconds = 1e3 * seconds / max(1, done)
    if as_json:
        print_json(
            {
                "setting": setting.model_dump(mode="json"),
                "conventions": setting.conventions,
                "members": members,
                "steps": plan.steps,
                "seconds": round(seconds, 3),
                "ms_per_member_step": milliseconds,
                "folder": None if folder is None else str(folder),
            }
        )
        return
    table = Table(title=escape(title(setting)))
    for heading in ("seed", "t_mem", "t_grok", "train acc", "test acc", "loss", "|W|^2", "|V|^2", "end"):
        table.add_column(heading, justify="right")
    for m in members:
        final = m["final"]
        assert isinstance(final, dict)  # noqa: S101
        numbers = [_short(name, v) for name, v in final.items()]
        table.add_row(str(m["seed"]), *(_step(m[t]) for t in ("t_mem", "t_grok")), *numbers, str(m["ended"]))
    screen = console()
    screen.print(table)
    if plan.probes:
        screen.print(_probe_table([_last_measured(records, e) for e in range(len(members))]))
    grokked = sum(t is not None for t in found["t_grok"])
    screen.print(
        f"{grokked} of {len(members)} grokked within {plan.steps} steps "
        f"(“–”: not reached). {seconds:.1f} s, {milliseconds:.3f} ms a member and step."
    )
    if folder is not None:
        screen.print(f"kept in {folder}")


def _last_measured(records: Records, e: int) -> dict[str, float]:
    """Last value of each probe's column of one member, NaN if there is none."""
    curves = {name: values[e] for name, values in records.curves.items() if name not in OBSERVABLES}
    there = {name: values[np.isfinite(values)] for name, values in curves.items()}
    return {name: float(values[-1]) if len(values) else math.nan for name, values in there.items()}


def _probe_table(members: Sequence[dict[str, float]]) -> Table:
    """What probes measured last: median and range over members of every column that is no part of a vector."""
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


def _step(value: object) -> str:
    return "–" if value is None else str(value)


# --- demo ----------------------------------------------------------------------------------------------


def demo(setting: Setting, plan: Plan, seeds: tuple[int, ...], controls: Controls, as_json: bool) -> None:
    """Run the whole experiment, write report and figures, print what was found."""
    if plan.steps < 16:
        raise InputError("--steps", "16 or more", plan.steps, "use e.g. 10000")
    runtime = resolve(controls.device, threads=1)
    _count(controls.workers)
    store.prepare(controls.out)
    experiment = Experiment(setting, plan.steps, plan.every, seeds, controls.seeds)
    with _workers(controls) as executor, stages() as stage:
        result = run_experiment(experiment, controls.out, runtime, executor, stage)
    figures = draw(result)
    paths = [path for name, figure in figures.items() for path in save_figure(figure, controls.out / name)]
    facts = {k: str(v) for k, v in runtime.describe().items()} | {"workers": str(_count(controls.workers))}
    report = controls.out / "report.html"
    write(report, html_page(result, figures, shlex.join(["twopeaks", *sys.argv[1:]]), facts))
    summary = _summary(result, report, paths)
    write_json(controls.out / "summary.json", summary)
    if as_json:
        print_json(summary)
        return
    _show_demo(result, report)


def _summary(result: Result, report: Path, figures: Sequence[Path]) -> dict[str, Any]:
    m, experiment = result.measured, result.experiment
    return {
        "group": experiment.setting.task.group,
        "n_c": {
            "value": m.value,
            "low": m.low,
            "high": m.high,
            "budget_steps": experiment.steps,
            "seeds": len(experiment.seeds),
        },
        "predictions": [{**r.prediction.model_dump(), "error": r.error, "covered": r.covered} for r in result.scores],
        "outcomes": [
            {"samples": o.samples, "grokked": o.grokked, "t_grok": o.t_grok, "test_accuracy": o.test_accuracy}
            for o in result.outcomes
        ],
        "setting": experiment.setting.model_dump(mode="json"),
        "report": str(report),
        "figures": [str(p) for p in figures],
        "seconds": round(result.seconds, 1),
    }


def _show_demo(result: Result, report: Path) -> None:
    screen = console()
    table = Table(title="predicted and measured n_c")
    table.add_column("who says so")
    for heading in ("n_c", "error", "fitted", "runs", "seconds"):
        table.add_column(heading, justify="right")
    for r in result.scores:
        p = r.prediction
        counts = (str(p.constants_fitted), str(p.runs_used), f"{p.seconds:.3g}")
        table.add_row(p.predictor, span(p.value, p.low, p.high), percent(r.error), *counts)
    m = result.measured
    runs = str(sum(len(o.t_grok) for o in result.outcomes))
    table.add_row(
        "measured", span(m.value, m.low, m.high), "", "", runs, f"{result.training_seconds:.0f}", style="bold"
    )
    screen.print(table)
    screen.print(verdict(result))
    screen.print(f"report: {report}")


# --- shared --------------------------------------------------------------------------------------------


def _count(workers: int | None) -> int:
    if workers is not None and not 1 <= workers <= 512:
        raise InputError("--workers", "between 1 and 512", workers, "leave it out for one a core")
    return workers or usable_cores()


@contextmanager
def _workers(controls: Controls) -> Iterator[Executor]:
    """Local processes of one thread each; on an accelerator one process, which the device keeps busy."""
    count = _count(controls.workers)
    if not resolve(controls.device).device.startswith("cpu"):
        count = 1
    with LocalPool(count) as pool:
        yield pool
