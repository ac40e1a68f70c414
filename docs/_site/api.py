"""The reference: a page a module with every name of its ``__all__``, from the source, and an index of modules."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sphinx.util.inventory import InventoryFile

from _site.pages import ROOT, write

__all__ = ["PACKAGES", "Module", "home", "modules", "undocumented", "write_reference"]

#: What each package is for, in the order of the index.
PACKAGES = {
    "theory": "mathematics and predictions; needs no torch",
    "sim": "trains networks; knows no prediction",
    "validate": "where both meet: detection, statistics, scores, figures, the command",
}


#: Names that are text for readers themselves and need none beside them.
_TEXTS = ("CAPTION",)


@dataclass(frozen=True)
class Module:
    """A module as its file has it.

    Attributes:
        name: dotted.
        summary: first sentence of its docstring.
        own: public names that it defines.
        predictors: those of them that are functions under the decorator `predictor`, which makes objects of them.
        elsewhere: public names that it only passes on, with the module each comes from.
    """

    name: str
    summary: str
    own: tuple[str, ...]
    predictors: tuple[str, ...]
    elsewhere: dict[str, str]


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the three packages that has something public."""
    files = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return tuple(_read(path) for path in files)


def _read(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(("twopeaks", *(parts[:-1] if parts[-1] == "__init__" else parts)))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    public = _listed(tree)
    outer = [inner for node in tree.body for inner in (node.body if isinstance(node, ast.If) else [node])]
    origins = {
        alias.asname or alias.name: node.module or ""
        for node in outer
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    elsewhere = {n: origins[n] for n in public if n in origins}
    own = tuple(n for n in public if n not in origins and n not in _TEXTS)
    predictors = tuple(
        n.name for n in tree.body if isinstance(n, ast.FunctionDef) and _is_predictor(n) and n.name in own
    )
    return Module(name, _summary(tree), own, predictors, elsewhere)


def _is_predictor(function: ast.FunctionDef) -> bool:
    calls = (decorator.func for decorator in function.decorator_list if isinstance(decorator, ast.Call))
    return any(isinstance(call, ast.Name) and call.id == "predictor" for call in calls)


def _listed(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(node.value))
    names = (n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef))
    return [n.name for n in names if not n.name.startswith("_")]


def _summary(tree: ast.Module) -> str:
    first = (ast.get_docstring(tree) or "").partition("\n\n")[0]
    return " ".join(first.split())


def home(name: str, module: str) -> str:
    """The module that defines what another one passes on."""
    by_name = {m.name: m for m in modules()}
    while name in by_name[module].elsewhere:
        module = by_name[module].elsewhere[name]
    return module


def undocumented(inventory: Path) -> list[str]:
    """Public names that a built site does not have: names without a docstring are left out of its pages.

    Args:
        inventory: the site's ``objects.inv``.
    """
    found = InventoryFile.loads(inventory.read_bytes(), uri="").data
    there = {name for kind, names in found.items() if kind.startswith("py:") for name in names}
    return [f"{m.name}.{n}" for m in modules() for n in m.own if f"{m.name}.{n}" not in there]


def write_reference(target: Path) -> None:
    """Write the pages of the reference into this folder."""
    for module in modules():
        write(target / "api" / f"{module.name}.rst", _page(module))
    write(target / "api" / "index.md", _index())


def _page(module: Module) -> str:
    title = module.name.replace("_", r"\_")
    lines = [title, "=" * len(title), "", f".. automodule:: {module.name}"]
    members = [name for name in module.own if name not in module.predictors]
    lines += [f"   :members: {', '.join(members)}" if members else "   :no-members:", ""]
    for name in module.predictors:  # objects, which Sphinx does not look for among the members of a module
        lines += [f".. autofunction:: {module.name}.{name}", ""]
    if module.elsewhere:
        lines += ["Also here, defined elsewhere:", ""]
        lines += [f"* :py:obj:`{n} <{home(n, module.name)}.{n}>`" for n in module.elsewhere]
    return "\n".join(lines) + "\n"


def _index() -> str:
    lines = ["# API reference", "", _INDEX, ""]
    for package, purpose in PACKAGES.items():
        here = [m for m in modules() if m.name.split(".")[1] == package]
        lines += [f"## {package}: {purpose}", "", "| module | |", "|---|---|"]
        lines += [f"| {{doc}}`{m.name}` | {_cell(m.summary)} |" for m in here]
        lines += ["", ":::{toctree}", ":hidden:", "", *(m.name for m in here), ":::", ""]
    return "\n".join(lines)


_INDEX = (
    "Every public name of the three packages, a page a module, from its docstring. Most things begin with "
    "{py:obj}`standard <twopeaks.theory.setting.setting.standard>` (a setting), "
    "{py:obj}`predict <twopeaks.theory.predictors.registry.lists.predict>` (what theory says of it), "
    "{py:obj}`train <twopeaks.sim.training.loop.train>` (what networks do) and "
    "{py:obj}`compare <twopeaks.validate.experiment.compare.compare>` (both)."
)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("*", r"\*").replace("``", "`")
