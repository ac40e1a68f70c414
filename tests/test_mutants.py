"""The mutation pass: which modules it takes, what it does to decorators, which changes it leaves out."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import libcst as cst
import pytest
from mutmut.mutation.mutators import operator_arg_removal

ROOT = Path(__file__).parent.parent

DECORATED = """
from functools import cache


@cache
def double(value: int) -> int:
    return 2 * value


class Box:
    @property
    def width(self) -> int:
        return double(2)

    @classmethod
    def made(cls) -> "Box":
        return cls()
"""


@pytest.fixture(scope="module")
def mutants() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("mutants_script", ROOT / "benchmarks" / "mutants.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_every_module_taken_by_default_has_tests(mutants: ModuleType) -> None:
    rooms = list(mutants.rooms_of(mutants.DEFAULT))
    taken = [module for room in rooms for module in room.modules]
    for pattern in mutants.DEFAULT:
        files = {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern) if path.name != "__init__.py"}
        assert files
        assert files <= set(taken)
    assert len(taken) == len(set(taken))
    for room in rooms:
        assert room.modules
        assert all((ROOT / test).exists() for test in room.tests)


def test_decorators_are_moved_below_and_do_the_same(mutants: ModuleType) -> None:
    moved = mutants.without_decorators(DECORATED)
    kept = {
        node.name for node in ast.walk(ast.parse(moved)) if isinstance(node, ast.FunctionDef) and node.decorator_list
    }
    assert kept == {"made"}
    names: dict[str, type] = {}
    exec(moved, names)
    assert names["Box"].made().width == 4
    assert names["double"].cache_info().misses == 1


@pytest.mark.parametrize(
    ("call", "left"),
    [("zip(a, b, strict=True)", 4), ("plot(x, y, alpha=0.5)", 4), ("plot(x, color=c)", 4), ("plot(x, alpha=1)", 2)],
)
def test_arguments_of_appearance_stay(mutants: ModuleType, call: str, left: int) -> None:
    node = cst.parse_expression(call)
    not_tried = mutants._NotTried({"strict", "alpha"})
    node.visit(not_tried)
    changes = [mutants.Mutation(node, changed, None) for changed in operator_arg_removal(node)]
    assert sum(not not_tried.excludes(change) for change in changes) == left


def test_words_of_errors_are_left_alone(mutants: ModuleType) -> None:
    tree = cst.parse_module("def f(x):\n    if x < 3:\n        raise InputError('x', 'small')\n    return 'x'\n")
    not_tried = mutants._NotTried(set())
    tree.visit(not_tried)
    strings: list[cst.SimpleString] = []

    class Strings(cst.CSTVisitor):
        def visit_SimpleString(self, node: cst.SimpleString) -> None:
            strings.append(node)

    tree.visit(Strings())
    assert [not_tried.excludes(mutants.Mutation(text, text, None)) for text in strings] == [True, True, False]


def test_quick_tests_are_tried_first(mutants: ModuleType) -> None:
    seconds = {"a": 0.5, "b": 9.0, "c": 1.0, "d": 1.0}
    assert mutants.quickest(["b", "a", "c"], seconds) == ["a", "c"]
    assert mutants.quickest(["d", "c", "a"], seconds) == ["a", "d"], "two seconds of them"
    assert mutants.quickest(["b"], seconds) == ["b"]


def test_survivors_meet_short_tests_of_the_same_files(mutants: ModuleType) -> None:
    seconds = {"a::one": 0.1, "a::two": 0.1, "a::long": 9.0, "b::one": 0.1}
    assert mutants.beside(["a::one"], seconds) == ["a::one", "a::two"]
    assert mutants.beside(["a::long"], seconds) == ["a::long", "a::one", "a::two"]
