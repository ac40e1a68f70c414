"""Probes of the weights alone: updates, live nodes, irreducible representations.

Each gives (E, c) numbers, in the order of the columns that `twopeaks.sim.storage.probe_catalogue` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from twopeaks.sim.network.network import Params
from twopeaks.sim.probes.view import View, exact
from twopeaks.sim.storage.probe_catalogue import COVERED
from twopeaks.theory.groups import Group
from twopeaks.theory.groups.irreps import block_basis

__all__ = ["Basis", "Trail", "irreps", "live"]

_QUANTILES = (0.1, 0.5, 0.9)
#: Share of a node's power below which what centring leaves of it is rounding.
_NOTHING = 1e-12


# --- updates -------------------------------------------------------------------------------------------


class Trail:
    """Weights before the last updates: two of them are enough for the cosine of an update and the one before."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def keep(self, step: int, params: Params) -> None:
        """Copy the first and the last layer as they are after ``step`` updates."""
        self._kept = {old: layers for old, layers in self._kept.items() if old == step - 1}
        self._kept[step] = (params.W.clone(), params.V.clone())

    def select(self, index: Tensor) -> None:
        """Go on with these members alone."""
        self._kept = {step: (W[index], V[index]) for step, (W, V) in self._kept.items()}

    def state(self) -> dict[str, Tensor]:
        """What is kept, by name."""
        return {f"{name}.{step}": x for step, pair in self._kept.items() for name, x in zip("WV", pair, strict=True)}

    def restore(self, state: Mapping[str, Tensor], like: Tensor) -> None:
        """Continue from a `state`, on the device of ``like``."""
        at = {name: values.to(like.device) for name, values in state.items()}
        steps = sorted({int(name.partition(".")[2]) for name in at})
        self._kept = {step: (at[f"W.{step}"], at[f"V.{step}"]) for step in steps}

    def measure(self, step: int, params: Params) -> Tensor:
        """(E, 4) how W and V moved in the last update; NaN before there are updates enough."""
        before, earlier = (self._kept.get(step - d) for d in (1, 2))
        nothing = exact(params.V.real[:, 0, 0]) * torch.nan
        cosines, turns = [nothing, nothing], [nothing, nothing]
        for i, now in enumerate((params.W, params.V)):
            if before is not None:
                last = now - before[i]
                turns[i] = _turn(before[i], last)
                if earlier is not None:
                    cosines[i] = _cosine(last, before[i] - earlier[i])
        return torch.stack(cosines + turns, dim=1)


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """(E,) real inner product of each member's layers."""
    rows, columns = (torch.view_as_real(x) if x.is_complex() else x for x in (a, b))
    return exact((rows * columns).flatten(1).sum(dim=1))


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return _inner(a, b) / (_inner(a, a) * _inner(b, b)).sqrt()


def _turn(a: Tensor, d: Tensor) -> Tensor:
    """1 - cosine of a and b = a + d, (|d|^2 - (|b| - |a|)^2) / (2 |a| |b|).

    With |b| - |a| = (2 a.d + |d|^2) / (|a| + |b|) no large numbers cancel.
    """
    square, step = _inner(a, a), _inner(d, d)
    gain = 2 * _inner(a, d) + step
    sizes = square.sqrt(), (square + gain).clamp(min=0).sqrt()
    longer = gain / (sizes[0] + sizes[1])
    return (step - longer.square()).clamp(min=0) / (2 * sizes[0] * sizes[1])


# --- nodes ---------------------------------------------------------------------------------------------


def live(view: View) -> Tensor:
    """(E, 1) number of nodes that carry the function."""
    return view.live.sum(dim=1, keepdim=True)


class Basis(NamedTuple):
    """Real functions on a group sorted by irreducible representation: see `twopeaks.theory.groups.irreps.block_basis`.

    Attributes:
        Q: (M, M) orthogonal, one function a row.
        member: (B, M) 1 where a row belongs to block b, else 0.
    """

    Q: Tensor
    member: Tensor

    @classmethod
    def of(cls, group: Group, like: Tensor) -> Self:
        """The basis of a group, in the dtype and on the device of real weights ``like``."""
        Q, blocks = block_basis(group)
        member = functional.one_hot(torch.as_tensor(blocks)).T
        return cls(torch.as_tensor(Q).to(like), member.to(like))


def irreps(view: View, basis: Basis) -> Tensor:
    """(E, 3 B + 3) spectrum of W (B); live nodes of, and whether covered, each block but the trivial one; summary.

    Blocks are the real ones, and centred power is that outside the trivial one.
    """
    power = exact(_powers(view.params.W, basis))
    total = power.sum(dim=2)
    strongest, block = power[:, 1:].max(dim=1)
    centred = power[:, 1:].sum(dim=1)
    purity = torch.where(centred > _NOTHING * power.sum(dim=1), strongest / centred, 0.0)
    nodes = (functional.one_hot(block, power.shape[1] - 1).mT * view.live.unsqueeze(1)).to(power.dtype)
    covered = (nodes * (purity >= COVERED).unsqueeze(1)).amax(dim=2)
    among_live = torch.where(view.live, purity, torch.nan)
    quantiles = torch.nanquantile(among_live, among_live.new_tensor(_QUANTILES), dim=1)
    summary = torch.stack([covered.sum(dim=1), among_live.nanmean(dim=1), *quantiles], dim=1)
    return torch.cat([total / total.sum(dim=1, keepdim=True), nodes.sum(dim=2), covered, summary], dim=1)


def _powers(W: Tensor, basis: Basis) -> Tensor:
    """(E, B, K) parts of each node's |w|^2, over all operands: (E, kM, K) weights, M rows an operand."""
    halves = W.view(W.shape[0], -1, len(basis.Q), W.shape[2])
    return basis.member @ (basis.Q @ halves).square().sum(dim=1)
