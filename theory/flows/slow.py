r"""After memorisation: norm descent on the manifold of zero loss, in the time tau = lr · eta · steps.

Let r = (F V - Y) C be the class-centred residual of the training examples and J its Jacobian in theta = (W, V).

* slow.1  dtheta/dtau = -(I - J^T (J J^T)^+ J) theta - kappa J^T (J J^T)^+ r.
* slow.2  dr/dtau = -kappa r: the second term does nothing on the manifold and leads back to it.
* slow.3  On the manifold d(|W|^2 + |V|^2)/dtau = -2 |(I - J^T (J J^T)^+ J) theta|^2: the norm falls.
* slow.4  sigma homogeneous of degree p: w -> s w, v -> s^-p v keeps the outputs, so (w, -p v) is tangent for each node,
  and D = |w|^2 - p |v|^2 obeys dD/dtau = -2 D exactly (likewise dD/dt = -2 eta D along the whole gradient flow).

J J^T is n (M - 1) square and never built: conjugate gradients need products with J and J^T, and stay in its range.

The flow is the limit of gradient descent on the standard loss of twopeaks.theory.setting for lr -> 0, then eta -> 0 at
fixed tau, and contains neither rate nor decay: one solution serves every (lr, eta). Neglects: the loss that balances
the decay, r = O(eta); the way to the manifold; steps of finite size. It is not the limit of Adam.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve, helmert
from scipy.sparse.linalg import LinearOperator, cg

from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.problem import Array, Forward, Problem
from twopeaks.theory.flows.solution import Event, Flow, Solution, Solver, State, integrate, solver_for
from twopeaks.theory.setting import TRANSITIONS

__all__ = ["Tangent", "norm_descent"]

_CLOCK = "tau = lr · eta · steps"

#: Relative residual at which conjugate gradients stop, and iterations after which they give up.
_PRECISION, _ITERATIONS = 1e-9, 20_000


class Tangent:
    """The class-centred outputs on the training examples, to first order around W (2M, K), V (K, M).

    Attributes:
        residual: (n, M - 1) r in an orthonormal basis of the class-centred space.
    """

    def __init__(self, problem: Problem, W: Array, V: Array) -> None:
        self._problem, self._V = problem, V
        self._basis = helmert(problem.order).T
        self._at: Forward = problem.forward(W, V)
        self.residual: Array = (self._at.O - problem.Y) @ self._basis

    def push(self, dW: Array, dV: Array) -> Array:
        """(n, M - 1) J (dW, dV)."""
        return np.asarray(self._problem.push(self._at, self._V, dW, dV)[1] @ self._basis)

    def back(self, u: Array) -> tuple[Array, Array]:
        """(2M, K) and (K, M): J^T u of u (n, M - 1)."""
        return self._problem.back(self._at, self._V, u @ self._basis.T)

    def in_classes(self, u: Array) -> Array:
        """(n, M) class-centred values of coordinates u (n, M - 1), as `residual` has them."""
        return np.asarray(u @ self._basis.T)

    def multipliers(self, target: Array, guess: Array) -> Array:
        """(n, M - 1) solution of J J^T multipliers = target, by preconditioned conjugate gradients from a guess.

        Raises:
            ArithmeticError: if they do not converge.
        """
        shape, size, F = target.shape, target.size, self._at.F
        # J J^T = F F^T (x) I + the part that W moves, of which the preconditioner has the mean diagonal only.
        slopes, centred = self._problem.sigma.slope(self._at.Z), self._V @ self._basis
        spare = max(2 * float(np.mean(slopes**2 @ centred**2)), 1e-12 * float(np.vdot(F, F)))
        factor = cho_factor(F @ F.T + spare * np.eye(len(F)))
        solution, status = cg(
            LinearOperator((size, size), matvec=lambda u: self.push(*self.back(u.reshape(shape))).ravel()),
            target.ravel(),
            x0=guess.ravel(),
            rtol=_PRECISION,
            maxiter=_ITERATIONS,
            M=LinearOperator((size, size), matvec=lambda u: cho_solve(factor, u.reshape(shape)).ravel()),
        )
        if status:
            raise ArithmeticError(f"the constraints could not be solved for in {_ITERATIONS} iterations")
        return np.asarray(solution).reshape(shape)


def norm_descent(
    problem: Problem,
    W: Array,
    V: Array,
    times: ArrayLike,
    *,
    kappa: float = 10.0,
    solver: Solver | None = None,
) -> Solution:
    """Slow flow from weights W (2M, K), V (K, M) that fit the training examples (nearly).

    Args:
        problem: data and activation, in float64.
        W: such as at the end of `twopeaks.theory.flows.network.network_flow` without decay.
        V: likewise.
        times: tau = lr · eta · steps since then.
        kappa: rate at which a residual is removed. Eq. slow.2.
        solver: accuracy and method; by default `twopeaks.theory.flows.solution.solver_for` the activation.

    Observables: ``norm_w2``, ``norm_v2``, ``train_accuracy``, ``test_accuracy`` (if there are test examples),
    ``residual`` (|r|^2 / n). Event ``generalised``: test accuracy reaches the level of t_grok; its time is tau_grok.

    Raises:
        InputError: if the problem is in single precision, in which the constraints cannot be solved for.
        ArithmeticError: if the constraints could not be solved for all the same.
    """
    if problem.dtype != "float64":
        raise InputError("dtype", "float64 for the slow flow", problem.dtype, "make the problem in float64")

    def observe(t: float, state: State) -> dict[str, ArrayLike]:
        W, V = state["W"], state["V"]
        r = Tangent(problem, W, V).residual
        return {
            "norm_w2": float(np.vdot(W, W)),
            "norm_v2": float(np.vdot(V, V)),
            **problem.accuracies(W, V),
            "residual": float(np.vdot(r, r)) / problem.samples,
        }

    def generalised(t: float, state: State) -> float:
        accuracy = problem.accuracies(state["W"], state["V"]).get("test_accuracy", 0.0)
        return accuracy - TRANSITIONS["t_grok"].level

    flow = Flow(_NormDescent(problem, kappa), observe, _CLOCK)
    events = [Event("generalised", generalised)]
    return integrate(flow, {"W": W, "V": V}, times, events=events, solver=solver or solver_for(problem.activation))


class _NormDescent:
    """Eq. slow.1; remembers the last multipliers, from which the next ones are found in fewer iterations."""

    def __init__(self, problem: Problem, kappa: float) -> None:
        self.problem, self.kappa = problem, kappa
        self.last: Array = np.zeros((problem.samples, problem.order - 1))

    def __call__(self, t: float, state: State) -> State:
        W, V = state["W"], state["V"]
        tangent = Tangent(self.problem, W, V)
        self.last = tangent.multipliers(tangent.push(W, V) - self.kappa * tangent.residual, self.last)
        dW, dV = tangent.back(self.last)
        return {"W": dW - W, "V": dV - V}
