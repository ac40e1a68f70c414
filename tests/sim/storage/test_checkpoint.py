"""Whatever cuts a run short: it goes on as if nothing had, and what is wrong with a checkpoint is said by name."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests import killing
from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.storage import archive, checkpoint, locks, store
from twopeaks.sim.storage.checkpoint import Checkpoints, InUseError, PackCheckpoints
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.training.learner import Learner
from twopeaks.sim.training.loop import Reports, train
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Network, Optimizer, Setting, Task
from twopeaks.validate.cli.app import run

FAST = Optimizer(lr=1e-2, weight_decay=1e-3)
SETTING = Setting(task=Task(group="Z7", samples=44), network=Network(width=64), optimizer=FAST)
PATIENT = Plan(steps=400, every=10, patience=20)
SHORT = Plan(steps=40, every=10)
SMALL = Setting(task=Task(group="Z5", samples=15), network=Network(width=8), optimizer=FAST)


class Killed(BaseException):
    """Training ends here, without a chance to tidy up."""


def same(a: Records, b: Records) -> None:
    """Equal to the last bit."""
    for x, y in ((a.seeds, b.seeds), (a.steps, b.steps), (a.counts, b.counts)):
        assert x.tolist() == y.tolist()
    assert a.ends == b.ends
    assert list(a.curves) == list(b.curves)
    for name, values in a.curves.items():
        assert values.tobytes() == b.curves[name].tobytes(), name


def dying(after: int) -> Callable[[Learner], None]:
    """A step of a learner that dies in this many updates, counted over all packs."""
    left, step = [after], Learner.step

    def stepping(learner: Learner) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        step(learner)

    return stepping


def cut_short(
    folder: Path, after: int, *, setting: Setting = SMALL, seeds: range = range(2), plan: Plan = SHORT, runtime: Runtime
) -> None:
    """Leave the checkpoints of a run that died so many updates on, one for each step."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Learner, "step", dying(after))
        train(setting, seeds, plan, runtime, checkpoint=Checkpoints(folder, 0))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def newest(folder: Path) -> Path:
    return max(folder.glob("*.ckpt"), key=lambda path: path.name)


# --- going on is as if nothing had happened -------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_resumed_equals_uninterrupted_also_when_members_have_stopped(
    dtype: Any, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = resolve("cpu", dtype, threads, tile_bytes=1 << 15)  # one or two members a pack
    straight = train(SETTING, range(5), PATIENT, runtime)
    assert set(straight.ends) == {"patience", "budget"}
    assert len(set(straight.counts)) > 2
    dead, rng = 0, np.random.default_rng(threads)
    monkeypatch.setattr(PackCheckpoints, "due", lambda _: rng.random() < 0.05)
    while True:
        kept = Checkpoints(tmp_path / "run")
        try:
            with monkeypatch.context() as patch:
                patch.setattr(Learner, "step", dying(150))
                resumed = train(SETTING, range(5), PATIENT, runtime, checkpoint=kept)
            break
        except Killed:
            dead += 1
    assert dead > 3
    assert kept.history["resumed_from_steps"]
    assert kept.notes == []
    same(resumed, straight)


VARIANTS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": {"name": "sgd", "lr": 0.5, "momentum": 0.9}},
    "adamw": {"optimizer": {"name": "adamw", "lr": 1e-2}},
    "muon": {"optimizer": {"name": "muon", "lr": 2e-2, "lr_v": 1e-3}},
    "deep": {"network": {"layers": 3, "residual": True, "activation": "relu"}},
    "complex": {"network": {"weights": "complex"}},
    "ridge": {"network": {"readout": "ridge"}},
    "diverging": {"optimizer": {"name": "sgd", "lr": 1.0, "weight_decay": 0}},
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("after", [0, 17, 20, 33])
def test_every_optimizer_and_network_resumes_exactly(
    variant: dict[str, Any], after: int, tmp_path: Path, single: Runtime
) -> None:
    parts = {"network": {"width": 8}, **variant}
    parts["network"] = {"width": 8, **parts["network"]}
    setting = Setting.model_validate({"task": {"group": "Z5", "samples": 15}, **parts})
    straight = train(setting, range(3), SHORT, single)
    cut_short(tmp_path / "run", after, setting=setting, seeds=range(3), runtime=single)
    kept = Checkpoints(tmp_path / "run")
    same(train(setting, range(3), SHORT, single, checkpoint=kept), straight)
    assert kept.resumed == {0: after}


