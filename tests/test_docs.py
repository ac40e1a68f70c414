"""What the documentation shows must run, and what it links to must be there."""

from __future__ import annotations

import pkgutil
import re
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.test_architecture import CONTRACTS
from twopeaks.sim.network.runtime import resolve
from twopeaks.sim.sweep.drive import run_cells
from twopeaks.sim.sweep.spec import KEYS, read_spec, spec_of
from twopeaks.validate.cli.app import run

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


SWEEPS = (ROOT / "docs" / "sweeps.md").read_text()
TOML = re.findall(r"```toml\n(.*?)```", SWEEPS + (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", TOML)
def test_sweeps_that_are_shown_are_sweeps(block: str) -> None:
    spec = spec_of(tomllib.loads(block))
    assert len(spec.cells) + len(spec.bisections) > 1


def test_every_key_of_a_sweep_is_named() -> None:
    keys = {key for keys in KEYS.values() for key in keys} - {"table"}  # of a group_table, where it was read
    assert {key for key in keys if f"`{key}`" not in SWEEPS and f"[{key}]" not in SWEEPS} == set()


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda p: p.name)
def test_examples_are_sweeps_that_run(path: Path, tmp_path: Path) -> None:
    spec = read_spec(path)
    assert spec.name == path.stem
    assert len(spec.cells) + len(spec.bisections) > 1
    content = {**spec.content, "seeds": 1, "plan": {"steps": 2, "every": 1}}
    content["grid"] = {key: list(axis)[:1] if isinstance(axis, list) else axis for key, axis in content["grid"].items()}
    tiny = spec_of(content)
    cells = [*tiny.cells, *(one.cell(one.low) for one in tiny.bisections)]
    with ThreadPoolExecutor(1) as pool:
        run_cells(cells, tmp_path, resolve("cpu", "float32", 1), pool)
    assert len(list(tmp_path.iterdir())) == len(cells)


FEATURES = (ROOT / "docs" / "features.md").read_text()


def test_options_in_the_table_of_features_are_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--help"]) == 0
    shown = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    named = set(re.findall(r"`(--[a-z-]+)", FEATURES))
    assert len(named) > 10
    assert named <= shown


def test_tests_named_in_the_table_of_features_are_there() -> None:
    for path in re.findall(r"`(tests/[a-z_/]+\.py)`", FEATURES):
        assert (ROOT / path).exists(), path


def test_names_in_the_readme_are_names() -> None:
    named = set(re.findall(r"`(twopeaks(?:\.\w+)+)[(`\[]", (ROOT / "README.md").read_text()))
    assert len(named) > 8
    for name in named:
        assert pkgutil.resolve_name(name) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_local_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", prose):
        assert (page.parent / target).exists(), target


HOUSE = (ROOT / "docs" / "house.md").read_text()


def test_the_page_of_the_house_names_every_hall_and_room() -> None:
    named = set(re.findall(r"^\| (?:\*\*|`)([a-z_/]+)(?:\*\*|`) \|", HOUSE, re.MULTILINE))
    inner = set(re.findall(r"`([a-z_]+)`", HOUSE))
    for room in CONTRACTS:
        assert room in named or room.rpartition("/")[2] in inner, room
    assert {room for room in named if room not in CONTRACTS} == set()


def test_the_walk_of_a_setting_passes_functions_that_are_there() -> None:
    stops = re.findall(r"^\| (\d+) \| `([\w.]+)` \|", HOUSE, re.MULTILINE)
    assert [int(number) for number, _ in stops] == list(range(1, 13))
    for _, name in stops:
        assert callable(pkgutil.resolve_name(name)), name
