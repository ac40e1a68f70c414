"""Training curves of one network each: from stored runs, and from CSV files of others. No torch here."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twopeaks.sim.storage.records import Records
from twopeaks.sim.storage.store import Stored, is_run, load, run_folders
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import TRANSITIONS, Setting
from twopeaks.validate.measured.detect import crossing

__all__ = ["COLUMNS", "Curve", "curves_at", "of_run", "of_sweep", "read_csv"]

Floats = NDArray[np.float64]

#: Columns of a CSV file that mean something, and other names under which they are known.
COLUMNS: dict[str, tuple[str, ...]] = {
    "step": ("steps", "epoch", "iteration"),
    "train_loss": (),
    "train_accuracy": ("train_acc",),
    "test_loss": ("val_loss", "validation_loss"),
    "test_accuracy": ("test_acc", "val_accuracy", "val_acc", "validation_accuracy"),
    "norm_w2": (),
    "norm_v2": (),
    "weight_norm": ("norm",),
}
#: Columns that tell the runs of one file apart.
_RUN = ("run", "seed")
_LOSSES = ("train_loss", "test_loss")
_ACCURACIES = ("train_accuracy", "test_accuracy")
#: Fewest records from which anything is said.
_FEWEST = 4


@dataclass(frozen=True)
class Curve:
    """What was recorded of one network.

    Attributes:
        name: of the run.
        steps: (R,) recorded steps, increasing, of 0 or more.
        values: name -> (R,): any of train_loss, train_accuracy, test_loss, test_accuracy, and norm2, the sum of squares
            of all weights.
        budget: steps it was to be trained; None if nobody said.
        setting: the problem, where it is known.
        series: tells it from runs of another clock: what is the same for all sizes and seeds of one setting.
        complete: whether ``steps`` end because training did, so that what did not happen within them is censored there.
    """

    name: str
    steps: Floats
    values: Mapping[str, Floats]
    budget: int | None = None
    setting: Setting | None = None
    series: str = ""
    complete: bool = True

    def until(self, step: float) -> Curve:
        """What was known at a step: records up to it, and nothing of later ones."""
        count = int(np.searchsorted(self.steps, step, side="right"))
        values = {name: column[:count] for name, column in self.values.items()}
        return Curve(self.name, self.steps[:count], values, self.budget, self.setting, self.series, False)

    def transition(self, name: str) -> int | None:
        """Step of one of `theory.setting.TRANSITIONS` on this curve; None if it is censored or not recorded."""
        event = TRANSITIONS[name]
        column = self.values.get(event.curve)
        return None if column is None else crossing(self.steps, column, event)

    @property
    def t_grok(self) -> int | None:
        """Step at which it grokked; None for one that did not before its end, or whose curve breaks off."""
        return self.transition("t_grok") if self.complete else None

    @property
    def last_step(self) -> float:
        """Of all records."""
        return float(self.steps[-1])


# --- stored runs ---------------------------------------------------------------------------------------


def curves_at(path: Path) -> list[Curve]:
    """Curves of a CSV file, of the folder of a run, of a sweep, or of several runs.

    Raises:
        InputError: if there is nothing of the kind there, or it cannot be read.
    """
    if path.is_dir():
        return _some(path, of_run(load(path), path.name)) if is_run(path) else of_sweep(path)
    if not path.exists():
        raise InputError(str(path), "a CSV file, or the folder of a run or sweep", "nothing", "check the path")
    return read_csv(path)


def of_sweep(root: Path) -> list[Curve]:
    """Curves of every run in the folder of a sweep, or in a folder of runs.

    Raises:
        InputError: if there are none, or one cannot be read.
    """
    folders = SweepFolder(root).stored() or run_folders(root)
    curves = [curve for folder in folders for curve in of_run(load(folder), folder.name)]
    return _some(root, curves)


def _some(path: Path, curves: list[Curve]) -> list[Curve]:
    if not curves:
        remedy = f"give runs with test examples and {_FEWEST} records or more, or a CSV file"
        raise InputError(str(path), "a folder with runs that can be forecast", "none", remedy)
    return curves


def of_run(run: Stored, name: str) -> list[Curve]:
    """Curves of each member that has test examples and enough records; one that diverged is cut before that."""
    from twopeaks.validate.measured.series import name_of

    records, series = run.records, name_of(run.setting, run.plan)
    members = range(len(records.seeds))
    names = {e: f"{name} seed {records.seeds[e]}" if len(members) > 1 else name for e in members}
    budget = run.plan.steps
    curves = [
        Curve(names[e], *_member(records, e), budget, run.setting, series, records.ends[e] != "diverged")
        for e in members
    ]
    return [curve for curve in curves if len(curve.steps) >= _FEWEST and np.isfinite(curve.values["test_loss"]).all()]


def _member(records: Records, e: int) -> tuple[Floats, dict[str, Floats]]:
    member = records.member(e)
    values = {name: member[name] for name in (*_LOSSES, *_ACCURACIES)}
    return member["steps"], {**values, "norm2": member["norm_w2"] + member["norm_v2"]}


# --- files of others -----------------------------------------------------------------------------------


def read_csv(path: Path) -> list[Curve]:
    """Curves of a CSV file with a header: ``step``, and test_loss or test_accuracy or both; others if there are any.

    Other columns that are read: train_loss, train_accuracy, and norm_w2 with norm_v2 (sums of squares) or weight_norm
    (Euclidean). A column ``run`` or ``seed`` tells the runs of one file apart. Columns of other names are left alone.

    Raises:
        InputError: if the file is empty, a column is missing, or a value cannot be what its column says.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(str(path), "a CSV file that can be read", str(error), "check the file") from error
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise InputError(str(path), "a header and a row a record", f"{len(rows)} rows", "see docs/forecast.md")
    header = [cell.strip().lower() for cell in rows[0]]
    places = _places(path, header)
    of_runs: dict[str, list[tuple[int, list[str]]]] = {}
    key = next((header.index(name) for name in _RUN if name in header), None)
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise InputError(f"{path} row {number}", f"of {len(header)} cells, as the header", len(row), "mend the row")
        of_runs.setdefault("" if key is None else row[key].strip(), []).append((number, row))
    return [_curve(path, run, places, numbered) for run, numbered in of_runs.items()]


