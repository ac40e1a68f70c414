"""Stage II on the full table: every Fourier mode of a node grows at its own rate, and the first to blow up wins.

Modes of a real vector of Z_M, u^(k) = sum_a u_a exp(-2 pi i k a/M); x = |u^(k)|^2, y = |v^(k)|^2. With w Gaussian of
variance s^2 a component, x and y of a complex mode are M s^2 times independent standard exponential numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

from twopeaks.theory.equations.core.algebra import relative, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Step
from twopeaks.theory.equations.learning.features import brute_gradient
from twopeaks.theory.groups import cyclic

__all__ = ["EQUATIONS", "blow_up", "early_tail", "first_mode", "growth", "invariant", "survival", "trajectory"]

_PAPER = "Tian, arXiv 2509.21519"
_LETTERS = {
    "x, y": "|u^(k)|^2 and |v^(k)|^2 of one mode, transforms not normalised",
    "x_0, y_0": "their values at the start",
    "t": "time of gradient ascent of E (unnormalised w)",
}
_FAILS = "On part of the table modes couple; in a network growth stops once the output layer has fitted the labels."
t, x0, y0, s = sp.symbols("t x_0 y_0 s", positive=True)


def growth() -> Equation:
    """modes.1: gradient ascent of E, mode by mode."""
    p, q, r, h = sp.symbols("p q r h", real=True)
    # u_a = (2/M)(p cos(2 pi k a/M) + q sin) has u^(k) = p - i q; E of the pair k, -k is (4/M)|u^|^2|v^|^2.
    M = sp.Symbol("M", positive=True)
    E = 4 / M * (p**2 + q**2) * (r**2 + h**2)
    # |du|^2 = (2/M)(dp^2 + dq^2): slopes in p, q turn into velocities with the factor M/2.
    velocity = sp.Matrix([sp.diff(E, z) * M / 2 for z in (p, q)])

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(velocity - 4 * (r**2 + h**2) * sp.Matrix([p, q]))
        w = rng.standard_normal(22)
        moved = np.fft.fft(brute_gradient(cyclic(11), w)[:11])[1:]
        U, V = np.fft.fft(w[:11])[1:], np.fft.fft(w[11:])[1:]
        return Check(proved, relative(4 * np.abs(V) ** 2 * U, moved), "transform of the slope of E on Z11")

    u, v = sp.Function(r"\hat{u}")(t), sp.Function(r"\hat{v}")(t)
    return Equation(
        "modes.1",
        "Each mode of u grows at the rate of the same mode of v, and the other way round",
        sp.Tuple(sp.Eq(u.diff(t), 4 * sp.Abs(v) ** 2 * u), sp.Eq(v.diff(t), 4 * sp.Abs(u) ** 2 * v)),
        _LETTERS,
        f"{_PAPER}, section 4 (ascent); mode form here",
        ("full table of a cyclic group", "sigma = z^2"),
        _FAILS,
        check,
        (Step("velocity of real and imaginary part of u^(k)", velocity),),
    )


def invariant() -> Equation:
    """modes.2: what a mode conserves."""
    x, y = sp.Function("x")(t), sp.Function("y")(t)
    rates = {x.diff(t): 8 * x * y, y.diff(t): 8 * x * y}
    drift = sp.diff(x - y, t).subs(rates)

    def check(rng: np.random.Generator) -> Check:
        a, b = rng.uniform(0.5, 1, 2)
        flow = solve_ivp(lambda _, z: [8 * z[0] * z[1]] * 2, (0, 0.05), [a, b], method="DOP853", rtol=1e-12, atol=1e-14)
        return Check(drift == 0, relative(flow.y[0] - flow.y[1], np.full(flow.t.size, a - b)), "the integrated flow")

    return Equation(
        "modes.2",
        "x - y is conserved, and phases do not move",
        sp.Tuple(sp.Eq(x.diff(t), 8 * x * y), sp.Eq(sp.diff(x - y, t), 0, evaluate=False)),
        _LETTERS,
        "here",
        ("as modes.1",),
        _FAILS,
        check,
        (Step("d(x - y)/dt", drift),),
    )


def trajectory() -> Equation:
    """modes.3: closed form of a mode's growth."""
    x = x0 * (x0 - y0) / (x0 - y0 * sp.exp(8 * (x0 - y0) * t))

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(sp.together(sp.diff(x, t) - 8 * x * (x - x0 + y0))) and vanishes(x.subs(t, 0) - x0)
        a, b = rng.uniform(0.5, 1, 2)
        end = 0.7 * float(np.log(a / b) / (8 * (a - b)))
        flow = solve_ivp(lambda _, z: [8 * z[0] * z[1]] * 2, (0, end), [a, b], method="DOP853", rtol=1e-13, atol=1e-14)
        closed = float(x.subs({x0: a, y0: b, t: end}))
        return Check(bool(proved), relative(closed, flow.y[0, -1]), "the integrated flow")

    return Equation(
        "modes.3",
        "Growth of a mode in closed form",
        sp.Eq(sp.Function("x")(t), x),
        _LETTERS,
        "here",
        ("as modes.1", "x_0 != y_0; in the limit x = x_0/(1 - 8 x_0 t)"),
        _FAILS,
        check,
        (
            Step(
                "with y = x - x_0 + y_0 from modes.2, x' =", sp.expand(8 * sp.Symbol("x") * (sp.Symbol("x") - x0 + y0))
            ),
        ),
        inputs=(x0, y0, t),
    )


