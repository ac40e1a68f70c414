"""Finite fields and expressions over them: against sympy's polynomials and Python's own reading of the same text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import factorint
from sympy.polys.domains import ZZ
from sympy.polys.galoistools import gf_add, gf_gcdex, gf_irreducible_p, gf_mul, gf_neg, gf_pow_mod, gf_rem

from twopeaks.theory.errors import InputError
from twopeaks.theory.setting.expressions import (
    MAX_LENGTH,
    Binary,
    Negative,
    Node,
    Number,
    Power,
    Variable,
    parse,
    text_of,
    variables,
)
from twopeaks.theory.setting.expressions import values as values_of
from twopeaks.theory.setting.fields import FiniteField, finite_field
from twopeaks.theory.setting.tables import UNDEFINED, expression_table

SMALL = (2, 3, 4, 5, 7, 8, 9, 16, 25, 27)

# --- an element of GF(q) by sympy, with Python's own operators -----------------------------------------


@dataclass(frozen=True)
class Element:
    """a_0 + a_1 t + … modulo f(t), in sympy's lists of coefficients (highest first)."""

    poly: tuple[int, ...]
    p: int
    modulus: tuple[int, ...]

    def _of(self, poly: list[Any]) -> Element:
        return Element(tuple(int(c) for c in gf_rem(poly, list(self.modulus), self.p, ZZ)), self.p, self.modulus)

    def _and(self, other: Element | int) -> list[int]:
        return list(other.poly) if isinstance(other, Element) else [other % self.p] if other % self.p else []

    def __add__(self, other: Element | int) -> Element:
        return self._of(gf_add(list(self.poly), self._and(other), self.p, ZZ))

    def __neg__(self) -> Element:
        return self._of(gf_neg(list(self.poly), self.p, ZZ))

    def __mul__(self, other: Element | int) -> Element:
        return self._of(gf_mul(list(self.poly), self._and(other), self.p, ZZ))

    def __pow__(self, exponent: int) -> Element:
        base = self.inverse() if exponent < 0 else self
        return self._of(gf_pow_mod(list(base.poly), abs(exponent), list(self.modulus), self.p, ZZ))

    def inverse(self) -> Element:
        if not self.poly:
            raise ZeroDivisionError
        inverse, _, _ = gf_gcdex(list(self.poly), list(self.modulus), self.p, ZZ)
        return self._of(inverse)

    def __sub__(self, other: Element | int) -> Element:
        return self + -(other if isinstance(other, Element) else self._of([other % self.p]))

    def __truediv__(self, other: Element | int) -> Element:
        return self * self._of(self._and(other)).inverse()

    def __radd__(self, other: int) -> Element:
        return self + other

    def __rmul__(self, other: int) -> Element:
        return self * other

    def __rsub__(self, other: int) -> Element:
        return -self + other

    def __rtruediv__(self, other: int) -> Element:
        return self.inverse() * other

    @property
    def number(self) -> int:
        return sum(c * self.p**i for i, c in enumerate(reversed(self.poly)))


