"""Mutation testing: change one thing in a module at a time and see whether a test of its room fails.

    python benchmarks/mutants.py validate/scores/board.py --sample 60 --minutes 10

mutmut makes the changes and runs the tests. This file prepares a copy of the repository under its import name for it
(`build/mutants/ROOM/twopeaks`), chooses modules, tests and a random sample of mutants, and writes the mutants that
survived to `build/mutants/survivors.md`. The exit code is 0 if the tests of every room killed `--least` per cent, 1 if
not, 2 for bad input.

Not tried: changes of an error's words, of `strict=` and of how a figure looks (`APPEARANCE`), because no number depends
on them; statements outside functions, which mutmut leaves alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import libcst as cst
from mutmut.configuration import reset_config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import Mutation, create_mutations
from mutmut.mutation.trampoline_templates import mangle_function_name
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import get_mutant_name

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "twopeaks"
#: The modules whose numbers end in tables and figures, tried when no module is named.
DEFAULT = (
    "validate/measured/statistics.py",
    "validate/scores/*.py",
    "theory/predictors/**/*.py",
    "validate/figures/**/*.py",
)
#: Tests by the beginning of a module's path, where they are not all tests of the folder that mirrors its own.
TESTS = {
    "validate/measured/statistics.py": tuple(
        f"tests/validate/measured/test_{name}.py" for name in ("statistics", "bootstrap")
    ),
    "validate/figures/": tuple(  # without legibility, styles and letters, which take minutes
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "tests/validate/figures").glob("test_*.py"))
        if path.name != "test_figures.py"
    ),
    "theory/predictors/": ("tests/theory/predictors",),
}
#: Keywords of calls that say how a figure looks, not what it shows.
APPEARANCE = """
    alpha aspect xytext bbox_to_anchor borderaxespad capsize dpi edgecolor elinewidth figsize fontsize fontweight
    framealpha frameon ha handlelength height_ratios labelsize layout length linewidth linewidths loc
    markeredgecolor markeredgewidth markersize ncols pad rotation s size solid_capstyle textcoords va weight zorder
"""
#: The repository's settings inside the copy.
PYTEST = ("-c", f"{PACKAGE}/pyproject.toml", "-p", "no:cacheprovider", "-m", "not slow and not gpu")
#: Seconds of tests tried first on a mutant, and of one test that is short.
QUICK, SHORT = 2.0, 0.5
KILLED = ("killed", "timeout", "segfault")
PROCESSES = 2
COLUMNS = "{:50s} {:>7} {:>5} {:>6} {:>7} {:>8} {:>6}"


class Room(NamedTuple):
    """Modules that the same tests are about."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


class Sample(NamedTuple):
    """The mutants of one module that are to be tried, by mutmut's names, and how many there are."""

    module: str
    names: tuple[str, ...]
    mutants: int


@dataclass
class Result:
    """What became of the mutants of one module."""

    sample: Sample
    statuses: Counter[str] = field(default_factory=Counter)
    survivors: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """Mutants that were tried, with those that no test reaches."""
        return self.statuses.total()

    @property
    def killed(self) -> int:
        """Mutants that a test noticed; a test that then never ends has noticed."""
        return sum(self.statuses[status] for status in KILLED)


