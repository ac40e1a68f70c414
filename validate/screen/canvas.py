"""Curves as Braille characters, eight dots a cell. Where curves cross, a cell has the style of the last one."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

__all__ = ["Canvas"]

Floats = NDArray[np.float64]

#: First Braille character, and the bit of each dot within a cell, (4, 2) from the top left.
_BLANK, _BITS = 0x2800, np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


class Canvas:
    """A unit square, (0, 0) at the lower left, drawn on cells of a terminal.

    Args:
        columns, rows: cells.

    Attributes:
        dots: (4 rows, 2 columns) which are set, the first row at the top.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.dots = np.zeros((4 * rows, 2 * columns), dtype=bool)
        self._ink = np.zeros((rows, columns), dtype=np.int64)
        self._styles = [""]

    def curve(self, x: Floats, y: Floats, style: str = "", dashed: bool = False) -> None:
        """Lines through points; values outside of the square lie on its edge.

        Args:
            x: (R,) increasing.
            y: (R,), or (N, R) for several lines; points that are NaN are passed over.
            style: of rich.
            dashed: whether there are gaps, so that a line differs without colours too.
        """
        height, width = self.dots.shape
        edges = np.zeros((height + 1, width), dtype=np.int64)  # where strokes begin and end, going down
        for line in np.atleast_2d(y):
            finite = np.isfinite(x) & np.isfinite(line)
            if finite.any():
                places = np.clip(x[finite], 0, 1) * (width - 1)
                columns = np.arange(round(places[0]), round(places[-1]) + 1)
                drops = np.interp(columns, places, (1 - np.clip(line[finite], 0, 1)) * (height - 1))
                levels = np.rint(drops).astype(np.int64)
                before = np.concatenate([levels[:1], levels[:-1]])  # a steep line has no gaps between columns
                edges[np.minimum(levels, before), columns] += 1
                edges[np.maximum(levels, before) + 1, columns] -= 1
        drawn = np.cumsum(edges[:-1], axis=0) > 0
        if dashed:
            drawn &= (np.arange(width) % 4 < 2) | ((np.arange(height)[:, None] % 4 < 2) & (drawn.sum(axis=0) > 1))
        self._set(drawn, np.arange(width), style)

    def upright(self, x: float, style: str = "", low: float = 0.0, high: float = 1.0) -> None:
        """A dotted line upwards, if it lies on the canvas."""
        height, width = self.dots.shape
        if 0 <= x <= 1:
            levels = np.arange(height - 1, -1, -1) / (height - 1)
            drawn = (np.arange(height) % 2 == 0) & (levels >= low) & (levels <= high)
            self._set(drawn[:, None], np.array([round(x * (width - 1))]), style)

    def point(self, x: float, y: float, style: str = "") -> None:
        """A mark of two by two dots."""
        height, width = self.dots.shape
        row = min(height - 2, round((1 - min(1.0, max(0.0, y))) * (height - 1)))
        column = min(width - 2, round(min(1.0, max(0.0, x)) * (width - 1)))
        drawn = np.isin(np.arange(height), [row, row + 1])[:, None] & np.ones(2, dtype=bool)
        self._set(drawn, np.array([column, column + 1]), style)

    def lines(self) -> list[Text]:
        """Each row of cells."""
        rows, columns = self._ink.shape
        codes = (self.dots.reshape(rows, 4, columns, 2) * _BITS[:, None, :]).sum(axis=(1, 3)) + _BLANK
        lines = []
        for row, inks in zip(codes, self._ink, strict=True):
            starts = [0, *(np.flatnonzero(np.diff(inks)) + 1).tolist(), columns]
            parts = [("".join(map(chr, row[a:b])), self._styles[inks[a]]) for a, b in itertools.pairwise(starts)]
            lines.append(Text.assemble(*parts, no_wrap=True, end=""))
        return lines

    def _set(self, drawn: NDArray[np.bool_], columns: NDArray[np.int64], style: str) -> None:
        if style not in self._styles:
            self._styles.append(style)
        ink, (rows, places) = self._styles.index(style), np.nonzero(drawn)
        at = rows // 4, columns[places] // 2
        blocks = self.dots.reshape(len(self._ink), 4, -1, 2)
        others = self._ink[at] != ink
        blocks[at[0][others], :, at[1][others]] = False
        self._ink[at] = ink
        self.dots[rows, columns[places]] = True
