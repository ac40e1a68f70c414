"""Deep networks: the gradient that a layer passes to the layer below it, early in training.

F_l = sigma(Z_l), Z_l = F_{l-1} W_l; G_l = -dJ/dF_l. Above the last layer G_L = Y~ Y~^T F_L (lazy.3, up to a factor t).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from twopeaks.theory.equations.core.algebra import Matrix, centring_matrix, matrix, relative, symbols_of, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Printed, Step
from twopeaks.theory.equations.core.numeric import lowered

__all__ = ["EQUATIONS", "average_handed_down", "handed_down", "residual_network"]

_PAPER = "Tian, arXiv 2509.21519"
_LETTERS = {
    "F_l": "features of layer l, n x K_l",
    "G_l": "-dJ/dF_l",
    "W_l": "weights into layer l, K_{l-1} x K_l; w_j its column j",
    "Z_l": "F_{l-1} W_l, before the activation",
    "sigma'_l": "sigma'(Z_l), entry by entry",
    "D_j": "diag(sigma'(z_j)), n x n, z_j column j of Z_l",
}

n, K, M, m, j, i, k, l, L = sp.symbols("n K M m j i k l L", integer=True, positive=True)
below, above = symbols_of(r"G_{l-1}", n, m), symbols_of("G_l", n, K)
weights, F_below = symbols_of("W_l", m, K), symbols_of(r"F_{l-1}", n, m)
slopes, Yc = symbols_of(r"\sigma'_l", n, K), symbols_of(r"\tilde{Y}", n, M)


def handed_down() -> Equation:
    """depth.1: backpropagation through one layer of degree 1."""
    f, w, y = matrix("f", 2, 2), matrix("w", 2, 2), matrix("y", 2, 1)
    d = matrix("d", 2, 2)  # slopes: any pattern of a piecewise linear sigma, F_l = d o Z
    z, kernel = f * w, y * y.T
    features = d.multiply_elementwise(z)
    energy = (y.T * features * features.T * y)[0] / 2  # its slope in F_l is Y~Y~^T F_l
    slope = sp.Matrix(2, 2, lambda a, b: sp.diff(energy, f[a, b]))
    step = (kernel * features).multiply_elementwise(d) * w.T
    D, w_j = symbols_of("D_j", n, n), symbols_of("w_j", m, 1)
    first, term = sp.HadamardProduct(above, slopes) * weights.T, D * Yc * Yc.T * D * F_below * w_j * w_j.T
    diagonals = [sp.diag(*d[:, c]) for c in range(2)]
    summed = sum((D * kernel * D * f * w[:, c] * w[:, c].T for c, D in enumerate(diagonals)), sp.zeros(2, 2))

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(slope - step) and vanishes(slope - summed)
        a, b = rng.standard_normal((6, 3)), rng.standard_normal((3, 4))
        labels = centring_matrix(6) @ rng.standard_normal((6, 2))

        numeric = _relu_slopes(a, b, labels)
        gates, top = (a @ b > 0).astype(float), labels @ labels.T @ np.maximum(a @ b, 0)
        sizes = {n: 6, m: 3, K: 4, M: 2}
        layer = lowered(first, (above, slopes, weights), sizes)(top, gates, b)
        node = lowered(term, (D, Yc, F_below, w_j), sizes)
        summed_up = sum(node(np.diag(g), labels, a, c[:, None]) for g, c in zip(gates.T, b.T, strict=True))
        return Check(
            proved, relative([layer, summed_up], [numeric, numeric]), "central differences of 1/2 |Y~^T F_l|^2, ReLU"
        )

    return Equation(
        "depth.1",
        "What a layer hands down: the labels' kernel, gated and seen through its own weights",
        sp.Tuple(
            sp.Eq(below, first, evaluate=False),
            sp.Eq(below, sp.Sum(term, (j, 1, K)), evaluate=False),
        ),
        _LETTERS,
        f"{_PAPER}, deep networks (first relation); second here, without its averages",
        ("second: sigma(s z) = s sigma(z), so that F_l = sigma'(Z) Z", "second: G_l = Y~Y~^T F_l (lazy.3)"),
        "For sigma of degree q, such as z^2, the second relation has a factor 1/q.",
        check,
        (
            Step("slope of 1/2 |Y~^T F_l|^2 in F_{l-1}, first entry (n = 2, widths 2)", sp.factor(slope[0, 0])),
            Step("less the sum over nodes", (slope - summed).applyfunc(sp.expand)),
        ),
    )


def _relu_slopes(a: Matrix, b: Matrix, labels: Matrix) -> Matrix:
    """Slope of E = 1/2 |Y~^T relu(F_{l-1} W)|^2 in F_{l-1} = a, for W = b."""

    def energy(x: Matrix) -> float:
        return float(np.sum((labels.T @ np.maximum(x @ b, 0)) ** 2) / 2)

    # Between kinks E is quadratic in F_{l-1}: central differences are exact while no sign changes.
    size = 0.5 * np.abs(a @ b).min() / np.abs(b).max()
    units = size * np.eye(a.size).reshape(a.size, *a.shape)
    return np.array([(energy(a + u) - energy(a - u)) / (2 * size) for u in units]).reshape(a.shape)


def _arc_cosine() -> tuple[sp.Symbol, sp.Symbol, sp.Symbol, sp.Expr, sp.Matrix]:
    """The angle of x to y, |x|, |y|, k = E relu(w·x) relu(w·y) for normal w, and dk/dx in the frame with y along 1."""
    angle, a, r, size, other = sp.symbols("theta a r r_i r_k", positive=True)
    radial = sp.integrate(r**3 * sp.exp(-(r**2) / 2), (r, 0, sp.oo)) / (2 * sp.pi)
    both = sp.expand_trig(sp.cos(a) * sp.cos(a - angle))
    kernel = size * other * sp.simplify(radial * sp.integrate(both, (a, angle - sp.pi / 2, sp.pi / 2)))
    outward, around = sp.Matrix([sp.cos(angle), sp.sin(angle)]), sp.Matrix([-sp.sin(angle), sp.cos(angle)])
    return angle, size, other, kernel, sp.diff(kernel, size) * outward + sp.diff(kernel, angle) / size * around


def average_handed_down() -> Equation:
    """depth.2: the paper's heuristic, and the exact Gaussian average."""
    angle, size, other, kernel, pull = _arc_cosine()
    outward, around = sp.Matrix([sp.cos(angle), sp.sin(angle)]), sp.Matrix([-sp.sin(angle), sp.cos(angle)])
    x, y = size * outward, sp.Matrix([other, 0])
    gram, theta, f, norm = (sp.IndexedBase(name) for name in ("S", "theta", "f", "r"))
    left = sp.IndexedBase("H")[i, m]
    gated = (sp.pi - theta[i, k]) * f[k, m]
    own = norm[k] / norm[i] * sp.sin(theta[i, k]) * f[i, m]
    closed = ((sp.pi - angle) * y + other / size * sp.sin(angle) * x) / (2 * sp.pi)

    def check(rng: np.random.Generator) -> Check:
        rows, labels = rng.standard_normal((8, 2)), centring_matrix(8) @ rng.standard_normal((8, 4))
        norms = np.linalg.norm(rows, axis=1)
        angles = np.arccos(np.clip(rows @ rows.T / np.outer(norms, norms), -1, 1))
        kernel_of = labels @ labels.T
        letters = gram[i, k], theta[i, k], f[i, m], f[k, m], norm[i], norm[k]
        values = (  # axes i, m, k
            *(kernel_of[:, None], angles[:, None]),
            *(rows[:, :, None], rows.T[None]),
            *(norms[:, None, None], norms),
        )
        terms = (gram[i, k] * e / (2 * sp.pi) for e in (gated + own, gated))
        corrected, printed = (sp.lambdify(letters, term)(*values).sum(axis=2) for term in terms)
        exact = _average_over_weights(rows, kernel_of)
        against = "E D K D F w w^T by Gauss-Legendre between the angles where gates switch"
        printed *= np.vdot(printed, exact) / np.vdot(printed, printed)  # print leaves a factor free: the best one
        return Check(vanishes(pull - closed), relative(corrected, exact), against, relative(printed, exact))

    return Equation(
        "depth.2",
        "The average handed down: the paper's heuristic G_{l-1} ~ (D Y~Y~^T D) F_{l-1}, and the term it lacks",
        sp.Eq(left, K / (2 * sp.pi) * sp.Sum(gram[i, k] * (gated + own), (k, 1, n))),
        _LETTERS
        | {
            "H": "mean of G_{l-1} over the weights W_l, n x m",
            "S": "Y~Y~^T",
            "f_i": "row i of F_{l-1}: sample i; r_i its length, theta_ik the angle between rows i and k",
            "K": "nodes of layer l",
        },
        f"{_PAPER}, deep networks (heuristic, first term); second term here",
        ("ReLU", "columns w_j of W_l independent N(0, I)", "G_l = Y~Y~^T F_l (lazy.3)"),
        "Trained weights are not Gaussian; then only the sum of depth.1 holds.",
        check,
        (
            Step("E relu(w·x) relu(w·y), |x| = r_i, |y| = r_k, angle theta", kernel),
            Step("its slope in x, along x", sp.factor(sp.simplify(pull.dot(outward)))),
            Step("and across it", sp.factor(sp.simplify(pull.dot(around)))),
        ),
        Printed(
            sp.Eq(left, K / (2 * sp.pi) * sp.Sum(gram[i, k] * gated, (k, 1, n))),
            "Read as an average with D and w independent, up to a factor. A weight opens its own gates: inputs along w "
            "pass more than others do, which adds the second term. It vanishes between parallel samples only.",
        ),
    )


