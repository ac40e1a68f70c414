"""Speed as ratios within one run, and peak memory: the ensemble trainer against plain torch and the arithmetic limit.

Every round times all contestants one after the other, so that a drift of the machine's speed cancels in the
ratios; the median over rounds is quoted with its range. Prints a table, or JSON with ``--json``. What probes cost is
in ``probes.py``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from contestants import Step, idiomatic, products, vmapped

from twopeaks.sim.network.runtime import Runtime, pinned, resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.loop import Reports, packs, train
from twopeaks.theory.setting import Setting, standard


@dataclass(frozen=True)
class Case:
    """One comparison: group, training pairs, width, members; steps of each contestant in a round; targets.

    ``loop`` and ``vmap`` are how many times more member-steps a second than plain and vmapped torch are wanted at
    least, ``limit`` how many times the product limit a step may take; None where nothing was set.
    """

    group: str
    samples: int
    width: int
    members: int
    steps: int
    other_steps: int
    loop: float | None = None
    vmap: float | None = None
    limit: float | None = None


CASES = (
    Case("Z23", 264, 256, 32, 500, 400, loop=8.0, vmap=2.0),
    Case("Z71", 2016, 2048, 1, 60, 15, loop=2.8, limit=2.0),
    Case("Z127", 3225, 2048, 1, 30, 8, limit=2.0),
)

#: What `peak_memory` trains, and the bytes it may take.
LARGEST = Case("Z257", 6000, 2048, 1, 2, 0)
MEMORY_TARGET = 1.5e9


def ensemble(setting: Setting, members: int, runtime: Runtime) -> Callable[[int], float]:
    """Seconds a step of all members takes, over a whole run: set-up and evaluation are charged to it."""

    def seconds_a_step(steps: int) -> float:
        start = time.perf_counter()
        train(setting, range(members), Plan(steps=steps, every=steps), runtime)
        return (time.perf_counter() - start) / steps

    return seconds_a_step


def seconds(step: Step, count: int) -> float:
    """Mean duration of a step over ``count`` of them."""
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, minimum and maximum."""
    return {"median": float(np.median(values)), "low": float(min(values)), "high": float(max(values))}


def compare(case: Case, runtime: Runtime, rounds: int) -> dict[str, object]:
    """Ratios of one case."""
    setting = standard(case.group, case.samples, case.width)
    ours, loop, limit = (
        ensemble(setting, case.members, runtime),
        idiomatic(setting, runtime),
        products(setting, runtime),
    )
    batch = None if case.vmap is None else vmapped(setting, case.members, runtime)
    found: dict[str, list[float]] = {"ms_per_member_step": [], "over_loop": [], "over_vmap": [], "over_limit": []}
    for i in range(-1, rounds):  # the first round warms up
        t_ours = ours(case.steps) / case.members
        t_loop, t_limit = seconds(loop, case.other_steps), seconds(limit, case.other_steps)
        values = {"ms_per_member_step": 1e3 * t_ours, "over_loop": t_loop / t_ours, "over_limit": t_ours / t_limit}
        if batch is not None:
            values["over_vmap"] = seconds(batch, case.steps // 20) / case.members / t_ours
        for name, value in values.items() if i >= 0 else ():
            found[name].append(value)
    return {
        "case": f"{case.group}, n={case.samples}, K={case.width}, {case.members} members",
        **{name: spread(values) for name, values in found.items() if values},
        "targets": {"over_loop": case.loop, "over_vmap": case.vmap, "over_limit": case.limit},
    }


def late_against_early(runtime: Runtime, steps: int = 10_000) -> dict[str, object]:
    """Time of a step after a long run over that at the start: denormals would show here."""
    setting = standard("Z23", 264, 256)
    marks: list[tuple[int, float]] = []
    done = 0

    def progress(member_steps: int) -> None:
        nonlocal done
        done += member_steps
        marks.append((done, time.perf_counter()))

    runtime = replace(runtime, threads=1)  # one pack, so that its marks are in order
    seeds = packs(setting, range(16), runtime)[0]
    train(setting, seeds, Plan(steps=steps, every=100), runtime, Reports(progress))
    times = np.diff([t for d, t in marks if d <= steps * len(seeds)])
    tenth = len(times) // 10
    return {
        "case": f"Z23, n=264, K=256, {len(seeds)} members, step {steps} against step 0",
        "late_over_early": float(np.median(times[-tenth:]) / np.median(times[:tenth])),
        "target": 1.3,
    }


def train_largest(runtime: Runtime) -> int:
    """Train `LARGEST` with evaluation at every step; the peak memory of this process, in bytes."""
    setting = standard(LARGEST.group, LARGEST.samples, LARGEST.width)
    train(setting, range(LARGEST.members), Plan(steps=LARGEST.steps, every=1), runtime)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def peak_memory(threads: int) -> dict[str, object]:
    """Peak memory of `train_largest` in a process of its own, the interpreter and torch included."""
    command = [sys.executable, __file__, "--peak-memory", "--threads", str(threads)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return {
        "case": f"{LARGEST.group}, n={LARGEST.samples}, K={LARGEST.width}, {LARGEST.members} member, full evaluation",
        "peak_bytes": int(told.stdout),
        "target": MEMORY_TARGET,
    }


#: What each ratio says, and whether its target is a floor.
RATIOS = {
    "over_loop": ("times faster than plain torch", True),
    "over_vmap": ("times faster than vmapped torch", True),
    "over_limit": ("times the product limit", False),
    "ms_per_member_step": ("ms a member-step", False),
}


def lines(row: dict[str, object], threads: int) -> list[str]:
    """A case as text."""
    targets = row["targets"]
    assert isinstance(targets, dict)  # noqa: S101
    text = [f"{row['case']} ({threads} threads)"]
    for name, (words, floor) in RATIOS.items():
        value, target = row.get(name), targets.get(name)
        if isinstance(value, dict):
            aim = "" if target is None else f"   target {'>=' if floor else '<='} {target:g}"
            text.append(f"  {words:32s} {value['median']:8.3f}  [{value['low']:.3f}, {value['high']:.3f}]{aim}")
    return text


def main(argv: Sequence[str]) -> int:
    """Run all comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peak-memory", action="store_true", help="only train the largest case; print bytes")
    options = parser.parse_args(argv)
    runtime = resolve("cpu", threads=options.threads)
    if options.peak_memory:
        sys.stdout.write(f"{train_largest(runtime)}\n")
        return 0
    with pinned(runtime):
        rows = [compare(case, runtime, options.rounds) for case in CASES]
    late, memory = late_against_early(runtime), peak_memory(runtime.threads)
    if options.json:
        result = {"threads": runtime.threads, "cases": rows, "late": late, "memory": memory}
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
        return 0
    text = [line for row in rows for line in lines(row, runtime.threads)]
    text.append(f"{late['case']}: {late['late_over_early']:.2f} times   target <= {late['target']}")
    peak = int(str(memory["peak_bytes"]))
    text.append(f"{memory['case']}: {peak / 1e9:.2f} GB   target <= {MEMORY_TARGET / 1e9:g} GB")
    sys.stdout.write("\n".join(text) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
