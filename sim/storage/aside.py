"""Files that are whole or as they were before: written under another name, synced, moved. No torch here."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["ASIDE", "replacing", "sync_folder"]

#: Ending of a file that is being written.
ASIDE = ".part"


@contextmanager
def replacing(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Write ``path`` anew: whenever this is cut short, what was there before is there still.

    Yields a path in the same folder, hidden and with the ending `ASIDE`. The block writes it; then it is moved.

    Args:
        path: the file.
        shared: whether several processes may write it at the same time. Each then has a name of its own, and what
            killed ones left is not overwritten by the next writer: clear it away where no writer can be alive.

    Raises:
        OSError: if it cannot be written; nothing has changed then.
    """
    token = f".{secrets.token_hex(4)}" if shared else ""
    aside = path.with_name(f".{path.name}{token}{ASIDE}")
    try:
        yield aside
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder outlast a loss of power, where the file system can promise that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
