"""The command ``sweep`` as a user meets it: what it makes, says, refuses, goes on with, and leaves alone."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.processes import pieces
from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage import store
from twopeaks.sim.sweep import journal, shards
from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import read_spec, spec_of
from twopeaks.theory.errors import InputError
from twopeaks.validate.cli import sweep
from twopeaks.validate.cli.app import run
from twopeaks.validate.measured import results
from twopeaks.validate.measured.progress import state

GRID = """
name = "tiny"
seeds = 2
[base]
group = "Z5"
width = 8
[plan]
steps = 20
every = 10
[grid]
samples = [10, 20]
lr = [1e-3, 1e-2]
"""
#: Of networks this small none groks, so that the sizes go up.
SEARCH = """
name = "tiny-search"
seeds = 2
[base]
group = "Z5"
width = 8
[plan]
steps = 20
every = 10
[bisect]
low = 10
high = 12
rounds = 1
"""
OUT = Path("twopeaks-sweep-tiny")


@pytest.fixture(autouse=True)
def in_a_folder_with_specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(GRID)
    Path("search.toml").write_text(SEARCH)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in this process: starting others is tested once, and elsewhere."""

    @contextmanager
    def executor(*_: object) -> Iterator[tuple[Executor, Runtime, int]]:
        with ThreadPoolExecutor(1) as pool:
            yield pool, resolve("cpu", "float32", 1), 1

    monkeypatch.setattr(sweep, "_executor", executor)


