"""Knobs of training: learning rate, zero-init of V, complex weights, ridge V, Muon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twopeaks.theory.setting import Setting
from twopeaks.validate.claims.claim import Claim, Finding, Form, Sample
from twopeaks.validate.claims.exams.problems import FIGURE_10, PAPER, band, censored, faster, problem
from twopeaks.validate.claims.laboratory import Laboratory

__all__ = ["CLAIMS"]


def _rate(lab: Laboratory) -> Finding:
    rates, steps = (0.001, 0.005, 0.05), lab.pick(6000, 4000)
    settings = [problem("Z23", 190, 256, optimizer={"lr": lr}) for lr in rates]
    last = [lab.train(s, steps, every=100).final("test_accuracy") for s in settings]
    return Finding(
        samples={
            "small": Sample(values=tuple(last[0])),
            "large": Sample(values=tuple(last[2])),
            "loss": Sample(values=tuple(last[1] - last[2])),
        },
        budget=f"Z23, K=256, n=190 (just above n_c), Adam, lr {rates}, {steps} steps",
        settings=tuple(s.content_id for s in settings),
        series=(band("test accuracy at the end", rates, np.array(last).T),),
        axes=("learning rate", "test accuracy"),
        notes="loss: accuracy at lr 0.005 less accuracy at lr 0.05",
    )


def _race(lab: Laboratory, settings: Sequence[Setting], budget: str, steps: int, every: int) -> Finding:
    """Which of two settings groks first, seed by seed."""
    records = [lab.train(s, steps, every=every, patience=0) for s in settings]
    times = [censored(r) for r in records]
    ratios = [a / b if np.isfinite(a) and np.isfinite(b) else None for a, b in zip(*times, strict=True)]
    return Finding(
        samples={"first": faster(*times), "ratio": Sample(values=tuple(ratios))},
        budget=f"{budget}, {steps} steps at most, recorded every {every}",
        settings=tuple(s.content_id for s in settings),
        notes="ratio: t_grok of the first over t_grok of the second, of seeds where both grok",
    )


def _zero(lab: Laboratory) -> Finding:
    settings = [problem("Z23", 423, 256, network={"init_scale_v": s}, optimizer=FIGURE_10) for s in (0.0, 1.0)]
    return _race(lab, settings, "Z23, K=256, n=423, Adam lr 0.005, decay 5e-5, V(0) = 0 against random", 1500, 5)


def _complex(lab: Laboratory) -> Finding:
    settings = [problem("Z23", 264, 256, network={"weights": w}) for w in ("complex", "real")]
    return _race(lab, settings, "Z23, K=256, n=264, Adam, complex against real weights", 2500, 25)


def _ridge(lab: Laboratory) -> Finding:
    settings = [problem("Z23", 423, 256, network={"readout": r}, optimizer=FIGURE_10) for r in ("ridge", "trained")]
    return _race(lab, settings, "Z23, K=256, n=423, Adam lr 0.005, decay 5e-5, V solved against trained", 1500, 5)


def _muon(lab: Laboratory) -> Finding:
    group, samples, width = lab.pick(("Z71", 2016, 80), ("Z23", 423, 24))
    steps = lab.pick(1000, 1000)
    rules: dict[str, list[dict[str, Any]]] = {
        "adam": [{"lr": lr, "weight_decay": 5e-5} for lr in (0.005, 0.02)],
        "muon": [{"name": "muon", "lr": lr, "lr_v": 0.005, "weight_decay": 5e-5} for lr in (0.02, 0.05)],
    }
    best, ids = {}, []
    for name, choices in rules.items():
        settings = [problem(group, samples, width, optimizer=o) for o in choices]
        ids += [s.content_id for s in settings]
        best[name] = np.min([lab.train(s, steps, every=100).final("test_loss") for s in settings], axis=0)
    return Finding(
        samples={
            "lower": Sample(values=tuple((best["muon"] < best["adam"]).astype(float)), kind="rate"),
            "ratio": Sample(values=tuple(best["muon"] / best["adam"])),
        },
        budget=f"{group}, K={width} (too narrow to build every frequency), n={samples}, {steps} steps, "
        "the better of two rates each: Adam 0.005, 0.02; Muon on W 0.02, 0.05 with Adam 0.005 on V",
        settings=tuple(ids),
        notes="ratio: test loss of Muon over that of Adam",
    )


#: Claims of this file.
CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="learning-rate",
        statement="Near the transition a small rate keeps generalising features, a large one ends in memorisation.",
        source=f"{PAPER}, figures 6 and 7 (semi-grokking)",
        equations=(),
        measure="test accuracy at the end of networks trained just above n_c",
        forms=(
            Form(name="printed", prediction="small rate (0.001): accuracy at least 0.8", quantity="small", low=0.8),
            Form(name="printed", prediction="large rate (0.05): accuracy at most 0.7", quantity="large", high=0.7),
            Form(name="printed", prediction="lr 0.05 loses at least 0.2 against lr 0.005", quantity="loss", low=0.2),
        ),
        examine=_rate,
    ),
    Claim(
        id="zero-init",
        statement="Starting V at zero makes networks grok sooner.",
        source=f"{PAPER}, figures 14-17",
        equations=("lazy.3",),
        measure="whether the network of the same seed groks sooner",
        forms=(
            Form(name="printed", prediction="in most seeds: rate above one half", quantity="first", low=0.5),
            Form(name="printed", prediction="in half the time or less", quantity="ratio", high=0.5),
        ),
        examine=_zero,
    ),
    Claim(
        id="complex-weights",
        statement="Complex weights make networks grok sooner.",
        source=f"{PAPER}, figures 10 and 11",
        equations=("feat.6",),
        measure="whether the network of the same seed groks sooner",
        forms=(Form(name="printed", prediction="in most seeds: rate above one half", quantity="first", low=0.5),),
        examine=_complex,
    ),
    Claim(
        id="ridge-readout",
        statement="Solving V at every step is slower at M = 23.",
        source=f"{PAPER}, figures 12 and 13",
        equations=("lazy.2",),
        measure="whether the network whose V is solved groks sooner than the trained one of the same seed",
        forms=(
            Form(
                name="printed", prediction="in most seeds it does not: rate below one half", quantity="first", high=0.5
            ),
        ),
        examine=_ridge,
    ),
    Claim(
        id="muon-narrow",
        statement="In narrow networks Muon finds more features than Adam and reaches a lower test loss.",
        source=f"{PAPER}, theorem 8 and figure 8",
        equations=("muon.1", "muon.4"),
        measure="test loss at the end, the better of two learning rates for each optimizer",
        forms=(Form(name="printed", prediction="lower in most seeds: rate above one half", quantity="lower", low=0.5),),
        examine=_muon,
    ),
)
