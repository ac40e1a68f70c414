"""How a command line asks for a view of training: on the terminal, and in files for TensorBoard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["UNWATCHED", "Live", "TensorBoard", "Watching"]

#: Option ``--live``; its help says what it does.
Live = Annotated[bool, typer.Option("--live", help="draw the curves on the terminal while they grow, see docs/live.md")]
#: Option ``--tensorboard``; its help says what it does.
TensorBoard = Annotated[
    Path | None,
    typer.Option("--tensorboard", metavar="DIR", help="write event files for TensorBoard below it"),
]


@dataclass(frozen=True)
class Watching:
    """What was asked for.

    Attributes:
        live: a picture on the terminal.
        tensorboard: folder for event files.
    """

    live: bool = False
    tensorboard: Path | None = None


#: Nobody looks.
UNWATCHED = Watching()
