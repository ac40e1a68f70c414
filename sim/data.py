"""The training data of a pack of members, cut into tiles that stay in the cache.

The input X is two one-hots a row, so X W is the sum of two rows of W and X^T G adds each row of G to two rows:
sparse products with two ones a row, written into memory that is already there. No dense one-hot is ever built.
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

from sim.runtime import Runtime
from theory.sampling import draw_pairs, label_table
from theory.setting import Setting

__all__ = ["PackData", "Tile", "pack_data", "pack_size", "real_rows"]


@dataclass(frozen=True)
class Tile:
    """Samples s0 … s1 of every member of a pack of E (r = E·(s1 - s0) rows, member-major).

    Attributes:
        one_hot: (E, s1 - s0, M) label of each row.
        X: (r, E·2M) sparse, block-diagonal over members; None where the device has no sparse products.
        Xt: (E·2M, r) its transpose.
        inputs: (2, r) the two rows of the stacked W that each tile row is the sum of.
    """

    one_hot: Tensor
    X: Tensor | None
    Xt: Tensor | None
    inputs: Tensor

    def gather(self, W: Tensor, out: Tensor) -> Tensor:
        """X W into ``out``: (E, 2M, K) -> (E, s1 - s0, K)."""
        stacked, rows = real_rows(W), real_rows(out)
        if self.X is None:
            torch.add(stacked[self.inputs[0]], stacked[self.inputs[1]], out=rows)
        else:
            torch.addmm(rows, self.X, stacked, beta=0, out=rows)
        return out

    def scatter(self, G: Tensor, out: Tensor, add: bool) -> Tensor:
        """X^T G into ``out``, or added to it: (E, s1 - s0, K) -> (E, 2M, K)."""
        stacked, rows = out.view(-1, G.shape[2]), G.view(-1, G.shape[2])
        if self.Xt is not None:
            torch.addmm(stacked, self.Xt, rows, beta=int(add), out=stacked)
            return out
        if not add:
            stacked.zero_()
        stacked.index_add_(0, self.inputs[0], rows).index_add_(0, self.inputs[1], rows)
        return out


def real_rows(x: Tensor) -> Tensor:
    """(E, r, K) as (E·r, K) real rows, with real and imaginary parts beside each other: (E·r, 2K); a view."""
    real = torch.view_as_real(x).flatten(-2) if x.is_complex() else x
    return real.view(-1, real.shape[2])


@dataclass(frozen=True)
class PackData:
    """Training sets of a pack of E members on a device.

    Attributes:
        order: group order M.
        samples: training pairs n of each member.
        tiles: the training rows, cut along the samples.
        labels: (E, M^2) label of every pair a·M + b.
        in_train: (E, M^2) whether the pair is trained on.
    """

    order: int
    samples: int
    tiles: tuple[Tile, ...]
    labels: Tensor
    in_train: Tensor


def pack_size(setting: Setting, runtime: Runtime) -> int:
    """Members that are worked on together, so that their hidden values fit the tile of one thread."""
    itemsize = runtime.torch_dtype.itemsize
    return max(1, runtime.tile_bytes // (itemsize * setting.network.width * setting.task.samples))


def _tile_length(setting: Setting, members: int, runtime: Runtime) -> int:
    """Samples of each member in one tile: all of them, or what fits, in a multiple of the threads."""
    row_bytes = runtime.torch_dtype.itemsize * setting.network.width * members
    fitting = runtime.tile_bytes * runtime.threads // row_bytes
    return setting.task.samples if fitting >= setting.task.samples else runtime.rows_that_fit(row_bytes)


def pack_data(setting: Setting, seeds: Sequence[int], runtime: Runtime) -> PackData:
    """Draw the members' pairs and labels and lay them out for training."""
    _hear_sparse_warning()
    order = setting.task.resolve().order
    pairs = np.stack([draw_pairs(setting.task, seed) for seed in seeds])
    table = np.stack([label_table(setting.task, seed) for seed in seeds])
    labels = np.take_along_axis(table, pairs, axis=1)
    in_train = np.zeros(table.shape, dtype=bool)
    np.put_along_axis(in_train, pairs, True, axis=1)
    length = _tile_length(setting, len(seeds), runtime)
    tiles = tuple(
        _tile(pairs[:, s : s + length], labels[:, s : s + length], order, runtime)
        for s in range(0, setting.task.samples, length)
    )
    device = runtime.torch_device
    return PackData(
        order,
        pairs.shape[1],
        tiles,
        torch.as_tensor(table, device=device),
        torch.as_tensor(in_train, device=device),
    )


def _tile(
    pairs: NDArray[np.int64],
    labels: NDArray[np.int64],
    order: int,
    runtime: Runtime,
) -> Tile:
    members, (device, dtype) = pairs.shape[0], (runtime.torch_device, runtime.torch_dtype)
    first_row = 2 * order * np.arange(members)[:, None]
    inputs = np.stack([(first_row + pairs // order).ravel(), (first_row + order + pairs % order).ravel()])
    one_hot = torch.nn.functional.one_hot(torch.as_tensor(labels.copy(), device=device), order).to(dtype)
    X = Xt = None
    if device.type != "mps":  # which has no sparse products
        columns, count = inputs.T.ravel(), 2 * order * members
        ends = np.cumsum(np.bincount(columns, minlength=count))
        X = _sparse_ones(np.arange(0, columns.size + 1, 2), columns, count, runtime)
        Xt = _sparse_ones(np.append(0, ends), np.argsort(columns, kind="stable") // 2, columns.size // 2, runtime)
    return Tile(one_hot, X, Xt, torch.as_tensor(inputs, device=device))


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
