"""Members of one pack in lockstep: data, parameters, optimizer memory; one gradient and one update a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from sim.autograd import AutogradGradient
from sim.data import PackData, pack_data
from sim.freeze import Frozen
from sim.network import Evaluation, Gradient, Params, evaluate, init_params, packed
from sim.optim import State, init_state, select, update
from sim.readout import solve_readout
from sim.runtime import Runtime
from theory.setting import Setting

__all__ = ["Learner"]


class Learner:
    """A pack of members that learn side by side and never mix.

    Attributes:
        params: present weights, changed in place by `step`.
    """

    def __init__(self, setting: Setting, seeds: Sequence[int], runtime: Runtime, initial: Params | None = None) -> None:
        self._setting, self._seeds, self._runtime = setting, list(seeds), runtime
        self.params = init_params(setting, seeds, runtime) if initial is None else initial
        self._state: State = init_state(self.params)
        self._bind()

    def _bind(self) -> None:
        """Lay out what depends on who is in the pack."""
        self._data: PackData = pack_data(self._setting, self._seeds, self._runtime)
        network = self._setting.network
        if network.core:
            self._gradient: Callable[[], Params] = Gradient(
                self._setting, self.params, self._data, self._runtime.threads
            )
        else:
            self._gradient = AutogradGradient(self._setting, self.params, self._data)
        self._solve()

    def _solve(self) -> None:
        # A solved V overrides what the update rule made of it; to W it is a constant (envelope theorem).
        if self._setting.network.readout == "ridge":
            solve_readout(self._setting, self.params, self._data)

    def step(self, frozen: Frozen | None = None) -> None:
        """One full-batch update of every member, except for what is frozen."""
        grads = self._gradient()
        if frozen is not None:
            frozen.silence(grads)
        update(self._setting.optimizer, self.params, grads, self._state, self._setting.network.tables)
        if frozen is not None:
            frozen.restore(self.params)
        self._solve()

    @property
    def data(self) -> PackData:
        """Training rows of the members still in the pack."""
        return self._data

    def evaluate(self) -> Evaluation:
        """Losses and accuracies at the present weights."""
        return evaluate(self._setting, self.params, self._data, self._runtime)

    def state(self) -> dict[str, Tensor]:
        """All that decides the steps to come, by name (no copies): layers, optimizer memory, updates done."""
        layers = {"params": self.params, "first": self._state.first, "second": self._state.second}
        named = {f"{part}.{i}": layer for part, stack in layers.items() for i, layer in enumerate(stack)}
        return {**named, "updates": torch.tensor(self._state.step)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` told of a learner of the same settings and seeds."""
        for name, values in self.state().items():
            values.copy_(state[name])
        self._state.step = int(state["updates"])

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members alone (positions in the pack)."""
        self._seeds = [self._seeds[e] for e in members]
        index: Tensor = torch.as_tensor(members, device=self._runtime.torch_device)
        self.params = packed(*(layer[index] for layer in self.params))
        self._state = select(self._state, index)
        self._bind()
