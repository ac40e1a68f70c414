"""Two peaks: what the memorising and the generalising solution cost over data size, and what networks did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from twopeaks.theory.groups import named
from twopeaks.theory.setting import Optimizer
from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.marks import bars, words
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import COLOURS, FADED, INK
from twopeaks.validate.figures.drawing.tables import Row, committed, numbers, part, read_table, table_of

__all__ = ["FIGURE", "GROUPS", "fig_two_peaks", "gather"]

_CAPTION = """
Heights of the two peaks and what networks do, for the cyclic group Z23 and for S4. a, d: loss + (η/2)·norm of a
network that memorises n examples (orange) and of one that knows the rule (blue), over η/2, so in units of |W|² + |V|²;
the axis points down: the cheaper solution is the higher peak. Solid: theory, without a run (heights-shared); dashed:
six control runs a group (random labels at two sizes, plentiful true data). Dot: where both are equally high. b, e:
share of 8 networks that grok within 20,000 steps (bars: 95% Jeffreys intervals). c, f: median step at which they do
(bars: its interval over seeds), triangles: later than the budget for at least half. Band: measured n_c with its 95%
interval; dotted line: n_c that heights-phases predicts, block by block; its two constants of the step were fitted on
Z23, the one of energy on n_c of S4 and Q8xZ3. S0: x², Adam at rate 1e-3, η = 2e-4, K = 14 M.
"""

#: Groups of which both peaks are drawn.
GROUPS = ("Z23", "S4")
_BLUE, _RED = COLOURS["generalising"], COLOURS["memorising"]


def gather(results: Path) -> pl.DataFrame:
    """Heights over n from theory and control runs, n_c, and shares and times of trained networks."""
    rows = [row for group in GROUPS for row in (*_heights(results, group), *_networks(results, group))]
    return table_of(rows, ("group", "series"))


def _row(group: str, series: str, n: float | None, value: float | None, *ends: float | None) -> Row:
    low, high = ends or (None, None)
    return {"group": group, "series": series, "n": n, "value": value, "low": low, "high": high}


def _heights(results: Path, group: str) -> Iterator[Row]:
    from twopeaks.theory.heights.memorising import memorised
    from twopeaks.theory.heights.phases import all_at_once
    from twopeaks.theory.heights.sharing import shared_height

    table, eta = named(group), Optimizer().weight_decay
    generalising = shared_height(table).at_decay(eta)[1] / (eta / 2)
    crossing = all_at_once(table, eta)
    controls = part(read_table(results / "transitions" / "controls.csv"), group=group)
    measured, scale, power = (float(numbers(controls, name)[0]) for name in ("C_gen", "C_mem_scale", "C_mem_power"))
    for n in np.linspace(0.76 * crossing, 1.32 * crossing, 60):
        yield _row(group, "memorising", float(n), memorised(table.order, float(n), eta)[1])
        yield _row(group, "generalising", float(n), generalising)
        yield _row(group, "memorising, controls", float(n), scale * float(n) ** power)
        yield _row(group, "generalising, controls", float(n), measured)
    yield _row(group, "crossing", crossing, generalising)


def _networks(results: Path, group: str) -> Iterator[Row]:
    from twopeaks.theory.predictors.phases import phases_form
    from twopeaks.validate.measured.rates import rates_in_old_note
    from twopeaks.validate.measured.statistics import rate_interval

    n_c = part(committed(results, "transitions", "n_c"), group=group).row(0, named=True)
    predictions = committed(results, "transitions", "n_c", "predictions.csv")
    predicted = part(predictions, group=group, predictor=phases_form.name)
    yield _row(group, "measured n_c", None, n_c["value"], n_c["low"], n_c["high"])
    yield _row(group, "predicted n_c", None, predicted["value"][0], predicted["low"][0], predicted["high"][0])
    for n, grokked, members in rates_in_old_note(n_c["note"]):
        yield _row(group, "share", n, grokked / members, *rate_interval(grokked, members))
    for cell in part(committed(results, "transitions", "t_grok"), group=group).iter_rows(named=True):
        later = cell["value"] is None
        yield _row(group, "later" if later else "t_grok", cell["samples"], cell["low"] if later else cell["value"],
                   None if later else cell["low"], cell["high"])  # fmt: skip


def fig_two_peaks(table: pl.DataFrame, ax: Axes | Sequence[Axes] | None = None) -> tuple[Figure, Sequence[Axes]]:
    """Three panels below each other for each group: heights, share that groks, time to grok.

    Args:
        table: as `gather` makes it.
        ax: six axes, the three of the first group first.
    """
    axes = panels(ax, 6, across=2, aspect=0.43 if narrow() else 0.5)
    if ax is None and not narrow():
        axes = [axes[place] for place in (0, 2, 4, 1, 3, 5)]
    for column, group in enumerate(GROUPS):
        _draw_group(part(table, group=group), axes[3 * column : 3 * column + 3])
    letters(axes, [f"{group}: {shown}" for group in GROUPS for shown in ("heights", "share that groks", "when")])
    return figure_of(axes), axes


def _draw_group(table: pl.DataFrame, axes: Sequence[Axes]) -> None:
    heights, share, times = axes
    _draw_heights(heights, table)
    measured, predicted = part(table, series="measured n_c"), part(table, series="predicted n_c")
    first, last = map(float, numbers(part(table, series="memorising"), "n")[[0, -1]])
    for ax in axes:
        ax.axvspan(measured["low"][0], measured["high"][0], color=FADED, alpha=0.3, linewidth=0, zorder=0)
        ax.axvline(predicted["value"][0], color=INK, linewidth=0.9, linestyle=":", zorder=1)
        ax.set_xlim(first, last)
    _draw_share(share, table, measured["high"][0], predicted["value"][0])
    _draw_times(times, table)


def _draw_heights(ax: Axes, table: pl.DataFrame) -> None:
    for series, colour in (("memorising", _RED), ("generalising", _BLUE)):
        theory, runs = part(table, series=series), part(table, series=f"{series}, controls")
        ax.plot(numbers(theory, "n"), numbers(theory, "value"), color=colour, linewidth=1.8)
        ax.plot(numbers(runs, "n"), numbers(runs, "value"), color=colour, linewidth=1.0, linestyle=(0, (4, 2)))
    n, value = (numbers(part(table, series="crossing"), name)[0] for name in ("n", "value"))
    ax.plot([n], [value], "o", color=INK, markersize=5, zorder=5)
    memorising = part(table, series="memorising")
    left, right = numbers(memorising, "n")[[0, -1]]
    low, high = numbers(memorising, "value")[[0, -1]]
    span, up = right - left, high - low
    words(ax, "memorising", (right - 0.02 * span, value + 0.12 * up), _RED, ha="right")
    words(ax, "generalising", (left + 0.03 * span, value + 0.1 * up), _BLUE)
    if n > part(table, series="measured n_c")["value"][0]:
        words(ax, f"equally high\nat n = {n:.0f}", (n + 0.03 * span, value - 0.25 * up), INK)
    else:
        words(ax, f"equally high\nat n = {n:.0f}", (n - 0.03 * span, value + 0.42 * up), INK, ha="right")
    ax.set_ylim(high + 0.03 * up, low - 0.03 * up)
    ax.set_ylabel("height, as norm\n(cheaper is up)")


def _draw_share(ax: Axes, table: pl.DataFrame, right: float, predicted: float) -> None:
    share = part(table, series="share")
    bars(ax, numbers(share, "n"), share, INK)
    ax.set_ylim(-0.06, 1.06)
    ax.set_ylabel("share that groks")
    last = numbers(part(table, series="memorising"), "n")[-1]
    shift = 0.02 * (last - numbers(part(table, series="memorising"), "n")[0])
    words(ax, "measured $n_c$", (max(right, predicted) + shift, 0.42), FADED)
    words(ax, f"predicted {predicted:.0f}", (max(right, predicted) + shift, 0.24), INK)


def _draw_times(ax: Axes, table: pl.DataFrame) -> None:
    times, later = part(table, series="t_grok"), part(table, series="later")
    bars(ax, numbers(times, "n"), times, _BLUE)
    ax.plot(numbers(later, "n"), numbers(later, "value"), "^", markerfacecolor="white", color=_RED)
    where = numbers(part(table, series="memorising"), "n")
    words(ax, "beyond budget", (where[0] + 0.03 * (where[-1] - where[0]), 12_500), _RED, va="top")
    ax.set_yscale("log")
    ax.set_ylim(1_200, 32_000)
    ax.set_yticks([2_000, 5_000, 20_000])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
    ax.minorticks_off()
    ax.set_xlabel("training examples n")
    ax.set_ylabel("step $t_{\\mathrm{grok}}$")


#: Its entry in the catalogue.
FIGURE = Entry(
    "two-peaks",
    "Heights of the memorising and the generalising peak over data size, and what networks do",
    _CAPTION,
    fig_two_peaks,
    sources=("transitions/measured.csv", "transitions/predictions.csv", "transitions/controls.csv"),
    numbers=gather,
)
