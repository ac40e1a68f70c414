"""Folders of stored runs: a manifest and the curves. They can be read without torch.

A folder is written under another name and moved when it is complete, so a run is there as a whole or not at all. Its
name follows from its setting, plan, seeds and dtype: finished work is found again and never repeated. The manifest
holds the digests of both files. Unfinished folders of killed processes are removed when no process is writing.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from twopeaks.sim.storage import locks
from twopeaks.sim.storage.aside import sync_folder
from twopeaks.sim.storage.probe_catalogue import columns
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES, SCHEMA, Setting

__all__ = [
    "MANIFEST",
    "Provenance",
    "Stored",
    "is_run",
    "load",
    "manifest_of",
    "prepare",
    "run_folders",
    "run_name",
    "save",
    "stored_at",
    "tidy",
    "usage",
    "versions",
]

#: Name of the file that describes a stored run; a folder is a stored run if it has one.
MANIFEST = "manifest.json"
_CURVES = "curves.npz"

#: Start of the name of a folder that is being written, and name of the lock that its writer holds.
_UNFINISHED, _LOCK = ".writing-", ".writers"

#: Most characters of a task's name in the name of a folder.
_LONGEST_TASK_NAME = 100

#: Fields of a manifest of the versions that wrote no digests.
_FIELDS_WITHOUT_DIGESTS = frozenset(
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


@dataclass(frozen=True)
class Provenance:
    """How a run came about.

    Attributes:
        runtime: where it ran, from `twopeaks.sim.network.runtime.Runtime.describe`.
        seconds: training time.
        history: interruptions, from `twopeaks.sim.storage.checkpoint.Checkpoints.history`; empty if there were none.
    """

    runtime: Mapping[str, object]
    seconds: float
    history: Mapping[str, Any] = field(default_factory=dict)


def run_name(setting: Setting, plan: Plan, seeds: Sequence[int], dtype: str) -> str:
    """Folder name of a run: task, labels, size, and a hash of everything that decides its result."""
    identity = {
        "setting": setting.content_id,
        "plan": plan.model_dump(),
        "seeds": [int(s) for s in seeds],
        "dtype": dtype,
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    name = "".join(c if c.isalnum() else "-" for c in setting.task.name)[:_LONGEST_TASK_NAME]
    return f"{name}-{setting.task.labels}-n{setting.task.samples}-{digest}"


def prepare(root: Path) -> None:
    """Make the folder that runs will be stored in, and remove what killed processes left in it.

    Call it before training: an unusable folder is then found before any work is done.

    Raises:
        InputError: if the folder cannot be made or written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        _tidy(root)
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        raise InputError("--out", "a folder that can be written", str(root), reason) from error


def tidy(root: Path) -> None:
    """Remove what killed processes left, as `prepare` does; do nothing if the folder cannot be written."""
    with suppress(OSError):
        _tidy(root)


def save(root: Path, setting: Setting, plan: Plan, records: Records, provenance: Provenance) -> Path:
    """Store one run in a folder below ``root`` and return that folder. A run that is already there stays as it is.

    Args:
        root: folder of many runs, from `prepare`.
        setting: the problem.
        plan: budget and recording.
        records: curves and ends.
        provenance: where, how long and with which interruptions it was trained.

    Raises:
        InputError: if there is no room, or a folder of that name holds something else; nothing has changed then.
    """
    final = root / run_name(setting, plan, records.seeds.tolist(), str(provenance.runtime["dtype"]))
    manifest = _manifest(setting, plan, records, provenance)
    try:
        with _unfinished_folder(root) as unfinished:
            curves = {"steps": records.steps, **records.curves}
            _write(unfinished / _CURVES, lambda file: np.savez(file, **curves))  # type: ignore[arg-type]
            content = json.dumps(_with_digests(manifest, unfinished), indent=1).encode()
            _write(unfinished / MANIFEST, lambda file: file.write(content))
            os.chmod(unfinished, 0o755)
            sync_folder(unfinished)
            if not _moved(unfinished, final):
                load(final)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(str(root), "a folder that takes results", reason, "mend that and run again") from error
    return final


def _manifest(setting: Setting, plan: Plan, records: Records, provenance: Provenance) -> dict[str, Any]:
    """Everything that is written down about a run, without digests."""
    runtime, seconds = dict(provenance.runtime), provenance.seconds
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
    return manifest | ({"history": dict(provenance.history)} if provenance.history else {})