def swept(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert run(["sweep", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    before = sorted(str(path) for path in Path.cwd().rglob("*"))
    assert run(["sweep", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert sorted(str(path) for path in Path.cwd().rglob("*")) == before
    return captured.err


def never_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(shards, "train_members", never)


# --- what it does --------------------------------------------------------------------------------------


def test_workers_of_their_own_train_a_grid(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(swept(["tiny.toml", "--workers", "1", "--json"], capsys))
    assert told["cells"] == {"done": 4, "running": 0, "to_do": 0}
    assert told["members"] == {"stored": 8, "grokked": 0}
    assert told["finished"]
    assert sorted(path.name for path in OUT.iterdir()) == [
        *("journal.jsonl", "members.parquet", "runs", "sweep.json", "transitions.parquet")
    ]
    assert pl.read_parquet(OUT / "members.parquet").equals(results.table(OUT))
    assert len(list((OUT / "runs").iterdir())) == 4


def test_a_summary_is_printed_for_people(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    out = swept(["tiny.toml"], capsys)
    assert "tiny: 4 cells done, 0 running, 0 to do" in out
    assert "0 of 8 members grokked within their budget" in out
    assert "Z5, lr 0.001 10: 0/2 20: 0/2 above 20" in " ".join(out.split())
    assert "twopeaks-sweep-tiny/members.parquet" in out


def test_a_bisection_goes_as_far_as_it_may(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(swept(["search.toml", "--json"], capsys))
    assert told["bisections"] == {"all": 1, "open": 0}
    assert told["cells"]["done"] == 3
    (row,) = told["transitions"]
    assert (row["rates"], row["n_c"]) == ("10: 0/2, 12: 0/2, 15: 0/2", None)
    assert (row["bracket_low"], row["bracket_high"]) == (15, None)


def test_the_same_command_goes_on_and_trains_nothing_twice(
    here: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = json.loads(swept(["tiny.toml", "--json"], capsys))
    never_trained(monkeypatch)
    again = json.loads(swept(["tiny.toml", "--json"], capsys))
    assert {**first, "seconds": 0} == {**again, "seconds": 0}


def test_a_run_that_was_deleted_alone_is_trained_again(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    swept(["tiny.toml"], capsys)
    before, (hurt, *_) = results.table(OUT), SweepFolder(OUT).stored()
    (hurt / store.MANIFEST).unlink()
    assert run(["sweep", "tiny.toml"]) == 1
    captured = capsys.readouterr()
    assert hurt.name in captured.err
    assert "delete it and run again" in captured.err
    assert pl.read_parquet(OUT / "members.parquet").height == 6
    (hurt / "curves.npz").unlink()
    hurt.rmdir()
    swept(["tiny.toml"], capsys)
    # Members that are trained with others than before differ by rounding.
    assert_frame_equal(results.table(OUT).drop("seconds"), before.drop("seconds"), rel_tol=1e-4)


def test_a_dry_run_trains_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    never_trained(monkeypatch)
    out = swept(["tiny.toml", "--dry-run"], capsys)
    assert "cells" in out
    assert "160" in out  # member-steps
    told = json.loads(swept(["search.toml", "--dry-run", "--json", "--workers", "3"], capsys))
    assert (told["cells"], told["most"]["cells"], told["workers"]) == (3, 3, 3)
    assert told["seconds"] < told["most"]["seconds"]
    assert told["disk_bytes"] < told["free_bytes"]
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["search.toml", "tiny.toml"]


# --- folders and --resume ------------------------------------------------------------------------------


def test_resume_needs_no_description_and_begins_nothing(
    here: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "--resume must be given for a folder that holds a sweep, got 'twopeaks-sweep-tiny'; leave it out to begin"
    assert message in refused(["tiny.toml", "--resume"], capsys)
    assert "must be a folder that holds a sweep" in refused(["--resume", "--out", "none"], capsys)
    assert "SPEC must be the path of a sweep's description" in refused(["--resume"], capsys)
    first = json.loads(swept(["tiny.toml", "--json", "--out", "kept"], capsys))
    Path("tiny.toml").unlink()
    never_trained(monkeypatch)
    again = json.loads(swept(["--resume", "--out", "kept", "--json"], capsys))
    assert {**first, "seconds": 0} == {**again, "seconds": 0}


def test_a_folder_takes_a_larger_sweep_and_no_other(
    here: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    swept(["tiny.toml"], capsys)
    Path("other.toml").write_text(GRID.replace("[10, 20]", "[10]"))
    message = refused(["other.toml"], capsys)
    assert "must be a folder of this sweep, got 'one of the sweep tiny with cells that are not in this one'" in message
    assert "keep all of its cells" in refused(["other.toml", "--status"], capsys)
    trained: list[int] = []
    train = shards.train_members

    def noted(members: Any, *rest: Any) -> Any:
        trained.extend(setting.task.samples for setting, _ in members)
        return train(members, *rest)

    monkeypatch.setattr(shards, "train_members", noted)
    Path("larger.toml").write_text(GRID.replace("[10, 20]", "[20, 15, 10]").replace("tiny", "larger"))
    told = json.loads(swept(["larger.toml", "--out", str(OUT), "--json"], capsys))
    assert trained == [15] * 4  # two seeds, two rates
    assert (told["name"], told["cells"]["done"]) == ("larger", 6)
    assert SweepFolder(OUT).spec().name == "larger"
    assert "keep all of its cells" in refused(["tiny.toml"], capsys)


def test_a_damaged_or_newer_description_is_named(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    swept(["tiny.toml"], capsys)
    kept = (OUT / "sweep.json").read_text()
    (OUT / "sweep.json").write_text(kept.replace('"schema": 1', '"schema": 2'))
    assert "sweep.json must be a description of version 1, got 2" in refused(["tiny.toml"], capsys)
    (OUT / "sweep.json").write_text(kept[:40])
    assert "sweep.json must be a description of a sweep" in refused(["tiny.toml", "--status"], capsys)
    (OUT / "sweep.json").unlink()
    swept(["tiny.toml"], capsys)
    assert (OUT / "sweep.json").read_text() == kept


def test_what_was_left_aside_goes(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    OUT.mkdir()
    (OUT / ".sweep.json.0123.part").write_text("half")
    swept(["tiny.toml"], capsys)
    assert not [path.name for path in OUT.iterdir() if path.name.startswith(".")]


# --- --status ------------------------------------------------------------------------------------------


def begun(text: str = GRID) -> tuple[SweepFolder, Any]:
    """A folder of a sweep of which nothing is done."""
    spec = spec_of(read_spec(Path("tiny.toml")).content)
    folder = SweepFolder(OUT)
    folder.claim(spec)
    return folder, spec


def test_status_before_anything_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    begun()
    told = json.loads(swept(["tiny.toml", "--status", "--json"], capsys))
    assert told["cells"] == {"done": 0, "running": 0, "to_do": 4}
    assert not told["finished"]
    assert "tiny: 0 cells done, 0 running, 4 to do" in swept(["--out", str(OUT), "--status"], capsys)


def test_status_knows_what_is_at_work_and_what_was_lost(capsys: pytest.CaptureFixture[str]) -> None:
    folder, spec = begun()
    journal.append(folder.journal, "started", workers=1)
    one, two = (cell for cell in spec.cells if cell.setting.optimizer.lr == 1e-3)
    (busy,), (other,) = (shards.cut([cell], resolve("cpu", "float32", 1)) for cell in (one, two))
    for shard in (busy, other):
        journal.append(folder.journal, "begun", shard=shard.name, settings=[shard.parts[0].setting.content_id])
    journal.append(folder.journal, "lost", shard=other.name, reason="killed")
    place = shards.Place(folder.runs, resolve("cpu", "float32", 1))
    (place.unfinished(other)).mkdir()  # as a killed worker leaves it
    (place.unfinished(other) / "lock").touch()
    with place.checkpoints(busy).held():
        told = json.loads(swept(["tiny.toml", "--status", "--json"], capsys))
    assert told["cells"] == {"done": 0, "running": 1, "to_do": 3}
    assert told["lost_workers"] == 1
    assert "; 1 workers were lost" in swept(["tiny.toml", "--status"], capsys)


def test_status_follows_a_bisection(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    swept(["search.toml"], capsys)
    folder = SweepFolder(Path("twopeaks-sweep-tiny-search"))
    last = next(path for path in folder.stored() if "n15" in path.name)
    for path in (last / "curves.npz", last / store.MANIFEST):
        path.unlink()
    last.rmdir()
    found = state(folder, folder.spec())
    assert [cell.setting.task.samples for cell in found.done] == [10, 12]
    assert [cell.setting.task.samples for cell in found.open] == [15]
    assert found.searches == 1


def test_time_counts_while_the_sweep_runs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    folder, spec = begun()
    now = [1000.0]
    monkeypatch.setattr(journal.time, "time", lambda: now[0])
    events = [(0, "started"), (10, "ended"), (500, "started"), (520, "begun"), (900, "started"), (905, "ended")]
    for seconds, event in events:
        now[0] = 1000.0 + seconds
        journal.append(folder.journal, event)
    assert state(folder, spec).seconds == 10 + 20 + 5


def test_status_needs_no_torch_and_no_right_to_write(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    swept(["tiny.toml"], capsys)
    code = "import sys; from twopeaks.validate.cli.app import run"
    code += f"; code = run(['sweep', '--out', {str(OUT)!r}, '--status'])"
    code += "; sys.exit(code or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_status_says_where_tables_cannot_be_written(
    here: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    swept(["tiny.toml"], capsys)

    def full(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(SweepFolder, "write", full)
    assert run(["sweep", "tiny.toml", "--status"]) == 0
    captured = capsys.readouterr()
    assert "4 cells done" in captured.out
    assert "Read-only file system" in captured.err
    assert run(["sweep", "tiny.toml"]) == 2


# --- what cuts it short --------------------------------------------------------------------------------


def test_an_interrupt_says_what_is_kept(
    here: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train = shards.train_members

    def stop(members: Any, *rest: Any) -> Any:
        if members[0][0].task.samples == 10:  # the last ones, for large shards go first
            raise KeyboardInterrupt
        return train(members, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "train_members", stop)
        assert run(["sweep", "tiny.toml"]) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "interrupted; 2 of 4 cells are kept in twopeaks-sweep-tiny, others up to their last checkpoint; "
        "the same command goes on\n"
    )
    told = journal.entries(OUT / journal.JOURNAL)
    assert told[0]["event"] == "started"
    assert [line["outcome"] for line in told if line["event"] == "ended"] == ["interrupted"]
    assert "2 cells done, 0 running, 2 to do" in swept(["tiny.toml", "--status"], capsys)
    swept(["tiny.toml", "--resume"], capsys)
    assert results.table(OUT).height == 8


def test_notes_of_training_are_lines_on_stderr(
    here: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    history = {"notes": ["checkpoints could not be written (No space left on device); earlier ones were kept"]}
    monkeypatch.setattr("twopeaks.sim.storage.checkpoint.Checkpoints.history", history)
    assert run(["sweep", "tiny.toml"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("note: Z5-true-n") and "No space left on device" in line for line in lines)


def test_a_terminal_shows_how_far_it_is() -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "twopeaks", "sweep", "tiny.toml", "--workers", "1"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=slave, env=environment) as process:
        os.close(slave)
        shown = b"".join(pieces(master))
        out = process.communicate()[0]
    os.close(master)
    assert process.returncode == 0
    assert b"tiny: 0 of 4 cells" in shown
    assert b"4 cells done" not in shown
    assert b"tiny: 4 cells done" in out


# --- nonsense ------------------------------------------------------------------------------------------

NONSENSE = {
    "no file": (["none.toml"], "SPEC must be a file that can be read, got 'none.toml'"),
    "a folder": (["."], "SPEC must be a file that can be read, got '.'"),
    "nothing": ([], "SPEC must be the path of a sweep's description"),
    "no TOML": (["torn.toml"], "torn.toml must be a TOML file"),
    "typo": (["typo.toml"], "[grid] sampels must be a known key, got 'sampels'; did you mean samples?"),
    "bad cell": (["cell.toml"], "samples must be at most M^2 = 25 for Z5, got 26"),
    "wrong way": (["way.toml"], "[bisect] low, high must be sizes with low < high, got (20, 12)"),
    "no workers": (["tiny.toml", "--workers", "0"], "--workers must be between 1 and 512"),
    "too many workers": (["tiny.toml", "--dry-run", "--workers", "513"], "--workers must be between 1 and 512"),
    "unknown device": (["tiny.toml", "--device", "tpu"], "device must be auto, cpu, cuda"),
    "device of a dry run": (["tiny.toml", "--device", "tpu", "--dry-run"], "device must be auto, cpu, cuda"),
    "time back": (["tiny.toml", "--checkpoint-seconds", "-1"], "--checkpoint-seconds must be 0 or more"),
    "no time": (["tiny.toml", "--checkpoint-seconds", "nan"], "--checkpoint-seconds must be 0 or more"),
    "two flags": (["tiny.toml", "--status", "--dry-run"], "--status must be left out with --dry-run"),
    "cluster and workers": (
        ["tiny.toml", "--scheduler", "tcp://127.0.0.1:9", "--workers", "2"],
        "--workers must be left out with --scheduler",
    ),
    "estimate of a cluster": (
        ["tiny.toml", "--scheduler", "tcp://127.0.0.1:9", "--dry-run"],
        "--scheduler must be left out with --dry-run, got 'tcp://127.0.0.1:9'; say with --workers how many",
    ),
    "status of nothing": (["tiny.toml", "--status"], "--status must be given for a folder that holds a sweep"),
    "below a file": (["tiny.toml", "--out", "tiny.toml/below"], "--out must be a folder that can be written"),
    "a long name": (["tiny.toml", "--out", "x" * 300], "--out must be a folder that can be written"),
    "unknown option": (["tiny.toml", "--restart"], "No such option: --restart"),
}


@pytest.mark.parametrize(("arguments", "message"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_one_line_and_leaves_nothing(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("torn.toml").write_text("[grid")
    Path("typo.toml").write_text(GRID.replace("samples", "sampels"))
    Path("cell.toml").write_text(GRID.replace("20]", "26]"))
    Path("way.toml").write_text(SEARCH.replace("low = 10", "low = 20"))
    assert message in refused(arguments, capsys)


def test_a_scheduler_that_does_not_answer_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(address: str) -> None:
        raise InputError("--scheduler", "the address of a Dask scheduler that answers", address, "start one")

    monkeypatch.setattr("twopeaks.sim.sweep.cluster.Cluster", silent)
    assert "--scheduler must be the address" in refused(["tiny.toml", "--scheduler", "tcp://127.0.0.1:9"], capsys)
