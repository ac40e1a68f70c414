"""The command ``twopeaks`` and what it does: a table for humans by default, for machines with ``--json``.

Exit code 0; 1 if a check failed; 2 for bad input, said in one line. Heavy imports wait until they are needed.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.storage.store import versions
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import explain
from twopeaks.validate.cli.cli_figures import draw_figures
from twopeaks.validate.cli.cli_report import explore
from twopeaks.validate.cli.cli_scaling import scale
from twopeaks.validate.cli.cli_validate import examine
from twopeaks.validate.cli.common_options import (
    Activation,
    Decay,
    Device,
    Json,
    Loss,
    Lr,
    Momentum,
    OptimizerOption,
    Width,
    seeds_of,
    setting_of,
)
from twopeaks.validate.cli.forecast_command import forecast_runs
from twopeaks.validate.cli.live_options import Live, TensorBoard
from twopeaks.validate.cli.network_options import (
    DecaySteps,
    Embedding,
    EmbeddingDim,
    Family,
    Heads,
    Hidden,
    Layers,
    LrDrop,
    LrFloor,
    OutputScale,
    Readout,
    Residual,
    ScaleV,
    Schedule,
    WarmupSteps,
    Weights,
    scheduled,
)
from twopeaks.validate.cli.probe_options import LogSpacing, Probes, ProbeShare, notes, plan_of
from twopeaks.validate.cli.task_options import (
    Expression,
    FieldSize,
    GroupName,
    GroupTable,
    Noise,
    Operands,
    Parity,
    Unfit,
    described,
    refuse,
)
from twopeaks.validate.screen.terminal import Interrupted
from twopeaks.validate.screen.watching import Watching

#: Exit code after Ctrl-C, as shells have it.
_INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="When does a network stop memorising and start to understand, and can mathematics say so beforehand?",
)


def main() -> None:
    """Run the command; bad input, or output that finds no room, becomes one line on stderr and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr has it: not every terminal speaks UTF-8
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries again when it ends
        code = _complain(
            "output must be written where there is room, got a full disk; make room, and give the command again"
        )
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run with these arguments and return the exit code."""
    try:
        code = app(list(arguments), standalone_mode=False)
        if code == _INTERRUPTED:
            return _interrupted()
        return code if isinstance(code, int) else 0
    except Interrupted as stop:
        return _interrupted(str(stop))
    except ValidationError as error:
        return _complain(str(explain(error, Plan)))
    except InputError as error:
        return _complain(str(error))
    except typer.TyperException as error:
        return _complain(f"{error.format_message() or 'a command is missing'} (see --help)")
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()


def _interrupted(kept: str = "finished runs in the folder of --out are kept and will be used again") -> int:
    sys.stderr.write(f"interrupted; {kept}\n")
    return _INTERRUPTED


def _complain(message: str) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"error: {line}\n")
    return 2


def _tell_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"twopeaks {versions()['twopeaks']}\n")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="say the version and end")
    ] = False,
) -> None:
    pass


@app.command()
def derive(
    label: Annotated[list[str] | None, typer.Argument(help="labels such as heights.2 (default: list them)")] = None,
    every: Annotated[bool, typer.Option("--all", help="every equation")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="prove and check each; exit code 1 if one fails")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="print a LaTeX document")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="print a page in Markdown")] = False,
    as_json: Json = False,
) -> int:
    """The equations: what is assumed, how each is derived, where print differs, and whether it is true."""
    from twopeaks.validate.cli.derive_command import Form
    from twopeaks.validate.cli.derive_command import derive as show

    asked: dict[Form, bool] = {"latex": latex, "markdown": markdown, "json": as_json}
    forms = [form for form, wanted in asked.items() if wanted]
    if len(forms) > 1:
        raise InputError("--" + forms[1], f"left out with --{forms[0]}", "given", "give one form of output")
    return show(label or [], every, forms[0] if forms else "text", verify)


@app.command()
def predict(
    group: Annotated[list[str] | None, typer.Option("--group", help="a group; may be repeated (default: Z23)")] = None,
    group_table: GroupTable = None,
    width: Width = None,
    activation: Activation = "x^2",
    loss: Loss = "mse",
    optimizer: OptimizerOption = "adam",
    lr: Lr = 1e-3,
    weight_decay: Decay = 2e-4,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="train control runs, never the run itself")] = False,
    control_steps: Annotated[int, typer.Option(help="steps of each control run")] = 10_000,
    control_seeds: Annotated[int, typer.Option(help="control runs of each kind")] = 4,
    device: Device = "auto",
    workers: Annotated[int | None, typer.Option(help="processes for control runs (default: usable cores)")] = None,
    out: Annotated[Path, typer.Option(help="folder where control runs are kept")] = Path("twopeaks-controls"),
    rivals: Annotated[bool, typer.Option("--rivals", help="laws and bounds of others as well")] = False,
    as_json: Json = False,
    operands: Unfit = None,
    expression: Unfit = None,
    field: Unfit = None,
    parity: Unfit = None,
) -> None:
    """At how many training pairs does generalisation overtake memorisation? Every predictor, on each group."""
    from twopeaks.validate.cli import commands

    refuse(operands=operands, expression=expression, field=field, parity=parity)
    if group and group_table is not None:
        raise InputError("--group", "left out where --group-table is given", group[0], "give one of the two")
    settings = []
    for name in [None] if group_table is not None else (["Z23"] if group is None else group):
        found, task = described(name, group_table)
        task["samples"] = max(1, found.rows.size // 2)
        network = {"width": width, "activation": activation}
        settings.append(setting_of(found, task, network, loss, name=optimizer, lr=lr, weight_decay=weight_decay))
    controls = None
    if calibrate:
        controls = commands.Controls(
            control_steps, seeds_of(control_seeds, name="--control-seeds"), out, device, workers
        )
    elif device != "auto":
        raise InputError("--device", "left out without --calibrate", device, "nothing is trained without it")
    commands.predict(settings, controls, as_json, rivals)


@app.command()
def train(
    group: GroupName = None,
    group_table: GroupTable = None,
    operands: Operands = None,
    expression: Expression = None,
    field: FieldSize = None,
    parity: Parity = None,
    samples: Annotated[int | None, typer.Option(help="training pairs n, 1 … M^2 (default: half of all)")] = None,
    width: Width = None,
    seeds: Annotated[int, typer.Option(help="networks, one a seed")] = 8,
    first_seed: Annotated[int, typer.Option(help="seed of the first network")] = 0,
    steps: Annotated[int, typer.Option(help="updates")] = 3000,
    every: Annotated[int, typer.Option(help="steps between records")] = 50,
    log_spacing: LogSpacing = False,
    probes: Probes = None,
    probe_share: ProbeShare = None,
    patience: Annotated[
        int | None, typer.Option(help="stop a network this long after it grokked (default: never)")
    ] = None,
    lr: Lr = 1e-3,
    weight_decay: Decay = 2e-4,
    optimizer: OptimizerOption = "adam",
    momentum: Momentum = None,
    lr_v: Annotated[float | None, typer.Option(help="rate of V beside Muon (default: --lr)")] = None,
    activation: Activation = "x^2",
    loss: Loss = "mse",
    labels: Annotated[str, typer.Option(help="true, or random (the memorisation control)")] = "true",
    bias: Annotated[float, typer.Option(help="draw pairs (a, b) with weights (1 + a)^-bias; 0 is uniform")] = 0.0,
    noise: Noise = 0.0,
    init_scale_v: ScaleV = 1.0,
    layers: Layers = 2,
    residual: Residual = False,
    weights: Weights = "real",
    readout: Readout = "trained",
    family: Family = "mlp",
    embedding: Embedding = "one-hot",
    embedding_dim: EmbeddingDim = None,
    hidden: Hidden = "sum",
    heads: Heads = None,
    output_scale: OutputScale = 1.0,
    schedule: Schedule = "constant",
    warmup_steps: WarmupSteps = None,
    decay_steps: DecaySteps = None,
    lr_floor: LrFloor = None,
    lr_drop: LrDrop = None,
    device: Device = "auto",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 (in products) or float64")] = "float32",
    threads: Annotated[int | None, typer.Option(help="CPU threads (default: usable cores)")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="folder to keep the run in; one already there is reused, one cut short is gone on with"),
    ] = None,
    checkpoint_seconds: Annotated[
        float | None, typer.Option(help="with --out: time between checkpoints (default: 60)")
    ] = None,
    live: Live = False,
    tensorboard: TensorBoard = None,
    as_json: Json = False,
) -> None:
    """Train an ensemble of networks and say when each memorised and when it grokked."""
    from twopeaks.validate.cli import commands

    found, task = described(group, group_table, operands=operands, expression=expression, field=field, parity=parity)
    n = max(1, found.rows.size // 2) if samples is None else samples
    task |= {"samples": n, "labels": labels, "bias": bias, "noise": noise}
    network = {
        "width": width,
        "activation": activation,
        "init_scale_v": init_scale_v,
        "layers": layers,
        "residual": residual,
        "weights": weights,
        "readout": readout,
        "family": family,
        "embedding": embedding,
        "embedding_dim": embedding_dim,
        "hidden": hidden,
        "heads": heads,
        "output_scale": output_scale,
    }
    rule = {"name": optimizer, "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "lr_v": lr_v}
    numbers = {"warmup_steps": warmup_steps, "decay_steps": decay_steps, "lr_floor": lr_floor, "lr_drop": lr_drop}
    rule |= scheduled(schedule, steps, **numbers)
    setting = setting_of(found, task, network, loss, **rule)
    plan = plan_of(setting, probes, probe_share, log_spacing, steps=steps, every=every, patience=patience)
    commands.train(
        setting,
        seeds_of(seeds, first_seed),
        plan,
        device,
        dtype,
        threads,
        out,
        as_json,
        checkpoint_seconds=checkpoint_seconds,
        watching=Watching(live, tensorboard),
    )
    for note in notes(setting, plan, probes):
        sys.stderr.write(f"note: {note}\n")


@app.command()
def sweep(
    spec: Annotated[
        Path | None, typer.Argument(metavar="SPEC", help="TOML file, see docs/sweeps.md; the same command goes on")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder of the sweep (default: twopeaks-sweep-NAME)")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="only go on with a sweep that is in --out; SPEC may be left out")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what it takes; train and write nothing")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="say how far it is, wherever it runs; SPEC or --out may be left out")
    ] = False,
    workers: Annotated[int | None, typer.Option(help="processes of one thread (default: usable cores)")] = None,
    scheduler: Annotated[str | None, typer.Option(help="train on the Dask cluster with this tcp://… address")] = None,
    device: Device = "auto",
    checkpoint_seconds: Annotated[float | None, typer.Option(help="time between checkpoints (default: 60)")] = None,
    live: Live = False,
    tensorboard: TensorBoard = None,
    as_json: Json = False,
) -> int:
    """Train a grid, a list, or around transitions, as a file describes it; tables of members and transitions."""
    from twopeaks.validate.cli import sweep_command

    flags = (resume, dry_run, status, workers, scheduler, device, checkpoint_seconds, as_json)
    return sweep_command.sweep(sweep_command.Options(spec, out, *flags, Watching(live, tensorboard)))


@app.command()
def demo(
    group: GroupName = None,
    group_table: GroupTable = None,
    width: Width = None,
    steps: Annotated[int, typer.Option(help="budget of each network")] = 10_000,
    every: Annotated[int, typer.Option(help="steps between records")] = 50,
    seeds: Annotated[int, typer.Option(help="networks at each size")] = 8,
    control_seeds: Annotated[int, typer.Option(help="control runs of each kind")] = 4,
    lr: Lr = 1e-3,
    weight_decay: Decay = 2e-4,
    device: Device = "auto",
    workers: Annotated[int | None, typer.Option(help="processes (default: usable cores)")] = None,
    out: Annotated[Path, typer.Option(help="folder for runs, figures and report")] = Path("twopeaks-demo"),
    as_json: Json = False,
    operands: Unfit = None,
    expression: Unfit = None,
    field: Unfit = None,
    parity: Unfit = None,
) -> None:
    """Predict a transition, train real networks across it, compare, and write a report with figures."""
    from twopeaks.validate.cli import commands

    refuse(operands=operands, expression=expression, field=field, parity=parity)
    found, task = described(group, group_table)
    if found.classes < 5:
        raise InputError("--group", "of order 5 at least", found.name, "smaller tables leave too few pairs")
    task["samples"] = found.rows.size // 2
    setting = setting_of(found, task, {"width": width}, lr=lr, weight_decay=weight_decay)
    plan = Plan(steps=steps, every=every)
    controls = commands.Controls(steps, seeds_of(control_seeds, name="--control-seeds"), out, device, workers)
    commands.demo(setting, plan, seeds_of(seeds), controls, as_json)


app.command("validate")(examine)
app.command("forecast")(forecast_runs)
app.command("scaling")(scale)
app.command("figures")(draw_figures)
app.command("report")(explore)


if __name__ == "__main__":
    main()
