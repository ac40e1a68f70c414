"""Heights: each closed form against a minimisation, a derivation, or the network it stands for, built node by node."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import sympy
from scipy.optimize import minimize_scalar

from twopeaks.theory.groups import Group, cyclic, named
from twopeaks.theory.groups.constructions import NODES_PER_PAIR, pair_nodes
from twopeaks.theory.heights.heights import (
    Control,
    fit_heights,
    generalising_cost,
    memorising_cost,
    node_cost,
    pair_cost,
    real_cost,
)

#: An outside minimiser finds a minimum's value to about the square of its 1e-9 in the place.
MINIMISED = 1e-12


def least_norm(w2: float, v2: float) -> float:
    """min over s of s^2 |w|^2 + s^-4 |v|^2, by Brent's method in log s."""
    found = minimize_scalar(lambda t: np.exp(2 * t) * w2 + np.exp(-4 * t) * v2, bracket=(-1, 1), tol=1e-9)
    return float(found.fun)


def network_cost(W: np.ndarray, V: np.ndarray) -> float:
    """|W|^2 + |V|^2 after each node is rescaled to its least norm."""
    return sum(least_norm(float(w @ w), float(v @ v)) for w, v in zip(W.T, V, strict=True))


def outputs(W: np.ndarray, V: np.ndarray) -> np.ndarray:
    """(M, M, M) output [a, b, c] of the x^2 network on every pair of one-hot inputs."""
    order = len(W) // 2
    hidden = (W[:order, None, :] + W[None, order:, :]) ** 2
    return np.asarray(hidden @ V)


# --- one node ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("w2", [0.1, 1.0, 23.0])
@pytest.mark.parametrize("v2", [1e-4, 0.3, 7.0])
def test_node_cost_is_the_minimum_over_rescalings(w2: float, v2: float) -> None:
    assert node_cost(w2 * v2**0.5) == pytest.approx(least_norm(w2, v2), rel=MINIMISED)


def test_node_cost_is_derived() -> None:
    w2, v, s = sympy.symbols("w2 v s", positive=True)
    norm = s**2 * w2 + v**2 / s**4
    (best,) = sympy.solve(sympy.diff(norm, s), s)
    q = w2 * v
    assert sympy.simplify(norm.subs(s, best) / (3 * (q / 2) ** sympy.Rational(2, 3))) == 1
    assert sympy.simplify((best**2 * w2) / (v**2 / best**4)) == 2  # there |w|^2 = 2 |v|^2
    expected = float((3 * (q / 2) ** sympy.Rational(2, 3)).subs({w2: 5, v: sympy.Rational(1, 7)}))
    assert node_cost(5 / 7) == pytest.approx(expected, rel=1e-14)


def test_node_cost_of_nothing_is_nothing() -> None:
    assert node_cost(0.0) == 0.0


@pytest.mark.parametrize("order", [5, 23])
def test_focused_node_memorises_its_pair(order: int) -> None:
    a, b, c = 1, 3, 2
    W, V = np.zeros((2 * order, 1)), np.zeros((1, order))
    W[a] = W[order + b] = 1
    V[0, c] = 1 / 4
    output = outputs(W, V)
    assert output[a, b].tolist() == [float(k == c) for k in range(order)]
    assert network_cost(W, V) == pytest.approx(memorising_cost(), rel=MINIMISED)


def test_memorising_cost_is_three_times_the_cube_root_of_a_sixteenth() -> None:
    assert float(sympy.root(sympy.Rational(27, 16), 3)) == pytest.approx(memorising_cost(), rel=1e-14)


# --- a pair of complex characters ----------------------------------------------------------------------


def cosine_target(order: int, frequency: int) -> np.ndarray:
    a, b, c = np.ogrid[:order, :order, :order]
    return np.asarray(2 / order * np.cos(2 * np.pi * frequency * (a + b - c) / order))


@pytest.mark.parametrize(
    ("order", "frequency"), [(5, 1), (5, 2), (23, 1), (23, 7), (23, 11), (31, 4), (24, 1), (24, 9)]
)
def test_pair_nodes_build_the_cosine_without_remainder(order: int, frequency: int) -> None:
    W, V = pair_nodes(order, frequency)
    assert W.shape == (2 * order, NODES_PER_PAIR)
    assert V.shape == (NODES_PER_PAIR, order)
    np.testing.assert_allclose(outputs(W, V), cosine_target(order, frequency), atol=1e-14)


