"""Rivals' laws of t_grok on runs that obey them: fitted on what is declared, exact elsewhere, never scored there."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from twopeaks.sim.storage import store
from twopeaks.sim.storage.records import End, Plan, Records
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.setting_builder import Builder
from twopeaks.theory.predictors.rival_times import DENSITY, FIRST_PASSAGE, NORM_SEPARATION
from twopeaks.theory.setting import OBSERVABLES, Setting
from twopeaks.validate.cli.app import run
from twopeaks.validate.measured.cell import Measured
from twopeaks.validate.measured.from_sweep import measured_sweep
from twopeaks.validate.scores.board import boards
from twopeaks.validate.scores.predictors import Said
from twopeaks.validate.scores.rival_board import RIVAL_TIMES, rival_times

PLAN = Plan(steps=20_000, every=5)
#: Norm at which everything generalises, rate of contraction over 2 lr eta, step of memorising.
LEVEL, KAPPA, T_MEM = 50.0, 1.7, 100
PASSAGES = (NORM_SEPARATION, FIRST_PASSAGE)
NORMS = tuple(f"{name}{start}" for start in ("", "-from-peak", "-from-peak-by-size") for name in PASSAGES)
BY_SIZE = f"{FIRST_PASSAGE}-from-peak-by-size"


def setting(samples: int, lr: float = 1e-2, decay: float = 5e-2, group: str = "Z11") -> Setting:
    fields = {"group": group, "samples": samples, "width": 32, "optimizer": "adamw", "lr": lr, "weight_decay": decay}
    return Builder((0,), ()).cell(fields).setting


def passage(one: Setting, norm: float) -> float:
    """When the norm, which starts at T_MEM to fall at 2 kappa lr eta, is at LEVEL."""
    rule = one.optimizer
    return T_MEM + math.log(norm / LEVEL) / (2 * KAPPA * rule.lr * rule.weight_decay)


def stored(
    root: Path,
    one: Setting,
    t_grok: Mapping[int, float],
    norm: float = 100.0,
    *,
    rises: bool = False,
    end: End = "budget",
) -> None:
    """Runs of these seeds: memorised at T_MEM, generalised at their step, with the norm of `passage`."""
    steps = PLAN.record_steps().astype(np.float64)
    curves: dict[str, list[np.ndarray]] = {name: [] for name in OBSERVABLES}
    for when in t_grok.values():
        rate = 2 * KAPPA * one.optimizer.lr * one.optimizer.weight_decay
        falling = np.maximum(norm * np.exp(-rate * np.maximum(steps - T_MEM, 0)), LEVEL)
        norms = np.where(steps <= when, 10 + steps / when, 11.0) if rises else falling
        curves["train_accuracy"].append(np.where(steps >= T_MEM, 1.0, 0.1))
        curves["test_accuracy"].append(np.where(steps >= when, 1.0, 0.1))
        curves["norm_w2"].append(norms * 2 / 3)
        curves["norm_v2"].append(norms / 3)
        for name in ("train_loss", "test_loss"):
            curves[name].append(np.ones_like(steps))
    count = np.full(len(t_grok), len(steps))
    ends = (end,) * len(t_grok)
    arrays = {name: np.array(values) for name, values in curves.items()}
    records = Records(np.array(list(t_grok)), PLAN.record_steps(), count, ends, arrays)
    runs = root / "runs"
    store.prepare(runs)
    runtime = {"device": "cpu", "dtype": "float32", "threads": 1, "tile_bytes": 1, "torch": "none"}
    store.save(runs, one, PLAN, records, store.Provenance(runtime, 1.0))


def scored(root: Path, *names: str) -> tuple[list[Measured], dict[str, Said], list[str]]:
    cells, _ = measured_sweep(SweepFolder(root))
    said, notes = rival_times([SweepFolder(root)], cells, names or RIVAL_TIMES)
    return cells, {one.predictor: one for one in said}, notes


CLOCKS = ((1e-2, 5e-2), (2e-2, 5e-2), (1e-2, 2e-2), (5e-3, 5e-2))


@pytest.fixture
def clocks(tmp_path: Path) -> Path:
    """Four rates and decays, two runs each, all on the law of first passage."""
    for lr, decay in CLOCKS:
        one = setting(60, lr, decay)
        stored(tmp_path, one, dict.fromkeys((0, 1), passage(one, 100.0)))
    return tmp_path


def test_laws_of_the_norm_are_fitted_on_the_first_cell_and_exact_on_others(clocks: Path) -> None:
    cells, said, notes = scored(clocks)
    times = {i: c for i, c in enumerate(cells) if c.quantity == "t_grok"}
    first = min(times, key=lambda i: times[i].setting.content_id)
    for name in NORMS:
        on = said[name].on
        assert set(on) == set(times)
        assert on[first].value is None
        assert on[first].note == "the law was fitted on this cell, so it is not scored here"
        for i in set(times) - {first}:
            value, measured = on[i].value, times[i].value
            assert value is not None
            assert measured is not None
            assert value == pytest.approx(passage(times[i].setting, 100.0), rel=0.02)
            assert value == pytest.approx(measured, rel=0.02)
            assert (on[i].constants_fitted, on[i].runs_used, on[i].predictor, on[i].valid) == (2, 2, name, True)
            assert on[i].setting_id == times[i].setting.content_id
    rule = times[first].setting.optimizer
    told = f"Z11, n 60, adamw, lr {rule.lr:g}, decay {rule.weight_decay:g}"
    assert notes == [f"{name}: fitted on 1 of 4 cells, and not scored there: {told}" for name in NORMS]


def test_what_a_law_was_fitted_on_never_enters_its_scores(clocks: Path) -> None:
    cells, said, _ = scored(clocks, *PASSAGES)
    (board,) = (board for board in boards(cells, list(said.values())) if board.quantity == "t_grok")
    for standing in board.standings:
        assert (standing.own["all"].cells, standing.values) == (3, 3)
        assert len(board.common["all"]) == 3


def test_each_group_has_a_cell_of_its_own(clocks: Path) -> None:
    for lr, decay in CLOCKS[:2]:
        one = setting(60, lr, decay, group="Z13")
        stored(clocks, one, {0: passage(one, 80.0)}, norm=80.0)
    cells, said, notes = scored(clocks, FIRST_PASSAGE)
    empty = [cells[i].setting.task.name for i, p in said[FIRST_PASSAGE].on.items() if p.value is None]
    assert sorted(empty) == ["Z11", "Z13"]
    (note,) = notes
    assert "fitted on 2 of 6 cells" in note


def test_by_size_there_is_a_cell_of_each_size(clocks: Path) -> None:
    for lr, decay in CLOCKS[:2]:  # another size, where everything comes at another norm
        one = setting(80, lr, decay)
        stored(clocks, one, {0: passage(one, 400.0)}, norm=400.0)
    stored(clocks, setting(90), {0: passage(setting(90), 400.0)}, norm=400.0)
    cells, said, _ = scored(clocks, FIRST_PASSAGE, BY_SIZE)
    empty = {i for i, p in said[BY_SIZE].on.items() if p.value is None}
    assert sorted(cells[i].setting.task.samples for i in empty) == [60, 80, 90]
    assert {"the only cell" in said[BY_SIZE].on[i].note for i in empty if cells[i].setting.task.samples == 90} == {True}
    assert len([p for p in said[FIRST_PASSAGE].on.values() if p.value is None]) == 1
    for i, prediction in said[BY_SIZE].on.items():
        if prediction.value is not None:
            assert prediction.value == pytest.approx(cells[i].value, rel=0.02)


def test_a_cell_in_which_nobody_generalised_is_not_fitted_on(tmp_path: Path) -> None:
    ordered = sorted((setting(60, *clock) for clock in CLOCKS), key=lambda one: one.content_id)
    stored(tmp_path, ordered[0], {0: 10.0**9, 1: 10.0**9})
    for one in ordered[1:]:
        stored(tmp_path, one, {0: passage(one, 100.0)})
    cells, said, _ = scored(tmp_path, FIRST_PASSAGE)
    on = {cells[i].setting.content_id: p for i, p in said[FIRST_PASSAGE].on.items()}
    assert "fitted on this cell" in on[ordered[1].content_id].note
    assert on[ordered[0].content_id].value == pytest.approx(passage(ordered[0], 100.0), rel=0.02)  # scored as censored


def test_a_norm_that_rises_gives_no_delay_and_says_so(clocks: Path) -> None:
    one = setting(70)
    stored(clocks, one, {0: 1000.0, 1: 1000.0}, rises=True)
    cells, said, _ = scored(clocks)
    (at,) = (i for i, c in enumerate(cells) if c.quantity == "t_grok" and c.setting.task.samples == 70)
    found = said[FIRST_PASSAGE].on[at]
    assert found.value is None
    assert found.note.startswith("2 of 2 runs have no delay; V = ")


def test_the_median_over_runs_and_runs_that_diverged(clocks: Path) -> None:
    one = setting(70)
    for seed, norm in enumerate((90.0, 100.0, 140.0)):
        stored(clocks, one, {seed: passage(one, norm)}, norm=norm)
    stored(clocks, one, {7: 300.0}, norm=10.0**6, end="diverged")
    cells, said, _ = scored(clocks, FIRST_PASSAGE)
    (at,) = (i for i, c in enumerate(cells) if c.quantity == "t_grok" and c.setting.task.samples == 70)
    found = said[FIRST_PASSAGE].on[at]
    assert found.value == pytest.approx(passage(one, 100.0), rel=0.02)
    assert found.note.startswith("median over 3 of 3 runs")


def test_nothing_to_fit_on_is_said(tmp_path: Path) -> None:
    stored(tmp_path, setting(60), {0: 10.0**9})
    _, said, notes = scored(tmp_path)
    assert notes == []
    for name in NORMS:
        (found,) = said[name].on.values()
        assert (found.value, found.note) == (None, "no run here generalised after it had memorised")
    (found,) = said[DENSITY].on.values()
    assert "three to fit" in found.note


def test_a_law_that_cannot_be_fitted_says_why(tmp_path: Path) -> None:
    for lr, decay in CLOCKS[:2]:
        stored(tmp_path, setting(60, lr, decay), {0: 1000.0}, rises=True)
    _, said, notes = scored(tmp_path, FIRST_PASSAGE)
    assert [p.value for p in said[FIRST_PASSAGE].on.values()] == [None, None]
    assert "no fit on Z11, n 60" in next(iter(said[FIRST_PASSAGE].on.values())).note
    assert notes == []


# --- density -------------------------------------------------------------------------------------------

SIZES = (50, 55, 60, 65, 70, 80, 90)


def by_density(samples: int) -> float:
    return 5.0 * (samples / 121) ** -6.0 + 200.0


def test_the_density_law_is_fitted_on_half_of_the_sizes_and_exact_on_the_others(tmp_path: Path) -> None:
    for n in SIZES:
        stored(tmp_path, setting(n), {0: by_density(n), 1: by_density(n)})
    cells, said, (note,) = scored(tmp_path, DENSITY)
    on = {cells[i].setting.task.samples: p for i, p in said[DENSITY].on.items()}
    chosen = [one.task.samples for one in sorted(map(setting, SIZES), key=lambda one: one.content_id)][:3]
    told = "; ".join(f"Z11, n {n}, adamw, lr 0.01, decay 0.05" for n in chosen)
    assert note == f"{DENSITY}: fitted on 3 of 7 cells, and not scored there: {told}"
    assert {n for n, p in on.items() if p.value is None} == set(chosen)
    for n in set(SIZES) - set(chosen):
        assert on[n].value == pytest.approx(by_density(n), rel=0.1)
        assert (on[n].constants_fitted, on[n].runs_used) == (3, 6)


def test_three_sizes_leave_nothing_to_predict(tmp_path: Path) -> None:
    for n in SIZES[:3]:
        stored(tmp_path, setting(n), {0: by_density(n)})
    _, said, notes = scored(tmp_path, DENSITY)
    assert [p.value for p in said[DENSITY].on.values()] == [None] * 3
    assert notes == []


# --- the command ---------------------------------------------------------------------------------------

pytestmark = pytest.mark.usefixtures("predictors_in_no_time")


def test_the_command_scores_them_beside_others(
    clocks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = 'name = "c"\nseeds = 2\n[base]\ngroup = "Z11"\nwidth = 32\noptimizer = "adamw"\nsamples = 60\n'
    rates = ", ".join(str(lr) for lr, _ in CLOCKS)
    decays = ", ".join(str(decay) for _, decay in CLOCKS)
    spec += f"[plan]\nsteps = 20000\nevery = 5\n[list]\nlr = [{rates}]\nweight_decay = [{decays}]\n"
    (clocks / "c.toml").write_text(spec)
    monkeypatch.chdir(clocks)
    assert run(["validate", "c.toml", "--store", ".", "--rival-times", "--quantity", "t_grok", "--json"]) == 0
    said = capsys.readouterr()
    (board,) = json.loads(said.out)["boards"]
    assert {one["predictor"] for one in board["predictors"]} == set(RIVAL_TIMES)
    assert said.err.count("fitted on 1 of 4 cells") == len(NORMS)
    assert run(["validate", "c.toml", "--store", ".", "--rival-times", "--predictor", FIRST_PASSAGE, "--json"]) == 0
    told = {one["quantity"]: one["predictors"] for one in json.loads(capsys.readouterr().out)["boards"]}
    assert [one["predictor"] for one in told["t_grok"]] == [FIRST_PASSAGE]
    asked = ["validate", "c.toml", "--store", ".", "--rival-times", "--predictor", FIRST_PASSAGE]
    assert run([*asked, "--write-predictions", "fitted.csv"]) == 0
    assert "fitted on 1 of 4 cells" in capsys.readouterr().err
    scores = ["validate", "c.toml", "--store", ".", "--predictions", "fitted.csv", "--quantity", "t_grok", "--json"]
    assert run([*scores, "--predictor", FIRST_PASSAGE]) == 0
    (again,) = json.loads(capsys.readouterr().out)["boards"]
    (before,), (after,) = told["t_grok"], again["predictors"]
    assert after["worst"] == before["worst"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("m.csv", "--rival-times"), "--rival-times must be given with a sweep"),
        (("m.csv", "--predictor", FIRST_PASSAGE), "known: "),
        (("m.csv", "--rival-times", "--write-predictions", "p.csv"), "--rival-times must be given with a sweep"),
        (("--claims", "--rival-times"), "--rival-times must be left out with --claims"),
    ],
)
def test_nonsense_is_one_line_and_exit_code_2(
    refused: Callable[[Sequence[str], str], None], arguments: tuple[str, ...], message: str
) -> None:
    Path("m.csv").write_text("group,n_c\nZ11,70\n")
    refused(["validate", *arguments], message)
