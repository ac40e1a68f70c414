"""Settings and sampling: canonical text, content ids, refused values and their one line; pairs and labels."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from scipy.stats import chi2, chi2_contingency, chisquare

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import named
from twopeaks.theory.setting import (
    OBSERVABLES,
    TRANSITIONS,
    Network,
    Optimizer,
    Setting,
    Task,
    default_width,
    explain,
    standard,
)
from twopeaks.theory.setting.sampling import Purpose, draw_pairs, label_table, stream

KLEIN = ((0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0))

#: The standard setting of Z23 in canonical form, written by hand.
STANDARD_TEXT = (
    '{"loss":"mse",'
    '"network":{"activation":"x^2","init_scale_v":1.0,"width":256},'
    '"optimizer":{"beta1":0.9,"beta2":0.999,"eps":1e-08,"lr":0.001,"momentum":0.0,"name":"adam","weight_decay":0.0002},'
    '"schema_version":1,'
    '"task":{"group":"Z23","labels":"true","samples":264,"table":null}}'
)

#: path of every field that may vary -> another value than that of `base` for this path.
OTHER_VALUE: dict[str, Any] = {
    "task.group": "D3",
    "task.table": named("Z6").table.tolist(),
    "task.labels": "random",
    "task.samples": 19,
    "network.width": 65,
    "network.activation": "relu",
    "network.init_scale_v": 0.5,
    "optimizer.name": "adam",
    "optimizer.lr": 0.2,
    "optimizer.weight_decay": 0.0,
    "optimizer.momentum": 0.9,
    "optimizer.beta1": 0.8,
    "optimizer.beta2": 0.99,
    "optimizer.eps": 1e-7,
    "loss": "cross-entropy",
    "task.bias": 0.5,
    "task.operands": 3,
    "task.noise": 0.25,
    "network.layers": 3,
    "network.residual": True,
    "network.weights": "complex",
    "network.readout": "ridge",
    "optimizer.nesterov": False,
    "optimizer.ns_steps": 6,
    "optimizer.ns_coefficients": [2.0, -1.5, 0.5],
    "optimizer.scaling": "match_rms_adamw",
    "optimizer.lr_v": 1e-3,
    "network.family": "transformer",
    "network.embedding": "separate",
    "network.embedding_dim": 16,
    "network.hidden": "product",
    "network.heads": 2,
    "network.output_scale": 0.5,
    "optimizer.schedule": "linear-warmup",
    "optimizer.warmup_steps": 5,
    "optimizer.decay_steps": 200,
    "optimizer.lr_floor": 0.1,
    "optimizer.lr_drop": 0.5,
}

#: Fields that make a task without a group: tests/test_tasks.py has them.
NO_GROUP = {"task.expression", "task.field", "task.parity"}

#: Fields of `Optimizer` that are Muon's.
OF_MUON = ("nesterov", "ns_steps", "ns_coefficients", "scaling", "lr_v")

#: Fields that only mean something together with another: path -> (path of the other, its value).
NEEDS: dict[str, tuple[str, Any]] = {
    "network.residual": ("network.layers", 3),
    "network.embedding_dim": ("network.embedding", "shared"),
    "network.heads": ("network.family", "transformer"),
    **{f"optimizer.{name}": ("optimizer.name", "muon") for name in OF_MUON},
    **{f"optimizer.{name}": ("optimizer.schedule", "cosine") for name in ("warmup_steps", "decay_steps", "lr_floor")},
    "optimizer.lr_drop": ("optimizer.schedule", "step"),
}


def sgd_setting() -> Setting:
    return Setting(
        task=Task(group="Z6", samples=18), network=Network(width=64), optimizer=Optimizer(name="sgd", lr=0.1)
    )


def changed(setting: Setting, path: str, value: Any) -> dict[str, Any]:
    """The setting's fields as nested dicts, with the one at a dotted path replaced."""
    content = setting.model_dump(mode="json")
    *parents, last = path.split(".")
    inner = content
    for key in parents:
        inner = inner[key]
    inner[last] = value
    return content


def base(path: str) -> Setting:
    """`sgd_setting`, with what the field at ``path`` needs."""
    setting = sgd_setting()
    return Setting.model_validate(changed(setting, *NEEDS[path])) if path in NEEDS else setting


