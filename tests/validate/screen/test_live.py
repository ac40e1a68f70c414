"""Training as it is seen on a terminal: what is drawn is what was measured, and nothing of it touches the run."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console
from rich.live import Live
from rich.text import Text

from tests.processes import pieces
from tests.specs import TINY
from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage.checkpoint import Checkpoints
from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.storage.store import Provenance, save
from twopeaks.sim.sweep.cells import Cell, Finished
from twopeaks.sim.sweep.shards import Place
from twopeaks.sim.training.loop import Reports, packs, train, train_members
from twopeaks.theory.setting import Network, Optimizer, Setting, Task, standard
from twopeaks.validate.cli.app import run
from twopeaks.validate.measured.detect import transition_steps
from twopeaks.validate.measured.series import Series
from twopeaks.validate.screen.canvas import Canvas
from twopeaks.validate.screen.chart import compact, framed, sparkline, step_ticks
from twopeaks.validate.screen.curves import BINS, LiveCurves
from twopeaks.validate.screen.live import moving
from twopeaks.validate.screen.run_picture import run_picture
from twopeaks.validate.screen.sweep_charts import SweepCharts, transition_lines
from twopeaks.validate.screen.sweep_screen import Screen, Tally, screen
from twopeaks.validate.screen.terminal import status_bar
from twopeaks.validate.screen.training import RunView, prediction

Floats = NDArray[np.float64]
Row = tuple[list[int], int, dict[str, Floats]]

#: The dots of a Braille character by the numbers that Unicode gives them, from the top left, row by row.
NUMBERS = ((1, 4), (2, 5), (3, 6), (7, 8))


def dots(lines: Sequence[object]) -> NDArray[np.bool_]:
    """Read back what is drawn, from the characters alone."""
    rows = []
    for line in map(str, lines):
        codes = [ord(c) - 0x2800 for c in line]
        rows += [[bool(code >> (n - 1) & 1) for code in codes for n in pair] for pair in NUMBERS]
    return np.array(rows)


# --- canvas --------------------------------------------------------------------------------------------


def test_a_straight_line_is_where_it_should_be() -> None:
    canvas = Canvas(10, 5)  # 20 by 20 dots
    canvas.curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    drawn = dots(canvas.lines())
    assert drawn.shape == (20, 20)
    for column in range(20):
        assert drawn[19 - column, column]
    assert np.array_equal(drawn, canvas.dots)


@pytest.mark.parametrize("seed", range(5))
def test_points_of_a_curve_are_read_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns, rows = (int(v) for v in rng.integers(8, 60, 2))
    canvas, x, y = Canvas(columns, rows), np.arange(2 * columns) / (2 * columns - 1), rng.random(2 * columns)
    canvas.curve(x, y)
    drawn = dots(canvas.lines())
    levels = np.rint((1 - y) * (4 * rows - 1)).astype(int)
    assert drawn[levels, np.arange(2 * columns)].all()
    for c in range(1, 2 * columns):  # a column is one stroke, from the level before it to its own, and no more
        found = np.flatnonzero(drawn[:, c])
        assert (found[0], found[-1]) == (min(levels[c - 1], levels[c]), max(levels[c - 1], levels[c]))
        assert len(found) == found[-1] - found[0] + 1


def test_lines_drawn_together_are_those_drawn_one_by_one() -> None:
    rng = np.random.default_rng(0)
    x, ys = np.sort(rng.random(7)), rng.random((4, 7)) * 1.4 - 0.2
    ys[1, 2] = np.nan
    together, alone = Canvas(20, 6), Canvas(20, 6)
    together.curve(x, ys)
    for y in ys:
        alone.curve(x, y)
    assert np.array_equal(together.dots, alone.dots)


def test_what_is_missing_is_passed_over_and_a_dashed_line_is_part_of_it() -> None:
    whole, holed, dashed, nothing = (Canvas(12, 4) for _ in range(4))
    x, y = np.linspace(0, 1, 9), np.linspace(0.2, 0.9, 9)
    whole.curve(x, y)
    holed.curve(x, np.where(np.arange(9) == 4, np.nan, y))
    dashed.curve(x, y, dashed=True)
    nothing.curve(x, np.full(9, np.nan))
    assert np.array_equal(whole.dots, holed.dots)
    assert (whole.dots | ~dashed.dots).all()
    assert 0 < dashed.dots.sum() < whole.dots.sum()
    assert not nothing.dots.any()


def test_a_cell_belongs_to_the_last_curve_that_crosses_it() -> None:
    canvas, ends = Canvas(6, 3), np.array([0.0, 1.0])
    canvas.curve(ends, np.array([0.1, 0.1]), "red")  # the second row of dots from below
    canvas.curve(np.array([0.5, 1.0]), np.array([0.0, 0.0]), "blue")
    canvas.curve(np.array([0.5, 1.0]), np.array([0.2, 0.2]), "blue")
    spans = [(span.start, span.end, span.style) for span in canvas.lines()[-1].spans]
    assert spans == [(0, 3, "red"), (3, 6, "blue")]
    drawn = dots(canvas.lines())
    assert drawn[10].tolist() == [True] * 6 + [False] * 6
    assert drawn[11].tolist() == drawn[9].tolist() == [False] * 6 + [True] * 6


def test_marks_and_uprights() -> None:
    canvas = Canvas(10, 5)
    canvas.point(0.0, 1.0)
    canvas.point(1.0, 0.0)
    canvas.upright(0.5, low=0.25, high=0.75)
    canvas.upright(1.5)
    expected = np.zeros((20, 20), dtype=bool)
    expected[:2, :2] = expected[-2:, -2:] = True
    expected[6:15:2, 10] = True
    assert np.array_equal(dots(canvas.lines()), expected)


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([0.0, 7.0, 3.5, np.nan], "▁█▅ "),
        ([2.0, 2.0], "▁▁"),
        ([np.nan, np.nan], "  "),
        ([], ""),
    ],
)
def test_sparklines(values: list[float], drawn: str) -> None:
    assert sparkline(np.array(values, dtype=np.float64)) == drawn


# --- what an observer of training is told --------------------------------------------------------------

GROKS = Setting(
    task=Task(group="Z7", samples=46), network=Network(width=64), optimizer=Optimizer(lr=2e-2, weight_decay=1e-3)
)
PLAN = Plan(steps=300, every=10, patience=50)


def bits(one: Records, other: Records) -> bool:
    same = all(np.array_equal(one.curves[name], other.curves[name], equal_nan=True) for name in one.curves)
    return same and one.ends == other.ends and np.array_equal(one.steps, other.steps)


class Told:
    """An observer that spoils what it is given, as no observer should."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def __call__(self, places: Sequence[int], step: int, values: Mapping[str, Floats]) -> None:
        self.rows.append((list(places), step, {name: its.copy() for name, its in values.items()}))
        for its in values.values():
            its[:] = 7.0

    def check(self, records: Records) -> None:
        """Everything in the records was told once, and nothing else."""
        curves = {name: np.full_like(its, np.nan) for name, its in records.curves.items()}
        for places, step, values in self.rows:
            for name, its in values.items():
                at = places, int(np.flatnonzero(records.steps == step)[0])
                assert np.isnan(curves[name][at]).all()
                curves[name][at] = its
        assert all(np.array_equal(curves[n], records.curves[n], equal_nan=True) for n in curves)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("tile_bytes", [30_000, 10**8], ids=["packs", "pack"])
