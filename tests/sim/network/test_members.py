"""Packs of members that differ in rates, decays, sizes and labels: each is to the last digits what it is alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests import oracle
from twopeaks.sim.network import data as data_module
from twopeaks.sim.network.autograd import AutogradGradient
from twopeaks.sim.network.data import pack_data
from twopeaks.sim.network.members import PER_MEMBER, Member, shape
from twopeaks.sim.network.network import Gradient, init_params
from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage.checkpoint import Checkpoints, PackCheckpoints
from twopeaks.sim.storage.probe_catalogue import PROBES
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.training.learner import Learner
from twopeaks.sim.training.loop import train, train_members
from twopeaks.sim.training.packs import side_by_side
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting

NETWORKS: dict[str, dict[str, Any]] = {
    "core": {},
    "relu": {"activation": "relu", "output_scale": 2.0},
    "deep": {"layers": 3, "activation": "tanh", "residual": True},
    "complex": {"weights": "complex"},
    "ridge": {"readout": "ridge"},
    "ridge, few nodes": {"readout": "ridge", "width": 9},
    "complex ridge": {"readout": "ridge", "weights": "complex"},
    "embedding": {"embedding": "shared", "embedding_dim": 5},
    "product": {"hidden": "product"},
    "transformer": {"family": "transformer", "embedding_dim": 6, "heads": 2, "activation": "relu"},
    "ridge on a transformer": {"family": "transformer", "embedding_dim": 6, "heads": 2, "readout": "ridge"},
}
#: Each rule with three versions of what members may have of their own.
RULES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "sgd": ({"name": "sgd"}, [{"lr": 0.05}, {"lr": 0.02, "weight_decay": 1e-2}, {"lr": 0.03, "weight_decay": 0}]),
    "momentum": (
        {"name": "sgd", "lr": 0.02},
        [{"momentum": 0.9}, {"momentum": 0.0}, {"momentum": 0.5, "weight_decay": 1e-2}],
    ),
    "adam": ({"name": "adam"}, [{"lr": 3e-3}, {"lr": 1e-2, "weight_decay": 1e-2}, {"lr": 1e-3, "weight_decay": 0}]),
    "adamw": ({"name": "adamw"}, [{"lr": 3e-3}, {"lr": 1e-2, "weight_decay": 0.1}, {"lr": 1e-3, "weight_decay": 0}]),
    "muon": (
        {"name": "muon", "lr": 1e-2},
        [{"lr_v": 3e-3}, {"lr": 2e-2, "momentum": 0.8}, {"weight_decay": 0.1, "lr_v": 1e-2}],
    ),
    "decays alone": ({"name": "adam", "lr": 3e-3}, [{"weight_decay": eta} for eta in (1e-4, 1e-2, 0)]),
}
SCHEDULES: dict[str, dict[str, Any]] = {
    "linear-warmup": {"schedule": "linear-warmup", "warmup_steps": 7},
    "cosine to nothing": {"schedule": "cosine", "warmup_steps": 0, "decay_steps": 30},
    "step": {"schedule": "step", "decay_steps": 20, "lr_drop": 0.5},
}
#: What is learned by each of four members: the third and the first share their size.
TASKS: list[dict[str, Any]] = [
    {"samples": 37},
    {"samples": 33, "labels": "random"},
    {"samples": 37, "bias": 0.5},
    {"samples": 40, "noise": 0.2},
]
SEEDS = (3, 3, 0, 7)
PLAN = Plan(steps=50, every=10)


def grid(network: str = "core", rule: str = "adam", loss: str = "mse", **shared: Any) -> list[Member]:
    """Four members of one shape that differ in all that they may."""
    common, own = RULES[rule]
    zero = {"init_scale_v": 0.5} if "ridge" not in network else {}
    return [
        (
            Setting.model_validate(
                {
                    "task": {"group": "D4", **task},
                    "network": {"width": 21, **NETWORKS[network], **(zero if e == 2 else {})},
                    "optimizer": {**common, **own[e % 3], **shared},
                    "loss": loss,
                }
            ),
            seed,
        )
        for e, (task, seed) in enumerate(zip(TASKS, SEEDS, strict=True))
    ]


def alone(members: Sequence[Member], plan: Plan, runtime: Runtime) -> list[Records]:
    return [train(setting, [seed], plan, runtime) for setting, seed in members]


def each_as_alone(together: Records, solo: Sequence[Records], rtol: float = 1e-9, atol: float = 0.0) -> None:
    for e, lone in enumerate(solo):
        mine = together.some([e])
        assert mine.ends == lone.ends
        assert mine.steps.tolist() == lone.steps.tolist()
        assert mine.seeds.tolist() == lone.seeds.tolist()
        assert list(mine.curves) == list(lone.curves)
        for name, values in lone.curves.items():
            np.testing.assert_allclose(mine.curves[name], values, rtol=rtol, atol=atol, err_msg=f"{name} of {e}")


def combinations() -> list[tuple[str, str, str]]:
    """Every network with every rule, every loss with two networks and rules, where the three go together."""
    every = [
        *((network, rule, "mse") for network, rule in itertools.product(NETWORKS, RULES)),
        *itertools.product(("relu", "deep"), ("adam", "muon"), ("cross-entropy", "hinge", "contrastive")),
    ]

    def possible(network: str, rule: str) -> bool:
        if "ridge" in network and (rule == "adamw" or any(o.get("weight_decay") == 0 for o in RULES[rule][1])):
            return False
        return not (rule == "muon" and "complex" in network)

    return [(network, rule, loss) for network, rule, loss in every if possible(network, rule)]


# --- each member as alone --------------------------------------------------------------------------------


@pytest.mark.parametrize(("network", "rule", "loss"), combinations())
def test_each_member_of_a_mixed_pack_equals_its_solo_run(network: str, rule: str, loss: str, double: Runtime) -> None:
    members = grid(network, rule, loss)
    # A solved readout multiplies rounding by the condition of its Gram matrix.
    rtol = 1e-8 if "ridge" in network else 1e-9
    each_as_alone(train_members(members, PLAN, double), alone(members, PLAN, double), rtol)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("rule", RULES)
def test_schedules_go_with_rates_of_members(rule: str, schedule: str, double: Runtime) -> None:
    members = grid("core", rule, **SCHEDULES[schedule])
    each_as_alone(train_members(members, PLAN, double), alone(members, PLAN, double))


@pytest.mark.parametrize("network", ["ridge", "ridge, few nodes", "complex ridge", "ridge on a transformer"])
def test_each_member_has_its_own_ridge(network: str, double: Runtime) -> None:
    decays = (2e-4, 1e-2, 1e-3, 0.1)
    members = [
        (Setting.model_validate({**s.model_dump(), "optimizer": {"lr": 3e-3, "weight_decay": eta}}), seed)
        for (s, seed), eta in zip(grid(network, "momentum"), decays, strict=True)
    ]
    each_as_alone(train_members(members, PLAN, double), alone(members, PLAN, double))


@pytest.mark.parametrize("steps", [1, 30])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("network", "loss"), [("core", "cross-entropy"), ("deep", "mse")])
def test_a_mixed_pack_equals_a_loop_over_torch_optim(
    network: str, loss: str, rule: str, steps: int, double: Runtime
) -> None:
    members = grid(network, rule, loss)
    learner = learned(members, steps, double)
    with oracle.full_precision_muon():
        for e, (setting, seed) in enumerate(members):
            theirs = oracle.trained(setting, seed, steps, double)
            for mine, other in zip(learner.params, theirs, strict=True):
                assert oracle.relative(mine[e], other) < 1e-9


def learned(members: Sequence[Member], steps: int, runtime: Runtime) -> Learner:
    learner = Learner([setting for setting, _ in members], [seed for _, seed in members], runtime)
    for _ in range(steps):
        learner.step()
    return learner


@pytest.mark.parametrize("loss", ["mse", "cross-entropy", "hinge", "contrastive"])
def test_probes_of_members_of_unequal_size_equal_their_solo_values(loss: str, double: Runtime) -> None:
    members = grid("core", "adam", loss)
    names = tuple(name for name in PROBES if name != "gradient" or loss == "mse")
    plan = Plan(steps=50, every=10, probes=names, probe_share=1e9)
    each_as_alone(train_members(members, plan, double), alone(members, plan, double), atol=1e-12)


@pytest.mark.parametrize("network", ["deep", "transformer", "relu"])
def test_probes_of_other_networks_of_unequal_size(network: str, double: Runtime) -> None:
    members = grid(network)
    plan = Plan(steps=30, every=10, probes=("margin", "gradient", "overlap", "repulsion"), probe_share=1e9)
    each_as_alone(train_members(members, plan, double), alone(members, plan, double), atol=1e-12)


def test_each_probe_is_measured_when_its_member_can_pay_for_it(double: Runtime) -> None:
    small, large = (
        (Setting.model_validate({"task": {"group": "Z23", "samples": n}, "network": {"width": 256}}), 0)
        for n in (460, 529)
    )
    plan = Plan(steps=24, every=1, probes=("repulsion",), probe_share=1.2)
    solo = alone([small, large], plan, double)
    measured = [np.isfinite(lone.curves["repulsion_top"]).sum() for lone in solo]
    assert measured[0] != measured[1]
    each_as_alone(train_members([small, large], plan, double), solo, atol=1e-12)


# --- and among the others --------------------------------------------------------------------------------


def test_members_really_differ(double: Runtime) -> None:
    for rule in RULES:
        final = train_members(grid("core", rule), PLAN, double).final("train_loss")
        assert len(np.unique(final.round(6))) == len(SEEDS), rule
    same_seed = [(setting, 3) for setting, _ in grid("core", "decays alone")]
    same_task = [(s.model_copy(update={"task": same_seed[0][0].task}), seed) for s, seed in same_seed[:3]]
    assert len(np.unique(train_members(same_task, PLAN, double).final("norm_w2"))) == 3


@pytest.mark.parametrize("order", [(3, 2, 1, 0), (2, 0, 3, 1)])
def test_permuting_members_permutes_results(order: tuple[int, ...], double: Runtime) -> None:
    members = grid("core", "momentum")
    straight, other = (train_members(some, PLAN, double) for some in (members, [members[e] for e in order]))
    assert straight.seeds[list(order)].tolist() == other.seeds.tolist()
    for name, values in straight.curves.items():
        np.testing.assert_allclose(values[list(order)], other.curves[name], rtol=1e-9)


def test_diverged_and_patient_members_leave_the_others_alone(double: Runtime) -> None:
    base = {"network": {"width": 64}}
    rules = [{"lr": 0.5, "momentum": 0.9}, {"lr": 3.0}, {"lr": 0.7}, {"lr": 2.0}, {"lr": 0.3}]
    members = [
        (
            Setting.model_validate(
                {**base, "task": {"group": "Z7", "samples": n}, "optimizer": {"name": "sgd", **rule}}
            ),
            seed,
        )
        for seed, n, rule in zip((2, 0, 2, 1, 2), (48, 46, 48, 49, 44), rules, strict=True)
    ]
    plan = Plan(steps=300, every=10, patience=20)
    solo = alone(members, plan, double)
    ends = [lone.ends[0] for lone in solo]
    assert {"patience", "diverged", "budget"} <= set(ends)
    each_as_alone(train_members(members, plan, double), solo, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("tile_bytes", [1, 4000, 20_000])
def test_packs_tiles_and_threads_change_nothing(threads: int, tile_bytes: int, double: Runtime) -> None:
    """With small tiles the last one of a pack is all padding for its smaller members."""
    members = grid("core", "momentum")
    cut = train_members(members, PLAN, replace(double, tile_bytes=tile_bytes, threads=threads))
    each_as_alone(cut, alone(members, PLAN, double))


@pytest.mark.parametrize("network", ["core", "deep", "transformer"])
def test_tiles_that_hold_nothing_of_a_member(network: str, double: Runtime) -> None:
    members = grid(network)
    settings, seeds = [setting for setting, _ in members], [seed for _, seed in members]
    narrow = replace(double, tile_bytes=len(members) * 3 * 8 * settings[0].network.hidden_values(2))
    data = pack_data(settings, seeds, narrow)
    assert any((tile.weights == 0).all(dim=1).any() for tile in data.tiles if tile.weights is not None)
    each_as_alone(_trained_by(members, narrow), alone(members, PLAN, double))


def _trained_by(members: Sequence[Member], runtime: Runtime) -> Records:
    """All members in one pack, whatever fits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twopeaks.sim.training.loop.side_by_side", lambda settings, _: [list(range(len(settings)))])
        return train_members(members, PLAN, runtime)


