"""Measured again: do the numbers agree with those that were committed, within the intervals of both? No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from twopeaks.validate.measured.cell import Measured, names
from twopeaks.validate.measured.statistics import overlap
from twopeaks.validate.scores.words import measured

__all__ = ["OUTCOMES", "Again", "Outcome", "again", "summary"]

#: How a cell that was measured again compares with the committed one.
Outcome = Literal["same", "within", "apart", "missing", "new"]

#: Outcome -> what it means.
OUTCOMES: dict[Outcome, str] = {
    "same": "the same value, or censored by the same bound",
    "within": "another value, intervals overlap",
    "apart": "intervals do not overlap",
    "missing": "committed, and not measured again",
    "new": "measured now, not committed",
}


@dataclass(frozen=True)
class Again:
    """One cell, before and now.

    Attributes:
        name: of the cell, with its quantity.
        before, now: what was committed, and what was measured again; one of them may be None.
    """

    name: str
    before: Measured | None
    now: Measured | None

    @property
    def outcome(self) -> Outcome:
        """How the two compare."""
        if self.before is None:
            return "new"
        if self.now is None:
            return "missing"
        if self.before.value == self.now.value and (self.now.value is not None or self.before.ends == self.now.ends):
            return "same"
        return "within" if overlap(self.before.ends, self.now.ends) else "apart"

    def __str__(self) -> str:
        """One line."""
        before, now = (None if cell is None else measured(cell) for cell in (self.before, self.now))
        if before is None or now is None:
            return f"{self.name}: {before or now}"
        return f"{self.name}: committed {before}, now {now}"


def again(committed: Sequence[Measured], now: Sequence[Measured]) -> list[Again]:
    """Put cells side by side: those of the same quantity, setting and budget. Budgets that are unknown match any.

    Args:
        committed: measured before.
        now: measured again.
    """
    unmatched = list(now)
    compared: list[Again] = []
    for before, name in zip(committed, _names(committed), strict=True):
        match = next((cell for cell in unmatched if _alike(before, cell)), None)
        unmatched = [cell for cell in unmatched if cell is not match]
        compared.append(Again(name, before, match))
    return compared + [Again(name, None, cell) for cell, name in zip(unmatched, _names(unmatched), strict=True)]


def summary(compared: Sequence[Again]) -> list[str]:
    """Lines: how many came out how, then those that do not agree or are not there."""
    counts = {kind: sum(cell.outcome == kind for cell in compared) for kind in OUTCOMES}
    lines = [f"{count:5d}  {OUTCOMES[kind]}" for kind, count in counts.items() if count]
    for kind in ("apart", "missing"):
        lines += [f"{OUTCOMES[kind]}: {cell}" for cell in compared if cell.outcome == kind]
    return lines or ["nothing was measured"]


def _names(cells: Sequence[Measured]) -> list[str]:
    return [f"{cell.quantity} of {name}" for cell, name in zip(cells, names(cells), strict=True)]


def _alike(one: Measured, other: Measured) -> bool:
    same = (one.quantity, one.setting.content_id) == (other.quantity, other.setting.content_id)
    return same and (one.budget == other.budget or None in (one.budget, other.budget))
