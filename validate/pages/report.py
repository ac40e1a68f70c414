"""The page a person opens: what was asked, what was predicted, what networks did. One self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from matplotlib.figure import Figure

from twopeaks.validate.experiment.experiment import Outcome, Result
from twopeaks.validate.figures.drawing.style import PREDICTORS
from twopeaks.validate.figures.of_runs.peaks import fig_two_peaks
from twopeaks.validate.figures.of_runs.transition import fig_transition
from twopeaks.validate.measured.statistics import TransitionPoint, rate_interval
from twopeaks.validate.pages.page import document, fact_table, figure_tag
from twopeaks.validate.scores.board import Row
from twopeaks.validate.scores.words import span

__all__ = ["draw", "html_page", "percent", "verdict"]


def draw(result: Result) -> dict[str, Figure]:
    """Both figures of the experiment by file stem."""
    return {"transition": fig_transition(result)[0], "two-peaks": fig_two_peaks(result)[0]}


def percent(x: float | None) -> str:
    """A signed relative error."""
    return "–" if x is None else f"{x:+.1%}"


def verdict(result: Result) -> str:
    """One sentence for somebody in a hurry."""
    m, group = result.measured, result.experiment.setting.task.group
    if m.value is None:
        return (
            f"{group}: among the sizes tried none was found at which half of the networks understood the rule within "
            f"the budget (n_c: {span(m.value, m.low, m.high)}), so no prediction can be judged. More steps may help."
        )
    scored = [r for r in result.scores if r.error is not None]
    best = min(scored, key=lambda r: abs(r.error or 0.0))
    name = PREDICTORS[best.prediction.predictor][2]
    parts = ", ".join(f"{PREDICTORS[r.prediction.predictor][2]} {percent(r.error)}" for r in scored)
    return (
        f"{group}: half of the networks understood the rule within the budget from about {m.value:.0f} training "
        f"pairs on{_interval(m)}. Closest: {name}. Errors: {parts}."
    )


def html_page(result: Result, figures: dict[str, Figure], command: str, facts: dict[str, str]) -> str:
    """The report.

    Args:
        result: the experiment.
        figures: of `draw`.
        command: what reproduces this page.
        facts: machine and versions, shown at the end.
    """
    setting, experiment = result.experiment.setting, result.experiment
    order = setting.task.resolve().order
    fit = result.calibration.fit
    title = f"{setting.task.group}: when does the network stop memorising?"
    body = f"""<p class="verdict">{escape(verdict(result))}</p>
<p>A network is shown n of the {order**2} entries of the multiplication table of {escape(setting.task.group)} and is
tested on all others. It can fit what it was shown in two ways: remember each entry, which costs more the more there
are, or find the rule, which costs the same whatever n is. Weight decay favours the cheaper way. Where both cost the
same, the two peaks are equally high, and there understanding should begin.</p>
{
        figure_tag(
            figures["transition"],
            "Each dot is one network. Lines: where each theory expects the change, said before "
            "these networks were trained. Grey band: where it was.",
            "Test accuracy against training pairs",
        )
    }
<h2>Predicted and measured</h2>
<div class="scroll"><table><thead><tr><th>who says so</th><th class="n">n<sub>c</sub></th><th class="n">error</th>
<th class="n">fitted constants</th><th class="n">training runs used</th><th class="n">seconds</th></tr></thead>
<tbody>{"".join(map(_score_row, result.scores))}
<tr><td><strong>measured</strong></td><td class="n"><strong>{_measured(result)}</strong></td><td></td><td></td>
<td class="n">{sum(len(o.t_grok) for o in result.outcomes)}</td><td class="n">{result.training_seconds:.0f}</td></tr>
</tbody></table></div>
<p class="small">Error: predicted over measured, less one; in brackets the range that the measurement's own interval
leaves. Seconds: of one processor thread, training included. Notes: {
        escape(" | ".join(f"{PREDICTORS[p.predictor][2]}: {p.note}" for p in result.predictions))
    }.</p>
