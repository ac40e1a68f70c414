"""Files of facts and arrays whose damage is noticed: written aside, synced, moved; a digest in front.

Line one is the SHA-256 of all that follows, in hexadecimal; line two the facts as JSON, with the names of the arrays;
then the arrays one after the other in NumPy's own format. Nothing in it can run code when it is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from twopeaks.sim.storage.aside import replacing

__all__ = ["DamagedError", "facts", "read", "write"]

_DIGEST_LINE = len(hashlib.sha256().hexdigest()) + 1


class DamagedError(Exception):
    """A file that cannot be read, or whose content is not what was written."""


def write(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``path`` anew: whenever this is cut short, what was there before is there still.

    Args:
        path: the file; on the way it has another name, see `twopeaks.sim.storage.aside`.
        facts: anything that can be JSON.
        arrays: numbers and booleans, of any shape.

    Raises:
        OSError: if it cannot be written; nothing has changed then.
    """
    with replacing(path, shared=True) as aside, aside.open("wb") as file:
        file.write(bytes(_DIGEST_LINE))
        content = _Hashing(file)
        content.write(json.dumps({**facts, "arrays": list(arrays)}).encode() + b"\n")
        for array in arrays.values():
            np.lib.format.write_array(content, np.asarray(array), allow_pickle=False)
        file.seek(0)
        file.write(content.digest_line())


def facts(path: Path) -> dict[str, Any]:
    """The facts alone, after the whole file was checked.

    Raises:
        DamagedError: if the file cannot be read or is not what was written.
    """
    return _read(path, with_arrays=False)[0]


def read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Facts and arrays.

    Raises:
        DamagedError: if the file cannot be read or is not what was written.
    """
    return _read(path, with_arrays=True)


class _Hashing:
    """Passes bytes on to a file and keeps their digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def write(self, content: bytes) -> int:
        self._hash.update(content)
        return self._file.write(content)

    def digest_line(self) -> bytes:
        return _line(self._hash.hexdigest())


def _read(path: Path, *, with_arrays: bool) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    try:
        with path.open("rb") as file:
            digest = file.read(_DIGEST_LINE)
            if digest != _line(hashlib.file_digest(file, "sha256").hexdigest()):
                raise DamagedError("its digest is not that of its content")
            file.seek(_DIGEST_LINE)
            content = json.loads(file.readline())
            names = content.pop("arrays")
            return content, {name: np.load(file, allow_pickle=False) for name in names} if with_arrays else {}
    except OSError as error:
        raise DamagedError(error.strerror or "it cannot be read") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedError("it holds something else") from error


def _line(digest: str) -> bytes:
    return digest.encode() + b"\n"
