"""How a command line says what to record: how often, and which probes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from twopeaks.sim.probes.budget import measured
from twopeaks.sim.storage.probe_catalogue import PROBES, applicable, columns
from twopeaks.sim.storage.records import Plan
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting

__all__ = ["LogSpacing", "ProbeShare", "Probes", "notes", "plan_of"]

_DEFAULT_SHARE = Plan.model_fields["probe_share"].default

#: Option ``--probes``; its help says what it does.
Probes = Annotated[str | None, typer.Option(help=f"what else to measure: all, or some of {','.join(PROBES)}")]
#: Option ``--probe-share``; its help says what it does.
ProbeShare = Annotated[
    float | None,
    typer.Option(
        help=f"what --probes may cost, as a part of the run; dear ones keep to it (default: {_DEFAULT_SHARE})"
    ),
]
#: Option ``--log-spacing``; its help says what it does.
LogSpacing = Annotated[bool, typer.Option("--log-spacing", help="--every is the number of records a decade of steps")]


def plan_of(setting: Setting, probes: str | None, share: float | None, log: bool, **times: Any) -> Plan:
    """The plan of these options; ``all`` stands for every probe that applies to the setting.

    Raises:
        InputError: if a probe is unknown or does not apply, or a share is given without probes.
    """
    if probes is None and share is not None:
        raise InputError("--probe-share", "left out without --probes", share, "add --probes all")
    names = () if probes is None else applicable(setting)[0] if probes == "all" else probes.split(",")
    columns(setting, names)
    share = _DEFAULT_SHARE if share is None else share
    return Plan(**times, probes=tuple(names), probe_share=share, spacing="log" if log else "linear")


def notes(setting: Setting, plan: Plan, probes: str | None) -> list[str]:
    """Sentences on what ``all`` leaves out, and on what is measured at some of the records only."""
    found = []
    if probes == "all":
        found += [f"{name} is left out: {reason}" for name, reason in applicable(setting)[1].items()]
    if not plan.probes:
        return found
    steps, why = plan.record_steps(), f"more would cost above --probe-share {plan.probe_share:g} of the run"
    for name, due in measured(setting, plan.probes, steps, plan.probe_share).items():
        if len(due) < len(steps):
            found.append(f"{name} is measured at {len(due) or 'none'} of {len(steps)} records: {why}")
    return found
