"""Probes of the Gram matrix of centred features, F~^T F~ (K, K): is it diagonal, and do similar nodes repel.

The mean size of its entries costs as much as the matrix itself, so with many nodes it is estimated. Let
x_j = |f_j| and r_j = mean_{l != j} |f_j . f_l|; the wanted mean of r over nodes is mean(x) times the mean of r/x over
nodes drawn with probabilities proportional to x (Hansen and Hurwitz, Annals of Mathematical Statistics 14, 1943).
Overlaps are nearly proportional to sizes, so r/x hardly varies and few nodes are enough. They are drawn systematically,
without random numbers: node j as often as the points (i + 1/2)/m fall into its part of [0, 1].
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from twopeaks.sim.probes.view import View, exact, squares
from twopeaks.sim.storage.probe_catalogue import SAMPLED, SIMILAR, TOP

__all__ = ["Signs", "overlap", "repulsion", "signs"]


class Signs(NamedTuple):
    """Shares of node pairs whose b_jl has the sign of minus their overlap.

    Attributes:
        similar: among pairs with |cosine| above `SIMILAR`; NaN if there are none.
        top: among the `TOP` pairs of largest |f_j . f_l|.
        pairs: how many are similar.
    """

    similar: Tensor
    top: Tensor
    pairs: Tensor


def overlap(view: View) -> Tensor:
    """Off-diagonal share of F~^T F~ (figure 3 of arXiv 2509.21519), and the relative error of its estimate."""
    x, mean = _moments(view)
    sampled = x.shape[1] > SAMPLED
    nodes = _drawn(x) if sampled else torch.arange(x.shape[1], device=x.device).expand_as(x)
    of_nodes = x.gather(1, nodes)
    r = _overlaps(view, nodes, of_nodes, mean)
    if not sampled:
        return torch.stack([r.mean(dim=1) / x.square().mean(dim=1), r.new_zeros(len(r))], dim=1)
    ratio = r / of_nodes
    average = ratio.mean(dim=1)
    share = average * x.mean(dim=1) / x.square().mean(dim=1)
    return torch.stack([share, ratio.std(dim=1) / average / SAMPLED**0.5], dim=1)


def repulsion(view: View) -> Tensor:
    """Signs of B = (F~^T F~ + eta)^-1. Eq. inter.2."""
    signs_of_members = [signs(_gram(F), eta) for F, eta in zip(_features(view), view.decay, strict=True)]
    return torch.stack([torch.stack(list(member)) for member in signs_of_members])


def _moments(view: View) -> tuple[Tensor, Tensor]:
    """(E, K) sizes |f~_j| of the centred features and (E, K) means of the features over rows."""
    rows = view.rows.unsqueeze(1)
    total = square = view.params.V.new_zeros(())
    for _, F in view.features():
        total, square = total + F.sum(dim=1), square + squares(F, 1)
    mean = total / rows
    return exact(square - mean * total).clamp(min=0).sqrt(), mean


def _drawn(x: Tensor) -> Tensor:
    """(E, m) nodes drawn systematically with probabilities proportional to their sizes (E, K)."""
    parts = x.cumsum(dim=1)
    points = (torch.arange(SAMPLED, dtype=x.dtype, device=x.device) + 0.5) / SAMPLED
    return torch.searchsorted(parts, points * parts[:, -1:]).clamp_(max=x.shape[1] - 1)


def _overlaps(view: View, nodes: Tensor, sizes: Tensor, mean: Tensor) -> Tensor:
    """(E, m) mean |f~_j . f~_l| over l != j of the given nodes j (E, m), whose sizes are |f~_j|."""
    E, K = mean.shape
    products = mean.new_zeros(E, nodes.shape[1], K)
    for _, F in view.features():
        of_nodes = F.gather(2, nodes.unsqueeze(1).expand(-1, F.shape[1], -1))
        products.baddbmm_(of_nodes.mT, F)
    rows = view.rows.view(E, 1, 1)
    products -= rows * mean.gather(1, nodes).unsqueeze(2) * mean.unsqueeze(1)
    return (exact(products.abs().sum(dim=2)) - sizes.square()) / max(K - 1, 1)


def _features(view: View) -> list[Tensor]:
    """(n, K) F~ of each member."""
    F = torch.cat([part.clone() for _, part in view.features()], dim=1)
    F.sub_(view.mean(F).unsqueeze(1))
    return [features[: int(n)] for features, n in zip(F, view.rows, strict=True)]


def _gram(F: Tensor) -> Tensor:
    """F^T F in double precision, because eta is small compared to it."""
    total = exact(F.new_zeros(F.shape[1], F.shape[1]))
    for rows in torch.split(F, 512):
        total.addmm_(exact(rows).T, exact(rows))
    return total


def signs(gram: Tensor, eta: Tensor | float) -> Signs:
    """How many similar pairs of nodes repel: sign b_jl = -sign(f_j . f_l). Eq. inter.2.

    Args:
        gram: (K, K) F~^T F~, in double precision.
        eta: ridge in B = (F~^T F~ + eta)^-1.

    Returns:
        `Signs`; shares are NaN where B cannot be computed.
    """
    identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    L, failed = torch.linalg.cholesky_ex(gram + eta * identity)
    without = (failed > 0) | ~L.isfinite().all()
    L = torch.where(without, identity, L)  # cholesky_inverse would raise there
    repel = gram * torch.cholesky_inverse(L) < 0
    above = torch.ones_like(repel).triu_(1)
    sizes = gram.diagonal().clamp(min=0).sqrt()
    similar = above & (gram.abs() > SIMILAR * torch.outer(sizes, sizes))
    pairs = similar.sum()
    top = torch.where(above, gram.abs(), -1).flatten().topk(min(TOP, int(above.numel() - len(gram)) // 2)).indices
    lost = torch.where(without, torch.nan, 0.0)
    return Signs(
        (repel & similar).sum() / pairs + lost,
        exact(repel.flatten()[top].float()).mean() + lost,
        exact(pairs.float()),
    )
