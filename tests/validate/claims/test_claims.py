"""Estimates, verdicts, and findings that are kept: every rule by which a claim is judged."""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from scipy.integrate import quad
from scipy.stats import ttest_1samp

from tests.places import RESULTS
from twopeaks.sim.network.runtime import Runtime
from twopeaks.theory.equations import labels
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import named
from twopeaks.theory.landscape.ascent import ascend, random_nodes
from twopeaks.theory.landscape.landscape import Landscape, all_pairs
from twopeaks.validate.claims.claim import Claim, Finding, Form, Outcome, Sample, Series, estimate, judge, outcome_of
from twopeaks.validate.claims.code import code_digest
from twopeaks.validate.claims.examine import Basis, examine, set_aside
from twopeaks.validate.claims.exams import CLAIMS, flatness, lazy, pick, transition, variants
from twopeaks.validate.claims.laboratory import Laboratory
from twopeaks.validate.claims.words import allowed, counts, measured, summary
from twopeaks.validate.measured.files import finite

VALUES = (0.31, 0.52, 0.48, 0.61, 0.44)


def form(low: float | None, high: float | None, quantity: str = "q") -> Form:
    return Form(name="printed", prediction="something", quantity=quantity, low=low, high=high)


def claim(*forms: Form, examination=None, name: str = "fake") -> Claim:
    return Claim(
        id=name,
        statement="It is so.",
        source="somebody",
        equations=(),
        measure="by looking",
        forms=forms,
        examine=examination or (lambda lab: finding(VALUES)),
    )


def finding(values: tuple[float | None, ...], kind="mean") -> Finding:
    return Finding(samples={"q": Sample(values=values, kind=kind)}, budget="one network", settings=("0" * 16,))


def verdict(low: float | None, high: float | None, values: tuple[float | None, ...], kind="mean") -> str:
    (judged,) = judge(claim(form(low, high)), finding(values, kind))
    return judged.verdict


# --- estimate ------------------------------------------------------------------------------------------


def test_the_interval_of_a_mean_is_students() -> None:
    found = estimate(Sample(values=VALUES))
    interval = ttest_1samp(VALUES, 0.0).confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(VALUES))
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert (found.seeds, found.missing) == (5, 0)


@pytest.mark.parametrize("successes", [1, 3, 6])
def test_the_interval_of_a_rate_is_jeffreys(successes: int) -> None:
    """Posterior under the prior p^-1/2 (1 - p)^-1/2, integrated numerically: a fortieth of it lies on either side."""
    found = estimate(Sample(values=tuple(float(i < successes) for i in range(7)), kind="rate"))

    def mass(low: float, high: float) -> float:
        return quad(lambda p: p ** (successes - 0.5) * (1 - p) ** (6.5 - successes), low, high)[0]

    assert found.value == pytest.approx(successes / 7)
    assert [mass(0, found.low) / mass(0, 1), mass(found.high, 1) / mass(0, 1)] == pytest.approx([1 / 40, 1 / 40])


def test_rates_of_none_and_all_are_closed() -> None:
    none, every = (estimate(Sample(values=(share,) * 7, kind="rate")) for share in (0.0, 1.0))
    assert (none.low, every.high) == (0.0, 1.0)
    assert none.high == pytest.approx(1 - every.low)


@pytest.mark.parametrize("gap", [None, math.nan, math.inf, -math.inf])
def test_up_to_a_fifth_may_be_missing(gap: float | None) -> None:
    some, more = estimate(Sample(values=(*VALUES[:4], gap))), estimate(Sample(values=(*VALUES[:4], gap, gap)))
    assert (some.value, some.seeds, some.missing) == (pytest.approx(np.mean(VALUES[:4])), 5, 1)
    assert (more.value, more.low, more.high, more.seeds, more.missing) == (None, None, None, 6, 2)


def test_missing_rates_do_not_count_as_failures() -> None:
    assert estimate(Sample(values=(1.0, 1.0, 1.0, 1.0, None), kind="rate")).value == 1.0


