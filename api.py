"""What most people need, a call each; `import twopeaks` offers these names. All else is in the rooms.

A *problem* is the name of a group (``"Z31"``), a `Group`, or a `Setting`. A name and a group stand for the standard
setting: x^2 network, mean squared error, Adam with lr 1e-3 and coupled decay 2e-4 (`twopeaks.theory.setting.standard`).
Torch is imported by what trains, when it trains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group, named
from twopeaks.theory.setting import Network, Setting, Task, default_width

if TYPE_CHECKING:  # each function imports what it needs
    import polars as pl

    from twopeaks.sim.storage.store import Stored
    from twopeaks.theory.equations import Equation
    from twopeaks.theory.predictors.answer import Prediction
    from twopeaks.validate.experiment.compare import Comparison
    from twopeaks.validate.forecast.forecast import Forecast
    from twopeaks.validate.measured.curves import Curve

__all__ = ["Problem", "Sweep", "compare", "derive", "forecast", "load", "predict", "setting_of", "sweep", "train"]

#: What can be predicted and trained: the name of a group, a group, or a full setting.
Problem = str | Group | Setting

_EXPECTED = "the name of a group, a Group or a Setting"


def setting_of(problem: Problem, samples: int | None = None, width: int | None = None) -> Setting:
    """The setting that a problem stands for.

    Args:
        problem: name of a group, a group, or a setting.
        samples: number n of training examples; by default half of the table, or what the setting says.
        width: number K of hidden nodes; by default `default_width`, or what the setting says.

    Raises:
        InputError: if the problem is none of these, or there is no such group.
        ValidationError: if ``samples`` or ``width`` is out of range.
    """
    if isinstance(problem, Setting):
        content = problem.model_dump()
        content["task"] |= {} if samples is None else {"samples": samples}
        content["network"] |= {} if width is None else {"width": width}
        return Setting.model_validate(content)
    if not isinstance(problem, str | Group):
        raise InputError("problem", _EXPECTED, type(problem).__name__, "use e.g. 'Z31'")
    group = named(problem) if isinstance(problem, str) else problem
    n = max(1, group.order**2 // 2) if samples is None else samples
    task = Task(group=group.name, table=_table_unless_named(group), samples=n)
    return Setting(task=task, network=Network(width=default_width(group.order) if width is None else width))


def _table_unless_named(group: Group) -> Any:
    """The Cayley table of a group that its name alone does not give; a named group keeps its short content id."""
    try:
        known = named(group.name)
    except InputError:
        known = None
    same = known is not None and known.table.shape == group.table.shape and bool((known.table == group.table).all())
    return None if same else group.table.tolist()


def predict(problem: Problem, *, rivals: bool = False) -> list[Prediction]:
    """At how many training examples n_c does generalisation overtake memorisation? Nothing is trained.

    Args:
        problem: name of a group, a group, or a setting, whose ``samples`` is not looked at.
        rivals: whether to ask the laws and bounds of others as well.

    Returns:
        One prediction a predictor; ``value`` is None where it has none, ``valid`` says whether it was tried there.

    Raises:
        InputError: if there is no such group.

    Example:
        >>> {p.predictor: round(p.value) for p in predict("Z31") if p.value is not None}["heights-closed-form"]
        272
    """
    from twopeaks.theory.predictors.registry import predict as every_prediction

    setting = setting_of(problem)
    predictions = every_prediction(setting)
    if rivals:
        from twopeaks.theory.predictors.rivals import rivals as every_rival

        predictions = [*predictions, *every_rival(setting)]
    return predictions


def train(
    problem: Problem,
    samples: int | None = None,
    width: int | None = None,
    *,
    seeds: int | Sequence[int] = 8,
    steps: int = 3000,
    device: str = "auto",
    **plan: Any,
) -> Stored:
    """Train one network a seed and record its curves. `Stored.records` holds them, `Stored.setting` the problem.

    Args:
        problem: name of a group, a group, or a setting.
        samples: number n of training examples; by default half of the table, or what the setting says.
        width: number K of hidden nodes.
        seeds: how many, counted from 0, or the seeds themselves.
        steps: budget, in updates.
        device: auto, cpu, cuda, cuda:N or mps.
        plan: other fields of `twopeaks.sim.storage.records.Plan` (every, patience, probes, …), and ``out``: a folder in
            which the run is kept; a run that is there already is read, not trained again.

    Raises:
        InputError: if something is out of range, or the folder cannot be written.
        ValidationError: if a field of the plan is unknown or out of range.
    """
    from twopeaks.sim.network.runtime import resolve
    from twopeaks.sim.storage.records import Plan
    from twopeaks.validate.experiment.kept import trained

    out = plan.pop("out", None)
    members = _seeds(seeds)
    setting = setting_of(problem, samples, width)
    full = Plan(steps=steps, **{"every": max(1, steps // 60), **plan})
    return trained(setting, members, full, resolve(device), None if out is None else Path(out))


@dataclass(frozen=True)
class Sweep:
    """A finished sweep.

    Attributes:
        folder: where its runs and tables are.
        members: a row a network: fields of its setting, seed, transitions, final values.
        transitions: a row a search for n_c, with interval; and every group of cells that differ in size alone.
    """

    folder: Path
    members: pl.DataFrame
    transitions: pl.DataFrame


def sweep(
    spec: Path | str | Mapping[str, Any],
    out: Path | str | None = None,
    *,
    workers: int | None = None,
    device: str = "auto",
) -> Sweep:
    """Train what a description asks for and is not stored yet; the same call goes on with a sweep that was cut short.

    Args:
        spec: TOML file, or its content (see docs/sweeps.md).
        out: folder of the sweep; ``twopeaks-sweep-NAME`` by default.
        workers: local processes of one thread each; by default one a core, and one on an accelerator.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        InputError: if the description cannot be used, or results have no place.
    """
    from twopeaks.sim.sweep.folder import SweepFolder
    from twopeaks.sim.sweep.spec import read_spec, spec_of
    from twopeaks.validate.experiment.sweeping import run_sweep
    from twopeaks.validate.measured import results

    full = spec_of(spec) if isinstance(spec, Mapping) else read_spec(Path(spec))
    folder = SweepFolder(Path(out) if out is not None else Path(f"twopeaks-sweep-{full.name}"))
    run_sweep(full, folder, workers, device)
    return Sweep(folder.root, results.table(folder.root), results.transitions(folder.root))


def forecast(source: Path | str | Curve, at: float | None = None, budget: float | None = None) -> list[Forecast]:
    """Will these runs grok within the budget, and when? From their records until a step, and nothing later.

    Args:
        source: a curve, or the path of a CSV file, of a stored run, or of a folder of runs.
        at: step until which the curve is used; all records by default.
        budget: steps within which grokking counts; the run's own, or ten times those seen.

    Returns:
        One forecast a run.

    Raises:
        InputError: if the source cannot be read, or has too few records by then.
    """
    from twopeaks.validate.forecast.forecast import forecast as of_curve
    from twopeaks.validate.measured.curves import curves_at

    curves = curves_at(Path(source)) if isinstance(source, str | Path) else [source]
    return [of_curve(curve, at, budget) for curve in curves]


def compare(
    problem: Problem,
    sizes: Sequence[int] | None = None,
    *,
    seeds: int | Sequence[int] = 8,
    steps: int = 10_000,
    every: int = 50,
    device: str = "auto",
) -> Comparison:
    """Predict n_c, train networks on both sides of it, and compare.

    Args:
        problem: name of a group, a group, or a setting, whose ``samples`` is not looked at.
        sizes: numbers of training examples; seven around the last valid prediction by default.
        seeds: how many networks of each size, or their seeds.
        steps: budget of each network, in updates.
        every: steps between records.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        InputError: if no predictor covers the setting and ``sizes`` is left out, or a number is out of range.
    """
    from twopeaks.sim.network.runtime import resolve
    from twopeaks.validate.experiment.compare import compare as of_setting

    runtime = resolve(device)
    return of_setting(setting_of(problem), sizes, seeds=_seeds(seeds), steps=steps, every=every, runtime=runtime)


def derive(label: str) -> Equation:
    """A labelled equation: its statement in sympy, derivation, assumptions, source, and `check`.

    Args:
        label: such as ``"heights.5"``; `twopeaks.theory.equations.labels` lists them.

    Raises:
        InputError: if there is no such label.

    Example:
        >>> derive("heights.2").label
        'heights.2'
    """
    from twopeaks.theory.equations import equation

    return equation(label)


def load(path: Path | str) -> Stored | tuple[Stored, ...]:
    """A stored run; or all runs of a store: a folder of ``train --out``, of a sweep or of a demo, by name.

    Raises:
        InputError: if the folder is neither, or a run in it cannot be read.
    """
    from twopeaks.sim.storage import store
    from twopeaks.sim.sweep.folder import SweepFolder

    path = Path(path)
    if store.is_run(path):
        return store.load(path)
    runs = SweepFolder(path).stored() if (path / "runs").is_dir() else sorted(filter(store.is_run, path.glob("*/")))
    if not runs:
        raise InputError("path", "a stored run or a folder of stored runs", str(path), "train … --out makes one")
    return tuple(store.load(run) for run in runs)


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
