"""Which pages the site has, and where; their links, which are those of the repository, led to the site's places.

Pages are written for a reader of the repository, where links go from file to file. The site has other places for some
of them (`results/README.md` is `results.md`), so links are resolved against the repository and written anew. What is
linked to and is no page becomes a download. A link that leads nowhere is an error here.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

__all__ = ["ROOT", "SECTIONS", "gather", "toctrees", "write"]

ROOT = Path(__file__).resolve().parents[2]

#: The site's table of contents: pages by section, each by its place in the site without ``.md``.
SECTIONS: dict[str, tuple[str, ...]] = {
    "Start": ("tour", "use-derive", "use-check", "use-publish", "limits"),
    "Worked examples": ("notebooks/prediction", "notebooks/comparison", "notebooks/results"),
    "How to add": ("house", "how-to/group", "how-to/predictor", "how-to/probe", "how-to/figure"),
    "Theory": ("equations", "heights", "times", "rivals", "conventions"),
    "Measuring": ("sweeps", "live", "scoreboard", "explorer", "forecast", "unkillable", "speed", "features"),
    "Results": ("results", "figures", "scoreboards", "claims"),
    "Reference": ("api/index", "contributing", "changelog"),
}

#: Pages that are elsewhere in the repository, by their place in the site.
_ELSEWHERE = {"results": "results/README.md", "contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}
#: Files of the repository that lead to a page of another name.
_ALSO = {"README.md": "index"}

_LINK = re.compile(r"(!?\[[^\]]*\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^(`{3,}|:{3,})")


def gather(target: Path) -> None:
    """Write every page that is written by hand, and the pictures, into this folder, links led to their places."""
    places = _places()
    for source, place in places.items():
        if source not in _ALSO:
            write(
                target / f"{place}.md", _led((ROOT / source).read_text(encoding="utf-8"), source, place, places, target)
            )
    shutil.copytree(ROOT / "docs" / "img", target / "img", dirs_exist_ok=True)


def write(path: Path, text: str) -> None:
    """Write a page if it says something new, so that Sphinx reads only what has changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def toctrees(without: Collection[str] = ()) -> str:
    """The table of contents, for the end of the first page.

    Args:
        without: pages that cannot be made from what is there.
    """
    return "".join(
        f"\n:::{{toctree}}\n:hidden:\n:caption: {caption}\n\n"
        + "\n".join(n for n in names if n not in without)
        + "\n:::\n"
        for caption, names in SECTIONS.items()
    )


def _places() -> dict[str, str]:
    """Place in the site, without ``.md``, of each page of the repository."""
    docs = ROOT / "docs"
    own = (path for path in sorted(docs.rglob("*.md")) if "_site" not in path.parts)
    found = {str(path.relative_to(ROOT)): str(path.relative_to(docs).with_suffix("")) for path in own}
    return found | {source: place for place, source in _ELSEWHERE.items()} | _ALSO


def _led(text: str, source: str, place: str, places: dict[str, str], target: Path) -> str:
    """The page with its links led to the site's places; code is left as it is."""

    def lead(found: re.Match[str]) -> str:
        before, link, anchor = found.groups()
        file = os.path.normpath(Path(source).parent / link)
        if file in places:
            return f"{before}{_relative(places[file] + '.md', place)}{anchor or ''})"
        if file.startswith("docs/"):
            return found[0]
        return f"{before}{_relative(_download(file, source, target), place)})"

    return "".join(line if code else _LINK.sub(lead, line) for line, code in _lines(text))


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is within a fence."""
    fence = ""
    for line in text.splitlines(keepends=True):
        found = _FENCE.match(line)
        inside = bool(fence)
        if found and not fence:
            fence = found[1]
        elif found and line.strip() == fence:
            fence = ""
        yield line, inside or bool(found)


def _relative(file: str, place: str) -> str:
    return os.path.relpath(file, Path(place).parent)


def _download(file: str, source: str, target: Path) -> str:
    """A file that is no page, kept beside the pages."""
    if not (ROOT / file).is_file():
        raise FileNotFoundError(f"{source} links to {file}, which is no file")
    kept = Path("files") / file
    (target / kept).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / file, target / kept)
    return str(kept)
