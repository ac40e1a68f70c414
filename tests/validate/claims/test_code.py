"""What a digest of code is changed by: what a module does or reaches, not how it is written."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.places import ROOT
from twopeaks.validate.claims.code import code_digest, reached
from twopeaks.validate.claims.exams import CLAIMS, lazy

#: A package of four modules: the exam imports near, near imports far; nothing imports alone.
EXAM = '''"""What is measured."""

from __future__ import annotations

import math

from twopeaks.near import twice
from twopeaks.room import shared

__all__ = ["measure"]

CLAIMS = ("at most 3",)


def measure(x: float) -> float:
    """Twice the root."""
    return twice(math.sqrt(x)) + shared.SIZE
'''
NEAR = '''"""Near."""

from typing import TYPE_CHECKING

from twopeaks import far

if TYPE_CHECKING:
    from twopeaks.alone import ALONE


def twice(x):
    # doubled
    return far.FACTOR * x
'''
PACKAGE = {
    "__init__.py": "VERSION = 1\n",
    "exam.py": EXAM,
    "near.py": NEAR,
    "far.py": "FACTOR = 2  # two\n",
    "alone.py": "ALONE = 1\n",
    "room/__init__.py": '"""A room."""\nfrom twopeaks.alone import ALONE\n',
    "room/shared.py": "SIZE = 3\n",
}


def digest(folder: Path, **changes: tuple[str, str]) -> str:
    """Of the exam in a package with these files changed: (old text, new text) by name, with ``__`` for a slash."""
    files = dict(PACKAGE)
    for name, (old, new) in changes.items():
        path = f"{name.replace('__', '/')}.py" if name != "root" else "__init__.py"
        assert old in files[path]
        files[path] = files[path].replace(old, new)
    root = folder / str(sum(1 for _ in folder.iterdir()))
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return code_digest(root / "exam.py", root)


SUM = "return twice(math.sqrt(x)) + shared.SIZE"
HEAD = "import math\n\nfrom twopeaks.near import twice\n"


@pytest.mark.parametrize(
    "change",
    [
        {"exam": ('"""Twice the root."""', '"""Two times the square root."""')},
        {"exam": ('"""What is measured."""', "# measured")},
        {"exam": (SUM, "return (\n        twice(\n math.sqrt(x)) + shared.SIZE )")},
        {"exam": (HEAD, "from twopeaks.near import twice\nimport math\n")},
        {"exam": ('    """Twice the root."""\n', "    import math\n"), "near": ("# doubled", "# times two")},
        {"exam": ('["measure"]', '["measure", "more"]')},
        {"exam": ('("at most 3",)', '("at most 4",)')},
        {"far": ("  # two", "")},
        {"alone": ("1", "2")},
        {"root": ("1", "2")},
    ],
)
def test_how_it_is_written_changes_nothing(change: dict[str, tuple[str, str]], tmp_path: Path) -> None:
    assert digest(tmp_path, **change) == digest(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"exam": ("math.sqrt(x)", "math.exp(x)")},
        {"exam": ("import twice", "import thrice as twice")},
        {"exam": ("import math", "import math as maths")},
        {"near": ("far.FACTOR * x", "far.FACTOR + x")},
        {"far": ("2 ", "3 ")},
        {"room__shared": ("3", "4")},
    ],
)
def test_a_constant_two_imports_away_changes_it(change: dict[str, tuple[str, str]], tmp_path: Path) -> None:
    assert digest(tmp_path, **change) != digest(tmp_path)


def test_examinations_reach_the_trainer_and_the_theory_but_no_page() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in reached(Path(lazy.__file__))}
    exams = "validate/claims/exams/"
    assert names >= {"sim/training/loop.py", "theory/flows/network.py", "validate/claims/weights.py"}
    assert not {name for name in names if name.startswith(("validate/cli", "validate/pages", "validate/figures"))}
    assert {name for name in names if name.startswith(exams)} == {f"{exams}lazy.py", f"{exams}problems.py"}


def test_it_takes_seconds_at_most_and_is_worked_out_once() -> None:
    files = {Path(str(sys.modules[claim.examine.__module__].__file__)) for claim in CLAIMS}
    code_digest.cache_clear()
    start = time.process_time()
    first = {file: code_digest(file) for file in files}
    worked, start = time.process_time() - start, time.process_time()
    assert {file: code_digest(file) for file in files} == first
    assert len(set(first.values())) == len(files)
    assert time.process_time() - start < 0.1 * max(worked, 0.01)
    assert worked < 10