<h2>Why: two peaks</h2>
{
        figure_tag(
            figures["two-peaks"],
            "Above: the norm |W|² + |V|² that each way of fitting costs, from networks that can "
            "only memorise (random labels, dots) and networks with plentiful data. Below: what networks did.",
            "Heights of the two peaks against training pairs",
        )
    }
<p>Measured on controls: generalising costs C<sub>gen</sub> = {fit.generalising:.1f}; memorising n pairs costs
{fit.scale:.3f} n<sup>{fit.power:.3f}</sup>. They cross at {fit.crossing:.0f}.</p>
<h2>The networks</h2>
<div class="scroll"><table><thead><tr><th class="n">n</th><th class="n">share of all pairs</th>
<th class="n">grokked</th>
<th class="n">rate [95%]</th><th class="n">median t<sub>mem</sub></th><th class="n">median t<sub>grok</sub></th>
<th class="n">mean test accuracy</th></tr></thead>
<tbody>{"".join(_outcome_row(o, order) for o in result.outcomes)}</tbody></table></div>
<p class="small">Grokked: test accuracy reached 0.95 within {experiment.steps:,} steps and held. Medians treat networks
that did not get there as later than all others; “&gt;” says that the median itself lies beyond the budget. Seeds
{experiment.seeds[0]}–{experiment.seeds[-1]} at every size; controls: seeds {experiment.control_seeds[0]}–
{experiment.control_seeds[-1]}, every one trained for the whole budget.</p>
<h2>Conventions and how to repeat this</h2>
<p><code>{escape(command)}</code></p>
{fact_table(_facts(result, facts))}
"""
    return document(title, body)


def _interval(m: TransitionPoint) -> str:
    return "" if m.low is None or m.high is None else f" (95%: {m.low:.0f} to {m.high:.0f})"


def _measured(result: Result) -> str:
    return span(result.measured.value, result.measured.low, result.measured.high)


def _score_row(row: Row) -> str:
    p = row.prediction
    error = percent(row.error)
    if row.error_low is not None and row.error_high is not None:
        error += f" [{percent(row.error_low)}, {percent(row.error_high)}]"
    outside = "" if p.valid else " <small>(outside its range)</small>"
    cells = [span(p.value, p.low, p.high), error, str(p.constants_fitted), str(p.runs_used), f"{p.seconds:.3g}"]
    numbers = "".join(f'<td class="n">{escape(c)}</td>' for c in cells)
    return f"<tr><td>{escape(PREDICTORS[p.predictor][2])}{outside}</td>{numbers}</tr>"


def _outcome_row(o: Outcome, order: int) -> str:
    low, high = rate_interval(o.grokked, len(o.t_grok))
    accuracies = [a for a in o.test_accuracy if np.isfinite(a)]
    cells = [
        str(o.samples),
        f"{o.samples / order**2:.0%}",
        f"{o.grokked}/{len(o.t_grok)}" + (f" ({sum(o.diverged)} diverged)" if any(o.diverged) else ""),
        f"{o.grokked / len(o.t_grok):.2f} [{low:.2f}, {high:.2f}]",
        _median(o.t_mem),
        _median(o.t_grok),
        f"{np.mean(accuracies):.3f}" if accuracies else "–",
    ]
    return "<tr>" + "".join(f'<td class="n">{c}</td>' for c in cells) + "</tr>"


def _median(steps: Sequence[int | None]) -> str:
    """Median of censored times: the value if half of them were reached."""
    ordered = sorted(np.inf if t is None else t for t in steps)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return f"{middle:,.0f}" if np.isfinite(middle) else "&gt; budget"


def _facts(result: Result, facts: dict[str, str]) -> dict[str, str]:
    setting = result.experiment.setting
    return {
        "network": f"K = {setting.network.width} hidden nodes, {setting.network.activation}, no biases",
        "optimizer": ", ".join(f"{k} {v}" for k, v in setting.optimizer.model_dump().items()),
        **setting.conventions,
        "recorded every": f"{result.experiment.every} steps, so a t is known to that step",
        **facts,
    }
