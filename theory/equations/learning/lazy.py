"""Stage I, lazy learning: the output layer moves, the hidden features F do not.

J = 1/2 |P (Y - F V)|^2 is summed over n samples, P = I - 1 1^T/n centres over samples, Y~ = P Y, F~ = P F. Decay
enters as (eta/2) |V|^2. G_F = -dJ/dF is the gradient that the hidden layer gets.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import sympy as sp
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.optimize import brentq

from twopeaks.theory.equations.core import algebra
from twopeaks.theory.equations.core.algebra import Matrix, centring, matrix, relative, symbols_of, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Printed, Step

__all__ = [
    "EQUATIONS",
    "early_gradient",
    "gradient_on_features",
    "kernel_constants",
    "late_gradient",
    "peak_of_direction",
    "relaxation",
    "ridge_solution",
    "wide_limit",
]

_PAPER = "Tian, arXiv 2509.21519"
_LETTERS = {
    "F": "hidden features sigma(X W), n x K; F~ = P F centred over samples",
    "Y": "one-hot labels, n x M; Y~ = P Y",
    "V": "output layer, K x M",
    "P": "centring over samples, I - 1 1^T/n",
    "G_F": "-dJ/dF, n x K",
    "eta": "weight decay of V, in units of J",
    "t": "time of gradient flow on J: lr·steps if the loss is J",
}

n, K, M = sp.symbols("n K M", integer=True, positive=True)
eta, t = sp.symbols("eta t", positive=True)
F, Y, V, P, G = symbols_of("F", n, K), symbols_of("Y", n, M), symbols_of("V", K, M), symbols_of("P", n, n), "G_F"
Fc, Yc = symbols_of(r"\tilde{F}", n, K), symbols_of(r"\tilde{Y}", n, M)


def _random(rng: np.random.Generator, samples: int = 7, width: int = 4, classes: int = 3) -> tuple[Matrix, Matrix]:
    """Centred random features and labels."""
    centre = algebra.centring_matrix(samples)
    return centre @ rng.standard_normal((samples, width)), centre @ rng.standard_normal((samples, classes))


def gradient_on_features() -> Equation:
    """lazy.1: from the loss to G_F."""
    centre, y, f, v = centring(3), matrix("y", 3, 2), matrix("f", 3, 2), matrix("v", 2, 2)
    J = sum(entry**2 for entry in centre * (y - f * v)) / 2
    slope = sp.Matrix(3, 2, lambda i, j: -sp.diff(J, f[i, j]))

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(slope - centre * (y - f * v) * v.T)
        a, b, c = rng.standard_normal((7, 4)), rng.standard_normal((7, 3)), rng.standard_normal((4, 3))
        centred = algebra.centring_matrix(7)

        def loss(x: Matrix) -> float:
            return float(0.5 * np.sum((centred @ (b - x @ c)) ** 2))

        # J is quadratic in F, so central differences are exact whatever their step.
        units = np.eye(a.size).reshape(a.size, *a.shape)
        numeric = np.array([(loss(a - unit) - loss(a + unit)) / 2 for unit in units]).reshape(a.shape)
        return Check(proved, relative(centred @ (b - a @ c) @ c.T, numeric), "central differences of J")

    return Equation(
        "lazy.1",
        "What the output layer tells the features",
        sp.Eq(symbols_of(G, n, K), P * (Y - F * V) * V.T, evaluate=False),
        _LETTERS,
        f"{_PAPER}, section 3",
        ("squared error, centred over samples",),
        "Where the error is centred over classes (S0), the centring acts from the right: (Y - FV) C V^T.",
        check,
        (Step("minus the slope of J in the first entry of F (n = 3, K = 2, M = 2)", sp.factor(slope[0, 0])),),
    )


def ridge_solution() -> Equation:
    """lazy.2: the fixed point of the output layer."""
    f, y, v = matrix("f", 3, 2), matrix("y", 3, 2), matrix("v", 2, 2)
    objective = sum(entry**2 for entry in y - f * v) / 2 + eta / 2 * sum(entry**2 for entry in v)
    slope = sp.Matrix(2, 2, lambda i, j: sp.diff(objective, v[i, j]))
    best = (f.T * f + eta * sp.eye(2)).inv() * f.T * y

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(slope.subs(dict(zip(v, best, strict=True))).applyfunc(sp.cancel))
        a, b = _random(rng)
        stacked = np.concatenate([a, np.sqrt(0.3) * np.eye(4)]), np.concatenate([b, np.zeros((4, 3))])
        solved = np.linalg.lstsq(*stacked, rcond=None)[0]
        formula = np.linalg.inv(a.T @ a + 0.3 * np.eye(4)) @ a.T @ b
        return Check(proved, relative(formula, solved), "least squares on the stacked system [F~; sqrt(eta) I]")

    inverse = sp.Inverse(Fc.T * Fc + eta * sp.Identity(K))
    return Equation(
        "lazy.2",
        "Ridge solution of the output layer",
        sp.Eq(symbols_of("V_*", K, M), inverse * Fc.T * Yc, evaluate=False),
        _LETTERS,
        f"{_PAPER}, section 3",
        ("F~ fixed", "eta > 0, or F~ of full column rank"),
        "With eta = 0 and K >= n the minimum is a whole subspace; the flow from V(0) = 0 ends at the smallest one.",
        check,
        (Step("slope of J + (eta/2)|V|^2 in the first entry of V (n = 3, K = 2, M = 2)", sp.factor(slope[0, 0])),),
    )


def early_gradient() -> Equation:
    """lazy.3: the first two orders of G_F(t) from V(0) = 0."""
    f, y = matrix("f", 3, 2), matrix("y", 3, 2)
    A, B = f.T * f + eta * sp.eye(2), f.T * y
    v = t * B - t**2 / 2 * A * B  # Taylor series of V' = B - A V, V(0) = 0
    gradient = (y - f * v) * v.T
    first, second = (gradient.diff(t, k).subs(t, 0) / k for k in (1, 2))  # k! = k

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(first - y * y.T * f) and vanishes(second + y * B.T * A / 2 + f * B * B.T)
        a, b = _random(rng)
        a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
        step, flow = 1e-3, _v_flow(a, b, 0.3)
        # Richardson: the exact flow at t and t/2, so that the orders above t are removed.
        g = [(b - a @ flow(x)) @ flow(x).T / x for x in (step, step / 2, step / 4, step / 8)]
        while len(g) > 1:
            order = 5 - len(g)
            g = [(2**order * fine - coarse) / (2**order - 1) for coarse, fine in itertools.pairwise(g)]
        return Check(proved, relative(b @ b.T @ a, g[0]), "the exact flow by matrix exponential, extrapolated to t = 0")

    return Equation(
        "lazy.3",
        "Early G_F: the labels' kernel seen through the features",
        sp.Eq(symbols_of("G_{F}(t)", n, K), t * Yc * Yc.T * Fc, evaluate=False),
        _LETTERS,
        f"{_PAPER}, proposition 1",
        (
            "F fixed",
            "V(0) = 0; a random V(0) of size alpha adds O(alpha) + O(alpha t)",
            "t small: the next order is below",
        ),
        "Leaves out t^2 (Y~B^T(F~^T F~ + eta)/2 + F~ B B^T) with B = F~^T Y~: it bends G_F down as V fits.",
        check,
        (Step("coefficient of t in the first entry (n = 3, K = 2, M = 2)", sp.factor(first[0, 0])),),
    )


def _v_flow(a: Matrix, b: Matrix, decay: float) -> Callable[[float], Matrix]:
    """V(t) of V' = a^T (b - a V) - decay V from V(0) = 0, by the exponential of the augmented matrix."""
    width, classes = a.shape[1], b.shape[1]
    generator = np.zeros((width + classes, width + classes))
    generator[:width, :width] = -(a.T @ a + decay * np.eye(width))
    generator[:width, width:] = a.T @ b
    return lambda time: np.asarray(expm(time * generator)[:width, width:])


