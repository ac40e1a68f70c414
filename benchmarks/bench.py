"""Speed as ratios within one run: the ensemble trainer against an idiomatic torch loop and the arithmetic limit.

Every round times all contestants one after the other, so that a drift of the machine's speed cancels in the
ratios; the median over rounds is quoted with its range. Prints a table, or JSON with ``--json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from sim.records import Plan
from sim.runtime import Runtime, pinned, resolve
from sim.train import packs, train
from theory.sampling import draw_pairs, label_table
from theory.setting import Setting, standard


@dataclass(frozen=True)
class Case:
    """One comparison: group, training pairs, width, members of the batch, steps of each contestant in a round."""

    group: str
    samples: int
    width: int
    members: int
    steps: int
    loop_steps: int
    target: float


CASES = (Case("Z23", 264, 256, 16, 250, 500, 5.0), Case("Z71", 2016, 2048, 1, 100, 25, 2.0))


class IdiomaticNet(nn.Module):
    """The network as one would write it in plain torch."""

    def __init__(self, order: int, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(2 * order, width, bias=False)
        self.second = nn.Linear(width, order, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Class outputs of dense two-hot rows."""
        return self.second(self.first(x).square())


def idiomatic(setting: Setting, runtime: Runtime) -> Callable[[], None]:
    """One training step of one member: nn.Linear, autograd, torch.optim.Adam."""
    order = setting.task.resolve().order
    pairs = draw_pairs(setting.task, 0)
    one_hot = nn.functional.one_hot
    a, b = torch.as_tensor(pairs // order), torch.as_tensor(pairs % order)
    x = torch.cat([one_hot(a, order), one_hot(b, order)], dim=1).to(runtime.torch_dtype)
    y = one_hot(torch.as_tensor(label_table(setting.task, 0)[pairs]), order).to(runtime.torch_dtype) - 1 / order
    net = IdiomaticNet(order, setting.network.width)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=2e-4)

    def step() -> None:
        with torch.enable_grad():
            optimizer.zero_grad()
            outputs = net(x)
            loss = (outputs - outputs.mean(dim=1, keepdim=True) - y).square().sum(dim=1).mean()
            loss.backward()
        optimizer.step()

    return step


def ensemble(setting: Setting, members: int, runtime: Runtime) -> Callable[[int], float]:
    """Seconds a step of all members takes, over a whole run: set-up and evaluation are charged to it."""

    def seconds_a_step(steps: int) -> float:
        start = time.perf_counter()
        train(setting, range(members), Plan(steps=steps, every=steps), runtime)
        return (time.perf_counter() - start) / steps

    return seconds_a_step


def products(setting: Setting, runtime: Runtime) -> Callable[[], None]:
    """The arithmetic limit: one square matrix product with the 6 n K M flops that a step cannot avoid."""
    order, width, n = setting.task.resolve().order, setting.network.width, setting.task.samples
    size = max(64, round((3 * n * width * order) ** (1 / 3)))
    a, b = torch.rand(2, size, size, dtype=runtime.torch_dtype)
    out = torch.empty_like(a)

    def step() -> None:
        torch.mm(a, b, out=out)

    return step


def seconds(step: Callable[[], None], count: int) -> float:
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
    for step in (loop, limit):
        seconds(step, 3)
    ours(3)
    over_loop, over_limit, member_ms = [], [], []
    for _ in range(rounds):
        t_ours = ours(case.steps) / case.members
        t_loop, t_limit = seconds(loop, case.loop_steps), seconds(limit, case.loop_steps)
        over_loop.append(t_loop / t_ours)
        over_limit.append(t_ours / t_limit)
        member_ms.append(1e3 * t_ours)
    return {
        "case": f"{case.group}, n={case.samples}, K={case.width}, {case.members} members",
        "times_faster_than_loop": spread(over_loop),
        "target": case.target,
        "times_the_product_limit": spread(over_limit),
        "ms_per_member_step": spread(member_ms),
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
    train(setting, seeds, Plan(steps=steps, every=100), runtime, progress)
    times = np.diff([t for d, t in marks if d <= steps * len(seeds)])
    tenth = len(times) // 10
    return {
        "case": f"Z23, n=264, K=256, {len(seeds)} members, step {steps} against step 0",
        "late_over_early": float(np.median(times[-tenth:]) / np.median(times[:tenth])),
        "target": 1.3,
    }


def main(argv: Sequence[str]) -> int:
    """Run all comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    runtime = resolve("cpu", threads=options.threads)
    with pinned(runtime):
        rows = [compare(case, runtime, options.rounds) for case in CASES]
    late = late_against_early(runtime)
    if options.json:
        sys.stdout.write(json.dumps({"threads": runtime.threads, "cases": rows, "late": late}, indent=2) + "\n")
        return 0
    for row in rows:
        sys.stdout.write(f"{row['case']} ({runtime.threads} threads)\n")
        for name in ("times_faster_than_loop", "times_the_product_limit", "ms_per_member_step"):
            value = row[name]
            assert isinstance(value, dict)  # noqa: S101
            aim = f"   target >= {row['target']}" if name == "times_faster_than_loop" else ""
            sys.stdout.write(f"  {name:26s} {value['median']:8.3f}  [{value['low']:.3f}, {value['high']:.3f}]{aim}\n")
    sys.stdout.write(f"{late['case']}: {late['late_over_early']:.2f} times   target <= {late['target']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
