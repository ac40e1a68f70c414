"""What probes may cost: the share that a run of each architecture leaves them."""

from __future__ import annotations

import pytest

from twopeaks.sim.probes.budget import measured
from twopeaks.sim.storage.probe_catalogue import PROBES
from twopeaks.sim.storage.records import Plan
from twopeaks.theory.setting import Setting, standard


@pytest.mark.parametrize(
    ("problem", "plan", "share", "counts"),
    [
        (("Z23", 264, 256), Plan(steps=2000, every=10), 0.1, (21, 0)),
        (("Z23", 264, 256), Plan(steps=100, every=1), 0.02, (0, 0)),
        (("Z71", 2016, 2048), Plan(steps=400, every=10), 0.1, (13, 0)),
        (("D11", 260, 256), Plan(steps=3000, every=5), 0.05, (16, 0)),
        (("S4", 300, 64), Plan(steps=10_000, every=50), 0.01, (5, 4)),
    ],
)
def test_the_core_is_measured_at_as_many_records_as_stored_runs_were(
    problem: tuple[str, int, int], plan: Plan, share: float, counts: tuple[int, int]
) -> None:
    """Counted when 6 n K M was written into the budget itself: a run of then goes on with the same columns."""
    due = measured(standard(*problem), tuple(PROBES), plan.record_steps(), share)
    assert (len(due["live"]), len(due["repulsion"])) == counts
    assert {len(steps) for name, steps in due.items() if name != "repulsion"} == {counts[0]}


@pytest.mark.parametrize(
    ("network", "factor"),
    [({"layers": 3}, 2), ({"weights": "complex"}, 2), ({"family": "transformer", "activation": "relu"}, 1.5)],
)
def test_a_dearer_network_pays_for_more_records(network: dict[str, object], factor: float) -> None:
    """The products of hidden layers, of complex numbers, of attention are paid for at each step."""
    steps = Plan(steps=2000, every=1).record_steps()
    core, other = (
        Setting.model_validate({"task": {"group": "Z23", "samples": 264}, "network": {"width": 1024, **changes}})
        for changes in ({}, network)
    )
    less, more = (len(measured(setting, ("updates",), steps, 0.02)["updates"]) for setting in (core, other))
    assert more > factor * less
