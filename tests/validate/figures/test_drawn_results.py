"""Figures about results draw what their tables hold: every series at its numbers, in the colour of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
import pytest

from tests.figure_data import Panel, Series, bars, col, cut, line, swapped, table_of_figure, wrong
from twopeaks.validate.figures.drawing.style import FADED, INK, PREDICTORS


def two_peaks(table: pl.DataFrame) -> Iterator[Panel]:
    for group in ("Z23", "S4"):
        rows = cut(table, group=group)
        n_c, predicted = (cut(rows, series=f"{which} n_c") for which in ("measured", "predicted"))
        both = [
            Series("span", FADED, (), (), n_c["low"], n_c["high"]),
            Series("upright", INK, predicted["value"]),
        ]
        crossing, later = cut(rows, series="crossing"), cut(rows, series="later")
        heights = [line(cut(rows, series=kind), "n", "value", kind) for kind in ("memorising", "generalising")]
        heights += [
            line(cut(rows, series=f"{kind}, controls"), "n", "value", kind, "--")
            for kind in ("memorising", "generalising")
        ]
        heights.append(line(crossing, "n", "value", INK, "o"))
        equal = f"equally high\nat n = {crossing['n'][0]:.0f}"
        yield Panel([*heights, *both], words=[equal], title=f"{group}: heights")
        share, times = cut(rows, series="share"), cut(rows, series="t_grok")
        yield Panel([bars(share, col(share, "n"), INK), *both], words=[f"predicted {predicted['value'][0]:.0f}"])
        yield Panel(
            [
                bars(times, col(times, "n"), "generalising"),
                line(later, "n", "value", "beyond budget", "^ open"),
                *both,
            ]
        )


def across(rows: pl.DataFrame, colour: str, look: str) -> Series:
    """Predicted over measured, with the interval of the measurement along x."""
    measured, low, high = (col(rows, name) for name in ("measured", "low", "high"))
    low, high = (np.where(np.isnan(end) | np.isnan(measured), measured, end) for end in (low, high))
    return Series(look, colour, measured, col(rows, "predicted"), low, high, across=True)


def error_rows(rows: pl.DataFrame, colours: list[str]) -> list[Series]:
    found = []
    for y, (row, colour) in enumerate(zip(rows.iter_rows(named=True), colours, strict=True)):
        ends = [np.nan if row[name] is None else 100 * row[name] for name in ("low", "high")]
        found += [Series("-", colour, ends, [y, y]), Series("o", colour, [100 * row["error"]], [y])]
        found.append(Series("x", colour, [100 * row["worst"]], [y]))
    return found


def predicted_n_c(table: pl.DataFrame) -> Iterator[Panel]:
    both, off = [Series("-", FADED, [65, 2200], [65, 2200])], [Series("level", FADED, (), [0])]
    for name, words in (("paper-law", "the paper's law"), ("heights-phases", "heights-phases")):
        groups = cut(table, panel="groups", predictor=name).sort("order", "group").with_row_index("place")
        for seen, look in (("fresh", "o"), ("seen", "o open")):
            rows = cut(groups, seen=seen)
            both.append(across(rows, words, look))
            measured, low, high, predicted = (col(rows, name) for name in ("measured", "low", "high", "predicted"))
            error = predicted / measured - 1
            ends = (error + predicted / high - predicted / measured, error + predicted / low - predicted / measured)
            off.append(Series(look, words, col(rows, "place"), 100 * error, 100 * ends[0], 100 * ends[1]))
    yield Panel(both)
    yield Panel(off, xticks=groups["group"].to_list())
    medians = cut(table, panel="medians")
    colours = [PREDICTORS[name][0] if name in PREDICTORS else FADED for name in medians["predictor"]]
    names = [f"{name} ({count:.0f})" for name, count in medians.select("predictor", "cells").iter_rows()]
    yield Panel(error_rows(medians, colours), yticks=names)
    decay = []
    for eta, words, apart in ((5e-5, r"5\cdot10^{-5}", -0.04), (2e-4, r"2\cdot10^{-4}", 0), (1e-3, "10^{-3}", 0.04)):
        rows = cut(table, panel="decay and width", eta=eta).sort("width")
        words, width = rf"$\eta = {words}$", col(rows, "width") / 23
        measured, low, high = (col(rows, name) for name in ("measured", "low", "high"))
        decay.append(Series("o", words, width * np.exp(apart), measured, low, high))
        decay.append(Series("-", words, width, col(rows, "predicted")))
    yield Panel(decay)


def predicted_t_grok(table: pl.DataFrame) -> Iterator[Panel]:
    cells = cut(table, panel="cells")
    descent = {name: cut(cells, rule="sgd", predictor=name) for name in ("clock", "flow", "selection")}
    markers = {"clock": "o", "flow": "s", "selection": "^"}
    diagonals = [Series("-", FADED, ends, ends) for ends in ((450, 150_000), (330, 40_000))]
    later = cut(descent["clock"], measured=None)
    yield Panel(
        [
            *(across(rows, name, markers[name]) for name, rows in descent.items()),
            line(later, "low", "predicted", "clock", "> open"),
            diagonals[0],
        ]
    )
    off = [Series("level", FADED, (), [1])]
    for shift, (name, rows) in zip((-0.27, 0, 0.27), descent.items(), strict=True):
        for place, over in enumerate((1.1, 1.3, 1.6, 2.0)):
            near = rows.filter(pl.col("measured").is_not_null(), (pl.col("over") - over).abs() < 0.05).sort("measured")
            measured, low, high, predicted = (col(near, name) for name in ("measured", "low", "high", "predicted"))
            low, high = np.where(np.isnan(low), measured, low), np.where(np.isnan(high), measured, high)
            x = place + shift + np.linspace(-0.11, 0.11, len(near))
            off.append(Series(markers[name], name, x, predicted / measured, predicted / high, predicted / low))
    yield Panel(off)
    rules = {"adam": "Adam", "adamw": "AdamW"}
    yield Panel([*(across(cut(cells, rule=r, predictor="clock"), w, "o") for r, w in rules.items()), diagonals[1]])
    medians, colours, labels = cut(table, panel="medians"), [], []
    short = {"norm-separation-from-peak": "norm separation", "first-passage-from-peak": "first passage"}
    for rule, name, count in medians.select("rule", "predictor", "cells").iter_rows():
        labels.append(f"{(rules | {'sgd': 'GD'})[rule]}: {short.get(name, name)} ({count:.0f})")
        colours.append(name if rule == "sgd" else rules[rule] if name == "clock" else FADED)
    yield Panel(error_rows(medians, colours), yticks=labels)


def growth(table: pl.DataFrame) -> Iterator[Panel]:
    names = {"c M log M": r"$c\,M\log M$", "c M^(4/3)": r"$c\,M^{4/3}$", "heights-shared": "heights-shared"}
    names |= {"c M^(4/3) (1 + 2.13/M)": r"$c\,M^{4/3}(1+2.13/M)$", "heights-phases": "heights-phases"}
    shown: list[Series] = []
    for law, look in (("c M log M", "-"), ("c M^(4/3)", "-"), ("c M^(4/3) (1 + 2.13/M)", "-.")):
        rows = cut(table, series="curve", law=law)
        shown.append(line(rows, "order", "value", names[law], look))
        if look == "-":
            shown.append(Series("band", names[law], rows["order"], (), rows["low"], rows["high"]))
    for law, look in (("heights-shared", "--"), ("heights-phases", "D open")):
        shown.append(line(cut(table, series="said", law=law), "order", "value", names[law], look))
    measured = cut(table, series="measured")
    yield Panel([*shown, bars(measured, col(measured, "order"), INK)])
    laws, errors, labels = cut(table, series="law"), list[Series](), list[str]()
    for y, row in enumerate(laws.iter_rows(named=True)):
        name = names.get(row["law"], r"$c\,M^p$")
        colour, left_out, large = FADED if row["law"] == "c M^p" else name, 100 * row["value"], 100 * row["low"]
        errors += [Series("o", colour, [left_out], [y]), Series("s open", colour, [large], [y])]
        errors.append(Series("-", colour, [left_out, large], [y, y]))
        labels.append(f"{name} ({row['constants']:.0f})\n{against(row['evidence'])}")
    yield Panel(errors, yticks=labels)


def against(ratio: float) -> str:
    """Evidence of the best law against another, in words."""
    if ratio == 1:
        return "best"
    power = rf"$10^{{{np.log10(ratio):.1f}}}$" if ratio >= 1e4 else f"{ratio:.3g}" if ratio < 100 else f"{ratio:,.0f}"
    return f"{power} to 1 against"


def forecast_scores(table: pl.DataFrame) -> Iterator[Panel]:
    runs = {"scores": "held out", "scores-transitions-new": "new groups"}
    runs |= {"scores-decay-width": "decay, width", "scores-times-gd": "gradient descent"}
    calibration = [Series("-", FADED, [0, 1], [0, 1])]
    over: dict[str, list[Series]] = {"time": [], "area": []}
    for place, (file, name) in enumerate(runs.items()):
        rows = cut(table, panel="calibration", runs=file)
        sizes = 4 + 5 * np.sqrt(col(rows, "count"))
        calibration += [bars(rows, col(rows, "x"), name)]
        calibration.append(Series("points", name, rows["x"], rows["value"], None, sizes))
        for panel, scale in (("time", 100.0), ("area", 1.0)):
            both, alone = (cut(table, panel=panel, runs=file, knows=knows).sort("x") for knows in KNOWS)
            apart = 1 + 0.02 * (place - 1.5)
            over[panel].append(bars(both, apart * col(both, "x"), name, "-o", scale))
            over[panel].append(Series("--", name, apart * col(alone, "x"), scale * col(alone, "value")))
    rivals = table.filter(pl.col("panel").str.starts_with("rival"), pl.col("value").is_not_null())
    for row in rivals.iter_rows(named=True):
        over["area"].append(Series("x", runs[row["runs"]], [1.13 * row["x"]], [row["value"]]))
    yield from (Panel(calibration), Panel(over["time"]), Panel(over["area"]))


KNOWS = ("curve and theory", "curve alone")
EXPECTED: dict[str, Callable[[pl.DataFrame], Iterator[Panel]]] = {
    "two-peaks": two_peaks,
    "predicted-n-c": predicted_n_c,
    "predicted-t-grok": predicted_t_grok,
    "growth": growth,
    "forecast-scores": forecast_scores,
}
#: Figure -> what is swapped in its table: two columns, or two words of one column (the third).
SWAPS: dict[str, list[tuple[str, str, str]]] = {
    "two-peaks": [
        ("memorising", "generalising", "series"),
        ("memorising, controls", "generalising, controls", "series"),
        ("memorising", "memorising, controls", "series"),
        ("measured n_c", "predicted n_c", "series"),
        ("Z23", "S4", "group"),
        ("low", "high", ""),
        ("share", "t_grok", "series"),
    ],
    "predicted-n-c": [
        ("measured", "predicted", ""),
        ("paper-law", "heights-phases", "predictor"),
        ("fresh", "seen", "seen"),
        ("low", "high", ""),
        ("error", "worst", ""),
    ],
    "predicted-t-grok": [
        ("measured", "predicted", ""),
        ("clock", "flow", "predictor"),
        ("flow", "selection", "predictor"),
        ("adam", "adamw", "rule"),
        ("sgd", "adam", "rule"),
        ("low", "high", ""),
        ("error", "worst", ""),
    ],
    "growth": [
        ("said", "measured", "series"),
        ("c M log M", "c M^(4/3)", "law"),
        ("heights-shared", "heights-phases", "law"),
        ("low", "high", ""),
        ("value", "low", ""),
    ],
    "forecast-scores": [
        ("time", "area", "panel"),
        ("scores", "scores-transitions-new", "runs"),
        ("curve and theory", "curve alone", "knows"),
        ("low", "high", ""),
        ("x", "value", ""),
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_drawn_is_what_the_table_holds(name: str) -> None:
    table = table_of_figure(name)
    assert wrong(name, table, EXPECTED[name](table)) == []


@pytest.mark.parametrize(("name", "a", "b", "column"), [(name, *swap) for name in SWAPS for swap in SWAPS[name]])
def test_a_swap_is_seen(name: str, a: str, b: str, column: str) -> None:
    table = table_of_figure(name)
    assert wrong(name, swapped(table, a, b, column), EXPECTED[name](table)) != []
