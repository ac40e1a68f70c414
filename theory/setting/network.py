"""The network: its layers and their initial values."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from twopeaks.theory.errors import InputError
from twopeaks.theory.setting.frozen import LARGEST, Frozen

__all__ = ["Activation", "Embedding", "Family", "Hidden", "Network", "Readout", "Weights"]

#: sigma, applied to each hidden node.
Activation = Literal["x^2", "relu", "relu^2", "silu", "gelu", "tanh"]
#: Whether layers are real or complex.
Weights = Literal["real", "complex"]
#: Whether the last layer is trained, or solved by ridge regression at each step.
Readout = Literal["trained", "ridge"]
#: Layers of hidden nodes, or a transformer of one block.
Family = Literal["mlp", "transformer"]
#: What W reads: one-hot inputs, one trained table for all operands, or a table each.
Embedding = Literal["one-hot", "shared", "separate"]
#: How operands meet in a hidden node.
Hidden = Literal["sum", "product"]

_TABLES: dict[Embedding, str] = {
    "one-hot": "",
    "shared": "X <- rows of one table T (d columns) for every operand, ",
    "separate": "X <- rows of a table T_j (d columns) for operand j, ",
}


class Network(Frozen):
    """Layers without biases: output = sigma(X W) V, W (2M, K), V (K, M), in the standard case.

    Attributes:
        width: hidden nodes K.
        activation: sigma.
        init_scale_v: factor on the initial V; all layers start uniform on ±1/sqrt(fan_in), tables on ±1/sqrt(d).
        layers: matrices from W to V; beyond two, each further H_l (K, K) makes F <- sigma(F H_l) before V reads F.
        residual: F <- F + sigma(F H_l) instead.
        weights: ``complex`` makes every layer complex and the output Re(F V).
        readout: ``ridge`` solves V at each step for the least loss + (eta/2) |V|^2; ``trained`` descends in V too.
        family: ``mlp``, or ``transformer``: one block, described in docs/conventions.md.
        embedding: what W reads of an operand: its ``one-hot``, or its row of a trained table, ``shared`` by all
            operands or ``separate`` for each.
        embedding_dim: columns d of such a table; the width of a transformer's residual stream.
        hidden: ``sum``: F = sigma(sum_j x_j W_j), W_j the rows of W that operand j meets; ``product``: F is the
            product of x_j W_j over the operands, node by node.
        heads: attention heads of a transformer, each with d/heads columns.
        output_scale: factor alpha on the outputs.
    """

    added = frozenset(
        {"layers", "residual", "weights", "readout"}
        | {"family", "embedding", "embedding_dim", "hidden", "heads", "output_scale"}
    )

    width: int = Field(ge=1, le=1_000_000, description="hidden nodes K, such as 256")
    activation: Activation = Field("x^2", description="function sigma of the hidden nodes")
    init_scale_v: float = Field(
        1.0, ge=0, le=LARGEST, description="factor on the initial output layer; 0 starts it at zero"
    )
    layers: int = Field(2, ge=2, le=4, description="matrices from W to V, 2 … 4; more than 2 add hidden layers")
    residual: bool = Field(False, description="whether each hidden layer beyond the first adds to its input")
    weights: Weights = Field("real", description="real weights, or complex ones with output Re(F V)")
    readout: Readout = Field(
        "trained", description="the output layer V is trained, or solved by ridge regression at each step"
    )
    family: Family = Field("mlp", description="layers of hidden nodes, or a transformer of one block (usual with relu)")
    embedding: Embedding = Field(
        "one-hot", description="input of W: one-hot, or rows of a trained table, shared by the operands or separate"
    )
    embedding_dim: int = Field(
        128,
        ge=1,
        le=65_536,
        description="columns of the embedding table or of a transformer's residual stream, such as 128",
    )
    hidden: Hidden = Field(
        "sum", description="how operands meet in a hidden node: sigma of their sum, or their product"
    )
    heads: int = Field(4, ge=1, le=1024, description="attention heads of a transformer, such as 4")
    output_scale: float = Field(1.0, gt=0, le=LARGEST, description="factor on the outputs, such as 1")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.residual and self.layers == 2:
            raise InputError("residual", "false with 2 layers", True, "use --layers 3, or leave it out")
        if self.weights == "complex" and self.activation != "x^2":
            raise InputError("activation", "x^2 for complex weights", self.activation, "use real weights")
        if self.readout == "ridge" and self.init_scale_v != 1:
            raise InputError("init_scale_v", "1 for a ridge readout", self.init_scale_v, "V is solved: leave it out")
        if self.hidden == "product" and self.layers == 2 and self.activation != "x^2":
            remedy = "two layers of product units have no activation: leave it out"
            raise InputError("activation", "left out for product units", self.activation, remedy)
        if self.family == "transformer":
            self._check_transformer()
        else:
            self._check_tables()
        return self

    def _check_transformer(self) -> None:
        for name in ("layers", "weights", "embedding", "hidden"):
            if self._differs(name):
                remedy = "a transformer has one form here, see docs/conventions.md"
                raise InputError(name, "left out for a transformer", getattr(self, name), remedy)
        if self.embedding_dim % self.heads:
            expectation = f"a multiple of the {self.heads} heads"
            raise InputError("embedding_dim", expectation, self.embedding_dim, "use e.g. --embedding-dim 128 --heads 4")

    def _check_tables(self) -> None:
        if self._differs("heads"):
            raise InputError("heads", "left out for an mlp", self.heads, "use --family transformer")
        if self.embedding == "one-hot" and self._differs("embedding_dim"):
            remedy = "use --embedding shared or separate"
            raise InputError("embedding_dim", "left out for one-hot inputs", self.embedding_dim, remedy)

    @property
    def core(self) -> bool:
        """Whether it is sigma(X W) V on one-hots with real weights: the core, whose gradients are written by hand."""
        return (self.family, self.embedding, self.hidden, self.layers, self.weights) == _CORE

    @property
    def tables(self) -> int:
        """Number of leading layers that are tables (a row for each token or position); Adam trains them beside Muon."""
        return 2 if self.family == "transformer" else int(self.embedding != "one-hot")

    def hidden_values(self, operands: int) -> int:
        """Hidden numbers of one row of input: K of an mlp; of a transformer also those of every token."""
        tokens = 2 * operands + 3 if self.family == "transformer" else 0  # keys and values, query, sum and stream
        return self.width + tokens * self.embedding_dim

    @property
    def words(self) -> str:
        """The network in words, for the conventions of a setting."""
        return f"{self._words_for_features()}, output {self._words_for_output()}"

    def _words_for_features(self) -> str:
        if self.family == "transformer":
            return f"F = residual stream at '=' after one block of {self.heads} heads and sigma(x W_in) W_out, no norms"
        deeper = "F + sigma(F H_l)" if self.residual else "sigma(F H_l)"
        middle = f", F <- {deeper} {self.layers - 2} times" if self.layers > 2 else ""
        first = "sigma(X W)" if self.hidden == "sum" else "product of X_j W_j over operands j"
        return f"{_TABLES[self.embedding]}F = {first}{middle}"

    def _words_for_output(self) -> str:
        scaled = self.output_scale != 1
        output = "Re(F V), complex weights with |.|^2 as the real ones" if self.weights == "complex" else "F V"
        if scaled:
            output = f"alpha {output}, alpha = {self.output_scale:g}"
        if self.readout == "ridge":
            output += ", V = (F^T F + (n eta/2) I)^-1 F^T (Y - 1/M) at each step"
            output += ", with alpha F for F" if scaled else ""
        return output


_CORE: tuple[Family, Embedding, Hidden, int, Weights] = ("mlp", "one-hot", "sum", 2, "real")