def leaves(model: BaseModel, prefix: str = "") -> Iterator[str]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def reversed_keys(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    return {key: reversed_keys(content[key]) for key in reversed(content)}


def refusal(content: Any) -> InputError:
    with pytest.raises(ValidationError, match=r"validation error") as caught:
        Setting.model_validate(content)
    return explain(caught.value)


# --- canonical text and content id ---------------------------------------------------------------------


def test_canonical_text_is_pinned() -> None:
    assert standard("Z23").canonical() == STANDARD_TEXT


def test_content_id_is_the_head_of_the_sha256_of_the_text() -> None:
    assert standard("Z23").content_id == hashlib.sha256(STANDARD_TEXT.encode()).hexdigest()[:16]


def test_canonical_text_reads_back_as_an_equal_setting() -> None:
    setting = sgd_setting()
    again = Setting.model_validate_json(setting.canonical())
    assert again == setting
    assert again.content_id == setting.content_id


def test_every_field_has_another_value_here() -> None:
    assert set(OTHER_VALUE) == set(leaves(sgd_setting())) - {"schema_version"} - NO_GROUP


@pytest.mark.parametrize(("path", "value"), OTHER_VALUE.items(), ids=OTHER_VALUE.keys())
def test_content_id_changes_with_each_field(path: str, value: Any) -> None:
    setting = base(path)
    other = Setting.model_validate(changed(setting, path, value))
    assert other != setting
    assert other.content_id != setting.content_id


def test_content_ids_of_all_variants_differ() -> None:
    variants = [Setting.model_validate(changed(base(path), path, value)) for path, value in OTHER_VALUE.items()]
    assert len({v.content_id for v in variants} | {sgd_setting().content_id}) == len(OTHER_VALUE) + 1


def test_fields_added_later_are_written_only_where_they_differ() -> None:
    """So a setting of before has the text and the content id of before, in every place where it is written."""
    assert standard("Z23").content_id == "9738b214ec23bfa8"
    added = {f"task.{name}" for name in Task.added} - NO_GROUP | {f"network.{name}" for name in Network.added}
    for path in sorted(added | set(NEEDS)):
        part, field = path.split(".")
        plain = base(path)
        assert field not in json.loads(plain.canonical())[part]
        assert field not in plain.model_dump()[part]
        differing = Setting.model_validate(changed(plain, path, OTHER_VALUE[path]))
        assert json.loads(differing.canonical())[part][field] == OTHER_VALUE[path]
        assert Setting.model_validate_json(differing.canonical()) == differing


def test_a_default_written_out_is_the_same_setting() -> None:
    again = Setting.model_validate(changed(sgd_setting(), "network.layers", 2))
    assert (again, again.content_id) == (sgd_setting(), sgd_setting().content_id)


def test_content_id_does_not_depend_on_the_order_of_keys() -> None:
    setting = sgd_setting()
    shuffled = reversed_keys(setting.model_dump())
    assert list(shuffled) != list(setting.model_dump())
    assert Setting.model_validate(shuffled).content_id == setting.content_id


@pytest.mark.parametrize(
    ("path", "value"),
    [("task.group", "c6"), ("task.group", " z 6 "), ("network.init_scale_v", 1), ("optimizer.weight_decay", "2e-4")],
    ids=["C6", "blanks", "integer", "text"],
)
def test_other_spellings_are_the_same_setting(path: str, value: Any) -> None:
    again = Setting.model_validate(changed(sgd_setting(), path, value))
    assert (again, again.content_id) == (sgd_setting(), sgd_setting().content_id)


def test_reading_the_group_leaves_the_content_id_alone() -> None:
    setting = sgd_setting()
    before = setting.content_id
    assert setting.task.resolve().order == 6
    assert (setting.content_id, hash(setting)) == (before, hash(sgd_setting()))


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    labels = draw(st.sampled_from(["true", "random"]))
    if draw(st.booleans()):
        return Task(group="klein", table=KLEIN, labels=labels, samples=draw(st.integers(1, 16)))
    name = draw(st.sampled_from(["Z1", "Z7", "D4", "Q8", "SL(2,3)", "Z2xZ2xZ3"]))
    samples, bias = draw(st.integers(1, named(name).order ** 2)), draw(st.floats(0, 1e30, allow_subnormal=False))
    return Task(group=name, labels=labels, samples=samples, bias=bias)


MUON = st.fixed_dictionaries(
    {
        "nesterov": st.booleans(),
        "ns_steps": st.integers(1, 99),
        "ns_coefficients": st.tuples(*[st.floats(-1e30, 1e30, allow_subnormal=False)] * 3),
        "scaling": st.sampled_from(["original", "match_rms_adamw"]),
        "lr_v": st.none() | st.floats(0, 1e30, exclude_min=True, allow_subnormal=False),
    }
)


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(["constant", "linear-warmup", "cosine", "step"]))
    warmup = draw(st.integers(1, 10**6))
    numbers = {
        "constant": {},
        "linear-warmup": {"warmup_steps": warmup},
        "cosine": {
            "warmup_steps": warmup,
            "decay_steps": warmup + draw(st.integers(1, 10**6)),
            "lr_floor": draw(st.floats(0, 1, allow_subnormal=False)),
        },
        "step": {"decay_steps": warmup, "lr_drop": draw(st.floats(0, 1, exclude_min=True, allow_subnormal=False))},
    }
    return {"schedule": name, **numbers[name]}