def test_the_same_bits_with_an_observer(threads: int, tile_bytes: int, single: Runtime) -> None:
    runtime = replace(single, threads=threads, tile_bytes=tile_bytes)
    plan = Plan(steps=250, every=10, patience=50, probes=("gradient",))
    assert (len(packs(GROKS, range(4), runtime)) == 1) == (threads == 1 and tile_bytes == 10**8)
    told = Told()
    records = train(GROKS, range(4), plan, runtime, Reports(observer=told))
    assert bits(records, train(GROKS, range(4), plan, runtime))
    assert len(set(records.counts.tolist())) > 1
    told.check(records)


def test_members_of_unequal_size_are_told_by_their_places(single: Runtime) -> None:
    members = [(standard("Z7", n, 24), seed) for seed, n in enumerate((40, 10, 44, 11))]
    told = Told()
    told.check(train_members(members, Plan(steps=20, every=5), single, Reports(observer=told)))
    assert sorted(tuple(places) for places, *_ in told.rows[:1]) != [(0, 1, 2, 3)]


def test_after_an_interruption_the_earlier_part_is_told_first(tmp_path: Path, single: Runtime) -> None:
    def stop(places: Sequence[int], step: int, values: Mapping[str, Floats]) -> None:
        if step == 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(GROKS, range(3), PLAN, single, Reports(observer=stop), Checkpoints(tmp_path / "c", 0))
    told, checkpoint = Told(), Checkpoints(tmp_path / "c", 0)
    records = train(GROKS, range(3), PLAN, single, Reports(observer=told), checkpoint)
    assert max(checkpoint.resumed.values()) >= 140
    assert [step for _, step, _ in told.rows] == records.steps.tolist()
    told.check(records)
    assert bits(records, train(GROKS, range(3), PLAN, single))


