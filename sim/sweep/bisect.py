"""Bisection: sizes n are tried one after the other around a transition, so that most runs are close to it.

The rate of members that succeed within the budget crosses one half somewhere. A bracket that does not contain the
crossing is widened; one that does is halved, until it is as narrow as requested. A member that did not succeed
(censored by its budget, or diverged) counts as a failure. A size that was not tried has no rate.

The next size depends only on the rates so far, so a search that is started again on stored results does the same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace

from twopeaks.sim.storage.records import Plan, Records
from twopeaks.sim.sweep.cells import Cell, Search
from twopeaks.theory.setting import Setting
from twopeaks.theory.setting.task import Task

__all__ = ["Bisection", "Judge", "bracket", "next_size", "resized"]

#: A bracket grows by its own ratio high/low, but at least by this factor.
_GROWTH = 1.25

#: Tells for each member whether it succeeded within its budget.
Judge = Callable[[Records], Sequence[bool]]


@dataclass(frozen=True)
class Bisection:
    """The search for one transition.

    Attributes:
        setting: the problem; its ``samples`` is replaced.
        seeds: members of each size.
        plan: budget and recording; "succeeds" means within it.
        low, high: the sizes n that are tried first.
        lowest, highest: smallest and largest size that may be tried.
        tolerance: width of the bracket over its middle at which the search ends.
        rounds: most sizes tried after the first two.
    """

    setting: Setting
    seeds: tuple[int, ...]
    plan: Plan
    low: int
    high: int
    lowest: int
    highest: int
    tolerance: float
    rounds: int

    def cell(self, samples: int) -> Cell:
        """The members of one size."""
        return Cell(resized(self.setting, samples), self.seeds, self.plan)

    def sizes(self) -> Generator[list[int], Mapping[int, float], None]:
        """Yields sizes and is sent the rate of each: first two sizes together, then one at a time."""
        rates = dict((yield [self.low, self.high]))
        for _ in range(self.rounds):
            size = next_size(
                rates,
                growth=self._growth,
                limits=(self.lowest, self.highest),
                tolerance=self.tolerance,
            )
            if size is None:
                return
            rates |= yield [size]

    def replayed(self, rates: Mapping[int, float]) -> tuple[list[int], list[int]]:
        """The state of the search with these rates: sizes that were used, and those it waits for (none at the end)."""
        sizes, used = self.sizes(), list[int]()
        wanted = next(sizes)
        while all(n in rates for n in wanted):
            used += wanted
            try:
                wanted = sizes.send({n: rates[n] for n in wanted})
            except StopIteration:
                return used, []
        return used, wanted

    def extends(self, other: Bisection) -> bool:
        """Whether it tries every size that the other tries, whatever the rates: equal, finer or longer."""
        same = replace(self, tolerance=other.tolerance, rounds=other.rounds) == other
        return same and self.tolerance <= other.tolerance and self.rounds >= other.rounds

    def search(self, judge: Judge) -> Search:
        """The same as a search that yields cells; the judge gets rates from stored members."""
        sizes = self.sizes()
        wanted = next(sizes)
        while True:
            done = yield [self.cell(n) for n in wanted]
            verdicts = {part.cell.setting.task.samples: judge(part.load().records) for part in done}
            try:
                wanted = sizes.send({n: sum(succeeded) / len(succeeded) for n, succeeded in verdicts.items()})
            except StopIteration:
                return

    def cells_if(self, transition: float) -> list[Cell]:
        """Cells it would train if every member failed below this size and succeeded from it on."""
        sizes, tried = self.sizes(), list[int]()
        wanted = next(sizes)
        while True:
            tried += wanted
            try:
                wanted = sizes.send({n: float(n >= transition) for n in wanted})
            except StopIteration:
                return [self.cell(n) for n in tried]

    @property
    def most_cells(self) -> list[Cell]:
        """Cells of the largest possible cost: every round grows the bracket upwards, as far as it may."""
        sizes = [self.low, self.high]
        for _ in range(self.rounds):
            sizes.append(min(math.ceil(sizes[-1] * self._growth), self.highest))
        return [self.cell(n) for n in sizes]

    @property
    def _growth(self) -> float:
        return max(_GROWTH, self.high / self.low)


def resized(setting: Setting, samples: int) -> Setting:
    """The same setting with another number of samples."""
    task = Task.model_validate({**setting.task.model_dump(), "samples": samples})
    return setting.model_copy(update={"task": task})


def next_size(rates: Mapping[int, float], *, growth: float, limits: tuple[int, int], tolerance: float) -> int | None:
    """The size to try next, or None if the bracket is narrow enough or cannot be grown.

    Args:
        rates: size n -> share of members that succeeded; one size at least.
        growth: factor by which a bracket is grown.
        limits: smallest and largest size that may be tried.
        tolerance: narrow enough is (high - low) <= tolerance (high + low)/2, or two neighbouring integers.
    """
    low, high = bracket(rates)
    if high is None and low is not None:
        above = min(math.ceil(low * growth), limits[1])
        return above if above > low else None
    if low is None and high is not None:
        below = max(math.floor(high / growth), limits[0])
        return below if below < high else None
    if low is None or high is None or high - low <= max(1, tolerance * (high + low) / 2):
        return None
    return (low + high) // 2


def bracket(rates: Mapping[int, float]) -> tuple[int | None, int | None]:
    """Two neighbouring sizes, the rate below one half at the first, one half or more at the second.

    The smallest such pair; None in place of a size that is still to be found (of both, where there are no rates).
    """
    sizes = sorted(rates)
    if not sizes or rates[sizes[-1]] < 1 / 2:
        return (sizes[-1] if sizes else None), None
    if rates[sizes[0]] >= 1 / 2:
        return None, sizes[0]
    return next((low, high) for low, high in itertools.pairwise(sizes) if rates[low] < 1 / 2 <= rates[high])
