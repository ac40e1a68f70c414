"""Self-contained HTML pages from templates: nothing is fetched from anywhere, and text never becomes markup.

Every page is a template in ``templates/``; the modules beside this one gather plain data for it. The environment
escapes every value. What a page takes as it stands (our styles and scripts, plotly's script, JSON for scripts) passes
through a filter of this file, which keeps it inside its element.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from twopeaks.validate.claims.words import allowed, measured
from twopeaks.validate.figures.drawing.style import VERDICTS
from twopeaks.validate.measured.files import finite

if TYPE_CHECKING:  # jinja2 takes longer to import than a command without a page should wait
    from jinja2 import Environment
    from markupsafe import Markup
    from matplotlib.figure import Figure

__all__ = ["Table", "environment", "png", "render"]

#: The package whose templates, styles and scripts these are.
_PACKAGE = "twopeaks.validate.pages"
#: What would end a script or a style, or hide its end.
_ENDS = re.compile(r"<(?=/(?:script|style)|!--)", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        columns: heading and kind of each: ``name``, ``n`` (a number), ``note``, or empty.
        rows: a text for each column.
    """

    columns: tuple[tuple[str, str], ...]
    rows: Sequence[Sequence[str]]


def render(template: str, **values: object) -> str:
    """The page of a template, with these values; each text is escaped.

    Raises:
        jinja2.UndefinedError: if the template asks for a value that is not here.
    """
    return environment().get_template(template).render(values)


def png(figure: Figure) -> str:
    """The figure as an address of a PNG that holds its own data."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@cache
def environment() -> Environment:
    """The one environment of all templates."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader(_PACKAGE, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"inline": _inline, "measured": measured, "allowed": allowed}
    made.globals |= {"asset": _asset, "verdicts": VERDICTS}
    made.policies["json.dumps_function"] = _json
    made.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return made


def _asset(path: str) -> str:
    """Text of a style or a script of this package."""
    return files(_PACKAGE).joinpath(*path.split("/")).read_text(encoding="utf-8")


def _inline(text: str) -> Markup:
    """A style or script as it stands, in its element: in its strings and comments a backslash changes nothing."""
    from markupsafe import Markup

    return Markup(_ENDS.sub(r"<\\", text))


def _json(value: Any, **options: Any) -> str:
    """JSON without NaN and infinity, which are null; the filter ``tojson`` escapes what could end its element."""
    return json.dumps(finite(value), **options)
