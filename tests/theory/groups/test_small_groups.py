"""The table of small groups: counts, isomorphism with groups built otherwise, and what is said where GAP must help."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group, named, small_group, small_groups
from twopeaks.theory.groups.small_groups import (
    SHIPPED_ORDER,
    multiplication_table,
    number_of_small_groups,
    structure_description,
)

#: Groups and abelian groups of each order from 1 to 32 (OEIS A000001, A000688).
ALL = [1, 1, 1, 2, 1, 2, 1, 5, 2, 2, 1, 5, 1, 2, 1, 14, 1, 5, 1, 5, 2, 2, 1, 15, 2, 2, 5, 4, 1, 4, 1, 51]
ABELIAN = [1, 1, 1, 2, 1, 1, 1, 3, 2, 1, 1, 2, 1, 1, 1, 5, 1, 2, 1, 2, 1, 1, 1, 3, 2, 1, 3, 2, 1, 1, 1, 7]
SHIPPED = [(order, index) for order, count in enumerate(ALL, start=1) for index in range(1, count + 1)]

#: Well-known members of the library.
FAMOUS = {
    "Z1": (1, 1), "Z2xZ2": (4, 2), "S3": (6, 1), "Z8": (8, 1), "D4": (8, 3), "Q8": (8, 4), "Dic3": (12, 1),
    "A4": (12, 3), "D6": (12, 4), "Z4xZ4": (16, 2), "D8": (16, 7), "Q16": (16, 9), "Z2xZ2xZ2xZ2": (16, 14),
    "F20": (20, 3), "F21": (21, 1), "D11": (22, 1), "SL(2,3)": (24, 3), "Dic6": (24, 4), "D12": (24, 6),
    "D4xZ3": (24, 10), "Q8xZ3": (24, 11), "S4": (24, 12), "Z31": (31, 1), "Z2xZ2xZ2xZ2xZ2": (32, 51),
}  # fmt: skip

needs_gap = pytest.mark.skipif(shutil.which("gap") is None, reason="needs GAP with its library SmallGrp")


def fingerprint(group: Group) -> Counter[tuple[int, ...]]:
    """How many elements share order, class size and number of square roots, of themselves and of their squares."""
    sizes = np.zeros(group.order, dtype=int)
    for members in group.conjugacy_classes:
        sizes[list(members)] = len(members)
    squares = np.diagonal(group.table)
    roots = np.bincount(squares, minlength=group.order)
    invariants = np.stack([group.element_orders, sizes, roots], axis=1)
    return Counter(map(tuple, np.concatenate([invariants, invariants[squares]], axis=1).tolist()))


def atom(description: str) -> str | None:
    """Our name of one factor of a structure description; GAP counts all elements of D8 where we write D4."""
    match = re.fullmatch(r"([CDQSA])(\d+)", description)
    if match is None:
        return "SL(2,3)" if description == "SL(2,3)" else None
    letter, n = match[1], int(match[2])
    return {"C": f"Z{n}", "D": f"D{n // 2}"}.get(letter, description)


# --- the shipped table ---------------------------------------------------------------------------------


def test_every_order_has_its_number_of_groups() -> None:
    assert [number_of_small_groups(order) for order in range(1, SHIPPED_ORDER + 1)] == ALL
    assert sum(ALL) == 144


def test_every_order_has_its_number_of_abelian_groups() -> None:
    abelian = Counter(order for order, index in SHIPPED if small_group(order, index).is_abelian)
    assert [abelian[order] for order in range(1, SHIPPED_ORDER + 1)] == ABELIAN


@pytest.mark.parametrize("order", [order for order, count in enumerate(ALL, start=1) if count > 1])
def test_groups_of_one_order_are_not_isomorphic(order: int) -> None:
    prints = [fingerprint(small_group(order, index)) for index in range(1, ALL[order - 1] + 1)]
    assert all(a != b for i, a in enumerate(prints) for b in prints[:i])


@pytest.mark.parametrize(("order", "index"), SHIPPED)
def test_group_is_named_by_its_numbers_and_starts_with_the_identity(order: int, index: int) -> None:
    group = small_group(order, index)  # making it checks the axioms
    assert group.name == f"SmallGroup({order},{index})"
    assert (group.order, group.identity) == (order, 0)


@pytest.mark.parametrize("name", FAMOUS)
def test_famous_groups_have_their_published_number(name: str) -> None:
    # Fingerprints tell all groups of one order apart, so an equal one means isomorphic.
    assert fingerprint(named(name)) == fingerprint(small_group(*FAMOUS[name]))


def test_products_of_known_groups_are_what_their_description_says() -> None:
    checked = 0
    for order, index in SHIPPED:
        factors = [atom(part) for part in structure_description(order, index).split(" x ")]
        if order > 1 and None not in factors:
            group = named("x".join(map(str, factors)))
            assert fingerprint(group) == fingerprint(small_group(order, index)), (order, index)
            checked += 1
    assert checked == 90  # the other 54 are semidirect products or extensions


def test_descriptions_are_gaps() -> None:
    assert structure_description(1, 1) == "1"
    assert structure_description(8, 3) == "D8"
    assert structure_description(16, 3) == "(C4 x C2) : C2"
    assert structure_description(24, 12) == "S4"


def test_table_is_a_copy_of_ones_own() -> None:
    multiplication_table(6, 1)[:] = 0
    assert small_group(6, 1).order == 6


def test_products_with_small_groups_are_read() -> None:
    group = named("Z2 x SmallGroup(12,1)")
    assert group.name == "Z2xSmallGroup(12,1)"
    assert fingerprint(group) == fingerprint(named("Z2xDic3"))


@pytest.mark.parametrize(("order", "index", "count"), [(16, 15, 14), (16, 0, 14), (31, 2, 1), (16, -1, 14)])
def test_an_index_that_does_not_exist_is_refused(order: int, index: int, count: int) -> None:
    message = rf"must be SmallGroup\({order},i\) with i from 1 to {count}, got 'SmallGroup\({order},{index}\)'"
    with pytest.raises(InputError, match=message):
        small_group(order, index)


@pytest.mark.parametrize("order", [0, -3])
def test_an_order_that_does_not_exist_is_refused(order: int) -> None:
    with pytest.raises(InputError, match=r"must be SmallGroup\(n,i\) with n of 1 or more"):
        small_group(order, 1)
    assert number_of_small_groups(order) == 0


# --- beyond the table: what is said, with a stand-in for GAP ---------------------------------------------


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a shell script in GAP's place; without a call there is no GAP at all."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def install(body: str, interpreter: str = "/bin/sh") -> None:
        (tmp_path / "gap").write_text(f"#!{interpreter}\n{body}\n")
        (tmp_path / "gap").chmod(0o755)

    small_groups._entry.cache_clear()
    yield install
    small_groups._entry.cache_clear()


def test_without_gap_larger_orders_are_refused(stand_in) -> None:
    message = r"^group must be of order 32 at most without GAP, got 'SmallGroup\(64,5\)'; install GAP"
    with pytest.raises(InputError, match=message):
        named("SmallGroup(64,5)")


def test_too_large_orders_are_refused_before_gap_is_asked(stand_in) -> None:
    with pytest.raises(InputError, match="must be of order 2000 at most"):
        named("SmallGroup(2001,1)")
    with pytest.raises(InputError, match="must be of order 2000 at most"):
        named("SmallGroup(64,5)xZ32")


def test_the_line_that_gap_prints_becomes_the_group(stand_in) -> None:
    stand_in("echo 'a greeting'; echo '33 1 | C33 | " + " ".join(str((x + 1) % 33) for x in range(33)) + "'")
    assert (named("SmallGroup(33,1)").table == named("Z33").table).all()
    assert structure_description(33, 1) == "C33"


def test_gap_is_asked_for_the_number_of_groups(stand_in) -> None:
    stand_in("echo 'number of groups 267'")
    assert number_of_small_groups(64) == 267
    with pytest.raises(InputError, match=r"SmallGroup\(64,i\) with i from 1 to 267, got 'SmallGroup\(64,999\)'"):
        small_group(64, 999)


@pytest.mark.parametrize("said", ["no library for order 1024", "Error, Variable: 'SmallGroupsAvailable'", "nothing"])
def test_other_answers_are_passed_on(stand_in, said: str) -> None:
    stand_in("" if said == "nothing" else f'echo "{said}"')
    with pytest.raises(InputError, match=rf"must be one that GAP knows \(its answer: {said}\), got 'SmallGroup"):
        small_group(1024, 1)


def test_a_gap_that_takes_too_long_is_ended(stand_in, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_groups, "_GAP_SECONDS", 0.1)
    stand_in("while :; do :; done")
    with pytest.raises(InputError, match=r"must be one that GAP finds within 0.1 seconds"):
        small_group(64, 1)


def test_a_gap_that_does_not_start_is_named(stand_in, tmp_path: Path) -> None:
    stand_in("", interpreter="/nonexistent")
    with pytest.raises(InputError, match=rf"must be one that GAP gives, but {tmp_path}/gap does not start"):
        small_group(64, 1)


# --- beyond the table: GAP itself ------------------------------------------------------------------------


def say(program: str) -> str:
    gap = shutil.which("gap")
    assert gap is not None
    script = (resources.files("twopeaks.theory.groups") / "data" / "small_groups.g").read_text()
    return subprocess.run([gap, "-q", "-A"], input=script + program, capture_output=True, text=True, check=True).stdout


@needs_gap
def test_gap_writes_the_shipped_table() -> None:
    shipped = (resources.files("twopeaks.theory.groups") / "data" / "small_groups.txt").read_text()
    # The first line names versions.
    assert say("PrintSmallGroups(32);\n").split("\n")[1:] == shipped.split("\n")[1:]


@needs_gap
def test_tables_are_gaps_multiplication_tables() -> None:
    numbers = [(1, 1), (16, 3), (24, 3), (32, 50), (60, 5), (64, 5)]
    program = "".join(f"MultiplicationTable(SmallGroup({order},{index})), " for order, index in numbers)
    theirs = json.loads(say(f'Print([{program[:-2]}], "\\n");\n'))
    for (order, index), table in zip(numbers, theirs, strict=True):
        assert multiplication_table(order, index).tolist() == (np.array(table) - 1).tolist()


@needs_gap
def test_gap_gives_larger_groups() -> None:
    assert fingerprint(named("SmallGroup(60,5)")) == fingerprint(named("A5"))
    assert structure_description(60, 5) == "A5"
    with pytest.raises(InputError, match=r"SmallGroup\(60,i\) with i from 1 to 13"):
        small_group(60, 14)