def blow_up() -> Equation:
    """modes.4: the time at which a mode blows up."""
    pole = sp.solve(sp.Eq(x0, y0 * sp.exp(8 * (x0 - y0) * t)), t)[0]
    closed = sp.log(x0 / y0) / (8 * (x0 - y0))
    equal = sp.limit(closed, y0, x0)

    def check(rng: np.random.Generator) -> Check:
        proved = sp.simplify(pole - closed) == 0 and sp.simplify(equal - 1 / (8 * x0)) == 0
        a, b = rng.uniform(0.5, 1, 2)
        # The time to reach x = infinity is the integral of dx / x'.
        waited, _ = quad(lambda z: 1 / (8 * z * (z - a + b)), a, np.inf, epsabs=1e-13, epsrel=1e-13)
        return Check(bool(proved), relative(float(closed.subs({x0: a, y0: b})), waited), "integral of dx/x'")

    return Equation(
        "modes.4",
        "Blow-up time of a mode; the mode with the smallest one wins the node",
        sp.Eq(sp.Symbol("t_*"), closed),
        _LETTERS | {"t_*": "time at which x is infinite; 1/(8 x_0) for x_0 = y_0"},
        "here",
        ("as modes.1",),
        _FAILS,
        check,
        (Step("pole of modes.3", pole), Step("limit of equal starts", equal)),
        inputs=(x0, y0),
    )


_z = sp.Symbol("z", positive=True)


def _integrand() -> sp.Expr:
    beta = 2 * _z / s * sp.coth(_z)
    return sp.sech(_z) ** 2 * (1 - (1 + beta) * sp.exp(-beta))


def _alive(at: float) -> float:
    """S(at) by quadrature of modes.5."""
    return float(quad(sp.lambdify(_z, _integrand().subs(s, at), "numpy"), 1e-12, 40, epsabs=1e-13, epsrel=1e-12)[0])


def survival() -> Equation:
    """modes.5: law of one mode's blow-up time under Gaussian weights."""
    B, L, b = sp.symbols("B L b", positive=True)
    # A, B standard exponential, A = B e^L; t_* > t where B < b = L/(s (e^L - 1)), s = 8 M sigma^2 t.
    inner = sp.integrate(B * sp.exp(L) * sp.exp(-B * (1 + sp.exp(L))), (B, 0, b))
    beta = b * (1 + sp.exp(L))
    short = sp.exp(L) / (1 + sp.exp(L)) ** 2 * (1 - (1 + beta) * sp.exp(-beta))

    def check(rng: np.random.Generator) -> Check:
        proved = sp.simplify(inner - short) == 0
        at = float(rng.uniform(0.5, 3))

        def late(c: float, a: float) -> float:
            gap = np.log(c / a) / (c - a) if abs(c - a) > 1e-9 * a else 1 / a
            return float(gap - at)

        def largest(a: float) -> float:
            """The y below which x = a has not blown up by s."""
            return float(brentq(late, 1e-300, 1e6, args=(a,), xtol=1e-14))

        alive, _ = quad(lambda a: np.exp(-a) * -np.expm1(-largest(a)), 0, 60, epsabs=1e-12, epsrel=1e-12, limit=400)
        return Check(bool(proved), relative(_alive(at), alive), "integral over the two exponential numbers")

    return Equation(
        "modes.5",
        "Chance that one mode has not emerged by time t",
        sp.Eq(sp.Function("S")(s), sp.Integral(_integrand(), (_z, 0, sp.oo))),
        {"s": "8 M sigma^2 t, sigma^2 the variance of each weight", "S": "P(t_* > t) of one complex mode"},
        "here",
        ("as modes.1", "weights Gaussian, independent", "complex mode: 2 k not a multiple of M"),
        "A real mode (M even, k = M/2) has chi-square powers of one degree instead; uniform weights are Gaussian in k "
        "only for large M.",
        check,
        (Step("at fixed L = log(x/y), integrated over B", sp.simplify(short)),),
    )