@pytest.mark.parametrize("values", [(), (0.5,), (0.5, 0.5)])
def test_two_values_are_too_few(values: tuple[float, ...]) -> None:
    assert estimate(Sample(values=values)).value is None


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = estimate(Sample(values=(2.0, 2.0, 2.0)))
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)


def test_no_number_of_seeds_beats_the_resolution() -> None:
    found, blurred = estimate(Sample(values=VALUES)), estimate(Sample(values=VALUES, resolution=0.25))
    assert (blurred.low, blurred.high) == pytest.approx((found.low - 0.25, found.high + 0.25))
    assert estimate(Sample(values=(2.0,) * 9, resolution=0.5)).low == 1.5


def test_the_crossing_is_known_no_better_than_the_gap_between_sizes(
    single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks that grok from 58.3 pairs on: the gap 58 … 64 is halved twice, to 58 … 60, and bounds the interval."""
    monkeypatch.setattr(transition, "_SIZES", {11: (52, 58, 64, 70, 76)})
    monkeypatch.setattr(
        transition, "_grokked", lambda lab, cell, steps: [float(cell.task.samples > n) for n in (58.1, 58.3, 58.4)]
    )
    found = transition._crossing(Laboratory((0, 1, 2), False, single))
    assert len(found.settings) == 7
    density = estimate(found.samples["density 11"])
    assert density.high - density.low >= 2 / 121
    assert density.low * 121 <= 58.3 <= density.high * 121


@pytest.mark.parametrize(("name", "wanted"), [("Z7", {2}), ("S3", {0, 3}), ("Q8", {0, 6})])
def test_flat_directions_are_counted_at_nodes_near_a_peak(name: str, wanted: set[int]) -> None:
    group, rng = named(name), np.random.default_rng(0)
    peaks = ascend(Landscape(group, all_pairs(group)), random_nodes(40, 2 * group.order, rng)).nodes
    near = peaks + 0.01 * rng.normal(size=peaks.shape)
    scaled = rng.uniform(0.5, 2, (len(near), 1)) * near + rng.normal(size=(len(near), 1))
    found, expected = flatness._flat_directions(group, scaled.T)
    assert set(expected) == wanted
    assert (found == expected).all()


def test_mixed_nodes_have_another_number_of_flat_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two frequencies in equal parts: no peak; its saddle falls, rises and is flat along two phases more."""
    monkeypatch.setattr(flatness, "_PURE", 0.4)
    k = 2 * np.pi * np.arange(7) / 7
    found, expected = flatness._flat_directions(named("Z7"), np.tile(np.cos(k) + np.cos(2 * k), 2)[:, None])
    assert found[0] != expected[0]


def test_layers_are_told_apart_between_the_kept_steps() -> None:
    steps = np.array([0.0, 10.0, 110.0])
    left = np.array([[[1.0, 0.9, 0.1], [1.0, 0.4, 0.3]], [[1.0, 1.2, 0.2], [1.0, 0.5, 0.0]]])
    found = variants._halfway(steps, left)
    assert found == pytest.approx(np.array([[60.0, 10 * 5 / 6], [80.0, 10.0]]))


def test_flows_start_from_every_seed_in_full_and_from_three_in_quick(
    single: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def recorded(setting: object, seeds: tuple[int, ...], *rest: object, **more: object) -> None:
        started.append(len(seeds))
        raise ArithmeticError

    for module in (lazy, transition):
        monkeypatch.setattr(module, "snapshots", recorded)
    for quick, expected in ((False, 12), (True, 3)):
        lab = Laboratory(tuple(range(12)), quick, single)
        for start in (
            lambda lab=lab: lazy._flow_peaks(lab, None, []),
            lambda lab=lab: transition._slow_flow(lab, None),
        ):
            with pytest.raises(ArithmeticError):
                start()
        assert started == [expected] * 2
        started.clear()


# --- judge ---------------------------------------------------------------------------------------------

INTERVAL = ttest_1samp(VALUES, 0.0).confidence_interval(0.95)  # 0.335 to 0.609


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.3, 0.7, "supported"),
        (0.3, None, "supported"),
        (None, 0.7, "supported"),
        (0.7, 0.9, "refuted"),
        (0.1, 0.3, "refuted"),
        (0.7, None, "refuted"),
        (None, 0.3, "refuted"),
        (0.5, None, "undecided"),
        (None, 0.5, "undecided"),
        (0.4, 0.5, "undecided"),
        (0.4, 0.9, "undecided"),
        (0.1, 0.4, "undecided"),
    ],
)
def test_the_interval_decides(low: float | None, high: float | None, expected: str) -> None:
    assert verdict(low, high, VALUES) == expected


