"""A survival model with a share that never groks: one distribution says whether, and when. No torch here.

Of a run observed until step t, with features x: P(T <= B) = pi(x) F((log(B/t - 1) - mu(x)) / s(x)), F the logistic
function. pi is the probability that it groks at all, mu and s are place and width of the log of the time that is left,
in units of the time that has passed. A run that had not grokked when it ended at C has the likelihood 1 - P(T <= C): it
is censored, not missing. Mixtures of this kind: Farewell, Biometrics 38 (1982) 1041.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

__all__ = ["Model", "Rows", "fit", "likelihood"]

Floats = NDArray[np.float64]

#: Features are clipped this many standard deviations from their mean: beyond, the model says what it says there.
_CLIP = 3.0
#: Bounds of log s.
_WIDTHS = (-3.0, 1.5)
#: Penalty on each coefficient of a standardised feature, a row; that on the width's is three times it.
_RIDGE = 1e-3
#: Shortest time left, in units of the time that has passed, that is told from none.
_LEAST_LEFT = 1e-2


@dataclass(frozen=True)
class Rows:
    """Observations to fit to.

    Attributes:
        x: (N, p) features.
        left: (N,) log(end/t - 1): end is t_grok, or the last step of a run that had not grokked by then.
        grokked: (N,) which of the two.
        cluster: (N,) rows of one cluster are not independent.
    """

    x: Floats
    left: Floats
    grokked: NDArray[np.bool_]
    cluster: NDArray[np.int64]


@dataclass(frozen=True)
class Model:
    """Coefficients for curves that have these features.

    Attributes:
        names: of the p features; the first q of them move mu, the first one moves s.
        q: features that move mu.
        mean, scale: (p,) of the features on development rows.
        low, high: (p,) between which 98% of these rows lie.
        theta: (1 + B, p + q + 4) coefficients of logit pi, of mu and of log s: those of all rows, then B refits to
            clusters of random weight.
    """

    names: tuple[str, ...]
    q: int
    mean: Floats
    scale: Floats
    low: Floats
    high: Floats
    theta: Floats

    def probability(self, features: Mapping[str, float], left: float) -> Floats:
        """(1 + B,) P(T <= B) where ``left`` is log(B/t - 1)."""
        pi, mu, s = self._parts(features)
        return np.asarray(pi * expit((left - mu) / s))

    def quantile(self, features: Mapping[str, float], left: float, level: float) -> float:
        """Of log(T/t - 1), given that T <= B."""
        _, mu, s = (part[0] for part in self._parts(features))
        reached = level * expit((left - mu) / s)
        return float(mu + s * (math.log(max(reached, 1e-300)) - math.log1p(-reached)))

    def outside(self, features: Mapping[str, float]) -> list[str]:
        """Names of features beyond what development rows have."""
        x = self._vector(features)
        return [name for name, beyond in zip(self.names, (x < self.low) | (x > self.high), strict=True) if beyond]

    def _vector(self, features: Mapping[str, float]) -> Floats:
        return np.array([features[name] for name in self.names])

    def _parts(self, features: Mapping[str, float]) -> tuple[Floats, Floats, Floats]:
        z = _design(self._vector(features)[None], self.mean, self.scale)[0]
        a, b, c = _split(self.theta, len(z), self.q)
        return expit(a @ z), b @ z[: self.q + 1], np.exp(np.clip(c @ z[:2], *_WIDTHS))

    def as_data(self) -> dict[str, object]:
        """For JSON, five digits each."""
        arrays = {name: getattr(self, name) for name in ("mean", "scale", "low", "high", "theta")}
        return {"names": list(self.names), "q": self.q, **{name: _rounded(array) for name, array in arrays.items()}}

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Model:
        """From what `as_data` gave."""
        arrays = {name: np.array(data[name], dtype=np.float64) for name in ("mean", "scale", "low", "high", "theta")}
        return cls(tuple(data["names"]), int(data["q"]), **arrays)


def fit(names: Sequence[str], q: int, rows: Rows, refits: int = 0, seed: int = 0) -> Model:
    """Maximum penalised likelihood; refits give each cluster an exponential weight (Bayesian bootstrap, Rubin 1981).

    Args:
        names: of the p features.
        q: the first ones, that move mu.
        rows: N observations.
        refits: B.
        seed: of the weights.
    """
    mean, scale = rows.x.mean(axis=0), rows.x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    z = _design(rows.x, mean, scale)
    clusters, places = np.unique(rows.cluster, return_inverse=True)
    draws = np.random.default_rng(seed).exponential(size=(refits, len(clusters)))
    weights = [np.ones(len(places)), *(draw[places] / draw[places].mean() for draw in draws)]
    theta = np.zeros(len(names) + q + 4)
    fitted = []
    for weight in weights:
        theta = _least(theta, z, q, rows, weight)
        fitted.append(theta)
    low, high = np.quantile(rows.x, [0.01, 0.99], axis=0)
    return Model(tuple(names), q, mean, scale, low, high, np.stack(fitted))


def _least(start: Floats, z: Floats, q: int, rows: Rows, weight: Floats) -> Floats:
    optimum = minimize(likelihood, start, (z, q, rows, weight), jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    return np.asarray(optimum.x)


def likelihood(theta: Floats, z: Floats, q: int, rows: Rows, weight: Floats) -> tuple[float, Floats]:
    """Negative log-likelihood with its penalty, and the gradient.

    Args:
        theta: (p + q + 4,) coefficients.
        z: (N, p + 1) standardised features after a column of ones.
        q: features that move mu.
        rows: the observations.
        weight: (N,) of each.
    """
    a, b, c = _split(theta, z.shape[1], q)
    timed = z[:, : q + 1]
    log_s = z[:, :2] @ c
    inside = (log_s > _WIDTHS[0]) & (log_s < _WIDTHS[1])
    s = np.exp(np.clip(log_s, *_WIDTHS))
    logit, r = z @ a, (np.maximum(rows.left, math.log(_LEAST_LEFT)) - timed @ b) / s
    pi, done = expit(logit), expit(r)
    never = np.maximum(1 - pi * done, 1e-12)
    value = np.where(rows.grokked, log_expit(logit) - r + 2 * log_expit(r) - np.log(s), np.log(never))
    by_logit = np.where(rows.grokked, 1 - pi, -pi * (1 - pi) * done / never)
    by_r = np.where(rows.grokked, 1 - 2 * done, -pi * done * (1 - done) / never)
    by_log_s = (np.where(rows.grokked, -1.0, 0.0) - by_r * r) * inside
    gradient = np.concatenate([(weight * by_logit) @ z, (weight * -by_r / s) @ timed, (weight * by_log_s) @ z[:, :2]])
    free = np.ones(z.shape[1])
    free[0] = 0.0
    penalty = _RIDGE * weight.sum() * np.concatenate([free, free[: q + 1], [0.0, 3.0]])
    return float(-(weight * value).sum() + 0.5 * (penalty * theta**2).sum()), penalty * theta - gradient


def _design(x: Floats, mean: Floats, scale: Floats) -> Floats:
    return np.hstack([np.ones((len(x), 1)), np.clip((x - mean) / scale, -_CLIP, _CLIP)])


def _split(theta: Floats, count: int, q: int) -> tuple[Floats, Floats, Floats]:
    return theta[..., :count], theta[..., count : count + q + 1], theta[..., count + q + 1 :]


def _rounded(array: Floats) -> list[object]:
    return [float(f"{x:.5g}") if np.ndim(x) == 0 else _rounded(x) for x in array]
