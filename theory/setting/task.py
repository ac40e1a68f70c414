"""What is learned, and from how many examples."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, Self

from pydantic import Field, model_validator

from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import Group, from_table, named
from twopeaks.theory.setting.expressions import parse, text_of, variables
from twopeaks.theory.setting.fields import finite_field
from twopeaks.theory.setting.frozen import LARGEST, Frozen
from twopeaks.theory.setting.tables import Table, expression_table, parity_table, product_table

__all__ = ["Labels", "Task"]

#: The task's own labels, or random ones as a control.
Labels = Literal["true", "random"]


class Task(Frozen):
    """What is learned from some of its rows: products in a group, an expression over a finite field, or a parity.

    Attributes:
        group: name, as `theory.groups.named` reads it, or the name of `table`; empty where the task has no group.
        table: the Cayley table itself, for groups without a name.
        labels: ``true`` (the label of (a, b) is a·b) or ``random`` (uniform, independent: the memorisation control).
        samples: size n of the training set, drawn without replacement from the M^2 rows (a, b), or other rows.
        bias: rows (a, b) are drawn one after the other, each time with probabilities proportional to (1 + a)^-bias
            among the rows that are left. The number a is that of the table (0 is the neutral element of a named group),
            and with other numbers of operands that of the first operand. With 0 draws are uniform.
        operands: k, the label is the product x_1·x_2·…·x_k in the group.
        expression: instead of a group, in the grammar of `twopeaks.theory.setting.expressions`; its letters in
            alphabetical order are the operands. Rows where it divides by zero are left out of the table.
        field: q; the expression is evaluated over GF(q).
        parity: instead of a group, (N, s): the parity of the first s of N bits.
        noise: share of training labels that are wrong: floor(noise n + 1/2) of them, drawn uniformly, are each
            replaced by one of the other classes, drawn uniformly. Tests use the true table.
    """

    added = frozenset({"bias", "operands", "expression", "field", "parity", "noise"})

    group: str = Field(
        "Z23", description="a group: Z23, Z2xZ2xZ6, D11 (order 22), S4, A5, Q8, Dic6, F21, SL(2,3), SmallGroup(16,3), …"
    )
    table: tuple[tuple[int, ...], ...] | None = Field(None, description="Cayley table of a group without a name")
    labels: Labels = Field("true", description="true labels, or random ones (the control that can only memorise)")
    samples: int = Field(ge=1, description="training examples n, between 1 and the rows of the table (M^2 for a group)")
    bias: float = Field(
        0.0,
        ge=0,
        le=LARGEST,
        description="0 draws examples (a, b) uniformly; larger prefers small a, weights (1 + a)^-bias",
    )
    operands: int = Field(2, ge=2, le=22, description="number of group elements that are multiplied, 2 or more")
    expression: str | None = Field(
        None, description="instead of a group: such as 'x^2 + x*y + y^2', with a field; its letters are the operands"
    )
    field: int | None = Field(
        None, description="size of the finite field of an expression, a prime power such as 97 or 64"
    )
    parity: tuple[int, int] | None = Field(
        None, description="instead of a group: the parity of the first S of N bits, such as 20,3"
    )
    noise: float = Field(0.0, ge=0, le=1, description="share of training labels that are replaced by wrong ones, 0 … 1")

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        """Refuse a task that is named twice or incompletely; make its text canonical."""
        if (self.expression is None) != (self.field is None):
            present, missing = ("field", "expression") if self.expression is None else ("expression", "field")
            remedy = "use e.g. the expression x*y + 1 with the field 97"
            raise InputError(missing, f"given with {present}", None, remedy)
        ways = [name for name in ("expression", "parity", "table") if getattr(self, name) is not None]
        ways += ["group"] if self.group and "group" in self.model_fields_set else []
        ways += ["operands"] if self.operands != 2 else []
        if not self.has_group and len(ways) > 1:
            raise InputError(ways[1], f"left out with {ways[0]}", getattr(self, ways[1]), "give one of the two")
        if self.expression is not None:
            object.__setattr__(self, "expression", text_of(parse(self.expression)))
        object.__setattr__(self, "group", self._canonical_group())
        return self

    def _canonical_group(self) -> str:
        if not self.has_group:
            return ""
        return self.resolve().name if self.table is None or "group" in self.model_fields_set else "table"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        table = self.table_of()
        if self.samples > table.rows.size:
            pairs = "M^2 = " if self.has_group and self.operands == 2 else ""
            raise InputError("samples", f"at most {pairs}{table.rows.size} for {table.name}", self.samples, "lower it")
        if self.noise and self.labels == "random":
            raise InputError("noise", "0 for random labels", self.noise, "random labels are all noise already")
        if self.noise and table.classes == 1:
            raise InputError("noise", "0 with a single class", self.noise, "there is no wrong label")
        return self

    @property
    def has_group(self) -> bool:
        """Whether the task is about products in a group."""
        return self.expression is None and self.parity is None

    @property
    def name(self) -> str:
        """Text to show: group, expression or parity."""
        return self.table_of().name

    def resolve(self) -> Group:
        """The group itself.

        Raises:
            InputError: if the task is an expression or a parity.
        """
        if not self.has_group:
            raise InputError("task", "about a group", self.name, "use --group: this rests on its representations")
        return _resolve(self.group, self.table)

    def table_of(self) -> Table:
        """The true labels of all rows."""
        if self.expression is not None and self.field is not None:
            return expression_table(self.expression, self.field)
        if self.parity is not None:
            return parity_table(*self.parity)
        return product_table(self.resolve(), self.operands)

    @property
    def words(self) -> dict[str, str]:
        """The task in words, for the conventions of a setting."""
        law = "uniform" if self.bias == 0 else "weights (1 + a)^-bias,"
        words = {"training_set": f"n examples, {law} without replacement"}
        if self.operands != 2:
            words["labels"] = "x_1·x_2·…·x_k in the group"
        if self.parity is not None:
            words["labels"] = "x_1 + … + x_s mod 2 of the first s bits"
        if self.expression is not None and self.field is not None:
            letters, field = ", ".join(variables(parse(self.expression))), finite_field(self.field)
            words["labels"] = f"operands {letters}; rows that divide by zero left out; elements are {field.words}"
        if self.noise:
            words["noise"] = "floor(noise n + 1/2) training labels replaced by any other class, uniformly"
        return words


@lru_cache(maxsize=64)
def _resolve(name: str, table: tuple[tuple[int, ...], ...] | None) -> Group:
    return named(name) if table is None else from_table(table, name)
