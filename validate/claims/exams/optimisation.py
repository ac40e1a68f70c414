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
        {
            "small": Sample(tuple(last[0])),
            "large": Sample(tuple(last[2])),
            "loss": Sample(tuple(last[1] - last[2])),
        },
        f"Z23, K=256, n=190 (just above n_c), Adam, lr {rates}, {steps} steps",
        tuple(s.content_id for s in settings),
        (band("test accuracy at the end", rates, np.array(last).T),),
        ("learning rate", "test accuracy"),
        "loss: accuracy at lr 0.005 less accuracy at lr 0.05",
    )


def _race(lab: Laboratory, settings: Sequence[Setting], budget: str, steps: int, every: int) -> Finding:
    """Which of two settings groks first, seed by seed."""
    records = [lab.train(s, steps, every=every, patience=0) for s in settings]
    times = [censored(r) for r in records]
    ratios = [a / b if np.isfinite(a) and np.isfinite(b) else None for a, b in zip(*times, strict=True)]
    return Finding(
        {"first": faster(*times), "ratio": Sample(tuple(ratios))},
        f"{budget}, {steps} steps at most, recorded every {every}",
        tuple(s.content_id for s in settings),
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
        {
            "lower": Sample(tuple((best["muon"] < best["adam"]).astype(float)), "rate"),
            "ratio": Sample(tuple(best["muon"] / best["adam"])),
        },
        f"{group}, K={width} (too narrow to build every frequency), n={samples}, {steps} steps, "
        "the better of two rates each: Adam 0.005, 0.02; Muon on W 0.02, 0.05 with Adam 0.005 on V",
        tuple(ids),
        notes="ratio: test loss of Muon over that of Adam",
    )


#: Claims of this file.
CLAIMS: tuple[Claim, ...] = (
    Claim(
        "learning-rate",
        "Near the transition a small rate keeps generalising features, a large one ends in memorisation.",
        f"{PAPER}, figures 6 and 7 (semi-grokking)",
        (),
        "test accuracy at the end of networks trained just above n_c",
        (
            Form("printed", "small rate (0.001): accuracy at least 0.8", "small", 0.8, None),
            Form("printed", "large rate (0.05): accuracy at most 0.7", "large", None, 0.7),
            Form("printed", "lr 0.05 loses at least 0.2 against lr 0.005", "loss", 0.2, None),
        ),
        _rate,
    ),
    Claim(
        "zero-init",
        "Starting V at zero makes networks grok sooner.",
        f"{PAPER}, figures 14-17",
        ("lazy.3",),
        "whether the network of the same seed groks sooner",
        (
            Form("printed", "in most seeds: rate above one half", "first", 0.5, None),
            Form("printed", "in half the time or less", "ratio", None, 0.5),
        ),
        _zero,
    ),
    Claim(
        "complex-weights",
        "Complex weights make networks grok sooner.",
        f"{PAPER}, figures 10 and 11",
        ("feat.6",),
        "whether the network of the same seed groks sooner",
        (Form("printed", "in most seeds: rate above one half", "first", 0.5, None),),
        _complex,
    ),
    Claim(
        "ridge-readout",
        "Solving V at every step is slower at M = 23.",
        f"{PAPER}, figures 12 and 13",
        ("lazy.2",),
        "whether the network whose V is solved groks sooner than the trained one of the same seed",
        (Form("printed", "in most seeds it does not: rate below one half", "first", None, 0.5),),
        _ridge,
    ),
    Claim(
        "muon-narrow",
        "In narrow networks Muon finds more features than Adam and reaches a lower test loss.",
        f"{PAPER}, theorem 8 and figure 8",
        ("muon.1", "muon.4"),
        "test loss at the end, the better of two learning rates for each optimizer",
        (Form("printed", "lower in most seeds: rate above one half", "lower", 0.5, None),),
        _muon,
    ),
)
