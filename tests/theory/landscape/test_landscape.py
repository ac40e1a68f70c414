"""The Stage II energy: against dense matrices, repeated samples, finite differences, and the Fourier transform."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.oracle import SIGMA
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group, named
from twopeaks.theory.groups.fourier import fourier_transform
from twopeaks.theory.groups.irreps import irreps, real_blocks
from twopeaks.theory.groups.representations import representations
from twopeaks.theory.landscape.landscape import Landscape, all_pairs, missing_kernel, random_pairs, target_pairs
from twopeaks.theory.setting.activations import named_sigma
from twopeaks.theory.setting.sampling import draw_pairs
from twopeaks.theory.setting.task import Task

#: Sums of a few hundred terms of order one.
TOLERANCE = 1e-12
#: Central differences with step 1e-5 of functions of order one err by about 1e-10.
DIFFERENCED = 1e-7

TORCH = {**SIGMA, "tanh": torch.tanh, "x^3": lambda z: z**3, "x^4": lambda z: z**4}
SMOOTH = ["x^2", "x^3", "x^4", "silu", "gelu", "tanh", "relu^2", "relu^3"]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def dense_energy(group: Group, pairs: np.ndarray, w: np.ndarray, activation: str) -> float:
    """1/2 |Y~^T sigma(X w)|^2 with every matrix written out."""
    M, n = group.order, len(pairs)
    X, Y = np.zeros((n, 2 * M)), np.zeros((n, M))
    for i, pair in enumerate(pairs):
        a, b = divmod(int(pair), M)
        X[i, a] += 1
        X[i, M + b] += 1
        Y[i, group.table[a, b]] = 1
    P = np.eye(n) - np.ones((n, n)) / n
    f = TORCH[activation](torch.as_tensor(X @ w)).numpy()
    return float(0.5 * np.sum(((P @ Y).T @ f) ** 2))


def differences(function: object, w: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences of a function (R, 2M) -> (R, ...) at one node, (2M, ...)."""
    moves = step * np.eye(len(w))
    return np.asarray((function(w + moves) - function(w - moves)) / (2 * step))  # type: ignore[operator]


def landscapes(activation: str = "x^2") -> dict[str, Landscape]:
    """One of each sort of data set."""
    group, chosen = named("S3"), np.array([0, 3, 7, 8, 14, 15, 20, 22, 29, 30, 33, 35])
    law = rng(1).dirichlet(np.ones(len(chosen)))
    two_dimensional = (irreps(group)[2],)
    return {
        "full": Landscape(group, all_pairs(group), activation=activation),
        "subset": Landscape(group, chosen, activation=activation),
        "biased": Landscape(group, chosen, law, activation=activation),
        "learned": Landscape(group, chosen, law, activation=activation, learned=two_dimensional),
        "target": Landscape(
            group, target_pairs(group, 4), law[:6] / law[:6].sum(), activation=activation, centred=False
        ),
    }


SORTS = list(landscapes())


# --- activations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TORCH)
def test_activations_and_slopes_are_torchs(name: str) -> None:
    z = torch.linspace(-3, 3, 24, dtype=torch.float64, requires_grad=True)
    value = TORCH[name](z)
    (slope,) = torch.autograd.grad(value.sum(), z)
    sigma = named_sigma(name)
    np.testing.assert_allclose(sigma.value(z.detach().numpy()), value.detach().numpy(), atol=TOLERANCE)
    np.testing.assert_allclose(sigma.slope(z.detach().numpy()), slope.numpy(), atol=TOLERANCE)


@pytest.mark.parametrize("name", [*SMOOTH, "relu"])
def test_bend_is_the_slope_of_the_slope(name: str) -> None:
    z = np.linspace(-3, 3, 24)
    sigma = named_sigma(name)
    np.testing.assert_allclose(
        sigma.bend(z), (sigma.slope(z + 1e-6) - sigma.slope(z - 1e-6)) / 2e-6, atol=DIFFERENCED * 10
    )


@pytest.mark.parametrize("name", ["relu^0", "x", "x^12", "x^-1", "softplus", ""])
def test_unknown_activations_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"activation must be x\^q, relu"):
        Landscape(named("Z3"), all_pairs(named("Z3")), activation=name)


