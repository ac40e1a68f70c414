"""From measured cells and predictions to the records of the explorer: one for each group of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.bisect import resized
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.rivals import RIVALS
from twopeaks.theory.setting import Setting
from twopeaks.validate.measured.cell import Measured, at_half
from twopeaks.validate.measured.rates import Rate
from twopeaks.validate.measured.statistics import rate_interval
from twopeaks.validate.pages.explorer.commands import predict_line, scored_line, train_line
from twopeaks.validate.pages.explorer.data import Claimed, Curves, Fate, Shown, Spot
from twopeaks.validate.pages.explorer.labels import colour_of, label_of
from twopeaks.validate.pages.explorer.theory_curves import accuracy_over, grid, mountains, spot
from twopeaks.validate.scores.board import judge
from twopeaks.validate.scores.words import error, measured

__all__ = ["Series", "as_shown", "found_series", "unmeasured"]

#: Seeds of a source that says how many but not which: those that every command counts from 0.
_FIRST_SEED = 0


@dataclass(frozen=True)
class Series:
    """Measured cells of networks that differ in their size alone.

    Attributes:
        setting: with half of all rows.
        budget: steps; None if the source does not say.
        size: n_c, with nothing known where it was not measured.
        cells: of each size, by quantity.
    """

    setting: Setting
    budget: int | None
    size: Measured
    cells: Mapping[int, Mapping[str, Measured]]

    @property
    def is_measured(self) -> bool:
        """Whether n_c was."""
        return bool(self.size.source)


def unmeasured(setting: Setting, budget: int | None) -> Measured:
    """A cell of n_c of which nothing is known."""
    return Measured("n_c", at_half(setting), None, None, None, None, budget, None)


def found_series(cells: Sequence[Measured]) -> list[Series]:
    """Cells put together, in their order; labels at random, which have no n_c, left out."""
    by: dict[tuple[str, int | None], list[Measured]] = {}
    for cell in cells:
        if cell.setting.task.labels == "true":
            by.setdefault((at_half(cell.setting).content_id, cell.budget), []).append(cell)
    return [_series(found) for found in by.values()]


def _series(cells: Sequence[Measured]) -> Series:
    setting, budget = at_half(cells[0].setting), cells[0].budget
    size = next((cell for cell in cells if cell.quantity == "n_c"), unmeasured(setting, budget))
    sizes: dict[int, dict[str, Measured]] = {}
    for cell in cells:
        if cell.quantity != "n_c":
            sizes.setdefault(cell.setting.task.samples, {})[cell.quantity] = cell
    return Series(setting, budget, size, dict(sorted(sizes.items())))


def as_shown(
    one: Series,
    name: str,
    said: Mapping[str, Prediction],
    origins: Mapping[str, str],
    sources: Sequence[str],
    curves: tuple[Curves, ...],
) -> Shown:
    """Everything the page shows of a group.

    Args:
        one: its cells.
        name: of the group.
        said: predictions of n_c, by predictor.
        origins: predictor -> where its prediction was read; empty text where it was computed.
        sources: as the command was given them.
        curves: of chosen networks.
    """
    task, fates = one.setting.task.table_of(), _fates(one)
    sizes = [fate.samples for fate in fates]
    centre = _centre(one, said, sizes)
    n = grid(task.rows.size, centre, sizes)
    return Shown(
        name,
        task.classes,
        task.rows.size,
        one.setting.conventions,
        _network(one.setting),
        one.budget,
        Spot(one.size.value, one.size.low, one.size.high, measured(one.size)) if one.is_measured else None,
        one.size.source,
        one.size.note,
        scored_line(sources, "n_c") if one.is_measured else "",
        n,
        max(round(n[0]), round(0.8 * centre)),
        mountains(one.setting, said, n),
        tuple(
            _claimed(one, said[who], origins.get(who, ""))
            for who in sorted(said, key=lambda who: said[who].value is None)
        ),
        fates,
        accuracy_over(one.setting, n),
        curves,
    )


def _centre(one: Series, said: Mapping[str, Prediction], sizes: Sequence[int]) -> float:
    """Where the transition is thought to be: measured, or predicted, or the middle of what was tried."""
    values = [one.size.value, *(p.value for p in said.values() if p.valid), *(p.value for p in said.values())]
    known = [value for value in values if value is not None]
    return known[0] if known else sizes[len(sizes) // 2] if sizes else float(one.setting.task.samples)


def _network(setting: Setting) -> str:
    rule = setting.optimizer
    return (
        f"K = {setting.network.width} hidden nodes, {setting.network.activation}, {setting.loss}; "
        f"{rule.name}, rate {rule.lr:g}, decay η = {rule.weight_decay:g}"
    )


def _claimed(one: Series, said: Prediction, origin: str) -> Claimed:
    calibrate = said.runs_used > 0
    return Claimed(
        said.predictor,
        label_of(said.predictor),
        colour_of(said.predictor),
        spot(said.value, said.low, said.high),
        error(judge(0, said, one.size)) if one.is_measured else "not measured",
        origin or "computed for this page",
        said.constants_fitted,
        said.runs_used,
        said.valid,
        said.note,
        predict_line(one.setting, calibrate=calibrate, rivals=said.predictor in {rival.name for rival in RIVALS}),
    )


# --- networks ------------------------------------------------------------------------------------------


def _fates(one: Series) -> tuple[Fate, ...]:
    rates = {rate.samples: rate for rate in one.size.rates}
    return tuple(_fate(one, n, one.cells.get(n, {}), rates.get(n)) for n in sorted({*one.cells, *rates}))


def _fate(one: Series, samples: int, cells: Mapping[str, Measured], rate: Rate | None) -> Fate:
    grok, accuracy = cells.get("t_grok"), cells.get("test_accuracy")
    if rate is None and grok is not None:
        rate = grok.in_time
    seeds = rate.members if rate else max((cell.seeds or 0 for cell in cells.values()), default=0)
    line = ""
    if one.budget is not None and seeds:
        plan = Plan(steps=one.budget, every=max(1, one.budget // 200))
        line = train_line(resized(one.setting, samples), plan, range(_FIRST_SEED, _FIRST_SEED + seeds))
    return Fate(
        samples,
        rate.grokked if rate else None,
        rate.members if rate else None,
        _rate(rate.grokked, rate.members) if rate else None,
        _steps(cells.get("t_mem")),
        _steps(cells.get("t_grok")),
        None if accuracy is None else _share(accuracy),
        line,
    )


def _rate(grokked: int, members: int) -> Spot:
    low, high = rate_interval(grokked, members)
    return Spot(grokked / members, low, high, f"{grokked} of {members} [{low:.0%}, {high:.0%}]")


def _steps(cell: Measured | None) -> str:
    return "–" if cell is None else measured(cell)


def _share(cell: Measured) -> Spot:
    text = "–" if cell.value is None else f"{cell.value:.1%}"
    if cell.value is not None and cell.low is not None and cell.high is not None:
        text = f"{text} [{cell.low:.1%}, {cell.high:.1%}]"
    return Spot(cell.value, cell.low, cell.high, text)