@cache
def elements(q: int) -> list[Element]:
    """Elements 0 … q-1; the modulus is found by sympy: the least that is irreducible and primitive."""
    ((p, m),) = factorint(q).items()
    modulus = next(f for f in monic(p, m) if gf_irreducible_p(list(f), p, ZZ) and order_of_t(f, p) == q - 1)
    numbers = [tuple(n // p**i % p for i in reversed(range(m))) for n in range(q)]
    return [Element(tuple(itertools.dropwhile(lambda c: c == 0, number)), p, modulus) for number in numbers]


def monic(p: int, m: int) -> Iterator[tuple[int, ...]]:
    """Monic polynomials of degree m, least first."""
    return ((1, *lower) for lower in itertools.product(range(p), repeat=m))


def order_of_t(modulus: tuple[int, ...], p: int) -> int:
    """Least e > 0 with t^e = 1, or 0."""
    f, size = list(modulus), p ** (len(modulus) - 1)
    orders = [e for e in range(1, size) if (size - 1) % e == 0 and gf_pow_mod([1, 0], e, f, p, ZZ) == [1]]
    return orders[0] if orders else 0


# --- fields --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", SMALL)
def test_sums_products_and_powers_are_those_of_sympy(q: int) -> None:
    field, all_of = finite_field(q), elements(q)
    a, b = np.meshgrid(np.arange(q), np.arange(q), indexing="ij")
    assert field.add(a, b).tolist() == [[(x + y).number for y in all_of] for x in all_of]
    assert field.multiply(a, b).tolist() == [[(x * y).number for y in all_of] for x in all_of]
    assert field.negative(a[:, 0]).tolist() == [(-x).number for x in all_of]
    for exponent in (0, 1, 2, 3, 7, q - 1, q, 10**30):
        assert field.power(a[:, 0], exponent).tolist() == [(x**exponent).number for x in all_of]
    for exponent in (-1, -2, -q):
        assert field.power(a[1:, 0], exponent).tolist() == [(x**exponent).number for x in all_of[1:]]


#: The primitive trinomials of least middle degree (Zierler and Brillhart, Information and Control 13, 1968), and for
#: GF(256), where no trinomial is irreducible, the polynomial of Reed-Solomon codes.
PUBLISHED = {
    **{4: 0b111, 8: 0b1011, 16: 0b10011, 32: 0b100101, 64: 0b1000011, 128: 0b10000011},
    **{256: 0b100011101, 512: 0b1000010001, 1024: 0b10000001001},
}


@pytest.mark.parametrize(("q", "modulus"), PUBLISHED.items())
def test_moduli_are_the_published_primitive_polynomials(q: int, modulus: int) -> None:
    assert finite_field(q).modulus == modulus


@pytest.mark.parametrize("q", [9, 121, 243, 343, 625, 961])
def test_moduli_are_the_least_that_sympy_finds(q: int) -> None:
    modulus, p = elements(q)[0].modulus, finite_field(q).p
    assert finite_field(q).modulus == sum(c * p**i for i, c in enumerate(reversed(modulus)))


@pytest.mark.parametrize("q", [128, 343, 1009, 1024])
def test_larger_fields_obey_the_axioms(q: int) -> None:
    field = finite_field(q)
    a, b, c = np.random.default_rng(q).integers(0, q, (3, 2000))
    add, multiply = field.add, field.multiply
    assert (add(a, add(b, c)) == add(add(a, b), c)).all()
    assert (multiply(a, multiply(b, c)) == multiply(multiply(a, b), c)).all()
    assert (multiply(a, add(b, c)) == add(multiply(a, b), multiply(a, c))).all()
    assert (add(a, field.negative(a)) == 0).all()
    every = np.arange(1, q)
    assert (multiply(every, field.power(every, -1)) == 1).all()
    assert (field.power(every, q - 1) == 1).all()
    assert (multiply(field.power(a, 5), field.power(a, 3)) == field.power(a, 8)).all()
    assert sorted(field.powers.tolist()) == every.tolist()


def test_a_field_of_prime_order_is_arithmetic_modulo_it() -> None:
    a, b = np.meshgrid(np.arange(97), np.arange(97), indexing="ij")
    field = finite_field(97)
    assert (field.add(a, b) == (a + b) % 97).all()
    assert (field.multiply(a, b) == a * b % 97).all()
    assert [field.integer(n) for n in (-1, 97, 100)] == [96, 0, 3]


def test_fields_exist_for_prime_powers_alone() -> None:
    made = []
    for q in range(2, 257):
        try:
            made.append(finite_field(q).order)
        except InputError:
            assert len(factorint(q)) > 1
    assert made == [q for q in range(2, 257) if len(factorint(q)) == 1]


@pytest.mark.parametrize("q", [-3, 0, 1, 6, 100, 1000, 1025, 1031, 2048, 10**12, 10**400])
def test_other_sizes_are_refused(q: int) -> None:
    with pytest.raises(InputError, match=rf"^field must be a prime power from 2 to 1024, got {q}; use e.g. 97"):
        finite_field(q)


def test_zero_has_no_inverse() -> None:
    with pytest.raises(ZeroDivisionError, match=r"0 has no inverse in GF\(5\)"):
        finite_field(5).power(np.arange(5), -1)


@pytest.mark.parametrize(
    ("q", "words"),
    [
        (7, "the integers modulo 7"),
        (9, "polynomials in t, numbers with their coefficients as base-3 digits, modulo 2 + t + t^2"),
        (25, "polynomials in t, numbers with their coefficients as base-5 digits, modulo 2 + t + t^2"),
        (8, "polynomials in t, numbers with their coefficients as base-2 digits, modulo 1 + t + t^3"),
        (343, "polynomials in t, numbers with their coefficients as base-7 digits, modulo 2 + 3t + t^3"),
    ],
)
def test_a_field_says_what_its_elements_are(q: int, words: str) -> None:
    assert finite_field(q).words == words


# --- text and tree -------------------------------------------------------------------------------------

x, y, z = (Variable(letter) for letter in "xyz")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("x", x),
        ("7", Number(7)),
        ("x+y-z", Binary("-", Binary("+", x, y), z)),
        ("x-y*z", Binary("-", x, Binary("*", y, z))),
        ("x*y/z", Binary("/", Binary("*", x, y), z)),
        ("x/y/z", Binary("/", Binary("/", x, y), z)),
        ("-x^2", Negative(Power(x, 2))),
        ("-x*y+z", Binary("+", Negative(Binary("*", x, y)), z)),
        ("x^2y", Binary("*", Power(x, 2), y)),
        ("xy^2", Binary("*", x, Power(y, 2))),
        ("3xy", Binary("*", Binary("*", Number(3), x), y)),
        ("2(x+y)z", Binary("*", Binary("*", Number(2), Binary("+", x, y)), z)),
        ("(x)(y)", Binary("*", x, y)),
        ("x**-12", Power(x, -12)),
        ("x^(-1)", Power(x, -1)),
        ("(x^2)^3", Power(Power(x, 2), 3)),
        ("x*(-y)", Binary("*", x, Negative(y))),
        (" ( x\t+\ny ) ", Binary("+", x, y)),
        ("x/2*y", Binary("*", Binary("/", x, Number(2)), y)),
        ("007", Number(7)),
    ],
)
def test_text_is_read_as_people_mean_it(text: str, tree: Node) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("", 1, "a letter, an integer or a parenthesis"),
        ("  ", 1, "a letter, an integer or a parenthesis"),
        ("x +", 4, "a letter, an integer or a parenthesis"),
        ("x+*y", 3, "a letter, an integer or a parenthesis, not '*'"),
        ("x*-y", 3, "a letter, an integer or a parenthesis, not '-'"),
        ("--x", 2, "a letter, an integer or a parenthesis, not '-'"),
        ("()", 2, "a letter, an integer or a parenthesis, not ')'"),
        ("(x+y", 5, "a closing parenthesis"),
        ("x)", 2, "the end or one of + - * / ^, not ')'"),
        ("x2", 2, "the end or one of + - * / ^, not '2'"),
        ("2 3", 3, "the end or one of + - * / ^, not '3'"),
        ("(x)2", 4, "the end or one of + - * / ^, not '2'"),
        ("x^y", 3, "an integer exponent, not 'y'"),
        ("x^", 3, "an integer exponent"),
        ("x^(y)", 4, "an integer exponent, not 'y'"),
        ("x^(2+1)", 5, "a closing parenthesis, not '+'"),
        ("x^2^3", 4, "parentheses around the power: (a^b)^c, not '^'"),
        ("x/2y", 4, "a sign: a/bc is a/(bc) to some and (a/b)c to others, not 'y'"),
        ("x/y(z)", 4, "a sign: a/bc is a/(bc) to some and (a/b)c to others, not '('"),
        ("x + Y", 5, "a letter a … z, an integer, a parenthesis or one of + - * / ^, not 'Y'"),
        ("x\u00b2", 2, "a letter a … z, an integer, a parenthesis or one of + - * / ^, not '\u00b2'"),
        ("\u0663x", 1, "a letter a … z, an integer, a parenthesis or one of + - * / ^, not '\u0663'"),
        ("x+1.5", 4, "a letter a … z, an integer, a parenthesis or one of + - * / ^, not '.'"),
        ("__import__('os')", 1, "a letter a … z, an integer, a parenthesis or one of + - * / ^, not '_'"),
        ("(" * 21 + "x" + ")" * 21, 21, "no more than 20 parentheses within each other, not '('"),
    ],
)
def test_nonsense_is_refused_at_its_position(text: str, position: int, expected: str) -> None:
    with pytest.raises(InputError, match=r"^expression must be written such as x\^2") as caught:
        parse(text)
    assert caught.value.expectation.endswith(f"(at character {position} expected {expected})")
    assert caught.value.value == text


