"""When networks memorise and when they generalise: weight decay, data, published times, clocks, balance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twopeaks.sim.training.snapshots import snapshots
from twopeaks.theory.flows.problem import Problem
from twopeaks.theory.flows.slow import norm_descent
from twopeaks.theory.flows.solution import Solver
from twopeaks.theory.predictors.heights import closed_form
from twopeaks.theory.predictors.paper import paper_law
from twopeaks.theory.setting import Setting
from twopeaks.validate.claims.claim import Claim, Finding, Form, Sample, Series
from twopeaks.validate.claims.exams.problems import PAPER, band, censored, member, problem, reached, views
from twopeaks.validate.claims.laboratory import Laboratory
from twopeaks.validate.claims.weights import carrying, gradient_on_features
from twopeaks.validate.measured.statistics import rate_interval, transition_point

__all__ = ["CLAIMS"]


def _decay(lab: Laboratory) -> Finding:
    group, samples, width, steps = lab.pick(("Z71", 2016, 2048, 400), ("Z23", 264, 256, 2500))
    settings = [problem(group, samples, width, optimizer={"weight_decay": eta}) for eta in (2e-4, 0.0)]
    with_decay, without = (lab.train(s, steps, every=2 if lab.quick is False else 25, patience=0) for s in settings)
    early = [lab.weights(s, [100]) for s in settings]
    sizes = [[np.linalg.norm(gradient_on_features(at, V)) for _, V, at in views(trained, 0)] for trained in early]
    return Finding(
        samples={
            "with": Sample(values=tuple(float(np.isfinite(t)) for t in censored(with_decay)), kind="rate"),
            "without": Sample(values=tuple(float(np.isfinite(t)) for t in censored(without)), kind="rate"),
            "gradient": Sample(values=tuple(np.array(sizes[0]) / np.array(sizes[1]))),
        },
        budget=f"{group}, K={width}, n={samples}, Adam, {steps} steps, decay 2e-4 and 0",
        settings=tuple(s.content_id for s in settings),
        series=(
            band("decay 2e-4", with_decay.steps.tolist(), _held(with_decay.curves["test_accuracy"])),
            band("no decay", without.steps.tolist(), _held(without.curves["test_accuracy"])),
        ),
        axes=("step", "test accuracy"),
        notes="a network is followed until it groks, or to the end; no decay: not grokked within the budget "
        "is not never",
    )


def _held(curves: np.ndarray) -> np.ndarray:
    """Curves whose missing ends (members that stopped after grokking) keep the last value."""
    filled = curves.copy()
    for row in filled:
        last = np.flatnonzero(np.isfinite(row))[-1]
        row[last:] = row[last]
    return filled


def _replicated(lab: Laboratory) -> Finding:
    steps = lab.pick(400, 200)
    setting = problem("Z71", 2016, 2048)
    records = lab.train(setting, steps, every=lab.pick(2, 4), patience=0)
    return Finding(
        samples={
            "memorised": Sample(values=tuple(reached(records, "train_accuracy", 0.99))),
            "half": Sample(values=tuple(reached(records, "test_accuracy", 0.5))),
            "generalised": Sample(values=tuple(reached(records, "test_accuracy", 0.95))),
        },
        budget=f"Z71, K=2048, n=2016, Adam, {steps} steps at most, recorded every {lab.pick(2, 4)}",
        settings=(setting.content_id,),
    )


_SIZES = {11: (52, 58, 64, 70, 76), 17: (104, 113, 122, 131, 140), 23: (168, 177, 186, 195, 204)}


def _crossing(lab: Laboratory) -> Finding:
    steps, samples, settings, series = 10_000, {}, [], []
    for order in _SIZES:
        cells, sizes, grokked = _around(lab, order, steps)
        settings += [cell.content_id for cell in cells]
        bounds = [rate_interval(int(row.sum()), len(row)) for row in grokked]
        low, high = zip(*bounds, strict=True)
        series.append(
            Series(name=f"M = {order}", x=tuple(sizes / order**2), y=tuple(grokked.mean(axis=1)), low=low, high=high)
        )
        measured, half_gap = _pseudo_values(sizes, grokked), _half_gap(sizes, grokked)
        laws = {"paper": paper_law(cells[0]).value, "closed": closed_form(cells[0]).value, "density": order**2}
        for name, predicted in laws.items():
            unit = predicted or np.nan
            ratios = tuple(n if n is None else n / unit for n in measured)
            samples[f"{name} {order}"] = Sample(values=ratios, resolution=half_gap / unit)
    return Finding(
        samples=samples,
        budget=f"Z11, Z17, Z23, K=256, five sizes each and {lab.pick(*_HALVINGS)} between, {steps} steps",
        settings=tuple(settings),
        series=tuple(series),
        axes=("share of the table in the training set", "share of networks that grok"),
        notes="mean of the jackknife pseudo-values of n_c over seeds; its interval is wider by half the gap "
        "between sizes",
    )


#: How often the gap in which the rate crosses one half is halved: in full, and in quick.
_HALVINGS = (2, 1)


def _around(lab: Laboratory, order: int, steps: int) -> tuple[list[Setting], np.ndarray, np.ndarray]:
    """Cells (C) by size, sizes (C,) and whether each seed grokked (C, E); most sizes near the crossing."""
    grokked = {n: _grokked(lab, problem(f"Z{order}", n, 256), steps) for n in _SIZES[order]}
    for _ in range(lab.pick(*_HALVINGS)):
        below, above = _gap(np.array(sorted(grokked)), np.array([grokked[n] for n in sorted(grokked)]))
        middle = round((below + above) / 2)
        if middle not in grokked:
            grokked[middle] = _grokked(lab, problem(f"Z{order}", middle, 256), steps)
    sizes = sorted(grokked)
    cells = [problem(f"Z{order}", n, 256) for n in sizes]
    return cells, np.array(sizes, dtype=float), np.array([grokked[n] for n in sizes])


def _gap(sizes: np.ndarray, grokked: np.ndarray) -> tuple[float, float]:
    """The last size at which fewer than half grok, and the next one (an end twice if there is no crossing)."""
    last = int(np.flatnonzero(grokked.mean(axis=1) < 0.5).max(initial=0))
    return float(sizes[last]), float(sizes[min(last + 1, len(sizes) - 1)])


def _half_gap(sizes: np.ndarray, grokked: np.ndarray) -> float:
    below, above = _gap(sizes, grokked)
    return (above - below) / 2


def _grokked(lab: Laboratory, cell: Setting, steps: int) -> list[float]:
    return [float(np.isfinite(t)) for t in censored(lab.train(cell, steps, every=50, patience=200))]


def _pseudo_values(sizes: np.ndarray, grokked: np.ndarray) -> list[float | None]:
    """Jackknife pseudo-values of n_c over seeds: (C,), (C, E) -> E values."""
    seeds = grokked.shape[1]

    def point(kept: np.ndarray) -> float | None:
        return transition_point(sizes, kept.sum(axis=1), np.full(len(sizes), float(kept.shape[1])), resamples=2).value

    whole = point(grokked)
    parts = [point(np.delete(grokked, e, axis=1)) for e in range(seeds)]
    if whole is None:
        return [None] * seeds
    return [None if part is None else seeds * whole - (seeds - 1) * part for part in parts]


def _clock(lab: Laboratory) -> Finding:
    group, samples, width = lab.pick(("Z23", 264, 256), ("Z11", 90, 128))
    rules = ((1.0, 4e-4), (0.5, 4e-4), (1.0, 2e-4))
    settings = [
        problem(group, samples, width, optimizer={"name": "sgd", "lr": lr, "weight_decay": eta}) for lr, eta in rules
    ]
    times = []
    for (lr, eta), setting in zip(rules, settings, strict=True):
        budget = round(_TAU / (lr * eta))
        times.append(lr * eta * np.array(censored(lab.train(setting, budget, every=budget // 200, patience=0))))
    table = np.array(times)
    spread = [float(row.max() / row.min() - 1) if np.isfinite(row).all() else None for row in table.T]
    flow = np.array(
        _slow_flow(lab, problem(group, samples, width, optimizer={"name": "sgd", "lr": 1.0, "weight_decay": 0}))
    )
    ratios = [float(r) if np.isfinite(r) else None for r in table[0, : len(flow)] / flow]
    return Finding(
        samples={"spread": Sample(values=tuple(spread)), "flow": Sample(values=tuple(ratios))},
        budget=f"{group}, K={width}, n={samples}, gradient descent, (lr, eta) {', '.join(map(str, rules))}, to "
        f"tau = {_TAU}; "
        f"slow flow from {len(flow)} seeds",
        settings=tuple(s.content_id for s in settings),
        notes="spread: largest over smallest lr·eta·t_grok of one seed, less one; recorded to 0.5% of the budget",
    )


#: Clock time to which gradient descent is followed.
_TAU = 6.0
#: Seeds from which the slow flow is integrated in a quick examination, the fewest that have an interval; its accuracy.
_FEWEST, _SOLVER = 3, Solver("RK23", rtol=1e-3, atol=1e-6)


def _slow_flow(lab: Laboratory, without_decay: Setting) -> list[float]:
    """Tau at which norm descent generalises, from networks that memorised without decay."""
    seeds = lab.seeds[: lab.pick(len(lab.seeds), _FEWEST)]
    trained = snapshots(without_decay, seeds, [4000], replace(lab.runtime, dtype="float64"), progress=lab.progress)
    flows = [
        norm_descent(Problem.of(without_decay, seed), *member(trained, e, 0), np.linspace(0, _TAU, 13), solver=_SOLVER)
        for e, seed in enumerate(seeds)
    ]
    return [np.inf if (tau := flow.events["generalised"]) is None else tau for flow in flows]


def _balance(lab: Laboratory) -> Finding:
    setting = problem("Z23", 264, 256)
    trained = lab.weights(setting, [10_000])
    ratios, nodes = [], []
    for W, V, _ in views(trained, 0):
        kept = carrying(W, V)
        ratios.append(float((W**2).sum() / (2 * (V**2).sum())))
        nodes.append(float(np.median((W[:, kept] ** 2).sum(axis=0) / (2 * (V[kept] ** 2).sum(axis=1)))))
    return Finding(
        samples={"ratio": Sample(values=tuple(ratios)), "nodes": Sample(values=tuple(nodes))},
        budget=f"Z23, K=256, n=264, Adam, {trained.steps[0]} steps",
        settings=(setting.content_id,),
    )


#: Claims of this file.
CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="weight-decay",
        statement="Without weight decay there is no grokking; with it |G_F| stays larger and features form.",
        source=f"{PAPER}, figure 3",
        equations=("lazy.4",),
        measure="share of networks that grok within the budget; |G_F| at step 100 with decay over without",
        forms=(
            Form(name="printed", prediction="with decay networks grok: rate at least 0.7", quantity="with", low=0.7),
            Form(
                name="printed", prediction="without decay they do not: rate at most 0.3", quantity="without", high=0.3
            ),
            Form(name="printed", prediction="|G_F| at step 100 is larger with decay", quantity="gradient", low=1.0),
        ),
        examine=_decay,
    ),
    Claim(
        id="published-times",
        statement="Memorisation and generalisation come when a replication of figure 3 says they come.",
        source="third-party replication (M=71, K=2048, n=2016, 15 seeds)",
        equations=(),
        measure="first recorded step at the level, against the published step",
        forms=(
            Form(
                name="claimed",
                prediction="train accuracy 1.0 at 25: 0.99 between 15 and 25",
                quantity="memorised",
                low=15,
                high=25,
            ),
            Form(
                name="claimed",
                prediction="test accuracy 0.5 at 102 [99, 102], within 5%",
                quantity="half",
                low=94,
                high=107,
            ),
            Form(
                name="claimed",
                prediction="test accuracy 0.99 at 139: 0.95 between 120 and 139",
                quantity="generalised",
                low=120,
                high=139,
            ),
        ),
        examine=_replicated,
    ),
    Claim(
        id="crossing",
        statement="Generalisation overtakes memorisation at a number of training examples that theory says beforehand.",
        source=f"{PAPER}, theorem 4 and its code; peak heights here",
        equations=("feat.9", "heights.5", "mem.3"),
        measure="n_c at which half of the networks grok, over the prediction",
        forms=tuple(
            form
            for order in _SIZES
            for form in (
                Form(
                    name="printed",
                    prediction=f"M={order}: 2.7482 M log M, ratio 1 within 5%",
                    quantity=f"paper {order}",
                    low=0.95,
                    high=1.05,
                ),
                Form(
                    name="derived here",
                    prediction=f"M={order}: closed form, ratio 1 within 5%",
                    quantity=f"closed {order}",
                    low=0.95,
                    high=1.05,
                ),
                Form(
                    name="claimed",
                    prediction=f"M={order}: bare landscape, 0.6 to 0.73 of the table",
                    quantity=f"density {order}",
                    low=0.6,
                    high=0.73,
                ),
            )
        ),
        examine=_crossing,
    ),
    Claim(
        id="clock",
        statement="Gradient descent obeys a clock: lr·eta·t_grok depends on neither rate nor decay.",
        source="here (clock.1)",
        equations=("clock.1",),
        measure="spread of lr·eta·t_grok of one seed over rates and decays; its value over that of the slow flow",
        forms=(
            Form(
                name="derived here",
                prediction="one seed, three (lr, eta): equal within 10%",
                quantity="spread",
                high=0.10,
            ),
            Form(
                name="derived here",
                prediction="tau_grok within 10% of the slow flow, which knows neither",
                quantity="flow",
                low=0.9,
                high=1.1,
            ),
        ),
        examine=_clock,
    ),
    Claim(
        id="balance",
        statement="Long training balances the layers: |W|^2 = 2 |V|^2.",
        source="here (heights.1, clock.2)",
        equations=("heights.1", "clock.2"),
        measure="|W|^2 / (2 |V|^2) at the end, of the network and of its carrying nodes",
        forms=(
            Form(name="derived here", prediction="of the network: 1 within 1%", quantity="ratio", low=0.99, high=1.01),
            Form(
                name="derived here",
                prediction="of the median carrying node: 1 within 1%",
                quantity="nodes",
                low=0.99,
                high=1.01,
            ),
        ),
        examine=_balance,
    ),
)
