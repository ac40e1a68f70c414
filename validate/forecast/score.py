"""How good forecasts are on runs whose end is known: ranking, calibration, time error, coverage. No torch here.

A run that grokked at T is observed at a share of T. One that did not is observed at the same steps as those that did:
at quantiles of the observation steps of its own series (same clock, other sizes), so that the step of observation tells
nothing. `Score.leak` says how far that worked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from twopeaks.theory.errors import InputError
from twopeaks.validate.forecast.forecast import GUESS, Forecast
from twopeaks.validate.forecast.theory import transition_size
from twopeaks.validate.measured.curves import Curve
from twopeaks.validate.measured.statistics import interval_95, of_clusters, rate_interval, resampled

__all__ = [
    "MIXED",
    "SHARES",
    "Interval",
    "Observation",
    "Score",
    "auroc",
    "brier",
    "observations",
    "reliability",
    "score",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Shares of t_grok at which forecasts are scored.
SHARES = (0.1, 0.2, 0.3, 0.5)
#: Runs are also observed at shares of their own, evenly spread in their logarithm between these.
MIXED = (0.1, 0.8)
#: Edges of the classes of probability in a table of reliability.
_EDGES = (0.0, 0.1, 0.3, 0.7, 0.9, 1.0)
_RESAMPLES = 1000
#: Fewest runs of each outcome for which a ranking is scored.
_FEWEST = 2


def auroc(grokked: Bools, scores: Floats) -> float:
    """Probability that a run that grokked is scored above one that did not, ties counted half; NaN without both kinds.

    Mann & Whitney, Ann. Math. Stat. 18 (1947) 50.

    Args:
        grokked: (E,) outcomes.
        scores: (E,) larger where grokking is thought likelier.
    """
    yes = int(grokked.sum())
    no = len(grokked) - yes
    if not yes or not no:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[grokked].sum() - yes * (yes + 1) / 2) / (yes * no))


def brier(grokked: Bools, probabilities: Floats) -> float:
    """Mean of (p - outcome)^2. Brier, Monthly Weather Review 78 (1950) 1."""
    return float(np.mean((probabilities - grokked) ** 2))


def reliability(grokked: Bools, probabilities: Floats) -> list[dict[str, float]]:
    """A row for each class of probability that occurs: runs, mean probability, share that grokked with 95% interval."""
    places = np.clip(np.digitize(probabilities, _EDGES[1:-1]), 0, len(_EDGES) - 2)
    rows = []
    for i in np.unique(places).tolist():
        chosen = places == i
        count, yes = int(chosen.sum()), int(grokked[chosen].sum())
        low, high = rate_interval(yes, count)
        mean = float(probabilities[chosen].mean())
        row = {"from": _EDGES[i], "to": _EDGES[i + 1], "runs": count, "forecast": mean}
        rows.append({**row, "grokked": yes / count, "low": low, "high": high})
    return rows


@dataclass(frozen=True)
class Observation:
    """A run to be forecast, and what came of it.

    Attributes:
        curve: all of it; forecasts see it until ``step`` alone.
        step: of the observation.
        t_grok: None if it did not grok within its budget.
    """

    curve: Curve
    step: float
    t_grok: int | None


def observations(curves: Sequence[Curve], share: float | None) -> list[Observation]:
    """When each run is observed, so that the step tells nothing on its outcome.

    Runs whose curves end before their budget without grokking (they diverged) count as runs that did not.

    Args:
        curves: of complete runs.
        share: of t_grok; None gives each run one of its own, within `MIXED`.

    Raises:
        InputError: if no run grokked, so that there is no step to observe at.
    """
    ends = [(curve, curve.t_grok) for curve in curves]
    observed = [Observation(curve, _share(share, i) * t, t) for i, (curve, t) in enumerate(ends) if t is not None]
    steps: dict[str, list[float]] = {}
    for observation in observed:
        steps.setdefault(observation.curve.series, []).append(observation.step)
    if not steps:
        raise InputError("runs to score", "some that grokked", "none", "give runs of larger training sets as well")
    every = [step for own in steps.values() for step in own]
    others: dict[str, list[Curve]] = {}
    for curve, t in ends:
        if t is None:
            others.setdefault(curve.series, []).append(curve)
    for series, own in others.items():
        quantiles = np.quantile(steps.get(series, every), (np.arange(len(own)) + 0.5) / len(own))
        observed += [Observation(curve, float(step), None) for curve, step in zip(own, quantiles, strict=True)]
    return observed


def _share(share: float | None, number: int) -> float:
    """The given one, or that of the run of this number: multiples of the golden ratio fill an interval evenly."""
    return MIXED[0] * (MIXED[1] / MIXED[0]) ** (number * (math.sqrt(5) - 1) / 2 % 1) if share is None else share


@dataclass(frozen=True)
class Interval:
    """A number with its 95% interval, by bootstrap over settings: seeds of one setting stay together."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """Of forecasts at one share of t_grok.

    Attributes:
        share: of t_grok; None if each run had its own.
        runs, grokked: scored, and how many of them grokked within their budget.
        too_early: runs left out because there were too few records by then.
        auroc: of the probability.
        time_error: median of |forecast / t_grok - 1| over runs that grokked.
        brier, base: Brier score, and that of the rate of these very runs given for each of them.
        covered: share of the runs that grokked within their 80% interval.
        reliability: see `reliability`.
        within: AUROC over pairs of one series, which have the same clock and differ in size and seed alone.
        leak: that of the step of observation alone, earlier thought better: one half if it tells nothing.
        leak_across: the same over all pairs: slow clocks are observed later, and may grok less often.
        rivals: AUROC of simpler signs, see `score`.
        multiple_error: least median error of forecasting always the same multiple of the step of observation. At a
            single share it is 0: only where shares are mixed it is a rival.
        seed_error: median error of the median t_grok of the other seeds of the same setting: what chance alone leaves
            to a forecaster who knows the cell. NaN if no setting has two seeds that grokked.
        guesses: runs that grokked whose forecast said that its time is a guess, see `validate.forecast.forecast.GUESS`.
        clear_error, clear_covered: as ``time_error`` and ``covered``, of those that grokked and are no guesses.
    """

    share: float | None
    runs: int
    grokked: int
    too_early: int
    auroc: Interval
    time_error: Interval
    brier: Interval
    base: float
    covered: Interval
    reliability: list[dict[str, float]]
    within: float
    leak: float
    leak_across: float
    rivals: Mapping[str, float]
    multiple_error: float
    seed_error: float
    guesses: int
    clear_error: float
    clear_covered: float


def score(curves: Sequence[Curve], share: float | None, predict: Callable[[Curve, float], Forecast]) -> Score:
    """Score forecasts of runs whose end is known.

    Rivals are single signs, ranked as they are: the test accuracy and the test loss at the observation, the size of the
    training set over the theory's n_c.

    Args:
        curves: of complete runs.
        share: of t_grok at which each is observed, see `observations`.
        predict: curve and step -> forecast.

    Raises:
        InputError: if there are not at least two runs of each outcome to forecast.
    """
    seen, forecasts = [], []
    every = observations(curves, share)
    for observation in every:
        known = observation.curve.until(observation.step)
        if (known.steps > 0).sum() >= 4:
            seen.append(observation)
            forecasts.append(predict(observation.curve, observation.step))
    outcomes = np.array([observation.t_grok is not None for observation in seen], dtype=np.bool_)
    if min(int(outcomes.sum()), int((~outcomes).sum())) < _FEWEST:
        counts = f"{int(outcomes.sum())} and {int((~outcomes).sum())}"
        raise InputError("runs to score", "two or more that grokked and that did not", counts, "give more runs")
    return _Scorer(seen, forecasts, outcomes).score(share, len(every) - len(seen))


class _Scorer:
    """Numbers of runs in one order, and their statistics over any choice of them."""

    def __init__(self, seen: Sequence[Observation], forecasts: Sequence[Forecast], outcomes: Bools) -> None:
        self.seen, self.outcomes = seen, outcomes
        self.steps = np.array([run.step for run in seen])
        self.probability = np.array([run.probability for run in forecasts])
        ends = np.array([np.nan if run.t_grok is None else run.t_grok for run in seen])
        times = np.array([[run.t_low, run.t_grok, run.t_high] for run in forecasts], dtype=np.float64)
        self.errors = np.abs(times[:, 1] / ends - 1)
        self.inside = (times[:, 0] <= ends) & (ends <= times[:, 2])
        self.ends, self.guessed = ends, np.array([GUESS in run.warnings for run in forecasts])
        names = [run.curve.name if run.curve.setting is None else run.curve.setting.content_id for run in seen]
        self.clusters = [np.flatnonzero(np.array(names) == name) for name in dict.fromkeys(names)]

    def score(self, share: float | None, too_early: int) -> Score:
        rate = float(self.outcomes.mean())
        return Score(
            share=share,
            runs=len(self.seen),
            grokked=int(self.outcomes.sum()),
            too_early=too_early,
            auroc=self._interval(lambda i: auroc(self.outcomes[i], self.probability[i])),
            time_error=self._interval(lambda i: _median(self.errors[i])),
            brier=self._interval(lambda i: brier(self.outcomes[i], self.probability[i])),
            base=rate * (1 - rate),
            covered=self._interval(lambda i: _mean(self.inside[i][self.outcomes[i]])),
            reliability=reliability(self.outcomes, self.probability),
            within=self._within(self.probability),
            leak=self._within(-self.steps),
            leak_across=auroc(self.outcomes, -self.steps),
            rivals=self._rivals(),
            multiple_error=self._multiple_error(),
            seed_error=self._seed_error(),
            guesses=int((self.guessed & self.outcomes).sum()),
            clear_error=_median(self.errors[~self.guessed]),
            clear_covered=_mean(self.inside[~self.guessed & self.outcomes]),
        )

    def _interval(self, statistic: Callable[[NDArray[np.int64]], float]) -> Interval:
        drawn = resampled(len(self.clusters), of_clusters(self.clusters, statistic), _RESAMPLES)
        return Interval(statistic(np.arange(len(self.seen))), *interval_95(drawn))

    def _within(self, scores: Floats) -> float:
        """AUROC over all pairs of one series; NaN if no series has both outcomes."""
        series = np.array([run.curve.series for run in self.seen])
        by_series = []
        for name in dict.fromkeys(series.tolist()):
            chosen = series == name
            pairs = int(self.outcomes[chosen].sum()) * int((~self.outcomes[chosen]).sum())
            if pairs:
                by_series.append((pairs, auroc(self.outcomes[chosen], scores[chosen])))
        return (
            sum(pairs * value for pairs, value in by_series) / sum(pairs for pairs, _ in by_series)
            if by_series
            else float("nan")
        )

    def _multiple_error(self) -> float:
        ratios = np.array([run.step / run.t_grok for run in self.seen if run.t_grok is not None])
        return min(_median(np.abs(ratios / ratio - 1)) for ratio in ratios)

    def _seed_error(self) -> float:
        errors: list[float] = []
        for cluster in self.clusters:
            ends = self.ends[cluster][self.outcomes[cluster]]
            errors += [
                abs(float(np.median(np.delete(ends, i))) / ends[i] - 1) for i in range(len(ends)) if len(ends) > 1
            ]
        return _median(np.array(errors))

    def _rivals(self) -> dict[str, float]:
        rivals: dict[str, float] = {}
        for name, sign in (("test_accuracy", 1), ("test_loss", -1)):
            if all(name in run.curve.values for run in self.seen):
                now = np.array([run.curve.until(run.step).values[name][-1] for run in self.seen])
                rivals[name] = auroc(self.outcomes, sign * now)
        sizes = [_relative_size(run.curve) for run in self.seen]
        if all(size is not None for size in sizes):
            rivals["n / n_c"] = auroc(self.outcomes, np.array(sizes, dtype=np.float64))
        return rivals


def _relative_size(curve: Curve) -> float | None:
    size = None if curve.setting is None else transition_size(curve.setting)
    return curve.setting.task.samples / size if curve.setting is not None and size else None


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _mean(values: Bools) -> float:
    return float(values.mean()) if len(values) else float("nan")
