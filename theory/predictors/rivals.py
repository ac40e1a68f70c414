"""Rivals for n_c: laws that others proposed, or that would follow from their bounds, from the formulas in print.

Each says where it comes from, what was fitted and on what. A bound or an exponent without a constant predicts no
number; such a law gets one constant here, fitted on measured crossings (`CROSSINGS`) by least squares in log n_c.
Predictions for groups that it was fitted on say so: those are no test of it. Variants of the paper's law are in
`theory.predictors.paper`, rivals that predict times in `theory.predictors.rival_times`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups.irreps import irreps
from twopeaks.theory.landscape.features import crossing_density
from twopeaks.theory.predictors.answer import Answer, Prediction
from twopeaks.theory.predictors.declaration import Predictor, predictor
from twopeaks.theory.predictors.paper import theorem_4, uncorrected_law
from twopeaks.theory.predictors.ranges import not_square_mse
from twopeaks.theory.setting import Setting

__all__ = ["CROSSINGS", "RIVALS", "FittedLaw", "bare_landscape", "fit_constant", "power_rival", "rivals"]

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


# --- the bare landscape of Stage II --------------------------------------------------------------------


@predictor(
    name="bare-landscape",
    quantity="n_c",
    constants=0,
    fitted_on="",
    assumptions=(
        "a network learns what is the higher peak of one node's energy",
        "mean energy over random subsets, M large",
    ),
    outside=(not_square_mse,),
)
def bare_landscape(setting: Setting) -> Answer:
    """Size p M^2 at which row detectors and features have equal energy on a random subset, p from eq. mem.4.

    The energy is that of theorem 1 in arXiv 2509.21519. A complex pair of dimension 1 gives p = 2/3, a real character
    1/2, larger blocks more; the last feature to overtake decides, for the whole table needs it.
    """
    group = setting.task.resolve()
    densities = [crossing_density(rho) for rho in irreps(group) if not rho.is_trivial]
    if not densities:
        return Answer(note="M = 1 has nothing to learn")
    first, last = min(densities), max(densities)
    value, least = last * group.order**2, first * group.order**2
    low, high = (least, value) if least < value else (None, None)
    note = f"the last feature overtakes at density p = {last:.2f}, the first at {first:.2f}"
    return Answer(value, low, high, note, details={"first_density": first, "last_density": last})


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
        """Training examples at group order M."""
        return float(self.constant * order**self.exponent)

    def interval(self, order: int) -> tuple[float, float] | tuple[None, None]:
        """95% for one further crossing whose scatter is that of the fitted ones; (None, None) for a single crossing."""
        if self.crossings < 2:
            return None, None
        from scipy.stats import t as student  # slow to import, and few predictions need it

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


def power_rival(name: str, exponent: float, source: str) -> Predictor[...]:
    """The rival n_c = c M^p, with c fitted on `CROSSINGS`.

    Args:
        name: under which it is tabulated.
        exponent: p.
        source: where it comes from, and what was not found there.
    """

    @predictor(
        name=name,
        quantity="n_c",
        constants=1,
        fitted_on="measured n_c of six groups of order 18 to 24",
        assumptions=("only M matters", "lr, decay and width do not matter"),
        outside=(not_square_mse,),
    )
    def power(setting: Setting) -> Answer:
        """C M^p, with p given and c fitted."""
        law, group = _standard_fit(exponent), setting.task.resolve()
        low, high = law.interval(group.order)
        note = f"c = {law.constant:.4g} from {law.crossings} crossings, M = {law.orders[0]} to {law.orders[1]}"
        if setting.task.name in law.groups:
            note += f", {setting.task.name} among them: no test of it"
        details = {"constant": law.constant, "exponent": exponent}
        return Answer(law.value(group.order), low, high, f"{note}; {source}", details=details)

    return power


@cache
def _standard_fit(exponent: float) -> FittedLaw:
    return fit_constant(exponent, CROSSINGS)


#: Rivals for n_c, none of which needs a run of the setting.
RIVALS: tuple[Predictor[...], ...] = (
    uncorrected_law,
    theorem_4,
    bare_landscape,
    power_rival(
        "power-4/3",
        4 / 3,
        "exponent of the norm of a generalising network, docs/heights.md; here its constant is fitted",
    ),
    power_rival(
        "power-5/3",
        5 / 3,
        "arXiv 2407.12332: M^(5/3) pairs, up to logarithms, suffice beyond the kernel regime for classification",
    ),
    power_rival(
        "power-1.72",
        1.72,
        "an exponent quoted for modular addition; its source was not found, nor its constant",
    ),
    power_rival(
        "power-2",
        2.0,
        "arXiv 2407.12332: in the kernel regime a constant share of the table is necessary; which share is not given",
    ),
)


def rivals(setting: Setting) -> list[Prediction]:
    """Every rival on one setting; the paper's law is not among them."""
    return [rival(setting) for rival in RIVALS]
