"""Muon's step: the orthogonal factor of a gradient matrix, and its approximation by five Newton-Schulz steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from twopeaks.theory.equations.core.algebra import relative, symbols_of, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Step

__all__ = ["EQUATIONS", "newton_schulz", "steepest"]

_JORDAN = "Jordan et al. 2024 (Muon)"

L, k, l, m = sp.symbols("L k l m", integer=True, positive=True)
s = sp.Symbol("s", positive=True)


def steepest() -> Equation:
    """muon.5: the direction in which Muon steps."""
    s1, s2, g1, g2, y, z = sp.symbols("s_1 s_2 g_1 g_2 y z", positive=True)
    theta, left, right = sp.Symbol("theta", real=True), _rotation(y), _rotation(z)
    G, polar = left * sp.diag(s1, s2) * right.T, left * right.T
    root = (left * sp.diag(s1, s2) * left.T).applyfunc(sp.factor)  # (G G^T)^(1/2)
    turn = sp.Matrix([[sp.cos(theta), -sp.sin(theta)], [sp.sin(theta), sp.cos(theta)]])
    turned = sp.factor(sp.cancel((G.T * left * turn * right.T).trace()))
    axis = left[:, 0]
    parallel = axis * sp.Matrix([[g1, g2]])
    length = sp.sqrt(sp.cancel((parallel * parallel.T).trace()))
    shared = parallel / length

    def check(rng: np.random.Generator) -> Check:
        zeros = (
            root * polar - G,
            root * root - G * G.T,
            polar * polar.T - sp.eye(2),
            axis * axis.T * shared * length - parallel,
        )
        proved = all(zero.applyfunc(sp.cancel).is_zero_matrix for zero in zeros)
        proved &= vanishes(turned - (s1 + s2) * sp.cos(theta))
        return Check(bool(proved), _polar_gap(rng), "Newton's iteration X <- (X + X^-T)/2, and 100 other orthogonal O")

    U, V = symbols_of("U", m, m), symbols_of("V", m, m)
    whole, sizes, share = symbols_of("G", m, m), symbols_of("S", m, m), sp.IndexedBase("g")
    return Equation(
        "muon.5",
        "Muon steps as far as the spectral norm allows, and parallel gradients share one step",
        sp.Tuple(
            sp.Eq(U * V.T, (whole * whole.T) ** sp.Rational(-1, 2) * whole, evaluate=False),
            sp.Eq(sp.Trace(whole.T * U * V.T), sp.Trace(sizes), evaluate=False),
            sp.Eq(sp.IndexedBase("o")[l], share[l] / sp.sqrt(sp.Sum(share[k] ** 2, (k, 1, L)))),
        ),
        {
            "G": "gradient = U S V^T, singular values in S; square and invertible in the first two relations",
            "U V^T": "Muon's direction; Tr(G^T O) <= Tr S for every O of spectral norm 1, with equality there",
            "g_l": "sizes of L parallel columns of G",
            "o_l": "sizes of the same columns of Muon's direction",
        },
        f"{_JORDAN}; sharing here",
        ("G of full rank; else U V^T on its range",),
        "With momentum and five Newton-Schulz steps the direction is neither this nor orthogonal: muon.6.",
        check,
        (
            Step("(G G^T)^(1/2), 2 x 2, U and V rotations by 2 arctan(y) and 2 arctan(z)", root),
            Step("inner product of G with U R(theta) V^T", turned),
            Step("two parallel gradients of sizes g_1, g_2 become", shared),
        ),
    )


def _rotation(y: sp.Expr) -> sp.Matrix:
    """Rotation by 2 arctan(y)."""
    return sp.Matrix([[1 - y**2, -2 * y], [2 * y, 1 - y**2]]) / (1 + y**2)


def _polar_gap(rng: np.random.Generator) -> float:
    """(G G^T)^(-1/2) G against Newton's iteration; infinite if another orthogonal matrix has more of G."""
    G = rng.standard_normal((5, 5))
    sizes, vectors = np.linalg.eigh(G @ G.T)
    polar, exact = (vectors / np.sqrt(sizes)) @ vectors.T @ G, G
    for _ in range(60):
        exact = (exact + np.linalg.inv(exact).T) / 2
    others = np.linalg.qr(rng.standard_normal((100, 5, 5))).Q
    if np.einsum("rij,ij->r", others, G).max() > np.sum(exact * G):
        return np.inf
    return max(relative(polar, exact), relative(np.linalg.svd(G)[1].sum(), np.sum(exact * G)))


#: a, b, c of Muon's iteration.
_QUINTIC = tuple(map(sp.Rational, ("3.4445", "-4.7750", "2.0315")))


