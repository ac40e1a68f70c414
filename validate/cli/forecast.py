"""The command ``twopeaks forecast``: a line a run, or how good forecasts are on runs that have ended (``--score``)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from twopeaks.sim.storage import store
from twopeaks.theory.errors import InputError
from twopeaks.validate.cli.options import Json
from twopeaks.validate.measured.files import save_figure, write_json
from twopeaks.validate.screen.terminal import console, print_json, waiting

if TYPE_CHECKING:  # helps of other commands need none of it
    from twopeaks.validate.forecast.forecast import Forecast
    from twopeaks.validate.forecast.score import Interval, Score
    from twopeaks.validate.measured.curves import Curve

__all__ = ["At", "Request", "forecast", "parsed"]

#: Share of t_grok whose reliability is shown.
_ASKED = 0.3
#: Runs of which a figure is drawn, at most.
_DRAWN = 12


@dataclass(frozen=True)
class At:
    """When to observe: at a step, or at a share of the budget (of the last record, where no budget is known)."""

    value: float
    is_share: bool


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which runs are forecast, from which part of their curves, and where the forecasts go."""

    paths: Annotated[list[Path], typer.Argument(metavar="RUN|CURVES", help="CSV files, folders of runs or of sweeps")]
    at: Annotated[
        str | None, typer.Option(help="use the curve until this step, such as 600, or share of the budget, such as 30%")
    ] = None
    budget: Annotated[
        int | None,
        typer.Option(help="steps within which it must grok", show_default="the run's, or 10 times those seen"),
    ] = None
    theory: Annotated[
        bool, typer.Option("--theory/--no-theory", help="use n / n_c of stored runs, where theory has it")
    ] = True
    score: Annotated[
        bool, typer.Option("--score", help="score forecasts of runs that have ended, at shares of t_grok")
    ] = False
    out: Annotated[Path | None, typer.Option(help="folder for figures and forecasts.json")] = None
    as_json: Json = False


def forecast(request: Request) -> None:
    """Forecast runs, or score forecasts of runs that have ended.

    Raises:
        InputError: if a curve cannot be read, or an option is out of range.
    """
    if request.budget is not None and request.budget < 1:
        raise InputError("--budget", "1 or more steps", request.budget, "leave it out for the run's own")
    if request.score:
        _score(request)
    else:
        _forecast(request)


def parsed(text: str) -> At:
    """Read ``--at``: a step of 1 or more, a percentage, or a share below 1.

    Raises:
        InputError: if it is none of these.
    """
    remedy = "give a step such as 600, or a share such as 30%"
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise InputError("--at", "a step or a share", text, remedy) from error
    is_share = text.endswith("%") or number < 1
    if not math.isfinite(number) or number <= 0 or (is_share and number > 1):
        raise InputError("--at", "a step of 1 or more, or a share of 0 to 100%", text, remedy)
    return At(number, is_share)


# --- forecasts -----------------------------------------------------------------------------------------


def _forecast(request: Request) -> None:
    from twopeaks.validate.forecast.forecast import THEORY, shipped
    from twopeaks.validate.forecast.forecast import forecast as forecast_curve
    from twopeaks.validate.measured.curves import curves_at

    at = None if request.at is None else parsed(request.at)
    without = () if request.theory else THEORY
    with waiting("reading curves"):
        curves = [curve for path in request.paths for curve in curves_at(path)]
    forecasts = [forecast_curve(curve, _step(at, curve, request.budget), request.budget, without) for curve in curves]
    files = [] if request.out is None else _write(request.out, curves, forecasts)
    if request.as_json:
        data = {
            "forecasts": [prediction.as_data() for prediction in forecasts],
            "development": shipped().development,
            "files": files,
        }
        print_json(data)
    else:
        _show(forecasts, shipped().development, files)


def _step(at: At | None, curve: Curve, budget: int | None) -> float | None:
    if at is None or not at.is_share:
        return None if at is None else at.value
    return at.value * float(budget or curve.budget or curve.last_step)


def _write(out: Path, curves: Sequence[Curve], forecasts: Sequence[Forecast]) -> list[str]:
    from twopeaks.validate.figures.of_runs.forecast import fig_forecast

    store.prepare(out)
    write_json(out / "forecasts.json", [prediction.as_data() for prediction in forecasts])
    paths = [out / "forecasts.json"]
    for number, (curve, prediction) in enumerate(list(zip(curves, forecasts, strict=True))[:_DRAWN], start=1):
        paths += save_figure(fig_forecast(curve, prediction)[0], out / f"forecast-{number:02}")
    return [str(path) for path in paths]


def _show(forecasts: Sequence[Forecast], development: Mapping[str, Any], files: Sequence[str]) -> None:
    table = Table(box=None)
    table.add_column("run", overflow="fold", min_width=32)
    for heading in ("seen until", "P(grok by budget)", "t_grok, if it does [80%]", "from"):
        table.add_column(heading, no_wrap=True)
    for prediction in forecasts:
        table.add_row(
            Text(prediction.name),
            f"{prediction.step:,.0f}",
            *map(Text, (_chance(prediction), _time(prediction), "+".join(prediction.basis))),
        )
    screen = console()
    screen.print(table)
    warned = Counter(warning for prediction in forecasts for warning in prediction.warnings)
    for warning, count in warned.items():
        screen.print(Text(f"note: {warning} ({count} of {len(forecasts)} runs)"), soft_wrap=True)
    screen.print(Text(_basis(development)), soft_wrap=True)
    for path in files:
        screen.print(Text(path), soft_wrap=True)


