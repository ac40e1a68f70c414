"""Examine claims one after the other, keep each finding as it is made, and judge all of them in the end."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from twopeaks.sim.network.runtime import Runtime
from twopeaks.theory.errors import InputError
from twopeaks.validate.claims.claim import Claim, Finding, Outcome, Sample, outcome_of, problem_of
from twopeaks.validate.claims.code import code_digest
from twopeaks.validate.claims.laboratory import Laboratory
from twopeaks.validate.measured.files import write_json

__all__ = ["Basis", "examine", "set_aside"]

#: Called with a claim's id before it is examined; returns what is to be called with member-steps done.
Stage = Callable[[str], Callable[[int], None] | None]


class Basis(BaseModel):
    """What a finding rests on: if any of this is another one, networks are trained anew.

    Attributes:
        budget: sizes and steps.
        seeds: of the networks.
        dtype, device: of the arithmetic; ``cuda`` for each of a machine's devices.
        code: `twopeaks.validate.claims.code.code_digest` of the examination.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: Literal["quick", "full"]
    seeds: tuple[int, ...]
    dtype: str
    device: str
    code: str

    @classmethod
    def of(cls, claim: Claim, laboratory: Laboratory) -> Basis:
        """The basis of what this laboratory would find."""
        source = sys.modules[claim.examine.__module__].__file__
        return cls(
            budget="quick" if laboratory.quick else "full",
            seeds=laboratory.seeds,
            dtype=laboratory.runtime.dtype,
            device=laboratory.runtime.device.partition(":")[0],
            code=code_digest(Path(source)) if source else "",
        )

    def file(self, claim: Claim) -> str:
        """Name of the file of a finding."""
        key = hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]
        return f"{claim.id}-{self.budget}-{self.seeds[0]}-{len(self.seeds)}-{key}.json"


class _Kept(BaseModel):
    """A finding as it is kept. Files of version 0.1 have no basis, and at first had no runtime."""

    model_config = ConfigDict(extra="forbid")

    finding: Finding
    seconds: float
    runtime: dict[str, Any] = {}
    basis: Basis | None = None


def examine(
    claims: Sequence[Claim], seeds: Sequence[int], quick: bool, runtime: Runtime, out: Path, stage: Stage
) -> list[Outcome]:
    """Examine each claim, or read its finding if this folder has it on the same basis.

    A finding is what was measured; it is kept without the verdict, which is passed anew each time, and under a name
    that holds its `Basis`. An examination that breaks leaves its claim undecided, with the reason in its notes, and
    the others go on.

    Raises:
        InputError: if a kept finding cannot be used; said before anything is trained.
    """
    laboratory = Laboratory(tuple(seeds), quick, runtime)
    paths = [_path(claim, laboratory, out) for claim in claims]
    kept = [
        _read(path, claim, laboratory.seeds) if path.exists() else None
        for path, claim in zip(paths, claims, strict=True)
    ]
    outcomes = []
    for path, claim, outcome in zip(paths, claims, kept, strict=True):
        if outcome is None:
            laboratory.progress = stage(claim.id)
            outcome = _examine(claim, laboratory, path)
        outcomes.append(outcome)
    return outcomes


def set_aside(claims: Sequence[Claim], laboratory: Laboratory, out: Path) -> list[str]:
    """Ids of claims that this folder has findings of for these seeds and this budget, but none on the same basis.

    The code was changed since, or they were made with another dtype or device, or by version 0.1, which did not say.
    They stay where they are and are not read.
    """
    ids = []
    for claim in claims:
        path = _path(claim, laboratory, out)
        others = path.parent.glob(f"{path.stem[:-8]}????????.json")
        if not path.exists() and any(others):
            ids.append(claim.id)
    return ids


def _path(claim: Claim, laboratory: Laboratory, out: Path) -> Path:
    return out / "findings" / Basis.of(claim, laboratory).file(claim)


def _examine(claim: Claim, laboratory: Laboratory, path: Path) -> Outcome:
    """Examine one claim and keep what was found, or say why nothing was."""
    start, runtime = time.perf_counter(), laboratory.runtime.describe()
    try:
        finding = claim.examine(laboratory)
    except InputError:
        raise
    except (ArithmeticError, ValueError) as error:
        finding = _nothing(claim, laboratory, f"could not be measured: {error}")
        return outcome_of(claim, finding, laboratory.seeds, time.perf_counter() - start, runtime)
    path.parent.mkdir(parents=True, exist_ok=True)
    seconds, basis = time.perf_counter() - start, Basis.of(claim, laboratory)
    write_json(path, _Kept(finding=finding, seconds=seconds, runtime=runtime, basis=basis).model_dump())
    return _read(path, claim, laboratory.seeds)


def _nothing(claim: Claim, laboratory: Laboratory, reason: str) -> Finding:
    none = Sample(values=(None,) * len(laboratory.seeds))
    samples = {form.quantity: none for form in claim.forms}
    return Finding(samples=samples, budget="", settings=(), notes=reason)


def _read(path: Path, claim: Claim, seeds: tuple[int, ...]) -> Outcome:
    """The claim, judged by the finding that was kept."""
    try:
        kept = _Kept.model_validate(json.loads(path.read_text(encoding="utf-8")))
        return outcome_of(claim, kept.finding, seeds, kept.seconds, kept.runtime)
    except (OSError, KeyError, ValueError) as error:
        remedy = f"delete it and run again ({problem_of(error)})"
        raise InputError(str(path), f"a finding of the claim {claim.id}", "another content", remedy) from error
