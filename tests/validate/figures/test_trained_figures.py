"""Figures whose networks train for minutes: the theory as committed, the rest on weights that are made up."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.places import ROOT
from twopeaks.sim.network.runtime import resolve
from twopeaks.theory.groups import named
from twopeaks.theory.groups.irreps import irreps, real_blocks
from twopeaks.theory.heights.phases import blocks
from twopeaks.validate.figures.of_paper import features_on_the_group as features
from twopeaks.validate.figures.of_paper import irreps_one_by_one as phases

FIGURES = ROOT / "results" / "figures"


class Stages:
    """Notes which progress bars were opened, and how far they came."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, int]] = []
        self.steps = 0

    def __call__(self, name: str, total: int) -> object:
        self.opened.append((name, total))

        def advance(steps: int) -> None:
            self.steps += steps

        return advance


# --- irreps-one-by-one ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_step() -> tuple[pl.DataFrame, Stages]:
    """What is measured if networks of two sizes take one step."""
    stages = Stages()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phases, "_SIZES", (189, 277))
        patch.setattr(phases, "_STEPS", 1)
        patch.setattr(phases, "_SEEDS", (0, 1))
        return phases.measure(resolve("cpu", threads=1), stages), stages  # type: ignore[arg-type]


def test_lines_of_the_theory_are_the_committed_ones(one_step: tuple[pl.DataFrame, Stages]) -> None:
    committed = pl.read_csv(FIGURES / "irreps-one-by-one.csv", infer_schema_length=None)
    theory = [
        table.filter(pl.col("series").str.starts_with("theory")).sort("group", "series", "kind", "n")
        for table in (one_step[0], committed)
    ]
    assert theory[0].select("group", "series", "kind").rows() == [
        tuple(word or "" for word in row) for row in theory[1].select("group", "series", "kind").iter_rows()
    ]
    for column in ("n", "value"):
        assert theory[0][column].to_numpy() == pytest.approx(theory[1][column].to_numpy().astype(float), rel=1e-9)


def test_trained_networks_are_measured_at_every_size(one_step: tuple[pl.DataFrame, Stages]) -> None:
    table, stages = one_step
    assert stages.opened == [("S4, 2 sizes", 4)]
    measured = table.filter(pl.col("series").is_in(["share", "accuracy of these"]))
    assert set(measured["group"]) == {"S4"}
    assert measured.group_by("series").len().sort("series").rows() == [("accuracy of these", 2), ("share", 6)]
    assert sorted(set(measured["n"])) == [189, 277]
    assert (measured["low"] <= measured["value"]).all()
    assert (measured["value"] <= measured["high"]).all()
    assert (measured["low"] < measured["high"]).any(), "two networks differ"


def test_right_answers_have_every_representation_and_constant_ones_none() -> None:
    group = named("S4")
    parts, M = blocks(group, 2e-4), 24
    right = np.eye(M)[group.table.ravel()] - 1 / M
    rows = np.arange(0, M * M, 7)
    assert phases.shares(group, parts, right, rows) == pytest.approx([1.0] * len(parts))
    assert phases.shares(group, parts, 0 * right, rows) == pytest.approx([0.0] * len(parts))
    # A block alone: o(c) = k(h^-1 c) has all of it and nothing of the others.
    alone = parts[1].kernel[group.table[group.inverses[group.table.ravel()]]]
    expected = [float(i == 1) * (alone[0] @ alone[0]) / alone[0].max() for i in range(len(parts))]
    assert phases.shares(group, parts, alone, rows) == pytest.approx(expected, abs=1e-9)


def test_shares_and_accuracies_are_those_of_unseen_examples_alone() -> None:
    group, M = named("S4"), 24
    right = np.eye(M)[group.table.ravel()] - 1 / M
    wrong = np.roll(right, 1, axis=1)
    unseen = np.zeros((2, M * M), dtype=bool)
    unseen[:, :100] = True
    mixed = np.where(np.arange(M * M)[:, None] < 50, right, wrong)
    rows = list(phases._measured(group, 300, np.stack([right, mixed]), unseen))
    assert [row["series"] for row in rows] == ["share"] * 3 + ["accuracy of these"]
    accuracy = rows[-1]
    assert (accuracy["value"], accuracy["low"], accuracy["high"], accuracy["n"]) == (0.75, 0.5, 1.0, 300)
    for row in rows[:-1]:
        assert row["high"] == pytest.approx(1)
        assert row["value"] == pytest.approx((row["low"] + 1) / 2)
        assert row["low"] < 1
    assert {row["group"] for row in rows} == {"S4"}
    assert {str(row["kind"]) for row in rows} == {"", "real of d = 1", "real of d = 2", "real of d = 3"}


def test_outputs_are_those_of_the_square_network_less_their_mean() -> None:
    rng = np.random.default_rng(1)
    W, V = rng.normal(size=(2, 10, 3)), rng.normal(size=(2, 3, 5))
    outputs = phases._outputs(W, V)
    for network in range(2):
        for a, b in ((0, 0), (1, 3), (4, 2)):
            plain = np.square(W[network, a] + W[network, 5 + b]) @ V[network]
            assert outputs[network, 5 * a + b] == pytest.approx(plain - plain.mean())


# --- features-on-the-group -----------------------------------------------------------------------------

M = 7


def cosines(frequency: int, phase: float) -> np.ndarray:
    return np.cos(2 * np.pi * frequency * np.arange(M) / M + phase)


@pytest.fixture
def made_up() -> list[dict[str, object]]:
    """Two nodes of Z7: frequency 3 with phases 0.5, 1 and 1.7; frequency 2 with 1, 2 and 3 - 2π."""
    u = np.stack([2 * cosines(3, 0.5), cosines(2, 1.0)])
    v = np.stack([cosines(3, 1.0), 3 * cosines(2, 2.0)])
    out = np.stack([cosines(3, 1.7), cosines(2, 3.0)])
    return list(features._waves(u, v, out))


