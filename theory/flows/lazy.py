r"""Stage I, lazy learning: V moves, the features F stay.

With F~ = P F, Y~ = P Y (centred over samples) and J = 1/2 |Y~ - F~ V|^2 + (eta/2) |V|^2, gradient flow on J is
dV/dt = F~^T (Y~ - F~ V) - eta V. It drives W through G_F = (Y~ - F~ V) V^T (lazy.1).

* lazy.5  F~ = U S Q^T, lambda = s^2 + eta: Q^T V(t) = e^(-lambda t) Q^T V(0) + s (1 - e^(-lambda t)) / lambda U^T Y~.
  The part of V(0) outside the rows of F~ fades as e^(-eta t). V(inf) is the ridge solution (lazy.2).
* lazy.3  Early, from V(0) = 0: G_F(t) = t Y~ Y~^T F~ + O(t^2).
* lazy.4  G_F(inf) = eta (F~ F~^T + eta I)^-1 Y~ Y~^T F~ (F~^T F~ + eta I)^-1, in this order. From V(0) = 0 it is
  approached as e^(-lambda_min t) over the nonzero singular values. At eta = 0 it vanishes only where F~ V can fit Y~
  (rank n - 1, so K >= n - 1): otherwise the residual of least squares keeps it up.

Neglects: the motion of W, hence the fall of |G_F| that it causes.

Clock: time of gradient descent on J, summed over samples. Training V on the standard loss (twopeaks.theory.setting)
with rate lr is t = 2 lr steps / n and eta_J = n eta / 2, with F as it is and Y and V centred over classes
(``centred=True``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve, svd

from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.problem import Array, centred_samples, norm_growth
from twopeaks.theory.flows.solution import Event, Flow, Solution, State, integrate

__all__ = ["Lazy", "early_gradient", "limit_gradient", "ridge"]

_CLOCK = "t of gradient descent on J = 1/2 |P (Y - F V)|^2"


def ridge(F: Array, Y: Array, eta: float) -> Array:
    """(K, M) minimiser (F^T F + eta I)^-1 F^T Y of |Y - F V|^2 + eta |V|^2, eta > 0. Eq. lazy.2."""
    n, K = F.shape
    if n < K:
        return np.asarray(F.T @ solve(F @ F.T + eta * np.eye(n, dtype=F.dtype), Y, assume_a="pos"))
    return np.asarray(solve(F.T @ F + eta * np.eye(K, dtype=F.dtype), F.T @ Y, assume_a="pos"))


def early_gradient(F: Array, Y: Array, t: float) -> Array:
    """(n, K) t Y Y^T F, of centred F and Y. Eq. lazy.3."""
    return np.asarray(t * (Y @ (Y.T @ F)))


def limit_gradient(F: Array, Y: Array, eta: float) -> Array:
    """(n, K) G_F(inf) = (Y - F V) V^T at the ridge V, of centred F and Y; equals eq. lazy.4."""
    V = ridge(F, Y, eta)
    return np.asarray((Y - F @ V) @ V.T)


@dataclass(frozen=True, eq=False)
class Lazy:
    """Stage I from given features.

    Attributes:
        F: (n, K) features; centred over samples here unless ``centred``.
        Y: (n, M) labels, likewise.
        V0: (K, M) initial V.
        eta: decay of J, >= 0.
        centred: whether F and Y are to be taken as they are.
    """

    F: Array
    Y: Array
    V0: Array
    eta: float
    centred: bool = False

    def __post_init__(self) -> None:
        (n, K), (rows, M) = self.F.shape, self.Y.shape
        if rows != n or self.V0.shape != (K, M):
            shapes = (self.F.shape, self.Y.shape, self.V0.shape)
            raise InputError("F, Y, V0", "of shapes (n, K), (n, M), (K, M)", shapes, "check the arrays")
        if self.eta < 0:
            raise InputError("eta", "at least 0", self.eta, "use e.g. 2e-4")
        if not self.centred:
            object.__setattr__(self, "F", centred_samples(self.F))
            object.__setattr__(self, "Y", centred_samples(self.Y))

    @cached_property
    def _svd(self) -> tuple[Array, Array, Array]:
        """U (n, r), s (r,), Q (K, r) of F~, without singular values that are zero to rounding."""
        U, s, Qt = svd(self.F, full_matrices=False)
        nonzero = s > s[0] * max(self.F.shape) * np.finfo(s.dtype).eps
        return U[:, nonzero], s[nonzero], Qt[nonzero].T

    @property
    def rates(self) -> Array:
        """(r,) lambda = s^2 + eta, falling; the last is lambda_min."""
        return np.asarray(self._svd[1] ** 2 + self.eta)

    @cached_property
    def _start(self) -> tuple[Array, Array, Array, Array]:
        """Q^T V(0), U^T Y~ (both (r, M)), and the parts of V(0) and Y~ outside the span of Q and U."""
        U, _, Q = self._svd
        inside, labels = Q.T @ self.V0, U.T @ self.Y
        return inside, labels, self.V0 - Q @ inside, self.Y - U @ labels

    def _modes(self, t: float) -> tuple[Array, Array, float]:
        """Q^T V(t), U^T (Y~ - F~ V(t)) (both (r, M)), and the factor of the part of V(0) outside. Eq. lazy.5."""
        inside, labels, _, _ = self._start
        s, rate = self._svd[1][:, None], self.rates[:, None]
        v = np.exp(-rate * t) * inside - s * np.expm1(-rate * t) / rate * labels
        return v, labels - s * v, float(np.exp(-self.eta * t)) if self.eta else 1.0

    def weights(self, t: float) -> Array:
        """(K, M) V(t); ``t`` may be infinite."""
        v, _, fade = self._modes(t)
        return np.asarray(self._svd[2] @ v + fade * self._start[2])

    def gradient(self, t: float) -> Array:
        """(n, K) G_F(t); ``t`` may be infinite."""
        V = self.weights(t)
        return np.asarray((self._svd[0] @ self._modes(t)[1] + self._start[3]) @ V.T)

    def gradient_norm(self, times: ArrayLike) -> NDArray[np.float64]:
        """(T,) |G_F(t)|, from (M, M) products alone."""
        _, _, outside, unfitted = self._start
        squares, unfitted_squares = outside.T @ outside, unfitted.T @ unfitted

        def norm(t: float) -> float:
            v, r, fade = self._modes(t)
            return max(0.0, float(np.vdot(r.T @ r + unfitted_squares, v.T @ v + fade**2 * squares)))

        return np.sqrt([norm(t) for t in np.atleast_1d(np.asarray(times, dtype=np.float64))])

    def solve(self, times: ArrayLike) -> Solution:
        """The same by integration: observables ``V`` (T, K, M) and ``gradient_norm`` (T,).

        Event ``peak``: |G_F| stops growing for the first time.
        """

        def velocity(t: float, state: State) -> State:
            return {"V": self.F.T @ (self.Y - self.F @ state["V"]) - self.eta * state["V"]}

        def growth(t: float, state: State) -> float:
            V, dV = state["V"], velocity(t, state)["V"]
            return norm_growth(self.Y - self.F @ V, -self.F @ dV, V, dV)

        def observe(t: float, state: State) -> dict[str, ArrayLike]:
            R = self.Y - self.F @ state["V"]
            return {"V": state["V"], "gradient_norm": float(np.linalg.norm(R @ state["V"].T))}

        peak = Event("peak", growth, direction=-1)
        return integrate(Flow(velocity, observe, _CLOCK), {"V": self.V0}, times, events=[peak])