def test_bounds_belong_to_the_range() -> None:
    assert verdict(2.0, 2.0, (2.0, 2.0, 2.0)) == "supported"
    assert verdict(2.0, None, (2.0, 2.0, 2.0)) == "supported"
    assert verdict(np.nextafter(2.0, 3.0), None, (2.0, 2.0, 2.0)) == "refuted"
    assert verdict(None, 0.25, (0.0, 0.0, 0.0, 0.0, 0.0), "rate") == "undecided"
    assert verdict(INTERVAL.low, INTERVAL.high, VALUES) == "supported"


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (None, 5.0), (7.0, None)])
def test_without_an_estimate_nothing_is_decided(bounds: tuple[float | None, float | None]) -> None:
    assert verdict(*bounds, (0.5, 0.5, None, None)) == "undecided"


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=8), st.floats(-10, 10), st.floats(0, 10))
def test_a_wider_range_never_turns_support_into_refutation(values: list[float], low: float, width: float) -> None:
    narrow, wide = (verdict(low - more, low + width + more, tuple(values)) for more in (0.0, 1.0))
    assert (narrow, wide) not in {("supported", "refuted"), ("supported", "undecided"), ("undecided", "refuted")}


def test_each_form_is_judged_on_its_own_quantity() -> None:
    found = Finding(
        samples={"a": Sample(values=(1.0, 1.0, 1.0)), "b": Sample(values=(9.0, 9.0, 9.0))}, budget="", settings=()
    )
    judged = judge(claim(form(0.0, 2.0, "a"), form(0.0, 2.0, "b")), found)
    assert [j.verdict for j in judged] == ["supported", "refuted"]


def outcome(*bounds: tuple[float | None, float | None], name: str = "fake") -> Outcome:
    made = claim(*(form(*b) for b in bounds), name=name)
    return outcome_of(made, finding(VALUES), (0, 1, 2, 3, 4), 2.0)


YES, NO, OPEN = (0.0, 1.0), (2.0, 3.0), (0.5, None)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ([YES, YES], "supported"),
        ([YES, NO], "refuted"),
        ([OPEN, NO], "refuted"),
        ([YES, OPEN], "undecided"),
        ([OPEN], "undecided"),
    ],
)
def test_overall_one_refuted_form_refutes(bounds: list[tuple[float | None, float | None]], expected: str) -> None:
    assert outcome(*bounds).verdict == expected


# --- words ---------------------------------------------------------------------------------------------


def test_counts_are_of_claims_and_of_forms() -> None:
    found = [outcome(YES, NO), outcome(YES), outcome(OPEN)]
    assert counts(found) == {
        "claims": {"supported": 1, "refuted": 1, "undecided": 1},
        "forms": {"supported": 2, "refuted": 1, "undecided": 1},
    }
    assert summary(found) == (
        "3 claims: 1 supported, 1 refuted, 1 undecided; 4 forms: 2 supported, 1 refuted, 1 undecided. 6 s"
    )
    assert summary([outcome(YES)]).startswith("1 claim: 1 supported, 0 refuted, 0 undecided; 1 form: 1 supported")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (VALUES, "0.47 [0.34, 0.61]"),
        (tuple(100 * v for v in VALUES), "47 [34, 61]"),
        (tuple(1e-4 * v for v in VALUES), "4.72e-05 [3.35e-05, 6.09e-05]"),
        ((102.0, 102.0, 102.0), "102 [102, 102]"),
        ((0.0, 0.0, 0.0), "0 [0, 0]"),
        ((1.0, None, None), "none: 2 of 3 missing"),
        ((1.0, 2.0), "none: 2 values"),
    ],
)
def test_a_measured_value_has_two_digits_of_its_interval(values: tuple[float | None, ...], words: str) -> None:
    assert measured(estimate(Sample(values=values))) == words


