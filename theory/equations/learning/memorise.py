"""Memorising features: the maxima of the energy where the data do not allow generalisation."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import sympy as sp
from scipy.optimize import minimize

from twopeaks.theory.equations.core.algebra import Matrix, relative, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Step

__all__ = ["EQUATIONS", "crossing", "crossing_of_irrep", "focus", "spread"]

_PAPER = "Tian, arXiv 2509.21519"
_LETTERS = {
    "p_g": "weight of the pair (g, g^-1 h) among the data of one target h",
    "s_g": "(u_g + v_{g^-1 h})/sqrt(2), |s| <= |w| = 1, with equality for u_g = v_{g^-1 h}",
    "E": "energy of the node on these data, up to a constant: (sum_g p_g sigma(sqrt(2) s_g))^2 / 2",
}


def _best(p: Matrix, sigma: Callable[[Matrix], Matrix], starts: Matrix) -> Matrix:
    """|s| = 1 that maximises |sum_g p_g sigma(sqrt(2) s_g)|, from several starts."""

    def negative(s: Matrix) -> float:
        return -abs(float(p @ sigma(np.sqrt(2) * s / np.linalg.norm(s))))

    maxima = [minimize(negative, s, method="BFGS", options={"gtol": 1e-10}) for s in starts]
    s = min(maxima, key=lambda x: float(x.fun)).x
    return np.asarray(s / np.linalg.norm(s))


def _power(degree: int, z: Matrix) -> Matrix:
    return np.asarray(np.abs(z) ** degree)


def focus() -> Equation:
    """mem.1: theorem 5 for powers: one pair takes all."""
    q, x = sp.symbols("q x", positive=True)
    ratio = sp.simplify(sp.diff(x**q, x) / x)
    slope = sp.factor(sp.simplify(sp.diff(ratio, x)))
    a, b = sp.symbols("p_1 p_2", positive=True)
    theta = sp.Symbol("theta", real=True)
    pair = sum(p * f(theta) ** 2 for p, f in ((a, sp.cos), (b, sp.sin)))

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(slope - q * (q - 2) * x ** (q - 3))
        proved &= vanishes(sp.diff(pair, theta, 2).subs(theta, 0) - 2 * (b - a))
        p = np.array([0.1, 0.35, 0.25, 0.3])
        residual = 0.0
        for power in (2, 3, 4):
            s = _best(p, partial(_power, power), rng.standard_normal((8, 4)))
            value = p @ np.abs(s) ** power
            residual = max(residual, relative(value, p.max()))
        return Check(bool(proved), residual, "numerical maximum over four pairs, q = 2, 3, 4")

    g = sp.Symbol("g")
    return Equation(
        "mem.1",
        "Powers focus: the best memorising feature is one pair",
        sp.Eq(sp.Symbol("s_g"), sp.KroneckerDelta(g, sp.Symbol("g_*"))),
        _LETTERS | {"g_*": "the pair of largest p_g; the feature is (e_{g*} + e_{g*^-1 h})/sqrt(2)"},
        f"{_PAPER}, theorem 5",
        ("data of one target h", "sigma'(x)/x nondecreasing on x > 0: x^q with q >= 2", "p_{g*} strictly largest"),
        "With equal weights and q = 2 every direction is as good: x^2 alone does not choose; q > 2 still focuses.",
        check,
        (
            Step("sigma'(x)/x", ratio),
            Step("its slope", slope),
            Step("q = 2, two pairs: curvature at the first one", sp.diff(pair, theta, 2).subs(theta, 0)),
        ),
    )


def spread() -> Equation:
    """mem.2: theorem 5 for saturating activations: every pair gets its share."""
    x, p, lam = sp.symbols("x p lambda", positive=True)
    silu, tanh = x / (1 + sp.exp(-x)), sp.tanh(x)
    relu_share = sp.solve(sp.Eq(sp.sqrt(2) * p, 2 * lam * sp.Symbol("s", positive=True)), sp.Symbol("s", positive=True))
    falls = [sp.simplify(sp.diff(sp.diff(f, x) / x, x)) for f in (x, silu, tanh)]

    def check(rng: np.random.Generator) -> Check:
        values = np.linspace(0.01, 8, 400)
        falling = all(np.all(np.broadcast_to(sp.lambdify(x, f, "numpy")(values), values.shape) < 0) for f in falls)
        proved = bool(falls[0].is_negative) and falling and vanishes(relu_share[0] - sp.sqrt(2) * p / (2 * lam))
        weights = rng.uniform(0.1, 1, 5)
        weights /= weights.sum()
        s = _best(weights, lambda z: np.maximum(z, 0), np.abs(rng.standard_normal((4, 5))))
        return Check(proved, relative(weights @ s, np.linalg.norm(weights)), "numerical maximum over five pairs, ReLU")

    return Equation(
        "mem.2",
        "ReLU, SiLU and tanh spread: the feature weighs every pair, ReLU in proportion to p_g",
        sp.Eq(sp.Symbol("s_g"), sp.Symbol("p_g") / sp.Symbol(r"\left|p\right|")),
        _LETTERS,
        f"{_PAPER}, theorem 5; the share of ReLU here",
        ("data of one target h", "sigma'(x)/x decreasing on x > 0", "the formula is ReLU's"),
        "With several targets in the data, spreading features of one collide with those of others.",
        check,
        (
            Step("slopes of sigma'(x)/x for ReLU, SiLU, tanh (negative)", sp.Tuple(*falls)),
            Step("stationarity for ReLU, multiplier lambda", relu_share[0]),
        ),
    )


def crossing() -> Equation:
    """mem.3: the density at which memorising and generalising features have equal energy."""
    M, p = sp.symbols("M p", positive=True)
    row = p * (1 - p) * (M - 1) / 2
    fourier = p**2 * M / 4 + sp.Rational(9, 8) * p * (1 - p) * (1 - 1 / M)
    where = sp.simplify(next(x for x in sp.solve(sp.Eq(row, fourier), p) if x != 0))
    alpha, beta = sp.symbols("alpha beta", real=True)
    moment = sp.integrate(
        sp.integrate((sp.cos(alpha) + sp.cos(beta)) ** 4, (alpha, 0, 2 * sp.pi)), (beta, 0, 2 * sp.pi)
    )
    moment = sp.simplify(moment / (4 * sp.pi**2))

    def check(rng: np.random.Generator) -> Check:
        proved = sp.limit(where, M, sp.oo) == sp.Rational(2, 3) and moment == sp.Rational(9, 4)
        order, density = 11, float(rng.uniform(0.2, 0.8))
        angle = 2 * np.pi * np.arange(order) / order
        cosine = np.concatenate([np.cos(angle), np.cos(angle + 1)]) / np.sqrt(order)
        detector = np.eye(2 * order)[3]
        computed = [float(f.subs({M: order, p: density})) for f in (row, fourier)]
        return Check(
            bool(proved),
            relative(computed, [_expected(w, density) for w in (detector, cosine)]),
            "mean of |S|^2/2 summed over all pairs of samples, Z11",
        )

    return Equation(
        "mem.3",
        "Row detectors and Fourier features are equally high at density 2/3",
        sp.Tuple(
            sp.Eq(sp.Symbol("E_row"), row),
            sp.Eq(sp.Symbol("E_Fourier"), fourier),
            sp.Eq(sp.Symbol("p_*"), where),
        ),
        {
            "p": "share of the table in the training set, each pair independently",
            "E_row": "mean energy of w = e_a",
            "E_Fourier": "mean energy of a Fourier feature, |w| = 1",
            "p_*": "density at which they are equal; 2/3 for large M",
            "M": "order, 5 or more and odd",
        },
        "here",
        ("sigma = z^2", "labels centred by their mean over the table", "mean over random subsets"),
        "Networks grok far below it (0.35 at M = 23): the landscape of one node does not locate the transition.",
        check,
        (Step("mean of (cos A + cos B)^4", moment), Step("E_row = E_Fourier at", where)),
        inputs=(M,),
    )


def _expected(w: Matrix, density: float) -> float:
    """Mean over Bernoulli subsets of |sum of f_i (e_{c_i} - 1/M)|^2 / 2, pair of samples by pair of samples."""
    order = w.size // 2
    f = (w[:order, None] + w[None, order:]).ravel() ** 2
    labels = np.eye(order)[np.add.outer(np.arange(order), np.arange(order)).ravel() % order] - 1 / order
    both = np.full((f.size, f.size), density**2)
    np.fill_diagonal(both, density)
    return float(0.5 * np.sum(both * (labels @ labels.T) * np.outer(f, f)))


def crossing_of_irrep() -> Equation:
    """mem.4: the same for a feature of any irreducible representation, to leading order."""
    M, p, d, m = sp.symbols("M p d m", positive=True)
    row, peak = M * p * (1 - p) / 2, p**2 * M / (2 * m * d)
    where = sp.simplify(next(x for x in sp.solve(sp.Eq(row, peak), p) if x != 0))

    def check(rng: np.random.Generator) -> Check:
        del rng
        proved = sp.simplify(where - m * d / (m * d + 1)) == 0
        # Densities of equal mean energy on Z_M, M even, extrapolated in 1/M to infinity.
        computed = []
        for real in (True, False):
            densities = [_equal_density(order, order // 2 if real else 1) for order in _ORDERS]
            while len(densities) > 1:
                level = len(_ORDERS) - len(densities) + 1
                densities = [b + (b - a) / (2**level - 1) for a, b in itertools.pairwise(densities)]
            computed.append(densities[0])
        expected = [float(where.subs({m: k, d: 1})) for k in (1, 2)]
        return Check(bool(proved), relative(computed, expected), "root of the mean energies on Z_M, M to infinity")

    return Equation(
        "mem.4",
        "Density of equal height for any irrep: 1/2, 2/3, 3/4, ... as m d grows",
        sp.Eq(sp.Symbol("p_*"), where),
        {
            "p_*": "density at which a feature of the irrep and a row detector have equal mean energy",
            "d": "dimension of the irrep",
            "m": "1 for real type, 2 for complex and quaternionic type",
        },
        "here",
        ("as mem.3", "M large"),
        "As mem.3, which has the correction at finite M for complex characters.",
        check,
        (Step("row detector", row), Step("feature: p^2 times feat.4", peak), Step("equal at", where)),
        inputs=(d, m),
    )


_ORDERS = (64, 128, 256, 512, 1024)


def _equal_density(order: int, k: int) -> float:
    """Density at which cosine k of Z_M (|w| = 1, generic phase) and e_a have the same mean energy, from moments."""
    angle = 2 * np.pi * k * np.arange(order) / order
    phase = 0.0 if 2 * k == order else 1.0
    u = np.cos(angle + phase) / np.linalg.norm(np.cos(angle + phase)) / np.sqrt(2)
    f = (u[:, None] + u[None, :]) ** 2
    target = np.add.outer(np.arange(order), np.arange(order)) % order
    totals = np.bincount(target.ravel(), weights=f.ravel())
    signal, spread = np.sum((totals - totals.mean()) ** 2), (1 - 1 / order) * np.sum(f**2)
    # p^2 signal + p (1 - p) spread = p (1 - p) (M - 1), each energy being half of these.
    gap = order - 1 - spread
    return float(gap / (gap + signal))


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "mem.1": focus,
    "mem.2": spread,
    "mem.3": crossing,
    "mem.4": crossing_of_irrep,
}
