"""Rivals' laws of t_grok on a sweep: fitted on a declared part of its cells, scored on all the others. No torch.

The part is chosen by rule before anything is fitted. **Laws of the norm** (`theory.predictors.rival_times`) take one
cell, as their authors do: of the cells that differ in size, rate and decay alone (or, by size, in rate and decay), the
first in the order of content ids, which know nothing of what was measured, in which a run generalised after it had
memorised.
**The power law in the density**
has three constants: of the cells that differ in size alone it takes the first half in the same order, three at least.
The norm laws read t_mem and the norm there off every run that they predict; a cell gets the median over its runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twopeaks.sim.storage.store import load
from twopeaks.sim.sweep.bisect import resized
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.rival_times import (
    DENSITY,
    FIRST_PASSAGE,
    NORM_SEPARATION,
    FirstPassage,
    NormSeparation,
    fit_density,
    fit_first_passage,
    fit_norm_separation,
)
from twopeaks.theory.predictors.run_norms import RunNorms
from twopeaks.theory.setting import Setting
from twopeaks.validate.measured.cell import Measured
from twopeaks.validate.measured.detect import transition_steps
from twopeaks.validate.scores.predictors import Said
from twopeaks.validate.scores.rival_runs import norms_of

__all__ = ["RIVAL_TIMES", "rival_times"]

_Norm = Callable[[Sequence[RunNorms]], NormSeparation | FirstPassage]

_FITS: dict[str, _Norm] = {NORM_SEPARATION: fit_norm_separation, FIRST_PASSAGE: fit_first_passage}
#: Law of the norm -> how it is fitted; whether it starts at the peak of the norm, which is not in its text; and whether
#: it is fitted anew for each size, since nothing in it knows how far n is from n_c.
_NORMS: dict[str, tuple[_Norm, bool, bool]] = {
    **{name: (fit, False, False) for name, fit in _FITS.items()},
    **{f"{name}-from-peak": (fit, True, False) for name, fit in _FITS.items()},
    **{f"{name}-from-peak-by-size": (fit, True, True) for name, fit in _FITS.items()},
}
#: Names of all laws.
RIVAL_TIMES: tuple[str, ...] = (*_NORMS, DENSITY)

#: Cells of different size that the density law is fitted on, at least; and cells that a note names.
_FEWEST, _TOLD = 3, 3
#: What is the same for all in a key that leaves rate and decay out.
_HELD = {"lr": 1e-3, "weight_decay": 2e-4}


@dataclass
class _Seen:
    """What the laws may know of one cell: its place, its setting, and for every run t_grok and norms."""

    at: int
    setting: Setting
    t_grok: list[int | None] = field(default_factory=list)
    norms: dict[bool, list[RunNorms | None]] = field(default_factory=lambda: {False: [], True: []})
    refused: str = ""


def rival_times(
    folders: Iterable[SweepFolder], cells: Sequence[Measured], names: Iterable[str] = RIVAL_TIMES
) -> tuple[list[Said], list[str]]:
    """Predictions of t_grok on every cell of these sweeps, and sentences on what each law was fitted on.

    A cell that a law was fitted on has a prediction without a value, which says so; it is never scored there.

    Args:
        folders: of sweeps, whose runs are read.
        cells: measured; those of t_grok that are in these sweeps count.
        names: of the laws.

    Raises:
        InputError: if a run's folder is damaged.
    """
    seen = _read(folders, cells)
    predictions, notes = list[Said](), list[str]()
    for name in (name for name in RIVAL_TIMES if name in set(names)):
        on: dict[int, Prediction] = {}
        chosen: list[_Seen] = []
        for group in _grouped(seen, _key_of(name)):
            of_group, used = _by_density(group, cells) if name == DENSITY else _by_norm(name, group)
            on |= of_group
            chosen += used
        predictions += [Said(name, "t_grok", "asked", on)] if on else []
        if chosen:
            fitted_on = [_named(one) for one in chosen[:_TOLD]]
            fitted_on += [f"and {len(chosen) - _TOLD} more"] * (len(chosen) > _TOLD)
            notes.append(
                f"{name}: fitted on {len(chosen)} of {len(on)} cells, and not scored there: {'; '.join(fitted_on)}"
            )
    return predictions, notes


# --- runs ----------------------------------------------------------------------------------------------


def _read(folders: Iterable[SweepFolder], cells: Sequence[Measured]) -> list[_Seen]:
    """Cells of t_grok with what their runs show, in the order of content ids."""
    places = {(c.setting.content_id, c.budget): i for i, c in enumerate(cells) if c.quantity == "t_grok"}
    by_place: dict[int, _Seen] = {}
    members: set[tuple[int, int]] = set()
    for path in (path for folder in folders for path in folder.stored()):
        run = load(path)
        at = places.get((run.setting.content_id, run.plan.steps))
        if at is None:
            continue
        seen = by_place.setdefault(at, _Seen(at, run.setting))
        seeds = run.records.seeds.tolist()
        new = [e for e, seed in enumerate(seeds) if (at, seed) not in members and run.records.ends[e] != "diverged"]
        members |= {(at, seed) for seed in seeds}
        steps = transition_steps(run.records)["t_grok"]
        seen.t_grok += [steps[e] for e in new]
        for peak in (False, True):
            try:
                norms = norms_of(run.setting, run.records, peak=peak)
            except InputError as error:
                seen.refused = str(error)
                norms = [None] * len(seeds)
            seen.norms[peak] += [norms[e] for e in new]
    return sorted(by_place.values(), key=lambda one: (one.setting.content_id, one.at))


def _grouped(seen: Sequence[_Seen], key: Callable[[Setting], str]) -> list[list[_Seen]]:
    groups: dict[str, list[_Seen]] = {}
    for cell in seen:
        groups.setdefault(key(cell.setting), []).append(cell)
    return list(groups.values())


def _key_of(name: str) -> Callable[[Setting], str]:
    """What tells apart the groups of cells within which a law is fitted."""
    if name == DENSITY:
        return _without_size
    return _without_clock if _NORMS[name][2] else lambda setting: _without_clock(resized(setting, 1))


def _without_size(setting: Setting) -> str:
    return resized(setting, 1).content_id


def _without_clock(setting: Setting) -> str:
    """Tells settings apart but for rate and decay."""
    return setting.model_copy(update={"optimizer": setting.optimizer.model_copy(update=_HELD)}).content_id


# --- laws of the norm ----------------------------------------------------------------------------------


def _by_norm(name: str, group: Sequence[_Seen]) -> tuple[dict[int, Prediction], list[_Seen]]:
    """Predictions for the cells of a group, and the cell that they were fitted on."""
    fit, peak, _ = _NORMS[name]
    chosen = next((cell for cell in group if _complete(cell.norms[peak])), None)
    if chosen is None:
        return _none(name, group, "no run here generalised after it had memorised"), []
    if len(group) == 1:
        return _none(name, group, "the only cell of its kind: to fit on, and none to predict"), []
    try:
        law = fit(_complete(chosen.norms[peak]))
    except InputError as error:
        return _none(name, group, f"no fit on {_named(chosen)}: {error}"), []
    predictions = {cell.at: _median(name, cell, cell.norms[peak], law) for cell in group if cell is not chosen}
    return {**predictions, chosen.at: _fitted_on(name, chosen)}, [chosen]


def _complete(runs: Sequence[RunNorms | None]) -> list[RunNorms]:
    return [run for run in runs if run is not None and run.delayed]


def _median(name: str, seen: _Seen, runs: Sequence[RunNorms | None], law: NormSeparation | FirstPassage) -> Prediction:
    """Of the runs' predictions, where half of the runs or more have one; the ends of intervals likewise."""
    predictions = [law.predict(seen.setting, run) for run in runs if run is not None]
    able = [prediction for prediction in predictions if prediction.value is not None]
    if not able or 2 * len(able) < len(runs):
        reason = predictions[0].note if predictions else seen.refused or "no run memorised"
        return _nothing(name, seen, f"{len(runs) - len(able)} of {len(runs)} runs have no delay; {reason}")
    ends = [[prediction.low for prediction in able], [prediction.high for prediction in able]]
    low, high = (None if None in end else _middle([x for x in end if x is not None]) for end in ends)
    value = _middle([prediction.value for prediction in able if prediction.value is not None])
    update = {
        "predictor": name,
        "value": value,
        "low": low,
        "high": high,
        "seconds": sum(prediction.seconds for prediction in predictions),
    }
    note = f"median over {len(able)} of {len(runs)} runs, t_mem and norm read off each; first of them: {able[0].note}"
    return able[0].model_copy(update={**update, "valid": all(prediction.valid for prediction in able), "note": note})


