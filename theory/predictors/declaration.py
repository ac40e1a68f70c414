"""A predictor is one decorated function: `predictor` declares all that is to be known before anybody calls it.

The function takes a `Setting` and returns an `Answer`. The decorator makes a `Predictor` of it, which returns a
`Prediction`: it checks the range, and adds name, problem, time and what is declared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import WRAPPER_ASSIGNMENTS
from typing import Concatenate, Generic, ParamSpec

from twopeaks.theory.predictors.answer import Answer, Prediction, Quantity
from twopeaks.theory.setting import Setting

__all__ = ["Check", "Predictor", "predictor"]

#: Gives the reasons for which a setting lies outside a range; none if it lies inside.
Check = Callable[[Setting], Sequence[str]]

_Options = ParamSpec("_Options")


@dataclass(frozen=True, kw_only=True)
class predictor:  # noqa: N801 - a decorator, like property
    """Declares a predictor, and makes one of the function below it.

    Attributes:
        name: the one name under which it is shown, tabulated and drawn.
        quantity: what it predicts.
        constants: how many constants were fitted to any data, by whoever proposed the law.
        fitted_on: on what they were fitted; empty if there are none.
        assumptions: what must hold for its value to be right.
        refuses: checks of which each reason means that there is no value.
        outside: checks of which each reason means that the value is not valid.
        runs: training runs that it uses.
        gradients: which gradients of the predicted networks themselves it takes; empty if none.
        amortised: which settings share the work of one call; empty if each call does all of its own.

    Example:
        >>> from twopeaks.theory.setting import standard
        >>> @predictor(name="half", quantity="n_c", constants=0, fitted_on="", assumptions=("hope",))
        ... def half(setting: Setting) -> Answer:
        ...     return Answer(setting.task.resolve().order ** 2 / 2)
        >>> half(standard("Z10")).value
        50.0
    """

    name: str
    quantity: Quantity
    constants: int
    fitted_on: str
    assumptions: tuple[str, ...]
    refuses: tuple[Check, ...] = ()
    outside: tuple[Check, ...] = ()
    runs: int = 0
    gradients: str = ""
    amortised: str = ""

    def __call__(self, answer: Callable[Concatenate[Setting, _Options], Answer]) -> Predictor[_Options]:
        """The predictor whose values the function computes."""
        return Predictor(self, answer)


@dataclass(frozen=True, eq=False, repr=False)
class Predictor(Generic[_Options]):
    """A function of a setting that predicts one quantity, and what it declares.

    Attributes:
        declared: by the decorator.
        answer: the decorated function. It checks no range.
    """

    declared: predictor
    answer: Callable[Concatenate[Setting, _Options], Answer]

    def __post_init__(self) -> None:
        # What functools.update_wrapper does, for an object whose fields cannot be set: help and documentation see the
        # decorated function.
        self.__dict__.update(
            {name: getattr(self.answer, name) for name in WRAPPER_ASSIGNMENTS}, __wrapped__=self.answer
        )

    def __repr__(self) -> str:
        return f"<predictor {self.name} of {self.quantity}>"

    @property
    def name(self) -> str:
        """The one name under which it is shown, tabulated and drawn."""
        return self.declared.name

    @property
    def quantity(self) -> Quantity:
        """What it predicts."""
        return self.declared.quantity

    def refusals(self, setting: Setting) -> tuple[str, ...]:
        """Reasons for which it has no value for a setting."""
        return tuple(reason for check in self.declared.refuses for reason in check(setting))

    def outside(self, setting: Setting) -> tuple[str, ...]:
        """Reasons, known before any value is computed, for which its value is not valid for a setting."""
        return tuple(reason for check in self.declared.outside for reason in check(setting))

    def __call__(self, setting: Setting, *args: _Options.args, **options: _Options.kwargs) -> Prediction:
        """Its prediction for a setting.

        Raises:
            InputError: if the setting has not what the law is about, such as a group.
        """
        start, declared = time.perf_counter(), self.declared
        refusals, outside = self.refusals(setting), self.outside(setting)
        answer = Answer() if refusals else self.answer(setting, *args, **options)
        reasons = (*outside, *answer.outside)
        return Prediction(
            predictor=declared.name,
            quantity=declared.quantity,
            value=answer.value,
            low=answer.low,
            high=answer.high,
            constants_fitted=declared.constants if answer.constants_fitted is None else answer.constants_fitted,
            runs_used=declared.runs if answer.runs_used is None else answer.runs_used,
            seconds=round(answer.seconds + time.perf_counter() - start, 6),
            valid=answer.value is not None and not reasons,
            note="; ".join([*refusals, *filter(None, [answer.note]), *reasons]),
            assumptions=declared.assumptions if answer.assumptions is None else answer.assumptions,
            group=setting.task.name,
            setting_id=setting.content_id,
            gradients_used=answer.gradients_used,
            details=answer.details,
        )
