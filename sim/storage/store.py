"""Result folders: ``manifest.json`` and ``curves.npz``, written aside and moved; readable without torch.

A run is named by what it is (setting, plan, seeds, dtype), so finished work is found again and never redone. The
manifest holds the digests of both files; what killed writers left aside goes as soon as nobody is writing.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from twopeaks.sim.storage import locks
from twopeaks.sim.storage.aside import sync_folder
from twopeaks.sim.storage.probe_catalogue import columns
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.storage.usage import usage
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES, SCHEMA, Setting

__all__ = ["Stored", "is_run", "load", "prepare", "run_name", "save", "tidy", "versions"]

_MANIFEST, _CURVES = "manifest.json", "curves.npz"

#: Beginning of the name of a folder that is being written, and the lock that its writer holds.
_ASIDE, _LOCK = ".writing-", ".writers"

#: Longest name of a task within the name of a folder.
_LONGEST = 100

#: Fields of a manifest from before there were digests.
_UNSIGNED = frozenset(
    (
        *("schema", "setting", "content_id", "plan", "seeds", "counts", "ends"),
        *("conventions", "observables", "runtime", "versions", "seconds"),
    )
)


@dataclass(frozen=True)
class Stored:
    """A run read back from its folder.

    Attributes:
        setting: the problem.
        plan: budget and recording.
        records: curves and ends.
        manifest: everything else that was written down (versions, device, seconds, conventions).
    """

    setting: Setting
    plan: Plan
    records: Records
    manifest: dict[str, Any]


def run_name(setting: Setting, plan: Plan, seeds: Sequence[int], dtype: str) -> str:
    """Folder name of a run: group, size, and a hash of all that decides its result."""
    identity = {
        "setting": setting.content_id,
        "plan": plan.model_dump(),
        "seeds": [int(s) for s in seeds],
        "dtype": dtype,
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    name = "".join(c if c.isalnum() else "-" for c in setting.task.name)[:_LONGEST]
    return f"{name}-{setting.task.labels}-n{setting.task.samples}-{digest}"


def prepare(root: Path) -> None:
    """Make the folder that results will go to, and remove what killed writers left in it.

    Raises:
        InputError: if it cannot be made or written; said before any work is done.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        _tidy(root)
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        raise InputError("--out", "a folder that can be written", str(root), reason) from error


def tidy(root: Path) -> None:
    """Remove what killed writers left, as `prepare` does, if the folder can be written and nobody is writing."""
    with suppress(OSError):
        _tidy(root)


def save(
    root: Path,
    setting: Setting,
    plan: Plan,
    records: Records,
    runtime: dict[str, object],
    seconds: float,
    history: Mapping[str, Any] | None = None,
) -> Path:
    """Write one run below ``root`` and return its folder. A run that is already there is left as it is.

    Args:
        root: folder of many runs, from `prepare`.
        setting: the problem.
        plan: budget and recording.
        records: curves and ends.
        runtime: where it ran, from `twopeaks.sim.network.runtime.Runtime.describe`.
        seconds: training time.
        history: interruptions, from `twopeaks.sim.storage.checkpoint.Checkpoints.history`.

    Raises:
        InputError: if there is no room, or a folder of that name holds something else; nothing has changed then.
    """
    final = root / run_name(setting, plan, records.seeds.tolist(), str(runtime["dtype"]))
    manifest = {
        "schema": SCHEMA,
        "setting": setting.model_dump(mode="json"),
        "content_id": setting.content_id,
        "plan": plan.model_dump(),
        "seeds": records.seeds.tolist(),
        "counts": records.counts.tolist(),
        "ends": list(records.ends),
        "conventions": setting.conventions,
        "observables": OBSERVABLES | columns(setting, plan.probes),
        "runtime": runtime,
        "versions": versions(),
        "seconds": round(seconds, 3),
        "usage": usage(records, seconds, str(runtime["device"])),
    }
    if history:
        manifest["history"] = dict(history)
    try:
        with _aside(root) as aside:
            _write(aside / _CURVES, lambda f: np.savez(f, steps=records.steps, **records.curves))  # type: ignore[arg-type]
            signed = json.dumps(_signed(manifest, aside), indent=1).encode()
            _write(aside / _MANIFEST, lambda f: f.write(signed))
            os.chmod(aside, 0o755)
            sync_folder(aside)
            if not _moved(aside, final):
                load(final)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(str(root), "a folder that takes results", reason, "mend that and run again") from error
    return final


def is_run(folder: Path) -> bool:
    """Whether a folder looks like a stored run."""
    return (folder / _MANIFEST).is_file()


def load(folder: Path) -> Stored:
    """Read one run.

    Raises:
        InputError: if the folder holds no run, a torn one, or one of another schema.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        if manifest["schema"] != SCHEMA:
            raise InputError(str(folder), f"a run of schema {SCHEMA}", manifest["schema"], "run it again")
        _check_digests(manifest, folder)
        with (folder / _CURVES).open("rb") as file, np.load(file, allow_pickle=False) as curves:
            records = Records(
                np.array(manifest["seeds"]),
                curves["steps"],
                np.array(manifest["counts"]),
                tuple(manifest["ends"]),
                {name: curves[name] for name in dict.fromkeys((*OBSERVABLES, *curves.files)) if name != "steps"},
            )
        setting = Setting.model_validate(manifest["setting"])
        return Stored(setting, Plan.model_validate(manifest["plan"]), records, manifest)
    except InputError:
        raise
    except (OSError, LookupError, TypeError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(str(folder), "a readable result folder", reason, "delete it and run again") from error


@contextmanager
def _aside(root: Path) -> Iterator[Path]:
    """A folder to write in, gone afterwards unless it was moved away."""
    # Shared by writers: who gets this lock alone knows that every folder aside was left by a dead one.
    lock = locks.acquire(root / _LOCK, shared=True, wait=True)
    try:
        aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=root))
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    finally:
        if lock is not None:
            lock.release()
        tidy(root)


def _tidy(root: Path) -> None:
    """Remove what killed writers left, if nobody is writing. OSError if the folder cannot be written at all."""
    lock = locks.acquire(root / _LOCK)
    if lock is not None:
        for left in root.glob(f"{_ASIDE}*") if lock.certain else ():
            shutil.rmtree(left, ignore_errors=True)
        lock.release()


def _moved(aside: Path, final: Path) -> bool:
    """Whether the folder could be moved; not if there is one already."""
    try:
        aside.rename(final)
    except OSError:
        if final.exists():
            return False
        raise
    sync_folder(final.parent)
    return True


def _write(path: Path, content: Any) -> None:
    with path.open("wb") as file:
        content(file)
        file.flush()
        os.fsync(file.fileno())


def _signed(manifest: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The manifest with the digests of the curves and of itself."""
    digests = {_CURVES: _digest(folder / _CURVES), _MANIFEST: _own_digest(manifest)}
    return {**manifest, "digests": digests}


def _check_digests(manifest: Mapping[str, Any], folder: Path) -> None:
    """Raise ValueError if a file is not what was written; runs of versions that wrote no digests pass."""
    told = manifest.get("digests")
    if told is None and set(manifest) == _UNSIGNED:
        return
    rest = {name: value for name, value in manifest.items() if name != "digests"}
    for name, found in _signed(rest, folder)["digests"].items():
        if told is None or told.get(name) != found:
            raise ValueError(f"{name} is not what was written: its digest differs")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own_digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, for the record."""
    found = {"python": platform.python_version()}
    for package in ("twopeaks", "torch", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
