"""Rivals for n_c: laws that others published, or that would follow from their bounds, from the formulas in print.

Each says where it comes from, what was fitted and on what. A bound or an exponent without a constant predicts no
number; such a law gets one constant here, fitted on measured crossings (`CROSSINGS`) by least squares in log n_c.
Groups it was fitted on say so, for they are no test of it. Rivals that predict times are in
`theory.predictors.rival_times`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scipy.stats import t as student

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group
from twopeaks.theory.groups.irreps import irreps
from twopeaks.theory.landscape.features import crossing_density
from twopeaks.theory.predictors.answer import Answer, Prediction, outside, stamped
from twopeaks.theory.predictors.heights import PAPER_CONSTANT
from twopeaks.theory.setting import Setting

__all__ = [
    "CROSSINGS",
    "EMPIRICAL",
    "FOUR_THIRDS",
    "KERNEL",
    "LANDSCAPE",
    "MARGIN",
    "RIVALS",
    "THEOREM_4",
    "UNCORRECTED",
    "FittedLaw",
    "PowerRival",
    "bare_landscape",
    "fit_constant",
    "power_rival",
    "rivals",
    "theorem_4",
    "uncorrected_law",
]

#: Names under which rivals are tabulated.
UNCORRECTED, THEOREM_4, LANDSCAPE = "paper-law-no-d_max", "theorem-4", "bare-landscape"
#: Names of powers of M with a fitted constant.
FOUR_THIRDS, MARGIN, EMPIRICAL, KERNEL = "power-4/3", "power-5/3", "power-1.72", "power-2"

#: Measured crossings on which constants are fitted: group -> (M, n_c), standard setting, width 14 M, 20,000 steps, 8
#: seeds a size (results/crossings/measured.csv). All have d_max <= 2, where the paper's law has no factor either.
CROSSINGS: Mapping[str, tuple[int, float]] = {
    "D9": (18, 133.0),
    "Z19": (19, 142.4),
    "D10": (20, 146.6),
    "Z2xZ2xZ5": (20, 145.5),
    "D12": (24, 183.7),
    "Z24": (24, 187.5),
}


# --- variants of M log M -------------------------------------------------------------------------------


def uncorrected_law(setting: Setting) -> Prediction:
    """2.7482 M log M for every group: the law of arXiv 2509.21519 without its factor d_max/2."""
    return stamped(UNCORRECTED, setting, partial(_m_log_m, power=0))


def theorem_4(setting: Setting) -> Prediction:
    """2.7482 d_max^2 M log M: theorem 4 of arXiv 2509.21519, with the constant of its code's figure at d_max = 1.

    The theorem gives none. Eq. feat.9.
    """
    return stamped(THEOREM_4, setting, partial(_m_log_m, power=2))


def _m_log_m(setting: Setting, power: int) -> Answer:
    group = setting.task.resolve()
    value = PAPER_CONSTANT * _largest_dim(group) ** power * group.order * math.log(group.order)
    why = (
        "the constant belongs to the code's figure, the theorem leaves it open"
        if power
        else "as in the code, d_max = 1"
    )
    return Answer(
        value=value,
        low=None,
        high=None,
        constants_fitted=1,
        runs_used=0,
        valid=not outside(setting),
        note="; ".join([f"no interval is given; {why}", *outside(setting)]),
        assumptions=("x^2 network, MSE", "one constant, fitted by its author", "sufficient, not necessary")[
            : 2 + power
        ],
    )


def _largest_dim(group: Group) -> int:
    return max(rho.dim for rho in irreps(group))


# --- the bare landscape of Stage II --------------------------------------------------------------------


def bare_landscape(setting: Setting) -> Prediction:
    """Size p M^2 at which row detectors and features have equal energy on a random subset, p from eq. mem.4.

    The energy is that of theorem 1 in arXiv 2509.21519. A complex pair of dimension 1 gives p = 2/3, a real character
    1/2, larger blocks more; the last feature to overtake decides, for the whole table needs it.
    """
    return stamped(LANDSCAPE, setting, _bare_landscape)


def _bare_landscape(setting: Setting) -> Answer:
    group, reasons = setting.task.resolve(), outside(setting)
    densities = [crossing_density(rho) for rho in irreps(group) if not rho.is_trivial]
    assumptions = (
        "a network learns what is the higher peak of one node's energy",
        "mean energy over random subsets, M large",
    )
    if not densities:
        return Answer(None, None, None, 0, 0, False, "M = 1 has nothing to learn", assumptions)
    first, last = (p * group.order**2 for p in (min(densities), max(densities)))
    note = f"the last feature overtakes at density p = {max(densities):.2f}, the first at {min(densities):.2f}"
    low, high = (first, last) if first < last else (None, None)
    return Answer(last, low, high, 0, 0, not reasons, "; ".join([note, *reasons]), assumptions)


# --- one exponent, one constant ------------------------------------------------------------------------


@dataclass(frozen=True)
class FittedLaw:
    """n_c = c M^p with p given and c fitted.

    Attributes:
        exponent: p.
        constant: c.
        scatter: standard deviation of log n_c about the law; nan for a single crossing.
        crossings: how many it was fitted on.
        groups: which.
        orders: least and largest M among them.
    """

    exponent: float
    constant: float
    scatter: float
    crossings: int
    groups: frozenset[str]
    orders: tuple[int, int]

    def value(self, order: int) -> float:
        """Training pairs at group order M."""
        return float(self.constant * order**self.exponent)

    def interval(self, order: int) -> tuple[float, float] | tuple[None, None]:
        """95% for one further crossing whose scatter is that of the fitted ones; (None, None) for a single crossing."""
        if self.crossings < 2:
            return None, None
        quantile = float(student.ppf(0.975, self.crossings - 1))
        factor = math.exp(quantile * self.scatter * math.sqrt(1 + 1 / self.crossings))
        return self.value(order) / factor, self.value(order) * factor


def fit_constant(exponent: float, crossings: Mapping[str, tuple[int, float]]) -> FittedLaw:
    """The c of n_c = c M^p by least squares in log n_c, each crossing weighing the same.

    Args:
        exponent: p.
        crossings: group -> (M, n_c).

    Raises:
        InputError: if there is no crossing, or one that is not positive.
    """
    if not crossings or any(order < 1 or n <= 0 for order, n in crossings.values()):
        raise InputError("crossings", "one or more with M >= 1 and n_c > 0", dict(crossings), "measure some first")
    orders, sizes = np.array(list(crossings.values()), dtype=np.float64).T
    logs = np.log(sizes) - exponent * np.log(orders)
    return FittedLaw(
        exponent=exponent,
        constant=float(np.exp(logs.mean())),
        scatter=float(logs.std(ddof=1)) if len(logs) > 1 else math.nan,
        crossings=len(logs),
        groups=frozenset(crossings),
        orders=(int(orders.min()), int(orders.max())),
    )


@dataclass(frozen=True)
class PowerRival:
    """An exponent that someone proposed or bounded.

    Attributes:
        name: under which it is tabulated.
        exponent: p of c M^p.
        source: where it comes from, and what was not found there.
    """

    name: str
    exponent: float
    source: str


_POWERS = (
    PowerRival(
        FOUR_THIRDS,
        4 / 3,
        "exponent of the norm of a generalising network, docs/heights.md; here its constant is fitted",
    ),
    PowerRival(
        MARGIN,
        5 / 3,
        "arXiv 2407.12332: M^(5/3) pairs, up to logarithms, suffice beyond the kernel regime for classification",
    ),
    PowerRival(EMPIRICAL, 1.72, "an exponent quoted for modular addition; its source was not found, nor its constant"),
    PowerRival(
        KERNEL,
        2.0,
        "arXiv 2407.12332: in the kernel regime a constant share of the table is necessary; which share is not given",
    ),
)


def power_rival(setting: Setting, rival: PowerRival, law: FittedLaw | None = None) -> Prediction:
    """One law of one exponent.

    Args:
        setting: the problem.
        rival: which law.
        law: its constant; by default fitted on `CROSSINGS`.
    """
    return stamped(rival.name, setting, lambda s: _power(s, rival, law or _standard_fit(rival.exponent)))


@cache
def _standard_fit(exponent: float) -> FittedLaw:
    return fit_constant(exponent, CROSSINGS)


def _power(setting: Setting, rival: PowerRival, law: FittedLaw) -> Answer:
    group, reasons = setting.task.resolve(), outside(setting)
    low, high = law.interval(group.order)
    told = f"c = {law.constant:.4g} from {law.crossings} crossings, M = {law.orders[0]} to {law.orders[1]}"
    if setting.task.name in law.groups:
        told += f", {setting.task.name} among them: no test of it"
    return Answer(
        value=law.value(group.order),
        low=low,
        high=high,
        constants_fitted=1,
        runs_used=0,
        valid=not reasons,
        note="; ".join([told, rival.source, *reasons]),
        assumptions=("only M matters", "lr, decay and width do not matter"),
    )


def rivals(setting: Setting) -> list[Prediction]:
    """Every rival on one setting; the paper's law is among `twopeaks.theory.predictors.heights.predict`'s."""
    return [predictor(setting) for predictor in RIVALS.values()]


#: Rivals for n_c, none of which needs a run of the setting.
RIVALS: Mapping[str, Callable[[Setting], Prediction]] = {
    UNCORRECTED: uncorrected_law,
    THEOREM_4: theorem_4,
    LANDSCAPE: bare_landscape,
    **{rival.name: partial(power_rival, rival=rival) for rival in _POWERS},
}
