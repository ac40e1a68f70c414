"""Docstrings as they are written here, made ready for Sphinx.

They are plain text with names in backticks: ``|W|^2``, ``a*b`` and ``x_`` mean themselves, not the substitutions,
emphasis and references that reStructuredText sees in them.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["plain", "setup"]

_CODE = re.compile(r"(``.+?``|`[^`]+`)")
_MARKS = re.compile(r"([|*]|(?<=\w)_(?!\w))")
_FIELD = re.compile(r"^:(ivar|param) [\w, ]+:")
_BULLET = re.compile(r"^(\s*[*-] )(.*)$")


def plain(lines: list[str]) -> list[str]:
    """The lines with marks of reStructuredText escaped, but for bullets, examples and what is in backticks."""
    return [line if line.lstrip().startswith(">>>") else _escaped(line) for line in lines]


def _escaped(line: str) -> str:
    found = _BULLET.match(line)
    before, text = found.groups() if found else ("", line)
    parts = _CODE.split(text)
    return before + "".join(p if i % 2 else _MARKS.sub(r"\\\1", p) for i, p in enumerate(parts))


def _before_sections(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    lines[:] = plain(lines)
    if what in ("attribute", "data", "property"):
        lines.insert(0, "")  # else what stands before a colon is taken for the type


def _after_sections(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    lines[:] = [_together(line) for line in lines]


def _together(line: str) -> str:
    """Fields of several names, ``:ivar low, high:``, with nothing between that makes the first one a type."""
    return _FIELD.sub(lambda found: found[0].replace(", ", ",\u200b"), line)


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx use it, before and after napoleon reads the sections."""
    app.connect("autodoc-process-docstring", _before_sections, priority=400)
    app.connect("autodoc-process-docstring", _after_sections, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