# --- energy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", TORCH)
@pytest.mark.parametrize(("name", "density"), [("Z5", 1), ("S3", 1), ("Z5", 0.4), ("S3", 0.7), ("Q8", 0.1)])
def test_energy_is_that_of_dense_matrices(name: str, density: float, activation: str) -> None:
    group = named(name)
    pairs = random_pairs(group, density, rng(3))
    w = rng(4).standard_normal((5, 2 * group.order))
    expected = [dense_energy(group, pairs, one, activation) for one in w]
    np.testing.assert_allclose(Landscape(group, pairs, activation=activation).energy(w), expected, rtol=TOLERANCE)


@pytest.mark.parametrize("activation", ["x^2", "silu"])
def test_a_law_counts_samples_as_often_as_they_are_drawn(activation: str) -> None:
    group, pairs, times = named("S3"), np.array([1, 4, 9, 16, 25, 35]), np.array([1, 2, 3, 1, 0, 5])
    w = rng(5).standard_normal((4, 12))
    repeated = [dense_energy(group, np.repeat(pairs, times), one, activation) for one in w]
    found = Landscape(group, pairs, times / times.sum(), activation=activation).energy(w)
    # n p_i sums to n = 6 here and to 12 there; E is quadratic in it.
    np.testing.assert_allclose(found, np.array(repeated) * (len(pairs) / times.sum()) ** 2, rtol=TOLERANCE)


def test_an_even_law_is_no_law() -> None:
    group, pairs = named("Z7"), np.arange(0, 49, 3)
    w = rng(6).standard_normal((4, 14))
    even = Landscape(group, pairs, np.full(len(pairs), 1 / len(pairs)))
    np.testing.assert_allclose(even.energy(w), Landscape(group, pairs).energy(w), rtol=TOLERANCE)


def test_one_target_sums_its_answers() -> None:
    group, p = named("S3"), rng(7).dirichlet(np.ones(6))
    w = rng(8).standard_normal((3, 12))
    partner = [next(b for b in range(6) if group.table[g, b] == 4) for g in range(6)]
    expected = 0.5 * (6 * (w[:, :6] + w[:, 6:][:, partner]) ** 2 @ p) ** 2
    found = Landscape(group, target_pairs(group, 4), p, centred=False).energy(w)
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE)


@pytest.mark.parametrize("name", ["Z7", "Z8", "S3", "Q8", "A4", "F21", "SL(2,3)"])
def test_energy_on_all_pairs_is_a_sum_over_representations(name: str) -> None:
    group = named(name)
    M, found = group.order, representations(group)
    w = rng(9).standard_normal((3, 2 * M))
    u, v = fourier_transform(w[:, :M], found), fourier_transform(w[:, M:], found)

    def form(first: tuple[np.ndarray, ...], second: tuple[np.ndarray, ...]) -> np.ndarray:
        terms = zip(found[1:], first[1:], second[1:], strict=True)
        return 2 / M * sum(rho.dim * (np.abs(x @ y) ** 2).sum(axis=(1, 2)) for rho, x, y in terms)

    energies = Landscape(group, all_pairs(group)).energy(w)
    np.testing.assert_allclose(energies, form(u, v), rtol=TOLERANCE)
    if max(rho.irrep.schur * rho.dim for rho in found) > 1:  # there the order of the product matters
        assert np.abs(energies / form(v, u) - 1).min() > 1e-3


def test_a_linear_node_has_no_energy_on_all_pairs() -> None:
    # Every class sum is then the same number, sum u + sum v, which centring removes.
    group = named("S3")
    energy = Landscape(group, all_pairs(group), activation="x^1").energy(rng(16).standard_normal((3, 12)))
    np.testing.assert_allclose(energy, 0, atol=TOLERANCE)


def test_cosines_of_z5_have_energy_five_quarters() -> None:
    cosine = np.cos(2 * np.pi * np.arange(5) / 5 + 0.3)
    w = np.concatenate([cosine, np.roll(cosine, 2)])
    group = named("Z5")
    energy = Landscape(group, all_pairs(group)).energy((w / np.linalg.norm(w))[None])
    assert energy == pytest.approx([1.25], rel=TOLERANCE)


