"""Tables that come with the package, in ``theory/data``: what was measured once and constants rest on."""

from __future__ import annotations

import csv
from importlib.resources import files

__all__ = ["rows"]


def rows(name: str) -> list[dict[str, str]]:
    """Rows of the CSV file of this name as text by column; lines that begin with # are remarks.

    Raises:
        FileNotFoundError: if there is no such file.

    Example:
        >>> rows("step.csv")[0]["group"]
        'Z23'
    """
    text = (files("theory") / "data" / name).read_text()
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
