"""Names and colours of predictors, as figures have them; those that figures do not know keep their own name."""

from __future__ import annotations

from twopeaks.validate.figures.drawing.style import FADED, PREDICTORS

__all__ = ["colour_of", "label_of"]


def label_of(predictor: str) -> str:
    """Name for a reader."""
    return PREDICTORS[predictor][2] if predictor in PREDICTORS else predictor


def colour_of(predictor: str) -> str:
    """Colour in figures."""
    return PREDICTORS[predictor][0] if predictor in PREDICTORS else FADED
