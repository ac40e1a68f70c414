"""Names of the arithmetics to train in. No torch here: descriptions of sweeps use these names."""

from __future__ import annotations

from typing import Literal, get_args

from twopeaks.theory.errors import InputError

__all__ = ["DTYPES", "DTypeName", "known_dtype"]

#: ``float32``: weights, gradients and products. ``bfloat16``: the same, but factors and results of the products of a
#: training step are rounded to it (8 bits); weights, averages and evaluation keep 24. ``float64``: for checks.
DTypeName = Literal["float32", "bfloat16", "float64"]
#: Names of dtypes, the default first.
DTYPES: tuple[DTypeName, ...] = get_args(DTypeName)


def known_dtype(name: str, value: object) -> DTypeName:
    """The value, checked to be the name of a dtype.

    Args:
        name: of the option or key, for the message.
        value: what was given.

    Raises:
        InputError: if there is no such dtype.
    """
    for dtype in DTYPES:
        if value == dtype:
            return dtype
    raise InputError(name, "float32, bfloat16 (in products) or float64", value, "leave it out for float32")
