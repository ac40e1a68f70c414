"""Stage II, the peaks of E: how high, how sharp, how flat along which directions, and how many nodes they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import sympy as sp
from scipy.optimize import minimize

from twopeaks.theory.equations.core.algebra import Matrix, relative, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Printed, Step
from twopeaks.theory.equations.learning.features import brute_energy, brute_gradient
from twopeaks.theory.groups import Group, named
from twopeaks.theory.groups.irreps import irreps

__all__ = [
    "EQUATIONS",
    "ascended",
    "flat_directions",
    "four_nodes",
    "peak_energy",
    "rank_one",
    "sample_law",
    "second_order",
]

_PAPER = "Tian, arXiv 2509.21519"
M, d, m, beta = sp.symbols("M d m beta", integer=True, positive=True)
_LETTERS = {
    "M": "order of the group",
    "d": "dimension of the irreducible representation over the complex numbers",
    "m": "1 for real type, 2 for complex and quaternionic type",
    "E_*": "energy of the local maximum, |w| = 1",
}
_BETA = "1 for real, 2 for complex, 4 for quaternionic type"
#: Flat directions at a peak: three unit vectors of m d real components less beta - 1 common factors. Eq. feat.6.
_FLAT = 3 * m * d - 2 - beta
_TYPES_IN = "Z5, S3, Q8, A4, F21"


def ascended(group: Group, start: Matrix) -> Matrix:
    """(2M,) maximum of E on |w| = 1 reached from a start, by E(w)/|w|^4."""

    def height(w: Matrix) -> float:
        return brute_energy(group, *np.split(w, 2)) / float(w @ w) ** 2

    def value(w: Matrix) -> float:
        return -height(w)

    def slope(w: Matrix) -> Matrix:
        return np.asarray(4 * height(w) * w / (w @ w) - brute_gradient(group, w) / (w @ w) ** 2)

    w = np.asarray(start / np.linalg.norm(start))
    w = np.asarray(
        minimize(value, w, jac=slope, method="L-BFGS-B", options={"gtol": 1e-13, "ftol": 1e-16, "maxiter": 2000}).x
    )
    return np.asarray(w / np.linalg.norm(w))


def peak_energy() -> Equation:
    """feat.4: theorem 2, the energies of the local maxima."""
    c, s2, t2 = sp.symbols("c s^2 t^2", positive=True)
    # A real-valued u in one irrep has m equal singular values s (counting the conjugate): |u|^2 = m d s^2 / M.
    inside = {s2: c * M / (m * d), t2: (1 - c) * M / (m * d)}
    E = sp.simplify((2 / M * m * d * s2 * t2).subs(inside))
    best = sp.solve(sp.diff(E, c), c)[0]
    peak = sp.simplify(E.subs(c, best))

    def check(rng: np.random.Generator) -> Check:
        proved = sp.simplify(peak - M / (2 * m * d)) == 0 and sp.diff(E, c, 2).is_negative
        corrected, printed = [], []
        for name in ("Z5", "Z6", "S3", "Q8", "A4"):
            group = named(name)
            types = {(rho.dim, 1 if rho.schur == 1 else 2) for rho in irreps(group) if not rho.is_trivial}
            true = np.array([group.order / (2 * k * dim) for dim, k in types])
            for start in rng.standard_normal((6, 2 * group.order)):
                height_reached = brute_energy(group, *np.split(ascended(group, start), 2))
                nearest = true[np.argmin(np.abs(height_reached / true - 1))]
                corrected.append(float(abs(height_reached / nearest - 1)))
                printed.append(float(abs(height_reached / (nearest / 4) - 1)))
        return Check(
            bool(proved), max(corrected), "random ascents of E by definition on Z5, Z6, S3, Q8, A4", min(printed)
        )

    return Equation(
        "feat.4",
        "Energies of the peaks: M/(2 d) real, M/(4 d) complex and quaternionic",
        sp.Eq(sp.Symbol("E_*"), M / (2 * m * d)),
        _LETTERS,
        f"{_PAPER}, theorem 2",
        ("full table", "sigma = z^2", "|w| = 1"),
        "On part of the table energies shift and localised maxima compete (mem.3).",
        check,
        (Step("one irrep, rank one, share c of |w|^2 in u", E), Step("largest at c =", best), Step("there", peak)),
        Printed(
            sp.Eq(sp.Symbol("E_*"), M / (8 * m * d)),
            "The printed proof drops the 2 of 2 u v in (u + v)^2, hence a factor 4; it omits the quaternionic type.",
        ),
        inputs=(M, d, m),
    )


def second_order() -> Equation:
    """feat.5: second-order conditions: every direction away from a peak is down or flat."""
    theta, E, other = sp.symbols("theta E_* E'", positive=True)
    balance = E * sp.cos(2 * theta) ** 2  # [u; v] -> [cos(pi/4 + theta) u^; sin(pi/4 + theta) v^]
    mixing = E * sp.cos(theta) ** 4 + other * sp.sin(theta) ** 4  # towards another irrep, where modes decouple
    turned = sp.Matrix([sp.cos(theta), sp.sin(theta)]).dot(sp.Matrix([sp.cos(theta), -sp.sin(theta)]))
    inner = E * turned**2  # u^ = s x y*, v^ = t y z*: y in u^ turned one way, y in v^ the other
    curvatures = [sp.diff(curve, theta, 2).subs(theta, 0) for curve in (balance, mixing)]
    steep = 1 + (m * d - beta)

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(curvatures[0] + 8 * E) and vanishes(curvatures[1] + 4 * E) and vanishes(inner - balance)
        worst = 0.0
        for group, irrep, w in _one_of_each_type(rng):
            spectrum = np.sort(_curvature(group, w)) / brute_energy(group, *np.split(w, 2))
            counts = [int(count.subs(irrep)) for count in (steep, _FLAT)]
            expected = np.repeat([-8.0, -4.0, 0.0], [counts[0], spectrum.size - sum(counts), counts[1]])
            worst = max(worst, relative(spectrum, expected))
        return Check(proved, worst, f"eigenvalues of the Hessian on the sphere at peaks of {_TYPES_IN}")

    return Equation(
        "feat.5",
        "Curvature at a peak, any type: -8 E* in 1 + m d - beta directions, 0 along phases, -4 E* in all others",
        sp.Tuple(
            *(
                sp.Eq(sp.Symbol(f"E''_{{{name}}}"), value)
                for name, value in zip(("balance", "mixing"), curvatures, strict=True)
            ),
            sp.Eq(sp.Symbol("n_balance"), steep),
        ),
        _LETTERS
        | {
            "beta": _BETA,
            "E''": "second derivative of E along a unit-speed great circle through the peak",
            "n_balance": "directions of the steepest fall; feat.6 counts the flat ones",
        },
        f"{_PAPER}, theorem 2 (second-order conditions); values and counts here",
        ("as feat.4", "rank one (feat.7)"),
        "On part of the table modes couple: curvatures spread about these values.",
        check,
        (
            Step("share of u against v", balance),
            Step("inner vectors of u^ and v^ turned apart, m d - beta directions", sp.trigsimp(inner)),
            Step("share of another irrep, or of outer vectors of this one", mixing),
        ),
    )


def _one_of_each_type(rng: np.random.Generator) -> Iterator[tuple[Group, dict[sp.Symbol, int], Matrix]]:
    """A group, the d, m and beta of one of its irreps, and a peak of that irrep: every type, d from 1 to 3."""
    for name, dim, schur in (("Z5", 1, 0), ("S3", 2, 1), ("Q8", 2, -1), ("A4", 3, 1), ("F21", 3, 0)):
        group, multiplicity = named(name), 1 if schur == 1 else 2
        height = group.order / (2 * dim * multiplicity)
        peaks = (ascended(group, start) for start in rng.standard_normal((40, 2 * group.order)))
        w = next(w for w in peaks if abs(brute_energy(group, *np.split(w, 2)) / height - 1) < 1e-9)
        for _ in range(60):  # from here on each step cuts what is left to 2/3, in the steepest directions to 1/3
            w = w + brute_gradient(group, w) / (8 * height)
            w = np.asarray(w / np.linalg.norm(w))
        yield group, {d: dim, m: multiplicity, beta: {1: 1, 0: 2, -1: 4}[schur]}, w


def _curvature(group: Group, w: Matrix) -> Matrix:
    """Eigenvalues of the Hessian of E on the unit sphere at w, the radial one left out."""
    size, step = w.size, 1e-30
    hessian = np.array([brute_gradient(group, w + 1j * step * unit).imag / step for unit in np.eye(size)])
    basis = np.linalg.svd(w[None, :])[2][1:]
    radial = w @ brute_gradient(group, w)
    return np.asarray(np.linalg.eigvalsh(basis @ hessian @ basis.T - radial * np.eye(size - 1)))


def flat_directions() -> Equation:
    """feat.6: corollary 1, how many directions at a peak are flat."""
    alpha, x, y, a, b = sp.symbols("alpha x y a b", real=True)
    turned = sp.Abs(sp.exp(sp.I * alpha) * (x + sp.I * y)) ** 2 * (a**2 + b**2)
    vectors, frames = 3 * (m * d - 1), beta - 1

    def check(rng: np.random.Generator) -> Check:
        proved = sp.simplify(turned - (x**2 + y**2) * (a**2 + b**2)) == 0 and vanishes(vectors - frames - _FLAT)
        worst = 0.0
        for group, irrep, w in _one_of_each_type(rng):
            flat = int((np.abs(_curvature(group, w)) < 1e-5 * brute_energy(group, *np.split(w, 2))).sum())
            worst = max(worst, float(abs(flat - _FLAT.subs(irrep))))
        return Check(bool(proved), worst, f"zero eigenvalues of the Hessian at peaks of {_TYPES_IN}")

    return Equation(
        "feat.6",
        "Peaks are flat along the phases of their irrep",
        sp.Eq(sp.Symbol("D"), _FLAT),
        {
            "D": "dimension of the set of maxima of one irrep on |w| = 1",
            "d": _LETTERS["d"],
            "m": _LETTERS["m"],
            "beta": _BETA,
        },
        f"{_PAPER}, corollary 1 (flatness); dimensions here",
        (
            "as feat.4",
            "u^ = s x y*, v^ = t y z* with unit vectors x, y, z over the reals, complex numbers, quaternions",
        ),
        "Interaction with other nodes breaks the flatness and picks phases (heights.2).",
        check,
        (
            Step("energy of a cyclic mode after turning the phase of u^", sp.simplify(turned)),
            Step("three unit vectors of m d real components", vectors),
            Step("less the unit scalars that may be moved from one to the next without changing u^ and v^", frames),
            Step("real type", _FLAT.subs({m: 1, beta: 1})),
            Step("complex type", sp.expand(_FLAT.subs({m: 2, beta: 2}))),
            Step("quaternionic type", sp.expand(_FLAT.subs({m: 2, beta: 4}))),
        ),
        inputs=(d, m, beta),
    )


def rank_one() -> Equation:
    """feat.7: in an irrep of dimension d >= 2 the maxima are rank one."""
    alpha, gamma = sp.symbols("alpha gamma", real=True)
    A, B = sp.diag(sp.cos(alpha), sp.sin(alpha)), sp.diag(sp.cos(gamma), sp.sin(gamma))
    size = sp.simplify(sum(entry**2 for entry in A * B))

    def check(rng: np.random.Generator) -> Check:
        proved = sp.simplify(size - (1 + sp.cos(2 * alpha) * sp.cos(2 * gamma)) / 2) == 0

        def negative(x: Matrix) -> float:
            a, b = x.reshape(2, 3, 3)
            return -float(np.sum((a @ b) ** 2) / (np.sum(a * a) * np.sum(b * b)))

        best = [minimize(negative, x, method="BFGS", options={"gtol": 1e-10}) for x in rng.standard_normal((5, 18))]
        spread = max(float(np.linalg.svd(x.x.reshape(2, 3, 3)[0])[1][1] / np.linalg.norm(x.x)) for x in best)
        reached = relative([x.fun for x in best], [-1.0] * 5)
        return Check(bool(proved) and spread < 1e-4, reached, "numerical maximum over 3 x 3 matrices A and B")

    return Equation(
        "feat.7",
        "Peaks of an irrep with d >= 2 are rank one",
        sp.Le(sp.Symbol(r"\left|AB\right|_F"), sp.Symbol(r"\left|A\right|_F") * sp.Symbol(r"\left|B\right|_F")),
        {"A, B": "u^(rho) and v^(rho); equality holds for rank one with matching inner vectors and for nothing else"},
        f"{_PAPER}, theorem 2",
        ("as feat.4",),
        "[u; ±P u] with generic u in the irrep is not a maximum, though print lists it.",
        check,
        (Step("|A B|_F^2 of 2 x 2 matrices with singular values (cos, sin), aligned", size),),
    )


def four_nodes() -> Equation:
    """feat.8: theorem 3, nodes that suffice to build the whole table."""
    A, B, C = sp.symbols("A B C", real=True)
    chi = sp.pi / 4
    turns = [chi, -chi, sp.pi + chi, sp.pi - chi]
    signs, even, odd = (1, 1, -1, -1), (1, 1, 1, 1), (1, -1, 1, -1)
    squares = [(sp.cos(A + x / 2) + s * sp.cos(B + x / 2)) ** 2 for x, s in zip(turns, signs, strict=True)]
    readout = [
        sp.cos(C) * g / (4 * sp.cos(chi)) - sp.sin(C) * h / (4 * sp.sin(chi)) for g, h in zip(even, odd, strict=True)
    ]
    built = sum(f * v for f, v in zip(squares, readout, strict=True))
    rest = sp.simplify(sp.expand(sp.expand_trig(built - sp.cos(A + B - C))))

    def check(rng: np.random.Generator) -> Check:
        proved = not rest.has(A, B) and vanishes(rest - sp.cos(C) / sp.cos(chi))
        return Check(proved, max(_cyclic_error(7), _s3_error()), "networks of 2(M-1) nodes on Z7 and 18 nodes on S3")

    rho = sp.Symbol("rho")
    count = sp.Sum(sp.Function("d")(rho) ** 4, (rho, 1, sp.Symbol("R")))
    return Equation(
        "feat.8",
        "Nodes that suffice for the whole table",
        sp.Eq(sp.Symbol("K"), 2 * count, evaluate=False),
        {"K": "nodes", "rho": "irreducible representations, the trivial one left out", "R": "their number"},
        f"{_PAPER}, theorem 3",
        ("full table", "sigma = z^2", "error centred over samples: a constant a class is free"),
        "Centred over classes (S0) cos(C)/cos(chi) remains: 6 nodes a pair are exact (heights.2).",
        check,
        (
            Step("four nodes a pair of characters build cos(A + B - C) and leave, for each class", rest),
            Step("abelian group: 4 nodes a pair, 2 a character, in all", 2 * (M - 1)),
            Step("real type: rho_ij(a) rho_jk(b) from [u; v] and [u; -v], nodes an irrep", 2 * d**3),
        ),
    )


def _cyclic_error(order: int) -> float:
    """Error, centred over samples, of 2(M-1) nodes on Z_M."""
    a, angle = np.arange(order), 2 * np.pi * np.arange(order) / order
    turns = np.array([1, -1, 5, 3]) * np.pi / 4
    signs, odd = np.array([1, 1, -1, -1]), np.array([1, -1, 1, -1])
    output = np.zeros((order, order, order))
    for k in range(1, (order + 1) // 2):
        first, second = np.cos(k * angle[:, None] + turns / 2), signs * np.cos(k * angle[:, None] + turns / 2)
        V = 2 / order * (np.cos(k * angle) - odd[:, None] * np.sin(k * angle)) / (4 * np.cos(np.pi / 4))
        output += (first[:, None, :] + second[None, :, :]) ** 2 @ V
    target = np.eye(order)[(a[:, None] + a) % order] - 1 / order
    error = (output - target).reshape(-1, order)
    return float(np.abs(error - error.mean(axis=0)).max())


def _s3_error() -> float:
    """Error of 2 (1 + 2^3) nodes on S3, from real matrices of the sign and of the plane."""
    group = named("S3")
    points = np.array([[1, 0], [-0.5, np.sqrt(3) / 2], [-0.5, -np.sqrt(3) / 2]])
    permutations = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    plane = np.array([2 / 3 * sum(np.outer(points[p[i]], points[i]) for i in range(3)) for p in permutations])
    output = np.zeros((6, 6, 6))
    for rho in (np.linalg.det(plane)[:, None, None], plane):
        dim = rho.shape[1]
        for i, j, k in np.ndindex(dim, dim, dim):
            u, v, readout = rho[:, i, j], rho[:, j, k], dim / 6 * rho[:, i, k]
            products = (u[:, None] + v) ** 2 / 4 - (u[:, None] - v) ** 2 / 4
            output += products[:, :, None] * readout
    return float(np.abs(output - (np.eye(6)[group.table] - 1 / 6)).max())


def sample_law() -> Equation:
    """feat.9: theorem 4 and the law that the paper's code plots."""
    delta, c = sp.symbols("delta c", positive=True)
    law = sp.Float("2.7482") * sp.Max(1, d / 2) * M * sp.log(M)

    def check(rng: np.random.Generator) -> Check:
        del rng
        table = {(23, 1): 198, (24, 1): 210, (31, 1): 293, (24, 3): 314, (24, 2): 210}
        counts = [round(float(law.subs({M: order, d: dim}))) for order, dim in table]
        return Check(bool(law.subs(d, 2) == law.subs(d, 1)), relative(counts, list(table.values())), "values in print")

    return Equation(
        "feat.9",
        "Samples that keep the generalising peaks: of order d^2 M log M",
        sp.Tuple(
            sp.Ge(sp.Symbol("n"), c * d**2 * M * sp.log(M / delta)),
            sp.Eq(sp.Symbol("n_code"), law),
        ),
        _LETTERS
        | {
            "n": "training examples",
            "delta": "probability of failure",
            "c": "constant that is not given",
            "n_code": "the line drawn in the paper's phase diagrams; d is the largest dimension",
        },
        f"{_PAPER}, theorem 4 and its public code",
        ("sufficient only", "random subset of the table"),
        "No law of the transition: decay, width and time do not enter. The origin of 2.7482 is not documented.",
        check,
        (Step("both linear in M log M: the code's line at d = 1", law.subs(d, 1)),),
        inputs=(M, d),
    )


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "feat.4": peak_energy,
    "feat.5": second_order,
    "feat.6": flat_directions,
    "feat.7": rank_one,
    "feat.8": four_nodes,
    "feat.9": sample_law,
}