def of_panel(rows: list[dict[str, object]], panel: str) -> list[dict[str, object]]:
    return [row for row in rows if row["panel"] == panel]


def test_nodes_are_sorted_by_their_frequency(made_up: list[dict[str, object]]) -> None:
    shares = [(row["node"], row["x"], row["value"]) for row in of_panel(made_up, "frequencies")]
    expected = [(0, 1, 0), (0, 2, 1), (0, 3, 0), (1, 1, 0), (1, 2, 0), (1, 3, 1)]
    assert [share[:2] for share in shares] == [each[:2] for each in expected]
    assert [share[2] for share in shares] == pytest.approx([each[2] for each in expected], abs=1e-9)
    assert {row["kind"] for row in of_panel(made_up, "frequencies")} == {""}


def test_power_is_that_of_both_operands() -> None:
    u, v = cosines(1, 0.0)[None], 2 * cosines(3, 0.0)[None]
    rows = of_panel(list(features._waves(u, v, cosines(3, 0.0)[None])), "frequencies")
    assert [row["value"] for row in rows] == pytest.approx([0.2, 0, 0.8], abs=1e-9)


def test_phases_of_the_output_are_near_the_sum_of_the_others(made_up: list[dict[str, object]]) -> None:
    phases_of_nodes = of_panel(made_up, "phases")
    assert [(row["node"], row["kind"]) for row in phases_of_nodes] == [(0, "3"), (1, "2")]
    assert [row["x"] for row in phases_of_nodes] == pytest.approx([1.5, 3.0])
    assert [row["value"] for row in phases_of_nodes] == pytest.approx([1.7, 3.0])


def test_the_strongest_node_is_drawn_along_its_wave(made_up: list[dict[str, object]]) -> None:
    for kind, wave, phase in (("first operand", cosines(3, 0.5), 0.5), ("output", cosines(3, 1.7), 1.7)):
        dots = [row for row in of_panel(made_up, "node") if row["kind"] == kind]
        assert [row["node"] for row in dots] == [3] * M
        assert [row["x"] for row in dots] == [3 * g % M for g in range(M)]
        assert [row["value"] for row in dots] == pytest.approx(wave / np.abs(wave).max())
        (line,) = [row for row in of_panel(made_up, "wave") if row["kind"] == kind]
        assert (line["node"], line["x"]) == (3, pytest.approx(phase))
        assert line["value"] == pytest.approx(1 / np.abs(wave).max())
    assert [row["kind"] for row in of_panel(made_up, "wave")] == ["first operand", "second operand", "output"]


@pytest.mark.parametrize(
    ("angle", "other", "near"), [(0.1, 6.2, 0.1 + 2 * np.pi), (6.2, 0.1, 6.2 - 2 * np.pi), (1, 2, 1)]
)
def test_an_angle_is_shown_within_half_a_turn(angle: float, other: float, near: float) -> None:
    assert features._near(angle, other) == pytest.approx(near)


def test_nodes_of_another_group_have_shares_of_its_representations() -> None:
    group = named("S4")
    every = irreps(group)
    # Two nodes, each in one block: characters are class functions of one representation.
    kinds = list(real_blocks(every))[1:]
    u = np.stack([every[kinds[i][0]].character.real for i in (2, 0)])
    rows = list(features._blocks(group, u, 0 * u))
    assert {row["panel"] for row in rows} == {"representations"}
    assert [row["x"] for row in rows] == [0, 1, 2, 3] * 2
    assert [row["node"] for row in rows] == [0] * 4 + [1] * 4
    assert [row["kind"] for row in rows[:4]] == [f"d = {every[block[0]].dim}" for block in kinds]
    assert [row["value"] for row in rows] == pytest.approx([1, 0, 0, 0, 0, 0, 1, 0], abs=1e-9)


def test_nodes_that_carry_are_sorted_by_strength_and_centred() -> None:
    rng = np.random.default_rng(2)
    W, V = rng.normal(size=(10, 4)), rng.normal(size=(4, 5))
    W[:, 1] *= 1e-4  # decay has taken it
    W[:, 3] *= 5
    u, v, out = features._alive(W, V)
    strength = {j: (W[:, j] ** 2).sum() * np.linalg.norm(V[j]) for j in (0, 2, 3)}
    order = sorted(strength, key=lambda j: -strength[j])
    assert order[0] == 3
    for place, j in enumerate(order):
        for found, plain in ((u, W[:5, j]), (v, W[5:, j]), (out, V[j])):
            assert found[place] == pytest.approx(plain - plain.mean())
    assert len(u) == len(v) == len(out) == 3


def test_both_networks_are_trained_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_CYCLIC_STEPS", "_OTHER_STEPS"):
        monkeypatch.setattr(features, name, 1)
    monkeypatch.setattr(features, "_CYCLIC", "Z7")
    monkeypatch.setattr(features, "_CYCLIC_SIZE", 30)
    monkeypatch.setattr(features, "_OTHER_SIZE", 100)
    stages = Stages()
    table = features.measure(resolve("cpu", threads=1), stages)  # type: ignore[arg-type]
    assert stages.opened == [("Z7", 1), ("S4", 1)]
    assert stages.steps == 2
    assert set(table["panel"]) == {"frequencies", "phases", "node", "wave", "representations"}
    assert len(table.filter(pl.col("panel") == "node")) == 3 * 7
    shares = table.filter(pl.col("panel").is_in(["frequencies", "representations"])).group_by("panel", "node")
    assert shares.agg(pl.col("value").sum())["value"].to_numpy() == pytest.approx(1)
