"""Pages that are drawn from committed results: every figure of the catalogue with its caption, and the explorer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from _site.pages import ROOT, write
from twopeaks.validate.figures.catalogue import CATALOGUE
from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.print_style import sheet

__all__ = ["write_explorer", "write_figures"]

RESULTS = ROOT / "results"
_HEAD = """# Figures

Drawn from `results/` as `twopeaks figures --all` does, when this site was built, at the width of two columns
([publish](use-publish.md)). The command writes each as PDF too, and in one column or with serifs on request.
"""


def write_figures(target: Path) -> None:
    """Write the page of all figures, their pictures, and the numbers in them."""
    folder = target / "img" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    write(target / "figures.md", "\n".join([_HEAD, *(_section(one, folder) for one in CATALOGUE)]))


def write_explorer(html: Path) -> int:
    """Write the explorer of the largest measurement beside the built pages; the exit code of the command."""
    line = ["report", "results/transitions/measured.csv", "--predictions", "results/transitions/predictions.csv"]
    if (RESULTS / "claims" / "claims.json").exists():
        line += ["--claims", "results/claims/claims.json"]
    # a process of its own: the page says by which command it was made
    line += ["--out", str((html / "explore.html").relative_to(ROOT))]
    return subprocess.run([sys.executable, "-m", "twopeaks", *line], cwd=ROOT, check=False).returncode


def _section(one: Entry, folder: Path) -> str:
    table = one.gather(RESULTS)
    with sheet("sans", 2):
        one.draw(table).savefig(folder / f"{one.name}.png", dpi=160)
    table.write_csv(folder / f"{one.name}.csv")
    paper = f" Counterpart of {one.paper} of arXiv 2509.21519." if one.paper else ""
    numbers = f"{{download}}`numbers <img/figures/{one.name}.csv>`, made by `{one.remake}`"
    picture = f"![{one.title}](img/figures/{one.name}.png)"
    return f"## {one.name}\n\n{picture}\n\n**{one.title}.** {one.caption}{paper} ({numbers})\n"
