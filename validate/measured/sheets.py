"""CSV files with a header, as people and spreadsheets write them: rows in, checked values out. No torch here."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twopeaks.sim.sweep.flat import SETTING
from twopeaks.theory.errors import InputError

__all__ = ["FIELDS", "Row", "Sheet", "digest", "read_sheet"]

#: Columns that say which setting a row is about: keys of a sweep's description, without a group's own table.
FIELDS: frozenset[str] = frozenset(SETTING) - {"table"}

#: So near to the name of a column a heading is a slip, not a column of something else.
_SLIP = 0.8

#: Fields that hold several numbers.
_SEVERAL = frozenset({"parity", "ns_coefficients"})

_EMPTY = "leave it empty where there is none"
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Row:
    """One row: column -> text, empty cells left out.

    Attributes:
        place: file and line, for messages.
    """

    place: str
    texts: Mapping[str, str]

    def number(self, column: str, *, zero: bool = False) -> float | None:
        """A finite positive number, or zero where that is allowed; None where there is none.

        Raises:
            InputError: if it is something else.
        """
        text = self.texts.get(column)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and (value > 0 or (zero and value == 0))):
            raise self.refused(column, f"a {'' if zero else 'positive '}number{', 0 or more' * zero}", text, _EMPTY)
        return value

    def whole(self, column: str, *, zero: bool = False) -> int | None:
        """The same for a whole number.

        Raises:
            InputError: if it is something else.
        """
        value = self.number(column, zero=zero)
        if value is not None and value != int(value):
            raise self.refused(column, "a whole number", self.texts[column], _EMPTY)
        return None if value is None else int(value)

    def flag(self, column: str, *, default: bool) -> bool:
        """True or false, yes or no, 1 or 0.

        Raises:
            InputError: if it is something else.
        """
        text = self.texts.get(column)
        if text is None:
            return default
        if text.lower() not in _FLAGS:
            raise self.refused(column, "true or false", text, "leave it empty for the default")
        return _FLAGS[text.lower()]

    def fields(self) -> dict[str, Any]:
        """Fields of the setting that are given, as a sweep's description would have them."""
        return {key: _value(key, text) for key, text in self.texts.items() if key in FIELDS}

    def refused(self, column: str, expectation: str, value: object, remedy: str) -> InputError:
        """The error of one cell."""
        return InputError(f"{self.place}, {column}", expectation, value, remedy)


@dataclass(frozen=True)
class Sheet:
    """A file of rows.

    Attributes:
        rows: one at least.
        columns: its header.
        unused: columns that mean nothing here.
    """

    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    unused: tuple[str, ...]


def read_sheet(path: Path, known: Collection[str]) -> Sheet:
    """Read a CSV file.

    Args:
        path: of the file, UTF-8, with a header.
        known: columns that have a meaning, besides the fields of settings.

    Raises:
        InputError: if it cannot be read, has no rows, columns with slips in their names, or rows of another length.
    """
    lines = _lines(path)
    header = tuple(name.strip() for name in lines[0][1])
    known = set(known) | FIELDS
    for name in header:
        if header.count(name) > 1:
            raise InputError(f"{path}, header", "of different columns", name, "rename one of the two")
        near = difflib.get_close_matches(name, known, n=1, cutoff=_SLIP)
        if name not in known and near:
            raise InputError(f"{path}, header", "of known columns", name, f"did you mean {near[0]}?")
    rows = []
    for number, cells in lines[1:]:
        if len(cells) != len(header):
            remedy = f"the header has {len(header)} columns"
            raise InputError(f"{path}, line {number}", "as long as the header", f"{len(cells)} cells", remedy)
        texts = {name: text.strip() for name, text in zip(header, cells, strict=True) if text.strip()}
        rows.append(Row(f"{path}, line {number}", texts))
    if not rows:
        raise InputError(
            str(path), "a CSV file with a header and one row at least", "no rows", "see docs/scoreboard.md"
        )
    return Sheet(tuple(rows), header, tuple(name for name in header if name not in known))


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _lines(path: Path) -> Sequence[tuple[int, list[str]]]:
    """(line number, cells) of every line that is not blank, the header first."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.reader(io.StringIO(text), strict=True)
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise InputError(str(path), "a file that can be read", reason, "give the path of a CSV file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(str(path), "a CSV file in UTF-8", str(error), "mend that, see docs/scoreboard.md") from error
    if not lines:
        raise InputError(str(path), "a CSV file with a header", "an empty file", "see docs/scoreboard.md")
    return lines


def _value(key: str, text: str) -> Any:
    """A number, true or false, several numbers where the field holds them, or the text."""
    if key in _SEVERAL:
        return [_value("", part.strip()) for part in text.split(",")]
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
