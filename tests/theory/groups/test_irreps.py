"""Irreducible characters: the laws they obey, published tables, and explicit formulas for familiar groups."""

from __future__ import annotations

import functools
import itertools
from collections import Counter

import numpy as np
import pytest

import twopeaks.theory.groups.irreps
from twopeaks.theory.groups import Group, from_table, named
from twopeaks.theory.groups.irreps import Irrep, irreps

#: Characters are sums of d roots of unity: rounding of that sum only.
TOLERANCE = 1e-13

LAWFUL = ["Z1", "Z2", "Z23", "Z24", "Z2xZ2xZ6", "D4", "D11", "D12", "S3", "S4", "S5", "A4", "A5", "Q8", "Dic6"]
LAWFUL += ["F20", "F21", "F55", "SL(2,3)", "SL(2,5)", "D4xZ3", "Q8xQ8"]

#: name -> {(dimension, Frobenius-Schur type): how many}, from the textbooks.
PUBLISHED: dict[str, dict[tuple[int, int], int]] = {
    "Z1": {(1, 1): 1},
    "Z23": {(1, 1): 1, (1, 0): 22},
    "Z24": {(1, 1): 2, (1, 0): 22},
    "Z2xZ2xZ6": {(1, 1): 8, (1, 0): 16},
    "D4": {(1, 1): 4, (2, 1): 1},
    "D11": {(1, 1): 2, (2, 1): 5},
    "D12": {(1, 1): 4, (2, 1): 5},
    "S3": {(1, 1): 2, (2, 1): 1},
    "S4": {(1, 1): 2, (2, 1): 1, (3, 1): 2},
    "S5": {(1, 1): 2, (4, 1): 2, (5, 1): 2, (6, 1): 1},
    "A4": {(1, 1): 1, (1, 0): 2, (3, 1): 1},
    "A5": {(1, 1): 1, (3, 1): 2, (4, 1): 1, (5, 1): 1},
    "Q8": {(1, 1): 4, (2, -1): 1},
    "Q8xZ3": {(1, 1): 4, (1, 0): 8, (2, -1): 1, (2, 0): 2},
    "Q8xQ8": {(1, 1): 16, (2, -1): 8, (4, 1): 1},
    "Dic3": {(1, 1): 2, (1, 0): 2, (2, 1): 1, (2, -1): 1},
    "Dic6": {(1, 1): 4, (2, 1): 2, (2, -1): 3},
    "F20": {(1, 1): 2, (1, 0): 2, (4, 1): 1},
    "F21": {(1, 1): 1, (1, 0): 2, (3, 0): 2},
    "F55": {(1, 1): 1, (1, 0): 4, (5, 0): 2},
    "SL(2,3)": {(1, 1): 1, (1, 0): 2, (2, -1): 1, (2, 0): 2, (3, 1): 1},
    "SL(2,5)": {(1, 1): 1, (2, -1): 2, (3, 1): 2, (4, 1): 1, (4, -1): 1, (5, 1): 1, (6, -1): 1},
    "D4xZ3": {(1, 1): 4, (1, 0): 8, (2, 1): 1, (2, 0): 2},
}


@functools.cache
def built(name: str) -> Group:
    return named(name)


@pytest.fixture(params=LAWFUL, ids=str)
def group(request: pytest.FixtureRequest) -> Group:
    return built(request.param)


def characters(found: tuple[Irrep, ...]) -> np.ndarray:
    return np.array([rho.character for rho in found])


def dims(found: tuple[Irrep, ...]) -> np.ndarray:
    return np.array([rho.dim for rho in found])


def square_roots(group: Group) -> np.ndarray:
    """How many x have x·x = g, for every g."""
    counts = Counter(int(group.table[x, x]) for x in range(group.order))
    return np.array([counts[g] for g in range(group.order)])


def contains_row(rows: np.ndarray, wanted: np.ndarray) -> bool:
    return bool((np.abs(rows - wanted).max(axis=1) < TOLERANCE).any())


# --- laws ----------------------------------------------------------------------------------------------


def test_dimensions_squared_add_up_to_the_order(group: Group) -> None:
    assert (dims(irreps(group)) ** 2).sum() == group.order


def test_there_are_as_many_as_classes(group: Group) -> None:
    assert len(irreps(group)) == len(group.conjugacy_classes)


def test_characters_are_orthonormal(group: Group) -> None:
    chi = characters(irreps(group))
    np.testing.assert_allclose(chi @ chi.conj().T / group.order, np.eye(len(chi)), atol=TOLERANCE)


