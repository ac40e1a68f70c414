"""Tables that come with the package, in ``theory/data``: what was measured once and constants rest on."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import NamedTuple, TypeVar, get_type_hints

__all__ = ["records", "rows"]

Record = TypeVar("Record", bound=NamedTuple)


def rows(name: str) -> list[dict[str, str]]:
    """Rows of the CSV file of this name as text by column; lines that begin with # are remarks.

    Raises:
        FileNotFoundError: if there is no such file.

    Example:
        >>> rows("step.csv")[0]["group"]
        'Z23'
    """
    text = (files("twopeaks.theory.heights") / "data" / name).read_text()
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def records(name: str, kind: type[Record], empty: float = float("nan")) -> tuple[Record, ...]:
    """Rows of the CSV file of this name as named tuples, whose fields are its columns: numbers or text.

    Args:
        name: of the file.
        kind: the tuple; each field is an int, a float or a str.
        empty: what a float without text stands for.

    Raises:
        FileNotFoundError: if there is no such file.
        KeyError: if a field has no column.
        ValueError: if a number is none.
    """
    types = get_type_hints(kind)

    def value(field: str, text: str) -> object:
        return empty if types[field] is float and not text else types[field](text)

    return tuple(kind._make(value(field, row[field]) for field in kind._fields) for row in rows(name))