@st.composite
def optimizers(draw: st.DrawFn) -> Optimizer:
    name = draw(st.sampled_from(["sgd", "adam", "adamw", "muon"]))
    share = st.floats(0, 1, exclude_max=True, allow_subnormal=False)
    positive = st.floats(0, 1e30, exclude_min=True, allow_subnormal=False)
    return Optimizer(
        name=name,
        lr=draw(positive),
        weight_decay=draw(st.floats(0, 1e30, allow_subnormal=False)),
        momentum=draw(share) if name in ("sgd", "muon") else 0.0,
        beta1=draw(share),
        beta2=draw(share),
        eps=draw(positive),
        **(draw(MUON) if name == "muon" else {}),
        **draw(schedules()),
    )


TRANSFORMERS = st.builds(
    lambda width, heads, columns, scale: Network(
        width=width, family="transformer", heads=heads, embedding_dim=heads * columns, output_scale=scale
    ),
    *(
        st.integers(1, 1_000_000),
        st.integers(1, 64),
        st.integers(1, 64),
        st.floats(0, 1e30, exclude_min=True, allow_subnormal=False),
    ),
)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    if draw(st.booleans()):
        return draw(TRANSFORMERS)
    layers = draw(st.integers(2, 4))
    weights = draw(st.sampled_from(["real", "complex"]))
    return Network(
        width=draw(st.integers(1, 1_000_000)),
        activation="x^2" if weights == "complex" else draw(st.sampled_from(["x^2", "relu", "silu", "gelu", "tanh"])),
        init_scale_v=draw(st.floats(0, 1e30, allow_subnormal=False)),
        layers=layers,
        residual=layers > 2 and draw(st.booleans()),
        weights=weights,
        **draw(st.sampled_from([{}, {"embedding": "shared"}, {"embedding": "separate", "embedding_dim": 7}])),
        output_scale=draw(st.floats(0, 1e30, exclude_min=True, allow_subnormal=False)),
    )


@st.composite
def any_setting(draw: st.DrawFn) -> Setting:
    network, optimizer = draw(networks()), draw(optimizers())
    assume(network.weights == "real" or optimizer.name != "muon")
    loss = draw(st.sampled_from(["mse", "cross-entropy", "hinge", "contrastive"]))
    return Setting(task=draw(tasks()), network=network, optimizer=optimizer, loss=loss)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(any_setting())
def test_any_setting_survives_its_canonical_text(setting: Setting) -> None:
    text = setting.canonical()
    again = Setting.model_validate_json(text)
    assert again == setting
    assert again.canonical() == text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert again.task.resolve().table.tolist() == setting.task.resolve().table.tolist()


# --- frozen, closed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "field"),
    [("task", "samples"), ("task", "group"), ("network", "width"), ("optimizer", "lr"), (None, "loss"), (None, "task")],
)
def test_setting_is_frozen(part: str | None, field: str) -> None:
    owner = sgd_setting() if part is None else getattr(sgd_setting(), part)
    with pytest.raises(ValidationError, match="Instance is frozen"):
        setattr(owner, field, getattr(owner, field))


@pytest.mark.parametrize("path", ["colour", "task.colour", "network.colour", "optimizer.colour"])
def test_unknown_field_is_refused(path: str) -> None:
    error = refusal(changed(sgd_setting(), path, "red"))
    assert str(error) == "colour must be a known field, got 'red'; check its spelling, or leave it out"


