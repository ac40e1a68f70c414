"""Measured cells written down: a CSV that `validate.measured.from_csv` reads again, and beside it where they came from.

The text depends on the cells alone: not on the order in which they were trained, nor on paths or the time of day.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.storage.store import manifest_of
from twopeaks.sim.sweep.flat import SETTING, default, flat
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import SCHEMA
from twopeaks.validate.measured.cell import Measured, ordered
from twopeaks.validate.measured.files import write, write_json
from twopeaks.validate.measured.rates import rates_text
from twopeaks.validate.measured.sheets import digest
from twopeaks.validate.measured.sources import Sources

__all__ = ["measured_table", "provenance", "write_measured"]

#: Columns after the fields of the setting.
_MEASURED = ("quantity", "value", "low", "high", "censored", "seeds", "steps", "seconds", "note", "rates", "late")
#: Columns before other fields; they are given for every cell, since their defaults go with the table.
_FIRST = ("group", "samples", "width")
#: What goes with a field's value has another default for it: these are given as well.
_DEPENDING: dict[tuple[str, str], str] = {("optimizer", "muon"): "momentum", ("schedule", "cosine"): "decay_steps"}


def measured_table(cells: Sequence[Measured]) -> str:
    """CSV: fields of the setting that differ somewhere from their default, then what was measured, every digit of it.

    Args:
        cells: measured; one row each, in the order of `twopeaks.validate.measured.cell.ordered`.

    Raises:
        InputError: if a cell is about a group that has a table and no name: no column holds tables.
    """
    cells = ordered(cells)
    rows = [_fields(cell) for cell in cells]
    used = {name for row in rows for name in row}
    fields = [name for name in (*_FIRST, *(name for name in SETTING if name not in _FIRST)) if name in used]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*fields, *_MEASURED], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, **_measured(cell)} for row, cell in zip(rows, cells, strict=True))
    return text.getvalue()


def write_measured(path: Path, cells: Sequence[Measured], sources: Sources) -> Path:
    """Write the CSV and, beside it, a JSON of `provenance`; returns the path of the latter.

    Raises:
        InputError: if a file is there that this did not write, it cannot be written, or as `measured_table`.
    """
    beside = path.with_suffix(".json")
    if path.suffix != ".csv":
        raise InputError("--write-measured", "a file .csv", str(path), "give it this ending")
    if (path.exists() or beside.exists()) and not _ours(path, beside):
        existing = str(path if path.exists() else beside)
        expectation = "a file that is not there yet, or is as this command wrote it"
        raise InputError("--write-measured", expectation, existing, "give another name, or move it away")
    table, origin = measured_table(cells), provenance(sources)
    try:
        write(path, table)
        write_json(beside, {**origin, "sha256": digest(path)})
    except OSError as error:
        raise InputError("--write-measured", "a file that can be written", str(path), str(error.strerror)) from error
    return beside


def provenance(sources: Sources) -> dict[str, Any]:
    """Where cells came from, without paths, names of machines and dates: the same call in another place says the same.

    Returns:
        ``schema``; ``sweeps``: of each its name, the digest of what it trains, how many runs are stored, with which
        versions, devices and arithmetic; ``files``: name and SHA-256 of each CSV.
    """
    files = [path for path in sources.paths if path.suffix == ".csv"]
    return {
        "schema": SCHEMA,
        "sweeps": [
            {"name": spec.name, "digest": spec.digest, "dtype": spec.dtype, **_trained(folder)}
            for spec, folder in sources.sweeps()
        ],
        "files": {path.name: digest(path) for path in files},
    }


def _trained(folder: SweepFolder) -> dict[str, Any]:
    """Under which conditions the runs of a folder were trained; several where they differ."""
    stored = folder.stored()
    manifests = [manifest_of(path) for path in stored]
    conditions = [{**run["versions"], "device": run["runtime"]["device"].partition(":")[0]} for run in manifests]
    names = sorted({name for run in conditions for name in run})
    return {"runs": len(stored), **{name: sorted({run[name] for run in conditions if name in run}) for name in names}}


def _ours(path: Path, beside: Path) -> bool:
    """Whether both files are there as `write_measured` left them."""
    try:
        return bool(json.loads(beside.read_text(encoding="utf-8"))["sha256"] == digest(path))
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _fields(cell: Measured) -> dict[str, str]:
    """Fields as a row has them: those that are not at their default, and those whose default goes with others."""
    if cell.setting.task.table is not None:
        remedy = "name the group, as SmallGroup(16,3) does, or keep the sweep's folder"
        raise InputError("--write-measured", "given for groups with a name", cell.setting.task.name, remedy)
    values = {name: x for name, x in flat(cell.setting, Plan(steps=1, every=1)).items() if name in SETTING}
    if cell.quantity == "n_c":
        del values["samples"]
    if not cell.setting.task.has_group:
        del values["group"]
    always = {*_FIRST, *(other for (name, value), other in _DEPENDING.items() if values[name] == value)}
    return {name: _text(x) for name, x in values.items() if name in always or x != default(name)}


def _measured(cell: Measured) -> Mapping[str, str]:
    values = (cell.value, cell.low, cell.high, True if cell.censored else None, cell.seeds, cell.budget)
    texts = (cell.quantity, *values, cell.seconds_of_training, cell.note, rates_text(cell.rates), cell.late)
    return dict(zip(_MEASURED, map(_text, texts), strict=True))


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