# --- what is kept of it --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_transitions_so_far_are_those_of_the_curves_so_far(seed: int) -> None:
    """Against `validate.measured.detect`, which reads whole curves, after each record of curves that come and go."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.choice([25, 50, 100], 30)) - 25  # so that records lie just where the hold of t_grok ends
    plan, members = Plan(steps=int(steps[-1]), every=1), 6
    live = LiveCurves(members, plan)
    curves = {name: np.where(rng.random((members, 30)) < 0.8, 1.0, 0.5) for name in ("train_accuracy", "test_accuracy")}
    curves["train_loss"] = np.ones((members, 30))
    counts = rng.integers(1, 31, members)
    for values in curves.values():
        values[np.arange(30) >= counts[:, None]] = np.nan
    for r in range(30):
        live(range(members), int(steps[r]), {name: values[:, r] for name, values in curves.items()})
        here = Records(
            *(np.arange(members), steps[: r + 1], np.minimum(counts, r + 1), ("budget",) * members),
            {name: values[:, : r + 1] for name, values in curves.items()},
        )
        for name, found in transition_steps(here).items():
            assert live.since[name].tolist() == [-1 if step is None else step for step in found]
    assert live.training.tolist() == (counts == 30).tolist()


@pytest.mark.parametrize("spacing", ["linear", "log"])
def test_curves_lie_where_their_steps_are(spacing: str, single: Runtime) -> None:
    plan = Plan(steps=1000, every=50 if spacing == "linear" else 9, spacing=spacing)  # type: ignore[arg-type]
    records = train(standard("Z5", 20, 8), range(2), plan, single)
    live = LiveCurves.of(records, plan)
    assert live.steps.tolist() == [1000, 1000]
    assert live.bin(1000) == BINS - 1
    for r, step in enumerate(records.steps.tolist()):
        share = step / 1000 if spacing == "linear" else np.log10(max(1, step)) / 3
        place = round(share * (BINS - 1))
        if r == len(records.steps) - 1 or live.bin(int(records.steps[r + 1])) != place:
            assert live.curves["train_loss"][:, place].tolist() == records.curves["train_loss"][:, r].tolist()


# --- the picture ---------------------------------------------------------------------------------------


def grown(members: int = 8, steps: int = 3000, upto: int = 1500, spacing: str = "linear") -> LiveCurves:
    """Half of a run whose members memorise at step 150 and grok from 900 on, one after the other."""
    live = LiveCurves(members, Plan(steps=steps, every=50 if spacing == "linear" else 20, spacing=spacing))  # type: ignore[arg-type]
    for step in live.plan.record_steps():
        if step <= upto:
            test = np.clip((step - 700 - 100 * np.arange(members)) / 200, 0.02, 1)
            row = {"train_accuracy": np.full(members, min(1, step / 150)), "test_accuracy": test}
            live(range(members), int(step), row | {"train_loss": np.full(members, 1 / (1 + step))})
    return live


@pytest.mark.parametrize("spacing", ["linear", "log"])
@pytest.mark.parametrize("members", [1, 8, 80])
def test_the_picture_fits_any_terminal(members: int, spacing: str) -> None:
    live = grown(members, spacing=spacing)
    for width in (1, 5, 20, 40, 80, 200):
        for height in (1, 2, 8, 11, 24, 60):
            lines = run_picture(live, "Z23: a heading that is rather long for some", "and a remark", width, height)
            assert 1 <= len(lines) <= max(1, height)
            assert max(line.cell_len for line in lines) <= width


def test_the_picture_says_what_is_so() -> None:
    lines = [str(line) for line in run_picture(grown(), "heading", "remark", 80, 22)]
    assert lines[:2] == ["heading", "remark"]
    assert lines[-1] == "memorised 8/8 at ~150, grokked 7/8 at ~1,200, loss 6.7e-04"
    assert lines[2].startswith("accuracy: ━ test  ╍ train, medians of 8; ── test, each")
    chart = [line[6:] for line in lines if line[5] in "│┤"]
    drawn = dots(chart)
    assert not drawn[:, drawn.shape[1] // 2 + 2 :].any()  # half of the steps are done
    assert drawn[0, 20 : drawn.shape[1] // 2 : 4].all()  # memorised, dashed at the top
    assert lines[-3].split() == ["0", "750", "1.5k", "2.25k", "3k"]


def test_before_the_first_record_the_picture_is_empty() -> None:
    lines = run_picture(LiveCurves(3, Plan(steps=10, every=1)), "heading", "", 60, 20)
    assert str(lines[-1]) == "memorised 0/3, grokked 0/3"


def test_members_that_stopped_count_with_what_they_had() -> None:
    live, ones = LiveCurves(3, Plan(steps=100, every=10)), np.ones(3)
    live(range(3), 0, {"train_accuracy": ones, "test_accuracy": ones, "train_loss": ones})
    row = np.array([np.nan, np.nan, 0.0])
    live(range(3), 10, {"train_accuracy": row, "test_accuracy": row, "train_loss": row})
    lines = [str(line) for line in run_picture(live, "", "", 80, 20)]
    assert "2/3 have stopped, loss 1.0e+00" in lines[-1]


@pytest.mark.parametrize(
    ("steps", "labels"), [(1000, ["1k", "100", "10", "1"]), (5000, ["1k", "100", "10", "1"]), (1, ["1"])]
)
def test_decades_are_marked_where_records_are_log_spaced(steps: int, labels: list[str]) -> None:
    plan = Plan(steps=steps, every=5, spacing="log")
    ticks = step_ticks(plan, 60)
    assert list(ticks.values()) == labels
    assert all(place == pytest.approx(LiveCurves(1, plan).position(10 ** (len(ticks) - 1 - i)))
               for i, place in enumerate(ticks))  # fmt: skip


def test_labels_never_overlap() -> None:
    for columns in range(4, 80):
        lines = framed(Canvas(columns, 4), {p / 10: compact(1234 * p) for p in range(11)})
        words = str(lines[-1]).split()
        assert len(lines[-1]) == columns + 6
        assert set(words) <= {compact(1234 * p) for p in range(11)}


def test_large_numbers_are_short() -> None:
    assert [compact(v) for v in (0, 950, 1500, 2_000_000, 3e9)] == ["0", "950", "1.5k", "2M", "3G"]


def test_a_prediction_is_named_where_one_holds() -> None:
    assert prediction(standard("Z23", 264, 256)) == "n = 264 is 1.41 n_c of heights-shared (187.7)"
    assert prediction(standard("Z5", 20, 8)) == ""
    assert prediction(standard("Z149", 264, 256)) == ""  # of a group this large it would take its time
    random = Setting(task=Task(group="Z23", samples=264, labels="random"), network=Network(width=256))
    assert prediction(random) == ""


@pytest.mark.parametrize("width", [24, 40, 63, 64, 80, 200])
def test_progress_is_one_line(width: int) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=24, legacy_windows=False)
    bar = status_bar(console)
    bar.advance(bar.add_task("", total=10**7), 5 * 10**6)
    (line,) = console.render_lines(bar, console.options, pad=False)
    assert "50%" in "".join(segment.text for segment in line)


def test_frames_are_drawn_in_place_and_the_cursor_comes_back() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, height=24, legacy_windows=False)
    view = RunView(GROKS, PLAN, 2, console)
    with pytest.raises(RuntimeError, match="while it draws"), view.shown():
        view.advance(300)
        view.curves([0, 1], 0, {n: np.full(2, 0.5) for n in ("train_accuracy", "test_accuracy", "train_loss")})
        raise RuntimeError("while it draws")
    shown = out.getvalue()
    assert shown.index("\x1b[?25l") < shown.rindex("\x1b[?25h")
    assert "\x1b[2J" not in shown  # a screen that is wiped flickers
    assert "memorised 0/2, grokked 0/2" in shown
    assert "50%" in shown


def test_nothing_goes_on_drawing_once_a_run_has_ended() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, legacy_windows=False)
    before = threading.active_count()
    with moving(Live(get_renderable=lambda: Text("a frame"), console=console, auto_refresh=False)):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    assert "a frame" in console.file.getvalue()  # type: ignore[attr-defined]


# --- the command ---------------------------------------------------------------------------------------

TRAIN = ["train", "--group", "Z7", "--width", "48", "--threads", "1", "--steps", "60", "--every", "20", "--seeds", "3"]


def on_a_terminal(
    arguments: list[str],
    size: tuple[int, int] = (80, 24),
    act: Callable[[subprocess.Popen[bytes], bytes], None] = lambda *_: None,
) -> tuple[int, str]:
    """Run a command where all that it says goes to a terminal of so many columns and rows."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    names = ("COLUMNS", "LINES", "NO_COLOR", "TERM")
    environment = {k: v for k, v in os.environ.items() if k not in names} | {"TERM": "xterm", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "twopeaks", *arguments]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as process:
        os.close(slave)
        shown = b""
        for piece in pieces(master):
            shown += piece
            act(process, shown)
    os.close(master)
    return process.returncode, shown.decode(errors="replace")


