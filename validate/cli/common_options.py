"""What several commands take alike: options of network, optimizer and machine, and what is read out of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting, default_width
from twopeaks.theory.setting.tables import Table

__all__ = [
    "Activation",
    "Decay",
    "Device",
    "Json",
    "Loss",
    "Lr",
    "Momentum",
    "OptimizerOption",
    "Width",
    "seeds_of",
    "setting_of",
]

#: Option ``--width``; its help says what it does.
Width = Annotated[int | None, typer.Option(help="hidden nodes K (default: 11 M, at least 256)")]
#: Option ``--activation``; its help says what it does.
Activation = Annotated[str, typer.Option(help="x^2, relu, relu^2, silu, gelu or tanh")]
#: Option ``--loss``; its help says what it does.
Loss = Annotated[str, typer.Option(help="mse (centred over classes), cross-entropy, hinge or contrastive")]
#: Option ``--optimizer``; its help says what it does.
OptimizerOption = Annotated[
    str, typer.Option("--optimizer", help="adam (coupled decay), adamw (decoupled), sgd or muon (with Adam on V)")
]
#: Option ``--lr``; its help says what it does.
Lr = Annotated[float, typer.Option(help="learning rate per step")]
#: Option ``--weight-decay``; its help says what it does.
Decay = Annotated[float, typer.Option(help="weight decay eta")]
#: Option ``--momentum``; its help says what it does.
Momentum = Annotated[float | None, typer.Option(help="momentum of SGD (default: 0) or Muon (default: 0.95)")]
#: Option ``--device``; its help says what it does.
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps")]
#: Option ``--json``; its help says what it does.
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of tables")]


def setting_of(
    table: Table,
    task: dict[str, Any],
    network: dict[str, Any],
    loss: str = "mse",
    **optimizer: Any,
) -> Setting:
    """The setting of these fields; a field that is None has its default."""
    width = default_width(table.classes) if network["width"] is None else network["width"]
    rule, layers = ({k: v for k, v in part.items() if v is not None} for part in (optimizer, network))
    return Setting.model_validate(
        {"task": task, "network": {**layers, "width": width}, "optimizer": rule, "loss": loss}
    )


def seeds_of(count: int, first: int = 0, name: str = "--seeds") -> tuple[int, ...]:
    """So many seeds, counted up from the first.

    Raises:
        InputError: if there are none, or too many, or the first is negative; ``name`` is the option that it names.
    """
    if not 1 <= count <= 100_000:
        raise InputError(name, "between 1 and 100000", count, f"use e.g. {name} 8")
    if not 0 <= first < 2**62:
        raise InputError("--first-seed", "0 or more, below 2^62", first, "use e.g. --first-seed 0")
    return tuple(range(first, first + count))
