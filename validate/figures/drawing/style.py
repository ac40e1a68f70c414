"""The colours of what is drawn, the same in every figure and on every page; colour-blind safe (Okabe & Ito)."""

from __future__ import annotations

import zlib

__all__ = ["COLOURS", "FADED", "INK", "PREDICTORS", "VERDICTS", "LineStyle", "look_of"]

#: Text and lines, and what steps back.
INK, FADED = "#222222", "#8a8a8a"
#: What is drawn -> its colour, the same in every figure.
COLOURS = {
    "generalising": "#0072B2",
    "memorising": "#D55E00",
    "partial": "#CC79A7",
    "measured": "#999999",
}
#: A line style of matplotlib: a name, or an offset with lengths of dashes and gaps.
LineStyle = str | tuple[float, tuple[float, ...]]
#: Known predictor -> (colour, line style); `look_of` has one for every other.
PREDICTORS: dict[str, tuple[str, LineStyle]] = {
    "paper-law": ("#009E73", (0, (1, 1.5))),
    "heights-closed-form": ("#E69F00", "--"),
    "heights-shared": ("#CC79A7", "-."),
    "heights-phases": ("#D55E00", (0, (5, 1, 1, 1))),
    "heights-calibrated": ("#0072B2", "-"),
    "heights-phases-calibrated": ("#56B4E9", (0, (3, 1))),
}
#: Colours of all other predictors, and their line style.
_MORE: tuple[str, ...] = ("#8C6D31", "#332288", "#44AA99", "#AA4499", "#117733", "#882255")
_MORE_LINE: LineStyle = (0, (4, 1, 1, 1, 1, 1))
#: verdict -> (colour, marker in figures, sign in text)
VERDICTS: dict[str, tuple[str, str, str]] = {
    "supported": (COLOURS["generalising"], "o", "✓"),
    "refuted": (COLOURS["memorising"], "X", "✗"),
    "undecided": (FADED, "D", "?"),
}


def look_of(predictor: str) -> tuple[str, LineStyle]:
    """Colour and line style of any predictor, the same in every figure and every session."""
    more = _MORE[zlib.crc32(predictor.encode()) % len(_MORE)]
    return PREDICTORS.get(predictor, (more, _MORE_LINE))
