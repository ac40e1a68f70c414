"""How a command line describes a task: the options, and the fields of `Task` that they make."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import from_csv
from twopeaks.theory.setting.tables import Table
from twopeaks.theory.setting.task import Task

__all__ = [
    "Expression",
    "FieldSize",
    "GroupName",
    "GroupTable",
    "Noise",
    "Operands",
    "Parity",
    "Unfit",
    "described",
    "refuse",
]

#: Option ``--group``; its help says what it does.
GroupName = Annotated[
    str | None,
    typer.Option(
        "--group",
        help="Z23, Z2xZ2xZ6, D11 (order 22), S4, A5, Q8, Dic6, F21, SL(2,3), SmallGroup(16,3), … (default: Z23)",
    ),
]
#: Option ``--group-table``; its help says what it does.
GroupTable = Annotated[
    Path | None, typer.Option("--group-table", help="CSV file with any group's Cayley table, instead of --group")
]
#: Option ``--operands``; its help says what it does.
Operands = Annotated[int | None, typer.Option(help="elements of the group that are multiplied (default: 2)")]
#: Option ``--expression``; its help says what it does.
Expression = Annotated[
    str | None, typer.Option(help="instead of a group: such as 'x^2 + x*y + y^2'; its letters are the operands")
]
#: Option ``--field``; its help says what it does.
FieldSize = Annotated[
    int | None, typer.Option("--field", help="size of the finite field of --expression, such as 97 or 64 = 2^6")
]
#: Option ``--parity``; its help says what it does.
Parity = Annotated[
    str | None, typer.Option(metavar="N,S", help="instead of a group: parity of the first S of N bits, such as 20,3")
]
#: Option ``--noise``; its help says what it does.
Noise = Annotated[float, typer.Option(help="share of training labels that are replaced by wrong ones, 0 … 1")]
#: An option of `train` that a command cannot take: listed nowhere, refused by `refuse` with the reason.
Unfit = Annotated[str | None, typer.Option(hidden=True)]


def described(
    group: str | None,
    group_table: Path | None,
    *,
    operands: int | None = None,
    expression: str | None = None,
    field: int | None = None,
    parity: str | None = None,
) -> tuple[Table, dict[str, Any]]:
    """What is learned, and the fields of `Task` that say so.

    Raises:
        InputError: if the options name no task, two of them, or one that cannot be.
        ValidationError: if a value is outside its range; `twopeaks.theory.setting.explain` makes it one line.
    """
    ways = {"group": group, "group-table": group_table, "expression": expression, "parity": parity}
    first, *others = [name for name, value in ways.items() if value is not None] or ["group"]
    if others:
        raise InputError(f"--{first}", f"left out where --{others[0]} is given", ways[first], "give one of the two")
    content: dict[str, Any] = {"group": group}
    if group_table is not None:
        found = from_csv(group_table)
        content = {"group": found.name, "table": found.table.tolist()}
    content |= {"operands": operands, "expression": expression, "field": field, "parity": _two_numbers(parity)}
    task = Task.model_validate({name: value for name, value in content.items() if value is not None} | {"samples": 1})
    return task.table_of(), task.model_dump(exclude={"samples"})


def _two_numbers(parity: str | None) -> tuple[int, int] | None:
    if parity is None:
        return None
    found = re.fullmatch(r"\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*", parity)
    if found is None:
        raise InputError("--parity", "two integers N,S", parity, "use e.g. --parity 20,3")
    return int(found[1]), int(found[2])


def refuse(**options: str | None) -> None:
    """Refuse tasks other than pairs from a group, on which predictions rest.

    Raises:
        InputError: if one of these options is given.
    """
    for name, value in options.items():
        if value is not None:
            raise InputError(f"--{name}", "left out here", value, "predictions are for pairs from a group: use --group")