@pytest.mark.parametrize(
    ("order", "frequency"), [(5, 1), (5, 2), (23, 1), (23, 7), (23, 11), (31, 4), (24, 1), (24, 9)]
)
def test_pair_nodes_cost_the_closed_form(order: int, frequency: int) -> None:
    assert pair_cost(order) == pytest.approx(network_cost(*pair_nodes(order, frequency)), rel=MINIMISED)


@pytest.mark.parametrize("nodes", [4, 5, 6, 5.5])
def test_pair_cost_is_that_of_nodes_with_even_norms(nodes: float) -> None:
    order = 23
    # |w|^2 = M and |v| = 4 sqrt(M/2) / (M N) for every node, whatever its phases.
    each = least_norm(order, (4 / (order * nodes)) ** 2 * order / 2)
    assert pair_cost(order, nodes) == pytest.approx(nodes * each, rel=MINIMISED)


@pytest.mark.parametrize("dropped", range(NODES_PER_PAIR))
def test_five_of_the_six_nodes_do_not_build_the_cosine(dropped: int) -> None:
    W, V = pair_nodes(7, 2)
    rest = [j for j in range(NODES_PER_PAIR) if j != dropped]
    remainder = outputs(W[:, rest], V[rest] * NODES_PER_PAIR / 5) - cosine_target(7, 2)
    assert np.abs(remainder).max() > 0.1 * 2 / 7


# --- a real character ----------------------------------------------------------------------------------


