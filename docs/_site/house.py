"""A picture of the house: rooms as boxes, a room above all that it imports, drawn from the imports in the files.

    python docs/_site/house.py [TREE] [PICTURE]

TREE is the repository (or an older one), PICTURE a file such as docs/img/house.png.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["House", "Room", "draw", "house"]

HALLS = ("theory", "sim", "validate")
_COLOURS = {"theory": "#dbe7f4", "sim": "#dff0dc", "validate": "#f7e6d3"}


class Room(NamedTuple):
    """A folder with modules.

    Attributes:
        name: its path, such as ``theory/groups``.
        files: modules in it, without ``__init__.py``.
        lines: of these.
    """

    name: str
    files: int
    lines: int


class House(NamedTuple):
    """All rooms, and which imports which."""

    rooms: dict[str, Room]
    arrows: dict[str, set[str]]

    def circles(self) -> set[tuple[str, str]]:
        """Arrows on which one comes back to where one started."""
        return {(room, below) for room in self.rooms for below in self.arrows[room] if room in self._below(below)}

    def floors(self) -> dict[str, int]:
        """Room -> how many rooms stand below it at most, arrows of circles left out."""
        circles = self.circles()

        @cache
        def floor(room: str) -> int:
            return 1 + max((floor(b) for b in self.arrows[room] if (room, b) not in circles), default=-1)

        return {room: floor(room) for room in self.rooms}

    def nearest(self, room: str) -> set[str]:
        """Rooms that a room imports and that nothing else it imports leads to."""
        direct = self.arrows[room]
        return {other for other in direct if not any(other in self._below(way) for way in direct - {other})}

    def _below(self, room: str) -> set[str]:
        """All rooms that a room imports, directly or not."""
        reached, waiting = set[str](), [room]
        while waiting:
            new = self.arrows[waiting.pop()] - reached
            reached |= new
            waiting += new
        return reached


def house(tree: Path) -> House:
    """The house that stands in this folder."""
    files = [path.relative_to(tree) for hall in HALLS for path in sorted((tree / hall).rglob("*.py"))]
    inside = defaultdict[str, list[Path]](list)
    for path in files:
        inside[str(path.parent)].append(path)
    rooms = {}
    for name, paths in inside.items():
        own = [path for path in paths if path.name != "__init__.py"]
        rooms[name] = Room(name, len(own), sum(len((tree / path).read_text().splitlines()) for path in own))
    arrows: dict[str, set[str]] = {name: set() for name in rooms}
    for path in files:
        room = str(path.parent)
        arrows[room] |= {other for other in _imported(tree, path, rooms) if other != room}
    return House(rooms, arrows)


def _imported(tree: Path, path: Path, rooms: Mapping[str, Room]) -> Iterator[str]:
    """Rooms from which a file imports."""
    for node in ast.walk(ast.parse((tree / path).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.removeprefix("twopeaks.").split(".")
            if parts[0] in HALLS:
                places = ["/".join(parts[:k]) for k in range(len(parts), 0, -1)]
                yield next(place for place in places if place in rooms)


def draw(tree: Path, picture: Path) -> None:
    """Draw the house: a line leads from a room to the nearest of those it imports; red ones are part of a circle."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    there = house(tree)
    floors = {room: floor for room, floor in there.floors().items() if there.rooms[room].files}
    circles, levels = there.circles(), sorted(set(floors.values()))
    places: dict[str, tuple[float, float]] = {}
    for y, level in enumerate(levels):
        here = sorted(
            (room for room in floors if floors[room] == level), key=lambda room: HALLS.index(room.split("/")[0])
        )
        for x, room in enumerate(here):
            places[room] = ((x + 0.5) / len(here) * 12, 1.25 * y)
    figure = Figure(figsize=(12, 1.0 + 0.95 * len(levels)), layout="constrained")
    ax = figure.subplots()
    for room in there.rooms:
        for other in there.nearest(room):
            if room in places and other in places:
                (x0, y0), (x1, y1) = places[room], places[other]
                circle = (room, other) in circles
                look = {"arrowstyle": "-", "color": "#c0392b" if circle else "#666666", "lw": 1.2 if circle else 0.8}
                ax.annotate("", (x1, y1 + 0.35), (x0, y0 - 0.35), arrowprops=look, zorder=1)
    for room, (x, y) in places.items():
        size = there.rooms[room]
        width = min(2.3, 0.75 + 0.11 * len(room))
        box = FancyBboxPatch((x - width / 2, y - 0.3), width, 0.6, boxstyle="round,pad=0.02", zorder=2)
        box.set(facecolor=_COLOURS[room.split("/")[0]], edgecolor="#555555", linewidth=0.7)
        ax.add_patch(box)
        ax.text(x, y + 0.1, room, ha="center", va="center", fontsize=8.5, zorder=3)
        ax.text(
            x,
            y - 0.15,
            f"{size.files} file{'s' * (size.files != 1)}, {size.lines:,} lines",
            ha="center",
            va="center",
            fontsize=6.5,
            zorder=3,
        )
    ax.set(xlim=(0, 12), ylim=(-0.6, 1.25 * (len(levels) - 1) + 0.6))
    ax.axis("off")
    figure.savefig(picture, dpi=130)


if __name__ == "__main__":
    tree, picture = (sys.argv[1:] + [".", "docs/img/house.png"][len(sys.argv) - 1 :])[:2]
    draw(Path(tree), Path(picture))
