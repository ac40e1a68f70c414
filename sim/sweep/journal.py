"""A line of JSON for each thing that happened in a sweep: to look back at, never to decide by.

Many processes append to one file; a line that a kill tore is skipped when it is read.
"""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["JOURNAL", "append", "entries"]

#: Name of the journal in a sweep's folder.
JOURNAL = "journal.jsonl"


def append(path: Path | None, event: str, **facts: Any) -> None:
    """Write one line, with time, process and machine; where there is no room or no right to, do without."""
    if path is None:
        return
    told = {"event": event, "time": round(time.time(), 3), "pid": os.getpid(), "host": platform.node(), **facts}
    with suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            # A line torn before this one must not swallow it, so it begins with a line break of its own.
            os.write(descriptor, f"\n{json.dumps(told)}\n".encode())
        finally:
            os.close(descriptor)


def entries(path: Path) -> list[dict[str, Any]]:
    """What was written, in order, without torn lines; nothing if there is no journal."""
    found = []
    with suppress(OSError):
        for line in path.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                told = json.loads(line)
                if isinstance(told, dict) and "event" in told:
                    found.append(told)
    return found
