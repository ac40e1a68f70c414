"""Laws of n_c across group orders M, and how one is fitted to measured crossings.

A law says log n_c = f(M) + constants. Measured crossings y_i with errors sigma_i scatter about it with one further
standard deviation s, its model error: y_i ~ N(f(M_i), sigma_i^2 + s^2). Constants and s are found by maximum
likelihood, and s counts as a constant of every law. It is the same for all cells and each law's own: one s for all laws
would let the best law set the noise by which the others are judged.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from twopeaks.theory.errors import InputError
from twopeaks.theory.heights.heights import memorising_cost
from twopeaks.theory.heights.memorising import KAPPA
from twopeaks.theory.predictors.heights import shared_form
from twopeaks.theory.setting import standard

__all__ = [
    "ASYMPTOTE",
    "CORRECTED",
    "FOUR_THIRDS",
    "LAWS",
    "M_LOG_M",
    "NO_RUN",
    "Cell",
    "Fit",
    "Law",
    "check_cells",
    "fit_law",
    "power",
    "read_cells",
    "with_predictions",
]

Floats = NDArray[np.float64]

#: Largest model error that is looked at, in log n_c.
_LARGEST_SCATTER = 2.0
#: Half of a 95% interval in standard deviations.
_HALF_95 = 1.959964


@dataclass(frozen=True)
class Cell:
    """One measured crossing.

    Attributes:
        group, order: which group, M.
        value, low, high: n_c in training examples and its 95% interval.
        predicted: what `theory.predictors.heights.shared_form` says without a run; None where it was not asked.
    """

    group: str
    order: int
    value: float
    low: float
    high: float
    predicted: float | None = None

    @property
    def sigma(self) -> float:
        """Standard deviation of log n_c that the interval stands for."""
        return math.log(self.high / self.low) / (2 * _HALF_95)


def read_cells(path: Path) -> list[Cell]:
    """Crossings of a table with columns group, order, n_c, low, high; rows without n_c or interval are left out.

    Raises:
        InputError: if the file cannot be read as such a table.
    """
    try:
        rows = list(csv.DictReader(path.read_text().splitlines()))
        return [
            Cell(row["group"], int(row["order"]), float(row["n_c"]), float(row["low"]), float(row["high"]))
            for row in rows
            if row["n_c"] and row["low"] and row["high"]
        ]
    except (OSError, UnicodeDecodeError, KeyError, ValueError, TypeError) as error:
        expectation = "a CSV file with columns group, order, n_c, low, high"
        raise InputError("cells", expectation, str(path), f"write it as results/ has it ({error})") from None


def with_predictions(cells: Sequence[Cell]) -> list[Cell]:
    """The same cells with what the theory says of each in the standard setting, no run used."""
    return [replace(cell, predicted=shared_form(standard(cell.group)).value) for cell in cells]


# --- laws ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Law:
    """log n_c = shape + constants.

    Attributes:
        name: under which it is tabulated.
        shape: log of the law without its constants: (C,) orders M -> (C,); None if it is given cell by cell.
        constants: 0 none, 1 a factor, 2 a factor and a power of M.
    """

    name: str
    shape: Callable[[Floats], Floats] | None
    constants: int

    def offset(self, cells: Sequence[Cell]) -> Floats:
        """Shape of the law at cells, (C,)."""
        if self.shape is not None:
            return self.shape(_orders(cells))
        return np.log([math.nan if cell.predicted is None else cell.predicted for cell in cells])

    def columns(self, orders: Floats) -> Floats:
        """What the constants multiply, (C, constants)."""
        return np.stack([np.ones_like(orders), np.log(orders)], axis=1)[:, : self.constants]

    def covers(self, cells: Sequence[Cell]) -> bool:
        """Whether the law says something of every cell."""
        return bool(np.isfinite(self.offset(cells)).all())


def power(exponent: float, name: str) -> Law:
    """C M^p with p given and c fitted."""
    return Law(name, lambda M: exponent * np.log(M), 1)


def _asymptote(M: Floats) -> Floats:
    """Log of 2.52 M^(4/3) (1 + 2.13/M)."""
    return np.asarray(np.log(3 / memorising_cost()) + 4 / 3 * np.log(M) + np.log1p(KAPPA / M))


#: The laws that are compared. heights.10 gives C_gen -> 3 M^(4/3), and c_mem = 1.19 (1 - 2.13/M).
M_LOG_M = Law("c M log M", lambda M: np.log(M * np.log(M)), 1)
#: The power of peak heights, one constant.
FOUR_THIRDS = power(4 / 3, "c M^(4/3)")
#: M^(4/3) with the finite-size factor that c_mem has: without it the bare power bends the wrong way below M ~ 40.
CORRECTED = Law("c M^(4/3) (1 + 2.13/M)", _asymptote, 1)
#: What `heights-shared` tends to, without a constant.
ASYMPTOTE = Law("2.52 M^(4/3) (1 + 2.13/M)", _asymptote, 0)
#: A prediction as it is, without a constant.
NO_RUN = Law("heights-shared", None, 0)
#: Laws that are compared.
LAWS = (M_LOG_M, FOUR_THIRDS, CORRECTED, power(1.72, "c M^1.72"), Law("c M^p", np.zeros_like, 2), ASYMPTOTE, NO_RUN)


# --- one law on some cells -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Fit:
    """A law with its constants.

    Attributes:
        law: which.
        theta: (k,) log of the factor, then the power.
        covariance: (k, k) of theta.
        scatter: s, the model error in log n_c.
        log_likelihood: of the cells it was fitted on.
        cells: how many these are.
    """

    law: Law
    theta: Floats
    covariance: Floats
    scatter: float
    log_likelihood: float
    cells: int

    @property
    def parameters(self) -> int:
        """Constants, and s."""
        return self.law.constants + 1

    @property
    def aic(self) -> float:
        """Akaike's criterion, -2 log L + 2 k."""
        return 2 * self.parameters - 2 * self.log_likelihood

    @property
    def aicc(self) -> float:
        """The same corrected for few cells, + 2 k (k + 1)/(C - k - 1). Hurvich & Tsai, Biometrika 76 (1989) 297."""
        k = self.parameters
        return self.aic + 2 * k * (k + 1) / (self.cells - k - 1)

    def log_n(self, cells: Sequence[Cell]) -> Floats:
        """Log n_c that the law gives cells, (C,)."""
        return np.asarray(self.law.offset(cells) + self.law.columns(_orders(cells)) @ self.theta)

    def log_curve(self, orders: Floats) -> Floats:
        """Log n_c at any orders M, (C,) -> (C,).

        Raises:
            TypeError: for a law that is given cell by cell.
        """
        if self.law.shape is None:
            raise TypeError(f"{self.law.name} is known at cells alone")
        return np.asarray(self.law.shape(orders) + self.law.columns(orders) @ self.theta)

    def error(self, orders: Floats) -> Floats:
        """Standard deviation of log n_c at orders M that comes of the constants, (C,) -> (C,)."""
        x = self.law.columns(orders)
        return np.asarray(np.sqrt(np.einsum("ij,jk,ik->i", x, self.covariance, x)))


