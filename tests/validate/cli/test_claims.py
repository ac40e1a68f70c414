"""The command `validate --claims` with two quick claims: files, table, JSON, page, figures, nonsense."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from twopeaks.theory.errors import InputError
from twopeaks.validate.claims import exams
from twopeaks.validate.claims.claim import Claim, Finding, Form, Outcome, Sample, Series, outcome_of
from twopeaks.validate.claims.laboratory import Laboratory
from twopeaks.validate.claims.words import measured
from twopeaks.validate.cli.app import run
from twopeaks.validate.figures.drawing.style import VERDICTS
from twopeaks.validate.figures.of_runs.claims import fig_all_series, fig_series, fig_verdicts
from twopeaks.validate.pages.claims import claims_page
from twopeaks.validate.screen.terminal import open_ended

CALLS: list[str] = []
SMALL = ["--claims", "--quick", "--threads", "1", "--device", "cpu"]


def _first(lab: Laboratory) -> Finding:
    CALLS.append("first")
    values = np.random.default_rng(0).normal(0.5, 0.01, len(lab.seeds))
    curve = Series(name="measured", x=(1.0, 10.0, 100.0), y=(0.1, 0.2, 0.4), low=(0.0, 0.1, 0.3), high=(0.2, 0.3, 0.5))
    law = Series(name="predicted <law>", x=(1.0, 10.0, 100.0), y=(0.1, 0.2, 0.3))
    samples = {
        "share": Sample(values=tuple(values)),
        "far": Sample(values=tuple(100 + values)),
        "some": Sample(values=(None, *values[1:])),
    }
    return Finding(
        samples=samples,
        budget="Z7, K=8",
        settings=("a" * 16,),
        series=(curve, law),
        axes=("step", "share <x>"),
        notes="a note & more",
    )


def _second(lab: Laboratory) -> Finding:
    CALLS.append("second")
    return Finding(
        samples={"rate": Sample(values=(1.0,) * len(lab.seeds), kind="rate")}, budget="Z5, K=4", settings=("b" * 16,)
    )


FAKES = (
    Claim(
        id="first-claim",
        statement="Shares are <b>half</b> & stay so.",
        source="somebody, 2025",
        equations=("lazy.1",),
        measure="by counting",
        forms=(
            Form(name="printed", prediction="share 1/2 within 10%", quantity="share", low=0.45, high=0.55),
            Form(name="corrected", prediction="at most 1", quantity="far", high=1.0),
            Form(name="claimed", prediction="at least [low]", quantity="some", low=0.3),
        ),
        examine=_first,
    ),
    Claim(
        id="second-claim",
        statement="It always works.",
        source="here",
        equations=(),
        measure="by trying",
        forms=(Form(name="derived here", prediction="rate at least 0.5", quantity="rate", low=0.5),),
        examine=_second,
    ),
)


@pytest.fixture(autouse=True)
def two_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    monkeypatch.setattr(exams, "CLAIMS", FAKES)
    monkeypatch.chdir(tmp_path)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["validate", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the command ran; its JSON as printed is in ``printed.json``."""
    folder = tmp_path_factory.mktemp("ran")
    with pytest.MonkeyPatch.context() as patch, (folder / "printed.json").open("w") as out:
        patch.setattr(exams, "CLAIMS", FAKES)
        patch.setattr(sys, "stdout", out)
        patch.chdir(folder)
        assert run(["validate", *SMALL, "--seeds", "4", "--first-seed", "7", "--json", "--out", "o"]) == 0
    return folder


# --- files ---------------------------------------------------------------------------------------------


