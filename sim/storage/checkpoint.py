"""Checkpoints: everything a call of `train` needs to go on, after whatever killed it, as if nothing had.

A folder belongs to one call. In it each pack of members keeps its two newest states, one file each, named by the
updates done (no clock is asked which is newer). A file appears whole or not at all, and is checked when it is read.
There are no random streams to keep: all that is drawn follows from the seeds, and training draws nothing.
"""

from __future__ import annotations

import json
import os
import platform
import stat
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from twopeaks.sim.storage import archive, locks
from twopeaks.sim.storage.aside import ASIDE
from twopeaks.sim.storage.store import versions
from twopeaks.theory.errors import InputError

__all__ = ["SCHEMA", "Checkpoints", "InUseError", "PackCheckpoints", "newest_step"]

#: Version of what a checkpoint holds. A file of another one is refused by name.
SCHEMA = 1

_ENDING = ".ckpt"
_LOCK = "lock"

_SECONDS = 60.0

#: Longest pair of values that a message shows.
_SHORT = 60


class InUseError(InputError):
    """The folder belongs to a process that is training into it now."""


class Checkpoints:
    """Where, and how often, one call of `twopeaks.sim.training.loop.train` keeps its state.

    What is promised:

    * Going on from checkpoints gives the records of an uninterrupted call, on a CPU bit for bit.
    * A kill at any moment costs each pack at most ``seconds`` of work and the time of one writing. A pack that ended
      is never trained again.
    * A file that is torn or changed is named in `notes`, and the one before it is used. One of another run (settings,
      seeds, plan, dtype, device, threads, packs) or schema raises InputError and stays untouched.
    * Where a disk is full or becomes read-only, `notes` says so; the run goes on, the last checkpoint stays, and the
      next one is tried in its time.
    * Of two calls on one folder the second raises InUseError. The lock dies with the process that has it; where the
      file system has no locks, `notes` says so.

    Nothing is deleted when training ends, for the records are not on disk yet: the caller stores them and then calls
    `discard`; it does so too where it finds that an earlier call had stored them. An object serves one call.

    Attributes:
        folder: made when the call starts, if need be.
        seconds: time between two checkpoints of a pack, 60 unless given; with 0 there is one before each step.
        about: names that the caller wants to find again in `begun`, written into each file.
        notes: sentences on what was not as it should be.
        resumed: the step that each pack (by its number in the call) went on from.
        newest: the step of each pack's newest checkpoint.
        seconds_before: training time of earlier calls, up to their last checkpoint.
    """

    def __init__(self, folder: Path, seconds: float | None = None) -> None:
        if seconds is not None and not seconds >= 0:
            raise InputError("checkpoint_seconds", "0 or more", seconds, "use e.g. 60")
        self.folder, self.seconds = folder, _SECONDS if seconds is None else float(seconds)
        self.about: list[str] = []
        self.notes: list[str] = []
        self.resumed: dict[int, int] = {}
        self.newest: dict[int, int] = {}
        self.seconds_before = 0.0
        self._began = 0.0
        self._held: locks.Lock | None = None
        self._heading: dict[str, Any] = {}
        self._found: defaultdict[int, list[Path]] = defaultdict(list)

    @property
    def begun(self) -> list[str]:
        """What was `about` when the checkpoints that are there were written; nothing if none can be read."""
        for path in sorted(self.folder.glob(f"*{_ENDING}"), reverse=True):
            with suppress(archive.DamagedError):
                return list(archive.facts(path).get("about", ()))
        return []

    @property
    def history(self) -> dict[str, Any]:
        """What a manifest should say of interruptions; empty if there were none."""
        steps = sorted(self.resumed.values())
        told = {"resumed_from_steps": steps, "seconds_before": round(self.seconds_before, 3), "notes": self.notes}
        return told if steps or self.notes else {}

    @property
    def kept(self) -> str:
        """A sentence on what is there to go on from."""
        if not self.newest:
            return "there was no checkpoint yet"
        return f"checkpoints up to step {max(self.newest.values())} are kept; the same command goes on from them"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder. Who looks inside for stored results, trains, stores and discards is sure to be alone in it.

        Raises:
            InUseError: if another call holds it.
            InputError: if it cannot be written.
        """
        lock = self._held = self._lock()
        try:
            yield
        finally:
            self._held = None
            self._leave(lock)

    @contextmanager
    def opened(self, identity: Mapping[str, Any]) -> Iterator[None]:
        """See what is there for a run of this identity (anything JSON can say); hold the folder, if it is not `held`.

        Raises:
            InUseError: if another call holds it.
            InputError: if it cannot be written, or holds checkpoints of another run or schema.
        """
        told = json.loads(json.dumps(identity))
        self._heading = {"schema": SCHEMA, "identity": told, "about": self.about, "versions": versions()}
        with self.held() if self._held is None else nullcontext():
            self._look()
            self._began = time.perf_counter()
            yield

    def pack(self, number: int) -> PackCheckpoints:
        """Checkpoints of one pack of the call, counted from 0, while `opened`."""
        return PackCheckpoints(self, number, self._found[number])

    def discard(self) -> None:
        """Delete the checkpoints, once the records are stored. A folder that another call holds is left to that."""
        with suppress(OSError):
            lock = self._held or locks.acquire(self.folder / _LOCK)
            if lock is not None:
                for ending in (_ENDING, ASIDE):
                    _remove(self.folder.glob(f"*{ending}"))
                if lock is not self._held:
                    self._leave(lock)

    def write(self, path: Path, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Write one file of this run; if that fails, note why and say False."""
        seconds = self.seconds_before + time.perf_counter() - self._began
        try:
            archive.write(path, {**self._heading, "seconds": round(seconds, 3), **facts}, arrays)
        except OSError as error:
            self.note(f"checkpoints could not be written ({error.strerror or error}); earlier ones were kept")
            return False
        return True

    def note(self, sentence: str) -> None:
        """Say something once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _lock(self) -> locks.Lock:
        remedy = "choose another folder, or make this one writable"
        try:
            lock = _lock_made(self.folder)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(str(self.folder), "a folder that can be written", reason, remedy) from error
        if lock is None:
            raise InUseError(str(self.folder), "free", self._holder(), "wait until that one has ended")
        if not lock.certain:
            self.note("this file system has no locks: a second process in the same folder would not be noticed")
        lock.sign(f"process {os.getpid()} on {platform.node()}")
        return lock

    def _holder(self) -> str:
        try:
            return f"held by {(self.folder / _LOCK).read_text(errors='replace')}"
        except OSError:
            return "held by another process"

    def _leave(self, lock: locks.Lock) -> None:
        lock.release()
        with suppress(OSError):  # it holds checkpoints
            self.folder.rmdir()

    def _look(self) -> None:
        """Sort what is there: checkpoints to go on from, damaged ones, and what dead writers left aside."""
        if self._held is not None and self._held.certain:
            _remove(self.folder.glob(f"*{ASIDE}"))
        for path in sorted(self.folder.glob(f"*{_ENDING}")):
            try:
                facts = archive.facts(path)
            except archive.DamagedError as error:
                self.note(f"{path} is damaged ({error}) and was not used")
                continue
            self._check(path, facts)
            self._found[facts["pack"]].append(path)
            self.seconds_before = max(self.seconds_before, facts["seconds"])

    def _check(self, path: Path, facts: Mapping[str, Any]) -> None:
        restart = f"or delete {self.folder} to start again"
        if facts.get("schema") != SCHEMA:
            remedy = f"go on with the version that wrote it, {restart}"
            raise InputError(str(path), f"a checkpoint of schema {SCHEMA}", facts.get("schema"), remedy)
        other = _differences(facts.get("identity", {}), self._heading["identity"])
        if other:
            remedy = f"give the options it was made with, {restart}"
            raise InputError(str(path), "a checkpoint of this run", f"other {other}", remedy)
        if facts["versions"] != self._heading["versions"]:
            other = _differences(facts["versions"], self._heading["versions"])
            self.note(f"checkpoints were made with other versions ({other}): records may differ by rounding")


class PackCheckpoints:
    """Checkpoints of one pack: the newest that is whole, and new ones in time."""

    def __init__(self, run: Checkpoints, number: int, found: list[Path]) -> None:
        self._run, self._number, self._kept = run, number, found
        self._next = time.monotonic() + run.seconds

    def latest(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """Facts and arrays of the newest whole checkpoint, if there is one."""
        while self._kept:
            path = self._kept[-1]
            try:
                facts, arrays = archive.read(path)
            except archive.DamagedError as error:
                self._run.note(f"{path} is damaged ({error}) and was not used")
                self._kept.pop()
                continue
            self._run.resumed[self._number] = self._run.newest[self._number] = facts["step"]
            return facts, arrays
        return None

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() >= self._next

    def store(self, step: int, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep the state after ``step`` updates, and the one before it; where that fails, those from before."""
        path = self._run.folder / f"pack-{self._number:05d}-{step:010d}{_ENDING}"
        if self._run.write(path, {"pack": self._number, "step": step, **facts}, arrays):
            self._kept = [*[old for old in self._kept if old != path][-1:], path]
            self._run.newest[self._number] = step
            mine = self._run.folder.glob(f"pack-{self._number:05d}-*{_ENDING}")
            _remove(old for old in mine if old not in self._kept)
        self._next = time.monotonic() + self._run.seconds


def newest_step(folder: Path) -> int:
    """Updates done at the newest checkpoint in a folder, by its name alone; -1 if there is none."""
    steps = (path.stem.rpartition("-")[2] for path in folder.glob(f"pack-*{_ENDING}"))
    return max((int(step) for step in steps if step.isdigit()), default=-1)


def _lock_made(folder: Path) -> locks.Lock | None:
    while True:
        with suppress(FileNotFoundError):  # its last owner has removed it in between
            _make(folder)
            return locks.acquire(folder / _LOCK)


def _make(folder: Path) -> None:
    """Make a folder that another process may remove while this one looks; FileNotFoundError if it did."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # it was there, and had gone when pathlib asked what it was
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        with suppress(OSError):  # what cannot be removed now is in nobody's way
            path.unlink()


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Names of what differs, with the values where these are short."""

    def told(name: str) -> str:
        old, new = str(there.get(name)), str(here.get(name))
        return f"{name} ({old}, now {new})" if len(old + new) <= _SHORT else name

    return ", ".join(told(name) for name in sorted({*there, *here}) if there.get(name) != here.get(name))