def fit_law(law: Law, cells: Sequence[Cell]) -> Fit:
    """Constants and model error by maximum likelihood: weighted least squares inside, s outside.

    Args:
        law: which.
        cells: more than it has constants, each with an interval of some width.

    Raises:
        InputError: for fewer cells, or intervals and values that are none.
    """
    check_cells(cells, law.constants + 1)
    residual, sigma = (
        np.log([cell.value for cell in cells]) - law.offset(cells),
        np.array([cell.sigma for cell in cells]),
    )
    x = law.columns(_orders(cells))

    def at(scatter: float) -> tuple[float, Floats, Floats]:
        variance = sigma**2 + scatter**2
        information = x.T @ (x / variance[:, None])
        covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
        theta = covariance @ (x.T @ (residual / variance))
        left = residual - x @ theta
        return float(-0.5 * np.sum(left**2 / variance + np.log(2 * np.pi * variance))), theta, covariance

    grid = np.concatenate([[0.0], np.geomspace(1e-4, _LARGEST_SCATTER, 40)])
    best = int(np.argmax([at(float(s))[0] for s in grid]))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)])
    found = minimize_scalar(lambda s: -at(s)[0], bounds=(low, high), method="bounded", options={"xatol": 1e-9})
    scatter = max((0.0, float(found.x)), key=lambda s: at(s)[0])
    log_likelihood, theta, covariance = at(scatter)
    return Fit(law, theta, covariance, scatter, log_likelihood, len(cells))


def _orders(cells: Sequence[Cell]) -> Floats:
    return np.array([cell.order for cell in cells], dtype=np.float64)


def check_cells(cells: Sequence[Cell], fewest: int) -> None:
    """Whether laws can be fitted.

    Raises:
        InputError: for fewer cells than that, or one whose interval does not hold its value or has no width.
    """
    if len(cells) < fewest:
        raise InputError("cells", f"{fewest} or more", len(cells), "measure more groups")
    for cell in cells:
        if cell.order < 2 or not 0 < cell.low <= cell.value <= cell.high or cell.low == cell.high:
            expectation = "M >= 2 and 0 < low <= n_c <= high with low < high"
            raise InputError(
                f"cell {cell.group}", expectation, (cell.order, cell.low, cell.value, cell.high), "mend it"
            )
