"""The transitions of a sweep as far as they are known, for a terminal. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from twopeaks.validate.measured.series import Series

__all__ = ["Point", "duration", "picture", "rates_near", "size_text"]

#: n_c and its interval.
Point = tuple[float | None, float | None, float | None]

#: Sizes shown of one group of cells.
_SIZES = 6


def picture(groups: Sequence[Series], varied: Sequence[str], rows: int, fitted: Mapping[str, Point]) -> Table | None:
    """A row for each group of cells: how many members grokked by size, and where the transition is.

    Args:
        groups: groups of cells.
        varied: fields that tell them apart.
        rows: largest number of groups that are shown; the number of others stands below them.
        fitted: n_c and its interval by `Series.text`; where there is none, the bracket is shown.

    Returns:
        None if there is nothing to show.
    """
    if not groups:
        return None
    more = len(groups) - rows
    table = Table(caption=f"and {more:,} more" if more > 0 else None, caption_justify="left", box=None, pad_edge=False)
    table.add_column("cells", overflow="ellipsis", no_wrap=True, ratio=2)
    table.add_column("n: grokked/members", overflow="ellipsis", no_wrap=True, ratio=3)
    table.add_column("transition n_c", no_wrap=True)
    for group in groups[:rows]:
        place = _place(group, fitted) if len(group.rates) > 1 else ""
        table.add_row(Text(group.label(varied)), Text(rates_near(group)), Text(place))
    return table


def rates_near(group: Series) -> str:
    """Rates of the sizes next to the transition, as words."""
    sizes, (low, high) = list(group.rates), group.bracket
    middle = ((low or high or 0) + (high or low or 0)) / 2
    near = sorted(sorted(sizes, key=lambda n: abs(n - middle))[:_SIZES])
    text = "  ".join(f"{n}: {group.rates[n][0]}/{group.rates[n][1]}" for n in near)
    return f"{text}  …" if len(near) < len(sizes) else text


def size_text(value: float | None) -> str:
    """A size of a training set, to a tenth where it is small."""
    return "?" if value is None else f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Seconds as days, hours, minutes, of which the two largest count."""
    days, rest = divmod(round(seconds), 86_400)
    hours, minutes, left = rest // 3600, rest % 3600 // 60, rest % 60
    if days:
        return f"{days:,} d {hours} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {left:02} s" if minutes else f"{left} s"


def _place(group: Series, fitted: Mapping[str, Point]) -> str:
    value, least, largest = fitted.get(group.text, (None, None, None))
    if value is not None:
        return f"{size_text(value)} [{size_text(least)}, {size_text(largest)}]"
    low, high = group.bracket
    if low is not None and high is not None:
        return f"{low} … {high}"
    return f"above {low}" if low is not None else f"at most {high}"
