"""Constants of predictors, ranks and cost, worked out anew from the tables of results/."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from tests.places import ROOT
from twopeaks.sim.sweep.spec import read_spec
from twopeaks.theory.predictors import phases
from twopeaks.theory.predictors.phases import phases_form
from twopeaks.theory.predictors.times.ensemble import SEEDS, lazy
from twopeaks.validate.measured.cell import Measured
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.scores.board import Board, Standing, boards
from twopeaks.validate.scores.predictors import read_predictions

RESULTS = ROOT / "results"

#: Groups that were known while heights-phases was built, as `twopeaks.theory.predictors.phases.SPREAD` lists them.
KNOWN = "Z17 Z19 Z23 Z31 Z24 Z2xZ2xZ5 Z2xZ2xZ6 D9 D10 D12 S4 D4xZ3 Q8xZ3"


def measured(folder: str) -> list[Measured]:
    return measured_csv(RESULTS / folder / "measured.csv")[0]


def board(folder: str, quantity: str, table: str = "predictions.csv") -> Board:
    cells = measured(folder)
    predictions, _ = read_predictions(RESULTS / folder / table, cells)
    return next(one for one in boards(cells, predictions) if one.quantity == quantity)


def by_name(of: Board) -> Mapping[str, Standing]:
    return {standing.predictor: standing for standing in of.standings}


def test_the_spread_of_heights_phases_is_that_of_the_committed_crossings() -> None:
    cells = [cell for folder in ("crossings", "transitions") for cell in measured(folder) if cell.quantity == "n_c"]
    wanted = set(KNOWN.split())
    found = {cell.setting.task.name: cell for cell in cells if cell.setting.task.name in wanted}
    assert set(found) == wanted
    misses = np.array([math.log((c.value or 0.0) / (phases_form(c.setting).value or 0.0)) for c in found.values()])
    # Intervals are centred on the prediction, so this is the spread about no error at all.
    assert pytest.approx(np.sqrt(np.mean(misses**2)), abs=0.001) == phases.SPREAD
    assert np.mean(np.abs(misses) < 1.96 * phases.SPREAD) >= 12 / 13


@pytest.mark.parametrize("folder", ["times-gd", "times-adam"])
def test_times_are_predicted_for_the_seeds_that_were_trained(folder: str) -> None:
    trained = {cell.seeds for cell in read_spec(RESULTS / folder / "sweep.toml").cells}
    assert trained == {SEEDS}
    assert {cell.seeds for cell in measured(folder)} == {len(SEEDS)}


def test_committed_predictions_of_times_are_those_of_these_seeds() -> None:
    of = board("times-adam", "t_mem")
    entry = by_name(of)["lazy"].entries[0]
    assert entry.prediction is not None
    now = lazy(of.cells[0].setting)
    assert (now.value, now.low, now.high) == pytest.approx(
        (entry.prediction.value, entry.prediction.low, entry.prediction.high), rel=1e-9
    )


def test_who_is_closest_on_the_committed_transitions() -> None:
    of = board("transitions", "n_c")
    ranked = [standing for standing in of.standings if standing.common["all"] is not None]
    medians = [float(np.median([abs(e.error or 0.0) for e in s.entries if e.cell in of.common["all"]])) for s in ranked]
    assert medians == sorted(medians)
    assert [s.common["all"].rank for s in ranked if s.common["all"]] == sorted(
        s.common["all"].rank for s in ranked if s.common["all"]
    )
    names = [standing.predictor for standing in ranked]
    assert names.index("heights-phases") < names.index("paper-law") < names.index("bare-landscape")
    phases_median, paper = (by_name(of)[name].own["all"].value or 0.0 for name in ("heights-phases", "paper-law"))
    assert (round(phases_median, 3), round(paper, 3)) == (0.016, 0.103)  # as README.md says


@pytest.mark.parametrize(
    ("folder", "quantity", "table", "predictor", "cells", "share"),
    [
        ("times-gd", "t_grok", "predictions.csv", "clock", 88, 1 / 16.4),
        ("times-gd", "t_grok", "flow.csv", "flow", 72, 1 / 1.19),
        ("times-gd", "t_mem", "predictions.csv", "lazy", 88, 1 / 5.78),
        ("times-adam", "t_grok", "predictions.csv", "clock", 45, 1 / 6.18),
        ("transitions", "n_c", "predictions.csv", "heights-phases", 26, 1 / 143),
    ],
)
def test_cost_is_a_ratio_of_sums(
    folder: str, quantity: str, table: str, predictor: str, cells: int, share: float
) -> None:
    of = board(folder, quantity, table)
    standing = by_name(of)[predictor]
    valued = [entry for entry in standing.entries if entry.value is not None]
    predicting = sum(entry.prediction.seconds for entry in valued if entry.prediction is not None)
    training = sum(of.cells[entry.cell].seconds_of_training or 0.0 for entry in valued)
    cost = standing.cost
    assert (cost.cells, cost.seconds, cost.training_seconds) == (
        cells,
        pytest.approx(predicting),
        pytest.approx(training),
    )
    assert cost.ratio == pytest.approx(predicting / training)
    assert cost.ratio == pytest.approx(share, rel=0.01)  # as docs/times.md and results/README.md say
