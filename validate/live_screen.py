"""Whether a picture can be drawn anew and anew where notes and errors go."""

from __future__ import annotations

import sys

from rich.console import Console

__all__ = ["drawable"]


def drawable() -> Console | None:
    """Standard error, if pictures can be drawn there; else nothing, and a note says why."""
    console, reason = Console(stderr=True, highlight=False), ""
    if not sys.stderr.isatty():
        reason = "standard error is no terminal"
    elif console.is_dumb_terminal:
        reason = "this terminal cannot move its cursor (TERM)"
    elif not console.encoding.startswith("utf"):
        reason = f"this terminal shows {console.encoding}, not UTF-8"
    if reason:
        sys.stderr.write(f"note: --live is left out: {reason}\n")
    return None if reason else console
