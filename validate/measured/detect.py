"""From a recorded curve to the step of a transition, with censoring: not reached by T is not "never"."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twopeaks.sim.storage.records import Records
from twopeaks.theory.setting import TRANSITIONS, Transition

__all__ = ["crossing", "grokked", "transition_steps"]


def crossing(steps: NDArray[np.float64], values: NDArray[np.float64], event: Transition) -> int | None:
    """First recorded step at which the curve reaches the event's level and holds it.

    Args:
        steps: (R,) recorded steps, increasing.
        values: (R,) the event's curve.
        event: level, and for how many further steps no record may lie below it (or until the curve ends).

    Returns:
        The step, or None if the curve ended first (censored at its last step).
    """
    above = values >= event.level
    for i in np.flatnonzero(above):
        if above[i:][steps[i:] <= steps[i] + event.hold].all():
            return int(steps[i])
    return None


def transition_steps(records: Records) -> dict[str, list[int | None]]:
    """Step of every named transition for every member; None where it was not reached."""
    steps: dict[str, list[int | None]] = {name: [] for name in TRANSITIONS}
    for e in range(len(records.seeds)):
        member = records.member(e)
        for name, event in TRANSITIONS.items():
            steps[name].append(crossing(member["steps"], member[event.curve], event))
    return steps


def grokked(records: Records) -> list[bool]:
    """Whether each member reached t_grok within its budget; one that diverged did not."""
    reached = (step is not None for step in transition_steps(records)["t_grok"])
    return [in_time and end != "diverged" for in_time, end in zip(reached, records.ends, strict=True)]
