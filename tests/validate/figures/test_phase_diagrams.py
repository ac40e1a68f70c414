"""The phase diagrams: groups in their panels, means over seeds, predictions as shares of the table."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from twopeaks.sim.storage import store
from twopeaks.sim.storage.records import End, Records
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import spec_of
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES
from twopeaks.validate.figures.drawing.print_style import sheet
from twopeaks.validate.figures.of_paper.phase_diagrams import fig_phase_diagrams, reduce

GROUPS = ["S3", "Z2xZ4", "Z11", "Z9", "Z7"]


def stored(root: Path, *, complete: bool = True) -> Path:
    """A sweep of two networks a cell: at 30% neither generalises, at 60% one does, at 90% both."""
    spec = spec_of(
        {
            "seeds": 2,
            "base": {"width": 8},
            "plan": {"steps": 300, "every": 100},
            "grid": {"group": GROUPS, "samples": ["30%", "60%", "90%"]},
        }
    )
    folder = SweepFolder(root)
    folder.claim(spec)
    folder.runs.mkdir(exist_ok=True)
    for cell in spec.cells if complete else spec.cells[:-1]:
        task, steps = cell.setting.task, cell.plan.record_steps()
        density = task.samples / task.resolve().order ** 2
        learned = int(density > 0.45) + int(density > 0.75)
        for seeds in ([0, 1],) if task.name != "Z9" else ([0], [1]):  # large cells are stored in parts
            curves = {name: np.ones((len(seeds), len(steps))) for name in OBSERVABLES}
            curves["test_accuracy"] = np.array([np.full(len(steps), 1.0 if e < learned else 0.2) for e in seeds])
            ends: tuple[End, ...] = tuple("budget" for _ in seeds)
            records = Records(np.array(seeds), steps, np.full(len(seeds), len(steps)), ends, curves)
            store.save(
                folder.runs,
                cell.setting,
                cell.plan,
                records,
                store.Provenance({"dtype": "float32", "device": "cpu"}, 1.0),
            )
    return root


def test_there_is_a_row_for_each_group_and_density(tmp_path: Path) -> None:
    table = reduce(stored(tmp_path / "sweep"))
    panels = dict(zip(table["group"], table["panel"], strict=True))
    assert panels == {"Z7": "prime", "Z11": "prime", "Z9": "composite", "Z2xZ4": "product", "S3": "other"}
    assert list(panels) == ["Z7", "Z11", "Z9", "Z2xZ4", "S3"], "panel after panel, by order"
    for name in GROUPS:
        rows = table.filter(table["group"] == name).to_dicts()
        assert [row["density"] for row in rows] == [0.3, 0.6, 0.9]
        assert [row["accuracy"] for row in rows] == [0.2, 0.6, 1.0]
        assert [(row["grokked"], row["seeds"]) for row in rows] == [(0, 2), (1, 2), (2, 2)]


def test_predictions_are_shares_of_the_table(tmp_path: Path) -> None:
    rows = {row["group"]: row for row in reduce(stored(tmp_path / "sweep")).to_dicts()}
    for name, order in (("Z7", 7), ("Z9", 9), ("Z2xZ4", 8), ("S3", 6)):
        assert rows[name]["paper"] == pytest.approx(2.7482 * math.log(order) / order, abs=1e-4)
        assert rows[name]["heights"] is None, "the law of memorising begins at M = 11"
    assert 0.5 < rows["Z11"]["heights"] < 0.7


def test_groups_are_told_by_the_orders_of_their_factors(tmp_path: Path) -> None:
    with sheet("sans", 2):
        _, axes = fig_phase_diagrams(reduce(stored(tmp_path / "sweep")))
    shown = [[label.get_text() for label in ax.get_xticklabels()] for ax in axes]
    assert shown == [["7", "11"], ["9"], ["2×4\n8"], ["S3\n6"]]


def test_a_sweep_that_is_not_complete_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Z7 at some densities only"):
        reduce(stored(tmp_path / "sweep", complete=False))
