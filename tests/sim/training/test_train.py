from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from twopeaks.sim.network.network import Evaluation
from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.training.learner import Learner
from twopeaks.sim.training.loop import Reports, packs, train
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import OBSERVABLES, Network, Optimizer, Setting, Task, standard


def small(**optimizer: object) -> Setting:
    rule = Optimizer.model_validate({"lr": 3e-3, **optimizer})
    return Setting(task=Task(group="Z7", samples=30), network=Network(width=24), optimizer=rule)


def same(a: Records, b: Records, rtol: float) -> None:
    assert (a.seeds == b.seeds).all()
    assert a.ends == b.ends
    for name in OBSERVABLES:
        np.testing.assert_allclose(a.curves[name], b.curves[name], rtol=rtol, atol=1e-300, equal_nan=True)


PLAN = Plan(steps=50, every=10)


def test_a_member_of_a_batch_equals_its_solo_run(double: Runtime) -> None:
    together = train(small(), [5, 6, 7], PLAN, double)
    for e, seed in enumerate([5, 6, 7]):
        alone = train(small(), [seed], PLAN, double)
        for name in OBSERVABLES:
            np.testing.assert_allclose(together.curves[name][e], alone.curves[name][0], rtol=1e-9, equal_nan=True)


def test_members_differ() -> None:
    final = train(small(), [0, 1, 2], PLAN, resolve("cpu", threads=1)).final("train_loss")
    assert len(np.unique(final)) == 3


