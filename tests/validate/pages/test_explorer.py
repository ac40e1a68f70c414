"""The explorer's page: its numbers are those of predictors and scoreboard, its text cannot become markup."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.specs import CROSSED
from twopeaks.sim.storage import store
from twopeaks.sim.storage.records import End, Plan, Records
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.setting_builder import Builder
from twopeaks.sim.sweep.spec import spec_of
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.heights import closed_form, shared_form
from twopeaks.theory.predictors.peaks import Peaks, closed_peaks, relu_peaks, shared_peaks
from twopeaks.theory.predictors.relu import relu_form
from twopeaks.theory.setting import OBSERVABLES, Setting, Task
from twopeaks.validate.cli import report, train
from twopeaks.validate.cli.app import run
from twopeaks.validate.measured.from_sweep import measured_sweep
from twopeaks.validate.pages.explorer.commands import claim_line, predict_line, train_line
from twopeaks.validate.pages.explorer.runs import chosen_curves, stages_of
from twopeaks.validate.pages.page import environment

pytestmark = pytest.mark.usefixtures("predictors_in_no_time")

#: What somebody might put into a note or a title.
HOSTILE = "</script><img src=x onerror=alert(1)> \u2028 & \"'"
CSV = f"""group,samples,width,quantity,value,low,high,seeds,steps,note
Z11,,154,n_c,73.4,72.3,74.5,8,20000,"bracket 72 to 75; grokked 64: 0/8, 72: 2/8, 75: 6/8, 86: 8/8"
Z11,75,154,t_grok,9000,7000,12000,8,20000,2 of 8 later than the budget
Z11,75,154,test_accuracy,0.9,0.85,0.93,8,20000,
S3,20,66,t_mem,100,0,100,4,1000,"{HOSTILE.replace('"', '""')}"
"""
CLAIMS = {
    "command": "twopeaks validate --claims --quick --seeds 4 --first-seed 2 --out o",
    "claims": [
        {
            "id": "wide-limit",
            "statement": f"it vanishes {HOSTILE}",
            "source": "Lemma 1",
            "equations": ["lazy.1"],
            "measure": "slope",
            "verdict": "refuted",
            "forms": [
                {
                    **{"name": "printed", "prediction": "-1", "quantity": "slope", "low": -1.1, "high": -0.9},
                    "estimate": {"value": -0.5, "low": -0.6, "high": -0.4, "seeds": 4, "missing": 0},
                    "verdict": "refuted",
                }
            ],
            "finding": {"samples": {}, "budget": "4 networks", "settings": [], "notes": ""},
            "seeds": [2, 3, 4, 5],
            "seconds": 1.5,
        }
    ],
}


@dataclass(frozen=True)
class Page:
    """A page that was written, and what is in it."""

    text: str
    summary: dict[str, Any]

    @property
    def ours(self) -> str:
        """All but the library."""
        return re.sub(r'<script type="text/plain" id="plotly">.*?</script>', "", self.text, flags=re.DOTALL)

    @property
    def groups(self) -> list[dict[str, Any]]:
        found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', self.text, re.DOTALL)
        groups: list[dict[str, Any]] = json.loads(found[0])["groups"]
        return groups

    def group(self, name: str) -> dict[str, Any]:
        return next(one for one in self.groups if one["name"].startswith(name))


class Attributes(HTMLParser):
    """What a browser would see: names of elements, and where those lead that load or link something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.leading: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        leads = ("src", "href", "action", "poster", "srcset", "background", "ping")
        self.leading |= {(value or "?")[:1] for name, value in attrs if name in leads or name.startswith("on")}


def made(folder: Path, *arguments: str) -> Page:
    """What the command writes in a folder."""
    with pytest.MonkeyPatch.context() as patch, (folder / "said.json").open("w") as out:
        patch.chdir(folder)
        patch.setattr("sys.stdout", out)
        assert run(["report", *arguments, "--json"]) == 0
    summary = json.loads((folder / "said.json").read_text())
    return Page((folder / summary["page"]).read_text(encoding="utf-8"), summary)


