"""Times without training: closed forms against brute force, flows against trained networks, at small sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binom

from twopeaks.sim.network.network import init_params
from twopeaks.sim.network.runtime import resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.loop import train
from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.problem import Array, Problem, centred_classes
from twopeaks.theory.flows.slow import Tangent
from twopeaks.theory.predictors.registry import TIMES
from twopeaks.theory.predictors.times.adam import (
    adam_course,
    adamw_course,
    burst,
    memory_clock,
    memory_steps,
    sign_memorising,
)
from twopeaks.theory.predictors.times.descent import descent, lazy_memorising
from twopeaks.theory.predictors.times.ensemble import REFERENCES, clock, flow, flow_memorising, lazy, time_interval
from twopeaks.theory.predictors.times.members import Crossing, Member, first_weights
from twopeaks.theory.setting import Network, Optimizer, Setting, Task
from twopeaks.validate.measured.detect import transition_steps

SEEDS = (0, 1, 2)
RUNTIME = resolve("cpu", threads=1)


def setting(name: str, lr: float, eta: float, samples: int = 100, group: str = "Z11", **changes: object) -> Setting:
    rule = Optimizer.model_validate({"name": name, "lr": lr, "weight_decay": eta})
    parts = {"task": Task(group=group, samples=samples), "network": Network(width=128), "optimizer": rule, **changes}
    return Setting.model_validate(parts)


def trained(s: Setting, steps: int, every: int = 1) -> dict[str, list[int | None]]:
    return transition_steps(train(s, SEEDS, Plan(steps=steps, every=every, patience=200), RUNTIME))


def medians(found: dict[str, list[int | None]]) -> tuple[float, float]:
    t_mem, t_grok = (np.median([math.inf if t is None else t for t in found[name]]) for name in ("t_mem", "t_grok"))
    return float(t_mem), float(t_grok)


# --- one network --------------------------------------------------------------------------------------------


def test_first_weights_are_those_that_a_trainer_draws() -> None:
    s = setting("sgd", 1, 1e-3, network=Network(width=20, init_scale_v=0.5))
    params = init_params(s, [3], resolve("cpu", "float64", 1))
    W, V = first_weights(s, 3)
    np.testing.assert_array_equal(W, params.W[0].numpy())
    np.testing.assert_array_equal(V, params.V[0].numpy())


def test_flat_gradients_are_those_of_the_layers() -> None:
    s = setting("sgd", 1, 1e-3)
    member, problem = Member(s, 0), Problem.of(s, 0)
    flat, h = member.gradient(member.y), 1e-6
    direction = np.random.default_rng(0).standard_normal(member.y.size)
    up, down = (problem.loss(*member.layers(member.y.astype(float) + sign * h * direction)) for sign in (1, -1))
    assert (up - down) / (2 * h) == pytest.approx(float(flat @ direction), rel=1e-4)


def test_a_crossing_is_interpolated_and_must_hold() -> None:
    curve = Crossing(0.5, hold=2)
    looks = [(0, 0.0), (1, 0.6), (2, 0.4), (3, 0.6), (4, 0.9)]
    assert not any(curve.look(t, value) for t, value in looks)
    assert curve.time == pytest.approx(2.5)
    assert curve.look(5, 0.7)
    assert curve.look(6, 0.0)  # nothing later undoes it
    assert curve.time == pytest.approx(2.5)


def test_a_crossing_at_the_first_look_is_there() -> None:
    assert Crossing(0.5).look(3.0, 0.8)


# --- closed forms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta2", [0.9, 0.99, 0.999])
@pytest.mark.parametrize("t", [0.1, 50.0, 300.0])
def test_the_memory_clock_is_its_integral(t: float, beta2: float) -> None:
    a = -math.log(beta2)
    integral = quad(lambda s: math.sqrt(math.expm1(a * s)), 0, t, epsrel=1e-10, limit=200)[0]
    assert 2 / a * memory_clock(t, beta2) == pytest.approx(integral, rel=1e-7)
    assert memory_steps(memory_clock(t, beta2), beta2) == pytest.approx(t, rel=1e-9)


def test_the_memory_clock_starts_at_zero() -> None:
    assert memory_steps(0.0) == memory_clock(0.0) == 0.0


def test_the_memory_clock_is_what_adam_does_after_a_burst() -> None:
    """A parameter under gradients that are large at first and then small and constant: it moves by the clock."""
    lr, b1, b2, burst_steps, steps, small = 1e-3, 0.9, 0.999, 30, 2500, 1e-6
    theta, m, v, path = 0.0, 0.0, 0.0, [0.0]
    for t in range(1, steps + 1):
        g = 1.0 if t <= burst_steps else small
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        theta -= lr * m / (1 - b1**t) / math.sqrt(v / (1 - b2**t))
        path.append(theta)
        if t == burst_steps + 200:
            left = v  # momentum of the burst has gone
    a, start = -math.log(b2), burst_steps + 200
    covered = 2 / a * (memory_clock(steps) - memory_clock(start))
    expected = lr * small / math.sqrt(left) * math.exp(-a * start / 2) * covered
    assert path[start] - path[steps] == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("E", [1, 2, 3, 5, 8, 9, 20])
def test_the_interval_of_a_median_covers_it_as_often_as_it_says(E: int) -> None:
    value, low, high = time_interval([float(x) for x in range(1, E + 1)])
    assert value == (E + 1) / 2
    assert low is not None
    assert high == E + 1 - low
    covered = binom.cdf(E - low, E, 0.5) - binom.cdf(low - 1, E, 0.5)  # low <= number below the median <= E - low
    assert E < 5 or covered >= 0.9
    if low < E // 2:  # and the next narrower one does not
        assert binom.cdf(E - low - 1, E, 0.5) - binom.cdf(low, E, 0.5) < 0.9


def test_a_median_beyond_the_end_is_none() -> None:
    assert time_interval([1.0, 2.0, None]) == (2.0, 1.0, None)
    assert time_interval([1.0, None]) == (None, 1.0, None)
    with pytest.raises(InputError, match="one or more"):
        time_interval([])


# --- Stage I ------------------------------------------------------------------------------------------------


def test_lazy_memorising_is_the_matrix_exponential() -> None:
    s = setting("sgd", 1, 1e-3, samples=20, group="Z7")
    problem, weights = Problem.of(s, 0), first_weights(s, 0)
    tangent = Tangent(problem, *weights)
    r = tangent.residual
    units = np.eye(r.size).reshape(r.size, *r.shape)
    G = np.stack([tangent.push(*tangent.back(u)).ravel() for u in units])
    rates, Q = np.linalg.eigh(G * 2 / problem.samples)
    labels, outputs = problem.labels[problem.pairs], problem.forward(*weights).O

    def accuracy(t: float) -> float:
        at = (Q @ (np.exp(-rates * t) * (Q.T @ r.ravel()))).reshape(r.shape)
        moved = tangent.in_classes(at - r)
        return float(np.mean((outputs + moved).argmax(axis=1) == labels))

    times = np.linspace(0, 100, 4001)
    exact = times[np.argmax([accuracy(t) >= 0.99 for t in times])]
    assert lazy_memorising(s, 0, tolerance=1e-4).t_mem == pytest.approx(
        exact, rel=0.1
    )  # one pair in 20 is right from one look on
    np.testing.assert_allclose(centred_classes(outputs - problem.Y), tangent.in_classes(r), atol=1e-12)


def test_sign_descent_memorises_as_adam_does() -> None:
    s = setting("adam", 5e-4, 2e-4)
    found = [sign_memorising(s, seed).t_mem for seed in SEEDS]
    assert np.median(found) / 5e-4 == pytest.approx(medians(trained(s, 200))[0], rel=0.2)


# --- flows against trained networks ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def descended() -> tuple[Setting, tuple[float, float]]:
    s = setting("sgd", 1.0, 2e-3)
    return s, medians(trained(s, 3000, 2))


def test_the_flow_of_gradient_descent_is_gradient_descent(descended: tuple[Setting, tuple[float, float]]) -> None:
    s, (t_mem, t_grok) = descended
    courses = [descent(s, seed, tolerance=1e-3) for seed in SEEDS]
    assert np.median([c.t_mem for c in courses]) == pytest.approx(t_mem, rel=0.1)
    assert np.median([c.t_grok for c in courses]) == pytest.approx(t_grok, rel=0.05)
    assert max(c.evaluations for c in courses) < t_grok


def test_predictions_in_steps_are_those_of_the_flow(descended: tuple[Setting, tuple[float, float]]) -> None:
    s, (t_mem, t_grok) = descended
    found, memorised = flow(s, SEEDS), flow_memorising(s, SEEDS)
    assert (found.quantity, memorised.quantity) == ("t_grok", "t_mem")
    assert found.value == pytest.approx(t_grok, rel=0.1)
    assert memorised.value == pytest.approx(t_mem, rel=0.15)
    assert found.low <= found.value <= found.high
    assert (found.constants_fitted, found.runs_used, found.valid) == (0, 0, True)


def test_adam_is_followed_through_its_memory() -> None:
    s = setting("adam", 1e-3, 2e-4)
    t_mem, t_grok = medians(trained(s, 4000, 2))
    courses = [adam_course(s, seed) for seed in SEEDS]
    assert np.median([c.t_mem for c in courses]) == pytest.approx(t_mem, abs=2)
    assert np.median([c.t_grok for c in courses]) == pytest.approx(t_grok, rel=0.1)


def test_the_burst_is_adam(monkeypatch: pytest.MonkeyPatch) -> None:
    s = setting("adamw", 1e-3, 0.3)
    faded = burst(Member(s, 0), s.optimizer)
    assert faded is not None
    records = train(s, [0], Plan(steps=faded.steps, every=faded.steps), RUNTIME)
    W, V = Member(s, 0).layers(faded.y)
    assert float(np.vdot(W, W)) == pytest.approx(records.curves["norm_w2"][0, -1], rel=1e-4)
    assert float(np.vdot(V, V)) == pytest.approx(records.curves["norm_v2"][0, -1], rel=1e-4)


def test_adamw_is_followed_by_its_clock() -> None:
    s = setting("adamw", 1e-3, 0.5)
    t_grok = medians(trained(s, 20_000, 10))[1]
    assert np.median([adamw_course(s, seed).t_grok for seed in SEEDS]) == pytest.approx(t_grok, rel=0.4)  # crude


def test_a_run_at_the_reference_is_a_run_of_the_trainer() -> None:
    s = setting("adamw", *REFERENCES["adamw"])
    found = clock(s, SEEDS)
    assert found.runs_used == len(SEEDS)
    assert found.value == pytest.approx(medians(trained(s, 8000, 5))[1], rel=0.1)
    slower = clock(setting("adamw", 5e-4, 0.25), SEEDS)
    assert slower.value == pytest.approx(4 * found.value, rel=0.1)


# --- predictors -----------------------------------------------------------------------------------------------


def test_the_clock_at_the_reference_is_the_flow() -> None:
    for name in ("sgd", "adam"):
        s = setting(name, *REFERENCES[name])
        assert clock(s, (0,)).value == pytest.approx(flow(s, (0,)).value, rel=1e-9)


def test_one_integration_serves_all_rates() -> None:
    one, other = (clock(setting("sgd", lr, 1e-3), (0,)).value for lr in (0.25, 1.0))
    assert one == pytest.approx(4 * other)


def test_adams_clock_is_neither_of_the_rate_nor_of_the_decay() -> None:
    def at(lr: float, eta: float) -> float:
        found = clock(setting("adam", lr, eta), (0,)).value
        assert found is not None
        return lr**1.5 * eta * memory_clock(found)

    assert at(5e-4, 4e-4) == pytest.approx(at(2e-3, 1e-4), rel=1e-9)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"loss": "cross-entropy"}, "squared error"),
        ({"network": Network(width=20, layers=3)}, "two layers"),
        ({"task": Task(group="Z7", samples=20, labels="random")}, "random labels"),
        ({"task": Task(group="Z7", samples=49)}, "none is left"),
        ({"optimizer": Optimizer(name="muon", lr=1e-2)}, "Muon"),
        ({"optimizer": Optimizer(name="sgd", lr=1, momentum=0.9)}, "momentum"),
        ({"optimizer": Optimizer(name="adam", weight_decay=0)}, "without weight decay"),
        ({"optimizer": Optimizer(name="adam", schedule="linear-warmup")}, "constant rate"),
    ],
)
def test_what_is_out_of_range_says_so(changed: dict[str, object], reason: str) -> None:
    s = setting("adam", 1e-3, 2e-4, **changed)
    for found in (flow(s), clock(s)):
        assert found.value is None
        assert not found.valid
        assert reason in found.note


def test_every_predictor_names_itself_and_its_quantity() -> None:
    s = setting("adam", 1e-3, 2e-4, loss="cross-entropy")
    for predictor in TIMES:
        prediction = predictor(s)
        assert (prediction.predictor, prediction.quantity) == (predictor.name, predictor.quantity)
    assert {predictor.quantity for predictor in TIMES} == {"t_mem", "t_grok"}


def test_lazy_covers_both_kinds_of_rule() -> None:
    for name, lr in (("sgd", 1.0), ("adam", 1e-3)):
        found = lazy(setting(name, lr, 2e-4), (0,))
        assert found.valid
        assert found.value is not None


def test_gradients_of_the_seeds_networks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0
    gradient = Member.gradient

    def counted(self: Member, y: Array) -> Array:
        nonlocal taken
        taken += 1
        return gradient(self, y)

    monkeypatch.setattr(Member, "gradient", counted)
    rules = (("sgd", 1.0, 2.1e-3), ("adam", 1e-3, 2.1e-4), ("adamw", 1e-3, 0.51))  # integrated by no other test
    for name, lr, decay in rules:
        taken = 0
        found = flow(setting(name, lr, decay), (0, 1))
        assert found.gradients_used == pytest.approx(taken, rel=0.02)  # a step that ends the integration is not counted
        assert found.details["gradients_per_seed"] == found.gradients_used / 2
        own = found.details["first_updates_per_seed"]
        assert (own == 0) if name == "sgd" else 0 < own < found.gradients_used / 2
