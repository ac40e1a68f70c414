"""Where and how arithmetic runs: device, dtype, threads, denormals. They are chosen explicitly and recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch

from twopeaks.sim.network.arithmetic import DTypeName
from twopeaks.theory.errors import InputError

__all__ = ["Runtime", "pinned", "resolve", "usable_cores"]

#: Hidden values (members x samples x K) are computed in pieces of this many bytes a thread: small enough to stay in the
#: cache of current CPUs from one pass to the next, large enough that the cost of a call does not matter.
_CPU_TILE_BYTES = 5 << 19
#: On an accelerator pieces only limit memory; smaller ones would leave it idle.
_ACCELERATOR_TILE_BYTES = 1 << 28


@dataclass(frozen=True)
class Runtime:
    """One place to run.

    Attributes:
        device: canonical torch device, such as ``"cpu"`` or ``"cuda:0"``.
        dtype: ``"float32"`` (default), ``"bfloat16"`` (in products) or ``"float64"`` (for checks).
        threads: CPU threads used.
        tile_bytes: size of the pieces in which hidden values are computed, for each thread.
    """

    device: str
    dtype: DTypeName
    threads: int
    tile_bytes: int

    @property
    def torch_device(self) -> torch.device:
        """The device as torch takes it."""
        return torch.device(self.device)

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype of weights and gradients, as torch takes it."""
        return torch.float64 if self.dtype == "float64" else torch.float32

    def rows_that_fit(self, row_bytes: int) -> int:
        """Rows that fill the tiles of all threads, in a multiple of the threads (at least one each)."""
        return max(1, self.tile_bytes * self.threads // row_bytes // self.threads) * self.threads

    def describe(self) -> dict[str, object]:
        """The choices, for manifests."""
        return {**asdict(self), "torch": torch.__version__}


def usable_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def resolve(
    device: str = "auto",
    dtype: DTypeName = "float32",
    threads: int | None = None,
    tile_bytes: int | None = None,
) -> Runtime:
    """Choose and check a `Runtime`.

    Args:
        device: ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: arithmetic of parameters and gradients.
        threads: CPU threads; all usable cores by default.
        tile_bytes: another size of the pieces (results change by rounding only).

    Raises:
        InputError: if the device is unknown or absent, or a number is out of range.
    """
    usable = usable_cores()
    if threads is not None and not 1 <= threads <= 1024:
        raise InputError("threads", "between 1 and 1024", threads, f"this machine has {usable} usable cores")
    if tile_bytes is not None and tile_bytes < 1:
        raise InputError("tile_bytes", "at least 1", tile_bytes, "leave it out for the default")
    name = _resolve_device(device)
    if name.startswith("mps") and dtype == "float64":
        raise InputError("dtype", "float32 on MPS", dtype, "use --device cpu for float64")
    default_tile = _CPU_TILE_BYTES if name == "cpu" else _ACCELERATOR_TILE_BYTES
    return Runtime(name, dtype, threads or usable, tile_bytes or default_tile)


def _resolve_device(device: str) -> str:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdigit()):
        raise InputError("device", "auto, cpu, cuda, cuda:N or mps", device, "use --device auto")
    if kind == "cpu":
        return "cpu"
    count = torch.cuda.device_count() if kind == "cuda" else int(torch.backends.mps.is_available())
    if int(index or 0) >= count:
        raise InputError("device", f"one of this machine ({kind}: {count} found)", device, "use --device auto")
    return f"{kind}:{int(index or 0)}"


@contextmanager
def pinned(runtime: Runtime) -> Iterator[None]:
    """Run a block with the threads of `runtime`, denormals flushed to zero and TF32 off; then restore the old state.

    After memorisation most nodes decay towards zero; denormal arithmetic makes a CPU step 15 times slower.
    """
    threads = torch.get_num_threads()
    precision = torch.get_float32_matmul_precision()
    # Flushing first: worker threads inherit the mode of the thread that starts them.
    torch.set_flush_denormal(True)
    torch.set_num_threads(runtime.threads)
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
