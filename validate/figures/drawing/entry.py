"""An entry of the catalogue of figures: its name, what it shows, what its numbers come from.

Each module of a figure declares one. Libraries that train or compute (torch, scipy, sympy) are imported by the
functions that need them: the list of figures is shown, and a figure drawn, without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.theory.errors import InputError
from twopeaks.validate.figures.drawing.tables import AGAIN, read_table

if TYPE_CHECKING:
    from twopeaks.sim.network.runtime import Runtime

__all__ = ["Draw", "Entry", "Measure", "MissingError", "Stage", "usable"]

#: (table, ax=None) -> (figure, axes): draws a table of numbers and computes nothing but places.
Draw = Callable[..., tuple[Figure, Axes | Sequence[Axes]]]
#: (name, total) -> a function that is called with every number of steps done.
Stage = Callable[[str, int], Callable[[int], None]]
#: (where to train, progress) -> the table of a figure, from networks trained now.
Measure = Callable[["Runtime", Stage], pl.DataFrame]


class MissingError(Exception):
    """No results that a figure could be drawn from; the text is the path of the first file that is missing."""


@dataclass(frozen=True)
class Entry:
    """One figure.

    Attributes:
        name: of the figure and its files.
        title: what it shows, in a few words.
        caption: what a reader needs under it: networks, seeds, budget, intervals, what lines and colours are.
        drawing: the function that draws its table.
        paper: the figure of arXiv 2509.21519 whose counterpart it is, or nothing.
        sources: files of the results folder that it is made from, besides its own.
        numbers: makes its table from the results folder; without it, the table is the first of its files.
        reduce: makes its own file from the folder of a trained sweep, the one that `spec` describes.
        measure: trains networks and makes its own file from their weights, which sweeps do not store.
        made: command that makes its sources, where `make reproduce` does not.
    """

    name: str
    title: str
    caption: str
    drawing: Draw
    paper: str = ""
    sources: tuple[str, ...] = ()
    numbers: Callable[[Path], pl.DataFrame] | None = None
    reduce: Callable[[Path], pl.DataFrame] | None = None
    measure: Measure | None = None
    made: str = ""

    def __post_init__(self) -> None:
        """Make the caption one line."""
        object.__setattr__(self, "caption", " ".join(self.caption.split()))

    @property
    def trained(self) -> bool:
        """Whether networks are trained for it alone."""
        return self.reduce is not None or self.measure is not None

    @property
    def files(self) -> tuple[str, ...]:
        """Paths below the results folder."""
        return (f"figures/{self.name}.csv", *self.sources) if self.trained else self.sources

    @property
    def spec(self) -> Path | None:
        """Description of the sweep that it is made by, if there is one."""
        folder = Path(str(files("twopeaks.validate.figures.of_paper"))) / "sweeps"
        return None if self.reduce is None else folder / f"{self.name}.toml"

    @property
    def remake(self) -> str:
        """The command that makes what it is drawn from."""
        if self.made:
            return self.made
        if self.trained:
            return f"twopeaks figures {self.name} --measure"
        folders = " ".join(dict.fromkeys(path.partition("/")[0] for path in self.sources))
        return f'make reproduce ONLY="{folders}"'

    def gather(self, results: Path) -> pl.DataFrame:
        """The numbers it shows.

        Raises:
            MissingError: if there are none in this folder.
            InputError: if its files are not what the figure is made from.
        """
        for path in self.files:
            if not (results / path).exists():
                raise MissingError(str(results / path))
        with usable(f"{', '.join(self.files)} in {results}", "tables as the repository has them"):
            return read_table(results / self.files[0]) if self.numbers is None else self.numbers(results)

    def draw(self, table: pl.DataFrame) -> Figure:
        """The figure, in the style that is in force."""
        return self.drawing(table)[0]


@contextmanager
def usable(numbers: str, expectation: str, remedy: str = AGAIN) -> Iterator[None]:
    """Report whatever damaged numbers lead to in one line: they can be damaged in more ways than can be checked.

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
