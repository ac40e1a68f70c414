"""Beyond the plain network: depth, biased data, other losses."""

from __future__ import annotations

import numpy as np

from twopeaks.theory.groups import named
from twopeaks.validate.claims.claim import Claim, Finding, Form, Sample
from twopeaks.validate.claims.exams.problems import PAPER, band, censored, member, problem
from twopeaks.validate.claims.laboratory import Laboratory
from twopeaks.validate.claims.weights import carrying, purities, strongest_frequency

__all__ = ["CLAIMS"]


def _depth(lab: Laboratory) -> Finding:
    steps = [0, *range(10, 100, 10), *range(100, 500, 25), *range(500, 2001, 100)]
    setting = problem(
        "Z23", 423, 128, network={"layers": 3, "activation": "relu"}, optimizer={"lr": 0.001, "weight_decay": 1e-3}
    )
    found = lab.weights(setting, steps)
    left = np.array([_distance_left(layer.astype(np.float64)) for layer in found.layers])
    halfway = _halfway(np.array(steps, dtype=float), left)
    return Finding(
        {
            "first": Sample(tuple((halfway[0] < halfway[1]).astype(float)), "rate"),
            "ratio": Sample(tuple(halfway[0] / halfway[1])),
        },
        f"Z23, K=128, n=423, 3 layers of ReLU, Adam lr 0.001, decay 1e-3, {steps[-1]} steps",
        (setting.content_id,),
        tuple(band(f"layer {i + 1}", steps, rows) for i, rows in enumerate(left)),
        ("step", "distance to the final weights, relative"),
        "ratio: step at which the lowest layer is halfway to its final weights over that of the second, between kept "
        f"steps by interpolation; the readout, layer 3, is halfway at {halfway[2].mean():.0f}, the first two layers at "
        f"{halfway[0].mean():.0f} and {halfway[1].mean():.0f} (means over seeds)",
    )


def _halfway(steps: np.ndarray, left: np.ndarray) -> np.ndarray:
    """(L, E) step at which each curve of (L, E, S) first falls to one half, linear between the kept steps (S,)."""
    after = np.maximum((left <= 0.5).argmax(axis=2), 1)[..., None]
    high, low = np.take_along_axis(left, after - 1, axis=2), np.take_along_axis(left, after, axis=2)
    share = np.clip((high - 0.5) / (high - low), 0, 1)
    return np.asarray((steps[after - 1] + share * (steps[after] - steps[after - 1]))[..., 0])


def _distance_left(layer: np.ndarray) -> np.ndarray:
    """(E, S) distance of a layer (E, S, …) to its last weights, relative to the distance at the start."""
    gap = np.linalg.norm((layer - layer[:, -1:]).reshape(*layer.shape[:2], -1), axis=2)
    return np.asarray(gap / gap[:, :1])


def _bias(lab: Laboratory) -> Finding:
    samples, steps, biases = 200, lab.pick(6000, 4000), (0.0, 1.0, 3.0)
    settings = [problem("Z23", samples, 256, task={"bias": b}) for b in biases]
    rates = [lab.train(s, steps, every=50, patience=200) for s in settings]
    grokked = [[float(np.isfinite(t)) for t in censored(r)] for r in rates]
    accuracy = np.array([r.final("test_accuracy") for r in rates])
    return Finding(
        {
            "uniform": Sample(tuple(grokked[0]), "rate"),
            "biased": Sample(tuple(grokked[2]), "rate"),
            "loss": Sample(tuple(accuracy[0] - accuracy[2])),
        },
        f"Z23, K=256, n={samples}, Adam, {steps} steps, pairs drawn in proportion to (1 + a)^-bias, bias {biases}",
        tuple(s.content_id for s in settings),
        (band("test accuracy at the end", biases, accuracy.T),),
        ("bias of the sampling law", "test accuracy"),
        "loss: test accuracy of uniform less biased data",
    )


_LOSSES = ("mse", "cross-entropy", "hinge", "contrastive")


def _losses(lab: Laboratory) -> Finding:
    steps = [30, 100, 1000]
    found = {}
    for loss in _LOSSES:
        setting = problem("Z23", 423, 256, network={"init_scale_v": 0.0}, loss=loss)
        found[loss] = (setting.content_id, lab.weights(setting, steps))
    samples = {}
    for loss in _LOSSES[1:]:
        agreement = [
            float(
                np.mean(
                    strongest_frequency(member(found[loss][1], e, 1)[0])
                    == strongest_frequency(member(found["mse"][1], e, 1)[0])
                )
            )
            for e in range(len(lab.seeds))
        ]
        samples[f"{loss} agreement"] = Sample(tuple(agreement))
    for loss in _LOSSES:
        pure = []
        for e in range(len(lab.seeds)):
            W, V = member(found[loss][1], e, 2)
            pure.append(float(np.mean(purities(named("Z23"), W[:, carrying(W, V)]))))
        samples[f"{loss} purity"] = Sample(tuple(pure))
    return Finding(
        samples,
        f"Z23, K=256, n=423, V(0) = 0, Adam, {steps[-1]} steps; agreement at step {steps[1]}",
        tuple(content for content, _ in found.values()),
        notes="agreement: share of nodes whose strongest frequency is the one under MSE, same seed (chance 9%)",
    )


#: Claims of this file.
CLAIMS: tuple[Claim, ...] = (
    Claim(
        "lowest-layer-first",
        "In deeper networks the lowest layer learns first.",
        f"{PAPER}, extension to deeper networks",
        ("depth.1", "depth.2"),
        "step at which a layer's weights are halfway to their final values",
        (Form("printed", "the lowest before the second in most seeds: rate above one half", "first", 0.5, None),),
        _depth,
    ),
    Claim(
        "biased-data",
        "Data drawn unevenly favour memorisation.",
        f"{PAPER}, theorem 5 and its discussion",
        ("mem.1",),
        "test accuracy with the same number of pairs, drawn uniformly or with a preference for small first operands",
        (
            Form("claimed", "uniform data: networks grok, rate at least 0.6", "uniform", 0.6, None),
            Form("claimed", "strongly biased data (bias 3) cost at least 0.1 of test accuracy", "loss", 0.1, None),
        ),
        _bias,
    ),
    Claim(
        "loss-is-a-surrogate",
        "Losses with a similar gradient flow grow the same features.",
        "the author's talk",
        ("lazy.3", "feat.1"),
        "same initial weights under four losses: agreement of node frequencies with MSE, purity of live nodes",
        (
            *(
                Form("claimed", f"{loss}: at least half of the nodes agree with MSE", f"{loss} agreement", 0.5, None)
                for loss in _LOSSES[1:]
            ),
            *(Form("claimed", f"{loss}: purity at least 0.75", f"{loss} purity", 0.75, None) for loss in _LOSSES),
        ),
        _losses,
    ),
)