@pytest.mark.parametrize("network", ["core", "deep", "complex", "transformer"])
def test_padding_adds_exact_zeros(network: str, double: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever rows stand there, the gradient is the same: bit for bit where the order of summing is."""
    settings, seeds = zip(*grid(network), strict=True)
    params = init_params(settings, seeds, double)
    by: Callable[..., Any] = Gradient if settings[0].network.core else AutogradGradient
    usual = pack_data(settings, seeds, double)
    expected = [layer.clone() for layer in by(settings[0], params, usual)()]

    def other_padding(rows: np.ndarray, n: int) -> np.ndarray:  # type: ignore[type-arg]
        return np.append(rows, rows[::-1][: n - rows.size])

    monkeypatch.setattr(data_module, "_padded", other_padding)
    changed = pack_data(settings, seeds, double)
    assert not torch.equal(usual.tiles[0].inputs, changed.tiles[0].inputs)
    for a, b in zip(expected, by(settings[0], params, changed)(), strict=True):
        # Autograd sorts the rows of an embedding before it sums them.
        assert torch.equal(a, b) if network in ("core", "transformer") else oracle.relative(a, b) < 1e-14
    assert torch.equal(usual.in_train, changed.in_train)


def test_evaluation_counts_the_rows_of_each_member(double: Runtime) -> None:
    members = grid("core")
    learner = learned(members, 20, double)
    found = learner.evaluate()
    for e, (setting, seed) in enumerate(members):
        x, y = oracle.dense_data(setting, seed, torch.float64)
        layers = [layer[e] for layer in learner.params]
        outputs = oracle.outputs(setting, layers, x)
        assert float(found.train_loss[e]) == pytest.approx(float(oracle.loss(setting, layers, x, y)), rel=1e-12)
        assert float(found.train_accuracy[e]) * setting.task.samples == pytest.approx(
            float((outputs.argmax(1) == y).sum())
        )
        assert (found.test_accuracy[e] * (64 - setting.task.samples)).round().item() == pytest.approx(
            float(found.test_accuracy[e]) * (64 - setting.task.samples)
        )


def test_a_member_that_trains_on_every_row_has_no_test(double: Runtime) -> None:
    members = grid("core")[:3]
    task = members[0][0].task.model_copy(update={"samples": 64})
    full = [(members[0][0].model_copy(update={"task": task}), 0), members[0]]
    with np.errstate(all="raise"):
        records = _trained_by(full, double)
    assert np.isnan(records.curves["test_loss"][0]).all()
    assert np.isfinite(records.curves["test_loss"][1]).all()


@hypothesis_settings(deadline=None, max_examples=25, derandomize=True)
@given(
    rates=st.lists(st.floats(1e-4, 1.0), min_size=2, max_size=5),
    sizes=st.lists(st.integers(1, 25), min_size=5, max_size=5),
    name=st.sampled_from(["sgd", "adam", "adamw", "muon"]),
    loss=st.sampled_from(["mse", "cross-entropy", "hinge", "contrastive"]),
)
def test_any_mixed_pack_trains_as_its_members_alone(rates: list[float], sizes: list[int], name: str, loss: str) -> None:
    runtime, plan = resolve("cpu", "float64", threads=1), Plan(steps=6, every=2)
    content = {"network": {"width": 6}, "loss": loss}
    members = [
        (
            Setting.model_validate(
                {**content, "task": {"group": "Z5", "samples": n}, "optimizer": {"name": name, "lr": lr}}
            ),
            e,
        )
        for e, (lr, n) in enumerate(zip(rates, sizes, strict=False))
    ]
    each_as_alone(train_members(members, plan, runtime), alone(members, plan, runtime), rtol=1e-6, atol=1e-9)


# --- stopping and going on -------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["core", "deep", "ridge"])
def test_a_resumed_mixed_pack_equals_an_uninterrupted_one_bit_for_bit(
    network: str, tmp_path: Path, double: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [(s, seed) for s, seed in grid(network, "momentum")]
    plan = Plan(steps=40, every=5, probes=("margin", "overlap"), probe_share=1e9, patience=0)
    straight = train_members(members, plan, double)
    monkeypatch.setattr(PackCheckpoints, "due", lambda _: True)
    step, left = Learner.step, [0]

    def dying(learner: Learner) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        step(learner)

    monkeypatch.setattr(Learner, "step", dying)
    for _ in range(60):
        left[0] = 7
        kept = Checkpoints(tmp_path / "run")
        try:
            resumed = train_members(members, plan, double, checkpoint=kept)
            break
        except KeyboardInterrupt:
            continue
    assert kept.resumed
    assert resumed.ends == straight.ends
    for name, values in straight.curves.items():
        assert values.tobytes() == resumed.curves[name].tobytes(), name


def test_checkpoints_of_other_members_are_refused(
    tmp_path: Path, double: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = grid("core", "adam")
    train_members(members, PLAN, double, checkpoint=Checkpoints(tmp_path / "run", 0))
    others = [members[0], (grid("core", "decays alone")[1][0], members[1][1]), *members[2:]]
    with pytest.raises(InputError, match="a checkpoint of this run, got 'other settings"):
        train_members(others, PLAN, double, checkpoint=Checkpoints(tmp_path / "run", 0))


# --- who may learn side by side --------------------------------------------------------------------------


def changed(setting: Setting, part: str, field: str, value: object) -> Setting:
    content = setting.model_dump()
    content[part] = {**content[part], field: value}
    return Setting.model_validate(content)


OWN = [
    *(("task", "samples", 30), ("task", "labels", "random"), ("task", "bias", 1.0), ("task", "noise", 0.1)),
    ("network", "init_scale_v", 0.0),
    *(("optimizer", "lr", 0.1), ("optimizer", "weight_decay", 0.0)),
    *(("optimizer", "lr_v", 0.1), ("optimizer", "momentum", 0.5)),
]
SHARED = [
    *(("task", "group", "Q8"), ("task", "operands", 3)),
    *(("network", "width", 22), ("network", "activation", "relu"), ("network", "output_scale", 2.0)),
    *(("optimizer", "name", "adamw"), ("optimizer", "beta1", 0.8), ("optimizer", "eps", 1e-7)),
    *(("optimizer", "schedule", "linear-warmup"),),
]


@pytest.mark.parametrize(("part", "field", "value"), OWN)
def test_what_members_may_have_of_their_own(part: str, field: str, value: object, double: Runtime) -> None:
    base = grid("core", "muon" if field in ("lr_v", "momentum") else "adam")[0][0]
    other = changed(base, part, field, value)
    assert other != base
    assert shape(other) == shape(base)
    assert field in PER_MEMBER[part]
    members = [(base, 0), (other, 0)]
    each_as_alone(train_members(members, PLAN, double), alone(members, PLAN, double))


def test_every_such_field_is_tried() -> None:
    assert {(part, field) for part, field, _ in OWN} == {(p, f) for p, fields in PER_MEMBER.items() for f in fields}


@pytest.mark.parametrize(("part", "field", "value"), SHARED)
def test_what_members_must_share(part: str, field: str, value: object, double: Runtime) -> None:
    base = grid("core")[0][0]
    other = changed(base, part, field, value)
    assert shape(other) != shape(base)
    with pytest.raises(InputError, match=f"members must be alike but for .*, got '{field} "):
        train_members([(base, 0), (other, 0)], PLAN, double)


def test_losses_are_shared(double: Runtime) -> None:
    base = grid("core")[0][0]
    other = base.model_copy(update={"loss": "hinge"})
    with pytest.raises(InputError, match="loss mse beside hinge"):
        train_members([(base, 0), (other, 0)], PLAN, double)


@pytest.mark.parametrize("seeds", [[], [-1], [2, 2]], ids=["none", "negative", "twice"])
def test_bad_members_are_refused(seeds: list[int], double: Runtime) -> None:
    with pytest.raises(InputError, match="seeds must be one or more different integers >= 0"):
        train_members([(grid()[0][0], seed) for seed in seeds], PLAN, double)


def test_one_seed_may_serve_many_settings(double: Runtime) -> None:
    members = [(setting, 3) for setting, _ in grid()]
    assert train_members(members, PLAN, double).seeds.tolist() == [3, 3, 3, 3]


# --- how they are packed ---------------------------------------------------------------------------------


@hypothesis_settings(deadline=None, max_examples=50, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 49), min_size=1, max_size=30),
    threads=st.integers(1, 3),
    tile=st.sampled_from([1, 10_000, 100_000]),
)
def test_packs_hold_each_member_once_and_little_padding(sizes: list[int], threads: int, tile: int) -> None:
    runtime = resolve("cpu", threads=threads, tile_bytes=tile)
    settings = [
        Setting.model_validate({"task": {"group": "Z7", "samples": n}, "network": {"width": 16}}) for n in sizes
    ]
    packs = side_by_side(settings, runtime)
    assert sorted(i for part in packs for i in part) == list(range(len(sizes)))
    for part in packs:
        rows = [sizes[i] for i in part]
        assert sum(rows) >= 0.85 * max(rows) * len(rows)
        assert len(part) == 1 or max(rows) * len(part) * 16 * 4 <= tile