def test_ctrl_c_gives_the_terminal_back_and_keeps_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "--group", "Z7", "--width", "48", "--threads", "1", "--seeds", "3", "--samples", "40"]
    arguments += ["--steps", "1000000", "--every", "10", "--out", "kept", "--checkpoint-seconds", "0", "--live"]

    sent: list[int] = []

    def interrupt(process: subprocess.Popen[bytes], shown: bytes) -> None:
        if b"memorised 3/3" in shown and not sent:
            sent.append(signal.SIGINT)
            process.send_signal(signal.SIGINT)

    code, shown = on_a_terminal(arguments, (60, 16), interrupt)
    assert code == 130
    assert "accuracy:" in shown
    assert re.search("[\u2801-\u28ff]", shown)
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert "interrupted; checkpoints up to step" in shown
    assert "Traceback" not in shown
    # two are kept; a third if Ctrl-C came after a new one was whole and before the oldest had gone
    assert 2 <= len(list(Path("kept").glob("*.unfinished/*.ckpt"))) <= 3


def test_without_a_terminal_a_note_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([*TRAIN, "--samples", "40", "--out", "kept", "--live"]) == 0
    said = capsys.readouterr()
    assert said.err == "note: --live is left out: standard error is no terminal\n"
    assert "of 3 grokked" in said.out