def test_every_file_is_written_and_none_is_half(ran: Path) -> None:
    out = ran / "o"
    assert sorted(p.name for p in out.iterdir()) == ["claims.csv", "claims.html", "claims.json", "figures", "findings"]
    stems = ("first-claim", "series", "verdicts")
    names = sorted(f"{stem}.{kind}" for stem in stems for kind in ("pdf", "png"))
    assert sorted(p.name for p in (out / "figures").iterdir()) == names
    assert sorted(json.loads((out / "claims.json").read_text())["figures"]) == [f"o/figures/{name}" for name in names]
    assert (out / "figures" / "verdicts.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "figures" / "verdicts.pdf").read_bytes().startswith(b"%PDF")
    assert not [p for p in out.rglob("*") if p.name.startswith(".")]


def test_json_says_everything(ran: Path) -> None:
    told = json.loads((ran / "printed.json").read_text())
    assert told == json.loads((ran / "o" / "claims.json").read_text())
    assert told["counts"] == {
        "claims": {"supported": 1, "refuted": 1, "undecided": 0},
        "forms": {"supported": 2, "refuted": 1, "undecided": 1},
    }
    first, second = told["claims"]
    assert [f["verdict"] for f in first["forms"]] == ["supported", "refuted", "undecided"]
    assert (first["verdict"], second["verdict"]) == ("refuted", "supported")
    assert first["seeds"] == [7, 8, 9, 10]
    assert first["finding"]["samples"]["some"]["values"][0] is None
    assert first["runtime"]["device"] == "cpu"
    assert told["conventions"]["clock"].startswith("step = one full-batch update")
    assert set(told["versions"]) == {"python", "twopeaks", "torch", "numpy"}
    assert told["command"] == (
        "twopeaks validate --claims --quick --seeds 4 --first-seed 7 --device cpu --threads 1 --out o"
    )


def test_the_csv_has_a_row_a_form(ran: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((ran / "o" / "claims.csv").read_text())))
    assert [(r["id"], r["form"], r["verdict"]) for r in rows] == [
        ("first-claim", "printed", "supported"),
        ("first-claim", "corrected", "refuted"),
        ("first-claim", "claimed", "undecided"),
        ("second-claim", "derived here", "supported"),
    ]
    estimated = json.loads((ran / "printed.json").read_text())["claims"][0]["forms"][0]["estimate"]
    assert float(rows[0]["estimate"]) == estimated["value"]
    assert (float(rows[0]["interval_low"]), float(rows[0]["interval_high"])) == (estimated["low"], estimated["high"])
    assert (rows[1]["low"], rows[1]["high"]) == ("", "1.0")
    assert (rows[2]["estimate"], rows[2]["seeds"], rows[2]["missing"]) == ("", "4", "1")


@pytest.mark.parametrize(
    ("arguments", "seeds"),
    [(["--quick"], range(4)), ([], range(10)), (["--seeds", "3", "--first-seed", "5"], range(5, 8))],
)
def test_seeds_are_counted_from_the_first(
    arguments: list[str], seeds: range, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twopeaks.validate.cli.claims.save_figure", lambda figure, stem: [])
    told = json.loads(printed(capsys, "--claims", "second-claim", "--threads", "1", "--json", *arguments))
    assert told["claims"][0]["seeds"] == list(seeds)
    assert CALLS == ["second"]


# --- screen --------------------------------------------------------------------------------------------


def test_a_second_call_trains_nothing_and_shows_every_form_in_plain_text(
    ran: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ran)
    before = (ran / "o" / "claims.json").read_bytes()
    out = printed(capsys, *SMALL, "--seeds", "4", "--first-seed", "7", "--out", "o")
    assert (CALLS, (ran / "o" / "claims.json").read_bytes()) == ([], before)
    assert "\x1b" not in out
    for words in ("first-claim", "✓ supported", "✗ refuted", "? undecided", "at least [low]", "none: 1 of 4 missing"):
        assert words in out
    *_, counted, page = out.splitlines()
    assert counted.startswith("2 claims: 1 supported, 1 refuted, 0 undecided; 4 forms: 2 supported, 1 refuted, 1 und")
    assert page == "page: o/claims.html"


def test_findings_that_rest_on_something_else_are_set_aside_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    old = Path("o/findings/second-claim-quick-0-3-0123abcd.json")
    old.parent.mkdir(parents=True)
    old.write_text("what version 0.1 found")
    arguments = ["validate", *SMALL, "second-claim", "--seeds", "3", "--out", "o"]
    notes = []
    for _ in range(2):
        assert run(arguments) == 0
        notes.append(capsys.readouterr().err)
    assert notes == ["note: findings of second-claim in o/findings rest on other code, dtype or device: not read\n", ""]
    assert (CALLS, old.read_text()) == (["second"], "what version 0.1 found")


def test_the_list_trains_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "--list")
    assert "first-claim" in out
    assert "It always works." in out
    assert [c["id"] for c in json.loads(printed(capsys, "--list", "--json", "second-claim"))] == ["second-claim"]
    assert (CALLS, list(Path.cwd().iterdir())) == ([], [])


def test_progress_is_shown_on_terminals_only(capsys: pytest.CaptureFixture[str]) -> None:
    with open_ended(["a", "b"]) as stage:
        stage("b")(10)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


NONSENSE = {
    "without --claims": ([], "SPEC_OR_STORE must be given, got 'nothing'; give a sweep's SPEC.toml"),
    "ids without --claims": (["first-claim"], "claims go with --claims"),
    "unknown claim": (
        ["--claims", "third"],
        "claim must be one of the claims' ids, got 'third'; use one of first-claim",
    ),
    "unknown claim in a list": (["--list", "third"], "claim must be one of the claims' ids"),
    "no seeds": (["--claims", "--seeds", "0"], "--seeds must be between 1 and 100000"),
    "too few seeds": (["--claims", "--seeds", "2"], "--seeds must be 3 or more, got 2"),
    "negative first seed": (["--claims", "--first-seed", "-1"], "--first-seed must be 0 or more"),
    "unknown device": (["--claims", "--device", "tpu"], "device must be auto, cpu, cuda"),
    "no threads": (["--claims", "--threads", "0"], "threads must be between 1 and 1024"),
    "unwritable folder": (["--claims", "--out", "taken/below"], "--out must be a folder that can be written"),
    "not a number": (["--claims", "--seeds", "many"], "--seeds"),
    "unknown option": (["--claims", "--slow"], "No such option: --slow"),
}


