"""Memorising with few nodes: the constant from its runs, and where it begins to matter."""

from __future__ import annotations

import numpy as np
import pytest

from twopeaks.theory.heights.memorising import shared_memorising_cost
from twopeaks.theory.heights.narrow import NU, NU_ERROR, fitted_nu, narrow_factor, width_runs


def test_the_constant_of_narrow_networks_is_that_of_their_runs() -> None:
    value, error = fitted_nu()
    assert pytest.approx(value, abs=0.005) == NU
    assert pytest.approx(error, abs=0.005) == NU_ERROR


def test_wide_networks_pay_the_same_whatever_their_width() -> None:
    for order in {run.order for run in width_runs()}:
        wide = [run.cost for run in width_runs() if run.order == order and run.samples <= 2 * run.width]
        assert np.ptp(wide) < 0.035 * np.mean(wide)
        assert np.mean(wide) == pytest.approx(shared_memorising_cost(order), rel=0.02)


def test_narrow_networks_pay_more_from_half_as_many_nodes_as_pairs_on() -> None:
    assert narrow_factor(23, 158, 79) == narrow_factor(23, 158, 79, shift=5) == 1
    assert narrow_factor(23, 158, 40) == pytest.approx(1 + NU * (158 / 80 - 1) / 23)
    assert narrow_factor(23, 158, 78, shift=-5) == 1  # a narrow network never pays less than a wide one
    runs = [run for run in width_runs() if run.samples > 2.5 * run.width]
    found = [run.cost / shared_memorising_cost(run.order) for run in runs]
    assert found == pytest.approx([narrow_factor(run.order, run.samples, run.width) for run in runs], rel=0.1)
