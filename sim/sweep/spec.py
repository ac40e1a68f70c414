"""The description of a sweep: reads a TOML file and makes a checked list of cells. No torch here.

Its keys are the names of the fields of a setting and a plan, as are the options of ``twopeaks train``. All keys are
explained in docs/sweeps.md.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import math
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from twopeaks.sim.network.arithmetic import DTypeName, known_dtype
from twopeaks.sim.sweep.bisect import Bisection
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.flat import PLAN, SETTING
from twopeaks.sim.sweep.quantities import points, resolved
from twopeaks.sim.sweep.setting_builder import Builder, is_whole
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import from_csv
from twopeaks.theory.setting import explain
from twopeaks.theory.setting.tables import Table

__all__ = ["KEYS", "Spec", "read_spec", "spec_of"]

#: A grid of more cells is refused before cells are made.
_MOST_CELLS = 200_000
_MOST_SEEDS = 100_000

_TABLES = ("base", "plan", "grid", "list", "cases", "bisect")
_TOP = ("name", "seeds", "first_seed", "dtype", *_TABLES)
#: Key for the path of a CSV file; it is replaced by `Task.group` and `Task.table`.
_CSV = "group_table"
_VALUES = frozenset(SETTING) | {_CSV}


class _Around(BaseModel):
    """The table [bisect]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: Literal["samples"] = Field("samples", description="what is varied: samples")
    low: Any = Field(description="size to begin with, thought to be below the transition")
    high: Any = Field(description="size to begin with, thought to be above the transition")
    tolerance: float = Field(0.02, gt=0, le=1, description="relative width of the last bracket, such as 0.02")
    rounds: int = Field(12, ge=0, le=100, description="sizes tried at most, after the first two")
    seeds: Any = Field(None, description="how many seeds, or a list of them; those of the sweep if left out")


#: Keys that may be given in each table; those of "" at the top.
KEYS: dict[str, Collection[str]] = {
    "": _TOP,
    "base": _VALUES,
    "plan": frozenset(PLAN),
    "grid": _VALUES | set(PLAN),
    "list": _VALUES | set(PLAN),
    "cases": _VALUES | set(PLAN),
    "bisect": frozenset(_Around.model_fields),
}


@dataclass(frozen=True)
class Spec:
    """What a sweep trains.

    Attributes:
        name: of the sweep.
        dtype: arithmetic of parameters and gradients.
        content: the description, with tables of groups in place of the paths of their files.
        varied: names of the fields that differ among the cells.
        cells: cells to train; empty if there are bisections.
        bisections: searches for transitions.
    """

    name: str
    dtype: DTypeName
    content: Mapping[str, Any]
    varied: tuple[str, ...]
    cells: tuple[Cell, ...]
    bisections: tuple[Bisection, ...]

    @cached_property
    def digest(self) -> str:
        """16 hex digits that depend on what the sweep trains, not on how its file is written."""
        hashing = hashlib.sha256(self.dtype.encode())
        parts: list[Cell | Bisection] = [*self.cells, *self.bisections]
        for part in parts:
            numbers = {k: v for k, v in vars(part).items() if k not in ("setting", "plan")}
            identity = [part.setting.content_id, part.plan.model_dump(), numbers]
            hashing.update(json.dumps(identity, sort_keys=True).encode())
        return hashing.hexdigest()[:16]

    def covers(self, other: Spec) -> bool:
        """Whether this sweep trains everything that the other trains, in the same arithmetic."""
        own_cells = set(self.cells)
        return (
            self.dtype == other.dtype
            and all(cell in own_cells for cell in other.cells)
            and all(any(own.extends(theirs) for own in self.bisections) for theirs in other.bisections)
        )


