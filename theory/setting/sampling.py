"""Everything random and its streams: training rows, control labels, wrong labels, initial weights.

Each stream is a function of (seed, purpose, A, n) alone (and of k, where there are not two operands), drawn on the
CPU, so a member's numbers do not depend on its neighbours in a batch, on the device or on the packing.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.setting.tables import UNDEFINED
from twopeaks.theory.setting.task import Task

__all__ = ["Purpose", "draw_pairs", "label_table", "stream"]

#: What random numbers are used for; each purpose has its own stream.
Purpose = Literal["split", "labels", "init", "noise"]
_PURPOSES: tuple[Purpose, ...] = ("split", "labels", "init", "noise")


def stream(seed: int, purpose: Purpose, task: Task) -> np.random.Generator:
    """Independent random generator for one purpose of one member."""
    table = task.table_of()
    key = (_PURPOSES.index(purpose), table.alphabet, task.samples)
    more = () if table.operands == 2 else (table.operands,)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key + more))


def draw_pairs(task: Task, seed: int) -> NDArray[np.int64]:
    """(n,) rows of `Task.table_of` to train on, sorted: drawn without replacement, uniformly or with ``task.bias``.

    With a bias, successive draws take row i among those left with probability proportional to w_i = (1 + x_1)^-bias.
    The n largest of log w_i + g_i with independent standard Gumbel g_i are such a sample (Efraimidis and Spirakis,
    Information Processing Letters 97, 2006, in logarithms), and no weight can underflow.
    """
    table, rng = task.table_of(), stream(seed, "split", task)
    if task.bias == 0:
        chosen = rng.choice(table.rows.size, size=task.samples, replace=False)
    else:
        first = table.rows // table.alphabet ** (table.operands - 1)
        keys = rng.gumbel(size=table.rows.size) - task.bias * np.log1p(first)
        chosen = np.argsort(-keys, kind="stable")[: task.samples]
    return table.rows[np.sort(chosen)]


def label_table(task: Task, seed: int) -> NDArray[np.int64]:
    """(A^k,) label that a member has for each row, `UNDEFINED` where there is none.

    These are the task's own, or for the control independent uniform ones. With ``task.noise`` floor(noise n + 1/2) of
    the training rows have another class than their own, each of the C - 1 others being as likely.
    """
    table = task.table_of()
    if task.labels == "random":
        drawn = stream(seed, "labels", task).integers(0, table.classes, size=table.labels.size)
        return np.where(table.labels == UNDEFINED, UNDEFINED, drawn)
    labels = table.labels.copy()
    if task.noise:
        rng, wrong = stream(seed, "noise", task), int(task.noise * task.samples + 0.5)
        rows = rng.choice(draw_pairs(task, seed), size=wrong, replace=False)
        labels[rows] = (labels[rows] + rng.integers(1, table.classes, size=wrong)) % table.classes
    return labels
