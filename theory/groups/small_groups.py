"""Every group of an order, in the numbering of GAP's SmallGroups library: ``SmallGroup(order, index)``.

Up to order 32 all 144 groups come with the package (``data/small_groups.txt``, written by ``data/small_groups.g``);
above that the same script asks GAP, where it is installed. Elements are numbered from 0 as in GAP's sorted list of
the group, so that tables equal GAP's ``MultiplicationTable(SmallGroup(order, index))`` minus 1; 0 is the identity.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups.axioms import Table

__all__ = ["SHIPPED_ORDER", "multiplication_table", "number_of_small_groups", "structure_description"]

#: All groups up to this order come with the package.
SHIPPED_ORDER = 32

#: GAP takes seconds; descriptions of a few large groups take very long.
_GAP_SECONDS = 300

_LINE = re.compile(r"^(\d+) (\d+) \| (.+?) \| ([\d |]+)$", flags=re.MULTILINE)


@dataclass(frozen=True)
class _Entry:
    """One line of the table: a description, and the columns x·g of the Cayley table for generators g."""

    order: int
    index: int
    description: str
    columns: tuple[NDArray[np.int64], ...]


def multiplication_table(order: int, index: int) -> Table:
    """(M, M) Cayley table of the group that GAP calls ``SmallGroup(order, index)``.

    Raises:
        InputError: if there is no such group, or it needs GAP and GAP does not give it.
    """
    columns = _entry(order, index).columns
    table = np.full((order, order), -1, dtype=np.int64)
    table[:, 0] = np.arange(order)
    reached = [0]
    for x in reached:
        for column in columns:
            y = int(column[x])
            if table[0, y] < 0:
                table[:, y] = column[table[:, x]]  # a·(x·g) = (a·x)·g
                reached.append(y)
    return table


def structure_description(order: int, index: int) -> str:
    """How the group is built, in GAP's words: ``(C4 x C2) : C2``, where ``D8`` is the dihedral group *of order 8*.

    Groups that are not isomorphic may share a description.

    Raises:
        InputError: as `multiplication_table` does.
    """
    return _entry(order, index).description


def number_of_small_groups(order: int) -> int:
    """Number of groups of an order, up to isomorphism.

    Raises:
        InputError: for orders that need GAP, if GAP does not know them.
    """
    if order <= SHIPPED_ORDER:
        return Counter(n for n, _ in _shipped())[order]
    return _count_of_gap(order, 0, _ask_gap(order, 0))


@lru_cache(maxsize=64)
def _entry(order: int, index: int) -> _Entry:
    shipped = _shipped()
    if order <= SHIPPED_ORDER:
        if (order, index) not in shipped:
            raise _no_such_group(order, index, number_of_small_groups(order))
        return shipped[order, index]
    answer = _ask_gap(order, index)
    for entry in _parse(answer):
        return entry
    raise _no_such_group(order, index, _count_of_gap(order, index, answer))


@cache
def _shipped() -> dict[tuple[int, int], _Entry]:
    text = (resources.files("twopeaks.theory.groups") / "data" / "small_groups.txt").read_text(encoding="utf-8")
    return {(entry.order, entry.index): entry for entry in _parse(text)}


def _parse(text: str) -> Iterable[_Entry]:
    for order, index, description, columns in _LINE.findall(text):
        numbers = tuple(np.array(column.split(), dtype=np.int64) for column in columns.split("|"))
        yield _Entry(int(order), int(index), description, numbers)


def _ask_gap(order: int, index: int) -> str:
    """What GAP prints about a group: its line, or the number of groups of that order if there is no such index."""
    gap = shutil.which("gap")
    if gap is None:
        raise _refused(f"of order {SHIPPED_ORDER} at most without GAP", order, index)
    script = (resources.files("twopeaks.theory.groups") / "data" / "small_groups.g").read_text(encoding="utf-8")
    program = f"{script}\nPrintSmallGroup({order:d}, {index:d});\n"
    try:
        return subprocess.run(
            [gap, "-q", "-A"], input=program, capture_output=True, text=True, timeout=_GAP_SECONDS, check=False
        ).stdout
    except subprocess.TimeoutExpired as error:
        raise _refused(f"one that GAP finds within {_GAP_SECONDS} seconds", order, index) from error
    except OSError as error:
        raise _refused(f"one that GAP gives, but {gap} does not start ({error})", order, index) from error


def _count_of_gap(order: int, index: int, answer: str) -> int:
    count = re.search(r"^number of groups (\d+)$", answer, flags=re.MULTILINE)
    if count is None:
        last = (answer.strip().splitlines() or ["nothing"])[-1]
        raise _refused(f"one that GAP knows (its answer: {last[:80]})", order, index)
    return int(count[1])


def _no_such_group(order: int, index: int, count: int) -> InputError:
    expectation = f"SmallGroup({order},i) with i from 1 to {count}" if count else "SmallGroup(n,i) with n of 1 or more"
    return InputError("group", expectation, f"SmallGroup({order},{index})", "correct the numbers")


def _refused(expectation: str, order: int, index: int) -> InputError:
    remedy = "install GAP with its library SmallGrp, or give the table with --group-table"
    return InputError("group", expectation, f"SmallGroup({order},{index})", remedy)