def test_columns_are_orthogonal(group: Group) -> None:
    chi = characters(irreps(group))
    representatives = [members[0] for members in group.conjugacy_classes]
    centralisers = [group.order / len(members) for members in group.conjugacy_classes]
    columns = chi[:, representatives]
    np.testing.assert_allclose(columns.conj().T @ columns, np.diag(centralisers), atol=TOLERANCE * group.order)


def test_character_at_identity_is_the_dimension(group: Group) -> None:
    found = irreps(group)
    np.testing.assert_allclose(characters(found)[:, group.identity], dims(found), atol=TOLERANCE)


def test_characters_are_class_functions(group: Group) -> None:
    chi = characters(irreps(group))
    np.testing.assert_allclose(chi[:, group.table], chi[:, group.table.T], atol=TOLERANCE)  # a·b and b·a: conjugate


def test_character_of_an_inverse_is_the_conjugate(group: Group) -> None:
    chi = characters(irreps(group))
    np.testing.assert_allclose(chi[:, group.inverses], chi.conj(), atol=TOLERANCE)


def test_convolution_with_itself_is_a_multiple(group: Group) -> None:
    # sum_x chi(x) chi(x^-1 g) = (M/d) chi(g) holds for irreducible characters and not for their sums.
    left_divided = group.table[group.inverses]  # [x, g] -> x^-1·g
    for rho in irreps(group):
        convolved = np.einsum("x,xg->g", rho.character, rho.character[left_divided])
        expected = group.order / rho.dim * rho.character
        np.testing.assert_allclose(convolved, expected, atol=TOLERANCE * group.order)


def test_types_count_square_roots_of_identity(group: Group) -> None:
    found = irreps(group)
    assert sum(rho.schur * rho.dim for rho in found) == square_roots(group)[group.identity]


def test_types_count_square_roots_of_every_element(group: Group) -> None:
    found = irreps(group)
    counted = np.array([rho.schur for rho in found]) @ characters(found)
    np.testing.assert_allclose(counted, square_roots(group), atol=TOLERANCE * len(found))


def test_type_is_zero_just_where_the_character_is_not_real(group: Group) -> None:
    for rho in irreps(group):
        is_real = np.abs(rho.character.imag).max() < TOLERANCE
        assert is_real == (rho.schur != 0)


def test_real_characters_have_no_imaginary_part_at_all(group: Group) -> None:
    for rho in irreps(group):
        assert rho.schur == 0 or not rho.character.imag.any()


def test_characters_are_sums_of_roots_of_unity(group: Group) -> None:
    exponent = int(np.lcm.reduce(group.element_orders))
    for rho in irreps(group):
        powers, g = [], np.full(group.order, group.identity)
        for _ in range(exponent):
            powers.append(rho.character[g])
            g = group.table[g, np.arange(group.order)]
        multiplicities = np.fft.fft(powers, axis=0) / exponent
        np.testing.assert_allclose(multiplicities, np.abs(multiplicities.real.round()), atol=TOLERANCE)


def test_order_is_by_dimension_with_the_trivial_one_first(group: Group) -> None:
    found = irreps(group)
    assert list(dims(found)) == sorted(dims(found))
    assert [rho.is_trivial for rho in found] == [True] + [False] * (len(found) - 1)


def test_complex_pairs_are_neighbours(group: Group) -> None:
    complex_type = [rho.character for rho in irreps(group) if rho.schur == 0]
    np.testing.assert_allclose(np.conj(complex_type[::2]), complex_type[1::2], atol=TOLERANCE)


def test_cyclic_characters_come_by_frequency() -> None:
    angles = [np.angle(rho.character[1]) * 9 / (2 * np.pi) for rho in irreps(named("Z9"))]
    np.testing.assert_allclose(np.abs(angles), [0, 1, 1, 2, 2, 3, 3, 4, 4], atol=1e-12)


def test_renumbering_elements_permutes_characters() -> None:
    group = named("SL(2,3)")
    new = np.random.default_rng(5).permutation(group.order)
    old = np.argsort(new)
    renumbered = from_table(new[group.table[np.ix_(old, old)]])
    theirs = characters(irreps(renumbered))[:, new]
    assert all(contains_row(theirs, row) for row in characters(irreps(group)))


# --- published tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PUBLISHED)
def test_dimensions_and_types_are_published(name: str) -> None:
    assert Counter((rho.dim, rho.schur) for rho in irreps(built(name))) == PUBLISHED[name]


