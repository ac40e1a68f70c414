"""The readout solved instead of trained: V minimises loss + (eta/2) |V|^2 at the present features.

With the class-centred loss (1/n) |F V - Y~|^2, Y~ = Y - 1/M, this is ridge regression with lambda = n eta / 2,

    V = (F^T F + lambda I)^-1 F^T Y~ = F^T (F F^T + lambda I)^-1 Y~,

the second form being the smaller one where n < K. Its rows are centred over classes as those of Y~ are. For
complex weights O = Re(F V) is real ridge regression on [Re F, -Im F]; outputs scaled by alpha are one on alpha F.
V being a minimum, the gradient of the objective along W is the partial one, at V fixed (envelope theorem).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from twopeaks.sim.network.activations import ACTIVATIONS
from twopeaks.sim.network.architectures import deeper, features, first_layer
from twopeaks.sim.network.data import PackData, Tile
from twopeaks.sim.network.network import Params
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Network, Setting

__all__ = ["solve_readout"]

_WITHOUT_DOUBLE = ("mps",)


def solve_readout(settings: Setting | Sequence[Setting], params: Params, data: PackData) -> None:
    """Write the ridge solution V into ``params``, in place.

    It is NaN for a member whose features are not finite, or so large that the ridge is lost in rounding. The
    solution is computed in double precision, because lambda is small compared to |F|^2.

    Args:
        settings: one for all members, or one each, of one shape.
        params: their weights.
        data: their training rows, of which padding adds exact zeros to either form.

    Raises:
        InputError: on a device without double precision.
    """
    if (kind := params.V.device.type) in _WITHOUT_DOUBLE:
        raise InputError("readout", f"trained on {kind}, which has no float64", "ridge", "use --device cpu")
    member_settings = [settings] if isinstance(settings, Setting) else settings
    A = _features(member_settings[0].network, params, data)
    eta = torch.tensor([setting.optimizer.weight_decay for setting in member_settings], dtype=A.dtype, device=A.device)
    Y = torch.cat([tile.one_hot for tile in data.tiles], dim=1).double() - 1 / data.table.classes
    X = _ridge(A, Y, data.sizes * eta / 2)
    params.V.copy_(torch.complex(*X.chunk(2, dim=1)) if params.V.is_complex() else X)


def _features(network: Network, params: Params, data: PackData) -> Tensor:
    """(E, n, K) alpha times what V reads on the training rows, as real numbers (E, n, 2K) if it is complex."""
    F = torch.cat([tile.without_padding(_of_tile(network, params, tile)) for tile in data.tiles], dim=1)
    if network.output_scale != 1:
        F = F.mul_(network.output_scale)
    return (torch.cat([F.real, -F.imag], dim=2) if F.is_complex() else F).double()


def _of_tile(network: Network, params: Params, tile: Tile) -> Tensor:
    if network.family != "mlp" or network.hidden != "sum":
        return features(network, params, tile.inputs)
    F = ACTIVATIONS[network.activation].function(tile.gather(first_layer(network, params)))
    return deeper(network, params, F)


def _ridge(A: Tensor, Y: Tensor, ridge: Tensor) -> Tensor:
    """(A^T A + ridge I)^-1 A^T Y by the smaller Gram matrix: (E, n, K), (E, n, M), (E,) -> (E, K, M)."""
    dual = A.shape[1] < A.shape[2]
    gram = torch.bmm(A, A.mT) if dual else torch.bmm(A.mT, A)
    gram.diagonal(dim1=1, dim2=2).add_(ridge.unsqueeze(1))
    L, failed = torch.linalg.cholesky_ex(gram)
    X = A.mT @ torch.cholesky_solve(Y, L) if dual else torch.cholesky_solve(A.mT @ Y, L)
    return torch.where(failed.view(-1, 1, 1) > 0, torch.nan, X)