def late_gradient() -> Equation:
    """lazy.4: G_F at the ridge solution, which weight decay keeps above zero."""
    s, y, v = sp.symbols("s y v", positive=True)
    rest = sp.solve(sp.Eq(s * (y - s * v) - eta * v, 0), v)[0]
    coefficient = sp.factor(sp.simplify((y - s * rest) * rest))
    left, right = sp.Inverse(Fc * Fc.T + eta * sp.Identity(n)), sp.Inverse(Fc.T * Fc + eta * sp.Identity(K))

    def check(rng: np.random.Generator) -> Check:
        proved = sp.simplify(coefficient - eta * s * y**2 / (s**2 + eta) ** 2) == 0
        a, b = _random(rng)
        v_rest = _v_flow(a, b, 0.3)(200.0)
        formula = (
            0.3 * np.linalg.inv(a @ a.T + 0.3 * np.eye(7)) @ b @ b.T @ a @ np.linalg.inv(a.T @ a + 0.3 * np.eye(4))
        )
        return Check(proved, relative(formula, (b - a @ v_rest) @ v_rest.T), "the flow integrated to t = 200")

    return Equation(
        "lazy.4",
        "Late G_F: proportional to weight decay",
        sp.Eq(symbols_of(r"G_{F}(\infty)", n, K), eta * left * Yc * Yc.T * Fc * right, evaluate=False),
        _LETTERS,
        f"{_PAPER}, proposition 1",
        ("F fixed", "V at the ridge solution (lazy.2)"),
        "With eta = 0 nothing is left and features stop moving; trained networks move W long before this limit.",
        check,
        (
            Step("along one singular direction s of F~ with label component y: V comes to rest at", rest),
            Step("and G_F there is", coefficient),
        ),
    )


