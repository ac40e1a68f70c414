"""Files that are either whole or not there: written aside, then moved."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twopeaks.sim.storage.aside import replacing

if TYPE_CHECKING:  # writing JSON needs no figures
    from matplotlib.figure import Figure

__all__ = ["finite", "save_figure", "write", "write_json"]


def write(path: Path, text: str) -> None:
    """The text in UTF-8."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """The value as JSON; numbers that are not finite become null."""
    write(path, json.dumps(finite(value), indent=1, allow_nan=False))


def save_figure(figure: Figure, stem: Path, about: Mapping[str, str] | None = None) -> list[Path]:
    """The figure as PNG and PDF; returns both paths.

    Args:
        figure: to be saved.
        stem: folder and name, without an ending.
        about: what the PDF says of itself: Title, Subject, Creator.
    """
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "pdf")]
    for path in paths:
        with replacing(path) as aside:
            # a date in the file would make it another one at each run
            told = {**(about or {}), "CreationDate": None} if path.suffix == ".pdf" else None
            figure.savefig(aside, format=path.suffix[1:], metadata=told)
    return paths


def finite(value: Any) -> Any:
    """The same structure in Python's own types, with null for what is not a finite number, as JSON wants it."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    if isinstance(value, np.generic | np.ndarray):
        return finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
