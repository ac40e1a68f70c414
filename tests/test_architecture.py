"""Who may import whom, room by room; how large rooms, files and functions may be; what an import may cost."""

from __future__ import annotations

import ast
import itertools
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.places import ROOT

HALLS = ("theory", "sim", "validate")

#: Room -> rooms that its files may import, besides itself. What stands below imports what stands above, never the
#: other way round; `test_the_contracts_have_no_circle` sees to that.
CONTRACTS: dict[str, tuple[str, ...]] = {
    "theory": (),
    "theory/groups": ("theory",),
    "theory/setting": ("theory", "theory/groups"),
    "theory/equations/core": ("theory",),
    "theory/equations/learning": ("theory", "theory/groups", "theory/equations/core"),
    "theory/equations/decay": ("theory", "theory/groups", "theory/equations/core"),
    "theory/equations": ("theory", "theory/equations/core", "theory/equations/learning", "theory/equations/decay"),
    "theory/flows": ("theory", "theory/setting"),
    "theory/landscape": ("theory", "theory/groups", "theory/setting", "theory/equations"),
    "theory/heights": ("theory", "theory/groups", "theory/equations"),
    "theory/predictors": (
        *("theory", "theory/groups", "theory/setting", "theory/equations", "theory/landscape", "theory/heights"),
    ),
    "theory/predictors/times": (
        *("theory", "theory/groups", "theory/setting", "theory/equations", "theory/flows", "theory/heights"),
        "theory/predictors",
    ),
    # lists of all predictors: a room of its own, since those of times rest on what is common to all
    "theory/predictors/registry": ("theory", "theory/setting", "theory/predictors", "theory/predictors/times"),
    # sim knows the problem's vocabulary (errors, groups, setting), never a prediction
    "sim": (),
    "sim/network": ("theory", "theory/setting"),
    "sim/storage": ("theory", "theory/groups", "theory/setting", "sim/network"),
    "sim/probes": ("theory/groups", "theory/setting", "sim/network", "sim/storage"),
    "sim/training": ("theory", "theory/setting", "sim/network", "sim/storage", "sim/probes"),
    "sim/sweep": ("theory", "theory/groups", "theory/setting", "sim/network", "sim/storage", "sim/training"),
    # validate is where both meet: THEORY and SIM stand for all of their rooms
    "validate": (),
    "validate/measured": ("THEORY", "SIM"),
    "validate/claims": ("THEORY", "SIM", "validate/measured"),
    "validate/claims/exams": ("THEORY", "SIM", "validate/measured", "validate/claims"),
    "validate/forecast": ("THEORY", "validate/measured"),
    "validate/laws": ("THEORY", "SIM", "validate/measured"),
    "validate/scores": ("THEORY", "SIM", "validate/measured"),
    "validate/experiment": ("THEORY", "SIM", "validate/measured", "validate/scores"),
    "validate/screen": ("THEORY", "SIM", "validate/measured", "validate/scores"),
    "validate/figures/drawing": ("THEORY", "SIM", "validate/measured", "validate/scores"),
    "validate/figures/of_paper": ("THEORY", "SIM", "validate/measured", "validate/claims", "validate/figures/drawing"),
    "validate/figures/of_results": (
        *("THEORY", "validate/measured", "validate/scores", "validate/laws", "validate/figures/drawing"),
    ),
    "validate/figures/of_runs": (
        *("THEORY", "validate/measured", "validate/scores", "validate/experiment", "validate/claims"),
        *("validate/forecast", "validate/laws", "validate/figures/drawing"),
    ),
    "validate/figures": (
        *("theory", "validate/figures/drawing", "validate/figures/of_paper", "validate/figures/of_results"),
    ),
    "validate/pages": (
        *("THEORY", "validate/measured", "validate/scores", "validate/experiment", "validate/claims"),
        *("validate/figures/drawing", "validate/figures/of_runs"),
    ),
    "validate/pages/explorer": (
        *("THEORY", "SIM", "validate/measured", "validate/scores", "validate/claims", "validate/figures/drawing"),
        "validate/pages",
    ),
    "validate/cli": ("EVERYTHING",),
}

FILES = sorted(path.relative_to(ROOT) for hall in HALLS for path in (ROOT / hall).rglob("*.py"))


def rooms(names: tuple[str, ...]) -> set[str]:
    """The rooms that an entry of `CONTRACTS` stands for."""
    found = set[str]()
    for name in names:
        if name == "EVERYTHING":
            found |= {room for room in CONTRACTS if room != "validate/cli"}
        elif name.isupper():
            found |= {room for room in CONTRACTS if room.partition("/")[0] == name.lower()}
        else:
            found.add(name)
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of what a file imports, wherever the statement stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str | None:
    """The room in which a dotted name of ours lives; None for others."""
    first, *parts = name.split(".")
    if first != "twopeaks":
        return None
    while parts and not (ROOT / Path(*parts) / "__init__.py").exists():
        parts.pop()
    return "/".join(parts)


