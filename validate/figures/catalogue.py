"""Every figure for print, in the order in which they are listed."""

from __future__ import annotations

import difflib

from twopeaks.theory.errors import InputError
from twopeaks.validate.figures.drawing.entry import Entry

__all__ = ["CATALOGUE", "entry"]


def entry(name: str) -> Entry:
    """The figure of this name.

    Raises:
        InputError: if there is none.
    """
    for one in CATALOGUE:
        if one.name == name:
            return one
    near = difflib.get_close_matches(name, [one.name for one in CATALOGUE], n=1)
    remedy = f"did you mean {near[0]}?" if near else "`twopeaks figures` lists them"
    raise InputError("NAME", "a figure of the catalogue", name, remedy)


#: In the order in which they are listed.
CATALOGUE: tuple[Entry, ...] = (
    Entry(
        "two-peaks",
        "Heights of the memorising and the generalising peak over data size, and what networks do",
        sources=(
            "transitions/measured.csv",
            "transitions/predictions.csv",
            "transitions/calibrated.csv",
        ),
    ),
    Entry(
        "predicted-n-c",
        "Training pairs from which half of the networks grok, predicted and measured, for 28 groups",
        sources=(
            "transitions/measured.csv",
            "transitions/predictions.csv",
            "decisive/measured.csv",
            "decisive/predictions.csv",
            "decay-width/measured.csv",
            "decay-width/predictions.csv",
        ),
    ),
    Entry(
        "predicted-t-grok",
        "Steps to grokking, predicted and measured, for gradient descent, Adam and AdamW",
        sources=(
            "times-gd/measured.csv",
            "times-gd/predictions.csv",
            "times-gd/flow.csv",
            "times-adam/measured.csv",
            "times-adam/predictions.csv",
            "times-adam/rivals.csv",
        ),
    ),
    Entry(
        "growth",
        "Growth of n_c with the order of the group, and evidence between laws",
        sources=(
            "transitions/measured.csv",
            "transitions/predictions.csv",
            "decisive/measured.csv",
            "decisive/predictions.csv",
        ),
    ),
    Entry(
        "irreps-one-by-one",
        "Irreducible representations appear one by one as data grow",
        sources=("transitions/accuracy.csv",),
        trained=True,
    ),
    Entry(
        "features-on-the-group",
        "Features of trained networks as seen on the group: frequencies, phases, representations",
        trained=True,
    ),
    Entry(
        "ascents",
        "Ascents of the energy of one node, to peaks that memorise or generalise",
        sources=("transitions/measured.csv",),
    ),
    Entry(
        "forecast-scores",
        "Forecasts of runs: calibration, error of the time, whether they grok",
        sources=(
            "forecast/scores.json",
            "forecast/scores-transitions-new.json",
            "forecast/scores-decay-width.json",
            "forecast/scores-times-gd.json",
        ),
        made="twopeaks forecast STORES --score --out results/forecast",
    ),
    Entry(
        "dynamics",
        "Training with weight decay and without: accuracy, loss, gradient on features, steps, overlap",
        paper="Fig. 3",
        trained=True,
    ),
    Entry("phase-diagrams", "Groups that are learned from which share of their table", paper="Fig. 5", trained=True),
    Entry(
        "learning-rates",
        "Test accuracy near the threshold at small and large learning rates",
        paper="Fig. 6",
        trained=True,
    ),
    Entry(
        "node-energies",
        "Energy of the nodes of trained networks at small and large learning rates",
        paper="Fig. 7",
        trained=True,
    ),
    Entry(
        "muon-width",
        "Muon against Adam in narrow networks: test loss and frequencies learned against the width",
        paper="Fig. 8",
        trained=True,
    ),
    Entry("depth", "Two, three and four layers", paper="Fig. 9", trained=True),
    Entry("complex-weights", "Real and complex weights", paper="Figs. 10-11", trained=True),
    Entry("ridge", "The last layer trained, or solved by ridge regression", paper="Figs. 12-13", trained=True),
    Entry("zero-init", "The last layer from random weights, or from zero", paper="Figs. 14-17", trained=True),
)
