"""The one error that bad input raises, and the one sentence it prints."""

from __future__ import annotations

from typing import Self

__all__ = ["InputError"]


class InputError(ValueError):
    """A value from outside that cannot be used: name, expectation, value, remedy.

    Args:
        name: what the caller set, in the caller's words (an option, a field, a file).
        expectation: what it must be.
        value: what was given.
        remedy: what to do about it.
    """

    def __init__(self, name: str, expectation: str, value: object, remedy: str) -> None:
        self.name = name
        self.expectation = expectation
        self.value = value
        self.remedy = remedy
        super().__init__(f"{name} must be {expectation}, got {value!r}; {remedy}")

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, object, str]]:
        """Another process raises the same error (as it stands, an exception is rebuilt from its message alone)."""
        return type(self), (self.name, self.expectation, self.value, self.remedy)