def _average_over_weights(f: Matrix, kernel: Matrix) -> Matrix:
    """E D K D F w w^T for w standard normal in the plane, D = diag(w·f_i > 0): E |w|^2 = 2, the angle by quadrature."""
    switches = np.sort(np.mod(np.arctan2(f[:, 1], f[:, 0])[:, None] + np.array([1, -1]) * np.pi / 2, 2 * np.pi).ravel())
    nodes, weights = np.polynomial.legendre.leggauss(30)
    total = np.zeros_like(f)
    for low, high in itertools.pairwise([*switches, switches[0] + 2 * np.pi]):
        for node, weight in zip(nodes, weights, strict=True):
            direction = np.exp(1j * ((high - low) * node + high + low) / 2)
            w = np.array([direction.real, direction.imag])
            gate = f @ w > 0
            total += weight * (high - low) / 2 * np.outer(gate * (kernel @ (gate * (f @ w))), w)
    return total / np.pi


def residual_network() -> Equation:
    """depth.3: with skip connections the terms of all layers add."""
    f, w, g, x = matrix("f", 2, 2), matrix("w", 2, 2), matrix("g", 2, 2), sp.Symbol("x", real=True)
    sigma, square = sp.Function("sigma"), {m: K}
    through = sp.HadamardProduct(above, slopes) * weights.T
    z = f * w
    first_order = sum(a * b for a, b in zip(g, f + z.applyfunc(sigma), strict=True))  # -J, with G_l = g
    slope = sp.Matrix(2, 2, lambda a, b: sp.diff(first_order, f[a, b]).doit())
    gates = z.applyfunc(lambda e: sigma(x).diff(x).subs(x, e))
    step = g + g.multiply_elementwise(gates) * w.T

    def check(rng: np.random.Generator) -> Check:
        term = lowered(through, (above, slopes, weights), {n: 6, m: 4, K: 4})
        return Check(
            (slope - step).expand().is_zero_matrix, _skip_gap(rng, term), "complex-step slopes of J, 3 tanh layers"
        )

    return Equation(
        "depth.3",
        "Residual networks: the first layer hears the top directly, and every layer adds its term",
        sp.Tuple(
            sp.Eq(below, above + through, evaluate=False).subs(square),
            sp.Eq(
                symbols_of("G_0", n, K) - symbols_of("G_L", n, K),
                sp.Sum(through.subs(square), (l, 1, L)),
                evaluate=False,
            ),
        ),
        _LETTERS | {"G_L": "Y~Y~^T F_L early in training, lazy.3", "L": "number of layers"},
        f"{_PAPER}, deep networks",
        ("F_l = F_{l-1} + sigma(F_{l-1} W_l)", "all widths equal"),
        "Normalisation between the layers gates the direct path as well.",
        check,
        (
            Step("slope of sum G_l o F_l in F_{l-1}, first entry (n = 2, width 2)", slope[0, 0]),
            Step("less G_l + (G_l o sigma'(Z_l)) W_l^T", (slope - step).expand()),
        ),
    )