def relaxation() -> Equation:
    """lazy.5: closed form of V(t) along a singular direction of F~, and its rate."""
    s, y, v0 = sp.symbols("s y v_0", positive=True)
    v = sp.Function("v")
    solved = sp.dsolve(sp.Eq(v(t).diff(t), s * (y - s * v(t)) - eta * v(t)), v(t), ics={v(0): v0}).rhs
    rest = s * y / (s**2 + eta)
    closed = rest + (v0 - rest) * sp.exp(-(s**2 + eta) * t)

    def check(rng: np.random.Generator) -> Check:
        a, b = _random(rng)
        left, sizes, right = np.linalg.svd(a, full_matrices=False)
        function = sp.lambdify((s, y, v0, eta, t), closed)
        modes = function(sizes[:, None], left.T @ b, 0.0, 0.3, 0.7)
        return Check(
            sp.simplify(solved - closed) == 0, relative(right.T @ modes, _v_flow(a, b, 0.3)(0.7)), "matrix exponential"
        )

    return Equation(
        "lazy.5",
        "Relaxation of V: each singular direction at its own rate s^2 + eta",
        sp.Eq(sp.Function("v")(t), closed),
        _LETTERS | {"s": "singular value of F~", "y": "label component along it", "v_0": "v(0)"},
        f"{_PAPER}, proposition 1 (rates); closed form here",
        ("F fixed",),
        "The slowest direction sets the time to fit; once W moves, s itself grows.",
        check,
        (Step("solution of v' = s (y - s v) - eta v", sp.simplify(solved)),),
        inputs=(s, y, v0, eta, t),
    )


def peak_of_direction() -> Equation:
    """lazy.6: G_F along one direction rises, peaks and falls, with W at rest."""
    s, y, u = sp.symbols("s y u", positive=True)
    rest, rate = s * y / (s**2 + eta), s**2 + eta
    v = rest * (1 - sp.exp(-rate * t))
    g = (y - s * v) * v
    half = sp.solve(sp.diff((y - s * u) * u, u), u)[0]
    time = sp.simplify(sp.solve(sp.Eq(v, half), t)[0])
    closed = -sp.log((s**2 - eta) / (2 * s**2)) / rate

    def check(rng: np.random.Generator) -> Check:
        proved = sp.simplify(sp.exp(-rate * time) - sp.exp(-rate * closed)) == 0
        proved &= sp.simplify(g.subs(t, closed) - y**2 / (4 * s)) == 0
        s_value, y_value, decay = rng.uniform(1, 2), rng.uniform(0.5, 1), rng.uniform(0.1, 0.9)
        curve = sp.lambdify(t, sp.diff(g, t).subs({s: s_value, y: y_value, eta: decay}))
        root = brentq(curve, 1e-9, 50.0, xtol=1e-14)
        return Check(bool(proved), relative(float(closed.subs({s: s_value, eta: decay})), root), "root of dG/dt")

    return Equation(
        "lazy.6",
        "With W at rest G_F peaks when half of a direction is fitted",
        sp.Eq(sp.Symbol("t_peak"), closed),
        _LETTERS | {"s": "singular value of F~", "t_peak": "time of the largest |G_F| along it; height y^2/(4 s)"},
        "here",
        ("F fixed", "V(0) = 0", "eta < s^2 (else there is no peak: G_F rises to its limit)"),
        "In the standard setting W moves before: with W held the peak of |G_F| comes later and higher than it does.",
        check,
        (Step("G along the direction", g), Step("it is largest at v =", half), Step("height", y**2 / (4 * s))),
        inputs=(s, eta),
    )