@hypothesis_settings(deadline=None, max_examples=20, derandomize=True)
@given(
    group=st.sampled_from(["Z5", "S3", "Z2xZ2"]),
    activation=st.sampled_from(["x^2", "relu", "tanh"]),
    loss=st.sampled_from(["mse", "cross-entropy"]),
    name=st.sampled_from(["sgd", "adam", "muon"]),
    lr=st.floats(1e-3, 1.0),
    every=st.integers(1, 9),
    patience=st.none() | st.integers(0, 10),
    members=st.integers(1, 4),
    data=st.data(),
)
def test_any_run_cut_short_anywhere_resumes_exactly(
    group: str,
    activation: str,
    loss: str,
    name: str,
    lr: float,
    every: int,
    patience: int | None,
    members: int,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    order = Task(group=group, samples=1).resolve().order
    content = {
        "task": {"group": group, "samples": data.draw(st.integers(1, order**2))},
        "network": {"width": data.draw(st.integers(1, 12)), "activation": activation},
        "optimizer": {"name": name, "lr": lr},
        "loss": loss,
    }
    setting, plan = Setting.model_validate(content), Plan(steps=30, every=every, patience=patience)
    runtime = resolve("cpu", "float64", threads=1)
    straight = train(setting, range(members), plan, runtime)
    folder = tmp_path_factory.mktemp("any")
    after = data.draw(st.integers(0, int(straight.steps[-1])))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "step", dying(after))
        try:
            train(setting, range(members), plan, runtime, checkpoint=Checkpoints(folder, 0))
        except Killed:
            patch.undo()
    same(train(setting, range(members), plan, runtime, checkpoint=Checkpoints(folder)), straight)