def _chance(prediction: Forecast) -> str:
    if prediction.state == "grokked":
        return "has grokked"
    if prediction.state == "over":
        return f"0: {prediction.budget:,.0f} are over"
    return f"{prediction.probability:.2f} [{prediction.low:.2f}, {prediction.high:.2f}] by {prediction.budget:,.0f}"


def _time(prediction: Forecast) -> str:
    if prediction.state != "forecast":
        return "" if prediction.t_grok is None else f"{prediction.t_grok:,.0f}"
    return f"{prediction.t_grok:,.0f} [{prediction.t_low:,.0f}, {prediction.t_high:,.0f}]"


def _basis(development: Mapping[str, Any]) -> str:
    groups, rules = ", ".join(development["group"]), ", ".join(development["optimizer"])
    counts = f"{development['runs']:,} development runs, {development['grokked']:,} of which grokked"
    return f"Fitted to {counts}: {groups}; {rules}. P [80% over refits]; see docs/forecast.md."


# --- scores --------------------------------------------------------------------------------------------


def _score(request: Request) -> None:
    from twopeaks.validate.forecast.forecast import THEORY
    from twopeaks.validate.forecast.forecast import forecast as forecast_curve
    from twopeaks.validate.forecast.score import SHARES, score
    from twopeaks.validate.measured.curves import curves_at

    for name, value in (("--at", request.at), ("--budget", request.budget)):
        if value is not None:
            remedy = "scores are at shares of t_grok, within the budget of each run"
            raise InputError(name, "left out with --score", value, remedy)
    with waiting("reading curves"):
        curves = [curve for path in request.paths for curve in curves_at(path)]

    def seeing(left_out: Sequence[str]) -> Callable[[Curve, float], Forecast]:
        return lambda curve, step: forecast_curve(curve, step, curve.budget or curve.last_step, left_out)

    ways: dict[str, Sequence[str]] = {"curve and theory": ()} if request.theory else {}
    ways["curve alone"] = THEORY
    with waiting("forecasting"):
        scored = {way: [score(curves, share, seeing(left)) for share in (*SHARES, None)] for way, left in ways.items()}
    data = {way: [asdict(row) for row in scores] for way, scores in scored.items()}
    if request.out is not None:
        store.prepare(request.out)
        write_json(request.out / "scores.json", data)
    if request.as_json:
        print_json(data)
    else:
        _show_scores(scored)


def _show_scores(scored: Mapping[str, Sequence[Score]]) -> None:
    screen = console()
    for way, scores in scored.items():
        table = Table(title=f"forecasts from {way}; 95% intervals over settings", box=None)
        for heading in ("share of t_grok", "grokked", "AUROC", "|error| of t", "Brier (base rate)", "80% covers"):
            table.add_column(heading, no_wrap=True)
        for row in scores:
            runs = f"{row.grokked} of {row.runs}"
            numbers = (
                _interval(row.auroc),
                _interval(row.time_error, "{:.0%}"),
                f"{_interval(row.brier)} ({row.base:.3f})",
            )
            table.add_row(_share(row.share), runs, *numbers, _interval(row.covered, "{:.0%}"))
        screen.print(table)
        early = ", ".join(f"{row.too_early} at {_share(row.share)}" for row in scores if row.too_early)
        if early:
            screen.print(Text(f"left out, with fewer than four records by then: {early}"), soft_wrap=True)
        _show_reliability(scores)


def _show_reliability(scores: Sequence[Score]) -> None:
    at = next(row for row in scores if row.share == _ASKED)
    table = Table(box=None, title=f"reliability at {_ASKED:.0%} of t_grok")
    for heading in ("forecast P", "runs", "mean P", "share that grokked [95%]"):
        table.add_column(heading, no_wrap=True)
    for row in at.reliability:
        share = f"{row['grokked']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        table.add_row(f"{row['from']:g} to {row['to']:g}", f"{row['runs']}", f"{row['forecast']:.2f}", share)
    screen = console()
    screen.print(table)
    rivals = ", ".join(f"{name} {value:.3f}" for name, value in at.rivals.items())
    screen.print(Text(f"AUROC of single signs there: {rivals}"), soft_wrap=True)
    among = f"AUROC among runs of one clock: forecasts {at.within:.3f}, step of observation {at.leak:.3f}"
    screen.print(Text(f"{among} (among all {at.leak_across:.3f})"), soft_wrap=True)
    guesses = f"{at.guesses} of {at.grokked} times are called a guess; of the others"
    clear = f"{guesses} |error| {at.clear_error:.0%}, 80% covers {at.clear_covered:.0%}"
    screen.print(Text(f"{clear}; |error| of the median of other seeds {at.seed_error:.0%}"), soft_wrap=True)
    mixed = scores[-1].multiple_error
    screen.print(
        Text(f"time error at mixed shares of the best constant multiple of the step: {mixed:.0%}"), soft_wrap=True
    )


def _share(share: float | None) -> str:
    from twopeaks.validate.forecast.score import MIXED

    return f"{share:.0%}" if share is not None else f"{MIXED[0]:.0%} to {MIXED[1]:.0%}"


def _interval(interval: Interval, form: str = "{:.3f}") -> str:
    value, low, high = (form.format(x) for x in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"
