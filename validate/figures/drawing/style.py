"""The colours of what is drawn, the same in every figure and on every page; colour-blind safe (Okabe & Ito)."""

from __future__ import annotations

__all__ = ["COLOURS", "FADED", "INK", "PREDICTORS", "VERDICTS"]

#: Text and lines, and what steps back.
INK, FADED = "#222222", "#8a8a8a"
#: What is drawn -> its colour, the same in every figure.
COLOURS = {
    "generalising": "#0072B2",
    "memorising": "#D55E00",
    "partial": "#CC79A7",
    "measured": "#999999",
}
#: predictor -> (colour, line style, name shown)
PREDICTORS: dict[str, tuple[str, str, str]] = {
    "paper-law": ("#009E73", (0, (1, 1.5)), "paper's law, 2.7482 M log M"),  # type: ignore[dict-item]
    "heights-closed-form": ("#E69F00", "--", "peak heights, closed form"),
    "heights-shared": ("#CC79A7", "-.", "peak heights, blocks that share"),
    "heights-phases": ("#D55E00", (0, (5, 1, 1, 1)), "peak heights, block by block"),  # type: ignore[dict-item]
    "heights-calibrated": ("#0072B2", "-", "peak heights, calibrated on controls"),
    "heights-phases-calibrated": ("#56B4E9", (0, (3, 1)), "block by block, calibrated on controls"),  # type: ignore[dict-item]
}
#: verdict -> (colour, marker in figures, sign in text)
VERDICTS: dict[str, tuple[str, str, str]] = {
    "supported": (COLOURS["generalising"], "o", "✓"),
    "refuted": (COLOURS["memorising"], "X", "✗"),
    "undecided": (FADED, "D", "?"),
}
