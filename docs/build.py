"""Builds the site into build/docs/html: gathers and generates its pages, and runs Sphinx with warnings as errors.

``python docs/build.py --links`` checks links to other sites as well, for which it needs a network.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from sphinx.cmd.build import main as sphinx

from _site.api import undocumented, write_reference
from _site.gallery import write_explorer, write_figures
from _site.pages import ROOT, gather, toctrees, write
from _site.tables import write_claims, write_scoreboards

__all__ = ["build", "stage"]

#: What only the site has: pages made from results.
_MADE = """
## What came out

[Every figure](figures.md), [every score](scoreboards.md), and <a href="explore.html">a page to explore</a>: 26 groups,
1,952 networks; drag the amount of data and see which peak is higher.
"""


def stage(source: Path) -> None:
    """Write everything that Sphinx reads into this folder."""
    gather(source)
    write_reference(source)
    write_scoreboards(source)
    write_figures(source)
    without = () if write_claims(source) else ("claims",)
    first = (source / "index.md").read_text(encoding="utf-8")
    write(source / "index.md", first + _MADE + toctrees(without))


def build(folder: Path, builder: str) -> int:
    """Build with this builder; 0 if there is no warning."""
    source = folder / "source"
    stage(source)
    if not (folder / "results").exists():  # where notebooks look for it, as they do in the repository
        (folder / "results").symlink_to(ROOT / "results")
    strict = ["-W", "--keep-going", "-n", "-q"]
    places = ["-c", str(ROOT / "docs"), "-d", str(folder / "doctrees"), str(source), str(folder / builder)]
    return sphinx(["-b", builder, *strict, *places])


if __name__ == "__main__":
    target = ROOT / "build" / "docs"
    code = build(target, "html")
    code = code or write_explorer(target / "html")
    for name in undocumented(target / "html" / "objects.inv"):
        sys.stderr.write(f"{name} is public and has no docstring\n")
        code = 1
    if "--links" in sys.argv[1:]:
        code = code or build(target, "linkcheck")
    sys.exit(code)
