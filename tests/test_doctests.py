"""Every example in a docstring gives what it says."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

HALLS = ("twopeaks.theory", "twopeaks.sim", "twopeaks.validate")
MODULES = ["twopeaks.api"]
MODULES += [found.name for hall in HALLS for found in pkgutil.walk_packages(import_module(hall).__path__, f"{hall}.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    outcome = doctest.testmod(import_module(name), report=True)
    assert outcome.failed == 0
