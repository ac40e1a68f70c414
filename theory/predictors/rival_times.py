"""Rivals for t_grok: laws of the delay in print, calibrated on training runs as their authors did. Times are steps.

Two of them read the norm off the run that they predict, at the step where it has memorised; they are forecasts, where
the predictors of this project need no run. Source texts: the abstracts of 2603.13331 and 2605.18845 and the calibration
described in the latter's public repository; what those leave open is said at each fit. V is |W|^2 + |V|^2, all layers.

Both start from a norm that is too large when the data are memorised. Networks that start small need not have one: in
the standard setting V goes on rising after t_mem, past its value at t_grok, and the laws as printed give no delay.
`theory.predictors.run_norms` can therefore read V_mem at the peak that follows, which is kinder to them than their
text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Answer, Prediction
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.predictors.ranges import another_clock
from twopeaks.theory.predictors.run_norms import RunNorms
from twopeaks.theory.setting import Setting

__all__ = [
    "DENSITY",
    "FIRST_PASSAGE",
    "NORM_SEPARATION",
    "DensityLaw",
    "FirstPassage",
    "NormSeparation",
    "density_power_law",
    "first_passage",
    "fit_density",
    "fit_first_passage",
    "fit_norm_separation",
    "norm_separation",
]

Floats = NDArray[np.float64]

#: Names under which rivals are tabulated.
NORM_SEPARATION, FIRST_PASSAGE, DENSITY = "norm-separation", "first-passage", "density-power-law"

#: Constants that either law of the norm fits.
_CONSTANTS = 2
#: Exponents among which the density law's is sought.
_EXPONENTS = (0.01, 40.0)


# --- logarithm of a ratio of norms over a rate of contraction ------------------------------------------


@dataclass(frozen=True)
class NormSeparation:
    """Norm-separation delay law, arXiv 2603.13331: t_grok = t_mem + log(V_mem/V_post)/(gain lr eta).

    The theorem is Theta(log(V_mem/V_post)/gamma) with gamma = lr eta for gradient descent, at least that for AdamW.

    Attributes:
        gain: gamma/(lr eta).
        norm_post: V after the transition, which a run that has only memorised does not show.
        scatter: standard deviation of the log of measured over fitted delays; nan for a single run.
        runs: runs it was fitted on.
    """

    gain: float
    norm_post: float
    scatter: float
    runs: int

    def delay(self, run: RunNorms, norm_post: float | None = None) -> float:
        """Steps from memorising to the transition; not positive where V_mem is not above V_post."""
        return math.log(run.norm_mem / (norm_post or self.norm_post)) / (self.gain * run.lr * run.eta)

    def predict(self, setting: Setting, run: RunNorms, norm_post: float | None = None) -> Prediction:
        """The prediction at memorisation, t_grok in steps.

        Args:
            setting: the problem.
            run: read up to t_mem; later fields are not used.
            norm_post: V after the transition where it is known better than from the training runs, such as C_gen.
        """
        return norm_separation(setting, self, run, norm_post)


def fit_norm_separation(runs: Sequence[RunNorms]) -> NormSeparation:
    """Gain and V_post from training runs: medians over runs.

    The paper's way of calibrating its three inputs could not be read here; medians are what its successor uses.

    Args:
        runs: training runs; those that did not grok, or without a delay, are left out.

    Raises:
        InputError: if none is left, or if V did not fall in any of them.
    """
    complete = _complete(runs)
    norm_post = _median([run.norm_post for run in complete])
    gains = [math.log(run.norm_mem / norm_post) / (run.lr * run.eta * _delay(run)) for run in complete]
    gain = _positive(float(np.median(gains)), "V_mem above V_post")
    law = NormSeparation(gain, norm_post, math.nan, len(complete))
    return NormSeparation(gain, norm_post, _scatter(complete, [law.delay(run) for run in complete]), len(complete))


@dataclass(frozen=True)
class FirstPassage:
    """First-passage law, arXiv 2605.18845: t_grok = t_mem + log(V_mem/V*)/(2 kappa lr eta).

    Attributes:
        kappa: rate of contraction over that of clean gradient descent, 2 lr eta.
        threshold: V*.
        ratio: V*/V_mem, which the paper finds the more stable of the two within one architecture.
        scatter: standard deviation of the log of measured over fitted delays; nan for a single run.
        runs: runs it was fitted on.
    """

    kappa: float
    threshold: float
    ratio: float
    scatter: float
    runs: int

    def delay(self, run: RunNorms, relative: bool = False) -> float:
        """Steps from memorising to the transition; not positive where V_mem is not above V*."""
        fall = 1 / self.ratio if relative else run.norm_mem / self.threshold
        return math.log(fall) / (2 * self.kappa * run.lr * run.eta)

    def predict(self, setting: Setting, run: RunNorms, relative: bool = False) -> Prediction:
        """The prediction at memorisation, t_grok in steps.

        Args:
            setting: the problem.
            run: read up to t_mem; later fields are not used.
            relative: hold V*/V_mem fixed in place of V*, for runs of another size than the training runs.
        """
        return first_passage(setting, self, run, relative)


def fit_first_passage(runs: Sequence[RunNorms]) -> FirstPassage:
    """Kappa and V* from the runs of one cell: medians of kappa = rate/(2 lr eta) and of V at the transition.

    Rates are log-linear fits to each run, as the paper's; that it takes medians, and V* as V at the transition, is
    our reading of its repository.

    Args:
        runs: training runs; those that did not grok, or without a delay, are left out.

    Raises:
        InputError: if none is left, or if V did not fall in any of them.
    """
    complete = _complete(runs)
    rates = [run.rate / (2 * run.lr * run.eta) for run in complete if run.rate is not None]
    kappa = _positive(_median(rates), "a norm that falls from t_mem to t_grok")
    threshold = _median([run.norm_grok for run in complete])
    ratio = _median([run.norm_grok / run.norm_mem for run in complete if run.norm_grok is not None])
    law = FirstPassage(kappa, threshold, ratio, math.nan, len(complete))
    scatter = _scatter(complete, [law.delay(run) for run in complete])
    return FirstPassage(kappa, threshold, ratio, scatter, len(complete))


# --- power law in the density of the data --------------------------------------------------------------


@dataclass(frozen=True)
class DensityLaw:
    """Time against data density r = n/M^2, arXiv 2306.13253: t_grok = a r^-gamma + b, one fit a modulus.

    Attributes:
        a, gamma, b: the fit, times in steps.
        scatter: standard deviation of the log of measured over fitted times; nan for three runs or fewer.
        runs: runs it was fitted on.
    """

    a: float
    gamma: float
    b: float
    scatter: float
    runs: int

    def steps(self, density: float) -> float:
        """t_grok in steps at a density."""
        return float(self.a * density**-self.gamma + self.b)

    def critical_samples(self, order: int, budget: float) -> float | None:
        """n_c(T) = r M^2 at which the law needs the whole budget T; None if it needs less at any r."""
        if budget <= self.b or self.a <= 0:
            return None
        return float(order**2 * (self.a / (budget - self.b)) ** (1 / self.gamma))

    def predict(self, setting: Setting) -> Prediction:
        """t_grok in steps at the setting's size; lr and decay must be those of the training runs."""
        return density_power_law(setting, self)