#: path -> (bad value, field named, what the message expects of it).
BAD_VALUE: list[tuple[str, Any, str, str]] = [
    ("task.samples", 0, "samples", "greater than or equal to 1"),
    ("task.samples", 37, "samples", r"at most M^2 = 36 for Z6"),
    ("task.samples", 1.5, "samples", "a valid integer"),
    ("task.samples", "many", "samples", "a valid integer"),
    ("task.samples", None, "samples", "a valid integer"),
    ("task.labels", "wrong", "labels", "'true' or 'random'"),
    ("task.group", 6, "group", "a valid string"),
    ("network.width", 0, "width", "greater than or equal to 1"),
    ("network.width", 1_000_001, "width", "less than or equal to 1000000"),
    ("network.activation", "sine", "activation", "'x^2', 'relu', 'relu^2', 'silu', 'gelu' or 'tanh'"),
    ("network.init_scale_v", -0.1, "init_scale_v", "greater than or equal to 0"),
    ("network.init_scale_v", float("inf"), "init_scale_v", "a finite number"),
    ("network.layers", 1, "layers", "greater than or equal to 2"),
    ("network.layers", 5, "layers", "less than or equal to 4"),
    ("network.residual", "maybe", "residual", "a valid boolean"),
    ("network.residual", True, "residual", "false with 2 layers"),
    ("network.weights", "quaternion", "weights", "'real' or 'complex'"),
    ("network.readout", "lasso", "readout", "'trained' or 'ridge'"),
    ("task.bias", -0.5, "bias", "greater than or equal to 0"),
    ("task.bias", float("inf"), "bias", "a finite number"),
    ("optimizer.name", "lion", "optimizer", "'sgd', 'adam', 'adamw' or 'muon'"),
    ("optimizer.lr", 0.0, "lr", "greater than 0"),
    ("optimizer.lr", -1.0, "lr", "greater than 0"),
    ("optimizer.lr", float("nan"), "lr", "a finite number"),
    ("optimizer.weight_decay", -1e-9, "weight_decay", "greater than or equal to 0"),
    ("optimizer.momentum", 1.0, "momentum", "less than 1"),
    ("optimizer.momentum", -0.5, "momentum", "greater than or equal to 0"),
    ("optimizer.beta1", 1.0, "beta1", "less than 1"),
    ("optimizer.beta2", -0.1, "beta2", "greater than or equal to 0"),
    ("optimizer.eps", 0.0, "eps", "greater than 0"),
    ("loss", "focal", "loss", "'mse', 'cross-entropy', 'hinge' or 'contrastive'"),
    ("schema_version", 2, "schema_version", "1"),
    ("task", 3, "task", "a valid dictionary"),
    ("network", None, "network", "a valid dictionary"),
]


@pytest.mark.parametrize(
    ("path", "value", "name", "expectation"), BAD_VALUE, ids=[f"{path}={value}" for path, value, *_ in BAD_VALUE]
)
def test_bad_value_is_explained_in_one_line(path: str, value: Any, name: str, expectation: str) -> None:
    error = refusal(changed(sgd_setting(), path, value))
    assert re.fullmatch(rf"{name} must be {re.escape(expectation)}.*, got {re.escape(repr(value))}; .+", str(error))
    assert error.name == name
    assert error.value is value or error.value == value


@pytest.mark.parametrize(
    ("path", "value", "remedy"),
    [
        ("task.samples", 0, "expected: training examples n, between 1 and the rows of the table (M^2 for a group)"),
        ("network.width", 0, "expected: hidden nodes K, such as 256"),
        ("optimizer.lr", 0.0, "expected: learning rate per step, such as 1e-3"),
        (
            "optimizer.name",
            "lion",
            "expected: the update rule: adam (coupled decay), adamw (decoupled), sgd, or muon with Adam on V",
        ),
        ("loss", "focal", "expected: class-centred squared error, cross-entropy, hinge or contrastive"),
        ("network.layers", 5, "expected: matrices from W to V, 2 … 4; more than 2 add hidden layers"),
        (
            "task.bias",
            -1.0,
            "expected: 0 draws examples (a, b) uniformly; larger prefers small a, weights (1 + a)^-bias",
        ),
    ],
)
def test_explanation_describes_the_field(path: str, value: Any, remedy: str) -> None:
    assert refusal(changed(sgd_setting(), path, value)).remedy == remedy


