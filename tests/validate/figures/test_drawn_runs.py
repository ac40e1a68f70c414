"""Figures of commands draw what they were given: every series at its numbers, in the colour of its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from matplotlib.axes import Axes
from pydantic import BaseModel

from tests.figure_data import Panel, Series, differences
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.sweep.cells import Cell as Trained
from twopeaks.theory.heights.heights import HeightFit
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.calibrated import Calibration
from twopeaks.theory.setting import Setting, standard
from twopeaks.validate.claims.claim import Estimate, Finding, Judgement
from twopeaks.validate.claims.claim import Outcome as Examined
from twopeaks.validate.claims.claim import Series as Curves
from twopeaks.validate.experiment.controls import ControlCells
from twopeaks.validate.experiment.experiment import Experiment, Outcome, Result
from twopeaks.validate.figures.drawing.style import COLOURS, FADED, INK, PREDICTORS, VERDICTS
from twopeaks.validate.figures.of_runs.claims import fig_all_series, fig_series, fig_verdicts
from twopeaks.validate.figures.of_runs.forecast import fig_forecast
from twopeaks.validate.figures.of_runs.peaks import fig_two_peaks
from twopeaks.validate.figures.of_runs.scaling import fig_scaling
from twopeaks.validate.figures.of_runs.scoreboard import fig_scoreboard
from twopeaks.validate.figures.of_runs.transition import fig_transition
from twopeaks.validate.forecast.forecast import Forecast
from twopeaks.validate.laws.compare import Comparison, compare
from twopeaks.validate.laws.laws import Cell
from twopeaks.validate.measured.curves import Curve
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.measured.statistics import TransitionPoint
from twopeaks.validate.scores.board import Board, boards
from twopeaks.validate.scores.predictors import read_predictions

Model = TypeVar("Model", bound=BaseModel)


def wrong(axes: Axes | Sequence[Axes], *panels: Panel) -> list[str]:
    return differences([axes] if isinstance(axes, Axes) else axes, panels)


# --- one experiment ------------------------------------------------------------------------------------

FIT = HeightFit(generalising=50.0, scale=2.0, power=1.0, crossing=25.0, low=22.0, high=28.0, drift=0.01)


def prediction(name: str, value: float | None) -> Prediction:
    numbers: dict[str, Any] = {"value": value, "low": None, "high": None, "seconds": 0.0, "valid": True}
    words = {"note": "", "assumptions": (), "group": "Z7", "setting_id": "0"}
    return Prediction(predictor=name, constants_fitted=0, runs_used=0, **numbers, **words)


def controls(n: int, costs: Sequence[float], ends: tuple[Any, ...]) -> tuple[Trained, Records]:
    """A control on n examples whose members end at these norms, of which the second layer has a fifth."""
    plan, last = Plan(steps=2, every=1), np.array(costs)[:, None]
    curves = {"norm_w2": np.hstack([last, 0.8 * last]), "norm_v2": np.hstack([last, 0.2 * last])}
    records = Records(np.arange(len(costs)), np.array([1, 2]), np.full(len(costs), 2), ends, curves)
    return Trained(standard("Z7", n, 16), tuple(range(len(costs))), plan), records


def result() -> Result:
    """Networks at n = 10, 20 and 40: none, one and both of two grok; two sizes of controls."""
    outcomes = tuple(
        Outcome(n, (5, 5), t_grok, accuracy, (False, False))
        for n, t_grok, accuracy in (
            (10, (None, None), (0.1, 0.3)),
            (20, (90, None), (0.97, 0.5)),
            (40, (60, 70), (0.98, 1.0)),
        )
    )
    made = [controls(n, costs, ends) for n, costs, ends in (
        (45, (50.0,), ("budget",)),
        (12, (24.0, 26.0, 99.0), ("budget", "budget", "diverged")),
        (30, (61.0,), ("budget",)),
    )]  # fmt: skip
    setting: Setting = standard("Z7", 20, 16)
    predictions = (
        prediction("paper-law", 37.0),
        prediction("heights-shared", 22.0),
        prediction("heights-phases", None),
    )
    return Result(
        experiment=Experiment(setting, 100, 10, (0, 1), (0,)),
        controls=ControlCells(made[0][0], (made[1][0], made[2][0])),
        control_records=tuple(records for _, records in made),
        calibration=Calibration(FIT, 5, 1.0),
        predictions=predictions,
        outcomes=outcomes,
        measured=TransitionPoint(21.0, 18.0, 24.0, 2.0),
        scores=(),
        training_seconds=1.0,
        seconds=1.0,
    )


def networks() -> list[Series]:
    """Dots of `result`: those of one size apart by 0.6% of the range of sizes both ways."""
    apart, words = 0.006 * 30, {True: "grokked", False: "did not grok within the budget"}
    x = {True: [20 - apart, 40 - apart, 40 + apart], False: [10 - apart, 10 + apart, 20 + apart]}
    y = {True: [0.97, 0.98, 1.0], False: [0.1, 0.3, 0.5]}
    return [Series("points", words[done], x[done], y[done], None, [26, 26, 26]) for done in (True, False)]


MEASURED = "measured: 21 (95%: 18 to 24)"


def transition_panel() -> Panel:
    said = {"paper-law: 37": 37.0, "heights-shared: 22": 22.0}
    lines = [Series("upright", words, [value]) for words, value in said.items()]
    means = Series("-", "mean of the seeds", [10, 20, 40], [0.2, 0.735, 0.99])
    span = Series("span", COLOURS["measured"], (), (), [18], [24])
    return Panel([*networks(), *lines, means, span], title="Z7: 2 networks a size, 100 steps each")


def peaks_panels() -> Iterator[Panel]:
    n = np.linspace(0.9 * 10, 1.05 * 40, 200)
    memorises, knows = "memorisation: sinks as data grow", "generalisation: stays"
    yield Panel(
        [
            Series("-", memorises, n, 2 * n),
            Series("level", knows, (), [50]),
            Series("band", FADED, n, (), np.minimum(2 * n, 50), np.full(200, 84)),
            Series("points", memorises, [12, 12], [24, 26], None, [18, 18]),
            Series("points", memorises, [30], [61], None, [18]),
            Series("o", INK, [25], [50]),
            Series("upright", INK, [25]),
        ],
        words=["peaks equally high at n = 25"],
        title="The two peaks of Z7",
    )
    yield Panel([*networks(), Series("span", COLOURS["measured"], (), (), [18], [24]), Series("upright", INK, [25])])


def other(result: Result, what: str) -> Result:
    """The result with two things swapped."""
    fit, m, p = result.calibration.fit, result.measured, result.predictions
    if what == "outcomes":
        turned = [tuple(1 if t is None else None for t in o.t_grok) for o in result.outcomes]
        return replace(
            result, outcomes=tuple(replace(o, t_grok=t) for o, t in zip(result.outcomes, turned, strict=True))
        )
    if what == "sizes":
        sizes = [o.samples for o in result.outcomes][::-1]
        return replace(
            result, outcomes=tuple(replace(o, samples=n) for o, n in zip(result.outcomes, sizes, strict=True))
        )
    if what == "ends":
        return replace(result, measured=TransitionPoint(m.value, m.high, m.low, m.width))
    if what == "predictors":
        values = (p[1].value, p[0].value, None)
        return replace(result, predictions=tuple(prediction(q.predictor, v) for q, v in zip(p, values, strict=True)))
    if what == "peaks":
        turned_fit = replace(fit, generalising=fit.scale, scale=fit.generalising)
        return replace(result, calibration=replace(result.calibration, fit=turned_fit))
    if what == "controls":
        one, two = result.controls.memorising
        return replace(result, controls=replace(result.controls, memorising=(two, one)))
    raise ValueError(what)


def test_the_transition_is_drawn_as_it_was_found() -> None:
    axes = fig_transition(result())[1]
    assert wrong(axes, transition_panel()) == []
    shown = {text.get_text() for text in axes.get_legend().get_texts()}  # type: ignore[union-attr]
    assert MEASURED in shown


def test_the_two_peaks_are_drawn_as_they_were_found() -> None:
    assert wrong(fig_two_peaks(result())[1], *peaks_panels()) == []


@pytest.mark.parametrize("what", ["outcomes", "sizes", "ends", "predictors"])
def test_a_swap_in_the_transition_is_seen(what: str) -> None:
    assert wrong(fig_transition(other(result(), what))[1], transition_panel()) != []


@pytest.mark.parametrize("what", ["outcomes", "sizes", "ends", "peaks", "controls"])
def test_a_swap_in_the_two_peaks_is_seen(what: str) -> None:
    assert wrong(fig_two_peaks(other(result(), what))[1], *peaks_panels()) != []


# --- a forecast ----------------------------------------------------------------------------------------

STEPS = np.array([1.0, 10.0, 100.0, 1000.0])
SEEN = Curve(
    "run", STEPS, {"test_accuracy": np.array([0.1, 0.2, 0.3, 0.9]), "test_loss": np.array([4.0, 3.0, 2.0, 1.0])}
)
FORECAST = Forecast("run", "forecast", 100.0, 5000.0, 0.8, 0.7, 0.9, 900.0, 600.0, 1500.0)


def forecast_panel() -> Panel:
    return Panel(
        [
            Series("-", "seen", STEPS[:3], [0.1, 0.2, 0.3]),
            Series("-", "not seen by the forecast", STEPS[3:], [0.9]),
            Series("span", COLOURS["generalising"], (), (), [600], [1500]),
            Series("upright", "t_grok 900 [600, 1,500], if it groks", [900]),
            Series("upright", "budget", [5000]),
        ],
        title="run\nP(grok by 5,000) = 0.80 [0.70, 0.90]",
    )


def test_a_forecast_is_drawn_as_it_was_made() -> None:
    ax = fig_forecast(SEEN, FORECAST)[1]
    assert wrong(ax, forecast_panel()) == []
    assert ax.get_ylabel() == "test accuracy"
    loss = fig_forecast(replace(SEEN, values={"test_loss": SEEN.values["test_loss"]}), FORECAST)[1]
    assert loss.get_ylabel() == "test loss"
    assert np.asarray(loss.lines[1].get_ydata()).tolist() == [4, 3, 2]


@pytest.mark.parametrize(
    ("curve", "forecast"),
    [
        (SEEN, replace(FORECAST, t_low=1500.0, t_high=600.0)),
        (SEEN, replace(FORECAST, budget=900.0, t_grok=5000.0)),
        (SEEN, replace(FORECAST, step=10.0)),
        (SEEN, replace(FORECAST, low=0.9, high=0.7)),
        (replace(SEEN, values=dict(zip(SEEN.values, reversed(SEEN.values.values()), strict=True))), FORECAST),
    ],
    ids=["ends", "budget and t_grok", "step", "probabilities", "accuracy and loss"],
)
def test_a_swap_in_a_forecast_is_seen(curve: Curve, forecast: Forecast) -> None:
    assert wrong(fig_forecast(curve, forecast)[1], forecast_panel()) != []


# --- laws ----------------------------------------------------------------------------------------------

ORDERS = (11, 13, 17, 19, 23, 29, 31, 47)
SIZES = (72.0, 88.0, 131.0, 142.0, 187.0, 240.0, 268.0, 470.0)


def comparison() -> Comparison:
    cells = [
        Cell(f"Z{M}", M, n, 0.97 * n, 1.05 * n, predicted=(1 + 0.005 * i) * n)
        for i, (M, n) in enumerate(zip(ORDERS, SIZES, strict=True))
    ]
    return compare(cells)


def scaling_panel(found: Comparison) -> Panel:
    scale, sizes = np.array(ORDERS) * np.log(ORDERS), np.array(SIZES)
    series = [Series("o", "measured, 95%", ORDERS, sizes / scale, 0.97 * sizes / scale, 1.05 * sizes / scale)]
    looks = {"c M log M": "-", "c M^(4/3)": "-", "c M^(4/3) (1 + 2.13/M)": "-.", "2.52 M^(4/3) (1 + 2.13/M)": "--"}
    ax = fig_scaling(found)[1]
    orders = np.asarray(next(line for line in ax.lines if len(line.get_xdata()) == 300).get_xdata(), dtype=float)  # type: ignore[arg-type]
    for score in found.scores:
        label = f"{score.name}: {score.left_out:.1%} off where left out"
        if score.name in looks:
            curve = np.exp(score.fit.log_curve(orders)) / (orders * np.log(orders))
            series.append(Series(looks[score.name], label, orders, curve))
            if looks[score.name] == "-":
                spread = np.exp(score.fit.scatter)
                series.append(Series("band", label, orders, (), curve / spread, curve * spread))
        if score.fit.law.shape is None:
            label = f"{score.name}, no run: {score.left_out:.1%} off where left out"
            series.append(Series("D open", label, ORDERS, (1 + 0.005 * np.arange(8)) * sizes / scale))
    next_order = [float(line.get_xdata()[0]) for line in ax.lines if line.get_linestyle() == ":"]  # type: ignore[index]
    return Panel([*series, *(Series("upright", FADED, [x]) for x in next_order)])


def test_laws_are_drawn_as_they_were_fitted() -> None:
    found = comparison()
    assert wrong(fig_scaling(found)[1], scaling_panel(found)) == []


def test_a_swap_in_the_laws_is_seen() -> None:
    found = comparison()
    cells = tuple(replace(cell, value=cell.predicted, predicted=cell.value) for cell in found.cells)
    assert wrong(fig_scaling(replace(found, cells=cells))[1], scaling_panel(found)) != []
    with pytest.raises(ValueError, match="negative"):
        fig_scaling(replace(found, cells=tuple(replace(cell, low=cell.high, high=cell.low) for cell in found.cells)))


def test_laws_under_each_others_names_are_seen() -> None:
    found = comparison()
    first, second = (next(s for s in found.scores if s.name == name) for name in ("c M log M", "c M^(4/3)"))
    turned = [
        replace(score, fit=replace(score.fit, law=replace(score.fit.law, name=name)))
        for score, name in ((first, second.name), (second, first.name))
    ]
    scores = tuple(turned[0] if s is first else turned[1] if s is second else s for s in found.scores)
    assert wrong(fig_scaling(replace(found, scores=scores))[1], scaling_panel(found)) != []


# --- a scoreboard --------------------------------------------------------------------------------------

GROUPS = {"Z11": (100.0, 90.0, 120.0), "Z13": (200.0, 190.0, 205.0), "Z17": (300.0, 290.0, 330.0)}
SAID = {"paper-law": (110.0, 150.0, 330.0), "heights-shared": (101.0, 190.0, 303.0)}


def board(folder: Path) -> Board:
    measured = "\n".join(f"{group},{value},{low},{high}" for group, (value, low, high) in GROUPS.items())
    rows = [f"{name},{g},{v}" for name, values in SAID.items() for g, v in zip(GROUPS, values, strict=True)]
    (folder / "m.csv").write_text(f"group,n_c,low,high\n{measured}\n")
    (folder / "p.csv").write_text("predictor,group,value\n" + "\n".join(rows) + "\n")
    cells, _ = measured_csv(folder / "m.csv")
    return boards(cells, read_predictions(folder / "p.csv", cells)[0])[0]


def scoreboard_panel(ticks: Sequence[str]) -> Panel:
    series = [Series("upright", INK, [1.0]), Series("level", FADED, (), [0.5])]
    for y, tick in enumerate(ticks):
        name = tick.partition("\n")[0]
        colour = PREDICTORS[name][0]
        ratios = []
        for place, (value, (measured, low, high)) in enumerate(zip(SAID[name], GROUPS.values(), strict=True)):
            at = y + 0.68 * (place / 2 - 0.5)
            ratios.append(value / measured)
            series.append(Series("o", colour, [value / measured], [at]))
            series.append(Series("-", colour, [value / high, value / low], [at, at]))
        median = float(np.median(ratios))
        series.append(Series("-", colour, [median, median], [y - 0.4, y + 0.4]))
    return Panel(series, yticks=ticks)


def test_a_scoreboard_is_drawn_as_it_stands(tmp_path: Path) -> None:
    ax = fig_scoreboard(board(tmp_path))[1]
    ticks = ["heights-shared\nmedian |error| 1.0% on 3", "paper-law\nmedian |error| 10.0% on 3"]
    assert wrong(ax, scoreboard_panel(ticks)) == []
    named = [(text.get_text(), *text.xy) for text in ax.texts]  # type: ignore[attr-defined]
    ends = [("Z13", 190 / 205, 0), ("Z11", 101 / 90, -0.34), ("Z13", 150 / 205, 1), ("Z11", 110 / 90, 0.66)]
    assert [name for name, *_ in named] == [name for name, *_ in ends], "the two worst of each row"
    assert [place for _, *place in named] == [pytest.approx(place) for _, *place in ends]


def test_a_swap_in_a_scoreboard_is_seen(tmp_path: Path) -> None:
    made = board(tmp_path)
    ticks = [label.get_text() for label in fig_scoreboard(made)[1].get_yticklabels()]
    one, two = made.standings
    names = (replace(one, predictor=two.predictor), replace(two, predictor=one.predictor))
    ends = tuple(
        replace(s, worst=tuple(replace(e, error_low=e.error, error=e.error_low) for e in s.worst)) for s in (one, two)
    )
    for standings in (names, ends, tuple(replace(s, bias=(s.bias or 0.0) + 0.1) for s in (one, two))):
        assert wrong(fig_scoreboard(replace(made, standings=standings))[1], scoreboard_panel(ticks)) != []


# --- claims --------------------------------------------------------------------------------------------

ESTIMATES = {"supported": (0.5, 0.4, 0.6), "refuted": (2.0, 1.5, 3.0), "undecided": (0.9, 0.8, 1.5)}
X = (1.0, 2.0, 3.0)
SHOWN = Finding(
    samples={},
    budget="",
    settings=(),
    series=(
        Curves(name="measured", x=X, y=(0.1, 0.2, 0.4), low=(0.0, 0.1, 0.3), high=(0.2, 0.5, 0.6)),
        Curves(name="predicted", x=X, y=(0.2, 0.3, 0.5)),
    ),
    axes=("step", "share"),
)


def examined(finding: Finding = SHOWN) -> list[Examined]:
    """A claim a verdict, each with one form whose range is 0 to 1."""
    made = []
    words: dict[str, Any] = {"statement": "so", "source": "here", "equations": (), "measure": "so"}
    for verdict, (value, low, high) in ESTIMATES.items():
        estimate = Estimate(value=value, low=low, high=high, seeds=4, missing=0)
        judged: dict[str, Any] = {"name": "printed", "prediction": "so", "quantity": "q", "low": 0, "high": 1}
        form = Judgement(estimate=estimate, verdict=verdict, **judged)  # type: ignore[arg-type]
        record: dict[str, Any] = {"verdict": verdict, "forms": (form,), "finding": finding, "seeds": (0, 1)}
        made.append(Examined(id=verdict, seconds=1.0, **words, **record))
    return made


def verdicts_panel() -> Panel:
    """Beyond the range, a distance d is drawn as d / (1 + d)."""
    places = {
        "supported": (0.5, 0.4, 0.6),
        "refuted": (1.5, 1 + 0.5 / 1.5, 1 + 2 / 3),
        "undecided": (0.9, 0.8, 1 + 1 / 3),
    }
    series = []
    for y, (verdict, (value, low, high)) in enumerate(places.items()):
        colour, marker, _ = VERDICTS[verdict]
        series += [Series("bar", colour, [0], [0.62], [y - 0.31], [1]), Series("level", FADED, (), [y - 0.5])]
        series += [Series("-", INK, [end, end], [y - 0.31, y + 0.31]) for end in (0, 1)]
        series.append(Series("-", colour, [low, high], [y, y]))
        series.append(Series(f"{marker} open" if verdict == "undecided" else marker, colour, [value], [y]))
    return Panel(series, yticks=["q (printed)"] * 3)


def series_panel(verdict: str = "supported") -> Panel:
    x = (1, 2, 3)
    return Panel(
        [
            Series("band", "measured", x, (), (0.0, 0.1, 0.3), (0.2, 0.5, 0.6)),
            Series("-o", "measured", x, (0.1, 0.2, 0.4)),
            Series("--", "predicted", x, (0.2, 0.3, 0.5)),
        ],
        title=verdict,
    )


def test_verdicts_and_curves_are_drawn_as_they_were_found() -> None:
    assert wrong(fig_verdicts(examined())[1], verdicts_panel()) == []
    for number, verdict in enumerate(ESTIMATES):
        assert wrong(fig_series(examined()[number])[1], series_panel(verdict)) == []
    assert wrong(fig_all_series(examined())[1], *map(series_panel, ESTIMATES)) == []


def with_(model: Model, **fields: Any) -> Model:
    return model.model_copy(update=fields)


def test_a_swap_in_the_claims_is_seen() -> None:
    found = examined()
    first, second, third = (outcome.forms[0] for outcome in found)
    swaps = [
        [with_(first, verdict=second.verdict), with_(second, verdict=first.verdict), third],
        [with_(first, estimate=second.estimate), with_(second, estimate=first.estimate), third],
        [
            with_(judged, estimate=with_(judged.estimate, value=judged.estimate.low, low=judged.estimate.value))
            for judged in (first, second, third)
        ],
    ]
    for forms in swaps:
        turned = [with_(o, forms=(form,)) for o, form in zip(found, forms, strict=True)]
        assert wrong(fig_verdicts(turned)[1], verdicts_panel()) != []
    measured, predicted = SHOWN.series
    for curves in (
        (with_(measured, y=predicted.y), with_(predicted, y=measured.y)),
        (with_(measured, low=measured.y, y=measured.low), predicted),
        (with_(measured, name="predicted"), with_(predicted, name="measured")),
    ):
        assert wrong(fig_series(examined(with_(SHOWN, series=curves))[0])[1], series_panel()) != []
