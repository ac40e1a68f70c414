r"""Both layers as they are trained: gradient flow and continuous-time Adam on the standard loss L of
twopeaks.theory.setting.

* network.1  Gradient flow ("sgd"): dtheta/dt = -dL/dtheta - eta theta, t = lr · steps.
* network.2  Adam, t in steps, g = dL/dtheta + eta theta, a_i = -ln beta_i: dm/dt = a_1 (g - m), dv/dt = a_2 (g^2 - v),
  dtheta/dt = -lr m^ / (sqrt(v^) + eps), m^ = m / (1 - beta_1^t), v^ = v / (1 - beta_2^t).
* network.3  AdamW: g without eta theta, and dtheta/dt gets -lr eta theta.

Adam starts at t = 1, after the first discrete step, where m = (1 - beta_1) g and v = (1 - beta_2) g^2: at t = 0 the
velocity is 0/0. With a_i = -ln beta_i a constant gradient has m^ = g and v^ = g^2 at every t, as in the discrete rule.

The observable |G_F|, G_F = P (Y - F V) V^T, is the paper's (centred over *samples*, summed); the flow descends L
(centred over *classes*, mean over samples).

Neglects: the finite step, hence the edge of stability, where training oscillates; rounding; momentum of "sgd".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.problem import Array, Problem, centred_classes, centred_samples, norm_growth
from twopeaks.theory.flows.solution import Event, Flow, Solution, Solver, State, integrate, solver_for
from twopeaks.theory.setting import TRANSITIONS, Optimizer

__all__ = ["Watch", "adam_start", "network_flow"]

#: Transitions to look for: |G_F| stops growing; train and test accuracy reach the levels of t_mem and t_grok.
Watch = Literal["peak", "memorised", "generalised"]

_LAYERS = ("W", "V")


def adam_start(problem: Problem, W: Array, V: Array, optimizer: Optimizer) -> State:
    """State after the first discrete step of Adam from W (2M, K), V (K, M), which is where the flow starts: t = 1."""
    rule = _Adam(problem, optimizer)
    theta = {"W": np.asarray(W, dtype=np.float64), "V": np.asarray(V, dtype=np.float64)}
    g = rule.gradients(theta)
    moments = {f"m{name}": (1 - optimizer.beta1) * g[name] for name in _LAYERS}
    moments |= {f"v{name}": (1 - optimizer.beta2) * g[name] ** 2 for name in _LAYERS}
    state = {**theta, **moments}
    velocity = rule.steps(1.0, state)
    return {**state, **{name: theta[name] + velocity[name] for name in _LAYERS}}


def network_flow(
    problem: Problem,
    state: State,
    optimizer: Optimizer,
    times: ArrayLike,
    *,
    watch: Sequence[Watch] = ("peak", "memorised", "generalised"),
    solver: Solver | None = None,
) -> Solution:
    """Train both layers in continuous time.

    Args:
        problem: data and activation, and whether W is frozen (Stage I).
        state: ``W`` (2M, K) and ``V`` (K, M); for Adam also its moments, as `adam_start` or a solution gives them.
        optimizer: ``sgd`` without momentum, ``adam`` or ``adamw``.
        times: t = lr · steps for ``sgd``, steps from 1 on for Adam.
        watch: transitions to look for; each costs time.
        solver: accuracy (its scales are the typical entries at the start) and method; by default from `solver_for`.

    Observables: ``gradient_norm``, ``train_loss``, ``train_accuracy``, ``test_accuracy`` (if there are test examples),
    ``norm_w2``, ``norm_v2``. Events: those watched; ``at_events["peak"]["gradient_norm"]`` is the height of the peak.

    Raises:
        InputError: for momentum, Muon, a rate that changes, Adam without its moments, or times of Adam before 1.
    """
    rule = _rule(problem, state, optimizer)
    if isinstance(rule, _Adam) and np.min(times) < 1:
        raise InputError("times", "steps from 1 on", times, "start at time 1, as adam_start does")
    observer = _Observer(problem, rule.velocity)
    transitions = {
        "peak": Event("peak", observer.growth, direction=-1),
        "memorised": Event("memorised", observer.above("train_accuracy", TRANSITIONS["t_mem"].level)),
        "generalised": Event("generalised", observer.above("test_accuracy", TRANSITIONS["t_grok"].level)),
    }
    scales = {name: float(np.sqrt(np.mean(np.square(value)))) or 1.0 for name, value in state.items()}
    flow = Flow(rule.velocity, observer, rule.clock, scales)
    events = [transitions[name] for name in watch]
    return integrate(flow, state, times, events=events, solver=solver or solver_for(problem.activation))


def _rule(problem: Problem, state: State, optimizer: Optimizer) -> _Descent:
    if optimizer.schedule != "constant":
        raise InputError("schedule", "constant for a flow", optimizer.schedule, "leave it out")
    if optimizer.name == "sgd":
        if optimizer.momentum:
            raise InputError("momentum", "0 for a flow", optimizer.momentum, "leave it out")
        return _Descent(problem, optimizer)
    if optimizer.name == "muon":
        raise InputError("optimizer", "sgd, adam or adamw for a flow", "muon", "choose another rule")
    if "mW" not in state:
        raise InputError("state", "one with Adam's moments", sorted(state), "start with adam_start")
    return _Adam(problem, optimizer)


class _Descent:
    """Gradient flow. Eq. network.1."""

    clock = "t = lr · steps"

    def __init__(self, problem: Problem, optimizer: Optimizer) -> None:
        self.problem, self.optimizer = problem, optimizer

    def gradients(self, state: State) -> dict[str, Array]:
        """dL/dtheta of each layer, with coupled decay; zero for a frozen one."""
        of_loss = dict(zip(_LAYERS, self.problem.gradient(state["W"], state["V"]), strict=True))
        eta = 0.0 if self.optimizer.decoupled else self.optimizer.weight_decay
        g = {name: of_loss[name] + eta * state[name] for name in _LAYERS}
        return {**g, "W": np.zeros_like(state["W"])} if self.problem.frozen else g

    def velocity(self, t: float, state: State) -> State:
        return {name: -g for name, g in self.gradients(state).items()}


class _Adam(_Descent):
    """Adam in continuous time. Eqs. network.2 and network.3."""

    clock = "steps"

    def velocity(self, t: float, state: State) -> State:
        g = self.gradients(state)
        a1, a2 = -math.log(self.optimizer.beta1), -math.log(self.optimizer.beta2)
        first = {f"m{name}": a1 * (g[name] - state[f"m{name}"]) for name in _LAYERS}
        second = {f"v{name}": a2 * (g[name] ** 2 - state[f"v{name}"]) for name in _LAYERS}
        return {**self.steps(t, state), **first, **second}

    def steps(self, t: float, state: State) -> dict[str, Array]:
        """dtheta/dt of each layer, which at whole t is the discrete step as well."""
        o = self.optimizer
        first, second = 1 - o.beta1**t, 1 - o.beta2**t

        def step(name: str) -> Array:
            # An integrator's trial state may have a second moment below zero by its tolerance.
            root = np.sqrt(np.maximum(state[f"v{name}"], 0) / second)
            decay = o.lr * o.weight_decay if o.decoupled else 0.0
            return np.asarray(-o.lr * state[f"m{name}"] / first / (root + o.eps) - decay * state[name])

        return {"W": np.zeros_like(state["W"]) if self.problem.frozen else step("W"), "V": step("V")}


class _Observer:
    """Observables; those of the last time are kept, as events and records need the same ones."""

    def __init__(self, problem: Problem, velocity: Callable[[float, State], State]) -> None:
        self.problem, self.velocity = problem, velocity
        self._last: tuple[float, dict[str, float]] = (math.nan, {})

    def __call__(self, t: float, state: State) -> dict[str, ArrayLike]:
        if self._last[0] != t:
            self._last = (t, self._observe(state["W"], state["V"]))
        return dict(self._last[1])

    def _observe(self, W: Array, V: Array) -> dict[str, float]:
        problem, O = self.problem, self.problem.forward(W, V).O
        R, paper = centred_classes(O - problem.Y), centred_samples(problem.Y - O)
        return {
            "gradient_norm": math.sqrt(max(0.0, float(np.vdot(paper.T @ paper, V.T @ V)))),
            "train_loss": float(np.vdot(R, R)) / problem.samples,
            **problem.accuracies(W, V),
            "norm_w2": float(np.vdot(W, W)),
            "norm_v2": float(np.vdot(V, V)),
        }

    def above(self, name: str, level: float) -> Callable[[float, State], float]:
        """An observable less its level, as an event."""
        return lambda t, state: float(np.asarray(self(t, state).get(name, 0.0))) - level

    def growth(self, t: float, state: State) -> float:
        """1/2 d|G_F|^2/dt along the flow."""
        velocity, V = self.velocity(t, state), state["V"]
        at = self.problem.forward(state["W"], V)
        _, dO = self.problem.push(at, V, velocity["W"], velocity["V"])
        return norm_growth(centred_samples(self.problem.Y - at.O), -centred_samples(dO), V, velocity["V"])
