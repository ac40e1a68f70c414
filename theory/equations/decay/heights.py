"""Heights of the two peaks: the norm that a generalising and a memorising solution cost, and where they are equal.

With weight decay the long-run winner among solutions that fit the data is the one of smallest |W|^2 + |V|^2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp
from scipy.optimize import brentq, minimize_scalar

from twopeaks.theory.equations.core.algebra import relative, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Step

__all__ = ["EQUATIONS", "crossing", "node_cost", "pair_cost", "power_cost", "real_cost", "sample_cost"]

M, N = sp.symbols("M N", integer=True, positive=True)
q, deg = sp.symbols("q k", positive=True)
_NETWORK = ("sigma = z^2", "standard setting S0 with decay so small that both peaks fit the data")
_COST = 3 * (q / 2) ** sp.Rational(2, 3)
_SPILL = "Finite decay: losses, not norms, are to be compared; nodes shared between frequencies make it 1-8% cheaper."


def node_cost() -> Equation:
    """heights.1: the least norm of one node."""
    scale, w2, v = sp.symbols("s |w|^2 |v|", positive=True)
    norm = scale**2 * w2 + v**2 / scale**4
    best = next(x for x in sp.solve(sp.diff(norm, scale), scale) if x.is_positive)
    least = sp.simplify(norm.subs(scale, best))
    balance = sp.simplify((best**2 * w2) / (v**2 / best**4))

    def check(rng: np.random.Generator) -> Check:
        proved = sp.simplify(least - _COST.subs(q, w2 * v)) == 0 and balance == 2
        a, b = rng.uniform(0.5, 2, 2)
        minimum = minimize_scalar(lambda x: np.exp(2 * x) * a + b**2 * np.exp(-4 * x), tol=1e-12).fun
        return Check(bool(proved), relative(float(_COST.subs(q, a * b)), minimum), "numerical minimum over the scale")

    return Equation(
        "heights.1",
        "Least norm of a node, |w|^2 = 2 |v|^2",
        sp.Eq(sp.Symbol("C"), _COST),
        {"q": "|w|^2 |v|, unchanged by w -> s w, v -> v/s^2", "C": "least |w|^2 + |v|^2 over s"},
        "here",
        ("sigma = z^2",),
        "Other powers z^k balance at |w|^2 = k |v|^2 (heights.6); activations that are not homogeneous cannot rescale.",
        check,
        (
            Step("norm after rescaling", norm),
            Step("least at s =", best),
            Step("there", least),
            Step("|w|^2/|v|^2 there", balance),
        ),
        inputs=(q,),
    )


def pair_cost() -> Equation:
    """heights.2: one pair of complex characters, built from N nodes."""
    A, B, C = sp.symbols("A B C", real=True)
    phases = [(2 * sp.pi * j / 6, 8 * sp.pi * j / 6) for j in range(6)]
    built = sum((sp.cos(A + x) + sp.cos(B + y)) ** 2 * sp.cos(C + x + y) for x, y in phases) * 4 / (6 * M)
    rest = sp.simplify(sp.expand(sp.expand_trig(built - 2 / M * sp.cos(A + B - C))))
    cost = sp.simplify(N * _COST.subs(q, M * 4 / (M * N) * sp.sqrt(M / 2)))
    closed = 3 * sp.cbrt(2 * N * M)

    def check(rng: np.random.Generator) -> Check:
        proved = rest == 0 and sp.simplify(cost - closed) == 0
        order, angle = 13, 2 * np.pi * np.arange(13) / 13 * float(rng.integers(1, 6))
        phi = 2 * np.pi * np.arange(6) / 6
        W = np.concatenate([np.cos(angle[:, None] + phi), np.cos(angle[:, None] + 4 * phi)])
        V = 4 / (order * 6) * np.cos(angle[None, :] + 5 * phi[:, None])
        norms = (W**2).sum(axis=0) * np.sqrt((V**2).sum(axis=1))
        return Check(
            bool(proved),
            relative(float(closed.subs({N: 6, M: order})), np.sum(3 * (norms / 2) ** (2 / 3))),
            "norms of the six nodes built for Z13",
        )

    return Equation(
        "heights.2",
        "Cost of a pair of complex characters",
        sp.Eq(sp.Symbol("C_pair"), closed),
        {
            "M": "order of the group",
            "N": "nodes that share the pair; six build it without remainder",
            "C_pair": "least norm of these nodes",
        },
        "here",
        ("abelian group", *_NETWORK),
        _SPILL,
        check,
        (
            Step("remainder of six nodes, phases 2 pi j/6 and 8 pi j/6", rest),
            Step("N nodes, q = (4/N) sqrt(M/2)", cost),
        ),
        inputs=(M, N),
    )


def real_cost() -> Equation:
    """heights.3: one real character, built from two nodes."""
    a, b = sp.symbols("a b", real=True)
    built = ((a + b) ** 2 - (a - b) ** 2) / (4 * M)
    cost = 2 * _COST.subs(q, 2 * M * sp.sqrt(M) / (4 * M))
    closed = 6 * (sp.sqrt(M) / 4) ** sp.Rational(2, 3)

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(sp.expand(built) - a * b / M) and sp.simplify(cost - closed) == 0
        order = 2 * int(rng.integers(3, 12))
        psi = (-1.0) ** np.arange(order)
        nodes = [(np.concatenate([psi, x * psi]), x * psi / (4 * order)) for x in (1, -1)]
        norms = np.array([w @ w * np.linalg.norm(v) for w, v in nodes])
        return Check(
            bool(proved),
            relative(float(closed.subs(M, order)), np.sum(3 * (norms / 2) ** (2 / 3))),
            "norms of the two nodes built for an even cyclic group",
        )

    return Equation(
        "heights.3",
        "Cost of a real character",
        sp.Eq(sp.Symbol("C_real"), closed),
        {"M": "order of the group", "C_real": "least norm of the two nodes [psi; ±psi]"},
        "here",
        ("character with values ±1, not the trivial one", *_NETWORK),
        _SPILL,
        check,
        (Step("two nodes build", sp.expand(built)), Step("q = sqrt(M)/2 each", cost)),
        inputs=(M,),
    )


def sample_cost() -> Equation:
    """heights.4: one memorised pair."""
    cost = _COST.subs(q, sp.Rational(1, 2))

    def check(rng: np.random.Generator) -> Check:
        del rng
        w, v = np.array([1.0, 1.0]), 0.25
        norm = minimize_scalar(lambda x: np.exp(2 * x) * (w @ w) + v**2 * np.exp(-4 * x), tol=1e-12).fun
        return Check(
            sp.simplify(cost - 3 * sp.Rational(1, 4) ** sp.Rational(2, 3)) == 0,
            relative(float(cost), norm),
            "numerical minimum over the scale of e_a + e_b, e_c/4",
        )

    return Equation(
        "heights.4",
        "Cost of a memorised pair: 1.19",
        sp.Eq(sp.Symbol("c_mem"), cost),
        {"c_mem": "least norm of a node that answers 1 at its pair"},
        "here",
        ("one focused node for each sample, its effect on other pairs neglected", *_NETWORK),
        "Networks share nodes between samples and pay 1.06 to 1.17.",
        check,
        (Step("w = e_a + e_b, v = e_c/4: q = |w|^2 |v| = 1/2", cost),),
        inputs=(),
    )


def crossing() -> Equation:
    """heights.5: data size at which the peaks are equally high."""
    n = sp.Symbol("n", positive=True)
    C_gen = (M - 1) / 2 * 3 * sp.cbrt(2 * N * M)
    c_mem = _COST.subs(q, sp.Rational(1, 2))
    n_c = sp.simplify(sp.solve(sp.Eq(C_gen, c_mem * n), n)[0])
    leading = sp.simplify(sp.limit(n_c.subs(N, 6) / M ** sp.Rational(4, 3), M, sp.oo))

    def check(rng: np.random.Generator) -> Check:
        order = 2 * int(rng.integers(5, 60)) + 1

        def gap(size: float) -> float:
            return float(size * 3 * 0.25 ** (2 / 3) - sum(3 * (12 * order) ** (1 / 3) for _ in range((order - 1) // 2)))

        root = brentq(gap, 1.0, 1e6, xtol=1e-12)
        proved = sp.simplify(leading - sp.Integer(2) ** sp.Rational(1, 3) * sp.cbrt(12)) == 0
        return Check(bool(proved), relative(float(n_c.subs({M: order, N: 6})), root), "root of the difference of costs")

    return Equation(
        "heights.5",
        "Crossing of the peaks, odd cyclic group",
        sp.Eq(sp.Symbol("n_c"), n_c),
        {"n_c": "training examples at which both peaks are equally high", "M": "order, odd", "N": "nodes a pair, 6"},
        "here",
        ("cyclic group of odd order", *_NETWORK, "time enough to reach the lower norm"),
        "Near n_c a finite budget cuts in; heights say who wins in the end, not how fast.",
        check,
        (Step("C_gen", C_gen), Step("n_c / M^(4/3) for N = 6, large M", leading)),
        inputs=(M, N),
    )


def power_cost() -> Equation:
    """heights.6: least norm of a node for sigma = z^k."""
    scale, w2, v = sp.symbols("s |w|^2 |v|", positive=True)
    norm = scale**2 * w2 + v**2 / scale ** (2 * deg)
    best = (deg * v**2 / w2) ** (1 / (2 * deg + 2))
    closed = (1 + 1 / deg) * (deg * (w2**deg * v**2)) ** (1 / (deg + 1))

    def check(rng: np.random.Generator) -> Check:
        slope = sp.simplify(sp.powsimp(sp.expand_power_base(sp.diff(norm, scale).subs(scale, best)), force=True))
        numbers = {w2: sp.Rational(3, 2), v: sp.Rational(2, 3)}
        proved = all(
            abs(sp.N(slope.subs(numbers | {deg: k}), 30)) < 1e-25
            and abs(sp.N((norm.subs(scale, best) - closed).subs(numbers | {deg: k}), 30)) < 1e-25
            for k in (1, 2, 3, sp.Rational(7, 2))
        )
        a, b, k = *rng.uniform(0.5, 2, 2), 3
        minimum = minimize_scalar(lambda x: np.exp(2 * x) * a + b**2 * np.exp(-2 * k * x), tol=1e-12).fun
        return Check(
            bool(proved), relative(float(closed.subs({w2: a, v: b, deg: k})), minimum), "numerical minimum, k = 3"
        )

    return Equation(
        "heights.6",
        "Least norm of a node for sigma = z^k, and for ReLU (k = 1)",
        sp.Eq(sp.Symbol("C"), closed),
        {"k": "degree of homogeneity: ReLU 1, x^2 2", "|w|^2, |v|": "of the node", "C": "least |w|^2 + |v|^2"},
        "here",
        ("sigma(s z) = s^k sigma(z) for s > 0",),
        "SiLU, GELU and tanh are not homogeneous.",
        check,
        (Step("norm after rescaling", norm), Step("least at s =", best)),
        inputs=(w2, v, deg),
    )


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "heights.1": node_cost,
    "heights.2": pair_cost,
    "heights.3": real_cost,
    "heights.4": sample_cost,
    "heights.5": crossing,
    "heights.6": power_cost,
}
