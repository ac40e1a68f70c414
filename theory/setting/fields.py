"""Finite fields GF(q): elements as integers 0 … q-1, arithmetic on arrays of them.

For a prime q these are the integers modulo q. For q = p^m the number with base-p digits a_0, …, a_(m-1) (lowest
first) is the polynomial a_0 + a_1 t + … + a_(m-1) t^(m-1) over GF(p) modulo f(t), the least monic primitive
polynomial of degree m, polynomials being ordered as the numbers with their coefficients as digits. So 0, 1, …, p-1
are the prime field and t generates all non-zero elements (Lidl and Niederreiter, *Finite Fields*, 2nd ed., 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import log

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.errors import InputError

__all__ = ["MAX_FIELD", "FiniteField", "finite_field"]

#: Largest field: two operands already give 2^20 rows, and a class an element.
MAX_FIELD = 1024

Elements = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FiniteField:
    """GF(q), q = p^m, from `finite_field`. Arrays of elements broadcast as numpy's do.

    Attributes:
        p: characteristic.
        m: degree over GF(p).
        modulus: f(t) as the number with its coefficients as base-p digits, the leading 1 included.
        powers: (q - 1,) the elements 1, t, t^2, …
        logarithms: (q,) l with t^l = a; that of 0 is never used.
    """

    p: int
    m: int
    modulus: int
    powers: Elements = field(repr=False)
    logarithms: Elements = field(repr=False)

    @property
    def order(self) -> int:
        """Number of elements q."""
        return int(self.p**self.m)

    @property
    def words(self) -> str:
        """What its elements are."""
        if self.m == 1:
            return f"the integers modulo {self.p}"
        digits = [self.modulus // place % self.p for place in [*self._places, self.order]]
        terms = [_monomial(digit, i) for i, digit in enumerate(digits) if digit]
        return f"polynomials in t, numbers with their coefficients as base-{self.p} digits, modulo {' + '.join(terms)}"

    def integer(self, n: int) -> int:
        """The element n·1 = 1 + … + 1, of the prime field."""
        return n % self.p

    def add(self, a: Elements, b: Elements) -> Elements:
        """The sum a + b, digit by digit modulo p."""
        total = np.zeros_like(a + b)
        for place in self._places:
            total += (a // place + b // place) % self.p * place
        return total

    def negative(self, a: Elements) -> Elements:
        """The element -a, digit by digit modulo p."""
        return np.asarray(sum(-(a // place) % self.p * place for place in self._places))

    def multiply(self, a: Elements, b: Elements) -> Elements:
        """The product a·b = t^(log a + log b)."""
        logarithm = (self.logarithms[a] + self.logarithms[b]) % (self.order - 1)
        return np.where((a == 0) | (b == 0), 0, self.powers[logarithm])

    def power(self, a: Elements, exponent: int) -> Elements:
        """The power a^exponent = t^(exponent·log a); 0^0 is 1.

        Raises:
            ZeroDivisionError: if the exponent is negative and an element is 0.
        """
        if exponent == 0:
            return np.ones_like(a)
        if exponent < 0 and (a == 0).any():
            raise ZeroDivisionError(f"0 has no inverse in GF({self.order})")
        logarithm = self.logarithms[a] * (exponent % (self.order - 1)) % (self.order - 1)
        return np.where(a == 0, 0, self.powers[logarithm])

    @property
    def _places(self) -> list[int]:
        return [self.p**i for i in range(self.m)]


def _monomial(digit: int, i: int) -> str:
    """The term digit·t^i as people write it."""
    power = ("", "t", f"t^{i}")[min(i, 2)]
    return f"{digit if digit > 1 or not i else ''}{power}"


@lru_cache(maxsize=16)
def finite_field(q: int) -> FiniteField:
    """GF(q).

    Raises:
        InputError: if q is not a prime power between 2 and `MAX_FIELD`.
    """
    p, m = _prime_power(q) if 2 <= q <= MAX_FIELD else (0, 0)
    if not m:
        raise InputError("field", f"a prime power from 2 to {MAX_FIELD}", q, "use e.g. 97, or 64 = 2^6")
    for lower in range(q):
        powers = _powers_of_t(p, m, lower)
        if len(powers) == q - 1:
            logarithms = np.zeros(q, dtype=np.int64)
            logarithms[powers] = np.arange(q - 1)
            return FiniteField(p, m, q + lower, np.array(powers), logarithms)
    raise ArithmeticError(f"no primitive polynomial of degree {m} over GF({p})")  # there always is one


def _prime_power(q: int) -> tuple[int, int]:
    """The least divisor p of q, and m with p^m = q, or 0."""
    p = next(d for d in range(2, q + 1) if q % d == 0)
    m = round(log(q, p))
    return p, m if p**m == q else 0


def _powers_of_t(p: int, m: int, lower: int) -> list[int]:
    """1, t, t^2, … until they come back to 1 or vanish, where t^m = -(the polynomial ``lower``)."""
    reduction = [-(lower // p**i) % p for i in range(m)]
    powers, a = [1], [1, *[0] * (m - 1)]
    for _ in range(p**m - 1):
        a = [(low + a[-1] * r) % p for low, r in zip([0, *a[:-1]], reduction, strict=True)]
        number = sum(digit * p**i for i, digit in enumerate(a))
        if number <= 1:
            return powers if number else []
        powers.append(number)
    return []
