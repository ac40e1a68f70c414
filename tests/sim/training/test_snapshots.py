"""Weights at chosen steps: the same run as the trainer's, from any start, with parts held still."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests import oracle
from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.loop import train
from twopeaks.sim.training.snapshots import Snapshots, Start, snapshots
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting
from twopeaks.theory.setting.sampling import draw_pairs, label_table

SEEDS = [5, 3, 8]


def problem(rule: str = "adam", **network: object) -> Setting:
    return Setting.model_validate(
        {
            "task": {"group": "S3", "samples": 20},
            "network": {"width": 16, **network},
            "optimizer": {"name": rule, "lr": 3e-3, "weight_decay": 1e-2},
        }
    )


VARIANTS = {
    "standard": problem(),
    "muon": problem("muon"),
    "deep": problem(layers=3, residual=True),
    "complex": problem(weights="complex"),
    "ridge": problem(readout="ridge"),
}


def close(a: Snapshots, b: Snapshots, rtol: float = 1e-9) -> None:
    for x, y in zip(a.layers, b.layers, strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-11)


@pytest.mark.parametrize("setting", VARIANTS.values(), ids=VARIANTS)
def test_weights_are_those_of_autograd_and_torch_optim(setting: Setting, double: Runtime) -> None:
    found = snapshots(setting, SEEDS, [0, 7, 20], double)
    with oracle.full_precision_muon():
        for e, seed in enumerate(SEEDS):
            for s, step in enumerate([0, 7, 20]):
                expected = oracle.trained(setting, seed, step, double)
                for layer, other in zip(found.layers, expected, strict=True):
                    np.testing.assert_allclose(layer[e, s], other.numpy(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("setting", VARIANTS.values(), ids=VARIANTS)
def test_norms_are_those_of_the_trainer(setting: Setting) -> None:
    runtime = resolve("cpu", threads=2)
    records = train(setting, SEEDS, Plan(steps=30, every=15), runtime)
    found = snapshots(setting, SEEDS, records.steps.tolist(), runtime)
    squares = [(abs(layer.astype(np.complex128)) ** 2).sum(axis=(2, 3)) for layer in found.layers]
    np.testing.assert_allclose(sum(squares[:-1]), records.curves["norm_w2"], rtol=1e-5)
    np.testing.assert_allclose(squares[-1], records.curves["norm_v2"], rtol=1e-5)


def test_shapes_pairs_and_labels(single: Runtime) -> None:
    setting = problem()
    found = snapshots(setting, SEEDS, [10, 0], single)
    assert (found.W.shape, found.V.shape) == ((3, 2, 12, 16), (3, 2, 16, 6))
    assert found.W.dtype == found.V.dtype == np.float32
    assert (found.seeds.tolist(), found.steps.tolist()) == (SEEDS, [0, 10])
    assert not found.diverged.any()
    for e, seed in enumerate(SEEDS):
        assert (found.pairs[e] == draw_pairs(setting.task, seed)).all()
        assert (found.labels[e] == label_table(setting.task, seed)[found.pairs[e]]).all()


def test_hidden_layers_and_complex_weights_are_kept_as_they_are(single: Runtime, double: Runtime) -> None:
    deep = snapshots(problem(layers=4), [0], [1], single)
    assert [layer.shape for layer in deep.layers] == [(1, 1, 12, 16), (1, 1, 16, 16), (1, 1, 16, 16), (1, 1, 16, 6)]
    assert snapshots(VARIANTS["complex"], [0], [1], single).W.dtype == np.complex64
    assert snapshots(VARIANTS["complex"], [0], [1], double).W.dtype == np.complex128


def test_order_and_repeats_of_steps_do_not_matter(single: Runtime) -> None:
    found, again = (snapshots(problem(), [0], steps, single) for steps in ([4, 0, 4, 9], range(0, 10, 1)))
    assert found.steps.tolist() == [0, 4, 9]
    assert np.array_equal(found.W, again.W[:, [0, 4, 9]])


@pytest.mark.parametrize("setting", VARIANTS.values(), ids=VARIANTS)
def test_a_member_of_a_batch_equals_its_solo_run(setting: Setting, double: Runtime) -> None:
    together = snapshots(setting, SEEDS, [0, 15], double)
    for e, seed in enumerate(SEEDS):
        alone = snapshots(setting, [seed], [0, 15], double)
        for layer, own in zip(together.layers, alone.layers, strict=True):
            np.testing.assert_allclose(layer[e], own[0], rtol=1e-8, atol=1e-11)


def test_packs_and_threads_change_nothing_but_rounding(double: Runtime) -> None:
    whole = snapshots(problem(), range(5), [12], double)
    close(whole, snapshots(problem(), range(5), [12], replace(double, tile_bytes=1)))
    close(whole, snapshots(problem(), range(5), [12], replace(double, threads=2)))


def test_training_goes_on_from_given_weights(double: Runtime) -> None:
    setting = problem("sgd")
    whole = snapshots(setting, SEEDS, [0, 6, 16], double)
    middle = [layer[:, 1] for layer in whole.layers]
    rest = snapshots(setting, SEEDS, [0, 10], double, start=Start(initial=middle))
    close(replace(whole, layers=tuple(layer[:, 1:] for layer in whole.layers)), rest)
    assert np.array_equal(whole.W[:, 1], middle[0]), "given weights are left alone"


def test_given_weights_belong_to_their_member_in_every_pack(double: Runtime) -> None:
    rng = np.random.default_rng(0)
    initial = [rng.normal(size=(4, 12, 16)), rng.normal(size=(4, 16, 6))]
    found = snapshots(
        problem(), [9, 2, 7, 0], [0], replace(double, tile_bytes=1, threads=2), start=Start(initial=initial)
    )
    assert np.array_equal(found.W[:, 0], initial[0])
    assert np.array_equal(found.V[:, 0], initial[1])


# --- frozen weights ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["sgd", "adam", "adamw", "muon"])
@pytest.mark.parametrize("layer", ["W", "V"])
def test_a_frozen_layer_stays_and_the_other_learns(rule: str, layer: str, double: Runtime) -> None:
    found = snapshots(problem(rule), SEEDS, [0, 10], double, start=Start(frozen="W" if layer == "W" else "V"))
    still, moving = (found.W, found.V) if layer == "W" else (found.V, found.W)
    assert np.array_equal(still[:, 0], still[:, 1])
    assert (moving[:, 0] != moving[:, 1]).any(axis=(1, 2)).all()


@pytest.mark.parametrize("rule", ["sgd", "adam", "adamw", "muon"])
def test_frozen_nodes_stay_and_the_others_learn(rule: str, double: Runtime) -> None:
    held = np.random.default_rng(1).random((3, 16)) < 0.5
    found = snapshots(problem(rule), SEEDS, [0, 10], double, start=Start(frozen=held))
    moved = (found.W[:, 0] != found.W[:, 1]).any(axis=1)
    assert np.array_equal(moved, ~held)
    assert (found.V[:, 0] != found.V[:, 1]).any(axis=2).all()


@pytest.mark.parametrize("rule", ["sgd", "adam", "muon"])
def test_free_nodes_learn_as_if_the_frozen_ones_were_constants(rule: str, double: Runtime) -> None:
    """Against training in which the optimizer only ever sees the free columns of W, and all of V."""
    setting = problem(rule)
    held = np.arange(16) % 5 == 0
    found = snapshots(setting, [3], [0, 15], double, start=Start(frozen=held[None]))
    W, V = torch.as_tensor(found.W[0, 0]), torch.as_tensor(found.V[0, 0]).requires_grad_()
    constant, free = W[:, held], W[:, ~held].clone().requires_grad_()
    x, y = oracle.dense_data(setting, 3, torch.float64)
    order = np.argsort(np.concatenate([np.flatnonzero(held), np.flatnonzero(~held)]))
    with oracle.full_precision_muon():
        rules = oracle.optimizers(setting, [free, V])
        for _ in range(15):
            for optimizer in rules:
                optimizer.zero_grad()
            oracle.loss(setting, [torch.cat([constant, free], dim=1)[:, order], V], x, y).backward()
            for optimizer in rules:
                optimizer.step()
    np.testing.assert_allclose(found.W[0, 1][:, ~held], free.detach().numpy(), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.V[0, 1], V.detach().numpy(), rtol=1e-7, atol=1e-9)


# --- outcomes and refusals ---------------------------------------------------------------------------------


def test_divergence_is_flagged_from_where_it_happened(double: Runtime) -> None:
    wild = Setting.model_validate({**problem("sgd").model_dump(), "optimizer": {"name": "sgd", "lr": 60.0}})
    found = snapshots(wild, [0, 1], [0, 1, 300], double)
    assert found.diverged.tolist() == [[False, False, True]] * 2
    assert np.isfinite(found.W[:, :2]).all()


def test_progress_adds_up(single: Runtime) -> None:
    told: list[int] = []
    snapshots(problem(), SEEDS, [0, 5, 20], single, progress=told.append)
    assert sum(told) == 60


def test_an_error_in_progress_stops_the_run() -> None:
    def fail(_: int) -> None:
        raise RuntimeError("told to stop")

    steps = [1, 10**6]
    with pytest.raises(RuntimeError, match="told to stop"):
        snapshots(problem(), range(4), steps, resolve("cpu", threads=2), progress=fail)


@pytest.mark.parametrize("steps", [[], [-1, 3], [0.5]], ids=["none", "negative", "half"])
def test_bad_steps_are_refused(steps: list[int], single: Runtime) -> None:
    with pytest.raises(InputError, match="steps must be one or more integers >= 0"):
        snapshots(problem(), [0], steps, single)


@pytest.mark.parametrize("seeds", [[], [-1], [2, 2]], ids=["none", "negative", "twice"])
def test_bad_seeds_are_refused(seeds: list[int], single: Runtime) -> None:
    with pytest.raises(InputError, match="seeds must be one or more different integers >= 0"):
        snapshots(problem(), seeds, [0], single)


def test_initial_weights_of_another_shape_are_refused(single: Runtime) -> None:
    initial = [np.zeros((1, 12, 16)), np.zeros((1, 16, 5))]
    with pytest.raises(InputError, match=r"initial must be layers of shapes \[\(1, 12, 16\), \(1, 16, 6\)\]"):
        snapshots(problem(), [0], [0], single, start=Start(initial))


@pytest.mark.parametrize(
    "frozen", [np.zeros((1, 15), dtype=bool), np.zeros((1, 16)), "H"], ids=["shape", "numbers", "name"]
)
def test_what_cannot_be_frozen_is_refused(frozen: object, single: Runtime) -> None:
    with pytest.raises(InputError, match=r"frozen must be (bool \(1, 16\)|W, V or flags of nodes)"):
        snapshots(problem(), [0], [0], single, start=Start(frozen=frozen))  # type: ignore[arg-type]


def test_a_solved_readout_cannot_be_frozen(single: Runtime) -> None:
    with pytest.raises(InputError, match="frozen must be W or nodes where V is solved"):
        snapshots(VARIANTS["ridge"], [0], [0], single, start=Start(frozen="V"))
