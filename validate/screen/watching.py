"""What a user asked to see of training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["UNWATCHED", "Watching"]


@dataclass(frozen=True)
class Watching:
    """How training is to be shown.

    Attributes:
        live: a picture on the terminal.
        tensorboard: folder for event files.
    """

    live: bool = False
    tensorboard: Path | None = None


#: Nothing is shown.
UNWATCHED = Watching()
