"""Maxima of the Stage II energy: which there are, which there are not, and how ascents find them."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from twopeaks.theory.groups import named
from twopeaks.theory.groups.fourier import fourier_transform, merge_conjugates, power_spectrum
from twopeaks.theory.groups.irreps import Irrep, irreps, real_blocks
from twopeaks.theory.groups.representations import representations
from twopeaks.theory.groups.small_groups import number_of_small_groups
from twopeaks.theory.landscape.ascent import Ascents, ascend, curvatures, is_maximum, random_nodes
from twopeaks.theory.landscape.features import (
    Features,
    block_label,
    block_powers,
    classify,
    crossing_density,
    flat_directions,
    irrep_energy,
    restricted_energy,
)
from twopeaks.theory.landscape.landscape import Landscape, all_pairs, random_pairs

#: Converged ascents are good to the square of their slope, 1e-16, over the least curvature, here 0.1 and more.
CONVERGED = 1e-9

#: Energies of the local maxima of x^2 on the full table, |w| = 1, written out.
KNOWN = {
    "Z5": {1.25},
    "Z6": {1.5, 3},
    "Z8": {2, 4},
    "Z23": {5.75},
    "S3": {1.5, 3},
    "A4": {2, 3},
    "S4": {4, 6, 12},
    "Q8": {1, 4},
    "F21": {1.75, 5.25},
    "SL(2,3)": {3, 4, 6},
}

SMALL = [f"SmallGroup({n},{i})" for n in range(2, 17) for i in range(1, number_of_small_groups(n) + 1)]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@functools.cache
def full(name: str, activation: str = "x^2") -> Landscape:
    group = named(name)
    return Landscape(group, all_pairs(group), activation=activation)


@functools.cache
def climbed(name: str) -> tuple[Ascents, Features]:
    """150 ascents on the full table, sigma = z^2."""
    landscape = full(name)
    ascents = ascend(landscape, random_nodes(150, landscape.dim, rng()))
    return ascents, classify(landscape.group, ascents.nodes)


@functools.cache
def types(name: str) -> list[Irrep]:
    """One irrep of each real block."""
    found = irreps(named(name))
    return [found[block[0]] for block in real_blocks(found)]


def first_of(features: Features) -> dict[int, int]:
    """One node of each block that was found."""
    return {int(block): i for i, block in enumerate(features.blocks)}


# --- maxima on the full table --------------------------------------------------------------------------


@pytest.mark.parametrize("name", KNOWN)
def test_ascents_end_on_the_known_energies_and_no_others(name: str) -> None:
    ascents, _ = climbed(name)
    assert ascents.converged.all()
    wanted = np.array(sorted(KNOWN[name]))
    nearest = np.abs(ascents.energies[:, None] / wanted - 1)
    assert nearest.min(axis=1).max() < CONVERGED
    assert nearest.min(axis=0).max() < CONVERGED


@pytest.mark.parametrize("name", [*SMALL, "S4", "F21", "SL(2,3)", "Q8xZ3", "D4xZ3"])
def test_every_irrep_has_maxima_of_the_corrected_energy(name: str) -> None:
    group, (ascents, features) = named(name), climbed(name)
    assert ascents.converged.all()
    assert set(features.kinds) == {"irrep"}
    assert features.purities.min() > 1 - 1e-9
    assert set(features.blocks) == set(range(1, len(types(name))))  # all, and never the trivial one
    corrected = np.array([irrep_energy(group.order, types(name)[block]) for block in features.blocks])
    np.testing.assert_allclose(ascents.energies, corrected, rtol=CONVERGED)


@pytest.mark.parametrize("name", [*SMALL, "S4", "F21", "SL(2,3)"])
def test_maxima_are_flat_along_their_symmetries_and_curve_down_otherwise(name: str) -> None:
    ascents, features = climbed(name)
    nodes = first_of(features)
    found = curvatures(full(name), ascents.nodes[list(nodes.values())])
    relative = found / -found[:, :1]
    for block, kappa in zip(nodes, relative, strict=True):
        flat = flat_directions(types(name)[block])
        assert np.abs(kappa[len(kappa) - flat :]).max(initial=0) < 1e-7
        assert kappa[len(kappa) - flat - 1] < -0.05


def test_energies_by_type() -> None:
    real, pair, quaternion = (Irrep(2, schur, np.zeros(8, dtype=complex)) for schur in (1, 0, -1))
    assert [irrep_energy(24, rho) for rho in (real, pair, quaternion)] == [6, 3, 3]
    assert [flat_directions(rho) for rho in (real, pair, quaternion)] == [3, 8, 6]


def test_quaternionic_type_halves_the_energy() -> None:
    # Same dimensions; but the two-dimensional representations are 1 real + 1 pair against 1 quaternionic + 1 pair,
    # as quaternionic times complex is of complex type.
    energies = {}
    for name in ("D4xZ3", "Q8xZ3"):
        ascents, features = climbed(name)
        two = [block for block, rho in enumerate(types(name)) if rho.dim == 2]
        energies[name] = sorted({round(ascents.energies[first_of(features)[block]], 8) for block in two})
    assert energies == {"D4xZ3": [3, 6], "Q8xZ3": [3]}


@pytest.mark.parametrize("name", ["Z8", "S4", "Q8", "F21", "SL(2,3)"])
def test_maxima_are_of_rank_one(name: str) -> None:
    group, (ascents, features) = named(name), climbed(name)
    matrices = representations(group)
    for block, i in first_of(features).items():
        rho = real_blocks(irreps(group))[block][0]
        u, v = (fourier_transform(half, matrices)[rho] for half in ascents.nodes[i].reshape(2, -1))
        rank = 2 if matrices[rho].irrep.schur == -1 else 1  # one quaternion is two complex dimensions
        for half in (u, v):
            sizes = np.linalg.svd(half, compute_uv=False)
            np.testing.assert_allclose(sizes[:rank], sizes[0], rtol=1e-6)
            assert sizes[rank:].max(initial=0) < 1e-6 * sizes[0]
        assert np.linalg.norm(u) == pytest.approx(np.linalg.norm(v), rel=1e-6)


@pytest.mark.parametrize(("name", "block"), [("S3", 2), ("S4", 3), ("Dic5", 4)])
def test_full_rank_is_critical_but_no_maximum(name: str, block: int) -> None:
    # u^ = v^ proportional to the unit matrix: a critical point of 1/d of the height of the maximum (real type).
    group = named(name)
    rho = irreps(group)[block]
    assert rho.dim >= 2 and rho.schur == 1
    w = np.tile(rho.character.real, 2)[None] / np.sqrt(2 * group.order)
    landscape = full(name)
    assert ascend(landscape, w).slopes == pytest.approx([0], abs=1e-10)
    assert landscape.energy(w) == pytest.approx([irrep_energy(group.order, rho) / rho.dim])
    assert not is_maximum(landscape, w).any()


def test_mixed_representations_are_critical_but_no_maximum() -> None:
    k = 2 * np.pi * np.arange(5) / 5
    w = np.tile(np.cos(k) + np.cos(2 * k), 2)[None] / np.sqrt(10)
    found = ascend(full("Z5"), w)
    assert found.converged.all()
    assert found.energies == pytest.approx([1.25 / 2])
    assert not is_maximum(full("Z5"), w).any()


def test_a_node_that_answers_nothing_is_no_maximum() -> None:
    landscape = full("Z5", "relu^2")
    w = np.stack([np.full(10, -(10**-0.5)), -np.eye(10)[0]])
    assert ascend(landscape, w).converged.all()
    assert not is_maximum(landscape, w).any()


# --- learned representations ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Z6", "S4", "Q16", "SL(2,3)"])
def test_ascents_end_on_missing_representations_alone(name: str) -> None:
    group = named(name)
    found = irreps(group)
    blocks = range(1, len(real_blocks(found)))
    for left in (blocks[:1], blocks[1::2], blocks[-1:]):
        learned = tuple(found[i] for b in blocks if b not in left for i in real_blocks(found)[b])
        landscape = Landscape(group, all_pairs(group), learned=learned)
        ascents = ascend(landscape, random_nodes(100, landscape.dim, rng(1)))
        features = classify(group, ascents.nodes)
        assert ascents.converged.all()
        assert set(features.blocks) == set(left)
        corrected = [irrep_energy(group.order, types(name)[block]) for block in features.blocks]
        np.testing.assert_allclose(ascents.energies, corrected, rtol=CONVERGED)


def test_with_everything_learned_there_is_nothing_to_climb() -> None:
    landscape = Landscape(named("S3"), all_pairs(named("S3")), learned=irreps(named("S3"))[1:])
    assert landscape.energy(random_nodes(5, 12, rng())) == pytest.approx(0, abs=1e-25)


# --- random subsets: two peaks in the data -------------------------------------------------------------


def test_crossing_densities_are_those_of_the_energies() -> None:
    for M in (23, 100):
        for rho in (irreps(named("S4")) + irreps(named("F21")) + irreps(named("Q8")))[1:]:
            p = crossing_density(rho)
            assert p**2 * irrep_energy(M, rho) == pytest.approx(M * p * (1 - p) / 2)
    assert crossing_density(irreps(named("Z23"))[1]) == pytest.approx(2 / 3)
    assert crossing_density(irreps(named("S3"))[1]) == pytest.approx(1 / 2)


@pytest.mark.parametrize("density", [0.3, 2 / 3, 0.9])
def test_rows_and_cosines_on_a_random_subset(density: float) -> None:
    group, M = named("Z61"), 61
    phases = 2 * np.pi * np.outer(np.arange(1, 31), np.arange(M)) / M
    rows, cosines = np.eye(2 * M), np.tile(np.cos(phases), 2) / np.sqrt(M)
    landscapes = [Landscape(group, random_pairs(group, density, rng(seed))) for seed in range(4)]
    row = np.mean([landscape.energy(rows) for landscape in landscapes])
    cosine = np.mean([landscape.energy(cosines) for landscape in landscapes])
    # Leading terms: centring takes 2/M off the row, chance adds 1/2 p (1-p) sum (f - mean f)^2 to the cosine.
    assert row == pytest.approx(M * density * (1 - density) / 2 * (1 - 1 / M) ** 2, rel=0.03)
    assert cosine == pytest.approx(density**2 * M / 4 + 5 / 8 * density * (1 - density), rel=0.03)


# --- classification ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Z6", "S4", "Q8", "F21"])
def test_powers_from_characters_are_those_from_matrices(name: str) -> None:
    group = named(name)
    f = rng(13).standard_normal((4, group.order))
    expected = merge_conjugates(power_spectrum(f, representations(group)), representations(group))
    np.testing.assert_allclose(block_powers(group, f), expected, atol=1e-12)


@pytest.mark.parametrize("name", ["Z6", "S4", "Q8"])
def test_energies_of_the_representations_add_up_on_the_full_table(name: str) -> None:
    landscape, blocks = full(name), real_blocks(irreps(named(name)))
    w = rng(14).standard_normal((3, landscape.dim))
    parts = [restricted_energy(landscape, w, block) for block in blocks]
    assert parts[0] == pytest.approx(0, abs=1e-25)
    np.testing.assert_allclose(sum(parts), landscape.energy(w), rtol=1e-12)


def test_kinds_purities_and_participations() -> None:
    cosine = np.cos(2 * np.pi * 3 * np.arange(23) / 23)
    row, pair, noise = np.eye(46)[4], np.eye(46)[4] + np.eye(46)[30], rng(15).standard_normal(46)
    biased = np.concatenate([cosine, cosine]) + 5.0
    constant = np.ones(46)
    found = classify(named("Z23"), np.stack([biased, row, pair, noise, constant]))
    assert found.kinds == ("irrep", "localised", "localised", "spread", "spread")
    assert found.purities[[0, 1, 4]] == pytest.approx([1, 1 / 11, 0])
    assert found.participations[[1, 2, 4]] == pytest.approx([1, 2, 46])
    frequencies = irreps(named("Z23"))[real_blocks(irreps(named("Z23")))[found.blocks[0]][0]].character[1]
    assert abs(np.angle(frequencies)) == pytest.approx(2 * np.pi * 3 / 23)


def test_labels_name_dimension_and_type() -> None:
    found = irreps(named("SL(2,3)"))
    labels = [block_label(found, block) for block in real_blocks(found)]
    assert labels == ["d=1 real #0", "d=1 complex #1", "d=2 complex #3", "d=2 quaternionic #5", "d=3 real #6"]
