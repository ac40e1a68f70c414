"""Transitions on hand-made curves: reaching, holding, dipping, ending, and padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twopeaks.sim.storage.records import Records
from twopeaks.theory.setting import OBSERVABLES, TRANSITIONS, Transition
from twopeaks.validate.measured.detect import crossing, transition_steps

HELD = Transition("test_accuracy", 0.9, 100)
TOUCHED = Transition("test_accuracy", 0.9, 0)
LOW, HIGH = 0.5, 0.95


def steps(count: int, every: int = 50) -> np.ndarray:
    return every * np.arange(count, dtype=np.float64)


def curve(pattern: str) -> np.ndarray:
    """One value a character: ``.`` below the level, ``#`` above it, ``=`` on it, ``?`` not a number."""
    return np.array([{".": LOW, "#": HIGH, "=": 0.9, "?": np.nan}[c] for c in pattern])


def first_held(pattern: str, event: Transition = HELD) -> int | None:
    """Step of the transition on a curve recorded every 50 steps; a hold of 100 is two records."""
    return crossing(steps(len(pattern)), curve(pattern), event)


# --- one curve -----------------------------------------------------------------------------------------

CURVES: dict[str, tuple[str, int | None]] = {
    "never": ("......", None),
    "reached and kept": ("..####", 100),
    "first record": ("######", 0),
    "on the level": ("..====", 100),
    "dip inside the hold": ("..#.####", 200),
    "dip at the end of the hold": ("..##.###", 250),
    "dip after the hold": ("..###...", 100),
    "two dips inside": (".#.##.###.", 300),
    "held until the end of the run": (".....##", 250),
    "last record": (".....#", 250),
    "dip as last record": ("...##.", None),
    "reached and lost for good": (".##....", None),
    "gap inside the hold": ("..#?####", 200),
    "nothing but gaps": ("????", None),
    "one record above": ("#", 0),
    "one record below": (".", None),
    "no record": ("", None),
}


@pytest.mark.parametrize(("pattern", "step"), CURVES.values(), ids=CURVES.keys())
def test_transition_is_the_first_held_record(pattern: str, step: int | None) -> None:
    assert first_held(pattern) == step


TOUCHES = {
    "touched once": ("..#...", 100),
    "first of two": (".#.#", 50),
    "last record": ("...#", 150),
    "never": ("....", None),
}


@pytest.mark.parametrize(("pattern", "step"), TOUCHES.values(), ids=TOUCHES.keys())
def test_transition_without_hold_is_the_first_record_above(pattern: str, step: int | None) -> None:
    assert first_held(pattern, TOUCHED) == step


def test_hold_counts_steps_and_not_records() -> None:
    recorded = np.array([0.0, 10, 20, 300, 310, 500])
    values = curve(".##.##")
    assert crossing(recorded, values, Transition("test_accuracy", 0.9, 100)) == 10
    assert crossing(recorded, values, Transition("test_accuracy", 0.9, 289)) == 10
    assert crossing(recorded, values, Transition("test_accuracy", 0.9, 290)) == 310


def test_step_is_a_plain_integer() -> None:
    assert type(first_held("..####")) is int


def by_walking(recorded: list[int], above: list[bool], hold: int) -> int | None:
    """The same rule, record by record."""
    since = None
    for step, is_above in zip(recorded, above, strict=True):
        if since is not None and step - since > hold:
            return since
        if not is_above:
            since = None
        elif since is None:
            since = step
    return since


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from([True, True, False])), max_size=14),
    st.integers(0, 12),
)
def test_transition_is_what_a_walk_along_the_curve_finds(records: list[tuple[int, bool]], hold: int) -> None:
    recorded = np.cumsum([gap for gap, _ in records]).astype(int).tolist()
    above = [is_above for _, is_above in records]
    values = np.where(above, HIGH, LOW)
    found = crossing(np.array(recorded, dtype=np.float64), values, Transition("test_accuracy", 0.9, hold))
    assert found == by_walking(recorded, above, hold)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.text("#.", max_size=12), st.integers(0, 6), st.integers(0, 6))
def test_longer_hold_is_never_earlier(pattern: str, hold: int, more: int) -> None:
    short = first_held(pattern, Transition("test_accuracy", 0.9, 50 * hold))
    long = first_held(pattern, Transition("test_accuracy", 0.9, 50 * (hold + more)))
    assert long is None or (short is not None and short <= long)


# --- records of several members ------------------------------------------------------------------------


def records(train: list[str], test: list[str]) -> Records:
    """Members whose curves are patterns of ``#`` (1.0) and ``.`` (0.0), padded to the longest with NaN."""
    length = max(map(len, test))

    def padded(patterns: list[str]) -> np.ndarray:
        rows = [[{"#": 1.0, ".": 0.0}[c] for c in p] + [np.nan] * (length - len(p)) for p in patterns]
        return np.array(rows).reshape(len(patterns), length)

    accuracies = {"train_accuracy": padded(train), "test_accuracy": padded(test)}
    return Records(
        seeds=np.arange(len(test)),
        steps=100 * np.arange(length),
        counts=np.array([len(p) for p in test]),
        ends=("budget",) * len(test),
        curves={name: accuracies.get(name, np.zeros((len(test), length))) for name in OBSERVABLES},
    )


def test_every_member_has_every_transition() -> None:
    found = transition_steps(records(["....", ".###", "####"], ["....", "..##", "####"]))
    assert set(found) == set(TRANSITIONS)
    assert found == {"t_mem": [None, 100, 0], "t_grok": [None, 200, 0]}


def test_memorising_needs_a_touch_and_grokking_a_hold() -> None:
    # t_grok holds for 200 steps, here two records.
    found = transition_steps(records([".#......", ".#......"], ["..##.###", "..###..."]))
    assert found == {"t_mem": [100, 100], "t_grok": [500, 200]}


def test_padding_of_a_member_that_stopped_early_is_not_a_dip() -> None:
    found = transition_steps(records(["..##", ".#######"], ["...#", "........"]))
    assert found == {"t_mem": [200, 100], "t_grok": [300, None]}


def test_member_that_stopped_early_and_low_has_no_transition() -> None:
    assert transition_steps(records(["..", "..##"], ["..", "...#"])) == {"t_mem": [None, 200], "t_grok": [None, 300]}


def test_member_without_any_record_has_no_transition() -> None:
    assert transition_steps(records(["", "####"], ["", "####"])) == {"t_mem": [None, 0], "t_grok": [None, 0]}


@pytest.mark.parametrize(
    ("name", "curve", "level"), [("t_mem", "train_accuracy", 0.99), ("t_grok", "test_accuracy", 0.95)]
)
def test_level_itself_counts_and_less_does_not(name: str, curve: str, level: float) -> None:
    made = records(["...", "..."], ["...", "..."])
    made.curves[curve][:] = np.array([[0, level, level], [0, np.nextafter(level, 0), np.nextafter(level, 0)]])
    assert transition_steps(made)[name] == [100, None]
