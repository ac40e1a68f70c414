"""Finite groups as Cayley tables: axioms, names, representations, Fourier transform."""

from twopeaks.theory.groups.group import (
    MAX_ORDER,
    Group,
    alternating,
    cyclic,
    dicyclic,
    dihedral,
    direct_product,
    frobenius,
    from_csv,
    from_table,
    named,
    small_group,
    special_linear,
    symmetric,
)

__all__ = [
    "MAX_ORDER",
    "Group",
    "alternating",
    "cyclic",
    "dicyclic",
    "dihedral",
    "direct_product",
    "frobenius",
    "from_csv",
    "from_table",
    "named",
    "small_group",
    "special_linear",
    "symmetric",
]
