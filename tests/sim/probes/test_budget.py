"""What probes may cost: the share that a run of each architecture leaves them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.probes.budget import _level_costs, _step_cost, _test_cost, _Work, measured
from twopeaks.sim.probes.probing import PackProbes
from twopeaks.sim.storage.probe_catalogue import PROBES
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.loop import train
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


# --- costs against operations that are counted ----------------------------------------------------------

#: What an operation costs in multiply-adds of a large product: an entry written, one in double precision, any at all.
ENTRY, DOUBLE, CALL = 16, 2.5, 110_000


class Count(TorchDispatchMode):
    """Adds up what every operation of torch costs, by its shapes: no clock."""

    def __init__(self) -> None:
        super().__init__()
        self.cost = 0.0

    def __torch_dispatch__(
        self, func: object, types: object, args: Sequence[object] = (), kwargs: dict[str, object] | None = None
    ) -> object:
        result = func(*args, **(kwargs or {}))  # type: ignore[operator]
        made = [x for x in (result if isinstance(result, tuple | list) else [result]) if isinstance(x, torch.Tensor)]
        self.cost += CALL + multiply_adds(str(func).split(".")[1].rstrip("_"), args, made)
        self.cost += ENTRY * sum(x.numel() for x in made if x._base is None)  # a view writes nothing
        return result


def multiply_adds(name: str, args: Sequence[object], made: Sequence[torch.Tensor]) -> float:
    """Of matrix products, of a Cholesky factor and of the inverse from it (K^3 / 6 and K^3 / 3)."""
    if name in ("mm", "bmm", "addmm", "baddbmm"):
        inner = [x for x in args if isinstance(x, torch.Tensor)][-2].shape[-1]
        amount: float = made[0].numel() * inner
    elif name in ("linalg_cholesky_ex", "cholesky_inverse"):
        amount = made[0].shape[-1] ** 3 / (6 if name == "linalg_cholesky_ex" else 3)
    else:
        return 0
    return amount * (DOUBLE if made[0].dtype == torch.float64 else 1)


def counted(
    setting: Setting, plan: Plan, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> tuple[float, list[float]]:
    """Cost of a run without its probes, and of these at each record."""
    probes: list[float] = []
    measure = PackProbes.measure

    def watched(self: PackProbes, *args: object) -> object:
        with Count() as record:
            numbers = measure(self, *args)  # type: ignore[arg-type]
        probes.append(record.cost)
        return numbers

    monkeypatch.setattr(PackProbes, "measure", watched)
    with Count() as everything:
        train(setting, [0], plan, runtime)
    return everything.cost - sum(probes), probes


SIZES = {"small": ("Z5", 12, 8), "large": ("Z23", 264, 256)}


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("size", SIZES)
def test_a_probe_costs_what_is_declared(name: str, size: str, single: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a factor of two: at a small size mostly its number of operations, at a large one mostly their entries."""
    setting = standard(*SIZES[size])
    plan = Plan(steps=4, every=2, probes=(name,), probe_share=1e9)
    _, records = counted(setting, plan, single, monkeypatch)
    declared = _level_costs(_Work.of(setting))[PROBES[name].level] + CALL * PROBES[name].calls
    assert 0.5 < declared / records[-1] < 2


@pytest.mark.parametrize("every", [1, 20])
@pytest.mark.parametrize("size", SIZES)
def test_a_run_costs_what_is_declared(every: int, size: str, single: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather less: what passes through a cache while it is warm costs less than an entry that is written."""
    setting, plan = standard(*SIZES[size]), Plan(steps=100, every=every)
    run, _ = counted(setting, plan, single, monkeypatch)
    work = _Work.of(setting)
    declared = plan.steps * _step_cost(work) + len(plan.record_steps()) * _test_cost(work)
    assert 1 / 3 < declared / run < 2


@pytest.mark.parametrize("share", [0.05, 0.2])
@pytest.mark.parametrize("names", [tuple(PROBES), ("updates",), ("live", "margin")], ids=["all", "weights", "outputs"])
def test_probes_take_the_share_that_they_may(
    share: float, names: tuple[str, ...], single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than it, and a sixth of it at least: the budget allows for a cold cache."""
    plan = Plan(steps=400, every=4, probes=names, probe_share=share)
    run, records = counted(standard(*SIZES["large"]), plan, single, monkeypatch)
    assert share / 6 < sum(records) / run <= share