def main(arguments: Sequence[str]) -> int:
    """Try the mutants; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=DEFAULT, help="paths or patterns (default: %(default)s)")
    parser.add_argument("--sample", type=int, default=20, help="mutants tried in a module; 0 means all (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (%(default)s)")
    parser.add_argument("--minutes", type=float, default=60, help="time limit for all (%(default)s)")
    parser.add_argument("--least", type=float, default=90, help="per cent that must be killed (%(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "mutants", help="folder of the copies")
    options = parser.parse_args(arguments)
    rooms = list(rooms_of(options.modules))
    if not rooms:
        sys.stderr.write(f"error: no module matches {' '.join(options.modules)}\n")
        return 2
    start = time.monotonic()
    results: dict[str, list[Result]] = {}
    pages: list[str] = []
    for room in rooms:
        workspace = prepared(room, options.out.resolve())
        samples = [sampled(module, workspace, options.sample, options.seed) for module in room.modules]
        results[room.name] = tried(samples, workspace, start + 60 * options.minutes)
        print(table(results[room.name]), flush=True)
        pages += survivors(results[room.name], workspace)
        (options.out / "survivors.md").write_text("\n".join(pages), encoding="utf-8")
    print("\n".join(line(room, rows) for room, rows in results.items()))
    print(f"{(time.monotonic() - start) / 60:.0f} minutes; survivors: {options.out / 'survivors.md'}")
    return int(any(share(rows) < options.least for rows in results.values()))


def rooms_of(patterns: Iterable[str]) -> Iterator[Room]:
    """The modules that patterns name, grouped by the tests that are about them."""
    groups: dict[str, list[str]] = {}
    for path in sorted({path for pattern in patterns for path in ROOT.glob(pattern)}):
        module = path.relative_to(ROOT).as_posix()
        if path.suffix == ".py" and path.name != "__init__.py":
            groups.setdefault(room_of(module), []).append(module)
    for room, modules in groups.items():
        yield Room(
            room.strip("/").removesuffix(".py").replace("/", "-"),
            tuple(modules),
            TESTS.get(room, (f"tests/{room}",)),
        )


def room_of(module: str) -> str:
    """The beginning of a module's path that decides which tests are about it."""
    return next((begin for begin in TESTS if module.startswith(begin)), module.rpartition("/")[0])


