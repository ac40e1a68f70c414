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

ScaleV = Annotated[float, typer.Option(help="factor on the initial output layer; 0 starts it at zero")]
Layers = Annotated[int, typer.Option(help="matrices from W to V, 2 … 4; more than 2 add hidden layers")]
Residual = Annotated[bool, typer.Option("--residual", help="hidden layers beyond the first add to it")]
Weights = Annotated[str, typer.Option(help="real or complex")]
Readout = Annotated[str, typer.Option(help="trained, or ridge (V solved at each step)")]
Family = Annotated[str, typer.Option(help="mlp, or transformer (one block; --activation relu is usual)")]
Embedding = Annotated[str, typer.Option(help="what W reads: one-hot, or rows of a trained table, shared or separate")]
EmbeddingDim = Annotated[
    int | None, typer.Option(help="columns of that table, or of a transformer's residual stream (default: 128)")
]
Hidden = Annotated[str, typer.Option(help="sum (sigma of the operands' sum), or product of the operands")]
Heads = Annotated[int | None, typer.Option(help="attention heads of a transformer (default: 4)")]
OutputScale = Annotated[float, typer.Option(help="factor on the outputs")]

Schedule = Annotated[str, typer.Option(help="of the learning rate: constant, linear-warmup, cosine or step")]
WarmupSteps = Annotated[int | None, typer.Option(help="updates until the rate is full (default: 10)")]
DecaySteps = Annotated[
    int | None,
    typer.Option(help="updates until the cosine ends (default: --steps), or from drop to drop (default: 10000)"),
]
LrFloor = Annotated[float | None, typer.Option(help="share of the rate where the cosine ends (default: 0)")]
LrDrop = Annotated[float | None, typer.Option(help="factor on the rate at each drop (default: 0.1)")]


def scheduled(schedule: str, steps: int, **numbers: float | None) -> dict[str, Any]:
    """Fields of `Optimizer` for a schedule; a cosine without a length takes that of the run."""
    if schedule == "cosine" and numbers["decay_steps"] is None:
        numbers["decay_steps"] = steps
    return {"schedule": schedule, **numbers}
