"""How many networks grokked, and how many came too late: numbers that travel as numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.places import ROOT
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import standard
from twopeaks.validate.measured.cell import Measured
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.measured.rates import Rate, rates_in_old_note, rates_of, rates_text, seeds_late_in_old_note

RATES = (Rate(40, 0, 8), Rate(44, 3, 8), Rate(48, 8, 8))


def test_rates_as_text_and_back() -> None:
    assert rates_text(RATES) == "40: 0/8, 44: 3/8, 48: 8/8"
    assert rates_of("40: 0/8, 44: 3/8, 48: 8/8") == RATES
    assert rates_of("40:0/8,44:3/8 , 48 : 8/8") == RATES
    assert rates_of("  ") == ()
    assert rates_text(()) == ""


@pytest.mark.parametrize("text", ["40", "40: 3", "40: 9/8", "40: -1/8", "0: 1/8", "40: 0/0", "40: a/8", "40: 1/8,"])
def test_text_of_another_form_is_no_rates(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - int() says it in words of its own
        rates_of(text)


def read(tmp_path: Path, text: str) -> Measured:
    (tmp_path / "m.csv").write_text(text)
    return measured_csv(tmp_path / "m.csv")[0][0]


def test_columns_of_a_table_hold_rates_and_lateness(tmp_path: Path) -> None:
    size = read(tmp_path, 'group,n_c,rates\nZ11,44,"40: 0/8, 44: 3/8, 48: 8/8"\n')
    assert (size.rates, size.late, size.in_time) == (RATES, None, None)
    time = read(tmp_path, "group,samples,t_grok,seeds,late\nZ11,70,900,8,3\n")
    assert (time.late, time.in_time) == (3, Rate(70, 5, 8))
    assert read(tmp_path, "group,samples,t_grok,seeds,late\nZ11,70,900,8,0\n").in_time == Rate(70, 8, 8)


def test_where_the_columns_are_there_no_number_is_read_from_a_note(tmp_path: Path) -> None:
    time = read(tmp_path, "group,samples,t_grok,seeds,late,note\nZ11,70,900,8,,3 of 8 later than the budget\n")
    assert (time.late, time.in_time) == (None, None)
    size = read(tmp_path, "group,n_c,rates,note\nZ11,44,,grokked 40: 0/8\n")
    assert size.rates == ()


def test_tables_of_version_0_1_have_these_numbers_in_their_notes() -> None:
    assert rates_in_old_note("bracket 40 to 44; grokked 40: 0/8, 44: 3/8, 48: 8/8") == RATES
    assert rates_in_old_note("bracket 178 to 184") == ()
    assert rates_in_old_note("grokked in the end") == ()
    assert seeds_late_in_old_note("3 of 8 later than the budget; 1 diverged") == 3
    assert seeds_late_in_old_note("1 diverged") is None
    assert seeds_late_in_old_note("many of 8 later than the budget") is None
    cells, _ = measured_csv(ROOT / "results" / "transitions" / "measured.csv")
    z11 = next(cell for cell in cells if cell.quantity == "n_c" and cell.setting.task.name == "Z11")
    assert [(rate.samples, rate.grokked) for rate in z11.rates if 0 < rate.grokked < 8] == [(72, 2), (75, 6)]
    assert {cell.late for cell in cells if cell.quantity == "t_grok" and cell.censored} >= {8}
    time = Measured("t_grok", standard("Z11", samples=70), 900.0, None, None, None, None, None, late=3)
    assert time.in_time is None  # without the number of seeds a number of late ones says little


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("group,n_c,rates\nZ11,44,40: 9/8\n", "rates must be sizes and shares"),
        ("group,samples,t_grok,late\nZ11,70,900,3\n", "late must be at most the number of seeds"),
        ("group,samples,t_grok,seeds,late\nZ11,70,900,8,9\n", "late must be at most the number of seeds"),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)
