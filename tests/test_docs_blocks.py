"""Every code block of README and docs/ is run, and what is shown below it is what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pages import KINDS, ROOT, blocks, follow

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "results" / "README.md"]
PAGES += [p for p in sorted((ROOT / "docs").rglob("*.md")) if not {"_site", "notebooks"} & set(p.parts)]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.md"))
#: They train for more than a few seconds.
SLOW = {"README.md", "tour.md", "use-derive.md", "use-check.md", "use-publish.md"}
SLOW |= {"sweeps.md", "scoreboard.md", "forecast.md", "live.md", "explorer.md"}


#: Blocks that cannot be run where tests run, and why; anything else is a mistake.
NOT_RUN = {
    ("tour.md", "installs the package; .ci/newcomer does it from a fresh clone"),
    ("live.md", "a picture in a terminal"),
    ("sweeps.md", "needs machines of a cluster"),
    ("sweeps.md", "needs a Slurm cluster"),
    ("sweeps.md", "needs a Kubernetes cluster"),
    ("forecast.md", "needs sweeps that take hours"),
}


def _page(path: Path) -> object:
    marks = [pytest.mark.slow] if path.name in SLOW else []
    return pytest.param(path, id=str(path.relative_to(ROOT)), marks=marks)


@pytest.mark.parametrize("page", [_page(path) for path in PAGES if blocks(path)])
def test_blocks_run_and_say_what_is_shown(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_blocks_are_of_known_kinds(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = blocks(page)
    assert {block.kind for block in found} <= set(KINDS)
    assert len(re.findall(r"^```", text, re.M)) == 2 * len(found)
    assert not re.search(r"(?<=\n\n)    \S", text), "code is fenced, not indented"


def test_what_is_not_run_has_a_known_reason() -> None:
    assert {(page.name, block.reason) for page in PAGES for block in blocks(page) if block.reason} == NOT_RUN


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_hold_cells_alone(page: Path) -> None:
    """The site executes them when it is built; an error in one is an error of the build."""
    kinds = re.findall(r"^```(.+)$", page.read_text(encoding="utf-8"), re.M)
    assert kinds
    assert set(kinds) == {"{code-cell} python"}


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "how-to").glob("*.md")), ids=lambda p: p.name)
def test_how_to_pages_are_short(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").splitlines()) < 30


# --- the reader of pages itself --------------------------------------------------------------------------


def _written(tmp_path: Path, text: str) -> Path:
    page = tmp_path / "page.md"
    page.write_text(text)
    (tmp_path / "folder").mkdir()
    return page


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```python\nprint(1 / 0)\n```\n", "division by zero"),
        (
            "```python\nprint('four words are said')\n```\n\n```text\nfour words are shown\n```\n",
            "not said: four words",
        ),
        ("```sh\ntwopeaks predict --group X9\n```\n", "line 1: twopeaks predict --group X9"),
        ("```sh\nmake nonsense\n```\n", "No rule to make target"),
        ("```sh\nfalse | true; false\n```\n", "false"),
        ("```toml\n[grid]\nsample = [1, 2]\n```\n", "sample"),
        ("<!-- not run: no reason -->\n```python\ndef\n```\n", "invalid syntax"),
    ],
)
def test_what_is_wrong_in_a_page_is_found(text: str, message: str, tmp_path: Path) -> None:
    page = _written(tmp_path, text)
    with pytest.raises(Exception, match=message):
        follow(page, tmp_path / "folder")


def test_numbers_frames_and_dots_are_not_compared(tmp_path: Path) -> None:
    page = _written(tmp_path, "```python\nprint('took 3.2 s│\\nin all')\n```\n\n```text\ntook 17 s\n…\nall\n```\n")
    follow(page, tmp_path / "folder")


def test_files_that_are_shown_are_there_for_what_follows(tmp_path: Path) -> None:
    files = "```toml\n# one.toml\n[grid]\nsamples = [20, 30]\n```\n\n```csv\n# a.csv\n0,1\n```\n\n"
    shown = files + "```sh\ncat one.toml a.csv\n```\n"
    follow(_written(tmp_path, shown + "\n```text\nsamples\n…\n0,1\n```\n"), tmp_path / "folder")
