"""A sweep as a file: TOML in, a checked list of cells out. No torch here.

Its keys are the names of the fields of a setting and a plan, which are the options of ``twopeaks train`` too. The page
docs/sweeps.md shows all of it.
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

#: A grid of more cells is refused before any of them is made.
_MOST_CELLS = 200_000
_MOST_SEEDS = 100_000

_TABLES = ("base", "plan", "grid", "list", "cases", "bisect")
_TOP = ("name", "seeds", "first_seed", "dtype", *_TABLES)
#: A path to a CSV file; it becomes `Task.group` and `Task.table`.
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
    """What a sweep is to do.

    Attributes:
        name: of the sweep.
        dtype: arithmetic of parameters and gradients.
        content: all that was given, with tables of groups in place of the paths to their files.
        varied: names of the fields that differ among the cells.
        cells: what is to be trained, if no transition is looked for.
        bisections: where transitions are looked for.
    """

    name: str
    dtype: DTypeName
    content: Mapping[str, Any]
    varied: tuple[str, ...]
    cells: tuple[Cell, ...]
    bisections: tuple[Bisection, ...]

    @cached_property
    def digest(self) -> str:
        """16 hex digits that tell sweeps apart by what they train, not by how their file is written."""
        hashing = hashlib.sha256(self.dtype.encode())
        parts: list[Cell | Bisection] = [*self.cells, *self.bisections]
        for part in parts:
            numbers = {k: v for k, v in vars(part).items() if k not in ("setting", "plan")}
            identity = [part.setting.content_id, part.plan.model_dump(), numbers]
            hashing.update(json.dumps(identity, sort_keys=True).encode())
        return hashing.hexdigest()[:16]

    def covers(self, other: Spec) -> bool:
        """Whether everything that the other trains is trained here, in the same arithmetic."""
        here = set(self.cells)
        return (
            self.dtype == other.dtype
            and all(cell in here for cell in other.cells)
            and all(any(mine.extends(theirs) for mine in self.bisections) for theirs in other.bisections)
        )


def read_spec(path: Path) -> Spec:
    """Read and check a file.

    Raises:
        InputError: if it cannot be read, is no TOML, or says something that cannot be; its message names the key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = "give the path of a sweep's description, see docs/sweeps.md"
        raise InputError("SPEC", "a file that can be read", str(path), remedy) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(str(path), "a TOML file", str(error), "mend that line") from error
    name = re.sub(r"[^\w.-]+", "-", path.stem).lstrip(".")[:80] or "sweep"
    return spec_of({"name": name, **content}, path.parent)


def spec_of(content: Mapping[str, Any], folder: Path = Path()) -> Spec:
    """The same from what a file holds.

    Args:
        content: as TOML or JSON gives it.
        folder: where paths to tables of groups begin.

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
        taken = [table for table in ("base", "grid", "list", "cases") if "samples" in _keys_of(content, table)]
        if taken:
            raise InputError(f"[{taken[0]}] samples", "left out with [bisect]", "given", "the sizes are looked for")
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
                raise InputError("cases", "a list of tables, one at least", rows, "write [[cases]] above each")
        elif not isinstance(rows, dict):
            raise InputError(table, "a table", rows, f"write [{table}] above its keys")
        for key in _keys_of(content, table):
            _check_key(table, key)
    if "list" in content and "cases" in content:
        raise InputError("[list]", "left out with [[cases]]", "given", "give one of the two")


def _keys_of(content: Mapping[str, Any], table: str) -> list[str]:
    rows = content.get(table, {})
    return [key for row in (rows if table == "cases" else [rows]) for key in row]


def _check_key(table: str, key: str) -> None:
    """Refuse a key that is not one of this table, with the place it belongs to or the nearest right one."""
    allowed = KEYS[table]
    if key in allowed:
        return
    place = f"[{table}] {key}" if table else key
    home = next((f"[{t}]" if t else "the top of the file" for t, keys in KEYS.items() if key in keys), None)
    if home is not None:
        here = f"[{table}]" if table else "the top of the file"
        raise InputError(place, f"left out of {here}", "given", f"move it to {home}")
    everywhere, said = sorted({k for keys in KEYS.values() for k in keys}), key.replace("-", "_").lower()
    near = difflib.get_close_matches(said, everywhere, n=1, cutoff=0.6)
    near = near or difflib.get_close_matches(said, sorted(allowed), n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(sorted(allowed))}"
    raise InputError(place, "a known key", "an unknown one", remedy)


def _with_tables(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same with each path to a group's table replaced by that group's name and table."""

    def read(value: Any) -> Any:
        if isinstance(value, list):
            return [read(one) for one in value]
        if isinstance(value, dict) and set(value) == {"name", "rows"}:
            return value  # it was read before
        if not isinstance(value, str):
            raise InputError(_CSV, "the path of a CSV file", value, 'use e.g. group_table = "z7.csv"')
        try:
            group = from_csv(folder / value)
        except InputError as error:
            raise InputError(_CSV, error.expectation, error.value, error.remedy) from error
        return {"name": group.name, "rows": group.table.tolist()}

    def inlined(row: Mapping[str, Any]) -> dict[str, Any]:
        return {key: read(value) if key == _CSV else value for key, value in row.items()}

    found = {key: inlined(row) if isinstance(row, dict) else row for key, row in content.items()}
    return found | ({"cases": [inlined(row) for row in content["cases"]]} if "cases" in content else {})


