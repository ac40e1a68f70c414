"""Forecasts from the first part of a curve: the survival model, its features, its scores."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import approx_fprime

from tests.places import ROOT
from twopeaks.sim.sweep.spec import read_spec
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import named
from twopeaks.theory.groups.irreps import irreps, real_blocks
from twopeaks.theory.heights.phases import blocks, learned
from twopeaks.theory.predictors.heights import shared_form
from twopeaks.theory.predictors.phases import phases_form
from twopeaks.theory.setting import Setting, standard
from twopeaks.validate.forecast.features import KINDS, WHETHER, available, features, largest, local, names_of
from twopeaks.validate.forecast.fit import fitted, forecaster, observe, rows
from twopeaks.validate.forecast.forecast import GUESS, THEORY, VARIANTS, Forecast, forecast, of_data, shipped
from twopeaks.validate.forecast.model import Model, Rows, fit, likelihood
from twopeaks.validate.forecast.score import auroc, brier, observations, reliability, score
from twopeaks.validate.forecast.theory import held_share, phases_size, shared_size, transition_size
from twopeaks.validate.measured.curves import Curve

KNOWN = tuple(kind for kind in KINDS if kind not in THEORY)


def synthetic(
    t_grok: float | None, budget: int = 4000, series: str = "", setting: Setting | None = None, name: str = "run"
) -> Curve:
    """A curve with the shape of real ones: memorised at 40, then a loss that falls (or stays) until ``t_grok``."""
    steps = np.arange(0, budget + 1, 10.0)
    fitted_at = np.clip(steps / 40, 0, 1)
    phase = steps / (t_grok if t_grok is not None else 1e9)
    loss = (1 + 0.3 * fitted_at) * np.exp(-0.9 * phase**1.5)
    accuracy = np.where(phase >= 1, 0.97, 0.02 + 0.8 * np.minimum(phase, 1) ** 4)
    norm2 = 300 * fitted_at * np.exp(-steps / 6000) + 10
    values = {"train_loss": 1 - 0.99 * fitted_at, "train_accuracy": fitted_at, "test_loss": loss}
    return Curve(name, steps, {**values, "test_accuracy": accuracy, "norm2": norm2}, budget, setting, series)


def some_rows(count: int = 40, p: int = 3) -> Rows:
    random = np.random.default_rng(1)
    return Rows(random.normal(size=(count, p)), random.normal(size=count), random.random(count) < 0.6, np.arange(count))


# --- the model -----------------------------------------------------------------------------------------


def test_the_gradient_is_that_of_the_likelihood() -> None:
    told = some_rows()
    z = np.hstack([np.ones((40, 1)), told.x])
    theta, weight = np.random.default_rng(2).normal(size=9) * 0.3, np.random.default_rng(3).random(40)
    numerical = approx_fprime(theta, lambda x: likelihood(x, z, 2, told, weight)[0], 1e-7)
    np.testing.assert_allclose(likelihood(theta, z, 2, told, weight)[1], numerical, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("grokked", [True, False])
def test_the_likelihood_is_the_density_of_what_grokked_and_the_survival_of_what_did_not(grokked: bool) -> None:
    theta = np.array([0.3, -0.4, 0.5, 0.8, -0.2, 0.1])
    model = Model(("x",), 1, np.zeros(1), np.ones(1), np.full(1, -9), np.full(1, 9), theta[None])
    x, left, eps = 0.7, -0.4, 1e-6
    told = Rows(np.array([[x]]), np.array([left]), np.array([grokked]), np.zeros(1, dtype=np.int64))
    found = likelihood(theta, np.array([[1.0, x]]), 1, told, np.ones(1))[0]
    at = [float(model.probability({"x": x}, left + shift)[0]) for shift in (-eps, 0, eps)]
    expected = -np.log((at[2] - at[0]) / (2 * eps)) if grokked else -np.log(1 - at[1])
    penalty = 0.5e-3 * (theta[1] ** 2 + theta[3] ** 2 + 3 * theta[5] ** 2)
    assert found == pytest.approx(expected + penalty, rel=1e-6)


def test_censored_runs_are_not_runs_that_never_grok() -> None:
    """70% grok, half of these after the end of a short run: what is fitted is 70%, not the 35% of short runs."""
    random = np.random.default_rng(0)
    count = 3000
    ever = random.random(count) < 0.7
    time = np.where(ever, random.logistic(0.0, 0.4, count), np.inf)
    end = np.where(random.random(count) < 0.5, 0.0, 4.0)
    told = Rows(np.zeros((count, 1)), np.minimum(time, end), time <= end, np.arange(count))
    model = fit(("nothing",), 1, told)
    assert told.grokked.mean() < 0.55
    assert model.probability({"nothing": 0.0}, 50.0)[0] == pytest.approx(0.7, abs=0.03)
    assert model.probability({"nothing": 0.0}, 0.0)[0] == pytest.approx(0.35, abs=0.03)


def test_the_median_halves_the_probability_of_the_budget() -> None:
    told = some_rows(200)
    model = fit(("a", "b", "c"), 2, told, refits=3)
    x = {"a": 0.3, "b": -1.0, "c": 0.5}
    middle = model.quantile(x, 0.8, 0.5)
    assert model.probability(x, middle)[0] == pytest.approx(model.probability(x, 0.8)[0] / 2, rel=1e-9)
    assert model.quantile(x, 0.8, 0.1) < middle < model.quantile(x, 0.8, 0.9) < 0.8
    assert len(set(model.probability(x, 0.8))) == 4  # refits differ


def test_a_model_survives_being_written() -> None:
    model = fit(("a", "b", "c"), 2, some_rows(), refits=2)
    again = Model.of_data(json.loads(json.dumps(model.as_data())))
    assert (again.names, again.q) == (model.names, model.q)
    np.testing.assert_allclose(again.theta, model.theta, rtol=1e-4)
    assert again.outside({"a": 99.0, "b": 0.0, "c": 0.0}) == ["a"]


# --- features ------------------------------------------------------------------------------------------


def test_level_and_slope_of_a_parabola_in_log_time_are_exact_on_any_grid() -> None:
    for steps in (np.arange(10.0, 501, 10), np.geomspace(3, 500, 17)):
        x = np.log(steps / 500)
        level, slope = local(steps, 2.0 - 0.7 * x + 0.3 * x**2)
        assert (level, slope) == (pytest.approx(2.0), pytest.approx(-0.7))


def test_features_know_no_clock_and_no_units() -> None:
    curve = synthetic(1000.0).until(400)
    values = {**curve.values, "test_loss": 5 * curve.values["test_loss"], "norm2": curve.values["norm2"] / 3}
    other = dataclasses.replace(curve, steps=7 * curve.steps, values=values)
    expected = features(curve, KNOWN)
    assert set(expected) == set(names_of(KNOWN))
    assert features(other, KNOWN) == pytest.approx(expected, rel=1e-6)


def test_features_are_what_they_say() -> None:
    steps = np.arange(0, 501, 5.0)
    logs = np.log(np.maximum(steps, 5) / 50)
    loss = np.where(steps < 50, 1.0, 3.0 * np.exp(-0.25 * np.maximum(logs, 0.6)))  # flat where it is largest
    values = {"test_loss": loss, "norm2": 8 * np.exp(-0.1 * logs), "train_accuracy": (steps >= 50).astype(float)}
    found = features(Curve("c", steps, {**values, "test_accuracy": np.full(len(steps), 0.5)}), KNOWN)
    assert np.exp(found["loss_slope"]) == pytest.approx(0.25, rel=1e-6)
    assert np.exp(found["loss_fall"]) == pytest.approx(0.25 * (np.log(10) - 0.6), rel=1e-6)
    assert np.exp(found["norm_fall"]) == pytest.approx(0.1 * np.log(100), rel=1e-6)
    assert found["age"] == pytest.approx(np.log(10))
    assert found["accuracy_level"] == pytest.approx(0.0, abs=1e-9)
    assert np.exp(found["accuracy_slope"]) == pytest.approx(0.02)  # none: the least that is told from none


def test_the_largest_value_is_that_of_no_single_record() -> None:
    steps = np.arange(10.0, 501, 10)
    values = np.where(steps == 300, 9.0, 1.0)
    assert largest(steps, np.full(50, 2.0)) == pytest.approx(2)
    assert largest(steps, values) == pytest.approx(
        max(1 + 8 / ((steps <= 1.25 * t) & (steps >= t / 1.25)).sum() for t in (240, 250))
    )


def test_theory_is_asked_for_coupled_decay_at_the_standard_rate_and_only_where_it_holds() -> None:
    z13 = standard("Z13", samples=100, width=182)
    decoupled = z13.model_copy(update={"optimizer": z13.optimizer.model_copy(update={"name": "adamw", "lr": 3e-3})})
    assert phases_size(z13) == phases_size(decoupled) == pytest.approx(phases_form(z13).value)
    assert shared_size(z13) == shared_size(decoupled) == pytest.approx(93.75, abs=0.01)
    assert transition_size(standard("Z5", samples=12)) is None
    told = features(synthetic(900.0, setting=decoupled).until(300), ("theory",))
    relative = np.log(100 / phases_form(z13).value)
    assert told == {"held": held_share(z13), "size": pytest.approx(relative), "decoupled": 1.0, "descent": 0.0}
    told = features(synthetic(900.0, setting=z13).until(300), ("shared",))
    assert told == {"shared_size": pytest.approx(np.log(100 / 93.75), abs=1e-3), "decoupled": 0.0, "descent": 0.0}


def test_what_phases_do_not_cover_is_left_to_the_shared_heights() -> None:
    narrow, large = standard("Z23", samples=190, width=69), standard("Z131", samples=2000, width=1834)
    for setting in (narrow, large):
        assert phases_size(setting) is None
        assert transition_size(setting) == shared_size(setting) == pytest.approx(shared_form(setting).value)
        found = forecast(synthetic(1000.0, setting=setting), 400)
        assert found.basis == ("loss", "norm", "memory", "shared")


@pytest.mark.parametrize(("name", "samples"), [("Z13", 92), ("S4", 215), ("S3xZ3", 170)])
def test_the_held_share_counts_functions_of_irreducible_representations(name: str, samples: int) -> None:
    setting = standard(name, samples=samples, width=336)
    group = named(name)
    found = irreps(group)
    parts = blocks(group, setting.optimizer.weight_decay)
    cells = {part.irrep: learned(part, samples, group.order) / part.kept for part in parts}
    partners = {min(block): block for block in real_blocks(found)}
    expected = sum((1 - g) * sum(found[i].dim ** 2 for i in partners[irrep]) for irrep, g in cells.items())
    assert held_share(setting) == pytest.approx(expected / (group.order - 1))
    assert 0.05 < held_share(setting) < 0.95
    ends = [held_share(standard(name, samples=n, width=336)) for n in (20, group.order**2)]
    assert ends == [pytest.approx(1, abs=0.05), pytest.approx(0, abs=1e-6)]


def test_a_time_of_memorising_that_records_do_not_tell_is_not_used() -> None:
    """Memorised at 40: among records every 10 that is known, every 100 it is only known to be 100 or less."""
    curve = synthetic(3000.0).until(900)
    coarse = dataclasses.replace(
        curve, steps=curve.steps[::10], values={k: v[::10] for k, v in curve.values.items()}, budget=6000
    )
    assert "memory" in available(curve)
    assert "memory" not in available(coarse)
    found = forecast(coarse)
    assert found.basis == ("loss", "norm")
    assert any("too few early records" in warning for warning in found.warnings)
    unfitted = dataclasses.replace(coarse, values={**coarse.values, "train_accuracy": 0 * coarse.steps})
    assert "memory" in available(unfitted)  # that it has not memorised yet is known


@pytest.mark.parametrize("missing", ["test_loss", "test_accuracy", "norm2", "train_accuracy"])
def test_what_is_missing_is_not_used(missing: str) -> None:
    curve = synthetic(1000.0).until(400)
    less = dataclasses.replace(curve, values={k: v for k, v in curve.values.items() if k != missing})
    assert set(features(less, available(less))) == set(names_of(available(less)))
    found = forecast(less, budget=4000)
    assert set(found.basis) <= available(less)
    assert 0 < found.probability < 1


# --- forecasts -----------------------------------------------------------------------------------------


def test_nothing_after_the_observation_is_used() -> None:
    curve = synthetic(1000.0)
    random = np.random.default_rng(0)
    later = curve.steps > 400
    values = {k: np.where(later, random.random(len(later)), v) for k, v in curve.values.items()}
    assert forecast(dataclasses.replace(curve, values=values), 400) == forecast(curve, 400)
    assert forecast(curve.until(400)) == forecast(curve, 400)
    assert forecast(curve, 409.5) == forecast(curve, 400)


def test_a_forecast_scales_with_the_clock() -> None:
    curve = synthetic(1000.0)
    slow = dataclasses.replace(curve, steps=3 * curve.steps, budget=12_000)
    one, other = forecast(curve, 400), forecast(slow, 1200)
    assert other.probability == pytest.approx(one.probability, rel=1e-6)
    assert (other.t_low, other.t_grok, other.t_high) == pytest.approx((3 * one.t_low, 3 * one.t_grok, 3 * one.t_high))


def test_what_falls_faster_groks_sooner_and_a_larger_budget_never_hurts() -> None:
    found = [forecast(synthetic(t), 400) for t in (800.0, 1500.0, None)]
    assert found[0].t_grok < found[1].t_grok
    assert found[0].probability > found[1].probability > found[2].probability
    chances = [forecast(synthetic(1500.0), 400, budget=b).probability for b in (500, 1000, 4000, 40_000)]
    assert chances == sorted(chances)
    for one in found:
        assert 0 <= one.low <= one.probability <= one.high <= 1
        assert one.step < one.t_low < one.t_grok < one.t_high < one.budget


def test_what_has_grokked_and_what_is_over_needs_no_forecast() -> None:
    done = forecast(synthetic(1000.0), 1300)
    assert (done.state, done.t_grok, done.probability) == ("grokked", 1000, 1.0)
    over = forecast(synthetic(None))
    assert (over.state, over.t_grok, over.probability) == ("over", None, 0.0)
    with pytest.raises(InputError, match="4 or more by then"):
        forecast(synthetic(1000.0), 30)


def test_it_warns_where_development_runs_say_little() -> None:
    setting = standard("Z13", samples=100, width=182)
    muon = setting.model_copy(update={"optimizer": setting.optimizer.model_copy(update={"name": "muon"})})
    known = forecast(synthetic(1000.0, setting=setting), 400)
    assert known.basis == ("loss", "norm", "memory", "theory")
    assert known.warnings == ()
    assert "no development run has optimizer muon" in forecast(synthetic(1000.0, setting=muon), 400).warnings
    curve = synthetic(None)
    early = forecast(dataclasses.replace(curve, values={**curve.values, "train_accuracy": 0 * curve.steps}), 40)
    assert "it has not memorised yet" in early.warnings
    assert any("little more than a guess" in warning for warning in early.warnings)
    assert forecast(synthetic(1000.0, setting=setting), 400, without=THEORY).basis == ("loss", "norm", "memory")


def test_the_package_has_a_model_of_every_variant_and_says_on_what_it_rests() -> None:
    models = shipped()
    assert set(models.models) == set(VARIANTS)
    assert models.development["runs"] > models.development["grokked"] > 100
    for kinds, model in models.models.items():
        assert model.names == names_of(kinds)
        assert model.q == sum(name not in WHETHER for name in model.names)
        assert not set(model.names[: model.q]) & WHETHER
    with pytest.raises(InputError, match="test loss or test accuracy"):
        models.choose(Curve("c", np.arange(5.0), {"train_loss": np.ones(5)}))


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks" / "forecast").glob("*.toml")), ids=lambda p: p.stem)
def test_development_and_held_out_sweeps_share_nothing(path: Path) -> None:
    cells = read_spec(path).cells
    groups = {cell.setting.task.name for cell in cells}
    rates = {cell.setting.optimizer.lr for cell in cells}
    held_out = path.stem.startswith("held_out")
    assert groups.isdisjoint(shipped().development["group"]) == held_out
    assert rates <= set(shipped().development["lr"]) or held_out


# --- fitting -------------------------------------------------------------------------------------------


def development_runs() -> list[Curve]:
    z13 = standard("Z13", width=182)
    sizes = [(70, None), (85, None), (96, 3000.0), (105, 2000.0), (120, 1000.0), (150, 500.0)]
    return [
        synthetic(t, setting=z13.model_copy(update={"task": z13.task.model_copy(update={"samples": n})}), name=f"{n}")
        for n, t in sizes
    ]


def test_each_run_is_observed_before_its_end_and_as_often() -> None:
    told = rows(development_runs(), ("loss",))
    assert told.x.shape == (36, 2)
    assert told.grokked.sum() == 24
    assert len(rows(development_runs(), ("loss", "memory")).x) == 33  # of three the thinned records do not tell t_mem
    assert (told.left > -4).all()
    for number in range(5):
        for known in observe(synthetic(1000.0), 1000, number):
            assert 40 * 0.7 < known.last_step < 1000
            assert known.steps[0] == 0


def test_fitted_models_forecast_runs_like_those_they_saw() -> None:
    data = json.loads(json.dumps(fitted(development_runs())))
    models = of_data(data)
    assert data["development"]["runs"] == 6
    assert data["development"]["grokked"] == 4
    assert forecast(synthetic(1500.0), 450, forecaster=models).t_grok == pytest.approx(1500, rel=0.2)
    alone = forecaster(development_runs(), [("loss",)])
    assert list(alone.models) == [("loss",)]


# --- scores --------------------------------------------------------------------------------------------


def test_auroc_by_hand_and_by_counting_pairs() -> None:
    assert auroc(np.array([True, False, True, False]), np.array([0.9, 0.5, 0.5, 0.1])) == 3.5 / 4
    random = np.random.default_rng(0)
    yes, scores = random.random(50) < 0.4, random.integers(0, 8, 50).astype(np.float64)
    pairs = [float(a > b) + 0.5 * float(a == b) for a, b in itertools.product(scores[yes], scores[~yes])]
    assert auroc(yes, scores) == pytest.approx(np.mean(pairs))
    assert np.isnan(auroc(np.array([True]), np.array([0.5])))


def test_brier_by_hand() -> None:
    assert brier(np.array([True, False]), np.array([0.8, 0.4])) == pytest.approx((0.2**2 + 0.4**2) / 2)


def test_reliability_counts_each_run_once() -> None:
    table = reliability(np.array([False, False, True, True, True]), np.array([0.0, 0.2, 0.5, 0.95, 1.0]))
    assert [row["runs"] for row in table] == [1, 1, 1, 2]
    assert [row["grokked"] for row in table] == [0, 0, 1, 1]
    assert table[-1]["forecast"] == pytest.approx(0.975)
    assert 0 < table[-1]["low"] < 1 == table[-1]["high"]


def scored_runs() -> list[Curve]:
    slow = [synthetic(t, series="slow", name=f"s{t}") for t in (3000.0, 2000.0, None, None)]
    return [
        *slow,
        *(synthetic(t, series="fast", name=f"f{t}") for t in (500.0, 700.0, None)),
        synthetic(None, name="x"),
    ]


def test_runs_that_do_not_grok_are_observed_when_those_of_their_series_that_do_are() -> None:
    found = observations(scored_runs(), 0.3)
    steps = {name: sorted(one.step for one in found if one.curve.series == name) for name in ("slow", "fast", "")}
    assert steps["slow"] == pytest.approx([600, 675, 825, 900])
    assert steps["fast"] == pytest.approx([150, 180, 210])
    assert steps[""] == pytest.approx([405])  # the median of all four, for want of its own
    with pytest.raises(InputError, match="some that grokked"):
        observations([synthetic(None)], 0.3)


def test_shares_of_their_own_fill_their_range() -> None:
    runs = [synthetic(2000.0, name=str(i)) for i in range(30)]
    shares = np.array([one.step / 2000 for one in observations(runs, None)])
    assert 0.1 <= shares.min() < 0.12
    assert 0.7 < shares.max() < 0.8
    assert np.median(np.log(shares)) == pytest.approx(np.log(0.1 * 0.8) / 2, abs=0.1)


def oracle(curve: Curve, step: float) -> Forecast:
    t = curve.transition("t_grok")
    chance = 0.9 if t is not None else 0.2
    time = 1.1 * (t or 3000)
    return Forecast(curve.name, "forecast", step, 4000, chance, 0, 1, time, time / 1.2, time * 1.2)


def test_scores_by_hand() -> None:
    found = score(scored_runs(), 0.3, oracle)
    assert (found.runs, found.grokked, found.too_early) == (8, 4, 0)
    assert found.auroc.value == 1
    assert found.time_error.value == pytest.approx(0.1)
    assert found.brier.value == pytest.approx((0.1**2 + 0.2**2) / 2)
    assert found.base == 0.25
    assert found.covered.value == 1
    assert found.multiple_error == pytest.approx(0, abs=1e-9)
    assert found.within == 1
    assert found.leak == 0.5
    # Observed at 600, 675-, 825-, 900; 150, 180-, 210; 405-: of 16 pairs, the run that grokked is earlier in 9.
    assert found.leak_across == 9 / 16
    assert set(found.rivals) == {"test_accuracy", "test_loss"}
    assert score(scored_runs(), None, oracle).multiple_error > 0.1
    with pytest.raises(InputError, match="two or more that grokked"):
        score(scored_runs()[:2], 0.3, oracle)


def test_guesses_are_counted_and_scored_apart() -> None:
    def predict(curve: Curve, step: float) -> Forecast:
        found = oracle(curve, step)
        wild = curve.name in ("s3000.0", "f500.0")
        return dataclasses.replace(found, t_grok=3.0 * found.t_grok, warnings=(GUESS,)) if wild else found

    found = score(scored_runs(), 0.3, predict)
    assert found.guesses == 2
    assert found.time_error.value == pytest.approx((0.1 + 2.3) / 2)
    assert (found.clear_error, found.clear_covered) == (pytest.approx(0.1), 1)
    assert np.isnan(found.seed_error)


def test_the_error_that_seeds_leave_is_that_of_the_median_of_the_others() -> None:
    setting = standard("Z13", samples=100, width=182)
    runs = [synthetic(t, setting=setting, name=f"s{t}") for t in (1000.0, 1200.0, 2000.0)] + scored_runs()
    # Medians of the others: 1600, 1500, 1100.
    assert score(runs, 0.3, oracle).seed_error == pytest.approx(0.45)


def test_runs_with_too_few_records_are_left_out_and_counted() -> None:
    runs = [*scored_runs(), synthetic(60.0, series="fast", name="early")]
    assert score(runs, 0.3, oracle).too_early == 1


def test_seeds_of_one_setting_stay_together_in_intervals() -> None:
    """Eight copies of one run are one cluster: the interval of its error has no width."""
    setting = standard("Z13", samples=100, width=182)
    runs = [synthetic(1000.0, setting=setting, name=str(i)) for i in range(8)]
    runs += [synthetic(None, name=f"n{i}") for i in range(3)]
    errors: NDArray[np.float64] = np.array([0.1, 0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.3])

    def predict(curve: Curve, step: float) -> Forecast:
        time = 1000 * (1 + errors[int(curve.name)]) if curve.name.isdigit() else 2000.0
        return Forecast(curve.name, "forecast", step, 4000, 0.5, 0, 1, time, time, time)

    found = score(runs, 0.3, predict).time_error
    assert found.low == found.value == found.high == pytest.approx(0.2)
