"""Stage III, interaction: the output layer is at its ridge solution, so every node depends on all others through B.

G_F = P_eta Y~ Y~^T F~ B with B = (F~^T F~ + eta I)^-1. Column j of F~ B is the feature that node j climbs in place of
its own: itself, less what similar nodes have already (repulsion). Irreps that are learned drop out of the labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import sympy as sp

from twopeaks.theory.equations.core.algebra import Matrix, centring_matrix, matrix, relative, symbols_of, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Printed, Step
from twopeaks.theory.equations.core.numeric import lowered
from twopeaks.theory.equations.learning.missing import EQUATIONS as MISSING

__all__ = ["EQUATIONS", "gradient_at_rest", "many_nodes", "repulsion_strength", "two_nodes"]

_PAPER = "Tian, arXiv 2509.21519"
_LETTERS = {
    "F~": "hidden features sigma(X W), centred over samples, n x K; f_j its column j",
    "Y~": "one-hot labels, centred over samples, n x M",
    "B": "(F~^T F~ + eta I)^-1, K x K, entries b_jl",
    "P_eta": "what ridge regression on F~ leaves of a vector, n x n",
    "G_F": "-dJ/dF, n x K",
    "eta": "weight decay of V, in units of J",
}

n, K, M, j, l = sp.symbols("n K M j l", integer=True, positive=True)
eta = sp.Symbol("eta", positive=True)
Fc, Yc = symbols_of(r"\tilde{F}", n, K), symbols_of(r"\tilde{Y}", n, M)
B, P = symbols_of("B", K, K), symbols_of("P_eta", n, n)


def _gram_inverse(f: Matrix, decay: float) -> Matrix:
    """B from the pseudo-inverse of [F~; sqrt(eta) I], whose last columns are sqrt(eta) B."""
    width = f.shape[1]
    stacked = np.concatenate([f, np.sqrt(decay) * np.eye(width)])
    return np.asarray(np.linalg.pinv(stacked)[:, -width:] / np.sqrt(decay))


def _ridge_residual(f: Matrix, decay: float) -> Matrix:
    """P_eta = I - F (F^T F + eta I)^-1 F^T, by its definition."""
    return np.asarray(np.eye(len(f)) - f @ np.linalg.solve(f.T @ f + decay * np.eye(f.shape[1]), f.T))


def gradient_at_rest() -> Equation:
    """inter.1: G_F once V is at its ridge solution."""
    f, y = matrix("f", 3, 2), matrix("y", 3, 1)
    gram = f.T * f + eta * sp.eye(2)
    inverse = sp.Matrix(2, 2, lambda r, s: sp.Symbol(f"b_{min(r, s) + 1}{max(r, s) + 1}"))
    v, residual = inverse * f.T * y, sp.eye(3) - f * inverse * f.T
    difference = ((y - f * v) * v.T - residual * y * y.T * f * inverse).applyfunc(sp.expand)
    scaled = gram.det() * sp.eye(3) - f * gram.adjugate() * f.T  # det · P_eta
    pushed = (scaled * (f * f.T + eta * sp.eye(3))).applyfunc(sp.expand)

    statement = sp.Tuple(
        sp.Eq(symbols_of("G_F", n, K), P * Yc * Yc.T * Fc * B, evaluate=False),
        sp.Eq(B, sp.Inverse(Fc.T * Fc + eta * sp.Identity(K)), evaluate=False),
        sp.Eq(P, sp.Identity(n) - Fc * B * Fc.T, evaluate=False),
        sp.Eq(P, eta * sp.Inverse(Fc * Fc.T + eta * sp.Identity(n)), evaluate=False),
    )

    def check(rng: np.random.Generator) -> Check:
        centre, decay = centring_matrix(7), rng.uniform(0.1, 1)
        a, b = centre @ rng.standard_normal((7, 4)), centre @ rng.standard_normal((7, 3))
        v_rest = np.linalg.lstsq(np.vstack([a, np.sqrt(decay) * np.eye(4)]), np.vstack([b, np.zeros((4, 3))]))[0]
        # J is quadratic in F, so central differences are exact whatever their step.
        units = np.eye(a.size).reshape(a.size, *a.shape)
        ends = np.array([[np.sum((centre @ (b - (a + s * u) @ v_rest)) ** 2) / 2 for s in (-1, 1)] for u in units])
        slope = (ends[:, 0] - ends[:, 1]).reshape(a.shape) / 2
        arguments = (Yc, Fc, B, P, eta), {n: 7, K: 4, M: 3}
        pull, inverse_gram, residual, pushed_through = (lowered(relation.rhs, *arguments) for relation in statement)
        b_found = inverse_gram(b, a, 0, 0, decay)
        corrected = [pull(b, a, b_found, f(b, a, b_found, 0, decay), decay) for f in (residual, pushed_through)]
        proved = difference.is_zero_matrix and vanishes(pushed - eta * gram.det() * sp.eye(3))
        against = "central differences of J at V from least squares"
        return Check(bool(proved), relative(corrected, [slope, slope]), against)

    return Equation(
        "inter.1",
        "G_F at the ridge solution: every node is coupled to all others through B",
        statement,
        _LETTERS,
        f"{_PAPER}, stage III",
        ("V at the ridge solution for the present F (lazy.2): V is fast, W slow", "eta > 0"),
        "With both layers on one clock V lags behind; the error is then larger than P_eta Y~.",
        check,
        (
            Step("V at rest, with B symmetric (n = 3, K = 2, M = 1)", v),
            Step("(Y~ - F~V)V^T - P_eta Y~Y~^T F~B", difference),
            Step("push-through: P_eta (F~F~^T + eta I) is diagonal, eta times", sp.expand(pushed[0, 0] / eta)),
            Step("over det(F~^T F~ + eta I) =", gram.det()),
        ),
    )


def two_nodes() -> Equation:
    """inter.2: theorem 6 for two nodes."""
    f = matrix("f", 3, 2)
    gram = f.T * f + eta * sp.eye(2)
    (g1, g2), c = sp.symbols("g_1 g_2", positive=True), sp.Symbol("c", real=True)
    closed = -c / ((g1 + eta) * (g2 + eta) - c**2)
    inner = {g1: f[:, 0].dot(f[:, 0]), g2: f[:, 1].dot(f[:, 1]), c: f[:, 0].dot(f[:, 1])}
    areas = sum((f[i, 0] * f[k, 1] - f[k, 0] * f[i, 1]) ** 2 for i, k in itertools.combinations(range(3), 2))
    positive = eta**2 + eta * f.norm() ** 2 + areas

    def check(rng: np.random.Generator) -> Check:
        proved = sp.cancel(gram.inv()[0, 1] - closed.subs(inner)) == 0 and vanishes(gram.det() - positive)
        a, decay = centring_matrix(7) @ rng.standard_normal((7, 2)), rng.uniform(0.1, 1)
        formula = sp.lambdify((g1, g2, c, eta), closed)(
            (a[:, 0] ** 2).sum(), (a[:, 1] ** 2).sum(), a[:, 0] @ a[:, 1], decay
        )
        return Check(
            bool(proved), relative(formula, _gram_inverse(a, decay)[0, 1]), "pseudo-inverse of [F~; sqrt(eta) I]"
        )

    return Equation(
        "inter.2",
        "Two similar nodes repel: each climbs with less of the other",
        sp.Eq(sp.Symbol("b_12"), closed),
        _LETTERS | {"g_1, g_2": "|f_1|^2, |f_2|^2", "c": "f_1·f_2"},
        f"{_PAPER}, theorem 6 (K = 2)",
        ("V at the ridge solution (inter.1)", "eta > 0, so that the determinant is positive"),
        "Opposite features (c < 0) attract by the same law: for the output layer f and -f are the same feature.",
        check,
        (
            Step("B for two nodes, times its determinant", gram.adjugate()),
            Step("the determinant is a sum of squares (n = 3)", positive),
        ),
        inputs=(g1, g2, c, eta),
    )


def _of_pairs(a: Matrix, decay: float, function: Callable[..., float]) -> Matrix:
    """function(p_jj, p_ll, p_jl, eta) for all j != l, 0 on the diagonal."""
    values = np.zeros((a.shape[1],) * 2)
    for p, q in itertools.permutations(range(a.shape[1]), 2):
        pair = a[:, [p, q]]
        products = pair.T @ _ridge_residual(np.delete(a, (p, q), axis=1), decay) @ pair
        values[p, q] = function(products[0, 0], products[1, 1], products[0, 1], decay)
    return values


def many_nodes() -> Equation:
    """inter.3: theorem 6 for any number of nodes, by the Schur complement."""
    f = matrix("f", 2, 3)
    gram = f.T * f + eta * sp.eye(3)
    rest, pair = f[:, 2], f[:, :2]
    residual = sp.eye(2) - rest * rest.T / (rest.dot(rest) + eta)
    schur = (pair.T * residual * pair + eta * sp.eye(2)).applyfunc(sp.cancel)
    inverse = gram.inv().applyfunc(sp.cancel)
    difference = (inverse[:2, :2] * schur - sp.eye(2)).applyfunc(sp.cancel)
    p_jj, p_ll, p_jl = sp.symbols("p_jj p_ll p_jl", real=True)
    delta = (p_jj + eta) * (p_ll + eta) - p_jl**2
    closed = -p_jl / delta
    solved = sp.Matrix([[p_jj + eta, p_jl], [p_jl, p_ll + eta]]).inv()[0, 1]

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(difference) and vanishes(solved - closed)
        a, decay = centring_matrix(9) @ rng.standard_normal((9, 6)), rng.uniform(0.1, 1)
        exact = _gram_inverse(a, decay)
        entry, determinant = (_of_pairs(a, decay, sp.lambdify((p_jj, p_ll, p_jl, eta), e)) for e in (closed, delta))
        proved &= bool((determinant + np.eye(6) > 0).all())
        corrected, printed = a * np.diag(exact) + a @ entry, a * np.diag(exact) + a @ exact
        error = max(relative(entry, exact - np.diag(np.diag(exact))), relative(corrected, a @ exact))
        return Check(proved, error, "pseudo-inverse of [F~; sqrt(eta) I], K = 6", relative(printed, a @ exact))

    i = sp.Symbol("i", integer=True, positive=True)
    b, feature, driving = sp.IndexedBase("b"), sp.IndexedBase("f"), sp.IndexedBase("FB")
    term = b[j, l] * feature[i, l]
    return Equation(
        "inter.3",
        "What drives node j: itself, minus all nodes that resemble it beyond what the others explain",
        sp.Tuple(
            sp.Eq(b[j, l], closed),
            sp.Eq(driving[i, j], b[j, j] * feature[i, j] + sp.Sum(term, (l, 1, j - 1)) + sp.Sum(term, (l, j + 1, K))),
        ),
        _LETTERS
        | {
            "FB": "F~ B, n x K",
            "p_jl": "f_j^T P f_l with P = P_eta of the K - 2 other nodes; so sign b_jl = -sign(f_j^T P f_l)",
            "p_jj, p_ll": "f_j^T P f_j and f_l^T P f_l; the denominator Delta is positive since P >= 0",
        },
        f"{_PAPER}, theorem 6",
        ("V at the ridge solution (inter.1)", "j != l in the first relation", "eta > 0"),
        "The sign is that of a partial correlation: nodes alike only because both resemble a third one do not repel.",
        check,
        (
            Step("Schur complement of the other node in F~^T F~ + eta I (n = 2, K = 3)", schur),
            Step("its inverse is the block (j, l) of B; off the diagonal", sp.factor(solved)),
        ),
        Printed(
            sp.Eq(driving[i, j], b[j, j] * feature[i, j] + sp.Sum(term, (l, 1, K))),
            "The sum must leave j out: b_jj f_j is counted twice.",
        ),
    )


def repulsion_strength() -> Equation:
    """inter.6: how much of a similar node's feature a node still follows."""
    (g, x), c = sp.symbols("g x", positive=True), sp.Symbol("c", real=True)
    inverse = sp.Matrix([[g + eta, c * g], [c * g, g + eta]]).inv()
    own, other = (inverse[0, 0] * p + inverse[0, 1] * q for p, q in ((g, c * g), (c * g, g)))
    ratio = sp.factor(sp.cancel(other / own))
    closed = c * eta / (eta + g * (1 - c**2))

    def check(rng: np.random.Generator) -> Check:
        proved = sp.cancel(ratio - closed) == 0 and sp.limit(closed, eta, 0) == 0 and closed.subs(c, 1) == 1
        frame = np.linalg.qr(rng.standard_normal((7, 2))).Q
        size, overlap, decay = rng.uniform(1, 2), rng.uniform(0.3, 0.9), rng.uniform(0.1, 1)
        a = np.sqrt(size) * frame @ np.array([[1, overlap], [0, np.sqrt(1 - overlap**2)]])
        driving = a @ _gram_inverse(a, decay)[:, 0]
        formula = sp.lambdify((c, g, eta), closed)(overlap, size, decay)
        error = relative(formula, (driving @ a[:, 1]) / (driving @ a[:, 0]))
        return Check(bool(proved), error, "pseudo-inverse of [F~; sqrt(eta) I]")

    return Equation(
        "inter.6",
        "How strong repulsion is: complete once 1 - c^2 is large against eta/|f|^2",
        sp.Eq(sp.Symbol("r"), closed),
        _LETTERS
        | {
            "r": "[F~B]_1·f_2 / [F~B]_1·f_1: c without the output layer, 0 where node 1 ignores what node 2 has",
            "c": "cosine of f_1 and f_2",
            "g": "|f_1|^2 = |f_2|^2",
        },
        "here",
        ("two nodes of equal size", "V at the ridge solution (inter.1)"),
        "Twins (c = 1) never part by this force: r = 1. Half of the overlap is gone at 1 - c^2 = eta/g.",
        check,
        (
            Step("[F~B]_1·f_1", sp.factor(own)),
            Step("[F~B]_1·f_2", sp.factor(other)),
            Step("half of c is left where 1 - c^2 is", sp.solve(sp.Eq(eta / (eta + g * x), sp.Rational(1, 2)), x)[0]),
        ),
        inputs=(c, g, eta),
    )


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "inter.1": gradient_at_rest,
    "inter.2": two_nodes,
    "inter.3": many_nodes,
    **MISSING,
    "inter.6": repulsion_strength,
}
