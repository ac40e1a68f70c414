"""What every part of a setting has in common: frozen, closed, and written down in one way."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

__all__ = ["LARGEST", "Frozen"]

#: Largest rate, decay or scale: beyond it single precision overflows before the first step.
LARGEST = 1e30


class Frozen(BaseModel):
    """Fields are set once, unknown ones refused; equal contents have equal text."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    #: Fields added since the first settings were stored. They are written down only where they differ from their
    #: default, so that a setting keeps its text and content id.
    added: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="after")
    @classmethod
    def _one_zero(cls, value: object) -> object:
        # -0.0 equals 0.0, so it must not give another content id.
        if isinstance(value, tuple) and value and isinstance(value[0], float):
            return tuple(number + 0.0 for number in value)
        return value + 0.0 if isinstance(value, float) else value

    @model_serializer(mode="wrap")
    def _only_what_differs(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = write(self)
        return {name: value for name, value in content.items() if name not in self.added or self._differs(name)}

    def _differs(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)
