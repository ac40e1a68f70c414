"""Style sheets for print: serif or sans, one or two columns; and panels whose number in a row follows the width."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Literal, get_args

import matplotlib
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.theory.errors import InputError

__all__ = ["FACES", "Columns", "Face", "figure_of", "letters", "narrow", "panels", "sheet"]

#: Typeface of a figure.
Face = Literal["sans", "serif"]
#: Width of a figure in columns of a page.
Columns = Literal[1, 2]
#: Every typeface.
FACES: tuple[Face, ...] = get_args(Face)

_WIDTHS: dict[Columns, str] = {1: "one-column", 2: "two-columns"}
#: Inches below which a figure is one column wide.
_NARROW = 5.0


@contextmanager
def sheet(face: Face = "sans", columns: Columns = 2) -> Iterator[None]:
    """Draw and save in one style; matplotlib's settings are as before when the context ends.

    The sheets lie in ``validate/figures/styles`` and can be used with `matplotlib.style` as well.

    Args:
        face: of the letters; both come with matplotlib and are embedded in PDFs as TrueType.
        columns: how wide: one column (89 mm) or two (183 mm).

    Raises:
        InputError: for another face or width.
    """
    if face not in FACES:
        raise InputError("--face", " or ".join(FACES), face, "sans is the default")
    if columns not in _WIDTHS:
        raise InputError("--columns", "1 or 2", columns, "2 is the default")
    folder = files("twopeaks.validate.figures.drawing") / "styles"
    with style.context([str(folder / f"{name}.mplstyle") for name in ("base", face, _WIDTHS[columns])]):
        yield


def narrow() -> bool:
    """Whether figures are one column wide in the style that is in force."""
    return float(matplotlib.rcParams["figure.figsize"][0]) < _NARROW


def panels(
    ax: Axes | Sequence[Axes] | None,
    count: int = 1,
    *,
    across: int = 2,
    aspect: float = 0.62,
    share_x: bool = False,
    share_y: bool = False,
) -> list[Axes]:
    """The axes that were given, or those of a new figure as wide as the style says.

    Args:
        ax: where to draw; a figure of its own if None.
        count: panels needed.
        across: in a row, at two columns' width; at one column's they stand below each other.
        aspect: height of a panel over its width.
        share_x: whether all panels have one scale below.
        share_y: whether all panels have one scale at the left.

    Raises:
        InputError: if another number of axes was given.
    """
    if ax is not None:
        given = [ax] if isinstance(ax, Axes) else list(ax)
        if len(given) != count:
            raise InputError("ax", f"{count} axes", len(given), "leave it out for a figure of its own")
        return given
    width = float(matplotlib.rcParams["figure.figsize"][0])
    columns = 1 if narrow() else min(across, count)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(width, rows * aspect * width / columns), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=share_x, sharey=share_y, squeeze=False)
    made = [one for row in grid for one in row]
    for spare in made[count:]:
        spare.remove()
    return made[:count]


def letters(axes: Sequence[Axes], titles: Sequence[str] = ()) -> None:
    """A bold letter at the left above each panel, from a on; beside it a few words, if there are any."""
    for place, (ax, words) in enumerate(zip(axes, titles or [""] * len(axes), strict=True)):
        ax.set_title(rf"$\mathbf{{{chr(ord('a') + place)}}}$  {words}".rstrip(), loc="left")


def figure_of(axes: Sequence[Axes]) -> Figure:
    """The figure that these belong to.

    Raises:
        InputError: if they belong to none.
    """
    figure = axes[0].get_figure(root=True)
    if figure is None:
        raise InputError("ax", "axes of a figure", "axes that were removed", "leave it out for a figure of its own")
    return figure