@pytest.mark.parametrize(
    ("environment", "reason"),
    [({"TERM": "dumb"}, "cannot move its cursor"), ({"PYTHONIOENCODING": "ascii"}, "shows ascii, not UTF-8")],
    ids=["dumb", "ascii"],
)
def test_a_terminal_that_cannot_show_it(
    environment: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from twopeaks.validate.screen import live as live_screen

    class Terminal(io.StringIO):
        encoding = environment.get("PYTHONIOENCODING", "utf-8")

        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", environment.get("TERM", "xterm"))
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert live_screen.drawable() is None
    assert reason in sys.stderr.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("flag", ["--status", "--dry-run"])
@pytest.mark.parametrize("view", [["--live"], ["--tensorboard", "board"]], ids=lambda view: view[0])
def test_a_view_of_nothing_is_refused(
    flag: str, view: list[str], tmp_path: Path, refused: Callable[[Sequence[str], str], None]
) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    refused(["sweep", "tiny.toml", flag, *view], f"{view[0]} must be left out with {flag}")


# --- a sweep -------------------------------------------------------------------------------------------

GROKKED = {160: (0, 8), 180: (2, 8), 200: (7, 8), 220: (8, 8)}
RATES = Series(standard("Z23", 200, 64), Plan(steps=100, every=10), GROKKED)


def test_the_transition_is_drawn_where_it_is() -> None:
    lines = [str(line) for line in transition_lines(RATES, ["samples"], 60, 8)]
    assert re.fullmatch(r"Z23: n_c ~18[0-9](\.\d)?, in 180 … 200", lines[0])
    assert max(map(len, lines)) <= 60
    assert lines[-1].split() == ["160", "180", "200", "220"]
    drawn = dots([line[6:] for line in lines[1:-2]])
    low, span = 160 - 0.06 * 60, 60 + 2 * 0.06 * 60
    for n, (k, m) in RATES.rates.items():
        row, column = round((1 - k / m) * (drawn.shape[0] - 1)), round((n - low) / span * (drawn.shape[1] - 1))
        assert drawn[min(row, drawn.shape[0] - 2), column]


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ({160: (0, 8)}, "n_c above 160"),
        ({160: (8, 8)}, "n_c at most 160"),
        ({160: (0, 8), 170: (1, 8)}, "n_c above 170"),
    ],
)
def test_before_there_is_a_transition_it_is_bounded(rates: dict[int, tuple[int, int]], words: str) -> None:
    assert str(transition_lines(replace(RATES, rates=rates), [], 60, 8)[0]) == f"Z23: {words}"


