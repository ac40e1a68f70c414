"""Equations as text, Markdown, LaTeX and plain data. The text depends on the equations alone, not on the run."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

import sympy as sp

from twopeaks.theory.equations.core.equation import Equation, Verdict, printed_name

__all__ = ["as_data", "latex_document", "markdown", "plain"]

_WIDTH = 100
_INTRO = (
    "Every equation below is derived with sympy and checked twice by `twopeaks derive --all --verify`: symbolically, "
    "and at random points against an independent computation, named in each entry. Where print differs, the printed "
    "form is kept and shown to fail."
)


def as_data(equation: Equation, verdict: Verdict | None) -> dict[str, Any]:
    """The equation as JSON-ready data, with the outcome of its verification if there is one."""
    data: dict[str, Any] = {
        "label": equation.label,
        "title": equation.title,
        "statement": str(equation.statement),
        "latex": [sp.latex(relation) for relation in _relations(equation.statement)],
        "symbols": equation.symbols,
        "source": equation.source,
        "assumptions": list(equation.assumptions),
        "fails": equation.fails,
        "derivation": [{"text": step.text, "result": str(step.result)} for step in equation.derivation],
        "printed": None,
        "standing": printed_name(equation),
        "verification": None,
    }
    if equation.printed is not None:
        data["printed"] = {
            "statement": str(equation.printed.statement),
            "latex": [sp.latex(relation) for relation in _relations(equation.printed.statement)],
            "what_differs": equation.printed.what_differs,
        }
    if verdict is not None:
        check = verdict.check
        data["verification"] = {
            "passed": verdict.passed,
            "failure": verdict.failure,
            "seconds": round(verdict.seconds, 3),
            "symbolic": None if check is None else check.symbolic,
            "residual": None if check is None else float(check.residual),
            "printed_residual": None if check is None or check.printed is None else float(check.printed),
            "against": None if check is None else check.against,
        }
    return data


def _relations(statement: sp.Basic) -> list[sp.Basic]:
    return list(statement) if isinstance(statement, sp.Tuple) else [statement]


# --- text ----------------------------------------------------------------------------------------------


def plain(equation: Equation) -> str:
    """The equation for a terminal."""
    lines = [f"{equation.label}  {equation.title}", ""]
    for relation in _relations(equation.statement):
        lines += [_drawn(relation), ""]
    lines += _wrapped("where", [f"{letter}: {meaning}" for letter, meaning in equation.symbols.items()])
    lines += _wrapped("source", [f"{equation.source} ({printed_name(equation)})"])
    lines += _wrapped("assumes", list(equation.assumptions))
    lines += _wrapped("fails", [equation.fails])
    for step in equation.derivation:
        lines += ["", f"  {step.text}:", _drawn(step.result)]
    if equation.printed is not None:
        lines += ["", "  in print (refuted):"]
        lines += [_drawn(relation) for relation in _relations(equation.printed.statement)]
        lines += _wrapped("", [equation.printed.what_differs])
    return "\n".join(lines)


def _drawn(expression: sp.Basic) -> str:
    """The expression in two dimensions, letters written for LaTeX made readable first."""
    letters: dict[sp.Basic, sp.Basic] = {}
    for letter in expression.atoms(sp.Symbol):
        letters[letter] = sp.Symbol(_readable(letter.name), positive=letter.is_positive)
    for letter in expression.atoms(sp.MatrixSymbol):
        letters[letter] = sp.MatrixSymbol(_readable(letter.name), *letter.shape)
    for call in expression.atoms(sp.core.function.AppliedUndef):
        letters[call] = sp.Function(_readable(call.func.__name__))(*call.args)
    shown = expression.xreplace({old: new for old, new in letters.items() if str(old) != str(new)})
    return textwrap.indent(sp.pretty(shown, use_unicode=True, wrap_line=False), "    ")


def _readable(name: str) -> str:
    for written, shown in {r"\\hat\{(.)\}": "\\1\u0302", r"\\tilde\{(.)\}": r"\1~", r"_\{(.)\}": r"_\1"}.items():
        name = re.sub(written, shown, name)
    for written, shown in {r"\infty": "∞", r"\sigma": "σ", r"\nabla ": "∇", r"\left": "", r"\right": ""}.items():
        name = name.replace(written, shown)
    return name


def _wrapped(name: str, items: list[str]) -> list[str]:
    """Items, one a line, folded, under a name in the margin."""
    lines: list[str] = []
    for i, item in enumerate(items):
        margin = f"  {name if i == 0 else '':<8}"
        lines += textwrap.wrap(item, _WIDTH, initial_indent=margin, subsequent_indent=" " * 10)
    return lines


# --- Markdown ------------------------------------------------------------------------------------------


def markdown(equations: Sequence[Equation]) -> str:
    """A page with every given equation."""
    parts = ["# Equations", "", _INTRO, ""]
    parts += ["| label | what it says | standing |", "|---|---|---|"]
    parts += [f"| [{e.label}](#{_anchor(e)}) | {_cell(e.title)} | {printed_name(e)} |" for e in equations]
    for equation in equations:
        parts += ["", *_entry(equation)]
    return "\n".join(parts) + "\n"


def _anchor(equation: Equation) -> str:
    heading = f"{equation.label} {equation.title}".lower()
    return re.sub(r" ", "-", re.sub(r"[^\w\- ]", "", heading))


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _entry(equation: Equation) -> list[str]:
    lines = [f"## {equation.label} {equation.title}", ""]
    lines += _displayed(equation.statement)
    lines += [f"* `{letter}`: {_cell(meaning)}" for letter, meaning in equation.symbols.items()]
    lines += ["", f"Source: {equation.source} ({printed_name(equation)}). Assumes: {'; '.join(equation.assumptions)}."]
    lines += [f"Where it fails: {equation.fails}", ""]
    for step in equation.derivation:
        lines += [f"{step.text}:", "", *_displayed(step.result)]
    if equation.printed is not None:
        lines += ["In print, refuted by the check:", "", *_displayed(equation.printed.statement)]
        lines += [equation.printed.what_differs, ""]
    return lines[:-1] if not lines[-1] else lines


def _displayed(statement: sp.Basic) -> list[str]:
    lines: list[str] = []
    for relation in _relations(statement):
        lines += ["$$", sp.latex(relation), "$$", ""]
    return lines


# --- LaTeX ---------------------------------------------------------------------------------------------

# Wide matrices are scaled to the line, so that every entry stays on the page.
_PREAMBLE = r"""\documentclass[a4paper,10pt]{article}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath,amssymb,graphicx,textcomp}
\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\newsavebox{\wide}
\newcommand{\fit}[1]{\[\sbox{\wide}{$\displaystyle #1$}%
  \ifdim\wd\wide>\linewidth\resizebox{\linewidth}{!}{\usebox{\wide}}\else\usebox{\wide}\fi\]}
\setlength{\parindent}{0pt}\setlength{\parskip}{4pt}
\title{Equations of twopeaks}\date{}
\begin{document}
\maketitle
"""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"\textpm{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}


def latex_document(equations: Sequence[Equation]) -> str:
    """A complete LaTeX document (amsmath and graphicx) with every given equation."""
    before, command, after = _INTRO.split("`")
    intro = rf"{_escaped(before)}\texttt{{{_escaped(command).replace('--', '-{}-')}}}{_escaped(after)}"
    parts = [_PREAMBLE, intro, ""]
    for equation in equations:
        parts += _section(equation)
    return "\n".join(parts) + "\n\\end{document}\n"


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(c, c) for c in text)


def _section(equation: Equation) -> list[str]:
    lines = [f"\\subsection*{{{_escaped(equation.label)}\\quad {_escaped(equation.title)}}}"]
    lines += _fitted(equation.statement)
    lines += [rf"\texttt{{{_escaped(letter)}}}: {_escaped(meaning)}\\" for letter, meaning in equation.symbols.items()]
    lines[-1] = lines[-1].removesuffix(r"\\")
    facts = {
        "Source": f"{equation.source} ({printed_name(equation)}).",
        "Assumes": "; ".join(equation.assumptions) + ".",
        "Where it fails": equation.fails,
    }
    lines += ["", *(rf"\textit{{{name}:}} {_escaped(text)}" + "\n" for name, text in facts.items())]
    for step in equation.derivation:
        lines += [_escaped(step.text) + ":", *_fitted(step.result)]
    if equation.printed is not None:
        lines += ["In print, refuted by the check:", *_fitted(equation.printed.statement)]
        lines += [_escaped(equation.printed.what_differs), ""]
    return lines


def _fitted(statement: sp.Basic) -> list[str]:
    return [rf"\fit{{{sp.latex(relation)}}}" for relation in _relations(statement)]
