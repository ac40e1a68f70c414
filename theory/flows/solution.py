"""Initial value problems with named states: one solve, its records, its transitions, its outcome.

`integrate` runs scipy's solve_ivp from one recorded time to the next, so memory holds the records alone, however large
the state is. Transitions are events of solve_ivp. A failed solve has the reason in its result; it never returns NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from twopeaks.theory.errors import InputError

__all__ = ["BOUND", "PRECISE", "Event", "Flow", "Method", "Solution", "Solver", "State", "integrate", "solver_for"]

#: Named arrays: the state of a flow, or its velocity.
State = Mapping[str, NDArray[np.floating]]
#: Integrators of `scipy.integrate.solve_ivp`.
Method = Literal["RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA"]

#: An entry of the state larger than this counts as divergence.
BOUND = 1e12


@dataclass(frozen=True)
class Solver:
    """How accurately to integrate, and by which method of solve_ivp.

    Attributes:
        method: of solve_ivp.
        rtol: relative error of a step.
        atol: absolute error of a step, times the scale of each array (1 unless the flow has others).
        evaluations: of the velocity, after which the solve gives up: where it jumps (ReLU) steps can become minute.
    """

    method: Method = "DOP853"
    rtol: float = 1e-9
    atol: float = 1e-12
    evaluations: int = 100_000


#: For small smooth flows.
PRECISE = Solver()


def solver_for(activation: str) -> Solver:
    """A solver for the weights of a network.

    The slope of ReLU jumps, and solutions slide along its kinks: the smaller the tolerance, the smaller every step. The
    tolerance here keeps the error of weights at about 1e-3 of their motion.
    """
    if activation in ("relu", "relu^1"):
        return Solver("RK23", rtol=1e-4, atol=1e-4)
    return Solver("RK45", rtol=1e-6, atol=1e-9)


@dataclass(frozen=True)
class Flow:
    """An equation d state/dt = velocity(t, state), and what is recorded of its solutions.

    Attributes:
        velocity: named arrays of the same shapes as the state.
        observe: observables at a time and state.
        clock: what one unit of time is.
        scales: typical size of an entry of each named array, by which ``atol`` of a `Solver` is multiplied; 1 if left
            out.
    """

    velocity: Callable[[float, State], State]
    observe: Callable[[float, State], Mapping[str, ArrayLike]]
    clock: str
    scales: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Event:
    """A transition: the first time at which a function of time and state changes sign.

    Attributes:
        name: key in `Solution.events`.
        function: ``function(t, state)``.
        direction: +1, upwards (a start at or above zero counts, at the first time); -1, downwards.
        terminal: whether the solve ends there.
    """

    name: str
    function: Callable[[float, State], float]
    direction: Literal[1, -1] = 1
    terminal: bool = False


@dataclass(frozen=True)
class Solution:
    """What a flow did.

    Attributes:
        clock: what one unit of time is.
        times: (T,) recorded times that were reached.
        ended: time at which the solve ended: the last of ``times``, or later where it diverged or failed.
        observables: name -> (T, …) values at ``times``.
        final: the state at the last time; another solve may start from it.
        events: name -> time of the first transition; None if it did not happen before the last time (censored).
        at_events: name of a transition that happened -> observables at that time.
        result: the outcome in one sentence.
        success: whether the last time or a terminal event was reached.
        stats: ``evaluations`` of the right-hand side, accepted ``steps``.
    """

    clock: str
    times: NDArray[np.float64]
    ended: float
    observables: Mapping[str, NDArray[np.float64]]
    final: State
    events: Mapping[str, float | None]
    at_events: Mapping[str, Mapping[str, NDArray[np.float64]]]
    result: str
    success: bool
    stats: Mapping[str, int]


def integrate(
    flow: Flow, initial: State, times: ArrayLike, *, events: Sequence[Event] = (), solver: Solver = PRECISE
) -> Solution:
    """Solve a flow and record its observables.

    Args:
        flow: the equation.
        initial: finite state at the first time.
        times: (T,) increasing times to record, T >= 2; the solve goes from the first to the last.
        events: transitions to look for.
        solver: accuracy and method.

    Raises:
        InputError: if ``times`` do not increase, or the initial state or its observables are not finite.
    """
    grid = np.asarray(times, dtype=np.float64)
    if grid.ndim != 1 or len(grid) < 2 or not (np.diff(grid) > 0).all() or not np.isfinite(grid).all():
        raise InputError("times", "two or more finite increasing numbers", times, "use e.g. numpy.linspace(0, 1, 11)")
    layout = _Layout(initial)
    atol = solver.atol * layout.spread(flow.scales or dict.fromkeys(initial, 1.0))
    options = {"method": solver.method, "rtol": solver.rtol, "atol": atol}
    run = _Run(flow, layout, list(events), options, solver.evaluations)
    y = run.layout.pack(initial)
    if not np.isfinite(y).all() or not run.record(grid[0], y):
        raise InputError("initial state", "finite, with finite observables", "NaN or infinity", "check the arrays")
    run.note_events_at_start(grid[0], y)
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow ends the solve and is part of its result
        for start, end in pairwise(grid):
            if run.result is None:
                y = run.advance(float(start), float(end), y)
    return run.solution(y, names=[event.name for event in events])


class _Layout:
    """Named arrays as one flat vector, and back."""

    def __init__(self, state: State) -> None:
        self.shapes = {name: np.shape(value) for name, value in state.items()}
        self.sizes = [math.prod(shape) for shape in self.shapes.values()]

    def pack(self, state: State) -> NDArray[np.float64]:
        return np.concatenate([np.asarray(state[name], dtype=np.float64).ravel() for name in self.shapes])

    def unpack(self, y: NDArray[np.float64]) -> dict[str, NDArray[np.floating]]:
        parts = np.split(y, np.cumsum(self.sizes)[:-1])
        return {name: part.reshape(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def spread(self, numbers: Mapping[str, float]) -> NDArray[np.float64]:
        return np.repeat([numbers[name] for name in self.shapes], self.sizes)


class _Crossing:
    """An `Event` as solve_ivp takes it: a function of (t, y) with two attributes."""

    def __init__(self, event: Event, layout: _Layout) -> None:
        self.event, self.layout = event, layout
        self.terminal, self.direction = event.terminal, float(event.direction)

    def __call__(self, t: float, y: NDArray[np.float64]) -> float:
        return float(self.event.function(t, self.layout.unpack(y)))


@dataclass
class _Run:
    """A solve in progress."""

    flow: Flow
    layout: _Layout
    pending: list[Event]
    options: dict[str, Any]
    evaluations: int
    times: list[float] = field(default_factory=list)
    rows: list[dict[str, NDArray[np.float64]]] = field(default_factory=list)
    event_times: dict[str, float] = field(default_factory=dict)
    at_events: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=lambda: {"evaluations": 0, "steps": 0})
    step: float | None = None
    ended: float = math.nan
    result: str | None = None
    success: bool = True

    def observed(self, t: float, y: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        values = self.flow.observe(t, self.layout.unpack(y))
        return {name: np.array(value, dtype=np.float64) for name, value in values.items()}

    def record(self, t: float, y: NDArray[np.float64]) -> bool:
        """Append a row; False, and nothing appended, if an observable is not finite."""
        row = self.observed(t, y)
        if not all(np.isfinite(value).all() for value in row.values()):
            return False
        self.times.append(float(t))
        self.rows.append(row)
        self.ended = float(t)
        return True

    def note_events_at_start(self, t: float, y: NDArray[np.float64]) -> None:
        """Transitions that have already happened at the start."""
        for event in list(self.pending):
            if event.direction > 0 and event.function(t, self.layout.unpack(y)) >= 0:
                self.note(event, t, y)

    def note(self, event: Event, t: float, y: NDArray[np.float64]) -> None:
        self.event_times[event.name], self.at_events[event.name] = float(t), self.observed(t, y)
        self.pending.remove(event)
        if event.terminal:
            self.result = f"stopped by event {event.name!r} at time {t:.6g}"

    def advance(self, start: float, end: float, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """The state at ``end``, or the state at ``start`` if the solve fails in between."""
        crossings: list[Any] = [_Crossing(event, self.layout) for event in self.pending]
        first = None if self.step is None else min(self.step, end - start)
        watched = [*crossings, _passes_bound]
        try:
            part: Any = solve_ivp(self.evaluate, (start, end), y, events=watched, first_step=first, **self.options)
        except _GivesUpError as reason:
            self.fail(str(reason))
            return y
        self.stats["steps"] += len(part.t) - 1
        self.step = float(np.diff(part.t).max()) if len(part.t) > 1 else None
        for crossing, at, states in zip(crossings, part.t_events[:-1], part.y_events[:-1], strict=True):
            if len(at):
                self.note(crossing.event, at[0], states[0])
        self.judge(part)
        return np.asarray(part.y[:, -1] if self.success else y)

    def evaluate(self, t: float, y: NDArray[np.float64]) -> NDArray[np.float64]:
        self.ended = t
        if self.stats["evaluations"] >= self.evaluations:
            raise _GivesUpError(f"gave up near time {t:.6g}, after {self.evaluations} evaluations of the velocity")
        self.stats["evaluations"] += 1
        return self.layout.pack(self.flow.velocity(t, self.layout.unpack(y)))

    def judge(self, part: Any) -> None:
        """Record the state at the end of an interval, or why the solve ends there."""
        self.ended = t = float(part.t[-1])
        y = part.y[:, -1]
        if part.status < 0:
            self.fail(f"failed at time {t:.6g}: {part.message}")
        elif len(part.t_events[-1]):
            self.fail(f"diverged: the state passed {BOUND:g} at time {t:.6g}")
        elif not self.record(t, y):
            self.fail(f"diverged: observables overflowed at time {t:.6g}")

    def fail(self, sentence: str) -> None:
        self.result, self.success = sentence, False

    def solution(self, y: NDArray[np.float64], names: Sequence[str]) -> Solution:
        return Solution(
            clock=self.flow.clock,
            times=np.array(self.times),
            ended=self.ended,
            observables={name: np.stack([row[name] for row in self.rows]) for name in self.rows[0]},
            final={name: value.copy() for name, value in self.layout.unpack(y).items()},
            events={name: self.event_times.get(name) for name in names},
            at_events=self.at_events,
            result=self.result or f"reached the last time {self.times[-1]:.6g}",
            success=self.success,
            stats=self.stats,
        )


class _GivesUpError(Exception):
    """Ends a solve that takes too many evaluations."""


class _Bound:
    """Ends a solve whose state grows without limit."""

    terminal, direction = True, 1.0

    def __call__(self, t: float, y: NDArray[np.float64]) -> float:
        return float(np.abs(y).max() - BOUND)


_passes_bound: Any = _Bound()