def kernel_constants() -> Equation:
    """lazy.7: kernel of a wide random layer as a function of the overlap of two inputs, from Hermite coefficients."""
    rho, z = sp.symbols("rho z", real=True)
    weight = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    orders = range(5)
    hermite = [sp.expand(2 ** sp.Rational(-k, 2) * sp.hermite(k, z / sp.sqrt(2))) for k in orders]

    def coefficient(k: int, power: int, low: sp.Expr) -> sp.Expr:
        return sp.integrate(z**power * hermite[k] * weight, (z, low, sp.oo)) / sp.sqrt(sp.factorial(k))

    square = sum(coefficient(k, 2, -sp.oo) ** 2 * rho**k for k in orders)
    relu = (sp.sqrt(1 - rho**2) + rho * (sp.pi - sp.acos(rho))) / (2 * sp.pi)
    start = sp.series(relu, rho, 0, 5).removeO()
    relu_orders = sum(coefficient(k, 1, sp.Integer(0)) ** 2 * rho**k for k in orders)
    c_square, c_relu = (sp.simplify(k.subs(rho, 1) - k.subs(rho, 0)) for k in (square, relu))

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(start - relu_orders) and vanishes(square - 1 - 2 * rho**2)
        proved &= vanishes(c_square - 2) and vanishes(c_relu - sp.Rational(1, 2) + 1 / (2 * sp.pi))
        overlap = rng.uniform(-0.9, 0.9)
        computed = [float(k.subs(rho, overlap)) for k in (square, relu)]
        direct = [_mean_product(lambda x: x**2, overlap), _mean_product(lambda x: np.maximum(x, 0), overlap)]
        computed += [float(c_square), float(c_relu)]
        direct += [_variance(lambda x: x**2), _variance(lambda x: max(x, 0.0))]
        return Check(proved, relative(computed, direct), "quadrature: E sigma(x) sigma(y) over angle, var sigma(z)")

    k = sp.Function("k_sigma")
    return Equation(
        "lazy.7",
        "Kernel of a wide random layer and its constants c_1 = c_2",
        sp.Tuple(
            sp.Eq(sp.Symbol("c_1"), k(1) - k(0)),
            sp.Eq(sp.Symbol("c_2"), sp.Symbol("c_1")),
            sp.Eq(sp.Function(r"k_{x^2}")(rho), square),
            sp.Eq(sp.Function(r"k_{ReLU}")(rho), relu),
        ),
        {
            "k_sigma(rho)": "E sigma(z) sigma(z') for standard normal z, z' of correlation rho = sum_l a_l^2 rho^l",
            "c_1": "variance of sigma(z), sum over l >= 1 of a_l^2: 2 for x^2, 1/2 - 1/(2 pi) for ReLU",
            "c_2": "variance of sigma(z) over samples at one node, where c_1 is that over nodes at one sample",
        },
        f"{_PAPER}, lemma 1 (constants named there); values here",
        ("c_1: weights Gaussian, |x|^2 E w^2 = 1, K large", "c_2: data Gaussian, |w|^2 E x^2 = 1, n large"),
        "Two pairs (a, b) that share an operand have rho = 1/2, not 0: group data are isotropic only on average.",
        check,
        (
            Step("x^2 to order 4 in Hermite polynomials", square),
            Step("ReLU to order 4", relu_orders),
            Step("c_1 of ReLU", c_relu),
        ),
    )


