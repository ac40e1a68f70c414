"""Norms that laws of times are fitted on, read off recorded runs."""

from __future__ import annotations

import numpy as np
import pytest

from twopeaks.sim.storage.records import Records
from twopeaks.theory.setting import Optimizer, standard
from twopeaks.validate.scores.rival_runs import norms_of

STEPS = np.arange(0, 1001, 100)
ADAMW = standard("Z11").model_copy(update={"optimizer": Optimizer(name="adamw", lr=1e-3, weight_decay=0.5)})


def records_of(*members: tuple[int, int]) -> Records:
    """Members that memorise and generalise at given steps, whose norm is largest at step 500."""
    norm = 300 + 100 * np.exp(-(((STEPS - 500) / 200) ** 2))
    curves = {
        "train_accuracy": np.stack([np.where(memorised <= STEPS, 1.0, 0.1) for memorised, _ in members]),
        "test_accuracy": np.stack([np.where(grokked <= STEPS, 1.0, 0.1) for _, grokked in members]),
        "norm_w2": np.tile(norm, (len(members), 1)),
        "norm_v2": np.tile(norm / 10, (len(members), 1)),
    }
    count = len(members)
    return Records(np.arange(count), STEPS, np.full(count, len(STEPS)), ("budget",) * count, curves)


def test_members_that_did_not_memorise_leave_the_others_in_their_places() -> None:
    never, both, first = norms_of(ADAMW, records_of((9999, 9999), (200, 800), (400, 100)))
    assert never is None
    assert first is None, "it generalised before it had memorised"
    assert both is not None
    assert (both.t_mem, both.t_grok, both.lr, both.eta) == (200, 800, 1e-3, 0.5)


def test_a_member_may_memorise_and_generalise_at_once() -> None:
    (run,) = norms_of(ADAMW, records_of((300, 300)))
    assert run is not None
    assert (run.t_mem, run.t_grok) == (300, 300)


def test_norms_are_those_of_both_layers_at_memorisation_or_at_their_peak() -> None:
    records = records_of((200, 800))
    (plain,), (peak,) = norms_of(ADAMW, records), norms_of(ADAMW, records, peak=True)
    assert plain is not None
    assert peak is not None
    assert plain.norm_mem == pytest.approx(1.1 * (300 + 100 * np.exp(-2.25)))
    assert (peak.t_mem, peak.norm_mem) == (500, pytest.approx(440))
