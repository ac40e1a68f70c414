"""Numbers of figures from trained networks: nothing left out, diverged members counted, best rates chosen as said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from twopeaks.sim.network.runtime import resolve
from twopeaks.sim.storage import store
from twopeaks.sim.storage.records import End, Records
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import spec_of
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES
from twopeaks.validate.cli.figures import reduced
from twopeaks.validate.figures.catalogue import entry
from twopeaks.validate.figures.drawing.over_seeds import cells, mean_of, quantiles_of
from twopeaks.validate.figures.of_paper import dynamics, learning_rates, muon_width, node_energies

Floats = NDArray[np.float64]


def keep(
    folder: SweepFolder, cell: Cell, curves: Mapping[str, Floats], members: Sequence[int], ends: tuple[End, ...] = ()
) -> None:
    """Store some members of a cell as a run of their own; curves that are not given are zero."""
    steps = cell.plan.record_steps()
    zero = np.zeros((len(cell.seeds), len(steps)))
    chosen = {name: curves.get(name, zero)[list(members)] for name in (*OBSERVABLES, *curves)}
    records = Records(
        np.array(cell.seeds)[list(members)],
        steps,
        np.full(len(members), len(steps)),
        ends or tuple("budget" for _ in members),
        chosen,
    )
    folder.runs.mkdir(parents=True, exist_ok=True)
    store.save(
        folder.runs, cell.setting, cell.plan, records, store.Provenance({"dtype": "float32", "device": "cpu"}, 1.0)
    )


def sweep(root: Path, **content: Any) -> tuple[SweepFolder, tuple[Cell, ...]]:
    """The folder of a sweep in which nothing was trained yet, and its cells."""
    spec = spec_of({"plan": {"steps": 20, "every": 10}, **content})
    folder = SweepFolder(root / "sweep")
    folder.claim(spec)
    return folder, spec.cells


def of_seeds(values: Sequence[float], records: int = 3) -> Floats:
    """(E, R) curves, each constant."""
    return np.repeat(np.array(values, dtype=float)[:, None], records, axis=1)


def test_members_of_a_cell_that_were_stored_apart_are_together_again(tmp_path: Path) -> None:
    folder, (cell,) = sweep(tmp_path, seeds=3, base={"group": "Z7", "samples": 20})
    accuracy = of_seeds([0.1, 0.2, 0.3])
    keep(folder, cell, {"test_accuracy": accuracy}, [2])
    with pytest.raises(InputError, match="trained to its end"):
        cells(folder.root)
    keep(folder, cell, {"test_accuracy": accuracy}, [0, 1])
    (found,) = cells(folder.root)
    assert found.records.final("test_accuracy").tolist() == [0.1, 0.2, 0.3]
    assert found.fields["group"] == "Z7"


def test_middles_and_spreads_are_those_of_finite_members() -> None:
    values = np.array([[0.0, np.nan], [1.0, np.nan], [np.nan, np.nan], [2.0, np.nan]])
    first, nothing = quantiles_of(values)
    assert (first.value, first.low, first.high) == pytest.approx((1.0, 0.2, 1.8))
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()
    mean = mean_of(values[:, 0])
    assert mean.value == 1
    assert 0 <= mean.low < 1 < mean.high <= 2
    assert np.isnan(mean_of(np.array([3.0])).low)


def test_the_largest_gradient_and_grokking_are_rows_of_their_own(tmp_path: Path) -> None:
    probes = ["updates", "gradient", "overlap"]
    content = {"base": {"group": "Z7", "samples": 20, "width": 8}, "grid": {"weight_decay": [2e-4, 0.0]}}
    folder, found = sweep(tmp_path, seeds=2, **content, plan={"steps": 20, "every": 10, "probes": probes})
    names = ("gradient_norm", "turn_w", "turn_v", "update_cosine_w", "update_cosine_v", "off_diagonal")
    for cell in found:
        curves = {name: np.array([[1.0, 5.0, 2.0], [1.0, 7.0, 2.0]]) for name in names}
        grok = [1.0, 0.0] if cell.setting.optimizer.weight_decay else [0.0, 0.0]
        keep(folder, cell, curves | {"test_accuracy": of_seeds(grok)}, [0, 1])
    rows = dynamics.reduce(folder.root)
    peak = rows.filter(pl.col("quantity") == "gradient_norm_peak")
    assert peak.select("step", "value").rows() == [(10, 6.0)] * 2
    told = rows.filter(pl.col("quantity") == "grokked").sort("weight_decay")
    assert told.select("value", "high").rows() == [(0.0, 2.0), (1.0, 2.0)]


def test_the_best_rate_is_that_of_least_mean_loss_at_each_width(tmp_path: Path) -> None:
    grid = {"optimizer": ["adam", "muon"], "width": [8, 16], "lr": [1e-3, 1e-2]}
    plan = {"steps": 20, "every": 10, "probes": ["irreps"]}
    folder, found = sweep(tmp_path, seeds=2, base={"group": "Z7", "samples": 20}, grid=grid, plan=plan)
    for cell in found:
        width, rule = cell.setting.network.width, cell.setting.optimizer
        losses = [0.4, 0.5] if (rule.lr == 1e-3) == (width == 8) else [0.1, 1.1]
        losses = losses if rule.name == "adam" else [2 * losses[0], 3 * losses[1]]
        keep(folder, cell, {"test_loss": of_seeds(losses), "covered": of_seeds([2, 3])}, [0, 1])
    rows = muon_width.reduce(folder.root)
    best = rows.filter((pl.col("best") == 1) & (pl.col("quantity") == "test_loss")).sort("optimizer", "width")
    assert best.select("width", "lr").rows() == 2 * [(8, 1e-3), (16, 1e-2)]
    assert set(rows.filter(pl.col("quantity") == "covered")["value"]) == {2.5}
    assert rows.filter(pl.col("quantity") == "ratio")["value"].to_list() == [2.5, 2.5], "the mean of 2 and 3, paired"


def test_a_rate_at_which_a_network_diverged_is_not_the_best(tmp_path: Path) -> None:
    grid = {"optimizer": ["adam", "muon"], "width": [8], "lr": [1e-3, 1e-2]}
    plan = {"steps": 20, "every": 10, "probes": ["irreps"]}
    folder, found = sweep(tmp_path, seeds=2, base={"group": "Z7", "samples": 20}, grid=grid, plan=plan)
    for cell in found:
        lost = cell.setting.optimizer.lr == 1e-2
        ends: tuple[End, ...] = ("budget", "diverged" if lost else "budget")
        keep(
            folder, cell, {"test_loss": of_seeds([0.1 if lost else 0.5] * 2), "covered": of_seeds([2, 3])}, [0, 1], ends
        )
    rows = muon_width.reduce(folder.root)
    best = rows.filter((pl.col("best") == 1) & (pl.col("quantity") == "test_loss"))
    assert set(best["lr"]) == {1e-3}
    assert set(best["diverged"]) == {0}


def test_the_sweep_of_another_figure_is_named(tmp_path: Path) -> None:
    folder, (cell,) = sweep(tmp_path, seeds=2, base={"group": "Z7", "samples": 20})
    keep(folder, cell, {}, [0, 1])
    with pytest.raises(InputError, match=r"the sweep in .* must be one that this figure shows.*muon-width.toml"):
        reduced(entry("muon-width"), folder.root)


def test_diverged_members_are_counted_and_left_out(tmp_path: Path) -> None:
    content = {"base": {"group": "Z23"}, "grid": {"samples": [190, 205]}}
    folder, found = sweep(tmp_path, seeds=3, **content)
    for cell in found:
        keep(folder, cell, {"test_accuracy": of_seeds([0.2, 0.4, 9.0])}, [0, 1, 2], ("budget", "budget", "diverged"))
    rows = learning_rates.reduce(folder.root)
    assert set(rows["diverged"]) == {1}
    assert set(rows["value"]) == {0.3}
    assert set(rows.filter(pl.col("quantity") == "on the way")["samples"]) == {205}


def test_energies_of_nodes_are_counted_once_and_ideal_ones_are_those_of_the_definition() -> None:
    told: list[int] = []
    size = node_energies.Size("Z7", 48, 16, 2, {0.01: 20, 0.1: 10})
    rows = node_energies.measure(resolve("cpu", threads=1), lambda name, total: told.append, size)
    assert sum(told) == 2 * 30
    shares = rows.filter(pl.col("what").is_in(["irrep", "spread", "localised"]))
    assert shares.group_by("lr").agg(pl.col("value").sum())["value"].to_list() == pytest.approx([1, 1])
    ideal = dict(rows.filter(pl.col("lr").is_null()).select("what", "value").iter_rows())
    full = np.arange(49)
    one = np.eye(14)
    assert ideal["fourier"] == pytest.approx(7 / 4, rel=0.1), "M/4 on the full table (feat.10), which lacks one pair"
    assert ideal["pair"] == pytest.approx(energy((one[0] + one[7]) / 2**0.5, full), rel=0.2)


def energy(w: Floats, pairs: NDArray[np.int64]) -> float:
    """Half the square of what centred labels of Z7 and answers z^2 have in common, sample by sample."""
    a, b = pairs // 7, pairs % 7
    labels = np.eye(7)[(a + b) % 7]
    return float(0.5 * (((labels - labels.mean(axis=0)).T @ (w[a] + w[7 + b]) ** 2) ** 2).sum())