@pytest.mark.parametrize("name", ["Zq", "S7", "Z2001", "F23"])
def test_bad_group_is_explained_by_the_group_itself(name: str) -> None:
    with pytest.raises(InputError, match=r"^group must be") as caught:
        named(name)
    assert str(refusal(changed(sgd_setting(), "task.group", name))) == str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([[0, 1], [1]], "group table 'Z6' must be square, got '2 rows of [1, 2] entries'"),
        ([[0, 1], [1, 2]], "group table 'Z6' must be closed (every product one of 0…1), got '1·1 = 2'"),
        ([[0, 1], [1, 1]], "group table 'Z6' must be one with an inverse for every element"),
    ],
    ids=["ragged", "not closed", "no inverse"],
)
def test_bad_table_is_explained_by_its_axiom(table: list[list[int]], message: str) -> None:
    assert str(refusal(changed(sgd_setting(), "task.table", table))).startswith(message)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_momentum_is_for_sgd_alone(name: str) -> None:
    content = changed(sgd_setting(), "optimizer", {"name": name, "momentum": 0.5})
    assert str(refusal(content)) == f"momentum must be 0 for {name}, got 0.5; use --optimizer sgd, or leave it out"
    assert Optimizer(name="sgd", momentum=0.5).momentum == 0.5


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("field", OF_MUON)
def test_fields_of_muon_are_for_muon_alone(name: str, field: str) -> None:
    value = OTHER_VALUE[f"optimizer.{field}"]
    error = refusal(changed(sgd_setting(), "optimizer", {"name": name, field: value}))
    assert str(error).startswith(f"{field} must be left out for {name}, got ")
    assert str(error).endswith("; only Muon uses it: add --optimizer muon")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network.weights": "complex", "network.activation": "relu"}, "activation must be x^2 for complex weights"),
        ({"network.weights": "complex", "optimizer.name": "muon"}, "optimizer must be sgd, adam or adamw for complex"),
        ({"network.readout": "ridge", "loss": "cross-entropy"}, "loss must be mse for a ridge readout"),
        ({"network.readout": "ridge", "optimizer.name": "adamw"}, "optimizer must be one with coupled decay"),
        ({"network.readout": "ridge", "optimizer.weight_decay": 0}, "weight_decay must be positive for a ridge"),
        ({"network.readout": "ridge", "network.init_scale_v": 0}, "init_scale_v must be 1 for a ridge readout"),
        ({"network.hidden": "product", "network.activation": "relu"}, "activation must be left out for product units"),
        ({"network.heads": 2}, "heads must be left out for an mlp, got 2; use --family transformer"),
        ({"network.embedding_dim": 16}, "embedding_dim must be left out for one-hot inputs, got 16"),
        ({"network.family": "transformer", "network.layers": 3}, "layers must be left out for a transformer, got 3"),
        ({"network.family": "transformer", "network.weights": "complex"}, "weights must be left out for a transf"),
        ({"network.family": "transformer", "network.embedding": "shared"}, "embedding must be left out for a transf"),
        ({"network.family": "transformer", "network.hidden": "product"}, "hidden must be left out for a transformer"),
        ({"network.family": "transformer", "network.heads": 3}, "embedding_dim must be a multiple of the 3 heads"),
        ({"optimizer.warmup_steps": 5}, "warmup_steps must be left out for a constant rate, got 5"),
        ({"optimizer.schedule": "linear-warmup", "optimizer.lr_floor": 0.5}, "lr_floor must be left out for a linear"),
        ({"optimizer.schedule": "linear-warmup", "optimizer.warmup_steps": 0}, "warmup_steps must be 1 or more for a"),
        ({"optimizer.schedule": "cosine", "optimizer.lr_drop": 0.5}, "lr_drop must be left out for a cosine rate"),
        ({"optimizer.schedule": "cosine", "optimizer.decay_steps": 10}, "decay_steps must be more than the 10 of the"),
        ({"optimizer.schedule": "step", "optimizer.warmup_steps": 5}, "warmup_steps must be left out for a step rate"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(map(str, value.values())),
)
def test_parts_that_do_not_go_together_are_refused(changes: dict[str, Any], message: str) -> None:
    content = sgd_setting().model_dump(mode="json")
    for path, value in changes.items():
        *parents, last = path.split(".")
        (content[parents[0]] if parents else content)[last] = value
    assert str(refusal(content)).startswith(message)


def test_momentum_of_muon_is_095_unless_given() -> None:
    assert Optimizer(name="muon").momentum == 0.95
    assert Optimizer(name="muon", momentum=0.5).momentum == 0.5
    assert Optimizer(name="sgd").momentum == 0.0


def test_missing_samples_are_named() -> None:
    assert refusal({"task": {"group": "Z6"}, "network": {"width": 4}}).name == "samples"


def test_text_that_is_no_json_is_explained() -> None:
    with pytest.raises(ValidationError, match="Invalid JSON") as caught:
        Setting.model_validate_json("{")
    assert re.fullmatch(r"setting must be Invalid JSON: .*, got '\{'; .+", str(explain(caught.value)))


# --- parts ---------------------------------------------------------------------------------------------


def test_task_takes_the_canonical_name() -> None:
    assert Task(group=" c2 X d3", samples=1).group == "Z2xD3"


def test_task_may_take_all_pairs_and_no_more() -> None:
    assert Task(group="S4", samples=576).samples == 576
    with pytest.raises(ValidationError, match=r"samples must be at most M\^2 = 576 for S4, got 577; lower it"):
        Task(group="S4", samples=577)


def test_custom_table_is_kept_with_its_name() -> None:
    task = Task(group="klein four", table=KLEIN, samples=16)
    assert (task.group, task.resolve().name) == ("klein four", "klein four")
    assert task.resolve().table.tolist() == [list(row) for row in KLEIN]


