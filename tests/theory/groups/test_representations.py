"""Matrices of irreducible representations: their laws for all 144 groups up to order 32 and for larger ones."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import twopeaks.theory.groups.representations
from twopeaks.theory.groups import Group, named
from twopeaks.theory.groups.irreps import irreps
from twopeaks.theory.groups.representations import Representation, representations
from twopeaks.theory.groups.small_groups import SHIPPED_ORDER, number_of_small_groups

#: The matrices come out of orthogonal steps alone: rounding grows with dimension, not with conditioning.
TOLERANCE = 1e-12

#: All groups up to order 32, order by order, and larger ones: dimensions up to 6, all three types in dimension 2 and
#: more, many irreps, one class for each element.
CASES = {
    f"order {order}": [f"SmallGroup({order},{index})" for index in range(1, number_of_small_groups(order) + 1)]
    for order in range(1, SHIPPED_ORDER + 1)
}
CASES |= {name: [name] for name in ("A5", "S5", "Z257", "D60", "SL(2,5)", "Q8xQ8")}

Case = tuple[Group, tuple[Representation, ...]]


@functools.cache
def built(name: str) -> Case:
    group = named(name)
    return group, representations(group)


@pytest.fixture(params=CASES, ids=str)
def cases(request: pytest.FixtureRequest) -> list[Case]:
    return [built(name) for name in CASES[request.param]]


def deviation(actual: np.ndarray, expected: np.ndarray | float) -> float:
    return float(np.abs(actual - expected).max())


# --- laws ----------------------------------------------------------------------------------------------


def test_dimensions_squared_add_up_to_the_order(cases: list[Case]) -> None:
    for group, found in cases:
        assert sum(rho.dim**2 for rho in found) == group.order, group.name
        assert all(rho.matrices.shape == (group.order, rho.dim, rho.dim) for rho in found), group.name


def test_products_of_all_pairs_are_kept(cases: list[Case]) -> None:
    for group, found in cases:
        for rho in found:
            products = rho.matrices[:, None] @ rho.matrices[None, :]
            assert deviation(products, rho.matrices[group.table]) < TOLERANCE, group.name


def test_matrices_are_unitary(cases: list[Case]) -> None:
    for group, found in cases:
        for rho in found:
            assert deviation(rho.matrices @ rho.matrices.conj().swapaxes(1, 2), np.eye(rho.dim)) < TOLERANCE, group.name


def test_entries_are_orthogonal(cases: list[Case]) -> None:
    # Schur: (1/M) sum_g rho_ij(g) conj(rho'_kl(g)) = delta_rho,rho' delta_ik delta_jl / d.
    for group, found in cases:
        entries = np.concatenate([(rho.dim**0.5 * rho.matrices).reshape(group.order, -1) for rho in found], axis=1)
        assert entries.shape == (group.order, group.order), group.name
        assert deviation(entries.T @ entries.conj() / group.order, np.eye(group.order)) < TOLERANCE, group.name


def test_characters_are_traces(cases: list[Case]) -> None:
    for group, found in cases:
        for rho, irrep in zip(found, irreps(group), strict=True):
            assert (rho.irrep.dim, rho.irrep.schur) == (irrep.dim, irrep.schur), group.name
            assert deviation(np.trace(rho.matrices, axis1=1, axis2=2), irrep.character) < TOLERANCE, group.name


def test_type_is_the_mean_character_of_squares(cases: list[Case]) -> None:
    for group, found in cases:
        for rho in found:
            squares = np.trace(rho.matrices @ rho.matrices, axis1=1, axis2=2)
            assert abs(squares.mean() - rho.irrep.schur) < TOLERANCE, group.name


def test_types_count_square_roots_of_identity(cases: list[Case]) -> None:
    for group, found in cases:
        roots = sum(1 for g in range(group.order) if group.table[g, g] == group.identity)
        assert sum(rho.irrep.schur * rho.dim for rho in found) == roots, group.name


def test_type_is_the_symmetry_of_the_invariant_form(cases: list[Case]) -> None:
    # mean_g rho(g) A rho(g)^T spans the invariant bilinear forms: symmetric, antisymmetric or none.
    for group, found in cases:
        rng = np.random.default_rng(1)
        for rho in found:
            A = rng.standard_normal((rho.dim, rho.dim))
            form = (rho.matrices @ A @ rho.matrices.swapaxes(1, 2)).mean(axis=0)
            assert deviation(form.T, rho.irrep.schur * form) < TOLERANCE, group.name
            assert (deviation(form, 0) > 1e-6) == (rho.irrep.schur != 0), group.name


def test_real_type_is_real(cases: list[Case]) -> None:
    for group, found in cases:
        for rho in found:
            if rho.irrep.schur == 1:
                assert not rho.matrices.imag.any(), group.name
                assert not rho.irrep.character.imag.any(), group.name


def test_complex_pairs_are_neighbours_with_conjugate_matrices(cases: list[Case]) -> None:
    for group, found in cases:
        complex_type = [rho for rho in found if rho.irrep.schur == 0]
        for first, second in zip(complex_type[::2], complex_type[1::2], strict=True):
            assert (first.matrices.conj() == second.matrices).all(), group.name
            assert first.matrices.imag.any(), group.name


# --- more than laws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SL(2,7)", "S6"])
def test_entries_are_orthogonal_for_hundreds_of_elements(name: str) -> None:
    test_entries_are_orthogonal([built(name)])


def test_regular_representation_is_block_diagonal_in_the_entries() -> None:
    # Left translation of f = conj rho_ij is sum_k rho_ki(g) conj rho_kj: never used to construct anything.
    group, found = built("SL(2,3)")
    for rho in found:
        f = rho.matrices.conj()
        for g in range(group.order):
            translated = f[group.table[group.inverses[g]]]  # h -> f(g^-1 h)
            assert deviation(translated, np.einsum("ki,hkj->hij", rho.matrices[g], f)) < TOLERANCE


def test_rotations_and_reflections_have_their_eigenvalues() -> None:
    _, found = built("D11")
    plane = [rho.matrices for rho in found if rho.dim == 2]
    for k, matrices in enumerate(plane, start=1):
        angles = np.abs(np.angle(np.linalg.eigvals(matrices[1])))
        np.testing.assert_allclose(angles, 2 * np.pi * k / 11, atol=1e-12)
        np.testing.assert_allclose(np.linalg.det(matrices[11:]), -1, atol=1e-12)


def test_the_same_table_gives_the_same_matrices() -> None:
    first, second = representations(named("S4")), representations(named("S4"))
    assert all((a.matrices == b.matrices).all() for a, b in zip(first, second, strict=True))


def test_matrices_are_read_only() -> None:
    _, found = built("Q8xQ8")
    with pytest.raises(ValueError, match="read-only"):
        found[-1].matrices[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        found[-1].irrep.character[0] = 1


def skewed(matrices: np.ndarray) -> np.ndarray:
    """The same representation in a basis that is not orthonormal."""
    basis = np.array([[1, 0.5], [0, 1]])
    return np.linalg.inv(basis) @ matrices @ basis


def turned(matrices: np.ndarray) -> np.ndarray:
    """Each matrix in an orthonormal basis of its own."""
    return np.stack([np.roll(rho, k, axis=(0, 1)) for k, rho in enumerate(matrices)])


@pytest.mark.parametrize(
    ("spoil", "broken"),
    [(skewed, "unitarity"), (turned, "product"), (lambda matrices: np.eye(2) + 0 * matrices, "character")],
    ids=["skewed", "turned", "reducible"],
)
def test_a_broken_law_is_refused_and_named(monkeypatch: pytest.MonkeyPatch, spoil, broken: str) -> None:
    exact = twopeaks.theory.groups.representations._matrices
    monkeypatch.setattr(
        twopeaks.theory.groups.representations,
        "_matrices",
        lambda group, rho: spoil(exact(group, rho)) if rho.dim == 2 else exact(group, rho),
    )
    message = rf"^a representation of S3 of dimension 2 lost precision \(.*{broken} [1-9]\.\de[+-]0[01]"
    with pytest.raises(ArithmeticError, match=message):
        representations(named("S3"))


def test_an_inexact_basis_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = twopeaks.theory.groups.representations._one_copy
    monkeypatch.setattr(twopeaks.theory.groups.representations, "_one_copy", lambda *args: 1.01 * exact(*args))
    with pytest.raises(ArithmeticError, match=r"\(product 2.1e-02, unitarity 4.1e-02, character 4.0e-02\)$"):
        representations(named("S3"))
