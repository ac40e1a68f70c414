"""What is scored: which cells, which predictors, what is read from a file and what is asked now."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.validate.scores.test_scoreboard import cell
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting
from twopeaks.validate.measured.cell import Measured
from twopeaks.validate.measured.sheets import digest
from twopeaks.validate.scores.asking import Request, provided, said_before, scored, wants_accuracy
from twopeaks.validate.scores.predictors import known_predictors

SPEC = """
name = "tiny"
seeds = 3
[base]
group = "Z7"
width = 64
[plan]
steps = 400
every = 10
[grid]
samples = [18, 36, 44]
"""

pytestmark = pytest.mark.usefixtures("predictors_in_no_time")


class Stages:
    """Which progress bars were opened."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, int]] = []

    def __call__(self, name: str, total: int) -> Callable[[int], object]:
        self.opened.append((name, total))
        return lambda done: None


def file_of(path: Path, *rows: tuple[str, str, float]) -> Path:
    """Predictions of (predictor, quantity, value) for the cells of this file."""
    columns = ("predictor", "quantity", "group", "setting_id", "value", "low", "high", "constants_fitted", "runs_used")
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, (*columns, "seconds", "valid", "note"))
        writer.writeheader()
        for predictor, quantity, value in rows:
            row = {"predictor": predictor, "quantity": quantity, "group": "Z11", "value": value, "constants_fitted": 0}
            row |= {"setting_id": cell(100).setting.content_id, "runs_used": 0, "seconds": 0.1, "valid": True}
            writer.writerow(row | {"low": "", "high": "", "note": "written"})
    return path


def names(cells: Sequence[Measured], request: Request) -> tuple[dict[str, set[str]], list[str], list[tuple[str, int]]]:
    """Predictors on the board of each quantity by origin, notes, and progress bars."""
    stages = Stages()
    found, notes = scored(request, cells, stages)
    standings = {
        f"{board.quantity} {origin}": {s.predictor for s in board.standings if s.origin == origin}
        for board in found
        for origin in ("asked", "file")
    }
    return standings, notes, stages.opened


CELLS = [cell(100), cell(0.5, quantity="test_accuracy")]
N_C = {predictor.name for predictor in known_predictors() if predictor.quantity == "n_c"}


def test_all_that_need_no_run_are_asked() -> None:
    standings, notes, opened = names(CELLS, Request((Path("s.toml"),)))
    assert N_C
    assert standings["n_c asked"] == N_C
    assert standings["test_accuracy asked"] == set()
    assert notes == []
    assert opened == [("asking predictors", len(known_predictors()))]


def test_predictors_of_accuracy_are_asked_if_it_is_measured() -> None:
    standings, _, _ = names(CELLS, Request((Path("s.toml"),), accuracy=True))
    assert (
        standings["test_accuracy asked"] == {predictor.name for predictor in known_predictors(on_request=True)} != set()
    )


def test_only_quantities_that_are_asked_for_are_scored() -> None:
    standings, _, _ = names(CELLS, Request((Path("s.toml"),), quantities=("n_c",)))
    assert {key.split()[0] for key in standings} == {"n_c"}
    message = (
        "SPEC_OR_STORE must be where t_mem or t_grok was measured, got 'no cell'; n_c takes two sizes of a setting"
    )
    with pytest.raises(InputError, match=message):
        names(CELLS, Request((Path("s.toml"),), quantities=("t_mem", "t_grok")))
    with pytest.raises(InputError, match="must be where anything was measured"):
        names([], Request((Path("s.toml"),)))
    with pytest.raises(InputError, match="--quantity"):
        names(CELLS, Request((Path("s.toml"),), quantities=("loss",)))


def test_who_is_in_the_file_is_not_asked_again(tmp_path: Path) -> None:
    path = file_of(tmp_path / "p.csv", ("heights-shared", "n_c", 90), ("mine", "n_c", 80))
    standings, notes, opened = names(CELLS, Request((Path("s.toml"),), predictions=path))
    assert standings["n_c file"] == {"heights-shared", "mine"}
    assert standings["n_c asked"] == N_C - {"heights-shared"}
    (note,) = notes
    assert note.startswith(f"not in {path}, so asked now: ")
    assert set(note.partition(": ")[2].split(", ")) == N_C - {"heights-shared"}
    assert opened == [("asking predictors", len(known_predictors()) - 1)]


