"""How a command line asks for a view of training: on the terminal, and in files for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Live", "TensorBoard"]

#: Option ``--live``; its help says what it does.
Live = Annotated[bool, typer.Option("--live", help="draw the curves on the terminal while they grow, see docs/live.md")]
#: Option ``--tensorboard``; its help says what it does.
TensorBoard = Annotated[
    Path | None,
    typer.Option("--tensorboard", metavar="DIR", help="write event files for TensorBoard below it"),
]