def _quintic(value: sp.Expr) -> sp.Expr:
    return sum(c * value**power for c, power in zip(_QUINTIC, (1, 3, 5), strict=True))


def newton_schulz() -> Equation:
    """muon.6: the effect of five Newton-Schulz steps on singular values."""
    p = _quintic(s)
    fixed = sp.solve(sp.cancel(p / s) - 1, s)
    slopes = [sp.simplify(sp.diff(p, s).subs(s, point)) for point in fixed]
    turns = sorted(sp.solve(sp.diff(p, s), s))
    low = p.subs(s, turns[1])
    band = (sp.Rational(1, 100), sp.S.One)
    images = [band := _image(band, turns) for _ in range(5)]

    def check(rng: np.random.Generator) -> Check:
        high = _quintic(low)
        proved = all(abs(sp.N(end - e, 40)) < 1e-30 for end, e in zip(images[-1], (low, high), strict=True))
        proved &= all(abs(slope) > 1 for slope in slopes) and all(vanishes(_quintic(q) - q) for q in fixed)
        ends = _image((low, high), turns)
        proved &= bool(sp.N(ends[0] - low, 40) > -1e-30 and sp.N(ends[1] - high, 40) < 1e-30)
        proved &= _acts_on_singular_values()
        return Check(bool(proved), _iteration_gap(rng), "the iteration on a random 5 x 5 matrix")

    after = sp.Function("p")
    return Equation(
        "muon.6",
        "Five Newton-Schulz steps: singular values end in a band about 1, and never settle",
        sp.Tuple(
            sp.Eq(sp.Symbol("s_min"), sp.N(low, 8)),
            sp.Eq(sp.Symbol("s_max"), sp.N(_quintic(low), 8)),
            sp.Eq(after(s), p),
        ),
        {
            "p(s)": "one step a s + b s^3 + c s^5 on every singular value; on G: a G + b G G^T G + c (G G^T)^2 G",
            "s_min, s_max": "five steps take [0.01, 1] onto [s_min, s_max], which every further step maps into itself",
        },
        f"{_JORDAN} (coefficients); band here",
        ("G divided by its Frobenius norm, so that s <= 1", "s >= 0.01", "exact arithmetic"),
        "Smaller s stay small (p'(0) = 3.44 a step), s = 1 goes to 0.70, and both fixed points repel.",
        check,
        (
            Step("fixed points", sp.Tuple(*fixed)),
            Step(
                "slopes there: both above 1 in size, so nothing converges",
                sp.Tuple(*(sp.N(slope, 6) for slope in slopes)),
            ),
            Step("turning points", sp.Tuple(*turns)),
            Step(
                "image of [0.01, 1] after 1 to 5 steps", sp.Tuple(*(sp.Tuple(*(sp.N(e, 6) for e in i)) for i in images))
            ),
        ),
        inputs=(s,),
    )


def _iteration_gap(rng: np.random.Generator) -> float:
    """Five steps on a matrix against five steps on its singular values."""
    G = rng.standard_normal((5, 5))
    G /= np.linalg.norm(G)
    left, sizes, right = np.linalg.svd(G)
    first, second, third = map(float, _QUINTIC)
    step = sp.lambdify(s, _quintic(s))
    for _ in range(5):
        gram = G @ G.T
        G, sizes = first * G + (second * gram + third * gram @ gram) @ G, step(sizes)
    return relative((left * sizes) @ right, G)


def _image(band: tuple[sp.Expr, sp.Expr], turns: list[sp.Expr]) -> tuple[sp.Expr, sp.Expr]:
    """Image of an interval under p, exactly: its ends and the turning points within."""
    points = [*band, *(point for point in turns if bool(sp.N(band[0], 40) < point < sp.N(band[1], 40)))]
    values = sorted((_quintic(point) for point in points), key=lambda value: sp.N(value, 40))
    return values[0], values[-1]


def _acts_on_singular_values() -> bool:
    """Whether a G + b G G^T G + c (G G^T)^2 G = U p(S) V^T for 2 x 2 matrices of any singular values."""
    s1, s2 = sp.symbols("s_1 s_2", positive=True)
    left, right = _rotation(sp.Rational(1, 2)), _rotation(sp.Rational(1, 5))
    G = left * sp.diag(s1, s2) * right.T
    first, second, third = _QUINTIC
    step = first * G + second * G * G.T * G + third * G * G.T * G * G.T * G
    return vanishes(step - left * sp.diag(_quintic(s1), _quintic(s2)) * right.T)


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "muon.5": steepest,
    "muon.6": newton_schulz,
}
