"""Tables of figures hold the numbers that they held: how many, their sum and the sum of their squares, by their words.

`gathered.json` beside this file has them, for every figure whose table is put together when it is drawn. After a
change that was meant, write it again:

    python -m tests.validate.figures.test_gathered
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.figure_data import col, swapped, table_of_figure
from twopeaks.validate.figures.catalogue import CATALOGUE

GATHERED = Path(__file__).with_name("gathered.json")
NAMES = [entry.name for entry in CATALOGUE if entry.numbers is not None]

Sums = dict[str, dict[str, tuple[int, float, float]]]


def sums(table: pl.DataFrame) -> Sums:
    """Words of a row -> number -> count, sum, sum of squares over the rows that have these words.

    Columns of many words (28 groups) would make as many sums as there are rows: they do not count.
    """
    every = [name for name, kind in table.schema.items() if kind == pl.String]
    words = [name for name in every if table[name].n_unique() <= 12]
    found: Sums = {}
    for key, rows in table.group_by(words, maintain_order=True):
        columns = {name: col(rows, name) for name in table.columns if name not in every}
        kept = {name: values[~np.isnan(values)] for name, values in columns.items()}
        found[" | ".join(map(str, key))] = {
            name: (len(values), *(float(f"{part:.6g}") for part in (values.sum(), (values**2).sum())))
            for name, values in kept.items()
        }
    return found


def changed(table: pl.DataFrame, known: Sums) -> bool:
    """Whether the table has other words in another order, or other numbers."""
    new = sums(table)
    if list(new) != list(known):
        return True
    return any(list(new[key][name]) != pytest.approx(known[key][name], rel=1e-4) for key in new for name in new[key])


@pytest.mark.parametrize("name", NAMES)
def test_the_table_of_a_figure_has_the_numbers_that_it_had(name: str) -> None:
    known: Sums = json.loads(GATHERED.read_text(encoding="utf-8"))[name]
    assert not changed(table_of_figure(name), known)


@pytest.mark.parametrize(
    ("name", "a", "b", "column"),
    [
        ("two-peaks", "memorising", "generalising", "series"),
        ("predicted-n-c", "measured", "predicted", ""),
        ("predicted-t-grok", "clock", "flow", "predictor"),
        ("growth", "low", "high", ""),
        ("ascents", "localised", "irrep", "kind"),
    ],
)
def test_a_swap_in_a_table_is_seen(name: str, a: str, b: str, column: str) -> None:
    known: Sums = json.loads(GATHERED.read_text(encoding="utf-8"))[name]
    assert changed(swapped(table_of_figure(name), a, b, column), known)


if __name__ == "__main__":
    every = {name: sums(table_of_figure(name)) for name in NAMES}
    lines = [
        f'  "{name}": {{\n'
        + ",\n".join(f"    {json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items())
        + "\n  }"
        for name, rows in every.items()
    ]
    GATHERED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
