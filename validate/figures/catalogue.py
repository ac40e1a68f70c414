"""Every figure for print, in the order in which they are listed."""

from __future__ import annotations

import difflib

from twopeaks.theory.errors import InputError
from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.of_paper import (
    ascents,
    dynamics,
    features_on_the_group,
    irreps_one_by_one,
    kinds_of_training,
    learning_rates,
    muon_width,
    node_energies,
    phase_diagrams,
)
from twopeaks.validate.figures.of_results import forecast_scores, growth, predicted_n_c, predicted_t_grok, two_peaks

__all__ = ["CATALOGUE", "entry"]

#: Every figure.
CATALOGUE: tuple[Entry, ...] = (
    two_peaks.FIGURE,
    predicted_n_c.FIGURE,
    predicted_t_grok.FIGURE,
    growth.FIGURE,
    irreps_one_by_one.FIGURE,
    features_on_the_group.FIGURE,
    ascents.FIGURE,
    forecast_scores.FIGURE,
    dynamics.FIGURE,
    phase_diagrams.FIGURE,
    learning_rates.FIGURE,
    node_energies.FIGURE,
    muon_width.FIGURE,
    kinds_of_training.DEPTH,
    kinds_of_training.COMPLEX_WEIGHTS,
    kinds_of_training.RIDGE,
    kinds_of_training.ZERO_INIT,
)


def entry(name: str) -> Entry:
    """The figure of this name.

    Raises:
        InputError: if there is none.
    """
    for figure in CATALOGUE:
        if figure.name == name:
            return figure
    near = difflib.get_close_matches(name, [figure.name for figure in CATALOGUE], n=1)
    remedy = f"did you mean {near[0]}?" if near else "`twopeaks figures` lists them"
    raise InputError("NAME", "a figure of the catalogue", name, remedy)
