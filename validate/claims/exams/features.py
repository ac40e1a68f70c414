"""Stage II: what nodes become, how high their energy is, which feature wins, how many there are."""

from __future__ import annotations

from itertools import chain

import numpy as np

from twopeaks.theory.equations.lower import function
from twopeaks.theory.flows.nodes import winners
from twopeaks.theory.groups import Group, named
from twopeaks.theory.groups.irreps import irreps, real_blocks
from twopeaks.validate.claims.claim import Claim, Finding, Form, Sample
from twopeaks.validate.claims.exams.problems import PAPER, band, problem, views
from twopeaks.validate.claims.laboratory import Laboratory
from twopeaks.validate.claims.weights import (
    Array,
    carrying,
    dominant,
    kernel_gradient,
    node_energies,
    purities,
    strongest_frequency,
)

__all__ = ["CLAIMS"]

#: Nodes of at least this purity count as features of one irrep when their energies are compared.
_PURE = 0.98


def _independent(lab: Laboratory) -> Finding:
    steps = [30, 100, 300]
    setting = problem("Z23", 264, 256, network={"init_scale_v": 0.0}, optimizer={"name": "sgd", "lr": 0.1})
    trained = lab.weights(setting, steps)
    rows = []
    for s in range(len(steps)):
        rows.append(
            [
                float(
                    np.median(
                        _cosines(
                            _to_inputs(W, pairs, _loss_gradient(at.F, labels, V) * at.slope),
                            _to_inputs(W, pairs, kernel_gradient(at) * at.slope),
                        )
                    )
                )
                for (W, V, at), pairs, labels in zip(views(trained, s), trained.pairs, trained.labels, strict=True)
            ]
        )
    return Finding(
        samples={"last": Sample(values=tuple(rows[-1]))},
        budget=f"Z23, K=256, n=264, gradient descent lr 0.1, V(0) = 0, {steps[-1]} steps",
        settings=(setting.content_id,),
        series=(band("measured", steps, np.array(rows).T),),
        axes=("step", "median cosine of a node's motion and its slope of E"),
    )


def _loss_gradient(F: Array, labels: Array, V: Array) -> Array:
    """Minus n/2 times the slope of the training loss in F: centred over classes, as training has it."""
    outputs = F @ V
    residual = np.eye(V.shape[1])[labels] - 1 / V.shape[1] - outputs + outputs.mean(axis=1, keepdims=True)
    return np.asarray(residual @ V.T)


def _to_inputs(W: Array, pairs: Array, hidden_slope: Array) -> Array:
    """X^T times an (n, K) array."""
    order = W.shape[0] // 2
    summed = np.zeros_like(W)
    np.add.at(summed, pairs // order, hidden_slope)
    np.add.at(summed, order + pairs % order, hidden_slope)
    return summed


def _cosines(a: Array, b: Array) -> Array:
    return np.asarray((a * b).sum(axis=0) / (np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)))


def _grokked(lab: Laboratory, group: str, samples: int, steps: int) -> list[tuple[Array, Array]]:
    """Live columns of W, and rows of V, of networks that had time to generalise."""
    trained = lab.weights(problem(group, samples, 256), [steps])
    nodes = []
    for W, V, _ in views(trained, 0):
        kept = carrying(W, V)
        nodes.append((W[:, kept], V[kept]))
    return nodes


_GROUPS = (("Z23", 264, 3000), ("D11", 260, 3000), ("Q8xZ3", 400, 4000))


def _irreps(lab: Laboratory) -> Finding:
    samples = {}
    for group, n, steps in _GROUPS[: lab.pick(3, 1)]:
        nodes = _grokked(lab, group, n, steps)
        samples[group] = Sample(values=tuple(float(np.median(purities(named(group), W))) for W, _ in nodes))
    every = Sample(values=tuple(chain.from_iterable(s.values for s in samples.values())))
    return Finding(
        samples=samples | {"every": every},
        budget=_budget(lab),
        settings=_ids(lab),
        notes="carrying nodes: |w|^2 |v| >= 1% of the largest",
    )