def read_spec(path: Path) -> Spec:
    """Read and check a file.

    Raises:
        InputError: if it cannot be read, is not TOML, or has a wrong key or value; the message names the key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = "give the path of a sweep's description, see docs/sweeps.md"
        raise InputError("SPEC", "a file that can be read", str(path), remedy) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(str(path), "a TOML file", str(error), "correct that line") from error
    name = re.sub(r"[^\w.-]+", "-", path.stem).lstrip(".")[:80] or "sweep"
    return spec_of({"name": name, **content}, path.parent)


def spec_of(content: Mapping[str, Any], folder: Path = Path()) -> Spec:
    """The sweep of a description that was already read.

    Args:
        content: as read from TOML or JSON.
        folder: to which paths of tables of groups are relative.

    Raises:
        InputError: as `read_spec`.
    """
    _check_keys(content)
    content = _with_tables(content, folder)
    seeds = _seeds("seeds", content.get("seeds", 8), content.get("first_seed", 0))
    combinations, varied = _combinations(content)
    around = _around(content)
    if around is not None:
        seeds = seeds if around.seeds is None else _seeds("[bisect] seeds", around.seeds, content.get("first_seed", 0))
        for table in ("base", "grid", "list", "cases"):
            if "samples" in _keys_of(content, table):
                remedy = "remove it: the bisection chooses the sizes"
                raise InputError(f"[{table}] samples", "left out with [bisect]", "both", remedy)
    builder, cells, searches = Builder(seeds, varied), [], []
    for values in combinations:
        if around is None:
            cells.append(builder.cell(values))
        else:
            searches.append(_bisection(builder, values, around))
    return Spec(
        _name(content.get("name", "sweep")),
        known_dtype("dtype", content.get("dtype", "float32")),
        content,
        varied,
        tuple(dict.fromkeys(cells)),
        tuple(dict.fromkeys(searches)),
    )


# --- keys ----------------------------------------------------------------------------------------------


def _check_keys(content: Mapping[str, Any]) -> None:
    for key in content:
        _check_key("", key)
    for table in _TABLES:
        rows = content.get(table, {})
        if table == "cases":
            rows = content.get(table, [])
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or content.get(table) == []:
                raise InputError("cases", "a list of one or more tables", rows, "write [[cases]] above each")
        elif not isinstance(rows, dict):
            raise InputError(table, "a table", rows, f"write [{table}] above its keys")
        for key in _keys_of(content, table):
            _check_key(table, key)
    if "list" in content and "cases" in content:
        raise InputError("[list]", "left out with [[cases]]", "both", "give one of the two")


def _keys_of(content: Mapping[str, Any], table: str) -> list[str]:
    rows = content.get(table, {})
    return [key for row in (rows if table == "cases" else [rows]) for key in row]


def _check_key(table: str, key: str) -> None:
    """Refuse a key that this table does not have; name the table it belongs to, or the most similar key."""
    allowed = KEYS[table]
    if key in allowed:
        return
    place = f"[{table}] {key}" if table else key
    home = next((name for name, keys in KEYS.items() if key in keys), None)
    if home is not None:
        raise InputError(place, _place(home), _place(table), "move it there")
    all_keys, spelling = sorted({k for keys in KEYS.values() for k in keys}), key.replace("-", "_").lower()
    similar = difflib.get_close_matches(spelling, all_keys, n=1, cutoff=0.6)
    similar = similar or difflib.get_close_matches(spelling, sorted(allowed), n=1, cutoff=0.5)
    remedy = f"did you mean {similar[0]}?" if similar else f"known keys: {', '.join(sorted(allowed))}"
    raise InputError(place, "a known key", key, remedy)


def _place(table: str) -> str:
    return f"in [{table}]" if table else "at the top of the file"


def _with_tables(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The description with the path of each group's table replaced by the name and the table."""

    def read(value: Any) -> Any:
        if isinstance(value, list):
            return [read(path) for path in value]
        if isinstance(value, dict) and set(value) == {"name", "rows"}:
            return value  # it was replaced before
        if not isinstance(value, str):
            raise InputError(_CSV, "the path of a CSV file", value, 'use e.g. group_table = "z7.csv"')
        try:
            group = from_csv(folder / value)
        except InputError as error:
            raise InputError(_CSV, error.expectation, error.value, error.remedy) from error
        return {"name": group.name, "rows": group.table.tolist()}

    def inlined(row: Mapping[str, Any]) -> dict[str, Any]:
        return {key: read(value) if key == _CSV else value for key, value in row.items()}

    inlined_tables = {key: inlined(row) if isinstance(row, dict) else row for key, row in content.items()}
    return inlined_tables | ({"cases": [inlined(row) for row in content["cases"]]} if "cases" in content else {})


# --- cells ---------------------------------------------------------------------------------------------


