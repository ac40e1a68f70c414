"""The Fourier transform on groups: inverse, Plancherel, convolution, translation, and familiar special cases."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from twopeaks.theory.groups import Group, named
from twopeaks.theory.groups.fourier import fourier_transform, inverse_transform, merge_conjugates, power_spectrum
from twopeaks.theory.groups.irreps import conjugate_index, irreps, real_blocks
from twopeaks.theory.groups.representations import Representation, representations
from twopeaks.theory.groups.small_groups import SHIPPED_ORDER, number_of_small_groups

#: All groups up to order 32, order by order, and some larger ones.
CASES = {
    f"order {order}": [f"SmallGroup({order},{index})" for index in range(1, number_of_small_groups(order) + 1)]
    for order in range(1, SHIPPED_ORDER + 1)
}
CASES |= {name: [name] for name in ("A5", "S5", "Z257", "D60", "SL(2,5)")}

Case = tuple[Group, tuple[Representation, ...]]


@functools.cache
def built(name: str) -> Case:
    group = named(name)
    return group, representations(group)


@pytest.fixture(params=CASES, ids=str)
def cases(request: pytest.FixtureRequest) -> list[Case]:
    return [built(name) for name in CASES[request.param]]


def random_functions(group: Group, *batch: int, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((*batch, group.order)) + 1j * rng.standard_normal((*batch, group.order))


def convolved(group: Group, f: np.ndarray, h: np.ndarray) -> np.ndarray:
    """sum_y f(y) h(y^-1 x), term by term."""
    return sum(f[y] * h[group.table[group.inverses[y]]] for y in range(group.order))


# --- laws ----------------------------------------------------------------------------------------------


def test_inverse_brings_functions_back(cases: list[Case]) -> None:
    for group, found in cases:
        f = random_functions(group, 2, 3)
        coefficients = fourier_transform(f, found)
        assert [c.shape for c in coefficients] == [(2, 3, rho.dim, rho.dim) for rho in found]
        np.testing.assert_allclose(inverse_transform(coefficients, found), f, atol=1e-12)


def test_powers_add_up_to_the_norm(cases: list[Case]) -> None:
    for group, found in cases:
        f = random_functions(group, 4)
        spectrum = power_spectrum(f, found)
        assert spectrum.shape == (4, len(found))
        np.testing.assert_allclose(spectrum.sum(axis=-1), (np.abs(f) ** 2).sum(axis=-1), rtol=1e-12)
        merged = merge_conjugates(spectrum, found)
        np.testing.assert_allclose(merged.sum(axis=-1), spectrum.sum(axis=-1), rtol=1e-12)


def test_power_is_the_norm_of_the_part_of_one_type(cases: list[Case]) -> None:
    # The part of f that left translation transforms by rho is (d/M) conj chi convolved with f: no matrix enters.
    for group, found in cases:
        f = random_functions(group)
        spectrum = power_spectrum(f, found)
        right_divided = group.table[:, group.inverses]  # [h, k] -> h·k^-1
        for rho, power in list(zip(found, spectrum, strict=True))[:20]:
            part = rho.dim / group.order * rho.irrep.character[right_divided].conj() @ f
            np.testing.assert_allclose((np.abs(part) ** 2).sum(), power, rtol=1e-10, atol=1e-12)


def test_convolution_becomes_the_product_in_the_same_order(cases: list[Case]) -> None:
    for group, found in cases:
        f, h = random_functions(group, 2)
        of_both = fourier_transform(convolved(group, f, h), found)
        of_f, of_h = fourier_transform(f, found), fourier_transform(h, found)
        for both, first, second in zip(of_both, of_f, of_h, strict=True):
            np.testing.assert_allclose(both, first @ second, atol=1e-10)


def test_translations_multiply_from_their_sides(cases: list[Case]) -> None:
    for group, found in cases:
        f = random_functions(group)
        a = group.order // 2
        before = fourier_transform(f, found)
        left = fourier_transform(f[group.table[group.inverses[a]]], found)  # f(a^-1 g)
        right = fourier_transform(f[group.table[:, a]], found)  # f(g a)
        for rho, at, at_left, at_right in zip(found, before, left, right, strict=True):
            np.testing.assert_allclose(at_left, rho.matrices[a] @ at, atol=1e-11)
            np.testing.assert_allclose(at_right, at @ rho.matrices[a].conj().T, atol=1e-11)


def test_real_functions_share_the_power_of_a_pair(cases: list[Case]) -> None:
    for group, found in cases:
        f = random_functions(group).real
        partners = conjugate_index([rho.irrep for rho in found])
        coefficients, spectrum = fourier_transform(f, found), power_spectrum(f, found)
        np.testing.assert_allclose(spectrum, spectrum[partners], rtol=1e-12)
        for i, j in enumerate(partners):
            if i != j:
                assert (coefficients[i].conj() == coefficients[j]).all()


# --- special cases -----------------------------------------------------------------------------------------


def test_cyclic_spectrum_is_the_discrete_fourier_transform() -> None:
    group, found = built("Z23")
    f = random_functions(group)
    frequencies = [round(float(np.angle(rho.matrices[1, 0, 0]) * 23 / (2 * np.pi))) % 23 for rho in found]
    assert sorted(frequencies) == list(range(23))
    theirs = np.fft.fft(f)  # sum_g f(g) exp(-2 pi i kg/n), our frequency -k
    ours = np.array([c.item() for c in fourier_transform(f, found)])
    np.testing.assert_allclose(ours, theirs[[-k for k in frequencies]], atol=1e-12)
    np.testing.assert_allclose(power_spectrum(f, found), np.abs(ours) ** 2 / 23, rtol=1e-12)


def test_a_delta_has_the_matrices_themselves() -> None:
    group, found = built("A5")
    for rho, at_rho in zip(found, fourier_transform(np.eye(group.order), found), strict=True):
        assert (at_rho == rho.matrices).all()


def test_class_functions_have_scalar_matrices() -> None:
    _, found = built("S5")
    for rho in found:
        for other, at_other in zip(found, fourier_transform(rho.irrep.character.conj(), found), strict=True):
            expected = 120 / rho.dim * np.eye(rho.dim) if rho is other else np.zeros((other.dim, other.dim))
            np.testing.assert_allclose(at_other, expected, atol=1e-12)


def test_an_entry_has_all_its_power_in_its_own_representation() -> None:
    _, found = built("SL(2,5)")
    for i, rho in enumerate(found):
        spectrum = power_spectrum(rho.matrices[:, 0, -1], found)
        np.testing.assert_allclose(spectrum, np.eye(len(found))[i] * 120 / rho.dim, atol=1e-12)


def test_lists_of_another_length_are_refused() -> None:
    group, found = built("A5")
    with pytest.raises(ValueError, match="shape"):
        fourier_transform(np.ones(group.order - 1), found)
    with pytest.raises(ValueError, match="shorter"):
        inverse_transform(fourier_transform(np.ones(group.order), found)[:-1], found)


# --- conjugates ------------------------------------------------------------------------------------------------


def test_partner_has_the_conjugate_character(cases: list[Case]) -> None:
    for group, _ in cases:
        found = irreps(group)
        for rho, partner in zip(found, conjugate_index(found), strict=True):
            np.testing.assert_allclose(rho.character.conj(), found[partner].character, atol=1e-12)


def test_blocks_are_as_many_as_pairs_of_inverse_classes(cases: list[Case]) -> None:
    for group, _ in cases:
        found = irreps(group)
        blocks = real_blocks(found)
        assert sorted(i for block in blocks for i in block) == list(range(len(found)))
        pairs = {frozenset((c, tuple(sorted(group.inverses[list(c)].tolist())))) for c in group.conjugacy_classes}
        assert len(blocks) == len(pairs)


def test_blocks_put_pairs_together() -> None:
    assert real_blocks(irreps(named("Z5"))) == ((0,), (1, 2), (3, 4))
    assert real_blocks(irreps(named("Q8"))) == ((0,), (1,), (2,), (3,), (4,))
    _, found = built("F21")
    merged = merge_conjugates(np.arange(5.0), found)
    assert merged.tolist() == [0, 3, 7]