def test_ranges_say_which_side_is_open() -> None:
    assert [allowed(form(*b)) for b in ((0.95, 1.05), (0.95, None), (None, 0.05))] == [
        "0.95 to 1.05",
        "≥ 0.95",
        "≤ 0.05",
    ]


# --- findings on disk ----------------------------------------------------------------------------------


def test_a_finding_survives_json() -> None:
    found = Finding(
        samples={"a": Sample(values=(1.0, None, 0.1 + 0.2)), "b": Sample(values=(0.0, 1.0, None), kind="rate")},
        budget="Z7",
        settings=("abc", "def"),
        series=(
            Series(name="measured", x=(1.0, 2.0), y=(3.0, 4.0), low=(2.0, 3.0), high=(4.0, 5.0)),
            Series(name="predicted", x=(1.0,), y=(3.0,)),
        ),
        axes=("step", "share"),
        notes="note",
    )
    assert Finding.model_validate_json(json.dumps(found.model_dump())) == found


@pytest.mark.parametrize("name", ["claims", "clock-quick"])
def test_stored_outcomes_are_written_as_they_were_read(name: str) -> None:
    text = (RESULTS / "claims" / f"{name}.json").read_text()
    content = json.loads(text)
    content["claims"] = [Outcome.model_validate(entry).model_dump() for entry in content["claims"]]
    assert json.dumps(finite(content), indent=1) == text


@pytest.mark.parametrize("name", ["claims", "clock-quick"])
def test_stored_findings_are_judged_as_they_were_in_the_words_of_today(name: str) -> None:
    claims = {real.id: real for real in CLAIMS}
    for entry in json.loads((RESULTS / "claims" / f"{name}.json").read_text())["claims"]:
        stored = Outcome.model_validate(entry)
        again = outcome_of(claims[stored.id], stored.finding, stored.seeds, stored.seconds, stored.runtime)
        assert [form.verdict for form in again.forms] == [form.verdict for form in stored.forms]
        assert (again.statement, again.measure, again.verdict) == (stored.statement, stored.measure, stored.verdict)
        for form, before in zip(again.forms, stored.forms, strict=True):
            assert form.model_dump(exclude={"estimate"}) == before.model_dump(exclude={"estimate"})
            assert form.estimate.model_dump() == pytest.approx(before.estimate.model_dump(), rel=1e-12, abs=1e-15)


NO_RECORDS = {
    "no bound": (Form, {"name": "printed", "prediction": "so", "quantity": "q"}, "lower or an upper bound"),
    "bounds crossed": (Form, {"name": "printed", "prediction": "so", "quantity": "q", "low": 2, "high": 1}, "is above"),
    "another name": (Form, {"name": "guessed", "prediction": "so", "quantity": "q", "low": 2}, "'printed'"),
    "nothing predicted": (Form, {"name": "printed", "prediction": "", "quantity": "q", "low": 2}, "at least 1"),
    "unknown field": (Sample, {"values": (1.0,), "colour": "red"}, "Extra inputs"),
    "words": (Sample, {"values": ("a",)}, "valid number"),
    "another kind": (Sample, {"values": (), "kind": "median"}, "'mean'"),
}


