"""Figures for print: drawn from committed results, in every style, legibly, from numbers that stand beside them."""

from __future__ import annotations

import io
import re
import zlib
from pathlib import Path

import matplotlib
import polars as pl
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from theory.errors import InputError
from validate.cli import run
from validate.figures.catalogue import CATALOGUE, Entry, entry, read_table
from validate.figures.print_style import FACES, Columns, Face, panels, sheet

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
#: Points: what can still be read in print.
SMALLEST = 5.5

each = pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: one.name)
_tables: dict[str, pl.DataFrame] = {}


def table(one: Entry) -> pl.DataFrame:
    if one.name not in _tables:
        _tables[one.name] = one.gather(RESULTS)
    return _tables[one.name]


def pixels(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="raw", dpi=60)
    return buffer.getvalue()


def texts(figure: Figure) -> list[Text]:
    figure.draw_without_rendering()
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip()  # type: ignore[attr-defined]
    ]


@each
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("columns", [1, 2])
def test_every_figure_is_legible_in_every_style(one: Entry, face: Face, columns: Columns) -> None:
    with sheet(face, columns):
        figure = one.draw(table(one))
        found = texts(figure)
        width, height = figure.get_size_inches()
        assert width == pytest.approx(3.5 if columns == 1 else 7.2)
        assert height <= 9.5, "a page is not higher"
        assert {text.get_text() for text in found if text.get_fontsize() < SMALLEST} == set()
        box = figure.bbox
        for text in found:
            if text.get_clip_on() and text.get_clip_box() is not None:
                continue  # is meant to end where its axes end
            where = text.get_window_extent()
            inside = where.x0 >= -2 and where.y0 >= -2 and where.x1 <= box.x1 + 2 and where.y1 <= box.y1 + 2
            assert inside or not _shown(text), f"{text.get_text()!r} is cut off"


def _shown(text: Text) -> bool:
    """Tick labels beyond the ends of an axis are there, but not drawn."""
    axes = text.axes
    if axes is None:
        return True
    ticks = [label for axis in (axes.xaxis, axes.yaxis) for label in (*axis.get_ticklabels("both"),)]
    return text not in ticks


@each
def test_the_numbers_beside_a_figure_are_all_that_it_is_drawn_from(one: Entry) -> None:
    drawn = table(one)
    again = pl.read_csv(io.StringIO(drawn.write_csv()), infer_schema_length=None)
    with sheet("sans", 2):
        assert pixels(one.draw(again)) == pixels(one.draw(drawn))


@each
def test_every_figure_says_what_it_shows_and_where_it_comes_from(one: Entry) -> None:
    assert one.title
    assert len(one.caption) > 80
    assert all((RESULTS / path).exists() for path in one.files)
    if one.trained:
        assert one.spec is not None or one.function("measure") is not None
    assert one.spec is None or one.function("reduce") is not None


@each
def test_a_figure_draws_into_given_axes(one: Entry) -> None:
    with sheet("sans", 2):
        draw = one.function("draw")
        assert draw is not None
        figure, made = draw(table(one))
        count = len(list(made)) if not hasattr(made, "plot") else 1
        host = Figure(figsize=(7, 3 * count), layout="constrained")
        given = list(host.subplots(count, 1, squeeze=False)[:, 0])
        same, back = draw(table(one), given if count > 1 else given[0])
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


def test_names_are_unique_and_slips_are_met_with_a_guess() -> None:
    assert len({one.name for one in CATALOGUE}) == len(CATALOGUE)
    near = CATALOGUE[0].name + "s"
    with pytest.raises(InputError, match=f"did you mean {CATALOGUE[0].name}"):
        entry(near)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.csv must be a CSV file"):
        read_table(tmp_path / "gone.csv")


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
def test_nonsense_is_refused(arguments: list[str], expected: str, refused) -> None:  # type: ignore[no-untyped-def]
    refused(["figures", *arguments], expected)
