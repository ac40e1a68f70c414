"""Estimates follow from operations: counted by hand, scaled by workers, never below what must be waited for."""

from __future__ import annotations

import dataclasses

import pytest

from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep import cost as costs
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.cost import cost, measured_rate
from twopeaks.sim.sweep.shards import Shard, cut
from twopeaks.theory.setting import Network, Setting, Task


def cell(samples: int = 20, width: int = 8, seeds: int = 2, steps: int = 100, group: str = "Z5") -> Cell:
    setting = Setting(task=Task(group=group, samples=samples), network=Network(width=width))
    return Cell(setting, tuple(range(seeds)), Plan(steps=steps, every=50))


@pytest.fixture
def rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "measured_rate", lambda *_: 1000.0)


#: 2 members, 100 steps, 6 n K M a step; records at 0, 50 and 100 with 2 M^2 K M each.
FLOPS = 2 * (100 * 6 * 20 * 8 * 5 + 3 * 2 * 25 * 8 * 5)


def test_operations_are_counted_by_hand(rate: None, single: Runtime) -> None:
    found = cost([cell()], single, 1)
    assert (found.cells, found.shards, found.members, found.member_steps) == (1, 1, 2, 200)
    assert found.flops == FLOPS
    assert found.seconds == pytest.approx(FLOPS / 1000)
    assert found.as_data()["flops_per_second"] == 1000


def test_workers_share_the_time_of_many_shards(rate: None, single: Runtime) -> None:
    cells = [cell(width=k) for k in range(40, 48)]
    assert cost(cells, single, 4).seconds == pytest.approx(cost(cells, single, 1).seconds / 4)


def test_the_largest_shard_must_be_waited_for(rate: None, single: Runtime) -> None:
    small, large = cell(), cell(width=800)
    assert cost([small, large], single, 64).seconds >= large.flops / 1000
    assert cost([small], single, 64).seconds >= small.flops / 1000


def test_cells_in_turn_wait_for_each_other(rate: None, single: Runtime) -> None:
    cells = [cell(width=k) for k in (40, 41, 42)]
    alone = cost(cells, single, 1).seconds
    assert cost(cells, single, 64, [cells]).seconds == pytest.approx(alone)
    assert cost(cells, single, 64).seconds < alone / 2


def test_memory_is_that_of_the_largest_shard_and_disk_that_of_all(rate: None, single: Runtime) -> None:
    small, large = cell(), cell(width=100_000)
    both = cost([small, large], single, 1)
    assert both.worker_bytes == cost([large], single, 1).worker_bytes > cost([small], single, 1).worker_bytes
    weights = 4 * 100_000 * (10 + 5)  # float32, W (2M, K) and V (K, M) of a member: only one fits a tile
    assert both.worker_bytes - cost([small], single, 1).worker_bytes > 3 * weights
    assert both.disk_bytes == cost([small], single, 1).disk_bytes + cost([large], single, 1).disk_bytes
    more = dataclasses.replace(small, plan=Plan(steps=100, every=1))
    assert cost([more], single, 1).disk_bytes - cost([small], single, 1).disk_bytes == 8 * 2 * (101 - 3) * 6


def test_the_rate_is_measured_on_the_shard_where_half_of_the_work_is_reached(
    monkeypatch: pytest.MonkeyPatch, single: Runtime
) -> None:
    measured: list[Shard] = []

    def rate(shard: Shard, _: Runtime) -> float:
        measured.append(shard)
        return 1.0

    monkeypatch.setattr(costs, "measured_rate", rate)
    cost([*(cell(width=k) for k in range(1, 10)), cell(width=80)], single, 1)
    assert measured[0].parts[0].setting.network.width == 80


@pytest.mark.parametrize("large", [False, True])
def test_a_measured_rate_is_that_of_training(large: bool, monkeypatch: pytest.MonkeyPatch, single: Runtime) -> None:
    """Counted with a clock that goes on by a tenth of a second a look: three steps in three tenths."""
    now = [0.0]

    def clock() -> float:
        now[0] += 0.1
        return now[0]

    monkeypatch.setattr(costs.time, "perf_counter", clock)
    if large:  # then fewer members, or fewer examples, are tried
        monkeypatch.setattr(costs, "_MOST_FLOPS", 6 * 10 * 8 * 5)
    (shard,) = cut([cell()], single)
    a_step = 6 * (10 if large else 20) * 8 * 5 * (1 if large else 2)
    found = measured_rate(shard, single)
    assert 0.5 <= found / (a_step / 0.1) <= 1.0


def test_every_kind_of_network_can_be_measured() -> None:
    runtime = resolve("cpu", "float32", 1)
    settings = [
        {"network": {"width": 8, "family": "transformer", "embedding_dim": 8, "heads": 2, "activation": "relu"}},
        {"network": {"width": 8, "weights": "complex"}},
        {"task": {"expression": "x*y + z", "field": 3, "samples": 9}, "network": {"width": 8}},
    ]
    for change in settings:
        setting = Setting.model_validate({"task": {"group": "Z5", "samples": 20}, **change})
        found = cost([Cell(setting, (0, 1), Plan(steps=10, every=5))], runtime, 1)
        assert found.seconds > 0
        assert found.worker_bytes > 0