def test_charts_of_a_sweep_fit_any_terminal(single: Runtime) -> None:
    charts, plan = SweepCharts(["samples"]), Plan(steps=20, every=10)
    assert charts.drawn([], 80, 24) == []
    for n in (10, 15, 20):
        setting = standard("Z5", n, 8)
        charts.add(Cell(setting, (0, 1), plan), train(setting, [0, 1], plan, single), 0)
    found = [Series(standard("Z5", 20, 8), plan, {10: (0, 2), 15: (0, 2), 20: (1, 2)})]
    for width in (5, 30, 72, 80, 160):
        for height in (1, 6, 7, 10, 40):
            lines = charts.drawn(found, width, height)
            assert len(lines) <= height
            assert all(line.cell_len <= width for line in lines)
    wide = [str(line) for line in charts.drawn(found, 100, 12)]
    assert "newest: n = 20, 0/2 grokked; test, train" in wide[0]


def test_a_live_sweep_draws_what_has_finished(tmp_path: Path, single: Runtime) -> None:
    plan, out = Plan(steps=20, every=10), io.StringIO()
    place = Place(tmp_path, single)
    console = Console(file=out, force_terminal=True, width=100, height=30, legacy_windows=False)
    with Live(console=console, auto_refresh=False) as live:
        drawn = Screen(place, "tiny", ["samples"], live, None, SweepCharts(["samples"]))
        for n in (10, 20):
            setting = standard("Z5", n, 8)
            records = train(setting, [0, 1], plan, single)
            folder = save(tmp_path, setting, plan, records, Provenance(single.describe(), 1.0))
            drawn.finished(Finished(Cell(setting, (0, 1), plan), (folder,)))
        drawn.tick()
    shown = out.getvalue()
    assert "newest: n = 20, 0/2 grokked; " in shown
    assert "Z5: n_c above 20" in shown
    assert "10: 0/2  20: 0/2" in shown  # the table is there as well


def test_a_live_sweep_without_a_terminal_says_so(
    tmp_path: Path, single: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    with screen(Place(tmp_path, single), "tiny", [], live=True) as tally:
        assert type(tally) is Tally
    assert capsys.readouterr().err == "note: --live is left out: standard error is no terminal\n"
