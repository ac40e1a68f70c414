"""Expressions such as x^2 + x*y + y^2: text to tree, tree to text, and their values over a finite field.

    sum      = ["-"] product { ("+" | "-") product }
    product  = power { ("*" | "/") power | power }       juxtaposition multiplies: 2x, xy, x(y + 1)
    power    = atom [ ("^" | "**") exponent ]
    exponent = ["-"] integer | "(" ["-"] integer ")"
    atom     = integer | letter a … z | "(" sum ")"

Text that can be read in two ways is refused, with its position: x/2y, x^2^3, x2, 2 3, x*-y. Nothing is evaluated as
code. An integer n stands for n·1 of the field, and a^-n for 1/a^n.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.errors import InputError
from twopeaks.theory.setting.fields import FiniteField

__all__ = [
    "MAX_LENGTH",
    "MAX_VARIABLES",
    "Binary",
    "Negative",
    "Node",
    "Number",
    "Power",
    "Variable",
    "parse",
    "text_of",
    "values",
    "variables",
]

#: Longest text (also with every sign written out) and deepest nesting of parentheses.
MAX_LENGTH, _MAX_DEPTH = 200, 20
#: Most different letters.
MAX_VARIABLES = 4

_TOKEN = re.compile(r"\s*([0-9]+|[a-z]|\*\*|[-+*/^()])")


@dataclass(frozen=True)
class Number:
    """A non-negative integer."""

    value: int


@dataclass(frozen=True)
class Variable:
    """An operand."""

    letter: str


@dataclass(frozen=True)
class Negative:
    """The negative of a product."""

    of: Node


@dataclass(frozen=True)
class Power:
    """base^exponent, with an integer exponent of either sign."""

    base: Node
    exponent: int


@dataclass(frozen=True)
class Binary:
    """left sign right."""

    sign: Literal["+", "-", "*", "/"]
    left: Node
    right: Node


#: A part of a parsed expression.
Node = Number | Variable | Negative | Power | Binary


# --- text to tree --------------------------------------------------------------------------------------


def parse(text: str) -> Node:
    """The tree of an expression, by the grammar above.

    Raises:
        InputError: if the text does not follow it; the message names the character (counted from 1) and what was
            expected there.
    """
    _check_length(text)
    node = _Parser(text).whole()
    _check_length(text_of(node))
    return node


def _check_length(text: str) -> None:
    if len(text) > MAX_LENGTH:
        length = f"{len(text)} characters, every sign written out"
        raise InputError("expression", f"at most {MAX_LENGTH} characters", length, "shorten it")


class _Parser:
    """Recursive descent: one method a rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text, self._next, self._depth = text, 0, 0
        self._tokens: list[tuple[str, int]] = []  # with the position of each, from 1
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                start = at + len(text[at:]) - len(text[at:].lstrip())
                raise self._refusal("a letter a … z, an integer, a parenthesis or one of + - * / ^", start + 1)
            self._tokens.append((match[1], match.start(1) + 1))
            at = match.end()
        self._tokens.append(("", end + 1))

    @property
    def _token(self) -> str:
        return self._tokens[self._next][0]

    def _refusal(self, expected: str, position: int | None = None) -> InputError:
        where = self._tokens[self._next][1] if position is None else position
        instead = f", not {self._text[where - 1]!r}" if where <= len(self._text.rstrip()) else ""
        return InputError(
            "expression",
            f"written such as x^2 + x*y + y^2 (at character {where} expected {expected}{instead})",
            self._text,
            "correct that character",
        )

    def _take(self, *tokens: str) -> str:
        """The present token if it is one of these, else nothing."""
        if self._token not in tokens:
            return ""
        self._next += 1
        return self._tokens[self._next - 1][0]

    def whole(self) -> Node:
        node = self._sum()
        if self._token:
            raise self._refusal("the end or one of + - * / ^")
        return node

    def _sum(self) -> Node:
        node: Node = Negative(self._product()) if self._take("-") else self._product()
        while sign := self._take("+", "-"):
            node = Binary("+" if sign == "+" else "-", node, self._product())
        return node

    def _product(self) -> Node:
        node, divided = self._power(), False
        while True:
            if sign := self._take("*", "/"):
                divided = sign == "/"
                node = Binary("/" if divided else "*", node, self._power())
            elif self._token == "(" or self._token.isalpha():
                if divided:
                    raise self._refusal("a sign: a/bc is a/(bc) to some and (a/b)c to others")
                node = Binary("*", node, self._power())
            else:
                return node

    def _power(self) -> Node:
        base = self._atom()
        if not self._take("^", "**"):
            return base
        node = Power(base, self._exponent())
        if self._token in ("^", "**"):
            raise self._refusal("parentheses around the power: (a^b)^c")
        return node

    def _exponent(self) -> int:
        bracket = self._take("(")
        sign = -1 if self._take("-") else 1
        if not self._token.isdigit():
            raise self._refusal("an integer exponent")
        value = sign * int(self._take(self._token))
        if bracket and not self._take(")"):
            raise self._refusal("a closing parenthesis")
        return value

    def _atom(self) -> Node:
        if self._token.isdigit():
            return Number(int(self._take(self._token)))
        if self._token.isalpha():
            return Variable(self._take(self._token))
        if self._token == "(" and self._depth == _MAX_DEPTH:
            raise self._refusal(f"no more than {_MAX_DEPTH} parentheses within each other")
        if not self._take("("):
            raise self._refusal("a letter, an integer or a parenthesis")
        self._depth += 1
        node = self._sum()
        if not self._take(")"):
            raise self._refusal("a closing parenthesis")
        self._depth -= 1
        return node


