"""A moving picture on standard error: whether the terminal can show one, and how often it is drawn."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

__all__ = ["drawable", "moving"]

#: Seconds between frames, at least and at most; part of the processor's time that drawing may take in between.
_FRAME, _LATEST, _SHARE = 0.3, 2.0, 0.03


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


@contextmanager
def moving(live: Live) -> Iterator[None]:
    """Draw a picture at intervals while the context lasts, and once more at its end, from a thread of its own.

    Training waits for the interpreter while a frame is drawn; so frames are as rare as the machine is busy elsewhere.
    """
    ended = threading.Event()
    drawing = threading.Thread(target=_draw, args=(live, ended), daemon=True)
    with live:
        drawing.start()
        try:
            yield
        finally:
            ended.set()
            drawing.join()


def _draw(live: Live, ended: threading.Event) -> None:
    begun, latest = time.process_time(), time.monotonic()
    while not ended.wait(_FRAME):
        allowed = _SHARE * (time.process_time() - begun)
        if time.thread_time() <= allowed or time.monotonic() - latest >= _LATEST:
            latest = time.monotonic()
            live.refresh()
