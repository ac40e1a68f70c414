"""Training curves of chosen networks of a sweep: a few sizes around the transition, one ordinary network of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twopeaks.sim.storage.store import load
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.theory.setting import TRANSITIONS
from twopeaks.validate.measured.cell import at_half
from twopeaks.validate.measured.detect import crossing
from twopeaks.validate.measured.results import Part, parts
from twopeaks.validate.pages.explorer.commands import train_line
from twopeaks.validate.pages.explorer.data import Curves, Key, Marked, Stages

__all__ = ["LEAVES", "PredictedTimes", "chosen_curves", "stages_of"]

Floats = NDArray[np.float64]

#: Predicted steps by content id of a setting, and budget.
PredictedTimes = Mapping[Key, tuple[Marked, ...]]

#: Part of the way from the test accuracy at t_mem to the level of t_grok at which it has left its plateau.
LEAVES = 0.25
#: Fewest records that make a curve.
_FEWEST = 10
#: Records of a curve that are kept, and the column of the gradient's norm.
_RECORDS, _GRADIENT = 140, "gradient_norm"


@dataclass(frozen=True)
class _Member:
    """One network of a sweep: where it is stored and what became of it."""

    part: Part
    row: int

    def of(self, name: str) -> Any:
        return self.part.columns[name][self.row]

    @property
    def samples(self) -> int:
        return self.part.setting.task.samples


def chosen_curves(folder: SweepFolder, predicted: PredictedTimes) -> dict[Key, tuple[Curves, ...]]:
    """Curves by content id of their setting with half of all rows, and budget; sizes increasing.

    Args:
        folder: of the sweep; runs that cannot be read are left out, `twopeaks.validate.measured.from_sweep` names them.
        predicted: steps that theories predict.
    """
    members_of: dict[Key, list[_Member]] = {}
    for part in parts(folder, lambda error: None):
        if part.setting.task.labels == "true" and len(part.plan.record_steps()) >= _FEWEST:
            members = [_Member(part, row) for row in range(part.outcome.members)]
            members_of.setdefault((at_half(part.setting).content_id, part.plan.steps), []).extend(members)
    return {
        key: tuple(_curves(folder.root, member, words, predicted) for member, words in _chosen(members))
        for key, members in members_of.items()
    }


def _chosen(members: Sequence[_Member]) -> list[tuple[_Member, str]]:
    """One ordinary network of the smallest size, of those on both sides of the transition, and of the largest."""
    by_size: dict[int, list[_Member]] = {}
    for member in members:
        by_size.setdefault(member.samples, []).append(member)
    sizes = sorted(by_size)
    rates = {n: np.mean([bool(member.of("grokked")) for member in by_size[n]]) for n in sizes}
    below = [n for n in sizes if rates[n] < 0.5]
    above = [n for n in sizes if rates[n] >= 0.5]
    wanted = {*below[:1], *below[-1:], *above[:1], *above[-1:]}
    chosen = [_ordinary(by_size[n]) for n in sizes if n in wanted]
    return [ordinary for ordinary in chosen if ordinary is not None]


def _ordinary(members: Sequence[_Member]) -> tuple[_Member, str] | None:
    """The one in the middle of those that did what most did, and how many did; None if all of them diverged.

    One that diverged did not grok and counts as such; its curve is not shown.
    """
    done = [member for member in members if member.of("grokked")]
    rest = [member for member in members if not member.of("grokked") and member.of("end") != "diverged"]
    diverged = len(members) - len(done) - len(rest)
    lost = f" ({diverged} diverged)" if diverged else ""
    if done and (2 * len(done) >= len(members) or not rest):
        done.sort(key=lambda member: (member.of("t_grok"), member.of("seed")))
        words = f"{len(done)} of {len(members)} grokked{lost}; this one is the median of those that did"
        return done[(len(done) - 1) // 2], words
    if not rest:
        return None
    rest.sort(key=lambda member: (member.of("final_test_accuracy") or 0.0, member.of("seed")))
    words = f"{len(rest) + diverged} of {len(members)} did not grok{lost}; this one has their median test accuracy"
    return rest[(len(rest) - 1) // 2], words


def _curves(root: Path, chosen: _Member, words: str, predicted: PredictedTimes) -> Curves:
    run = load(root / chosen.of("folder"))
    member = run.records.member(int(chosen.of("member")))
    stages = stages_of(member)
    kept = _kept(member["steps"], [x for x in (stages.memorised, stages.leaves, stages.grokked) if x is not None])
    gradient = member[_GRADIENT][kept] if _GRADIENT in member else np.array([])
    seeds = [int(seed) for seed in run.records.seeds]
    return Curves(
        chosen.samples,
        int(chosen.of("seed")),
        words,
        tuple(int(x) for x in member["steps"][kept]),
        _rounded(member["train_accuracy"][kept]),
        _rounded(member["test_accuracy"][kept]),
        tuple(float(f"{x:.3g}") if np.isfinite(x) else None for x in gradient),
        stages,
        int(member["steps"][-1]),
        predicted.get((run.setting.content_id, run.plan.steps), ()),
        str(root / chosen.of("folder")),
        train_line(run.setting, run.plan, seeds),
    )


def stages_of(member: Mapping[str, Floats]) -> Stages:
    """Steps between which the stages lie, read off the accuracies of one network.

    Args:
        member: ``steps``, ``train_accuracy`` and ``test_accuracy``, each (R,).
    """
    steps, test = member["steps"], member["test_accuracy"]
    memorised = crossing(steps, member["train_accuracy"], TRANSITIONS["t_mem"])
    grokked = crossing(steps, test, TRANSITIONS["t_grok"])
    if memorised is None:
        return Stages(None, None, grokked)
    at = int(np.searchsorted(steps, memorised))
    level = test[at] + LEAVES * (TRANSITIONS["t_grok"].level - test[at])
    low = np.flatnonzero(test < level)
    first = max(at, int(low[-1]) + 1) if len(low) else at
    return Stages(memorised, int(steps[first]) if first < len(steps) else None, grokked)


def _kept(steps: Floats, marks: Iterable[int]) -> NDArray[np.intp]:
    """Records evenly spaced in the logarithm of the step, from step 1 on, and those of the marks."""
    first = int(np.searchsorted(steps, 1))
    if first >= len(steps):
        return np.arange(len(steps))
    wanted = np.geomspace(steps[first], steps[-1], _RECORDS)
    places = np.searchsorted(steps, [*wanted, *marks])
    kept: NDArray[np.intp] = np.unique(np.clip(places, first, len(steps) - 1))
    return kept


def _rounded(values: Floats) -> tuple[float, ...]:
    return tuple(round(float(x), 4) for x in values)