def _mean_product(sigma: Callable[[Matrix], Matrix], overlap: float) -> float:
    """E sigma(x) sigma(y) in polar coordinates, both sigma homogeneous: the radius integrates exactly."""
    degree = round(float(np.log2(sigma(np.array(2.0)) / sigma(np.array(1.0)))))
    tilt = float(np.arccos(overlap))
    radial = 2.0**degree * float(sp.gamma(degree + 1))
    kinks = sorted(x % (2 * np.pi) for x in (np.pi / 2, -np.pi / 2, tilt + np.pi / 2, tilt - np.pi / 2))
    angles, _ = quad(
        lambda a: float(sigma(np.cos(a)) * sigma(np.cos(a - tilt))),
        0,
        2 * np.pi,
        points=kinks,
        epsabs=1e-13,
        epsrel=1e-13,
    )
    return float(radial * angles / (2 * np.pi))


def _variance(sigma: Callable[[float], float]) -> float:
    """Variance of sigma(z), z standard normal, integrated on either side of the kink at 0."""

    def moment(power: int) -> float:
        def density(z: float) -> float:
            return sigma(z) ** power * float(np.exp(-z * z / 2)) / float(np.sqrt(2 * np.pi))

        below, _ = quad(density, -np.inf, 0.0, epsabs=1e-13, epsrel=1e-12)
        above, _ = quad(density, 0.0, np.inf, epsabs=1e-13, epsrel=1e-12)
        return float(below + above)

    return float(moment(2) - moment(1) ** 2)


def wide_limit() -> Equation:
    """lazy.8: lemma 1, the late G_F of a wide isotropic layer."""
    c, k_width, s, y = sp.symbols("c_1 K s y", positive=True)
    mode = (eta * s * y**2 / (s**2 + eta) ** 2).subs(s, sp.sqrt(k_width * c))
    statement = eta / (K * sp.Symbol("c_1") + eta) ** 2
    kernel = Yc * Yc.T * Fc

    def check(rng: np.random.Generator) -> Check:
        size, width, c1, decay = 9, 30, 0.4, 2.0
        proved = sp.simplify(mode - eta / (k_width * c + eta) ** 2 * sp.sqrt(k_width * c) * y**2) == 0
        # Rows with F~F~^T = K c_1 P exactly; c_2 as the trace of F~^T F~ = n c_2 I would have it.
        frame = np.linalg.qr(rng.standard_normal((width, size)))[0].T
        a = np.sqrt(width * c1) * algebra.centring_matrix(size) @ frame
        b = algebra.centring_matrix(size) @ rng.standard_normal((size, 3))
        c2 = np.sum(a * a) / (size * width)
        v_rest = _v_flow(a, b, decay)(60.0)
        exact = (b - a @ v_rest) @ v_rest.T
        corrected, printed = (
            decay / x * b @ b.T @ a for x in ((width * c1 + decay) ** 2, (width * c1 + decay) * (size * c2 + decay))
        )
        independent = "the flow run to rest on F~ with F~F~^T = K c_1 P"
        return Check(proved, relative(corrected, exact), independent, relative(printed, exact))

    return Equation(
        "lazy.8",
        "Late G_F of a wide layer: vanishes as 1/K^2",
        sp.Eq(symbols_of(r"G_{F}(\infty)", n, K), statement * kernel, evaluate=False),
        _LETTERS | {"c_1": "variance of sigma, lazy.7"},
        f"{_PAPER}, lemma 1",
        ("F~F~^T = K c_1 P: a wide layer with K >= n", "V at the ridge solution"),
        "Trained widths are finite, and W moves: the limit K -> infinity has no features (kernel regime).",
        check,
        (Step("lazy.4 along a direction with s^2 = K c_1", mode),),
        Printed(
            sp.Eq(
                symbols_of(r"G_{F}(\infty)", n, K),
                eta / ((K * sp.Symbol("c_1") + eta) * (n * sp.Symbol("c_2") + eta)) * kernel,
                evaluate=False,
            ),
            "F~F~^T = K c_1 I and F~^T F~ = n c_2 I cannot both hold unless K = n: the second has rank n at most. "
            "With K >= n, F~ (F~^T F~ + eta)^-1 = (F~F~^T + eta)^-1 F~ gives the first factor twice.",
        ),
    )


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "lazy.1": gradient_on_features,
    "lazy.2": ridge_solution,
    "lazy.3": early_gradient,
    "lazy.4": late_gradient,
    "lazy.5": relaxation,
    "lazy.6": peak_of_direction,
    "lazy.7": kernel_constants,
    "lazy.8": wide_limit,
}
