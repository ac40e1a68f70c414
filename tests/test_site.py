"""How the site is made of the repository's pages: links, docstrings, tables; `make docs` builds the rest."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.places import ROOT


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import _site
    import _site.api
    import _site.docstrings
    import _site.pages
    import _site.tables

    yield _site
    for name in [name for name in sys.modules if name.partition(".")[0] == "_site"]:
        del sys.modules[name]


def test_every_page_has_a_place_in_the_contents(site: ModuleType) -> None:
    listed = [name for names in site.pages.SECTIONS.values() for name in names]
    made = {"figures", "scoreboards", "claims", "api/index"}
    assert len(listed) == len(set(listed))
    assert set(listed) == (set(site.pages._places().values()) | made) - {"index"}


def test_links_lead_to_places_of_the_site(site: ModuleType, tmp_path: Path) -> None:
    pages = site.pages
    places = pages._places()
    text = "[a](../results/README.md#n) [b](heights.md) [c](https://a.b) [d](#e) `[f](g.md)`\n```\n[h](i.md)\n```\n"
    led = pages._led(text.replace("`[f](g.md)`", ""), "docs/tour.md", "tour", places, tmp_path)
    assert led.startswith("[a](results.md#n) [b](heights.md) [c](https://a.b) [d](#e)")
    assert "[h](i.md)" in led
    assert pages._led("[a](docs/tour.md)", "README.md", "index", places, tmp_path) == "[a](tour.md)"
    assert pages._led("[a](../tour.md)", "docs/how-to/group.md", "how-to/group", places, tmp_path) == "[a](../tour.md)"


def test_files_that_are_no_page_are_kept_beside_the_pages(site: ModuleType, tmp_path: Path) -> None:
    led = site.pages._led("[a](../examples/grid.toml)", "docs/sweeps.md", "sweeps", {}, tmp_path)
    assert led == "[a](files/examples/grid.toml)"
    assert (tmp_path / "files/examples/grid.toml").read_text() == (ROOT / "examples/grid.toml").read_text()
    with pytest.raises(FileNotFoundError, match=r"links to nowhere\.txt"):
        site.pages._led("[a](../nowhere.txt)", "docs/sweeps.md", "sweeps", {}, tmp_path)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("|W|^2 and a*b of x_", r"\|W\|^2 and a\*b of x\_"),
        ("``|W|`` and `a*b`", "``|W|`` and `a*b`"),
        ("* a bullet * b", r"* a bullet \* b"),
        (">>> a * b", ">>> a * b"),
        ("a `Setting`", "a `.Setting`"),
        ("rows:\n\n    a | b\n\nc | d", "rows::\n\n    a | b\n\nc \\| d"),
        ("rows:\n\n    * a | b", "rows:\n\n    * a \\| b"),
    ],
)
def test_docstrings_mean_what_they_say(site: ModuleType, written: str, shown: str) -> None:
    assert site.docstrings.plain(written.split("\n")) == shown.split("\n")


def test_what_a_module_passes_on_is_found_where_it_is_defined(site: ModuleType) -> None:
    registry = "twopeaks.theory.predictors.registry"
    assert site.api.home("predict", registry) == f"{registry}.lists"
    names = {module.name: module for module in site.api.modules()}
    assert "predict" in names[registry].elsewhere
    assert site.api.home("named", "twopeaks.theory.groups") == "twopeaks.theory.groups.group"
    assert "closed_form" in names["twopeaks.theory.predictors.heights"].own


def test_scoreboards_hold_the_committed_numbers(site: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    (board,) = (board for board in site.tables._boards("decisive") if board.quantity == "n_c")
    text = "\n".join(site.tables._section(board, "decisive", tmp_path))
    assert "`heights-phases`" in text
    assert "6.2% [" in text  # median of -6.1% and -6.3%
    assert (tmp_path / "img" / "scores-decisive-n_c.png").stat().st_size > 5_000


def test_claims_are_a_page_once_there_are_verdicts(
    site: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.tables, "RESULTS", tmp_path)
    assert not site.tables.write_claims(tmp_path)
    estimate = {"value": 1.02, "low": 0.99, "high": 1.05, "seeds": 10, "missing": 0}
    form = {"name": "printed", "prediction": "|W| is 1", "quantity": "r", "low": 0.9, "high": None}
    claim = {
        "id": "one", "verdict": "supported", "statement": "a_b * |W|", "source": "here", "equations": ["heights.5"],
        "measure": "by hand", "forms": [{**form, "estimate": estimate, "verdict": "supported"}],
        "finding": {"budget": "Z23", "notes": ""}, "seeds": [0, 1], "seconds": 2.0,
    }  # fmt: skip
    data = {"counts": {"forms": {"supported": 1, "refuted": 0}}, "claims": [claim], "command": "twopeaks validate"}
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "claims.json").write_text(json.dumps(data))
    assert site.tables.write_claims(tmp_path)
    page = (tmp_path / "claims.md").read_text()
    assert r"a\_b \* \|W\|" in page
    assert r"| printed | \|W\| is 1 | 1.020 \[0.990, 1.050\] | ≥ 0.9 | ✓ supported |" in page
