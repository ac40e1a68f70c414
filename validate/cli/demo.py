"""The command ``twopeaks demo``: the whole experiment on one group, its figures and its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twopeaks.theory.errors import InputError
from twopeaks.validate.cli.fields import GROUP_TABLE, FieldOptions, Values, checked
from twopeaks.validate.cli.options import (
    Device,
    GroupsAlone,
    Json,
    Workers,
    local_workers,
    repeated,
    seeds_of,
    usable_workers,
)

if TYPE_CHECKING:  # the help needs neither torch nor figures
    from twopeaks.validate.experiment.experiment import Experiment, Result

__all__ = ["Request", "demo"]

_FIELDS = FieldOptions(
    ("group", GROUP_TABLE, "width", "lr", "weight_decay", "steps", "every"), defaults={"steps": 10_000}
)


@dataclass(frozen=True, kw_only=True)
class Request(GroupsAlone):
    """On what the experiment is made, with how many networks, and where it is kept."""

    values: Annotated[Values, _FIELDS]
    seeds: Annotated[int, typer.Option(help="networks at each size", rich_help_panel="Plan")] = 8
    control_seeds: Annotated[int, typer.Option(help="control runs of each kind", rich_help_panel="Plan")] = 4
    device: Device = "auto"
    workers: Workers = None
    out: Annotated[Path, typer.Option(help="folder for runs, figures and report")] = Path("twopeaks-demo")
    as_json: Json = False


def demo(request: Request) -> None:
    """Run the whole experiment, write report and figures, print what was measured.

    Raises:
        InputError: if options do not go together, or the device or the folder cannot be used.
        ValidationError: if a value is out of range.
    """
    request.refuse_other_tasks()
    experiment = _experiment(request)
    if experiment.steps < 16:
        raise InputError("--steps", "16 or more", experiment.steps, "use e.g. 10000")
    from twopeaks.sim.network.runtime import resolve
    from twopeaks.sim.storage import store
    from twopeaks.validate.experiment.experiment import Training, run_experiment
    from twopeaks.validate.screen.terminal import print_json, stages

    runtime = resolve(request.device, threads=1)
    workers = usable_workers(request.workers)
    store.prepare(request.out)
    with local_workers(workers, request.device) as executor, stages() as stage:
        result = run_experiment(experiment, Training(request.out, runtime, executor, stage))
    facts = {name: str(value) for name, value in runtime.describe().items()} | {"workers": str(workers)}
    summary = _write(result, facts, request.out)
    if request.as_json:
        print_json(summary)
    else:
        _show(result, summary["report"])


def _experiment(request: Request) -> Experiment:
    from twopeaks.validate.experiment.experiment import Experiment

    cell = checked(request.values, seeds_of(request.seeds))
    classes = cell.setting.task.table_of().classes
    if classes < 5:
        raise InputError("--group", "of order 5 at least", cell.setting.task.name, "smaller tables leave too few pairs")
    controls = seeds_of(request.control_seeds, name="--control-seeds")
    return Experiment(cell.setting, cell.plan.steps, cell.plan.every, cell.seeds, controls)


def _write(result: Result, facts: dict[str, str], out: Path) -> dict[str, Any]:
    """Figures, report and summary; returns the summary."""
    from twopeaks.validate.measured.files import save_figure, write, write_json
    from twopeaks.validate.pages.report import draw, html_page

    figures = draw(result)
    paths = [path for name, figure in figures.items() for path in save_figure(figure, out / name)]
    report = out / "report.html"
    write(report, html_page(result, figures, repeated(), facts))
    summary = _summary(result, report, paths)
    write_json(out / "summary.json", summary)
    return summary


def _summary(result: Result, report: Path, figures: Sequence[Path]) -> dict[str, Any]:
    measured, experiment = result.measured, result.experiment
    return {
        "group": experiment.setting.task.group,
        "n_c": {
            "value": measured.value,
            "low": measured.low,
            "high": measured.high,
            "budget_steps": experiment.steps,
            "seeds": len(experiment.seeds),
        },
        "predictions": [{**r.prediction.model_dump(), "error": r.error, "covered": r.contains} for r in result.scores],
        "outcomes": [
            {"samples": o.samples, "grokked": o.grokked, "t_grok": o.t_grok, "test_accuracy": o.test_accuracy}
            for o in result.outcomes
        ],
        "setting": experiment.setting.model_dump(mode="json"),
        "report": str(report),
        "figures": [str(path) for path in figures],
        "seconds": round(result.seconds, 1),
    }


def _show(result: Result, report: str) -> None:
    from rich.table import Table

    from twopeaks.validate.pages.report import percent, verdict
    from twopeaks.validate.scores.words import span
    from twopeaks.validate.screen.terminal import console

    table = Table(title="predicted and measured n_c")
    table.add_column("predictor")
    for heading in ("n_c", "error", "fitted", "runs", "seconds"):
        table.add_column(heading, justify="right")
    for row in result.scores:
        p = row.prediction
        counts = (str(p.constants_fitted), str(p.runs_used), f"{p.seconds:.3g}")
        table.add_row(p.predictor, span(p.value, p.low, p.high), percent(row.error), *counts)
    m = result.measured
    counts = ("", str(sum(len(o.t_grok) for o in result.outcomes)), f"{result.training_seconds:.0f}")
    table.add_row("measured", span(m.value, m.low, m.high), "", *counts, style="bold")
    screen = console()
    screen.print(table)
    screen.print(verdict(result))
    screen.print(f"report: {report}")
