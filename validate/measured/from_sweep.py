"""Measured cells from a sweep's folder: n_c of each group of cells, times and accuracy of each cell. No torch here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import Spec
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting
from twopeaks.validate.measured.cell import Measured, Quantity, at_half
from twopeaks.validate.measured.rates import Rate
from twopeaks.validate.measured.results import Part, parts
from twopeaks.validate.measured.series import Series, name_of, order_of, series
from twopeaks.validate.measured.statistics import bootstrap_interval, resampled

__all__ = ["Median", "measured_sweep", "median_of", "to_measure"]

Floats = NDArray[np.float64]

_RESAMPLES, _SEED = 2000, 0


@dataclass(frozen=True)
class Median:
    """Of times some of which are later than the budget.

    Attributes:
        value: None if the median itself is later.
        low, high: 95% bootstrap interval over seeds; an end that is later than the budget is None.
    """

    value: float | None
    low: float | None
    high: float | None


def median_of(times: Sequence[int | None]) -> Median:
    """Median over seeds with a percentile bootstrap; a time of None is later than every other.

    Args:
        times: one a seed, one at least. A single one has no interval.
    """
    known = np.array([math.inf if t is None else t for t in times], dtype=np.float64)
    value = _finite(_middle(known[None])[0])
    if len(known) < 2:
        return Median(value, None, None)
    medians = np.sort(resampled(len(known), lambda places: _middle(known[places]), _RESAMPLES, _SEED))
    low, high = (_finite(medians[round(q * (_RESAMPLES - 1))]) for q in (0.025, 0.975))
    return Median(value, low, high)


def measured_sweep(
    folder: SweepFolder, *, accuracy: bool = False, controls: bool = True
) -> tuple[list[Measured], list[str]]:
    """Everything that a sweep has measured so far, and sentences on runs that cannot be read.

    t_mem and t_grok are known to a recorded step: their intervals begin at the record before.

    Args:
        folder: of the sweep.
        accuracy: whether the test accuracy of each cell is among it.
        controls: whether runs that were recorded at their ends alone are.
    """
    damaged: list[InputError] = []
    stored = [part for part in parts(folder, damaged.append) if controls or part.plan.every < part.plan.steps]
    by_cell: dict[tuple[str, str], list[Part]] = {}
    by_series: dict[str, list[Part]] = {}
    for part in stored:
        if part.setting.task.labels == "true":
            by_series.setdefault(name_of(part.setting, part.plan), []).append(part)
        by_cell.setdefault((part.setting.content_id, part.plan.model_dump_json()), []).append(part)
    all_sizes = series(part.outcome for part in stored)
    several_sizes = [sizes for sizes in all_sizes if sizes.name in by_series and len(sizes.rates) > 1]
    source = str(folder.root)
    cells = [_size(sizes, by_series[sizes.name], source) for sizes in several_sizes]
    ordered = sorted(by_cell.values(), key=lambda group: order_of(group[0].setting, group[0].plan))
    cells += [_time(quantity, group, source) for group in ordered for quantity in _times(group[0].setting)]
    if accuracy:
        cells += [_accuracy(group, source) for group in ordered if _testable(group[0].setting) and _finals(group)]
    return cells, [str(error) for error in damaged]


def to_measure(spec: Spec, *, accuracy: bool = False) -> list[Measured]:
    """What a sweep would measure, in the same form with nothing known: for predictions before it runs.

    Args:
        spec: of the sweep.
        accuracy: whether the test accuracy of each cell is among it.
    """
    by_series: dict[str, list[Cell]] = {}
    for cell in spec.cells:
        by_series.setdefault(name_of(cell.setting, cell.plan), []).append(cell)
    several = [group[0] for group in by_series.values() if len({cell.setting.task.samples for cell in group}) > 1]
    sizes = [(cell.setting, cell.plan) for cell in several] + [(cell.setting, cell.plan) for cell in spec.bisections]
    cells = [_unknown("n_c", at_half(setting), plan) for setting, plan in sizes if setting.task.labels == "true"]
    cells += [_unknown(quantity, cell.setting, cell.plan) for cell in spec.cells for quantity in _times(cell.setting)]
    tested = [cell for cell in spec.cells if accuracy and _testable(cell.setting)]
    return cells + [_unknown("test_accuracy", cell.setting, cell.plan) for cell in tested]


def _unknown(quantity: Quantity, setting: Setting, plan: Plan) -> Measured:
    return Measured(quantity, setting, None, None, None, None, plan.steps, None)


def _times(setting: Setting) -> tuple[Quantity, ...]:
    return ("t_mem", "t_grok") if _testable(setting) else ("t_mem",)


def _testable(setting: Setting) -> bool:
    """Without a rule, or rows left to test, nothing can be generalised to."""
    return setting.task.samples < setting.task.table_of().rows.size and setting.task.labels == "true"


def _size(sizes: Series, stored: Sequence[Part], source: str) -> Measured:
    point, (below, above) = sizes.point, sizes.bracket
    bracket = f"bracket {'?' if below is None else below} to {'?' if above is None else above}"
    return Measured(
        "n_c",
        at_half(sizes.setting),
        point.value,
        None if point.low is None else max(point.low, 1.0),  # a fit may go on below the smallest size there is
        point.high,
        seeds=max(count for _, count in sizes.rates.values()),
        budget=sizes.plan.steps,
        seconds_of_training=_seconds(stored),
        note=f"{bracket}; grokked {sizes.text}",
        source=source,
        rates=tuple(Rate(n, grokked, members) for n, (grokked, members) in sizes.rates.items()),
    )


def _time(quantity: Quantity, stored: Sequence[Part], source: str) -> Measured:
    setting, plan = stored[0].setting, stored[0].plan
    times = [time for part in stored for time in part.columns[quantity]]
    ends = [end for part in stored for end in part.columns["end"]]
    if quantity == "t_grok":  # one that diverges has no solution, whatever it reached before
        times = [None if end == "diverged" else time for time, end in zip(times, ends, strict=True)]
    median, late, diverged = median_of(times), times.count(None), ends.count("diverged")
    notes = [f"{late} of {len(times)} later than the budget"] * bool(late) + [f"{diverged} diverged"] * bool(diverged)
    low = _record_before(plan, median.low) if median.value is not None else float(plan.steps)
    return Measured(
        quantity,
        setting,
        median.value,
        low,
        None if median.value is None else median.high,
        seeds=len(times),
        budget=plan.steps,
        seconds_of_training=_seconds(stored),
        note="; ".join(notes),
        source=source,
        late=late,
    )


def _accuracy(stored: Sequence[Part], source: str) -> Measured:
    """Mean over seeds of the last recorded test accuracy, with a percentile bootstrap; who diverged has none."""
    shares = np.array(_finals(stored), dtype=np.float64)
    low, high = bootstrap_interval(shares, lambda drawn: drawn.mean(axis=1), _RESAMPLES, _SEED)
    ends = [end for part in stored for end in part.columns["end"]]
    early, diverged = ends.count("patience"), len(ends) - len(shares)
    notes = [f"{early} of {len(ends)} stopped after they had grokked, before the budget"] * bool(early)
    notes += [f"{diverged} diverged, left out"] * bool(diverged)
    value = float(shares.mean())
    return Measured(
        "test_accuracy",
        stored[0].setting,
        value,
        None if low is None else min(low, value),  # of equal shares the mean may round to another number
        None if high is None else max(high, value),
        seeds=len(shares),
        budget=stored[0].plan.steps,
        seconds_of_training=_seconds(stored),
        note="; ".join(notes),
        source=source,
    )


def _finals(stored: Sequence[Part]) -> list[float]:
    """Last test accuracy of every member that did not diverge."""
    members = [zip(part.columns["final_test_accuracy"], part.columns["end"], strict=True) for part in stored]
    return [share for part in members for share, end in part if end != "diverged" and share is not None]


def _record_before(plan: Plan, step: float | None) -> float | None:
    if step is None:
        return None
    steps = plan.record_steps()
    return float(steps[max(int(np.searchsorted(steps, step)) - 1, 0)])


def _seconds(stored: Sequence[Part]) -> float:
    return round(float(sum(seconds for part in stored for seconds in part.columns["seconds"])), 3)


def _middle(times: Floats) -> Floats:
    """(..., S) -> (...): the median, the mean of the two in the middle where there are two."""
    ordered = np.sort(times, axis=-1)
    count = times.shape[-1]
    middle: Floats = (ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2
    return middle


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
