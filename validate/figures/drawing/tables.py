"""Tables of numbers that figures are drawn from: read, cut, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from twopeaks.theory.errors import InputError

__all__ = ["AGAIN", "Floats", "Row", "committed", "intervals", "medians", "numbers", "part", "read_table", "table_of"]

#: Numbers.
Floats = NDArray[np.float64]
#: A row of a table: words, numbers, and None for what is not there.
Row = dict[str, str | float | None]
#: Remedy for a damaged table.
AGAIN = "take the committed ones again"


def read_table(path: Path) -> pl.DataFrame:
    """A table of numbers for a figure.

    Raises:
        InputError: if it cannot be read as CSV, or a number in it is not finite (one that is missing is left empty).
    """
    try:
        table = pl.read_csv(path, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(str(path), "a CSV file of numbers", reason, AGAIN) from error
    for column in table.select(pl.col(pl.Float64)):
        if not column.drop_nulls().is_finite().all():
            raise InputError(f"{path}, {column.name}", "finite numbers", "NaN or infinity", AGAIN)
    return table


def committed(results: Path, folder: str, quantity: str, file: str = "measured.csv") -> pl.DataFrame:
    """Rows of one quantity in a table of committed results."""
    return part(read_table(results / folder / file), quantity=quantity)


def part(table: pl.DataFrame, **wanted: str) -> pl.DataFrame:
    """Rows that have these words in these columns, in the order of the table."""
    return table.filter(*(pl.col(name) == word for name, word in wanted.items()))


def numbers(table: pl.DataFrame, name: str) -> Floats:
    """A column as numbers; NaN where there is none."""
    return table[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def intervals(table: pl.DataFrame, name: str = "value") -> tuple[Floats, Floats, Floats]:
    """A column with the columns ``low`` and ``high``; an open end is at the value itself."""
    value, low, high = (numbers(table, column) for column in (name, "low", "high"))
    return value, np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high)


def table_of(rows: Sequence[Mapping[str, str | float | None]], words: Sequence[str]) -> pl.DataFrame:
    """A table of words and numbers; a number that is missing or not finite is left empty.

    Args:
        rows: columns of each, all the same.
        words: columns that are not numbers.
    """
    schema = {name: pl.String() if name in words else pl.Float64() for name in rows[0]}
    return pl.DataFrame(rows, schema=schema, strict=False).with_columns(
        pl.col(name).fill_nan(None) for name, kind in schema.items() if isinstance(kind, pl.Float64)
    )


def medians(errors: Sequence[float]) -> Row:
    """Columns of a table: median of absolute errors, its interval over cells, the worst, and how many cells."""
    from twopeaks.validate.scores.ranking import median_interval

    sizes = np.abs(np.array(errors, dtype=np.float64))
    low, high = median_interval(sizes)
    median, worst = float(np.median(sizes)), float(sizes.max())
    return {"error": median, "low": low, "high": high, "worst": worst, "cells": float(len(sizes))}
