"""Groups: axioms by brute force, published counts, products rebuilt from matrices and maps, and every bad input."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import (
    MAX_ORDER,
    Group,
    alternating,
    cyclic,
    dicyclic,
    dihedral,
    direct_product,
    frobenius,
    from_csv,
    from_table,
    named,
    small_group,
    special_linear,
    symmetric,
)
from twopeaks.theory.groups import group as groups

#: name -> (order, conjugacy classes, abelian, {element order: how many}), from the textbooks.
PUBLISHED: dict[str, tuple[int, int, bool, dict[int, int]]] = {
    "Z1": (1, 1, True, {1: 1}),
    "Z6": (6, 6, True, {1: 1, 2: 1, 3: 2, 6: 2}),
    "Z23": (23, 23, True, {1: 1, 23: 22}),
    "Z24": (24, 24, True, {1: 1, 2: 1, 3: 2, 4: 2, 6: 2, 8: 4, 12: 4, 24: 8}),
    "Z2xZ2xZ6": (24, 24, True, {1: 1, 2: 7, 3: 2, 6: 14}),
    "D1": (2, 2, True, {1: 1, 2: 1}),
    "D2": (4, 4, True, {1: 1, 2: 3}),
    "D4": (8, 5, False, {1: 1, 2: 5, 4: 2}),
    "D11": (22, 7, False, {1: 1, 2: 11, 11: 10}),
    "D12": (24, 9, False, {1: 1, 2: 13, 3: 2, 4: 2, 6: 2, 12: 4}),
    "S1": (1, 1, True, {1: 1}),
    "S3": (6, 3, False, {1: 1, 2: 3, 3: 2}),
    "S4": (24, 5, False, {1: 1, 2: 9, 3: 8, 4: 6}),
    "S5": (120, 7, False, {1: 1, 2: 25, 3: 20, 4: 30, 5: 24, 6: 20}),
    "A2": (1, 1, True, {1: 1}),
    "A3": (3, 3, True, {1: 1, 3: 2}),
    "A4": (12, 4, False, {1: 1, 2: 3, 3: 8}),
    "A5": (60, 5, False, {1: 1, 2: 15, 3: 20, 5: 24}),
    "Q8": (8, 5, False, {1: 1, 2: 1, 4: 6}),
    "Q16": (16, 7, False, {1: 1, 2: 1, 4: 10, 8: 4}),
    "Dic1": (4, 4, True, {1: 1, 2: 1, 4: 2}),
    "Dic3": (12, 6, False, {1: 1, 2: 1, 3: 2, 4: 6, 6: 2}),
    "Dic6": (24, 9, False, {1: 1, 2: 1, 3: 2, 4: 14, 6: 2, 12: 4}),
    "F6": (6, 3, False, {1: 1, 2: 3, 3: 2}),
    "F20": (20, 5, False, {1: 1, 2: 5, 4: 10, 5: 4}),
    "F21": (21, 5, False, {1: 1, 3: 14, 7: 6}),
    "F55": (55, 7, False, {1: 1, 5: 44, 11: 10}),
    "SL(2,2)": (6, 3, False, {1: 1, 2: 3, 3: 2}),
    "SL(2,3)": (24, 7, False, {1: 1, 2: 1, 3: 8, 4: 6, 6: 8}),
    "SL(2,5)": (120, 9, False, {1: 1, 2: 1, 3: 20, 4: 30, 5: 24, 6: 20, 10: 24}),
    "D4xZ3": (24, 15, False, {1: 1, 2: 5, 3: 2, 4: 2, 6: 10, 12: 4}),
    "Q8xZ3": (24, 15, False, {1: 1, 2: 1, 3: 2, 4: 6, 6: 2, 12: 12}),
}
SMALL = [name for name, (order, *_) in PUBLISHED.items() if order <= 60]

#: Identity 0 and a·a = 0 for all a, a Latin square; no group, as 5 is odd and no element of one has order 2.
LOOP = [[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]]
#: a·b = a: associative, but 0·1 differs from 1, so nothing is neutral on both sides.
LEFT_ZERO = [[0, 0, 0], [1, 1, 1], [2, 2, 2]]
#: a·b = b: associative, everything is neutral on the left and nothing on the right.
RIGHT_ZERO = [[0, 1, 2], [0, 1, 2], [0, 1, 2]]
#: Multiplication mod 3: associative with identity 1, but 0 times anything is 0.
TIMES = [[0, 0, 0], [0, 1, 2], [0, 2, 1]]
#: Every element but 1 is its own inverse; 1·2 = 0 = 3·1, so 1 has an inverse on each side but none on both.
ONE_SIDED = [[0, 1, 2, 3], [1, 1, 0, 2], [2, 3, 0, 1], [3, 0, 1, 0]]


@pytest.fixture(params=PUBLISHED, ids=str)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def brute_force_identity(table: np.ndarray) -> int:
    elements = range(len(table))
    (identity,) = [e for e in elements if all(table[e, a] == a == table[a, e] for a in elements)]
    return identity


def is_associative(table: np.ndarray) -> bool:
    left = table[table]  # [a, b, c] -> (a·b)·c
    right = table[np.arange(len(table))[:, None, None], table[None]]  # [a, b, c] -> a·(b·c)
    return bool((left == right).all())


def power(group: Group, a: int, k: int) -> int:
    result = group.identity
    for _ in range(k):
        result = int(group.table[result, a])
    return result


# --- axioms and published counts -----------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_every_triple_is_associative(name: str) -> None:
    assert is_associative(named(name).table)


def test_order_and_shape_are_published(name: str) -> None:
    group, order = named(name), PUBLISHED[name][0]
    assert group.order == order
    assert group.table.shape == (order, order)
    assert group.table.dtype == np.int64


def test_rows_and_columns_are_permutations(name: str) -> None:
    group = named(name)
    elements = np.arange(group.order)
    assert (np.sort(group.table, axis=0) == elements[:, None]).all()
    assert (np.sort(group.table, axis=1) == elements).all()


def test_identity_is_neutral_on_both_sides(name: str) -> None:
    group = named(name)
    assert group.identity == brute_force_identity(group.table)


def test_inverses_work_on_both_sides(name: str) -> None:
    group = named(name)
    elements = np.arange(group.order)
    assert (group.table[elements, group.inverses] == group.identity).all()
    assert (group.table[group.inverses, elements] == group.identity).all()


def test_commutativity_is_published(name: str) -> None:
    group = named(name)
    assert group.is_abelian is PUBLISHED[name][2]
    assert group.is_abelian == all(group.table[a, b] == group.table[b, a] for a, b in np.ndindex(group.table.shape))


def test_element_orders_are_published(name: str) -> None:
    assert Counter(named(name).element_orders.tolist()) == PUBLISHED[name][3]


@pytest.mark.parametrize(
    ("name", "cyclic"), [("Z24", True), ("Z3xZ8", True), ("Z2xZ12", False), ("S3", False), ("Z2xZ2", False)]
)
def test_cyclic_groups_are_powers_of_one_element(name: str, cyclic: bool) -> None:
    assert named(name).is_cyclic is cyclic


@pytest.mark.parametrize("name", SMALL)
def test_element_order_is_the_least_power_to_give_identity(name: str) -> None:
    group = named(name)
    for a, k in enumerate(group.element_orders):
        returns = [power(group, a, j) == group.identity for j in range(1, k + 1)]
        assert returns == [False] * (k - 1) + [True]


def test_generators_generate(name: str) -> None:
    group = named(name)
    reached = {group.identity}
    while more := {int(group.table[a, g]) for a in reached for g in group.generators} - reached:
        reached |= more
    assert len(reached) == group.order
    assert len(group.generators) <= np.log2(group.order)


def test_number_of_classes_is_published(name: str) -> None:
    assert len(named(name).conjugacy_classes) == PUBLISHED[name][1]


@pytest.mark.parametrize("name", SMALL)
def test_classes_are_the_orbits_of_conjugation(name: str) -> None:
    group = named(name)
    table, inverses = group.table, group.inverses
    orbits = {
        tuple(sorted({int(table[table[g, a], inverses[g]]) for g in range(group.order)})) for a in range(group.order)
    }
    assert group.conjugacy_classes == tuple(sorted(orbits))


def test_class_sizes_divide_the_order_and_cover_it(name: str) -> None:
    group = named(name)
    assert sorted(itertools.chain(*group.conjugacy_classes)) == list(range(group.order))
    assert all(group.order % len(members) == 0 for members in group.conjugacy_classes)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("S4", [1, 3, 6, 6, 8]),
        ("A5", [1, 12, 12, 15, 20]),
        ("Q8", [1, 1, 2, 2, 2]),
        ("D11", [1, 2, 2, 2, 2, 2, 11]),
        ("F21", [1, 3, 3, 7, 7]),
        ("SL(2,3)", [1, 1, 4, 4, 4, 4, 6]),
    ],
)
def test_class_sizes_are_published(name: str, sizes: list[int]) -> None:
    assert sorted(len(members) for members in named(name).conjugacy_classes) == sizes


# --- elements as documented ----------------------------------------------------------------------------


def index_of_product(elements: list[np.ndarray], a: int, b: int) -> int:
    distances = [float(np.abs(elements[a] @ elements[b] - e).max()) for e in elements]
    best = int(np.argmin(distances))
    assert distances[best] < 1e-12
    return best


def check_against_matrices(group: Group, elements: list[np.ndarray]) -> None:
    rebuilt = [[index_of_product(elements, a, b) for b in range(group.order)] for a in range(group.order)]
    assert group.table.tolist() == rebuilt


@pytest.mark.parametrize("n", [1, 2, 7, 12])
def test_cyclic_is_addition(n: int) -> None:
    assert cyclic(n).table.tolist() == [[(a + b) % n for b in range(n)] for a in range(n)]


@pytest.mark.parametrize("n", [3, 4, 7])
def test_dihedral_is_rotations_and_reflections_of_the_plane(n: int) -> None:
    cosines, sines = np.cos(2 * np.pi * np.arange(n) / n), np.sin(2 * np.pi * np.arange(n) / n)
    rotations = [np.array([[c, -s], [s, c]]) for c, s in zip(cosines, sines, strict=True)]
    check_against_matrices(dihedral(n), rotations + [r @ np.diag([1.0, -1.0]) for r in rotations])


@pytest.mark.parametrize("n", [2, 3, 6])
def test_dicyclic_is_a_group_of_unit_quaternions(n: int) -> None:
    x = np.array([[0, 1], [-1, 0]], dtype=complex)
    rotations = [np.diag([np.exp(1j * np.pi * i / n), np.exp(-1j * np.pi * i / n)]) for i in range(2 * n)]
    check_against_matrices(dicyclic(n), rotations + [r @ x for r in rotations])


def test_dicyclic_of_two_is_the_quaternion_group() -> None:
    assert (named("Q8").table == dicyclic(2).table).all()
    assert dicyclic(2).name == "Dic2"


@pytest.mark.parametrize("n", [3, 4])
def test_symmetric_is_composition_of_permutations_in_lexicographic_order(n: int) -> None:
    permutations = list(itertools.permutations(range(n)))
    composed = [[permutations.index(tuple(a[b[i]] for i in range(n))) for b in permutations] for a in permutations]
    assert symmetric(n).table.tolist() == composed


def test_alternating_is_the_even_half_of_symmetric() -> None:
    permutations = list(itertools.permutations(range(4)))
    even = [i for i, p in enumerate(permutations) if np.linalg.det(np.eye(4)[list(p)]) > 0]
    within = symmetric(4).table[np.ix_(even, even)]
    assert (np.array(even)[alternating(4).table] == within).all()


@pytest.mark.parametrize(("order", "p", "q", "r"), [(6, 3, 2, 2), (20, 5, 4, 2), (21, 7, 3, 2), (55, 11, 5, 3)])
def test_frobenius_is_composition_of_affine_maps(order: int, p: int, q: int, r: int) -> None:
    maps = [tuple((r**k * t + x) % p for t in range(p)) for x in range(p) for k in range(q)]
    composed = [[maps.index(tuple(f[g[t]] for t in range(p))) for g in maps] for f in maps]
    assert frobenius(order).table.tolist() == composed


@pytest.mark.parametrize("p", [2, 3])
def test_special_linear_is_matrix_multiplication(p: int) -> None:
    matrices = [m for m in itertools.product(range(p), repeat=4) if (m[0] * m[3] - m[1] * m[2]) % p == 1]
    stack = np.array(matrices).reshape(-1, 2, 2)
    products = np.einsum("aij,bjk->abik", stack, stack) % p
    assert (stack[special_linear(2, p).table] == products).all()


@pytest.mark.parametrize("p", [2, 3, 5])
def test_special_linear_has_order_p_cubed_minus_p(p: int) -> None:
    assert special_linear(2, p).order == p**3 - p


def test_direct_product_multiplies_factor_by_factor() -> None:
    left, right = symmetric(3), cyclic(4)
    product = direct_product(left, right)
    for a, b in np.ndindex(product.table.shape):
        (a1, a2), (b1, b2) = divmod(a, 4), divmod(b, 4)
        assert product.table[a, b] == left.table[a1, b1] * 4 + right.table[a2, b2]


def test_direct_product_is_associative_in_its_factors() -> None:
    z2, d3, z3 = cyclic(2), dihedral(3), cyclic(3)
    flat, nested = direct_product(z2, d3, z3), direct_product(z2, direct_product(d3, z3))
    assert (flat.table == nested.table).all()
    assert flat.name == nested.name == "Z2xD3xZ3"


def test_direct_product_of_coprime_cyclic_groups_is_cyclic() -> None:
    assert sorted(named("Z3xZ8").element_orders) == sorted(named("Z24").element_orders)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.sampled_from(["Z5", "D4", "Q8", "A4", "F21", "Z2xZ2xZ6"]), st.randoms(use_true_random=False))
def test_renumbered_group_keeps_its_laws(name: str, random) -> None:
    group = named(name)
    new = list(range(group.order))
    random.shuffle(new)
    old = np.argsort(new)
    renumbered = from_table(np.array(new)[group.table[np.ix_(old, old)]])
    assert renumbered.identity == new[group.identity]
    assert (renumbered.inverses == np.array(new)[group.inverses[old]]).all()
    assert (renumbered.element_orders == group.element_orders[old]).all()
    assert len(renumbered.conjugacy_classes) == len(group.conjugacy_classes)


# --- the object ----------------------------------------------------------------------------------------


def test_table_is_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        named("Z3").table[0, 0] = 1


def test_group_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name'"):
        named("Z3").name = "Z4"  # type: ignore[misc]


def test_group_keeps_its_own_copy_of_the_table() -> None:
    table = np.array([[0, 1], [1, 0]])
    group = Group("pair", table)
    table[0, 0] = 1
    assert group.table.tolist() == [[0, 1], [1, 0]]


def test_from_table_takes_lists_and_arrays() -> None:
    rows = cyclic(4).table.tolist()
    assert (from_table(rows).table == from_table(np.array(rows, dtype=np.uint8)).table).all()
    assert from_table(rows).name == "table"
    assert from_table(rows, name="mine").name == "mine"


# --- tables that are no group --------------------------------------------------------------------------


def axioms(rows: list[list[int]]) -> dict[str, bool]:
    """Which axioms a closed table obeys, by brute force; inverses are two-sided."""
    table, elements = np.array(rows), range(len(rows))
    neutral = [e for e in elements if all(table[e, a] == a == table[a, e] for a in elements)]
    inverse = bool(neutral) and all(any(table[a, b] == neutral[0] == table[b, a] for b in elements) for a in elements)
    return {"identity": bool(neutral), "inverse": inverse, "associative": is_associative(table)}


def test_bad_tables_break_just_the_axiom_they_are_for() -> None:
    assert axioms(LEFT_ZERO) == {"identity": False, "inverse": False, "associative": True}
    assert axioms(RIGHT_ZERO) == {"identity": False, "inverse": False, "associative": True}
    assert axioms(TIMES) == {"identity": True, "inverse": False, "associative": True}
    assert axioms(LOOP) == {"identity": True, "inverse": True, "associative": False}
    assert axioms(ONE_SIDED) == {"identity": True, "inverse": False, "associative": False}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 1, 2], [1, 2, 3], [2, 0, 1]], r"closed \(every product one of 0…2\), got '1·2 = 3'; correct that entry$"),
        ([[0, 1], [-1, 0]], r"closed \(every product one of 0…1\), got '1·0 = -1'; correct that entry$"),
        (LEFT_ZERO, r"one with an identity element, got 'no e with e·a = a·e = a for all a'"),
        (RIGHT_ZERO, r"one with an identity element, got 'no e with e·a = a·e = a for all a'"),
        (TIMES, r"one with an inverse for every element, got 'no b with 0·b = b·0 = 1'; correct row 0$"),
        (ONE_SIDED, r"one with an inverse for every element, got 'no b with 1·b = b·1 = 0'; correct row 1$"),
    ],
    ids=["too large", "negative", "no identity", "identities on one side", "no inverse", "inverses on one side"],
)
def test_table_without_an_axiom_is_refused_by_name(rows: list[list[int]], message: str) -> None:
    with pytest.raises(InputError, match=r"^group table 'mine' must be " + message):
        from_table(rows, name="mine")


def test_non_associative_loop_is_refused_with_elements_that_show_it() -> None:
    with pytest.raises(
        InputError, match=r"must be associative, got '\(\d·\d\)·\d = \d but \d·\(\d·\d\) = \d'"
    ) as caught:
        from_table(LOOP)
    x, y, left, right = (int(str(caught.value.value)[i]) for i in (1, 3, 10, -1))
    z = int(str(caught.value.value)[6])
    assert (LOOP[LOOP[x][y]][z], LOOP[x][LOOP[y][z]]) == (left, right)
    assert left != right


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"must be square, got '0 rows of \[\] entries'; give M rows of M entries"),
        ([[0, 1]], r"must be square, got '1 rows of \[2\] entries'"),
        ([[0], [1]], r"must be square, got '2 rows of \[1\] entries'"),
        ([[0, 1], [1]], r"must be square, got '2 rows of \[1, 2\] entries'"),
    ],
    ids=["empty", "wide", "tall", "ragged"],
)
def test_table_that_is_not_square_is_refused(rows: list[list[int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_table(rows)


@pytest.mark.parametrize("shape", [(0, 0), (2, 3), (4,), (2, 2, 2)], ids=str)
def test_array_that_is_not_square_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"must be square with at least one row, got 'shape \("):
        Group("array", np.zeros(shape, dtype=np.int64))


def latin_squares(order: int, first: list[list[int]], column: list[int] | None = None) -> Iterator[list[list[int]]]:
    """Every Latin square that begins with the given rows and, if given, this first column."""
    if len(first) == order:
        yield first
        return
    for row in itertools.permutations(range(order)):
        starts_right = column is None or row[0] == column[len(first)]
        if starts_right and all(x != y for above in first for x, y in zip(row, above, strict=True)):
            yield from latin_squares(order, [*first, list(row)], column)


def is_accepted(rows: list[list[int]]) -> bool:
    try:
        from_table(rows)
    except InputError:
        return False
    return True


def test_of_all_tables_of_order_two_just_two_are_groups() -> None:
    tables = [[[a, b], [c, d]] for a, b, c, d in itertools.product(range(2), repeat=4)]
    assert [t for t in tables if is_accepted(t)] == [[[0, 1], [1, 0]], [[1, 0], [0, 1]]]


def test_of_all_latin_squares_of_order_four_sixteen_are_groups() -> None:
    # 4!/|Aut Z4| + 4!/|Aut Z2xZ2| = 12 + 4 ways to number the two groups of order 4.
    squares = list(latin_squares(4, []))
    accepted = [is_accepted(square) for square in squares]
    assert (len(squares), sum(accepted)) == (576, 16)


def test_of_all_loops_of_order_five_six_are_groups() -> None:
    # 4!/|Aut Z5| ways to number the one group of order 5 with identity 0; the other 50 loops are not associative.
    loops = list(latin_squares(5, [list(range(5))], column=list(range(5))))
    accepted = [is_accepted(loop) for loop in loops]
    assert (len(loops), sum(accepted)) == (56, 6)
    assert accepted == [is_associative(np.array(loop)) for loop in loops]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(["Z2", "Z7", "D4", "Q8", "A4", "F21"]), st.data())
def test_one_wrong_entry_is_always_found(name: str, data: st.DataObject) -> None:
    table = named(name).table.copy()
    a, b, wrong = (data.draw(st.integers(0, len(table) - 1)) for _ in range(3))
    if wrong == table[a, b]:
        wrong = (wrong + 1) % len(table)
    table[a, b] = wrong
    with pytest.raises(InputError, match=r"must be (one with an identity|one with an inverse|associative)"):
        from_table(table)


# --- names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("Z23", "Z23"),
        ("z23", "Z23"),
        ("C23", "Z23"),
        (" Z 2 3\t", "Z23"),
        ("Z0023", "Z23"),
        ("c2 X z3", "Z2xZ3"),
        ("Z2×D11", "Z2xD11"),
        ("Z2*Z2*z6", "Z2xZ2xZ6"),
        ("d11", "D11"),
        ("s4", "S4"),
        ("a5", "A5"),
        ("q8", "Q8"),
        ("DIC6", "Dic6"),
        ("dic6", "Dic6"),
        ("f21", "F21"),
        ("sl( 2, 3 )", "SL(2,3)"),
        ("Sl(2,3)xc2", "SL(2,3)xZ2"),
        ("smallgroup(16, 03)", "SmallGroup(16,3)"),
        ("Z2xSmallGroup(12,1)", "Z2xSmallGroup(12,1)"),
    ],
)
def test_name_is_read_and_made_canonical(written: str, canonical: str) -> None:
    group = named(written)
    assert group.name == canonical
    assert (named(canonical).table == group.table).all()


def test_canonical_names_read_back_as_themselves(name: str) -> None:
    assert named(name).name == name


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("Z9", cyclic(9)),
        ("D5", dihedral(5)),
        ("S3", symmetric(3)),
        ("A4", alternating(4)),
        ("Dic3", dicyclic(3)),
        ("F20", frobenius(20)),
        ("SL(2,3)", special_linear(2, 3)),
        ("Z2xS3", direct_product(cyclic(2), symmetric(3))),
        ("SmallGroup(16,3)", small_group(16, 3)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_name_is_the_construction(name: str, group: Group) -> None:
    assert named(name).name == group.name
    assert (named(name).table == group.table).all()


UNKNOWN = [
    "",
    " ",
    "23",
    "Z",
    "Zq",
    "X5",
    "Z-3",
    "Z2.5",
    "Z1234567",
    "Z2x",
    "xZ2",
    "Z2xxZ3",
    "Z2,Z3",
    "SL(2)",
    "SL(2,3",
    "SmallGroup(0,1)",
    "SmallGroup(16)",
    "SmallGroup(16,3",
    "SmallGroup(16,-3)",
]
TOO_SMALL = ["Z0", "D0", "S0", "A0", "Dic0", "Q4", "F5"]
NO_QUATERNIONS = ["Q9", "Q10"]


@pytest.mark.parametrize("name", [*UNKNOWN, *TOO_SMALL, *NO_QUATERNIONS], ids=repr)
def test_unknown_name_is_refused(name: str) -> None:
    message = r"^group must be a known name \(Z23, .*; use one of these forms, or give the table"
    with pytest.raises(InputError, match=message) as caught:
        named(name)
    assert caught.value.value == name


@pytest.mark.parametrize("name", ["S7", "A7", "S999999", "Z2xS7"])
def test_large_degree_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"^group must be S or A of degree 6 at most, got '{name}'; use S2 … S6"):
        named(name)


@pytest.mark.parametrize("name", ["F6", "F10", "F42", "F57"])
def test_frobenius_orders_that_exist_are_built(name: str) -> None:
    group = named(name)
    assert group.order == int(name[1:])
    assert not group.is_abelian


@pytest.mark.parametrize("order", [7, 8, 9, 12, 15, 18, 23, 33, 35])
def test_frobenius_orders_that_do_not_exist_are_refused(order: int) -> None:
    message = rf"must be F with an order p·q, where p is prime and q > 1 divides p - 1, got 'F{order}'; use F20"
    with pytest.raises(InputError, match=message):
        named(f"F{order}")


@pytest.mark.parametrize(("n", "p"), [(3, 2), (1, 3), (2, 4), (2, 1), (2, 0), (2, 9)])
def test_other_special_linear_groups_are_refused(n: int, p: int) -> None:
    with pytest.raises(InputError, match=rf"must be SL\(2,p\) with p prime, got 'SL\({n},{p}\)'; use SL\(2,3\)"):
        named(f"SL({n},{p})")


@pytest.mark.parametrize(
    ("name", "order"),
    [
        (f"Z{MAX_ORDER + 1}", MAX_ORDER + 1),
        ("D1001", 2002),
        ("Dic501", 2004),
        ("Z45xZ45", 2025),
        ("S6xZ3", 2160),
        ("F2001", 2001),
        ("SL(2,13)", 2184),
        ("Z999999", 999999),
    ],
)
def test_large_group_is_refused_before_it_is_built(name: str, order: int) -> None:
    with pytest.raises(InputError, match=rf"must be of order {MAX_ORDER} at most, got '.* of order {order}'; use a sm"):
        named(name)


def test_largest_group_is_built() -> None:
    assert named(f"Z{MAX_ORDER}").order == MAX_ORDER


# --- files ---------------------------------------------------------------------------------------------


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "mine.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def as_csv(table: np.ndarray) -> str:
    return "\n".join(",".join(map(str, row)) for row in table.tolist())


@pytest.mark.parametrize("base", [0, 1], ids=["from 0", "from 1, as GAP"])
@pytest.mark.parametrize("name", ["Z1", "Z2", "S3", "Q8", "Z2xZ2xZ6"])
def test_csv_reads_either_numbering(tmp_path: Path, name: str, base: int) -> None:
    group = from_csv(write(tmp_path, as_csv(named(name).table + base)))
    assert (group.table == named(name).table).all()
    assert group.name == "mine"


@pytest.mark.parametrize(
    "text",
    ["0,1\n1,0\n", "0,1\r\n1,0\r\n", "0, 1\n 1,0", "\n0,1\n\n1,0\n\n", '"0","1"\n"1","0"'],
    ids=["plain", "dos", "blanks", "empty lines", "quoted"],
)
def test_csv_may_be_laid_out_in_many_ways(tmp_path: Path, text: str) -> None:
    assert from_csv(write(tmp_path, text)).table.tolist() == [[0, 1], [1, 0]]


def test_csv_path_may_be_a_string(tmp_path: Path) -> None:
    assert from_csv(str(write(tmp_path, "0"))).order == 1


def test_csv_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^--group-table must be a readable CSV file, got '.*absent\.csv'; .*No such"):
        from_csv(tmp_path / "absent.csv")


def test_csv_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^--group-table must be a readable CSV file, got "):
        from_csv(tmp_path)


#: what is wrong -> (text of the file, message).
BAD_CSV: dict[str, tuple[str | bytes, str]] = {
    "binary": (b"\xff\xfe\x00", r"^--group-table must be a readable CSV file, got '.*mine\.csv'; .*codec can't decode"),
    "empty": ("", r"^--group-table must be a table with at least one row, got '.*mine\.csv'; the file is empty$"),
    "blank": ("\n\n", r"^--group-table must be a table with at least one row, got '.*mine\.csv'; the file is empty$"),
    "word": (
        "0,1\n1,a\n",
        r"^mine\.csv row 1 must be integers separated by commas, got '1,a'; write one row on each line$",
    ),
    "fraction": ("0,1\n1,0.5\n", r"^mine\.csv row 1 must be integers separated by commas, got '1,0\.5'; "),
    "semicolons": ("0;1\n1;0\n", r"^mine\.csv row 0 must be integers separated by commas, got '0;1'; "),
    "trailing comma": ("0,1,\n1,0,\n", r"^mine\.csv row 0 must be integers separated by commas, got '0,1,'; "),
    "ragged": ("0,1\n1\n", r"^group table 'mine' must be square, got '2 rows of \[1, 2\] entries'"),
    "wide": ("0,1\n", r"^group table 'mine' must be square, got '1 rows of \[2\] entries'"),
    "not closed": ("0,1\n1,2\n", r"^group table 'mine' must be closed \(every product one of 0…1\), got '1·1 = 2'"),
    "from 2": ("2,3\n3,2\n", r"^group table 'mine' must be closed \(every product one of 0…1\), got '0·0 = 2'"),
    "from 1, no inverse": (
        "1,2\n2,2\n",
        r"must be one with an inverse for every element, got 'no b with 1·b = b·1 = 0'",
    ),
    "from 1, a loop": (as_csv(np.array(LOOP) + 1), r"^group table 'mine' must be associative, got '\("),
}


@pytest.mark.parametrize(("text", "message"), BAD_CSV.values(), ids=BAD_CSV.keys())
def test_bad_csv_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_csv(write(tmp_path, text))


def test_csv_with_too_many_rows_is_refused(tmp_path: Path) -> None:
    message = rf"^--group-table must be of order {MAX_ORDER} at most, got {MAX_ORDER + 1}; use a smaller group$"
    with pytest.raises(InputError, match=message):
        from_csv(write(tmp_path, "0\n" * (MAX_ORDER + 1)))


def test_long_bad_row_is_quoted_in_part(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row 0 must be integers") as caught:
        from_csv(write(tmp_path, ",".join(["x"] * 500)))
    assert len(str(caught.value.value)) == 60


def test_huge_csv_entry(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("99999999999999999999\n")
    with pytest.raises(InputError, match="closed"):
        from_csv(tmp_path / "a.csv")


def test_product_with_sl21_is_refused_before_building(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(groups._FAMILIES, "Z", groups._Family(lambda n: n, lambda n: pytest.fail("built"), 1))
    with pytest.raises(InputError, match=r"must be SL\(2,p\) with p prime"):
        named("Z3000xSL(2,1)")
