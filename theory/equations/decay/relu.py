"""Heights beyond x^2 and squared error: ReLU, whose nodes cost 2 |w| |v|, so that least norm is a convex problem; and
what amplitude of a frequency costs, which is what cross-entropy pays for margins.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from twopeaks.theory.equations.core.algebra import Matrix, relative
from twopeaks.theory.equations.core.equation import Check, Equation, Step
from twopeaks.theory.equations.decay.heights import pair_cost
from twopeaks.theory.groups.constructions import pair_nodes

__all__ = ["EQUATIONS", "amplitude_cost", "convex_height", "orbit_network"]

M, E = sp.symbols("M E", positive=True)


def convex_height() -> Equation:
    """heights.13: prime order, degree 1."""
    A, alpha, delta = sp.symbols("A alpha delta", positive=True)
    # Sum over automorphisms k of the correlation A_k(j) of r - mean r with itself: (M - 1) A at j = 0, else -A.
    answer = alpha / M**2 * ((M - 1) * A * delta - A * (1 - delta))
    scale = sp.solve(sp.Eq(answer, delta - 1 / M), alpha)[0]
    cost = sp.simplify((M - 1) * 2 * scale * sp.sqrt(A))
    bound = 2 * (M - 1) * M ** sp.Rational(3, 2) / sp.sqrt(M * A)
    closed = cost.subs(A, 2 * E)

    def check(rng: np.random.Generator) -> Check:
        proved = sp.simplify(cost - bound) == 0 and sp.simplify(scale - M / A) == 0
        computed, expected = [], []
        for order in (5, 7):
            node = rng.standard_normal(2 * order)
            node /= np.linalg.norm(node)
            W, V = orbit_network(node)
            hidden = np.maximum(W[:order, None, :] + W[None, order:, :], 0)
            table = np.add.outer(np.arange(order), np.arange(order)) % order
            error = hidden @ V - (np.eye(order)[table] - 1 / order)
            norms = np.sqrt((W**2).sum(axis=0) * (V**2).sum(axis=1))
            computed += [2 * float(norms.sum()), float(np.abs(error - error.mean(axis=2, keepdims=True)).max())]
            expected += [float(closed.subs({M: order, E: _energy(node)})), 0.0]
        return Check(bool(proved), relative(computed, expected), "networks built from random nodes of Z5 and Z7")

    return Equation(
        "heights.13",
        "Height of the generalising peak for ReLU, prime order: the largest energy of Stage II decides",
        sp.Eq(sp.Symbol("C_gen"), closed),
        {
            "M": "order, prime",
            "E": "largest energy E* = 1/2 sum_m (r(m) - mean r)^2 of a node [u; v] of norm 1, where r(m) is the sum of "
            "sigma(u(a) + v(b)) over ab = m",
            "C_gen": "least |W|^2 + |V|^2 of all networks that compute the whole table",
        },
        "here",
        (
            "sigma(s z) = s sigma(z) for s > 0: a node costs 2 |w| |v|, heights.6",
            "group of prime order, whose automorphisms carry every frequency into every other",
            "any width",
            "standard setting S0, but for sigma, with decay so small that both peaks fit the data",
        ),
        "Other groups: a bound from below, since rare frequencies may cost more than the best one.",
        check,
        (
            Step("all translations and automorphisms of one node, outputs alpha (r - mean r), answer", answer),
            Step("that is the rule for alpha =", scale),
            Step("cost of these nodes", cost),
            Step("no network costs less: sum over frequencies of its answers is M - 1, each node adds at most", bound),
        ),
        inputs=(M, E),
    )


def amplitude_cost() -> Equation:
    """heights.14: one frequency of any amplitude."""
    A = sp.Symbol("A", positive=True)
    six = pair_cost().statement.rhs
    size = {str(x): x for x in six.free_symbols}
    whole = six.subs({size["N"]: 6, size["M"]: M})
    cost = sp.powsimp(sp.simplify(whole * (A / (2 / M)) ** sp.Rational(2, 3)), force=True)
    closed = 3 * sp.cbrt(3) * M * A ** sp.Rational(2, 3)

    def check(rng: np.random.Generator) -> Check:
        order, amplitude = 11, float(rng.uniform(0.5, 5))
        W, V = pair_nodes(order, int(rng.integers(1, 6)))
        V = V * amplitude * order / 2
        hidden = (W[:order, None, :] + W[None, order:, :]) ** 2
        answers = hidden @ V
        table = np.add.outer(np.arange(order), np.arange(order)) % order
        norms = (W**2).sum(axis=0) * np.sqrt((V**2).sum(axis=1))
        computed = [
            3 * float(((norms / 2) ** (2 / 3)).sum()),
            float(np.take_along_axis(answers, table[..., None], 2).min()),
        ]
        return Check(
            bool(sp.simplify(cost - closed) == 0),
            relative(computed, [float(closed.subs({M: order, A: amplitude})), amplitude]),
            "six nodes built for Z11, their norms and their answer at the right class",
        )

    return Equation(
        "heights.14",
        "Cost of a frequency of amplitude A",
        sp.Eq(sp.Symbol("C_pair"), closed),
        {
            "M": "order of the group",
            "A": "amplitude of A cos(2 pi k (a + b - c)/M) in the outputs; 2/M in the centred label",
            "C_pair": "least norm of six nodes that add it and nothing else",
        },
        "here",
        ("pair of complex characters of an abelian group", "sigma = z^2"),
        "Concave in A: under cross-entropy few strong frequencies are cheaper than many weak ones, until the nearest "
        "classes ask for more of them.",
        check,
        (Step("six nodes at amplitude 2/M, heights.2", whole), Step("outputs scaled: norm to the power 2/3", cost)),
        inputs=(M, A),
    )


def orbit_network(node: Matrix) -> tuple[Matrix, Matrix]:
    """All translations and automorphisms of one node of Z_M, M prime: W (2M, N), V (N, M), N = (M - 1) M^2."""
    order = len(node) // 2
    u, v = node[:order], node[order:]
    sums = _sums(node)
    alpha = order / float(sums @ sums)
    k, s, t = (x.ravel() for x in np.meshgrid(np.arange(1, order), np.arange(order), np.arange(order), indexing="ij"))
    place = np.arange(order)[:, None]
    W = np.concatenate([u[k * (place - s) % order], v[k * (place - t) % order]])
    V = alpha / order**2 * sums[k * (place - s - t) % order].T
    return W, np.asarray(V)


def _sums(node: Matrix) -> Matrix:
    order = len(node) // 2
    table = np.add.outer(np.arange(order), np.arange(order)) % order
    answers = np.maximum(node[:order, None] + node[None, order:], 0)
    sums = np.bincount(table.ravel(), answers.ravel(), order)
    return np.asarray(sums - sums.mean())


def _energy(node: Matrix) -> float:
    return float(0.5 * (_sums(node) ** 2).sum())


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {"heights.13": convex_height, "heights.14": amplitude_cost}
