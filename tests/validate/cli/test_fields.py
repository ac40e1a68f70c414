"""Options that are generated: every field has one, it has the field's name, default and description, and it sets it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.flat import PLAN, PLANNED, SETTING, default, field_of, flat
from twopeaks.sim.sweep.spec import spec_of
from twopeaks.validate.cli import demo, predict, train
from twopeaks.validate.cli.app import COMMANDS, run
from twopeaks.validate.cli.fields import GROUP_TABLE, with_options

#: Options of ``train`` that others refuse.
UNFIT = {"operands", "expression", "field", "parity"}

#: Field -> a value that is not its default, and other fields without which it makes no sense.
CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "group": ("S3", {}),
    "labels": ("random", {}),
    "samples": (100, {}),
    "bias": (0.5, {}),
    "operands": (3, {"group": "Z5"}),
    "expression": ("x + y", {"field": 5}),
    "field": (7, {"expression": "x + y"}),
    "parity": ((6, 2), {}),
    "noise": (0.25, {}),
    "width": (32, {}),
    "activation": ("relu", {}),
    "init_scale_v": (0.5, {}),
    "layers": (3, {}),
    "residual": (True, {"layers": 3}),
    "weights": ("complex", {}),
    "readout": ("ridge", {}),
    "family": ("transformer", {"activation": "relu"}),
    "embedding": ("shared", {}),
    "embedding_dim": (16, {"embedding": "separate"}),
    "hidden": ("product", {}),
    "heads": (2, {"family": "transformer", "activation": "relu"}),
    "output_scale": (0.5, {}),
    "optimizer": ("adamw", {}),
    "lr": (0.01, {}),
    "weight_decay": (1e-3, {}),
    "momentum": (0.9, {"optimizer": "sgd"}),
    "beta1": (0.8, {}),
    "beta2": (0.99, {}),
    "eps": (1e-6, {}),
    "nesterov": (False, {"optimizer": "muon"}),
    "ns_steps": (3, {"optimizer": "muon"}),
    "ns_coefficients": ((3.0, -4.5, 2.5), {"optimizer": "muon"}),
    "scaling": ("match_rms_adamw", {"optimizer": "muon"}),
    "lr_v": (1e-4, {"optimizer": "muon"}),
    "schedule": ("step", {}),
    "warmup_steps": (20, {"schedule": "linear-warmup"}),
    "decay_steps": (500, {"schedule": "step"}),
    "lr_floor": (0.1, {"schedule": "cosine"}),
    "lr_drop": (0.5, {"schedule": "step"}),
    "loss": ("hinge", {}),
    "steps": (200, {}),
    "every": (10, {}),
    "patience": (100, {}),
    "probes": (("gradient", "irreps"), {}),
    "spacing": ("log", {}),
    "probe_share": (0.5, {"probes": ("gradient",)}),
}


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Cell]:
    """Cells that ``twopeaks train`` would train."""
    cells: list[Cell] = []
    monkeypatch.setattr(train, "run", lambda cell, request: cells.append(cell))
    return cells


def option_name(name: str) -> str:
    """The option of a key of sweeps."""
    return "--" + name.replace("_", "-")


def words(values: dict[str, Any]) -> list[str]:
    """The command line that gives these values."""
    found: list[str] = []
    for name, value in values.items():
        if isinstance(value, bool):
            found.append(option_name(name) if value else option_name(f"no_{name}"))
        else:
            found += [option_name(name), ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return found


def test_every_field_is_in_the_table_above() -> None:
    assert set(CHANGES) == set(SETTING | PLAN) - {"table"}


@pytest.mark.parametrize("name", CHANGES)
def test_each_option_sets_its_field_as_the_key_of_a_sweep_does(name: str, trained: list[Cell]) -> None:
    value, others = CHANGES[name]
    changed = {**others, name: value}
    assert run(["train", *words(changed)]) == 0
    (cell,) = trained
    assert flat(cell.setting, cell.plan)[name] == value
    (standard,) = spec_of({}).cells
    assert flat(standard.setting, standard.plan)[name] != value
    content: dict[str, dict[str, Any]] = {
        "base": {key: x for key, x in changed.items() if key in SETTING},
        "plan": {key: x for key, x in changed.items() if key in PLAN},
    }
    assert spec_of(content).cells == (cell,)


def test_without_options_all_is_as_in_a_sweep_without_keys(trained: list[Cell]) -> None:
    assert run(["train"]) == 0
    assert trained == list(spec_of({}).cells)


def test_a_table_from_a_file_is_that_of_a_sweep(
    trained: list[Cell], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("z3.csv").write_text("0,1,2\n1,2,0\n2,0,1\n")
    assert run(["train", "--group-table", "z3.csv"]) == 0
    assert trained == list(spec_of({"base": {"group_table": "z3.csv"}}, tmp_path).cells)
    assert trained[0].setting.task.table == ((0, 1, 2), (1, 2, 0), (2, 0, 1))


def test_log_spacing_is_short_for_spacing(trained: list[Cell], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--log-spacing"]) == run(["train", "--spacing", "log"]) == 0
    assert trained[0].plan == trained[1].plan
    assert trained[0].plan.spacing == "log"
    assert run(["train", "--log-spacing", "--spacing", "linear"]) == 2
    assert capsys.readouterr().err.startswith("error: --log-spacing must be left out with --spacing, got 'linear'")


@pytest.mark.parametrize("text", ["1,2", "1,2,3,4", "a,b,c", ""])
def test_three_coefficients_are_three_numbers(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--optimizer", "muon", "--ns-coefficients", text]) == 2
    assert capsys.readouterr().err.startswith("error: --ns-coefficients must be three numbers A,B,C, got")


# --- helps ---------------------------------------------------------------------------------------------


def described(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The help of a command, on one line."""
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 400)
    assert run([command, "--help"]) == 0
    return " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().out).split())