def test_setting_with_a_custom_table_survives_its_text() -> None:
    setting = Setting(task=Task(group="klein", table=KLEIN, samples=9), network=Network(width=8))
    again = Setting.model_validate_json(setting.canonical())
    assert again == setting
    assert again.task.table == KLEIN
    assert again.task.resolve().is_abelian


def test_custom_table_bounds_the_samples() -> None:
    with pytest.raises(ValidationError, match=r"samples must be at most M\^2 = 16 for klein, got 17"):
        Task(group="klein", table=KLEIN, samples=17)


@pytest.mark.parametrize(("name", "decoupled"), [("sgd", False), ("adam", False), ("adamw", True), ("muon", True)])
def test_decay_is_decoupled_for_adamw_and_muon(name: str, decoupled: bool) -> None:
    setting = Setting.model_validate(changed(sgd_setting(), "optimizer.name", name))
    assert setting.optimizer.decoupled is decoupled
    assert setting.conventions["decay"].startswith("decoupled" if decoupled else "coupled")


@pytest.mark.parametrize(
    ("loss", "centring", "formula"),
    [
        ("mse", "outputs over classes", "sum_c (o_c - mean_c o - (y_c - 1/M))^2"),
        ("cross-entropy", "none", "-log softmax(o)[label]"),
        ("hinge", "none", "max(0, 1 + max_{c != label} o_c - o_label)"),
        ("contrastive", "none", "-log softmax(u/T)[label], u = o / sqrt(|o|^2 + 1e-12)"),
    ],
)
def test_conventions_follow_the_loss(loss: str, centring: str, formula: str) -> None:
    conventions = Setting.model_validate(changed(sgd_setting(), "loss", loss)).conventions
    assert conventions["centring"].startswith(centring)
    assert conventions["loss"].startswith(f"mean over training examples of {formula}")


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({}, "F = sigma(X W), output F V"),
        ({"layers": 3}, "F = sigma(X W), F <- sigma(F H_l) 1 times, output F V"),
        ({"layers": 4, "residual": True}, "F = sigma(X W), F <- F + sigma(F H_l) 2 times, output F V"),
        ({"weights": "complex"}, "F = sigma(X W), output Re(F V), complex weights with |.|^2 as the real ones"),
        ({"readout": "ridge"}, "F = sigma(X W), output F V, V = (F^T F + (n eta/2) I)^-1 F^T (Y - 1/M) at each step"),
    ],
    ids=["plain", "deep", "residual", "complex", "ridge"],
)
def test_conventions_follow_the_network(network: dict[str, Any], words: str) -> None:
    setting = Setting.model_validate(changed(sgd_setting(), "network", {"width": 4, **network}))
    assert setting.conventions["network"] == words


def test_conventions_state_the_law_of_the_training_set() -> None:
    assert sgd_setting().conventions["training_set"] == "n examples, uniform without replacement"
    biased = Setting.model_validate(changed(sgd_setting(), "task.bias", 0.5))
    assert biased.conventions["training_set"] == "n examples, weights (1 + a)^-bias, without replacement"


def test_conventions_state_every_transition() -> None:
    conventions = sgd_setting().conventions
    assert conventions["t_mem"] == "first recorded step with train_accuracy >= 0.99, held for 0 steps"
    assert conventions["t_grok"] == "first recorded step with test_accuracy >= 0.95, held for 200 steps"
    assert {event.curve for event in TRANSITIONS.values()} <= set(OBSERVABLES)


@pytest.mark.parametrize(("group", "samples", "width"), [("Z23", 264, 256), ("S4", 288, 264), ("Z1", 1, 256)])
def test_standard_setting_takes_half_of_all_pairs(group: str, samples: int, width: int) -> None:
    setting = standard(group)
    assert (setting.task.samples, setting.network.width) == (samples, width)
    assert (setting.optimizer, setting.loss) == (Optimizer(name="adam", lr=1e-3, weight_decay=2e-4), "mse")


def test_standard_setting_takes_what_is_given() -> None:
    setting = standard("Z5", samples=7, width=9)
    assert (setting.task.samples, setting.network.width) == (7, 9)


@pytest.mark.parametrize(("order", "width"), [(1, 256), (23, 256), (24, 264), (60, 660)])
def test_default_width_is_eleven_a_class_and_at_least_256(order: int, width: int) -> None:
    assert default_width(order) == width


# --- sampling ------------------------------------------------------------------------------------------

SEEDS = range(400)
Z5 = Task(group="Z5", samples=10)
Z5_RANDOM = Task(group="Z5", samples=10, labels="random")


