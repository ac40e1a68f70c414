"""What probes cost: processor time of runs with all of them over that of the same runs without, one after the other.

The share they may have is the default, a tenth of the run; ``--share`` gives another one. Every round does both runs of
a case, the first one first in every other round, so that a drift of the machine's speed cancels; the median over
rounds is quoted with its range. Prints a table, or JSON with ``--json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twopeaks.sim.network.runtime import Runtime, resolve
from twopeaks.sim.probes.budget import measured
from twopeaks.sim.storage.probe_catalogue import PROBES
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.loop import train
from twopeaks.theory.setting import standard

#: What probes may add to a run by default.
TARGET = 0.1


@dataclass(frozen=True)
class Case:
    """One comparison: group, training pairs, width, members, budget and steps between records."""

    group: str
    samples: int
    width: int
    members: int
    steps: int
    every: int


CASES = (
    Case("Z23", 264, 256, 32, 1000, 50),
    Case("Z23", 264, 256, 1, 3000, 50),
    Case("Z71", 2016, 2048, 1, 100, 10),
    Case("Z71", 2016, 2048, 1, 100, 1),
)

#: The run behind figure 3 of the paper, with its seeds.
FIGURE_3 = Case("Z71", 2016, 2048, 15, 400, 10)


def seconds(case: Case, plan: Plan, runtime: Runtime) -> tuple[float, float]:
    """Processor and wall time of a run."""
    cpu, wall = time.process_time(), time.perf_counter()
    train(standard(case.group, case.samples, case.width), range(case.members), plan, runtime)
    return time.process_time() - cpu, time.perf_counter() - wall


def compare(case: Case, share: float, runtime: Runtime, rounds: int) -> dict[str, object]:
    """What all probes add to the runs of one case."""
    plain = Plan(steps=case.steps, every=case.every)
    probed = Plan(steps=case.steps, every=case.every, probes=tuple(PROBES), probe_share=share)
    ratios = []
    for i in range(-1, rounds):  # the first round warms up
        plans = (plain, probed) if i % 2 else (probed, plain)
        taken = {plan.probes: seconds(case, plan, runtime)[0] for plan in plans}
        ratios.append(taken[probed.probes] / taken[plain.probes] - 1)
    setting = standard(case.group, case.samples, case.width)
    due = measured(setting, tuple(PROBES), probed.record_steps(), share)
    records = len(probed.record_steps())
    return {
        "case": f"{case.group}, n={case.samples}, K={case.width}, {case.members} members, every {case.every}",
        "cost_over_run": {
            "median": float(np.median(ratios[1:])),
            "low": min(ratios[1:]),
            "high": max(ratios[1:]),
        },
        "measured_at": {name: f"{len(steps)}/{records}" for name, steps in due.items()},
        "target": TARGET if share <= TARGET else None,
    }


def figure_3(share: float, runtime: Runtime) -> dict[str, object]:
    """Wall time of the run of figure 3 with all probes."""
    plan = Plan(steps=FIGURE_3.steps, every=FIGURE_3.every, probes=tuple(PROBES), probe_share=share)
    cpu, wall = seconds(FIGURE_3, plan, runtime)
    return {
        "case": f"figure 3: Z71, n=2016, K=2048, 400 steps, {FIGURE_3.members} seeds, all probes at share {share:g}",
        "seconds": wall,
        "processor_seconds": cpu,
        "target": 240.0,
    }


def main(argv: Sequence[str]) -> int:
    """Run all comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--share", type=float, default=TARGET)
    parser.add_argument("--figure-3", action="store_true", help="time the run of figure 3 too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    runtime = resolve("cpu", threads=options.threads)
    rows = [compare(case, options.share, runtime, options.rounds) for case in CASES]
    run = figure_3(options.share, runtime) if options.figure_3 else None
    if options.json:
        sys.stdout.write(json.dumps({"threads": runtime.threads, "cases": rows, "figure_3": run}, indent=2) + "\n")
        return 0
    for row in rows:
        cost, at = row["cost_over_run"], row["measured_at"]
        assert isinstance(cost, dict)  # noqa: S101
        assert isinstance(at, dict)  # noqa: S101
        aim = "" if row["target"] is None else f"   target <= {row['target']:.0%}"
        sys.stdout.write(f"{row['case']} ({runtime.threads} threads)\n")
        sys.stdout.write(f"  cost {cost['median']:.1%}  [{cost['low']:.1%}, {cost['high']:.1%}]{aim}\n")
        sys.stdout.write(f"  measured at {', '.join(f'{name} {found}' for name, found in at.items())} records\n")
    if run is not None:
        sys.stdout.write(f"{run['case']}: {run['seconds']:.0f} s   target <= {run['target']:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
