"""A sweep as a file: which cells come out, which sweeps are the same, and one clear sentence for each mistake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.flat import PLAN, SETTING, flat, part_of
from twopeaks.sim.sweep.spec import Spec, read_spec, spec_of
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Network, Optimizer, Setting, Task, standard

BASE = {"group": "Z7", "width": 8}


def values(spec: Spec, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(flat(cell.setting, cell.plan)[name] for name in names) for cell in spec.cells]


def test_nothing_given_is_one_cell_of_the_standard_setting() -> None:
    (cell,) = spec_of({}).cells
    assert cell.setting == standard("Z23")
    assert cell.plan == Plan(steps=3000, every=50)
    assert cell.seeds == tuple(range(8))


def test_a_grid_is_every_combination_the_last_key_fastest() -> None:
    spec = spec_of({"base": BASE, "grid": {"samples": [20, 30], "lr": [0.1, 0.2, 0.3]}})
    assert values(spec, "samples", "lr") == [(n, lr) for n in (20, 30) for lr in (0.1, 0.2, 0.3)]
    assert spec.varied == ("samples", "lr")


def test_columns_of_a_list_go_together() -> None:
    spec = spec_of({"base": BASE, "list": {"samples": [20, 30], "lr": {"from": 0.1, "to": 0.2, "count": 2}}})
    assert values(spec, "samples", "lr") == [(20, 0.1), (30, 0.2)]


def test_each_case_meets_each_point_of_the_grid() -> None:
    cases = [{"optimizer": "adam"}, {"optimizer": "muon", "lr": 0.02}]
    spec = spec_of({"base": BASE, "grid": {"samples": [20, 30]}, "cases": cases})
    assert values(spec, "optimizer", "lr", "samples") == [
        (name, lr, n) for name, lr in (("adam", 1e-3), ("muon", 0.02)) for n in (20, 30)
    ]
    assert spec.varied == ("optimizer", "lr", "samples")


def test_sizes_and_widths_follow_each_group() -> None:
    spec = spec_of({"grid": {"group": ["Z7", "Z29"], "samples": ["2 M", "50%"]}})
    assert values(spec, "group", "samples", "width") == [
        *(("Z7", 14, 256), ("Z7", 24, 256)),  # K = 11 M, at least 256
        *(("Z29", 58, 319), ("Z29", 420, 319)),
    ]


def test_plans_can_vary_too() -> None:
    spec = spec_of({"base": BASE, "plan": {"every": 10}, "grid": {"steps": [100, 200]}})
    assert [cell.plan for cell in spec.cells] == [Plan(steps=n, every=10) for n in (100, 200)]


def test_a_cosine_ends_with_the_budget_unless_told_otherwise() -> None:
    spec = spec_of({"base": {**BASE, "schedule": "cosine"}, "grid": {"steps": [100, 200]}})
    assert values(spec, "decay_steps") == [(100,), (200,)]


def test_cells_that_are_given_twice_are_there_once() -> None:
    assert len(spec_of({"base": BASE, "grid": {"samples": [20, 20], "lr": [1e-3]}}).cells) == 1


@pytest.mark.parametrize(
    ("given", "found"),
    [({"seeds": 3}, (0, 1, 2)), ({"seeds": 2, "first_seed": 5}, (5, 6)), ({"seeds": [9, 4]}, (9, 4))],
)
def test_seeds(given: dict[str, Any], found: tuple[int, ...]) -> None:
    assert spec_of({"base": BASE, **given}).cells[0].seeds == found


def test_a_transition_to_look_for() -> None:
    around = {"low": "20%", "high": "5 M", "tolerance": 0.1, "rounds": 4, "seeds": 3}
    spec = spec_of({"base": BASE, "grid": {"lr": [0.1, 0.2]}, "bisect": around})
    assert not spec.cells
    first, second = spec.bisections
    assert (first.low, first.high, first.lowest, first.highest) == (10, 35, 1, 48)
    assert (first.tolerance, first.rounds, first.seeds) == (0.1, 4, (0, 1, 2))
    assert [one.setting.optimizer.lr for one in (first, second)] == [0.1, 0.2]
    assert first.cell(20).setting.task.samples == 20


# --- which sweeps are the same -------------------------------------------------------------------------


def test_tables_of_groups_are_read_once_and_travel_with_the_content(tmp_path: Path) -> None:
    rows = "\n".join(",".join(str((a + b) % 3) for b in range(3)) for a in range(3))
    (tmp_path / "mine.csv").write_text(rows)
    (tmp_path / "s.toml").write_text('[base]\nwidth = 8\n[grid]\ngroup_table = ["mine.csv"]\n')
    spec = read_spec(tmp_path / "s.toml")
    assert spec.name == "s"
    assert spec.cells[0].setting.task.table == ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    (tmp_path / "mine.csv").unlink()
    again = spec_of(json.loads(json.dumps(spec.content)))
    assert again.digest == spec.digest
    assert again.cells == spec.cells


def test_the_digest_is_of_what_is_trained_not_of_how_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('[base]\ngroup = "Z7"\nwidth = 8\n[grid]\nsamples = [14, 21]\n')
    text = '# the same\nname = "b"\nseeds = 8\n[grid]\nsamples = { from = "2 M", to = "3 M", count = 2 }\n[base]\n'
    (tmp_path / "b.toml").write_text(text + 'width = 8\ngroup = "Z7"\n')
    one, other = read_spec(path), read_spec(tmp_path / "b.toml")
    assert one.digest == other.digest
    assert (one.name, other.name) == ("a", "b")


@pytest.mark.parametrize(
    "change",
    [{"seeds": 3}, {"first_seed": 1}, {"dtype": "float64"}, {"plan": {"steps": 5}}, {"base": {**BASE, "lr": 0.1}}],
)
def test_another_digest_is_another_sweep(change: dict[str, Any]) -> None:
    content = {"seeds": 2, "base": BASE}
    one, other = spec_of(content), spec_of({**content, **change})
    assert one.digest != other.digest
    assert not one.covers(other)
    assert not other.covers(one)


def test_a_larger_sweep_covers_a_smaller_one() -> None:
    small = spec_of({"base": BASE, "grid": {"samples": [20, 30]}})
    large = spec_of({"base": BASE, "grid": {"samples": [10, 30, 20]}})
    assert large.covers(small)
    assert not small.covers(large)
    around = {"low": 10, "high": 30}
    coarse, fine = (spec_of({"base": BASE, "bisect": around | {"tolerance": t}}) for t in (0.2, 0.1))
    assert fine.covers(coarse)
    assert not coarse.covers(fine)
    assert not fine.covers(small)


def test_flat_names_lead_back_to_the_parts() -> None:
    setting = Setting(
        task=Task(group="Z7", samples=20), network=Network(width=8), optimizer=Optimizer(name="muon", lr=0.02)
    )
    plan = Plan(steps=30, every=10)
    found = flat(setting, plan)
    assert found["optimizer"] == "muon"
    assert set(found) == {*SETTING, *PLAN}
    assert Optimizer.model_validate(part_of("optimizer", found)) == setting.optimizer
    assert Plan.model_validate(part_of("plan", found)) == plan
    assert not set(SETTING) & set(PLAN)


# --- mistakes ------------------------------------------------------------------------------------------

CELL = "[base]\ngroup = 'Z5'\nwidth = 8\n"
NONSENSE = {
    "no TOML": ("a = = b", "must be a TOML file, got 'Invalid value (at line 1"),
    "unknown key": ("sed = 3", "sed must be a known key, got 'sed'; did you mean seeds?"),
    "typo": ("[base]\nweigth_decay = 1", "did you mean weight_decay?"),
    "typo of another table": ("[base]\nstepz = 1", "did you mean steps?"),
    "hyphen": ("[base]\nweight-decay = 1", "did you mean weight_decay?"),
    "typo of a table": ("[grids]\nlr = [1]", "did you mean grid?"),
    "typo in bisect": ("[bisect]\nlow = 1\nhigh = 2\ntolerence = 1", "did you mean tolerance?"),
    "wrong table": ("[base]\nsteps = 3", "[base] steps must be in [plan], got 'in [base]'; move it there"),
    "no table": ("samples = 3", "samples must be in [base], got 'at the top of the file'; move it there"),
    "far off": ("[plan]\nzzz = 3", "known keys: every, patience"),
    "table that is none": ("base = 3", "base must be a table, got 3"),
    "cases that are none": ("[cases]\nlr = 1", "write [[cases]] above each"),
    "no cases": ("cases = []", "cases must be a list of one or more tables, got []"),
    "list and cases": ("[list]\nlr = [1]\n[[cases]]\nlr = 1", "[list] must be left out with [[cases]]"),
    "grid and base": (f"{CELL}[grid]\nwidth = [8]", "[grid] width must be left out of [base]"),
    "grid and cases": ("[grid]\nlr = [1]\n[[cases]]\nlr = 1", "[grid] lr must be left out of [[cases]]"),
    "uneven list": ("[list]\nlr = [1]\nsamples = [1, 2]", "[list] must be columns of one length"),
    "empty axis": ("[grid]\nlr = []", "lr must be a list of one or more values, or a range"),
    "no axis": ("[grid]\nlr = 1e-3", "lr must be a list of one or more values, or a range"),
    "too many cells": (
        "[grid]\nlr = { from = 1, to = 2, count = 1000 }\nsamples = { from = 1, to = 500, count = 500 }",
        "[grid] must be of 200,000 cells at most, got '500,000'",
    ),
    "one bad cell": (
        f"{CELL}[grid]\nsamples = [5, 26]",
        "samples must be at most M^2 = 25 for Z5, got 26; lower it (in",
    ),
    "which cell": (f"{CELL}[grid]\nsamples = [5, 26]", "(in the cell samples = 26)"),
    "wrong type": ("[base]\nlr = 'fast'", "lr must be a valid number"),
    "a date": ("[base]\nlr = 2020-01-01", "lr must be a valid number"),
    "not a number": ("[base]\nlr = nan", "lr must be a finite number"),
    "an option's remedy": ("[base]\nheads = 2", "use family transformer"),
    "unknown optimizer": ("[base]\noptimizer = 'lion'", "optimizer must be 'sgd', 'adam', 'adamw' or 'muon'"),
    "no steps": ("[plan]\nsteps = 0", "steps must be greater than or equal to 1"),
    "unknown group": ("[base]\ngroup = 'Y5'", "group must be a known name"),
    "no such table": ("[base]\ngroup_table = 'none.csv'", "group_table must be a readable CSV file, got"),
    "table of what": ("[base]\ngroup_table = 3", "group_table must be the path of a CSV file, got 3"),
    "unknown dtype": ("dtype = 'float16'", "dtype must be float32, bfloat16 (in products) or float64"),
    "name of a path": ("name = 'a/b'", "name must be 1 to 80 letters"),
    "no seeds": ("seeds = 0", "seeds must be 1 to 100000 seeds, got 0"),
    "the same seeds": ("seeds = [1, 1]", "seeds must be a list of different seeds"),
    "half a seed": ("seeds = 1.5", "seeds must be a number of seeds, or a list"),
    "a true seed": ("seeds = true", "seeds must be a number of seeds, or a list"),
    "negative seed": ("first_seed = -1", "first_seed must be an integer >= 0, got -1"),
    "first of a list": ("seeds = [3]\nfirst_seed = 2", "first_seed must be left out with a list of seeds"),
    "the wrong way": ("[bisect]\nlow = 9\nhigh = 5", "[bisect] low, high must be sizes with low < high, got (9, 5)"),
    "the same size": ("[bisect]\nlow = 9\nhigh = 9", "[bisect] low, high must be sizes with low < high"),
    "nothing to test": (f"{CELL}[bisect]\nlow = 9\nhigh = 25", "n goes from 1 to 24 for Z5"),
    "no low": ("[bisect]\nhigh = 9", "[bisect] low must be given"),
    "half a size": ("[bisect]\nlow = 5.5\nhigh = 9", "[bisect] low must be an integer, or e.g."),
    "size of what": ("[bisect]\nlow = 5\nhigh = '9 N'", "[bisect] high must be an integer or"),
    "no tolerance": ("[bisect]\nlow = 5\nhigh = 9\ntolerance = 0", "[bisect] tolerance must be greater than 0"),
    "sizes twice": (
        "[grid]\nsamples = [5]\n[bisect]\nlow = 5\nhigh = 9",
        "[grid] samples must be left out with [bisect]",
    ),
    "on what": ("[bisect]\non = 'lr'\nlow = 5\nhigh = 9", "[bisect] on must be 'samples'"),
}


@pytest.mark.parametrize(("text", "message"), NONSENSE.values(), ids=NONSENSE)
def test_mistakes_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_spec(path)
    assert message in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(InputError, match="SPEC must be a file that can be read"):
            read_spec(path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="must be a TOML file"):
        read_spec(tmp_path / "bytes.toml")


@pytest.mark.parametrize(("stem", "name"), [("my sweep", "my-sweep"), (".x", "x"), ("a" * 90, "a" * 80)])
def test_a_sweep_is_named_like_its_file_if_it_has_no_name(stem: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{stem}.toml"
    path.write_text("")
    assert read_spec(path).name == name
