"""Files are whole or as they were before, whoever writes them and however the writing ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from twopeaks.sim.storage.aside import ASIDE, replacing


def test_a_file_is_there_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("before")
    with replacing(path) as aside:
        assert (aside.parent, aside.suffix, aside.name[0]) == (tmp_path, ASIDE, ".")
        aside.write_text("half")
        assert path.read_text() == "before"
        aside.write_text("whole")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("shared", [False, True])
def test_a_writing_that_fails_changes_nothing(tmp_path: Path, shared: bool) -> None:
    path = tmp_path / "table.csv"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), replacing(path, shared=shared) as aside:
        aside.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_several_writers_have_names_of_their_own_and_one_writer_overwrites_what_it_left(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with replacing(path, shared=True) as first, replacing(path, shared=True) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # the outer block ends last
    (tmp_path / f".table.csv{ASIDE}").write_text("left by a killed writer")
    with replacing(path) as aside:
        aside.write_text("third")
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "table.csv") as aside:
            aside.write_text("whole")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "table.csv").stat().st_mode) == 0o640


def test_a_file_is_synced_before_it_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order, sync, replace = list[str](), os.fsync, Path.replace

    def noting(descriptor: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def moving(self: Path, target: Path) -> Path:
        order.append("move")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noting)
    monkeypatch.setattr(Path, "replace", moving)
    with replacing(tmp_path / "table.csv") as aside:
        aside.write_text("whole")
    assert order == ["file", "move", "folder"]
