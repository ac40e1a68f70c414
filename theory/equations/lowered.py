"""What sympy makes of the right-hand sides of equations. Written by ``make formulas``; not to be edited."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from numpy import arctan, euler_gamma, exp, log, maximum, pi, sqrt
from scipy.special import polygamma

__all__ = ["FUNCTIONS"]


def _lazy_5(s: Any, y: Any, v_0: Any, eta: Any, t: Any) -> Any:
    x0 = eta + s**2
    x1 = s * y / x0
    return x1 + (v_0 - x1) * exp(-t * x0)


def _lazy_6(s: Any, eta: Any) -> Any:
    x0 = s**2
    return -log((1 / 2) * (-eta + x0) / x0) / (eta + x0)


def _feat_4(M: Any, d: Any, m: Any) -> Any:
    return (1 / 2) * M / (d * m)


def _feat_6(d: Any, m: Any, beta: Any) -> Any:
    return -beta + 3 * d * m - 2


def _feat_9(M: Any, d: Any) -> Any:
    return 2.7482 * M * log(M) * reduce(maximum, [1, (1 / 2) * d])


def _modes_3(x_0: Any, y_0: Any, t: Any) -> Any:
    return x_0 * (x_0 - y_0) / (x_0 - y_0 * exp(t * (8 * x_0 - 8 * y_0)))


def _modes_4(x_0: Any, y_0: Any) -> Any:
    return log(x_0 / y_0) / (8 * x_0 - 8 * y_0)


def _modes_7(s: Any) -> Any:
    return (1 / 2) * sqrt(6) * sqrt(pi) * exp(-2 / s) / sqrt(s)


def _mem_3(M: Any) -> Any:
    return (M - 1) * (4 * M - 9) / (6 * M**2 - 13 * M + 9)


def _mem_4(d: Any, m: Any) -> Any:
    x0 = d * m
    return x0 / (x0 + 1)


def _heights_1(q: Any) -> Any:
    return (3 / 2) * 2 ** (1 / 3) * q ** (2 / 3)


def _heights_2(M: Any, N: Any) -> Any:
    return 3 * 2 ** (1 / 3) * M ** (1 / 3) * N ** (1 / 3)


def _heights_3(M: Any) -> Any:
    return (3 / 2) * 2 ** (2 / 3) * M ** (1 / 3)


def _heights_4() -> Any:
    return (3 / 4) * 2 ** (2 / 3)


def _heights_5(M: Any, N: Any) -> Any:
    return 2 ** (2 / 3) * M ** (1 / 3) * N ** (1 / 3) * (M - 1)


def _heights_6(argument_0: Any, argument_1: Any, k: Any) -> Any:
    return (argument_0**k * argument_1**2 * k) ** ((k + 1) ** (-1.0)) * (1 + k ** (-1.0))


def _heights_7(M: Any, d: Any, f: Any, D: Any) -> Any:
    return (3 / 2) * 2 ** (1 / 3) * D * M ** (1 / 3) * d ** (2 / 3) * f ** (2 / 3)


def _heights_8(M: Any, d: Any, f: Any, D: Any) -> Any:
    return D * d * f / M


def _heights_9(M: Any, d: Any, f: Any, D: Any, P: Any, argument_0: Any) -> Any:
    x0 = D + 1
    x1 = (1 / 4) / x0**2
    return 3 * P * d * f * x0 * (argument_0 * M**2 * x1 / (P**2 * d**2 * f**2) + D**2 * M * x1 / (d * f)) ** (1 / 3)


def _heights_10(M: Any, P: Any) -> Any:
    x0 = M ** (1 / 3)
    x1 = 3 * P
    return 12 ** (1 / 3) * x0 * x1 * (1 + (1 / 2) * ((1 / 2) * M - P - 1 / 2) / P**2) ** (1 / 3) + 2 * x0 * (
        (3 / 2) * M - x1 - 3 / 2
    )


def _heights_11(C: Any, e: Any, eta: Any) -> Any:
    return (1 / 6) * C * eta / e


def _heights_12(M: Any, d: Any, f: Any, D: Any, N: Any) -> Any:
    return (3 / 2) * 2 ** (1 / 3) * D ** (2 / 3) * M ** (1 / 3) * N ** (1 / 3) * d ** (1 / 3) * f ** (1 / 3)


def _heights_13(M: Any, E: Any) -> Any:
    return sqrt(2) * M * (M - 1) / sqrt(E)


def _heights_14(M: Any, A: Any) -> Any:
    return 3 * 3 ** (1 / 3) * A ** (2 / 3) * M


def _mixed_1(L_mem: Any, D: Any, M: Any) -> Any:
    return D * L_mem / (M - 1)


def _inter_2(g_1: Any, g_2: Any, c: Any, eta: Any) -> Any:
    return -c / (-(c**2) + (eta + g_1) * (eta + g_2))


def _inter_6(c: Any, g: Any, eta: Any) -> Any:
    return c * eta / (eta + g * (1 - c**2))


def _muon_2(L: Any) -> Any:
    return L * (polygamma(0, L + 1) + euler_gamma)


def _muon_4(a: Any, T_0: Any, L: Any) -> Any:
    x0 = 2 ** (-a)
    return L * (1 - x0) + T_0 * x0


def _muon_6(s: Any) -> Any:
    return (4063 / 2000) * s**5 - 191 / 40 * s**3 + (6889 / 2000) * s


def _clock_2(D_0: Any, tau: Any) -> Any:
    return D_0 * exp(-2 * tau)


def _clock_3(q: Any, D_0: Any, tau: Any) -> Any:
    x0 = ((1 / 4) * q + sqrt((1 / 216) * D_0**3 * exp(-6 * tau) + (1 / 16) * q**2)) ** (1 / 3)
    x1 = -1 / 6 * D_0 * exp(-2 * tau) / x0 + x0
    return q / x1 + x1**2


def _clock_4(theta_0: Any, lr: Any, eta: Any, k: Any) -> Any:
    return theta_0 * (-eta * lr + 1) ** k


def _clock_7(k: Any, a: Any) -> Any:
    x0 = sqrt(exp(a * k) - 1)
    return x0 - arctan(x0)


#: Label of an equation -> its right-hand side.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "lazy.5": _lazy_5,
    "lazy.6": _lazy_6,
    "feat.4": _feat_4,
    "feat.6": _feat_6,
    "feat.9": _feat_9,
    "modes.3": _modes_3,
    "modes.4": _modes_4,
    "modes.7": _modes_7,
    "mem.3": _mem_3,
    "mem.4": _mem_4,
    "heights.1": _heights_1,
    "heights.2": _heights_2,
    "heights.3": _heights_3,
    "heights.4": _heights_4,
    "heights.5": _heights_5,
    "heights.6": _heights_6,
    "heights.7": _heights_7,
    "heights.8": _heights_8,
    "heights.9": _heights_9,
    "heights.10": _heights_10,
    "heights.11": _heights_11,
    "heights.12": _heights_12,
    "heights.13": _heights_13,
    "heights.14": _heights_14,
    "mixed.1": _mixed_1,
    "inter.2": _inter_2,
    "inter.6": _inter_6,
    "muon.2": _muon_2,
    "muon.4": _muon_4,
    "muon.6": _muon_6,
    "clock.2": _clock_2,
    "clock.3": _clock_3,
    "clock.4": _clock_4,
    "clock.7": _clock_7,
}