def run_folders(root: Path) -> list[Path]:
    """Folders of the stored runs directly below ``root``, in the order of their names."""
    return sorted(path.parent for path in root.glob(f"*/{MANIFEST}"))


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a stored run, unchecked.

    Raises:
        OSError: if there is none.
        ValueError: if it is not a JSON object.
    """
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(manifest, dict):
        raise ValueError(f"{MANIFEST} holds no JSON object")
    return manifest


def stored_at(folder: Path) -> float:
    """Time at which a run was stored, in seconds since the epoch.

    Raises:
        OSError: if there is no run in the folder.
    """
    return (folder / MANIFEST).stat().st_mtime


def is_run(folder: Path) -> bool:
    """Whether a folder looks like a stored run."""
    return (folder / MANIFEST).is_file()


def load(folder: Path) -> Stored:
    """Read one run.

    Raises:
        InputError: if the folder holds no run, a damaged one, or one of another schema.
    """
    try:
        manifest = manifest_of(folder)
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
def _unfinished_folder(root: Path) -> Iterator[Path]:
    """A folder to write in; it is removed afterwards unless it was moved away."""
    # Writers share this lock. A process that gets it alone knows that every unfinished folder was left by a killed one.
    lock = locks.acquire(root / _LOCK, shared=True, wait=True)
    try:
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=root))
        try:
            yield unfinished
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    finally:
        if lock is not None:
            lock.release()
        tidy(root)


def _tidy(root: Path) -> None:
    """Remove what killed processes left, if no process is writing. OSError if the folder cannot be written at all."""
    lock = locks.acquire(root / _LOCK)
    if lock is not None:
        for abandoned in root.glob(f"{_UNFINISHED}*") if lock.certain else ():
            shutil.rmtree(abandoned, ignore_errors=True)
        lock.release()


def _moved(unfinished: Path, final: Path) -> bool:
    """Whether the folder could be moved; False if there is one of that name already."""
    try:
        unfinished.rename(final)
    except OSError:
        if final.exists():
            return False
        raise
    sync_folder(final.parent)
    return True


def _write(path: Path, write_content: Callable[[BinaryIO], object]) -> None:
    with path.open("wb") as file:
        write_content(file)
        file.flush()
        os.fsync(file.fileno())


def _with_digests(manifest: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The manifest with the digests of the curves and of itself."""
    digests = {_CURVES: _file_digest(folder / _CURVES), MANIFEST: _manifest_digest(manifest)}
    return {**manifest, "digests": digests}


def _check_digests(manifest: Mapping[str, Any], folder: Path) -> None:
    """Raise ValueError if a file is not what was written; runs of versions that wrote no digests pass."""
    written = manifest.get("digests")
    if written is None and set(manifest) == _FIELDS_WITHOUT_DIGESTS:
        return
    described = {name: value for name, value in manifest.items() if name != "digests"}
    for name, digest in _with_digests(described, folder)["digests"].items():
        if written is None or written.get(name) != digest:
            raise ValueError(f"{name} is not what was written: its digest differs")


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest_digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    numbers = {"python": platform.python_version()}
    for package in ("twopeaks", "torch", "numpy"):
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            numbers[package] = "not installed"
    return numbers


def usage(records: Records, seconds: float, device: str) -> dict[str, float | int | None]:
    """What a run took.

    Args:
        records: curves and ends.
        seconds: training time.
        device: where it ran, as `twopeaks.sim.network.runtime.Runtime.device` names it.

    Returns:
        ``member_steps``; ``member_steps_per_second``; ``peak_memory_bytes`` of this process since it began, all
        threads and earlier runs included (None where the system does not report it); on CUDA ``peak_device_bytes``
        that torch held there since then.
    """
    member_steps = int(sum(records.steps[max(0, count - 1)] for count in records.counts))
    facts: dict[str, float | int | None] = {
        "member_steps": member_steps,
        "member_steps_per_second": round(member_steps / seconds, 3) if seconds > 0 else None,
        "peak_memory_bytes": _peak_memory(),
    }
    if device.startswith("cuda"):
        import torch  # results can be read without it

        facts["peak_device_bytes"] = int(torch.cuda.max_memory_allocated(device))
    return facts


def _peak_memory() -> int | None:
    """Bytes; None on Windows, which has no `resource`."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else 1024 * int(peak)