# --- the power law in the density ----------------------------------------------------------------------


def _by_density(group: Sequence[_Seen], cells: Sequence[Measured]) -> tuple[dict[int, Prediction], list[_Seen]]:
    """The same for the power law, which is fitted on several."""
    able = [cell for cell in group if cells[cell.at].value is not None and cell.setting.task.has_group]
    count = max(_FEWEST, len(able) // 2)
    if len(able) <= count:
        reason = f"{len(able)} sizes with a median t_grok: three to fit, and one to predict, take four"
        return _none(DENSITY, group, reason), []
    chosen = able[:count]
    pairs = [(_density(cell), t) for cell in chosen for t in cell.t_grok if t is not None and t > 0]
    law = fit_density(np.array([r for r, _ in pairs]), np.array([t for _, t in pairs], dtype=np.float64))
    predictions = {cell.at: _sensible(law.predict(cell.setting), cell) for cell in group if cell not in chosen}
    return {**predictions, **{cell.at: _fitted_on(DENSITY, cell) for cell in chosen}}, chosen


def _density(seen: _Seen) -> float:
    return seen.setting.task.samples / seen.setting.task.resolve().order ** 2


def _sensible(prediction: Prediction, seen: _Seen) -> Prediction:
    """No time is negative, which a fit with b < 0 may say."""
    if prediction.value is not None and prediction.value <= 0:
        return _nothing(DENSITY, seen, f"the fit gives {prediction.value:.4g} steps; {prediction.note}")
    return prediction


# --- what they share -----------------------------------------------------------------------------------


def _fitted_on(name: str, seen: _Seen) -> Prediction:
    return _nothing(name, seen, "the law was fitted on this cell, so it is not scored here")


def _nothing(name: str, seen: _Seen, note: str) -> Prediction:
    of = {"group": seen.setting.task.name, "setting_id": seen.setting.content_id}
    empty: Mapping[str, object] = {"value": None, "low": None, "high": None, "seconds": 0.0, "assumptions": ()}
    counts = {"constants_fitted": 3 if name == DENSITY else 2, "runs_used": 0, "valid": False}
    return Prediction.model_validate({"predictor": name, "quantity": "t_grok", "note": note, **of, **empty, **counts})


def _none(name: str, group: Sequence[_Seen], note: str) -> dict[int, Prediction]:
    return {cell.at: _nothing(name, cell, note) for cell in group}


def _named(seen: _Seen) -> str:
    task, rule = seen.setting.task, seen.setting.optimizer
    return f"{task.name}, n {task.samples}, {rule.name}, lr {rule.lr:g}, decay {rule.weight_decay:g}"


def _middle(values: Sequence[float]) -> float:
    return float(np.median(values))
