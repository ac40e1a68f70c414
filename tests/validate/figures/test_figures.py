"""Figures for print: drawn from committed results, in every style, legibly, from numbers that stand beside them."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from tests.colour_vision import MATRICES, nearest, seen_lab
from tests.figure_data import table_of_figure
from tests.places import RESULTS, ROOT
from twopeaks.theory.errors import InputError
from twopeaks.validate.cli.app import run
from twopeaks.validate.figures.catalogue import CATALOGUE, entry
from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.drawing.panels import panels
from twopeaks.validate.figures.drawing.print_style import FACES, Columns, Face, sheet
from twopeaks.validate.figures.drawing.style import COLOURS, PREDICTORS
from twopeaks.validate.figures.drawing.tables import read_table

Refused = Callable[[Sequence[str], str], None]

#: Points: what can still be read in print.
SMALLEST = 5.5
#: Distance in L*a*b* at which two colours of a figure are told apart by anybody; 2.3 is just noticed.
APART = 12.0
#: Spread of red, green and blue from which a colour is one, and no grey of the background.
CHROMATIC = 0.1
#: Colours in one panel from which they are a scale, not names.
SCALE = 9

each = pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: one.name)
_drawn: dict[tuple[str, str, int], Figure] = {}


def table(one: Entry) -> pl.DataFrame:
    return table_of_figure(one.name)


def drawn(one: Entry, face: Face, columns: Columns) -> Figure:
    """The figure in a style, which must be in force; drawn once for all tests."""
    key = (one.name, face, columns)
    if key not in _drawn:
        _drawn[key] = one.draw(table(one))
        _drawn[key].draw_without_rendering()
    return _drawn[key]


def pixels(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="raw", dpi=60)
    return buffer.getvalue()


def texts(figure: Figure) -> list[Text]:
    """All that is drawn; labels of ticks beyond the ends of an axis are there, but are not."""
    beyond = {id(label) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for label in _beyond(axis)}
    every = [text for text in figure.findobj(Text) if isinstance(text, Text) and id(text) not in beyond]
    return [text for text in every if text.get_visible() and text.get_text().strip()]


def _beyond(axis: Axis) -> Iterator[Text]:
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    for tick in (*axis.majorTicks, *axis.minorTicks):
        if not low - slack <= tick.get_loc() <= high + slack:
            yield from (tick.label1, tick.label2)


@each
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("columns", [1, 2])
def test_every_figure_is_legible_in_every_style(one: Entry, face: Face, columns: Columns) -> None:
    with sheet(face, columns):
        figure = drawn(one, face, columns)
        found = texts(figure)
        width, height = figure.get_size_inches()
        assert width == pytest.approx(3.5 if columns == 1 else 7.2)
        assert height <= 9.5, "a page is not higher"
        assert {text.get_text() for text in found if float(text.get_fontsize()) < SMALLEST} == set()
        box = figure.bbox
        for text in found:
            if text.get_clip_on() and text.get_clip_box() is not None:
                continue  # is meant to end where its axes end
            where = text.get_window_extent()
            inside = where.x0 >= -2 and where.y0 >= -2 and where.x1 <= box.x1 + 2 and where.y1 <= box.y1 + 2
            assert inside, f"{text.get_text()!r} is cut off"


@each
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("columns", [1, 2])
def test_no_words_of_a_figure_lie_on_others(one: Entry, face: Face, columns: Columns) -> None:
    with sheet(face, columns):
        assert overlaps(drawn(one, face, columns)) == []


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Texts that are drawn and share more than a point of height and of width, whatever they belong to."""
    found = [(text, text.get_window_extent()) for text in texts(figure)]
    point = figure.dpi / 72
    return [
        (text.get_text(), other.get_text())
        for i, (text, box) in enumerate(found)
        for other, there in found[i + 1 :]
        if min(box.x1, there.x1) - max(box.x0, there.x0) > point
        and min(box.y1, there.y1) - max(box.y0, there.y0) > point
    ]


def test_words_on_words_are_seen() -> None:
    with sheet("sans", 1):
        ax = panels(None)[0]
        ax.set_xlim(0, 1)
        ax.set_xticks([0.5, 0.52, 1.5], ["first label", "second label", "beyond"])
        ax.figure.draw_without_rendering()  # type: ignore[union-attr]
        assert overlaps(ax.figure) == [("first label", "second label")]  # type: ignore[arg-type]


@each
def test_anybody_can_tell_the_colours_of_a_panel_apart(one: Entry) -> None:
    with sheet("sans", 2):
        for ax in drawn(one, "sans", 2).axes:
            used = colours(ax)
            if len(used) < SCALE:
                assert nearest(used)[0] >= APART, nearest(used)


