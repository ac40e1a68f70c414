"""Every figure for print: its name, what it shows, what its numbers come from.

Modules are imported when they are needed. A module of a figure has

* ``CAPTION``: what a reader needs under it: networks, seeds, budget, intervals, what lines and colours are;
* ``fig_NAME(table, ax=None) -> (figure, axes)``: draws a table of numbers and computes nothing but places;
* ``gather(results) -> table``: those numbers, from a folder of committed results, which `Entry` sees to be there;
* where networks are trained for this figure alone, ``reduce(folder) -> table`` for the folder of the sweep whose
  description is ``validate/data/figures/NAME.toml``, or ``measure(runtime, stage) -> table`` where weights are needed,
  which sweeps do not store. Then ``gather`` reads ``results/figures/NAME.csv``, which is what these two have made.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from theory.errors import InputError

__all__ = ["CATALOGUE", "Draw", "Entry", "MissingError", "entry", "read_table", "usable"]

_AGAIN = "take the committed ones again"

#: (table, ax=None) -> (figure, axes).
Draw = Callable[..., tuple[Figure, Axes | Sequence[Axes]]]


class MissingError(Exception):
    """No results that a figure could be drawn from; the text is the path of the first file that is not there."""


@dataclass(frozen=True)
class Entry:
    """One figure.

    Attributes:
        name: of the figure, its files, and (with underscores) its module and function.
        title: what it shows, in a few words.
        paper: the figure of arXiv 2509.21519 whose counterpart it is, or nothing.
        sources: files of the results folder that it is made from, besides its own.
        trained: whether networks are trained for it alone, by a sweep or by its own ``measure``.
        made: command that makes its sources, where `make reproduce` does not.
    """

    name: str
    title: str
    paper: str = ""
    sources: tuple[str, ...] = ()
    trained: bool = False
    made: str = ""

    @property
    def under(self) -> str:
        """Its name as Python has it."""
        return self.name.replace("-", "_")

    @property
    def caption(self) -> str:
        """What a reader needs under it."""
        return " ".join(str(self._module().CAPTION).split())

    @property
    def files(self) -> tuple[str, ...]:
        """Paths below the results folder."""
        return (f"figures/{self.name}.csv", *self.sources) if self.trained else self.sources

    @property
    def spec(self) -> Path | None:
        """Description of the sweep that it needs, if it is made by one."""
        path = Path(str(files("validate"))) / "data" / "figures" / f"{self.name}.toml"
        return path if path.exists() else None

    @property
    def remake(self) -> str:
        """The command that makes what it is drawn from."""
        if self.made:
            return self.made
        if self.trained:
            return f"twopeaks figures {self.name} --measure"
        folders = " ".join(dict.fromkeys(path.partition("/")[0] for path in self.sources))
        return f'make reproduce ONLY="{folders}"'

    def function(self, what: str) -> Callable[..., Any] | None:
        """A function of its module: ``draw``, ``gather``, ``reduce`` or ``measure``; None if it has no such one."""
        found = getattr(self._module(), f"fig_{self.under}" if what == "draw" else what, None)
        return found if callable(found) else None

    def _module(self) -> Any:
        return import_module(f"validate.figures.{self.under}")

    def gather(self, results: Path) -> pl.DataFrame:
        """The numbers it shows.

        Raises:
            MissingError: if there are none in this folder.
            InputError: if its files are not what the figure is made from.
        """
        for path in self.files:
            if not (results / path).exists():
                raise MissingError(str(results / path))
        made = self.function("gather")
        with usable(f"{', '.join(self.files)} in {results}", "tables as the repository has them"):
            return read_table(results / self.files[0]) if made is None else made(results)

    def draw(self, table: pl.DataFrame) -> Figure:
        """The figure, in the style that is in force."""
        draw = self.function("draw")
        if draw is None:
            raise InputError("NAME", "a figure with a function that draws it", self.name, "see `twopeaks figures`")
        figure: Figure = draw(table)[0]
        return figure


@contextmanager
def usable(numbers: str, expectation: str, remedy: str = _AGAIN) -> Iterator[None]:
    """Numbers can be damaged in more ways than can be looked for: whatever that leads to is said of them in one line.

    Raises:
        InputError: in place of what arises in the block.
    """
    try:
        yield
    except InputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise InputError(numbers, expectation, reason, remedy) from error


def read_table(path: Path) -> pl.DataFrame:
    """A table of numbers for a figure.

    Raises:
        InputError: if it cannot be read as CSV, or a number in it is not finite (one that is missing is left empty).
    """
    try:
        table = pl.read_csv(path, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(str(path), "a CSV file of numbers", reason, _AGAIN) from error
    for column in table.select(pl.col(pl.Float64)):
        if not column.drop_nulls().is_finite().all():
            raise InputError(f"{path}, {column.name}", "finite numbers", "NaN or infinity", _AGAIN)
    return table


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
