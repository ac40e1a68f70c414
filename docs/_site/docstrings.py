"""Docstrings as they are written here, made ready for Sphinx.

They are plain text with names in backticks: ``|W|^2``, ``a*b`` and ``x_`` mean themselves, not the substitutions,
emphasis and references that reStructuredText sees in them.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["plain", "setup"]

_CODE = re.compile(r"(``.+?``|`[^`]+`)")
_CLASS = re.compile(r"(?<!`)`([A-Z][A-Za-z]+)`(?!`)")
_MARKS = re.compile(r"([|*]|(?<=\w)_(?!\w))")
_FIELD = re.compile(r"^:(ivar|param) [\w, ]+:")
_BULLET = re.compile(r"^(\s*[*-] )(.*)$")


def plain(lines: list[str]) -> list[str]:
    """The lines with marks of reStructuredText escaped, but for bullets, examples and what is in backticks.

    A block that is indented, after a blank line and a colon, is set as it stands.
    """
    found: list[str] = []
    margin: int | None = None  # of the line before a block that is set as it stands
    for i, line in enumerate(lines):
        if margin is not None and line.strip() and _indent(line) <= margin:
            margin = None
        if margin is not None or line.lstrip().startswith(">>>"):
            found.append(line)
            continue
        shown = _escaped(line)
        if line.rstrip().endswith(":") and _deeper(line, lines[i + 1 :]):
            margin = _indent(line)
            shown = shown.rstrip().rstrip(":") + "::"
        found.append(shown)
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _deeper(line: str, after: list[str]) -> bool:
    """Whether what follows, after a blank line, is indented."""
    if not after or after[0].strip():
        return False
    following = next((text for text in after if text.strip()), "")
    return _indent(following) > _indent(line) and not _BULLET.match(following)


def _escaped(line: str) -> str:
    found = _BULLET.match(line)
    before, text = found.groups() if found else ("", line)
    parts = _CODE.split(_CLASS.sub(r"`.\1`", text))  # a class, in whatever module it is
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