@pytest.mark.parametrize(("kind", "fields", "message"), NO_RECORDS.values(), ids=NO_RECORDS)
def test_what_makes_no_sense_is_refused(kind: type[BaseModel], fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        kind(**fields)


def test_records_are_frozen_and_claims_need_forms_and_an_id_that_a_command_takes() -> None:
    one = claim(form(*YES))
    with pytest.raises(ValidationError, match="frozen"):
        one.id = "other"
    with pytest.raises(ValidationError, match="at least 1"):
        claim()
    with pytest.raises(ValidationError, match="pattern"):
        claim(form(*YES), name="Two Words")


class Counting:
    """An examination that counts its calls."""

    def __init__(self, found: Finding) -> None:
        self.calls = 0
        self.found = found

    def __call__(self, lab: Laboratory) -> Finding:
        self.calls += 1
        if lab.progress is not None:
            lab.progress(1)
        return self.found


def run(claims: list[Claim], out: Path, runtime: Runtime, seeds=(0, 1, 2), quick: bool = True) -> list[Outcome]:
    return examine(claims, seeds, quick, runtime, out, lambda name: None)


def kept(out: Path) -> list[str]:
    """Names of the findings in a folder, without the fingerprint of their examination."""
    return sorted(re.sub(r"[0-9a-f]{8}\.json$", "*.json", path.name) for path in (out / "findings").iterdir())


def test_a_kept_finding_is_not_measured_again(tmp_path: Path, single: Runtime) -> None:
    counting = Counting(finding(VALUES))
    one = claim(form(*YES), examination=counting)
    first, second = run([one], tmp_path, single), run([one], tmp_path, single)
    assert counting.calls == 1
    assert first == second
    assert first[0].runtime == single.describe()
    assert kept(tmp_path) == ["fake-quick-0-3-*.json"]


@pytest.mark.parametrize("other", [{"seeds": (1, 2, 3)}, {"seeds": (0, 1, 2, 3)}, {"quick": False}])
def test_another_budget_is_measured_anew(other: dict[str, object], tmp_path: Path, single: Runtime) -> None:
    counting = Counting(finding(VALUES))
    one = claim(form(*YES), examination=counting)
    run([one], tmp_path, single)
    run([one], tmp_path, single, **other)
    assert counting.calls == 2


def test_another_examination_is_measured_anew(tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code that measures belongs to the name of what it found; how it is written does not."""
    counting = Counting(finding(VALUES))
    for number, text in enumerate(("WIDTH = 1\n", '"""Wide."""\nWIDTH = 1  # why\n', "WIDTH = 2\n")):
        edited = tmp_path / f"{number}.py"
        edited.write_text(text)
        monkeypatch.setattr(sys.modules[__name__], "__file__", str(edited))
        run([claim(form(*YES), examination=counting)], tmp_path, single)
    assert counting.calls == 2
    assert kept(tmp_path) == ["fake-quick-0-3-*.json"] * 2


@pytest.mark.parametrize("change", [{"dtype": "float64"}, {"device": "cuda:0"}])
def test_another_dtype_or_device_is_measured_anew(change: dict[str, str], tmp_path: Path, single: Runtime) -> None:
    counting = Counting(finding(VALUES))
    one = claim(form(*YES), examination=counting)
    other = replace(single, **change)  # nothing is trained here, so the device need not be there
    run([one], tmp_path, single)
    assert set_aside([one], Laboratory((0, 1, 2), True, other), tmp_path) == ["fake"]
    assert counting.calls == 1
    run([one], tmp_path, other)
    assert counting.calls == 2
    assert set_aside([one], Laboratory((0, 1, 2), True, other), tmp_path) == []


def test_threads_and_the_number_of_a_device_change_nothing(tmp_path: Path, single: Runtime) -> None:
    one = claim(form(*YES), examination=Counting(finding(VALUES)))
    names = {
        Basis.of(one, Laboratory((0, 1, 2), True, replace(single, **change))).file(one)
        for change in ({"device": "cuda:0"}, {"device": "cuda:1"}, {"device": "cuda:0", "threads": 7})
    }
    assert len(names) == 1


def test_seeds_that_begin_alike_are_told_apart(tmp_path: Path, single: Runtime) -> None:
    counting = Counting(finding(VALUES))
    one = claim(form(*YES), examination=counting)
    for seeds in ((0, 1, 2), (0, 1, 5)):
        run([one], tmp_path, single, seeds)
    assert counting.calls == 2


def test_findings_of_version_0_1_are_set_aside_and_kept(tmp_path: Path, single: Runtime) -> None:
    """Their names hold a digest of the text of one file; what else they rest on is not known."""
    old = tmp_path / "findings" / "fake-quick-0-3-0123abcd.json"
    old.parent.mkdir()
    old.write_text(json.dumps({"finding": finding((9.0, 9.0, 9.0)).model_dump(), "seconds": 1.0, "runtime": {}}))
    before, counting = old.read_bytes(), Counting(finding(VALUES))
    claims = [claim(form(*YES), examination=counting, name=name) for name in ("fake", "fake-too")]
    assert set_aside(claims, Laboratory((0, 1, 2), True, single), tmp_path) == ["fake"]
    outcomes = run(claims, tmp_path, single)
    assert (counting.calls, outcomes[0].finding.samples["q"].values, old.read_bytes()) == (2, VALUES, before)
    assert set_aside(claims, Laboratory((0, 1, 2), True, single), tmp_path) == []


def test_a_kept_finding_says_what_it_rests_on(tmp_path: Path, single: Runtime) -> None:
    one = claim(form(*YES), examination=Counting(finding(VALUES)))
    run([one], tmp_path, single)
    (path,) = (tmp_path / "findings").iterdir()
    content = json.loads(path.read_text())
    code = code_digest(Path(__file__))
    assert list(content) == ["finding", "seconds", "runtime", "basis"]
    assert content["basis"] == {
        **{"budget": "quick", "seeds": [0, 1, 2], "dtype": single.dtype, "device": "cpu", "code": code}
    }


def test_an_examination_that_breaks_leaves_its_claim_undecided_and_the_others_go_on(
    tmp_path: Path, single: Runtime
) -> None:
    def broken(lab: Laboratory) -> Finding:
        raise ArithmeticError("it never converged")

    claims = [claim(form(*YES), examination=broken, name="a"), claim(form(*YES), name="b")]
    outcomes = run(claims, tmp_path, single)
    assert [outcome.verdict for outcome in outcomes] == ["undecided", "supported"]
    assert outcomes[0].finding.notes == "could not be measured: it never converged"
    assert outcomes[0].finding.samples["q"].values == (None,) * 3
    assert kept(tmp_path) == ["b-quick-0-3-*.json"]


def test_the_verdict_is_not_kept(tmp_path: Path, single: Runtime) -> None:
    one = claim(form(*YES), examination=Counting(finding(VALUES)))
    assert run([one], tmp_path, single)[0].verdict == "supported"
    assert run([one.model_copy(update={"forms": (form(*NO),)})], tmp_path, single)[0].verdict == "refuted"


def test_progress_is_told_by_name(tmp_path: Path, single: Runtime) -> None:
    told: list[tuple[str, int]] = []
    claims = [claim(form(*YES), examination=Counting(finding(VALUES)), name=name) for name in ("a", "b")]
    examine(claims, (0, 1, 2), True, single, tmp_path, lambda name: lambda done: told.append((name, done)))
    assert told == [("a", 1), ("b", 1)]


def test_an_interrupt_keeps_what_was_found_and_no_half_of_the_rest(tmp_path: Path, single: Runtime) -> None:
    def stop(lab: Laboratory) -> Finding:
        raise KeyboardInterrupt

    counting = Counting(finding(VALUES))
    claims = [claim(form(*YES), examination=counting, name="a"), claim(form(*YES), examination=stop, name="b")]
    with pytest.raises(KeyboardInterrupt):
        run(claims, tmp_path, single)
    assert kept(tmp_path) == ["a-quick-0-3-*.json"]
    run(claims[:1], tmp_path, single)
    assert counting.calls == 1


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, single: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        run([claim(form(*YES))], tmp_path, single)
    assert list((tmp_path / "findings").iterdir()) == []


def test_numbers_that_are_not_finite_are_missing_in_the_file(tmp_path: Path, single: Runtime) -> None:
    curve = Series(name="measured", x=(1.0, 2.0), y=(np.float64("nan"), 4.0), low=(np.nan, 3.0), high=(np.nan, 5.0))
    found = finding((0.5, 0.5, 0.5, 0.5, np.float32("nan"))).model_copy(update={"series": (curve,)})
    (got,) = run([claim(form(*YES), examination=Counting(found))], tmp_path, single)
    assert got.finding.samples["q"].values == (0.5, 0.5, 0.5, 0.5, None)
    assert math.isnan(got.finding.series[0].y[0])
    assert "NaN" not in next((tmp_path / "findings").iterdir()).read_text()


BAD = {
    "torn": '{"finding": {"samp',
    "empty": "",
    "other": "[1, 2]",
    "no seconds": json.dumps({"finding": finding(VALUES).model_dump()}),
    "quantity gone": json.dumps(
        {"finding": Finding(samples={"p": Sample(values=VALUES)}, budget="", settings=()).model_dump(), "seconds": 1}
    ),
    "words": json.dumps({"finding": finding(VALUES).model_dump(), "seconds": 1}).replace("0.31", '"a"'),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_kept_finding_that_cannot_be_used_is_named_before_training(
    content: str, tmp_path: Path, single: Runtime
) -> None:
    counting = Counting(finding(VALUES))
    claims = [claim(form(*YES), examination=counting, name=name) for name in ("a", "b")]
    run(claims[1:], tmp_path, single)
    (path,) = (tmp_path / "findings").iterdir()
    path.write_text(content)
    counting.calls = 0
    with pytest.raises(InputError, match=r"b-quick-0-3-\w+\.json must be a finding of the claim b, .*delete it"):
        run(claims, tmp_path, single)
    assert counting.calls == 0
    assert path.read_text() == content


def test_data_of_an_outcome_is_json() -> None:
    data = json.loads(json.dumps(outcome(YES, NO).model_dump()))
    assert data["verdict"] == "refuted"
    assert [f["verdict"] for f in data["forms"]] == ["supported", "refuted"]
    assert data["forms"][0]["quantity"] == "q"
    assert data["forms"][0]["estimate"]["seeds"] == 5
    assert outcome(YES).model_copy(update={"seconds": 1.26}).model_dump()["seconds"] == 1.3


# --- the claims ----------------------------------------------------------------------------------------


def test_there_are_claims_with_ids_of_their_own() -> None:
    assert len(CLAIMS) >= 18
    assert len({c.id for c in CLAIMS}) == len(CLAIMS)


@pytest.mark.parametrize("real", CLAIMS, ids=lambda c: c.id)
def test_every_claim_says_what_must_come_out(real: Claim) -> None:
    assert all(text.strip() for text in (real.id, real.statement, real.source, real.measure))
    assert real.id == real.id.lower().strip().replace(" ", "-")
    assert real.forms
    for f in real.forms:
        assert f.name in ("printed", "corrected", "derived here", "claimed")
        assert f.prediction.strip()
        assert f.quantity.strip()
        assert f.low is not None or f.high is not None
        assert f.low is None or f.high is None or f.low < f.high


@pytest.mark.parametrize("real", CLAIMS, ids=lambda c: c.id)
def test_every_claim_rests_on_equations_that_exist(real: Claim) -> None:
    assert set(real.equations) <= set(labels())


def test_picking_keeps_the_order_of_the_ids_and_drops_repeats() -> None:
    first, second = CLAIMS[1].id, CLAIMS[0].id
    assert [c.id for c in pick(CLAIMS, [first, second, first])] == [first, second]
    assert pick(CLAIMS, []) == list(CLAIMS)
    with pytest.raises(InputError, match="claim must be one of the claims' ids, got 'nope'"):
        pick(CLAIMS, ["nope"])
