"""The input F of the last layer on every row of a table, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from twopeaks.sim.network.activations import ACTIVATIONS
from twopeaks.sim.network.architectures import deeper, features, first_layer
from twopeaks.sim.network.runtime import Runtime
from twopeaks.theory.setting.network import Network
from twopeaks.theory.setting.tables import Table

__all__ = ["table_features"]


def table_features(
    network: Network, layers: Sequence[Tensor], table: Table, runtime: Runtime
) -> Iterator[tuple[slice, Tensor]]:
    """F of all A^k rows, block by block: some rows, and their F (E, s, K), which is valid until the next block.

    A block fits a tile, and so do its outputs.

    Args:
        network: the architecture.
        layers: weights of E members.
        table: what is learned.
        runtime: bounds the size of a block.
    """
    if network.family == "mlp" and network.hidden == "sum":
        return _of_sums(network, layers, table, runtime)
    return _of_any(network, layers, table, runtime)


def _of_sums(
    network: Network, layers: Sequence[Tensor], table: Table, runtime: Runtime
) -> Iterator[tuple[slice, Tensor]]:
    """A row's Z is the sum of what its leading operands give and of what its trailing operands give.

    The second sum is computed once, the first block by block.
    """
    sigma, W = ACTIVATIONS[network.activation], first_layer(network, layers)
    members, _, width = W.shape
    leading = range(table.operands - table.operands // 2)
    trailing = range(len(leading), table.operands)
    count, inner = table.alphabet ** len(leading), table.alphabet ** len(trailing)
    second = _operand_sums(table, W, trailing, slice(0, inner))[:, None]
    block = runtime.rows_that_fit(members * inner * max(width, table.classes) * W.itemsize)
    hidden = W.new_empty(2, members * min(block, count) * inner * width)
    for a in range(0, count, block):
        block_rows = slice(a, min(a + block, count))
        shape = (members, block_rows.stop - a, inner, width)
        Z, F = (half[: math.prod(shape)].view(shape) for half in hidden)
        torch.add(_operand_sums(table, W, leading, block_rows)[:, :, None], second, out=Z)
        F = deeper(network, layers, sigma.forward(Z, F).view(members, -1, width))
        yield slice(a * inner, block_rows.stop * inner), F


def _operand_sums(table: Table, W: Tensor, operands: range, rows: slice) -> Tensor:
    """(E, s, K) sum of the rows of W for a range of combinations of these operands, numbered like a table's rows."""
    A = table.alphabet
    if len(operands) == 1:  # without a copy
        return W[:, operands.start * A + rows.start : operands.start * A + rows.stop]
    total = W.new_zeros(W.shape[0], rows.stop - rows.start, W.shape[2])
    index = torch.arange(rows.start, rows.stop, device=W.device)
    for power, j in enumerate(reversed(operands)):
        total += W[:, j * A + index // A**power % A]
    return total


def _of_any(
    network: Network, layers: Sequence[Tensor], table: Table, runtime: Runtime
) -> Iterator[tuple[slice, Tensor]]:
    """By the network itself, on the operands of some rows for every member."""
    V = layers[-1]
    count = table.alphabet**table.operands
    values = max(network.hidden_values(table.operands), table.classes)
    block = runtime.rows_that_fit(V.shape[0] * values * V.itemsize)
    for start in range(0, count, block):
        rows = slice(start, min(start + block, count))
        yield rows, features(network, layers, _inputs(table, rows, V))


def _inputs(table: Table, rows: slice, V: Tensor) -> Tensor:
    """(k, E·s) `features`' inputs for a range of rows, the same for every member."""
    k, A = table.operands, table.alphabet
    index = torch.arange(rows.start, rows.stop, device=V.device)
    operands = torch.stack([j * A + index // A ** (k - 1 - j) % A for j in range(k)])
    first = k * A * torch.arange(V.shape[0], device=V.device)
    return (first[:, None] + operands[:, None]).flatten(1)
