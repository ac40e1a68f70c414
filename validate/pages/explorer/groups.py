"""From measured cells and predictions to the records of the explorer: one for each group of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.bisect import resized
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.rivals import RIVALS
from twopeaks.theory.setting import Setting
from twopeaks.validate.figures.drawing.style import look_of
from twopeaks.validate.measured.cell import Measured, at_half
from twopeaks.validate.measured.rates import Rate
from twopeaks.validate.measured.statistics import rate_interval
from twopeaks.validate.pages.explorer.commands import predict_line, scored_line, train_line
from twopeaks.validate.pages.explorer.data import Claimed, Curves, Fate, Key, Shown, Spot
from twopeaks.validate.pages.explorer.theory_curves import accuracy_over, grid, mountains, spot
from twopeaks.validate.scores.board import judge
from twopeaks.validate.scores.words import error, measured

__all__ = ["Series", "as_shown", "key_of", "series_of", "unmeasured"]

#: First seed of networks whose source says how many seeds but not which: commands count from 0.
_FIRST_SEED = 0


@dataclass(frozen=True)
class Series:
    """Measured cells of networks that differ in their size alone.

    Attributes:
        setting: with half of all rows.
        budget: steps; None if the source does not say.
        size: the cell of n_c, empty where it was not measured.
        cells: of each size, by quantity.
    """

    setting: Setting
    budget: int | None
    size: Measured
    cells: Mapping[int, Mapping[str, Measured]]

    @property
    def key(self) -> Key:
        """Tells it from other groups."""
        return self.setting.content_id, self.budget

    @property
    def is_measured(self) -> bool:
        """Whether n_c was."""
        return bool(self.size.source)


def unmeasured(setting: Setting, budget: int | None) -> Measured:
    """A cell of n_c of which nothing is known."""
    return Measured("n_c", at_half(setting), None, None, None, None, budget, None)


def key_of(cell: Measured) -> Key:
    """Key of the group to which a cell of n_c belongs, or of the networks that a cell of another quantity is about."""
    return cell.setting.content_id, cell.budget


def series_of(cells: Sequence[Measured]) -> list[Series]:
    """Cells by group, in their order; cells of random labels, which have no n_c, are left out."""
    by_group: dict[Key, list[Measured]] = {}
    for cell in cells:
        if cell.setting.task.labels == "true":
            by_group.setdefault((at_half(cell.setting).content_id, cell.budget), []).append(cell)
    return [_series(members) for members in by_group.values()]


def _series(cells: Sequence[Measured]) -> Series:
    setting, budget = at_half(cells[0].setting), cells[0].budget
    size = next((cell for cell in cells if cell.quantity == "n_c"), unmeasured(setting, budget))
    sizes: dict[int, dict[str, Measured]] = {}
    for cell in cells:
        if cell.quantity != "n_c":
            sizes.setdefault(cell.setting.task.samples, {})[cell.quantity] = cell
    return Series(setting, budget, size, dict(sorted(sizes.items())))


def as_shown(
    group: Series,
    name: str,
    predictions: Mapping[str, Prediction],
    origins: Mapping[str, str],
    sources: Sequence[str],
    curves: tuple[Curves, ...],
) -> Shown:
    """Everything the page shows of a group.

    Args:
        group: its cells.
        name: of the group.
        predictions: of n_c, by predictor.
        origins: predictor -> where its prediction was read; empty text where it was computed.
        sources: paths, as in the command.
        curves: of chosen networks.
    """
    task, fates = group.setting.task.table_of(), _fates(group)
    sizes = [fate.samples for fate in fates]
    centre = _centre(group, predictions, sizes)
    n = grid(task.rows.size, centre, sizes)
    return Shown(
        name,
        task.classes,
        task.rows.size,
        group.setting.conventions,
        _network(group.setting),
        group.budget,
        Spot(group.size.value, group.size.low, group.size.high, measured(group.size)) if group.is_measured else None,
        group.size.source,
        group.size.note,
        scored_line(sources, "n_c") if group.is_measured else "",
        n,
        max(round(n[0]), round(0.8 * centre)),
        mountains(group.setting, predictions, n),
        tuple(
            _claimed(group, predictions[predictor], origins.get(predictor, ""))
            for predictor in sorted(predictions, key=lambda predictor: predictions[predictor].value is None)
        ),
        fates,
        accuracy_over(group.setting, n),
        curves,
    )


def _centre(group: Series, predictions: Mapping[str, Prediction], sizes: Sequence[int]) -> float:
    """Where the transition is thought to be: measured, or predicted, or the middle of what was tried."""
    values = [
        group.size.value,
        *(p.value for p in predictions.values() if p.valid),
        *(p.value for p in predictions.values()),
    ]
    known = [value for value in values if value is not None]
    return known[0] if known else sizes[len(sizes) // 2] if sizes else float(group.setting.task.samples)


def _network(setting: Setting) -> str:
    rule = setting.optimizer
    return (
        f"K = {setting.network.width} hidden nodes, {setting.network.activation}, {setting.loss}; "
        f"{rule.name}, rate {rule.lr:g}, decay η = {rule.weight_decay:g}"
    )


def _claimed(group: Series, p: Prediction, origin: str) -> Claimed:
    calibrate = p.runs_used > 0
    return Claimed(
        p.predictor,
        p.predictor,
        look_of(p.predictor)[0],
        spot(p.value, p.low, p.high),
        error(judge(0, p, group.size)) if group.is_measured else "not measured",
        origin or "computed for this page",
        p.constants_fitted,
        p.runs_used,
        p.valid,
        p.note,
        predict_line(group.setting, calibrate=calibrate, rivals=p.predictor in {rival.name for rival in RIVALS}),
    )


# --- networks ------------------------------------------------------------------------------------------


def _fates(group: Series) -> tuple[Fate, ...]:
    rates = {rate.samples: rate for rate in group.size.rates}
    return tuple(_fate(group, n, group.cells.get(n, {}), rates.get(n)) for n in sorted({*group.cells, *rates}))


def _fate(group: Series, samples: int, cells: Mapping[str, Measured], rate: Rate | None) -> Fate:
    grok, accuracy = cells.get("t_grok"), cells.get("test_accuracy")
    if rate is None and grok is not None:
        rate = grok.in_time
    seeds = rate.members if rate else max((cell.seeds or 0 for cell in cells.values()), default=0)
    line = ""
    if group.budget is not None and seeds:
        plan = Plan(steps=group.budget, every=max(1, group.budget // 200))
        line = train_line(resized(group.setting, samples), plan, range(_FIRST_SEED, _FIRST_SEED + seeds))
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
