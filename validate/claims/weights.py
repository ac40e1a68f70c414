"""What the weights of one network say: hidden values, G_F, energies and representations of nodes, which ones carry it.

All functions take the weights of one member, W (2M, K) and V (K, M), in double precision.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.groups import Group
from twopeaks.theory.landscape.features import classify
from twopeaks.theory.landscape.landscape import Landscape, all_pairs
from twopeaks.theory.setting.activations import named_sigma

__all__ = [
    "CARRYING_SHARE",
    "Hidden",
    "accuracy",
    "carrying",
    "cosine",
    "dominant",
    "gradient_norm",
    "gradient_on_features",
    "hidden",
    "kernel_gradient",
    "node_energies",
    "purities",
    "strongest_frequency",
]

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

#: A node carries the function if |w|^2 |v| is at least this part of the largest one of its network. More nodes are
#: live, which decay has not taken away: see `twopeaks.sim.storage.probe_catalogue.LIVE_SHARE`.
CARRYING_SHARE = 1e-2


class Hidden(NamedTuple):
    """Hidden values on a set of examples, centred over samples, and the labels likewise.

    Attributes:
        F: (n, K) sigma(X W).
        F_centred: (n, K) P F.
        Y: (n, M) P Y.
        slope: (n, K) sigma'(X W).
    """

    F: Array
    F_centred: Array
    Y: Array
    slope: Array


def hidden(W: Array, pairs: Indices, labels: Indices, activation: str = "x^2") -> Hidden:
    """Hidden values of a network on training examples a·M + b with their labels."""
    order, sigma = W.shape[0] // 2, named_sigma(activation)
    Z = W[pairs // order] + W[order + pairs % order]
    F, Y = sigma.value(Z), np.eye(order)[labels]
    return Hidden(F, F - F.mean(axis=0), Y - Y.mean(axis=0), sigma.slope(Z))


def gradient_on_features(at: Hidden, V: Array) -> Array:
    """G_F = P (Y - F V) V^T, (n, K). Eq. lazy.1."""
    return (at.Y - at.F_centred @ V) @ V.T


def gradient_norm(W: NDArray[np.floating], V: NDArray[np.floating], pairs: Indices, labels: Indices) -> float:
    """|G_F| for sigma = z^2, in the precision of the weights and without an n x K array for G_F itself."""
    order = V.shape[1]
    residual = np.eye(order, dtype=V.dtype)[labels] - (W[pairs // order] + W[order + pairs % order]) ** 2 @ V
    residual -= residual.mean(axis=0)
    # |R V^T|^2 = tr(R^T R V^T V)
    return float(np.sqrt(np.sum((residual.T @ residual) * (V.T @ V))))


def kernel_gradient(at: Hidden) -> Array:
    """Y~Y~^T F~, (n, K): what G_F is proportional to early on. Eq. lazy.3."""
    return at.Y @ (at.Y.T @ at.F_centred)


def cosine(a: Array, b: Array) -> float:
    """Cosine of the angle between two arrays of one shape."""
    return float(np.sum(a * b) / (np.linalg.norm(a) * np.linalg.norm(b)))


def carrying(W: Array, V: Array) -> Indices:
    """Nodes that carry the function: |w|^2 |v| at least `CARRYING_SHARE` of the largest."""
    share = (W**2).sum(axis=0) * np.linalg.norm(V, axis=1)
    return np.flatnonzero(share >= CARRYING_SHARE * share.max())


def purities(group: Group, W: Array) -> Array:
    """(K,) share of each node's centred power in its strongest real irreducible representation."""
    return classify(group, np.ascontiguousarray(W.T)).purities


def dominant(group: Group, W: Array) -> Indices:
    """(K,) position of that representation among `twopeaks.theory.groups.irreps.real_blocks`."""
    return classify(group, np.ascontiguousarray(W.T)).blocks


def strongest_frequency(W: Array) -> Indices:
    """(K,) frequency 1 … (M-1)/2 of most power in u and v together, on a cyclic group of odd order."""
    order = W.shape[0] // 2
    transforms = np.fft.fft(W.reshape(2, order, -1), axis=1)
    power = (np.abs(transforms) ** 2).sum(axis=0)
    return np.asarray(power[1 : (order + 1) // 2].argmax(axis=0) + 1)


def node_energies(group: Group, W: Array) -> Array:
    """(K,) energy on the full table, sigma = z^2, of each node scaled to |w| = 1. Eq. feat.3."""
    nodes = W.T / np.linalg.norm(W, axis=0)[:, None]
    return Landscape(group, all_pairs(group)).energy(np.ascontiguousarray(nodes))


def accuracy(group: Group, W: Array, V: Array, pairs: Indices) -> float:
    """Share of the examples whose largest output is the product, sigma = z^2."""
    order = group.order
    outputs = (W[pairs // order] + W[order + pairs % order]) ** 2 @ V
    return float(np.mean(outputs.argmax(axis=1) == group.table.ravel()[pairs]))