def colours(ax: Axes) -> set[str]:
    """Colours of lines and markers, but for greys and black."""
    drawn = [line.get_color() for line in ax.get_lines() if line.get_visible()]
    drawn += [face for points in ax.collections for face in np.atleast_2d(points.get_facecolor())]
    return {to_hex(colour) for colour in drawn if np.ptp(to_rgb(colour)) > CHROMATIC}


@pytest.mark.parametrize("shared", [COLOURS, {name: look[0] for name, look in PREDICTORS.items()}])
def test_anybody_can_tell_shared_colours_apart(shared: dict[str, str]) -> None:
    assert nearest({colour for colour in shared.values() if np.ptp(to_rgb(colour)) > CHROMATIC})[0] >= APART


def test_eyes_see_what_is_published() -> None:
    for eye, matrix in MATRICES.items():
        assert matrix.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5), "white stays white"
        assert seen_lab("white", eye) == pytest.approx([100, 0, 0], abs=0.05)
    # Pure red in L*a*b*, from tables; of red and green a deuteranope keeps a third of the distance.
    assert seen_lab("#ff0000", "trichromat") == pytest.approx([53.24, 80.09, 67.20], abs=0.05)
    far, near = (np.linalg.norm(seen_lab("#cc5500", e) - seen_lab("#668800", e)) for e in ("trichromat", "deuteranope"))
    assert near < 0.4 * far
    assert nearest({"#cc5500", "#668800"})[1] in ("deuteranope", "protanope")


@each
def test_the_numbers_beside_a_figure_are_all_that_it_is_drawn_from(one: Entry) -> None:
    again = pl.read_csv(io.StringIO(table(one).write_csv()), infer_schema_length=None)
    with sheet("sans", 2):
        assert pixels(one.draw(again)) == pixels(one.draw(table(one)))


@each
def test_every_figure_says_what_it_shows_and_where_it_comes_from(one: Entry) -> None:
    assert one.title
    assert len(one.caption) > 80
    assert all((RESULTS / path).exists() for path in one.files)
    assert (one.reduce is None) or (one.measure is None), "made by a sweep or by its own training, not by both"
    assert one.spec is None or one.spec.is_file()


@each
def test_what_makes_a_figure_again_can_be_asked_for(one: Entry) -> None:
    if one.remake.startswith("make reproduce"):
        folders = re.findall(r'"(.*)"', one.remake)[0].split()
        assert folders
        assert all((RESULTS / folder / "sweep.toml").exists() for folder in folders)
    assert not re.search(r"\bX\b|TODO|\?\?", one.caption)


@each
def test_a_figure_draws_into_given_axes(one: Entry) -> None:
    with sheet("sans", 2):
        figure, made = one.drawing(table(one))  # its axes in their order, which the figure does not tell
        count = len(list(made)) if not hasattr(made, "plot") else 1
        host = Figure(figsize=(7, 3 * count), layout="constrained")
        given = list(host.subplots(count, 1, squeeze=False)[:, 0])
        same, back = one.drawing(table(one), given if count > 1 else given[0])
        assert same is host is not figure
        assert (list(back) if count > 1 else [back]) == given or list(back) == given


@each
def test_letters_are_embedded(one: Entry, tmp_path: Path) -> None:
    with sheet("serif", 1):
        one.draw(table(one)).savefig(tmp_path / "figure.pdf")
    raw = (tmp_path / "figure.pdf").read_bytes()
    inflated = b"".join(_inflated(part) for part in re.findall(rb"stream\r?\n(.*?)endstream", raw, re.DOTALL))
    fonts = re.findall(rb"/Subtype /(Type\w+|TrueType|CIDFontType\d)", raw + inflated)
    assert b"/FontFile2" in raw + inflated
    assert b"Type3" not in fonts


def _inflated(part: bytes) -> bytes:
    try:
        return zlib.decompress(part)
    except zlib.error:
        return b""


def test_a_style_leaves_no_trace() -> None:
    before = dict(matplotlib.rcParams)
    with sheet("serif", 1):
        assert matplotlib.rcParams["font.family"] == ["serif"]
    assert dict(matplotlib.rcParams) == before


def test_panels_stand_below_each_other_in_a_column() -> None:
    with sheet("sans", 1):
        made = panels(None, 3, across=3)
        assert len({one.get_position().x0 for one in made}) == 1
    with sheet("sans", 2):
        made = panels(None, 3, across=3)
        assert len({one.get_position().y0 for one in made}) == 1
    with pytest.raises(InputError, match="2 axes"):
        panels(made, 2)