@pytest.mark.parametrize(("arguments", "message"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("taken").write_text("")
    assert run(["validate", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert message in captured.err
    assert (CALLS, [p.name for p in Path.cwd().iterdir()]) == ([], ["taken"])


def test_an_interrupt_keeps_the_findings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(lab: Laboratory) -> Finding:
        raise KeyboardInterrupt

    stopping = FAKES[1].model_copy(update={"id": "stopping", "examine": stop})
    monkeypatch.setattr(exams, "CLAIMS", (FAKES[0], stopping))
    assert run(["validate", "--claims", "--quick", "--threads", "1"]) == 130
    assert "kept and will be used again" in capsys.readouterr().err
    assert [p.name for p in Path("twopeaks-claims").iterdir()] == ["findings"]


def test_help_needs_no_torch() -> None:
    code = "import sys; from twopeaks.validate.cli.app import run; run(['validate', '--help'])"
    code += "; sys.exit('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert shown.returncode == 0
    assert "--claims" in shown.stdout


def test_a_real_claim_end_to_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from twopeaks.validate.claims.exams import lazy

    monkeypatch.setattr(exams, "CLAIMS", lazy.CLAIMS)
    told = json.loads(printed(capsys, *SMALL, "wide-limit", "--seeds", "3", "--json"))
    assert [f["estimate"]["missing"] for f in told["claims"][0]["forms"]] == [0, 0]
    assert Path("twopeaks-claims/figures/wide-limit.png").exists()


# --- page ----------------------------------------------------------------------------------------------


class Structure(HTMLParser):
    """Tags that are open, text by the element it is in, and everything that would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        for name, value in attrs:
            if name == "src" and not (value or "").startswith("data:"):
                self.fetched.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Structure:
    found = Structure()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def outcomes() -> list[Outcome]:
    found = []
    for fake in FAKES:
        finding = fake.examine(Laboratory((0, 1, 2, 3), True, None))  # type: ignore[arg-type]
        found.append(outcome_of(fake, finding, (0, 1, 2, 3), 1.5, {"device": "cpu"}))
    return found


def page_of(found: list[Outcome]) -> Structure:
    figures = {"verdicts": fig_verdicts(found)[0], "first-claim": fig_series(found[0])[0]}
    return parsed(claims_page(found, figures, "twopeaks validate --claims", {"clock": "tau", "threads": 1}))


def test_the_page_shows_every_form_with_its_verdict() -> None:
    found = outcomes()
    text = " ".join(page_of(found).text.split())
    for o in found:
        for told in (o.statement, o.source, o.measure, o.finding.budget, *o.equations):
            assert told in text
        for j in o.forms:
            assert f"{VERDICTS[j.verdict][2]} {j.verdict} {j.name}: {j.prediction}" in text
            assert f"measured {measured(j.estimate)} (95%; n = 4, {j.estimate.missing} missing)" in text
    assert "a note & more" in text
    assert "2 claims: 1 supported, 1 refuted, 0 undecided" in text
    assert "twopeaks validate --claims" in text


def test_refuted_forms_are_listed_like_supported_ones() -> None:
    html = claims_page(outcomes(), {"verdicts": Figure()}, "", {})
    for verdict, entries in (("supported", 2), ("refuted", 1), ("undecided", 1)):
        listed = re.search(rf'<section class="{verdict}" id="{verdict}">(.*?)</section>', html, re.DOTALL)
        assert listed is not None
        assert listed.group(1).count("<li>") == entries
        assert f'href="#{verdict}"><b>{VERDICTS[verdict][2]} {entries}</b>' in html


def test_text_on_the_page_is_text() -> None:
    html = claims_page(outcomes(), {"verdicts": Figure()}, "a <i>command</i>", {"<u>": "<u>"})
    assert not re.search(r"<(b>half|i>|u>)", html)


def test_the_page_fetches_nothing_and_links_within() -> None:
    page = page_of(outcomes())
    assert page.fetched == []
    assert len(set(page.ids)) == len(page.ids)
    assert page.links
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


# --- figures -------------------------------------------------------------------------------------------


def drawn(figure: Figure) -> Figure:
    figure.savefig(io.BytesIO(), format="png", dpi=60)
    return figure


def random_outcomes(count: int) -> list[Outcome]:
    """Ranges and values of all kinds and sizes: open ends, no width, far away, missing."""
    rng, found = np.random.default_rng(7), []
    for i in range(count):
        low, size = float(rng.normal()), float(10.0 ** rng.integers(-4, 5))
        bounds = [(low, low + size), (low, None), (None, low), (low, low)][i % 4]
        values = tuple(low + size * rng.choice([-30, -1, 0, 0.5, 1, 40]) + 0.1 * size * rng.normal(size=4))
        made = Finding(samples={"q": Sample(values=values if i % 9 else (None,) * 4)}, budget="", settings=())
        one = Claim(
            id=f"claim-{i}",
            statement="so",
            source="here",
            equations=(),
            measure="so",
            forms=(Form(name="printed", prediction="so", quantity="q", low=bounds[0], high=bounds[1]),),
            examine=_second,
        )
        found.append(outcome_of(one, made, (0, 1, 2, 3), 1.0))
    return found


def test_places_in_the_figure_agree_with_the_verdicts() -> None:
    found = random_outcomes(60)
    figure, ax = fig_verdicts(found)
    drawn(figure)
    rows: dict[int, tuple[float, float]] = {}
    for line in ax.lines:
        (x0, x1), (y0, y1) = (np.asarray(line.get_xdata())[[0, -1]], np.asarray(line.get_ydata())[[0, -1]])
        if y0 == y1 == round(y0) and line.get_marker() == "None":
            rows[int(y0)] = (x0, x1)
    assert len(rows) == sum(o.forms[0].estimate.value is not None for o in found)
    assert {o.forms[0].verdict for o in found} == {"supported", "refuted", "undecided"}
    for y, (left, right) in rows.items():
        judged = found[y].forms[0]
        low, high = (-1.0 if judged.low is None else 0.0), (2.0 if judged.high is None else 1.0)
        assert -1 <= left <= right <= 2
        if judged.verdict == "supported":
            assert low <= left <= right <= high
        if judged.verdict == "refuted":
            assert right <= low or left >= high


def test_verdicts_have_markers_and_colours_of_their_own() -> None:
    colours, markers, signs = zip(*VERDICTS.values(), strict=True)
    assert all(len(set(kind)) == 3 for kind in (colours, markers, signs))


def test_each_row_has_its_numbers_beside_it() -> None:
    found = outcomes()
    _, ax = fig_verdicts(found)
    texts = {t.get_text() for t in ax.texts}
    assert texts >= {"0.45 to 0.55", "≤ 1", "≥ 0.3", "first-claim", "second-claim"}
    assert texts >= {measured(j.estimate) for o in found for j in o.forms}
    assert [t.get_text() for t in ax.get_yticklabels()][:2] == ["share (printed)", "far (corrected)"]


def test_measured_curves_have_a_band_and_predictions_are_dashed() -> None:
    figure, ax = fig_series(outcomes()[0])
    drawn(figure)
    assert len(ax.collections) == 1
    assert [(line.get_label(), line.get_linestyle()) for line in ax.lines] == [
        ("measured", "-"),
        ("predicted <law>", "--"),
    ]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "10", "100"]


def test_figures_draw_on_given_axes() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert fig_verdicts(outcomes(), left) == (figure, left)
    assert fig_series(outcomes()[0], right) == (figure, right)
    drawn(figure)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_small_figures_are_as_many_as_have_curves(count: int) -> None:
    figure, places = fig_all_series([outcomes()[0]] * count + [outcomes()[1]])
    drawn(figure)
    assert len(places) == len(figure.axes) == count


def test_missing_points_leave_gaps() -> None:
    gap = Series(
        name="measured", x=(1.0, 2.0, 3.0), y=(0.5, np.nan, 0.7), low=(0.4, np.nan, 0.6), high=(0.6, np.nan, 0.8)
    )
    made = Finding(samples={}, budget="", settings=(), series=(gap,), axes=("x", "y"))
    drawn(
        fig_series(
            Outcome(
                **FAKES[1].model_dump(exclude={"forms"}),
                verdict="undecided",
                forms=(),
                finding=made,
                seeds=(0,),
                seconds=1.0,
            )
        )[0]
    )


def test_no_curves_are_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match="second-claim has no curves"):
        fig_series(outcomes()[1])
    with pytest.raises(ValueError, match="none of the claims has curves"):
        fig_all_series([outcomes()[1]])


def test_a_range_without_width_is_drawn() -> None:
    drawn(fig_verdicts(random_outcomes(4))[0])


def test_unknown_ids_are_named() -> None:
    with pytest.raises(InputError, match="'third'"):
        exams.pick(FAKES, ["third"])
