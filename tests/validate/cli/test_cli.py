"""The commands as a user meets them: JSON keys, files, and one clear line for each kind of nonsense."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import twopeaks
from tests.places import ROOT
from twopeaks.theory.predictors.rivals import RIVALS
from twopeaks.validate.cli.app import run

PREDICTION_KEYS = {
    "predictor",
    "quantity",
    "value",
    "low",
    "high",
    "constants_fitted",
    "runs_used",
    "seconds",
    "valid",
    "note",
}
SMALL = ["--group", "Z7", "--width", "48", "--threads", "1", "--steps", "60", "--every", "20", "--seeds", "3"]


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"twopeaks {twopeaks.__version__}\n"
    assert f"version: {twopeaks.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_predict_lists_every_predictor(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(printed(["predict", "--group", "Z23", "--group", "S4", "--json"], capsys))
    assert all(set(row) >= PREDICTION_KEYS for row in rows)
    by_name = {(row["group"], row["predictor"]): row for row in rows}
    assert by_name["Z23", "paper-law"]["value"] == pytest.approx(198.19, abs=0.01)
    assert by_name["Z23", "heights-closed-form"]["value"] == pytest.approx(180.47, abs=0.01)
    assert by_name["S4", "heights-closed-form"]["value"] is None
    assert not by_name["Z23", "heights-calibrated"]["valid"]
    assert "--calibrate" in by_name["Z23", "heights-calibrated"]["note"]


def test_rivals_are_listed_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    alone = json.loads(printed(["predict", "--group", "Z23", "--json"], capsys))
    rows = json.loads(printed(["predict", "--group", "Z23", "--rivals", "--json"], capsys))
    assert [row["predictor"] for row in rows][: len(alone)] == [row["predictor"] for row in alone]
    assert {row["predictor"] for row in rows[len(alone) :]} == {rival.name for rival in RIVALS}


def test_predict_prints_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(["predict", "--group", "Z31"], capsys)
    assert "Z31" in out
    assert "272" in out


@pytest.mark.parametrize("columns", [80, 120])
def test_predictions_stay_readable_in_a_narrow_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("twopeaks.validate.screen.terminal.console", lambda: Console(width=columns, highlight=False))
    lines = printed(["predict", "--group", "Dic6", "--group", "Z23"], capsys).splitlines()
    assert max(map(len, lines)) <= columns
    assert len(lines) < 40
    told = "\n".join(lines)
    assert "…" not in told
    for whole in ("heights-closed-form", "heights-calibrated", "180 [158, 207]", "quaternionic", "--calibrate"):
        assert whole in told


def test_train_json_has_the_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(printed(["train", *SMALL, "--samples", "40", "--json"], capsys))
    assert set(told) >= {"setting", "members", "steps", "seconds", "ms_per_member_step"}
    assert told["steps"] == 60
    assert [m["seed"] for m in told["members"]] == [0, 1, 2]
    for member in told["members"]:
        assert set(member) >= {"seed", "t_mem", "t_grok", "diverged", "final"}
        assert set(member["final"]) == {"train_accuracy", "test_accuracy", "loss", "norm_w2", "norm_v2"}


VARIANTS = {
    "deep": ["--layers", "3", "--residual", "--activation", "relu"],
    "complex": ["--weights", "complex"],
    "ridge": ["--readout", "ridge"],
    "muon": ["--optimizer", "muon", "--lr", "0.02", "--lr-v", "1e-3", "--momentum", "0.9"],
    "hinge": ["--loss", "hinge", "--activation", "tanh"],
    "contrastive": ["--loss", "contrastive"],
    "bias": ["--bias", "0.5"],
    "shared embedding": ["--embedding", "shared", "--embedding-dim", "16"],
    "separate embedding": ["--embedding", "separate", "--embedding-dim", "16"],
    "product": ["--hidden", "product"],
    "scaled outputs": ["--output-scale", "0.5"],
    "transformer": ["--family", "transformer", "--embedding-dim", "16", "--heads", "2", "--activation", "relu"],
    "warm-up": ["--schedule", "linear-warmup", "--warmup-steps", "30"],
    "cosine": ["--schedule", "cosine", "--warmup-steps", "0", "--lr-floor", "0.1"],
    "step decay": ["--schedule", "step", "--decay-steps", "20", "--lr-drop", "0.5"],
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_train_of_a_variant_is_another_run(variant: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    told, plain = (
        json.loads(printed(["train", *SMALL, "--samples", "40", "--json", *more], capsys)) for more in (variant, [])
    )
    assert not any(m["diverged"] for m in told["members"])
    assert told["setting"] != plain["setting"]
    assert told["members"] != plain["members"]


def test_train_of_the_whole_table_has_null_test_accuracy(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(printed(["train", *SMALL, "--samples", "49", "--json"], capsys))
    assert told["members"][0]["final"]["test_accuracy"] is None
    assert told["members"][0]["t_grok"] is None


def test_train_out_is_kept_and_reused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["train", *SMALL, "--samples", "40", "--out", "kept", "--json"]
    first, second = (json.loads(printed(arguments, capsys)) for _ in range(2))
    assert first["members"] == second["members"]
    assert first["folder"] == second["folder"]
    assert sorted(p.name for p in Path(first["folder"]).iterdir()) == ["curves.npz", "manifest.json"]


def test_train_table_mentions_every_seed(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(["train", *SMALL, "--samples", "40"], capsys)
    assert "3 of 3" in out or "of 3 grokked" in out


def test_a_group_table_equals_the_named_group(capsys: pytest.CaptureFixture[str]) -> None:
    Path("z7.csv").write_text("\n".join(",".join(str((a + b) % 7) for b in range(7)) for a in range(7)))
    arguments = [*SMALL[2:], "--samples", "40", "--json"]
    by_table = json.loads(printed(["train", "--group-table", "z7.csv", *arguments], capsys))
    by_name = json.loads(printed(["train", "--group", "Z7", *arguments], capsys))
    assert by_table["members"] == by_name["members"]


@pytest.mark.parametrize("command", [[], ["train"], ["predict"], ["demo"]], ids=" ".join)
def test_help_is_there(command: list[str]) -> None:
    code = f"from twopeaks.validate.cli.app import run; raise SystemExit(run({[*command, '--help']!r}))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert shown.returncode == 0
    assert "--help" in shown.stdout


NOT_A_GROUP = "0,1,2\n1,0,2\n2,2,0\n"
NONSENSE = {
    "unknown group": (["--group", "Y5"], "group must be a known name"),
    "group too large": (["--group", "Z5000"], "group must be of order 2000 at most"),
    "no such table": (["--group-table", "none.csv"], "--group-table must be a readable CSV file"),
    "table is no group": (["--group-table", "bad.csv"], "associative"),
    "group and table": (["--group", "Z5", "--group-table", "bad.csv"], "give one of the two"),
    "no samples": (["--samples", "0"], "samples must be greater than or equal to 1, got 0"),
    "too many samples": (["--samples", "530"], "samples must be at most M^2 = 529 for Z23, got 530"),
    "negative rate": (["--lr", "-1"], "lr must be greater than 0, got -1"),
    "rate nan": (["--lr", "nan"], "lr must be a finite number"),
    "rate too large": (["--lr", "1e308"], "lr must be at most 1e+30"),
    "decay too large": (["--weight-decay", "1e308"], "weight_decay must be at most 1e+30"),
    "seed too large": (["--first-seed", "9" * 30], "--first-seed must be 0 or more, below 2^62"),
    "steps without end": (["--steps", "9" * 20], "steps must be less than or equal to 1000000000"),
    "records without end": (["--steps", "1000000000", "--every", "1"], "every must be at least steps/1,000,000"),
    "empty group": (["--group", ""], "group must be a known name"),
    "negative patience": (["--patience", "-5"], "expected: steps to go on after grokking"),
    "negative decay": (["--weight-decay", "-1"], "weight_decay must be greater than or equal to 0"),
    "unknown activation": (["--activation", "sine"], "activation must be 'x^2', 'relu'"),
    "unknown optimizer": (["--optimizer", "lion"], "optimizer must be 'sgd', 'adam', 'adamw' or 'muon'"),
    "unknown loss": (["--loss", "focal"], "loss must be 'mse', 'cross-entropy', 'hinge' or 'contrastive'"),
    "one layer": (["--layers", "1"], "layers must be greater than or equal to 2, got 1"),
    "five layers": (["--layers", "5"], "layers must be less than or equal to 4, got 5"),
    "residual with nothing to add to": (["--residual"], "residual must be false with 2 layers"),
    "unknown weights": (["--weights", "quaternion"], "weights must be 'real' or 'complex'"),
    "complex relu": (["--weights", "complex", "--activation", "relu"], "activation must be x^2 for complex weights"),
    "complex muon": (["--weights", "complex", "--optimizer", "muon"], "optimizer must be sgd, adam or adamw"),
    "unknown readout": (["--readout", "lasso"], "readout must be 'trained' or 'ridge'"),
    "ridge of another loss": (["--readout", "ridge", "--loss", "hinge"], "loss must be mse for a ridge readout"),
    "ridge without decay": (["--readout", "ridge", "--weight-decay", "0"], "weight_decay must be positive"),
    "ridge of decoupled decay": (["--readout", "ridge", "--optimizer", "adamw"], "must be one with coupled decay"),
    "ridge from zero": (["--readout", "ridge", "--init-scale-v", "0"], "init_scale_v must be 1 for a ridge readout"),
    "negative bias": (["--bias", "-1"], "bias must be greater than or equal to 0"),
    "bias nan": (["--bias", "nan"], "bias must be a finite number"),
    "rate of V without muon": (["--lr-v", "1e-3"], "lr_v must be left out for adam, got 0.001"),
    "negative rate of V": (["--optimizer", "muon", "--lr-v", "-1"], "lr_v must be greater than 0"),
    "unknown family": (["--family", "rnn"], "family must be 'mlp' or 'transformer'"),
    "unknown embedding": (["--embedding", "tied"], "embedding must be 'one-hot', 'shared' or 'separate'"),
    "width of no embedding": (["--embedding-dim", "16"], "embedding_dim must be left out for one-hot inputs, got 16"),
    "no width of embedding": (["--embedding", "shared", "--embedding-dim", "0"], "embedding_dim must be greater than"),
    "unknown hidden units": (["--hidden", "max"], "hidden must be 'sum' or 'product'"),
    "activation of a product": (["--hidden", "product", "--activation", "relu"], "activation must be left out for pro"),
    "heads of an mlp": (["--heads", "2"], "heads must be left out for an mlp, got 2; use --family transformer"),
    "uneven heads": (["--family", "transformer", "--heads", "3"], "embedding_dim must be a multiple of the 3 heads"),
    "deep transformer": (["--family", "transformer", "--layers", "3"], "layers must be left out for a transformer"),
    "complex transformer": (["--family", "transformer", "--weights", "complex"], "weights must be left out for a tran"),
    "no output": (["--output-scale", "0"], "output_scale must be greater than 0"),
    "unknown schedule": (["--schedule", "triangle"], "schedule must be 'constant', 'linear-warmup', 'cosine' or 'st"),
    "warm-up of a constant": (["--warmup-steps", "5"], "warmup_steps must be left out for a constant rate, got 5"),
    "no warm-up": (["--schedule", "linear-warmup", "--warmup-steps", "0"], "warmup_steps must be 1 or more"),
    "floor of a step": (["--schedule", "step", "--lr-floor", "0.5"], "lr_floor must be left out for a step rate"),
    "short cosine": (["--schedule", "cosine", "--decay-steps", "9"], "decay_steps must be more than the 10 of the"),
    "rising drop": (["--schedule", "step", "--lr-drop", "2"], "lr_drop must be at most 1, got 2"),
    "unknown labels": (["--labels", "none"], "labels must be 'true' or 'random'"),
    "momentum without sgd": (["--momentum", "0.9"], "momentum must be 0 for adam"),
    "no width": (["--width", "0"], "width must be greater than or equal to 1"),
    "no seeds": (["--seeds", "0"], "--seeds must be between 1 and 100000"),
    "negative first seed": (["--first-seed", "-1"], "--first-seed must be 0 or more"),
    "no steps": (["--steps", "0"], "steps must be greater than or equal to 1"),
    "no every": (["--every", "0"], "every must be greater than or equal to 1"),
    "unknown device": (["--device", "tpu"], "device must be auto, cpu, cuda"),
    "absent device": (["--device", "cuda:99"], "device must be one of this machine"),
    "unknown dtype": (["--dtype", "float8"], "--dtype must be float32, bfloat16 (in products) or float64"),
    "no threads": (["--threads", "0"], "threads must be between 1 and 1024"),
    "unwritable folder": (["--out", "bad.csv/below"], "--out must be a folder that can be written"),
    "not a number": (["--samples", "many"], "--samples"),
    "unknown option": (["--sample", "3"], "No such option: --sample"),
}


@pytest.mark.parametrize(("arguments", "message"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.csv").write_text(NOT_A_GROUP)
    assert run(["train", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert message in captured.err
    assert sorted(p.name for p in Path.cwd().iterdir()) == ["bad.csv"]


def test_unknown_commands_are_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trian"]) == 2
    assert capsys.readouterr().err.startswith("error: No such command 'trian'")


def test_no_command_shows_help_and_says_in_a_line_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    captured = capsys.readouterr()
    assert "predict" in captured.out
    assert captured.err == "error: a command is missing (see --help)\n"


@pytest.mark.parametrize("command", [["predict", "--calibrate"], ["demo"]], ids=" ".join)
def test_a_bad_count_of_controls_is_named_as_it_was_given(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--control-seeds", "0"]) == 2
    assert capsys.readouterr().err.startswith("error: --control-seeds must be between 1 and 100000, got 0")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["derive"], ["predict", "--group", "Z7", "--json"]], ids=" ".join)
def test_output_to_a_full_disk_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "twopeaks", *arguments]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: output must be written where there is room")
    assert len(ended.stderr.splitlines()) == 1


def test_an_interrupt_says_what_is_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("twopeaks.theory.predictors.registry.predict", stop)
    assert run(["predict"]) == 130
    assert "finished runs in the folder of --out are kept" in capsys.readouterr().err


def test_a_device_that_nothing_runs_on_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", "--device", "cpu"]) == 2
    assert "--device must be left out without --calibrate" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["demo", "predict"])
def test_bad_workers_leave_no_folder(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--calibrate"] if command == "predict" else []
    assert run([command, "--group", "Z7", "--workers", "0", "--out", "made", *more]) == 2
    assert "--workers must be between 1 and 512" in capsys.readouterr().err
    assert list(Path.cwd().iterdir()) == []


def test_a_terminal_without_unicode_gets_escapes() -> None:
    command = [sys.executable, "-m", "twopeaks", "figures", "--results", str(ROOT / "results")]
    said = subprocess.run(command, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=True)
    assert said.stderr == b""
    assert b"NAME \\u2026" in said.stdout
