"""The environment of all pages: templates are strict and come from the package, pictures are in the page."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest
from matplotlib.figure import Figure

from twopeaks.validate.pages.page import environment, png


def test_what_a_template_asks_for_must_be_there() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError, match="'title' is undefined"):
        environment().get_template("base.html").render()


def test_a_figure_is_a_png_in_the_page() -> None:
    kind, _, text = png(Figure((1, 1))).partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(text).startswith(b"\x89PNG")


def test_every_template_can_be_read() -> None:
    names = {"base.html", "claims.html", "explorer.html", "macros.html", "report.html", "scoreboard.html"}
    assert set(environment().list_templates()) == names
    for name in names:
        assert environment().get_template(name)


def test_a_command_without_a_page_does_not_wait_for_jinja() -> None:
    modules = ("cli.app", "pages.report", "pages.claims", "pages.scoreboard", "pages.explorer.gather")
    code = "; ".join(f"import twopeaks.validate.{module}" for module in modules)
    code += "; import sys; from twopeaks.validate.cli.app import run; run(['predict', '--group', 'Z31'])"
    code += "; sys.exit('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "heights-shared" in done.stdout
