"""Shapes of layers and operations of matrix products, from a setting alone. No torch here.

An operation is a multiplication or an addition of real numbers: the product of an (m, k) and a (k, n) matrix takes
2 m k n of them, four times as many if the numbers are complex. Products are nearly all of the work; passes over
arrays (gathering rows of W, sigma, the update rule, softmax) are not counted.

A training step takes three times the products of a forward pass: each product A B has two in the backward pass, for
the gradients of A and of B. For the core, sigma(X W) V on one-hot inputs, this is 6 n K M.
"""

from __future__ import annotations

from twopeaks.theory.setting import Setting

__all__ = ["forward_flops", "gradient_flops", "layer_shapes", "step_flops"]

#: Rows, inner dimension and columns of a matrix product.
_Product = tuple[int, int, int]


def layer_shapes(setting: Setting) -> list[tuple[int, int]]:
    """Rows and columns of each layer, first to last: tables if there are any, W, what is between, V."""
    table, network = setting.task.table_of(), setting.network
    k, A, K, d = table.operands, table.alphabet, network.width, network.embedding_dim
    if network.family == "transformer":
        return [(A + 1, d), (k + 1, d), *[(d, d)] * 4, (d, K), (K, d), (d, table.classes)]
    tables = {"one-hot": [], "shared": [(A, d)], "separate": [(k * A, d)]}[network.embedding]
    first = (k * (d if tables else A), K)
    return [*tables, first, *[(K, K)] * (network.layers - 2), (K, table.classes)]


def forward_flops(setting: Setting, rows: int) -> int:
    """Operations of one pass of one member from the operands of so many rows to their outputs.

    Products of tables are counted once: they do not depend on the rows.
    """
    return _factor(setting) * _flops(_forward_products(setting, rows))


def gradient_flops(setting: Setting) -> int:
    """Operations of the gradient of one member's training loss: forward and backward over its n rows."""
    return 3 * forward_flops(setting, setting.task.samples)


def step_flops(setting: Setting) -> int:
    """Operations of one step of one member: the gradient, the readout where it is solved, the products of Muon."""
    return gradient_flops(setting) + _readout_flops(setting) + _muon_flops(setting)


def _factor(setting: Setting) -> int:
    """Real products in a product of two weights."""
    return 4 if setting.network.weights == "complex" else 1


def _flops(products: list[_Product]) -> int:
    return sum(2 * m * k * n for m, k, n in products)


def _forward_products(setting: Setting, rows: int) -> list[_Product]:
    network, shapes, table = setting.network, layer_shapes(setting), setting.task.table_of()
    values = table.operands * table.alphabet
    if network.family == "transformer":
        _, _, query, key, value, *others = shapes
        end = 1  # the read-out token '=' is one more row of keys and values, and the only query
        return [(end, *query), (values + end, *key), (values + end, *value), *((rows, *shape) for shape in others)]
    embedded = [(values, network.embedding_dim, network.width)] if network.tables else []
    return [*embedded, *((rows, *shape) for shape in shapes[network.tables + 1 :])]


def _readout_flops(setting: Setting) -> int:
    """Of `twopeaks.sim.network.readout`: features again, the smaller Gram matrix, its Cholesky factor, V."""
    if setting.network.readout == "trained":
        return 0
    n = setting.task.samples
    width, classes = layer_shapes(setting)[-1]
    columns = 2 * width if setting.network.weights == "complex" else width  # real and imaginary parts side by side
    gram, other = min(n, columns), max(n, columns)
    features = forward_flops(setting, n) - _factor(setting) * _flops([(n, width, classes)])
    solved = [(gram, other, gram), (gram, gram, classes), (columns, n, classes)]
    return features + _flops(solved) + gram**3 // 3


def _muon_flops(setting: Setting) -> int:
    """Of the Newton-Schulz steps on every layer but tables and the last: A = O O^T, A A and A O, O with fewer rows."""
    rule = setting.optimizer
    if rule.name != "muon":
        return 0
    sides = [sorted(shape) for shape in layer_shapes(setting)[setting.network.tables : -1]]
    a_step = sum(_flops([(r, c, r), (r, r, r), (r, r, c)]) for r, c in sides)
    return rule.ns_steps * a_step
