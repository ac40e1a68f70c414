"""The tables of a sweep say what its folders say: no member missing, none twice, censored where it was not reached."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from twopeaks.sim.storage import store
from twopeaks.sim.storage.records import End, Records
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import Spec, spec_of
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES
from twopeaks.validate.measured import results
from twopeaks.validate.measured.series import Outcome, series
from twopeaks.validate.measured.statistics import transition_point

CONTENT = {
    "name": "made-up",
    "seeds": 4,
    "base": {"group": "Z7", "width": 8},
    "plan": {"steps": 400, "every": 100},
    "grid": {"samples": [20, 30, 40], "lr": [1e-3, 1e-2]},
}


def keep(root: Path, cell: Cell, t_grok: Sequence[int | None], ends: Sequence[End] | None = None) -> Path:
    """Store members that memorise at step 100 and grok when they are told to."""
    steps = cell.plan.record_steps()
    count, n = len(cell.seeds), cell.setting.task.samples
    curves = {name: np.full((count, len(steps)), float(n)) for name in OBSERVABLES}
    curves["train_accuracy"] = np.tile(steps >= 100, (count, 1)).astype(float)
    curves["test_accuracy"] = np.array([steps >= (t if t is not None else np.inf) for t in t_grok]).astype(float)
    records = Records(
        np.array(cell.seeds), steps, np.full(count, len(steps)), tuple(ends or ["budget"] * count), curves
    )
    root.mkdir(parents=True, exist_ok=True)
    runtime: dict[str, object] = {"dtype": "float32", "device": "cpu"}
    return store.save(root, cell.setting, cell.plan, records, store.Provenance(runtime, 8.0))


@pytest.fixture
def spec() -> Spec:
    return spec_of(CONTENT)


@pytest.fixture
def folder(tmp_path: Path, spec: Spec) -> SweepFolder:
    """Of 4 members at each size, 0, 2 and 4 grok at step 200; with the large rate as many at 300."""
    found = SweepFolder(tmp_path / "sweep")
    found.claim(spec)
    for cell in spec.cells:
        grok = {20: 0, 30: 2, 40: 4}[cell.setting.task.samples]
        when = 200 if cell.setting.optimizer.lr == 1e-3 else 300
        keep(found.runs, cell, [when if e < grok else None for e in range(4)])
    return found


def test_there_is_a_row_for_each_member_with_all_that_tells_it_apart(folder: SweepFolder) -> None:
    rows = results.table(folder.root)
    assert rows.height == 3 * 2 * 4
    assert rows.select("samples", "lr", "seed").rows() == [
        (n, lr, seed) for n in (20, 30, 40) for lr in (1e-3, 1e-2) for seed in range(4)
    ]
    assert set(rows["task"]) == {"Z7"}
    assert set(rows["classes"]) == {7}


def test_columns_are_fields_that_differ_or_are_not_at_their_default(folder: SweepFolder) -> None:
    columns = results.table(folder.root).columns
    assert {"group", "samples", "width", "lr", "steps", "every"} <= set(columns)
    assert not {"weight_decay", "activation", "loss", "patience", "dtype", "table"} & set(columns)


def test_what_was_not_reached_is_censored_at_the_last_step(folder: SweepFolder) -> None:
    rows = results.table(folder.root).filter(pl.col("samples") == 30, pl.col("lr") == 1e-2)
    assert rows["t_mem"].to_list() == [100] * 4
    assert rows["t_mem_censored"].to_list() == [False] * 4
    assert rows["t_grok"].to_list() == [300, 300, None, None]
    assert rows["t_grok_censored"].to_list() == [False, False, True, True]
    assert rows["grokked"].to_list() == [True, True, False, False]
    assert rows["last_step"].to_list() == [400] * 4
    assert rows["end"].to_list() == ["budget"] * 4


def test_a_member_that_diverged_has_not_grokked(tmp_path: Path, spec: Spec) -> None:
    keep(tmp_path / "runs", spec.cells[0], [200] * 4, ["diverged", "budget", "budget", "patience"])
    rows = results.table(tmp_path)
    assert rows["grokked"].to_list() == [False, True, True, True]
    assert rows["t_grok"].to_list() == [200] * 4


def test_each_row_leads_to_its_curves(folder: SweepFolder) -> None:
    for row in results.table(folder.root).iter_rows(named=True):
        run = store.load(folder.root / row["folder"])
        assert run.setting.content_id == row["content_id"]
        assert run.records.seeds[row["member"]] == row["seed"]
        assert run.records.final("norm_w2")[row["member"]] == row["final_norm_w2"] == row["samples"]
        assert row["seconds"] == 2.0


def test_what_is_not_a_number_is_null(tmp_path: Path) -> None:
    (cell,) = spec_of({"base": {"group": "Z5", "width": 8, "samples": 25}, "seeds": 1}).cells
    path = tmp_path / "runs"
    path.mkdir()
    steps = cell.plan.record_steps()
    curves = {name: np.full((1, len(steps)), np.nan if name.startswith("test") else 1.0) for name in OBSERVABLES}
    records = Records(np.array([0]), steps, np.array([len(steps)]), ("budget",), curves)
    store.save(path, cell.setting, cell.plan, records, store.Provenance({"dtype": "float32", "device": "cpu"}, 1.0))
    assert results.table(tmp_path)["final_test_accuracy"].to_list() == [None]


def test_members_that_are_stored_twice_count_once(folder: SweepFolder, spec: Spec) -> None:
    """As where a sweep was begun on one kind of device and goes on on another, which packs other members together."""
    cell = spec.cells[0]
    keep(folder.runs, replace(cell, seeds=(0, 1, 2, 3, 4)), [200] * 5)
    rows = results.table(folder.root).filter(pl.col("samples") == 20, pl.col("lr") == 1e-3)
    assert rows["seed"].to_list() == [0, 1, 2, 3, 4]


def test_checkpoints_and_what_is_being_written_are_no_runs(folder: SweepFolder) -> None:
    (folder.runs / "Z7-true-n20-0.unfinished").mkdir()
    (folder.runs / ".writing-abc").mkdir()
    assert results.table(folder.root).height == 24


def test_a_damaged_run_is_named_and_the_others_are_read(folder: SweepFolder) -> None:
    hurt = folder.stored()[2]
    curves = bytearray((hurt / "curves.npz").read_bytes())
    curves[len(curves) // 2] ^= 1
    (hurt / "curves.npz").write_bytes(curves)
    with pytest.raises(InputError, match=hurt.name):
        results.table(folder.root)
    said: list[InputError] = []
    assert results.frame(results.parts(folder, said.append)).height == 20
    assert [error.name for error in said] == [str(hurt)]


def test_a_group_without_a_name_is_told_apart_by_its_table(tmp_path: Path) -> None:
    for names in ([0, 1, 2], [1, 0, 2]):  # of the same three elements
        rows = [[names[(names[a] + names[b]) % 3] for b in range(3)] for a in range(3)]
        (cell,) = spec_of({"base": {"table": rows, "width": 8, "samples": 4}, "seeds": 1}).cells
        keep(tmp_path / "runs", cell, [None])
    assert results.table(tmp_path)["table"].n_unique() == 2


def test_an_empty_folder_has_an_empty_table(tmp_path: Path) -> None:
    found = results.table(tmp_path)
    assert found.height == 0
    assert {"task", "seed", "t_grok", "folder"} <= set(found.columns)
    assert results.transitions(tmp_path).height == 0


# --- transitions ---------------------------------------------------------------------------------------


def test_there_is_a_transition_for_each_group_of_sizes(folder: SweepFolder) -> None:
    rows = results.transitions(folder.root)
    assert rows["lr"].to_list() == [1e-3, 1e-2]
    assert "samples" not in rows.columns
    first = rows.row(0, named=True)
    assert first["rates"] == "20: 0/4, 30: 2/4, 40: 4/4"
    assert (first["sizes"], first["members"], first["grokked"]) == (3, 12, 6)
    assert (first["bracket_low"], first["bracket_high"]) == (20, 30)
    point = transition_point(np.array([20.0, 30, 40]), np.array([0.0, 2, 4]), np.array([4.0, 4, 4]))
    assert (first["n_c"], first["n_c_low"], first["n_c_high"]) == (point.value, point.low, point.high)


def test_one_size_is_no_transition(tmp_path: Path, spec: Spec) -> None:
    keep(tmp_path / "runs", spec.cells[0], [None] * 4)
    assert results.transitions(tmp_path).height == 0


def test_of_large_grids_only_what_is_searched_for_is_fitted() -> None:
    rates = [1e-3 * (i + 1) for i in range(results._MOST_FITTED + 1)]
    grid = spec_of({**CONTENT, "grid": {"lr": rates, "samples": [20, 30]}})
    members = [4 + i // 2 for i in range(len(grid.cells))]  # so that no two groups have the same rates
    cells = zip(grid.cells, members, strict=True)
    found = series(Outcome(c.setting, c.plan, m * (c.setting.task.samples > 20), m) for c, m in cells)
    assert results.points(found)["n_c"].null_count() == len(rates)
    assert results.points(found[1:])["n_c"].null_count() == 0
    around = {k: v for k, v in CONTENT.items() if k != "grid"} | {"bisect": {"low": 20, "high": 30}}
    rows = results.points(found, spec_of(around))
    assert rows.filter(pl.col("n_c").is_not_null())["lr"].to_list() == [1e-3]
    assert rows["bracket_low"].to_list() == [20] * len(rates)


def test_what_was_fitted_is_not_fitted_again(folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    found = series(part.outcome for part in results.parts(folder))
    before = results.points(found)

    def never(*_: Any) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr("twopeaks.validate.measured.statistics.transition_point", never)
    again = series(part.outcome for part in results.parts(folder))
    assert results.points(again, None, before).equals(before)


# --- files ---------------------------------------------------------------------------------------------


def test_tables_are_written_whole_and_read_without_torch(folder: SweepFolder) -> None:
    left = folder.root / ".members.parquet.0123.part"
    left.write_text("left by a killed process")
    found = results.parts(folder)
    results.write(folder, results.frame(found), results.points(series(part.outcome for part in found)))
    names = sorted(path.name for path in folder.root.iterdir())
    assert names == ["members.parquet", "runs", "sweep.json", "transitions.parquet"]
    assert pl.read_parquet(folder.root / "members.parquet").equals(results.table(folder.root))
    last = results.last_points(folder)
    assert last is not None
    assert last.equals(results.transitions(folder.root))
    code = (
        "import sys, pathlib; from twopeaks.validate.measured import results; results.table(pathlib.Path(sys.argv[1]))"
    )
    code += "; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, str(folder.root)], check=False).returncode == 0


def test_a_table_that_finds_no_room_leaves_the_old_one(folder: SweepFolder) -> None:
    (folder.root / "members.parquet").write_text("old")
    code = "import resource, sys, pathlib; from twopeaks.sim.sweep.folder import SweepFolder\n"
    code += "from twopeaks.validate.measured import results as r\n"
    code += "f = SweepFolder(pathlib.Path(sys.argv[1])); frame = r.frame(r.parts(f))\n"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)); r.write(f, frame, frame)"
    cramped = subprocess.run(
        [sys.executable, "-c", code, str(folder.root)], capture_output=True, text=True, check=False
    )
    assert "InputError" in cramped.stderr
    assert "must be a folder that takes tables, got 'File too large'" in cramped.stderr
    assert (folder.root / "members.parquet").read_text() == "old"
    assert sorted(path.name for path in folder.root.iterdir()) == ["members.parquet", "runs", "sweep.json"]


def test_a_torn_table_from_before_is_made_anew(folder: SweepFolder) -> None:
    (folder.root / "transitions.parquet").write_text("torn")
    assert results.last_points(folder) is None
