"""Measured cells written down and read again: the same cells, the same scores, the same text wherever it is made."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from twopeaks.sim.storage import store
from twopeaks.sim.sweep.flat import SETTING
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.setting_builder import Builder
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting, standard
from twopeaks.validate.cli.app import run
from twopeaks.validate.measured.cell import Measured, Quantity, at_half, ordered
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.measured.rates import Rate
from twopeaks.validate.measured.sources import Sources
from twopeaks.validate.measured.to_csv import measured_table, provenance, write_measured

SPEC = """
name = "tiny"
seeds = 2
[base]
width = 32
lr = 0.02
weight_decay = 2e-3
[plan]
steps = 60
every = 10
[grid]
group = ["Z7", "D3"]
samples = ["50%", "80%"]
"""

pytestmark = pytest.mark.usefixtures("predictors_in_no_time")


def cell(quantity: Quantity, setting: Setting, value: float | None = 100.25, **more: object) -> Measured:
    told = {"low": 90.5, "high": None, "seeds": 3, "budget": 500, "seconds_of_training": 1 / 3, "note": 'a, "b"'}
    return Measured(quantity, setting, value, **(told | more))  # type: ignore[arg-type]


def built(**fields: object) -> Setting:
    return Builder((0,), ()).cell(fields).setting


#: One of every kind of field, each away from its default.
UNUSUAL = [
    {"group": "D5", "samples": 40, "width": 33, "lr": 3e-4, "weight_decay": 0.0, "bias": 0.25, "noise": 0.1},
    {"group": "Z6", "samples": 30, "optimizer": "muon", "lr_v": 1e-4, "momentum": 0.9},
    {"group": "Z7", "samples": 30, "optimizer": "adamw", "loss": "cross-entropy", "layers": 3, "residual": True},
    {"group": "Z5", "operands": 3, "samples": 60, "activation": "relu", "init_scale_v": 0.5},
    {"group": "Z7", "samples": 30, "schedule": "linear-warmup", "warmup_steps": 20, "optimizer": "adam"},
    {"group": "Z7", "samples": 20, "family": "transformer", "embedding_dim": 8, "heads": 2, "activation": "relu"},
    {"group": "Z7", "samples": 20, "labels": "random", "weights": "complex"},
    {"group": "Z7", "samples": 9, "optimizer": "muon", "momentum": 0, "nesterov": False, "scaling": "match_rms_adamw"},
    {"group": "Z7", "samples": 30, "optimizer": "muon", "ns_steps": 3, "ns_coefficients": (3.5, -4.5, 2.0)},
    {"group": "Z7", "samples": 30, "schedule": "cosine", "lr_floor": 0.1, "decay_steps": 1000},
    {"group": "Z7", "samples": 30, "schedule": "cosine", "decay_steps": 500},
    {"group": "Z7", "samples": 30, "schedule": "step", "lr_drop": 0.3, "decay_steps": 1000},
    {"group": "Z7", "samples": 30, "hidden": "product", "beta1": 0.8, "beta2": 0.99, "eps": 1e-9},
    {"group": "Z7", "samples": 30, "readout": "ridge"},
    {"expression": "x^2 + x*y", "field": 7, "samples": 30},
    {"parity": (5, 2), "samples": 20},
    {"group": "SmallGroup(16,3)", "samples": 100, "output_scale": 0.1, "embedding": "shared", "embedding_dim": 6},
]  # fmt: skip


def test_every_field_of_a_setting_comes_back(tmp_path: Path) -> None:
    settings = [built(**fields) for fields in UNUSUAL]
    cells = [cell("t_mem", one) for one in settings] + [cell("t_grok", one, None, low=500.0) for one in settings]
    cells += [cell("n_c", at_half(one), high=101.0, rates=(Rate(9, 0, 3), Rate(30, 2, 3))) for one in settings]
    cells += [cell("t_grok", one, budget=900, late=1) for one in settings]
    (tmp_path / "m.csv").write_text(measured_table(cells))
    again, notes = measured_csv(tmp_path / "m.csv")
    assert notes == []
    assert [one.key for one in again] == [one.key for one in ordered(cells)]
    for one, other in zip(again, ordered(cells), strict=True):
        assert one.setting == other.setting
        assert {**vars(one), "source": ""} == {**vars(other), "source": ""}


def test_every_field_is_tried_above() -> None:
    assert {name for fields in UNUSUAL for name in fields} == set(SETTING) - {"table"}


def test_rows_do_not_depend_on_the_order_of_cells() -> None:
    cells = [cell("n_c", at_half(standard(group))) for group in ("Z23", "D5", "Z7")]
    cells += [cell("t_grok", standard("Z7", samples=n)) for n in (40, 20, 30)]
    text = measured_table(cells)
    assert text == measured_table(cells[::-1])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["group"] for row in rows] == ["Z7", "D5", "Z23", "Z7", "Z7", "Z7"]
    assert [row["samples"] for row in rows] == ["", "", "", "20", "30", "40"]
    assert "lr" not in rows[0]  # nowhere away from its default


def test_what_has_no_name_is_refused(tmp_path: Path) -> None:
    table = tuple(tuple((i + j) % 3 for j in range(3)) for i in range(3))
    setting = built(table=table, samples=5)
    with pytest.raises(InputError, match="given for groups with a name"):
        measured_table([cell("t_mem", setting)])


# --- a sweep -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, predictors_in_no_time: None) -> Path:
    folder = tmp_path_factory.mktemp("swept")
    (folder / "tiny.toml").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["sweep", "tiny.toml", "--out", "store", "--workers", "1", "--device", "cpu"]) == 0
        assert run(["validate", "store", "--write-measured", "m.csv"]) == 0
    return folder


def scored(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """Boards without what differs by nature: sources, and seconds of asking."""
    monkeypatch.chdir(folder)
    capsys.readouterr()
    assert run(["validate", source, "--json"]) == 0
    return _settled(json.loads(capsys.readouterr().out)["boards"])


def _settled(value: object) -> object:
    timed = ("source", "seconds", "cost", "cost_over_training", "total_seconds", "total_cost_over_training")
    if isinstance(value, dict):
        return {k: _settled(v) for k, v in value.items() if k not in timed}
    return [_settled(v) for v in value] if isinstance(value, list) else value


def test_scoring_the_table_is_scoring_the_sweep(
    swept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = scored(swept, "store", monkeypatch, capsys)
    assert told == scored(swept, "m.csv", monkeypatch, capsys)
    assert [len(board["cells"]) for board in told] == [2, 4, 4]  # type: ignore[attr-defined]


def test_where_it_came_from_is_said_without_paths_and_dates(swept: Path) -> None:
    text = (swept / "m.json").read_text()
    told = json.loads(text)
    (sweep,) = told["sweeps"]
    assert (sweep["name"], sweep["digest"], sweep["dtype"]) == (
        "tiny",
        SweepFolder(swept / "store").spec().digest,
        "float32",
    )
    assert (sweep["device"], sweep["numpy"]) == (["cpu"], [store.versions()["numpy"]])
    assert str(swept) not in text
    assert "host" not in text
    assert told["files"] == {}


def test_measuring_again_writes_the_same(swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(swept)
    before = [(swept / name).read_bytes() for name in ("m.csv", "m.json")]
    assert run(["validate", "tiny.toml", "--store", "store", "--write-measured", "m.csv", "--quantity", "n_c"]) == 0
    assert before == [(swept / name).read_bytes() for name in ("m.csv", "m.json")]


def test_a_table_of_a_table_names_it(swept: Path, tmp_path: Path) -> None:
    sources = Sources((swept / "m.csv",))
    cells, _ = sources.gather()
    write_measured(tmp_path / "again.csv", cells, sources)
    assert (tmp_path / "again.csv").read_bytes() == (swept / "m.csv").read_bytes()
    assert list(provenance(sources)["files"]) == ["m.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("m.csv", "--write-measured", "m.csv"), "a file that is not there yet"),
        (("m.csv", "--write-measured", "new.txt"), "a file .csv"),
        (("m.csv", "--write-measured", "none/new.csv"), "a file that can be written"),
        (("m.csv", "--write-measured", "other.csv"), "a file that is not there yet"),  # its JSON is somebody else's
        (("m.csv", "--write-measured", "n.csv", "--write-predictions", "p.csv"), "left out with --write-predictions"),
        (("--claims", "--write-measured", "n.csv"), "--write-measured must be left out with --claims"),
    ],
)
def test_nonsense_leaves_everything_as_it_was(
    refused: Callable[[Sequence[str], str], None], arguments: tuple[str, ...], message: str
) -> None:
    Path("m.csv").write_text("group,n_c\nZ11,70\n")
    Path("other.json").write_text("{}")
    refused(["validate", *arguments], message)