def first_mode() -> Equation:
    """modes.6: law of a node's emergence time, and who wins."""
    S = sp.Function("S")
    q, count = sp.symbols("q N", positive=True)
    M = sp.Symbol("M", integer=True, positive=True)
    share = sp.integrate(q ** (count - 1), (q, 0, 1))
    rows = [[f(2 * sp.pi * k * a / 5) for a in range(5)] for k in (1, 2) for f in (sp.cos, sp.sin)]
    covariance = (sp.Matrix(rows) * sp.Matrix(rows).T).applyfunc(sp.simplify)

    def check(rng: np.random.Generator) -> Check:
        proved = sp.simplify(share - 1 / count) == 0 and vanishes(covariance - sp.Rational(5, 2) * sp.eye(4))
        transforms = np.fft.fft(np.eye(23))[1:12]
        parts = np.concatenate([transforms.real, transforms.imag])
        # Independence makes survival chances multiply: two modes against a direct integral over their first time.
        at = float(rng.uniform(0.5, 2))
        density = sp.lambdify((_z, s), sp.diff(_integrand(), s), "numpy")

        def rate(time: float) -> float:
            return -quad(lambda z: float(density(z, time)), 1e-12, 40, epsabs=1e-12)[0]

        emerged = quad(lambda time: 2 * rate(time) * _alive(time), 0.02, at, epsabs=1e-11, epsrel=1e-11)[0]
        computed = [_alive(at) ** 2, *(parts @ parts.T).ravel()]
        expected = [_alive(0.02) ** 2 - emerged, *(11.5 * np.eye(22)).ravel()]
        return Check(
            bool(proved), relative(computed, expected), "covariance of the transform of Z23; two modes in turn"
        )

    return Equation(
        "modes.6",
        "A node emerges when its first mode does; every pair of frequencies wins equally often",
        sp.Tuple(
            sp.Eq(sp.Function("P")(sp.Symbol("T") > t), S(s) ** ((M - 1) / 2), evaluate=False),
            sp.Eq(sp.Symbol("P_k"), 2 / (M - 1)),
        ),
        {
            "T": "emergence time of a node, the smallest t_* of its modes",
            "S": "modes.5",
            "M": "odd",
            "P_k": "chance that the pair k, -k wins the node",
        },
        "here",
        ("as modes.5", "M odd; an even M adds one factor for its real mode"),
        _FAILS,
        check,
        (
            Step("covariance of real and imaginary parts for Z5: modes are independent", covariance),
            Step("P_k with N = (M - 1)/2 modes: integral of S^(N-1) dS", share),
        ),
    )


def early_tail() -> Equation:
    """modes.7: extreme-value form, from which typical times follow."""
    z = sp.Symbol("z", positive=True)
    exponent = sp.series(2 * z / s * sp.coth(z), z, 0, 4).removeO()
    gauss = sp.integrate(2 / s * sp.exp(-exponent), (z, 0, sp.oo))
    tail = sp.sqrt(3 * sp.pi / (2 * s)) * sp.exp(-2 / s)

    def check(rng: np.random.Generator) -> Check:
        del rng
        proved = sp.simplify(gauss - tail) == 0
        # 1 - S over its tail at small s, extrapolated in powers of s to s = 0, must be one.
        ratios = [_early(at) / float(tail.subs(s, at)) for at in _NODES]
        limit = sum(r * np.prod([-b / (a - b) for b in _NODES if b != a]) for a, r in zip(_NODES, ratios, strict=True))
        return Check(bool(proved), relative(limit, 1.0), "1 - S of modes.5 at small s, extrapolated to s = 0")

    return Equation(
        "modes.7",
        "Early emergence is rare like exp(-2/s): typical times fall as 1/log of the number of modes",
        sp.Eq(1 - sp.Function("S")(s), tail, evaluate=False),
        {"s": "8 M sigma^2 t, small", "S": "modes.5"},
        "here",
        ("as modes.5", "s -> 0: leading order"),
        "At s = 0.5 it is 15% off or more; use modes.5 for numbers.",
        check,
        (Step("exponent near z = 0", exponent), Step("Laplace's method", gauss)),
        inputs=(s,),
    )


_NODES = (0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.125, 0.15)


def _early(at: float) -> float:
    """1 - S(at): integral of sech^2 (1 + beta) exp(-beta), the large factor exp(-2/s) kept outside."""

    def integrand(z: float) -> float:
        beta = 2 / at * (z / np.tanh(z) if z > 1e-8 else 1.0)
        return float((1 + beta) * np.exp(2 / at - beta) / np.cosh(z) ** 2)

    value, _ = quad(integrand, 0, 12 * np.sqrt(at) + 1, epsabs=1e-14, epsrel=1e-13, limit=400)
    return float(value * np.exp(-2 / at))


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "modes.1": growth,
    "modes.2": invariant,
    "modes.3": trajectory,
    "modes.4": blow_up,
    "modes.5": survival,
    "modes.6": first_mode,
    "modes.7": early_tail,
}
