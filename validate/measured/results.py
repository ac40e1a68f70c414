"""The tables of a sweep, made from the runs in its folder: a row a member, and a row a transition. No torch here."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.storage.store import load
from twopeaks.sim.sweep.flat import PLAN, SETTING, default, flat
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import Spec
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES, TRANSITIONS, Setting
from twopeaks.validate.measured.detect import grokked, transition_steps
from twopeaks.validate.measured.series import Outcome, Series, name_of, series

__all__ = ["MEMBERS", "POINTS", "Part", "frame", "last_points", "parts", "points", "table", "transitions", "write"]

#: Names of the files.
MEMBERS, POINTS = "members.parquet", "transitions.parquet"

#: Of a grid with more groups of cells no transition is fitted: each takes up to seconds.
_MOST_FITTED = 24

_TYPES: dict[str, Any] = {
    "task": pl.String, "classes": pl.Int64, "seed": pl.Int64,
    **dict.fromkeys(TRANSITIONS, pl.Int64), **{f"{name}_censored": pl.Boolean for name in TRANSITIONS},
    "grokked": pl.Boolean, "last_step": pl.Int64, "end": pl.String,
    **{f"final_{name}": pl.Float64 for name in OBSERVABLES},
    "seconds": pl.Float64, "folder": pl.String, "member": pl.Int64, "content_id": pl.String, "dtype": pl.String,
}  # fmt: skip
#: Columns of the table of transitions, after the fields.
_COUNTS = ("sizes", "members", "grokked", "rates", "bracket_low", "bracket_high")
_POINT = ("n_c", "n_c_low", "n_c_high", "n_c_width")
#: Columns before the fields of settings; the other ones come after them.
_FIRST = ("task", "classes")


@dataclass(frozen=True)
class Part:
    """What the tables say of members that were stored together.

    Attributes:
        setting, plan: theirs.
        columns: name -> one value a member.
        notes: on what was not as it should be while they were trained.
    """

    setting: Setting
    plan: Plan
    columns: Mapping[str, Sequence[Any]]
    notes: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """How many grokked."""
        grokked_flags = self.columns["grokked"]
        return Outcome(self.setting, self.plan, sum(grokked_flags), len(grokked_flags))


def table(root: Path) -> pl.DataFrame:
    """One row a member of a sweep, made anew from what is stored: works while it runs, and without its tables.

    Args:
        root: folder of the sweep.

    Returns:
        The columns that docs/sweeps.md lists, members in the order of their cells' fields and seeds.

    Raises:
        InputError: if a run's folder is damaged.
    """
    return frame(parts(SweepFolder(root)))


def transitions(root: Path) -> pl.DataFrame:
    """One row for each group of cells that differ in their samples alone, with n_c, made anew as `table`.

    Raises:
        InputError: if a run's folder is damaged.
    """
    folder = SweepFolder(root)
    spec = folder.spec() if folder.holds_a_sweep else None
    return points(series(part.outcome for part in parts(folder)), spec)


def parts(folder: SweepFolder, damaged: Callable[[InputError], None] | None = None) -> list[Part]:
    """Read every run of a sweep; where a member is stored twice (cut for two kinds of device), it counts once.

    Args:
        folder: of the sweep.
        damaged: hears of runs that cannot be read; without it the first of them is raised.

    Raises:
        InputError: if a run cannot be read and nobody is to hear of it.
    """
    stored: list[Part] = []
    seen: set[tuple[str, str, int]] = set()
    for path in folder.stored():
        try:
            part = _part(path, folder.root)
        except InputError as error:
            if damaged is None:
                raise
            damaged(error)
            continue
        names = [(part.columns["content_id"][0], part.plan.model_dump_json(), seed) for seed in part.columns["seed"]]
        new = [name not in seen for name in names]
        seen.update(names)
        if all(new):
            stored.append(part)
        elif any(new):
            columns = {k: [x for x, is_new in zip(v, new, strict=True) if is_new] for k, v in part.columns.items()}
            stored.append(Part(part.setting, part.plan, columns, part.notes))
    return stored


def frame(stored: Sequence[Part]) -> pl.DataFrame:
    """The rows of all members: fields that are not the same everywhere or not at their default, then what came out."""
    fields = _telling([(part.setting, part.plan) for part in stored])
    rows: dict[str, list[Any]] = {name: [] for name in (*_FIRST, *fields, *_measured())}
    for part in stored:
        values, count = _fields(part.setting, part.plan), len(part.columns["seed"])
        for name in (*_FIRST, *fields):
            rows[name] += [values[name]] * count
        for name in _measured():
            rows[name] += part.columns[name]
    whole = pl.DataFrame(
        rows, schema_overrides={k: v for k, v in _TYPES.items() if k in rows}, infer_schema_length=None
    )
    dtypes = whole["dtype"].unique()
    whole = whole.drop("dtype") if dtypes.to_list() in ([], ["float32"]) else whole
    return whole.sort([*_FIRST[::-1], *fields, "seed"], nulls_last=True)


def points(groups: Sequence[Series], spec: Spec | None = None, known: pl.DataFrame | None = None) -> pl.DataFrame:
    """The rows of transitions, of each group of cells with two sizes at least.

    Args:
        groups: of cells.
        spec: of the sweep; transitions that it looks for are fitted however many groups there are.
        known: such a table from before, whose intervals need not be worked out again.
    """
    several_sizes = [group for group in groups if len(group.rates) > 1]
    fields = [name for name in _telling([(group.setting, group.plan) for group in several_sizes]) if name != "samples"]
    before = {} if known is None else {row["rates"]: [row[name] for name in _POINT] for row in known.to_dicts()}
    wanted = {name_of(group.setting, group.plan) for group in (spec.bisections if spec else ())}
    if len(several_sizes) <= _MOST_FITTED:
        wanted = {group.name for group in several_sizes}
    names = (*_FIRST, *fields, *_COUNTS, *_POINT)
    rows: dict[str, list[Any]] = {name: [] for name in names}
    for group in several_sizes:
        if group.name in wanted and group.text not in before:
            point = group.point
            before[group.text] = [point.value, point.low, point.high, point.width]
        counts = (len(group.rates), group.members, group.grokked, group.text, *group.bracket)
        fitted = before.get(group.text, [None] * len(_POINT))
        values = {
            **_fields(group.setting, group.plan),
            **dict(zip((*_COUNTS, *_POINT), (*counts, *fitted), strict=True)),
        }
        for name in names:
            rows[name].append(values[name])
    types = {**dict.fromkeys(_COUNTS, pl.Int64), "rates": pl.String, **dict.fromkeys(_POINT, pl.Float64)}
    return pl.DataFrame(rows, schema_overrides=types, infer_schema_length=None)


def last_points(folder: SweepFolder) -> pl.DataFrame | None:
    """The table of transitions as it was written last, if it is there and whole."""
    try:
        table = pl.read_parquet(folder.root / POINTS)
    except (OSError, pl.exceptions.PolarsError):
        return None
    return table if {"rates", *_POINT} <= set(table.columns) else None


def write(folder: SweepFolder, of_members: pl.DataFrame, of_transitions: pl.DataFrame) -> None:
    """Write both tables of a sweep, each aside, then moved.

    Raises:
        InputError: if they cannot be written.
    """
    try:
        for name, rows in ((MEMBERS, of_members), (POINTS, of_transitions)):
            content = io.BytesIO()  # Polars writing to a full disk would raise an error of its own
            rows.write_parquet(content)
            folder.write(name, partial(_put, content.getvalue()))
    except OSError as error:
        reason, remedy = error.strerror or str(error), "mend that; --status makes them from the runs"
        raise InputError(str(folder.root), "a folder that takes tables", reason, remedy) from error


def _put(content: bytes, path: Path) -> None:
    path.write_bytes(content)


# --- rows ----------------------------------------------------------------------------------------------


def _part(path: Path, root: Path) -> Part:
    run = load(path)
    records, steps = run.records, transition_steps(run.records)
    count = len(records.seeds)
    last = records.steps[np.maximum(records.counts - 1, 0)].tolist()
    columns: dict[str, list[Any]] = {"seed": records.seeds.tolist()}
    for name, reached in steps.items():
        columns |= {name: list(reached), f"{name}_censored": [step is None for step in reached]}
    columns |= {"grokked": grokked(records), "last_step": last, "end": list(records.ends)}
    for name in OBSERVABLES:
        columns[f"final_{name}"] = [x if np.isfinite(x) else None for x in records.final(name).tolist()]
    of_all: dict[str, Any] = {
        "seconds": float(run.manifest["seconds"]) / count,
        "folder": path.relative_to(root).as_posix(),
        "content_id": run.setting.content_id,
        "dtype": str(run.manifest["runtime"]["dtype"]),
    }
    columns |= {name: [value] * count for name, value in of_all.items()} | {"member": list(range(count))}
    return Part(run.setting, run.plan, columns, tuple(run.manifest.get("history", {}).get("notes", ())))


def _measured() -> list[str]:
    return [name for name in _TYPES if name not in _FIRST]


def _fields(setting: Setting, plan: Plan) -> dict[str, Any]:
    """Every field by its flat name as a table can hold it, and what is learned in words."""
    of_all = setting.task.table_of()
    values = {name: _plain(name, value) for name, value in flat(setting, plan).items()}
    return {"task": of_all.name, "classes": of_all.classes, **values}


def _plain(name: str, value: Any) -> Any:
    if name == "table" and value is not None:  # the rows themselves are in every manifest
        return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def _telling(trained: Sequence[tuple[Setting, Plan]]) -> list[str]:
    """Names of the fields that are not the same everywhere, or not at their default, or have none."""
    values: dict[str, set[Any]] = {}
    for setting, plan in trained:
        for name, value in flat(setting, plan).items():
            values.setdefault(name, set()).add(value)
    return [name for name in (*SETTING, *PLAN) if values.get(name, set()) - {default(name)}]
