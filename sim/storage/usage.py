"""What a run took: member-steps a second and peak memory, for its manifest."""

from __future__ import annotations

import sys

from twopeaks.sim.storage.records import Records

__all__ = ["usage"]


def usage(records: Records, seconds: float, device: str) -> dict[str, float | int | None]:
    """Facts about the cost of a run.

    Args:
        records: what came out.
        seconds: training time.
        device: where it ran, as `twopeaks.sim.network.runtime.Runtime.device` names it.

    Returns:
        ``member_steps``; ``member_steps_per_second``; ``peak_memory_bytes`` of this process since it began, all
        threads and earlier runs included (None where the system does not say); on CUDA ``peak_device_bytes`` that
        torch held there since then.
    """
    done = int(sum(records.steps[max(0, count - 1)] for count in records.counts))
    facts: dict[str, float | int | None] = {
        "member_steps": done,
        "member_steps_per_second": round(done / seconds, 3) if seconds > 0 else None,
        "peak_memory_bytes": _peak_bytes(),
    }
    if device.startswith("cuda"):
        import torch  # readers of results need not have it

        facts["peak_device_bytes"] = int(torch.cuda.max_memory_allocated(device))
    return facts


def _peak_bytes() -> int | None:
    try:
        import resource
    except ImportError:  # no such thing on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else 1024 * int(peak)
