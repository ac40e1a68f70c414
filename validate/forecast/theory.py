"""What theory knows of a setting before it is trained, in the numbers that forecasts use. No torch here.

Theory is asked for the standard rate and coupled decay: `theory.predictors.phases` holds at that rate, and a decoupled
decay is another kind of number. Forecasts are told separately which optimizer it is.
"""

from __future__ import annotations

from functools import lru_cache

from twopeaks.theory.heights.memorising import LARGEST_ORDER
from twopeaks.theory.heights.phases import Block, blocks, learned
from twopeaks.theory.predictors.heights import shared_form
from twopeaks.theory.predictors.phases import phases_form
from twopeaks.theory.setting import Optimizer, Setting

__all__ = ["held_share", "phases_size", "shared_size", "transition_size"]

#: Decay for which n_c is computed where the setting's own is decoupled, and so another kind of number.
_DECAY = 2e-4


def transition_size(setting: Setting) -> float | None:
    """n_c by ``heights-phases`` where it holds, else by ``heights-shared``; None where neither does."""
    return phases_size(setting) or shared_size(setting)


def phases_size(setting: Setting) -> float | None:
    """n_c of `twopeaks.theory.predictors.phases.phases_form` for this network; None where it does not hold."""
    return _phases_size(_asked(setting)) if setting.task.has_group else None


def shared_size(setting: Setting) -> float | None:
    """n_c of `twopeaks.theory.predictors.heights.shared_form` for this network; None where it does not hold."""
    return _shared_size(_asked(setting)) if setting.task.has_group else None


def held_share(setting: Setting) -> float:
    """Share of a label that memory still holds at the setting's n when training ends: sum_rho D_rho (1 - g_rho)/(M-1).

    Blocks are those of `theory.predictors.phases.blocks`, g_rho their `learned` share over what decay leaves of them.

    Args:
        setting: one that has a `phases_size`.
    """
    order = setting.task.resolve().order
    parts = _parts(_asked(setting))
    shares = [learned(part, setting.task.samples, order) / part.kept for part in parts]
    return 1 - sum(part.kind.functions * g for part, g in zip(parts, shares, strict=True)) / (order - 1)


def _asked(setting: Setting) -> Setting:
    """The setting that theory is asked about: n_c depends neither on n nor, as far as is known, on the rate."""
    rule = setting.optimizer
    decay = _DECAY if rule.decoupled or rule.weight_decay == 0 else rule.weight_decay
    task = setting.task.model_copy(update={"samples": setting.task.resolve().order})
    return setting.model_copy(update={"optimizer": Optimizer(weight_decay=decay), "task": task})


@lru_cache(maxsize=1024)
def _parts(setting: Setting) -> tuple[Block, ...]:
    return blocks(setting.task.resolve(), setting.optimizer.weight_decay)


@lru_cache(maxsize=1024)
def _phases_size(setting: Setting) -> float | None:
    if setting.task.resolve().order > LARGEST_ORDER:
        return None
    prediction = phases_form(setting)
    return prediction.value if prediction.valid else None


@lru_cache(maxsize=1024)
def _shared_size(setting: Setting) -> float | None:
    prediction = shared_form(setting)
    return prediction.value if prediction.valid else None
