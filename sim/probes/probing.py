"""The probes of one pack of members: when each is due, what it must remember, and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twopeaks.sim.network.data import PackData
from twopeaks.sim.network.network import Params
from twopeaks.sim.probes import gram as probe_gram
from twopeaks.sim.probes import outputs as probe_outputs
from twopeaks.sim.probes import weights as probe_weights
from twopeaks.sim.probes.budget import measured
from twopeaks.sim.probes.view import View, exact
from twopeaks.sim.probes.weights import Basis, Trail
from twopeaks.sim.storage.probe_catalogue import columns
from twopeaks.sim.storage.records import Plan
from twopeaks.theory.setting import Setting

__all__ = ["PackProbes"]

#: Probes that need only a `View`; the others need earlier weights, or a basis.
_VIEWED: dict[str, Callable[[View], Tensor]] = {
    "live": probe_weights.live,
    "margin": probe_outputs.margin,
    "gradient": probe_outputs.gradient,
    "energy": probe_outputs.energy,
    "overlap": probe_gram.overlap,
    "repulsion": probe_gram.repulsion,
}


class PackProbes:
    """The probes of a plan for the members of a pack. They read weights and change nothing."""

    def __init__(self, settings: Sequence[Setting], plan: Plan) -> None:
        """Bind a plan to the members of a pack.

        Args:
            settings: problem of each member; all of one task and architecture.
            plan: which probes, when recorded, at what share of the cost.

        Raises:
            InputError: if a probe does not apply.
        """
        self._settings = list(settings)
        self._columns = {name: tuple(columns(settings[0], [name])) for name in plan.probes}
        distinct = _due(settings, plan) if plan.probes else {}
        self._due = [distinct.get(setting, {}) for setting in settings]
        moves = {step for due in self._due for step in due.get("updates", ())}
        self._before = {step - d for step in moves for d in (1, 2)}
        self._trail = Trail()
        self._basis: Basis | None = None

    def watch(self, step: int, params: Params) -> None:
        """Read the weights after ``step`` updates, before the next update changes them."""
        if step in self._before:
            self._trail.keep(step, params)

    def measure(self, step: int, params: Params, data: PackData) -> dict[str, NDArray[np.float64]]:
        """Each column for each member, (E,); NaN where it is undefined or not due."""
        values: dict[str, NDArray[np.float64]] = {}
        view = View(self._settings, params, data)
        for name, names in self._columns.items():
            due = np.array([step in at[name] for at in self._due])
            numbers = np.full((len(names), len(due)), np.nan)
            if due.any():
                numbers[:, due] = exact(self._numbers(name, step, view)).cpu().double().numpy().T[:, due]
            values |= zip(names, numbers, strict=True)
        return values

    def keep(self, members: Sequence[int], like: Tensor) -> None:
        """Continue with these members alone (positions in the pack), whose weights are on the device of ``like``."""
        self._settings = [self._settings[e] for e in members]
        self._due = [self._due[e] for e in members]
        self._trail.select(torch.as_tensor(members, device=like.device))

    def state(self) -> dict[str, Tensor]:
        """Everything besides the weights that later numbers depend on, by name."""
        return self._trail.state()

    def restore(self, state: Mapping[str, Tensor], like: Tensor) -> None:
        """Continue from a `state`."""
        self._trail.restore(state, like)

    def _numbers(self, name: str, step: int, view: View) -> Tensor:
        """(E, c) numbers of one probe, in the order of its columns."""
        if name == "updates":
            return self._trail.measure(step, view.params)
        if name == "irreps":
            return probe_weights.irreps(view, self._of_group(view.params.W))
        return _VIEWED[name](view)

    def _of_group(self, W: Tensor) -> Basis:
        if self._basis is None:
            self._basis = Basis.of(self._settings[0].task.resolve(), W)
        return self._basis


def _due(settings: Sequence[Setting], plan: Plan) -> dict[Setting, dict[str, set[int]]]:
    """For each distinct setting, the steps at which each probe is measured."""
    steps = plan.record_steps()
    return {setting: measured(setting, plan.probes, steps, plan.probe_share) for setting in set(settings)}
