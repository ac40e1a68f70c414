"""Result folders: ``manifest.json`` and ``curves.npz``, written aside and moved; readable without torch.

A run is named by what it is (setting, plan, seeds, dtype), so finished work is found again and never redone.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from sim.records import Plan, Records
from theory.errors import InputError
from theory.setting import OBSERVABLES, SCHEMA, Setting

__all__ = ["Stored", "load", "prepare", "run_name", "save", "versions"]


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
    group = "".join(c if c.isalnum() else "-" for c in setting.task.group)
    return f"{group}-{setting.task.labels}-n{setting.task.samples}-{digest}"


def prepare(root: Path) -> None:
    """Make the folder that results will go to.

    Raises:
        InputError: if it cannot be made or written; said before any work is done.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        raise InputError("--out", "a folder that can be written", str(root), reason) from error


def save(
    root: Path,
    setting: Setting,
    plan: Plan,
    records: Records,
    runtime: dict[str, object],
    seconds: float,
) -> Path:
    """Write one run below ``root`` and return its folder. A run that is already there is left as it is."""
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
        "observables": OBSERVABLES,
        "runtime": runtime,
        "versions": versions(),
        "seconds": round(seconds, 3),
    }
    aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=root))
    try:
        _write(aside / "curves.npz", lambda f: np.savez(f, steps=records.steps, **records.curves))  # type: ignore[arg-type]
        _write(aside / "manifest.json", lambda f: f.write(json.dumps(manifest, indent=1).encode()))
        os.chmod(aside, 0o755)
        try:
            aside.rename(final)
        except OSError:
            if not (final / "manifest.json").exists():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return final


def load(folder: Path) -> Stored:
    """Read one run.

    Raises:
        InputError: if the folder holds no run, a torn one, or one of another schema.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        if manifest["schema"] != SCHEMA:
            raise InputError(str(folder), f"a run of schema {SCHEMA}", manifest["schema"], "run it again")
        with (folder / "curves.npz").open("rb") as file, np.load(file, allow_pickle=False) as curves:
            records = Records(
                np.array(manifest["seeds"]),
                curves["steps"],
                np.array(manifest["counts"]),
                tuple(manifest["ends"]),
                {name: curves[name] for name in OBSERVABLES},
            )
        setting = Setting.model_validate(manifest["setting"])
        return Stored(setting, Plan.model_validate(manifest["plan"]), records, manifest)
    except InputError:
        raise
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise InputError(str(folder), "a readable result folder", reason, "delete it and run again") from error


def _write(path: Path, content: Any) -> None:
    with path.open("wb") as file:
        content(file)
        file.flush()
        os.fsync(file.fileno())


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, for the record."""
    found = {"python": platform.python_version()}
    for package in ("twopeaks", "torch", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
