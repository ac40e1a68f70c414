"""Probes of the outputs: margin, gradient on the features, energy of nodes.

With ~ for centring over training rows, R = Y - F V, S = Y~^T F~ (C, K) and D = Y~^T Y~ = diag(m) - m m^T/n from the
numbers m of rows in each class:

    G_F = R~ V^T                        |G_F|^2 = sum (R~^T R~) * (V^T V)
    Y~ Y~^T F~ = Y~ S                   |Y~ S|^2 = sum (D S) * S
    their inner product                 sum (Y~^T R~) * (S V), with Y~^T R~ = D - S V
    E(w_k) = 1/2 |Y~^T sigma(X w_k)|^2  half the square of column k of S

so one pass over F is enough, and G_F is never computed. Each function gives (E, c) numbers, in the order of the columns
that `twopeaks.sim.storage.probe_catalogue` names.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from twopeaks.sim.probes.view import View, exact
from twopeaks.theory.setting.network import Activation

__all__ = ["energy", "gradient", "margin"]

#: Degree of sigma where sigma(s z) = s^degree sigma(z) for s > 0.
_DEGREES: dict[Activation, int] = {"x^2": 2, "relu": 1, "relu^2": 2}


def margin(view: View) -> Tensor:
    """Output at the label less the largest other output, on training rows."""
    O, Y = view.answers.O, view.answers.Y
    margins = (O * Y).sum(dim=2) - O.masked_fill(Y > 0, -math.inf).amax(dim=2)
    return torch.stack([view.mean(margins), view.filled(margins, math.inf).amin(dim=1)], dim=1)


def gradient(view: View) -> Tensor:
    """|G_F| and its cosine with Y~ Y~^T F~. Eqs. lazy.1 and lazy.3."""
    (O, Y, S), V = view.answers, view.V
    m = view.counts.unsqueeze(2)
    R = Y - O
    R = view.filled(R - view.mean(R).unsqueeze(1), 0)
    SV = S @ V
    D = torch.diag_embed(view.counts) - m @ (m / m.sum(dim=1, keepdim=True)).mT
    squared = exact((R.mT @ R) * (V.mT @ V)).sum(dim=(1, 2)).clamp(min=0)
    aim = exact((D @ S) * S).sum(dim=(1, 2))
    inner = exact((D - SV) * SV).sum(dim=(1, 2))
    return torch.stack([squared.sqrt(), inner / (squared * aim).sqrt()], dim=1)


def energy(view: View) -> Tensor:
    """E of every live node scaled to |w| = 1. Eq. feat.1."""
    degree = _DEGREES.get(view.settings[0].network.activation)
    sizes = view.sizes.unsqueeze(1)
    if degree is not None:
        S = exact(view.answers.sums) / sizes**degree
    else:
        S = exact(view.class_sums(view.params.W / sizes.to(view.params.W.dtype)))
    E = torch.where(view.live, 0.5 * S.square().sum(dim=1), torch.nan)
    return torch.stack([E.nanmean(dim=1), E.nan_to_num(-math.inf).amax(dim=1)], dim=1)
