"""Whatever can be written down can be trained: promises that hold for settings nobody thought of."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from twopeaks.sim.network.network import Params, init_params, packed
from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage.checkpoint import Checkpoints
from twopeaks.sim.storage.probe_catalogue import applicable
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.training import learner
from twopeaks.sim.training.learner import Learner
from twopeaks.sim.training.loop import packs, train
from twopeaks.theory.setting import OBSERVABLES, Setting

#: Examples of a promise that trains, where there is time.
MANY = pytest.param(150, marks=pytest.mark.slow)

# --- any setting, any plan --------------------------------------------------------------------------------

GROUPS = ["Z1", "Z2", "Z5", "Z6", "S3", "Z2xZ2", "Q8"]
EXPRESSIONS = [("x^2 + x*y + y^2", 5), ("x/y", 4), ("x*y*z - 1", 3), ("a", 7), ("1/(x^2 + y)", 3)]
LOSSES = ["mse", "cross-entropy", "hinge", "contrastive"]
ACTIVATIONS = ["x^2", "relu", "relu^2", "silu", "gelu", "tanh"]


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["group", "operands", "table", "expression", "parity"]))
    if kind == "parity":
        bits = draw(st.integers(1, 6))
        named: dict[str, Any] = {"parity": (bits, draw(st.integers(1, bits)))}
    elif kind == "expression":
        text, field = draw(st.sampled_from(EXPRESSIONS))
        named = {"expression": text, "field": field}
    elif kind == "table":
        named = {"table": ((0, 1, 2), (1, 2, 0), (2, 0, 1))}
    else:
        named = {"group": draw(st.sampled_from(GROUPS))}
        if kind == "operands":
            named = {"group": draw(st.sampled_from(["Z2", "Z3", "S3"])), "operands": draw(st.integers(3, 4))}
    table = Setting.model_validate({"task": {**named, "samples": 1}, "network": {"width": 1}}).task.table_of()
    named["samples"] = draw(st.integers(1, min(table.rows.size, 60)))
    named["bias"] = draw(st.sampled_from([0.0, 0.5, 3.0, 1e30]))
    control = draw(st.sampled_from(["true", "random", "noise"]))
    if control == "random":
        named["labels"] = "random"
    elif control == "noise" and table.classes > 1:
        named["noise"] = draw(st.floats(0, 1, allow_subnormal=False))
    return named


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "width": draw(st.integers(1, 12)),
        "output_scale": draw(st.sampled_from([1.0, 0.1, 30.0])),
    }
    wanted["activation"] = draw(st.sampled_from(ACTIVATIONS))
    wanted["readout"] = draw(st.sampled_from(["trained", "trained", "trained", "ridge"]))
    if wanted["readout"] == "trained":
        wanted["init_scale_v"] = draw(st.sampled_from([1.0, 0.0, 2.0]))
    if draw(st.sampled_from(["mlp", "mlp", "mlp", "transformer"])) == "transformer":
        heads = draw(st.integers(1, 3))
        return {**wanted, "family": "transformer", "heads": heads, "embedding_dim": heads * draw(st.integers(1, 4))}
    wanted["layers"] = draw(st.sampled_from([2, 2, 3, 4]))
    wanted["residual"] = wanted["layers"] > 2 and draw(st.booleans())
    wanted["hidden"] = draw(st.sampled_from(["sum", "sum", "product"]))
    wanted["weights"] = draw(st.sampled_from(["real", "real", "complex"]))
    if wanted["weights"] == "complex" or (wanted["hidden"] == "product" and wanted["layers"] == 2):
        wanted["activation"] = "x^2"
    wanted["embedding"] = draw(st.sampled_from(["one-hot", "one-hot", "shared", "separate"]))
    if wanted["embedding"] != "one-hot":
        wanted["embedding_dim"] = draw(st.integers(1, 6))
    return wanted


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(["constant", "constant", "linear-warmup", "cosine", "step"]))
    warmup, more = draw(st.integers(1, 8)), draw(st.integers(1, 20))
    numbers: dict[str, dict[str, Any]] = {
        "constant": {},
        "linear-warmup": {"warmup_steps": warmup},
        "cosine": {
            "warmup_steps": warmup - 1,
            "decay_steps": warmup + more,
            "lr_floor": draw(st.floats(0, 1, allow_subnormal=False)),
        },
        "step": {"decay_steps": warmup, "lr_drop": draw(st.sampled_from([0.1, 0.5, 1.0]))},
    }
    return {"schedule": name, **numbers[name]}


@st.composite
def optimizers(draw: st.DrawFn, names: list[str], rates: st.SearchStrategy[float]) -> dict[str, Any]:
    name = draw(st.sampled_from(names))
    wanted = {"name": name, "lr": draw(rates), "weight_decay": draw(st.sampled_from([2e-4, 0.01, 1.0]))}
    if name in ("sgd", "muon"):
        wanted["momentum"] = draw(st.sampled_from([0.0, 0.5, 0.95]))
    if name != "sgd":
        wanted |= {"beta1": draw(st.sampled_from([0.9, 0.0])), "beta2": draw(st.sampled_from([0.999, 0.5]))}
    if name == "muon":
        wanted |= {"nesterov": draw(st.booleans()), "ns_steps": draw(st.integers(1, 6))}
        wanted |= {"scaling": draw(st.sampled_from(["original", "match_rms_adamw"]))}
        wanted |= {"lr_v": draw(st.none() | rates)}
    return {**wanted, **draw(schedules())}


#: Rates at which members may learn, and rates at which most of them fall apart.
SENSIBLE = st.floats(-4, -1).map(lambda power: 10**power)
ANY_RATE = st.floats(-6, 30).map(lambda power: 10**power)


@st.composite
def any_setting(draw: st.DrawFn, rates: st.SearchStrategy[float] = SENSIBLE) -> Setting:
    network = draw(networks())
    ridge, plain = network["readout"] == "ridge", network.get("weights") != "complex"
    names = ["sgd", "adam", *([] if ridge else ["adamw"]), *(["muon"] if plain else [])]
    return Setting.model_validate(
        {
            "task": draw(tasks()),
            "network": network,
            "optimizer": draw(optimizers(names, rates)),
            "loss": "mse" if ridge else draw(st.sampled_from(LOSSES)),
        }
    )


@st.composite
def any_plan(draw: st.DrawFn, most: int = 12) -> Plan:
    return Plan(
        steps=draw(st.integers(1, most)),
        every=draw(st.integers(1, 5)),
        patience=draw(st.none() | st.integers(0, 6)),
        spacing=draw(st.sampled_from(["linear", "log"])),
    )


SEEDS = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4, unique=True)


@st.composite
def runtimes(draw: st.DrawFn) -> Runtime:
    """One pack or one for each member, in single or double precision."""
    tile_bytes = draw(st.sampled_from([1, 1 << 20]))
    return resolve("cpu", draw(st.sampled_from(["float32", "float64"])), threads=1, tile_bytes=tile_bytes)


def holds_for(examples: int, **strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], None]:
    """Run a promise on so many examples, always the same ones."""

    def run(promise: Callable[..., None]) -> None:
        checks = hypothesis_settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
        checks(given(**strategies)(promise))()

    return run


def identical(a: Records, b: Records) -> None:
    """Equal to the last bit."""
    assert (a.seeds.tolist(), a.steps.tolist(), a.counts.tolist()) == (
        b.seeds.tolist(),
        b.steps.tolist(),
        b.counts.tolist(),
    )
    assert a.ends == b.ends
    assert list(a.curves) == list(b.curves)
    for name, values in a.curves.items():
        assert values.tobytes() == b.curves[name].tobytes(), name


class Killed(BaseException):
    """Training ends here, without a chance to tidy up."""


def cut_short(folder: Path, after: int, setting: Setting, seeds: list[int], plan: Plan, runtime: Runtime) -> int:
    """Train with a checkpoint before each step, and die after so many steps of all packs; returns those done."""
    step, done = Learner.step, [0]

    def stepping(self: Learner) -> None:
        if done[0] == after:
            raise Killed
        done[0] += 1
        step(self)

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(Learner, "step", stepping)
        train(setting, seeds, plan, runtime, checkpoint=Checkpoints(folder, 0))
    return done[0]


def learned_from(setting: Setting, seeds: list[int], plan: Plan, runtime: Runtime, shift: float) -> Records:
    """Records of a run whose initial weights are changed in their last digits."""

    def shifted(*call: Any) -> Params:
        layers, rng = init_params(*call), np.random.default_rng(0)
        signs = (torch.as_tensor(rng.choice([-1.0, 1.0], layer.shape)) for layer in layers)
        return packed(*(layer * (1 + shift * sign) for layer, sign in zip(layers, signs, strict=True)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner, "init_params", shifted)
        return train(setting, seeds, plan, runtime)


# --- the promises -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("examples", [40, MANY])
def test_a_member_of_a_batch_learns_as_it_does_alone(examples: int, double: Runtime) -> None:
    """To rounding: it differs by no more than the same run does when its initial weights are changed by 1e-13.

    A solved readout squares the condition of its features, so 1e-8 is its rounding, as in the tests of variants.
    """

    def promise(setting: Setting, plan: Plan, seeds: list[int], data: st.DataObject) -> None:
        e = data.draw(st.integers(0, len(seeds) - 1))
        together, alone = train(setting, seeds, plan, double), train(setting, [seeds[e]], plan, double)
        nearby = learned_from(setting, [seeds[e]], plan, double, 1e-13)
        if nearby.ends != alone.ends or nearby.counts != alone.counts:
            return  # on an edge: how it ends depends on the last digits
        assert (together.ends[e], together.counts[e]) == (alone.ends[0], alone.counts[0])
        rounding = 1e-8 if setting.network.readout == "ridge" else 1e-9
        for name in OBSERVABLES:
            ours, theirs, moved = (r.member(i)[name] for r, i in ((together, e), (alone, 0), (nearby, 0)))
            assert (np.isnan(ours) == np.isnan(theirs)).all(), name
            apart, bound = np.abs(ours - theirs), np.abs(moved - theirs) + rounding * np.abs(theirs) + 1e-12
            assert (np.isnan(ours) | (apart <= bound)).all(), name

    holds_for(examples, setting=any_setting(), plan=any_plan(), seeds=SEEDS, data=st.data())(promise)


@pytest.mark.parametrize("examples", [40, MANY])
def test_a_run_cut_short_anywhere_goes_on_to_the_same_bits(
    examples: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def promise(setting: Setting, plan: Plan, runtime: Runtime, seeds: list[int], data: st.DataObject) -> None:
        probes = data.draw(st.sets(st.sampled_from(applicable(setting)[0])))
        plan = Plan.model_validate({**plan.model_dump(), "probes": tuple(probes)})
        straight = train(setting, seeds, plan, runtime)
        folder, steps = tmp_path_factory.mktemp("run"), len(packs(setting, seeds, runtime)) * int(straight.steps[-1])
        interrupted = cut_short(folder, data.draw(st.integers(0, steps)), setting, seeds, plan, runtime)
        kept = Checkpoints(folder)
        identical(train(setting, seeds, plan, runtime, checkpoint=kept), straight)
        assert kept.notes == []
        assert kept.resumed or interrupted == 0
        kept.discard()
        assert not folder.exists()

    settings = any_setting(SENSIBLE | ANY_RATE)
    holds_for(examples, setting=settings, plan=any_plan(), runtime=runtimes(), seeds=SEEDS, data=st.data())(promise)


@pytest.mark.parametrize("examples", [80, MANY])
def test_what_is_not_a_number_is_called_diverged_and_ends_there(examples: int) -> None:
    def promise(setting: Setting, plan: Plan, runtime: Runtime, seeds: list[int]) -> None:
        records = train(setting, seeds, plan, runtime)
        tested = setting.task.table_of().rows.size > setting.task.samples
        for e, end in enumerate(records.ends):
            assert records.member(e).keys() == {"steps", *OBSERVABLES}
            for name in OBSERVABLES:
                curve, there = records.curves[name][e], int(records.counts[e])
                if tested or not name.startswith("test"):
                    assert np.isfinite(curve[:there]).all(), name
                assert np.isnan(curve[there:]).all(), name
            last = records.steps[records.counts[e] - 1] if records.counts[e] else -1
            assert (last < records.steps[-1]) or end != "diverged"
            assert end != "budget" or last == plan.steps

    strategies = {"setting": any_setting(SENSIBLE | ANY_RATE), "plan": any_plan(), "runtime": runtimes()}
    holds_for(examples, **strategies, seeds=SEEDS)(promise)


@pytest.mark.parametrize("examples", [30, MANY])
def test_the_same_call_gives_the_same_bits(examples: int) -> None:
    def promise(setting: Setting, plan: Plan, runtime: Runtime, seeds: list[int]) -> None:
        identical(*(train(setting, seeds, plan, runtime) for _ in range(2)))

    strategies = {"setting": any_setting(SENSIBLE | ANY_RATE), "plan": any_plan(), "runtime": runtimes()}
    holds_for(examples, **strategies, seeds=SEEDS)(promise)


@pytest.mark.parametrize("examples", [150, pytest.param(3000, marks=pytest.mark.slow)])
def test_text_and_name_of_a_setting_are_its_own(examples: int) -> None:
    def promise(setting: Setting) -> None:
        text = setting.canonical()
        assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
        everything = {part: dict(getattr(setting, part)) for part in ("task", "network", "optimizer")}
        everything["task"] = {k: v for k, v in everything["task"].items() if k != "group" or v}
        shuffled = dict(reversed(json.loads(text).items()))
        spelt_out = {**everything, "loss": setting.loss}
        for again in (Setting.model_validate_json(text), *map(Setting.model_validate, (shuffled, spelt_out))):
            assert (again, hash(again)) == (setting, hash(setting))
            assert (again.canonical(), again.content_id) == (text, setting.content_id)

    holds_for(examples, setting=any_setting(ANY_RATE))(promise)