def test_permuting_members_permutes_results(double: Runtime) -> None:
    forward, backward = (train(small(), seeds, PLAN, double) for seeds in ([0, 1, 2, 3], [3, 2, 1, 0]))
    for name in OBSERVABLES:
        np.testing.assert_allclose(forward.curves[name], backward.curves[name][::-1], rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_call_gives_identical_records(threads: int, dtype: str) -> None:
    runtime = resolve("cpu", "float64" if dtype == "float64" else "float32", threads)
    first, second = (train(small(), [0, 1, 2, 3], PLAN, runtime) for _ in range(2))
    for name in OBSERVABLES:
        assert np.array_equal(first.curves[name], second.curves[name], equal_nan=True)


def test_packing_changes_nothing_but_rounding(double: Runtime) -> None:
    one_each = replace(double, tile_bytes=1)
    assert len(packs(small(), range(4), one_each)) == 4
    assert len(packs(small(), range(4), double)) == 1
    same(train(small(), range(4), PLAN, double), train(small(), range(4), PLAN, one_each), 1e-9)


def test_records_hold_first_and_last_step(single: Runtime) -> None:
    records = train(small(), [0], Plan(steps=25, every=10), single)
    assert records.steps.tolist() == [0, 10, 20, 25]
    assert records.counts.tolist() == [4]


def test_divergence_is_an_outcome_and_spares_the_others(double: Runtime) -> None:
    wild = small(name="sgd", lr=60.0, weight_decay=0)
    records = train(wild, [0, 1], Plan(steps=200, every=5), double)
    assert records.ends == ("diverged", "diverged")
    for e in range(2):
        member = records.member(e)
        assert len(member["steps"]) < len(records.steps) or not np.isfinite(records.curves["train_loss"][e]).all()
        assert all(np.isfinite(member[name]).all() for name in ("train_loss", "norm_w2"))


def test_a_patient_member_stops_and_the_rest_go_on_as_before(double: Runtime) -> None:
    setting = Setting(
        task=Task(group="Z7", samples=44), network=Network(width=64), optimizer=Optimizer(lr=1e-2, weight_decay=1e-3)
    )
    seeds = range(6)
    full = train(setting, seeds, Plan(steps=600, every=10), double)
    brief = train(setting, seeds, Plan(steps=600, every=10, patience=20), double)
    assert "patience" in brief.ends
    for e in seeds:
        for name, values in brief.member(e).items():
            np.testing.assert_allclose(values, full.member(e)[name][: len(values)], rtol=1e-6, atol=1e-12)
        if brief.ends[e] == "patience":
            assert (brief.member(e)["test_accuracy"][-3:] >= 0.95).all()


def test_progress_adds_up_to_the_budget_even_with_early_stops(single: Runtime) -> None:
    told: list[int] = []
    setting = Setting(
        task=Task(group="Z7", samples=44), network=Network(width=64), optimizer=Optimizer(lr=1e-2, weight_decay=1e-3)
    )
    train(setting, range(3), Plan(steps=600, every=10, patience=0), single, Reports(told.append))
    assert sum(told) == 1800


@pytest.mark.parametrize("seeds", [[], [-1], [2, 2], [2**63]], ids=["none", "negative", "twice", "large"])
def test_bad_seeds_are_refused(seeds: list[int], single: Runtime) -> None:
    with pytest.raises(InputError, match=r"seeds must be one or more different integers >= 0 and < 2\^63"):
        train(small(), seeds, PLAN, single)


def test_an_error_in_progress_stops_the_run(single: Runtime) -> None:
    def fail(_: int) -> None:
        raise RuntimeError("told to stop")

    with pytest.raises(RuntimeError, match="told to stop"):
        train(small(), range(4), Plan(steps=10**6, every=10), single, Reports(fail))


@hypothesis_settings(deadline=None, max_examples=25, derandomize=True)
@given(
    group=st.sampled_from(["Z5", "S3", "Q8", "Z2xZ2"]),
    activation=st.sampled_from(["x^2", "relu", "relu^2", "silu", "gelu", "tanh"]),
    loss=st.sampled_from(["mse", "cross-entropy", "hinge", "contrastive"]),
    labels=st.sampled_from(["true", "random"]),
    width=st.integers(1, 20),
    lr=st.floats(1e-4, 100.0),
    name=st.sampled_from(["sgd", "adam", "adamw", "muon"]),
    data=st.data(),
)
def test_any_setting_trains_alone_as_in_a_batch_and_never_hides_nan(
    group: str, activation: str, loss: str, labels: str, width: int, lr: float, name: str, data: st.DataObject
) -> None:
    order = Task(group=group, samples=1).resolve().order
    samples = data.draw(st.integers(1, order**2))
    setting = Setting.model_validate(
        {
            "task": {"group": group, "samples": samples, "labels": labels},
            "network": {"width": width, "activation": activation},
            "optimizer": {"name": name, "lr": lr},
            "loss": loss,
        }
    )
    runtime, plan = resolve("cpu", "float64", threads=1), Plan(steps=6, every=2)
    together, alone = train(setting, [0, 1], plan, runtime), train(setting, [1], plan, runtime)
    assert together.ends[1] == alone.ends[0]
    np.testing.assert_allclose(together.member(1)["train_loss"], alone.member(0)["train_loss"], rtol=1e-6, atol=1e-9)
    for e, end in enumerate(together.ends):
        if end != "diverged":
            assert np.isfinite(together.member(e)["train_loss"]).all()
            assert together.counts[e] == len(together.steps)


def test_a_member_whose_test_loss_alone_is_no_number_has_diverged(
    double: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fits of large numbers can overflow on the rows that were not trained on."""
    evaluate = Learner.evaluate

    def overflowing(self: Learner) -> Evaluation:
        found = evaluate(self)
        first_look = torch.arange(len(found.test_loss)) == (1 if len(found.test_loss) == 3 else -1)
        return found._replace(test_loss=torch.where(first_look, torch.nan, found.test_loss))

    monkeypatch.setattr(Learner, "evaluate", overflowing)
    records = train(standard("Z5", 20, 8), [0, 1, 2], Plan(steps=4, every=2), replace(double, threads=1))
    assert records.ends == ("budget", "diverged", "budget")
    assert records.counts.tolist() == [3, 0, 3]