def test_many_nodes_are_worked_off_in_blocks() -> None:
    group = named("Z23")
    landscape = Landscape(group, all_pairs(group))
    w = rng(10).standard_normal((300, 46))
    energies, gradients = landscape.energy_and_gradient(w)
    np.testing.assert_allclose(landscape.energy(w[250:251]), energies[250:251], rtol=TOLERANCE)
    np.testing.assert_allclose(landscape.gradient(w[[7, 250]]), gradients[[7, 250]], rtol=1e-10)
    assert landscape.energy(w[:0]).shape == (0,)


# --- derivatives ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("activation", [*SMOOTH, "relu"])
def test_gradient_is_the_slope_of_the_energy(activation: str, sort: str) -> None:
    landscape = landscapes(activation)[sort]
    w = rng(11).standard_normal(landscape.dim)
    expected = differences(landscape.energy, w)
    np.testing.assert_allclose(landscape.gradient(w[None])[0], expected, atol=DIFFERENCED * np.abs(expected).max())


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("activation", [*SMOOTH, "relu"])
def test_hessian_is_the_slope_of_the_gradient(activation: str, sort: str) -> None:
    landscape = landscapes(activation)[sort]
    w = rng(12).standard_normal((2, landscape.dim))
    found = landscape.hessian(w)
    for one, hessian in zip(w, found, strict=True):
        expected = differences(landscape.gradient, one)
        np.testing.assert_allclose(hessian, expected, atol=DIFFERENCED * np.abs(expected).max())


# --- learned representations ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Z6", "S3", "Q8", "F21"])
def test_missing_kernel_projects_on_what_is_missing(name: str) -> None:
    group = named(name)
    found = irreps(group)
    for block in real_blocks(found):
        learned = [found[i] for i in block]
        K = missing_kernel(group, learned)
        np.testing.assert_allclose(K @ K, K, atol=TOLERANCE)
        np.testing.assert_allclose(K, K.T, atol=TOLERANCE)
        assert np.trace(K) == pytest.approx(group.order - sum(rho.dim**2 for rho in learned))
        for rho in found:
            kept = 0 if any(rho is other for other in learned) else rho.character
            np.testing.assert_allclose(K @ rho.character, kept, atol=1e-11)


def test_kernel_is_the_sum_over_missing_characters() -> None:
    group = named("S3")
    trivial, sign, standard = irreps(group)
    K = missing_kernel(group, [sign])
    for h in range(6):
        for k in range(6):
            quotient = group.table[group.inverses[k], h]
            terms = [rho.dim * rho.character[quotient].real for rho in (trivial, standard)]
            assert K[h, k] == pytest.approx(sum(terms) / 6, abs=TOLERANCE)


def test_kernel_without_dimensions_is_no_projector() -> None:
    # The proof in print covers d_k = 1 alone; without the factor d_k the kernel of S3 is not idempotent.
    group = named("S3")
    quotient = group.table[group.inverses].T
    K = sum(rho.character.real for rho in irreps(group)[1:])[quotient] / 6
    assert np.abs(K @ K - K).max() > 0.1


@pytest.mark.parametrize("name", ["Z6", "S3", "Q8"])
def test_learned_representations_leave_the_energy(name: str) -> None:
    group = named(name)
    M, matrices, found = group.order, representations(group), irreps(group)
    w = rng(13).standard_normal((3, 2 * M))
    u, v = fourier_transform(w[:, :M], matrices), fourier_transform(w[:, M:], matrices)
    parts = [2 / M * r.dim * (np.abs(x @ y) ** 2).sum(axis=(1, 2)) for r, x, y in zip(matrices, u, v, strict=True)]
    for block in real_blocks(found)[1:]:
        landscape = Landscape(group, all_pairs(group), learned=tuple(found[i] for i in block))
        expected = sum(part for i, part in enumerate(parts) if i > 0 and i not in block)
        np.testing.assert_allclose(landscape.energy(w), expected, rtol=1e-11)


