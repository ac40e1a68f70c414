"""What predictions cost: sums over cells, against what training the same cells cost.

A median over cells would hide work that is done once and kept: an answer from a cache is not free, somebody paid for
it. So seconds are summed over cells, and where one integration serves many cells that is said beside the sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.setting import Setting
from twopeaks.validate.measured.cell import Measured

__all__ = ["Cost", "cost_of"]

#: Rate and decay that stand for all: settings that differ in these alone may share an integration.
_HELD = {"lr": 1e-3, "weight_decay": 2e-4}


@dataclass(frozen=True)
class Cost:
    """Of one predictor, on the cells where it has a value and its seconds are known.

    Attributes:
        cells: how many these are.
        seconds: of predicting, summed over their settings; None where no seconds are known.
        training_seconds: of training, of one thread, summed over the cells; None unless they are known for all.
        gradients: gradients of the predicted networks that the values needed, each integration counted once; None
            where they are not known.
        amortised: whether the work of one call serves several cells; None where that is not known.
    """

    cells: int
    seconds: float | None
    training_seconds: float | None
    gradients: int | None
    amortised: bool | None

    @property
    def ratio(self) -> float | None:
        """Seconds of predicting over seconds of training the same cells."""
        if self.seconds is None or not self.training_seconds:
            return None
        return self.seconds / self.training_seconds


def cost_of(answered: Iterable[tuple[Measured, Prediction]], *, gradients_known: bool, amortised: bool | None) -> Cost:
    """The cost of predictions on measured cells.

    Args:
        answered: cells with their predictions; those without a value do not count.
        gradients_known: whether `Prediction.gradients_used` says how many there were.
        amortised: as in `Cost`.
    """
    valued = [(cell, prediction) for cell, prediction in answered if prediction.value is not None]
    integrations = {(_problem(cell.setting), prediction.gradients_used) for cell, prediction in valued}
    gradients = sum(count for _, count in integrations) if gradients_known and valued else None
    timed = [(cell, prediction) for cell, prediction in valued if prediction.seconds]
    training = [cell.seconds_of_training for cell, _ in timed]
    known = [seconds for seconds in training if seconds]
    # Cells that differ in their budget have one setting, about which a predictor is asked once.
    asked = {cell.setting.content_id: prediction.seconds for cell, prediction in timed}
    return Cost(
        len(timed),
        sum(asked.values()) if timed else None,
        sum(known) if timed and len(known) == len(training) else None,
        gradients,
        amortised if valued else None,
    )


def _problem(setting: Setting) -> str:
    """Tells settings apart but for rate and decay."""
    return setting.model_copy(update={"optimizer": setting.optimizer.model_copy(update=_HELD)}).content_id
