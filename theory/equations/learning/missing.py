"""Stage III, top-down: irreps that the network has learned drop out of the labels that are left to learn.

With S learned entirely, labels count through the projector K_S on the other irreps (theorem 7), and a new node
climbs E_S = 1/2 |K_S Y~^T F|^2. Exact arithmetic on S3, the smallest group with an irrep of dimension 2.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import sympy as sp

from twopeaks.theory.equations.core.algebra import Matrix, matrix, relative, symbols_of, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Printed, Step
from twopeaks.theory.groups import Group, alternating, cyclic, dicyclic, symmetric
from twopeaks.theory.groups.representations import Representation, representations

__all__ = ["EQUATIONS", "missing_energy", "missing_labels"]

_PAPER = "Tian, arXiv 2509.21519"
_IRREPS = {
    "K_S": "kernel of the labels that are left, M x M",
    "M, R": "order of the group H and number of its irreps",
    "d_k, chi(k, h)": "dimension and character of irrep k",
    "m_k": "1 if irrep k is missing, 0 if it is in S, the learned ones; the trivial irrep counts as learned",
}

M, R, k = sp.symbols("M R k", integer=True, positive=True)
missing, dim = sp.IndexedBase("m"), sp.IndexedBase("d")


def _exact_s3() -> tuple[Group, tuple[sp.Matrix, ...], tuple[tuple[sp.Matrix, ...], ...]]:
    """S3 with its characters (6 x 1) and unitary matrices, exactly: trivial, sign, and motions of the triangle."""
    group = symmetric(3)
    permutations = [sp.Matrix(3, 3, lambda r, s, p=p: int(r == p[s])) for p in itertools.permutations(range(3))]
    plane = sp.Matrix([[1, 1], [-1, 1], [0, -2]]) * sp.diag(1 / sp.sqrt(2), 1 / sp.sqrt(6))
    sign = tuple(sp.Matrix([[p.det()]]) for p in permutations)
    matrices = (tuple(sp.ones(1, 1) for _ in sign), sign, tuple(plane.T * p * plane for p in permutations))
    characters = tuple(sp.Matrix([sp.nsimplify(rho.trace()) for rho in kind]) for kind in matrices)
    return group, characters, matrices


def _exact_kernel(group: Group, characters: Sequence[sp.Matrix], weights: Sequence[sp.Expr]) -> sp.Matrix:
    """(1/M) sum_k weight_k chi_k(h'^-1 h), exactly."""
    total = sum((w * chi for w, chi in zip(weights, characters, strict=True)), sp.zeros(group.order, 1))
    quotient = group.table[group.inverses]
    return sp.Matrix(group.order, group.order, lambda r, s: total[int(quotient[s, r])]) / group.order


def _groups() -> tuple[Group, ...]:
    return symmetric(3), dicyclic(2, "Q8"), alternating(4), cyclic(6)


def _some_learned(group: Group, rng: np.random.Generator) -> tuple[list[Representation], list[Representation]]:
    """Learned and missing representations: conjugates stay together, and one of the largest is missing."""
    all_representations = representations(group)
    kinds = sorted(
        {(rho.dim, tuple(rho.irrep.character.real.round(6))) for rho in all_representations if not rho.irrep.is_trivial}
    )
    chosen = {kinds[k] for k in rng.choice(len(kinds) - 1, size=int(rng.integers(1, len(kinds))), replace=False)}

    def is_learned(rho: Representation) -> bool:
        return rho.irrep.is_trivial or (rho.dim, tuple(rho.irrep.character.real.round(6))) in chosen

    return [rho for rho in all_representations if is_learned(rho)], [
        rho for rho in all_representations if not is_learned(rho)
    ]


def _complement_of(learned: Sequence[Representation]) -> Matrix:
    """Orthogonal projector off all matrix elements of the learned representations, as functions on H."""
    functions = np.concatenate([rho.matrices.reshape(len(rho.matrices), -1) for rho in learned], axis=1)
    basis = np.linalg.qr(functions).Q
    return np.asarray((np.eye(len(basis)) - basis @ basis.conj().T).real)


def missing_labels() -> Equation:
    """inter.4: the kernel of theorem 7."""
    group, characters, _ = _exact_s3()
    dims = (1, 1, 2)
    subsets = [s for s in itertools.product((0, 1), repeat=3) if any(s)]
    kernels = {
        s: _exact_kernel(group, characters, [d * keep for d, keep in zip(dims, s, strict=True)]) for s in subsets
    }
    printed_one = _exact_kernel(group, characters, (0, 0, 1))

    def check(rng: np.random.Generator) -> Check:
        proved = all(k * k == k and k == k.T for k in kernels.values())
        proved &= all(
            k.trace() == sum(d * d * keep for d, keep in zip(dims, s, strict=True)) for s, k in kernels.items()
        )
        proved &= printed_one * printed_one == printed_one / 2
        errors, wrong = [], []
        for h in _groups():
            learned, missing = _some_learned(h, rng)
            quotient, exact = h.table[h.inverses].T, _complement_of(learned)
            corrected, printed = (
                sum(rho.dim**power * rho.irrep.character[quotient] for rho in missing) / h.order for power in (1, 0)
            )
            errors.append(relative(corrected, exact))
            wrong.append(relative(printed, exact))
        against = "projector off the learned matrix elements (QR) on S3, Q8, A4, Z6"
        return Check(bool(proved), max(errors), against, max(wrong))

    pair, kernel, whole = sp.symbols("h h'", integer=True), sp.Function("K_S"), symbols_of("K_S", M, M)
    weight, character = missing[k], sp.Function("chi")(k, sp.Symbol("h'^{-1} h"))
    return Equation(
        "inter.4",
        "What is left to learn: the projector on missing irreps",
        sp.Tuple(
            sp.Eq(kernel(*pair), sp.Sum(weight * dim[k] * character, (k, 1, R)) / M),
            sp.Eq(whole * whole, whole, evaluate=False),
            sp.Eq(whole.T, whole, evaluate=False),
            sp.Eq(sp.Trace(whole), sp.Sum(weight * dim[k] ** 2, (k, 1, R)), evaluate=False),
        ),
        _IRREPS,
        f"{_PAPER}, theorem 7",
        ("all M^2 pairs", "the learned irreps are fitted entirely, the others not at all"),
        "Features learned in part leave part of their labels: K_S is then no projector.",
        check,
        (
            Step("K_S of S3 with the trivial and the sign irrep learned", kernels[(0, 0, 1)]),
            Step("its square less itself", kernels[(0, 0, 1)] ** 2 - kernels[(0, 0, 1)]),
            Step("the printed kernel there, squared, over itself", (printed_one**2)[0, 0] / printed_one[0, 0]),
        ),
        Printed(
            sp.Eq(kernel(*pair), sp.Sum(weight * character, (k, 1, R)) / M),
            "Without d_k it is no projector unless every missing irrep has d_k = 1: it shrinks irrep k by d_k.",
        ),
    )


def missing_energy() -> Equation:
    """inter.5: the energy that a node climbs once irreps S are learned."""
    group, characters, matrices = _exact_s3()
    u, v, c = matrix("u", 6, 1), matrix("v", 6, 1), matrix("c", 6, 1)
    places = [[(a, int(b)) for a, b in enumerate(group.table[group.inverses, h])] for h in range(6)]
    class_sums = sp.Matrix([sum((u[a] + v[b]) ** 2 for a, b in pairs) for pairs in places])
    convolved = sp.Matrix([sum(u[a] * v[b] for a, b in pairs) for pairs in places])
    rest = (class_sums - 2 * convolved).applyfunc(sp.expand)
    hats = [[_transform(x, kind) for kind in matrices] for x in (u, v, convolved, c)]
    share, signs = sp.Symbol("epsilon", positive=True), [*characters[1], *characters[1]]
    sign_energy, triangle_energy = (
        sum(2 * d * entry**2 for entry in hats[0][r] * hats[1][r]) / 6 for r, d in ((1, 1), (2, 2))
    )
    shrunk = sign_energy.subs({x: sp.sqrt(1 - share) * x for x in (*u, *v)}, simultaneous=True)

    def check(rng: np.random.Generator) -> Check:
        proved = all(vanishes(x * y - z) for x, y, z in zip(*hats[:3], strict=True)) and len(set(rest)) == 1
        for weights_kept in ((0, 1, 0), (0, 0, 1), (0, 1, 1)):
            weights = [d * m for d, m in zip((1, 1, 2), weights_kept, strict=True)]
            left = _exact_kernel(group, characters, weights) * c
            spectral = sum(w * sum(e**2 for e in hat) for w, hat in zip(weights, hats[3], strict=True)) / 6
            proved &= vanishes(left.dot(left) - spectral)
        gaps = [_energy_gap(h, rng) for h in _groups()]
        return Check(bool(proved), max(gaps), "1/2 |K_S Y~^T F~|^2 summed over all pairs, K_S by QR, on S3, Q8, A4, Z6")

    left, right = (symbols_of(name, sp.Symbol("d_k"), sp.Symbol("d_k")) for name in (r"\hat{u}_k", r"\hat{v}_k"))
    size = sp.Trace((left * right).adjoint() * left * right)
    return Equation(
        "inter.5",
        "Learned irreps have no energy left: new nodes find only what is missing",
        sp.Eq(sp.Symbol("E_S"), 2 / M * sp.Sum(missing[k] * dim[k] * size, (k, 1, R))),
        _IRREPS
        | {"u, v": "the two halves of a node w", "u^_k": "sum_g u(g) rho_k(g), d_k x d_k", "E_S": "1/2 |K_S Y~^T F|^2"},
        f"{_PAPER}, theorem 7 (the factor d_k is ours, inter.4)",
        ("all M^2 pairs", "sigma(z) = z^2", "labels projected by K_S"),
        "On part of the table irreps mix, and what is learned still lends energy to what is not.",
        check,
        (
            Step("class sums of (u_a + v_b)^2 less 2 u*v: the same for all labels, so K_S removes it", rest[0]),
            Step("K_S keeps u^v^ of the missing irreps (Parseval); of S3's sign alone", sp.factor(sign_energy)),
            Step(
                "E_S of a node made of the sign, once learned",
                triangle_energy.subs(dict(zip((*u, *v), signs, strict=True))),
            ),
            Step("E_S where a share epsilon of |w|^2 is on learned irreps, over E_S", sp.factor(shrunk / sign_energy)),
        ),
    )


def _transform(f: sp.Matrix, kind: Sequence[sp.Matrix]) -> sp.Matrix:
    """f^(rho) = sum_g f(g) rho(g)."""
    return sum((f[g] * rho for g, rho in enumerate(kind)), sp.zeros(*kind[0].shape))


def _energy_gap(group: Group, rng: np.random.Generator) -> float:
    """Formula, and energy of the missing part of a node alone, against the sum over all pairs."""
    learned, missing_ones = _some_learned(group, rng)
    projector, order = _complement_of(learned), group.order
    labels = np.eye(order)[group.table.ravel()]
    labels -= labels.mean(axis=0)

    def energy(w: Matrix) -> float:
        f = (w[0][:, None] + w[1][None, :]).ravel() ** 2
        return float(np.sum((projector @ labels.T @ f) ** 2) / 2)

    node = rng.standard_normal((2, order))
    hats = [np.einsum("ig,gab->iab", node, rho.matrices) for rho in missing_ones]
    formula = (
        2 / order * sum(rho.dim * np.sum(np.abs(h[0] @ h[1]) ** 2) for rho, h in zip(missing_ones, hats, strict=True))
    )
    missing_part = node @ projector
    energies = formula, energy(missing_part), energy(node) + energy(node - missing_part)
    return relative(energies, [energy(node)] * 3)


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "inter.4": missing_labels,
    "inter.5": missing_energy,
}
