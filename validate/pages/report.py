"""The page of a demo: what was asked, what was predicted, what networks did. One self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from twopeaks.validate.experiment.experiment import Outcome, Result
from twopeaks.validate.figures.of_runs.peaks import fig_two_peaks
from twopeaks.validate.figures.of_runs.transition import fig_transition
from twopeaks.validate.measured.statistics import rate_interval
from twopeaks.validate.pages.page import Table, png, render
from twopeaks.validate.scores.board import Row
from twopeaks.validate.scores.words import span

__all__ = ["draw", "html_page", "percent", "verdict"]

#: Headings are in the template: they have subscripts.
_NETWORK_COLUMNS = (("", "n"),) * 7


def draw(result: Result) -> dict[str, Figure]:
    """Both figures of the experiment by file stem."""
    return {"transition": fig_transition(result)[0], "two-peaks": fig_two_peaks(result)[0]}


def percent(x: float | None) -> str:
    """A signed relative error."""
    return "–" if x is None else f"{x:+.1%}"


def verdict(result: Result) -> str:
    """The result in one sentence."""
    m, group = result.measured, result.experiment.setting.task.group
    if m.value is None:
        return (
            f"{group}: among the sizes tried none was found at which half of the networks understood the rule within "
            f"the budget (n_c: {span(m.value, m.low, m.high)}), so no prediction can be judged. More steps may help."
        )
    scored = [r for r in result.scores if r.error is not None]
    best = min(scored, key=lambda r: abs(r.error or 0.0))
    errors = ", ".join(f"{r.prediction.predictor} {percent(r.error)}" for r in scored)
    interval = "" if m.low is None or m.high is None else f" (95%: {m.low:.0f} to {m.high:.0f})"
    return (
        f"{group}: half of the networks understood the rule within the budget from about {m.value:.0f} training "
        f"examples on{interval}. Closest: {best.prediction.predictor}. Errors: {errors}."
    )


def html_page(result: Result, figures: dict[str, Figure], command: str, facts: dict[str, str]) -> str:
    """The report.

    Args:
        result: the experiment.
        figures: of `draw`.
        command: what reproduces this page.
        facts: machine and versions, shown at the end.
    """
    experiment, m, fit = result.experiment, result.measured, result.calibration.fit
    task = experiment.setting.task
    entries = task.resolve().order ** 2
    return render(
        "report.html",
        title=f"{task.group}: when does the network stop memorising?",
        verdict=verdict(result),
        group=task.group,
        entries=entries,
        figures={name: png(figure) for name, figure in figures.items()},
        scores=[_score(row) for row in result.scores],
        measured=span(m.value, m.low, m.high),
        trained=sum(len(outcome.t_grok) for outcome in result.outcomes),
        training_seconds=f"{result.training_seconds:.0f}",
        notes=" | ".join(f"{p.predictor}: {p.note}" for p in result.predictions),
        fit={
            "generalising": f"{fit.generalising:.1f}",
            "scale": f"{fit.scale:.3f}",
            "power": f"{fit.power:.3f}",
            "crossing": f"{fit.crossing:.0f}",
        },
        networks=Table(_NETWORK_COLUMNS, [_networks(outcome, entries) for outcome in result.outcomes]),
        steps=f"{experiment.steps:,}",
        seeds=f"{experiment.seeds[0]}–{experiment.seeds[-1]}",
        control_seeds=f"{experiment.control_seeds[0]}–{experiment.control_seeds[-1]}",
        command=command,
        facts=_facts(result, facts),
    )


def _score(row: Row) -> dict[str, object]:
    p = row.prediction
    error = percent(row.error)
    if row.error_low is not None and row.error_high is not None:
        error += f" [{percent(row.error_low)}, {percent(row.error_high)}]"
    numbers = (span(p.value, p.low, p.high), error, str(p.constants_fitted), str(p.runs_used), f"{p.seconds:.3g}")
    return {"name": p.predictor, "valid": p.valid, "numbers": numbers}


def _networks(outcome: Outcome, entries: int) -> tuple[str, ...]:
    """All networks of one size in a row."""
    trained = len(outcome.t_grok)
    low, high = rate_interval(outcome.grokked, trained)
    accuracies = [a for a in outcome.test_accuracy if np.isfinite(a)]
    return (
        str(outcome.samples),
        f"{outcome.samples / entries:.0%}",
        f"{outcome.grokked}/{trained}" + (f" ({sum(outcome.diverged)} diverged)" if any(outcome.diverged) else ""),
        f"{outcome.grokked / trained:.2f} [{low:.2f}, {high:.2f}]",
        _median(outcome.t_mem),
        _median(outcome.t_grok),
        f"{np.mean(accuracies):.3f}" if accuracies else "–",
    )


def _median(steps: Sequence[int | None]) -> str:
    """Median of censored times: the value if half of them were reached."""
    ordered = sorted(np.inf if t is None else t for t in steps)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return f"{middle:,.0f}" if np.isfinite(middle) else "> budget"


def _facts(result: Result, facts: dict[str, str]) -> dict[str, str]:
    setting = result.experiment.setting
    return {
        "network": f"K = {setting.network.width} hidden nodes, {setting.network.activation}, no biases",
        "optimizer": ", ".join(f"{k} {v}" for k, v in setting.optimizer.model_dump().items()),
        **setting.conventions,
        "recorded every": f"{result.experiment.every} steps, so a t is known to that step",
        **facts,
    }
