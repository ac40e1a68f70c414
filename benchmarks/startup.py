"""What it costs to begin: imports and short commands, as ratios to others' imports in the same run.

    python benchmarks/startup.py [--rounds 7]

Imports are timed inside a fresh process each, commands as whole processes; of each the least of the rounds counts,
which take turns, so that other work on the machine falls on all alike.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

#: Name -> statement that is timed inside a fresh interpreter.
IMPORTS = {
    "import numpy, scipy": "import numpy, scipy",
    "import twopeaks": "import twopeaks",
}
#: Name -> arguments of a fresh interpreter that is timed as a whole.
COMMANDS = {
    "python -c 'import torch'": ["-c", "import torch"],
    "twopeaks --help": ["-m", "twopeaks", "--help"],
    "twopeaks predict --group Z31": ["-m", "twopeaks", "predict", "--group", "Z31"],
}
#: What is compared with what, and the most that the ratio may be.
RATIOS = (
    ("import twopeaks", "import numpy, scipy", 0.1),
    ("twopeaks --help", "python -c 'import torch'", 1.0),
    ("twopeaks predict --group Z31", "python -c 'import torch'", 1.0),
)


def main() -> int:
    """Time everything and print the ratios; exit code 1 if one is above its bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    seconds: dict[str, list[float]] = {name: [] for name in (*IMPORTS, *COMMANDS)}
    for _ in range(rounds):
        for name, statement in IMPORTS.items():
            seconds[name].append(imported(statement))
        for name, arguments in COMMANDS.items():
            seconds[name].append(commanded(arguments))
    for name, values in seconds.items():
        print(f"{name:30} {1e3 * min(values):8.1f} ms (least of {rounds}; largest {1e3 * max(values):.1f})")
    over = 0
    for name, other, bound in RATIOS:
        ratio = min(seconds[name]) / min(seconds[other])
        over += ratio > bound
        print(f"{name} / {other}: {ratio:.3f} (at most {bound:g}){'' if ratio <= bound else '  ABOVE'}")
    return int(over > 0)


def imported(statement: str) -> float:
    """Seconds of a statement in a fresh interpreter, its own start left out."""
    code = f"import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def commanded(arguments: list[str]) -> float:
    """Seconds of a whole process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