def _places(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Column of each name that is there."""
    found: dict[str, int] = {}
    for name, others in COLUMNS.items():
        given = [i for i, cell in enumerate(header) if cell in (name, *others)]
        if len(given) > 1:
            raise InputError(f"{path} header", f"with one column for {name}", header, "leave one of them out")
        if given:
            found[name] = given[0]
    if "step" not in found:
        raise InputError(f"{path} header", "with a column step", ", ".join(header), "name the column of steps so")
    if not {"test_loss", "test_accuracy"} & set(found):
        expectation, remedy = "with a column test_loss or test_accuracy", "nothing is forecast from training alone"
        raise InputError(f"{path} header", expectation, ", ".join(header), remedy)
    return found


def _curve(path: Path, run: str, places: Mapping[str, int], rows: Sequence[tuple[int, list[str]]]) -> Curve:
    columns = {name: _numbers(path, name, [(number, row[i]) for number, row in rows]) for name, i in places.items()}
    steps = columns.pop("step")
    where = f"{path} run {run}" if run else str(path)
    _check_steps(where, [number for number, _ in rows], steps)
    if len(steps) < _FEWEST:
        raise InputError(where, f"of {_FEWEST} records or more", len(steps), "record more often")
    values = {name: columns[name] for name in (*_LOSSES, *_ACCURACIES) if name in columns}
    norm2 = _norm2(columns)
    if norm2 is not None:
        values["norm2"] = norm2
    return Curve(f"{path.name} run {run}" if run else path.name, steps, values)


def _numbers(path: Path, name: str, cells: Iterable[tuple[int, str]]) -> Floats:
    found = []
    for number, cell in cells:
        where = f"{path} row {number} {name}"
        try:
            value = float(cell)
        except ValueError as error:
            raise InputError(where, "a number", cell, "leave rows without a record out") from error
        _check(where, name, value, cell)
        found.append(value)
    return np.array(found, dtype=np.float64)


def _check(where: str, name: str, value: float, cell: str) -> None:
    if not math.isfinite(value):
        raise InputError(where, "a finite number", cell, "end the curve before it diverges")
    if value < 0:
        raise InputError(
            where,
            "0 or more",
            cell,
            "a loss is the mean of something that is never negative" if name in _LOSSES else "check the column",
        )
    if name in _ACCURACIES and value > 1:
        raise InputError(where, "a share between 0 and 1", cell, "divide percentages by 100")


def _check_steps(where: str, numbers: Sequence[int], steps: Floats) -> None:
    for (_, before), (number, after) in pairwise(zip(numbers, steps.tolist(), strict=True)):
        if after <= before:
            remedy = "sort the rows; a column run or seed tells runs apart"
            raise InputError(f"{where} row {number} step", f"above the one before, {before:g}", f"{after:g}", remedy)


def _norm2(columns: Mapping[str, Floats]) -> Floats | None:
    """Sum of squares of all weights, if the file says it."""
    if "weight_norm" in columns:
        return np.asarray(columns["weight_norm"] ** 2)
    if {"norm_w2", "norm_v2"} <= set(columns):
        return np.asarray(columns["norm_w2"] + columns["norm_v2"])
    return None
