"""Start-up of imports and commands, as ratios to imports that everybody knows; each is the least time of several.

All contestants take turns, so that a drift of the machine's speed meets each of them. Prints a table, or JSON with
``--json``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence

#: Name -> arguments of Python.
CONTESTANTS: dict[str, tuple[str, ...]] = {
    "import torch": ("-c", "import torch"),
    "import numpy, scipy.optimize": ("-c", "import numpy, scipy.optimize"),
    "import twopeaks": ("-c", "import twopeaks"),
    "twopeaks --help": ("-m", "twopeaks", "--help"),
    "twopeaks train --help": ("-m", "twopeaks", "train", "--help"),
    "twopeaks predict --group Z31": ("-m", "twopeaks", "predict", "--group", "Z31"),
}

#: Name -> what it is compared with, and the largest ratio that is wanted. Python's own start is taken off imports.
TARGETS = {
    "import twopeaks": ("import numpy, scipy.optimize", 0.1),
    "twopeaks --help": ("import torch", 1.0),
    "twopeaks train --help": ("import torch", 1.0),
    "twopeaks predict --group Z31": ("import torch", 1.0),
}


def wall(arguments: Sequence[str]) -> float:
    """Seconds that Python takes with these arguments."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def measured(rounds: int) -> dict[str, float]:
    """Least seconds of each contestant."""
    times = [{name: wall(arguments) for name, arguments in CONTESTANTS.items()} for _ in range(rounds)]
    return {name: min(row[name] for row in times) for name in CONTESTANTS}


def main(argv: Sequence[str]) -> int:
    """Measure all contestants and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    bare = min(wall(("-c", "pass")) for _ in range(options.rounds))
    seconds = measured(options.rounds)
    ratios = {}
    for name, (other, _) in TARGETS.items():
        own = bare if name.startswith("import") else 0.0
        ratios[name] = max(0.0, seconds[name] - own) / (seconds[other] - own)
    if options.json:
        sys.stdout.write(json.dumps({"python": bare, "seconds": seconds, "ratios": ratios}, indent=2) + "\n")
        return 0
    for name, ratio in ratios.items():
        other, target = TARGETS[name]
        sys.stdout.write(f"{name:30s} {seconds[name]:6.2f} s  {ratio:5.2f} of {other}   target < {target:g}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