def fit_density(densities: Floats, steps: Floats) -> DensityLaw:
    """A, gamma and b by least squares of relative errors, a and b exact for each gamma.

    The paper does not say how it weighs times; relative errors favour the law where errors are counted in per cent.

    Args:
        densities: (R,) r = n/M^2 of runs that grokked, three or more different ones.
        steps: (R,) their t_grok.

    Raises:
        InputError: for fewer densities, or what is not positive.
    """
    if densities.shape != steps.shape or len(np.unique(densities)) < 3:
        raise InputError(
            "densities", "three or more different ones", densities.tolist(), "measure t_grok at more sizes"
        )
    if not (densities > 0).all() or not (steps > 0).all():
        raise InputError("densities, steps", "above 0", densities.tolist(), "leave out runs that did not grok")

    def solve(log_gamma: float) -> tuple[float, Floats]:
        columns = np.stack([densities ** -math.exp(log_gamma), np.ones_like(steps)], axis=1) / steps[:, None]
        scale = np.abs(columns).max(axis=0)
        solution, *_ = np.linalg.lstsq(columns / scale, np.ones_like(steps), rcond=None)
        return float(np.sum((columns / scale @ solution - 1) ** 2)), solution / scale

    grid = np.linspace(math.log(_EXPONENTS[0]), math.log(_EXPONENTS[1]), 60)
    errors = [solve(float(x))[0] for x in grid]
    near = int(np.argmin(errors))
    bounds = (float(grid[max(near - 1, 0)]), float(grid[min(near + 1, len(grid) - 1)]))
    best = float(minimize_scalar(lambda x: solve(x)[0], bounds=bounds, method="bounded", options={"xatol": 1e-10}).x)
    a, b = (float(x) for x in solve(best)[1])
    law = DensityLaw(a, math.exp(best), b, math.nan, len(steps))
    fitted = np.array([law.steps(float(r)) for r in densities])
    scatter = math.nan
    if len(steps) > 3 and (fitted > 0).all():
        scatter = float(np.sqrt(np.sum(np.log(steps / fitted) ** 2) / (len(steps) - 3)))
    return DensityLaw(a, math.exp(best), b, scatter, len(steps))