@pytest.mark.parametrize(("face", "columns"), [("comic", 1), ("sans", 3)])
def test_unknown_styles_are_refused(face: Face, columns: Columns) -> None:
    with pytest.raises(InputError, match="default"), sheet(face, columns):
        pass


def test_figures_are_listed_without_what_trains_or_computes() -> None:
    code = "import sys, twopeaks.validate.figures.catalogue; print({'torch', 'scipy', 'sympy'} & set(sys.modules))"
    listed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert listed.stdout == "set()\n", "a module of a figure imports at its top what only `gather` or `measure` needs"


def test_names_are_unique_and_slips_are_met_with_a_guess() -> None:
    assert len({one.name for one in CATALOGUE}) == len(CATALOGUE)
    near = CATALOGUE[0].name + "s"
    with pytest.raises(InputError, match=f"did you mean {CATALOGUE[0].name}"):
        entry(near)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.csv must be a CSV file"):
        read_table(tmp_path / "gone.csv")


def test_numbers_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("name,value\nx,1.5\ny,NaN\n")
    with pytest.raises(InputError, match=r"some.csv, value must be finite numbers"):
        read_table(tmp_path / "some.csv")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda text: "", "a CSV file of numbers"),
        (lambda text: "foo,bar\n1,2\n", "one that ridge shows"),
        (lambda text: text.splitlines()[0] + "\n", "2 panels"),
        (lambda text: text.replace(",0.0094,", ",hello,"), "one that ridge shows"),
        (lambda text: text.replace("Z23", "</script>$x^$").replace("Z41", "$\\\\foo{"), "one that ridge shows"),
    ],
    ids=["empty", "columns", "header", "text", "mathtext"],
)
def test_damaged_results_are_one_line_and_leave_nothing(
    damage: Callable[[str], str], expected: str, tmp_path_factory: pytest.TempPathFactory, refused: Refused
) -> None:
    figures = tmp_path_factory.mktemp("results") / "figures"
    figures.mkdir()
    (figures / "ridge.csv").write_text(damage((RESULTS / "figures" / "ridge.csv").read_text()))
    refused(["figures", "ridge", "--results", str(figures.parent), "--out", "made/here"], expected)


@pytest.mark.parametrize("out", ["taken", "taken/within", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written_is_one_line(out: str, tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "taken").write_text("")
    refused(["figures", "ridge", "--results", str(RESULTS), "--out", out], "a folder that can be written")


def test_captions_of_figures_that_were_drawn_before_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("zero-init", "ridge", "zero-init"):
        assert run(["figures", name, "--results", str(RESULTS), "--out", str(tmp_path)]) == 0
    told = (tmp_path / "captions.md").read_text(encoding="utf-8")
    assert re.findall("^#+ (.*)", told, re.M) == ["Figures", entry("ridge").title, entry("zero-init").title]
    assert "\n\n\n" not in told


def test_ctrl_c_says_what_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Entry, "draw", stopped)
    assert run(["figures", "ridge", "--results", str(RESULTS), "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == f"interrupted; figures that were drawn before are whole, in {tmp_path / 'out'}\n"
    assert not (tmp_path / "out").exists()


def test_the_command_lists_draws_and_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results").mkdir()
    out = tmp_path / "out"
    assert run(["figures", "--results", str(RESULTS)]) == 0
    assert CATALOGUE[0].name in capsys.readouterr().out
    assert run(["figures", CATALOGUE[0].name, "--results", str(RESULTS), "--out", str(out)]) == 0
    stem = CATALOGUE[0].name
    names = {path.name for path in out.iterdir()}
    assert names == {f"{stem}.pdf", f"{stem}.png", f"{stem}.csv", "captions.md"}
    capsys.readouterr()
    assert run(["figures", "--all", "--results", str(tmp_path / "results"), "--out", str(tmp_path / "none")]) == 0
    told = capsys.readouterr().out
    for one in CATALOGUE:
        assert not one.files or one.remake in " ".join(told.split())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nonsense"], "a figure of the catalogue"),
        (["--all", "--face", "comic"], "sans or serif"),
        (["--all", "--columns", "3"], "1 or 2"),
        (["--all", "--results", "nowhere"], "a folder of results"),
        (["--all", "--measure"], "left out with --measure"),
        (["--measure"], "given with names"),
        (["--store", "nowhere"], "one NAME"),
        (["--all", "--workers", "2"], "left out without --measure"),
        (["--all", "two-peaks"], "left out with --all"),
    ],
)
def test_nonsense_is_refused(arguments: list[str], expected: str, refused: Refused) -> None:
    refused(["figures", *arguments], expected)
