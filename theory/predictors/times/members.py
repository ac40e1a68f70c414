"""One network of an ensemble as flows see it: its training examples, first weights (one array) and accuracies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from twopeaks.theory.flows.problem import Array, Problem
from twopeaks.theory.setting import TRANSITIONS, Setting
from twopeaks.theory.setting.sampling import stream

__all__ = ["Course", "Crossing", "Member", "first_weights"]


@dataclass(frozen=True)
class Course:
    """When one network memorises and generalises.

    Attributes:
        t_mem, t_grok: in the unit of the flow; None where the integration ended before.
        evaluations: gradients it took, those of the rule's own updates among them.
        updates: updates of the rule itself, from the first weights on.
    """

    t_mem: float | None
    t_grok: float | None
    evaluations: int
    updates: int = 0


def first_weights(setting: Setting, seed: int) -> tuple[Array, Array]:
    """W (2M, K) and V (K, M) at step 0: uniform on ±1/sqrt(fan_in), from the stream of this seed."""
    M, K = setting.task.table_of().alphabet, setting.network.width
    rng = stream(seed, "init", setting.task)
    W = rng.uniform(-1, 1, (2 * M, K)) / math.sqrt(2 * M)
    return W, setting.network.init_scale_v * rng.uniform(-1, 1, (K, M)) / math.sqrt(K)


class Member:
    """Problem and first weights of one seed; weights are flat, (2MK + KM,), W before V, in single precision.

    Attributes:
        problem: training examples, labels, activation.
        y: weights at step 0.
    """

    def __init__(self, setting: Setting, seed: int) -> None:
        self.problem = Problem.of(setting, seed, dtype="float32")
        W, V = first_weights(setting, seed)
        self._shapes = W.shape, V.shape
        self.y: Array = np.concatenate([W.ravel(), V.ravel()]).astype(np.float32)

    def layers(self, y: Array) -> tuple[Array, Array]:
        """Views W (2M, K) and V (K, M) of flat weights."""
        first, last = self._shapes
        cut = math.prod(first)
        return y[:cut].reshape(first), y[cut:].reshape(last)

    def gradient(self, y: Array) -> Array:
        """dL/dtheta without decay, flat."""
        dW, dV = self.problem.gradient(*self.layers(y))
        return np.concatenate([dW.ravel(), dV.ravel()])

    def memorised(self) -> Crossing:
        """What finds t_mem, given train accuracies."""
        return Crossing(TRANSITIONS["t_mem"].level)

    def generalised(self, hold: float) -> Crossing:
        """What finds t_grok, given test accuracies."""
        return Crossing(TRANSITIONS["t_grok"].level, hold)

    def train_accuracy(self, y: Array) -> float:
        """Share of training examples that are right."""
        return self.problem.accuracy(*self.layers(y), self.problem.pairs)

    def test_accuracy(self, y: Array) -> float:
        """Share of test examples that are right; zero if there are none."""
        rest = self.problem.rest
        return self.problem.accuracy(*self.layers(y), rest) if len(rest) else 0.0


class Crossing:
    """The time at which a curve reaches a level and stays there, between the times at which it is looked at.

    Attributes:
        time: of the last way up, by linear interpolation; None while the curve is below.
        held: whether it has stayed for as long as asked.
    """

    def __init__(self, level: float, hold: float = 0.0) -> None:
        self.time: float | None = None
        self.held = False
        self._level, self._hold = level, hold
        self._before: tuple[float, float] | None = None

    def look(self, t: float, value: float) -> bool:
        """Take note of the curve at a time; whether it has crossed for good."""
        if self.held:
            return True
        if value < self._level:
            self.time = None
        elif self.time is None:
            self.time = t if self._before is None else self._between(*self._before, t, value)
        self._before = (t, value)
        self.held = self.time is not None and t >= self.time + self._hold
        return self.held

    def _between(self, s: float, low: float, t: float, high: float) -> float:
        return s + (t - s) * (self._level - low) / (high - low)
