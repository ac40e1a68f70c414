"""The training problem for the flows: data, activation, both losses and their gradients, in numpy.

    Z = X W,   F = sigma(Z),   O = F V,      W (2M, K), V (K, M)

Row i of X is two one-hots (a, b), so X W is a sum of two rows of W; X is sparse. Two centrings, never mixed:

* standard loss (twopeaks.theory.setting): L = (1/n) sum_i sum_c r_ic^2, r = (O - Y) C, C = I - 11^T/M over *classes*.
* paper's loss (arXiv 2509.21519): J = 1/2 |P (Y - F V)|^2, P = I - 11^T/n over *samples*; its feature gradient is
  G_F = -dJ/dF = P (Y - F V) V^T.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting
from twopeaks.theory.setting.activations import Sigma, named_sigma
from twopeaks.theory.setting.sampling import draw_pairs, label_table

__all__ = ["Array", "Forward", "Problem", "centred_classes", "centred_samples", "norm_growth"]

#: float64, or the precision of a `Problem`.
Array = NDArray[Any]

#: Entries of a block of hidden values while accuracies are computed.
_BLOCK = 1 << 24


def centred_samples(A: Array) -> Array:
    """P A: each column less its mean over samples."""
    return np.asarray(A - A.mean(axis=0, keepdims=True))


def centred_classes(A: Array) -> Array:
    """A C: each row less its mean over classes."""
    return np.asarray(A - A.mean(axis=1, keepdims=True))


def norm_growth(R: Array, dR: Array, V: Array, dV: Array) -> float:
    """1/2 d|G|^2/dt of G = R V^T, by (M, M) products: <R V^T V, dR/dt> + <V R^T R, dV/dt>."""
    return float(np.vdot(R @ (V.T @ V), dR) + np.vdot(V @ (R.T @ R), dV))


class Forward(NamedTuple):
    """One pass over the training examples: Z (n, K), F (n, K), O (n, M)."""

    Z: Array
    F: Array
    O: Array


@dataclass(frozen=True, eq=False)
class Problem:
    """Training pairs, labels and activation.

    Attributes:
        order: M.
        pairs: (n,) indices a·M + b of the training examples.
        labels: (M^2,) label of every pair.
        activation: as `twopeaks.theory.setting.activations.named_sigma` reads it.
        dtype: arithmetic of passes over the data; results of flows are float64 either way.
        frozen: whether W keeps its initial values in `twopeaks.theory.flows.network` (Stage I).
    """

    order: int
    pairs: NDArray[np.int64]
    labels: NDArray[np.int64]
    activation: str = "x^2"
    dtype: Literal["float32", "float64"] = "float64"
    frozen: bool = False

    def __post_init__(self) -> None:
        named_sigma(self.activation)

    @classmethod
    def of(cls, setting: Setting, seed: int, *, dtype: Literal["float32", "float64"] = "float64") -> Self:
        """The problem that is trained with this setting and seed.

        Raises:
            InputError: if the setting is not of two real, trained layers under squared error, or its task not about two
                operands with a label in every row.
        """
        task, network = setting.task, setting.network
        plain = network.core and network.readout == "trained" and network.output_scale == 1
        if not plain or setting.loss != "mse":
            received = f"{network.words}, {setting.loss}"
            remedy = "flows describe no other network"
            raise InputError("setting", "two real, trained layers under mse", received, remedy)
        table = task.table_of()
        if table.operands != 2 or not table.complete:
            remedy = "flows describe no other task"
            raise InputError("task", "about two operands with a label in every row", table.name, remedy)
        pairs, labels = draw_pairs(task, seed), label_table(task, seed)
        return cls(table.alphabet, pairs, labels, network.activation, dtype)

    @property
    def samples(self) -> int:
        """Training pairs n."""
        return len(self.pairs)

    @cached_property
    def rest(self) -> NDArray[np.int64]:
        """Indices of the pairs that are not trained on."""
        return np.setdiff1d(np.arange(self.order**2), self.pairs)

    @cached_property
    def X(self) -> Any:
        """(n, 2M) sparse: two one-hots a row."""
        columns = np.stack([self.pairs // self.order, self.order + self.pairs % self.order], axis=1)
        ends = np.arange(0, 2 * self.samples + 1, 2)
        ones = np.ones(2 * self.samples, dtype=self.dtype)
        return csr_array((ones, columns.ravel(), ends), shape=(self.samples, 2 * self.order))

    @cached_property
    def Y(self) -> Array:
        """(n, M) one-hot labels."""
        return np.eye(self.order, dtype=self.dtype)[self.labels[self.pairs]]

    @property
    def sigma(self) -> Sigma:
        """The activation."""
        return named_sigma(self.activation)

    def cast(self, *arrays: Array) -> tuple[Array, ...]:
        """Arrays in the arithmetic of this problem."""
        return tuple(np.asarray(A, dtype=self.dtype) for A in arrays)

    def forward(self, W: Array, V: Array) -> Forward:
        """Z, F and O on the training examples."""
        W, V = self.cast(W, V)
        Z = self.X @ W
        F = self.sigma.value(Z)
        return Forward(Z, F, F @ V)

    def loss(self, W: Array, V: Array) -> float:
        """L without the decay term."""
        R = centred_classes(self.forward(W, V).O - self.Y)
        return float(np.vdot(R, R)) / self.samples

    def back(self, at: Forward, V: Array, R: Array) -> tuple[Array, Array]:
        """The transposed Jacobian of O applied to R (n, M): X^T (R V^T * sigma'(Z)) (2M, K) and F^T R (K, M)."""
        (V,) = self.cast(V)
        return np.asarray(self.X.T @ ((R @ V.T) * self.sigma.slope(at.Z))), at.F.T @ R

    def push(self, at: Forward, V: Array, dW: Array, dV: Array) -> tuple[Array, Array]:
        """The Jacobian applied to a velocity: dF/dt = sigma'(Z) * (X dW) (n, K) and dO/dt (n, M)."""
        V, dW, dV = self.cast(V, dW, dV)
        dF = self.sigma.slope(at.Z) * (self.X @ dW)
        return dF, dF @ V + at.F @ dV

    def gradient(self, W: Array, V: Array) -> tuple[Array, Array]:
        """dL/dW (2M, K) and dL/dV (K, M), without decay."""
        at = self.forward(W, V)
        return self.back(at, V, 2 / self.samples * centred_classes(at.O - self.Y))

    def accuracy(self, W: Array, V: Array, pairs: NDArray[np.int64]) -> float:
        """Share of the given pairs (one or more) whose largest output is the label."""
        W, V = self.cast(W, V)
        M, right = self.order, 0
        for block in np.array_split(pairs, -(-len(pairs) * W.shape[1] // _BLOCK)):
            F = self.sigma.value(W[block // M] + W[M + block % M])
            right += int(((F @ V).argmax(axis=1) == self.labels[block]).sum())
        return right / len(pairs)

    def accuracies(self, W: Array, V: Array) -> dict[str, float]:
        """``train_accuracy``, and ``test_accuracy`` unless every pair is trained on."""
        shares = {"train_accuracy": self.accuracy(W, V, self.pairs)}
        if len(self.rest):
            shares["test_accuracy"] = self.accuracy(W, V, self.rest)
        return shares
