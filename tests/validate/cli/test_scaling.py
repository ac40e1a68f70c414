"""The command `scaling`: families of groups, what is left out and said, the table, verdicts, files, nonsense."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import named
from twopeaks.theory.predictors.heights import closed_form, shared_form
from twopeaks.theory.setting import standard
from twopeaks.validate.cli.app import run
from twopeaks.validate.laws.compare import compare, verdict
from twopeaks.validate.laws.families import FAMILIES, crossings
from twopeaks.validate.laws.laws import CORRECTED, LAWS, M_LOG_M, Cell, with_predictions
from twopeaks.validate.measured.cell import Measured, at_half
from twopeaks.validate.measured.from_csv import measured_csv

ORDERS = (11, 13, 17, 19, 23, 29, 31, 41, 47, 59)


def true_n(M: int) -> float:
    return 2.7 * M ** (4 / 3) * (1 + 2.13 / M)


def table(path: Path, orders: tuple[int, ...] = ORDERS, more: str = "") -> list[Cell]:
    """Crossings of a known law with errors of 1%, as a CSV, and as cells."""
    rng, cells, lines = np.random.default_rng(0), [], ["group,n_c,low,high,steps,width"]
    for M in orders:
        n = true_n(M) * math.exp(0.015 * rng.standard_normal())
        cells.append(Cell(f"Z{M}", M, n, n * math.exp(-0.02), n * math.exp(0.02)))
        lines.append(f"Z{M},{n},{cells[-1].low},{cells[-1].high},20000,14 M")
    path.write_text("\n".join(lines) + "\n" + more)
    return cells


def test_families_are_what_their_names_say() -> None:
    names = ["Z4", "Z2xZ2", "Z6", "SmallGroup(6,2)", "D3", "Z9", "Z3xZ3", "Z11", "Q8", "Z2xZ3", "Z15", "Z1", "Z2"]
    groups = {name: named(name) for name in names}
    found = {family: [name for name in names if member(groups[name])] for family, member in FAMILIES.items()}
    assert found == {
        "cyclic": ["Z4", "Z6", "SmallGroup(6,2)", "Z9", "Z11", "Z2xZ3", "Z15", "Z1", "Z2"],
        "cyclic-odd": ["Z9", "Z11", "Z15", "Z1"],
        "cyclic-prime": ["Z11", "Z2"],
        "abelian": [name for name in names if name not in ("D3", "Q8")],
        "all": names,
    }


def cell(group: str, value: float | None = 100.0, low: float | None = 90.0, high: float | None = 110.0) -> Measured:
    return Measured("n_c", at_half(standard(group)), value, low, high, 8, 1000, 1.0)


def test_what_cannot_be_used_is_left_out_and_said() -> None:
    measured = [cell("Z11"), cell("D5"), cell("Z13", None, 140.0, None), cell("Z17", low=None, high=None)]
    measured += [Measured("t_mem", standard("Z19"), 10.0, 9.0, 11.0, 8, 1000, 1.0)]
    found, notes = crossings(measured, "cyclic", shared_form)
    assert [(one.group, one.order, one.value, one.low, one.high) for one in found] == [("Z11", 11, 100, 90, 110)]
    assert found[0].predicted == shared_form(standard("Z11")).value
    assert [note for note in notes if "Z13 is censored" in note]
    assert [note for note in notes if "Z17 has no interval" in note]
    assert [note for note in notes if note.startswith("2 measured cells are no n_c")]


def test_other_budgets_and_widths_are_said(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("group,n_c,low,high,steps,width\nZ11,70,69,71,1000,14 M\nZ13,80,79,81,2000,14 M\n")
    measured, _ = measured_csv(tmp_path / "m.csv")
    assert crossings(measured, "cyclic", shared_form)[1] == ["not the same for all: budget"]
    (tmp_path / "m.csv").write_text("group,n_c,low,high,width\nZ11,70,69,71,14 M\nZ13,80,79,81,15 M\n")
    measured, _ = measured_csv(tmp_path / "m.csv")
    assert crossings(measured, "cyclic", shared_form)[1] == ["not the same for all: width"]


def test_a_predictor_that_refuses_says_nothing() -> None:
    def refuses(setting: object) -> object:
        raise InputError("group", "another one", setting, "take it")

    (found,), _ = crossings([cell("Z11")], "cyclic", refuses)  # type: ignore[arg-type]
    assert found.predicted is None


def test_the_command_says_what_the_comparison_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = with_predictions(table(Path("m.csv"), more="Z61,,900,,20000,14 M\nD30,1000,990,1010,20000,14 M\n"))
    assert run(["scaling", "m.csv", "--json", "--out", "o"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    comparison = compare(cells, LAWS)
    assert [row["law"] for row in told["laws"]] == [score.name for score in comparison.scores]
    for row, expected in zip(told["laws"], comparison.rows(), strict=True):
        for name in ("aicc", "weight", "left_out", "extrapolated", "scatter", "factor"):
            # widths of 14 M in place of the standard one change nothing that a prediction reads
            assert row[name] == (None if expected[name] is None else pytest.approx(expected[name], rel=1e-6))
    expected = verdict(comparison, M_LOG_M, CORRECTED)
    against = {frozenset((one["favoured"], one["other"])): one for one in told["verdicts"]}
    one = against[frozenset((M_LOG_M.name, CORRECTED.name))]
    assert (one["decided"], one["favoured"]) == (expected.decided, expected.favoured) == (True, CORRECTED.name)
    assert one["evidence"] == pytest.approx(expected.evidence, rel=1e-6)
    assert {name for pair in against for name in pair} == {M_LOG_M.name, "c M^(4/3)", CORRECTED.name, "heights-shared"}
    assert told["thresholds"] == {"evidence": 20.0, "split": 31, "standard_deviations": 3.0}
    assert "n_c of Z61 is censored" in said.err
    assert told == json.loads(Path("o/scaling.json").read_text())
    names = ["crossings.csv", "laws.csv", "scaling.json", "scaling.pdf", "scaling.png"]
    assert sorted(path.name for path in Path("o").iterdir()) == names
    with Path("o/laws.csv").open() as file:
        assert [row["law"] for row in csv.DictReader(file)] == [row["law"] for row in told["laws"]]


def test_another_prediction_may_stand_for_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = table(Path("m.csv"))
    assert run(["scaling", "m.csv", "--predictor", "heights-closed-form", "--out", "o"]) == 0
    told = json.loads(Path("o/scaling.json").read_text())
    assert "heights-closed-form" in [row["law"] for row in told["laws"]]
    for one, mine in zip(told["cells"], cells, strict=True):
        assert one["predicted"] == closed_form(standard(mine.group)).value
    out = capsys.readouterr().out
    assert "n_c of 10 groups (cyclic), M = 11 to 59" in out
    # a law that is known cell by cell has no order at which it would be decided
    (line,) = (line for line in out.splitlines() if line.startswith(("heights-closed-form or", "c M log M or heights")))
    assert "would decide" not in line


def test_a_law_without_a_value_on_some_cell_is_left_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    table(Path("m.csv"), (7, *ORDERS))  # heights-shared begins at M = 11
    assert run(["scaling", "m.csv"]) == 0
    said = capsys.readouterr()
    assert "heights-shared has no value on some cell and is left aside" in said.err
    assert "heights-shared" not in said.out


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("", (), "CELLS"),
        ("", ("none.csv",), "a file that can be read"),
        ("", ("none",), "a file or folder that is there"),
        ("", (".",), "measured cells (.csv)"),
        ("", ("m.csv", "--store", "d"), "--store must be given with a sweep"),
        ("group,n_c,low,high\nZ11,70,69,71\n", ("m.csv",), "cells must be 5 or more"),
        ("", ("m.csv", "--family", "sporadic"), "one of cyclic, cyclic-odd"),
        ("", ("m.csv", "--predictor", "oracle"), "known: "),
        ("", ("m.csv", "--predictor", "power-4/3"), "one that needs no run"),
        ("group,n_c,low,high,steps\nZ11,70,69,71,1000\nZ11,71,70,72,2000\n", ("m.csv",), "measured once"),
        ("group,n_c,low,high,lr\nZ11,70,69,71,0.001\nZ13,80,79,81,0.002\n", ("m.csv",), "several lr"),
        ("", ("m.csv", "m.csv"), "measured once"),
        ("group,t_mem,samples,steps\nZ11,70,60,100\n", ("m.csv",), "got 0"),
        ("group,n_c,low,high\n" + "".join(f"Z{M},{M},{M},{M}\n" for M in ORDERS), ("m.csv",), "low < high"),
        ("", ("m.csv", "--out", "m.csv"), "m.csv"),
    ],
)  # fmt: skip
def test_nonsense_is_one_line_and_exit_code_2(
    refused: Callable[[Sequence[str], str], None], content: str, arguments: tuple[str, ...], message: str
) -> None:
    table(Path("m.csv"))
    if content:
        Path("m.csv").write_text(content)
    refused(["scaling", *arguments], message)
