"""Rivals: published values, a landscape measured on subsets, constants fitted again, laws of time on their own flow."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.places import ROOT
from twopeaks.sim.storage.records import Records
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import named
from twopeaks.theory.landscape.landscape import Landscape, random_pairs
from twopeaks.theory.predictors.answer import Prediction
from twopeaks.theory.predictors.paper import paper_law
from twopeaks.theory.predictors.registry import NO_RUN
from twopeaks.theory.predictors.rival_times import DensityLaw, fit_density, fit_first_passage, fit_norm_separation
from twopeaks.theory.predictors.rivals import CROSSINGS, RIVALS, bare_landscape, fit_constant, rivals
from twopeaks.theory.predictors.run_norms import NormCurve, RunNorms, run_norms
from twopeaks.theory.setting import Network, Optimizer, Setting, Task, standard
from twopeaks.validate.scores.rival_runs import norms_of

MEASURED = ROOT / "results" / "crossings" / "measured.csv"


def of(group: str) -> dict[str, Prediction]:
    return {p.predictor: p for p in rivals(standard(group))}


# --- n_c: values ---------------------------------------------------------------------------------------


def test_rivals_have_names_of_their_own() -> None:
    found = rivals(standard("Z23"))
    assert [p.predictor for p in found] == [rival.name for rival in RIVALS]
    assert not {rival.name for rival in RIVALS} & {predictor.name for predictor in NO_RUN}
    assert all(p.quantity == "n_c" and p.runs_used == 0 and p.assumptions and p.note for p in found)


@pytest.mark.parametrize(("group", "no_factor", "squared"), [("Z23", 198.19, 198.19), ("S4", 209.61, 1886.5)])
def test_variants_of_the_papers_law_differ_in_their_power_of_d_max(
    group: str, no_factor: float, squared: float
) -> None:
    found = of(group)
    assert found["paper-law-no-d_max"].value == pytest.approx(no_factor, rel=1e-4)
    assert found["theorem-4"].value == pytest.approx(squared, rel=1e-4)
    paper = paper_law(standard(group)).value  # times d_max/2 where that is more than 1
    assert paper == pytest.approx(no_factor * (1.5 if group == "S4" else 1), rel=1e-4)


@pytest.mark.parametrize(
    ("group", "first", "last"),
    [("Z23", 2 / 3, 2 / 3), ("Z24", 1 / 2, 2 / 3), ("S4", 1 / 2, 3 / 4), ("Q8", 1 / 2, 4 / 5)],
)
def test_landscape_crosses_at_a_share_of_the_table(group: str, first: float, last: float) -> None:
    pairs, found = named(group).order ** 2, bare_landscape(standard(group))
    assert found.value == pytest.approx(last * pairs)
    assert found.low == (pytest.approx(first * pairs) if first < last else None)


@pytest.mark.parametrize(("shift", "feature_wins"), [(-0.06, False), (0.06, True)])
def test_landscape_of_random_subsets_changes_its_higher_peak_there(shift: float, feature_wins: bool) -> None:
    group = named("Z43")
    where = bare_landscape(standard("Z43")).value
    assert where is not None
    rng, order = np.random.default_rng(0), group.order
    row = np.zeros(2 * order)
    row[5] = 1.0
    wave = np.cos(2 * np.pi * 3 * np.arange(order) / order + 0.7)
    feature = np.concatenate([wave, np.cos(2 * np.pi * 3 * np.arange(order) / order + 0.2)])
    nodes = np.stack([row, feature / np.linalg.norm(feature)])
    energies = [Landscape(group, random_pairs(group, where / order**2 + shift, rng)).energy(nodes) for _ in range(20)]
    mean = np.mean(energies, axis=0)
    assert (mean[1] > mean[0]) == feature_wins


# --- n_c: fitted constants -----------------------------------------------------------------------------


def test_constants_rest_on_crossings_that_are_committed() -> None:
    rows = {row["group"]: row for row in csv.DictReader(MEASURED.read_text().splitlines())}
    for group, (order, n_c) in CROSSINGS.items():
        assert (int(rows[group]["order"]), float(rows[group]["n_c"])) == (order, n_c)
        assert named(group).order == order


@pytest.mark.parametrize("name", ["power-4/3", "power-5/3", "power-1.72", "power-2"])
def test_fitted_constant_is_the_best_of_a_fine_grid(name: str) -> None:
    exponent = {"power-4/3": 4 / 3, "power-5/3": 5 / 3, "power-1.72": 1.72, "power-2": 2.0}[name]
    orders, sizes = np.array(list(CROSSINGS.values())).T
    grid = np.linspace(0.2, 4, 40_001)
    errors = ((np.log(sizes)[:, None] - np.log(grid) - exponent * np.log(orders)[:, None]) ** 2).sum(axis=0)
    best = float(grid[np.argmin(errors)])
    assert of("Z59")[name].value == pytest.approx(best * 59**exponent, rel=2e-4)


def test_a_group_that_the_constant_was_fitted_on_says_so() -> None:
    assert "no test of it" in of("Z24")["power-2"].note
    assert "no test of it" not in of("Z23")["power-2"].note


def test_interval_of_a_fitted_law_covers_a_further_crossing_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(1), 0
    for _ in range(1500):
        sizes = 2.0 * np.array([17, 19, 23, 29, 31]) ** 1.5 * np.exp(0.05 * rng.standard_normal(5))
        crossings = {f"Z{M}": (M, float(n)) for M, n in zip((17, 19, 23, 29, 31), sizes, strict=True)}
        low, high = fit_constant(1.5, crossings).interval(47)
        assert low is not None and high is not None
        covered += low <= 2.0 * 47**1.5 * math.exp(0.05 * rng.standard_normal()) <= high
    assert covered / 1500 == pytest.approx(0.95, abs=0.02)


def test_one_crossing_fixes_a_constant_and_no_interval() -> None:
    law = fit_constant(2.0, {"Z23": (23, 264.5)})
    assert law.value(46) == pytest.approx(4 * 264.5)
    assert law.interval(46) == (None, None)


@pytest.mark.parametrize("crossings", [{}, {"Z23": (23, 0.0)}, {"Z0": (0, 3.0)}])
def test_no_constant_without_a_crossing(crossings: dict[str, tuple[int, float]]) -> None:
    with pytest.raises(InputError, match="crossings must be"):
        fit_constant(2.0, crossings)


def test_rivals_say_where_they_were_not_derived() -> None:
    relu = Setting(task=Task(group="Z23", samples=200), network=Network(width=256, activation="relu"))
    assert not any(p.valid for p in rivals(relu))
    assert all("relu" in p.note for p in rivals(relu))


def test_the_trivial_group_has_nothing_to_learn() -> None:
    assert bare_landscape(standard("Z1")).value is None


# --- t_grok: a norm that falls exponentially -----------------------------------------------------------

ADAMW = Setting(
    task=Task(group="Z23", samples=264),
    network=Network(width=256),
    optimizer=Optimizer(name="adamw", lr=1e-3, weight_decay=0.5),
)


def contracting(lr: float, eta: float, norm_mem: float, threshold: float = 200.0, kappa: float = 0.6) -> RunNorms:
    """Weights shrunk step by step by 1 - kappa lr eta after step 30, until V is below the threshold."""
    w, step, steps, norms = math.sqrt(norm_mem), 30, [], []
    while w * w > threshold:
        steps.append(step)
        norms.append(w * w)
        w, step = w * (1 - kappa * lr * eta), step + 1
    tail = [step + 10 * k for k in range(1, 40)]
    curve = NormCurve(np.array(steps + tail, float), np.array(norms + [threshold] * len(tail)))
    return run_norms(curve, 30, step, lr, eta)


TRAINING = [contracting(1e-3, 0.5, norm) for norm in (900.0, 1000.0, 1100.0)]


@pytest.mark.parametrize(("lr", "eta"), [(1e-3, 0.5), (1e-3, 0.1), (3e-3, 0.2)])
def test_both_laws_of_the_norm_predict_the_flow_they_assume(lr: float, eta: float) -> None:
    run = contracting(lr, eta, 1500.0)
    assert run.t_grok is not None
    first, separation = fit_first_passage(TRAINING), fit_norm_separation(TRAINING)
    assert first.kappa == pytest.approx(0.6, rel=0.01)
    assert first.threshold == pytest.approx(200, rel=0.01)
    for found in (first.predict(ADAMW, run), separation.predict(ADAMW, run)):
        assert (found.quantity, found.constants_fitted, found.runs_used) == ("t_grok", 2, 3)
        assert found.value == pytest.approx(run.t_grok, rel=0.01)
        assert found.valid
        assert "off the run itself" in found.note


def test_laws_of_the_norm_read_nothing_after_memorisation() -> None:
    run = contracting(1e-3, 0.5, 1500.0)
    early = RunNorms(run.lr, run.eta, run.t_mem, run.norm_mem)
    for law in (fit_first_passage(TRAINING), fit_norm_separation(TRAINING)):
        assert law.predict(ADAMW, early).value == law.predict(ADAMW, run).value


def test_a_known_norm_replaces_the_one_of_the_training_runs() -> None:
    law, run = fit_norm_separation(TRAINING), contracting(1e-3, 0.5, 1500.0, threshold=400.0)
    assert run.t_grok is not None
    known = law.predict(ADAMW, run, norm_post=400.0).value
    assert known == pytest.approx(run.t_grok, rel=0.01)
    relative = fit_first_passage(TRAINING).predict(ADAMW, run, relative=True).value
    assert relative == pytest.approx(30 + math.log(5) / (2 * 0.6 * 5e-4), rel=0.01)


def test_no_delay_follows_where_the_norm_need_not_fall() -> None:
    found = fit_first_passage(TRAINING).predict(ADAMW, RunNorms(1e-3, 0.5, 30, 150.0))
    assert found.value is None
    assert not found.valid
    assert "no delay follows" in found.note


def test_coupled_adam_is_outside_the_laws_of_the_norm() -> None:
    run = contracting(1e-3, 0.5, 1500.0)
    for law in (fit_first_passage(TRAINING), fit_norm_separation(TRAINING)):
        found = law.predict(standard("Z23"), run)
        assert not found.valid
        assert "not adam" in found.note


def test_intervals_of_delays_cover_as_they_say() -> None:
    rng, covered, trials = np.random.default_rng(2), 0, 400

    def noisy() -> RunNorms:
        delay = 1000 * math.exp(0.1 * rng.standard_normal())
        return RunNorms(1e-3, 0.5, 30, 1000.0, 30 + delay, 200.0, 200.0, math.log(5) / delay)

    for _ in range(trials):
        found, run = fit_first_passage([noisy() for _ in range(8)]).predict(ADAMW, noisy()), noisy()
        assert found.low is not None and found.high is not None and run.t_grok is not None
        covered += found.low <= run.t_grok <= found.high
    assert covered / trials >= 0.91


@pytest.mark.parametrize("fit", [fit_first_passage, fit_norm_separation])
def test_laws_need_runs_that_grokked_while_their_norm_fell(fit: object) -> None:
    assert callable(fit)
    with pytest.raises(InputError, match="one or more that grokked"):
        fit([RunNorms(1e-3, 0.5, 30, 900.0)])
    with pytest.raises(InputError, match="runs must be runs with"):
        fit([RunNorms(1e-3, 0.5, 30, 100.0, 90, 200.0, 200.0, -0.01)])


RISING = np.array([0.0, 10.0, 20.0])


@pytest.mark.parametrize(
    ("steps", "norms", "t_grok", "lr"),
    [
        (RISING[::-1], RISING + 1, 15.0, 1e-3),
        (RISING, RISING[:2] + 1, 15.0, 1e-3),
        (RISING, RISING, 15.0, 1e-3),
        (RISING, RISING + 1, 4.0, 1e-3),
        (RISING, RISING + 1, 15.0, 0.0),
    ],
    ids=["steps fall", "lengths differ", "norm zero", "grokked before memorised", "no rate"],
)
def test_curves_that_cannot_be_read(steps: np.ndarray, norms: np.ndarray, t_grok: float, lr: float) -> None:
    with pytest.raises(InputError):
        run_norms(NormCurve(steps, norms), 5.0, t_grok, lr, 0.5)


def test_norms_are_interpolated_geometrically() -> None:
    run = run_norms(NormCurve(RISING, np.array([100.0, 400.0, 100.0])), 5.0, None, 1e-3, 0.5)
    assert run.norm_mem == pytest.approx(200)
    assert run.t_grok is None and run.rate is None


def test_a_norm_that_still_rises_after_memorisation_is_read_at_its_peak() -> None:
    steps = np.arange(0, 101, 10, dtype=float)
    norms = np.array([90, 120, 300, 480, 460, 430, 400, 380, 360, 350, 340], dtype=float)
    plain = run_norms(NormCurve(steps, norms), 15, 80, 1e-3, 0.5)
    peak = run_norms(NormCurve(steps, norms), 15, 80, 1e-3, 0.5, peak=True)
    assert (plain.t_mem, peak.t_mem, peak.norm_mem, peak.norm_grok) == (15, 30, 480, pytest.approx(360))
    assert plain.norm_mem < 360 < peak.norm_mem
    assert run_norms(NormCurve(steps, norms), 15, None, 1e-3, 0.5, peak=True).norm_mem == 480
    assert run_norms(NormCurve(steps, norms), 12, 18, 1e-3, 0.5, peak=True).t_mem == 12  # nothing recorded between
    assert peak.rate == pytest.approx(-np.polyfit(steps[3:9], np.log(norms[3:9]), 1)[0])


def test_norms_are_read_off_recorded_runs() -> None:
    steps = np.arange(0, 1001, 100)
    train_accuracy = np.where(steps >= 200, 1.0, 0.1)
    curves = {
        "train_accuracy": np.stack([train_accuracy, train_accuracy, np.full(11, 0.1)]),
        "test_accuracy": np.stack(
            [np.where(steps >= 600, 1.0, 0.1), np.full(11, 0.1), np.where(steps >= 100, 1.0, 0.1)]
        ),
        "norm_w2": np.tile(np.linspace(300, 100, 11), (3, 1)),
        "norm_v2": np.tile(np.linspace(150, 50, 11), (3, 1)),
    }
    records = Records(np.arange(3), steps, np.full(3, 11), ("budget",) * 3, curves)
    grokked, memorised, neither = norms_of(ADAMW, records)
    assert grokked is not None and memorised is not None and neither is None
    assert (grokked.t_mem, grokked.t_grok, grokked.lr, grokked.eta) == (200, 600, 1e-3, 0.5)
    assert (grokked.norm_mem, grokked.norm_grok, grokked.norm_post) == pytest.approx((390, 270, 150))
    assert (memorised.t_grok, memorised.norm_grok) == (None, None)


# --- t_grok: a power of the density --------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 8), st.floats(1, 300), st.floats(0, 1000))
def test_density_law_is_found_again(gamma: float, a: float, b: float) -> None:
    densities = np.array([0.3, 0.35, 0.4, 0.5, 0.6, 0.8])
    law = fit_density(densities, a * densities**-gamma + b)
    for r in (0.33, 0.45, 0.7):
        assert law.steps(r) == pytest.approx(a * r**-gamma + b, rel=1e-3)


def test_density_law_at_the_published_form_and_its_inverse() -> None:
    law = DensityLaw(a=10.0, gamma=4.0, b=100.0, scatter=math.nan, runs=6)
    assert law.steps(0.5) == pytest.approx(260)
    n = law.critical_samples(23, 20_000)
    assert n is not None
    assert law.steps(n / 23**2) == pytest.approx(20_000)
    assert law.critical_samples(23, 90) is None


def test_density_law_predicts_its_settings_size() -> None:
    densities = np.array([0.4, 0.5, 0.6, 0.7])
    times = 50 * densities**-3.0 + 20
    found = fit_density(densities, times * np.array([1.01, 0.99, 1.01, 0.99])).predict(standard("Z23", samples=264))
    assert (found.quantity, found.constants_fitted, found.runs_used) == ("t_grok", 3, 4)
    assert found.value == pytest.approx(50 * (264 / 529) ** -3.0 + 20, rel=0.03)
    assert found.low is not None and found.high is not None
    assert found.low < found.value < found.high


@pytest.mark.parametrize(
    ("densities", "steps"),
    [([0.3, 0.3, 0.4], [5.0, 5.0, 4.0]), ([0.3, 0.4, 0.5], [5.0, 0.0, 1.0]), ([0.3, 0.4], [5.0, 4.0, 1.0])],
    ids=["two densities", "time zero", "lengths differ"],
)
def test_density_law_needs_three_densities_and_times(densities: list[float], steps: list[float]) -> None:
    with pytest.raises(InputError, match="densities"):
        fit_density(np.array(densities), np.array(steps))
