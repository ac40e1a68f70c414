"""What stands around the data of every figure is as it was: titles, scales, ends, ticks, labels, words, legends.

`frames.txt` beside this file has it, in one column and in two. After a change that was meant, write it again:

    python -m tests.validate.figures.test_frames
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from matplotlib.axes import Axes

from tests.figure_data import frame, table_of_figure
from tests.validate.figures.test_drawn_runs import FORECAST, SEEN, comparison, examined, result
from twopeaks.validate.figures.catalogue import CATALOGUE
from twopeaks.validate.figures.drawing.print_style import Columns, sheet
from twopeaks.validate.figures.of_runs.claims import fig_all_series, fig_verdicts
from twopeaks.validate.figures.of_runs.forecast import fig_forecast
from twopeaks.validate.figures.of_runs.peaks import fig_two_peaks
from twopeaks.validate.figures.of_runs.scaling import fig_scaling
from twopeaks.validate.figures.of_runs.transition import fig_transition

FRAMES = Path(__file__).with_name("frames.txt")
OF_RUNS = {
    "transition": lambda: fig_transition(result())[1],
    "peaks": lambda: fig_two_peaks(result())[1],
    "forecast": lambda: fig_forecast(SEEN, FORECAST)[1],
    "scaling": lambda: fig_scaling(comparison())[1],
    "verdicts": lambda: fig_verdicts(examined())[1],
    "series": lambda: fig_all_series(examined())[1],
}
NAMES = [*((entry.name, columns) for entry in CATALOGUE for columns in (1, 2)), *((name, 0) for name in OF_RUNS)]


def lines(name: str, columns: int) -> list[str]:
    """The frame of a figure of the catalogue in a style, or of one of a command (no columns)."""
    return [f"== {name} {columns}", *_lines(_drawn(name, columns))]


def _drawn(name: str, columns: int) -> Axes | Sequence[Axes]:
    if not columns:
        return OF_RUNS[name]()
    with sheet("sans", columns):  # type: ignore[arg-type]
        (drawing,) = (entry.drawing for entry in CATALOGUE if entry.name == name)
        return drawing(table_of_figure(name))[1]


def _lines(axes: Axes | Sequence[Axes]) -> Iterator[str]:
    for place, ax in enumerate([axes] if isinstance(axes, Axes) else axes):
        size = "x".join(f"{part:.4g}" for part in ax.figure.get_size_inches())  # type: ignore[union-attr]
        yield f"- panel {place}, {size} inches"
        yield from frame(ax)


@pytest.mark.parametrize(("name", "columns"), NAMES)
def test_the_frame_of_a_figure_is_as_it_was(name: str, columns: Columns) -> None:
    sections = FRAMES.read_text(encoding="utf-8").split("== ")
    (known,) = (section for section in sections if section.startswith(f"{name} {columns}\n"))
    assert lines(name, columns) == f"== {known}".splitlines()


if __name__ == "__main__":
    FRAMES.write_text("\n".join(line for name in NAMES for line in lines(*name)) + "\n", encoding="utf-8")
