"""Stage II, independent features: every node climbs an energy, and its local maxima are the features.

E(w) = 1/2 |Y~^T sigma(X w)|^2 for one node w = [u; v], X two one-hots a row. On the full table of a group with
sigma = z^2 it is a sum over irreducible representations rho of products of group Fourier transforms,
u^(rho) = sum_g u(g) rho(g), and the maxima on |w| = 1 follow from Cauchy-Schwarz.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from twopeaks.theory.equations.core.algebra import Matrix, centring, relative, symbols_of, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Step
from twopeaks.theory.groups import Group, cyclic, named
from twopeaks.theory.groups.irreps import irreps

__all__ = ["EQUATIONS", "brute_energy", "brute_gradient", "cyclic_energy", "energy_ascent", "group_energy"]

_PAPER = "Tian, arXiv 2509.21519"
_LETTERS = {
    "E": "energy of one node, 1/2 |Y~^T sigma(X w)|^2",
    "w": "input weights of the node, [u; v], |w| = 1",
    "M": "order of the group",
    "d": "dimension of the irreducible representation rho over the complex numbers",
}
M, d = sp.symbols("M d", integer=True, positive=True)


def brute_energy(group: Group, u: Matrix, v: Matrix) -> float:
    """E on the full table by its definition, sigma = z^2."""
    order = group.order
    f = (u[:, None] + v[None, :]).ravel() ** 2
    labels = np.eye(order)[np.asarray(group.table).ravel()]
    return float(0.5 * np.sum(((labels - labels.mean(axis=0)).T @ f) ** 2))


def brute_gradient(group: Group, w: NDArray[Any]) -> NDArray[Any]:
    """Slope of `brute_energy` at w = [u; v], complex weights allowed."""
    order = group.order
    z = w[:order, None] + w[None, order:]
    totals = np.zeros(order, dtype=z.dtype)
    np.add.at(totals, group.table.ravel(), (z**2).ravel())
    slope = 2 * z * (totals - totals.mean())[group.table]
    return np.concatenate([slope.sum(axis=1), slope.sum(axis=0)])


def energy_ascent() -> Equation:
    """feat.1: theorem 1 for any activation."""
    sigma = sp.Function("sigma")
    inputs = sp.Matrix([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0]])
    labels = centring(3) * sp.Matrix([[1, 0], [0, 1], [0, 1]])
    w = sp.Matrix(sp.symbols("w_1:5", real=True))
    z = inputs * w
    f, slopes = z.applyfunc(sigma), sp.diag(*[sp.diff(sigma(x), w[i]) for i, x in zip((0, 0, 1), z, strict=True)])
    E = sum(entry**2 for entry in labels.T * f) / 2
    ascent = inputs.T * slopes * labels * labels.T * f

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(sp.Matrix([sp.diff(E, x) for x in w]) - ascent)
        table = named("S3").table.ravel()
        pairs = np.arange(36)
        hot = np.concatenate([np.eye(6)[pairs // 6], np.eye(6)[pairs % 6]], axis=1)
        y = np.eye(6)[table] - np.eye(6)[table].mean(axis=0)
        point, step = rng.standard_normal(12), 1e-30

        def energy(x: np.ndarray) -> complex:
            return complex(0.5 * np.sum((y.T @ np.tanh(hot @ x)) ** 2))

        numeric = [energy(point + 1j * step * unit).imag / step for unit in np.eye(12)]
        formula = hot.T @ ((1 - np.tanh(hot @ point) ** 2) * (y @ y.T @ np.tanh(hot @ point)))
        return Check(proved, relative(formula, numeric), "complex-step derivative of E, sigma = tanh, on S3")

    n = sp.Symbol("n", integer=True, positive=True)
    X, D, Y = symbols_of("X", n, 2 * M), symbols_of("D", n, n), symbols_of(r"\tilde{Y}", n, M)
    return Equation(
        "feat.1",
        "A node's dynamics is gradient ascent of E, for any activation",
        sp.Eq(
            symbols_of(r"\nabla E", 2 * M, sp.Integer(1)),
            X.T * D * Y * Y.T * symbols_of(r"\sigma(Xw)", n, sp.Integer(1)),
            evaluate=False,
        ),
        _LETTERS | {"D": "diagonal of sigma'(X w)", "X": "n x 2M, two ones a row", "Y~": "labels centred over samples"},
        f"{_PAPER}, theorem 1",
        ("G_F proportional to Y~Y~^T F~ (lazy.3): each node sees only itself", "|w| = 1 imposed"),
        "Nodes interact as soon as G_F carries (F~^T F~ + eta)^-1 (inter.1).",
        check,
        (Step("E of three samples, whose slopes are compared with X^T D Y~Y~^T sigma", sp.factor_terms(E)),),
    )


def cyclic_energy() -> Equation:
    """feat.2: exact Fourier form of E on the table of Z_M."""
    exact = all(vanishes(_definition(m) - _fourier_form(m)) for m in (3, 4))

    def check(rng: np.random.Generator) -> Check:
        u, v = rng.standard_normal((2, 23))
        power = np.abs(np.fft.fft(u)) ** 2 * np.abs(np.fft.fft(v)) ** 2
        return Check(exact, relative(2 / 23 * power[1:].sum(), brute_energy(cyclic(23), u, v)), "E by definition, Z23")

    k = sp.Symbol("k", integer=True)
    uk, vk = sp.Function(r"\hat{u}")(k), sp.Function(r"\hat{v}")(k)
    return Equation(
        "feat.2",
        "E of a cyclic group: a sum over frequencies, modes decouple",
        sp.Eq(sp.Symbol("E"), 2 / M * sp.Sum(sp.Abs(uk) ** 2 * sp.Abs(vk) ** 2, (k, 1, M - 1)), evaluate=False),
        _LETTERS | {"u^(k)": "sum_a u_a exp(-2 pi i k a/M), not normalised"},
        f"{_PAPER}, proof of theorem 2; factor as here",
        ("full table", "sigma = z^2"),
        "On a random subset modes couple and localised maxima appear (mem.3); other activations mix harmonics.",
        check,
        (Step("E of Z3 by definition", sp.factor(_definition(3))),),
    )


def _real_vectors(m: int) -> tuple[tuple[sp.Symbol, ...], tuple[sp.Symbol, ...]]:
    return sp.symbols(f"u_0:{m}", real=True), sp.symbols(f"v_0:{m}", real=True)


def _definition(m: int) -> sp.Expr:
    u, v = _real_vectors(m)
    totals = [sum((u[a] + v[(c - a) % m]) ** 2 for a in range(m)) for c in range(m)]
    mean = sum(totals) / m
    return sp.expand(sum((total - mean) ** 2 for total in totals) / 2)


def _fourier_form(m: int) -> sp.Expr:
    def power(x: tuple[sp.Symbol, ...], k: int) -> sp.Expr:
        angle = 2 * sp.pi * k / m
        cos, sin = (sum(f(angle * a) * x[a] for a in range(m)) for f in (sp.cos, sp.sin))
        return cos**2 + sin**2

    u, v = _real_vectors(m)
    return sp.expand(sp.Rational(2, m) * sum(power(u, k) * power(v, k) for k in range(1, m)))


def group_energy() -> Equation:
    """feat.3: exact form of E on the table of any finite group."""

    def check(rng: np.random.Generator) -> Check:
        residual = 0.0
        for name in ("S3", "Q8", "A4", "F21"):
            group = named(name)
            u, v = rng.standard_normal((2, group.order))
            residual = max(residual, relative(_irrep_form(group, u, v), brute_energy(group, u, v)))
        return Check(_symbolic_s3(), residual, "E by definition on S3, Q8, A4, F21")

    rho = sp.Symbol("rho")
    norm = sp.Function("N")(rho)
    return Equation(
        "feat.3",
        "E of any finite group: a sum over irreducible representations",
        sp.Eq(sp.Symbol("E"), 2 / M * sp.Sum(sp.Function("d")(rho) * norm, (rho, 1, sp.Symbol("R"))), evaluate=False),
        _LETTERS
        | {
            "R": "number of irreducible representations rho; rho = 0 is the trivial one",
            "d(rho)": "dimension",
            "N(rho)": "|u^(rho) v^(rho)|_F^2, Frobenius norm; u^(rho) = sum_g u(g) rho(g)",
        },
        f"{_PAPER}, proof of theorem 2; factor as here",
        ("full table", "sigma = z^2", "unitary rho"),
        "As feat.2.",
        check,
        (
            Step("f(c) = sum over ab = c of (u_a + v_b)^2 = const + 2 (u * v)(c)", 2 * sp.Symbol("(u * v)(c)")),
            Step(
                "the transform of a convolution is the product",
                sp.Function(r"\hat{u}")(rho) * sp.Function(r"\hat{v}")(rho),
            ),
        ),
    )


def _irrep_form(group: Group, u: Matrix, v: Matrix) -> float:
    """(2/M) sum_{rho != 1} d |u^ v^|_F^2 from characters alone: |u^v^|_F^2 = sum over g of (w * w~)(g) chi(g)."""
    conv = np.zeros(group.order)
    np.add.at(conv, group.table.ravel(), np.outer(u, v).ravel())
    # |A|_F^2 = tr(A A*) with A = sum_g conv(g) rho(g): characters of g h^-1.
    quotient = group.table[:, group.inverses]
    total = sum(
        rho.dim * float(np.real(conv @ rho.character[quotient] @ conv)) for rho in irreps(group) if not rho.is_trivial
    )
    return 2 / group.order * total


def _symbolic_s3() -> bool:
    """The identity on S3 with exact characters (1, sign, and the one of dimension 2), weights symbolic."""
    group = named("S3")
    u, v = _real_vectors(6)
    conv = [sum(u[a] * v[b] for a, b in product(range(6), range(6)) if group.table[a, b] == c) for c in range(6)]
    base = sum(x**2 for x in u) + sum(x**2 for x in v)
    totals = [base + 2 * c for c in conv]
    mean = sum(totals) / 6
    definition = sum((x - mean) ** 2 for x in totals) / 2
    orders = [int(x) for x in group.element_orders]
    sign, plane = {1: 1, 2: -1, 3: 1}, {1: 2, 2: 0, 3: -1}
    form = sp.Integer(0)
    for g, h in product(range(6), range(6)):
        q = orders[int(group.table[g, group.inverses[h]])]
        form += conv[g] * conv[h] * (sign[q] + 2 * plane[q])
    return bool(sp.expand(definition - sp.Rational(2, 6) * form) == 0)


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "feat.1": energy_ascent,
    "feat.2": cyclic_energy,
    "feat.3": group_energy,
}