@pytest.mark.parametrize("n", [5, 8])
def test_cyclic_characters_are_roots_of_unity(n: int) -> None:
    chi = characters(irreps(named(f"Z{n}")))
    k = np.arange(n)
    roots = np.exp(2j * np.pi * np.outer(k, k) / n)
    assert all(contains_row(chi, row) for row in roots)


def test_dihedral_characters_are_cosines() -> None:
    n = 7
    chi = characters(irreps(named(f"D{n}")))
    for k in range(1, (n - 1) // 2 + 1):
        on_rotations = 2 * np.cos(2 * np.pi * k * np.arange(n) / n)
        assert contains_row(chi, np.concatenate([on_rotations, np.zeros(n)]))


def cycle_type(permutation: tuple[int, ...]) -> tuple[int, ...]:
    left, lengths = set(range(len(permutation))), []
    while left:
        start = i = min(left)
        length = 0
        while i in left:
            left.remove(i)
            i, length = permutation[i], length + 1
        assert i == start
        lengths.append(length)
    return tuple(sorted(lengths, reverse=True))


def test_character_table_of_s4_is_published() -> None:
    types = [(1, 1, 1, 1), (2, 1, 1), (2, 2), (3, 1), (4,)]
    table = np.array(
        [[1, 1, 1, 1, 1], [1, -1, 1, 1, -1], [2, 0, 2, -1, 0], [3, 1, -1, 0, -1], [3, -1, -1, 0, 1]],
    )
    columns = [types.index(cycle_type(p)) for p in itertools.permutations(range(4))]
    chi = characters(irreps(named("S4")))
    assert all(contains_row(chi, row[columns]) for row in table)


def test_faithful_character_of_q8_lives_on_the_centre() -> None:
    (faithful,) = [rho for rho in irreps(named("Q8")) if rho.dim == 2]
    expected = np.zeros(8)
    expected[[0, 2]] = 2, -2  # elements a^0 = 1 and a^2 = -1
    np.testing.assert_allclose(faithful.character, expected, atol=TOLERANCE)


def test_icosahedral_characters_hold_the_golden_ratio() -> None:
    three_dimensional = [rho.character for rho in irreps(named("A5")) if rho.dim == 3]
    golden = (1 + 5**0.5) / 2
    for character in three_dimensional:
        values = sorted({round(x, 9) for x in character.real})
        np.testing.assert_allclose(values, [-1, 1 - golden, 0, golden, 3], atol=1e-8)


@pytest.mark.parametrize("name", ["Z257", "D60", "SmallGroup(32,6)", "S6"])
def test_larger_groups_lose_no_precision(name: str) -> None:
    group = built(name)
    chi = characters(irreps(group))
    np.testing.assert_allclose(chi @ chi.conj().T / group.order, np.eye(len(chi)), atol=TOLERANCE)
    np.testing.assert_allclose(chi[:, group.inverses], chi.conj(), atol=TOLERANCE)


def test_characters_of_a_product_are_products() -> None:
    ours = characters(irreps(named("S3xQ8")))
    left, right = characters(irreps(named("S3"))), characters(irreps(named("Q8")))
    products = np.einsum("ig,jh->ijgh", left, right).reshape(-1, 48)
    assert len(ours) == len(products)
    assert all(contains_row(ours, row) for row in products)


# --- the object ----------------------------------------------------------------------------------------


def test_only_the_character_of_ones_is_trivial() -> None:
    sign = np.array([1, -1], dtype=complex)
    assert Irrep(1, 1, sign * sign).is_trivial
    assert not Irrep(1, 1, sign).is_trivial
    assert not Irrep(2, 1, np.full(2, 1 + 0j)).is_trivial


def test_inexact_characters_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = twopeaks.theory.groups.irreps._central_characters
    monkeypatch.setattr(twopeaks.theory.groups.irreps, "_central_characters", lambda *args: exact(*args) * 1.001)
    with pytest.raises(ArithmeticError, match=r"^characters of S3 lost precision \(orthogonality .*, dimension .*, ty"):
        irreps(named("S3"))


def test_characters_that_no_matrices_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = twopeaks.theory.groups.irreps._central_characters

    def mixed(*args) -> np.ndarray:
        omega = exact(*args)
        return omega + 0.1 * (omega - omega[::-1])

    monkeypatch.setattr(twopeaks.theory.groups.irreps, "_central_characters", mixed)
    with pytest.raises(ArithmeticError, match=r"^characters of Z5 lost precision \(multiplicities .*e-0. off\)$"):
        irreps(named("Z5"))