def is_plausible(p_value: float) -> bool:
    """Neither too far from uniform nor too near (as if the draws were not independent)."""
    return 1e-3 < p_value < 1 - 1e-3


@pytest.mark.parametrize(("group", "samples"), [("Z5", 1), ("Z5", 10), ("Z5", 25), ("S4", 300)])
def test_pairs_are_unique_sorted_in_range_and_as_many_as_asked(group: str, samples: int) -> None:
    task = Task(group=group, samples=samples)
    pairs = draw_pairs(task, seed=3)
    assert pairs.shape == (samples,)
    assert pairs.dtype == np.int64
    assert (np.diff(pairs) > 0).all()
    assert pairs[0] >= 0
    assert pairs[-1] < task.resolve().order ** 2


def test_all_pairs_are_drawn_where_all_are_asked_for() -> None:
    assert draw_pairs(Task(group="Z5", samples=25), seed=8).tolist() == list(range(25))


def test_same_seed_draws_the_same_pairs() -> None:
    assert (draw_pairs(Z5, 7) == draw_pairs(Task(group="Z5", samples=10), 7)).all()


def test_other_seeds_draw_other_pairs() -> None:
    drawn = {tuple(draw_pairs(Task(group="Z23", samples=100), seed)) for seed in range(100)}
    assert len(drawn) == 100


def test_pairs_depend_on_order_and_size_alone() -> None:
    reference = draw_pairs(Task(group="Z6", samples=12), 4)
    assert (draw_pairs(Task(group="S3", samples=12, labels="random"), 4) == reference).all()
    assert draw_pairs(Task(group="Z6", samples=13), 4)[:12].tolist() != reference.tolist()


def test_every_pair_is_drawn_equally_often() -> None:
    counts = sum(np.bincount(draw_pairs(Z5, seed), minlength=25) for seed in SEEDS)
    share = 10 / 25
    # Draws without replacement: the counts vary by p(1 - p) a seed and are bound to add up, hence 24/25 and 24 degrees.
    statistic = ((counts - share * len(SEEDS)) ** 2).sum() / (len(SEEDS) * share * (1 - share)) * 24 / 25
    assert is_plausible(chi2(24).sf(statistic))


def test_two_pairs_are_drawn_together_as_often_as_chance_has_it() -> None:
    together = sum({3, 17} <= set(draw_pairs(Z5, seed).tolist()) for seed in SEEDS)
    share = 10 * 9 / (25 * 24)
    assert abs(together - share * len(SEEDS)) < 3 * (len(SEEDS) * share * (1 - share)) ** 0.5


def test_uniform_pairs_are_those_of_before_there_was_a_bias() -> None:
    assert draw_pairs(Task(group="Z5", samples=6), 1).tolist() == [2, 4, 5, 11, 16, 17]


def test_biased_pairs_are_unique_sorted_and_as_many_as_asked() -> None:
    for bias in (0.5, 3.0, 1e30):
        pairs = draw_pairs(Task(group="S4", samples=300, bias=bias), seed=3)
        assert (np.diff(pairs) > 0).all()
        assert (pairs.shape, pairs.dtype) == ((300,), np.int64)
        assert 0 <= pairs[0] <= pairs[-1] < 576
    assert draw_pairs(Task(group="Z5", samples=25, bias=2.0), 8).tolist() == list(range(25))


def test_a_single_biased_pair_follows_its_weights() -> None:
    task = Task(group="Z5", samples=1, bias=1.0)
    drawn = np.bincount([int(draw_pairs(task, seed)[0]) for seed in range(4000)], minlength=25)
    weights = np.repeat(1 / np.arange(1, 6), 5)
    assert is_plausible(chisquare(drawn, 4000 * weights / weights.sum()).pvalue)


def test_two_biased_pairs_are_drawn_one_after_the_other() -> None:
    """Chance of a set {i, j}: first one of them, then the other among those left."""
    task = Task(group="Z3", samples=2, bias=1.5)
    w = np.repeat((1 + np.arange(3)) ** -1.5, 3)
    w /= w.sum()
    sets = [(i, j) for i in range(9) for j in range(i + 1, 9)]
    chance = np.array([w[i] * w[j] / (1 - w[i]) + w[j] * w[i] / (1 - w[j]) for i, j in sets])
    drawn = [tuple(draw_pairs(task, seed).tolist()) for seed in range(4000)]
    assert chance.sum() == pytest.approx(1)
    assert is_plausible(chisquare([drawn.count(pair) for pair in sets], 4000 * chance).pvalue)


def test_a_strong_bias_takes_the_first_rows() -> None:
    assert draw_pairs(Task(group="Z5", samples=10, bias=200.0), 0).tolist() == list(range(10))


