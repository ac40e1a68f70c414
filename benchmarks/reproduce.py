"""Measure again what results/ holds: train each sweep, score what was predicted before, and compare.

    python benchmarks/reproduce.py crossings --device auto --workers 2

For every folder NAME of results/ with a sweep.toml: `twopeaks sweep` into OUT/NAME/sweep, which goes on where it was
cut short; then `twopeaks validate` with the folder's predictions.csv, which writes OUT/NAME/measured.csv and a page in
OUT/NAME/scores. At the end stands what differs from the committed measured.csv. The exit code is 0 if everything that
was committed was measured again and agrees within the intervals of both, 1 if not, 2 for bad input, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from twopeaks.theory.errors import InputError
from twopeaks.validate.cli.app import run
from twopeaks.validate.measured.cell import QUANTITIES
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.scores.reproduced import Again, again, summary

ROOT = Path(__file__).resolve().parent.parent
SPEC, PREDICTIONS, MEASURED = "sweep.toml", "predictions.csv", "measured.csv"


def main(arguments: Sequence[str]) -> int:
    """Do it for the names given, or for all; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="folders of results/ (default: all)")
    parser.add_argument("--device", default="auto", help="as twopeaks sweep has it")
    parser.add_argument("--workers", help="as twopeaks sweep has it")
    parser.add_argument("--dry-run", action="store_true", help="say what it takes; train and write nothing")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="where sweeps and tables are committed")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "reproduce", help="where all of it goes")
    options = parser.parse_args(arguments)
    try:
        names = chosen(options.results, options.names)
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    where = ["--device", options.device, *(["--workers", options.workers] if options.workers else [])]
    codes: dict[str, int] = {}
    told: list[str] = []
    for name in names:
        source, out = options.results / name, options.out / name
        print(f"--- {name}", flush=True)
        if options.dry_run:
            codes[name] = run(["sweep", str(source / SPEC), "--out", str(out / "sweep"), "--dry-run", *where])
            continue
        codes[name] = measure(source, out, where)
        if codes[name] in (2, 130):  # bad input, or Ctrl-C: nothing that could be compared
            break
        differences = compared(source, out)
        codes[name] = max(codes[name], any(one.outcome in ("apart", "missing") for one in differences))
        told += [f"--- {name}: measured again, against {source / MEASURED}", *summary(differences)]
    print("\n".join(told))
    return max(codes.values(), default=0)


def chosen(results: Path, names: Sequence[str]) -> list[str]:
    """Folders that hold a sweep; those asked for, in that order.

    Raises:
        InputError: if one of these is none.
    """
    there = sorted(path.parent.name for path in results.glob(f"*/{SPEC}"))
    for name in names:
        if name not in there:
            raise InputError("ONLY", "folders of results/ with a sweep.toml", name, f"known: {', '.join(there)}")
    return list(names) or there


def measure(source: Path, out: Path, where: Sequence[str]) -> int:
    """Train what is missing and score; the exit code of whatever failed first, or 0."""
    out.mkdir(parents=True, exist_ok=True)
    code = run(["sweep", str(source / SPEC), "--out", str(out / "sweep"), *where])
    if code in (2, 130):
        return code
    scores = ["--write-measured", str(out / MEASURED), "--out", str(out / "scores"), *what(source)]
    return max(code, run(["validate", str(source / SPEC), "--store", str(out / "sweep"), *scores]))


def what(source: Path) -> list[str]:
    """Options of validate: all that was predicted before, and nobody else; accuracies if they were committed."""
    chosen = list[str]()
    if (source / PREDICTIONS).exists():
        chosen += ["--predictions", str(source / PREDICTIONS)]
        chosen += [
            word for name in sorted(_column(source / PREDICTIONS, "predictor")) for word in ("--predictor", name)
        ]
    if (source / MEASURED).exists() and "test_accuracy" in _column(source / MEASURED, "quantity"):
        chosen += [word for name in QUANTITIES for word in ("--quantity", name)]
    return chosen


def _column(path: Path, name: str) -> set[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row.get(name) or "" for row in csv.DictReader(file)} - {""}


def compared(source: Path, out: Path) -> list[Again]:
    """What was committed beside what was measured now; all of it is new where nothing was committed."""
    committed = measured_csv(source / MEASURED)[0] if (source / MEASURED).exists() else []
    return again(committed, measured_csv(out / MEASURED)[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
