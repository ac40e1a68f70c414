r"""Energy of one hidden node while nodes learn independently (Stage II), on any set of pairs.

A node w = [u; v] in R^2M sees z_i = u[a_i] + v[b_i] and answers f = sigma(z). With one-hot labels Y (n x M), centred
over samples to Y~ = P Y,

* feat.1  E(w) = 1/2 |Y~^T f|^2, dE/dw = X^T D Y~ Y~^T f, D = diag(sigma'(z)) (Theorem 1 of arXiv 2509.21519).
* Samples drawn with probabilities p_i: [Y~^T f]_c = n (sum_{i: c_i = c} p_i f_i - q_c sum_i p_i f_i) with
  q_c = sum_{i: c_i = c} p_i, n times the covariance of label and answer. At p_i = 1/n this is feat.1.
* inter.4  With the irreducible representations S learned, labels count in the missing ones only: E_S = 1/2
  |K_S Y~^T f|^2, K_S(h, h') = (1/M) sum_{k not in S} d_k chi_k(h'^-1 h), an orthogonal projector (Theorem 7).
* feat.3  All pairs, sigma(z) = z^2: E = (2/M) sum_{rho != 1} d_rho |u^(rho) v^(rho)|_F^2 with
  f^(rho) = sum_g f(g) rho(g).

In every case E = 1/2 |T s|^2 with the class sums s_c = n sum_{i: c_i = c} p_i f_i and one fixed (M, M) matrix T.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group
from twopeaks.theory.groups.irreps import Irrep
from twopeaks.theory.setting.activations import Sigma, named_sigma

__all__ = ["Landscape", "all_pairs", "missing_kernel", "random_pairs", "target_pairs"]

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Numbers in one intermediate array; blocks of nodes are cut to it, so that they stay in the processor's cache.
_BLOCK = 1 << 16


# --- data ----------------------------------------------------------------------------------------------


def all_pairs(group: Group) -> Indices:
    """(M^2,) indices a·M + b of the full table."""
    return np.arange(group.order**2)


def random_pairs(group: Group, density: float, rng: np.random.Generator, bias: float = 0.0) -> Indices:
    """(n,) indices a·M + b of n = round(p M^2) pairs, at least one, drawn without replacement, sorted.

    Draws are uniform, or with a bias take each pair left with probability proportional to (1 + a)^-bias, as
    `twopeaks.theory.setting.sampling.draw_pairs` does for training sets.

    Raises:
        InputError: if the density p is not in (0, 1], or the bias not finite.
    """
    if not 0 < density <= 1:
        raise InputError("density", "above 0 and at most 1", density, "it is a share of all pairs, such as 0.5")
    if not np.isfinite(bias):
        raise InputError("bias", "a finite number", bias, "use 0 for uniform draws")
    size = max(1, round(density * group.order**2))
    if bias == 0:
        return np.sort(rng.choice(group.order**2, size=size, replace=False))
    keys = rng.gumbel(size=group.order**2) - bias * np.log1p(np.arange(group.order**2) // group.order)
    return np.sort(np.argsort(-keys, kind="stable")[:size])


def target_pairs(group: Group, target: int) -> Indices:
    """(M,) indices of the pairs (g, g^-1 h) of one label h, in the order of g."""
    return np.asarray(np.arange(group.order) * group.order + group.table[group.inverses, target])


def missing_kernel(group: Group, learned: Sequence[Irrep]) -> Array:
    """(M, M) projector K_S on the irreducible representations that are not among ``learned``. Eq. inter.4.

    Raises:
        InputError: if one of two conjugate representations is learned without the other: real nodes learn both.
    """
    characters = np.array([rho.dim * rho.character for rho in learned]).reshape(-1, group.order)
    total = characters.sum(axis=0)
    if np.abs(total.imag).max() > 1e-6:
        raise InputError("learned", "closed under complex conjugation", f"{len(learned)} irreps", "add the conjugates")
    quotient = group.table[group.inverses].T  # [h, h'] -> h'^-1·h
    return np.asarray(np.eye(group.order) - total.real[quotient] / group.order)


# --- energy --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Landscape:
    """E on the pairs of one data set. Eq. feat.1.

    Attributes:
        group: gives the pair (a, b) the label a·b.
        pairs: (n,) indices a·M + b.
        law: (n,) probabilities p_i; 1/n if left out.
        activation: sigma, by name.
        learned: irreducible representations S that no longer count.
        centred: whether labels are centred over samples. Labels that are all the same vanish when centred.

    Raises:
        InputError: for pairs outside the table, a law that is none, an unknown activation, or centred labels that
            vanish.
    """

    group: Group
    pairs: Indices = field(repr=False)
    law: Array | None = field(default=None, repr=False)
    _: KW_ONLY
    activation: str = "x^2"
    learned: tuple[Irrep, ...] = field(default=(), repr=False)
    centred: bool = True

    def __post_init__(self) -> None:
        named_sigma(self.activation)
        pairs = self.pairs
        if pairs.ndim != 1 or not pairs.size or pairs.min() < 0 or pairs.max() >= self.group.order**2:
            expectation = f"one or more indices a·M + b below {self.group.order**2}"
            raise InputError("pairs", expectation, f"shape {pairs.shape}", "use e.g. random_pairs")
        weights = self._weights
        if weights.shape != pairs.shape or not (weights >= 0).all() or abs(weights.mean() - 1) > 1e-9:
            expectation = f"{len(pairs)} probabilities, at least 0, with sum 1"
            raise InputError("law", expectation, f"shape {weights.shape}", "divide weights by their sum")
        if self.centred and len(np.unique(self._labels[weights > 0])) == 1:
            raise InputError(
                "centred", "False where all pairs share one label", True, "centred labels vanish there: set it to False"
            )

    @property
    def dim(self) -> int:
        """Entries 2M of a node."""
        return 2 * self.group.order

    def energy(self, w: Array) -> Array:
        """E of every node: (R, 2M) -> (R,). Eq. feat.1."""
        energies = np.empty(len(w))
        for block in self._blocks(len(w)):
            s = self._sums @ self._sigma.value(self._inputs @ w[block].T)
            energies[block] = 0.5 * ((self._centring @ s) ** 2).sum(axis=0)
        return energies

    def gradient(self, w: Array) -> Array:
        """dE/dw of every node: (R, 2M) -> (R, 2M). Eq. feat.1."""
        return self.energy_and_gradient(w)[1]

    def energy_and_gradient(self, w: Array) -> tuple[Array, Array]:
        """E (R,) and dE/dw (R, 2M), which share most of their work."""
        energies, gradients = np.empty(len(w)), np.empty(w.shape)
        for block in self._blocks(len(w)):
            z = self._inputs @ w[block].T
            deviations = self._centring @ (self._sums @ self._sigma.value(z))
            energies[block] = 0.5 * (deviations**2).sum(axis=0)
            pull = self._sums_t @ (self._centring.T @ deviations)
            gradients[block] = (self._inputs_t @ (self._sigma.slope(z) * pull)).T
        return energies, gradients

    def hessian(self, w: Array) -> Array:
        """d^2E/dw^2 of every node, where sigma has no kink: (R, 2M) -> (R, 2M, 2M).

        It is (T J)^T (T J) + sum_i n p_i [T^T T s]_{c_i} sigma''(z_i) x_i x_i^T with the Jacobian of the class sums,
        J = ds/dw = sum_i n p_i sigma'(z_i) e_{c_i} x_i^T.
        """
        z = self._inputs @ w.T
        T = self._centring
        pull = self._sums_t @ (T.T @ (T @ (self._sums @ self._sigma.value(z))))
        to_jacobian, to_squares = self._outer_products
        J = (to_jacobian @ self._sigma.slope(z)).reshape(self.group.order, self.dim, len(w))
        bends = (to_squares @ (self._sigma.bend(z) * pull)).reshape(self.dim, self.dim, len(w))
        TJ = np.moveaxis(np.tensordot(T, J, axes=1), -1, 0)
        return np.asarray(TJ.swapaxes(1, 2) @ TJ + np.moveaxis(bends, -1, 0))

    # --- the pieces of E = 1/2 |T s|^2 -----------------------------------------------------------------

    @cached_property
    def _sigma(self) -> Sigma:
        return named_sigma(self.activation)

    @cached_property
    def _labels(self) -> Indices:
        """(n,) c_i."""
        return self.group.table.ravel()[self.pairs]

    @cached_property
    def _ones(self) -> Indices:
        """(n, 2) places of the two ones in x_i."""
        order = self.group.order
        return np.stack([self.pairs // order, order + self.pairs % order], axis=1)

    @property
    def _weights(self) -> Array:
        """(n,) n p_i."""
        return np.ones(len(self.pairs)) if self.law is None else len(self.pairs) * np.asarray(self.law)

    @cached_property
    def _inputs_t(self) -> csr_array:
        """X^T (2M, n)."""
        return _adder(self._ones, self.dim, np.ones(len(self.pairs)))

    @cached_property
    def _inputs(self) -> csr_array:
        return self._inputs_t.T.tocsr()

    @cached_property
    def _sums(self) -> csr_array:
        """(M, n): takes answers f to class sums s."""
        return _adder(self._labels[:, None], self.group.order, self._weights)

    @cached_property
    def _sums_t(self) -> csr_array:
        return self._sums.T.tocsr()

    @cached_property
    def _outer_products(self) -> tuple[csr_array, csr_array]:
        """Take numbers t_i to sum_i t_i n p_i e_{c_i} x_i^T, (M 2M, n), and to sum_i t_i x_i x_i^T, (2M 2M, n)."""
        in_jacobian = self._labels[:, None] * self.dim + self._ones
        in_squares = self._ones[:, :, None] * self.dim + self._ones[:, None, :]
        return (
            _adder(in_jacobian, self.group.order * self.dim, self._weights),
            _adder(in_squares.reshape(-1, 4), self.dim**2, np.ones(len(self.pairs))),
        )

    @cached_property
    def _centring(self) -> Array:
        """T = K_S (I - q 1^T), or K_S alone without centring."""
        K = missing_kernel(self.group, self.learned)
        if not self.centred:
            return K
        q = np.bincount(self._labels, self._weights, minlength=self.group.order) / len(self.pairs)
        return np.asarray(K - np.outer(K @ q, np.ones(self.group.order)))

    def _blocks(self, nodes: int) -> Iterator[slice]:
        size = max(1, _BLOCK // len(self.pairs))
        return (slice(start, start + size) for start in range(0, nodes, size))


def _adder(places: Indices, size: int, factors: Array) -> csr_array:
    """(size, n) matrix that adds number i, times its factor, at each of its places (n, k)."""
    n, k = places.shape
    return csr_array((np.repeat(factors, k), (places.ravel(), np.repeat(np.arange(n), k))), shape=(size, n))
