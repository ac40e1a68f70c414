"""Ascents of the Stage II energy: they rise, they end at critical points, they say when they do not; Theorem 5."""

from __future__ import annotations

import numpy as np
import pytest

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import named
from twopeaks.theory.landscape.ascent import Ascents, ascend, is_maximum, random_nodes
from twopeaks.theory.landscape.landscape import Landscape, all_pairs, random_pairs, target_pairs
from twopeaks.theory.setting.activations import named_sigma

#: Converged ascents are good to the square of their slope, 1e-16, over the least curvature, here 0.1 and more.
CONVERGED = 1e-9


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def full(name: str, activation: str = "x^2") -> Landscape:
    group = named(name)
    return Landscape(group, all_pairs(group), activation=activation)


# --- ascents -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["x^2", "x^3", "relu", "silu", "tanh"])
def test_energy_never_falls(activation: str) -> None:
    group = named("S3")
    landscape = Landscape(group, random_pairs(group, 0.7, rng(6)), activation=activation)
    starts = random_nodes(20, 12, rng(7))
    energies = [landscape.energy(starts)]
    for steps in (1, 2, 3, 5, 8, 13, 21, 50):
        energies.append(ascend(landscape, starts, gradient_steps=steps, newton_steps=0).energies)
    for steps in (1, 2, 5):
        energies.append(ascend(landscape, starts, gradient_steps=50, newton_steps=steps).energies)
    assert (np.diff(energies, axis=0) >= -1e-11 * np.array(energies[1:])).all()
    assert (energies[-1] > energies[0]).all()


