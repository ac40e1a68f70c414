"""Where measured cells come from: descriptions of sweeps, their folders, CSV files. No torch here."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import Spec, read_spec
from twopeaks.theory.errors import InputError
from twopeaks.validate.measured.cell import ON_REQUEST, Measured, ordered
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.measured.from_sweep import measured_sweep, to_measure
from twopeaks.validate.measured.progress import state

__all__ = ["Sources"]

_KINDS = "a sweep's description (.toml), its folder, or measured cells (.csv)"

#: What ``twopeaks demo`` leaves beside its runs, and no sweep does.
_OF_DEMO = "predictions.json"


@dataclass(frozen=True)
class Sources:
    """What was given to a command.

    Attributes:
        paths: descriptions of sweeps (TOML), folders of sweeps, CSV files of measured cells.
        store: folder of the sweep that a description belongs to; None is where ``sweep`` puts it.
        accuracy: whether test accuracies are among what is measured.
    """

    paths: tuple[Path, ...]
    store: Path | None = None
    accuracy: bool = False

    def gather(self) -> tuple[list[Measured], list[str]]:
        """Measured cells of all of them in the order of their fields, and what is to be said of them.

        Raises:
            InputError: if one cannot be used, or nothing in it was measured.
        """
        if self.store is not None and all(path.suffix == ".csv" for path in self.paths):
            raise InputError("--store", "given with a sweep", "CSV alone", "leave it out, or give the SPEC.toml")
        cells, notes = list[Measured](), list[str]()
        for path in self.paths:
            more, said = self._cells(path)
            cells += more
            notes += said
        kept = [cell for cell in cells if self.accuracy or cell.quantity not in ON_REQUEST]
        if len(kept) < len(cells):
            notes.append(
                f"{len(cells) - len(kept)} cells of test_accuracy are left out; ask for --quantity test_accuracy"
            )
        return ordered(kept), notes

    def to_measure(self) -> list[Measured]:
        """What their sweeps would measure, with nothing known.

        Raises:
            InputError: if one is no sweep.
        """
        specs = [self._sweep(path)[0] for path in self.paths]
        return ordered([cell for spec in specs for cell in to_measure(spec, accuracy=self.accuracy)])

    def folders(self) -> Iterator[SweepFolder]:
        """All that hold runs: those of sweeps and of demos.

        Raises:
            InputError: if one is neither, nor a CSV file.
        """
        folders = (path for path in self.paths if path.suffix != ".csv")
        return (SweepFolder(path) if _is_demo(path) else self._sweep(path)[1] for path in folders)

    def _cells(self, path: Path) -> tuple[list[Measured], list[str]]:
        if path.suffix == ".csv":
            return measured_csv(path)
        if _is_demo(path):  # its controls are for its own predictions
            return measured_sweep(SweepFolder(path), accuracy=self.accuracy, controls=False)
        return self._of_sweep(path)

    def sweeps(self) -> Iterator[tuple[Spec, SweepFolder]]:
        """All but CSV files.

        Raises:
            InputError: if one is no sweep.
        """
        return (self._sweep(path) for path in self.paths if path.suffix != ".csv")

    def trainable(self) -> Iterator[tuple[Spec, SweepFolder]]:
        """Sweeps whose missing cells can be trained: all but CSV files and demos.

        Raises:
            InputError: if one is no sweep.
        """
        return (self._sweep(path) for path in self.paths if path.suffix != ".csv" and not _is_demo(path))

    def _of_sweep(self, source: Path) -> tuple[list[Measured], list[str]]:
        spec, folder = self._sweep(source)
        progress = state(folder, spec)
        again = f"run twopeaks sweep {self._given(source)}, or twopeaks validate with --train"
        if not progress.parts:
            raise InputError(str(source), "measured", f"no trained cell in {folder.root}", again)
        cells, notes = measured_sweep(folder, accuracy=self.accuracy)
        if progress.open:
            searches = f" and {progress.searches} searches go on" if progress.searches else ""
            cells_are = "1 cell is" if len(progress.open) == 1 else f"{len(progress.open)} cells are"
            notes.append(f"{folder.root}: {cells_are} not trained{searches}; {again}")
        return cells, notes

    def _sweep(self, source: Path) -> tuple[Spec, SweepFolder]:
        if source.is_dir():
            if self.store is not None:
                where = "left out where the sweep's folder is given"
                raise InputError("--store", where, str(self.store), "leave it out")
            folder = SweepFolder(source)
            if not folder.holds_a_sweep:
                raise InputError(str(source), "a folder that holds a sweep", "none", f"give {_KINDS}")
            return folder.spec(), folder
        if source.suffix != ".toml" and not source.exists():
            remedy = f"give {_KINDS}; claims go with --claims"
            raise InputError("SPEC_OR_STORE", "a file or folder that is there", str(source), remedy)
        if source.suffix == ".csv":
            raise InputError(str(source), "a sweep's description (.toml) or folder", "a CSV file", "only sweeps plan")
        if source.suffix != ".toml":
            raise InputError(str(source), "a file of a known ending", source.suffix or "none", f"give {_KINDS}")
        spec = read_spec(source)
        folder = SweepFolder(self.store or Path(f"twopeaks-sweep-{spec.name}"))
        folder.check(spec)
        return spec, folder

    def _given(self, source: Path) -> str:
        if source.is_dir():
            return shlex.join(["--resume", "--out", str(source)])
        return shlex.join([str(source), *(["--out", str(self.store)] if self.store else [])])


def _is_demo(path: Path) -> bool:
    """Whether it is a folder of ``twopeaks demo``."""
    return (path / _OF_DEMO).is_file() and (path / "runs").is_dir() and not SweepFolder(path).holds_a_sweep