def prepared(room: Room, out: Path) -> Path:
    """A fresh folder with the repository under its import name, and mutmut's settings beside it."""
    workspace = out / room.name
    shutil.rmtree(workspace, ignore_errors=True)
    files = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(files, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines():
        if (ROOT / name).is_file():
            target = workspace / PACKAGE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    for path in (workspace / PACKAGE / module for module in room.modules):
        path.write_text(without_decorators(path.read_text(encoding="utf-8")), encoding="utf-8")
    settings = {
        "source_paths": [PACKAGE],
        "only_mutate": [f"{PACKAGE}/{module}" for module in room.modules],
        "pytest_add_cli_args": list(PYTEST),
        "pytest_add_cli_args_test_selection": [f"{PACKAGE}/{test}" for test in room.tests],
        "process_isolation": "forkserver",  # polars and torch have threads, which a fork of a used process loses
        "forkserver_warmup": "collect",
        "timeout_constant": 12.0,
        "timeout_multiplier": 3.0,
        "use_git_change_detection": False,
    }
    lines = ["[tool.mutmut]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items()), ""]
    (workspace / "pyproject.toml").write_text("\n".join(lines), encoding="utf-8")
    return workspace


def without_decorators(source: str) -> str:
    """The module with `f = decorator(f)` below a function for `@decorator` above it: mutmut skips decorated ones."""
    return cst.parse_module(source).visit(_DecoratorsBelow()).code


class _DecoratorsBelow(cst.CSTTransformer):
    """Moves decorators of functions of a module and of methods below them."""

    #: mutmut knows the first two; the others must stand above what they decorate.
    KEPT = ("staticmethod", "classmethod", "overload", "setter", "field_validator", "model_validator")

    _depth = 0

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._depth += 1

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.FlattenSentinel[cst.BaseStatement]:
        self._depth -= 1
        decorators = [each.decorator for each in updated_node.decorators]
        if self._depth or not decorators or any(_name(each) in self.KEPT for each in decorators):
            return updated_node
        value: cst.BaseExpression = updated_node.name
        for decorator in reversed(decorators):
            value = cst.Call(func=decorator, args=[cst.Arg(value)])
        below = cst.SimpleStatementLine([cst.Assign([cst.AssignTarget(updated_node.name)], value)])
        return cst.FlattenSentinel([updated_node.with_changes(decorators=[]), below])


def _name(decorator: cst.BaseExpression) -> str:
    """The last name of `name`, `module.name` or `module.name(…)`."""
    called = decorator.func if isinstance(decorator, cst.Call) else decorator
    named = called.attr if isinstance(called, cst.Attribute) else called
    return named.value if isinstance(named, cst.Name) else ""


# --- mutants -------------------------------------------------------------------------------------------


def sampled(module: str, workspace: Path, size: int, seed: int) -> Sample:
    """A random sample of the mutants of a module, the same each time; all of them if `size` is 0 or too large."""
    path = Path(PACKAGE) / module
    with chdir(workspace):
        reset_config()  # mutmut reads its settings in the working directory
        tree, mutations, *_ = create_mutations(str(path), path.read_text(encoding="utf-8"))
    not_tried = _NotTried({"strict", *(APPEARANCE.split() if module.startswith("validate/figures/") else ())})
    tree.visit(not_tried)
    functions = mangled(tree)
    counts: Counter[str] = Counter()
    names = []
    for mutation in mutations:
        function = functions.get(mutation.contained_by_top_level_function)
        if function is not None:
            counts[function] += 1
            if not not_tried.excludes(mutation):
                names.append(get_mutant_name(path, f"{function}__mutmut_{counts[function]}"))
    chosen = names if not size or len(names) <= size else random.Random(f"{seed} {module}").sample(names, size)
    return Sample(module, tuple(sorted(chosen)), len(names))


def mangled(tree: cst.Module) -> dict[cst.CSTNode | None, str]:
    """The names that mutmut gives to functions of a module and to methods of its classes."""
    names: dict[cst.CSTNode | None, str] = {}
    for statement in tree.body:
        if isinstance(statement, cst.FunctionDef):
            names[statement] = mangle_function_name(name=statement.name.value, class_name=None)
        elif isinstance(statement, cst.ClassDef):
            for method in statement.body.body:
                if isinstance(method, cst.FunctionDef):
                    names[method] = mangle_function_name(name=method.name.value, class_name=statement.name.value)
    return names


class _NotTried(cst.CSTVisitor):
    """What no number depends on: words of errors, `strict=`, arguments that say how a figure looks."""

    def __init__(self, keywords: Collection[str]) -> None:
        self._keywords = keywords
        self._nodes: set[int] = set()

    def visit_Raise(self, node: cst.Raise) -> None:
        self._add(node)

    def visit_Arg(self, node: cst.Arg) -> None:
        if node.keyword is not None and node.keyword.value in self._keywords:
            self._add(node)

    def _add(self, node: cst.CSTNode) -> None:
        self._nodes.add(id(node))
        for child in node.children:
            self._add(child)

    def excludes(self, mutation: Mutation) -> bool:
        """Whether a mutation changes such a node, or takes such an argument out of a call."""
        before, after = mutation.original_node, mutation.mutated_node
        if isinstance(before, cst.Call) and isinstance(after, cst.Call):
            kept = {id(argument) for argument in after.args}
            changed = [argument for argument in before.args if id(argument) not in kept]
            if changed and all(id(argument) in self._nodes for argument in changed):
                return True
        return id(before) in self._nodes


def tried(samples: Sequence[Sample], workspace: Path, deadline: float) -> list[Result]:
    """Have mutmut try mutants, each against the quickest tests that reach it, then survivors against all that do.

    Survivors meet them in a process that imports every module anew: what runs while modules are imported, as decorators
    do, is the mutant's there. Where no test reaches a function, any quick tests show whether it is imported.
    """
    names = [name for sample in samples for name in sample.names]
    stats, settings = workspace / "mutants" / "mutmut-stats.json", workspace / "pyproject.toml"
    if names and mutmut(names[:1], workspace, deadline):  # prepares the mutants and times all tests
        notes = json.loads(stats.read_text(encoding="utf-8"))
        seconds, tests = notes["duration_by_test"], notes["tests_by_mangled_function_name"]
        quick = {function: quickest(reached, seconds) for function, reached in tests.items()}
        stats.write_text(json.dumps(notes | {"tests_by_mangled_function_name": quick}), encoding="utf-8")
        if mutmut(names, workspace, deadline):
            left = [name for sample in samples for name in outcome(sample, workspace).survivors]
            anything = {name.partition("__mutmut_")[0]: quickest(seconds, seconds) for name in left}
            wide = anything | {function: beside(reached, seconds) for function, reached in tests.items()}
            stats.write_text(json.dumps(notes | {"tests_by_mangled_function_name": wide}), encoding="utf-8")
            settings.write_text(settings.read_text(encoding="utf-8").replace('"collect"', '"none"'), encoding="utf-8")
            if left:
                mutmut(left, workspace, deadline)
    return [outcome(sample, workspace) for sample in samples]


def quickest(tests: Iterable[str], seconds: Mapping[str, float]) -> list[str]:
    """The quickest `QUICK` seconds of these tests, one test at least."""
    order = sorted(tests, key=lambda test: seconds[test])
    within = sum(total <= QUICK for total in itertools.accumulate(seconds[test] for test in order))
    return order[: max(within, 1)]


def beside(tests: Iterable[str], seconds: Mapping[str, float]) -> list[str]:
    """These tests and the short ones of the same files: a fixture that several share counts for the first one alone."""
    files = {test.partition("::")[0] for test in tests}
    return sorted({*tests, *(test for test in seconds if seconds[test] < SHORT and test.partition("::")[0] in files)})


def mutmut(names: Sequence[str], workspace: Path, deadline: float) -> bool:
    """Run mutmut on mutants; its notes lie in the copy. False if time was over before it ended."""
    copies = workspace / "mutants"
    (copies / PACKAGE).mkdir(parents=True, exist_ok=True)  # Python forgets a path that is not there when it starts
    environment = {**os.environ, "PYTHONPATH": f"{copies}:{copies / PACKAGE}", "OMP_NUM_THREADS": "1"}
    command = [str(Path(sys.executable).parent / "mutmut"), "run", "--max-children", str(PROCESSES), *names]
    with (workspace / "mutmut.log").open("w", encoding="utf-8") as log:
        where = {"cwd": workspace, "env": environment, "stdout": log, "stderr": log, "start_new_session": True}
        process = subprocess.Popen(command, **where)
        try:
            code = process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            print(f"{workspace.name}: the time limit is reached")
            return False
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code:
        raise SystemExit(f"error: mutmut ended with exit code {code}; see {workspace / 'mutmut.log'}")
    return True


def outcome(sample: Sample, workspace: Path) -> Result:
    """Read what mutmut noted about a module's mutants; those that it did not come to are not counted."""
    path = workspace / "mutants" / PACKAGE / f"{sample.module}.meta"
    codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"] if path.exists() else {}
    result = Result(sample)
    for name in sample.names:
        if codes.get(name) is not None:
            status = status_by_exit_code[codes[name]]
            result.statuses[status] += 1
            result.survivors += [name] if status not in KILLED else []
    return result


def share(results: Sequence[Result]) -> float:
    """Per cent killed of the mutants that were tried; 0 if none was."""
    return 100 * sum(each.killed for each in results) / max(sum(each.tried for each in results), 1)


def table(results: Sequence[Result]) -> str:
    """One line for each module."""
    head = COLUMNS.format("module", "mutants", "tried", "killed", "timeout", "survived", "%")
    return "\n".join([head, *(line(each.sample.module, [each]) for each in results)])


def line(name: str, rows: Sequence[Result]) -> str:
    """The numbers of one or several modules."""
    mutants, timeouts = sum(row.sample.mutants for row in rows), sum(row.statuses["timeout"] for row in rows)
    tries, killed = sum(row.tried for row in rows), sum(row.killed for row in rows)
    return COLUMNS.format(name, mutants, tries, killed, timeouts, tries - killed, f"{share(rows):.1f}")


def survivors(results: Sequence[Result], workspace: Path) -> list[str]:
    """Lines of Markdown with what no test noticed, as differences."""
    lines: list[str] = []
    with chdir(workspace):
        for result in results:
            lines += [f"## {result.sample.module}: {len(result.survivors)} of {result.tried} survived", ""]
            for name in result.survivors:
                difference = get_diff_for_mutant(name, path=Path(PACKAGE) / result.sample.module)
                lines += [f"`{name}`", "", "```diff", difference.strip(), "```", ""]
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
