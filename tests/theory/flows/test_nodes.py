"""Stage II: closed forms against brute-force energies, integration, and small-step training; the law of emergence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import gamma, kstest

from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.emergence import EmergenceLaw, ModeLaw
from twopeaks.theory.flows.nodes import (
    blow_up_times,
    emerge,
    evolved,
    evolved_energies,
    mode_energies,
    on_sphere,
    population_gradient,
    settle,
    winners,
)
from twopeaks.theory.flows.solution import Solver
from twopeaks.theory.groups import cyclic
from twopeaks.theory.landscape.landscape import Landscape, random_pairs


def random_nodes(count: int, order: int, seed: int = 0, sigma: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, sigma, (count, 2 * order))


def dense(order: int) -> tuple[np.ndarray, np.ndarray]:
    """X (M^2, 2M) and Y~ (M^2, M) of the whole table, written out."""
    X, Y = np.zeros((order**2, 2 * order)), np.zeros((order**2, order))
    for i in range(order**2):
        a, b = divmod(i, order)
        X[i, a] = X[i, order + b] = Y[i, (a + b) % order] = 1
    return X, Y - Y.mean(axis=0)


def brute_gradient(w: np.ndarray, order: int) -> np.ndarray:
    X, Y = dense(order)
    return X.T @ (2 * (X @ w) * (Y @ (Y.T @ (X @ w) ** 2)))


def brute_energy(w: np.ndarray, order: int) -> float:
    X, Y = dense(order)
    return float(np.sum((Y.T @ (X @ w) ** 2) ** 2) / 2)


# --- modes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [2, 3, 7, 8])
def test_the_population_gradient_is_that_of_the_energy(order: int) -> None:
    w, h = random_nodes(3, order), 1e-5
    for node, g in zip(w, population_gradient(w), strict=True):
        assert g == pytest.approx(brute_gradient(node, order), rel=1e-9, abs=1e-9)
        numeric = [
            (brute_energy(node + h * e, order) - brute_energy(node - h * e, order)) / (2 * h) for e in np.eye(2 * order)
        ]
        assert g == pytest.approx(numeric, rel=1e-6, abs=1e-5)
    assert population_gradient(w) == pytest.approx(
        Landscape(cyclic(order), np.arange(order**2)).gradient(w), rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize("order", [7, 8])
def test_the_energy_is_the_sum_over_modes_of_unnormalised_transforms(order: int) -> None:
    (node,) = random_nodes(1, order)
    (x,), (y,) = mode_energies(node[None])
    share = np.where(2 * np.arange(1, order // 2 + 1) == order, 2, 4) / order
    assert float(share @ (x * y)) == pytest.approx(brute_energy(node, order))


def test_blow_up_times() -> None:
    assert float(blow_up_times(2.0, 1.0)) == pytest.approx(np.log(2) / 8)
    assert float(blow_up_times(3.0, 3.0)) == pytest.approx(1 / 24)
    assert float(blow_up_times(3.0, 3.0 * (1 + 1e-12))) == pytest.approx(1 / 24, rel=1e-10)
    assert float(blow_up_times(1e-300, 1.0)) == pytest.approx(np.log(1e300) / 8)
    assert blow_up_times([0, 1, 0], [1, 0, 0]).tolist() == [np.inf] * 3


def test_mode_energies_follow_their_equation() -> None:
    x, y, h = np.array([2.0, 1.0, 1.0, 0.0, 1e-9]), np.array([1.0, 2.0, 1.0, 1.0, 0.5]), 1e-6
    assert np.array(evolved_energies(x, y, 0)) == pytest.approx(np.array([x, y]), rel=1e-6)
    now, before, after = (np.array(evolved_energies(x, y, t)) for t in (0.08, 0.08 - h, 0.08 + h))
    assert now[0] - now[1] == pytest.approx(x - y, rel=1e-9)
    assert (after - before) / (2 * h) == pytest.approx(8 * now[0] * now[1] * np.ones((2, 1)), rel=1e-6, abs=1e-9)
    past = np.array(evolved_energies(x, y, 0.2))
    assert np.isinf(past[:, :3]).all()
    assert past[:, 3].tolist() == [0, 1]


@pytest.mark.parametrize("order", [7, 8])
def test_closed_form_and_integration_agree(order: int) -> None:
    w = random_nodes(4, order)
    for node, found in zip(w, emerge(population_gradient, w, [0, 1.0]), strict=True):
        t = found.events["emerged"]
        assert t is not None
        assert found.ended == t < winners(node[None])[1][0]
        assert found.final["w"] == pytest.approx(evolved(node[None], t)[0], rel=1e-6, abs=1e-6)
        assert np.linalg.norm(found.final["w"]) == pytest.approx(10 * np.linalg.norm(node))


def test_small_step_training_agrees_with_the_closed_form() -> None:
    """Plain gradient ascent on the brute-force energy, independent of every formula here."""
    order, steps = 7, 4000
    w = random_nodes(3, order, seed=1)
    for node in w:
        (k,), (blow_up,) = winners(node[None])
        trained, lr = node.copy(), 0.95 * blow_up / steps
        for _ in range(steps):
            trained += lr * brute_gradient(trained, order)
        predicted = evolved(node[None], 0.95 * blow_up)[0]
        assert np.linalg.norm(trained - predicted) < 0.02 * np.linalg.norm(predicted)
        x, y = mode_energies(trained[None])
        assert (x * y).argmax() + 1 == k
        phases = np.fft.fft(trained.reshape(2, order)) / np.fft.fft(node.reshape(2, order))
        assert phases.imag == pytest.approx(0, abs=1e-9)


def test_the_emergence_time_nears_the_blow_up_as_the_threshold_grows() -> None:
    w = random_nodes(3, 7)
    exact = winners(w)[1]
    early, late = (
        np.array([s.events["emerged"] for s in emerge(population_gradient, w, [0, 1.0], growth=g)]) for g in (30, 1000)
    )
    assert (early < late).all()
    assert late == pytest.approx(exact, rel=1e-5)


def test_the_semigroup_law() -> None:
    w = random_nodes(1, 7)
    half = evolved(w, 0.004)
    assert evolved(half, 0.005) == pytest.approx(evolved(w, 0.009), rel=1e-9)
    assert winners(half)[1] == pytest.approx(winners(w)[1] - 0.004)


def test_at_fixed_norm_a_node_takes_the_same_path_to_the_peak_of_its_winner() -> None:
    order = 8
    w = random_nodes(6, order, seed=2)
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    for k, found in zip(winners(w)[0], settle(population_gradient, w, [0, 1000]), strict=True):
        assert found.events["settled"] is not None
        final = np.asarray(found.final["w"])
        assert np.linalg.norm(final) == pytest.approx(1, rel=1e-6)
        x, y = mode_energies(final[None])
        assert (x * y).argmax() + 1 == k
        # Heights of theorem 2, corrected: M/2 for the real character, M/4 for a complex pair.
        assert brute_energy(final, order) == pytest.approx(order / 2 if k == order / 2 else order / 4, rel=1e-5)


def test_directions_of_free_and_bound_ascent_are_the_same_path() -> None:
    (node,) = random_nodes(1, 7) / 4
    bound = emerge(on_sphere(population_gradient), node[None], [0, 0.1])[0].final["w"]
    bound = bound / np.linalg.norm(bound)
    blow_up = winners(node[None])[1][0]
    free = [evolved(node[None], t)[0] for t in np.linspace(0, 0.999 * blow_up, 2000)]
    assert min(np.linalg.norm(w / np.linalg.norm(w) - bound) for w in free) < 1e-3


def test_any_energy_can_be_climbed() -> None:
    group = cyclic(7)
    rng = np.random.default_rng(0)
    landscape = Landscape(group, random_pairs(group, 0.6, rng), activation="silu")
    w = random_nodes(2, 7)
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    for found in settle(landscape.gradient, w, np.linspace(0, 20, 5)):
        energies = landscape.energy(found.observables["w"])
        assert (np.diff(energies) > 0).all()


def test_bad_nodes_and_times_are_refused() -> None:
    with pytest.raises(InputError, match=r"w must be of shape \(R, 2M\)"):
        mode_energies(np.zeros(6))
    with pytest.raises(InputError, match="t must be below the first blow-up"):
        evolved(random_nodes(3, 7), 1.0)


# --- emergence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [3, 8, 23])
@pytest.mark.parametrize("nodes", [1, 5])
def test_emergence_times_of_random_nodes_follow_the_law(order: int, nodes: int) -> None:
    exact = winners(random_nodes(10_000, order, seed=order, sigma=0.3))[1]
    first = exact.reshape(-1, nodes).min(axis=1)
    assert kstest(first, EmergenceLaw(order, 0.3, nodes).cdf).pvalue > 1e-3


def test_integrated_emergence_times_follow_the_law() -> None:
    w, solver = random_nodes(50, 5, seed=4), Solver("RK45", rtol=1e-6)
    found = [s.events["emerged"] for s in emerge(population_gradient, w, [0, 100], growth=30, solver=solver)]
    assert kstest(found, EmergenceLaw(5, 1.0).cdf).pvalue > 1e-3


def test_the_real_mode_wins_as_often_as_predicted() -> None:
    k = winners(random_nodes(10_000, 8, seed=5))[0]
    p = EmergenceLaw(8, 1.0).real_mode_wins()
    assert abs((k == 4).mean() - p) < 4 * np.sqrt(p * (1 - p) / len(k))
    assert p > 0.2 > 1 / 7  # less often than its share of the k would be wrong
    assert EmergenceLaw(7, 1.0).real_mode_wins() == 0
    assert EmergenceLaw(2, 1.0).real_mode_wins() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("kappa", [1.0, 0.5])
def test_one_mode_by_integration_over_both_energies(kappa: float) -> None:
    """P(t* > t) from the definitions: x any, y below the one that would blow up at t; no change of variables."""
    t, theta = 0.2, 1.5
    law = gamma(kappa, scale=theta)

    def alive(x: float) -> float:
        return float(law.cdf(np.exp(brentq(lambda y: t - float(blow_up_times(x, np.exp(y))), -600, 600, xtol=1e-12))))

    expected, _ = quad(lambda p: alive(float(law.ppf(p))), 0, 1, epsabs=1e-8)
    below, above = ModeLaw(kappa, theta).tails(t)
    assert float(above) == pytest.approx(expected, rel=1e-6)
    assert float(below + above) == pytest.approx(1, abs=1e-14)


def test_tails_are_accurate_far_out() -> None:
    t = np.array([1e-3, 1e4])
    z = 1 / (4 * 2.0 * t)
    complex_below, complex_above = ModeLaw(1.0, 2.0).tails(t)
    real_below, real_above = ModeLaw(0.5, 2.0).tails(t)
    assert complex_below[0] == pytest.approx(np.sqrt(3 * np.pi * z[0]) / 2 * np.exp(-z[0]), rel=0.02)
    assert real_below[0] == pytest.approx(np.sqrt(3 / (np.pi * z[0])) * np.exp(-z[0]), rel=0.02)
    assert complex_above[1] == pytest.approx((np.pi / (2 * t[1])) ** 2 / 192, rel=1e-3)
    assert real_above[1] == pytest.approx(np.pi / (16 * t[1]), rel=1e-3)


@pytest.mark.parametrize("order", [7, 8])
def test_quantiles_invert_the_distribution(order: int) -> None:
    law = EmergenceLaw(order, 0.4, nodes=3)
    for p in (1e-20, 1e-6, 0.1, 0.5, 0.999):
        assert float(law.cdf(law.quantile(p))) == pytest.approx(p, rel=1e-8, abs=0)
    times = np.logspace(-3, 2, 30)
    assert law.cdf(times) + law.survival(times) == pytest.approx(1)
    assert (np.diff(law.cdf(times)) >= 0).all()
    # Time scales as 1/sigma^2.
    assert EmergenceLaw(order, 0.8, nodes=3).quantile(0.5) == pytest.approx(law.quantile(0.5) / 4)


def test_laws_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="order, sigma, nodes must be M >= 2"):
        EmergenceLaw(7, 0.0)
    with pytest.raises(InputError, match="p must be between 0 and 1"):
        EmergenceLaw(7, 1.0).quantile(1)
