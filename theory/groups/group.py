"""Finite groups as Cayley tables: ``table[a, b]`` is the product a·b, nothing else.

Elements are the integers 0 … M-1. Every table is checked against the axioms when a `Group` is made, so code may rely
on them.
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import small_groups
from twopeaks.theory.groups.axioms import Table, check_axioms, generating_set

__all__ = [
    "MAX_ORDER",
    "Group",
    "alternating",
    "cyclic",
    "dicyclic",
    "dihedral",
    "direct_product",
    "frobenius",
    "from_csv",
    "from_table",
    "named",
    "small_group",
    "special_linear",
    "symmetric",
]

#: Largest order that is built: a table of 2000 x 2000 already takes 32 MB and a training set far more.
MAX_ORDER = 2000


@dataclass(frozen=True, eq=False)
class Group:
    """A finite group H of order M.

    Attributes:
        name: canonical name, such as ``"Z2xD11"``.
        table: (M, M) int64, read-only; ``table[a, b]`` is a·b.

    Raises:
        InputError: if the table breaks an axiom; the message names the axiom and the elements.
    """

    name: str
    table: Table = field(repr=False)

    def __post_init__(self) -> None:
        table = np.array(self.table, dtype=np.int64)
        check_axioms(self.name, table)
        table.setflags(write=False)
        object.__setattr__(self, "table", table)

    @property
    def order(self) -> int:
        """Number of elements M."""
        return int(self.table.shape[0])

    @cached_property
    def identity(self) -> int:
        """The element e with e·a = a·e = a."""
        return int(np.argmax((self.table == np.arange(self.order)).all(axis=1)))

    @cached_property
    def inverses(self) -> NDArray[np.int64]:
        """(M,) array: ``inverses[a]`` is the element with a·a^-1 = e."""
        return np.asarray(np.argmax(self.table == self.identity, axis=1), dtype=np.int64)

    @cached_property
    def is_abelian(self) -> bool:
        """Whether a·b = b·a for all a, b."""
        return bool((self.table == self.table.T).all())

    @cached_property
    def is_cyclic(self) -> bool:
        """Whether one element generates all others."""
        return bool(self.element_orders.max() == self.order)

    @cached_property
    def element_orders(self) -> NDArray[np.int64]:
        """(M,) array: the least k >= 1 with a^k = e."""
        elements = np.arange(self.order)
        power, orders = elements.copy(), np.zeros(self.order, dtype=np.int64)
        for k in range(1, self.order + 1):
            orders[(orders == 0) & (power == self.identity)] = k
            if orders.all():
                break
            power = self.table[power, elements]
        return orders

    @cached_property
    def generators(self) -> tuple[int, ...]:
        """Elements whose products are all of H, at most log2 M of them."""
        return tuple(generating_set(self.table, self.identity))

    @cached_property
    def conjugacy_classes(self) -> tuple[tuple[int, ...], ...]:
        """Classes {g a g^-1}, each sorted, in order of their smallest element."""
        conjugates = self.table[self.table, self.inverses[:, None]]  # [g, a] -> (g a) g^-1
        return tuple(sorted({tuple(int(g) for g in np.unique(column)) for column in conjugates.T}))


# --- constructions -------------------------------------------------------------------------------------


def _from_elements(name: str, elements: Sequence[Hashable], product: Callable[..., Hashable]) -> Group:
    """Group whose table is computed from a product on hashable elements."""
    index = {element: i for i, element in enumerate(elements)}
    rows = [[index[product(a, b)] for b in elements] for a in elements]
    return Group(name, np.array(rows, dtype=np.int64))


def cyclic(n: int) -> Group:
    """Z_n, addition of integers mod n."""
    elements = np.arange(n)
    return Group(f"Z{n}", (elements[:, None] + elements[None, :]) % n)


def direct_product(*factors: Group) -> Group:
    """Direct product; element (a, b) of G x H is a·|H| + b."""
    table, name = factors[0].table, factors[0].name
    for other in factors[1:]:
        m = other.order
        table = np.kron(table, np.full_like(other.table, m)) + np.tile(other.table, table.shape)
        name = f"{name}x{other.name}"
    return Group(name, table)


def dihedral(n: int) -> Group:
    """D_n of order 2n (symmetries of the n-gon): element r^i s^j is i + n·j, with s r = r^-1 s."""

    def product(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        return (a[0] + (-b[0] if a[1] else b[0])) % n, (a[1] + b[1]) % 2

    return _from_elements(f"D{n}", [(i, j) for j in range(2) for i in range(n)], product)


def dicyclic(n: int, name: str | None = None) -> Group:
    """Dic_n of order 4n: a^i x^j is i + 2n·j, with a^2n = 1, x^2 = a^n, x a = a^-1 x. Dic_2 is Q8."""

    def product(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        carry = n if a[1] and b[1] else 0
        return (a[0] + (-b[0] if a[1] else b[0]) + carry) % (2 * n), (a[1] + b[1]) % 2

    elements = [(i, j) for j in range(2) for i in range(2 * n)]
    return _from_elements(name or f"Dic{n}", elements, product)


def _permutation_group(name: str, permutations: list[tuple[int, ...]]) -> Group:
    return _from_elements(name, permutations, lambda a, b: tuple(a[i] for i in b))


def _is_even(permutation: tuple[int, ...]) -> bool:
    return sum(a > b for a, b in itertools.combinations(permutation, 2)) % 2 == 0


def symmetric(n: int) -> Group:
    """S_n, permutations of n points in lexicographic order; (a·b)(i) = a(b(i))."""
    return _permutation_group(f"S{n}", list(itertools.permutations(range(n))))


def alternating(n: int) -> Group:
    """A_n, the even permutations of n points in lexicographic order; (a·b)(i) = a(b(i))."""
    return _permutation_group(f"A{n}", [p for p in itertools.permutations(range(n)) if _is_even(p)])


def frobenius(order: int) -> Group:
    """Frobenius group Z_p ⋊ Z_q of the given order p·q, with p prime and q > 1 dividing p - 1.

    Element (x, k) is k + q·x and stands for the map t -> r^k t + x on Z_p, with r of order q mod p.
    F21 = Z7 ⋊ Z3, F20 = Z5 ⋊ Z4, F55 = Z11 ⋊ Z5.
    """
    p, q = _frobenius_factors(order)
    r = next(r for r in range(2, p) if _multiplicative_order(r, p) == q)

    def product(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        return (a[0] + pow(r, a[1], p) * b[0]) % p, (a[1] + b[1]) % q

    return _from_elements(f"F{order}", [(x, k) for x in range(p) for k in range(q)], product)


def _frobenius_factors(order: int) -> tuple[int, int]:
    for p in range(order // 2, 2, -1):
        if order % p == 0 and _is_prime(p) and (p - 1) % (order // p) == 0:
            return p, order // p
    raise InputError(
        "group",
        "F with an order p·q, where p is prime and q > 1 divides p - 1",
        f"F{order}",
        "use F20, F21, F39, F42, F52, F55, F57, … or give the table with --group-table",
    )


def _is_prime(p: int) -> bool:
    return p > 1 and all(p % i for i in range(2, math.isqrt(p) + 1))


def _multiplicative_order(r: int, p: int) -> int:
    return next(k for k in range(1, p) if pow(r, k, p) == 1)


def special_linear(n: int, p: int) -> Group:
    """SL(2, p): 2 x 2 matrices of determinant 1 over the field of p elements, p prime."""
    if n != 2 or not _is_prime(p):
        raise InputError("group", "SL(2,p) with p prime", f"SL({n},{p})", "use SL(2,3) or SL(2,5)")
    matrices = [m for m in itertools.product(range(p), repeat=4) if (m[0] * m[3] - m[1] * m[2]) % p == 1]

    def product(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
        return (
            (a[0] * b[0] + a[1] * b[2]) % p,
            (a[0] * b[1] + a[1] * b[3]) % p,
            (a[2] * b[0] + a[3] * b[2]) % p,
            (a[2] * b[1] + a[3] * b[3]) % p,
        )

    return _from_elements(f"SL(2,{p})", matrices, product)


def small_group(order: int, index: int) -> Group:
    """The group that GAP calls ``SmallGroup(order, index)``, elements numbered as in GAP's MultiplicationTable.

    Raises:
        InputError: if there is none, or none without GAP (orders above 32).
    """
    return Group(f"SmallGroup({order},{index})", small_groups.multiplication_table(order, index))


# --- names and files -----------------------------------------------------------------------------------

_FORMS = "Z23, Z2xZ2xZ6, D11 (order 22), S4, A5, Q8, Dic6 (order 24), F21, SL(2,3), SmallGroup(16,3)"


@dataclass(frozen=True)
class _Family:
    order: Callable[[int], int]
    build: Callable[[int], Group]
    least: int


_FAMILIES: dict[str, _Family] = {
    "Z": _Family(lambda n: n, cyclic, 1),
    "C": _Family(lambda n: n, cyclic, 1),
    "D": _Family(lambda n: 2 * n, dihedral, 1),
    "S": _Family(math.factorial, symmetric, 1),
    "A": _Family(lambda n: max(1, math.factorial(n) // 2), alternating, 1),
    "Q": _Family(lambda n: n, lambda n: dicyclic(n // 4, f"Q{n}"), 8),
    "DIC": _Family(lambda n: 4 * n, dicyclic, 1),
    "F": _Family(lambda n: n, frobenius, 6),
}


def named(name: str) -> Group:
    """The group of a name, such as ``Z23``, ``Z2xZ2xZ6``, ``D11``, ``S4``, ``SL(2,3)``, ``SmallGroup(16,3)``.

    D_n has order 2n, Dic_n order 4n, F_m order m; SmallGroup(n,i) is of order n and has GAP's index i.
    Case and blanks do not matter; ``x`` joins factors.

    Raises:
        InputError: if the name is not understood or the group would be larger than `MAX_ORDER`.
    """
    parts = re.split(r"[x×*]", re.sub(r"\s", "", name), flags=re.IGNORECASE)
    parsed = [_parse_factor(name, part) for part in parts]
    order = math.prod(order for order, _ in parsed)
    if order > MAX_ORDER:
        raise InputError("group", f"of order {MAX_ORDER} at most", f"{name} of order {order}", "use a smaller one")
    factors = [build() for _, build in parsed]
    return direct_product(*factors) if len(factors) > 1 else factors[0]


def _parse_factor(name: str, part: str) -> tuple[int, Callable[[], Group]]:
    """(order, builder) of one factor of a product name; nothing is built yet, so size can be judged first."""
    unknown = InputError(
        "group", f"a known name ({_FORMS})", name, "use one of these forms, or give the table with --group-table"
    )
    if matrix := re.fullmatch(r"SL\((\d{1,3}),(\d{1,3})\)", part, flags=re.IGNORECASE):
        n, p = int(matrix[1]), int(matrix[2])
        if not _is_prime(p):
            special_linear(n, p)  # raises the error
        return p**3 - p, lambda: special_linear(n, p)
    if small := re.fullmatch(r"SmallGroup\(0*([1-9]\d{0,5}),(\d{1,9})\)", part, flags=re.IGNORECASE):
        order, index = int(small[1]), int(small[2])
        return order, lambda: small_group(order, index)
    match = re.fullmatch(r"([A-Z]+)(\d{1,6})", part, flags=re.IGNORECASE)
    family = _FAMILIES.get(match[1].upper()) if match else None
    if match is None or family is None:
        raise unknown
    n = int(match[2])
    if n < family.least or (match[1].upper() == "Q" and n % 4):
        raise unknown
    if family.build in (symmetric, alternating) and n > 6:
        raise InputError("group", "S or A of degree 6 at most", name, "use S2 … S6 or A2 … A6")
    return family.order(n), lambda: family.build(n)


def from_table(table: Sequence[Sequence[int]] | NDArray[np.integer], name: str = "table") -> Group:
    """Group of a Cayley table with entries 0 … M-1.

    Raises:
        InputError: naming the axiom that fails and the elements that show it.
    """
    rows = [list(row) for row in table]
    lengths = {len(row) for row in rows}
    if lengths != {len(rows)}:
        raise InputError(
            f"group table {name!r}",
            "square",
            f"{len(rows)} rows of {sorted(lengths)} entries",
            "give M rows of M entries",
        )
    for a, row in enumerate(rows):
        for b, entry in enumerate(row):
            if entry != int(entry) or not 0 <= entry < len(rows):
                expectation = f"closed (every product one of 0…{len(rows) - 1})"
                raise InputError(f"group table {name!r}", expectation, f"{a}·{b} = {entry}", "correct that entry")
    return Group(name, np.array(rows, dtype=np.int64))


def from_csv(path: str | Path) -> Group:
    """Group of a CSV file: M rows of M integers, elements numbered from 0 or, as GAP does, from 1.

    Raises:
        InputError: if the file cannot be read, has other than integers, or is no group's table.
    """
    path = Path(path)
    try:
        rows = [row for row in csv.reader(path.read_text(encoding="utf-8-sig").splitlines()) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError("--group-table", "a readable CSV file", str(path), f"check the file: {error}") from error
    if not rows:
        raise InputError("--group-table", "a table with at least one row", str(path), "the file is empty")
    if len(rows) > MAX_ORDER:
        raise InputError("--group-table", f"of order {MAX_ORDER} at most", len(rows), "use a smaller group")
    table: list[list[int]] = []
    for i, row in enumerate(rows):
        try:
            table.append([int(entry) for entry in row])
        except ValueError as error:
            raise InputError(
                f"{path.name} row {i}",
                "integers separated by commas",
                ",".join(row)[:60],
                "write one row on each line",
            ) from error
    entries = {entry for row in table for entry in row}
    if entries == set(range(1, len(table) + 1)):
        table = [[entry - 1 for entry in row] for row in table]
    return from_table(table, name=path.stem)
