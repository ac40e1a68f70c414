"""Checks the axioms of a group on a table of products; the error names the axiom and the elements."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.errors import InputError

__all__ = ["Table", "check_axioms", "generating_set"]

#: (M, M) products: ``table[a, b]`` is a·b.
Table = NDArray[np.int64]


def check_axioms(name: str, table: Table) -> None:
    """Check that (M, M) products form a group.

    Raises:
        InputError: naming the first axiom that fails and elements that show it.
    """

    def fail(expectation: str, value: str, remedy: str) -> InputError:
        return InputError(f"group table {name!r}", expectation, value, remedy)

    if table.ndim != 2 or table.shape[0] != table.shape[1] or table.shape[0] == 0:
        raise fail("square with at least one row", f"shape {table.shape}", "give M rows of M entries")
    order = table.shape[0]
    outside = np.argwhere((table < 0) | (table >= order))
    if outside.size:
        a, b = (int(i) for i in outside[0])
        raise fail(f"closed (every product one of 0…{order - 1})", f"{a}·{b} = {table[a, b]}", "correct that entry")
    elements = np.arange(order)
    neutral = np.flatnonzero((table == elements).all(axis=1) & (elements == table.T).all(axis=1))
    if neutral.size == 0:
        raise fail("one with an identity element", "no e with e·a = a·e = a for all a", "give a group's table")
    identity = int(neutral[0])
    _check_inverses(fail, table, identity)
    _check_associative(fail, table, identity)


def _check_inverses(fail: Callable[[str, str, str], InputError], table: Table, identity: int) -> None:
    is_identity = table == identity
    without = np.flatnonzero(~(is_identity & is_identity.T).any(axis=1))
    if without.size:
        a = int(without[0])
        raise fail("one with an inverse for every element", f"no b with {a}·b = b·{a} = {identity}", f"correct row {a}")


def _check_associative(fail: Callable[[str, str, str], InputError], table: Table, identity: int) -> None:
    # Light's test: the y with (x·y)·z = x·(y·z) for all x, z are closed under products, so generators do.
    for y in generating_set(table, identity):
        left, right = table[table[:, y], :], table[:, table[y, :]]
        if not np.array_equal(left, right):
            x, z = (int(i) for i in np.argwhere(left != right)[0])
            raise fail(
                "associative",
                f"({x}·{y})·{z} = {left[x, z]} but {x}·({y}·{z}) = {right[x, z]}",
                "give a group's table",
            )


def generating_set(table: Table, identity: int) -> list[int]:
    """Elements whose products are everything, found greedily: at most log2 M of them for a group."""
    inside = np.zeros(table.shape[0], dtype=bool)
    inside[identity] = True
    generators: list[int] = []
    while not inside.all():
        generators.append(int(np.argmin(inside)))
        inside[generators[-1]] = True
        while True:
            members = np.flatnonzero(inside)
            products = table[np.ix_(members, members)]
            if inside[products].all():
                break
            inside[products.ravel()] = True
    return generators
