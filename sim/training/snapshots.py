"""The weights at chosen steps of a run, for claims that curves cannot decide."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from twopeaks.sim.network.freeze import FrozenWeights, Layer
from twopeaks.sim.network.network import Params, packed
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.network.sizes import layer_shapes
from twopeaks.sim.training.learner import Learner
from twopeaks.sim.training.packs import over_packs, packs
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting
from twopeaks.theory.setting.sampling import draw_pairs, label_table

__all__ = ["Snapshots", "Start", "snapshots"]

#: Real or, for complex weights, complex numbers in the precision of the runtime.
Weights = NDArray[np.inexact]


@dataclass(frozen=True)
class Snapshots:
    """Weights of E members at S steps.

    Attributes:
        seeds: (E,) seed of each member.
        steps: (S,) updates done, increasing.
        layers: first to last: W (E, S, kA, K), hidden layers (E, S, K, K) if there are any, V (E, S, K, C); other
            networks' layers as `twopeaks.sim.network.sizes.layer_shapes` has them.
        pairs: (E, n) training rows of each member: a·M + b for two operands.
        labels: (E, n) their labels.
        diverged: (E, S) whether a weight of the member is not finite.
    """

    seeds: NDArray[np.int64]
    steps: NDArray[np.int64]
    layers: tuple[Weights, ...]
    pairs: NDArray[np.int64]
    labels: NDArray[np.int64]
    diverged: NDArray[np.bool_]

    @property
    def W(self) -> Weights:
        """(E, S, kA, K) first layer."""
        return self.layers[0]

    @property
    def V(self) -> Weights:
        """(E, S, K, C) last layer."""
        return self.layers[-1]


@dataclass(frozen=True)
class Start:
    """How members begin, where this differs from a plain run.

    Attributes:
        initial: weights to start from in place of drawn ones, layers as in `Snapshots` but without S.
        frozen: what keeps its initial values: ``"W"``, ``"V"``, or (E, K) booleans, the nodes whose columns of W are
            frozen (their rows of V learn).
    """

    initial: Sequence[Weights] | None = None
    frozen: Layer | NDArray[np.bool_] | None = None


def snapshots(
    setting: Setting,
    seeds: Sequence[int],
    steps: Sequence[int],
    runtime: Runtime,
    *,
    progress: Callable[[int], None] | None = None,
    start: Start | None = None,
) -> Snapshots:
    """Train one member per seed, exactly as `twopeaks.sim.training.loop.train` does, and keep weights of given steps.

    Args:
        setting: the problem.
        seeds: one non-negative integer a member, all different.
        steps: when to keep the weights, in updates; 0 is the start. Order and repeats do not matter.
        runtime: where to run, from `twopeaks.sim.network.runtime.resolve`; its dtype is that of the arrays.
        progress: called now and then, from any thread, with the member-steps done since the last call.
        start: initial and frozen weights; by default all weights are drawn, and all learn.

    Raises:
        InputError: if seeds, steps, initial weights or what is frozen do not fit the setting.
    """
    job = _Job(setting, seeds, steps, runtime, start or Start())
    parts = packs(setting, seeds, runtime)
    over_packs(parts, runtime, lambda part, share, stop: job.fill(part, share, stop, progress))
    pairs = np.stack([draw_pairs(setting.task, int(seed)) for seed in seeds])
    table = np.stack([label_table(setting.task, int(seed)) for seed in seeds])
    labels = np.take_along_axis(table, pairs, axis=1)
    diverged = np.logical_or.reduce([~np.isfinite(layer).all(axis=(2, 3)) for layer in job.layers])
    return Snapshots(np.asarray(seeds, dtype=np.int64), job.steps, job.layers, pairs, labels, diverged)


class _Job:
    """The checked request, and the arrays that packs fill, each for its own members."""

    def __init__(
        self, setting: Setting, seeds: Sequence[int], steps: Sequence[int], runtime: Runtime, start: Start
    ) -> None:
        self.setting, self.initial, self.frozen = setting, start.initial, start.frozen
        self.position = {int(seed): e for e, seed in enumerate(seeds)}
        self.steps = np.unique(steps)
        if not self.steps.size or self.steps.dtype.kind not in "iu" or self.steps[0] < 0:
            raise InputError("steps", "one or more integers >= 0", list(steps), "use e.g. 0, 100, 200")
        shapes = [(len(seeds), *shape) for shape in layer_shapes(setting)]
        _check_initial(shapes, start.initial)
        _check_frozen(setting, len(seeds), start.frozen)
        kind = np.complex64 if setting.network.weights == "complex" else np.float32
        dtype = np.result_type(runtime.dtype, kind)
        self.layers = tuple(np.empty((s[0], self.steps.size, *s[1:]), dtype) for s in shapes)

    def fill(
        self, part: list[int], runtime: Runtime, cancelled: threading.Event, progress: Callable[[int], None] | None
    ) -> None:
        """Train one pack and keep its weights."""
        members = [self.position[seed] for seed in part]
        learner = Learner(self.setting, part, runtime, self._initial(members, runtime))
        frozen = self._frozen(learner.params, members)
        done = 0
        for s, target in enumerate(self.steps.tolist()):
            for _ in range(done, target):
                if cancelled.is_set():
                    return
                learner.step(frozen)
            if progress is not None and target > done:
                progress((target - done) * len(part))
            done = target
            for array, layer in zip(self.layers, learner.params, strict=True):
                array[members, s] = layer.cpu().numpy()

    def _initial(self, members: list[int], runtime: Runtime) -> Params | None:
        if self.initial is None:
            return None
        place, like = runtime.torch_device, self.layers[0].dtype
        return packed(*(torch.as_tensor(layer[members].astype(like), device=place) for layer in self.initial))

    def _frozen(self, params: Params, members: list[int]) -> FrozenWeights | None:
        if self.frozen is None or isinstance(self.frozen, str):
            return self.frozen and FrozenWeights(params, self.frozen)
        return FrozenWeights(params, torch.as_tensor(self.frozen[members], device=params.W.device))


def _check_initial(shapes: Sequence[tuple[int, ...]], initial: Sequence[Weights] | None) -> None:
    if initial is not None and [layer.shape for layer in initial] != list(shapes):
        received = str([layer.shape for layer in initial])
        expectation = f"layers of shapes {list(shapes)}"
        raise InputError("initial", expectation, received, "give one array for each layer, members first")


def _check_frozen(setting: Setting, members: int, frozen: Layer | NDArray[np.bool_] | None) -> None:
    width = setting.network.width
    if setting.network.tables and (isinstance(frozen, np.ndarray) or frozen == "W"):
        received: str = "nodes" if isinstance(frozen, np.ndarray) else frozen
        remedy = "freeze V: nodes of this network read tables, not operands"
        raise InputError("frozen", "V for a network with embeddings", received, remedy)
    if isinstance(frozen, np.ndarray):
        if frozen.shape != (members, width) or frozen.dtype != np.bool_:
            received = f"{frozen.dtype} {frozen.shape}"
            expectation = f"bool ({members}, {width})"
            raise InputError("frozen", expectation, received, "give one flag for each member and node")
    elif frozen not in (None, "W", "V"):
        raise InputError("frozen", "W, V or flags of nodes", frozen, "leave it out to train everything")
    elif frozen == "V" and setting.network.readout == "ridge":
        raise InputError("frozen", "W or nodes where V is solved", frozen, "train the readout, or freeze W")
