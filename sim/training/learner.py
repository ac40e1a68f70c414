"""One pack of members: data, parameters and optimizer memory; a step is one gradient and one update of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from twopeaks.sim.network.autograd import AutogradGradient
from twopeaks.sim.network.data import PackData, pack_data
from twopeaks.sim.network.freeze import FrozenWeights
from twopeaks.sim.network.members import each
from twopeaks.sim.network.network import Evaluation, Gradient, Params, evaluate, init_params, packed
from twopeaks.sim.network.products import products
from twopeaks.sim.network.readout import solve_readout
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.training.optim import Rates, State, init_state, select, update
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting

__all__ = ["Learner"]


class Learner:
    """A pack of members that are trained together and independently.

    Attributes:
        params: present weights, changed in place by `step`.
    """

    def __init__(
        self,
        settings: Setting | Sequence[Setting],
        seeds: Sequence[int],
        runtime: Runtime,
        initial: Params | None = None,
    ) -> None:
        """Draw the members and lay them out.

        Args:
            settings: one for all members, or one each, of one shape (`twopeaks.sim.network.members.shape`).
            seeds: one a member.
            runtime: where to run.
            initial: weights in place of drawn ones.
        """
        self._settings, self._seeds, self._runtime = each(settings, seeds), list(seeds), runtime
        self.params = init_params(settings, seeds, runtime) if initial is None else initial
        self._state: State = init_state(self.params)
        self._bind()

    def _bind(self) -> None:
        """Make what depends on the members of the pack."""
        self._data: PackData = pack_data(self._settings, self._seeds, self._runtime)
        self._rates = Rates.of([setting.optimizer for setting in self._settings], self.params)
        if self._shared.network.core:
            through = products(self._runtime)
            self._gradient: Callable[[], Params] = Gradient(self._shared, self.params, self._data, through)
        elif self._runtime.dtype == "bfloat16":
            remedy = "only products of the two-layer network sigma(X W) V can be rounded: use --dtype float32"
            raise InputError("dtype", "float32 or float64 for this network", self._runtime.dtype, remedy)
        else:
            self._gradient = AutogradGradient(self._shared, self.params, self._data)
        self._solve()

    @property
    def _shared(self) -> Setting:
        """A setting from which to read what members have in common."""
        return self._settings[0]

    def _solve(self) -> None:
        # The solved V replaces the updated one; in the gradient of W it counts as a constant (envelope theorem).
        if self._shared.network.readout == "ridge":
            solve_readout(self._settings, self.params, self._data)

    def step(self, frozen: FrozenWeights | None = None) -> None:
        """One full-batch update of every member, except for what is frozen."""
        grads = self._gradient()
        if frozen is not None:
            frozen.silence(grads)
        shared = self._shared
        update(shared.optimizer, self.params, grads, self._state, shared.network.tables, self._rates)
        if frozen is not None:
            frozen.restore(self.params)
        self._solve()

    @property
    def data(self) -> PackData:
        """Training rows of the members still in the pack."""
        return self._data

    def evaluate(self) -> Evaluation:
        """Losses and accuracies at the present weights."""
        return evaluate(self._shared, self.params, self._data, self._runtime)

    def state(self) -> dict[str, Tensor]:
        """Everything that decides later steps, by name (no copies): layers, optimizer memory, updates done."""
        layers = {"params": self.params, "first": self._state.first, "second": self._state.second}
        named = {f"{part}.{i}": layer for part, stack in layers.items() for i, layer in enumerate(stack)}
        return {**named, "updates": torch.tensor(self._state.step)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from the `state` of a learner of the same settings and seeds."""
        for name, values in self.state().items():
            values.copy_(state[name])
        self._state.step = int(state["updates"])

    def keep(self, members: Sequence[int]) -> None:
        """Continue with these members alone (positions in the pack)."""
        self._settings = [self._settings[e] for e in members]
        self._seeds = [self._seeds[e] for e in members]
        index: Tensor = torch.as_tensor(members, device=self._runtime.torch_device)
        self.params = packed(*(layer[index] for layer in self.params))
        self._state = select(self._state, index)
        self._bind()
