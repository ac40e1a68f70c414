"""The folder of a sweep: its description, its runs, and which sweeps may use it. No torch here.

It holds ``sweep.json`` (the description), ``journal.jsonl`` (events), ``runs/`` (a folder for each run, see
`twopeaks.sim.storage.store`) and tables made from these. Files in the folder itself are written under another name and
moved while its lock is held; so any number of processes may use it. The next write removes what a killed process left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from twopeaks.sim.storage import locks, store
from twopeaks.sim.storage.aside import ASIDE, replacing
from twopeaks.sim.sweep.journal import JOURNAL
from twopeaks.sim.sweep.spec import Spec, spec_of
from twopeaks.theory.errors import InputError

__all__ = ["SCHEMA", "UNFINISHED", "SweepFolder"]

#: Version of the format of sweep.json. A file of another version is refused by name.
SCHEMA = 1

#: End of the name of a folder of checkpoints beside the runs.
UNFINISHED = ".unfinished"

_FILE, _LOCK = "sweep.json", ".lock"


class SweepFolder:
    """One folder. Nothing is written to it before `claim`.

    Attributes:
        root: the folder.
        runs: where runs are stored, within it.
        journal: file of what happened, within it.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.runs, self.journal = root, root / "runs", root / JOURNAL

    @property
    def holds_a_sweep(self) -> bool:
        """Whether it was made for a sweep."""
        with suppress(OSError):  # a problem with the folder is reported when it is written to
            return (self.root / _FILE).exists()
        return False

    def spec(self) -> Spec:
        """The sweep it was made for.

        Raises:
            InputError: if it holds no sweep, a damaged description, or one of another version.
        """
        return spec_of(self._description()["content"])

    def check(self, spec: Spec) -> None:
        """Check that the folder may be used for a sweep: it is free, or was made for this sweep or a smaller one.

        Raises:
            InputError: if it belongs to a sweep that trains something else as well.
        """
        if not self.holds_a_sweep or self._description()["digest"] == spec.digest:
            return
        stored = self.spec()
        if not spec.covers(stored):
            value = f"one of the sweep {stored.name} with cells that are not in this one"
            remedy = "choose another --out, or keep all of its cells and add to them"
            raise InputError(str(self.root), "a folder of this sweep", value, remedy)

    def claim(self, spec: Spec) -> None:
        """Make it the folder of a sweep, unless it is already; a larger sweep takes over the folder of a smaller one.

        Raises:
            InputError: as `check`; or if it cannot be written.
        """
        self.check(spec)
        store.prepare(self.runs)
        content = json.loads(json.dumps(spec.content))
        try:
            with self._held():
                self.check(spec)  # again: with the lock, no other process can claim it any more
                if not self.holds_a_sweep or self._description()["content"] != content:
                    description = {"schema": SCHEMA, "digest": spec.digest, "content": content}
                    text = json.dumps(description | {"versions": store.versions()}, indent=1)
                    self._write(_FILE, lambda path: path.write_text(text, encoding="utf-8"))
        except OSError as error:
            reason = error.strerror or "it cannot be written"
            raise InputError("--out", "a folder that can be written", str(self.root), reason) from error

    def write(self, name: str, content: Callable[[Path], object]) -> None:
        """Replace a file: ``content`` writes it under another name, then it is moved.

        Raises:
            OSError: if it cannot be written; the old file stays.
        """
        with self._held():
            self._write(name, content)

    def stored(self) -> list[Path]:
        """Folders of runs, in the order of their names."""
        with suppress(OSError):
            folders = (path for path in self.runs.iterdir() if not path.name.startswith("."))
            return sorted(path for path in folders if path.suffix != UNFINISHED and path.is_dir())
        return []

    def at_work(self) -> list[str]:
        """Names of the shards that a process is training now."""
        with suppress(OSError):
            return sorted(path.stem for path in self.runs.glob(f"*{UNFINISHED}") if locks.held(path / "lock"))
        return []

    def _description(self) -> dict[str, Any]:
        path = self.root / _FILE
        try:
            description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            schema = description["schema"]
            if schema == SCHEMA:
                return {"digest": str(description["digest"]), "content": dict(description["content"])}
        except FileNotFoundError as error:
            remedy = "give the folder of a sweep, or a description without --resume and --status"
            raise InputError(str(self.root), "a folder that holds a sweep", "none", remedy) from error
        except (OSError, LookupError, TypeError, ValueError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            remedy = "delete this file and give the sweep's description again: finished runs are found"
            raise InputError(str(path), "a description of a sweep", reason, remedy) from error
        raise InputError(str(path), f"a description of version {SCHEMA}", schema, "use the twopeaks that wrote it")

    @contextmanager
    def _held(self) -> Iterator[None]:
        lock = locks.acquire(self.root / _LOCK, wait=True)
        try:
            if lock is not None and lock.certain:
                for abandoned in self.root.glob(f".*{ASIDE}"):
                    abandoned.unlink(missing_ok=True)
            yield
        finally:
            if lock is not None:
                lock.release()

    def _write(self, name: str, content: Callable[[Path], object]) -> None:
        with replacing(self.root / name, shared=True) as aside:
            content(aside)