def test_every_option_has_the_description_and_the_default_of_its_field(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = described("train", capsys, monkeypatch)
    depending = {"samples", "width", "momentum", "lr_v", "decay_steps", "patience"}  # their defaults are in words
    for name in CHANGES:
        description = field_of(name).description
        assert description
        entry = re.search(
            rf" {option_name(name)} (--no-\S+ )?(<\w+>|N,S|A,B,C|NAME|all\S+) (.*?)(?= --[a-z]| Plan |$)", text
        )
        assert entry is not None, name
        assert entry[3].startswith(" ".join(description.split())), name
        if name not in depending and default(name) not in (None, ()):
            shown = re.search(r"\[default: \((.*?)\)\]", entry[3])
            assert shown is not None, name
            assert read(name, shown[1]) == (PLANNED[name] if name in PLANNED else default(name))


def read(name: str, text: str) -> Any:
    """A default as a help shows it, read as the model reads values."""
    kind = field_of(name).annotation
    value: Any = text.split(",") if name == "ns_coefficients" else not text.startswith("no-") if kind is bool else text
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(("command", "own"), [(predict.predict, {"group"}), (demo.demo, {"steps"})])
def test_commands_that_take_some_fields_have_the_options_of_train(
    command: Callable[[Any], None], own: set[str]
) -> None:
    every = inspect.signature(with_options(train.train)).parameters
    some = inspect.signature(with_options(command)).parameters
    shared = {name for name in some if name in (*SETTING, *PLAN, GROUP_TABLE)} - own - UNFIT
    assert len(shared) >= 5
    for name in shared:
        mine, theirs = some[name].annotation, every[name].annotation
        assert vars(mine.__metadata__[0]) == vars(theirs.__metadata__[0])
        assert mine.__origin__ == theirs.__origin__


# --- imports -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--group", "Z31"], ["train", "--help"]], ids=" ".join)
def test_these_calls_need_no_heavy_library(arguments: list[str]) -> None:
    code = f"import sys; from twopeaks.validate.cli.app import run; code = run({arguments!r});"
    code += "sys.exit(code or bool({'torch', 'matplotlib', 'polars', 'sympy', 'scipy.stats'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_list_of_commands_imports_none_of_them() -> None:
    code = (
        "import sys; from twopeaks.validate.cli.app import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("twopeaks.validate.cli.") for name in ended.stderr.split()}
    assert not loaded & set(COMMANDS)
    assert set(COMMANDS) <= set(ended.stdout.split())
