"""Style sheets for print: letters with serifs or without, one column or two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Literal, get_args

from matplotlib import style

from twopeaks.theory.errors import InputError

__all__ = ["FACES", "Columns", "Face", "sheet"]

#: Typeface of a figure.
Face = Literal["sans", "serif"]
#: Width of a figure in columns of a page.
Columns = Literal[1, 2]
#: Every typeface.
FACES: tuple[Face, ...] = get_args(Face)

_WIDTHS: dict[Columns, str] = {1: "one-column", 2: "two-columns"}


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
