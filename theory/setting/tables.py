"""Tables: the label of every combination of k operands.

A table is all that a trainer needs of a task: the number of operands, of values of each, of classes, and the label of
each row. Row index x_1 A^(k-1) + ... + x_k, as numpy ravels an array of k axes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import log2

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group
from twopeaks.theory.setting.expressions import MAX_VARIABLES, parse, text_of, values, variables
from twopeaks.theory.setting.fields import finite_field

__all__ = ["MAX_ROWS", "UNDEFINED", "Table", "expression_table", "parity_table", "product_table"]

#: Most rows of a table: its labels take 32 MB, and a trainer needs as much for each member.
MAX_ROWS = 2**22

#: Label of a row that has none, such as one that divides by zero. It is neither trained on nor tested.
UNDEFINED = -1


@dataclass(frozen=True, eq=False)
class Table:
    """Labels of all A^k combinations of k operands over an alphabet of A values.

    Attributes:
        name: text to show, such as ``Z23`` or ``x^2 + x*y over GF(97)``.
        operands: k.
        alphabet: A, values of each operand: 0 … A-1.
        classes: C; labels are 0 … C-1.
        labels: (A^k,) int64, read-only; `UNDEFINED` in rows without a label.
    """

    name: str
    operands: int
    alphabet: int
    classes: int
    labels: NDArray[np.int64] = field(repr=False)

    def __post_init__(self) -> None:
        view = self.labels.view()
        view.setflags(write=False)
        object.__setattr__(self, "labels", view)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Indices of the rows that have a label, increasing: what training and testing draw from."""
        return np.flatnonzero(self.labels != UNDEFINED)

    @property
    def complete(self) -> bool:
        """Whether every row has a label."""
        return self.rows.size == self.labels.size

    def digits(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """(k, …) operands x_1 … x_k of the given rows (…)."""
        return np.stack(np.unravel_index(rows, (self.alphabet,) * self.operands))


@lru_cache(maxsize=16)
def product_table(group: Group, operands: int) -> Table:
    """The product x_1·x_2·…·x_k of k elements, in this order.

    Raises:
        InputError: if there are more than `MAX_ROWS` rows.
    """
    _check_rows("operands", operands, group.order, operands)
    labels = np.arange(group.order)
    for _ in range(operands - 1):
        labels = group.table[labels].ravel()
    name = group.name if operands == 2 else f"{group.name}, {operands} operands"
    return Table(name, operands, group.order, group.order, labels)


@lru_cache(maxsize=16)
def expression_table(text: str, q: int) -> Table:
    """Values of an expression over GF(q); the letters in alphabetical order are the operands, every element a class.

    Raises:
        InputError: if the text is no expression, q no prime power, or there are no letters, too many of them, too many
            rows or no row at all where it is defined.
    """
    node, field = parse(text), finite_field(q)
    letters, name = variables(node), text_of(node)
    if not 1 <= len(letters) <= MAX_VARIABLES:
        expectation = f"of 1 to {MAX_VARIABLES} different letters"
        raise InputError("expression", expectation, text, "the letters are the operands")
    _check_rows("field", q, q, len(letters))
    elements, defined = values(node, field)
    if not defined.any():
        raise InputError(
            "expression", f"defined somewhere over GF({q})", text, "it always divides by zero: use another"
        )
    labels = np.where(defined, elements, UNDEFINED).ravel()
    return Table(f"{name} over GF({q})", len(letters), q, q, labels)


@lru_cache(maxsize=16)
def parity_table(bits: int, relevant: int) -> Table:
    """Parity x_1 + … + x_s mod 2 of the first s of N bits.

    Raises:
        InputError: unless 1 <= s <= N, or if there are more than `MAX_ROWS` rows.
    """
    if not 1 <= relevant <= bits:
        remedy = "give the number of bits, then how many of them count"
        raise InputError("parity", "N,s with 1 <= s <= N", f"{bits},{relevant}", remedy)
    _check_rows("parity", f"{bits},{relevant}", 2, bits)
    counted = np.bitwise_count(np.arange(2**bits) >> (bits - relevant))
    return Table(f"parity of {relevant} of {bits} bits", bits, 2, 2, counted.astype(np.int64) % 2)


def _check_rows(name: str, value: object, alphabet: int, operands: int) -> None:
    # Logarithms, because alphabet^operands may be too large to compute.
    if operands * log2(alphabet) > log2(MAX_ROWS):
        expectation = f"small enough for {MAX_ROWS} rows at most, not {alphabet}^{operands}"
        raise InputError(name, expectation, value, "take fewer operands, or fewer values of each")
