"""The axes of a figure: where panels stand, the letters above them, the labels beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.theory.errors import InputError
from twopeaks.validate.figures.drawing.style import INK

__all__ = ["axes", "figure_of", "finish", "letters", "narrow", "panels"]

#: Inches below which a figure is one column wide.
_NARROW = 5.0


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
        places = [ax] if isinstance(ax, Axes) else list(ax)
        if len(places) != count:
            raise InputError("ax", f"{count} axes", len(places), "leave it out for a figure of its own")
        return places
    width = float(matplotlib.rcParams["figure.figsize"][0])
    columns = 1 if narrow() else min(across, count)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(width, rows * aspect * width / columns), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=share_x, sharey=share_y, squeeze=False)
    made = list(grid.flat)
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


def axes(rows: int = 1, heights: tuple[float, ...] = (1.0,), size: tuple[float, float] = (7.0, 5.0)) -> list[Axes]:
    """Stacked axes that share x, on a figure of their own (no global state)."""
    figure = Figure(figsize=size, layout="constrained", dpi=150)
    grid = figure.subplots(rows, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    return [row[0] for row in grid]


def finish(ax: Axes, xlabel: str | None, ylabel: str) -> None:
    """Labels, and no frame above or to the right."""
    if xlabel is not None:
        ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=INK, labelsize=9)
