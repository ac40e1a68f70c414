r"""When the first feature of a random node emerges: the law of T = min_k t*_k (`twopeaks.theory.flows.nodes`).

Initial u_a, v_a ~ N(0, sigma^2), independent. Their unnormalised DFTs give independent modes:

* emergence.1  x, y ~ theta Gamma(kappa), independent, with kappa = 1, theta = M sigma^2 for the (M - 1) // 2 complex
  modes and kappa = 1/2, theta = 2 M sigma^2 for the real mode k = M/2 of even M.
* emergence.2  L(x, y) = (x + y) tanh(h) / (2 h) with h = ln(x/y) / 2. x + y ~ theta Gamma(2 kappa) is independent of h,
  whose density is sech^(2 kappa)(h) / B(kappa, 1/2).
* emergence.3  P(t* > t) = int sech^(2 kappa)(h) P(2 kappa, q) dh / B(kappa, 1/2) over the real line, with
  q = h coth(h) / (4 theta t) and P the regularised lower incomplete gamma function: complex,
  1/2 int sech^2(h) (1 - (1 + q) e^-q) dh; real, 1/pi int sech(h) (1 - e^-q) dh.
* emergence.4  P(T > t) = P_complex(t* > t)^((M - 1) // 2) · P_real(t* > t)^[M even], and that to the power N for the
  first of N nodes.
* emergence.5  Late, P(t* > t) ~ (pi / (theta t))^2 / 192 (complex), pi / (8 theta t) (real). Early, with
  z = 1 / (4 theta t), P(t* < t) ~ sqrt(3 pi z) / 2 · e^-z (complex), sqrt(3 / (pi z)) e^-z (real). For many modes 1/T
  is Gumbel and T about 1 / (4 M sigma^2 ln M); the real mode wins a node more often than a complex one.

For odd M these are modes.5 to modes.7 of `twopeaks.theory.equations`, whose s is 8 M sigma^2 t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import beta, gammainc, gammaincc

from twopeaks.theory.errors import InputError

__all__ = ["EmergenceLaw", "ModeLaw"]

Reals = NDArray[np.float64]

#: Points in h: the integrand is even, analytic and decays exponentially, so the trapezoidal rule converges
#: exponentially; these make its error smaller than rounding.
_STEP, _POINTS = 0.125, 300


@dataclass(frozen=True)
class ModeLaw:
    """Law of the blow-up time t* of one mode.

    Attributes:
        kappa: 1 for a complex mode, 1/2 for a real one.
        theta: scale of its energies. Eq. emergence.1.
    """

    kappa: float
    theta: float

    def tails(self, t: ArrayLike) -> tuple[Reals, Reals]:
        """P(t* <= t) and P(t* > t) for times t > 0, each accurate where it is small. Eq. emergence.3."""
        h = _STEP * np.arange(1, _POINTS)
        weights = np.concatenate([[0.5], np.cosh(h) ** (-2 * self.kappa)]) * 2 * _STEP / beta(self.kappa, 0.5)
        h_coth_h = np.concatenate([[1.0], h / np.tanh(h)])
        q = h_coth_h / (4 * self.theta * np.asarray(t, dtype=np.float64)[..., None])
        return gammaincc(2 * self.kappa, q) @ weights, gammainc(2 * self.kappa, q) @ weights

    def log_survival(self, t: ArrayLike) -> Reals:
        """Logarithm of P(t* > t) for times t > 0."""
        below, above = self.tails(t)
        return np.where(below < 0.5, np.log1p(-np.minimum(below, 0.5)), np.log(above))


@dataclass(frozen=True)
class EmergenceLaw:
    """Law of the first emergence among the modes of one node, or of several.

    Attributes:
        order: M of the group Z_M, at least 2.
        sigma: standard deviation of the initial entries of u and v.
        nodes: independent nodes N.
    """

    order: int
    sigma: float
    nodes: int = 1

    def __post_init__(self) -> None:
        if self.order < 2 or self.nodes < 1 or not 0 < self.sigma < np.inf:
            values = (self.order, self.sigma, self.nodes)
            raise InputError("order, sigma, nodes", "M >= 2, sigma > 0, N >= 1", values, "check the numbers")

    @property
    def modes(self) -> tuple[tuple[int, ModeLaw], ...]:
        """How many modes of each kind there are, and their law. Eq. emergence.1."""
        theta = self.order * self.sigma**2
        return ((self.order - 1) // 2, ModeLaw(1.0, theta)), ((self.order - 1) % 2, ModeLaw(0.5, 2 * theta))

    def log_survival(self, t: ArrayLike) -> Reals:
        """Logarithm of P(T > t) for times t > 0. Eq. emergence.4."""
        return self.nodes * sum((count * law.log_survival(t) for count, law in self.modes), np.zeros(np.shape(t)))

    def survival(self, t: ArrayLike) -> Reals:
        """P(T > t) for times t > 0."""
        return np.exp(self.log_survival(t))

    def cdf(self, t: ArrayLike) -> Reals:
        """P(T <= t) for times t > 0."""
        return -np.expm1(self.log_survival(t))

    def quantile(self, p: float) -> float:
        """The time t with P(T <= t) = p, for 0 < p < 1."""
        if not 0 < p < 1:
            raise InputError("p", "between 0 and 1", p, "use 0.5 for the median")
        typical = 1 / (4 * self.order * self.sigma**2)
        low, high = np.log(typical / 500), np.log(typical * 1e18)
        log_time = brentq(lambda x: float(self.log_survival(np.exp(x))) - np.log1p(-p), low, high, xtol=1e-13)
        return float(np.exp(log_time))

    def real_mode_wins(self) -> float:
        """Probability that the real mode k = M/2 of even M emerges first in a node; the complex ones share the rest."""
        (pairs, complex_law), (real, real_law) = self.modes
        if not real:
            return 0.0
        typical = 1 / (4 * self.order * self.sigma**2)
        t = typical * np.logspace(-3, 12, 4_001)
        survival = np.exp(pairs * complex_law.log_survival(t))
        # Stieltjes sum of P(complex modes later) d P(real mode by then).
        return float(np.sum((survival[1:] + survival[:-1]) / 2 * np.diff(real_law.tails(t)[0])))
