"""What every self-contained page shares: look, figures, tables of facts. Nothing is fetched from anywhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape

from matplotlib.figure import Figure

__all__ = ["document", "fact_table", "figure_tag"]

_CSS = """
:root { color-scheme: light dark; --line: #8885; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.verdict { border-left: 5px solid #0072B2; padding: .4rem 1rem; font-size: 1.1rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.n { white-space: nowrap; }
img { width: 100%; background: white; border-radius: 6px; } figcaption { font-size: .92rem; opacity: .85; }
figure { margin: 1rem 0; } code { font-size: .9em; } small, .small { font-size: .88rem; opacity: .85; }
"""


def document(title: str, body: str, more_css: str = "") -> str:
    """A whole page.

    Args:
        title: text of the heading and of the window.
        body: HTML below the heading.
        more_css: rules of this page alone.
    """
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{_CSS}{more_css}</style></head><body>
<h1>{escape(title)}</h1>
{body}</body></html>
"""


def figure_tag(figure: Figure, caption: str, alt: str) -> str:
    """The figure as a PNG inside the page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<figure><img alt="{escape(alt)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def fact_table(facts: Mapping[str, object]) -> str:
    """Two columns: what, and its value."""
    rows = (f"<tr><th>{escape(key)}</th><td>{escape(str(value))}</td></tr>" for key, value in facts.items())
    return f'<div class="scroll"><table><tbody>{"".join(rows)}</tbody></table></div>'
