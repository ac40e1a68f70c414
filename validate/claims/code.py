"""A digest of the code that a module can reach: of what it does, not of how it is written.

Reached is the module and every module of this package that it imports, wherever the import stands, and what these
import. Comments, docstrings, formatting, the place and order of imports, and imports for type checkers alone do not
count. Nor do a module's `__all__` and `CLAIMS`: which range a claim allows
decides how a finding is judged, not what was measured.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import twopeaks

__all__ = ["code_digest", "reached"]

#: Folder of the package, whose name imports begin with.
_ROOT, _PACKAGE = Path(twopeaks.__file__).parent, "twopeaks"
#: Names whose values decide nothing that is measured.
_LEFT_OUT = {"__all__", "CLAIMS"}


@cache
def code_digest(file: Path, root: Path = _ROOT) -> str:
    """Eight hexadecimal digits for a file and all that it reaches; worked out once in a process.

    Args:
        file: source of the module that is asked about, in the package or not.
        root: folder of the package.

    Raises:
        SyntaxError: if a file is no Python.
    """
    digests = [_source(path)[0] for path in reached(file, root)]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:8]


def reached(file: Path, root: Path = _ROOT) -> list[Path]:
    """The file, then all others of the package that it imports, directly or not, sorted."""
    seen, waiting = {file}, [file]
    while waiting:
        for path in _source(waiting.pop())[1]:
            for target in _files(path, root):
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
    return [file, *sorted(seen - {file})]


def _files(name: str, root: Path) -> Iterator[Path]:
    """The file of a dotted name, which may be a module, a package, or something that one of these holds.

    A package that is only passed through (``a`` in ``import a.b``) is left out: nothing is asked of it. So is the root,
    which hands out names of its rooms.
    """
    first, *parts = name.split(".")
    while first == _PACKAGE and parts:
        place = root.joinpath(*parts)
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                yield path
                return
        parts.pop()


@cache
def _source(path: Path) -> tuple[str, frozenset[str]]:
    """Digest of one file, and dotted names of all that it imports."""
    tree = ast.parse(path.read_bytes())
    stripped = _Stripped()
    text = ast.dump(stripped.visit(tree), annotate_fields=False)
    imports = "\n".join(sorted(f"{name} as {alias}" for name, alias in stripped.imports))
    digest = hashlib.sha256(f"{text}\n{imports}".encode()).hexdigest()
    return digest, frozenset(name for name, _ in stripped.imports)


class _Stripped(ast.NodeTransformer):
    """Takes off a tree what does not count, and collects imports as (dotted name, name it gets)."""

    def __init__(self) -> None:
        self.imports: set[tuple[str, str]] = set()

    def visit_Import(self, node: ast.Import) -> None:
        self.imports |= {(alias.name, alias.asname or "") for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.imports |= {(f"{node.module}.{alias.name}", alias.asname or alias.name) for alias in node.names}

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """A constant that stands alone is a docstring, or might as well be one."""
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        return None if _left_out(node.targets[0]) else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return None if _left_out(node.target) else self.generic_visit(node)


def _left_out(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id in _LEFT_OUT