def _budget(lab: Laboratory) -> str:
    return "K=256; " + ", ".join(f"{g} n={n} {steps} steps" for g, n, steps in _GROUPS[: lab.pick(3, 1)])


def _ids(lab: Laboratory) -> tuple[str, ...]:
    return tuple(problem(g, n, 256).content_id for g, n, _ in _GROUPS[: lab.pick(3, 1)])


def _energies(lab: Laboratory) -> Finding:
    ratios = []
    for group, n, steps in _GROUPS[: lab.pick(3, 1)]:
        for W, _ in _grokked(lab, group, n, steps):
            ratios.append(_energy_ratio(named(group), W))
    return Finding(
        samples={"corrected": Sample(values=tuple(ratios)), "printed": Sample(values=tuple(4 * r for r in ratios))},
        budget=_budget(lab),
        settings=_ids(lab),
        notes=f"median over carrying nodes of purity {_PURE} or more, scaled to |w| = 1, energy on the full table",
    )


def _energy_ratio(group: Group, W: Array) -> float:
    """Median over pure nodes of the measured energy over M/(2 m d)."""
    rhos, blocks = irreps(group), real_blocks(irreps(group))
    W = W[:, purities(group, W) >= _PURE]
    kinds = [rhos[blocks[b][0]] for b in dominant(group, W)]
    peak = function("feat.4")
    expected = [float(peak(group.order, rho.dim, 1 if rho.schur == 1 else 2)) for rho in kinds]
    return float(np.median(node_energies(group, W) / np.array(expected)))


def _winner(lab: Laboratory) -> Finding:
    steps = [0, 300, 600, 1000]
    setting = problem("Z23", 529, 256, network={"init_scale_v": 0.0}, optimizer={"name": "sgd", "lr": 0.3})
    trained = lab.weights(setting, steps)
    rows = []
    for e in range(len(trained.seeds)):
        expected = winners(trained.W[e, 0].astype(float).T)[0]
        rows.append(
            [float(np.mean(strongest_frequency(trained.W[e, s].astype(float)) == expected)) for s in range(len(steps))]
        )
    measured = np.array(rows)
    return Finding(
        samples={
            "agreement": Sample(values=tuple(measured[:, -1])),
            "gain": Sample(values=tuple(measured[:, -1] - measured[:, 0])),
        },
        budget=f"Z23, K=256, full table, gradient descent lr 0.3, V(0) = 0, {steps[-1]} steps",
        settings=(setting.content_id,),
        series=(band("strongest mode is the predicted winner", steps, measured),),
        axes=("step", "share of nodes"),
        notes="the gain is over the strongest mode at the start, which needs no theory",
    )


def _nodes(lab: Laboratory) -> Finding:
    pairs, counts, total = 11, [], []
    for W, _ in _grokked(lab, "Z23", 264, 3000):
        counts.append(W.shape[1] / pairs)
        total.append(W.shape[1] / 23**2)
    return Finding(
        samples={"per pair": Sample(values=tuple(counts)), "of table": Sample(values=tuple(total))},
        budget="Z23, K=256, n=264, 3000 steps",
        settings=(problem("Z23", 264, 256).content_id,),
        notes="carrying nodes: |w|^2 |v| >= 1% of the largest",
    )


def _memorisers(lab: Laboratory) -> Finding:
    shares = {}
    for activation, steps in (("x^2", 3000), ("relu", 3000)):
        setting = problem("Z23", 150, 256, task={"labels": "random"}, network={"activation": activation})
        trained = lab.weights(setting, [steps])
        shares[activation] = (setting.content_id, [_entries(W, V) for W, V, _ in views(trained, 0)])
    x2, relu = np.array(shares["x^2"][1]), np.array(shares["relu"][1])
    return Finding(
        samples={
            "x^2": Sample(values=tuple(x2)),
            "relu": Sample(values=tuple(relu)),
            "ratio": Sample(values=tuple(relu / x2)),
        },
        budget="Z23, K=256, 150 training examples with random labels, 3000 steps",
        settings=(shares["x^2"][0], shares["relu"][0]),
        notes="effective entries (sum w^2)^2 / sum w^4 of a node, median over carrying nodes; 2 is one "
        "example, 46 is all",
    )