# --- cells ---------------------------------------------------------------------------------------------


def _combinations(content: Mapping[str, Any]) -> tuple[Iterator[dict[str, Any]], tuple[str, ...]]:
    """Flat values of every cell, and the keys that vary: every case with every combination of the grid."""
    base = content.get("base", {}) | content.get("plan", {})
    axes = {key: _points(key, axis) for key, axis in content.get("grid", {}).items()}
    cases, listed = _cases(content)
    for key in axes:
        for table, keys in (("base", content.get("base", {})), ("plan", content.get("plan", {})), (listed, cases[0])):
            if key in keys:
                raise InputError(f"[grid] {key}", f"left out of [{table}]", "given in both", "give it once")
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
    """Rows of [[cases]], or of the columns of [list]; one empty row if there is neither. And the table's name."""
    if "list" not in content:
        return content.get("cases") or [{}], "[cases]"
    columns = {key: _points(key, axis) for key, axis in content["list"].items()}
    lengths = {key: len(values) for key, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError("[list]", "columns of one length", lengths, "the first values belong together, and so on")
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
    """One transition to look for; sizes with a unit are made numbers."""
    cell, table = builder.cell({**values, "samples": 1}), builder.table(values)
    low, high = (_size(name, size, table) for name, size in (("low", around.low), ("high", around.high)))
    most = table.rows.size - 1  # where every row is trained on, nothing is left to test
    if not 1 <= low < high <= most:
        remedy = f"n goes from 1 to {most} for {table.name}"
        raise InputError("[bisect] low, high", "sizes with low < high", (around.low, around.high), remedy)
    return Bisection(
        cell.setting, cell.seeds, cell.plan, low, high, lowest=1, highest=most,
        tolerance=around.tolerance, rounds=around.rounds,
    )  # fmt: skip


def _size(name: str, given: Any, table: Table) -> int:
    try:
        size = resolved("samples", given, table)
    except InputError as error:
        raise InputError(f"[bisect] {name}", error.expectation, given, error.remedy) from error
    if isinstance(size, bool) or not isinstance(size, int):
        remedy = "a size to begin with, below or above the transition"
        raise InputError(f"[bisect] {name}", 'an integer, or e.g. "14 M" or "40%"', given, remedy)
    return size


# --- single values -------------------------------------------------------------------------------------


def _seeds(name: str, given: Any, first: Any) -> tuple[int, ...]:
    """So many seeds from the first one on, or those of a list."""
    if isinstance(given, list) and first != 0:
        raise InputError("first_seed", "left out with a list of seeds", first, "put them all into the list")
    for key, value in [(name, one) for one in (given if isinstance(given, list) else [given])] + [
        ("first_seed", first)
    ]:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
            what = "an integer >= 0" if key == "first_seed" else "a number of seeds, or a list of integers >= 0"
            raise InputError(key, what, value, "use e.g. seeds = 8 and first_seed = 0")
    if isinstance(given, list) and len(set(given)) != len(given):
        raise InputError(name, "a list of different seeds", given, "leave out what is there twice")
    if isinstance(given, int):
        given = range(first, first + min(given, _MOST_SEEDS + 1))
    if not 1 <= len(given) <= _MOST_SEEDS:
        raise InputError(name, f"1 to {_MOST_SEEDS} seeds", len(given), "use e.g. seeds = 8")
    return tuple(given)


def _name(given: Any) -> str:
    if not isinstance(given, str) or not re.fullmatch(r"[\w.-]{1,80}", given) or given.startswith("."):
        raise InputError("name", "1 to 80 letters, digits, dots, hyphens or underscores", given, "use e.g. my-sweep")
    return given
