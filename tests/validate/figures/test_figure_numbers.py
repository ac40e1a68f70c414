"""Numbers that figures make themselves, against what is known without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.places import ROOT
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import named
from twopeaks.theory.groups.irreps import irreps
from twopeaks.theory.heights.phases import blocks
from twopeaks.theory.landscape.landscape import Landscape, all_pairs
from twopeaks.validate.figures.drawing.tables import medians, part, read_table, table_of
from twopeaks.validate.figures.of_paper.ascents import climb
from twopeaks.validate.figures.of_paper.irreps_one_by_one import shares
from twopeaks.validate.figures.of_results import forecast_scores, growth, predicted_n_c

RESULTS = ROOT / "results"


def test_shares_of_representations_are_those_that_outputs_were_made_of() -> None:
    group = named("S4")
    parts, labels = blocks(group, 2e-4), group.table.ravel()
    kernels = np.array([part.kernel[group.table[group.inverses[labels]]] for part in parts])  # (B, pairs, M)
    mixed = np.tensordot(np.array([0.9, 0.5, 0.25, 0.0]), kernels, axes=1)
    noise = np.random.default_rng(0).standard_normal((576, 24))
    rows = np.arange(0, 576, 5)
    assert shares(group, parts, np.asarray(mixed, dtype=np.float64), rows) == pytest.approx(
        [0.9, 0.5, 0.25, 0.0], abs=1e-12
    )
    whole = np.eye(24)[labels] - 1 / 24
    assert shares(group, parts, whole, rows) == pytest.approx([1, 1, 1, 1])
    assert np.abs(shares(group, parts, noise / 10, np.arange(576))).max() < 0.1


def test_ascents_rise_to_the_levels_of_theorem_2() -> None:
    group = named("S4")
    landscape = Landscape(group, all_pairs(group))
    rng = np.random.default_rng(1)
    starts = rng.standard_normal((24, 48))
    energies, nodes = climb(landscape, starts / np.linalg.norm(starts, axis=1, keepdims=True), steps=200)
    assert (np.diff(energies, axis=0) > -1e-12 * energies[1:]).all()
    assert np.linalg.norm(nodes, axis=1) == pytest.approx(np.ones(24))
    levels = np.array([24 / (2 * rho.dim) for rho in irreps(group)])
    assert np.abs(energies[-1][:, None] - levels).min(axis=1).max() < 1e-6


def test_medians_are_of_absolute_errors() -> None:
    found = medians([-0.3, 0.1, 0.2])
    assert (found["error"], found["worst"], found["cells"]) == (0.2, 0.3, 3.0)
    assert medians([0.1])["low"] is None


def test_what_is_not_finite_is_left_empty() -> None:
    table = table_of([{"name": "a", "x": float("nan")}, {"name": "b", "x": 1}], ("name",))
    assert table["x"].to_list() == [None, 1.0]


def test_the_figure_of_n_c_shows_the_scores_of_the_results() -> None:
    """As results/README.md has them: 1.6% and 9.2% on the 26 groups, 1.5% and 7.5% on the 19 fresh ones."""
    groups = part(predicted_n_c.gather(RESULTS), panel="groups", predictor="heights-phases")
    small = groups.filter(pl.col("order") < 83)
    fresh = part(small, seen="fresh")["error"].abs()
    assert (len(small), len(fresh)) == (26, 19)
    every = small["error"].abs()
    assert [every.median(), every.max()] == pytest.approx([0.016, 0.092], abs=5e-4)
    assert [fresh.median(), fresh.max()] == pytest.approx([0.015, 0.075], abs=5e-4)


def test_the_figure_of_growth_has_the_evidence_of_the_command() -> None:
    laws = part(growth.gather(RESULTS), series="law")
    evidence = dict(zip(laws["law"], laws["evidence"], strict=True))
    assert evidence["heights-phases"] == 1
    assert evidence["c M log M"] / evidence["c M^(4/3)"] == pytest.approx(514, rel=0.01)


def test_damaged_scores_are_named(tmp_path: Path) -> None:
    (tmp_path / "forecast").mkdir()
    (tmp_path / "forecast" / "scores.json").write_text('{"curve and theory": [{}]}')
    with pytest.raises(InputError, match=r"scores.json must be scores of forecasts"):
        forecast_scores.gather(tmp_path)


def test_trained_features_are_pure_and_their_phases_add() -> None:
    table = read_table(RESULTS / "figures" / "features-on-the-group.csv")
    for panel in ("frequencies", "representations"):
        largest = part(table, panel=panel).group_by("node").agg(pl.col("value").max())["value"]
        assert largest.median() > 0.99  # type: ignore[operator]
    off = part(table, panel="phases")
    assert (off["x"] - off["value"]).abs().max() < 0.2  # type: ignore[operator]


def test_only_the_best_law_is_called_so() -> None:
    assert growth._evidence(1.0) == "best"
    assert growth._evidence(1.25) == "1.25 to 1 against"
    assert growth._evidence(614.4) == "614 to 1 against"