def test_nodes_stay_on_the_sphere_and_energies_are_theirs() -> None:
    ascents = ascend(full("S4"), random_nodes(50, 48, rng(20)))
    np.testing.assert_allclose(np.linalg.norm(ascents.nodes, axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(full("S4").energy(ascents.nodes), ascents.energies, rtol=1e-12)


def test_ascents_that_are_cut_short_say_so() -> None:
    landscape = full("Z23")
    cut = ascend(landscape, random_nodes(10, 46, rng(8)), gradient_steps=3, newton_steps=0)
    assert not cut.converged.any()
    assert cut.outcome.startswith("10 of 10 ascents did not converge (slope up to ")
    done = ascend(landscape, cut.nodes)
    assert done.outcome == "all 10 ascents converged"
    assert done.slopes.max() <= 1e-8


def test_relu_stands_at_kinks_and_is_not_called_converged() -> None:
    landscape = full("Z7", "relu")
    ascents = ascend(landscape, random_nodes(10, 14, rng(9)), newton_steps=5)
    assert not ascents.converged.any()
    z = ascents.nodes[:, :7, None] + ascents.nodes[:, None, 7:]
    assert ((np.abs(z) < 1e-6).sum(axis=(1, 2)) >= 1).all()


def test_gradients_alone_reach_well_curved_maxima_in_a_few_steps() -> None:
    assert ascend(full("S4"), random_nodes(100, 48, rng(21)), gradient_steps=60, newton_steps=0).converged.all()


def test_newton_steps_alone_reach_maxima_too() -> None:
    ascents = ascend(full("S4"), random_nodes(20, 48, rng(22)), gradient_steps=0)
    assert ascents.converged.all()
    assert is_maximum(full("S4"), ascents.nodes).all()


def test_narrow_ridges_are_climbed_to_the_end() -> None:
    # Curvatures of 6e-6 and less: gradients alone take more than 10^4 steps.
    ascents = ascend(full("Z7", "gelu"), random_nodes(20, 14, rng(10)))
    assert ascents.converged.all()
    assert ascents.energies.max() / ascents.energies.min() - 1 < 1e-8
    assert not ascend(full("Z7", "gelu"), random_nodes(20, 14, rng(10)), newton_steps=0).converged.all()


def test_saddles_are_left() -> None:
    k = 2 * np.pi * np.arange(5) / 5
    saddle = np.tile(np.cos(k) + np.cos(2 * k), 2) / np.sqrt(10)
    starts = saddle + 1e-6 * rng(11).standard_normal((10, 10))
    assert ascend(full("Z5"), starts).energies == pytest.approx(1.25)


def test_the_winner_is_the_mode_that_blows_up_first() -> None:
    # t*_k = ln(x/y) / (8 (x - y)), x = |u^_k|^2, y = |v^_k|^2: gradient flow in closed form, no landscape involved.
    starts = random_nodes(300, 46, rng(12))
    x, y = (np.abs(np.fft.fft(half)[:, 1:12]) ** 2 for half in (starts[:, :23], starts[:, 23:]))
    winner = 1 + (np.log(x / y) / (8 * (x - y))).argmin(axis=1)
    ended = np.abs(np.fft.fft(ascend(full("Z23"), starts).nodes[:, :23])[:, :12]).argmax(axis=1)
    assert (winner == ended).mean() > 0.97


@pytest.mark.parametrize("starts", [np.ones((2, 9)), np.ones(10), np.zeros((1, 10)), np.full((1, 10), np.nan)])
def test_bad_starts_are_refused(starts: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"starts must be finite nodes \(R, 10\), none 0"):
        ascend(full("Z5"), starts)


# --- one target: theorem 5 -----------------------------------------------------------------------------

LAW = np.array([0.1, 0.25, 0.12, 0.3, 0.08, 0.15])


def one_target(activation: str, law: np.ndarray = LAW) -> tuple[Ascents, np.ndarray]:
    """Ascents on the pairs (g, g^-1 h) of S3 alone, and their z_g."""
    group = named("S3")
    pairs = target_pairs(group, 2)
    landscape = Landscape(group, pairs, law, activation=activation, centred=False)
    ascents = ascend(landscape, random_nodes(200, 12, rng(2)))
    assert ascents.converged.all()
    np.testing.assert_array_equal(is_maximum(landscape, ascents.nodes), ascents.energies > 1e-12)
    risen = ascents.nodes[ascents.energies > 1e-12]
    return ascents, risen[:, pairs // 6] + risen[:, 6 + pairs % 6]


def test_square_focuses_on_the_likeliest_pair_alone() -> None:
    _, z = one_target("x^2")
    np.testing.assert_allclose(np.abs(z), np.sqrt(2) * np.tile(np.arange(6) == LAW.argmax(), (len(z), 1)), atol=1e-6)


def test_square_prefers_no_pair_if_all_are_equally_likely() -> None:
    ascents, z = one_target("x^2", np.full(6, 1 / 6))
    assert ascents.energies == pytest.approx(2)
    assert np.abs(z).max(axis=1).min() < 1  # not focused: the maxima fill a sphere


@pytest.mark.parametrize("activation", ["x^3", "x^4"])
def test_higher_powers_focus_on_any_pair(activation: str) -> None:
    # Theorem 5 says that no local maximum but the likeliest pair exists; each pair is one. The highest is as said.
    ascents, z = one_target(activation)
    np.testing.assert_allclose(np.sort(np.abs(z))[:, -1], np.sqrt(2), rtol=1e-6)
    assert np.sort(np.abs(z))[:, :-1].max() < 1e-6
    at = np.abs(z).argmax(axis=1)
    assert set(at) == set(range(6))
    q = int(activation[-1])
    np.testing.assert_allclose(ascents.energies, 0.5 * (6 * LAW[at] * 2 ** (q / 2)) ** 2, rtol=CONVERGED)


@pytest.mark.parametrize("activation", ["relu", "silu", "gelu", "tanh"])
def test_activations_that_flatten_spread_over_all_pairs(activation: str) -> None:
    ascents, z = one_target(activation)
    highest = z[ascents.energies[ascents.energies > 1e-12].argmax()]
    highest = highest * np.sign(highest[0])  # tanh is odd
    assert (highest > 0).all()
    assert (highest**2).sum() == pytest.approx(2)
    # s_g = phi^-1(2 lambda / p_g): p_g sigma'(s_g) / s_g is the same for all g.
    pull = LAW * named_sigma(activation).slope(highest) / highest
    np.testing.assert_allclose(pull, pull[0], rtol=1e-6)


def test_relu_spreads_in_proportion_to_the_law() -> None:
    _, z = one_target("relu")
    np.testing.assert_allclose(z, np.tile(LAW * np.sqrt(2) / np.linalg.norm(LAW), (len(z), 1)), rtol=1e-6)


@pytest.mark.parametrize(("activation", "maxima"), [("relu", 1), ("tanh", 2), ("silu", 2), ("gelu", 2)])
def test_silu_and_gelu_have_a_second_lower_maximum_of_negative_answers(activation: str, maxima: int) -> None:
    # Theorem 5 has one spreading maximum (two for odd sigma); where sigma dips below 0 there is one in the dip too.
    ascents, z = one_target(activation)
    risen = ascents.energies[ascents.energies > 1e-12]
    assert len(np.unique(np.round(z, 5), axis=0)) == maxima
    assert len(np.unique(np.round(risen, 6))) == (2 if activation in ("silu", "gelu") else 1)
    if activation in ("silu", "gelu"):
        assert (z[risen.argmin()] < 0).all()
