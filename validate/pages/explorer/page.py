"""The page put together: one HTML file with its style, its scripts and its data; nothing is fetched from anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from importlib.resources import files

from twopeaks.validate.measured.files import finite
from twopeaks.validate.pages.explorer.data import Shown
from twopeaks.validate.pages.explorer.gather import Content
from twopeaks.validate.pages.explorer.sections import claims_html, lead, nav, scoreboard_html, sources_html, stages_html

__all__ = ["as_json", "page"]

#: Scripts in the order in which they need each other.
_SCRIPTS = ("tools", "state", "mountains", "fates", "tables", "charts", "curves", "start")


def page(content: Content, title: str | None) -> str:
    """The whole page.

    Args:
        content: what is on it.
        title: of the page; None makes one.
    """
    from plotly.offline import get_plotlyjs

    names = [one.name for one in content.groups]
    told = title or f"Two peaks: {names[0] if len(names) == 1 else f'{len(names)} groups'}"
    return _filled(
        _asset("page.html"),
        {
            "title": escape(told),
            "css": _asset("page.css"),
            "nav": nav(),
            "lead": escape(lead(content)),
            "stages": stages_html(),
            "scoreboard": scoreboard_html(content),
            "claims": claims_html(content.claims),
            "sources": sources_html(content),
            "data": as_json({"groups": [_data(one) for one in content.groups]}),
            "js": "\n".join(_asset(f"{name}.js") for name in _SCRIPTS),
            "plotly": _inside_script(get_plotlyjs()),
        },
    )


def as_json(value: object) -> str:
    """JSON that may stand inside a script element: no text in it can end the element."""
    text = json.dumps(finite(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(one: Shown) -> dict[str, object]:
    """A group for the scripts: its conventions stand in the page already."""
    return {name: value for name, value in asdict(one).items() if name != "conventions"}


def _filled(template: str, parts: Mapping[str, str]) -> str:
    """Every {{name}} replaced once; what is put in is not looked at again."""
    return re.sub(r"\{\{([a-z]+)\}\}", lambda found: parts[found[1]], template)


def _inside_script(text: str) -> str:
    """Script text that cannot end its element: in strings and comments the slash may be escaped."""
    return re.sub(r"</(script)", r"<\\/\1", text, flags=re.IGNORECASE)


def _asset(name: str) -> str:
    return files("twopeaks.validate.pages.explorer").joinpath("assets", name).read_text(encoding="utf-8")
