"""How a command line describes a network beyond its width, and a rate that changes with time."""

from __future__ import annotations

from typing import Annotated, Any

import typer

__all__ = [
    "DecaySteps",
    "Embedding",
    "EmbeddingDim",
    "Family",
    "Heads",
    "Hidden",
    "Layers",
    "LrDrop",
    "LrFloor",
    "OutputScale",
    "Readout",
    "Residual",
    "ScaleV",
    "Schedule",
    "WarmupSteps",
    "Weights",
    "scheduled",
]

#: Option ``--init-scale-v``; its help says what it does.
ScaleV = Annotated[float, typer.Option(help="factor on the initial output layer; 0 starts it at zero")]
#: Option ``--layers``; its help says what it does.
Layers = Annotated[int, typer.Option(help="matrices from W to V, 2 … 4; more than 2 add hidden layers")]
#: Option ``--residual``; its help says what it does.
Residual = Annotated[bool, typer.Option("--residual", help="hidden layers beyond the first add to it")]
#: Option ``--weights``; its help says what it does.
Weights = Annotated[str, typer.Option(help="real or complex")]
#: Option ``--readout``; its help says what it does.
Readout = Annotated[str, typer.Option(help="trained, or ridge (V solved at each step)")]
#: Option ``--family``; its help says what it does.
Family = Annotated[str, typer.Option(help="mlp, or transformer (one block; --activation relu is usual)")]
#: Option ``--embedding``; its help says what it does.
Embedding = Annotated[str, typer.Option(help="what W reads: one-hot, or rows of a trained table, shared or separate")]
#: Option ``--embedding-dim``; its help says what it does.
EmbeddingDim = Annotated[
    int | None, typer.Option(help="columns of that table, or of a transformer's residual stream (default: 128)")
]
#: Option ``--hidden``; its help says what it does.
Hidden = Annotated[str, typer.Option(help="sum (sigma of the operands' sum), or product of the operands")]
#: Option ``--heads``; its help says what it does.
Heads = Annotated[int | None, typer.Option(help="attention heads of a transformer (default: 4)")]
#: Option ``--output-scale``; its help says what it does.
OutputScale = Annotated[float, typer.Option(help="factor on the outputs")]

#: Option ``--schedule``; its help says what it does.
Schedule = Annotated[str, typer.Option(help="of the learning rate: constant, linear-warmup, cosine or step")]
#: Option ``--warmup-steps``; its help says what it does.
WarmupSteps = Annotated[int | None, typer.Option(help="updates until the rate is full (default: 10)")]
#: Option ``--decay-steps``; its help says what it does.
DecaySteps = Annotated[
    int | None,
    typer.Option(help="updates until the cosine ends (default: --steps), or from drop to drop (default: 10000)"),
]
#: Option ``--lr-floor``; its help says what it does.
LrFloor = Annotated[float | None, typer.Option(help="share of the rate where the cosine ends (default: 0)")]
#: Option ``--lr-drop``; its help says what it does.
LrDrop = Annotated[float | None, typer.Option(help="factor on the rate at each drop (default: 0.1)")]


def scheduled(schedule: str, steps: int, **numbers: float | None) -> dict[str, Any]:
    """Fields of `Optimizer` for a schedule; a cosine without a length takes that of the run."""
    if schedule == "cosine" and numbers["decay_steps"] is None:
        numbers["decay_steps"] = steps
    return {"schedule": schedule, **numbers}
