"""Classifies nodes: a feature of one irreducible representation, a detector of single inputs, or neither.

For sigma(z) = z^2 on the full table (feat.3) and |w| = 1 every irreducible representation rho != 1, of
dimension d, has its own local maxima, each of rank one: u^(rho) ~ x y^H and v^(rho) ~ y z^H (one quaternion, so rank
two in complex numbers, for quaternionic type).

* feat.4  E* = M / (2 d) for real type, M / (4 d) for a complex pair and for quaternionic type.
* feat.6  The unit vectors x, y, z are free, so E is constant along 3 d - 3, 6 d - 4 and 6 d - 6 directions.
* mem.4  On a random subset of density p such a feature keeps about p^2 E*, and a row detector w = e_a has about
  M p (1 - p) / 2. They are equal at a density that does not depend on M: 2/3 for complex characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twopeaks.theory.equations.lower import function
from twopeaks.theory.groups import Group
from twopeaks.theory.groups.irreps import Irrep, irreps, real_blocks
from twopeaks.theory.landscape.landscape import Landscape, missing_kernel

__all__ = [
    "Features",
    "Kind",
    "block_label",
    "block_powers",
    "classify",
    "crossing_density",
    "flat_directions",
    "irrep_energy",
    "restricted_energy",
]

Array = NDArray[np.float64]
#: What a node is: a feature of one representation, a detector of few inputs, or neither.
Kind = Literal["irrep", "localised", "spread"]

#: A feature counts as one of an irreducible representation from this share of its centred power.
_PURE = 0.75
#: A node with fewer effective entries than this share of M detects single inputs, not a representation.
_LOCALISED = 0.25
#: In the smallest groups, detectors of one pair (two entries, with a little around them) must stay below the limit.
_FEWEST_ENTRIES = 2.5
#: Share of the power below which the rest after centring is rounding.
_NOTHING = 1e-12

_TYPES = {1: "real", 0: "complex", -1: "quaternionic"}


def irrep_energy(order: int, rho: Irrep) -> float:
    """E* of the local maxima of a representation other than the trivial one, in a group of order M. Eq. feat.4."""
    return float(function("feat.4")(order, rho.dim, _multiplicity(rho)))


def flat_directions(rho: Irrep) -> int:
    """Dimension of the set of maxima that a representation has, all equally high. Eq. feat.6."""
    return int(function("feat.6")(rho.dim, _multiplicity(rho), {1: 1, 0: 2, -1: 4}[rho.schur]))


def crossing_density(rho: Irrep) -> float:
    """Density p of pairs at which a feature of ``rho`` and a row detector have equal energy. Eq. mem.4."""
    return float(function("mem.4")(rho.dim, _multiplicity(rho)))


def _multiplicity(rho: Irrep) -> int:
    """The m of feat.4: how often a singular value occurs in the transform of a real vector."""
    return 1 if rho.schur == 1 else 2


def block_label(all_irreps: tuple[Irrep, ...], block: tuple[int, ...]) -> str:
    """Name of one of `real_blocks`, such as ``"d=2 real #4"`` with its first position in ``all_irreps``."""
    rho = all_irreps[block[0]]
    return f"d={rho.dim} {_TYPES[rho.schur]} #{block[0]}"


def block_powers(group: Group, f: Array) -> Array:
    """Parts of |f|^2 in each of `twopeaks.theory.groups.irreps.real_blocks`, which add up to it: (R, M) -> (R, B).

    The part in rho is (d_rho / M) sum_x chi_rho(x) sum_h f(h) f(h x), from characters alone.
    """
    correlation = np.stack([(f * f[:, group.table[:, x]]).sum(axis=1) for x in range(group.order)], axis=1)
    all_irreps = irreps(group)
    scaled = np.array([rho.dim * rho.character.real for rho in all_irreps])
    of_blocks = np.array([scaled[list(block)].sum(axis=0) for block in real_blocks(all_irreps)])
    return np.asarray(correlation @ of_blocks.T / group.order)


def restricted_energy(landscape: Landscape, w: Array, block: tuple[int, ...]) -> Array:
    """E of what is left of nodes when both halves keep only one of the real blocks: (R, 2M) -> (R,)."""
    all_irreps = irreps(landscape.group)
    projector = np.eye(landscape.group.order) - missing_kernel(landscape.group, [all_irreps[i] for i in block])
    halves = w.reshape(-1, landscape.group.order) @ projector
    return landscape.energy(halves.reshape(w.shape))


@dataclass(frozen=True, eq=False)
class Features:
    """Classification of R nodes.

    Attributes:
        kinds: ``localised`` if few entries carry the node; otherwise ``irrep`` if one real block has at least three
            quarters of the centred power; otherwise ``spread``.
        blocks: (R,) position among `theory.groups.irreps.real_blocks` of the block with most centred power, never 0.
        purities: (R,) share of the centred power in that block; 0 where both halves are constant.
        participations: (R,) effective number of entries, (sum w_i^2)^2 / sum w_i^4, from 1 to 2M.
    """

    kinds: tuple[Kind, ...]
    blocks: NDArray[np.int64]
    purities: Array
    participations: Array


def classify(group: Group, w: Array) -> Features:
    """The kind and block of each node (R, 2M). Centred power excludes the mean of each half."""
    powers = block_powers(group, w.reshape(-1, group.order))
    powers = powers[::2] + powers[1::2]
    centred = powers[:, 1:]  # the trivial representation comes first
    total = centred.sum(axis=1)
    purities = centred.max(axis=1) / np.where(total > _NOTHING * powers.sum(axis=1), total, np.inf)
    participations = (w**2).sum(axis=1) ** 2 / (w**4).sum(axis=1)
    kinds = tuple(_kind(group.order, *both) for both in zip(purities, participations, strict=True))
    return Features(kinds, 1 + centred.argmax(axis=1), purities, participations)


def _kind(order: int, purity: float, participation: float) -> Kind:
    if participation < max(_FEWEST_ENTRIES, _LOCALISED * order):
        return "localised"
    return "irrep" if purity >= _PURE else "spread"