def test_packs_that_ended_are_not_trained_again(
    tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(SMALL, range(2), SHORT, single, checkpoint=Checkpoints(tmp_path / "run"))
    monkeypatch.setattr(Learner, "step", dying(0))
    monkeypatch.setattr(Learner, "__init__", dying(0))
    same(train(SMALL, range(2), SHORT, single, checkpoint=Checkpoints(tmp_path / "run")), first)


def test_the_interval_is_kept_and_nothing_is_written_before_its_end(
    tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, step, written = [0.0], Learner.step, []

    def slow_step(learner: Learner) -> None:
        step(learner)
        clock[0] += 1.0

    def counted(path: Path, facts: dict[str, Any], arrays: Any) -> None:
        written.append(facts["step"])
        write(path, facts, arrays)

    write = archive.write
    straight = train(SMALL, range(2), SHORT, single)
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(Learner, "step", slow_step)
    monkeypatch.setattr(archive, "write", counted)
    same(train(SMALL, range(2), SHORT, single, checkpoint=Checkpoints(tmp_path / "run", 15)), straight)
    assert written == [15, 30, 40]
    assert names(tmp_path / "run") == ["pack-00000-0000000030.ckpt", "pack-00000-0000000040.ckpt"]


def test_progress_of_both_calls_adds_up_to_the_budget(tmp_path: Path, single: Runtime) -> None:
    cut_short(tmp_path / "run", 17, runtime=single)
    told: list[int] = []
    train(SMALL, range(2), SHORT, single, Reports(told.append), Checkpoints(tmp_path / "run"))
    assert told[0] == 2 * 10
    assert sum(told) == 2 * 40


def test_time_before_an_interruption_is_known(tmp_path: Path, single: Runtime) -> None:
    cut_short(tmp_path / "run", 17, runtime=single)
    spent = archive.facts(newest(tmp_path / "run"))["seconds"]
    kept = Checkpoints(tmp_path / "run")
    train(SMALL, range(2), SHORT, single, checkpoint=kept)
    assert 0 < spent == kept.seconds_before < 60
    assert kept.history == {"resumed_from_steps": [17], "seconds_before": round(spent, 3), "notes": []}


def test_a_run_without_interruptions_has_no_history(tmp_path: Path, single: Runtime) -> None:
    kept = Checkpoints(tmp_path / "run")
    train(SMALL, range(2), SHORT, single, checkpoint=kept)
    assert kept.history == {}


def test_discard_leaves_nothing_of_ours_and_everything_else(tmp_path: Path, single: Runtime) -> None:
    for stranger in (False, True):
        cut_short(tmp_path / "run", 17, runtime=single)
        (tmp_path / "run" / "lock").touch()
        (tmp_path / "run" / "pack-00000-0000000018.ckpt.1234.part").touch()
        if stranger:
            (tmp_path / "run" / "notes.txt").touch()
        Checkpoints(tmp_path / "run").discard()
        assert names(tmp_path) == (["run"] if stranger else [])
    assert names(tmp_path / "run") == ["notes.txt"]
    Checkpoints(tmp_path / "never made").discard()


# --- what is wrong is named, and nothing is lost --------------------------------------------------------


def truncated(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [truncated, flipped, lambda _: b"", lambda content: bytes(len(content))])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    damage: Callable[[bytes], bytes], tmp_path: Path, single: Runtime
) -> None:
    straight = train(SMALL, range(2), SHORT, single)
    cut_short(tmp_path / "run", 17, runtime=single)
    torn = newest(tmp_path / "run")
    torn.write_bytes(damage(torn.read_bytes()))
    kept = Checkpoints(tmp_path / "run", 0)
    same(train(SMALL, range(2), SHORT, single, checkpoint=kept), straight)
    assert kept.resumed == {0: 16}
    assert kept.notes == [f"{torn} is damaged (its digest is not that of its content) and was not used"]
    assert names(tmp_path / "run") == ["pack-00000-0000000039.ckpt", "pack-00000-0000000040.ckpt"]


def test_where_all_are_damaged_the_run_starts_again(tmp_path: Path, single: Runtime) -> None:
    cut_short(tmp_path / "run", 17, runtime=single)
    for path in (tmp_path / "run").iterdir():
        path.write_bytes(flipped(path.read_bytes()))
    kept = Checkpoints(tmp_path / "run")
    same(train(SMALL, range(2), SHORT, single, checkpoint=kept), train(SMALL, range(2), SHORT, single))
    assert (len(kept.notes), kept.resumed) == (2, {})


def test_a_checkpoint_that_rots_after_the_first_look_is_named_too(
    tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_short(tmp_path / "run", 17, runtime=single)
    last, read = newest(tmp_path / "run"), archive.read

    def rotten(path: Path) -> Any:
        if path == last:
            raise archive.DamagedError("Input/output error")
        return read(path)

    monkeypatch.setattr(archive, "read", rotten)
    kept = Checkpoints(tmp_path / "run")
    same(train(SMALL, range(2), SHORT, single, checkpoint=kept), train(SMALL, range(2), SHORT, single))
    assert kept.resumed == {0: 16}
    assert "Input/output error" in kept.notes[0]


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "setting": ({"setting": SMALL.model_copy(update={"loss": "cross-entropy"})}, "setting"),
    "seeds": ({"seeds": range(1, 3)}, r"seeds \(\[0, 1\], now \[1, 2\]\)"),
    "plan": ({"plan": Plan(steps=41, every=10)}, "plan"),
    "dtype": ({"runtime": resolve("cpu", "float64", threads=1)}, r"dtype \(float32, now float64\)"),
    "threads": (
        {"runtime": resolve("cpu", "float32", threads=2)},
        r"packs \(\[2\], now \[1, 1\]\), threads \(1, now 2\)",
    ),
    "tiles": ({"runtime": resolve("cpu", "float32", threads=1, tile_bytes=1 << 20)}, "tile_bytes"),
}


@pytest.mark.parametrize(("other", "named"), OTHERS.values(), ids=OTHERS)
def test_checkpoints_of_another_run_are_refused_and_left_alone(
    other: dict[str, Any], named: str, tmp_path: Path, single: Runtime
) -> None:
    cut_short(tmp_path / "run", 17, runtime=single)
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    call = {"setting": SMALL, "seeds": range(2), "plan": SHORT, "runtime": single, **other}
    with pytest.raises(InputError, match=f"ckpt must be a checkpoint of this run, got .other {named}"):
        train(**call, checkpoint=Checkpoints(tmp_path / "run"))
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


@pytest.mark.parametrize("facts", [{"schema": 2, "new": "field"}, {"something": "else"}])
def test_a_newer_schema_is_refused_and_left_alone(facts: dict[str, Any], tmp_path: Path, single: Runtime) -> None:
    cut_short(tmp_path / "run", 17, runtime=single)
    newer = tmp_path / "run" / "pack-00000-0000000020.ckpt"
    archive.write(newer, facts, {})
    before = names(tmp_path / "run")
    with pytest.raises(InputError, match=r"0020\.ckpt must be a checkpoint of schema 1, got"):
        train(SMALL, range(2), SHORT, single, checkpoint=Checkpoints(tmp_path / "run"))
    assert names(tmp_path / "run") == before


def test_other_versions_are_named(tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_short(tmp_path / "run", 17, runtime=single)
    monkeypatch.setattr(checkpoint, "versions", lambda: {**store.versions(), "torch": "99.0"})
    kept = Checkpoints(tmp_path / "run")
    train(SMALL, range(2), SHORT, single, checkpoint=kept)
    assert "torch (2." in kept.notes[0]
    assert "now 99.0" in kept.notes[0]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT], ids=errno.errorcode.get)
