"""A file of facts and arrays is what was written, or says that it is not; a failed writing changes nothing."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from twopeaks.sim.storage import archive

FACTS = {"name": "Z23", "steps": [1, 2], "share": 0.1, "none": None, "sign": "≤"}
ARRAYS: dict[str, NDArray[np.generic]] = {
    "floats": np.linspace(0, 1, 12).reshape(3, 4),
    "single": np.float32([[1.5, np.nan, -0.0, np.inf]]),
    "complex": np.array([1 + 2j]),
    "flags": np.array([True, False]),
    "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "empty": np.empty((0, 4)),
    "number": np.array(7),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    archive.write(tmp_path / "a.ckpt", FACTS, ARRAYS)
    return tmp_path / "a.ckpt"


def test_what_is_written_is_read_back_to_the_bit(path: Path) -> None:
    facts, arrays = archive.read(path)
    assert facts == archive.facts(path) == FACTS
    assert list(arrays) == list(ARRAYS)
    for name, values in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (values.dtype, values.shape)
        assert arrays[name].tobytes() == values.tobytes()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_every_flipped_byte_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ (1 << i % 8)]) + whole[i + 1 :])
        with pytest.raises(archive.DamagedError, match="its digest is not that of its content"):
            archive.facts(path)


def test_every_length_but_the_right_one_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for content in [*(whole[:i] for i in range(0, len(whole), 7)), whole[:-1], whole + b"\0", whole + whole]:
        path.write_bytes(content)
        with pytest.raises(archive.DamagedError, match="its digest is not that of its content"):
            archive.read(path)


@pytest.mark.parametrize(
    "content", [b"", b"[]\n", b"{}\n", b'{"arrays": 3}\n', b'{"arrays": ["x"]}\nnothing', b"\xff\n"]
)
def test_a_right_digest_of_something_else_is_no_archive(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "b.ckpt").write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    with pytest.raises(archive.DamagedError, match="it holds something else"):
        archive.read(tmp_path / "b.ckpt")


def test_a_file_that_cannot_be_read_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(archive.DamagedError, match="No such file"):
        archive.read(tmp_path / "missing.ckpt")
    with pytest.raises(archive.DamagedError, match="Is a directory"):
        archive.read(tmp_path)


def test_nothing_that_could_run_is_written_or_read(path: Path) -> None:
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        archive.write(path, {}, {"x": np.array([object()])})
    assert archive.facts(path) == FACTS


@pytest.mark.parametrize("broken", ["write", "fsync", "replace"])
def test_a_failed_writing_leaves_what_was_there(broken: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    owner = {"write": archive._Hashing, "fsync": os, "replace": Path}[broken]
    monkeypatch.setattr(owner, broken, full)
    with pytest.raises(OSError, match="No space left"):
        archive.write(path, {"new": 1}, ARRAYS)
    assert archive.facts(path) == FACTS
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_file_and_folder_are_synced_around_the_move(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order, sync, replace = [], os.fsync, Path.replace

    def noting(descriptor: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def moving(self: Path, target: Path) -> Path:
        order.append("move")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noting)
    monkeypatch.setattr(Path, "replace", moving)
    archive.write(path, FACTS, ARRAYS)
    assert order == ["file", "move", "folder"]