def test_learned_representations_leave_the_labels_of_a_subset() -> None:
    group, found = named("S3"), irreps(named("S3"))
    landscape = landscapes()["learned"]
    w, p, n = rng(17).standard_normal(12), landscape.law, len(landscape.pairs)
    assert p is not None
    Y = np.eye(6)[group.table.ravel()[landscape.pairs]]
    f = (w[landscape.pairs // 6] + w[6 + landscape.pairs % 6]) ** 2
    covariance = n * ((p * f) @ Y - (p @ f) * (p @ Y))
    # What is left: the trivial and the sign representation, each a projector (1/M) chi chi^H.
    kept = [abs(rho.character @ covariance) ** 2 / 6 for rho in found[:2]]
    assert landscape.energy(w[None]) == pytest.approx([sum(kept) / 2], rel=TOLERANCE)


def test_one_of_a_conjugate_pair_is_not_learned_alone() -> None:
    group = named("Z3")
    with pytest.raises(InputError, match="closed under complex conjugation"):
        missing_kernel(group, irreps(group)[1:2])


# --- data ----------------------------------------------------------------------------------------------


def test_random_pairs_are_distinct_and_as_many_as_asked() -> None:
    group = named("Z11")
    for density in (0.001, 0.3, 1.0):
        pairs = random_pairs(group, density, rng(14))
        assert len(pairs) == max(1, round(density * 121))
        assert (np.diff(pairs) > 0).all()
        assert pairs[0] >= 0 and pairs[-1] < 121
    assert list(random_pairs(group, 1.0, rng(15))) == list(all_pairs(group))


def test_biased_pairs_follow_the_law_of_biased_training_sets() -> None:
    task, draws = Task(group="Z5", samples=10, bias=1.5), 2000
    ours, trained = np.zeros(5), np.zeros(5)
    generator = rng(16)
    for seed in range(draws):
        ours += np.bincount(random_pairs(named("Z5"), 0.4, generator, bias=1.5) // 5, minlength=5)
        trained += np.bincount(draw_pairs(task, seed) // 5, minlength=5)
    assert ours.sum() == trained.sum() == 10 * draws
    assert ours / draws == pytest.approx(trained / draws, abs=4 * (2 * 1.0 / draws) ** 0.5)
    assert ours[0] > 3 * ours[4]


@pytest.mark.parametrize("bias", [np.nan, np.inf])
def test_a_bias_is_finite(bias: float) -> None:
    with pytest.raises(InputError, match="bias must be a finite number"):
        random_pairs(named("Z5"), 0.5, rng(), bias=bias)


@pytest.mark.parametrize("density", [0, -0.1, 1.01, np.nan])
def test_density_is_a_share(density: float) -> None:
    with pytest.raises(InputError, match="density must be above 0"):
        random_pairs(named("Z5"), density, rng())


def test_target_pairs_have_the_target_as_product() -> None:
    group = named("S4")
    pairs = target_pairs(group, 11)
    assert list(pairs // 24) == list(range(24))
    assert set(group.table.ravel()[pairs]) == {11}


@pytest.mark.parametrize("pairs", [np.array([], dtype=int), np.array([0, 9]), np.array([-1, 2]), np.array([[1, 2]])])
def test_pairs_outside_the_table_are_refused(pairs: np.ndarray) -> None:
    with pytest.raises(InputError, match="pairs must be one or more indices"):
        Landscape(named("Z3"), pairs)


@pytest.mark.parametrize("law", [[0.5, 0.5, 0.5], [1.5, -0.5, 0], [0.5, 0.5], [0.5, 0.5, np.nan]])
def test_a_law_that_is_none_is_refused(law: list[float]) -> None:
    with pytest.raises(InputError, match="law must be 3 probabilities"):
        Landscape(named("Z3"), np.array([0, 1, 2]), np.array(law))


def test_centred_labels_that_are_all_the_same_are_refused() -> None:
    group = named("Z3")
    with pytest.raises(InputError, match="centred must be False"):
        Landscape(group, target_pairs(group, 1))
    with pytest.raises(InputError, match="centred must be False"):
        Landscape(group, np.array([0, 1]), np.array([1.0, 0.0]))
