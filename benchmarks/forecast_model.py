"""Fit the coefficients of `twopeaks forecast`: train the development runs (stored ones are not trained again), write.

    python benchmarks/forecast_model.py --out FOLDER

About twelve CPU minutes. The sweeps are those of ``benchmarks/forecast``; those named held_out are for scores and are
not read. Last it prints scores on each group by models that were fitted to the other ones.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from twopeaks.validate.cli.app import run
from twopeaks.validate.forecast.features import KINDS
from twopeaks.validate.forecast.fit import fitted, forecaster
from twopeaks.validate.forecast.forecast import VARIANTS, Forecast, forecast
from twopeaks.validate.forecast.score import SHARES, score
from twopeaks.validate.measured.curves import Curve, curves_at
from twopeaks.validate.measured.files import write

HERE = Path(__file__).parent
TARGET = HERE.parent / "validate" / "forecast" / "data" / "forecast.json"
SWEEPS = ("adam", "adamw", "sgd")


def trained(out: Path) -> list[Curve]:
    """Curves of all development runs."""
    curves: list[Curve] = []
    for name in SWEEPS:
        code = run(["sweep", str(HERE / "forecast" / f"{name}.toml"), "--out", str(out / name), "--device", "cpu"])
        if code:
            sys.exit(code)
        curves += curves_at(out / name)
    return curves


def thinned(curve: Curve) -> Curve:
    """As if it had been recorded ten times less often."""
    values = {name: column[::10] for name, column in curve.values.items()}
    return replace(curve, steps=curve.steps[::10], values=values)


def check(curves: Sequence[Curve], scored: Sequence[Curve], variants: Sequence[tuple[str, ...]]) -> None:
    """Scores on each group by models that were fitted to ``curves`` of the others, for each choice of knowledge."""
    groups = {curve.name: curve.setting.task.name for curve in curves if curve.setting is not None}
    kept = {g: [curve for curve in curves if groups[curve.name] != g] for g in sorted(set(groups.values()))}
    models = {g: forecaster(others, VARIANTS) for g, others in kept.items()}
    for kinds in variants:

        def seen(curve: Curve, step: float, known: tuple[str, ...] = kinds) -> Forecast:
            return forecast(curve, step, None, set(KINDS) - set(known), models[groups[curve.name]])

        for share in (*SHARES, None):
            scores = score(scored, share, seen)
            numbers = [
                f"{x.value:.3f} [{x.low:.3f}, {x.high:.3f}]" for x in (scores.auroc, scores.time_error, scores.brier)
            ]
            row = f"{share or 'mixed'} {scores.grokked}/{scores.runs}"
            print("+".join(kinds), row, *numbers, f"base {scores.base:.3f}")


def main() -> None:
    """Train, fit, write, check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("twopeaks-forecast-runs"), help="folder of the runs")
    curves = trained(parser.parse_args().out)
    write(TARGET, json.dumps(fitted(curves), separators=(",", ":")) + "\n")
    print(f"{TARGET}: {len(curves)} runs. Left-out groups: AUROC, median |error| of t_grok, Brier score")
    check(curves, curves, [kinds for kinds in VARIANTS if "memory" in kinds or len(kinds) == 1])
    print("Adam, as if recorded ten times less often")
    adam = [thinned(curve) for curve in curves if curve.setting is not None and curve.setting.optimizer.name == "adam"]
    check(curves, adam, [kinds for kinds in VARIANTS if {"norm", "memory"} <= set(kinds)])


if __name__ == "__main__":
    main()
