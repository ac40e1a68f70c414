"""What is random, and from which stream: training pairs, control labels, initial weights.

Each stream is a function of (seed, purpose, M, n) alone, drawn on the CPU, so a member's numbers do not depend
on its neighbours in a batch, on the device or on the packing.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theory.setting import Task

__all__ = ["Purpose", "draw_pairs", "label_table", "stream"]

Purpose = Literal["split", "labels", "init"]
_PURPOSES: tuple[Purpose, ...] = ("split", "labels", "init")


def stream(seed: int, purpose: Purpose, task: Task) -> np.random.Generator:
    """Independent random generator for one purpose of one member."""
    key = (_PURPOSES.index(purpose), task.resolve().order, task.samples)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def draw_pairs(task: Task, seed: int) -> NDArray[np.int64]:
    """(n,) indices a·M + b of the training pairs, sorted: drawn without replacement, uniformly or with ``task.bias``.

    With a bias, successive draws take pair i among those left with probability proportional to w_i = (1 + a)^-bias.
    The n largest of log w_i + g_i with independent standard Gumbel g_i are such a sample (Efraimidis and Spirakis,
    Information Processing Letters 97, 2006, in logarithms), and no weight can underflow.
    """
    order, rng = task.resolve().order, stream(seed, "split", task)
    if task.bias == 0:
        chosen = rng.choice(order**2, size=task.samples, replace=False)
    else:
        keys = rng.gumbel(size=order**2) - task.bias * np.log1p(np.repeat(np.arange(order), order))
        chosen = np.argsort(-keys, kind="stable")[: task.samples]
    return np.sort(chosen.astype(np.int64))


def label_table(task: Task, seed: int) -> NDArray[np.int64]:
    """(M^2,) label of every pair: the product, or for the control independent uniform labels."""
    group = task.resolve()
    if task.labels == "true":
        return np.ascontiguousarray(group.table).ravel().copy()
    return stream(seed, "labels", task).integers(0, group.order, size=group.order**2)