def test_one_name_for_accuracy_and_n_c_counts_apart(tmp_path: Path) -> None:
    """heights-phases predicts both: what a file says of one leaves the other to be asked."""
    path = file_of(tmp_path / "p.csv", ("heights-phases", "n_c", 90))
    standings, _, _ = names(CELLS, Request((Path("s.toml"),), predictions=path, accuracy=True))
    assert "heights-phases" in standings["n_c file"]
    assert "heights-phases" not in standings["n_c asked"]
    assert "heights-phases" in standings["test_accuracy asked"]


def test_chosen_predictors_alone_are_compared(tmp_path: Path) -> None:
    path = file_of(tmp_path / "p.csv", ("paper-law", "n_c", 90), ("mine", "n_c", 80))
    chosen = Request((Path("s.toml"),), predictions=path, predictors=("mine", "heights-shared"))
    standings, notes, opened = names(CELLS, chosen)
    assert (standings["n_c file"], standings["n_c asked"]) == ({"mine"}, {"heights-shared"})
    assert notes == [f"not in {path}, so asked now: heights-shared"]
    assert opened == [("asking predictors", 1)]
    written = Request((Path("s.toml"),), predictions=path, predictors=("mine",))
    assert names(CELLS, written) == ({"n_c asked": set(), "n_c file": {"mine"}} | {
        "test_accuracy asked": set(), "test_accuracy file": set()}, [], [])  # fmt: skip
    with pytest.raises(InputError, match=r"--predictor must be the name of a predictor, got 'yours'; known: .*mine"):
        names(CELLS, Request((Path("s.toml"),), predictions=path, predictors=("yours",)))


@pytest.mark.parametrize(
    ("request_of", "wanted"),
    [
        ({}, False),
        ({"quantities": ("test_accuracy",)}, True),
        ({"quantities": ("n_c",), "predictors": ("heights-phases",)}, False),
        ({"predictors": ("paper-law",)}, False),
    ],
)
def test_accuracy_is_measured_where_it_is_asked_for(request_of: dict[str, tuple[str, ...]], wanted: bool) -> None:
    assert wants_accuracy(Request((Path("s.toml"),), **request_of)) is wanted  # type: ignore[arg-type]


def test_accuracy_is_measured_where_a_file_predicts_it(tmp_path: Path) -> None:
    with_it = file_of(tmp_path / "a.csv", ("mine", "n_c", 80), ("mine", "test_accuracy", 0.5))
    without = file_of(tmp_path / "b.csv", ("mine", "n_c", 80))
    assert wants_accuracy(Request((Path("s.toml"),), predictions=with_it)) is True
    assert wants_accuracy(Request((Path("s.toml"),), predictions=without)) is False


def test_before_training_every_cell_of_the_sweep_is_predicted(tmp_path: Path) -> None:
    spec = tmp_path / "tiny.toml"
    spec.write_text(SPEC)
    stages = Stages()
    answers, cells, notes = said_before(Request((spec,), quantities=("n_c",)), stages)
    assert notes == []
    assert {each.quantity for each in cells} == {"n_c"}
    assert all(isinstance(each.setting, Setting) for each in cells)
    assert {each.predictor for each in answers} == N_C
    assert stages.opened == [("asking predictors", len(known_predictors()))]
    every, more, _ = said_before(Request((spec,)), Stages())
    assert {each.quantity for each in more} == {"n_c", "t_mem", "t_grok"}
    (one,), _, _ = said_before(Request((spec,), quantities=("n_c",), predictors=("paper-law",)), Stages())
    assert one.predictor == "paper-law"
    assert len(every) >= len(answers)


def test_laws_that_are_fitted_need_runs() -> None:
    with pytest.raises(InputError, match="--rival-times must be given with a sweep, got 'CSV alone'"):
        names(CELLS, Request((Path("a.csv"), Path("b.csv")), rival_times=True))


def test_what_is_provided_names_its_sources(tmp_path: Path) -> None:
    source, predictions = tmp_path / "cells.csv", file_of(tmp_path / "p.csv", ("mine", "n_c", 80))
    source.write_text("group\n")
    asked_for = Request((source, tmp_path / "store"), predictions=predictions, command="twopeaks validate cells.csv")
    data = provided(asked_for, [], ["a note"])
    assert data["command"] == "twopeaks validate cells.csv"
    assert data["sources"] == [str(source), str(tmp_path / "store")]
    assert data["predictions"] == str(predictions)
    assert data["sha256"] == {str(source): digest(source), str(predictions): digest(predictions)}
    assert data["notes"] == ["a note"]
    assert "twopeaks" in data["versions"]
    assert provided(Request((source,)), [], [])["predictions"] is None
