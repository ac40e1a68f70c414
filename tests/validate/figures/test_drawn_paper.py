"""Counterparts of the paper's figures draw what their tables hold, every series in the colour of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import matplotlib
import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_hex

from tests.figure_data import Panel, Series, bars, col, cut, line, swapped, table_of_figure, wrong
from twopeaks.validate.figures.drawing.style import COLOURS, FADED, INK

Drawing = Callable[[pl.DataFrame], Iterator[Panel]]


def band(rows: pl.DataFrame, x: str, colour: str, look: str = "-") -> list[Series]:
    rows = rows.sort(x)
    return [Series("band", colour, rows[x], (), rows["low"], rows["high"]), line(rows, x, "value", colour, look)]


def irreps_one_by_one(table: pl.DataFrame) -> Iterator[Panel]:
    names = {"real of d = 1": "d = 1", "complex of d = 1": "d = 1 pair", "real of d = 2": "d = 2"}
    names |= {"complex of d = 2": "d = 2 pair", "quaternionic of d = 2": "d = 2 quat.", "real of d = 3": "d = 3"}
    shares = []
    for kind in cut(table, series="share")["kind"].unique(maintain_order=True):
        dots = cut(table, group="S4", series="share", kind=kind)
        shares.append(bars(dots, col(dots, "n"), names[kind]))
        shares.append(line(cut(table, group="S4", series="theory of a block", kind=kind), "n", "value", names[kind]))
    yield Panel(shares)
    for group in ("S4", "D4xZ3", "Q8xZ3"):
        rows = cut(table, group=group)
        blocks, measured = cut(rows, series="theory of a block"), cut(rows, series="measured")
        of_kind = [line(part, "n", "value", names[str(kind)]) for (kind,), part in blocks.group_by("kind")]
        of_kind += [line(cut(rows, series="theory"), "n", "value", INK)]
        of_kind += [line(cut(rows, series="accuracy of these"), "n", "value", INK, "D open")]
        yield Panel([*of_kind, bars(measured, col(measured, "n"), COLOURS["memorising"])], title=f"{group}: accuracy")


def features_on_the_group(table: pl.DataFrame) -> Iterator[Panel]:
    maps = {}
    for panel, ends in (("frequencies", (0.5, 11.5)), ("representations", (-0.5, 3.5))):
        rows = cut(table, panel=panel).sort("node", "x")
        shares = col(rows, "value").reshape(rows["node"].n_unique(), -1)
        maps[panel] = Series("image", "", ends, shares, 0, 1)
    yield Panel([maps["frequencies"]])
    phases = cut(table, panel="phases")
    scale = matplotlib.colormaps["cividis"]
    points = [Series("-", FADED, [0, 2 * np.pi], [0, 2 * np.pi])]
    for k in range(1, 12):
        rows = cut(phases, kind=str(k))
        points.append(Series("points", to_hex(scale((k - 1) / 10)), rows["x"], rows["value"], None, [14] * len(rows)))
    yield Panel(points)
    turn, node = np.linspace(0, 23, 200), []
    for kind in ("first operand", "second operand", "output"):
        dots, wave = (cut(table, panel=panel, kind=kind) for panel in ("node", "wave"))
        node.append(line(dots, "x", "value", kind, "o"))
        height, phase = wave["value"][0], wave["x"][0]
        node.append(Series("-", kind, turn, height * np.cos(2 * np.pi * turn / 23 + phase)))
    yield Panel(node)
    yield Panel([maps["representations"]], xticks=["d = 1", "d = 2", "d = 3", "d = 3"])


def ascents(table: pl.DataFrame) -> Iterator[Panel]:
    names = {"localised": "detectors of rows", "irrep": "Fourier features", "spread": FADED}
    names |= {f"d = {d}": f"d = {d}" for d in (1, 2, 3)}

    def climbs(series: str) -> list[Series]:
        rows = cut(table, series=series)
        return [
            Series("-", names[str(kind)], 1 + col(climb, "x"), climb["value"])
            for (_, kind), climb in rows.group_by("ascent", "kind", maintain_order=True)
        ]

    levels = cut(table, series="level").select("kind", "value").rows()
    words = [f"{kind}: E* = {value:g}" for kind, value in levels]
    yield Panel([*climbs("S4"), *(Series("level", kind, (), [value]) for kind, value in levels)], words=words)
    for p in (0.4, 0.6, 0.8):
        laws = cut(table, series="law").filter((pl.col("x") - p).abs() < 1e-6).select("kind", "value").rows()
        shown = [*climbs(f"p = {p:g}"), *(Series("level", names[kind], (), [value]) for kind, value in laws)]
        yield Panel(shown, title=f"Z23, density {p:g}")
    marks = [Series("upright", INK, [2 / 3]), Series("upright", INK, cut(table, series="networks")["x"])]
    highest, ends = list(marks), list(marks)
    for kind in ("localised", "irrep"):
        rows = {series: cut(table, series=series, kind=kind) for series in ("law", "highest", "share")}
        highest.append(line(rows["law"], "x", "value", names[kind], "--"))
        highest.append(line(rows["highest"], "x", "value", names[kind], "o"))
        ends.append(line(rows["share"], "x", "value", names[kind], "-o"))
    yield from (Panel(highest), Panel(ends))


def dynamics(table: pl.DataFrame) -> Iterator[Panel]:
    grok = {d: cut(table, weight_decay=d, quantity="grokked").row(0, named=True) for d in (2e-4, 0.0)}
    for names in (
        ("test_accuracy", "train_accuracy"),
        ("test_loss", "train_loss"),
        ("gradient_norm",),
        ("turn_w", "turn_v"),
        ("update_cosine_w", "update_cosine_v"),
        ("off_diagonal",),
    ):
        shown, words = [], []
        for decay in (2e-4, 0.0):
            rows = cut(table, weight_decay=decay)
            for name, look in zip(names, ("-", "--"), strict=False):
                shown += band(cut(rows, quantity=name), "step", f"η = {decay:g}", look)
            if names == ("gradient_norm",):
                shown.append(line(cut(rows, quantity="gradient_norm_peak"), "step", "value", f"η = {decay:g}", "o"))
                words.append(f"η = {decay:g}")
            if "test_accuracy" in names:
                words.append(f"{grok[decay]['value']:.0f} of {grok[decay]['high']:.0f} grok")
                shown_of = cut(rows, quantity="test_accuracy").sort("step")
                shown.append(Series("band", words[-1], shown_of["step"], (), shown_of["low"], shown_of["high"]))
                shown.remove(next(s for s in shown if s.look == "band" and s.colour == f"η = {decay:g}"))
        if names == ("off_diagonal",):
            shown.append(Series("level", INK, (), [0.08]))
        yield Panel(shown, words=words)


def phase_diagrams(table: pl.DataFrame) -> Iterator[Panel]:
    titles = {"prime": "cyclic of prime order", "composite": "cyclic of composite order"}
    titles |= {"product": "products, not cyclic", "other": "not abelian"}
    for panel in titles:
        rows = cut(table, panel=panel)
        groups = rows["group"].unique(maintain_order=True).to_list()
        densities = rows["density"].unique().sort()
        accuracy = [col(cut(rows, group=name).sort("density"), "accuracy") for name in groups]
        edges = np.append(col(pl.DataFrame(densities), "density") - 0.05, densities[-1] + 0.05)
        shown = [Series("mesh", "", np.arange(len(groups) + 1) - 0.5, np.array(accuracy).T, edges, (0, 1))]
        shown.append(Series("segments", "#ffffff", np.arange(len(groups) - 1) + 0.5))
        mixed = rows.filter(pl.col("grokked") > 0, pl.col("grokked") < pl.col("seeds"))
        places = [groups.index(name) for name in mixed["group"]]
        shown.append(Series("points", "seeds differ", places, mixed["density"], None, [7] * len(mixed)))
        for column, look, words in (("paper", ":", "c log M / M"), ("heights", "-", "peak heights")):
            for place, name in enumerate(groups):
                value = cut(rows, group=name)[column][0]
                if value is not None:
                    shown.append(Series(look, words, [place - 0.46, place + 0.46], [value, value]))
        orders = {name: cut(rows, group=name)["order"][0] for name in groups}
        ticks = {"other": [f"{name}\n{order}" for name, order in orders.items()]}
        ticks |= {cyclic: [f"{order}" for order in orders.values()] for cyclic in ("prime", "composite")}
        yield Panel(shown, xticks=ticks.get(panel), title=titles[panel])


def learning_rates(table: pl.DataFrame) -> Iterator[Panel]:
    ends, ways = [], []
    for group in ("Z23", "Z47"):
        end, way = list[Series](), list[Series]()
        for lr in (0.001, 0.005, 0.05, 0.2, 0.5):
            rows = cut(table, group=group, lr=lr)
            done = cut(rows, quantity="at the end").sort("samples")
            end.append(bars(done, col(done, "samples"), f"{lr:g}", "-o"))
            way += band(cut(rows, quantity="on the way"), "step", f"{lr:g}")
        ends.append(Panel(end))
        ways.append(Panel(way))
    yield from (*ends, *ways)


def node_energies(table: pl.DataFrame) -> Iterator[Panel]:
    kinds = {"irrep": "one frequency", "spread": "several frequencies", "localised": "few entries"}
    ideal = dict(cut(table, lr=None).select("what", "value").iter_rows())
    lines = [Series("upright", "cosine", [ideal["fourier"]])]
    lines += [Series("upright", words, [ideal[what]]) for what, words in (("pair", "one pair"), ("row", "one row"))]
    for lr in (0.001, 0.005, 0.02, 0.05):
        rows = cut(table, lr=lr)
        piles, bottoms = [], dict[float, float]()
        for kind, words in kinds.items():
            of_kind = cut(rows, what=kind)
            bottom = [bottoms.get(low, 0.0) for low in of_kind["low"]]
            piles.append(Series("bar", words, of_kind["low"], of_kind["value"], bottom, of_kind["high"]))
            bottoms |= dict(zip(of_kind["low"], bottom + col(of_kind, "value"), strict=True))
        accuracy, nodes = (cut(rows, what=what)["value"][0] for what in ("test_accuracy", "live_nodes"))
        words = f"rate {lr:g}\ntest accuracy {accuracy:.2f}\n{nodes:.0f} nodes"
        yield Panel([*lines, *piles], words=[words])


def muon_width(table: pl.DataFrame) -> Iterator[Panel]:
    shown: dict[str, list[Series]] = {"test_loss": [], "covered": []}
    for rule, words, look, apart in (("adam", "Adam", "-o", 0.98), ("muon", "Muon on W", "-s", 1.02)):
        for quantity, panel in shown.items():
            rows = cut(table, optimizer=rule, quantity=quantity).sort("width")
            best = cut(rows, best=1)
            panel.append(bars(best, apart * col(best, "width"), words, look))
            for (_,), of_rate in rows.group_by("lr"):
                panel.append(Series("-", words, apart * col(of_rate, "width"), of_rate["value"]))
    ratio = cut(table, quantity="ratio").sort("width")
    yield Panel(shown["test_loss"])
    yield Panel([bars(ratio, col(ratio, "width"), INK, "-D"), Series("level", FADED, (), [1])])
    yield Panel(shown["covered"])


def contrast(**names: str) -> Drawing:
    """What a figure that sets series side by side should show: series -> how it is called."""

    def panels(table: pl.DataFrame) -> Iterator[Panel]:
        problems = table["panel"].unique(maintain_order=True).to_list()
        for problem in problems:
            curves = cut(table, kind="curve", panel=problem)
            shown = [part for one, words in names.items() for part in band(cut(curves, series=one), "step", words)]
            yield Panel(shown, title=problem)
        shown, ratios, y = [], list[str](), 0
        for problem in problems:
            for one, words in names.items():
                y -= 1
                rows = cut(table, panel=problem, series=one)
                times = cut(rows, kind="time").sort("seed").with_columns(y=y + np.linspace(-0.25, 0.25, 6))
                median = times["value"].median()
                shown.append(Series("-", words, [median, median], [y - 0.38, y + 0.38]))
                for censored, look, size in ((False, "points", 9), (True, "points open", 14)):
                    dots = cut(times, censored=censored)
                    if len(dots):
                        shown.append(Series(look, words, dots["value"], dots["y"], None, [size] * len(dots)))
                for row in cut(rows, kind="ratio").iter_rows(named=True):
                    sign = {">=": "≥ ", "<=": "≤ "}.get(row["bound"], "")
                    interval = "" if row["low"] is None else f" ({row['low']:#.3g} to {row['high']:#.3g})"
                    ratios.append("open" if row["value"] is None else f"{sign}{row['value']:#.3g}{interval}")
            y -= 1
        yield Panel(shown, yticks=list(names.values()) * len(problems), words=[*problems, *ratios])

    return panels


EXPECTED: dict[str, Drawing] = {
    "irreps-one-by-one": irreps_one_by_one,
    "features-on-the-group": features_on_the_group,
    "ascents": ascents,
    "dynamics": dynamics,
    "phase-diagrams": phase_diagrams,
    "learning-rates": learning_rates,
    "node-energies": node_energies,
    "muon-width": muon_width,
    "depth": contrast(**{"2": "2 layers", "3": "3", "3 residual": "3 residual", "4": "4", "4 residual": "4 residual"}),
    "complex-weights": contrast(real="real", complex="complex"),
    "ridge": contrast(trained="V trained", ridge="V solved"),
    "zero-init": contrast(random="random V", zero="zero V"),
}
_OF_CONTRASTS = [("low", "high", ""), ("curve", "time", "kind"), ("value", "low", "")]
#: Figure -> what is swapped in its table: two columns, or two words or numbers of one column (the third).
SWAPS: dict[str, list[tuple[object, object, str]]] = {
    "irreps-one-by-one": [
        ("theory", "accuracy of these", "series"),
        ("accuracy of these", "measured", "series"),
        ("share", "theory of a block", "series"),
        ("real of d = 1", "real of d = 2", "kind"),
        ("D4xZ3", "Q8xZ3", "group"),
        ("low", "high", ""),
    ],
    "features-on-the-group": [
        ("first operand", "second operand", "kind"),
        ("second operand", "output", "kind"),
        ("x", "value", ""),
        ("1", "2", "kind"),
        ("node", "wave", "panel"),
    ],
    "ascents": [
        ("localised", "irrep", "kind"),
        ("irrep", "spread", "kind"),
        ("d = 1", "d = 2", "kind"),
        ("p = 0.4", "p = 0.8", "series"),
        ("law", "highest", "series"),
        ("highest", "share", "series"),
    ],
    "dynamics": [
        ("train_accuracy", "test_accuracy", "quantity"),
        ("train_loss", "test_loss", "quantity"),
        ("turn_w", "turn_v", "quantity"),
        ("update_cosine_w", "update_cosine_v", "quantity"),
        (0.0002, 0.0, "weight_decay"),
        ("low", "high", ""),
        ("value", "high", ""),
    ],
    "phase-diagrams": [
        ("paper", "heights", ""),
        ("accuracy", "density", ""),
        ("grokked", "seeds", ""),
        ("S3", "D7", "group"),
        ("prime", "composite", "panel"),
    ],
    "learning-rates": [
        ("Z23", "Z47", "group"),
        (0.001, 0.5, "lr"),
        ("at the end", "on the way", "quantity"),
        ("low", "high", ""),
        ("value", "low", ""),
    ],
    "node-energies": [
        ("irrep", "localised", "what"),
        ("irrep", "spread", "what"),
        ("fourier", "row", "what"),
        ("test_accuracy", "live_nodes", "what"),
        (0.001, 0.05, "lr"),
        ("low", "high", ""),
    ],
    "muon-width": [
        ("adam", "muon", "optimizer"),
        ("test_loss", "covered", "quantity"),
        ("low", "high", ""),
        (0, 1, "best"),
    ],
    "depth": [*_OF_CONTRASTS, ("3", "4", "series"), ("decay 0.001", "decay 0.002", "panel")],
    "complex-weights": [*_OF_CONTRASTS, ("real", "complex", "series")],
    "ridge": [*_OF_CONTRASTS, ("trained", "ridge", "series")],
    "zero-init": [*_OF_CONTRASTS, ("random", "zero", "series"), ("Z23, ReLU", "Z41, x²", "panel")],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_drawn_is_what_the_table_holds(name: str) -> None:
    table = table_of_figure(name)
    assert wrong(name, table, EXPECTED[name](table)) == []


@pytest.mark.parametrize(("name", "a", "b", "column"), [(name, *swap) for name in SWAPS for swap in SWAPS[name]])
def test_a_swap_is_seen(name: str, a: object, b: object, column: str) -> None:
    table = table_of_figure(name)
    assert wrong(name, swapped(table, a, b, column), EXPECTED[name](table)) != []
