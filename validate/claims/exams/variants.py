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
    trained = lab.weights(setting, steps)
    left = np.array([_distance_left(layer.astype(np.float64)) for layer in trained.layers])
    halfway = _halfway(np.array(steps, dtype=float), left)
    return Finding(
        samples={
            "first": Sample(values=tuple((halfway[0] < halfway[1]).astype(float)), kind="rate"),
            "ratio": Sample(values=tuple(halfway[0] / halfway[1])),
        },
        budget=f"Z23, K=128, n=423, 3 layers of ReLU, Adam lr 0.001, decay 1e-3, {steps[-1]} steps",
        settings=(setting.content_id,),
        series=tuple(band(f"layer {i + 1}", steps, rows) for i, rows in enumerate(left)),
        axes=("step", "distance to the final weights, relative"),
        notes="ratio: step at which the lowest layer is halfway to its final weights over that of the second, "
        "between kept "
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
        samples={
            "uniform": Sample(values=tuple(grokked[0]), kind="rate"),
            "biased": Sample(values=tuple(grokked[2]), kind="rate"),
            "loss": Sample(values=tuple(accuracy[0] - accuracy[2])),
        },
        budget=f"Z23, K=256, n={samples}, Adam, {steps} steps, training examples drawn in proportion to (1 + "
        "a)^-bias, bias "
        f"{biases}",
        settings=tuple(s.content_id for s in settings),
        series=(band("test accuracy at the end", biases, accuracy.T),),
        axes=("bias of the sampling law", "test accuracy"),
        notes="loss: test accuracy of uniform less biased data",
    )


_LOSSES = ("mse", "cross-entropy", "hinge", "contrastive")


def _losses(lab: Laboratory) -> Finding:
    steps = [30, 100, 1000]
    trained = {}
    for loss in _LOSSES:
        setting = problem("Z23", 423, 256, network={"init_scale_v": 0.0}, loss=loss)
        trained[loss] = (setting.content_id, lab.weights(setting, steps))
    samples = {}
    for loss in _LOSSES[1:]:
        agreement = [
            float(
                np.mean(
                    strongest_frequency(member(trained[loss][1], e, 1)[0])
                    == strongest_frequency(member(trained["mse"][1], e, 1)[0])
                )
            )
            for e in range(len(lab.seeds))
        ]
        samples[f"{loss} agreement"] = Sample(values=tuple(agreement))
    for loss in _LOSSES:
        pure = []
        for e in range(len(lab.seeds)):
            W, V = member(trained[loss][1], e, 2)
            pure.append(float(np.mean(purities(named("Z23"), W[:, carrying(W, V)]))))
        samples[f"{loss} purity"] = Sample(values=tuple(pure))
    return Finding(
        samples=samples,
        budget=f"Z23, K=256, n=423, V(0) = 0, Adam, {steps[-1]} steps; agreement at step {steps[1]}",
        settings=tuple(content for content, _ in trained.values()),
        notes="agreement: share of nodes whose strongest frequency is the one under MSE, same seed (chance 9%)",
    )


#: Claims of this file.
CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="lowest-layer-first",
        statement="In deeper networks the lowest layer learns first.",
        source=f"{PAPER}, extension to deeper networks",
        equations=("depth.1", "depth.2"),
        measure="step at which a layer's weights are halfway to their final values",
        forms=(
            Form(
                name="printed",
                prediction="the lowest before the second in most seeds: rate above one half",
                quantity="first",
                low=0.5,
            ),
        ),
        examine=_depth,
    ),
    Claim(
        id="biased-data",
        statement="Data drawn unevenly favour memorisation.",
        source=f"{PAPER}, theorem 5 and its discussion",
        equations=("mem.1",),
        measure="test accuracy with the same number of training examples, drawn uniformly or with a preference "
        "for small "
        "first operands",
        forms=(
            Form(
                name="claimed", prediction="uniform data: networks grok, rate at least 0.6", quantity="uniform", low=0.6
            ),
            Form(
                name="claimed",
                prediction="strongly biased data (bias 3) cost at least 0.1 of test accuracy",
                quantity="loss",
                low=0.1,
            ),
        ),
        examine=_bias,
    ),
    Claim(
        id="loss-is-a-surrogate",
        statement="Losses with a similar gradient flow grow the same features.",
        source="the author's talk",
        equations=("lazy.3", "feat.1"),
        measure="same initial weights under four losses: agreement of node frequencies with MSE, purity of "
        "carrying nodes",
        forms=(
            *(
                Form(
                    name="claimed",
                    prediction=f"{loss}: at least half of the nodes agree with MSE",
                    quantity=f"{loss} agreement",
                    low=0.5,
                )
                for loss in _LOSSES[1:]
            ),
            *(
                Form(name="claimed", prediction=f"{loss}: purity at least 0.75", quantity=f"{loss} purity", low=0.75)
                for loss in _LOSSES
            ),
        ),
        examine=_losses,
    ),
)
