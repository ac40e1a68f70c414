"""Many nodes, L features: which node learns which feature, how many nodes collect all features, and the effect of Muon.

A node that climbs feature l with strength mu_l obeys alpha_l' = mu_l alpha_l^2; the feature that blows up first wins.
Nodes are then draws of a coupon collector. Muon orthogonalises the gradients of nodes, which weakens what is taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.integrate import quad

from twopeaks.theory.equations.core.algebra import relative
from twopeaks.theory.equations.core.equation import Check, Equation, Printed, Step
from twopeaks.theory.equations.learning.orthogonal import EQUATIONS as ORTHOGONAL

__all__ = ["EQUATIONS", "collector", "guided_collector", "unequal_collector", "winner"]

Vector = NDArray[np.float64]

_PAPER = "Tian, arXiv 2509.21519"
_LETTERS = {
    "L": "number of features (local maxima of E)",
    "p_l": "probability that a node ends at feature l",
    "mu_l": "strength of feature l: alpha_l' = mu_l alpha_l^2",
    "a": "exponent of the law of alpha_l(0): P(alpha <= x) = exp(-x^-a)",
    "T_0": "expected number of independent nodes until every feature is found",
}

L, k, l, m = sp.symbols("L k l m", integer=True, positive=True)
a, s, t, x = sp.symbols("a s t x", positive=True)


def _collecting_time(p: Vector, weight: float = 1.0) -> float:
    """Expected draws until every feature is found: the absorbing chain on subsets, solved as one linear system.

    Features already found count with ``weight`` times their probability (muon.4).
    """
    count = len(p)
    states = range(2**count - 1)
    Q = np.zeros((2**count - 1, 2**count - 1))
    for collected in states:
        odds = np.array([weight * p[i] if collected >> i & 1 else p[i] for i in range(count)])
        for i, chance in enumerate(odds / odds.sum()):
            if (after := collected | 1 << i) < 2**count - 1:
                Q[collected, after] += chance
    return float(np.linalg.solve(np.eye(2**count - 1) - Q, np.ones(2**count - 1))[0])


def _exact_collecting_time(p: tuple[sp.Expr, ...], weight: sp.Expr) -> sp.Expr:
    """The same by recursion over subsets, exactly."""
    everything = frozenset(range(len(p)))
    times: dict[frozenset[int], sp.Expr] = {}
    for size in range(len(p) + 1):
        for left in map(frozenset, itertools.combinations(everything, size)):
            new = sum(p[i] for i in left)
            old = weight * sum(p[i] for i in everything - left)
            times[left] = sum((p[i] / new * times[left - {i}] for i in left), (new + old) / new if left else sp.S.Zero)
    return times[everything]


def winner() -> Equation:
    """muon.1: theorem 8, independent nodes."""
    alpha, (start, rate) = sp.Function("alpha"), sp.symbols("alpha_0 mu", positive=True)
    path = sp.dsolve(sp.Eq(alpha(t).diff(t), rate * alpha(t) ** 2), alpha(t), ics={alpha(0): start}).rhs
    blow_up = sp.solve(1 / path, t)[0]
    strengths = sp.symbols("mu_1:4", positive=True)
    law = [sp.exp(-((x / mu) ** -a)) for mu in strengths]  # of mu_l alpha_l(0)
    density = sp.diff(law[0], x) * law[1] * law[2]
    by_s = sp.simplify(density.subs(x, s ** (-1 / a)) * s ** (-1 / a - 1) / a)
    won = sp.integrate(sp.powsimp(sp.expand_power_base(by_s), force=True), (s, 0, sp.oo), conds="none")

    def check(rng: np.random.Generator) -> Check:
        closed = strengths[0] ** a / sum(mu**a for mu in strengths)
        proved = sp.simplify(won - closed) == 0 and sp.simplify(blow_up - 1 / (rate * start)) == 0
        mu, power = rng.uniform(0.5, 2, size=4), rng.uniform(1.5, 4)

        def wins(i: int) -> float:
            def slope(y: float) -> float:
                return float(power * mu[i] ** power * y ** (-power - 1) * np.exp(-np.sum((y / mu) ** -power)))

            return float(quad(slope, 0, 1, epsabs=1e-13)[0] + quad(slope, 1, np.inf, epsabs=1e-13)[0])

        return Check(bool(proved), relative(mu**power / np.sum(mu**power), [wins(i) for i in range(4)]), "quadrature")

    mu = sp.IndexedBase("mu")
    return Equation(
        "muon.1",
        "Which feature an independent node learns",
        sp.Eq(sp.IndexedBase("p")[l], mu[l] ** a / sp.Sum(mu[k] ** a, (k, 1, L))),
        _LETTERS,
        f"{_PAPER}, theorem 8",
        ("alpha_l(0) independent with the Frechet law of exponent a", "features orthogonal: each grows on its own"),
        "Gaussian weights give no Frechet law: |u^_k|^2 is exponential, and its largest value follows Gumbel.",
        check,
        (
            Step("alpha(t)", path),
            Step("it blows up at t =", blow_up),
            Step("chance that mu_1 alpha_1(0) is the largest of three, in s = x^-a", by_s),
            Step("over all s", won),
        ),
    )


def collector() -> Equation:
    """muon.2: theorem 8, L equally strong features."""
    waits = L / (L - m)
    expected = L * sp.summation(1 / k, (k, 1, L))  # k = L - m features are missing
    closed = L * (sp.digamma(L + 1) + sp.EulerGamma)
    chain = [_exact_collecting_time((sp.Rational(1, size),) * size, sp.S.One) for size in range(1, 6)]

    def check(rng: np.random.Generator) -> Check:
        proved = sp.simplify(waits.subs(m, L - k) - L / k) == 0
        proved &= sp.simplify(expected.rewrite(sp.polygamma) - closed.rewrite(sp.polygamma)) == 0
        proved &= all(expected.subs(L, size + 1) == value for size, value in enumerate(chain))
        size = int(rng.integers(20, 60))
        collected = np.arange(size)  # states: features found so far
        Q = np.diag(collected / size) + np.diag(1 - collected[:-1] / size, 1)
        exact = np.linalg.solve(np.eye(size) - Q, np.ones(size))[0]
        corrected, printed = (float(e.subs(L, size)) for e in (closed, closed / L))
        return Check(
            bool(proved),
            relative(corrected, exact),
            "absorbing Markov chain, 20 to 60 features",
            relative(printed, exact),
        )

    return Equation(
        "muon.2",
        "How many independent nodes find all of L equally strong features",
        sp.Tuple(sp.Eq(sp.Symbol("T_0"), L * sp.Sum(1 / l, (l, 1, L))), sp.Eq(sp.Symbol("T_0"), closed)),
        _LETTERS,
        f"{_PAPER}, theorem 8 (its proof)",
        ("p_l = 1/L", "nodes independent"),
        "Unequal strengths need more nodes: muon.3. One weak feature alone needs 1/p_l.",
        check,
        (
            Step("nodes to the next new feature when m are found", waits),
            Step("summed over m", expected),
            Step("the chain on subsets, L = 1 to 5", sp.Tuple(*chain)),
        ),
        Printed(
            sp.Eq(sp.Symbol("T_0"), sp.Sum(1 / l, (l, 1, L))),
            "The text leaves out the factor L, which its proof has: fewer than L nodes cannot hold L features.",
        ),
        inputs=(L,),
    )


def unequal_collector() -> Equation:
    """muon.3: unequal strengths, by drawing at the times of a Poisson process."""
    p = sp.symbols("p_1:4", positive=True)
    tail = sp.expand(1 - sp.prod([1 - sp.exp(-q * t) for q in p]))
    integral = sum(sp.cancel(sp.integrate(term, (t, 0, sp.oo))) for term in sp.powsimp(tail).as_ordered_terms())

    def check(rng: np.random.Generator) -> Check:
        total = sum(p)
        chain = _exact_collecting_time(tuple(q / total for q in p), sp.S.One)
        proved = sp.cancel(sp.together(integral * total - chain)) == 0
        chances = rng.dirichlet(np.full(5, 2.0))
        by_integral = _poissonised(chances)
        subsets = (list(c) for size in range(1, 6) for c in itertools.combinations(chances, size))
        summed = sum((-1) ** (len(c) + 1) / sum(c) for c in subsets)
        against = "absorbing Markov chain on the 31 subsets of 5 features"
        return Check(bool(proved), relative([by_integral, summed], [_collecting_time(chances)] * 2), against)

    chance = sp.IndexedBase("p")[l]
    return Equation(
        "muon.3",
        "How many independent nodes find all features, whatever their strengths",
        sp.Eq(sp.Symbol("T_0"), sp.Integral(1 - sp.Product(1 - sp.exp(-chance * t), (l, 1, L)), (t, 0, sp.oo))),
        _LETTERS | {"t": "time of a Poisson process that draws one node a unit of time"},
        "here (Flajolet, Gardy, Thimonier 1992 for coupons)",
        ("nodes independent", "sum p_l = 1"),
        "The sum over subsets has 2^L - 1 terms of both signs: for many features only the integral is of use.",
        check,
        (
            Step("chance that a feature is missing at time t (L = 3)", tail),
            Step("its integral is the sum over subsets", integral),
        ),
    )


def _poissonised(p: Vector) -> float:
    """The integral of muon.3, in t = y/(1 - y)."""
    return float(
        quad(
            lambda y: -np.expm1(np.log1p(-np.exp(-p * y / (1 - y))).sum()) / (1 - y) ** 2, 0, 1, epsabs=1e-12, limit=200
        )[0]
    )


def guided_collector() -> Equation:
    """muon.4: theorem 8, nodes one after another under Muon."""
    first, weight = sp.Symbol("T_0", positive=True), sp.Symbol("w", positive=True)
    wait = 1 + m * weight / (L - m)
    excess = sp.simplify((wait - 1) / (L / (L - m) - 1))
    closed = 2**-a * first + (1 - 2**-a) * L
    p = sp.symbols("p_1:4", positive=True)
    chain, plain = (sp.together(_exact_collecting_time(p, w)) for w in (weight, sp.S.One))

    def check(rng: np.random.Generator) -> Check:
        proved = excess == weight and sp.cancel(chain - weight * plain - (1 - weight) * 3) == 0
        power, chances = rng.uniform(1, 3), rng.dirichlet(np.full(4, 2.0))
        predicted = sp.lambdify((a, first, L), closed)(power, _poissonised(chances), 4)
        return Check(
            bool(proved), relative(predicted, _collecting_time(chances, 2**-power)), "absorbing Markov chain on subsets"
        )

    return Equation(
        "muon.4",
        "Muon saves nodes: what is learned competes at half its strength",
        sp.Eq(sp.Symbol("T_a"), closed),
        _LETTERS | {"T_a": "expected number of sequential nodes under Muon until every feature is found"},
        f"{_PAPER}, theorem 8 (a bound there; equality, for all strengths, here)",
        (
            "model: nodes learn one after another, and Muon halves mu_l of every learned feature, once, whatever the "
            "number of nodes on it; p_l then counts 2^-a",
            "nodes otherwise as in muon.1",
        ),
        "By muon.5 one learned node of equal gradient leaves 1/sqrt(2), not 1/2, and c such nodes 1/sqrt(c + 1): then "
        "2^-a is too small at first and too large later.",
        check,
        (
            Step("nodes to the next new feature when m of L equal ones are found, w = 2^-a", wait),
            Step("what exceeds one node, over the same without Muon", excess),
            Step("T_a - w T_0 for L = 3 features of any strengths", sp.factor(sp.cancel(chain - weight * plain))),
        ),
        inputs=(a, first, L),
    )


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "muon.1": winner,
    "muon.2": collector,
    "muon.3": unequal_collector,
    "muon.4": guided_collector,
    **ORTHOGONAL,
}
