"""The input F (E, s, K) of the last layer, from the other layers and the operands of s rows of each member.

By family, and with embeddings::

    mlp           F = sigma(sum_j W_j[x_j]), or the product of W_j[x_j] over the operands j; then
                  F <- [F +] sigma(F H_l) for each hidden layer. W_j are the rows of W that operand j meets.
    embeddings    the same with W_j <- T_j W_j, so a table T (shared or separate) costs no pass over the rows
    transformer   h_j = T[x_j] + P_j, the last one h_= of the read-out token '='; for each head (d/heads columns of
                  W_Q, W_K, W_V) the weights p_j = softmax_j(h_= W_Q · h_j W_K / sqrt(d/heads)), o = sum_j p_j h_j W_V;
                  r = h_= + o W_O,  F = r + sigma(r W_in) W_out

Only the output at '=' is read and there is one block, so a causal mask would change nothing, queries of other tokens
are not needed, and keys and values are functions of token and position: tables of k A + 1 rows, not of k + 1 a sample.
All of it can be followed by autograd.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional

from twopeaks.sim.network.activations import ACTIVATIONS
from twopeaks.sim.network.data import real_rows, rows_like
from twopeaks.theory.setting.network import Network

__all__ = ["deeper", "features", "first_layer"]


def features(network: Network, layers: Sequence[Tensor], inputs: Tensor) -> Tensor:
    """F of the given rows.

    Args:
        network: the architecture.
        layers: (E, …, …) each, as `twopeaks.sim.network.sizes.layer_shapes` has them.
        inputs: (k, E·s) rows e·k·A + j·A + x_j of operand j, counted from 0, for row after row of each member e.
    """
    if network.family == "transformer":
        return _transformer(network, layers, inputs)
    W = first_layer(network, layers)
    if network.hidden == "sum":
        F = ACTIVATIONS[network.activation].function(_summed(W, inputs))
    else:
        F = reduce(torch.mul, _each(W, inputs))
    return deeper(network, layers, F)


def first_layer(network: Network, layers: Sequence[Tensor]) -> Tensor:
    """(E, kA, K) what one-hots of the operands meet in an mlp: W itself, or T_j W_j where W reads embeddings."""
    if network.embedding == "one-hot":
        return layers[0]
    T, W = layers[0], layers[1]
    E, d, K = W.shape[0], T.shape[2], W.shape[2]
    k = W.shape[1] // d
    of_operand = T.view(E, 1 if network.embedding == "shared" else k, -1, d)
    return (of_operand @ W.view(E, k, d, K)).view(E, -1, K)


def deeper(network: Network, layers: Sequence[Tensor], F: Tensor) -> Tensor:
    """What V reads, from the first hidden values F of an mlp: F itself, or carried through the hidden layers.

    F <- sigma(F H_l), or F <- F + sigma(F H_l) in a residual network, as new tensors that autograd can follow.
    """
    sigma = ACTIVATIONS[network.activation].function
    for H in layers[network.tables + 1 : -1]:
        step = sigma(torch.bmm(F, H))
        F = F + step if network.residual else step
    return F


def _transformer(network: Network, layers: Sequence[Tensor], inputs: Tensor) -> Tensor:
    T, P, W_Q, W_K, W_V, W_O, W_in, W_out, _ = layers
    tokens = (T[:, None, :-1] + P[:, :-1, None]).flatten(1, 2)  # h_j for every operand j and value, (E, kA, d)
    end = T[:, -1:] + P[:, -1:]
    query = _heads(network, end @ W_Q) / math.sqrt(T.shape[2] // network.heads)

    def score(h: Tensor) -> Tensor:
        return (_heads(network, h @ W_K) * query).sum(dim=3)

    scores = _each(score(tokens), inputs)
    values = _each(tokens @ W_V, inputs)
    p = torch.stack([*scores, score(end).expand_as(scores[0])]).softmax(dim=0).unsqueeze(4)
    o = [weight * _heads(network, value) for weight, value in zip(p, [*values, end @ W_V], strict=True)]
    r = end + torch.bmm(reduce(torch.add, o).flatten(2), W_O)
    return r + torch.bmm(ACTIVATIONS[network.activation].function(torch.bmm(r, W_in)), W_out)


def _heads(network: Network, x: Tensor) -> Tensor:
    """(E, s, d) as (E, s, heads, d/heads)."""
    return x.view(*x.shape[:2], network.heads, -1)


def _each(table: Tensor, inputs: Tensor) -> list[Tensor]:
    """Rows of a table (E, kA, c) for each operand: k times (E, s, c)."""
    return [rows_like(table, functional.embedding(index, real_rows(table))) for index in inputs]


def _summed(table: Tensor, inputs: Tensor) -> Tensor:
    """The sum of these over the operands, in one pass: (E, s, c)."""
    return rows_like(table, functional.embedding_bag(inputs.T, real_rows(table), mode="sum"))
