"""How n_c grows with the order of cyclic groups of prime order, and what speaks for which law."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.theory.setting import Setting
from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.marks import bars, only_ticks
from twopeaks.validate.figures.drawing.panels import figure_of, letters, panels
from twopeaks.validate.figures.drawing.style import INK, PREDICTORS
from twopeaks.validate.figures.drawing.tables import Row, numbers, part, table_of

if TYPE_CHECKING:
    from twopeaks.theory.predictors.answer import Prediction
    from twopeaks.validate.laws.compare import Score
    from twopeaks.validate.measured.cell import Measured

__all__ = ["FIGURE", "fig_growth", "gather"]

_CAPTION = """
Growth of n_c with the order M of the group, twelve cyclic groups of prime order from 11 to 127. a: measured n_c over M
log M with its 95% bootstrap interval (8 networks a size, 6 from M = 83), so that a law c M log M is a level line; laws
of one constant fitted to all twelve (bands: model error, one standard deviation) and two predictions without a run
(diamonds: heights-phases, dashed: heights-shared). b: root mean square error of each law on groups left out one by one
(dots) and on M > 31 where it is fitted on M <= 31 (squares); in brackets: how many constants are fitted to these groups
(heights-phases has 8 of its own, and three of the twelve, Z17, Z23 and Z31, were known when it was built); below:
Akaike evidence of the best law against it, from the corrected criterion. S0: x², Adam at rate 1e-3, η = 2e-4, K = 14 M,
20,000 steps; predictions were committed before the runs.
"""

#: Names of laws and of the two predictors, as `twopeaks.validate.laws` and `twopeaks.theory.predictors` have them.
_M_LOG_M, _FOUR_THIRDS, _CORRECTED = "c M log M", "c M^(4/3)", "c M^(4/3) (1 + 2.13/M)"
_SHARED, _PHASES = "heights-shared", "heights-phases"
#: Law -> colour, and how it is written.
_LINES: dict[str, tuple[str, str]] = {
    _M_LOG_M: (PREDICTORS["paper-law"][0], r"$c\,M\log M$"),
    _FOUR_THIRDS: ("#0072B2", r"$c\,M^{4/3}$"),
    _CORRECTED: ("#E69F00", r"$c\,M^{4/3}(1+2.13/M)$"),
    _SHARED: (PREDICTORS["heights-shared"][0], "heights-shared"),
    _PHASES: (PREDICTORS["heights-phases"][0], "heights-phases"),
    "c M^p": ("#8a8a8a", r"$c\,M^p$"),
}
_FOLDERS = ("transitions", "decisive")
_BANDS = (_M_LOG_M, _FOUR_THIRDS)
_ORDERS = np.geomspace(10, 140, 60)
_TICKS = (11, 17, 23, 31, 47, 83, 127)


def gather(results: Path) -> pl.DataFrame:
    """Measured crossings, curves of laws with their model error, and what cross-validation and evidence say."""
    from twopeaks.validate.laws.compare import compare
    from twopeaks.validate.laws.families import crossings
    from twopeaks.validate.laws.laws import LAWS, NO_RUN, Law
    from twopeaks.validate.measured.sources import Sources

    measured, _ = Sources(tuple(results / folder / "measured.csv" for folder in _FOLDERS)).gather()
    scores: dict[str, Score] = {}
    rows: list[Row] = []
    for name in (_SHARED, _PHASES):
        groups, _ = crossings(measured, "cyclic-prime", _committed(results, measured, name))
        comparison = compare(groups, [Law(name, None, 0) if law is NO_RUN else law for law in LAWS])
        scores |= {score.name: score for score in comparison.scores}
        rows += [_row("said", name, cell.order, _level(cell.predicted, cell.order)) for cell in comparison.cells]
    for cell in comparison.cells:
        level = [_level(x, cell.order) for x in (cell.value, cell.low, cell.high)]
        rows.append(_row("measured", cell.group, cell.order, *level))
    shown = [scores[name] for name in _LINES]
    return table_of([*rows, *(row for score in shown for row in _curve(score)), *_laws(shown)], ("series", "law"))


def _committed(results: Path, measured: Sequence[Measured], name: str) -> Callable[[Setting], Prediction]:
    """What was predicted of each setting before it was measured."""
    from twopeaks.validate.scores.predictors import read_predictions

    predicted: dict[Setting, Prediction] = {}
    for folder in _FOLDERS:
        for column in read_predictions(results / folder / "predictions.csv", measured)[0]:
            if column.predictor == name:
                predicted |= {measured[place].setting: prediction for place, prediction in column.on.items()}
    return predicted.__getitem__


def _row(series: str, law: str, order: float | None, value: float | None, *ends: float | None) -> Row:
    low, high = ends or (None, None)
    row: Row = {"series": series, "law": law, "order": order, "value": value, "low": low, "high": high}
    return row | {"constants": None, "evidence": None}


def _level(n: float | None, order: float) -> float | None:
    return None if n is None else n / (order * math.log(order))


def _curve(score: Score) -> Iterator[Row]:
    if score.fit.law.shape is None or score.name not in _LINES or score.fit.law.constants > 1:
        return
    curve = score.fit.log_curve(_ORDERS) - np.log(_ORDERS * np.log(_ORDERS))
    for M, y in zip(_ORDERS.tolist(), curve.tolist(), strict=True):
        ends = (math.exp(y - score.fit.scatter), math.exp(y + score.fit.scatter))
        yield _row("curve", score.name, M, math.exp(y), *ends)


def _laws(scores: Sequence[Score]) -> Iterator[Row]:
    """Errors on groups left out, and on large groups as the lower end; the best criterion first."""
    best = min(score.fit.aicc for score in scores)
    for score in sorted(scores, key=lambda score: score.fit.aicc):
        evidence = math.exp((score.fit.aicc - best) / 2)
        row = _row("law", score.name, None, score.left_out, score.extrapolated, None)
        yield row | {"constants": float(score.fit.law.constants), "evidence": evidence}


def fig_growth(table: pl.DataFrame, ax: Axes | Sequence[Axes] | None = None) -> tuple[Figure, Sequence[Axes]]:
    """Crossings over M log M with laws, and errors of the laws out of sample.

    Args:
        table: as `gather` makes it.
        ax: two axes.
    """
    axes = panels(ax, 2, aspect=0.85)
    _draw_crossings(axes[0], table)
    _draw_laws(axes[1], part(table, series="law"))
    letters(axes, ["12 groups of prime order", "laws on groups they have not seen"])
    return figure_of(axes), axes


def _draw_crossings(ax: Axes, table: pl.DataFrame) -> None:
    for law in (*_BANDS, _CORRECTED):
        rows, colour = part(table, series="curve", law=law), _LINES[law][0]
        M = numbers(rows, "order")
        ax.plot(M, numbers(rows, "value"), color=colour, linestyle="-." if law == _CORRECTED else "-")
        if law in _BANDS:
            ax.fill_between(M, numbers(rows, "low"), numbers(rows, "high"), color=colour, alpha=0.12, linewidth=0)
    for law, look in ((_SHARED, "--"), (_PHASES, "D")):
        rows = part(table, series="said", law=law)
        ax.plot(numbers(rows, "order"), numbers(rows, "value"), look, color=_LINES[law][0], markerfacecolor="none",
                markersize=5, linewidth=1)  # fmt: skip
    measured = part(table, series="measured")
    bars(ax, numbers(measured, "order"), measured, INK)
    ax.set_xscale("log")
    only_ticks(ax.xaxis, _TICKS)
    ax.set_xlim(10, 140)
    ax.set_xlabel("order M of the group")
    ax.set_ylabel(r"$n_c\,/\,(M\log M)$")


def _draw_laws(ax: Axes, table: pl.DataFrame) -> None:
    labels = []
    for y, row in enumerate(table.iter_rows(named=True)):
        colour, name = _LINES[row["law"]]
        ax.plot([100 * row["value"]], [y], "o", color=colour, markersize=5)
        ax.plot([100 * row["low"]], [y], "s", color=colour, markersize=4.5, markerfacecolor="white")
        ax.plot([100 * row["value"], 100 * row["low"]], [y, y], color=colour, linewidth=0.8, zorder=0)
        labels.append(f"{name} ({row['constants']:.0f})\n{_evidence(row['evidence'])}")
    ax.set_yticks(range(len(labels)), labels)
    for label, law in zip(ax.get_yticklabels(), table["law"], strict=True):
        label.set_color(_LINES[law][0] if law != "c M^p" else INK)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(0, None)
    ax.grid(axis="x")
    ax.set_xlabel("rms error in % on unseen groups")


def _evidence(ratio: float) -> str:
    if ratio == 1:
        return "best"
    if ratio >= 1e4:
        return rf"$10^{{{math.log10(ratio):.1f}}}$ to 1 against"
    return f"{ratio:.3g} to 1 against" if ratio < 100 else f"{ratio:,.0f} to 1 against"


#: Its entry in the catalogue.
FIGURE = Entry(
    "growth",
    "Growth of n_c with the order of the group, and evidence between laws",
    _CAPTION,
    fig_growth,
    sources=(
        "transitions/measured.csv",
        "transitions/predictions.csv",
        "decisive/measured.csv",
        "decisive/predictions.csv",
    ),
    numbers=gather,
)
