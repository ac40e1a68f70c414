"""How good forecasts of running trainings are: calibration, error of the time, and whether a run groks at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.theory.errors import InputError
from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.marks import bars, only_ticks, small
from twopeaks.validate.figures.drawing.panels import figure_of, letters, narrow, panels
from twopeaks.validate.figures.drawing.style import FADED, INK
from twopeaks.validate.figures.drawing.tables import AGAIN, Row, numbers, part, table_of

__all__ = ["FIGURE", "FILES", "fig_forecast_scores", "gather"]

_CAPTION = """
Forecasts of runs that no coefficient was fitted on, by what was seen of them: one that groks until a share of the time
to grokking, one that does not until the same steps. a: calibration at 30%: share that grokked within the budget over
the forecast probability, in bins (bars: 95% Jeffreys intervals; dots grow with the runs). b: median |error| of the
forecast time of runs that grok (bars: 95% bootstrap intervals over settings); dashed: the curve alone, without what
theory says of the setting. c: area under the ROC curve of whether a run groks, likewise; crosses: what test accuracy,
test loss and n/n_c say alone at 30%. Held out: 104 runs of three groups; new groups: 17 groups of transitions, new to
theory and forecasts alike; decay, width: Z23; gradient descent: Z23, Z31, Z47, almost all of which grok: there the time
is wrong by 82% at 30%.
"""

#: File -> name, colour.
FILES: dict[str, tuple[str, str]] = {
    "scores": ("held out", INK),
    "scores-transitions-new": ("new groups", "#D55E00"),
    "scores-decay-width": ("decay, width", "#009E73"),
    "scores-times-gd": ("gradient descent", "#0072B2"),
}
_BOTH, _ALONE = "curve and theory", "curve alone"
_AT = 0.3
_WORDS = ("panel", "runs", "knows")


def gather(results: Path) -> pl.DataFrame:
    """Reliability at 30%, errors of times and areas over what was seen."""
    rows = [row for file in FILES for row in _rows(results / "forecast" / f"{file}.json", file)]
    return table_of(rows, _WORDS)


def _rows(path: Path, file: str) -> Iterator[Row]:
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
        for knows in (_BOTH, _ALONE):
            for score in scores[knows]:
                if score["share"] is not None:
                    yield from _of_share(score, file, knows)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(str(path), "scores of forecasts", type(error).__name__, AGAIN) from error


def _of_share(score: dict[str, Any], file: str, knows: str) -> Iterator[Row]:
    def row(panel: str, x: float, estimate: dict[str, Any] | float | None, count: float) -> Row:
        interval = estimate if isinstance(estimate, dict) else {"value": estimate, "low": None, "high": None}
        ends = {name: interval[name] for name in ("value", "low", "high")}
        return {"panel": panel, "runs": file, "knows": knows, "x": x, "count": count, **ends}

    share = score["share"]
    yield row("time", share, score["time_error"], score["grokked"])
    yield row("area", share, score["auroc"], score["runs"])
    if share != _AT or knows != _BOTH:
        return
    for bin_ in score["reliability"]:
        if bin_["runs"]:
            rate = {"value": bin_["grokked"], "low": bin_["low"], "high": bin_["high"]}
            yield row("calibration", bin_["forecast"], rate, bin_["runs"])
    for name, area in score["rivals"].items():
        yield row(f"rival: {name}", share, area, score["runs"])


def fig_forecast_scores(table: pl.DataFrame, ax: Axes | Sequence[Axes] | None = None) -> tuple[Figure, Sequence[Axes]]:
    """Calibration, error of the time, area under the curve.

    Args:
        table: as `gather` makes it.
        ax: three axes.
    """
    axes = panels(ax, 3, across=3, aspect=0.72 if narrow() else 1.0)
    for place, (file, (name, colour)) in enumerate(FILES.items()):
        rows = part(table, runs=file)
        _draw_calibration(axes[0], part(rows, panel="calibration"), colour)
        for ax_, panel, scale in ((axes[1], "time", 100.0), (axes[2], "area", 1.0)):
            _draw_over_share(ax_, part(rows, panel=panel), colour, scale, 1 + 0.02 * (place - 1.5))
        look: dict[str, Any] = {"color": colour, "transform": axes[0].transAxes, "fontsize": small()}
        axes[0].text(0.99, 0.4 - 0.1 * place, name, ha="right", va="top", **look)
    rivals = table.filter(pl.col("panel").str.starts_with("rival"))
    for row in rivals.iter_rows(named=True):
        if row["value"] is not None:
            axes[2].plot([row["x"] * 1.13], [row["value"]], "x", color=FILES[row["runs"]][1], markersize=4, alpha=0.8)
    _finish(axes)
    return figure_of(axes), axes


def _draw_calibration(ax: Axes, rows: pl.DataFrame, colour: str) -> None:
    x = numbers(rows, "x")
    bars(ax, x, rows, colour, markersize=0)
    ax.scatter(x, numbers(rows, "value"), s=4 + 5 * numbers(rows, "count") ** 0.5, color=colour, linewidths=0, zorder=4)


def _draw_over_share(ax: Axes, rows: pl.DataFrame, colour: str, scale: float, shift: float) -> None:
    both, alone = (part(rows, knows=knows).sort("x") for knows in (_BOTH, _ALONE))
    scaled = both.with_columns(pl.col("value", "low", "high").cast(pl.Float64) * scale)
    bars(ax, numbers(both, "x") * shift, scaled, colour, fmt="o-", linewidth=1, markersize=3.5)
    ax.plot(
        numbers(alone, "x") * shift, scale * numbers(alone, "value"), color=colour, linewidth=0.9, linestyle=(0, (3, 2))
    )


def _finish(axes: Sequence[Axes]) -> None:
    axes[0].plot([0, 1], [0, 1], color=FADED, linewidth=0.8, zorder=0)
    axes[0].set_xlabel("forecast probability")
    axes[0].set_ylabel("share that grokked")
    axes[1].set_ylabel("|error| of the time, %")
    axes[2].set_ylabel("area under the ROC curve")
    for ax in axes[1:]:
        ax.set_xscale("log")
        only_ticks(ax.xaxis, (0.1, 0.2, 0.3, 0.5))
        ax.set_xlabel("share of the time seen")
    axes[1].set_yscale("log")
    only_ticks(axes[1].yaxis, (10, 20, 50, 100, 200))
    letters(axes, ["calibration at 30%", "when", "whether"])


#: Its entry in the catalogue.
FIGURE = Entry(
    "forecast-scores",
    "Forecasts of runs: calibration, error of the time, whether they grok",
    _CAPTION,
    fig_forecast_scores,
    sources=(
        "forecast/scores.json",
        "forecast/scores-transitions-new.json",
        "forecast/scores-decay-width.json",
        "forecast/scores-times-gd.json",
    ),
    numbers=gather,
    made="twopeaks forecast STORES --score --out results/forecast",
)
