"""The training data of a pack of members, cut into tiles that stay in the cache.

A row of the input X is k one-hots, so a row of X W is a sum of k rows of W, and a row of X^T G a sum of some rows of G.
Both are computed as embedding bags, which read the rows where they are. No dense one-hot array is built.

Where sizes n differ, shorter training sets are padded to the longest. A padding row repeats the member's first row (so
that it overflows only if the member does), has no label, and has the weight 0 where other rows have 1/n. So it adds
exact zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from twopeaks.sim.network.members import each
from twopeaks.sim.network.runtime import Runtime
from twopeaks.theory.setting import Setting
from twopeaks.theory.setting.sampling import draw_pairs, label_table
from twopeaks.theory.setting.tables import UNDEFINED, Table
from twopeaks.theory.setting.task import Task

__all__ = ["PackData", "Tile", "pack_data", "pack_size", "real_rows", "rows_like"]


@dataclass(frozen=True)
class Tile:
    """Samples s0 … s1 of every member of a pack of E (r = E·(s1 - s0) rows, member-major).

    Attributes:
        one_hot: (E, s1 - s0, C) label of each row, zeros for padding; in memory (E, C, s1 - s0), as outputs are.
        inputs: (k, r) the rows of the stacked W that each tile row is the sum of; in memory (r, k).
        users: (k r) tile rows in the order of the row of the stacked W that they use.
        starts: (E·kA) where the users of each row of the stacked W start.
        weights: (E, s1 - s0) what a row counts for in a mean: 1/n, or 0 for padding. None where all sizes are equal
            and the mean is the sum over `PackData.divisor`.
    """

    one_hot: Tensor
    inputs: Tensor
    users: Tensor
    starts: Tensor
    weights: Tensor | None = None

    def without_padding(self, rows: Tensor) -> Tensor:
        """Values of the tile's rows, (E, s1 - s0, …), with zeros for padding, in place."""
        return rows if self.weights is None else rows.masked_fill_((self.weights == 0).unsqueeze(2), 0)

    def gather(self, W: Tensor) -> Tensor:
        """X W: (E, kA, K) -> (E, s1 - s0, K)."""
        return rows_like(W, functional.embedding_bag(self.inputs.T, real_rows(W), mode="sum"))

    def scatter(self, G: Tensor, out: Tensor, add: bool) -> Tensor:
        """X^T G into ``out``, or added to it: (E, s1 - s0, K) -> (E, kA, K)."""
        sums = functional.embedding_bag(self.users, G.view(-1, G.shape[2]), self.starts, mode="sum").view(out.shape)
        return out.add_(sums) if add else out.copy_(sums)


def real_rows(x: Tensor) -> Tensor:
    """(E, r, K) as (E·r, K) real rows, with real and imaginary parts beside each other: (E·r, 2K); a view."""
    real = torch.view_as_real(x).flatten(-2) if x.is_complex() else x
    return real.view(-1, real.shape[2])


def rows_like(table: Tensor, rows: Tensor) -> Tensor:
    """(E·r, c) real rows, as `real_rows` has them, as (E, r, c) of the kind of a table (E, …, c); a view."""
    parts = (table.shape[2], 2) if table.is_complex() else (table.shape[2],)
    rows = rows.view(table.shape[0], -1, *parts)
    return torch.view_as_complex(rows) if table.is_complex() else rows


@dataclass(frozen=True)
class PackData:
    """Training sets of a pack of E members on a device.

    Attributes:
        table: what is learned: k operands of A values, C classes.
        sizes: (E,) training rows n of each member.
        divisor: n, or 1 where sizes differ and the weights of the tiles are there instead.
        tiles: the training rows, cut along the samples.
        labels: (E, A^k) label that the member has for each row of the table, 0 where there is none.
        in_train: (E, A^k) whether the row is trained on.
        in_test: (E, A^k) whether it is tested on: every other row that has a label.
    """

    table: Table
    sizes: Tensor
    divisor: int
    tiles: tuple[Tile, ...]
    labels: Tensor
    in_train: Tensor
    in_test: Tensor

    @property
    def weights(self) -> Tensor | None:
        """(E, n) those of all tiles."""
        parts = [tile.weights for tile in self.tiles if tile.weights is not None]
        return torch.cat(parts, dim=1) if parts else None


