"""The base of every part of a setting: frozen, without unknown fields, with one canonical text."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

__all__ = ["LARGEST", "Frozen"]

#: Largest rate, decay or scale: with larger ones single precision overflows before the first step.
LARGEST = 1e30


class Frozen(BaseModel):
    """A model whose fields cannot change; unknown fields are refused; equal contents have equal text."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    #: Fields added since the first settings were stored. They are written only where they differ from their default, so
    #: that older settings keep their text and content id.
    added: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="after")
    @classmethod
    def _one_zero(cls, value: object) -> object:
        if isinstance(value, tuple) and value and isinstance(value[0], float):
            return tuple(_zero_is_one(number) for number in value)
        return _zero_is_one(value) if isinstance(value, float) else value

    @model_serializer(mode="wrap")
    def _only_what_differs(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = write(self)
        return {name: value for name, value in content.items() if name not in self.added or self._differs(name)}

    def _differs(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)


def _zero_is_one(number: float) -> float:
    """-0.0 equals 0.0 and must not give another text; nor may what is zero wherever denormals are flushed."""
    if 0 < abs(number) < sys.float_info.min:
        raise ValueError(f"0, or at least {sys.float_info.min:.3g} in size")
    return number + 0.0
