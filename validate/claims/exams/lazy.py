"""Stage I: what the output layer tells the hidden layer, early, late, and in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twopeaks.sim.training.snapshots import Snapshots, Start, snapshots
from twopeaks.theory.flows.network import adam_start, network_flow
from twopeaks.theory.flows.problem import Problem
from twopeaks.theory.flows.solution import Solver
from twopeaks.theory.setting import Setting
from twopeaks.validate.claims.claim import Claim, Finding, Form, Sample, Series
from twopeaks.validate.claims.exams.problems import PAPER, band, member, problem, views
from twopeaks.validate.claims.laboratory import Laboratory
from twopeaks.validate.claims.weights import cosine, gradient_norm, gradient_on_features, hidden, kernel_gradient

__all__ = ["CLAIMS"]

_GRADIENT_DESCENT = {"name": "sgd", "lr": 0.1}
#: Accuracy of that flow, far finer than what is claimed.
_SOLVER = Solver("RK23", rtol=1e-2, atol=1e-4)
#: Seeds from whose weights the two-layer flow is integrated in a quick examination: the fewest that have an interval.
_FEWEST = 3
#: Steps between the kept weights of the networks whose peak is looked for.
_KEPT_EVERY = 3


def _early(lab: Laboratory) -> Finding:
    steps = [1, 3, 10, 30, 100, 300]
    zero = problem("Z23", 264, 256, network={"init_scale_v": 0.0}, optimizer=_GRADIENT_DESCENT)
    standard = problem("Z23", 264, 256)
    curves = {}
    for name, setting in (("gradient descent, V(0) = 0", zero), ("standard setting", standard)):
        trained = lab.weights(setting, steps)
        rows = [
            [cosine(gradient_on_features(at, V), kernel_gradient(at)) for _, V, at in views(trained, s)]
            for s in range(len(steps))
        ]
        curves[name] = np.array(rows).T
    best = curves["standard setting"].max(axis=1)
    return Finding(
        samples={
            "last": Sample(values=tuple(curves["gradient descent, V(0) = 0"][:, -1])),
            "standard": Sample(values=tuple(best)),
        },
        budget=f"Z23, K=256, n=264, {steps[-1]} steps",
        settings=(zero.content_id, standard.content_id),
        series=tuple(band(name, steps, rows) for name, rows in curves.items()),
        axes=("step", "cosine of G_F and Y~Y~^T F~"),
        notes="in the standard setting the largest cosine over the kept steps is judged",
    )


def _late(lab: Laboratory) -> Finding:
    samples, decay, steps = 30, 1e-2, lab.pick(6000, 3000)
    rule = {"name": "sgd", "lr": 1.0}
    with_decay = problem("Z7", samples, 64, optimizer={**rule, "weight_decay": decay})
    without = problem("Z7", samples, 64, optimizer={**rule, "weight_decay": 0.0})
    errors: list[float] = []
    left: list[float] = []
    for setting, values in ((with_decay, errors), (without, left)):
        trained = snapshots(setting, lab.seeds, [0, steps], lab.runtime, progress=lab.progress, start=Start(frozen="W"))
        for e in range(len(lab.seeds)):
            W, V = member(trained, e, 1)
            F = hidden(W, trained.pairs[e], trained.labels[e]).F
            Y = np.eye(7)[trained.labels[e]] - 1 / 7  # centred over classes, as the loss of the standard setting is
            G = _class_centred(F, Y, V)
            if setting is without:
                values.append(float(np.linalg.norm(G) / np.linalg.norm(_class_centred(F, Y, member(trained, e, 0)[1]))))
                continue
            ridge = samples * decay / 2
            inner = np.linalg.inv(F.T @ F + ridge * np.eye(64))
            predicted = ridge * np.linalg.inv(F @ F.T + ridge * np.eye(samples)) @ Y @ Y.T @ F @ inner
            values.append(float(np.linalg.norm(G - predicted) / np.linalg.norm(predicted)))
    return Finding(
        samples={"error": Sample(values=tuple(errors)), "left": Sample(values=tuple(left))},
        budget=f"Z7, K=64, n={samples}, W held, gradient descent lr 1, {steps} steps, decay {decay} and 0",
        settings=(with_decay.content_id, without.content_id),
    )


def _class_centred(F: NDArray[np.float64], Y: NDArray[np.float64], V: NDArray[np.float64]) -> NDArray[np.float64]:
    """(Y - F V C) V^T with C the centring over classes."""
    outputs = F @ V
    return np.asarray((Y - outputs + outputs.mean(axis=1, keepdims=True)) @ V.T)


def _width(lab: Laboratory) -> Finding:
    widths, sizes = [256, 512, 1024, 2048], []
    settings = [
        problem("Z7", 20, K, network={"readout": "ridge"}, optimizer={"lr": 1e-12, "weight_decay": 1e-3})
        for K in widths
    ]
    for setting in settings:
        trained = lab.weights(setting, [1])
        sizes.append(
            [
                np.linalg.norm(gradient_on_features(at, V)) / np.linalg.norm(kernel_gradient(at))
                for _, V, at in views(trained, 0)
            ]
        )
    rows = np.array(sizes).T
    slopes = [float(np.polyfit(np.log(widths), np.log(row), 1)[0]) for row in rows]
    return Finding(
        samples={"slope": Sample(values=tuple(slopes))},
        budget="Z7, n=20, K from 256 to 2048, V solved on random features, decay 1e-3",
        settings=tuple(s.content_id for s in settings),
        series=(
            band("measured", widths, rows / rows[:, :1]),
            Series(name="1/K^2, corrected", x=tuple(map(float, widths)), y=tuple((widths[0] / K) ** 2 for K in widths)),
            Series(name="1/K, printed", x=tuple(map(float, widths)), y=tuple(widths[0] / K for K in widths)),
        ),
        axes=("width K", "|G_F| / |Y~Y~^T F~|, relative"),
    )


def _peak(lab: Laboratory) -> Finding:
    group, samples, width = lab.pick(("Z71", 2016, 2048), ("Z23", 264, 256))
    steps = list(range(0, 121, _KEPT_EVERY))
    setting = problem(group, samples, width)
    trained = lab.weights(setting, steps)
    rows = _norms(trained)
    times = np.array(steps, dtype=float)[rows.argmax(axis=1)]
    heights = rows.max(axis=1)
    flow_times, flow_heights, curve = _flow_peaks(lab, setting, steps)
    count, half_step = len(flow_times), _KEPT_EVERY / 2
    return Finding(
        samples={
            "time": Sample(values=tuple(times), resolution=half_step),
            "height": Sample(values=tuple(heights)),
            "time ratio": Sample(
                values=tuple(times[:count] / np.array(flow_times)), resolution=float(half_step / np.mean(flow_times))
            ),
            "height ratio": Sample(values=tuple(heights[:count] / np.array(flow_heights))),
            "frozen": Sample(
                values=tuple(_frozen_peaks(lab, setting, steps) / times), resolution=float(half_step / np.mean(times))
            ),
        },
        budget=f"{group}, K={width}, n={samples}, Adam, {steps[-1]} steps, kept every {_KEPT_EVERY}; flow from "
        f"{count} seeds",
        settings=(setting.content_id,),
        series=(band("measured", steps, rows), curve),
        axes=("step", "|G_F|"),
        notes="time of the largest |G_F| with W held over the measured one: a lower bound, the last step, if "
        "it still rises "
        f"there; intervals of times are wider by {half_step} steps, half the gap between kept weights",
    )


def _flow_peaks(lab: Laboratory, setting: Setting, steps: list[int]) -> tuple[list[float], list[float], Series]:
    """Time and height of the peak in the two-layer Adam flow from the weights that each seed starts with."""
    trained = snapshots(setting, lab.seeds[: lab.pick(len(lab.seeds), _FEWEST)], [0], lab.runtime)
    flows = []
    for e, seed in enumerate(trained.seeds):
        data = Problem.of(setting, int(seed), dtype="float32")
        start = adam_start(data, *member(trained, e, 0), setting.optimizer)
        times = np.append(1.0, np.arange(10.0, steps[-1], 10.0))
        flows.append(network_flow(data, start, setting.optimizer, times, watch=("peak",), solver=_SOLVER))
    for flow in flows:
        if flow.events["peak"] is None:
            raise ArithmeticError(f"the two-layer flow has no peak until step {steps[-1]}: {flow.result}")
    peaks = [float(flow.events["peak"] or np.nan) for flow in flows]
    heights = [float(flow.at_events["peak"]["gradient_norm"]) for flow in flows]
    curve = tuple(map(float, flows[0].observables["gradient_norm"]))
    return peaks, heights, Series(name="two-layer flow", x=tuple(map(float, flows[0].times)), y=curve)


def _frozen_peaks(lab: Laboratory, setting: Setting, steps: list[int]) -> NDArray[np.float64]:
    trained = snapshots(setting, lab.seeds, steps, lab.runtime, progress=lab.progress, start=Start(frozen="W"))
    return np.asarray(np.array(steps, dtype=float)[_norms(trained).argmax(axis=1)])


def _norms(trained: Snapshots) -> NDArray[np.float64]:
    """(E, S) |G_F| of every member at every kept step."""
    return np.array(
        [
            [gradient_norm(W, V, pairs, labels) for W, V in zip(*layers, strict=True)]
            for *layers, pairs, labels in zip(trained.W, trained.V, trained.pairs, trained.labels, strict=True)
        ]
    )


#: Claims of this file.
CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="early-gradient",
        statement="Early in training G_F is proportional to Y~Y~^T F~: every node is told the same about the labels.",
        source=f"{PAPER}, proposition 1",
        equations=("lazy.3",),
        measure="cosine between G_F and Y~Y~^T F~ of the trained network, over all training examples and nodes",
        forms=(
            Form(
                name="printed",
                prediction="with V(0) = 0 the cosine is close to 1 (at least 0.95)",
                quantity="last",
                low=0.95,
            ),
            Form(
                name="claimed",
                prediction="and so it is in the standard setting, V(0) random (at least 0.95)",
                quantity="standard",
                low=0.95,
            ),
        ),
        examine=_early,
    ),
    Claim(
        id="late-gradient",
        statement="With W held, G_F settles at a limit set by weight decay, and vanishes without decay.",
        source=f"{PAPER}, proposition 1",
        equations=("lazy.2", "lazy.4"),
        measure="relative distance of the trained G_F from lazy.4, written for the centring over classes that "
        "training uses",
        forms=(
            Form(
                name="printed",
                prediction="distance from eta (FF^T + eta)^-1 YY^T F (F^T F + eta)^-1 at most 5%",
                quantity="error",
                high=0.05,
            ),
            Form(
                name="printed",
                prediction="without decay at most 5% of the initial |G_F| is left",
                quantity="left",
                high=0.05,
            ),
        ),
        examine=_late,
    ),
    Claim(
        id="wide-limit",
        statement="The wider the network, the smaller the G_F that is left: a kernel machine learns no features.",
        source=f"{PAPER}, lemma 1",
        equations=("lazy.7", "lazy.8"),
        measure="slope of log |G_F| / |Y~Y~^T F~| against log K at the ridge solution",
        forms=(
            Form(name="printed", prediction="|G_F| ~ 1/K: slope -1 within 0.2", quantity="slope", low=-1.2, high=-0.8),
            Form(
                name="corrected", prediction="|G_F| ~ 1/K^2: slope -2 within 0.2", quantity="slope", low=-2.2, high=-1.8
            ),
        ),
        examine=_width,
    ),
    Claim(
        id="gradient-peak",
        statement="|G_F| rises, peaks and falls; the flow of both layers says when and how high.",
        source="third-party replication of figure 3 (M=71, K=2048, n=2016): 71 near step 57; flow derived here",
        equations=("lazy.1", "lazy.6"),
        measure="largest |G_F| of the trained network against the two-layer Adam flow from the same initial weights",
        forms=(
            Form(
                name="derived here",
                prediction="time within 10% of the two-layer flow",
                quantity="time ratio",
                low=0.9,
                high=1.1,
            ),
            Form(
                name="derived here",
                prediction="height within 10% of the two-layer flow",
                quantity="height ratio",
                low=0.9,
                high=1.1,
            ),
            Form(
                name="claimed",
                prediction="Stage I alone (W held) puts the peak within 10% of the measured time",
                quantity="frozen",
                low=0.9,
                high=1.1,
            ),
        ),
        examine=_peak,
    ),
)