# --- what the laws share -------------------------------------------------------------------------------


def _no_decay(setting: Setting) -> list[str]:
    return ["no weight decay, so nothing lowers the norm"] if setting.optimizer.weight_decay == 0 else []


def _not_sgd_or_adamw(setting: Setting) -> list[str]:
    name = setting.optimizer.name
    return [] if name in ("sgd", "adamw") else [f"derived for sgd and adamw, not {name}"]


def _not_adamw(setting: Setting) -> list[str]:
    name = setting.optimizer.name
    return [] if name == "adamw" else [f"derived for adamw, not {name}"]


_NORM_ASSUMPTIONS = (
    "the norm falls exponentially after memorisation",
    "the transition comes at one norm",
    "t_mem is known",
)


@predictor(
    name=NORM_SEPARATION,
    quantity="t_grok",
    constants=_CONSTANTS,
    fitted_on="norms of training runs that grokked after they had memorised",
    assumptions=_NORM_ASSUMPTIONS,
    outside=(another_clock, _not_sgd_or_adamw, _no_decay),
)
def norm_separation(setting: Setting, law: NormSeparation, run: RunNorms, norm_post: float | None = None) -> Answer:
    """t_grok of a run that has memorised, by the norm-separation delay law; see `NormSeparation.predict`."""
    del setting  # rate and decay are read off the run
    after = norm_post or law.norm_post
    text = f"gamma = {law.gain:.3g} lr eta, V_post = {after:.4g}, {law.runs} training runs"
    return _after_memorising(run, law.delay(run, norm_post), law, text, {"gain": law.gain, "V_post": after})


@predictor(
    name=FIRST_PASSAGE,
    quantity="t_grok",
    constants=_CONSTANTS,
    fitted_on="norms of training runs that grokked after they had memorised",
    assumptions=_NORM_ASSUMPTIONS,
    outside=(another_clock, _not_adamw, _no_decay),
)
def first_passage(setting: Setting, law: FirstPassage, run: RunNorms, relative: bool = False) -> Answer:
    """t_grok of a run that has memorised, by the first-passage law; see `FirstPassage.predict`."""
    del setting  # rate and decay are read off the run
    held = f"V*/V_mem = {law.ratio:.3g}" if relative else f"V* = {law.threshold:.4g}"
    text = f"kappa = {law.kappa:.3g}, {held}, {law.runs} training runs"
    details = {"kappa": law.kappa, "threshold": law.threshold, "ratio": law.ratio}
    return _after_memorising(run, law.delay(run, relative), law, text, details)


