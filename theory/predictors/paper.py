"""The law of arXiv 2509.21519, n = 2.7482 M log M, and two variants of it that its text and its code allow."""

from __future__ import annotations

import math

from twopeaks.theory.equations.lower import function
from twopeaks.theory.groups.irreps import irreps
from twopeaks.theory.predictors.answer import Answer
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.predictors.ranges import not_square_mse
from twopeaks.theory.setting import Setting

__all__ = ["PAPER_CONSTANT", "paper_law", "theorem_4", "uncorrected_law"]

#: Constant of n = c M log M in the code of arXiv 2509.21519; its origin is not documented there.
PAPER_CONSTANT = 2.7482
#: Half a unit of its last printed digit.
_PRINTED = 0.00005
_FITTED_ON = "not documented by its author, in whose code it stands"


def _trivial_group(setting: Setting) -> list[str]:
    return [] if setting.task.resolve().order > 1 else ["M = 1 has nothing to learn"]


@predictor(
    name="paper-law",
    quantity="n_c",
    constants=1,
    fitted_on=_FITTED_ON,
    assumptions=("x^2 network, MSE", "one constant, fitted by its author", "lr, decay and width do not matter"),
    outside=(not_square_mse, _trivial_group),
)
def paper_law(setting: Setting) -> Answer:
    """The paper's n = 2.7482 M log M, times d_max/2 for non-abelian groups (code of arXiv 2509.21519; Theorem 4).

    Eq. feat.9.
    """
    order, largest = setting.task.resolve().order, _largest_dim(setting)
    value, precision = float(function("feat.9")(order, largest)), _PRINTED / PAPER_CONSTANT
    note = "its author gives no interval: this one is the printed precision of 2.7482"
    details = {"constant": PAPER_CONSTANT, "d_max": largest}
    return Answer(value, value * (1 - precision), value * (1 + precision), note, details=details)


@predictor(
    name="paper-law-no-d_max",
    quantity="n_c",
    constants=1,
    fitted_on=_FITTED_ON,
    assumptions=("x^2 network, MSE", "one constant, fitted by its author"),
    outside=(not_square_mse,),
)
def uncorrected_law(setting: Setting) -> Answer:
    """2.7482 M log M for every group: the law of arXiv 2509.21519 without its factor d_max/2."""
    return _m_log_m(setting, 0, "as in the code, d_max = 1")


@predictor(
    name="theorem-4",
    quantity="n_c",
    constants=1,
    fitted_on=_FITTED_ON,
    assumptions=("x^2 network, MSE", "one constant, fitted by its author", "sufficient, not necessary"),
    outside=(not_square_mse,),
)
def theorem_4(setting: Setting) -> Answer:
    """2.7482 d_max^2 M log M: theorem 4 of arXiv 2509.21519, with the constant of its code's figure at d_max = 1.

    The theorem gives none. Eq. feat.9.
    """
    return _m_log_m(setting, 2, "the constant belongs to the code's figure, the theorem leaves it open")


def _m_log_m(setting: Setting, power: int, why: str) -> Answer:
    order, largest = setting.task.resolve().order, _largest_dim(setting)
    value = PAPER_CONSTANT * largest**power * order * math.log(order)
    return Answer(value, note=f"no interval is given; {why}", details={"constant": PAPER_CONSTANT, "d_max": largest})


def _largest_dim(setting: Setting) -> int:
    return max(rho.dim for rho in irreps(setting.task.resolve()))
