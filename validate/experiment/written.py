"""Predictions on disk: written once, before networks are trained, and read ever after."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from twopeaks.theory.predictors.answer import Prediction
from twopeaks.validate.measured.files import write

__all__ = ["PREDICTIONS", "written_once"]

#: Name of the file in the folder of an experiment.
PREDICTIONS = "predictions.json"

_LIST = TypeAdapter(tuple[Prediction, ...])


def written_once(root: Path, predictions: Sequence[Prediction]) -> tuple[Prediction, ...]:
    """The predictions that were written for an experiment: those on disk, or these, which are written now.

    A file of predictions for the same setting and the same control runs is read and stays as it is, whatever predictors
    say today. One of another experiment is kept beside it as ``predictions-1.json`` and so on, and comes back when that
    experiment is repeated.

    Args:
        root: folder of the experiment.
        predictions: what predictors say now.

    Raises:
        OSError: if the file cannot be written.
    """
    path = root / PREDICTIONS
    for file in (path, *sorted(root.glob(f"{path.stem}-*{path.suffix}"))):
        stored = _read(file)
        if stored and _rests_on(stored) == _rests_on(predictions):
            if file != path:
                _keep(path)
                file.rename(path)
            return stored
    _keep(path)
    write(path, json.dumps([prediction.model_dump() for prediction in predictions], indent=1))
    return tuple(predictions)


def _read(path: Path) -> tuple[Prediction, ...]:
    """Predictions of a file; none if it is not there or is damaged."""
    try:
        return _LIST.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return ()


def _rests_on(predictions: Sequence[Prediction]) -> object:
    """Tells experiments apart: the setting, and what was read off control runs."""
    settings = {prediction.setting_id for prediction in predictions}
    calibrated = [(p.predictor, p.runs_used, p.value, p.low, p.high) for p in predictions if p.runs_used]
    return settings, calibrated


def _keep(path: Path) -> None:
    """Give a file of another experiment a name that is free."""
    if path.exists():
        names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(1))
        path.rename(next(name for name in names if not name.exists()))