def _entries(W: Array, V: Array) -> float:
    w = W[:, carrying(W, V)]
    return float(np.median((w**2).sum(axis=0) ** 2 / (w**4).sum(axis=0)))


#: Claims of this file.
CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="independent-ascent",
        statement="Early on each node climbs its own energy E, whatever the other nodes do.",
        source=f"{PAPER}, theorem 1",
        equations=("feat.1",),
        measure="median over nodes of the cosine between the motion of w and X^T D Y~Y~^T sigma(Xw)",
        forms=(Form(name="printed", prediction="cosine at least 0.95", quantity="last", low=0.95),),
        examine=_independent,
    ),
    Claim(
        id="features-are-irreps",
        statement="What nodes become are features of single irreducible representations.",
        source=f"{PAPER}, theorem 2",
        equations=("feat.2", "feat.3"),
        measure="share of a carrying node's centred power in its strongest real irrep, median over nodes, after "
        "generalisation",
        forms=(Form(name="printed", prediction="purity at least 0.9 in each network", quantity="every", low=0.9),),
        examine=_irreps,
    ),
    Claim(
        id="peak-energies",
        statement="The energy of a learned feature is that of the local maximum of its irrep.",
        source=f"{PAPER}, theorem 2",
        equations=("feat.4",),
        measure="energy of pure carrying nodes over the predicted one",
        forms=(
            Form(
                name="printed",
                prediction="M/(8 d) real, M/(16 d) complex: ratio 1 within 5%",
                quantity="printed",
                low=0.95,
                high=1.05,
            ),
            Form(
                name="corrected",
                prediction="M/(2 d) real, M/(4 d) complex or quaternionic: ratio 1 within 5%",
                quantity="corrected",
                low=0.95,
                high=1.05,
            ),
        ),
        examine=_energies,
    ),
    Claim(
        id="winner-takes-node",
        statement="The mode with the smallest blow-up time takes the node.",
        source="here (modes.4)",
        equations=("modes.1", "modes.4"),
        measure="share of nodes whose strongest mode, once labels are half fitted, is the one predicted from "
        "initial weights",
        forms=(
            Form(name="derived here", prediction="at least 80% of nodes (chance: 9%)", quantity="agreement", low=0.8),
            Form(
                name="derived here",
                prediction="more than the strongest initial mode says, by 5 points",
                quantity="gain",
                low=0.05,
            ),
        ),
        examine=_winner,
    ),
    Claim(
        id="few-nodes",
        statement="Generalising takes few nodes: far fewer than the M^2 of memorising the table.",
        source=f"{PAPER}, theorem 3",
        equations=("feat.8", "heights.2"),
        measure="carrying nodes of networks that generalised",
        forms=(
            Form(name="printed", prediction="far below M^2: at most a quarter", quantity="of table", high=0.25),
            Form(
                name="derived here",
                prediction="between 4 (feat.8) and 6 (heights.2) nodes a pair of characters",
                quantity="per pair",
                low=4.0,
                high=6.0,
            ),
        ),
        examine=_nodes,
    ),
    Claim(
        id="focus-or-spread",
        statement="Memorising features focus on one training example for x^2 and spread for ReLU.",
        source=f"{PAPER}, theorem 5",
        equations=("mem.1", "mem.2"),
        measure="effective number of entries of carrying nodes trained on random labels",
        forms=(
            Form(
                name="printed",
                prediction="x^2 focuses: at most 4 effective entries (one example has 2)",
                quantity="x^2",
                high=4.0,
            ),
            Form(name="printed", prediction="ReLU spreads: at least twice as many as x^2", quantity="ratio", low=2.0),
        ),
        examine=_memorisers,
    ),
)
