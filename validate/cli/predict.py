"""The command ``twopeaks predict``: n_c of every predictor on one group or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting
from twopeaks.validate.cli.fields import GROUP_TABLE, FieldOptions, Values, checked
from twopeaks.validate.cli.options import Device, GroupsAlone, Json, Workers, local_workers, seeds_of, usable_workers

if TYPE_CHECKING:  # controls alone need torch
    from twopeaks.theory.predictors.answer import Prediction
    from twopeaks.theory.predictors.calibrated import Calibration

__all__ = ["Request", "predict"]

#: Columns of a terminal from which notes have a column; below, it would be a few letters wide.
_ROOM_FOR_NOTES = 110

_FIELDS = FieldOptions((GROUP_TABLE, "width", "activation", "loss", "optimizer", "lr", "weight_decay"))


@dataclass(frozen=True, kw_only=True)
class Request(GroupsAlone):
    """What is predicted, and by whom."""

    values: Annotated[Values, _FIELDS]
    group: Annotated[
        list[str] | None,
        typer.Option("--group", help="a group; may be repeated", show_default="Z23", rich_help_panel="Task"),
    ] = None
    calibrate: Annotated[bool, typer.Option("--calibrate", help="train control runs, never the run itself")] = False
    control_steps: Annotated[int, typer.Option(help="steps of each control run")] = 10_000
    control_seeds: Annotated[int, typer.Option(help="control runs of each kind")] = 4
    device: Device = "auto"
    workers: Workers = None
    out: Annotated[Path, typer.Option(help="folder where control runs are kept")] = Path("twopeaks-controls")
    rivals: Annotated[bool, typer.Option("--rivals", help="laws and bounds of others as well")] = False
    as_json: Json = False


def predict(request: Request) -> None:
    """Print what every predictor says of every group.

    Raises:
        InputError: if options do not go together, or a value is out of range.
    """
    request.refuse_other_tasks()
    settings = list(_settings(request))
    seeds = _control_seeds(request)
    from twopeaks.theory.predictors.registry import predict as every_prediction

    predictions: list[Prediction] = []
    for setting in settings:
        predictions += every_prediction(setting, _calibrated(setting, seeds, request) if seeds else None)
        if request.rivals:
            from twopeaks.theory.predictors.rivals import rivals

            predictions += rivals(setting)
    _show(predictions, request.as_json)


def _settings(request: Request) -> Iterator[Setting]:
    """Half of the rows of each group: n_c does not depend on the size."""
    if GROUP_TABLE in request.values:
        if request.group:
            raise InputError(
                "--group", "left out where --group-table is given", request.group[0], "give one of the two"
            )
        yield checked(request.values).setting
        return
    for name in request.group or ["Z23"]:
        yield checked({"group": name, **request.values}).setting


def _control_seeds(request: Request) -> tuple[int, ...]:
    """Seeds of control runs, none without ``--calibrate``."""
    if not request.calibrate:
        if request.device != "auto":
            raise InputError(
                "--device", "left out without --calibrate", request.device, "nothing is trained without it"
            )
        return ()
    if request.control_steps < 16:
        raise InputError("--control-steps", "16 or more", request.control_steps, "use e.g. 10000")
    return seeds_of(request.control_seeds, name="--control-seeds")


def _calibrated(setting: Setting, seeds: tuple[int, ...], request: Request) -> Calibration:
    """Train control runs of a setting, and read the constants of the predictors from them."""
    from twopeaks.sim.network.runtime import resolve
    from twopeaks.sim.storage import store
    from twopeaks.validate.experiment.experiment import Training, run_calibration
    from twopeaks.validate.screen.terminal import stages

    runtime = resolve(request.device, threads=1)
    usable_workers(request.workers)  # before a folder is made
    store.prepare(request.out)
    with local_workers(request.workers, request.device) as executor, stages() as stage:
        training = Training(request.out, runtime, executor, stage)
        return run_calibration(setting, request.control_steps, seeds, training)[2]


def _show(predictions: Sequence[Prediction], as_json: bool) -> None:
    from rich.table import Table

    from twopeaks.validate.scores.words import span
    from twopeaks.validate.screen.terminal import console, print_json

    if as_json:
        print_json([p.model_dump() for p in predictions])
        return
    screen = console()
    beside = screen.width >= _ROOM_FOR_NOTES
    table = Table(title="training examples n_c at which generalisation overtakes memorisation")
    for heading in ("group", "predictor"):
        table.add_column(heading, overflow="fold")
    for heading in ("n_c", "fitted", "runs", *(["seconds"] if beside else [])):
        table.add_column(heading, justify="right")
    table.add_column("valid")
    if beside:
        table.add_column("note", overflow="fold")
    for p in predictions:
        numbers = [span(p.value, p.low, p.high), str(p.constants_fitted), str(p.runs_used)]
        seconds, note = ([f"{p.seconds:.2f}"], [p.note]) if beside else ([], [])
        table.add_row(p.group, p.predictor, *numbers, *seconds, "yes" if p.valid else "no", *note)
    screen.print(table)
    if not beside:
        for p in predictions:
            screen.print(f"{p.group} {p.predictor}: {p.note}", markup=False)
