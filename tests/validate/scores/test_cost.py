"""What predictions cost: sums over cells, each integration and each answer counted once."""

from __future__ import annotations

import pytest

from tests.validate.scores.test_scoreboard import cell, saying
from twopeaks.theory.setting import standard
from twopeaks.validate.measured.cell import Measured
from twopeaks.validate.scores.cost import Cost, cost_of


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