def broken(path: Path, text: str) -> set[str]:
    """Imports of a file at this place that its room's contract does not allow."""
    room = str(path.parent)
    allowed = rooms(CONTRACTS[room]) | {room, ""}  # "": `import twopeaks` itself is lazy
    return {name for name in imported(ast.parse(text)) if room_of(name) is not None and room_of(name) not in allowed}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_keep_the_contract_of_their_room(path: Path) -> None:
    text = (ROOT / path).read_text()
    assert broken(path, text) == set()
    outside = {name.partition(".")[0] for name in imported(ast.parse(text))}
    assert not outside & {*HALLS, "tests"}
    if path.parts[0] == "theory":
        assert not outside & {"torch", "matplotlib"}
    if path.parts[0] == "sim":
        assert "matplotlib" not in outside


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("sim/training/loop.py", "from twopeaks.theory.predictors.registry import predict"),
        ("theory/groups/group.py", "import twopeaks.theory.setting.task"),
        ("validate/measured/cell.py", "from twopeaks.validate.cli import app"),
        ("validate/scores/board.py", "from twopeaks.validate.pages.page import html"),
        ("theory/heights/heights.py", "def f():\n    from twopeaks.sim.network import runtime"),
    ],
)
def test_an_arrow_that_points_upwards_is_seen(path: str, line: str) -> None:
    assert len(broken(Path(path), line)) == 1


def test_every_room_has_a_contract_and_every_contract_a_room() -> None:
    assert {str(path.parent) for path in FILES} == set(CONTRACTS)


def test_the_contracts_have_no_circle() -> None:
    order = list(CONTRACTS)
    for room, names in CONTRACTS.items():
        assert all(order.index(other) < order.index(room) for other in rooms(names) - {room}), room


def test_rooms_stay_small() -> None:
    sizes: Mapping[str, int] = {
        room: sum(path.name != "__init__.py" for path in found)
        for room, found in itertools.groupby(FILES, key=lambda path: str(path.parent))
    }
    assert {room: size for room, size in sizes.items() if size > 15} == {}


@pytest.mark.parametrize(
    "module",
    [
        *("twopeaks.theory.predictors.registry", "twopeaks.theory.setting", "twopeaks.theory.equations"),
        *("twopeaks.sim.sweep.cells", "twopeaks.sim.sweep.spec", "twopeaks.sim.storage.store"),
        *("twopeaks.sim.sweep.folder", "twopeaks.validate.measured.detect", "twopeaks.validate.measured.statistics"),
        *("twopeaks.validate.measured.results", "twopeaks.validate.measured.progress"),
        *("twopeaks.validate.measured.to_csv", "twopeaks.validate.scores.reproduced", "twopeaks.validate.cli.app"),
    ],
)
def test_these_imports_need_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_records_load_no_predictor() -> None:
    code = "import sys, twopeaks.sim.storage.records; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    ours = {name for name in loaded if name.startswith("twopeaks.theory")}
    allowed = ("twopeaks.theory.errors", "twopeaks.theory.groups", "twopeaks.theory.setting")
    assert ours
    assert {name for name in ours if not name.startswith(allowed) and name != "twopeaks.theory"} == set()
    heavy = {"dask", "matplotlib", "plotly", "polars", "rich", "scipy", "sympy", "torch", "typer"}
    assert heavy & {name.partition(".")[0] for name in loaded} == set()


@pytest.mark.parametrize("hall", HALLS)
def test_a_second_copy_of_a_hall_is_refused(hall: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {hall}"
    refused = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert f"ImportError: import twopeaks.{hall}, not {hall}" in refused.stderr


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_stay_short_and_public_names_are_listed(path: Path) -> None:
    text = (ROOT / path).read_text()
    assert len(text.splitlines()) <= 400
    tree = ast.parse(text)
    if path.name in ("__init__.py", "app.py"):
        return
    listed = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    )
    public = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")}
    assert public <= set(listed)


#: Places whose parameters and lines are the options of commands and their descriptions.
COMMANDS = Path("validate/cli")


def tree_of(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions of a file, those in classes and in other functions too."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            yield f"{path}:{node.name}", node


def parameters(function: ast.FunctionDef) -> int:
    """How many a caller sees."""
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_parameter_lists_stay_short() -> None:
    long = {
        name: parameters(function)
        for path in FILES
        if path.parent != COMMANDS
        for name, function in functions(path)
        if parameters(function) > 6
    }
    assert long == {}


def test_functions_stay_short() -> None:
    lengths = {
        name: function.end_lineno - function.lineno + 1
        for path in FILES
        if path.parent != COMMANDS
        for name, function in functions(path)
        if function.end_lineno is not None
    }
    assert {name: length for name, length in lengths.items() if length > 60} == {}


def test_the_manifest_of_a_run_is_named_in_one_place() -> None:
    naming = [
        str(path)
        for path in FILES
        if any(isinstance(node, ast.Constant) and node.value == "manifest.json" for node in ast.walk(tree_of(path)))
    ]
    assert naming == ["sim/storage/store.py"]
