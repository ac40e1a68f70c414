"""Examine claims one after the other, keep each finding as it is made, and judge all of them in the end."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from twopeaks.sim.network.runtime import Runtime
from twopeaks.theory.errors import InputError
from twopeaks.validate.claims.claim import Claim, Finding, Judgement, Sample, Verdict, as_finding, judge
from twopeaks.validate.claims.laboratory import Laboratory
from twopeaks.validate.measured.files import write_json

__all__ = ["Outcome", "as_data", "examine", "overall"]

#: Called with a claim's id before it is examined; returns what is to be told of member-steps done.
Stage = Callable[[str], Callable[[int], None] | None]


@dataclass(frozen=True)
class Outcome:
    """A claim, examined.

    Attributes:
        claim: what was claimed.
        finding: what was measured.
        judgements: each form of the claim, judged.
        seeds: of the networks.
        seconds: it took to train and measure, when that was done.
        runtime: where it was trained; empty if that was not kept.
    """

    claim: Claim
    finding: Finding
    judgements: tuple[Judgement, ...]
    seeds: tuple[int, ...]
    seconds: float
    runtime: dict[str, Any] = field(default_factory=dict)


def examine(
    claims: Sequence[Claim], seeds: tuple[int, ...], quick: bool, runtime: Runtime, out: Path, stage: Stage
) -> list[Outcome]:
    """Examine each claim, or read its finding if this folder has it for these seeds and budget.

    A finding is what was measured; it is kept without the verdict, which is passed anew each time, and under a name
    that holds the text of its examination, so that a changed one is run again. An examination that breaks leaves its
    claim undecided, with the reason in its notes, and the others go on.

    Raises:
        InputError: if a kept finding cannot be used; said before anything is trained.
    """
    paths = [out / "findings" / f"{claim.id}-{_scope(claim, seeds, quick)}.json" for claim in claims]
    kept = [_read(path, claim, seeds) if path.exists() else None for path, claim in zip(paths, claims, strict=True)]
    laboratory = Laboratory(seeds, quick, runtime)
    outcomes = []
    for path, claim, found in zip(paths, claims, kept, strict=True):
        if found is None:
            laboratory.progress = stage(claim.id)
            found = _examine(claim, laboratory, path)
        outcomes.append(found)
    return outcomes


def _scope(claim: Claim, seeds: tuple[int, ...], quick: bool) -> str:
    """What a finding holds for: budget, seeds, and the text of the examination."""
    source = sys.modules[claim.examine.__module__].__file__
    text = Path(source).read_bytes() if source else b""
    return f"{'quick' if quick else 'full'}-{seeds[0]}-{len(seeds)}-{hashlib.sha256(text).hexdigest()[:8]}"


def _examine(claim: Claim, laboratory: Laboratory, path: Path) -> Outcome:
    """Examine one claim and keep what was found, or say why nothing was."""
    start, runtime = time.perf_counter(), laboratory.runtime.describe()
    try:
        finding = claim.examine(laboratory)
    except InputError:
        raise
    except (ArithmeticError, ValueError) as error:
        nothing = Sample((None,) * len(laboratory.seeds))
        finding = Finding(
            {form.quantity: nothing for form in claim.forms}, "", (), notes=f"could not be measured: {error}"
        )
        return Outcome(claim, finding, judge(claim, finding), laboratory.seeds, time.perf_counter() - start, runtime)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"finding": asdict(finding), "seconds": time.perf_counter() - start, "runtime": runtime})
    return _read(path, claim, laboratory.seeds)


def overall(outcome: Outcome) -> Verdict:
    """Refuted if one form is, supported if all are, otherwise undecided."""
    verdicts = {judged.verdict for judged in outcome.judgements}
    if "refuted" in verdicts:
        return "refuted"
    return "supported" if verdicts == {"supported"} else "undecided"


def as_data(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON-ready data."""
    claim = outcome.claim
    return {
        "id": claim.id,
        "statement": claim.statement,
        "source": claim.source,
        "equations": list(claim.equations),
        "measure": claim.measure,
        "verdict": overall(outcome),
        "forms": [
            {**asdict(judged.form), "estimate": asdict(judged.estimate), "verdict": judged.verdict}
            for judged in outcome.judgements
        ],
        "finding": asdict(outcome.finding),
        "seeds": list(outcome.seeds),
        "seconds": round(outcome.seconds, 1),
        "runtime": outcome.runtime,
    }


def _read(path: Path, claim: Claim, seeds: tuple[int, ...]) -> Outcome:
    """The claim, judged by the finding that was kept."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        finding = as_finding(content["finding"])
        seconds, runtime = float(content["seconds"]), dict(content.get("runtime", {}))
        return Outcome(claim, finding, judge(claim, finding), seeds, seconds, runtime)
    except (OSError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        remedy = f"delete it and run again ({type(error).__name__}: {error})"
        raise InputError(str(path), f"a finding of the claim {claim.id}", "another content", remedy) from error
