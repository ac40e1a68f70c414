"""What the explorer shows, as plain data: a record for each group, with every text that page and drawing share.

Nothing is worked out in the page: curves come as points, numbers come with the words that stand in tables as well.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Accuracy", "Claimed", "Curves", "Fate", "Key", "Marked", "Mountains", "Shown", "Spot", "Stages"]

#: Content id of a setting, and budget (None where the source does not say): tells groups of networks apart.
Key = tuple[str, int | None]


@dataclass(frozen=True)
class Spot:
    """A number with its interval.

    Attributes:
        value, low, high: in training examples, steps or shares; None where open or unknown.
        text: the same in words, as `twopeaks.validate.scores.words` has it.
    """

    value: float | None
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True)
class Mountains:
    """Costs of both ways to fit n training examples, by one theory.

    Attributes:
        theory: the predictor whose crossing this is.
        label: its name as figures have it.
        words: what is counted as cost.
        equations: labels both costs rest on.
        memorising: cost at each n of the group's grid.
        generalising: cost at every n.
        crossing: n at which both are equal: what the predictor says.
    """

    theory: str
    label: str
    words: str
    equations: tuple[str, ...]
    memorising: tuple[float, ...]
    generalising: float
    crossing: Spot


@dataclass(frozen=True)
class Claimed:
    """What one predictor says about n_c.

    Attributes:
        predictor, label, colour: as figures and tables have them.
        spot: its n_c.
        error: against the measurement, in words.
        origin: where it was read, or that it was computed.
        fitted, runs: constants fitted to any data, runs used.
        valid: whether the setting lies in its range.
        note: of the predictor.
        command: what predicts it again; empty if no command line does.
    """

    predictor: str
    label: str
    colour: str
    spot: Spot
    error: str
    origin: str
    fitted: int
    runs: int
    valid: bool
    note: str
    command: str


@dataclass(frozen=True)
class Fate:
    """Networks of one size.

    Attributes:
        samples: n.
        grokked, members: how many of how many; None where the source does not say.
        rate: their share, with Jeffreys' 95% interval; None likewise.
        t_mem, t_grok: medians over seeds, in words.
        accuracy: mean test accuracy at the end; None where it was not measured.
        command: what trains them again; empty if no command line does.
    """

    samples: int
    grokked: int | None
    members: int | None
    rate: Spot | None
    t_mem: str
    t_grok: str
    accuracy: Spot | None
    command: str


@dataclass(frozen=True)
class Accuracy:
    """Predicted test accuracy at the end of the budget, at each n of the grid, with the predictor's interval."""

    predictor: str
    label: str
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    valid: bool
    note: str


@dataclass(frozen=True)
class Stages:
    """Recorded steps between which the three stages lie; None where the curve ended before.

    Attributes:
        memorised: t_mem; lazy learning until there.
        leaves: from here on the test accuracy stays a quarter of the way up.
        grokked: t_grok.
    """

    memorised: int | None
    leaves: int | None
    grokked: int | None


@dataclass(frozen=True)
class Marked:
    """A predicted step."""

    predictor: str
    quantity: str
    spot: Spot


@dataclass(frozen=True)
class Curves:
    """One network.

    Attributes:
        samples, seed: which.
        words: why this one.
        steps: recorded steps that are shown, from 1.
        train, test: accuracies there.
        gradient: |G_F| there; empty if it was not recorded.
        stages: on its whole record.
        last: last recorded step.
        predicted: steps that theories predict.
        source: folder of the run.
        command: what trains it again; empty if no command line does.
    """

    samples: int
    seed: int
    words: str
    steps: tuple[int, ...]
    train: tuple[float, ...]
    test: tuple[float, ...]
    gradient: tuple[float | None, ...]
    stages: Stages
    last: int
    predicted: tuple[Marked, ...]
    source: str
    command: str


@dataclass(frozen=True)
class Shown:
    """One group of networks that differ in their size alone.

    Attributes:
        name: as the scoreboard has it.
        order, pairs: M, and rows of the table.
        conventions: of the setting, in words.
        network: in words.
        budget: steps; None if the source does not say.
        measured: n_c; None where it was not measured.
        source, note: of the measurement; empty without.
        command: what measures n_c again from its source.
        grid: n at which curves are given, increasing.
        start: n where the page begins.
        mountains: by each theory that has both heights, the one shown first first; empty if none has.
        claimed: what every predictor says of n_c, those without a value too.
        fates: sizes increasing.
        accuracy: predicted; None if no theory does.
        curves: of chosen runs; empty if the source has none.
    """

    name: str
    order: int
    pairs: int
    conventions: dict[str, str]
    network: str
    budget: int | None
    measured: Spot | None
    source: str
    note: str
    command: str
    grid: tuple[float, ...]
    start: int
    mountains: tuple[Mountains, ...]
    claimed: tuple[Claimed, ...]
    fates: tuple[Fate, ...]
    accuracy: Accuracy | None
    curves: tuple[Curves, ...]
