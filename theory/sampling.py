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
    """(n,) indices a·M + b of the training pairs, uniform without replacement, sorted."""
    order = task.resolve().order
    chosen = stream(seed, "split", task).choice(order**2, size=task.samples, replace=False)
    return np.sort(chosen.astype(np.int64))


def label_table(task: Task, seed: int) -> NDArray[np.int64]:
    """(M^2,) label of every pair: the product, or for the control independent uniform labels."""
    group = task.resolve()
    if task.labels == "true":
        return np.ascontiguousarray(group.table).ravel().copy()
    return stream(seed, "labels", task).integers(0, group.order, size=group.order**2)
