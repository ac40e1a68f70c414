"""Figures that set kinds of training side by side: medians, ranges, times and ratios against made-up runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.figure_data import table_of_figure
from twopeaks.sim.storage import store
from twopeaks.sim.storage.records import End, Records
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import read_spec, spec_of
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES
from twopeaks.validate.figures.catalogue import entry
from twopeaks.validate.figures.drawing.print_style import sheet
from twopeaks.validate.figures.of_paper.contrasts import Contrast, Look

LOOKS = {"slow": Look("slow", "#222222"), "fast": Look("fast", "#0072B2")}
RATES = Contrast(
    panel=lambda setting: setting.task.name,
    series=lambda setting: "slow" if setting.optimizer.lr == 1e-3 else "fast",
    looks=LOOKS,
    panels=1,
)


def stored(root: Path, times: Mapping[float, Sequence[int | None]], *, lost: Sequence[float] = ()) -> Path:
    """A sweep over rates whose members' test accuracy goes from 0.25 to 1 at the step that they are told.

    At the rates in ``lost`` the first member diverges after its second record.
    """
    plan = {"steps": 400, "every": 100}
    spec = spec_of(
        {"seeds": 3, "base": {"group": "Z7", "width": 8, "samples": 30}, "plan": plan, "grid": {"lr": list(times)}}
    )
    folder = SweepFolder(root)
    folder.claim(spec)
    folder.runs.mkdir(exist_ok=True)
    for cell in spec.cells:
        steps, told = cell.plan.record_steps(), times[cell.setting.optimizer.lr]
        curves = {name: np.ones((3, len(steps))) for name in OBSERVABLES}
        curves["test_accuracy"] = np.array([np.where(steps >= (np.inf if t is None else t), 1, 0.25) for t in told])
        counts, ends = np.full(3, len(steps)), list[End](["budget"] * 3)
        if cell.setting.optimizer.lr in lost:
            counts[0], ends[0] = 2, "diverged"
            for curve in curves.values():
                curve[0, 2:] = np.nan
        records = Records(np.array(cell.seeds), steps, counts, tuple(ends), curves)
        store.save(
            folder.runs, cell.setting, cell.plan, records, store.Provenance({"dtype": "float32", "device": "cpu"}, 1.0)
        )
    return root


def test_a_curve_is_the_median_and_the_range_of_the_seeds(tmp_path: Path) -> None:
    table = RATES.reduce(stored(tmp_path / "sweep", {1e-3: [100, 200, 400], 1e-2: [100, 100, 100]}))
    curve = table.filter((pl.col("kind") == "curve") & (pl.col("series") == "slow"))
    assert curve["step"].to_list() == [100, 200, 300, 400]
    assert curve["value"].to_list() == [0.25, 1, 1, 1]
    assert curve["low"].to_list() == [0.25, 0.25, 0.25, 1]
    assert curve["high"].to_list() == [1, 1, 1, 1]


def test_a_ratio_is_that_of_the_medians_with_seeds_drawn_together(tmp_path: Path) -> None:
    table = RATES.reduce(stored(tmp_path / "sweep", {1e-3: [200, 300, 400], 1e-2: [100, 200, 400]}))
    times = table.filter((pl.col("kind") == "time") & (pl.col("series") == "fast"))
    assert times["value"].to_list() == [100, 200, 400]
    assert not times["censored"].any()
    ratio = table.row(by_predicate=pl.col("kind") == "ratio", named=True)
    assert (ratio["series"], ratio["bound"]) == ("fast", None)
    assert ratio["value"] == pytest.approx(200 / 300)
    # of draws of three seeds, medians are those of one seed: 1/2, 2/3 or 1
    assert (ratio["low"], ratio["high"]) == (0.5, 1)


@pytest.mark.parametrize(
    ("slow", "fast", "bound"),
    [
        ([200, 300, None], [100, 200, 300], "<="),
        ([200, 300, 400], [100, None, 300], ">="),
        ([200, 300, None], [100, None, 300], "?"),
    ],
)
def test_networks_that_were_not_done_make_it_a_bound(
    tmp_path: Path, slow: list[int | None], fast: list[int | None], bound: str
) -> None:
    table = RATES.reduce(stored(tmp_path / "sweep", {1e-3: slow, 1e-2: fast}))
    times = table.filter(pl.col("kind") == "time")
    assert times["censored"].to_list() == [t is None for t in (*slow, *fast)]
    assert times.filter(pl.col("censored"))["value"].unique().to_list() == [400]
    ratio = table.row(by_predicate=pl.col("kind") == "ratio", named=True)
    assert ratio["bound"] == bound
    assert (ratio["value"] is None) == (bound == "?")
    with sheet("sans", 2):
        _, axes = RATES.draw(table)
    words = [text.get_text() for text in axes[-1].texts]
    expected = "open" if bound == "?" else f"{'≤' if bound == '<=' else '≥'} "
    assert any(word.startswith(expected) for word in words)


def test_a_network_that_diverged_counts_with_its_budget(tmp_path: Path) -> None:
    times: dict[float, list[int | None]] = {1e-3: [200, 300, 400], 1e-2: [None, 200, 400]}
    table = RATES.reduce(stored(tmp_path / "sweep", times, lost=[1e-2]))
    told = table.filter((pl.col("kind") == "time") & (pl.col("series") == "fast"))
    assert told["value"].to_list() == [400, 200, 400]
    assert told["censored"].to_list() == [True, False, False]
    ratio = table.row(by_predicate=pl.col("kind") == "ratio", named=True)
    assert (ratio["value"], ratio["bound"]) == (pytest.approx(400 / 300), ">=")


@pytest.mark.parametrize("name", ["depth", "complex-weights", "ridge", "zero-init"])
def test_networks_of_the_sweep_are_in_the_panels_and_series_of_the_table(name: str) -> None:
    figure = entry(name)
    contrast = figure.reduce.__self__  # type: ignore[union-attr]
    assert figure.spec is not None
    placed = {(contrast.panel(cell.setting), contrast.series(cell.setting)) for cell in read_spec(figure.spec).cells}
    assert placed == set(table_of_figure(name).select("panel", "series").iter_rows())


def test_a_sweep_that_is_not_complete_is_refused(tmp_path: Path) -> None:
    root = stored(tmp_path / "sweep", {1e-3: [100, 200, 400]})
    with pytest.raises(InputError, match="Z7 without fast"):
        RATES.reduce(root)
    slow = replace(RATES, looks={"slow": LOOKS["slow"]}, panels=2)
    with pytest.raises(InputError, match="2 panels"):
        slow.draw(slow.reduce(root))
