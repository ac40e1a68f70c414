"""Members of one pack in lockstep: data, parameters, optimizer memory; one gradient and one update a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
        if network.layers == 2 and network.weights == "real":
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
        update(self._setting.optimizer, self.params, grads, self._state)
        if frozen is not None:
            frozen.restore(self.params)
        self._solve()

    def evaluate(self) -> Evaluation:
        """Losses and accuracies at the present weights."""
        return evaluate(self._setting, self.params, self._data, self._runtime)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members alone (positions in the pack)."""
        self._seeds = [self._seeds[e] for e in members]
        index: Tensor = torch.as_tensor(members, device=self._runtime.torch_device)
        self.params = packed(*(layer[index] for layer in self.params))
        self._state = select(self._state, index)
        self._bind()