def test_what_is_longer_than_anybody_means_is_refused() -> None:
    assert text_of(parse("(" * 20 + "x" + ")" * 20)) == "x"
    assert text_of(parse("(x)" * 50)) == "*".join("x" * 50)
    assert parse("x+" * 49 + "x")
    for text in ("x" * (MAX_LENGTH + 1), "x" * MAX_LENGTH, "x+" * 50 + "x"):
        with pytest.raises(InputError, match=rf"at most {MAX_LENGTH} characters, got '\d+ characters, every sign"):
            parse(text)


NODES: st.SearchStrategy[Node] = st.recursive(
    st.builds(Number, st.integers(0, 12)) | st.builds(Variable, st.sampled_from("xyz")),
    lambda inner: st.one_of(
        st.builds(Negative, inner),
        st.builds(Power, inner, st.integers(-4, 9)),
        st.builds(Binary, st.sampled_from("+-*/"), inner, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(NODES)
def test_a_tree_survives_its_text(tree: Node) -> None:
    text = text_of(tree)
    assume(len(text) <= MAX_LENGTH)
    assert parse(text) == tree
    assert parse(text.replace(" ", "").replace("^", "**")) == tree
    assert text_of(parse(text)) == text


@settings(max_examples=200, deadline=None, derandomize=True)
@given(NODES)
def test_a_text_has_no_parentheses_to_spare(tree: Node) -> None:
    """Without any pair of its parentheses it is another expression, or none."""
    text = text_of(tree)
    assume(len(text) <= MAX_LENGTH)
    opened: list[int] = []
    for end, character in enumerate(text):
        if character == "(":
            opened.append(end)
        if character == ")":
            start = opened.pop()
            try:
                other = parse(f"{text[:start]} {text[start + 1 : end]} {text[end + 1 :]}")
            except InputError:
                continue
            assert other != tree


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.text("xy23 +-*/^()", max_size=20) | st.text(max_size=20))
def test_any_text_is_read_or_refused_with_a_position_in_it(text: str) -> None:
    try:
        tree = parse(text)
    except InputError as error:
        found = re.search(r"at character (\d+) expected", error.expectation)
        assert found
        assert 1 <= int(found[1]) <= len(text) + 1
    else:
        assert parse(text_of(tree)) == tree


@settings(max_examples=100, deadline=None, derandomize=True)
@given(NODES, st.data())
def test_a_foreign_character_is_named_with_its_position(tree: Node, data: st.DataObject) -> None:
    text = text_of(tree)
    at = data.draw(st.integers(0, len(text)))
    assume(len(text) < MAX_LENGTH)
    with pytest.raises(InputError, match=rf"at character {at + 1} expected .*, not '!'"):
        parse(f"{text[:at]}!{text[at:]}")


# --- values --------------------------------------------------------------------------------------------


def by_python(text: str, q: int, letters: str) -> list[int]:
    """Labels of all rows as Python reads the canonical text with elements of sympy's for letters."""
    code, labels = compile(text.replace("^", "**"), "expression", "eval"), []
    for row in itertools.product(elements(q), repeat=len(letters)):
        names = dict(zip(letters, row, strict=True))
        one = elements(q)[1]
        try:
            labels.append((one * eval(code, {"__builtins__": {}}, names)).number)
        except ZeroDivisionError:
            labels.append(UNDEFINED)
    return labels


@pytest.mark.parametrize("q", [3, 4, 7, 9])
@pytest.mark.parametrize(
    "text",
    [
        "x^2 + x*y + y^2",
        "x^3 + x*y^2 + y",
        "x/y",
        "(x - y)/(x + y)",
        "-x^2*y + 3*y - x",
        "x^-2 + y",
        "x^0 + y",
        "x*y*z + x^2/z",
        "b + a^5",
        "x^100",
    ],
)
def test_values_are_those_of_sympy_read_by_python(text: str, q: int) -> None:
    table = expression_table(text, q)
    letters = "".join(sorted(set(text) & set("abxyz")))
    assert table.labels.tolist() == by_python(text, q, letters)
    assert (table.operands, table.alphabet, table.classes) == (len(letters), q, q)
    assert table.name == f"{text} over GF({q})"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(NODES, st.sampled_from([2, 3, 4, 5]))
def test_values_of_any_expression_are_those_of_sympy(tree: Node, q: int) -> None:
    letters, text = variables(tree), text_of(tree)
    assume(letters)
    assume(not re.search(r"(?<![\w)])\d+(\^-|/\d)|/\(?\d|\d\^", text))  # Python's own integers would divide
    found, defined = values_of(tree, finite_field(q))
    labels = np.where(defined, found, UNDEFINED)
    assert labels.shape == (q,) * len(letters)
    assert labels.ravel().tolist() == by_python(text, q, "".join(letters))


def test_integers_count_in_the_prime_field() -> None:
    assert expression_table("5x", 5).labels.tolist() == [0] * 5
    assert expression_table("x + 5", 4).labels.tolist() == [1, 0, 3, 2]
    assert expression_table("x/3 + 0*x", 7).labels.tolist() == [x * 5 % 7 for x in range(7)]


def test_a_row_is_undefined_where_any_part_divides_by_zero() -> None:
    assert expression_table("x/x", 5).labels.tolist() == [UNDEFINED, 1, 1, 1, 1]
    assert expression_table("0/x", 3).labels.tolist() == [UNDEFINED, 0, 0]
    assert expression_table("x*(1/x) - x^-1 + y", 2).labels.tolist() == [UNDEFINED, UNDEFINED, 0, 1]
    assert expression_table("0^0*x + x^0", 2).labels.tolist() == [1, 0]


def test_letters_in_alphabetical_order_are_the_operands() -> None:
    assert variables(parse("zab + a - 2")) == ("a", "b", "z")
    table = expression_table("z + 0*a - z + 2a", 5)
    assert table.labels.reshape(5, 5).tolist() == [[2 * a % 5] * 5 for a in range(5)]


@pytest.mark.parametrize(
    ("text", "q", "message"),
    [
        ("3", 5, r"^expression must be of 1 to 4 different letters, got '3'; the letters are the operands"),
        ("a+b+c+d+e", 2, r"^expression must be of 1 to 4 different letters"),
        ("x/(y - y)", 5, r"^expression must be defined somewhere over GF\(5\), got 'x/\(y - y\)'; it always divides"),
        ("x/5", 5, r"^expression must be defined somewhere over GF\(5\)"),
        ("x+y", 6, r"^field must be a prime power from 2 to 1024, got 6"),
        (
            "x+y+z",
            163,
            r"^field must be small enough for 4194304 rows at most, not 163\^3, got 163; take",
        ),
        ("w+x+y+z", 47, r"^field must be small enough for 4194304 rows at most, not 47\^4, got 47"),
        ("x +", 5, r"^expression must be written such as .* \(at character 4 expected a letter"),
    ],
)
def test_tables_that_cannot_be_are_refused(text: str, q: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        expression_table(text, q)


def test_the_largest_tables_are_made() -> None:
    assert expression_table("x*y", 1024).rows.size == 2**20
    assert expression_table("x*y + z", 157).labels.size == 157**3
    assert isinstance(finite_field(1024), FiniteField)
