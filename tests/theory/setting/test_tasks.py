"""Tasks of every kind: their tables by enumeration, what is drawn from them, and networks that learn them."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chisquare

from tests import oracle
from twopeaks.sim.network.data import pack_data
from twopeaks.sim.network.network import Gradient, evaluate, init_params
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.storage.store import run_name
from twopeaks.sim.training.loop import train
from twopeaks.sim.training.snapshots import snapshots
from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.problem import Problem
from twopeaks.theory.groups import named
from twopeaks.theory.predictors.paper import paper_law
from twopeaks.theory.predictors.registry import predict
from twopeaks.theory.setting import Network, Optimizer, Setting, Task, explain
from twopeaks.theory.setting.sampling import Purpose, draw_pairs, label_table, stream
from twopeaks.theory.setting.tables import MAX_ROWS, UNDEFINED, Table, parity_table, product_table
from twopeaks.validate.cli.app import run
from twopeaks.validate.experiment.controls import control_cells

#: One task of each kind, with fewer operands than two, as many and more.
KINDS: dict[str, Task] = {
    "pairs": Task(group="Z7", samples=30),
    "three": Task(group="S3", operands=3, samples=100),
    "five": Task(group="Z3", operands=5, samples=100),
    "expression": Task(expression="x^2 + x*y + y^2", field=9, samples=50),
    "one letter": Task(expression="x^3 + 1", field=16, samples=10),
    "division": Task(expression="x/y + z", field=5, samples=60),
    "parity": Task(parity=(6, 2), samples=40),
    "noise": Task(group="Z7", samples=30, noise=0.2),
}


def refusal(**content: Any) -> str:
    with pytest.raises(ValidationError, match="validation error") as caught:
        Task(**content)
    return str(explain(caught.value))


def problem(task: Task, **network: Any) -> Setting:
    return Setting(task=task, network=Network(width=24, **network), optimizer=Optimizer(lr=1e-2))


# --- tables --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "k"), [("Z5", 2), ("S3", 3), ("Q8", 3), ("Z3", 5), ("D3", 4)])
def test_labels_of_k_operands_are_products_taken_one_by_one(name: str, k: int) -> None:
    group, table = named(name), product_table(named(name), k)
    assert (table.operands, table.alphabet, table.classes) == (k, group.order, group.order)
    for row, operands in enumerate(itertools.product(range(group.order), repeat=k)):
        product = group.identity
        for element in operands:
            product = int(group.table[product, element])
        assert table.labels[row] == product


def test_a_product_of_k_residues_is_their_sum() -> None:
    table = Task(group="Z7", operands=4, samples=1).table_of()
    assert (table.labels == table.digits(table.rows).sum(axis=0) % 7).all()


@pytest.mark.parametrize(("bits", "relevant"), [(1, 1), (5, 3), (6, 6), (12, 2)])
def test_parity_counts_the_first_bits_alone(bits: int, relevant: int) -> None:
    table = parity_table(bits, relevant)
    expected = [sum(row[:relevant]) % 2 for row in itertools.product((0, 1), repeat=bits)]
    assert table.labels.tolist() == expected
    assert (table.operands, table.alphabet, table.classes) == (bits, 2, 2)


@pytest.mark.parametrize("task", KINDS.values(), ids=KINDS)
def test_digits_are_the_operands_of_a_row(task: Task) -> None:
    table = task.table_of()
    rows = list(itertools.product(range(table.alphabet), repeat=table.operands))
    assert table.digits(np.arange(len(rows))).T.tolist() == [list(row) for row in rows]
    assert table.labels.shape == (len(rows),)
    assert table.labels.dtype == np.int64
    assert table.complete == (UNDEFINED not in table.labels)
    assert set(table.labels[table.rows].tolist()) <= set(range(table.classes))


def test_a_table_cannot_be_written_to() -> None:
    labels = np.arange(4)
    for table in (Table("own", 2, 2, 4, labels), Task(group="Z5", samples=1).table_of()):
        with pytest.raises(ValueError, match="read-only"):
            table.labels[0] = 3
    labels[0] = 1  # what it was made from stays the caller's


def test_tables_are_made_once() -> None:
    for task in KINDS.values():
        assert task.table_of() is task.model_copy(update={"samples": 5}).table_of()


def test_a_table_holds_as_many_rows_as_is_said() -> None:
    assert parity_table(22, 3).labels.size == MAX_ROWS
    assert Task(group="Z1", operands=22, samples=1).table_of().rows.tolist() == [0]


# --- describing a task ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (KINDS["pairs"], "Z7"),
        (Task(group=" s 3", operands=3, samples=1), "S3, 3 operands"),
        (KINDS["expression"], "x^2 + x*y + y^2 over GF(9)"),
        (KINDS["parity"], "parity of 2 of 6 bits"),
        (Task(group="mine", table=((0, 1), (1, 0)), samples=1), "mine"),
        (Task(table=((0, 1), (1, 0)), samples=1), "table"),
    ],
)
def test_every_task_has_a_name_to_show(task: Task, name: str) -> None:
    assert task.name == name
    assert Task.model_validate(task.model_dump()).name == name


def test_spellings_of_an_expression_are_the_same_task() -> None:
    texts = ["x^2 + x*y + y^2", "x**2+xy+y**2", " (x^2 + (x)(y)) + y^(2)"]
    assert {Task(expression=text, field=9, samples=50) for text in texts} == {KINDS["expression"]}
    assert len({problem(Task(expression=text, field=9, samples=50)).content_id for text in texts}) == 1


def test_every_kind_of_task_is_another_setting() -> None:
    more = [
        Task(group="S3", operands=4, samples=100),
        Task(expression="x^2 + x*y + y^2", field=8, samples=50),
        Task(expression="x^2 + x*y - y^2", field=9, samples=50),
        Task(parity=(6, 3), samples=40),
        Task(group="Z7", samples=30, noise=0.3),
    ]
    assert len({problem(task).content_id for task in [*KINDS.values(), *more]}) == len(KINDS) + len(more)


@pytest.mark.parametrize("task", KINDS.values(), ids=KINDS)
def test_a_task_survives_its_canonical_text(task: Task) -> None:
    text = problem(task).canonical()
    again = Setting.model_validate_json(text)
    assert (again.task, again.canonical()) == (task, text)
    content = json.loads(text)["task"]
    assert content["group"] == (task.group if task.has_group else "")
    assert "operands" not in content or content["operands"] != 2


def test_no_group_is_written_where_there_is_none() -> None:
    assert KINDS["parity"].group == ""
    assert KINDS["division"].group == ""
    assert Task(group="", parity=(6, 2), samples=40) == KINDS["parity"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"group": "Z5", "samples": 26}, "samples must be at most M^2 = 25 for Z5, got 26; lower it"),
        ({"group": "Z5", "operands": 3, "samples": 126}, "samples must be at most 125 for Z5, 3 operands, got 126"),
        ({"expression": "x/y", "field": 5, "samples": 21}, "samples must be at most 20 for x/y over GF(5), got 21"),
        ({"parity": (3, 2), "samples": 9}, "samples must be at most 8 for parity of 2 of 3 bits, got 9; lower it"),
        ({"expression": "x", "samples": 1}, "field must be given with expression, got None"),
        ({"field": 5, "samples": 1}, "expression must be given with field, got None"),
        ({"expression": "x", "field": 5, "parity": (3, 2), "samples": 1}, "parity must be left out with expression"),
        ({"expression": "x", "field": 5, "group": "Z5", "samples": 1}, "group must be left out with expression"),
        ({"parity": (3, 2), "group": "Z5", "samples": 1}, "group must be left out with parity, got 'Z5'; give one"),
        ({"parity": (3, 2), "table": ((0,),), "samples": 1}, "table must be left out with parity, got ((0,),)"),
        ({"parity": (3, 2), "operands": 3, "samples": 1}, "operands must be left out with parity, got 3"),
        ({"expression": "x +", "field": 5, "samples": 1}, "expression must be written such as x^2 + x*y + y^2 (at cha"),
        ({"expression": "x", "field": 10, "samples": 1}, "field must be a prime power from 2 to 1024, got 10"),
        ({"parity": (3, 4), "samples": 1}, "parity must be N,s with 1 <= s <= N, got '3,4'"),
        ({"parity": (3, 0), "samples": 1}, "parity must be N,s with 1 <= s <= N, got '3,0'"),
        ({"parity": (23, 4), "samples": 1}, "parity must be small enough for 4194304 rows at most, not 2^23"),
        (
            {"group": "Z23", "operands": 5, "samples": 1},
            "operands must be small enough for 4194304 rows at most, not 2",
        ),
        ({"group": "Z23", "operands": 1, "samples": 1}, "operands must be greater than or equal to 2, got 1"),
        ({"group": "Z23", "noise": 1.5, "samples": 1}, "noise must be at most 1, got 1.5"),
        ({"group": "Z23", "noise": -0.1, "samples": 1}, "noise must be greater than or equal to 0, got -0.1"),
        (
            {"group": "Z23", "noise": 0.1, "labels": "random", "samples": 1},
            "noise must be 0 for random labels, got 0.1",
        ),
        ({"group": "Z1", "noise": 0.1, "samples": 1}, "noise must be 0 with a single class, got 0.1"),
        ({"group": "", "samples": 1}, "group must be a known name"),
    ],
)
def test_tasks_that_cannot_be_are_refused_in_one_line(content: dict[str, Any], line: str) -> None:
    assert refusal(**content).startswith(line)


def test_conventions_say_what_is_learned() -> None:
    words = {kind: task.words for kind, task in KINDS.items()}
    assert words["pairs"] == {"training_set": "n examples, uniform without replacement"}
    assert words["three"]["training_set"] == "n examples, uniform without replacement"
    assert words["three"]["labels"] == "x_1·x_2·…·x_k in the group"
    assert words["parity"]["labels"] == "x_1 + … + x_s mod 2 of the first s bits"
    assert words["division"]["labels"].startswith("operands x, y, z; rows that divide by zero left out; elements are")
    assert words["expression"]["labels"].endswith("modulo 2 + t + t^2")
    assert words["noise"]["noise"].startswith("floor(noise n + 1/2) training labels replaced")
    biased = Task(group="Z3", operands=3, samples=5, bias=1.0)
    assert biased.words["training_set"] == "n examples, weights (1 + a)^-bias, without replacement"
    for task in KINDS.values():
        assert problem(task).conventions.items() >= task.words.items()


# --- what is drawn -------------------------------------------------------------------------------------


def digest(*arrays: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()[:12]


#: SHA-256 of (pairs, labels, nine numbers of "init") from before there were other tasks.
OLD_STREAMS: list[tuple[Task, int, tuple[str, str, str]]] = [
    (Task(group="Z23", samples=264), 0, ("70f6d90ad229", "6850011df661", "8991bce87a37")),
    (Task(group="Z23", samples=264), 5, ("c148d33dd117", "6850011df661", "d214274b6e6c")),
    (Task(group="S4", samples=100, labels="random"), 0, ("160cc2761b80", "1151325e70e9", "b1bfcf7049a2")),
    (Task(group="S4", samples=100, labels="random"), 5, ("e18b43af33c6", "003b2dec66a8", "843841aa8b79")),
    (Task(group="D5", samples=40, bias=0.7), 0, ("7fb74512f452", "99651133747a", "5cbdd3aa40ec")),
    (Task(group="D5", samples=40, bias=0.7), 5, ("c816a079c8d2", "99651133747a", "71ca0b5f7b64")),
]


def test_streams_of_pairs_from_a_group_are_those_of_before() -> None:
    for task, seed, expected in OLD_STREAMS:
        found = draw_pairs(task, seed), label_table(task, seed), stream(seed, "init", task).random(9)
        assert tuple(digest(array) for array in found) == expected


def test_other_streams_stay_as_they_are() -> None:
    noisy = Task(group="Z5", samples=6, noise=0.5)
    assert draw_pairs(noisy, 1).tolist() == [2, 4, 5, 11, 16, 17]
    assert noisy.table_of().labels[draw_pairs(noisy, 1)].tolist() == [2, 4, 1, 3, 4, 0]
    assert label_table(noisy, 1)[draw_pairs(noisy, 1)].tolist() == [2, 4, 1, 4, 0, 1]
    assert draw_pairs(Task(group="Z3", operands=3, samples=6), 1).tolist() == [0, 1, 16, 20, 23, 24]
    random = Task(expression="1/x", field=8, samples=6, labels="random")
    assert label_table(random, 1).tolist() == [UNDEFINED, 6, 7, 6, 3, 2, 5, 5]


def test_streams_depend_on_alphabet_and_size_and_on_the_number_of_operands() -> None:
    alike = [
        Task(group="Z9", samples=50),
        Task(group="Z3xZ3", samples=50, noise=0.5),
        Task(expression="x + y", field=9, samples=50),
        Task(expression="a*b", field=9, samples=50),
    ]
    assert len({digest(draw_pairs(task, 3)) for task in alike}) == 1
    assert len({stream(3, "init", task).random() for task in alike}) == 1
    others = [
        Task(group="Z2", operands=k, samples=2) if k > 1 else Task(expression="x", field=2, samples=2)
        for k in range(1, 8)
    ]
    purposes: tuple[Purpose, ...] = ("split", "labels", "init", "noise")
    drawn = {stream(3, purpose, task).random() for purpose in purposes for task in others}
    assert len(drawn) == 7 * 4


@st.composite
def any_task(draw: st.DrawFn) -> Task:
    content: dict[str, Any] = draw(
        st.one_of(
            st.builds(
                lambda group, k: {"group": group, "operands": k}, st.sampled_from(["Z2", "S3", "Z5"]), st.integers(2, 5)
            ),
            st.builds(
                lambda text, q: {"expression": text, "field": q},
                st.sampled_from(["x/y", "x^-1", "x*y + z", "1/(x - y)", "x^2 + 2", "a/b/c"]),
                st.sampled_from([2, 3, 4, 5, 8, 9]),
            ),
            st.builds(lambda n, s: {"parity": (n, min(n, s))}, st.integers(1, 9), st.integers(1, 9)),
        )
    )
    labels = draw(st.sampled_from(["true", "random"]))
    noise = 0.0 if labels == "random" else draw(st.floats(0, 1, allow_subnormal=False))
    whole = Task(**content, samples=1).table_of()
    samples, bias = draw(st.integers(1, whole.rows.size)), draw(st.sampled_from([0.0, 0.0, 1.5]))
    return Task(**content, samples=samples, labels=labels, bias=bias, noise=noise)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(any_task(), st.integers(0, 2**40))
def test_any_task_is_drawn_as_it_says(task: Task, seed: int) -> None:
    table, rows, labels = task.table_of(), draw_pairs(task, seed), label_table(task, seed)
    assert rows.shape == (task.samples,)
    assert (np.diff(rows) > 0).all()
    assert set(rows.tolist()) <= set(table.rows.tolist())
    assert labels.shape == table.labels.shape
    assert ((labels == UNDEFINED) == (table.labels == UNDEFINED)).all()
    assert labels.max() < table.classes
    if task.labels == "true":
        wrong = np.flatnonzero(labels != table.labels)
        assert set(wrong.tolist()) <= set(rows.tolist())
        assert len(wrong) == int(task.noise * task.samples + 0.5)
    again = Task.model_validate_json(task.model_dump_json())
    assert (again, again.table_of()) == (task, table)
    assert (draw_pairs(again, seed) == rows).all()


def test_rows_without_a_label_are_drawn_for_nothing(double: Runtime) -> None:
    task = KINDS["division"].model_copy(update={"samples": 100})
    assert draw_pairs(task, 0).tolist() == task.table_of().rows.tolist()
    data = pack_data(problem(KINDS["division"]), [0, 1], double)
    undefined = torch.as_tensor(KINDS["division"].table_of().labels == UNDEFINED)
    assert int(undefined.sum()) == 25
    assert torch.equal(data.in_train.int() + data.in_test.int() + undefined.int(), torch.ones(2, 125, dtype=torch.int))


@pytest.mark.parametrize("share", [0.1, 0.25, 1.0])
def test_a_share_of_the_training_labels_is_wrong(share: float) -> None:
    clean = Task(group="Z7", samples=30)
    task = clean.model_copy(update={"noise": share})
    wrong = label_table(task, 4) != label_table(clean, 4)
    assert wrong.sum() == {0.1: 3, 0.25: 8, 1.0: 30}[share]
    assert np.isin(np.flatnonzero(wrong), draw_pairs(task, 4)).all()
    assert (draw_pairs(task, 4) == draw_pairs(clean, 4)).all()


def test_wrong_labels_fall_on_any_row_and_on_any_other_class_alike() -> None:
    task = Task(group="Z5", samples=10, noise=0.3)
    true = task.table_of().labels
    places, shifts = np.zeros(10), np.zeros(5)
    for seed in range(2000):
        rows = draw_pairs(task, seed)
        shift = (label_table(task, seed)[rows] - true[rows]) % 5
        places += shift > 0
        shifts += np.bincount(shift, minlength=5)
    assert shifts[0] == 2000 * 7
    assert 1e-3 < chisquare(shifts[1:]).pvalue < 1 - 1e-3
    assert 1e-3 < chisquare(places).pvalue < 1 - 1e-5  # three different ones a seed: a little more even than chance


def test_a_bias_weighs_the_first_of_k_operands() -> None:
    task = Task(group="Z3", operands=3, samples=1, bias=1.5)
    drawn = np.bincount([int(draw_pairs(task, seed)[0]) for seed in range(4000)], minlength=27)
    weights = np.repeat((1 + np.arange(3.0)) ** -1.5, 9)
    assert 1e-3 < chisquare(drawn, 4000 * weights / weights.sum()).pvalue < 1 - 1e-3


def test_a_bias_leaves_out_rows_without_a_label() -> None:
    task = Task(expression="y/x", field=5, samples=6, bias=200.0)
    assert draw_pairs(task, 0).tolist() == [5, 6, 7, 8, 9, *draw_pairs(task, 0)[5:]]
    assert draw_pairs(task, 0)[5] // 5 == 2


# --- training ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("tile_bytes", [3000, 1 << 20])
def test_gradients_are_those_of_autograd_on_dense_inputs(task: Task, tile_bytes: int, double: Runtime) -> None:
    setting, runtime = problem(task), replace(double, tile_bytes=tile_bytes)
    params = init_params(setting, [3], runtime)
    data = pack_data(setting, [3], runtime)
    x, y = oracle.dense_data(setting, 3, torch.float64)
    with torch.enable_grad():
        layers = [layer[0].clone().requires_grad_() for layer in params]
        expected = torch.autograd.grad(oracle.loss(setting, layers, x, y), layers)
    for found, dense in zip(Gradient(setting, params, data)(), expected, strict=True):
        assert oracle.relative(found[0], dense) < 1e-12


@pytest.mark.parametrize("network", [{}, {"layers": 3, "activation": "relu"}, {"weights": "complex"}], ids=str)
@pytest.mark.parametrize("task", KINDS.values(), ids=KINDS)
def test_evaluation_is_that_of_the_dense_network(task: Task, network: dict[str, Any], double: Runtime) -> None:
    setting, table, seeds = problem(task, **network), task.table_of(), [1, 2]
    runtime = replace(double, tile_bytes=20_000)
    params, data = init_params(setting, seeds, runtime), pack_data(setting, seeds, runtime)
    found = evaluate(setting, params, data, runtime)
    x = torch.as_tensor(np.eye(table.alphabet)[table.digits(np.arange(table.labels.size))]).permute(1, 0, 2).flatten(1)
    for e, seed in enumerate(seeds):
        train_rows = draw_pairs(task, seed)
        for part, rows, labels in (
            ("train", train_rows, label_table(task, seed)),
            ("test", np.setdiff1d(table.rows, train_rows), table.labels),
        ):
            outputs = oracle.outputs(setting, [layer[e] for layer in params], x[rows])
            y = torch.as_tensor(labels[rows])
            loss = float(oracle.row_losses("mse", outputs, y).mean())
            assert float(getattr(found, f"{part}_loss")[e]) == pytest.approx(loss, rel=1e-10)
            accuracy = float((outputs.argmax(dim=1) == y).double().mean())
            assert float(getattr(found, f"{part}_accuracy")[e]) == pytest.approx(accuracy, rel=1e-12)


def test_blocks_change_nothing_in_the_evaluation_of_many_operands(double: Runtime) -> None:
    for task in (Task(parity=(9, 3), samples=200), Task(group="Z3", operands=5, samples=100)):
        setting = problem(task)
        params, data = init_params(setting, [0, 5], double), pack_data(setting, [0, 5], double)
        whole = evaluate(setting, params, data, double)
        for tile_bytes in (1, 5000, 60_000):
            cut = evaluate(setting, params, data, replace(double, tile_bytes=tile_bytes))
            for a, b in zip(whole, cut, strict=True):
                torch.testing.assert_close(a, b, rtol=1e-12, atol=0)


def test_snapshots_hold_rows_and_the_labels_that_were_told(double: Runtime) -> None:
    task = Task(group="S3", operands=3, samples=100, noise=0.1)
    found = snapshots(problem(task), [0, 4], [0, 3], double)
    assert found.W.shape == (2, 2, 18, 24)
    assert found.V.shape == (2, 2, 24, 6)
    for e, seed in enumerate((0, 4)):
        assert (found.pairs[e] == draw_pairs(task, seed)).all()
        assert (found.labels[e] == label_table(task, seed)[found.pairs[e]]).all()


#: task, activation (sums of k operands need degree k), weight decay.
LEARNED: dict[str, tuple[Task, str, float]] = {
    "three operands": (Task(group="Z7", operands=3, samples=300), "relu", 3e-3),
    "square": (Task(expression="x^2 + y", field=11, samples=90), "x^2", 1e-3),
    "sum over GF(16)": (Task(expression="x + y", field=16, samples=200), "x^2", 1e-3),
    "product over GF(9)": (Task(expression="x*y", field=9, samples=70), "x^2", 1e-3),
    "division": (Task(expression="2x/y", field=11, samples=90), "x^2", 1e-3),
    "parity": (Task(parity=(8, 2), samples=120), "x^2", 1e-3),
    "parity of three": (Task(parity=(8, 3), samples=200), "relu", 1e-3),
    "noise": (Task(group="Z11", samples=100, noise=0.05), "x^2", 1e-2),
}


@pytest.mark.parametrize(("task", "activation", "decay"), LEARNED.values(), ids=LEARNED)
def test_every_kind_of_task_is_learned_and_generalises(
    task: Task, activation: Any, decay: float, single: Runtime
) -> None:
    rule = Optimizer(lr=1e-2, weight_decay=decay)
    setting = Setting(task=task, network=Network(width=128, activation=activation), optimizer=rule)
    records = train(setting, [0, 1], Plan(steps=500, every=500), single)
    assert (records.curves["train_loss"][:, -1] < records.curves["train_loss"][:, 0] / 4).all()
    assert (records.curves["test_accuracy"][:, 0] < 0.75).all()
    assert (records.final("test_accuracy") > 0.9).all()


def test_noise_is_memorised_and_tests_are_clean(single: Runtime) -> None:
    task = Task(group="Z7", samples=49, noise=0.2)
    clean = Task(group="Z7", samples=49)
    setting = Setting(task=task, network=Network(width=128), optimizer=Optimizer(lr=1e-2, weight_decay=0))
    learner_run = train(setting, [0, 1], Plan(steps=300, every=300), single)
    assert (learner_run.final("train_accuracy") == 1).all()
    told, true = label_table(task, 0), label_table(clean, 0)
    assert (told != true).sum() == 10
    shown = snapshots(setting, [0], [300], single)
    x, _ = oracle.dense_data(setting, 0, torch.float32)
    outputs = oracle.outputs(setting, [torch.as_tensor(layer[0, 0]) for layer in shown.layers], x)
    assert (outputs.argmax(dim=1).numpy() == told).all()


# --- predictors, stores, commands ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["expression", "parity"])
@pytest.mark.parametrize(
    "use",
    [
        lambda setting: setting.task.resolve(),
        paper_law,
        predict,
        lambda setting: control_cells(setting, Plan(steps=100, every=10), [0]),
    ],
    ids=["resolve", "paper", "predict", "controls"],
)
def test_what_needs_a_group_says_so(kind: str, use: Callable[[Setting], object]) -> None:
    name = re.escape(KINDS[kind].name)
    with pytest.raises(InputError, match=rf"^task must be about a group, got '{name}'; use --gr"):
        use(problem(KINDS[kind]))


def test_predictors_of_pairs_say_that_they_are() -> None:
    for prediction in predict(problem(KINDS["three"]))[:2]:
        assert not prediction.valid
        assert "derived for products of two, not of 3" in prediction.note
    assert "derived for labels without noise" in paper_law(problem(KINDS["noise"])).note
    with pytest.raises(InputError, match="operands must be 2 for control runs, got 3"):
        control_cells(problem(KINDS["three"]), Plan(steps=100, every=10), [0])


def test_flows_take_any_complete_table_of_pairs() -> None:
    flow = Problem.of(problem(Task(expression="x*y + 1", field=5, samples=20)), 3)
    task = Task(expression="x*y + 1", field=5, samples=20)
    assert flow.order == 5
    assert (flow.labels == task.table_of().labels).all()
    for kind in ("three", "division", "parity"):
        with pytest.raises(InputError, match="task must be about two operands with a label in every row"):
            Problem.of(problem(KINDS[kind]), 3)


@pytest.mark.parametrize("task", KINDS.values(), ids=KINDS)
def test_names_of_runs_are_safe_and_short(task: Task) -> None:
    name = run_name(problem(task), Plan(steps=10, every=5), [0], "float32")
    assert re.fullmatch(r"[A-Za-z0-9-]+", name)
    long = "+".join(f"x^{i}y" for i in range(1, 19))
    other = run_name(problem(Task(expression=long, field=5, samples=7)), Plan(steps=10, every=5), [0], "float32")
    assert len(other) < 140


SMALL = ["--width", "32", "--threads", "1", "--steps", "20", "--every", "20", "--seeds", "2"]


@pytest.mark.parametrize(
    ("options", "task"),
    [
        (["--group", "S3", "--operands", "3"], {"group": "S3", "operands": 3, "samples": 108}),
        (
            ["--expression", "xy + x^2", "--field", "4"],
            {"expression": "x*y + x^2", "field": 4, "samples": 8, "group": ""},
        ),
        (["--expression", "x/y", "--field", "5", "--samples", "20"], {"expression": "x/y", "samples": 20}),
        (["--parity", "5,2", "--noise", "0.25"], {"parity": [5, 2], "noise": 0.25, "samples": 16}),
    ],
    ids=["operands", "expression", "division", "parity"],
)
def test_train_takes_every_kind_of_task(
    options: list[str], task: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["train", *options, *SMALL, "--out", str(tmp_path)]
    assert run([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["setting"]["task"].items() >= task.items()
    assert not any(member["diverged"] for member in told["members"])
    assert run(arguments) == 0  # read back from its folder
    assert Task.model_validate(told["setting"]["task"]).name in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["train", "--parity", "5"], "error: --parity must be two integers N,S, got '5'; use e.g. --parity 20,3\n"),
        (["train", "--parity", "3,4"], "error: parity must be N,s with 1 <= s <= N, got '3,4'"),
        (["train", "--field", "5"], "error: expression must be given with field"),
        (["train", "--expression", "x"], "error: field must be given with expression"),
        (
            ["train", "--expression", "x?", "--field", "5"],
            "error: expression must be written such as x^2 + x*y + y^2 (",
        ),
        (
            ["train", "--expression", "x", "--field", "5", "--group", "Z5"],
            "error: --group must be left out where --exp",
        ),
        (["train", "--parity", "3,2", "--group-table", "a.csv"], "error: --group-table must be left out where --parit"),
        (["train", "--parity", "3,2", "--operands", "3"], "error: operands must be left out with parity"),
        (["train", "--noise", "2"], "error: noise must be at most 1, got 2.0"),
        (
            ["predict", "--expression", "x", "--field", "5"],
            "error: --expression must be left out here, got 'x'; predic",
        ),
        (["predict", "--operands", "3"], "error: --operands must be left out here, got '3'; predictions are for pairs"),
        (["demo", "--parity", "6,2"], "error: --parity must be left out here, got '6,2'; predictions are for pairs"),
    ],
)
def test_nonsense_is_refused_in_one_line(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(line)
    assert captured.err.count("\n") == 1
