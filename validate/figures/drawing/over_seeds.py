"""What figures of trained networks have in common: the cells of a sweep, and the middle and spread over its seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twopeaks.sim.storage.records import Records, concatenate
from twopeaks.sim.storage.store import load
from twopeaks.sim.sweep.flat import flat
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.theory.errors import InputError
from twopeaks.validate.figures.drawing.tables import Floats

__all__ = ["Cell", "Summary", "cells", "mean_of", "quantiles_of", "rounded"]

_RESAMPLES = 2000
#: What part of the members lies beyond either end of a band.
_TAIL = 0.1


@dataclass(frozen=True)
class Cell:
    """All members of a setting with a plan, however they were cut into runs.

    Attributes:
        fields: of the setting and the plan, by their flat names.
        records: curves, by seed.
    """

    fields: Mapping[str, Any]
    records: Records


@dataclass(frozen=True)
class Summary:
    """One number and the ends of its interval; NaN where there is none."""

    value: float
    low: float
    high: float


def cells(folder: Path) -> list[Cell]:
    """Every cell of a sweep, in the order of its description.

    Raises:
        InputError: if one of them was not trained, or a run is damaged.
    """
    sweep = SweepFolder(folder)
    stored: dict[tuple[str, str], dict[int, Records]] = {}
    for path in sweep.stored():
        run = load(path)
        members = stored.setdefault((run.setting.content_id, run.plan.model_dump_json()), {})
        members.update({int(seed): run.records.some([e]) for e, seed in enumerate(run.records.seeds)})
    complete = []
    for cell in sweep.spec().cells:
        members = stored.get((cell.setting.content_id, cell.plan.model_dump_json()), {})
        if not set(cell.seeds) <= set(members):
            remedy = f"`twopeaks sweep --resume --out {folder}` trains what is left"
            raise InputError("--store", "a sweep that was trained to its end", folder, remedy)
        fields = flat(cell.setting, cell.plan)
        complete.append(Cell(fields, concatenate([members[seed] for seed in cell.seeds])))
    return complete


def quantiles_of(values: Floats) -> list[Summary]:
    """Median and the quantiles 10% and 90% over members, (E, R) -> R; numbers that are not finite do not count."""
    return [_quantiles(column[np.isfinite(column)]) for column in values.T]


def _quantiles(values: Floats) -> Summary:
    if not values.size:
        return Summary(np.nan, np.nan, np.nan)
    low, middle, high = np.quantile(values, [_TAIL, 0.5, 1 - _TAIL])
    return Summary(float(middle), float(low), float(high))


def mean_of(values: Floats) -> Summary:
    """Mean over members with its 95% percentile bootstrap; members whose number is not finite do not count."""
    from twopeaks.validate.measured.statistics import bootstrap_interval

    known = values[np.isfinite(values)]
    if not known.size:
        return Summary(np.nan, np.nan, np.nan)
    low, high = bootstrap_interval(known, lambda draws: np.asarray(draws.mean(axis=1)), _RESAMPLES)
    value = float(known.mean())
    return Summary(value, np.nan if low is None else low, np.nan if high is None else high)


def rounded(summary: Summary) -> dict[str, float | None]:
    """Columns value, low and high of a table, to five digits; nothing where there is no number."""
    return {key: float(f"{number:.5g}") if np.isfinite(number) else None for key, number in vars(summary).items()}
