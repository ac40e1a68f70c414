"""Sphinx configuration; `docs/build.py` gathers the pages and calls Sphinx with it."""

import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

project = "twopeaks"
author = "the authors of twopeaks"
copyright = "the authors of twopeaks, MIT licence"
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx-mathjax-offline",
    "_site.docstrings",
]

# --- pages
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # a cell takes half a minute where nothing else runs
nb_merge_streams = True
exclude_patterns = ["files"]

# --- reference
add_module_names = False
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config, model_post_init"}
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True

nitpicky = True
default_role = "py:obj"
nitpick_ignore_regex = [
    ("py:obj", r".*"),  # a word in backticks may be a name or not; those that are become links
    ("py:.*", r"(?!(theory|sim|validate)\.).*"),  # other libraries, whose pages are not at hand; ours must be there
    ("py:class", r".*\.(Part|Record|Result|T)"),  # type variables
]
suppress_warnings = ["ref.python"]  # such a word may be the name of several things

# --- looks
html_theme = "furo"
html_title = "twopeaks"
html_static_path = [str(HERE / "_static")]
html_css_files = ["site.css"]
html_logo = html_favicon = str(HERE / "_static" / "twopeaks.svg")
pygments_dark_style = "one-dark"
html_show_sphinx = False
html_theme_options = {"sidebar_hide_name": False}
html_copy_source = False


def setup(app: Sphinx) -> None:
    """Tables are shown as they are."""
    app.add_lexer("csv", TextLexer)
