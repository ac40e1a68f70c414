"""Event files for TensorBoard: read back with TensorBoard itself they hold the records, number by number."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.specs import TINY
from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.storage.store import Provenance, load, run_name, save
from twopeaks.sim.sweep.cells import Cell, Finished
from twopeaks.sim.training.loop import Reports, train
from twopeaks.theory.setting import OBSERVABLES, Network, Optimizer, Setting, Task, standard
from twopeaks.validate.cli.app import run
from twopeaks.validate.measured.detect import transition_steps
from twopeaks.validate.screen import tensorboard as tensorboard_files
from twopeaks.validate.screen.sweep_screen import screen
from twopeaks.validate.screen.tensorboard import Board, SweepBoards, is_complete, write_run

GROKS = Setting(
    task=Task(group="Z7", samples=46), network=Network(width=64), optimizer=Optimizer(lr=2e-2, weight_decay=1e-3)
)
PLAN = Plan(steps=240, every=10, patience=50, probes=("gradient", "irreps"))
SEEDS = (3, 0, 1)

Told = dict[str, list[tuple[int, float]]]


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def records() -> Records:
    return train(GROKS, SEEDS, PLAN, resolve("cpu", "float32", 1))


def told(folder: Path) -> Told:
    """Every number in a folder, by tag; there is one file."""
    assert len(list(folder.iterdir())) == 1
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def expected(steps: Sequence[int], values: Sequence[float]) -> list[tuple[int, float]]:
    """What float32 keeps of them."""
    pairs = zip(steps, np.asarray(values, dtype=np.float32).tolist(), strict=True)
    return [(int(step), value) for step, value in pairs if np.isfinite(value)]


def check(folder: Path, records: Records) -> None:
    """The files of a run are its records: nothing more, nothing less, nothing else."""
    names = [name for name in records.curves if "[" not in name]
    assert set(OBSERVABLES) <= set(names)
    assert {path.name for path in folder.iterdir()} == {"complete", "mean", *(f"seed-{s}" for s in records.seeds)}
    made = transition_steps(records)
    for e, seed in enumerate(records.seeds):
        member, found = records.member(e), told(folder / f"seed-{seed}")
        wanted = {name: expected(member["steps"], member[name]) for name in names}
        for name, steps in made.items():
            wanted[f"transition/{name}"] = expected([records.last_steps[e]], [steps[e] or np.nan])
        assert found == {tag: rows for tag, rows in wanted.items() if rows}
    rows, found = int(records.counts.min()), told(folder / "mean")
    for name in names:
        assert found.pop(name, []) == expected(records.steps[:rows], records.curves[name][:, :rows].mean(axis=0))
    for name, steps in made.items():
        share = sum(step is not None for step in steps) / len(steps)
        assert found.pop(f"transition/{name}_share") == expected([records.steps[-1]], [share])
    assert not found


def test_a_run_is_written_as_it_goes(records: Records) -> None:
    folder = Path("board") / "run"
    with Board(folder, GROKS, PLAN, SEEDS) as board:
        found = train(GROKS, SEEDS, PLAN, resolve("cpu", "float32", 1), Reports(observer=board))
        assert not is_complete(folder)
        board.finish(found)
    assert len(set(found.counts.tolist())) > 1  # one stopped before others
    assert {"t_mem", "t_grok"} == {name for name, steps in transition_steps(found).items() if any(steps)}
    check(folder, found)
    assert all(np.array_equal(found.curves[n], records.curves[n], equal_nan=True) for n in found.curves)


def test_packs_that_take_turns_give_one_mean(records: Records) -> None:
    with Board(Path("run"), GROKS, PLAN, SEEDS) as board:
        for places in ([2], [0, 1]):
            for r, step in enumerate(records.steps.tolist()):
                board(places, step, {name: values[places, r] for name, values in records.curves.items()})
        board.finish(records)
    names, rows = list(OBSERVABLES), int(records.counts.min())
    found = told(Path("run/mean"))
    for name in names:
        values = np.array(found[name])[:, 1]
        np.testing.assert_allclose(values, records.curves[name][:, :rows].mean(axis=0), rtol=1e-6)


def test_a_stored_run_is_written_once_and_dated(records: Records) -> None:
    folder = Path("run")
    write_run(folder, GROKS, PLAN, records, seconds=60.0, ended=1e9)
    check(folder, records)
    found = EventAccumulator(str(folder / "seed-0"))
    found.Reload()
    times = [event.wall_time for event in found.Scalars("train_loss")]
    last = int(records.steps[-1])
    assert times == pytest.approx([1e9 - 60 * (1 - s / last) for s in records.member(1)["steps"]])
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    write_run(folder, GROKS, PLAN, records, seconds=60.0, ended=1e9)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_what_a_killed_writer_left_is_written_anew_and_nothing_else_touched(records: Records) -> None:
    folder = Path("run")
    write_run(folder, GROKS, PLAN, records, 1.0, 1e9)
    (folder / "complete").unlink()
    write_run(folder, GROKS, PLAN, records, 1.0, 1e9)
    check(folder, records)
    (folder / "complete").unlink()
    (folder / "mean" / "of-mine.txt").write_text("kept")
    write_run(folder, GROKS, PLAN, records, 1.0, 1e9)
    assert (folder / "mean" / "of-mine.txt").read_text() == "kept"


def test_the_setting_is_there_as_text(records: Records) -> None:
    write_run(Path("run"), GROKS, PLAN, records, 1.0, 1e9)
    found = EventAccumulator("run/mean")
    found.Reload()
    (text,) = found.Tensors("setting/text_summary")
    words = text.tensor_proto.string_val[0].decode()
    for line in ("| group | Z7 |", "| samples | 46 |", "| lr | 0.02 |", "| steps | 240 |"):
        assert line in words


# --- the commands --------------------------------------------------------------------------------------

SMALL = ["train", "--group", "Z7", "--width", "24", "--samples", "40", "--threads", "1", "--seeds", "2"]
SMALL += ["--steps", "60", "--every", "20", "--json"]


def only(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_train_writes_them_and_a_stored_run_has_them_written_later(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SMALL, "--out", "kept", "--tensorboard", "board"]) == 0
    folder = Path(json.loads(capsys.readouterr().out)["folder"])
    stored = load(folder)
    assert only(Path("board")).name == folder.name
    check(only(Path("board")), stored.records)
    assert run([*SMALL, "--out", "kept", "--tensorboard", "other/board"]) == 0
    check(Path("other/board") / folder.name, stored.records)
    assert capsys.readouterr().err == ""


def test_files_are_whole_after_ctrl_c_and_hold_a_resumed_run_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*SMALL, "--out", "kept", "--checkpoint-seconds", "0", "--tensorboard", "board"]
    hear = Board.__call__

    def interrupted(self: Board, places: Sequence[int], step: int, values: Mapping[str, Any]) -> None:
        hear(self, places, step, values)
        if step == 40:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Board, "__call__", interrupted)
        assert run(arguments) == 130
    folder = only(Path("board"))
    assert not is_complete(folder)
    assert [step for step, _ in told(folder / "seed-0")["train_loss"]] == [0, 20, 40]
    assert [step for step, _ in told(folder / "mean")["train_loss"]] == [0, 20, 40]
    capsys.readouterr()
    assert run(arguments) == 0
    check(folder, load(Path(json.loads(capsys.readouterr().out)["folder"])).records)


def test_a_full_disk_costs_the_files_and_not_the_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensorboard_files, "_write", full)
    assert run([*SMALL, "--tensorboard", "board"]) == 0
    said = capsys.readouterr()
    assert said.err == "note: event files could not be written (No space left on device); training goes on without\n"
    assert json.loads(said.out)["steps"] == 60
    assert not is_complete(only(Path("board")))


def test_threads_of_tensorboard_that_cannot_write_are_silent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = threading.excepthook
    monkeypatch.setattr("tensorboard.summary.writer.record_writer.RecordWriter.write", full)
    assert run([*SMALL, "--tensorboard", "board"]) == 0
    said = capsys.readouterr().err
    assert said == "note: event files could not be written (No space left on device); training goes on without\n"
    assert threading.excepthook is before


NONSENSE = {
    "below a file": (["--tensorboard", "file/below"], "--tensorboard must be a folder that can be written"),
    "a file": (["--tensorboard", "file"], "--tensorboard must be a folder that can be written, got 'file'"),
    "many seeds": (
        ["--seeds", "257", "--tensorboard", "b"],
        "--tensorboard must be used with at most 256 seeds",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_before_training(
    arguments: list[str], message: str, refused: Callable[[Sequence[str], str], None]
) -> None:
    Path("file").write_text("no folder")
    refused([*SMALL, *arguments], message)
    Path("tiny.toml").write_text(TINY)
    if "--seeds" not in arguments:
        refused(["sweep", "tiny.toml", "--workers", "1", *arguments], message)


@pytest.mark.parametrize("command", [SMALL, ["sweep", "tiny.toml", "--workers", "1"]], ids=["train", "sweep"])
def test_without_the_extra_one_line_names_it(
    command: list[str], monkeypatch: pytest.MonkeyPatch, refused: Callable[[Sequence[str], str], None]
) -> None:
    Path("tiny.toml").write_text(TINY)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.delattr("torch.utils.tensorboard", raising=False)
    refused([*command, "--tensorboard", "board"], "pip install 'twopeaks[tensorboard]'")


# --- a sweep -------------------------------------------------------------------------------------------


@pytest.fixture
def finished(tmp_path: Path, single: Runtime) -> Iterator[list[Finished]]:
    """Two cells, the second stored in two parts."""
    plan, found = Plan(steps=20, every=10), []
    (tmp_path / "runs").mkdir()
    for n, parts in ((10, [(0, 1)]), (20, [(0,), (1,)])):
        setting = standard("Z5", n, 8)
        runs = [train(setting, seeds, plan, single) for seeds in parts]
        folders = tuple(save(tmp_path / "runs", setting, plan, one, Provenance(single.describe(), 1.0)) for one in runs)
        found.append(Finished(Cell(setting, (0, 1), plan), folders))
    yield found


def test_each_finished_cell_of_a_sweep_is_written_once(
    finished: list[Finished], single: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    from twopeaks.sim.sweep.shards import Place

    place, boards = Place(Path("runs"), single), SweepBoards(Path("board"), "float32")

    def go() -> dict[Path, int]:
        with screen(place, "tiny", [], boards=boards) as tally:
            for cell in finished:
                tally.finished(cell)
        return {path: path.stat().st_mtime_ns for path in Path("board").rglob("*")}

    before = go()
    for cell in finished:
        name = run_name(cell.cell.setting, cell.cell.plan, (0, 1), "float32")
        check(Path("board") / name, cell.load().records)
    assert len(list(Path("board").iterdir())) == 2
    assert go() == before
    assert capsys.readouterr().err == ""


def test_a_damaged_cell_is_left_to_the_sweep_and_a_full_disk_is_noted(
    finished: list[Finished], single: Runtime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from twopeaks.sim.sweep.shards import Place

    (finished[0].folders[0] / "curves.npz").write_bytes(b"torn")
    boards = SweepBoards(Path("board"), "float32")
    boards.write(finished[0])
    assert not Path("board").exists()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensorboard_files, "_write", full)
    with screen(Place(Path("runs"), single), "tiny", [], boards=boards) as tally:
        for cell in (finished[1], finished[1]):
            tally.finished(cell)
    line = "note: event files could not be written (No space left on device); the sweep goes on without\n"
    assert capsys.readouterr().err == line


def test_the_command_sweep_writes_them(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tiny.toml").write_text(TINY)
    assert run(["sweep", "tiny.toml", "--workers", "1", "--tensorboard", "board"]) == 0
    assert capsys.readouterr().err == ""
    runs = Path("twopeaks-sweep-tiny/runs")
    assert {path.name for path in Path("board").iterdir()} == {path.name for path in runs.iterdir()}
    for folder in Path("board").iterdir():
        check(folder, load(runs / folder.name).records)