# --- tree to text --------------------------------------------------------------------------------------


def text_of(node: Node) -> str:
    """Canonical text, with no more parentheses than needed: `parse` gives the same tree back."""
    return _text(node, 0)


def _text(node: Node, level: int) -> str:
    """Text that may stand where a sum (0), a product (1), a power (2) or an atom (3) is read."""
    match node:
        case Number(value):
            return str(value)
        case Variable(letter):
            return letter
        case Power(base, exponent):
            own, text = 2, f"{_text(base, 3)}^{exponent}"
        case Negative(of):
            own, text = 0, f"-{_text(of, 1)}"
        case Binary(("*" | "/") as sign, left, right):
            own, text = 1, f"{_text(left, 1)}{sign}{_text(right, 2)}"
        case Binary(sign, left, right):
            own, text = 0, f"{_text(left, 0)} {sign} {_text(right, 1)}"
    return f"({text})" if own < level else text


# --- tree to values ------------------------------------------------------------------------------------


def variables(node: Node) -> tuple[str, ...]:
    """The letters of an expression in alphabetical order: its operands."""
    return tuple(sorted(_letters(node)))


def _letters(node: Node) -> set[str]:
    match node:
        case Number():
            return set()
        case Variable(letter):
            return {letter}
        case Negative(inner) | Power(inner, _):
            return _letters(inner)
        case Binary(_, left, right):
            return _letters(left) | _letters(right)


def values(node: Node, field: FiniteField) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Values over a field, and where they are defined, both of shape (q, …, q) with one axis a variable.

    A value is undefined where any part of the expression divides by zero, even if that part is multiplied by zero or
    would cancel; the value given there means nothing.
    """
    letters = variables(node)
    axes = np.meshgrid(*[np.arange(field.order)] * len(letters), indexing="ij", sparse=True)
    evaluation = _Evaluation(field, dict(zip(letters, axes, strict=True)))
    elements, shape = evaluation.value(node), (field.order,) * len(letters)
    return np.broadcast_to(elements, shape), np.broadcast_to(evaluation.defined, shape)


class _Evaluation:
    """Values of parts of an expression on sparse axes: each part has only the axes of its own letters."""

    def __init__(self, field: FiniteField, axes: dict[str, NDArray[np.int64]]) -> None:
        self._field, self._axes = field, axes
        self.defined: NDArray[np.bool_] = np.array(True)

    def value(self, node: Node) -> NDArray[np.int64]:
        field = self._field
        match node:
            case Number(value):
                return np.array(field.integer(value))
            case Variable(letter):
                return self._axes[letter]
            case Negative(of):
                return field.negative(self.value(of))
            case Power(base, exponent):
                b = self.value(base)
                return field.power(self._invertible(b) if exponent < 0 else b, exponent)
            case Binary(sign, left, right):
                a, b = self.value(left), self.value(right)
                if sign in "+-":
                    return field.add(a, b if sign == "+" else field.negative(b))
                return field.multiply(a, b if sign == "*" else field.power(self._invertible(b), -1))

    def _invertible(self, b: NDArray[np.int64]) -> NDArray[np.int64]:
        """The divisor b with ones in place of zeros, which are noted as undefined."""
        self.defined = self.defined & (b != 0)
        return np.where(b == 0, 1, b)
