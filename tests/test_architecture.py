"""Who may import whom, checked on every import statement; and what an import may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("theory", "sim", "validate")
#: The problem's vocabulary: what sim may know of theory. Never a prediction.
NOUNS = {
    f"theory.{name}"
    for name in (
        *("axioms", "errors", "groups", "irreps", "sampling", "setting", "small_groups"),
        *("frozen", "network", "optimizer", "task"),  # the parts of a setting
        *("expressions", "fields", "tables"),  # and what a task may be about
    )
}
FILES = sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            module = node.module or ""
            found |= {f"{module}.{a.name}" if module in OURS else module for a in node.names}
    return found


def top(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_dependency_direction(path: Path) -> None:
    names, package = imported(path), path.relative_to(ROOT).parts[0]
    if package == "theory":
        assert not top(names) & {"torch", "matplotlib", "sim", "validate"}
    if package == "sim":
        assert not top(names) & {"matplotlib", "validate"}
        assert {n for n in names if n.startswith("theory")} <= NOUNS


def test_the_vocabulary_knows_no_prediction() -> None:
    for module in NOUNS:
        path = ROOT / Path(*module.split(".")).with_suffix(".py")
        assert {n for n in imported(path) if n.startswith("theory")} <= NOUNS


@pytest.mark.parametrize(
    "module",
    [
        *("theory", "theory.predict", "validate", "validate.detect", "validate.statistics", "validate.cli"),
        *("sim.cells", "sim.spec", "sim.store", "sim.sweep_folder"),
        *("validate.results", "validate.sweep_command", "validate.sweep_state"),
        *("validate.measured_files", "validate.reproduced", "validate.scaling_command", "validate.report_command"),
    ],
)
def test_these_imports_need_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_short_and_public_names_are_listed(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    tree = ast.parse(text)
    if path.name not in ("__init__.py", "cli.py"):
        listed = next(
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        )
        public = {
            n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")
        }
        assert public <= set(listed)