def _combinations(content: Mapping[str, Any]) -> tuple[Iterator[dict[str, Any]], tuple[str, ...]]:
    """Flat values of every cell: each case with each combination of the grid. And the keys that vary."""
    base = content.get("base", {}) | content.get("plan", {})
    axes = {key: _points(key, axis) for key, axis in content.get("grid", {}).items()}
    cases, listed = _cases(content)
    for key in axes:
        for table, keys in (("base", content.get("base", {})), ("plan", content.get("plan", {})), (listed, cases[0])):
            if key in keys:
                raise InputError(f"[grid] {key}", f"left out of [{table}]", "both", "give it once")
    count = len(cases) * math.prod(len(values) for values in axes.values())
    if count > _MOST_CELLS:
        raise InputError("[grid]", f"of {_MOST_CELLS:,} cells at most", f"{count:,}", "take fewer values")
    varied = tuple(dict.fromkeys([*(key for case in cases for key in case), *axes]))
    return (
        base | case | dict(zip(axes, values, strict=True))
        for case in cases
        for values in itertools.product(*axes.values())
    ), varied


def _cases(content: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """Rows of [[cases]] or of [list]; one empty row if there is neither. And the name of that table."""
    if "list" not in content:
        return content.get("cases") or [{}], "[cases]"
    columns = {key: _points(key, axis) for key, axis in content["list"].items()}
    lengths = {key: len(values) for key, values in columns.items()}
    if len(set(lengths.values())) > 1:
        remedy = "one cell is made of the first values, one of the second, and so on"
        raise InputError("[list]", "columns of one length", lengths, remedy)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)] or [{}], "list"


def _points(key: str, axis: Any) -> list[Any]:
    if key == _CSV and not isinstance(axis, list):
        axis = None
    return points(key, axis, whole=is_whole(key))


def _around(content: Mapping[str, Any]) -> _Around | None:
    try:
        return _Around.model_validate(content["bisect"]) if "bisect" in content else None
    except ValidationError as error:
        problem = explain(error, _Around)
        raise InputError(f"[bisect] {problem.name}", problem.expectation, problem.value, problem.remedy) from error


def _bisection(builder: Builder, values: Mapping[str, Any], around: _Around) -> Bisection:
    """The search for one transition; sizes with a unit become numbers."""
    cell, table = builder.cell({**values, "samples": 1}), builder.table(values)
    low, high = (_size(name, size, table) for name, size in (("low", around.low), ("high", around.high)))
    most = table.rows.size - 1  # one row at least must be left to test on
    if not 1 <= low < high <= most:
        remedy = f"n goes from 1 to {most} for {table.name}"
        raise InputError("[bisect] low, high", "sizes with low < high", (around.low, around.high), remedy)
    return Bisection(
        cell.setting, cell.seeds, cell.plan, low, high, lowest=1, highest=most,
        tolerance=around.tolerance, rounds=around.rounds,
    )  # fmt: skip


def _size(name: str, value: Any, table: Table) -> int:
    try:
        size = resolved("samples", value, table)
    except InputError as error:
        raise InputError(f"[bisect] {name}", error.expectation, value, error.remedy) from error
    if isinstance(size, bool) or not isinstance(size, int):
        remedy = "a size to begin with, below or above the transition"
        raise InputError(f"[bisect] {name}", 'an integer, or e.g. "14 M" or "40%"', value, remedy)
    return size


# --- single values -------------------------------------------------------------------------------------


def _seeds(name: str, seeds: Any, first: Any) -> tuple[int, ...]:
    """A number of seeds from the first one on, or those of a list."""
    if isinstance(seeds, list) and first != 0:
        raise InputError("first_seed", "left out with a list of seeds", first, "put all seeds into the list")
    for seed in seeds if isinstance(seeds, list) else [seeds]:
        _check_seed(name, "a number of seeds, or a list of integers >= 0", seed)
    _check_seed("first_seed", "an integer >= 0", first)
    if isinstance(seeds, list) and len(set(seeds)) != len(seeds):
        raise InputError(name, "a list of different seeds", seeds, "remove repeated ones")
    if isinstance(seeds, int):
        seeds = range(first, first + min(seeds, _MOST_SEEDS + 1))
    if not 1 <= len(seeds) <= _MOST_SEEDS:
        raise InputError(name, f"1 to {_MOST_SEEDS} seeds", len(seeds), "use e.g. seeds = 8")
    return tuple(seeds)


def _check_seed(name: str, expectation: str, seed: Any) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**62:
        raise InputError(name, expectation, seed, "use e.g. seeds = 8 and first_seed = 0")


def _name(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w.-]{1,80}", value) or value.startswith("."):
        raise InputError("name", "1 to 80 letters, digits, dots, hyphens or underscores", value, "use e.g. my-sweep")
    return value
