"""Values of a specification: ranges hit their ends, sizes follow the table, and what is neither is refused."""

from __future__ import annotations

from typing import Any

import pytest

from twopeaks.sim.sweep.quantities import Scaled, points, resolved, scaled
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import named
from twopeaks.theory.setting.tables import expression_table, parity_table, product_table

Z7 = product_table(named("Z7"), 2)
QUOTIENT = expression_table("x/y", 5)  # 20 of 25 rows have a label


@pytest.mark.parametrize(
    ("text", "size"),
    [("3 M", 21), ("3M", 21), ("1.5 M", 10), ("0.4 M^2", 20), ("40%", 20), (" 40 % ", 20), ("1e1 M", 70), (17, 17)],
)
def test_sizes_follow_the_table(text: Any, size: int) -> None:
    assert resolved("samples", text, Z7) == size


def test_percent_is_of_the_rows_that_have_a_label_and_m_counts_classes() -> None:
    assert resolved("samples", "50%", QUOTIENT) == 10
    assert resolved("samples", "2 M", QUOTIENT) == 10
    assert resolved("width", "3 M", parity_table(6, 2)) == 6  # M = 2, whatever the number of operands


def test_other_fields_keep_their_text() -> None:
    assert resolved("activation", "40%", Z7) == "40%"


@pytest.mark.parametrize("text", ["3 N", "M", "-3 M", "3 M^3", "3 M 4", "", "1.2.3 M", "40 %%", "inf M"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"samples must be an integer or .*40%"):
        scaled("samples", text)


def test_a_width_is_no_share_of_the_rows() -> None:
    with pytest.raises(InputError, match='width must be an integer or "14 M", got'):
        scaled("width", "40%")


@pytest.mark.parametrize(
    ("axis", "found"),
    [
        ({"from": 10, "to": 20, "count": 3}, [10, 15, 20]),
        ({"from": 10, "to": 11, "count": 4}, [10, 11]),  # rounded to whole numbers, each once
        ({"from": 8, "to": 128, "count": 5, "spacing": "geometric"}, [8, 16, 32, 64, 128]),
        ({"from": 9, "to": 9, "count": 1}, [9]),
        ([5, "3 M"], [5, "3 M"]),
    ],
)
def test_whole_numbers(axis: Any, found: list[Any]) -> None:
    assert points("samples", axis, whole=True) == found


def test_a_range_of_numbers_has_round_ones() -> None:
    axis = {"from": 1e-4, "to": 1e-2, "count": 3, "spacing": "geometric"}
    assert points("lr", axis, whole=False) == [1e-4, 1e-3, 1e-2]


def test_a_range_of_sizes_with_a_unit_keeps_it() -> None:
    found = points("samples", {"from": "1 M", "to": "3 M", "count": 3}, whole=True)
    assert found == [Scaled(1.0, "M"), Scaled(2.0, "M"), Scaled(3.0, "M")]
    assert [resolved("samples", x, Z7) for x in found] == [7, 14, 21]


NONSENSE: dict[str, tuple[Any, str]] = {
    "one value": (5, "a list of one or more values, or a range"),
    "text": ("5", "a list of one or more values, or a range"),
    "nothing": ([], "a list of one or more values, or a range"),
    "no count": ({"from": 1, "to": 2}, "add count"),
    "unknown key": ({"from": 1, "to": 2, "count": 2, "step": 1}, "remove step"),
    "two units": ({"from": "1 M", "to": "20%", "count": 2}, "of the same unit"),
    "one unit": ({"from": "1 M", "to": 20, "count": 2}, "of the same unit"),
    "no numbers": ({"from": True, "to": 20, "count": 2}, "between two numbers"),
    "no end": ({"from": 1, "to": float("inf"), "count": 2}, "between two numbers"),
    "no points": ({"from": 1, "to": 2, "count": 0}, "count of samples must be between 1 and"),
    "half a point": ({"from": 1, "to": 2, "count": 1.5}, "count of samples must be between 1 and"),
    "too many": ({"from": 1, "to": 2, "count": 10**9}, "count of samples must be between 1 and"),
    "unknown spacing": ({"from": 1, "to": 2, "count": 2, "spacing": "log"}, "linear or geometric"),
    "geometric from zero": ({"from": 0, "to": 2, "count": 2, "spacing": "geometric"}, "between positive ends"),
}


@pytest.mark.parametrize(("axis", "message"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_says_what_is_wrong(axis: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        points("samples", axis, whole=True)