def pack_size(setting: Setting, runtime: Runtime) -> int:
    """Members of a pack: as many as have hidden values that fit the tile of one thread together."""
    itemsize = runtime.torch_dtype.itemsize
    values = setting.network.hidden_values(setting.task.table_of().operands)
    return max(1, runtime.tile_bytes // (itemsize * values * setting.task.samples))


def _tile_length(setting: Setting, members: int, runtime: Runtime) -> int:
    """Samples of each member in one tile: all of them, or what fits, in a multiple of the threads."""
    row_bytes = runtime.torch_dtype.itemsize * setting.network.hidden_values(setting.task.table_of().operands) * members
    fitting = runtime.tile_bytes * runtime.threads // row_bytes
    return setting.task.samples if fitting >= setting.task.samples else runtime.rows_that_fit(row_bytes)


def pack_data(settings: Setting | Sequence[Setting], seeds: Sequence[int], runtime: Runtime) -> PackData:
    """Draw the members' rows and labels and lay them out for training.

    Args:
        settings: one for all members, or one each, of one shape.
        seeds: one a member.
        runtime: where to put them.
    """
    members = each(settings, seeds)
    tasks, largest = [setting.task for setting in members], max(members, key=lambda setting: setting.task.samples)
    table, n = largest.task.table_of(), largest.task.samples
    chosen = np.stack([_padded(draw_pairs(task, seed), n) for task, seed in zip(tasks, seeds, strict=True)])
    table_labels = _table_labels(tasks, seeds)
    labels = np.take_along_axis(np.broadcast_to(table_labels, (len(seeds), table_labels.shape[1])), chosen, axis=1)
    in_train = np.zeros((len(seeds), table_labels.shape[1]), dtype=bool)
    np.put_along_axis(in_train, chosen, True, axis=1)
    sizes = np.array([task.samples for task in tasks])
    alike = bool((sizes == n).all())
    weights = None if alike else np.where(np.arange(n) < sizes[:, None], 1 / sizes[:, None], 0)
    length, device = _tile_length(largest, len(seeds), runtime), runtime.torch_device
    pieces = [np.s_[:, s : s + length] for s in range(0, n, length)]
    return PackData(
        table,
        torch.as_tensor(sizes, dtype=runtime.torch_dtype, device=device),
        n if alike else 1,
        tuple(_tile(chosen[s], labels[s], None if weights is None else weights[s], table, runtime) for s in pieces),
        torch.as_tensor(np.maximum(table_labels, 0), device=device).expand(in_train.shape),
        torch.as_tensor(in_train, device=device),
        torch.as_tensor(~in_train & (table.labels != UNDEFINED), device=device),
    )


def _padded(rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return np.pad(rows, (0, n - rows.size), constant_values=rows[0])


def _table_labels(tasks: Sequence[Task], seeds: Sequence[int]) -> NDArray[np.int64]:
    """(E, A^k) label of every row for each member, or (1, A^k) where all members have the same labels."""
    alike = all(task.labels == "true" and not task.noise for task in tasks)
    count = 1 if alike else len(tasks)
    return np.stack([label_table(task, seed) for task, seed in zip(tasks[:count], seeds[:count], strict=True)])


def _tile(
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    table: Table,
    runtime: Runtime,
) -> Tile:
    members, (device, dtype) = rows.shape[0], (runtime.torch_device, runtime.torch_dtype)
    k, A = table.operands, table.alphabet
    first_row = k * A * np.arange(members)[:, None] + A * np.arange(k)[:, None, None]
    inputs = (first_row + table.digits(rows)).reshape(k, -1).T
    users = np.argsort(inputs, axis=None, kind="stable") // k
    uses = np.bincount(inputs.ravel(), minlength=k * A * members)
    one_hot = functional.one_hot(torch.as_tensor(labels.copy(), device=device), table.classes).to(dtype)
    one_hot = one_hot.mT.contiguous().mT
    counted = None if weights is None else torch.as_tensor(weights, dtype=dtype, device=device)
    if counted is not None:
        one_hot.mul_((counted > 0).unsqueeze(2))
    return Tile(
        one_hot,
        _index(inputs, device).T,
        _index(users, device),
        _index(np.cumsum(uses) - uses, device),
        counted,
    )


def _index(rows: NDArray[np.int64], device: torch.device) -> Tensor:
    return torch.as_tensor(np.ascontiguousarray(rows), dtype=torch.int32, device=device)
