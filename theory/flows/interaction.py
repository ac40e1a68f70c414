r"""Stage III, interacting features: W moves, V follows as the ridge solution of the present features.

With F~ = P F, Y~ = P Y (centred over samples) and B = (F~^T F~ + eta I)^-1,

* slaved.1  V(W) = B F~^T Y~ (lazy.2), G_F = (Y~ - F~ V) V^T = eta (F~ F~^T + eta I)^-1 Y~ Y~^T F~ B (inter.1).
* slaved.2  dW/dt = X^T (G_F * sigma'(Z)) - eta W.
* slaved.3  It is the gradient flow of J*(W) = min_V J + (eta/2) (|V|^2 + |W|^2), since V is at its minimum;
  J* = (eta/2) (<Y~, (F~ F~^T + eta I)^-1 Y~> + |W|^2).
* slaved.4  sigma homogeneous of degree p: d|w|^2/dt = -2 eta (|w|^2 - p |v|^2) for every node, since f~^T g = eta |v|^2
  at the ridge solution (f~ and g its columns of F~ and G_F).

Neglects: the lag of V behind W (exact in the limit of a fast V: s_min(F~)^2 + eta against the rate of W).
Clock: time of gradient descent on J, summed over samples: t = 2 lr steps / n and eta_J = n eta / 2 in units of the
standard loss (twopeaks.theory.setting), which however centres over classes: use `theory.flows.network` for a trained
network.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.lazy import ridge
from twopeaks.theory.flows.problem import Array, Forward, Problem, centred_samples
from twopeaks.theory.flows.solution import Flow, Solution, Solver, State, integrate, solver_for

__all__ = ["slaved", "slaved_flow", "slaved_height", "slaved_velocity"]

_CLOCK = "t of gradient descent on J = 1/2 |P (Y - F V)|^2"


def slaved(problem: Problem, W: Array, eta: float) -> tuple[Forward, Array, Array]:
    """Z, F~ and O~ = F~ V of the training examples; V (K, M); R~ = Y~ - O~ (n, M). Eq. slaved.1."""
    (W,) = problem.cast(W)
    Z = np.asarray(problem.X @ W)
    F, Y = centred_samples(problem.sigma.value(Z)), centred_samples(problem.Y)
    V = ridge(F, Y, eta)
    O = F @ V
    return Forward(Z, F, O), V, Y - O


def slaved_height(problem: Problem, W: Array, eta: float) -> float:
    """J*(W), decay of both layers included. Eq. slaved.3."""
    _, V, R = slaved(problem, W, eta)
    return (float(np.vdot(R, R)) + eta * float(np.vdot(V, V) + np.vdot(W, W))) / 2


def slaved_velocity(problem: Problem, W: Array, eta: float) -> Array:
    """(2M, K) dW/dt. Eq. slaved.2."""
    at, V, R = slaved(problem, W, eta)
    return problem.back(at, V, R)[0] - eta * W


def slaved_flow(
    problem: Problem,
    W: Array,
    eta: float,
    times: ArrayLike,
    *,
    solver: Solver | None = None,
) -> Solution:
    """Stage III from W (2M, K).

    Observables: ``W``; ``height``, J*; ``gradient_norm``, |G_F|; ``norm_w2`` and ``norm_v2``, |W|^2 and |V|^2;
    ``train_accuracy`` and (if there are test examples) ``test_accuracy``.

    Raises:
        InputError: if ``eta`` is not positive: without decay the ridge solution and the stage do not exist.
    """
    if eta <= 0:
        raise InputError("eta", "positive", eta, "use e.g. n · 1e-4 (decay of the summed loss)")

    def observe(t: float, state: State) -> dict[str, ArrayLike]:
        W = state["W"]
        _, V, R = slaved(problem, W, eta)
        return {
            "W": W,
            "height": slaved_height(problem, W, eta),
            "gradient_norm": float(np.linalg.norm(R @ V.T)),
            "norm_w2": float(np.vdot(W, W)),
            "norm_v2": float(np.vdot(V, V)),
            **problem.accuracies(W, V),
        }

    flow = Flow(lambda t, state: {"W": slaved_velocity(problem, state["W"], eta)}, observe, _CLOCK)
    return integrate(flow, {"W": W}, times, solver=solver or solver_for(problem.activation))
