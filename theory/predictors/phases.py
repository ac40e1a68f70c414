"""n_c and test accuracy of networks whose blocks generalise one by one (`theory.heights.phases`)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from twopeaks.theory.groups import Group
from twopeaks.theory.heights.memorising import LARGEST_ORDER, LEAST_ORDER
from twopeaks.theory.heights.phases import Block, accuracy_at, blocks
from twopeaks.theory.predictors.answer import Answer
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.predictors.ranges import not_norm_descent, not_square_mse
from twopeaks.theory.setting import TRANSITIONS, Setting

__all__ = ["SPREAD", "not_in_range_of_phases", "phases_accuracy", "phases_form"]

#: Learning rate at which `theory.heights.phases.STEP` was fitted.
_RATE = 1e-3
#: Root mean square of ln(measured/predicted) of n_c over 13 groups of order 17 to 31 that were known while this was
#: built (Z17, Z19, Z23, Z31, Z24, Z2xZ2xZ5, Z2xZ2xZ6, D9, D10, D12, S4, D4xZ3, Q8xZ3). Intervals are 1.96 of it.
SPREAD = 0.037
#: Shift of ln n_rho at either end of an interval.
_SHIFT = 1.96 * SPREAD

_TOO_SMALL = f"the law of memorising begins at M = {LEAST_ORDER}"
_FITTED_ON = (
    "three on norms of networks that memorise random labels, one on labels that are random within cosets (S4), "
    "two on the accuracy of Z23, one on n_c of S4 and Q8xZ3; the noise is chosen"
)
_ASSUMPTIONS = (
    "a network that knows some blocks by rule and memorises the rest has a norm on the line between both",
    "each block is built as cheaply as is known",
    "memorising costs what random labels do",
    "how far blocks get within the budget is what it is for Z23 in 20,000 steps of Adam at rate 1e-3",
)


def not_in_range_of_phases(setting: Setting) -> list[str]:
    """Why the law of memorising or the step of a block was not seen for such a group or rule.

    Raises:
        InputError: if the task is not about a group.
    """
    reasons, rule, order = [], setting.optimizer, setting.task.resolve().order
    if order > LARGEST_ORDER:
        reasons.append(f"the law of memorising was seen up to M = {LARGEST_ORDER}, not {order}")
    if rule.name != "adam" or rule.lr != _RATE:
        reasons.append(f"the step of a block was fitted with Adam at rate {_RATE:g}")
    return reasons


@predictor(
    name="heights-phases",
    quantity="n_c",
    constants=8,
    fitted_on=_FITTED_ON,
    assumptions=_ASSUMPTIONS,
    outside=(not_square_mse, not_norm_descent, not_in_range_of_phases),
)
def phases_form(setting: Setting) -> Answer:
    """n_c where the test accuracy within the budget reaches that of t_grok, blocks generalising one by one.

    Eight constants in all, none of them fitted on a network of the group that is predicted (but for Z23, S4 and
    Q8xZ3): three of memorising (`theory.heights.memorising.LAW`), `theory.heights.phases.REMAINDER`, four of the step
    of a block (`theory.heights.phases.STEP`). The interval is that of `SPREAD`, which more groups had a part in.

    Raises:
        InputError: if the task is not about a group.
    """
    group, width = setting.task.resolve(), setting.network.width
    if group.order < LEAST_ORDER:
        return Answer(note=_TOO_SMALL)
    parts = blocks(group, setting.optimizer.weight_decay)
    value, low, high = (_transition(group, parts, shift) for shift in (0.0, -_SHIFT, _SHIFT))
    if value is None:
        return Answer(note="no n of the table reaches the accuracy of t_grok", details=_details(parts))
    kinds = ", ".join(f"{kind} from {n:.0f}" for kind, n in _first_of_each_kind(parts).items())
    outside = f"memorising takes {value / 2:.0f} nodes, the network has {width}"
    return Answer(
        value,
        low,
        high,
        note=f"{kinds}; interval by the spread over groups seen before",
        outside=(outside,) if width < value / 2 else (),
        details=_details(parts),
    )


@predictor(
    name="heights-phases",
    quantity="test_accuracy",
    constants=8,
    fitted_on=_FITTED_ON,
    assumptions=_ASSUMPTIONS,
    outside=(not_square_mse, not_norm_descent, not_in_range_of_phases),
)
def phases_accuracy(setting: Setting) -> Answer:
    """Test accuracy at the end of the budget for the setting's n, from the same eight constants.

    Raises:
        InputError: if the task is not about a group.
    """
    group, n = setting.task.resolve(), setting.task.samples
    if group.order < LEAST_ORDER:
        return Answer(note=_TOO_SMALL)
    parts = blocks(group, setting.optimizer.weight_decay)
    value, low, high = (accuracy_at(group, parts, n, shift=shift) for shift in (0.0, _SHIFT, -_SHIFT))
    note = "interval by the spread of n_c over groups seen before"
    return Answer(value, min(value, low), max(value, high), note, details=_details(parts))


def _first_of_each_kind(parts: Sequence[Block]) -> dict[str, float]:
    """Least n_rho of each kind of blocks, the first to generalise first."""
    first: dict[str, float] = {}
    for part in sorted(parts, key=lambda part: part.crossing):
        first.setdefault(str(part.kind), part.crossing)
    return first


def _details(parts: Sequence[Block]) -> dict[str, float]:
    """Least n_rho of each kind of blocks that ever generalise."""
    return {f"n_rho, {kind}": n for kind, n in _first_of_each_kind(parts).items() if math.isfinite(n)}


def _transition(group: Group, parts: Sequence[Block], shift: float) -> float | None:
    """Least n at which the accuracy reaches the level of t_grok, to one part in a thousand; None if none does."""
    level, low, high = TRANSITIONS["t_grok"].level, 1.0, float(group.order**2 - 1)
    if accuracy_at(group, parts, high, shift=shift) < level:
        return None
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        reached = accuracy_at(group, parts, middle, shift=shift) >= level
        low, high = (low, middle) if reached else (middle, high)
    return (low + high) / 2
