"""What predictions cost: sums over cells, each integration and each answer counted once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.validate.scores.test_scoreboard import cell, saying
from twopeaks.theory.predictors.registry import named
from twopeaks.theory.setting import standard
from twopeaks.validate.measured.cell import Measured
from twopeaks.validate.scores.board import boards
from twopeaks.validate.scores.cost import Cost, cost_of
from twopeaks.validate.scores.files import predictions_csv
from twopeaks.validate.scores.predictors import Said, asked, read_predictions


def at(samples: int = 50, lr: float = 1e-3, **more: object) -> Measured:
    setting = standard("Z11", samples=samples)
    rule = setting.optimizer.model_copy(update={"lr": lr})
    return cell(100, setting=setting.model_copy(update={"optimizer": rule}), quantity="t_grok", **more)


def cost(*pairs: tuple[Measured, object], gradients_known: bool = True, amortised: bool | None = True) -> Cost:
    return cost_of(pairs, gradients_known=gradients_known, amortised=amortised)  # type: ignore[arg-type]


def test_an_answer_from_a_cache_is_paid_for_by_the_first() -> None:
    rates = [at(lr=lr) for lr in (1e-3, 2e-3, 4e-3)]
    seconds = (9.0, 0.0004, 0.0006)
    found = cost(*((c, saying(5, seconds=s, gradients_used=800)) for c, s in zip(rates, seconds, strict=True)))
    assert (found.cells, found.gradients, found.amortised) == (3, 800, True)
    assert (found.seconds, found.training_seconds) == (pytest.approx(9.001), 150.0)
    assert found.ratio == pytest.approx(9.001 / 150)  # the median of ratios would say 1/83,000


def test_integrations_of_other_problems_add_up() -> None:
    said = saying(5, seconds=1.0, gradients_used=800)
    other = said.model_copy(update={"gradients_used": 90})
    found = cost((at(50), said), (at(60), said), (at(60, lr=1.0), said), (at(60, lr=2.0), other))
    assert found.gradients == 800 + 800 + 90


def test_one_setting_with_two_budgets_is_asked_once_and_trained_twice() -> None:
    said = saying(5, seconds=1.5, gradients_used=10)
    found = cost((at(budget=1000), said), (at(budget=2000, seconds_of_training=70.0), said))
    assert (found.cells, found.seconds, found.training_seconds, found.gradients) == (2, 1.5, 120.0, 10)


def test_what_is_not_known_is_not_invented() -> None:
    assert cost((at(seconds_of_training=None), saying(5))).ratio is None
    some = cost((at(50, seconds_of_training=None), saying(5)), (at(60), saying(5)))
    assert (some.seconds, some.training_seconds, some.ratio) == (1.0, None, None)
    assert cost((at(), saying(5, seconds=0.0))).seconds is None  # a table that does not say has 0
    unsaid = cost((at(), saying(5, gradients_used=7)), gradients_known=False, amortised=None)
    assert (unsaid.gradients, unsaid.amortised) == (None, None)
    assert cost((at(), saying(5))).gradients == 0


def test_predictions_without_a_value_cost_nothing_that_counts() -> None:
    found = cost((at(50), saying(None, seconds=99.0, gradients_used=5)), (at(60), saying(5, gradients_used=3)))
    assert (found.cells, found.seconds, found.training_seconds, found.gradients) == (1, 0.5, 50.0, 3)
    none = cost((at(), saying(None)))
    assert none == Cost(0, None, None, None, None)
    assert cost() == none


def test_predictors_import_nothing_while_they_are_timed() -> None:
    code = """
import sys
from twopeaks.theory.setting import standard
from twopeaks.validate.scores.predictors import asked, known_predictors
asked((), ())
for predictor in known_predictors():
    if not predictor.declared.gradients:
        before = set(sys.modules)
        predictor(standard("Z11", samples=60))
        new = {name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
        assert not new, (predictor.name, new)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_predictor_declares_is_known_of_its_predictions() -> None:
    setting = standard("Z11", samples=60)
    cells = [cell(70, setting=setting), cell(9, setting=setting, quantity="t_mem")]
    (heights,) = asked(cells, [named("heights-shared", "n_c")])
    assert (heights.gradients_known, heights.amortised) == (True, False)
    (standing,) = boards(cells[:1], [heights])[0].standings
    assert (standing.cost.gradients, standing.cost.amortised) == (0, False)
    (lazy,) = asked(cells, [named("lazy", "t_mem")])
    assert (lazy.gradients_known, lazy.amortised) == (True, True)
    assert lazy.on[1].gradients_used > 100


def test_files_say_how_many_gradients_or_that_they_do_not_know(tmp_path: Path) -> None:
    cells = [cell(900, setting=standard("Z11", samples=60), quantity="t_grok")]
    rows = "group,samples,predictor,quantity,value,seconds{more}\nZ11,60,{name},t_grok,800,2{count}\n"

    def read(name: str, count: int | None) -> Said:
        path = tmp_path / "p.csv"
        more, text = ("", "") if count is None else (",gradients_used", f",{count}")
        path.write_text(rows.format(name=name, more=more, count=text))
        return read_predictions(path, cells)[0][0]

    assert [read("clock", n).gradients_known for n in (None, 640)] == [False, True]
    assert read("clock", 640).on[0].gradients_used == 640
    assert read("clock", None).amortised is True
    (old,) = boards(cells, [read("clock", None)])[0].standings
    assert (old.cost.gradients, old.cost.amortised, old.cost.seconds) == (None, True, 2.0)
    of_others = read("law-of-others", None)
    assert (of_others.gradients_known, of_others.amortised) == (False, None)
    assert read("selection", None).gradients_known  # it declares that it takes none


def test_predictions_that_are_written_hold_their_gradients(tmp_path: Path) -> None:
    cells = [cell(9, setting=standard("Z11", samples=60), quantity="t_mem")]
    (lazy,) = asked(cells, [named("lazy", "t_mem")])
    (tmp_path / "p.csv").write_text(predictions_csv(list(lazy.on.values())))
    (again,) = read_predictions(tmp_path / "p.csv", cells)[0]
    assert again.on[0].gradients_used == lazy.on[0].gradients_used > 0
    assert again.gradients_known
