"""How many networks grokked at each size: as numbers, and as the text of one cell of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Rate", "rates_in_old_note", "rates_of", "rates_text", "seeds_late_in_old_note"]

#: Words of notes in tables of version 0.1, which had no columns ``rates`` and ``late``.
_GROKKED, _LATE = "grokked ", " later than the budget"


class Rate(NamedTuple):
    """Networks of one size.

    Attributes:
        samples: n.
        grokked: networks that reached t_grok within the budget.
        members: all networks of this size.
    """

    samples: int
    grokked: int
    members: int


def rates_text(rates: Iterable[Rate]) -> str:
    """``40: 0/8, 44: 3/8, 48: 8/8``."""
    return ", ".join(f"{rate.samples}: {rate.grokked}/{rate.members}" for rate in rates)


def rates_of(text: str) -> tuple[Rate, ...]:
    """Rates from the text that `rates_text` writes.

    Raises:
        ValueError: if the text has another form, or more networks grokked than there are.
    """
    return tuple(_rate(part) for part in text.split(",")) if text.strip() else ()


def _rate(text: str) -> Rate:
    samples, _, share = text.partition(":")
    grokked, _, members = share.partition("/")
    rate = Rate(int(samples), int(grokked), int(members))
    if rate.samples < 1 or not 0 <= rate.grokked <= rate.members or rate.members < 1:
        raise ValueError(text)
    return rate


def rates_in_old_note(note: str) -> tuple[Rate, ...]:
    """Rates of a row of a table of version 0.1, which has them in its note alone; none if the note has no rates."""
    for part in note.split("; "):
        if part.startswith(_GROKKED):
            try:
                return rates_of(part.removeprefix(_GROKKED))
            except ValueError:
                return ()
    return ()


def seeds_late_in_old_note(note: str) -> int | None:
    """How many networks a note of version 0.1 calls later than the budget; None if it calls none so."""
    for part in note.split("; "):
        late = part.removesuffix(_LATE).split(" of ")
        if part.endswith(_LATE) and len(late) == 2 and all(number.isdecimal() for number in late):
            return int(late[0])
    return None
