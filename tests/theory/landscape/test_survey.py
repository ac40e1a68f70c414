"""Surveys: every peak once, with its count; and how basins change hands as data grow."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from twopeaks.theory.groups import named
from twopeaks.theory.landscape.ascent import ascend, random_nodes
from twopeaks.theory.landscape.landscape import Landscape, all_pairs, random_pairs
from twopeaks.theory.landscape.survey import Effort, Survey, basins, survey


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def full(name: str, activation: str = "x^2") -> Landscape:
    group = named(name)
    return Landscape(group, all_pairs(group), activation=activation)


# --- surveys -------------------------------------------------------------------------------------------


def described(found: Survey) -> list[tuple[float, str, int]]:
    return [(round(peak.energy, 9), peak.irrep, peak.count) for peak in found.peaks]


def test_survey_lists_every_peak_once_the_highest_first() -> None:
    found = survey(full("S4"), 100, rng(16))
    assert [row[:2] for row in described(found)] == [
        (12, "d=1 real #1"),
        (6, "d=2 real #2"),
        (4, "d=3 real #3"),
        (4, "d=3 real #4"),
    ]
    assert sum(peak.count for peak in found.peaks) == 100
    assert found.unconverged == 0
    assert found.outcome == "all 100 ascents converged"
    assert all(peak.maximum and peak.kind == "irrep" and peak.purity > 0.999 for peak in found.peaks)
    assert found.peaks[0].participation == pytest.approx(48)
    assert described(survey(full("S4"), 100, rng(16))) == described(found)


def test_survey_tells_maxima_of_different_energy_apart() -> None:
    group = named("Z7")
    landscape = Landscape(group, np.array([0, 8, 16, 23, 31, 40, 48, 5]))
    found = survey(landscape, 60, rng(17))
    ascents = ascend(landscape, random_nodes(60, 14, rng(17)))
    counts: Counter[float] = Counter()
    for peak in found.peaks:
        counts[round(peak.energy, 5)] += peak.count
    assert len(counts) > 3
    assert counts == Counter(np.round(ascents.energies, 5).tolist())
    assert {peak.irrep for peak in found.peaks if peak.kind != "irrep"} <= {""}


def test_nodes_that_never_rose_are_listed_but_are_no_maxima() -> None:
    found = survey(full("Z3", "relu^2"), 200, rng(18))
    dead = [peak for peak in found.peaks if peak.energy < 1e-12]
    assert dead and not any(peak.maximum for peak in dead)
    (counted,) = basins(named("Z3"), (1.0,), rng(18), activation="relu^2", effort=Effort(1, 200))
    assert counted.none >= 1
    assert counted.irrep + counted.localised + counted.spread + counted.none == 200


def test_survey_without_convergence_has_no_peaks() -> None:
    found = survey(full("Z7", "relu"), 5, rng(19))
    assert found.peaks == ()
    assert found.unconverged == 5
    assert found.outcome.startswith("5 of 5 ascents did not converge")


# --- two peaks in the data -----------------------------------------------------------------------------


def test_basins_change_hands_near_two_thirds() -> None:
    few, half, most, nearly_all = basins(named("Z23"), (0.4, 0.5, 0.7, 0.85), rng(3), effort=Effort(2, 30))
    assert (few.localised, few.irrep) == (60, 0)
    assert half.localised >= 54
    assert most.irrep >= 48
    assert (nearly_all.localised, nearly_all.irrep) == (0, 60)
    assert most.highest_irrep is not None and most.highest_localised is not None
    assert most.highest_irrep > most.highest_localised
    assert few.highest_irrep is None


def test_rows_that_are_full_or_empty_leave_nothing_to_detect() -> None:
    # A detector of one row has M p (1 - p)/2 with the density p of that row: biased draws fill some, miss others.
    (uniform,) = basins(named("Z23"), (0.5,), rng(3), effort=Effort(2, 30))
    (biased,) = basins(named("Z23"), (0.5,), rng(3), bias=3.0, effort=Effort(2, 30))
    assert uniform.localised >= 54 and uniform.irrep == 0
    assert biased.irrep >= 30 > 15 > biased.localised


def test_basins_count_the_survey_of_their_subset() -> None:
    group, generator = named("Z11"), rng(20)
    (found,) = basins(group, (0.6,), rng(20), effort=Effort(1, 60))
    peaks = survey(Landscape(group, random_pairs(group, 0.6, generator)), 60, generator).peaks
    for kind, count, highest in (
        ("irrep", found.irrep, found.highest_irrep),
        ("localised", found.localised, found.highest_localised),
    ):
        assert count == sum(peak.count for peak in peaks if peak.kind == kind)
        energies = [peak.energy for peak in peaks if peak.kind == kind]
        assert len(energies) > 1
        assert highest == pytest.approx(max(energies), rel=1e-12)


def test_higher_powers_memorise_even_on_the_full_table() -> None:
    for activation in ("x^3", "x^4"):
        (found,) = basins(named("Z23"), (1.0,), rng(4), activation=activation, effort=Effort(1, 40))
        assert found.localised == 40


@pytest.mark.parametrize("activation", ["silu", "gelu"])
def test_smooth_gates_have_fourier_maxima_on_the_full_table_and_lose_them_with_a_tenth_of_it(activation: str) -> None:
    # On |w| = 1 answers are nearly linear. All pairs cancel the linear part exactly; nine tenths of them do not.
    complete, most = basins(named("Z23"), (1.0, 0.9), rng(5), activation=activation, effort=Effort(2, 15))
    assert complete.irrep == 30
    assert most.irrep <= 6