def test_a_disk_that_is_full_or_read_only_for_a_while_costs_nothing(
    number: int, tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, sync = [0], os.fsync

    def failing(descriptor: int) -> None:
        calls[0] += 1
        if 20 <= calls[0] <= 35:
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    straight = train(SMALL, range(2), SHORT, single)
    monkeypatch.setattr(os, "fsync", failing)
    kept = Checkpoints(tmp_path / "run", 0)
    same(train(SMALL, range(2), SHORT, single, checkpoint=kept), straight)
    assert calls[0] > 35
    assert kept.notes == [f"checkpoints could not be written ({os.strerror(number)}); earlier ones were kept"]
    assert names(tmp_path / "run") == ["pack-00000-0000000039.ckpt", "pack-00000-0000000040.ckpt"]


def test_what_was_kept_before_the_disk_was_full_is_gone_on_from(
    tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_short(tmp_path / "run", 17, runtime=single)
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        train(SMALL, range(2), SHORT, single, checkpoint=Checkpoints(tmp_path / "run", 0))
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_a_folder_that_cannot_be_made_or_written_is_refused_before_training(
    tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file/run must be a folder that can be written, got 'Not a directory'"):
        train(SMALL, [0], SHORT, single, checkpoint=Checkpoints(tmp_path / "file" / "run"))

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(InputError, match="must be a folder that can be written, got 'Read-only file system'"):
        train(SMALL, [0], SHORT, single, checkpoint=Checkpoints(tmp_path / "run"))


def test_clocks_decide_nothing(tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = train(SMALL, range(2), SHORT, single)
    cut_short(tmp_path / "run", 17, runtime=single)
    os.utime(newest(tmp_path / "run"), (0, 0))
    backwards = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(backwards)))
    monkeypatch.setattr(time, "time_ns", lambda: next(backwards) * 10**9)
    kept = Checkpoints(tmp_path / "run", 0)
    same(train(SMALL, range(2), SHORT, single, checkpoint=kept), straight)
    assert (kept.resumed, kept.notes) == ({0: 17}, [])
    assert names(tmp_path / "run") == ["pack-00000-0000000039.ckpt", "pack-00000-0000000040.ckpt"]


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_a_senseless_interval_is_refused(seconds: float, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="checkpoint_seconds must be 0 or more"):
        Checkpoints(tmp_path, seconds)


def test_bad_seeds_make_no_folder(tmp_path: Path, single: Runtime) -> None:
    with pytest.raises(InputError, match="seeds must be one or more different integers"):
        train(SMALL, [1, 1], SHORT, single, checkpoint=Checkpoints(tmp_path / "run"))
    assert names(tmp_path) == []


# --- two writers ----------------------------------------------------------------------------------------


def test_of_two_calls_on_one_folder_the_second_is_told_who_holds_it(tmp_path: Path, single: Runtime) -> None:
    refused = []

    def second(_: int) -> None:
        with pytest.raises(InUseError, match=f"run must be free, got 'held by process {os.getpid()} on ") as found:
            train(SMALL, range(2), SHORT, single, checkpoint=Checkpoints(tmp_path / "run", 0))
        refused.append(found)

    same(
        train(SMALL, range(2), SHORT, single, Reports(second), Checkpoints(tmp_path / "run", 0)),
        train(SMALL, range(2), SHORT, single),
    )
    assert len(refused) == 5
    Checkpoints(tmp_path / "run").discard()
    assert names(tmp_path) == []


def test_a_folder_removed_by_its_last_owner_while_it_is_taken_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real, gone = tmp_path / "run", Path.mkdir, []

    def removed_in_between(self: Path, *arguments: Any, **options: Any) -> None:
        if self == folder and not gone:  # os.mkdir found it, and is_dir no longer did
            gone.append(self)
            raise FileExistsError(errno.EEXIST, "File exists", str(self))
        real(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", removed_in_between)
    with Checkpoints(folder).held():
        assert gone and folder.is_dir()


@pytest.mark.parametrize("kind", ["file", "link to nowhere"])
def test_what_is_no_folder_is_refused_not_waited_for(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "run"
    if kind == "file":
        place.write_text("mine")
    else:
        place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="a folder that can be written"), Checkpoints(place).held():
        pass


def test_discard_leaves_a_folder_in_use_to_its_owner(tmp_path: Path, single: Runtime) -> None:
    def other(_: int) -> None:
        Checkpoints(tmp_path / "run").discard()

    kept = Checkpoints(tmp_path / "run", 0)
    train(SMALL, range(2), SHORT, single, Reports(other), kept)
    assert names(tmp_path / "run") == ["pack-00000-0000000039.ckpt", "pack-00000-0000000040.ckpt"]


def test_a_refusal_passes_between_processes(tmp_path: Path) -> None:
    error = InUseError(str(tmp_path), "free", "held", "wait")
    back = multiprocessing.reduction.ForkingPickler.loads(multiprocessing.reduction.ForkingPickler.dumps(error))
    assert (type(back), str(back)) == (InUseError, str(error))


def test_leftovers_of_dead_writers_go_and_those_of_unknown_ones_stay(
    tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "run" / "pack-00000-0000000001.ckpt.12345678.part"
    left.parent.mkdir()
    left.touch()

    def no_locks(*_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as patch:
        patch.setattr(locks.fcntl, "flock", no_locks)
        kept = Checkpoints(tmp_path / "run")
        train(SMALL, range(2), SHORT, single, checkpoint=kept)
    assert kept.notes == ["this file system has no locks: a second process in the same folder would not be noticed"]
    assert left.exists()
    train(SMALL, range(2), SHORT, single, checkpoint=Checkpoints(tmp_path / "run"))
    assert not left.exists()


# --- kills ----------------------------------------------------------------------------------------------

COMMAND = ["train", "--group", "Z5", "--width", "8", "--threads", "1", "--seeds", "2", "--checkpoint-seconds", "0"]


@pytest.fixture(scope="module")
def processes() -> Any:
    """Processes that start fast: they are forked off one that has done the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["twopeaks.sim.training.loop", "twopeaks.validate.cli.train", "tests.killing"])
    return context


def ends_like(straight: Path, root: Path, command: list[str]) -> dict[str, Any]:
    """The command now runs to its end, to the same bits, and leaves nothing else; returns the manifest."""
    assert run([*command, "--out", str(root)]) == 0
    assert names(root) == names(straight)
    first, last = (store.load(next(folder.iterdir())) for folder in (straight, root))
    same(first.records, last.records)
    return last.manifest


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_operation_on_a_file_is_survived_without_litter(
    every: int, tmp_path: Path, processes: Any
) -> None:
    command, straight = [*COMMAND, "--steps", "4", "--every", "2"], tmp_path / "straight"
    assert run([*command, "--out", str(straight)]) == 0
    litter = set()
    for moment in range(1, 1000, every):
        root = tmp_path / str(moment)
        root.mkdir()
        child = processes.Process(target=killing.die_at, args=(moment, str(root), [*command, "--out", str(root)]))
        child.start()
        child.join()
        litter |= {path.suffix or path.name[:9] for path in root.rglob("*") if root.exists()}
        ends_like(straight, root, command)
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
    assert moment > 40
    if every == 1:
        assert {".part", ".ckpt", ".unfinished", "lock", ".writing-", ".writers"} <= litter


@pytest.mark.parametrize("kills", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_random_kills_cost_one_interval_at_most_and_change_no_bit(kills: int, tmp_path: Path, processes: Any) -> None:
    command = [*COMMAND, "--steps", str(20 * kills), "--every", "7"]
    straight, root, rng = tmp_path / "straight", tmp_path / "killed", np.random.default_rng(kills)
    assert run([*command, "--out", str(straight)]) == 0
    reached = [0]
    for _ in range(kills):
        receive, send = processes.Pipe(duplex=False)
        # At most 15 steps a life, so that the last one is not reached on the fastest machine ...
        child = processes.Process(target=killing.tell, args=(send, [*command, "--out", str(root)], 15))
        child.start()
        send.close()
        first = receive.recv()
        assert first >= reached[-1]  # the steps before that one are not done again
        steps = [first, *(receive.recv() for _ in range(rng.integers(1, 5)))]  # ... and some, on the slowest
        time.sleep(rng.uniform(0, 0.02))
        child.kill()
        child.join()
        reached.append(max([*steps, *received(receive)]))
        (folder,) = root.glob("*.unfinished")
        assert archive.facts(newest(folder))["step"] >= reached[-1]
    assert reached[1] < reached[-1] < 20 * kills
    manifest = ends_like(straight, root, command)
    assert max(manifest["history"]["resumed_from_steps"]) >= reached[-1]
    assert manifest["history"]["notes"] == []


def received(connection: Any) -> Iterator[int]:
    with suppress(EOFError):
        while True:
            yield connection.recv()


def test_a_folder_of_a_killed_process_is_free_again(tmp_path: Path, processes: Any) -> None:
    command = [*COMMAND, "--steps", "100000", "--out", str(tmp_path)]
    receive, send = processes.Pipe(duplex=False)
    child = processes.Process(target=killing.tell, args=(send, command))
    child.start()
    receive.recv()
    (folder,) = tmp_path.glob("*.unfinished")
    held = pytest.raises(InUseError, match=f"must be free, got 'held by process {child.pid} on ")
    with held, Checkpoints(folder).opened({}):
        pass
    child.kill()
    child.join()
    assert "lock" in names(folder)
    with pytest.raises(InputError, match="must be a checkpoint of this run"), Checkpoints(folder).opened({}):
        pass
    assert "lock" not in names(folder)


def test_a_writing_that_the_system_cuts_short_is_named_and_leaves_nothing(tmp_path: Path, processes: Any) -> None:
    command = [*COMMAND, "--width", "64", "--steps", "12", "--every", "6"]
    straight, root = tmp_path / "straight", tmp_path / "cramped"
    assert run([*command, "--out", str(straight)]) == 0
    for size, code in ((1_000, 2), (9_000, 0)):  # room for nothing; for records, but not for weights
        child = processes.Process(target=killing.cramp, args=(size, [*command, "--out", str(root)]))
        child.start()
        child.join()
        assert child.exitcode == code
    manifest = ends_like(straight, root, command)
    assert manifest["history"]["notes"] == ["checkpoints could not be written (File too large); earlier ones were kept"]


# --- the command ----------------------------------------------------------------------------------------


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_keeps_the_last_checkpoint_and_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*COMMAND, "--steps", "40", "--out", str(tmp_path)]
    with monkeypatch.context() as patch:
        step, left = Learner.step, [23]

        def stopped(learner: Learner) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            step(learner)

        patch.setattr(Learner, "step", stopped)
        assert run(command) == 130
    said = capsys.readouterr()
    assert said.err == "interrupted; checkpoints up to step 23 are kept; the same command goes on from them\n"
    assert run(command) == 0
    said = capsys.readouterr()
    assert said.err == "note: the run was interrupted and went on from step 23\n"
    (folder,) = tmp_path.iterdir()
    assert store.load(folder).manifest["history"]["resumed_from_steps"] == [23]


def test_ctrl_c_before_the_first_checkpoint_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Learner, "__init__", interrupt)
    assert run([*COMMAND, "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "interrupted; there was no checkpoint yet\n"
    assert names(tmp_path) == []


def test_checkpoints_of_a_run_that_was_kept_are_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*COMMAND, "--steps", "20", "--out", str(tmp_path)]
    assert run(command) == 0
    (folder,) = tmp_path.iterdir()
    left = tmp_path / f"{folder.name}.unfinished"
    left.mkdir()
    (left / "pack-00000-0000000010.ckpt").touch()
    assert run(command) == 0
    assert names(tmp_path) == [folder.name]


def test_when_results_cannot_be_stored_the_training_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*COMMAND, "--steps", "20", "--out", str(tmp_path)]

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(store.np, "savez", full)
        assert run(command) == 2
    said = capsys.readouterr().err
    assert "must be a folder that takes results, got 'No space left on device'" in said
    assert said.count("\n") == 1
    monkeypatch.setattr(Learner, "step", interrupt)
    assert run(command) == 0
    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--checkpoint-seconds", "5"], "--checkpoint-seconds must be left out without --out, got 5.0; add --out DIR"),
        (["--checkpoint-seconds", "-1", "--out", "x"], "checkpoint_seconds must be 0 or more, got -1.0; use e.g. 60"),
    ],
)
def test_senseless_options_are_one_clear_line(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*COMMAND[:-2], *options]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"
