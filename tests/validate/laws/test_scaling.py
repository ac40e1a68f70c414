"""Scaling laws: likelihoods and cross-validation computed another way, true laws found, close laws left undecided."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from tests.places import ROOT
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.heights import shared_form
from twopeaks.theory.setting import standard
from twopeaks.validate.figures.of_runs.scaling import fig_scaling
from twopeaks.validate.laws.compare import EVIDENCE, SIGMAS, Comparison, compare, verdict
from twopeaks.validate.laws.laws import (
    ASYMPTOTE,
    CORRECTED,
    FOUR_THIRDS,
    LAWS,
    M_LOG_M,
    NO_RUN,
    Cell,
    fit_law,
    power,
    read_cells,
    with_predictions,
)

CROSSINGS = ROOT / "results" / "crossings" / "measured.csv"
TRUTHS: dict[str, Callable[[float], float]] = {
    "c M log M": lambda M: 2.6 * M * math.log(M),
    "c M^(4/3)": lambda M: 2.75 * M ** (4 / 3),
    "c M^1.72": lambda M: 0.8 * M**1.72,
    "c M^p": lambda M: 1.9 * M**1.5,
    "c M^(4/3) (1 + 2.13/M)": lambda M: 2.7 * M ** (4 / 3) * (1 + 2.13 / M),
    "2.52 M^(4/3) (1 + 2.13/M)": lambda M: 3 / (3 * 4 ** (-2 / 3)) * M ** (4 / 3) * (1 + 2.13 / M),
}
#: law -> another one that has a constant more
CONTAINS = {"2.52 M^(4/3) (1 + 2.13/M)": "c M^(4/3) (1 + 2.13/M)"}
SHORT = (11, 13, 17, 19, 23, 29, 31)
LONG = (11, 13, 17, 19, 23, 29, 31, 41, 47, 59, 97, 127, 257)
BY_NAME = {law.name: law for law in LAWS}


def cells(
    truth: Callable[[float], float], orders: Sequence[int], error: float = 0.01, scatter: float = 0.015, seed: int = 0
) -> list[Cell]:
    """Crossings of a law, each with a measured error and a model error of its own."""
    rng = np.random.default_rng(seed)
    found = []
    for M in orders:
        n = truth(M) * math.exp(math.hypot(error, scatter) * rng.standard_normal())
        found.append(Cell(f"Z{M}", M, n, n * math.exp(-1.96 * error), n * math.exp(1.96 * error)))
    return found


# --- one fit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["c M log M", "c M^(4/3)", "c M^1.72", "c M^p"])
def test_fit_maximises_the_likelihood_that_scipy_writes_down(name: str) -> None:
    found = [
        Cell(f"Z{M}", M, n, n * math.exp(-0.004 * k), n * math.exp(0.004 * k))
        for k, (M, n) in enumerate(zip(SHORT, (72, 88, 131, 142, 187, 240, 268), strict=True), 1)
    ]
    fit = fit_law(BY_NAME[name], found)
    orders, sizes = np.array(SHORT, float), np.array([c.value for c in found])
    sigmas = np.array([math.log(c.high / c.low) / 3.92 for c in found])

    def log_likelihood(b: np.ndarray) -> float:
        c, p, s = math.exp(b[0]), b[1], abs(b[-1])
        law = {"c M log M": c * orders * np.log(orders), "c M^p": c * orders**p}
        mean = law.get(name, c * orders ** (4 / 3 if "4/3" in name else 1.72))
        return float(norm.logpdf(np.log(sizes), np.log(mean), np.hypot(sigmas, s)).sum())

    start = np.array([0.5, 1.3, 0.02])
    other = minimize(
        lambda b: -log_likelihood(b),
        start,
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 9000},
    )
    assert fit.log_likelihood == pytest.approx(-other.fun, abs=1e-4)
    assert fit.theta[0] == pytest.approx(other.x[0], abs=1e-3)
    assert fit.scatter == pytest.approx(abs(other.x[-1]), abs=1e-3)
    k, n = BY_NAME[name].constants + 1, len(found)
    assert fit.aicc == pytest.approx(2 * k - 2 * fit.log_likelihood + 2 * k * (k + 1) / (n - k - 1))


def test_scatter_is_the_model_error_and_not_the_measured_one() -> None:
    fits = [fit_law(FOUR_THIRDS, cells(TRUTHS["c M^(4/3)"], LONG * 3, 0.01, 0.03, seed)) for seed in range(20)]
    assert np.mean([fit.scatter for fit in fits]) == pytest.approx(0.03, rel=0.1)
    exact = fit_law(FOUR_THIRDS, cells(TRUTHS["c M^(4/3)"], LONG, 0.01, 0.0, 1)[:1] * 5)
    assert exact.scatter == 0.0


def test_errors_of_curves_are_those_of_repeated_experiments() -> None:
    fits = [fit_law(BY_NAME["c M^p"], cells(TRUTHS["c M^p"], SHORT * 3, 0.01, 0.02, seed)) for seed in range(150)]
    at = np.array([20.0, 60.0])
    spread = np.std([fit.log_curve(at) for fit in fits], axis=0)
    assert np.mean([fit.error(at) for fit in fits], axis=0) == pytest.approx(spread, rel=0.2)


def test_the_law_without_a_constant_is_the_limit_of_the_heights() -> None:
    orders = np.array([23.0, 1e9])
    expected = [math.log(2.52 * M ** (4 / 3) * (1 + 2.13 / M)) for M in orders]
    assert fit_law(ASYMPTOTE, cells(TRUTHS["c M^(4/3)"], SHORT)).log_curve(orders) == pytest.approx(expected, abs=1e-3)
    value = shared_form(standard("Z127")).value
    assert value is not None
    assert math.exp(
        fit_law(ASYMPTOTE, cells(TRUTHS["c M^(4/3)"], SHORT)).log_curve(np.array([127.0]))[0]
    ) == pytest.approx(value, rel=0.05)


# --- comparison ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRUTHS)
def test_the_true_law_is_found(name: str) -> None:
    found = compare(cells(TRUTHS[name], LONG))
    true = found.score(BY_NAME[name])
    for score in found.scores:
        evidence = math.exp(min((score.fit.aicc - true.fit.aicc) / 2, 50))
        if score.name in ("c M^p", CONTAINS.get(name)):  # contains the true law, so it is never far behind
            assert evidence > 1 / EVIDENCE
        elif score is not true:
            assert evidence > EVIDENCE
            assert score.left_out > true.left_out
    assert sum(score.weight for score in found.scores) == pytest.approx(1)
    assert found.left_aside == ("heights-shared",)


def test_the_true_law_is_mostly_first_though_the_free_power_contains_it() -> None:
    first = 0
    for seed in range(40):
        found = cells(TRUTHS["c M^(4/3)"], LONG, seed=seed)
        first += min(LAWS[:-1], key=lambda law: fit_law(law, found).aicc) is FOUR_THIRDS
    assert first >= 28


def test_left_out_cells_are_predicted_from_the_others() -> None:
    found = cells(TRUTHS["c M log M"], LONG)  # equal errors: the fit is plain least squares
    x, y = np.log([c.order for c in found]), np.log([c.value for c in found])
    misses = []
    for i in range(len(x)):
        line = np.polyfit(np.delete(x, i), np.delete(y, i), 1)
        misses.append(y[i] - np.polyval(line, x[i]))
    score = compare(found).score(BY_NAME["c M^p"])
    assert score.left_out == pytest.approx(math.sqrt(np.mean(np.square(misses))), rel=1e-6)
    small = x <= math.log(31)
    line = np.polyfit(x[small], y[small], 1)
    expected = math.sqrt(np.mean((y[~small] - np.polyval(line, x[~small])) ** 2))
    assert score.extrapolated == pytest.approx(expected, rel=1e-6)


def test_rows_say_what_was_fitted() -> None:
    rows = {row["law"]: row for row in compare(cells(TRUTHS["c M^p"], LONG, 0.001, 0.001)).rows()}
    assert rows["c M^p"]["factor"] == pytest.approx(1.9, rel=0.02)
    assert rows["c M^p"]["power"] == pytest.approx(1.5, abs=0.005)
    assert rows["2.52 M^(4/3) (1 + 2.13/M)"]["factor"] is None
    assert rows["c M log M"]["constants_fitted"] == 1


def test_predictions_without_a_run_compete_with_no_constant() -> None:
    found = with_predictions([cell for cell in read_cells(CROSSINGS) if cell.group != "D10"])
    comparison = compare(found)
    score = comparison.score(NO_RUN)
    assert score.fit.parameters == 1
    assert score.fit.log_n(found) == pytest.approx(np.log([shared_form(standard(c.group)).value for c in found]))
    misses = [math.log(c.value / (c.predicted or math.nan)) for c in comparison.cells]
    assert score.left_out == pytest.approx(math.sqrt(np.mean(np.square(misses))))
    assert math.sqrt(np.mean(np.square(misses))) < 0.05


# --- verdicts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["c M log M", "c M^(4/3)"])
def test_distant_orders_decide_between_the_two_laws(name: str) -> None:
    found = verdict(compare(cells(TRUTHS[name], LONG)))
    assert found.decided
    assert found.favoured == name
    assert found.evidence >= EVIDENCE
    assert found.next_order is None
    assert found.better is None
    assert str(found).startswith("decided: evidence over a million to 1")


@pytest.mark.parametrize("name", ["c M log M", "c M^(4/3)"])
def test_close_laws_on_a_short_range_stay_undecided(name: str) -> None:
    found = verdict(compare(cells(TRUTHS[name], SHORT, 0.02, 0.02)))
    assert not found.decided
    assert found.extrapolated is None
    assert found.next_order is not None
    assert f"M = {found.next_order} would decide" in str(found)


def test_a_wrong_law_is_seldom_decided_for() -> None:
    orders, wrong = (11, 17, 23, 31, 47, 59), 0
    for seed in range(40):
        for name in ("c M log M", "c M^(4/3)"):
            found = verdict(compare(cells(TRUTHS[name], orders, 0.015, 0.02, seed), (M_LOG_M, FOUR_THIRDS)))
            wrong += found.decided and found.favoured != name
    assert wrong <= 2


def test_a_third_law_that_beats_both_is_named() -> None:
    found = verdict(compare(cells(TRUTHS["c M^1.72"], LONG)))
    assert found.better in ("c M^1.72", "c M^p")
    assert "fits better than either" in str(found)


def test_a_bare_power_does_not_lose_to_m_log_m_where_both_are_wrong() -> None:
    found = compare(cells(TRUTHS["c M^(4/3) (1 + 2.13/M)"], LONG[:-1]))  # up to 127 the bare power bends the wrong way
    bare, corrected = verdict(found), verdict(found, M_LOG_M, CORRECTED)
    assert (bare.favoured, bare.decided) == ("c M log M", False)
    assert bare.better is not None
    assert (corrected.favoured, corrected.decided) == (CORRECTED.name, True)


def test_evidence_without_agreement_of_cross_validation_decides_nothing() -> None:
    small = cells(TRUTHS["c M^(4/3)"], SHORT * 2, 0.001, 0.001)  # every cell at M <= 31
    found = verdict(compare(small))
    assert found.evidence >= EVIDENCE
    assert not found.decided
    assert "could not be tried" in str(found)


def test_the_deciding_order_is_the_first_with_three_combined_sigmas() -> None:
    found = compare(cells(TRUTHS["c M^(4/3)"], SHORT))
    order = verdict(found).next_order
    assert order is not None
    better = min((found.score(M_LOG_M), found.score(FOUR_THIRDS)), key=lambda s: s.fit.aicc).fit
    scatters = [found.score(law).fit.scatter for law in (M_LOG_M, FOUR_THIRDS)]
    mean_of = {
        "log": np.mean([math.log(M * math.log(M)) for M in SHORT]),
        "power": np.mean([4 / 3 * math.log(M) for M in SHORT]),
    }

    def sigmas(M: int) -> float:  # equal errors, so constants are plain means of log n_c - shape
        apart = (math.log(M * math.log(M)) - mean_of["log"]) - (4 / 3 * math.log(M) - mean_of["power"])
        constants = max(0.01**2 + s**2 for s in scatters) / len(SHORT)
        return abs(apart) / math.sqrt(0.01**2 + better.scatter**2 + constants)

    assert sigmas(order) >= SIGMAS * 0.999
    assert sigmas(order - 1) < SIGMAS * 1.001
    assert order > max(SHORT)


def test_laws_that_were_not_compared_have_no_verdict() -> None:
    found = compare(cells(TRUTHS["c M^1.72"], SHORT), (M_LOG_M,))
    with pytest.raises(InputError, match="law must be one of c M log M"):
        verdict(found)


def test_a_law_known_at_cells_alone_names_no_order() -> None:
    found = compare(with_predictions(cells(TRUTHS["c M log M"], SHORT[:5])), (M_LOG_M, NO_RUN, power(2, "c M^2")))
    assert verdict(found, M_LOG_M, NO_RUN).next_order is None
    with pytest.raises(TypeError, match="at cells alone"):
        found.score(NO_RUN).fit.log_curve(np.array([100.0]))


# --- what goes in and comes out ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (cells(TRUTHS["c M log M"], SHORT[:4]), "cells must be 5 or more"),
        (cells(TRUTHS["c M log M"], (11, 11, 11, 13, 13)), "three or more orders"),
        ([*cells(TRUTHS["c M log M"], SHORT), Cell("Z41", 41, 300.0, 300.0, 300.0)], "cell Z41"),
        ([*cells(TRUTHS["c M log M"], SHORT), Cell("Z41", 41, 300.0, 310.0, 320.0)], "cell Z41"),
    ],
    ids=["few", "two orders", "no width", "outside its interval"],
)
def test_cells_that_cannot_be_compared(found: list[Cell], name: str) -> None:
    with pytest.raises(InputError, match=name):
        compare(found)


def test_tables_of_results_are_read(tmp_path: Path) -> None:
    found = {cell.group: cell for cell in read_cells(CROSSINGS)}
    assert (found["Z24"].order, found["Z24"].value, found["Z24"].low, found["Z24"].high) == (24, 187.5, 185.6, 189.0)
    table = tmp_path / "measured.csv"
    table.write_text("group,order,n_c,low,high\nZ23,23,,,\nZ31,31,268,262,275\n")
    assert [cell.group for cell in read_cells(table)] == ["Z31"]
    table.write_text("group,n_c\nZ23,7\n")
    with pytest.raises(InputError, match="columns group, order, n_c"):
        read_cells(table)
    with pytest.raises(InputError, match="cells must be"):
        read_cells(tmp_path / "none.csv")


@pytest.fixture(scope="module")
def short() -> Comparison:
    return compare(with_predictions(cells(TRUTHS["c M^(4/3)"], SHORT)))


def test_figure_shows_cells_laws_and_what_would_decide(short: Comparison) -> None:
    figure, ax = fig_scaling(short)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]  # type: ignore[union-attr]
    assert (
        sum(label.startswith(("c M log M", "c M^(4/3)", "2.52", "heights-shared", "measured")) for label in labels) == 6
    )
    assert ax.get_xscale() == "log"
    assert ax.get_title(loc="left").startswith("Undecided")
    flat = next(line for line in ax.get_lines() if str(line.get_label()).startswith("c M log M"))
    heights = np.asarray(flat.get_ydata(), float)
    assert np.ptp(heights) < 1e-9 * heights[0]  # M log M over M log M
    assert fig_scaling(short, ax) == (figure, ax)


def test_figure_of_a_decided_comparison_has_no_such_line() -> None:
    _, ax = fig_scaling(compare(cells(TRUTHS["c M log M"], LONG)))
    assert ax.get_title(loc="left").startswith("Decided")
    assert not ax.texts