@pytest.mark.parametrize("name", ["Z5", "S3", "Q8"])
def test_true_labels_are_the_products(name: str) -> None:
    task = Task(group=name, samples=1)
    group, labels = task.resolve(), label_table(task, seed=0)
    assert all(labels[a * group.order + b] == group.table[a, b] for a, b in np.ndindex(group.table.shape))


def test_true_labels_are_a_copy_and_ignore_the_seed() -> None:
    first = label_table(Z5, 0)
    first[:] = -1
    assert (label_table(Z5, 1) == Z5.resolve().table.ravel()).all()


def test_random_labels_are_uniform() -> None:
    drawn = np.array([label_table(Z5_RANDOM, seed) for seed in SEEDS])
    assert drawn.shape == (len(SEEDS), 25)
    assert is_plausible(chisquare(np.bincount(drawn.ravel(), minlength=5)).pvalue)
    by_pair = [np.bincount(column, minlength=5) for column in drawn.T]
    assert is_plausible(chi2(25 * 4).sf(sum(chisquare(counts).statistic for counts in by_pair)))


def test_random_labels_are_those_of_their_seed() -> None:
    assert (label_table(Z5_RANDOM, 3) == label_table(Z5_RANDOM, 3)).all()
    assert len({tuple(label_table(Z5_RANDOM, seed)) for seed in range(100)}) == 100


def test_random_labels_are_independent_of_the_true_ones() -> None:
    true = label_table(Z5, 0)
    table = np.zeros((5, 5))
    for seed in SEEDS:
        np.add.at(table, (true, label_table(Z5_RANDOM, seed)), 1)
    assert is_plausible(chi2_contingency(table).pvalue)


def test_random_labels_are_independent_of_the_split() -> None:
    table = np.zeros((2, 5))
    for seed in SEEDS:
        chosen = np.isin(np.arange(25), draw_pairs(Z5_RANDOM, seed)).astype(int)
        np.add.at(table, (chosen, label_table(Z5_RANDOM, seed)), 1)
    assert is_plausible(chi2_contingency(table).pvalue)


def test_streams_of_different_purpose_order_size_or_seed_differ() -> None:
    tasks = [Z5, Task(group="Z5", samples=11), Task(group="Z6", samples=10)]
    purposes: tuple[Purpose, ...] = ("split", "labels", "init")
    first = [stream(seed, p, task).random() for seed in (0, 1) for p in purposes for task in tasks]
    assert len(set(first)) == 18


@pytest.mark.parametrize("purpose", ["split", "labels", "init"])
def test_stream_starts_afresh_each_time(purpose: Purpose) -> None:
    assert (stream(5, purpose, Z5).random(8) == stream(5, purpose, Z5).random(8)).all()


def test_huge_table_entry_in_task() -> None:
    with pytest.raises(ValidationError, match="closed"):
        Task(group="big", table=((10**30,),), samples=1)


def test_negative_zero() -> None:
    made = [
        Setting(task=Task(group="Z5", samples=3), network=Network(width=4), optimizer=Optimizer(weight_decay=x))
        for x in (0.0, -0.0)
    ]
    assert made[0] == made[1]
    assert made[0].content_id == made[1].content_id


def test_negative_zero_of_a_coefficient() -> None:
    ids = set()
    for zero in (0.0, -0.0):
        rule = {"name": "muon", "ns_coefficients": [2.0, -1.5, zero]}
        ids.add(Setting.model_validate(changed(sgd_setting(), "optimizer", rule)).content_id)
    assert len(ids) == 1


def test_bad_table_entry_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        Task(group="q", table=[["a"]], samples=1)
    assert explain(caught.value).name == "table"


def test_missing_field_reads_as_a_sentence() -> None:
    with pytest.raises(ValidationError) as caught:
        Task(group="Z5")
    assert "must be Field required" not in str(explain(caught.value))


def test_copied_task_has_its_own_group() -> None:
    task = standard("Z23").task
    task.resolve()
    assert task.model_copy(update={"group": "Z31"}).resolve().name == "Z31"


@pytest.mark.parametrize("part", [{"optimizer": {"weight_decay": 1e-310}}, {"task": {"bias": -5e-324}}])
def test_numbers_that_training_would_flush_to_zero_are_refused(part: dict[str, Any]) -> None:
    """Their text would depend on whether it is written inside training or outside."""
    content = {"task": {"group": "Z7", "samples": 20}, "network": {"width": 8}}
    merged = {name: {**content.get(name, {}), **part.get(name, {})} for name in {*content, *part}}
    with pytest.raises(ValidationError, match=r"0, or at least 2\.23e-308 in size|greater than or equal to 0"):
        Setting.model_validate(merged)
