"""One ensemble, trained once: kept in a folder, read from it when it is there, resumed when it was interrupted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from twopeaks.sim.network.runtime import Runtime
from twopeaks.sim.storage import store
from twopeaks.sim.storage.checkpoint import Checkpoints
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.storage.store import Stored
from twopeaks.sim.training.loop import train
from twopeaks.theory.setting import Setting

__all__ = ["trained"]


def trained(setting: Setting, seeds: Sequence[int], plan: Plan, runtime: Runtime, out: Path | None) -> Stored:
    """Train one network a seed, or read the run from ``out`` if it was stored there before.

    Args:
        setting: the problem.
        seeds: one non-negative integer a network, all different.
        plan: budget and recording.
        runtime: where to train.
        out: folder in which the run is kept; None keeps nothing, and the manifest is empty then.

    Raises:
        InputError: if a seed is wrong, or the folder cannot be written or holds a damaged run.
    """
    if out is None:
        return Stored(setting, plan, train(setting, seeds, plan, runtime), {})
    folder = out / store.run_name(setting, plan, tuple(seeds), runtime.dtype)
    checkpoint = Checkpoints(folder.with_name(f"{folder.name}.unfinished"), None)
    if not folder.exists():
        store.prepare(out)
        with checkpoint.held():
            if not folder.exists():  # nor has another process stored it since
                start = time.perf_counter()
                records = train(setting, seeds, plan, runtime, checkpoint=checkpoint)
                seconds = time.perf_counter() - start + checkpoint.seconds_before
                store.save(
                    out, setting, plan, records, store.Provenance(runtime.describe(), seconds, checkpoint.history)
                )
    run = store.load(folder)
    store.tidy(out)
    checkpoint.discard()
    return run