def _after_memorising(
    run: RunNorms, delay: float, law: NormSeparation | FirstPassage, text: str, details: dict[str, float]
) -> Answer:
    """A delay after the run's own t_mem as an answer about t_grok."""
    details |= {"t_mem": run.t_mem, "V_mem": run.norm_mem}
    if delay <= 0:
        note = f"V = {run.norm_mem:.4g} at memorisation is not above the norm to be reached: no delay follows"
        return Answer(note=f"{note}; {text}", details=details, runs_used=law.runs)
    low, high = _interval(delay, law.scatter, law.runs - _CONSTANTS)
    if low is not None and high is not None:
        low, high = run.t_mem + low, run.t_mem + high
    note = f"reads t_mem = {run.t_mem:g} and V_mem = {run.norm_mem:.4g} off the run itself; {text}"
    return Answer(run.t_mem + delay, low, high, note, details=details, runs_used=law.runs)


@predictor(
    name=DENSITY,
    quantity="t_grok",
    constants=3,
    fitted_on="t_grok of training runs at three sizes or more",
    assumptions=("same group, network, rate and decay as the training runs", "no least data size"),
    outside=(another_clock,),
)
def density_power_law(setting: Setting, law: DensityLaw) -> Answer:
    """t_grok at the setting's size, by the power law in the density; see `DensityLaw.predict`."""
    value = law.steps(setting.task.samples / setting.task.resolve().order ** 2)
    low, high = _interval(value, law.scatter, law.runs - 3)
    note = f"t = {law.a:.4g} r^-{law.gamma:.3g} + {law.b:.4g}, {law.runs} training runs"
    details = {"a": law.a, "gamma": law.gamma, "b": law.b}
    return Answer(value, low, high, note, details=details, runs_used=law.runs)


def _interval(value: float, scatter: float, freedom: int) -> tuple[float, float] | tuple[None, None]:
    """95% about a value whose logarithm scatters as the training runs'; (None, None) without residual freedom."""
    if freedom < 1 or not math.isfinite(scatter) or value <= 0:
        return None, None
    from scipy.stats import t as student  # slow to import, and few predictions need it

    factor = math.exp(float(student.ppf(0.975, freedom)) * scatter)
    return value / factor, value * factor


def _scatter(runs: Sequence[RunNorms], delays: Sequence[float]) -> float:
    """Residual standard deviation of log delays, two constants fitted; nan where none is left or a delay is no time."""
    if len(runs) <= _CONSTANTS or min(delays) <= 0:
        return math.nan
    logs = [math.log(_delay(run) / delay) for run, delay in zip(runs, delays, strict=True)]
    return math.sqrt(sum(x * x for x in logs) / (len(runs) - _CONSTANTS))


def _median(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    if not known:
        raise InputError("runs", "runs whose norms were read up to the transition", 0, "use run_norms on their curves")
    return float(np.median(known))


def _positive(value: float, expectation: str) -> float:
    if value <= 0:
        raise InputError("runs", f"runs with {expectation}", value, "the law says nothing of others")
    return value


def _complete(runs: Sequence[RunNorms]) -> list[RunNorms]:
    """Those that grokked after a delay, which a delay law can be fitted on."""
    delayed = [run for run in runs if run.delayed]
    if not delayed:
        raise InputError("runs", "one or more that grokked after they had memorised", len(runs), "train longer")
    return delayed


def _delay(run: RunNorms) -> float:
    """Steps from memorising to the transition, nan where it was not seen."""
    return math.nan if run.t_grok is None else run.t_grok - run.t_mem
