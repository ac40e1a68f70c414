"""The settings that claims are examined in, and what several examinations share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twopeaks.sim.storage.records import Records
from twopeaks.sim.training.snapshots import Snapshots
from twopeaks.theory.errors import InputError
from twopeaks.theory.setting import Setting
from twopeaks.validate.claims.claim import Claim, Sample, Series
from twopeaks.validate.claims.weights import Hidden, hidden
from twopeaks.validate.measured.detect import transition_steps

__all__ = [
    "FIGURE_10",
    "PAPER",
    "band",
    "censored",
    "faster",
    "member",
    "pick",
    "problem",
    "reached",
    "views",
]

#: The source of printed claims.
PAPER = "Tian, arXiv 2509.21519"
#: Optimizer of the paper's figures 10-17.
FIGURE_10: dict[str, Any] = {"lr": 0.005, "weight_decay": 5e-5}


def problem(group: str, samples: int, width: int, **changes: Any) -> Setting:
    """The standard setting S0 with these changes: fields of ``task`` and ``network``, ``optimizer``, ``loss``."""
    task = {"group": group, "samples": samples, **changes.pop("task", {})}
    network = {"width": width, **changes.pop("network", {})}
    return Setting.model_validate({"task": task, "network": network, **changes})


def pick(claims: Sequence[Claim], ids: Sequence[str]) -> list[Claim]:
    """Claims of these ids, or all of them if none are given.

    Raises:
        InputError: if there is no claim of such an id.
    """
    known = {claim.id: claim for claim in claims}
    for name in ids:
        if name not in known:
            raise InputError("claim", "one of the claims' ids", name, f"use one of {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(ids)] if ids else list(claims)


def member(trained: Snapshots, e: int, s: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """W (2M, K) and V (K, M) of one member at one kept step, in double precision."""
    return trained.W[e, s].astype(np.float64), trained.V[e, s].astype(np.float64)


def views(trained: Snapshots, s: int) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], Hidden]]:
    """W, V and hidden values on the training examples, member by member, at one kept step; diverged ones left out."""
    for e in range(len(trained.seeds)):
        if not trained.diverged[e, s]:
            W, V = member(trained, e, s)
            yield W, V, hidden(W, trained.pairs[e], trained.labels[e])


def reached(records: Records, name: str, level: float) -> list[float | None]:
    """First recorded step at which each member's curve is at the level; None where it never was."""
    curves = records.curves[name]
    return [float(records.steps[np.argmax(c >= level)]) if (c >= level).any() else None for c in curves]


def censored(records: Records) -> list[float]:
    """Each member's t_grok; infinite where it was not reached within the budget."""
    return [np.inf if t is None else float(t) for t in transition_steps(records)["t_grok"]]


def faster(first: Iterable[float], second: Iterable[float]) -> Sample:
    """Whether the first groks before the second, seed by seed; a tie, or neither, counts for neither side."""
    return Sample(
        values=tuple(float(a < b) if a != b else None for a, b in zip(first, second, strict=True)), kind="rate"
    )


def band(name: str, x: Sequence[float], rows: NDArray[np.float64]) -> Series:
    """Mean over members of (E, X) curves, with the 10% and 90% quantiles."""
    low, high = np.nanquantile(rows, [0.1, 0.9], axis=0)
    return Series(name=name, x=tuple(x), y=tuple(np.nanmean(rows, axis=0)), low=tuple(low), high=tuple(high))
