"""What a figure draws, read back from its artists, and compared with what a table says should be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection, LineCollection, PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from numpy.typing import ArrayLike, NDArray

from tests.places import RESULTS
from twopeaks.validate.figures.catalogue import entry
from twopeaks.validate.figures.drawing.print_style import sheet
from twopeaks.validate.figures.drawing.style import INK

__all__ = [
    "Panel",
    "Series",
    "bars",
    "col",
    "cut",
    "differences",
    "frame",
    "line",
    "series",
    "swapped",
    "table_of_figure",
    "wrong",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Series:
    """One series as it is drawn, or as it should be.

    Attributes:
        look: line style and marker ("-", "--o", "o"), with " open" if the marker is hollow; or the kind of another
            artist: "band", "bar", "level", "upright", "span", "mesh", "image", "points", "segments".
        colour: as hex; of one that should be drawn: the words that stand in its colour, or the hex itself.
        x, y: where it is; an image and a mesh have their numbers in ``y``, the ends of its colours last.
        low, high: ends of its bars or its band; None without.
        across: whether the bars lie along x.
    """

    look: str
    colour: str
    x: ArrayLike = ()
    y: ArrayLike = ()
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    across: bool = False

    def same_data(self, other: Series) -> bool:
        """Whether both have the same kind and the same numbers, to the digits that a picture can show."""
        if (self.look, self.across) != (other.look, other.across):
            return False
        return all(_close(getattr(self, name), getattr(other, name)) for name in ("x", "y", "low", "high"))


@dataclass(frozen=True)
class Panel:
    """What one pair of axes should show: series, words at its ticks (None: any), words, the end of its title."""

    series: Sequence[Series]
    xticks: Sequence[str] | None = None
    yticks: Sequence[str] | None = None
    words: Sequence[str] = field(default_factory=tuple)
    title: str = ""


def _close(a: ArrayLike | None, b: ArrayLike | None) -> bool:
    if a is None or b is None:
        return a is None and b is None
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True))


# --- tables --------------------------------------------------------------------------------------------


@cache
def table_of_figure(name: str) -> pl.DataFrame:
    """The table of a figure of the catalogue, from committed results; made once for all tests."""
    return entry(name).gather(RESULTS)


def cut(table: pl.DataFrame, **equal: object) -> pl.DataFrame:
    """Rows whose columns have these values; None stands for a cell that is empty."""
    for name, value in equal.items():
        table = table.filter(pl.col(name).is_null() if value is None else pl.col(name) == value)
    return table


def col(table: pl.DataFrame, name: str) -> Floats:
    """A column as numbers, NaN where a cell is empty."""
    return np.array([np.nan if value is None else float(value) for value in table[name]])


def swapped(table: pl.DataFrame, a: Any, b: Any, column: str = "") -> pl.DataFrame:
    """The table with two columns swapped, or with two words (or numbers) swapped in every row of one column."""
    if column:
        other = table.with_columns(pl.col(column).replace({a: b, b: a}))
    else:
        other = table.with_columns(pl.col(b).alias(a), pl.col(a).alias(b))
    if other.equals(table):
        raise ValueError(f"nothing to swap: {a}, {b}")
    return other


# --- what should be drawn ------------------------------------------------------------------------------


def line(table: pl.DataFrame, x: str, y: str, colour: str, look: str = "-") -> Series:
    """One column over another."""
    return Series(look, colour, col(table, x), col(table, y))


def bars(table: pl.DataFrame, x: ArrayLike, colour: str, look: str = "o", scale: float = 1.0) -> Series:
    """Values of a table with bars from ``low`` to ``high``; an open end is at the value."""
    value, low, high = (scale * col(table, name) for name in ("value", "low", "high"))
    low, high = np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high)
    return Series(look, colour, x, value, np.minimum(low, value), np.maximum(high, value))


def wrong(name: str, table: pl.DataFrame, panels: Iterable[Panel]) -> list[str]:
    """Where a figure of the catalogue, drawn from this table, is not what the panels say."""
    with sheet("sans", 2):
        try:
            axes = entry(name).drawing(table)[1]
        except (LookupError, TypeError, ValueError, UserWarning) as error:
            return [f"{name} cannot be drawn, or not without a warning: {error}"]
    return differences([axes] if isinstance(axes, Axes) else list(axes), list(panels))


# --- what is drawn -------------------------------------------------------------------------------------


def series(ax: Axes) -> list[Series]:
    """Every series that was drawn in these axes."""
    return [*_bars(ax), *_lines(ax), *_collections(ax), *_patches(ax), *_images(ax)]


def _bars(ax: Axes) -> Iterator[Series]:
    for container in ax.containers:
        if isinstance(container, ErrorbarContainer):
            line, _, bars = container.lines
            ends = np.array([_ends(segment) for segment in bars[0].get_segments()]).reshape(-1, 2, 2)
            axis = 0 if container.has_xerr else 1
            x, y = (np.asarray(data, dtype=np.float64) for data in line.get_data())
            yield Series(_look(line), _hex(line), x, y, ends[:, 0, axis], ends[:, 1, axis], across=container.has_xerr)


def _ends(segment: Floats) -> Floats:
    """First and last point of a bar; matplotlib keeps nothing of one whose place is not a number."""
    return np.asarray(segment, dtype=np.float64)[[0, -1]] if len(segment) else np.full((2, 2), np.nan)


def _lines(ax: Axes) -> Iterator[Series]:
    of_bars = {
        id(line) for c in ax.containers if isinstance(c, ErrorbarContainer) for line in (c.lines[0], *c.lines[1])
    }
    for line in ax.lines:
        if id(line) in of_bars:
            continue
        x, y = (np.asarray(data, dtype=np.float64) for data in line.get_data())
        if line.get_transform() == ax.transData:
            yield Series(_look(line), _hex(line), x, y)
        elif np.ptp(y):
            yield Series("upright", _hex(line), x[:1])
        else:
            yield Series("level", _hex(line), (), y[:1])


def _collections(ax: Axes) -> Iterator[Series]:
    of_bars = {id(part) for c in ax.containers if isinstance(c, ErrorbarContainer) for part in c.lines[2]}
    for collection in ax.collections:
        if id(collection) in of_bars:
            continue
        if isinstance(collection, FillBetweenPolyCollection):
            yield _band(collection)
        elif isinstance(collection, PathCollection):
            yield from _points(collection)
        elif isinstance(collection, QuadMesh):
            corners = np.asarray(collection.get_coordinates())
            yield Series(
                "mesh",
                "",
                corners[0, :, 0],
                np.asarray(collection.get_array()),
                corners[:, 0, 1],
                collection.get_clim(),
            )
        elif isinstance(collection, LineCollection):
            yield Series("segments", _hex(collection), [segment[0][0] for segment in collection.get_segments()])
        else:
            raise TypeError(f"a test must say how to read {collection}")


def _band(collection: FillBetweenPolyCollection) -> Series:
    corners = np.concatenate([path.vertices for path in collection.get_paths()])
    x = np.unique(corners[:, 0])
    y = [corners[corners[:, 0] == place, 1] for place in x]
    return Series("band", _hex(collection), x, (), [min(ends) for ends in y], [max(ends) for ends in y])


def _points(collection: PathCollection) -> Iterator[Series]:
    """Scattered points, a series a colour; their sizes are in ``high``."""
    places, faces = np.asarray(collection.get_offsets(), dtype=np.float64), collection.get_facecolor()
    hollow = not len(faces) or (faces[:, 3] == 0).all()
    colours = np.atleast_2d(collection.get_edgecolor() if hollow else faces)
    names = [to_hex(colours[i % len(colours)]) for i in range(len(places))]
    sizes = np.resize(collection.get_sizes(), len(places))
    for name in dict.fromkeys(names):
        chosen = np.array([other == name for other in names])
        look = "points open" if hollow else "points"
        yield Series(look, name, places[chosen, 0], places[chosen, 1], None, sizes[chosen])


def _patches(ax: Axes) -> Iterator[Series]:
    """Bars of one colour as one series (left ends, heights, bottoms, right ends); spans of an axis one by one."""
    bars: dict[str, list[tuple[float, float, float, float]]] = {}
    for patch in ax.patches:
        if not isinstance(patch, Rectangle):
            raise TypeError(f"a test must say how to read {patch}")
        x, y, width, height = patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()
        if patch.get_data_transform() == ax.transData:
            bars.setdefault(_hex(patch), []).append((x, height, y, x + width))
        else:
            yield Series("span", _hex(patch), (), (), [x], [x + width])
    for colour, rows in bars.items():
        left, height, bottom, right = np.array(rows).T
        yield Series("bar", colour, left, height, bottom, right)


def _images(ax: Axes) -> Iterator[Series]:
    for image in ax.images:
        left, right, *_ = image.get_extent()
        yield Series("image", "", [left, right], np.asarray(image.get_array()), *image.get_clim())


def _look(line: Line2D) -> str:
    style, marker = (str(value).replace("None", "").strip() for value in (line.get_linestyle(), line.get_marker()))
    hollow = marker and marker not in "x|" and str(line.get_markerfacecolor()) in ("none", "white")
    return f"{style}{marker}{' open' if hollow else ''}"


def _hex(artist: Any) -> str:
    """The colour of a line, a patch, a collection or a text, as hex."""
    for name in ("get_facecolor", "get_edgecolor", "get_color"):
        if hasattr(artist, name):
            colours = getattr(artist, name)()
            if not isinstance(colours, str):
                colours = np.atleast_2d(colours)
                if not colours.size or colours[0][-1] == 0:
                    continue
                colours = colours[0][:3]
            return to_hex(colours)
    raise TypeError(f"{artist} has no colour")


def frame(ax: Axes) -> Iterator[str]:
    """What stands around the data of these axes, a line each: title, scales, ends, ticks, labels, words, legend."""
    for name in ("left", "center", "right"):
        if ax.get_title(loc=name):  # type: ignore[arg-type]
            yield f"title {name}: {ax.get_title(loc=name)!r}"  # type: ignore[arg-type]
    for name, axis, label in (("x", ax.xaxis, ax.get_xlabel()), ("y", ax.yaxis, ax.get_ylabel())):
        low, high = axis.get_view_interval()
        inside = [tick for tick in axis.get_ticklocs() if min(low, high) <= tick <= max(low, high)]
        ticks = [text.get_text() for text in axis.get_ticklabels()]
        yield f"{name} {label!r} {axis.get_scale()} {low:.4g} to {high:.4g}, ticks at {_short(inside)}: {ticks}"
    yield f"spines {[name for name, spine in ax.spines.items() if spine.get_visible()]}"
    across = [line for line in ax.lines if line.get_transform() != ax.transData]
    yield f"lines across: {' '.join(f'{_hex(line)} {line.get_linestyle()}' for line in across)}"
    for text in ax.texts:
        x, y = (
            value if isinstance(value, str) else f"{value:.4g}" for value in getattr(text, "xy", text.get_position())
        )
        units = "data" if text.get_transform() == ax.transData else "axes"
        sides = f"{text.get_horizontalalignment()} {text.get_verticalalignment()}"
        yield f"words {text.get_text()!r} at {x}, {y} ({units}), {sides}, {_hex(text)}"
    legend = ax.get_legend()
    if legend is not None:
        keys = [
            (text.get_text(), _hex(key)) for text, key in zip(legend.get_texts(), legend.legend_handles, strict=True)
        ]
        yield f"legend {legend.get_title().get_text()!r}: {keys}"


def _short(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:.4g}" for number in numbers)


# --- comparison ----------------------------------------------------------------------------------------


def differences(axes: Sequence[Axes], panels: Sequence[Panel]) -> list[str]:
    """Where what is drawn is not what the panels say; every series that is drawn must be one of theirs."""
    problems = [f"{len(axes)} axes, not {len(panels)}"] if len(axes) != len(panels) else []
    for place, (ax, panel) in enumerate(zip(axes, panels, strict=False)):
        left = series(ax)
        for wanted in panel.series:
            colours = {wanted.colour.lower()} if wanted.colour[:1] in "#" else _colours_of(wanted.colour, [ax, *axes])
            same = [drawn for drawn in left if drawn.same_data(wanted) and (drawn.colour in colours)]
            if same:
                left.remove(same[0])
            else:
                problems.append(f"panel {place}: no {wanted.look!r} of {wanted.colour!r} {sorted(colours)}: {wanted}")
        problems += [f"panel {place}: drawn, but of no table: {drawn}" for drawn in left]
        for axis, ticks in (("x", panel.xticks), ("y", panel.yticks)):
            shown = [label.get_text() for label in getattr(ax, f"get_{axis}ticklabels")()]
            if ticks is not None and shown != list(ticks):
                problems.append(f"panel {place}: ticks {shown}, not {list(ticks)}")
        if not ax.get_title(loc="left").endswith(panel.title):
            problems.append(f"panel {place}: title {ax.get_title(loc='left')!r}, not {panel.title!r}")
        shown = [text.get_text() for text in _texts(ax)]
        problems += [f"panel {place}: nowhere {words!r} in {shown}" for words in panel.words if words not in shown]
    return problems


def _colours_of(words: str, axes: Sequence[Axes]) -> set[str]:
    """Colours of these words, and of what a legend shows beside them, in the first axes that have them in a colour."""
    ink = set[str]()
    for ax in axes:
        named = {_hex(text) for text in _texts(ax) if _says(text, words)}
        legend = ax.get_legend()
        if legend is not None:
            keys = zip(legend.get_texts(), legend.legend_handles, strict=True)
            named |= {_hex(handle) for text, handle in keys if _says(text, words)}
        if named - {INK}:
            return named
        ink |= named
    return ink


def _says(text: Text, words: str) -> bool:
    shown = text.get_text().strip()
    return shown == words or shown.startswith((f"{words} (", f"{words}:", f"{words}\n"))


def _texts(ax: Axes) -> list[Text]:
    titles = [getattr(ax, name) for name in ("title", "_left_title", "_right_title")]
    return [*ax.texts, *ax.get_yticklabels(), *(title for title in titles if title.get_text())]
