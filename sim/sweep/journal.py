"""The journal of a sweep: a line of JSON for each event, for people to read. No code decides by it.

Many processes append to one file. A line that was cut off by a kill is skipped when the file is read.
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
    """Write one line, with time, process and machine. Without room or permission nothing is written."""
    if path is None:
        return
    line = {"event": event, "time": round(time.time(), 3), "pid": os.getpid(), "host": platform.node(), **facts}
    with suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            # The line before may be cut off; so this one starts with a line break.
            os.write(descriptor, f"\n{json.dumps(line)}\n".encode())
        finally:
            os.close(descriptor)


def entries(path: Path) -> list[dict[str, Any]]:
    """The events in order, without lines that were cut off; empty if there is no journal."""
    read = []
    with suppress(OSError):
        for line in path.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and "event" in entry:
                    read.append(entry)
    return read
