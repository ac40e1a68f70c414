"""`integrate`: records, transitions, outcomes, and the semigroup law, on equations with known solutions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.solution import Event, Flow, Solution, Solver, State, integrate


def solve(
    rate: Callable[[float, float], float], times: list[float], *events: Event, start: float = 1.0, **options: object
) -> Solution:
    """A scalar equation dy/dt = rate(t, y)."""
    flow = Flow(
        lambda t, s: {"y": np.array(rate(t, float(s["y"])))}, lambda t, s: {"y": s["y"], "square": s["y"] ** 2}, "t"
    )
    return integrate(flow, {"y": np.array(start)}, times, events=events, **options)  # type: ignore[arg-type]


def test_records_are_the_known_solution() -> None:
    found = solve(lambda t, y: -y, [0, 0.5, 2, 3])
    assert found.success
    assert found.result == "reached the last time 3"
    assert found.clock == "t"
    assert found.times.tolist() == [0, 0.5, 2, 3]
    assert found.ended == 3
    assert found.observables["y"] == pytest.approx(np.exp(-found.times), rel=1e-8)
    assert found.observables["square"] == pytest.approx(np.exp(-2 * found.times), rel=1e-8)
    assert float(found.final["y"]) == found.observables["y"][-1]


@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853", "Radau"])
def test_transitions_are_found_where_they_are_known_to_be(method: str) -> None:
    crossing = Event("half", lambda t, s: float(s["y"]) - 0.5, direction=-1)
    never = Event("tenth", lambda t, s: float(s["y"]) - 0.1, direction=-1)
    already = Event("below two", lambda t, s: 2 - float(s["y"]))
    wrong_way = Event("upwards", lambda t, s: float(s["y"]) - 0.5)
    solver = Solver(method, rtol=1e-6, atol=1e-9)  # type: ignore[arg-type]
    found = solve(lambda t, y: -y, [0, 0.4, 1.1], crossing, never, already, solver=solver)
    assert found.events["half"] == pytest.approx(np.log(2), rel=1e-5)
    assert found.at_events["half"]["square"] == pytest.approx(0.25, rel=1e-5)
    assert found.events["tenth"] is None
    assert "tenth" not in found.at_events
    assert found.events["below two"] == 0
    # A start above the level counts as reached upwards, never as a crossing downwards.
    assert solve(lambda t, y: -y, [0, 2], wrong_way).events == {"upwards": 0}


def test_only_the_first_crossing_counts() -> None:
    maximum = Event("maximum", lambda t, s: float(np.cos(t)), direction=-1)
    assert solve(lambda t, y: np.cos(t), [0, 1, 4, 9, 20], maximum).events["maximum"] == pytest.approx(np.pi / 2)


def test_a_terminal_transition_ends_the_solve_and_is_the_last_record() -> None:
    found = solve(lambda t, y: y, [0, 0.5, 5, 6], Event("e", lambda t, s: float(s["y"]) - np.e, terminal=True))
    assert found.success
    assert found.result == "stopped by event 'e' at time 1"
    assert found.times == pytest.approx([0, 0.5, 1])
    assert found.observables["y"][-1] == pytest.approx(np.e)
    assert found.ended == found.events["e"] == found.times[-1]


def test_a_terminal_transition_that_holds_at_the_start_ends_the_solve_there() -> None:
    found = solve(lambda t, y: y, [2, 3, 4], Event("positive", lambda t, s: float(s["y"]), terminal=True))
    assert found.success
    assert found.result == "stopped by event 'positive' at time 2"
    assert found.times.tolist() == [2]
    assert found.ended == 2
    assert found.stats["evaluations"] == 0


def test_the_semigroup_law() -> None:
    whole = solve(lambda t, y: np.sin(3 * t) * y, [0, 2])
    half = solve(lambda t, y: np.sin(3 * t) * y, [0, 0.7])
    rest = solve(lambda t, y: np.sin(3 * t) * y, [0.7, 2], start=float(half.final["y"]))
    assert float(rest.final["y"]) == pytest.approx(float(whole.final["y"]), rel=1e-8)


def test_blow_up_is_an_outcome() -> None:
    found = solve(lambda t, y: y * y, [0, 0.5, 0.9, 2, 3])
    assert not found.success
    assert "diverged: the state passed 1e+12 at time 1" in found.result
    assert found.ended == pytest.approx(1, rel=1e-8)
    assert found.times.tolist() == [0, 0.5, 0.9]
    assert float(found.final["y"]) == found.observables["y"][-1] == pytest.approx(10, rel=1e-6)


def test_a_velocity_that_is_not_finite_is_an_outcome() -> None:
    found = solve(lambda t, y: -1 if t < 0.6 else np.nan, [0, 0.5, 1])
    assert not found.success
    assert found.result.startswith("failed at time 0.")
    assert np.isfinite(found.observables["y"]).all()
    assert found.times.tolist() == [0, 0.5]


def test_a_solve_that_takes_too_long_gives_up() -> None:
    """A velocity that points back across a jump makes steps minute."""
    found = solve(lambda t, y: -1 if y > 0.5 else 2, [0, 0.2, 1], solver=Solver("RK45", evaluations=500))
    assert not found.success
    assert found.result == "gave up near time 0.5, after 500 evaluations of the velocity"
    assert found.stats["evaluations"] == 500
    assert found.times.tolist() == [0, 0.2]
    assert float(found.final["y"]) == pytest.approx(0.8)


def test_an_observable_that_overflows_is_an_outcome() -> None:
    flow = Flow(lambda t, s: {"y": s["y"]}, lambda t, s: {"exp": np.exp(s["y"][0])}, "t")
    found = integrate(flow, {"y": np.ones(1)}, [0, 1, 9, 10])
    assert not found.success
    assert found.result == "diverged: observables overflowed at time 9"
    assert np.isfinite(found.observables["exp"]).all()
    assert found.final["y"] == pytest.approx(np.e)


def test_every_evaluation_is_counted() -> None:
    calls: list[float] = []

    def velocity(t: float, state: State) -> State:
        calls.append(t)
        return {"A": -state["A"], "b": state["A"].sum(axis=1)}

    found = integrate(Flow(velocity, lambda t, s: s, "t"), {"A": np.ones((2, 3)), "b": np.zeros(2)}, [0, 1, 2])
    assert found.stats["evaluations"] == len(calls)
    assert found.observables["A"].shape == (3, 2, 3)
    assert found.observables["b"] == pytest.approx(3 * (1 - np.exp(-found.times))[:, None] * np.ones(2))


def test_scales_make_small_arrays_count() -> None:
    def turned(scales: dict[str, float] | None) -> float:
        """An oscillation of size 1e-8 after a quarter turn: 0 if it is followed."""
        flow = Flow(lambda t, s: {"small": np.array([s["small"][1], -s["small"][0]])}, lambda t, s: s, "t", scales)
        solver = Solver("RK45", rtol=1e-6, atol=1e-6)
        found = integrate(flow, {"small": np.array([1e-8, 0])}, [0, 12.5 * np.pi], solver=solver)
        return abs(float(found.final["small"][0])) / 1e-8

    assert turned({"small": 1e-8}) < 1e-3
    assert turned(None) > 0.1


@pytest.mark.parametrize("times", [[0], [0, 0], [1, 0], [0, np.inf], [[0, 1]]])
def test_times_must_increase(times: list[float]) -> None:
    with pytest.raises(InputError, match="times must be two or more finite increasing numbers"):
        solve(lambda t, y: y, times)


@pytest.mark.parametrize("start", [np.nan, np.inf, 1e200])
def test_the_start_must_be_finite(start: float) -> None:
    with pytest.raises(InputError, match="initial state must be finite"), np.errstate(over="ignore"):
        solve(lambda t, y: y, [0, 1], start=start)
