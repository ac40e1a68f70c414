"""The training data of a pack of members, cut into tiles that stay in the cache.

The input X is k one-hots a row, so X W is the sum of k rows of W and X^T G adds each row of G to k rows: sparse
products with k ones a row, written into memory that is already there. No dense one-hot is ever built.

Where sizes n differ, shorter training sets are padded to the longest: a padding row repeats the member's first row
(whatever it overflows in, the member does too), has no label, and counts with the weight 0 where others have 1/n. So
it adds exact zeros.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sim.members import each
from sim.runtime import Runtime
from theory.sampling import draw_pairs, label_table
from theory.setting import Setting
from theory.tables import UNDEFINED, Table
from theory.task import Task

__all__ = ["PackData", "Tile", "pack_data", "pack_size", "real_rows"]


@dataclass(frozen=True)
class Tile:
    """Samples s0 … s1 of every member of a pack of E (r = E·(s1 - s0) rows, member-major).

    Attributes:
        one_hot: (E, s1 - s0, C) label of each row, zeros for padding; in memory (E, C, s1 - s0), as outputs are.
        X: (r, E·kA) sparse, block-diagonal over members; None where the device has no sparse products.
        Xt: (E·kA, r) its transpose.
        inputs: (k, r) the rows of the stacked W that each tile row is the sum of.
        weights: (E, s1 - s0) what a row counts for in a mean: 1/n, or 0 for padding. None where all sizes are equal
            and the mean is the sum over `PackData.divisor`.
    """

    one_hot: Tensor
    X: Tensor | None
    Xt: Tensor | None
    inputs: Tensor
    weights: Tensor | None = None

    def without_padding(self, rows: Tensor) -> Tensor:
        """Values of the tile's rows, (E, s1 - s0, …), with zeros for padding, in place."""
        return rows if self.weights is None else rows.masked_fill_((self.weights == 0).unsqueeze(2), 0)

    def gather(self, W: Tensor, out: Tensor) -> Tensor:
        """X W into ``out``: (E, kA, K) -> (E, s1 - s0, K)."""
        stacked, rows = real_rows(W), real_rows(out)
        if self.X is None:
            torch.index_select(stacked, 0, self.inputs[0], out=rows)
            for index in self.inputs[1:]:
                rows += stacked[index]
        else:
            torch.addmm(rows, self.X, stacked, beta=0, out=rows)
        return out

    def scatter(self, G: Tensor, out: Tensor, add: bool) -> Tensor:
        """X^T G into ``out``, or added to it: (E, s1 - s0, K) -> (E, kA, K)."""
        stacked, rows = out.view(-1, G.shape[2]), G.view(-1, G.shape[2])
        if self.Xt is not None:
            torch.addmm(stacked, self.Xt, rows, beta=int(add), out=stacked)
            return out
        if not add:
            stacked.zero_()
        for index in self.inputs:
            stacked.index_add_(0, index, rows)
        return out


def real_rows(x: Tensor) -> Tensor:
    """(E, r, K) as (E·r, K) real rows, with real and imaginary parts beside each other: (E·r, 2K); a view."""
    real = torch.view_as_real(x).flatten(-2) if x.is_complex() else x
    return real.view(-1, real.shape[2])


@dataclass(frozen=True)
class PackData:
    """Training sets of a pack of E members on a device.

    Attributes:
        table: what is learned: k operands of A values, C classes.
        sizes: (E,) training rows n of each member.
        divisor: n, or 1 where sizes differ and the weights of the tiles are there instead.
        tiles: the training rows, cut along the samples.
        labels: (E, A^k) label of every row of the table as the member is told, 0 where there is none.
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
    """Members that are worked on together, so that their hidden values fit the tile of one thread."""
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
        runtime: where to.
    """
    _hear_sparse_warning()
    members = each(settings, seeds)
    tasks, largest = [setting.task for setting in members], max(members, key=lambda setting: setting.task.samples)
    table, n = largest.task.table_of(), largest.task.samples
    chosen = np.stack([_padded(draw_pairs(task, seed), n) for task, seed in zip(tasks, seeds, strict=True)])
    told = _told(tasks, seeds)
    labels = np.take_along_axis(np.broadcast_to(told, (len(seeds), told.shape[1])), chosen, axis=1)
    in_train = np.zeros((len(seeds), told.shape[1]), dtype=bool)
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
        torch.as_tensor(np.maximum(told, 0), device=device).expand(in_train.shape),
        torch.as_tensor(in_train, device=device),
        torch.as_tensor(~in_train & (table.labels != UNDEFINED), device=device),
    )


def _padded(rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return np.pad(rows, (0, n - rows.size), constant_values=rows[0])


def _told(tasks: Sequence[Task], seeds: Sequence[int]) -> NDArray[np.int64]:
    """(E, A^k) label of every row as each member is told it, or (1, A^k) where all are told the same."""
    alike = all(task.labels == "true" and not task.noise for task in tasks)
    told = zip(tasks[:1], seeds[:1], strict=True) if alike else zip(tasks, seeds, strict=True)
    return np.stack([label_table(task, seed) for task, seed in told])


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
    inputs = (first_row + table.digits(rows)).reshape(k, -1)
    one_hot = torch.nn.functional.one_hot(torch.as_tensor(labels.copy(), device=device), table.classes).to(dtype)
    one_hot = one_hot.mT.contiguous().mT
    counted = None if weights is None else torch.as_tensor(weights, dtype=dtype, device=device)
    if counted is not None:
        one_hot.mul_((counted > 0).unsqueeze(2))
    X = Xt = None
    if device.type != "mps":  # which has no sparse products
        columns, count = inputs.T.ravel(), k * A * members
        ends = np.cumsum(np.bincount(columns, minlength=count))
        X = _sparse_ones(np.arange(0, columns.size + 1, k), columns, count, runtime)
        Xt = _sparse_ones(np.append(0, ends), np.argsort(columns, kind="stable") // k, columns.size // k, runtime)
    return Tile(one_hot, X, Xt, torch.as_tensor(inputs, device=device), counted)


def _sparse_ones(
    starts: NDArray[np.int64],
    columns: NDArray[np.int64],
    width: int,
    runtime: Runtime,
) -> Tensor:
    """Matrix of zeros and ones: row i has ones in ``columns[starts[i]:starts[i + 1]]``."""
    return torch.sparse_csr_tensor(
        torch.as_tensor(starts, dtype=torch.int32),
        torch.as_tensor(columns, dtype=torch.int32),
        torch.ones(columns.size, dtype=runtime.torch_dtype),
        size=(starts.size - 1, width),
        device=runtime.torch_device,
        check_invariants=True,
    )


@cache
def _hear_sparse_warning() -> None:
    """Torch warns once a process that sparse rows are in beta; we use products alone, and test them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Sparse CSR tensor support is in beta.*")
        torch.sparse_csr_tensor([0, 1], [0], [1.0], size=(1, 1), check_invariants=True)