@pytest.fixture(scope="module")
def from_csv(tmp_path_factory: pytest.TempPathFactory, predictors_in_no_time: None) -> Page:
    folder = tmp_path_factory.mktemp("csv")
    (folder / "cells.csv").write_text(CSV, encoding="utf-8")
    (folder / "claims.json").write_text(json.dumps(CLAIMS))
    return made(folder, "cells.csv", "--claims", "claims.json", "--title", HOSTILE)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, predictors_in_no_time: None) -> tuple[Path, Page]:
    folder = tmp_path_factory.mktemp("swept")
    (folder / "tiny.toml").write_text(CROSSED)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["sweep", "tiny.toml", "--workers", "1", "--device", "cpu"]) == 0
    return folder, made(folder, "tiny.toml")


def built(fields: dict[str, Any]) -> Setting:
    return Builder((0,), ()).cell(fields).setting


# --- peaks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "peaks", "form"),
    [
        ({"group": "Z23"}, shared_peaks, shared_form),
        ({"group": "S4", "weight_decay": 0.0}, shared_peaks, shared_form),
        ({"group": "Z12"}, closed_peaks, closed_form),
        ({"group": "Z13", "activation": "relu"}, relu_peaks, relu_form),
        ({"group": "Z23", "width": 60}, shared_peaks, shared_form),
    ],
)
def test_peaks_are_equally_high_where_it_is_predicted(
    fields: dict[str, Any], peaks: Callable[[Setting], Peaks | None], form: Callable[[Setting], Prediction]
) -> None:
    setting = built(fields)
    found, value = peaks(setting), form(setting).value
    assert found is not None
    assert value is not None
    assert found.memorising(value) == pytest.approx(found.generalising, rel=1e-9)
    assert found.memorising(0.9 * value) < found.generalising < found.memorising(1.1 * value)


def test_small_decay_leaves_nearly_the_norms() -> None:
    small, none = (shared_peaks(built({"group": "Z23", "weight_decay": eta})) for eta in (1e-7, 0.0))
    assert small is not None
    assert none is not None
    assert small.generalising == pytest.approx(none.generalising, rel=1e-3)
    assert small.memorising(150) == pytest.approx(none.memorising(150), rel=1e-3)


def test_no_peaks_without_a_theory() -> None:
    assert closed_peaks(built({"group": "S3"})) is None
    assert shared_peaks(built({"group": "Z5"})) is None
    assert relu_peaks(built({"group": "Z13"})) is None


# --- numbers -------------------------------------------------------------------------------------------


def test_the_crossing_on_the_label_is_the_predictors_and_the_tables(from_csv: Page) -> None:
    group = from_csv.group("Z11")
    setting = built({"group": "Z11", "width": 154, "samples": 60})
    for one in group["mountains"]:
        said = {"heights-shared": shared_form, "heights-closed-form": closed_form}[one["theory"]](setting)
        assert one["crossing"]["value"] == said.value
        in_table = next(row for row in group["claimed"] if row["predictor"] == one["theory"])
        assert in_table["spot"] == one["crossing"]
        assert f'<td class="n">{one["crossing"]["text"]}</td>' in from_csv.ours  # the scoreboard's own table
        at = np.interp(one["crossing"]["value"], group["grid"], one["memorising"])
        assert at == pytest.approx(one["generalising"], rel=2e-3)
        assert np.all(np.diff(one["memorising"]) > 0)
    assert [one["theory"] for one in group["mountains"]] == ["heights-shared", "heights-closed-form"]


