"""An entry of the catalogue of figures: its name, what it shows, what its numbers come from.

Modules are imported when they are needed. A module of a figure has

* ``CAPTION``: what a reader needs under it: networks, seeds, budget, intervals, what lines and colours are;
* ``fig_NAME(table, ax=None) -> (figure, axes)``: draws a table of numbers and computes nothing but places;
* ``gather(results) -> table``: those numbers, from a folder of committed results, which `Entry` sees to be there;
* where networks are trained for this figure alone, ``reduce(folder) -> table`` for the folder of the sweep whose
  description is ``validate/figures/of_paper/sweeps/NAME.toml``, or ``measure(runtime, stage) -> table`` where weights
  are needed, which sweeps do not store. Then ``gather`` reads ``results/figures/NAME.csv``, which is what these two
  have made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.theory.errors import InputError

__all__ = ["Draw", "Entry", "MissingError", "read_table", "usable"]

_AGAIN = "take the committed ones again"

#: (table, ax=None) -> (figure, axes).
Draw = Callable[..., tuple[Figure, Axes | Sequence[Axes]]]


class MissingError(Exception):
    """No results that a figure could be drawn from; the text is the path of the first file that is not there."""


#: Where the modules of figures are.
_ROOMS = ("twopeaks.validate.figures.of_paper", "twopeaks.validate.figures.of_results")


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
        path = Path(str(files("twopeaks.validate.figures.of_paper"))) / "sweeps" / f"{self.name}.toml"
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
        room = next(room for room in _ROOMS if find_spec(f"{room}.{self.under}"))
        return import_module(f"{room}.{self.under}")

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
