"""Checkpoints: everything that a call of `train` needs to resume after it was killed, with the same result.

A folder belongs to one call. It holds the two newest states of each pack of members, one file each. Names contain the
number of updates, so no clock decides which is newer. A file appears as a whole or not at all, and is checked when it
is read. No random state is stored: everything drawn follows from the seeds, and training itself draws nothing.
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

#: Version of the format of a checkpoint. A file of another version is refused by name.
SCHEMA = 1

_ENDING = ".ckpt"
_LOCK = "lock"

_SECONDS = 60.0

#: Most characters of two values that a message shows.
_SHORT = 60


class InUseError(InputError):
    """Another process is training into the folder now."""


class Checkpoints:
    """Where, and how often, one call of `twopeaks.sim.training.loop.train` keeps its state.

    What is promised:

    * A resumed call gives the records of an uninterrupted one, on a CPU bit for bit.
    * A kill at any moment costs each pack at most ``seconds`` of work and the time of one write. A pack that has
      ended is never trained again.
    * A damaged file is named in `notes`, and the one before it is used. A file of another run (settings, seeds, plan,
      dtype, device, threads, packs) or schema raises InputError and is not changed.
    * If the disk is full or becomes read-only, `notes` says so; the run continues, the last checkpoint stays, and the
      next one is tried after the usual time.
    * Of two calls on one folder the second raises InUseError. The lock ends with the process that holds it. If the
      file system has no locks, `notes` says so.

    Nothing is deleted when training ends, because the records are not on disk yet: the caller stores them and then
    calls `discard`, also if an earlier call had stored them. An object serves one call.

    Attributes:
        folder: made when the call starts, if necessary.
        seconds: time between two checkpoints of a pack, 60 by default; with 0 there is one before each step.
        about: names that the caller finds again in `begun`; they are written into each file.
        notes: sentences about problems.
        resumed: the step from which each pack (by its number in the call) was resumed.
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
        self._of_packs: defaultdict[int, list[Path]] = defaultdict(list)

    @property
    def begun(self) -> list[str]:
        """The `about` of the newest checkpoint that can be read; empty if there is none."""
        for path in sorted(self.folder.glob(f"*{_ENDING}"), reverse=True):
            with suppress(archive.DamagedError):
                return list(archive.facts(path).get("about", ()))
        return []

    @property
    def history(self) -> dict[str, Any]:
        """Facts about interruptions for a manifest; empty if there were none."""
        steps = sorted(self.resumed.values())
        facts = {"resumed_from_steps": steps, "seconds_before": round(self.seconds_before, 3), "notes": self.notes}
        return facts if steps or self.notes else {}

    @property
    def kept(self) -> str:
        """A sentence on the checkpoints from which the run can be resumed."""
        if not self.newest:
            return "there was no checkpoint yet"
        return f"checkpoints up to step {max(self.newest.values())} are kept; the same command goes on from them"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder, so that no other call looks for stored results, trains, stores or discards in it.

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
        """Find the checkpoints of a run with this identity (any JSON); hold the folder, unless it is `held` already.

        Raises:
            InUseError: if another call holds it.
            InputError: if it cannot be written, or holds checkpoints of another run or schema.
        """
        run = json.loads(json.dumps(identity))
        self._heading = {"schema": SCHEMA, "identity": run, "about": self.about, "versions": versions()}
        with self.held() if self._held is None else nullcontext():
            self._look()
            self._began = time.perf_counter()
            yield

    def pack(self, number: int) -> PackCheckpoints:
        """Checkpoints of one pack of the call, counted from 0, while `opened`."""
        return PackCheckpoints(self, number, self._of_packs[number])

    def discard(self) -> None:
        """Delete the checkpoints once the records are stored; do nothing if another call holds the folder."""
        with suppress(OSError):
            lock = self._held or locks.acquire(self.folder / _LOCK)
            if lock is not None:
                for ending in (_ENDING, ASIDE):
                    _remove(self.folder.glob(f"*{ending}"))
                if lock is not self._held:
                    self._leave(lock)

    def write(self, path: Path, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Write one file of this run; if that fails, note why and return False."""
        seconds = self.seconds_before + time.perf_counter() - self._began
        try:
            archive.write(path, {**self._heading, "seconds": round(seconds, 3), **facts}, arrays)
        except OSError as error:
            self.note(f"checkpoints could not be written ({error.strerror or error}); earlier ones were kept")
            return False
        return True

    def note(self, sentence: str) -> None:
        """Add a sentence to `notes` unless it is there."""
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
            raise InUseError(str(self.folder), "free", self._holder(), "wait until that process has ended")
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
        with suppress(OSError):  # not empty: it holds checkpoints
            self.folder.rmdir()

    def _look(self) -> None:
        """Find the checkpoints of each pack, note damaged ones, and remove unfinished files of killed processes."""
        if self._held is not None and self._held.certain:
            _remove(self.folder.glob(f"*{ASIDE}"))
        for path in sorted(self.folder.glob(f"*{_ENDING}")):
            try:
                facts = archive.facts(path)
            except archive.DamagedError as error:
                self.note(f"{path} is damaged ({error}) and was not used")
                continue
            self._check(path, facts)
            self._of_packs[facts["pack"]].append(path)
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
    """Checkpoints of one pack: reads the newest undamaged one, and stores new ones in time."""

    def __init__(self, run: Checkpoints, number: int, files: list[Path]) -> None:
        self._run, self._number, self._files = run, number, files
        self._next = time.monotonic() + run.seconds

    def latest(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """Facts and arrays of the newest undamaged checkpoint; None if there is none."""
        while self._files:
            path = self._files[-1]
            try:
                facts, arrays = archive.read(path)
            except archive.DamagedError as error:
                self._run.note(f"{path} is damaged ({error}) and was not used")
                self._files.pop()
                continue
            self._run.resumed[self._number] = self._run.newest[self._number] = facts["step"]
            return facts, arrays
        return None

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() >= self._next

    def store(self, step: int, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Store the state after ``step`` updates, delete all but the one before it; on failure keep old files."""
        path = self._run.folder / f"pack-{self._number:05d}-{step:010d}{_ENDING}"
        if self._run.write(path, {"pack": self._number, "step": step, **facts}, arrays):
            self._files = [*[old for old in self._files if old != path][-1:], path]
            self._run.newest[self._number] = step
            of_this_pack = self._run.folder.glob(f"pack-{self._number:05d}-*{_ENDING}")
            _remove(old for old in of_this_pack if old not in self._files)
        self._next = time.monotonic() + self._run.seconds


def newest_step(folder: Path) -> int:
    """Updates done at the newest checkpoint in a folder, by its name alone; -1 if there is none."""
    steps = (path.stem.rpartition("-")[2] for path in folder.glob(f"pack-*{_ENDING}"))
    return max((int(step) for step in steps if step.isdigit()), default=-1)


def _lock_made(folder: Path) -> locks.Lock | None:
    while True:
        with suppress(FileNotFoundError):  # its last owner removed it in between: try again
            _make(folder)
            return locks.acquire(folder / _LOCK)


def _make(folder: Path) -> None:
    """Make a folder that another process may remove at the same time; FileNotFoundError if it did."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # it existed, and was removed before pathlib looked at its kind
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        with suppress(OSError):  # a file that stays does no harm
            path.unlink()


def _differences(stored: Mapping[str, Any], current: Mapping[str, Any]) -> str:
    """Names of differing entries, with the values if these are short."""

    def shown(name: str) -> str:
        old, new = str(stored.get(name)), str(current.get(name))
        return f"{name} ({old}, now {new})" if len(old + new) <= _SHORT else name

    return ", ".join(shown(name) for name in sorted({*stored, *current}) if stored.get(name) != current.get(name))
