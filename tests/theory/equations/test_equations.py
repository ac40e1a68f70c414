"""Every equation proved and checked; what is printed about them; the door to numbers."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mpmath
import numpy as np
import pytest
import sympy as sp

from tests.places import ROOT
from twopeaks.theory.equations import Check, Equation, Printed, equation, labels, verify
from twopeaks.theory.equations.lower import function, lowered_module
from twopeaks.theory.equations.render import as_data, latex_document, markdown, plain
from twopeaks.theory.errors import InputError
from twopeaks.validate.cli.app import run

#: Labels of the functions, by name: to ask the equations would derive them all wherever this file is only collected.
LOWERED = ["lazy.5", "lazy.6", "feat.4", "feat.6", "feat.9", "modes.3", "modes.4", "modes.7", "mem.3", "mem.4"]
LOWERED += [f"heights.{i}" for i in range(1, 15)]
LOWERED += ["mixed.1", "inter.2", "inter.6", "muon.2", "muon.4", "muon.6", "clock.2", "clock.3", "clock.4", "clock.7"]


@pytest.mark.parametrize("label", labels())
def test_every_equation_is_proved_and_checked(label: str) -> None:
    verdict = verify(equation(label))
    assert verdict.passed, verdict.failure


@pytest.mark.parametrize("label", labels())
def test_another_seed_changes_nothing(label: str) -> None:
    verdict = verify(equation(label), seed=1)
    assert verdict.passed, verdict.failure


def test_there_are_enough_of_them_and_labels_are_their_own() -> None:
    assert len(labels()) >= 30
    assert len(set(labels())) == len(labels())
    assert all(equation(label).label == label for label in labels())


@pytest.mark.parametrize("label", labels())
def test_every_equation_says_what_it_assumes_and_where_it_fails(label: str) -> None:
    found = equation(label)
    assert found.title
    assert found.source
    assert found.assumptions
    assert found.fails.endswith(".")
    assert found.derivation
    assert found.symbols


def test_labels_named_in_code_and_docs_exist() -> None:
    stages = {label.partition(".")[0] for label in labels()}
    named = re.compile(rf"\b({'|'.join(sorted(stages))})\.(\d+)\b")
    files = [p for part in ("theory", "sim", "validate", "docs") for p in (ROOT / part).rglob("*") if p.is_file()]
    for path in files:
        if path.suffix in (".py", ".md"):
            for match in named.finditer(path.read_text(encoding="utf-8")):
                assert match[0] in labels(), f"{path.name} names {match[0]}, which is no equation"


# --- the judge ------------------------------------------------------------------------------------------


def judged(check: Check, printed: Printed | None = None) -> str:
    return verify(replace(equation("heights.1"), check=lambda rng: check, printed=printed)).failure


def test_the_judge_fails_what_should_fail() -> None:
    form = Printed(sp.Symbol("x"), "")
    assert judged(Check(True, 1e-12, "")) == ""
    assert "did not prove" in judged(Check(False, 0.0, ""))
    assert "differs by 1.0e-06" in judged(Check(True, 1e-6, "x"))
    assert "differs" in judged(Check(True, float("nan"), "x"))
    assert "nothing to correct" in judged(Check(True, 0.0, "", printed=1e-6), form)
    assert "both stated and checked" in judged(Check(True, 0.0, "", printed=1.0))
    assert "both stated and checked" in judged(Check(True, 0.0, ""), form)
    assert judged(Check(True, 0.0, "", printed=0.5), form) == ""


def test_a_check_that_breaks_is_a_failure_with_its_reason() -> None:
    def broken(rng: np.random.Generator) -> Check:
        raise ArithmeticError("no root")

    verdict = verify(replace(equation("heights.1"), check=broken))
    assert not verdict.passed
    assert verdict.failure == "the check broke: no root"


def test_an_unknown_label_is_bad_input() -> None:
    with pytest.raises(InputError, match=r"label must be one of the equations' labels, got 'heights.99'"):
        equation("heights.99")


@pytest.mark.parametrize(
    ("label", "remedy"), [("muon", "use one of muon.1, muon.2, .*muon.6$"), ("nope", "twopeaks derive lists them$")]
)
def test_an_unknown_label_is_answered_with_its_neighbours_alone(label: str, remedy: str) -> None:
    with pytest.raises(InputError, match=f"got '{label}'; {remedy}"):
        equation(label)


# --- numbers from symbols -------------------------------------------------------------------------------


def test_every_function_is_among_those_tested() -> None:
    assert [label for label in labels() if equation(label).inputs is not None] == LOWERED


@pytest.mark.parametrize("label", LOWERED)
def test_lowered_functions_agree_with_exact_arithmetic(label: str) -> None:
    found = equation(label)
    assert found.inputs is not None
    relation = found.statement[-1] if isinstance(found.statement, sp.Tuple) else found.statement
    values = [sp.Rational(37 + 4 * i, 5 + 7 * i) for i in range(len(found.inputs))]
    if label == "lazy.6":  # decay below s^2
        values = [sp.Rational(3, 2), sp.Rational(1, 2)]
    if label == "modes.3":  # before the blow-up
        values = [sp.Rational(3, 2), sp.Rational(1, 2), sp.Rational(1, 100)]
    exact = sp.N(relation.rhs.subs(dict(zip(found.inputs, values, strict=True))), 30)
    assert complex(function(label)(*map(float, values))) == pytest.approx(complex(mpmath.mpmathify(exact)), rel=1e-13)


def test_lowered_functions_take_arrays() -> None:
    q = np.array([0.0, 0.5, 2.0])
    assert function("heights.1")(q) == pytest.approx([0.0, 3 * 0.25 ** (2 / 3), 3.0])


def test_functions_that_are_kept_are_those_of_the_equations() -> None:
    kept = (ROOT / "theory" / "equations" / "lowered.py").read_text()
    assert ast.dump(ast.parse(kept)) == ast.dump(ast.parse(lowered_module())), "write it anew with `make formulas`"


def test_numbers_of_a_formula_need_no_sympy() -> None:
    code = "import sys; from twopeaks.theory.equations.lower import function; function('heights.1')(0.5)"
    ended = subprocess.run([sys.executable, "-c", f"{code}; sys.exit('sympy' in sys.modules)"], check=False)
    assert ended.returncode == 0


def test_a_relation_is_no_function() -> None:
    with pytest.raises(TypeError, match=r"lazy\.1 states a relation"):
        function("lazy.1")


# --- pages ----------------------------------------------------------------------------------------------


def test_the_page_in_docs_is_what_the_command_prints() -> None:
    written = (ROOT / "docs" / "equations.md").read_text(encoding="utf-8")
    assert written == markdown([equation(label) for label in labels()]), "run: make equations"


def test_the_latex_in_docs_is_what_the_command_prints() -> None:
    written = (ROOT / "docs" / "equations.tex").read_text(encoding="utf-8")
    assert written == latex_document([equation(label) for label in labels()]), "run: make equations"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
@pytest.mark.slow
def test_the_latex_compiles(tmp_path: Path) -> None:
    source = ROOT / "docs" / "equations.tex"
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"-output-directory={tmp_path}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "equations.pdf").stat().st_size > 10_000


def test_text_names_everything_a_reader_needs() -> None:
    text = plain(equation("lazy.8"))
    for part in ("lazy.8", "where", "source", "assumes", "fails", "in print (refuted)", "printed form refuted"):
        assert part in text


def test_data_carry_the_verdict() -> None:
    found = equation("feat.4")
    data = json.loads(json.dumps(as_data(found, verify(found))))
    assert data["standing"] == "printed form refuted"
    assert data["verification"]["passed"] is True
    assert data["verification"]["printed_residual"] == pytest.approx(3.0)


# --- the command ----------------------------------------------------------------------------------------


def test_derive_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["derive"]) == 0
    shown = capsys.readouterr().out
    assert all(label in shown for label in labels())


def test_derive_verifies_one_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["derive", "heights.1", "lazy.8", "--verify"]) == 0
    assert "2 of 2 verified, 1 printed forms refuted" in capsys.readouterr().out


def test_derive_exits_1_if_one_fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: Equation = replace(equation("heights.1"), check=lambda rng: Check(True, 0.5, "brute force"))
    monkeypatch.setattr("twopeaks.validate.cli.derive.equation", lambda label: wrong)
    assert run(["derive", "heights.1", "--verify"]) == 1
    assert "differs by 5.0e-01" in capsys.readouterr().out


def test_derive_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["derive", "modes.4", "--verify", "--json"]) == 0
    (data,) = json.loads(capsys.readouterr().out)
    assert data["label"] == "modes.4"
    assert data["verification"]["symbolic"] is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["derive", "nonsense"], "label must be one of"),
        (["derive", "lazy.1", "--all"], "LABEL must be left out with --all"),
        (["derive", "lazy.1", "--json", "--latex"], "--json must be left out with --latex"),
    ],
)
def test_derive_refuses_nonsense_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