def test_scores_are_those_of_validate(from_csv: Page, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cells.csv").write_text(CSV, encoding="utf-8")
    assert run(["validate", str(tmp_path / "cells.csv"), "--quantity", "n_c", "--json"]) == 0
    board = json.loads(capsys.readouterr().out)["boards"][0]
    values = {one["predictor"]: one["entries"][0]["prediction"]["value"] for one in board["predictors"]}
    shown = {one["predictor"]: one["spot"]["value"] for one in from_csv.group("Z11")["claimed"]}
    assert shown == values
    assert len(values) > 5


def test_fates_of_a_file_are_what_its_notes_tell(from_csv: Page) -> None:
    fates = {one["samples"]: one for one in from_csv.group("Z11")["fates"]}
    assert {n: (one["grokked"], one["members"]) for n, one in fates.items()} == {
        64: (0, 8), 72: (2, 8), 75: (6, 8), 86: (8, 8),
    }  # fmt: skip
    assert fates[75]["t_grok"] == "9,000 [7,000, 12,000]"
    assert fates[75]["accuracy"]["text"] == "90.0% [85.0%, 93.0%]"
    assert fates[64]["accuracy"] is None
    silent = from_csv.group("S3")
    assert silent["fates"][0]["grokked"] is None
    assert silent["measured"] is None
    assert silent["curves"] == []


def test_fates_of_a_sweep_are_what_was_trained(swept: tuple[Path, Page]) -> None:
    folder, page = swept
    cells, _ = measured_sweep(SweepFolder(folder / "twopeaks-sweep-tiny"))
    size = next(cell for cell in cells if cell.quantity == "n_c")
    in_time = [cell.in_time for cell in cells if cell.quantity == "t_grok"]
    assert list(size.rates) == in_time
    assert [(one["samples"], one["grokked"], one["members"]) for one in page.groups[0]["fates"]] == in_time
    assert page.summary["groups"][0]["sizes"] == [40, 70, 100]


def test_curves_of_a_sweep_are_those_that_were_recorded(swept: tuple[Path, Page]) -> None:
    _, page = swept
    curves = page.groups[0]["curves"]
    assert {one["samples"] for one in curves} >= {40, 100}
    assert page.summary["groups"][0]["curves"] == len(curves)
    for one in curves:
        assert one["steps"][0] >= 1
        assert one["steps"] == sorted(set(one["steps"]))
        assert len(one["steps"]) == len(one["train"]) == len(one["test"]) == len(one["gradient"])
        memorised = one["stages"]["memorised"]
        assert memorised is None or one["train"][one["steps"].index(memorised)] >= 0.99


def test_predicted_times_are_marked_on_the_curves_they_are_about(swept: tuple[Path, Page]) -> None:
    folder, _ = swept
    (folder / "before.csv").write_text(
        "predictor,quantity,value,low,high,group,samples,width,lr,weight_decay\n"
        "somebody,t_grok,120,100,150,Z11,100,64,0.02,2e-3\n"
    )
    more = ["--predictions", "before.csv", "--quantity", "t_grok", "--out", "marked.html"]
    curves = made(folder, "tiny.toml", *more).groups[0]["curves"]
    assert {
        one["samples"]: [(mark["predictor"], mark["spot"]["text"]) for mark in one["predicted"]] for one in curves
    } == {one["samples"]: [("somebody", "120 [100, 150]")] if one["samples"] == 100 else [] for one in curves}


def test_a_demo_is_a_store_without_its_controls(
    swept: tuple[Path, Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, page = swept
    shutil.copytree(folder / "twopeaks-sweep-tiny" / "runs", tmp_path / "demo" / "runs")
    monkeypatch.chdir(tmp_path)
    control = ["--group", "Z11", "--width", "64", "--samples", "110", "--seeds", "1", "--steps", "20", "--every", "20"]
    assert run(["train", *control, "--threads", "1", "--out", "demo/runs"]) == 0
    (tmp_path / "demo" / "predictions.json").write_text("[]")
    again = made(tmp_path, "demo")
    assert [one["fates"] for one in again.groups] == [one["fates"] for one in page.groups]
    assert len(again.groups[0]["curves"]) == len(page.groups[0]["curves"])


@pytest.mark.parametrize(
    ("test", "leaves", "grokked"),
    [
        ([0, 0.1, 0.1, 0.2, 0.5, 0.96, 1.0], 400, 500),  # a quarter of the way from .1 to .95 is .3125
        ([0, 0.1, 0.4, 0.2, 0.5, 0.96, 1.0], 400, 500),  # it comes back once
        ([0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], None, None),
        ([0, 0.96, 0.97, 0.98, 0.99, 1.0, 1.0], None, 100),
    ],
)
def test_stages_are_read_off_accuracies(test: list[float], leaves: int | None, grokked: int | None) -> None:
    steps = np.arange(0, 700, 100.0)
    member = {"steps": steps, "train_accuracy": np.array([0, 1.0, 1, 1, 1, 1, 1]), "test_accuracy": np.array(test)}
    found = stages_of(member)
    assert found.memorised == 100
    assert found.grokked == grokked
    assert found.leaves == (100 if test[1] > 0.95 else leaves)
    never = stages_of({**member, "train_accuracy": np.zeros(7)})
    assert never.memorised is None
    assert never.leaves is None


# --- commands ------------------------------------------------------------------------------------------

SETTINGS: list[dict[str, Any]] = [
    {"group": "Z11", "samples": 60},
    {"group": "D5", "samples": 40, "width": 33, "lr": 3e-4, "weight_decay": 0.0, "bias": 0.25, "noise": 0.1},
    {"group": "Z6", "samples": 30, "optimizer": "muon", "lr_v": 1e-4, "momentum": 0.9},
    {"group": "Z6", "samples": 30, "optimizer": "muon", "nesterov": False, "ns_coefficients": (3.0, -4.5, 2.5)},
    {"group": "Z7", "samples": 20, "beta1": 0.5, "eps": 1e-6},
    {"group": "Z7", "samples": 30, "optimizer": "adamw", "loss": "cross-entropy", "layers": 3, "residual": True},
    {"group": "Z5", "operands": 3, "samples": 60, "activation": "relu", "init_scale_v": 0.5},
    {"group": "Z7", "samples": 20, "family": "transformer", "embedding_dim": 8, "heads": 2, "activation": "relu"},
    {"expression": "x*y+1", "field": 5, "samples": 12},
    {"parity": (6, 2), "samples": 30},
]


@pytest.mark.parametrize(
    ("times", "words", "seed"),
    [
        ([200, 400, 300, None], "3 of 4 grokked; this one is the median of those that did", 2),
        ([None, 300, None, None], "3 of 4 did not grok (1 diverged); this one has their median test accuracy", 2),
        ([None, 300, 200], "2 of 3 grokked (1 diverged); this one is the median of those that did", 2),
        ([None, 300], "1 of 2 grokked (1 diverged); this one is the median of those that did", 1),
    ],
)
def test_a_network_that_diverged_counts_as_one_that_did_not_grok(
    tmp_path: Path, times: list[int | None], words: str, seed: int
) -> None:
    root = tmp_path / "sweep"
    spec = spec_of(
        {
            "seeds": len(times),
            "base": {"group": "Z7", "width": 8, "samples": 30},
            "plan": {"steps": 400, "every": 20},
            "grid": {"lr": [1e-3]},
        }
    )
    folder = SweepFolder(root)
    folder.claim(spec)
    folder.runs.mkdir(exist_ok=True)
    (cell,) = spec.cells
    steps, count = cell.plan.record_steps(), len(times)
    curves = {name: np.ones((count, len(steps))) for name in OBSERVABLES}
    curves["test_accuracy"] = np.array([np.where(steps >= (np.inf if t is None else t), 1, 0.25) for t in times])
    counts, ends = np.full(count, len(steps)), list[End](["budget"] * count)
    if "diverged" in words:
        counts[0], ends[0] = 2, "diverged"
        for curve in curves.values():
            curve[0, 2:] = np.nan
    records = Records(np.array(cell.seeds), steps, counts, tuple(ends), curves)
    store.save(
        folder.runs, cell.setting, cell.plan, records, store.Provenance({"dtype": "float32", "device": "cpu"}, 1.0)
    )
    ((found,),) = chosen_curves(folder, {}).values()
    assert (found.words, found.seed) == (words, seed)


@pytest.mark.parametrize("fields", SETTINGS, ids=lambda f: str(f.get("group", "other")))
def test_the_line_that_trains_again_trains_the_same(fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    setting = built(fields)
    plan = Plan(steps=700, every=40, patience=100, spacing="log", probes=())
    heard: list[Cell] = []
    monkeypatch.setattr(train, "run", lambda cell, request: heard.append(cell))
    assert run(shlex.split(train_line(setting, plan, range(2, 6)))[1:]) == 0
    assert heard == [Cell(setting, (2, 3, 4, 5), plan)]


def test_no_line_is_given_where_none_does_it() -> None:
    plan = Plan(steps=10, every=5)
    unusual = built({"group": "Z7", "samples": 20, "beta1": 0.5})
    own_table = unusual.model_copy(update={"task": Task(table=((0, 1), (1, 0)), samples=2)})
    assert train_line(own_table, plan, (0, 1)) == ""
    assert train_line(unusual, Plan(steps=10, every=5, probe_share=0.5), (0, 1)) == ""
    assert train_line(built({"group": "Z7"}), plan, (0, 2)) == ""
    assert predict_line(built({"group": "Z7", "operands": 3, "samples": 20})) == ""
    assert predict_line(unusual) == ""


def test_the_line_that_predicts_again_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    setting = built({"group": "D6", "width": 200, "lr": 2e-3, "weight_decay": 1e-4})
    assert run([*shlex.split(predict_line(setting))[1:], "--json"]) == 0
    told = {one["predictor"]: one["value"] for one in json.loads(capsys.readouterr().out)}
    assert told["heights-shared"] == shared_form(setting).value


def test_a_claim_is_examined_again_with_its_seeds() -> None:
    line = claim_line("wide-limit", str(CLAIMS["command"]), (2, 3, 4, 5))
    assert line == "twopeaks validate --claims wide-limit --quick --seeds 4 --first-seed 2"


# --- the file ------------------------------------------------------------------------------------------


def test_text_of_others_stays_text(from_csv: Page) -> None:
    assert "<img" not in from_csv.ours
    assert len(re.findall(r"<script[ >]", from_csv.ours)) == 2  # data, and our own; the library is the third
    assert "&lt;/script&gt;&lt;img src=x" in from_csv.ours  # the title, and the claim


def test_json_cannot_end_its_element() -> None:
    text = environment().from_string("{{ value|tojson }}").render(value={"a": HOSTILE, "b": [float("nan"), 1.5]})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"a": HOSTILE, "b": [None, 1.5]}


def test_nothing_is_fetched(from_csv: Page) -> None:
    assert "default-src 'none'" in from_csv.ours
    found = Attributes()
    found.feed(from_csv.ours)
    assert found.tags >= {"script", "svg", "input", "table", "a"}
    assert found.leading - {"#"} == set()
    assert not re.findall(r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket|import\(", from_csv.ours)
    addresses = set(re.findall(r"https?://[^\s\"'<]+", from_csv.ours))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not a place


def test_one_file_of_five_megabytes(from_csv: Page) -> None:
    assert from_csv.summary["bytes"] == len(from_csv.text.encode())
    assert from_csv.summary["bytes"] < 5.3e6
    assert len(from_csv.ours) < 0.3e6
    assert from_csv.text.count("* plotly.js v") == 1


def test_claims_stand_there_with_their_verdicts(from_csv: Page) -> None:
    assert '<span class="badge refuted">' in from_csv.ours
    assert "-0.50 [-0.60, -0.40]" in from_csv.ours
    assert from_csv.summary["claims"] == 1


def test_without_a_title_and_claims_it_says_how_to_have_them(swept: tuple[Path, Page]) -> None:
    _, page = swept
    assert "<h1>Two peaks: Z11</h1>" in page.text
    assert "twopeaks validate --claims --out twopeaks-claims" in page.text


def test_every_control_has_a_name(from_csv: Page) -> None:
    labels = set(re.findall(r'<label for="([^"]+)"', from_csv.ours))
    assert set(re.findall(r'<(?:input|select)[^>]* id="([^"]+)"', from_csv.ours)) == labels
    ids = re.findall(r'\sid="([^"]+)"', from_csv.ours)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'aria-labelledby="([^"]+)"', from_csv.ours)) <= set(ids)


# --- nonsense ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report"], "STORE"),
        (["report", "none.csv"], "none.csv"),
        (["report", "cells.csv", "--out", "page.txt"], "--out must be a file .html"),
        (["report", "cells.csv", "--out", "no/where.html"], "no folder for it"),
        (["report", "cells.csv", "--out", "/proc/page.html"], "a file that can be written"),
        (["report", "cells.csv", "--claims", "none.json"], "--claims must be a file that can be read"),
        (["report", "cells.csv", "--claims", "other.json"], "--claims must be a claims.json"),
        (["report", "cells.csv", "--claims", "cells.csv"], "--claims must be a claims.json"),
        (["report", "cells.csv", "--quantity", "height"], "--quantity must be n_c"),
        (["report", "cells.csv", "--predictor", "nobody"], "--predictor must be the name of a predictor"),
        (["report", "cells.csv", "--predictions", "cells.csv"], "predictor"),
        (["report", "empty.csv"], "empty.csv"),
    ],
)
def test_nonsense_is_one_line(
    arguments: list[str], message: str, refused: Callable[[Sequence[str], str], None], tmp_path: Path
) -> None:
    (tmp_path / "cells.csv").write_text("group,width,n_c,low,high\nZ11,154,73.4,72.3,74.5\n")
    (tmp_path / "other.json").write_text('{"command": "x", "claims": [{"id": 1}]}')
    (tmp_path / "empty.csv").write_text("")
    refused(arguments, message)


def test_without_plotly_it_says_what_to_install(
    refused: Callable[[Sequence[str], str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    refused(["report", "cells.csv"], "pip install 'twopeaks[explore]'")