def _skip_gap(rng: np.random.Generator, term: Callable[..., Matrix]) -> float:
    """Both relations of depth.3 on a network of three tanh layers, against complex-step differentiation of J."""
    layers, F_0, V = rng.standard_normal((3, 4, 4)) / 2, rng.standard_normal((6, 4)), rng.standard_normal((4, 3))
    labels, centre = rng.standard_normal((6, 3)), centring_matrix(6)

    def features(start: NDArray[Any]) -> list[NDArray[Any]]:
        return list(itertools.accumulate(layers, lambda F, W: F + np.tanh(F @ W), initial=start))

    def loss(start: NDArray[Any]) -> complex:
        return complex(((centre @ (labels - features(start)[-1] @ V)) ** 2).sum() / 2)

    units = 1e-30j * np.eye(F_0.size).reshape(F_0.size, *F_0.shape)
    exact = -np.array([loss(F_0 + u).imag / 1e-30 for u in units]).reshape(F_0.shape)
    *inner, last = features(F_0)
    passed = centre @ (labels - last @ V) @ V.T
    for W, F in zip(layers[::-1], inner[::-1], strict=True):
        passed = passed + term(passed, 1 - np.tanh(F @ W) ** 2, W)
    return relative(passed, exact)


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "depth.1": handed_down,
    "depth.2": average_handed_down,
    "depth.3": residual_network,
}