def real_nodes(psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    W = np.concatenate([np.stack([psi, psi], axis=1), np.stack([psi, -psi], axis=1)])
    return W, np.stack([psi, -psi]) / (4 * len(psi))


def alternating_sign(order: int) -> np.ndarray:
    return (-1.0) ** np.arange(order)


@pytest.mark.parametrize("order", [2, 6, 24])
def test_two_nodes_build_a_real_character(order: int) -> None:
    psi = alternating_sign(order)
    target = np.einsum("a,b,c->abc", psi, psi, psi) / order
    np.testing.assert_allclose(outputs(*real_nodes(psi)), target, atol=1e-15)


@pytest.mark.parametrize("order", [2, 6, 24])
def test_two_nodes_of_a_real_character_cost_the_closed_form(order: int) -> None:
    assert real_cost(order) == pytest.approx(network_cost(*real_nodes(alternating_sign(order))), rel=MINIMISED)


# --- a whole group -------------------------------------------------------------------------------------

#: name -> orders of its cyclic factors; element (a1, a2, …) is numbered with the last one fastest.
FACTORS = {
    "Z2": (2,),
    "Z5": (5,),
    "Z23": (23,),
    "Z24": (24,),
    "Z31": (31,),
    "Z2xZ2xZ6": (2, 2, 6),
    "Z3xZ3": (3, 3),
    "Z2xZ2xZ2": (2, 2, 2),
}


def all_characters(factors: Sequence[int]) -> list[np.ndarray]:
    """Every character of a product of cyclic groups, the trivial one first."""
    elements = np.array(list(itertools.product(*(range(n) for n in factors))))
    return [np.exp(2j * np.pi * (elements * k / np.array(factors)).sum(axis=1)) for k in elements]


def is_real(chi: np.ndarray) -> bool:
    return bool(np.abs(chi.imag).max() < 1e-9)


def complex_nodes(chi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    phi = np.pi / 3 * np.arange(6)
    rotated = [np.real(chi[:, None] * np.exp(1j * k * phi)) for k in (1, 4, 5)]
    return np.concatenate(rotated[:2]), 4 / (6 * len(chi)) * rotated[2].T


def whole_network(factors: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes for every character but the trivial one, one of each complex pair."""
    built, done = [], []
    for chi in all_characters(factors)[1:]:
        if is_real(chi):
            built.append(real_nodes(chi.real))
        elif not any(np.allclose(chi.conj(), other) for other in done):
            built.append(complex_nodes(chi))
            done.append(chi)
    return np.concatenate([W for W, _ in built], axis=1), np.concatenate([V for _, V in built])


def centred_labels(group: Group) -> np.ndarray:
    return np.asarray(np.eye(group.order)[group.table] - 1 / group.order)


@pytest.mark.parametrize("name", FACTORS)
def test_all_nodes_together_build_the_centred_labels(name: str) -> None:
    np.testing.assert_allclose(outputs(*whole_network(FACTORS[name])), centred_labels(named(name)), atol=1e-13)


@pytest.mark.parametrize("name", FACTORS)
def test_generalising_cost_is_that_of_all_nodes(name: str) -> None:
    assert generalising_cost(named(name)) == pytest.approx(network_cost(*whole_network(FACTORS[name])), rel=MINIMISED)


@pytest.mark.parametrize("nodes", [4, 5])
@pytest.mark.parametrize("name", ["Z23", "Z24", "Z2xZ2xZ6"])
def test_generalising_cost_with_other_nodes_is_the_sum_over_characters(name: str, nodes: float) -> None:
    characters = all_characters(FACTORS[name])
    order = len(characters)
    halves = [real_cost(order) if is_real(chi) else pair_cost(order, nodes) / 2 for chi in characters[1:]]
    assert generalising_cost(named(name), nodes) == pytest.approx(sum(halves), rel=1e-13)


def test_generalising_costs_nothing_where_there_is_one_element() -> None:
    assert generalising_cost(cyclic(1)) == 0


@pytest.mark.parametrize(("order", "n_c"), [(23, 180), (31, 272)])
def test_peaks_are_equally_high_at_the_sizes_in_our_documentation(order: int, n_c: float) -> None:
    assert generalising_cost(cyclic(order)) / memorising_cost() == pytest.approx(n_c, abs=0.5)


@pytest.mark.parametrize("order", [11, 23, 59])
def test_crossing_of_odd_cyclic_groups_is_our_closed_formula(order: int) -> None:
    # (M - 1)/2 · 3 (12 M)^(1/3) / (3 (1/4)^(2/3)) = 2.884… (M - 1) M^(1/3), with 12^(1/3) 16^(1/3) / 2 = 24^(1/3).
    expected = 24 ** (1 / 3) * (order - 1) * order ** (1 / 3)
    assert generalising_cost(cyclic(order)) / memorising_cost() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", ["S3", "D12", "Q8"])
def test_group_that_is_not_abelian_has_no_closed_form(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^closed form needs an abelian group, got {name}$"):
        generalising_cost(named(name))


# --- heights from control runs -------------------------------------------------------------------------


def exact(samples: int, cost: float, members: int = 4, earlier: float = 1.0) -> Control:
    return Control(samples, (cost,) * members, (cost * earlier,) * members)


def noisy(samples: int, cost: float, rng: np.random.Generator, members: int = 16) -> Control:
    costs = tuple(cost * (1 + 0.03 * rng.standard_normal(members)))
    return Control(samples, costs, costs)


@pytest.mark.parametrize(("scale", "power"), [(1.1, 1.0), (0.6, 1.12), (2.5, 0.85)])
def test_power_law_through_exact_heights_is_recovered(scale: float, power: float) -> None:
    sizes = [120, 180, 260]
    fit = fit_heights(exact(450, 200.0), [exact(n, scale * n**power) for n in sizes], resamples=20)
    assert (fit.scale, fit.power) == (pytest.approx(scale, rel=1e-11), pytest.approx(power, rel=1e-12))
    assert fit.generalising == pytest.approx(200.0, rel=1e-14)
    assert fit.crossing == pytest.approx((200.0 / scale) ** (1 / power), rel=1e-11)


def test_heights_are_equal_at_the_crossing() -> None:
    fit = fit_heights(exact(450, 231.0), [exact(n, 0.7 * n**1.1) for n in (150, 210)], resamples=20)
    assert fit.memorising(fit.crossing) == pytest.approx(231.0, rel=1e-12)
    np.testing.assert_allclose(fit.memorising(np.array([150.0, 210.0])), 0.7 * np.array([150, 210]) ** 1.1, rtol=1e-12)


def test_one_size_alone_is_taken_as_proportional() -> None:
    fit = fit_heights(exact(450, 220.0), [exact(200, 230.0)], resamples=20)
    assert (fit.power, fit.scale) == (1.0, pytest.approx(1.15, rel=1e-14))
    assert fit.crossing == pytest.approx(220.0 / 1.15, rel=1e-14)


def test_heights_without_spread_or_drift_have_no_width() -> None:
    fit = fit_heights(exact(450, 220.0), [exact(n, 1.1 * n) for n in (150, 210)], resamples=20)
    assert fit.drift == 0
    assert (fit.low, fit.high) == (pytest.approx(fit.crossing, rel=1e-12), pytest.approx(fit.crossing, rel=1e-12))


@pytest.mark.parametrize("earlier", [1.25, 0.8], ids=["falling", "rising"])
def test_drift_of_the_memorising_height_widens_the_interval(earlier: float) -> None:
    fit = fit_heights(exact(450, 220.0), [exact(200, 230.0, earlier=earlier)], resamples=20)
    drift = abs(1 / earlier - 1)  # the crossing was at n_c / earlier
    assert fit.drift == pytest.approx(drift, rel=1e-12)
    assert fit.low == pytest.approx(fit.crossing / (1 + drift), rel=1e-12)
    assert fit.high == pytest.approx(fit.crossing * (1 + drift), rel=1e-12)


def test_drift_of_the_generalising_height_counts_too() -> None:
    fit = fit_heights(exact(450, 220.0, earlier=1.1), [exact(200, 230.0)], resamples=20)
    assert fit.drift == pytest.approx(0.1, rel=1e-12)


def test_heights_that_fall_together_do_not_drift() -> None:
    fit = fit_heights(exact(450, 220.0, earlier=1.1), [exact(n, n, earlier=1.1) for n in (150, 210)], resamples=20)
    assert fit.drift == pytest.approx(0, abs=1e-12)


def test_controls_may_come_in_any_order() -> None:
    controls = [exact(n, 0.7 * n**1.1) for n in (150, 180, 210)]
    forward = fit_heights(exact(450, 200.0), controls, resamples=20)
    backward = fit_heights(exact(450, 200.0), controls[::-1], resamples=20)
    assert backward.crossing == pytest.approx(forward.crossing, rel=1e-12)


def test_same_controls_give_the_same_interval() -> None:
    rng = np.random.default_rng(2)
    generalising, memorising = noisy(450, 200.0, rng), [noisy(n, 1.1 * n, rng) for n in (150, 210)]
    assert fit_heights(generalising, memorising, 50) == fit_heights(generalising, memorising, 50)


def test_interval_has_the_width_of_the_standard_error() -> None:
    costs = tuple(200.0 * (1 + 0.05 * np.random.default_rng(3).standard_normal(400)))
    fit = fit_heights(Control(450, costs, costs), [exact(200, 200.0)], resamples=2000)
    # One exact size: n_c is the mean cost, so the interval is mean ± 1.96 s / sqrt(E); 5% is 2.5 errors of 2000 draws.
    half = 1.96 * np.std(costs) / 20
    assert (fit.high - fit.low) / 2 == pytest.approx(half, rel=0.05)
    assert (fit.high + fit.low) / 2 == pytest.approx(np.mean(costs), abs=0.1 * half)


def covers(seed: int) -> bool:
    rng = np.random.default_rng(seed)
    truth = (200.0 / 0.7) ** (1 / 1.1)
    fit = fit_heights(noisy(450, 200.0, rng), [noisy(n, 0.7 * n**1.1, rng) for n in (150, 210)], resamples=100)
    assert fit.low < fit.crossing < fit.high
    return fit.low <= truth <= fit.high


def test_interval_contains_the_truth_about_as_often_as_it_says() -> None:
    # Resampling 16 members makes a 95% interval one of about 93%, of which 40 hold the truth 34 times or more.
    assert sum(covers(seed) for seed in range(40)) >= 34


@pytest.mark.parametrize("second", [170.0, 170.001])
def test_flat_memorising_heights(second: float) -> None:
    flat = [Control(150, (170.0,) * 4, (170.0,) * 4), Control(210, (second,) * 4, (second,) * 4)]
    with pytest.raises(ArithmeticError, match="do not grow"):
        fit_heights(Control(450, (200.0,) * 4, (200.0,) * 4), flat, 10)
