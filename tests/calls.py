"""What tests let other processes do. No torch here, so that these start fast."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from twopeaks.sim.sweep.pool import LocalPool
from twopeaks.theory.errors import InputError


def add(a: int, b: int = 0) -> int:
    return a + b


def who() -> int:
    return os.getpid()


def die(number: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), number)


def leave(code: int) -> NoReturn:
    sys.exit(code)


def hold(path: Path, seconds: float = 60.0) -> int:
    """Say which process is here, in a file, and stay."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_text(str(os.getpid()))
    aside.replace(path)
    time.sleep(seconds)
    return os.getpid()


def die_once(path: Path) -> str:
    """Die where this was never done before."""
    if not path.exists():
        path.touch()
        die()
    return "survived"


def refuse() -> NoReturn:
    raise InputError("--samples", "at most 25", 26, "use fewer")


def fail(*_: object) -> NoReturn:
    raise ZeroDivisionError("by nothing")


class StubbornError(Exception):
    """Can be taken apart, but not put together again from its message."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def fail_stubbornly() -> NoReturn:
    raise StubbornError("this", "that")


def unsendable(raised: bool) -> Any:
    if raised:
        raise ValueError(threading.Lock())
    return threading.Lock()


def given(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    return args, kwargs


def echo(payload: bytes) -> bytes:
    return payload


def only_in(pid: int) -> int:
    if os.getpid() != pid:
        raise ModuleNotFoundError("No module named 'sim'")
    return pid


class Local:
    """Can be read in the process that made it and nowhere else."""

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return only_in, (os.getpid(),)


def interrupts_arrive() -> bool:
    """Whether Ctrl-C would be noticed here."""
    blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set())
    return not blocked and signal.getsignal(signal.SIGINT) != signal.SIG_IGN


def parent(folder: Path) -> None:
    """A process with two workers that hold; ends only when it is made to."""
    try:
        with LocalPool(2) as pool:
            for held in [pool.submit(hold, folder / name, 600.0) for name in ("a", "b")]:
                held.result()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where tests run in a background that ignores it
    parent(Path(sys.argv[1]))
