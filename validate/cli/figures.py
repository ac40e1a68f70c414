"""The command ``twopeaks figures``: numbers in, PDF, PNG and CSV out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import polars as pl
import typer
from rich.table import Table

from twopeaks.sim.sweep.folder import SweepFolder
from twopeaks.sim.sweep.spec import read_spec
from twopeaks.theory.errors import InputError
from twopeaks.validate.cli.options import Device, Json, Workers
from twopeaks.validate.figures.catalogue import CATALOGUE
from twopeaks.validate.figures.catalogue import entry as entry_named
from twopeaks.validate.figures.drawing.entry import Entry, MissingError, usable
from twopeaks.validate.figures.drawing.print_style import FACES, Columns, Face, sheet
from twopeaks.validate.measured.files import save_figure, write
from twopeaks.validate.screen.terminal import Interrupted, console, print_json, stages, waiting

__all__ = ["Drawn", "Request", "figures", "reduced"]

_CAPTIONS = "captions.md"
_TOP = "# Figures"


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which figures are drawn, from what, in which style, and where they go."""

    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="figures to draw (default: list them all)", show_default=False),
    ] = None
    every: Annotated[bool, typer.Option("--all", help="every figure whose results are there")] = False
    results: Annotated[Path, typer.Option(help="folder of stored results")] = Path("results")
    out: Annotated[Path, typer.Option(help="folder for PDF, PNG, CSV and captions")] = Path("twopeaks-figures")
    face: Annotated[str, typer.Option(help="sans or serif")] = "sans"
    columns: Annotated[int, typer.Option(help="width: 1 column (89 mm) or 2 (183 mm)")] = 2
    measure: Annotated[
        bool, typer.Option("--measure", help="train what a figure needs; a sweep goes on where it was")
    ] = False
    store: Annotated[
        Path | None, typer.Option(help="read this folder of a sweep instead (one NAME, made by a sweep)")
    ] = None
    workers: Workers = None
    device: Device = "auto"
    as_json: Json = False


@dataclass(frozen=True)
class Drawn:
    """A figure and its files, or what is missing.

    Attributes:
        entry: which.
        paths: PNG, PDF, CSV; nothing if it was not drawn.
        seconds: it took.
        missing: path of the file of results that is not there, or nothing.
    """

    entry: Entry
    paths: tuple[Path, ...] = ()
    seconds: float = 0.0
    missing: str = ""


def figures(request: Request) -> int:
    """List figures, or draw those asked for; the exit code.

    Raises:
        InputError: for what does not go together, unknown names, a named figure without results, tables that cannot
            be drawn, or a folder that cannot be written.
    """
    chosen = _check(request)
    if not chosen:
        return _list(request)
    with _written(request.out):
        drawn = [_draw(entry, request) for entry in chosen]
        _write_captions([figure.entry for figure in drawn if figure.paths], request)
    _show(drawn, request)
    return 0


@contextmanager
def _written(out: Path) -> Iterator[None]:
    """See that the folder can be written before anything is computed; where nothing came of it, it goes again."""
    made = [path for path in (out, *out.parents) if not path.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
        yield
    except KeyboardInterrupt as stop:
        raise Interrupted(f"figures that were drawn before are whole, in {out}") from stop
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        raise InputError("--out", "a folder that can be written", str(out), reason) from error
    finally:
        for path in made:
            with suppress(OSError):  # it holds something, as it should
                path.rmdir()


def _check(request: Request) -> list[Entry]:
    _check_style(request)
    if request.every and request.names:
        raise InputError("NAME", "left out with --all", request.names[0], "give names or --all")
    if request.measure and request.store is not None:
        raise InputError("--store", "left out with --measure", str(request.store), "give one of the two")
    if not request.measure and (request.workers is not None or request.device != "auto"):
        option = "--device" if request.workers is None else "--workers"
        raise InputError(option, "left out without --measure", "given", "nothing is trained without it")
    chosen = list(CATALOGUE) if request.every else [entry_named(name) for name in dict.fromkeys(request.names or ())]
    if request.measure:
        _check_measured(chosen, every=request.every)
    elif request.store is not None:
        _check_stored(chosen)
    elif not request.results.is_dir():
        remedy = "give --results DIR (results/ of the repository), or --measure with names"
        raise InputError("--results", "a folder of results", str(request.results), remedy)
    elif not request.every:
        _check_there(chosen, request.results)
    return chosen


def _check_there(chosen: Sequence[Entry], results: Path) -> None:
    for entry in chosen:
        missing = _state(entry, results)
        if missing:
            value = f"{entry.name} without {results / missing[0]}"
            raise InputError("NAME", "a figure whose results are there", value, _way(entry))


def _check_style(request: Request) -> None:
    if request.face not in FACES:
        raise InputError("--face", " or ".join(FACES), request.face, "sans is the default")
    if request.columns not in (1, 2):
        raise InputError("--columns", "1 or 2", request.columns, "2 is the default")


def _check_stored(chosen: Sequence[Entry]) -> None:
    if len(chosen) != 1 or chosen[0].spec is None:
        value = (chosen[0].name if len(chosen) == 1 else f"{len(chosen)} names") if chosen else "none"
        raise InputError("--store", "given with one NAME that a sweep makes", value, "see `twopeaks figures`")


def _check_measured(chosen: Sequence[Entry], *, every: bool) -> None:
    if every:
        raise InputError("--all", "left out with --measure", "given", "measure figures by name: some take an hour")
    if not chosen:
        raise InputError("--measure", "given with names", "none", "see `twopeaks figures`")
    for entry in chosen:
        if not entry.trained:
            remedy = f"it is drawn from {', '.join(entry.sources) or 'theory alone'}: `{entry.remake}` makes that again"
            raise InputError("NAME", "a figure that --measure can make", entry.name, remedy)


def _draw(entry: Entry, request: Request) -> Drawn:
    began = time.perf_counter()
    try:
        table = _numbers(entry, request)
    except MissingError as missing:
        return Drawn(entry, missing=str(missing))
    stem = request.out / entry.name
    remedy = "give what it is made from, see `twopeaks figures`"
    with (
        waiting(f"drawing {entry.name}"),
        sheet(cast(Face, request.face), cast(Columns, request.columns)),
        usable("the table", f"one that {entry.name} shows", remedy),  # words are set when the figure is saved
    ):
        figure = entry.draw(table)
        about = {"Title": entry.title, "Subject": entry.caption, "Creator": "twopeaks"}
        paths = save_figure(figure, stem, about)
    write(stem.with_suffix(".csv"), table.write_csv())
    return Drawn(entry, (*paths, stem.with_suffix(".csv")), time.perf_counter() - began)


def _numbers(entry: Entry, request: Request) -> pl.DataFrame:
    if request.store is not None:
        return reduced(entry, request.store)
    if request.measure:
        return _measured(entry, request)
    with waiting(f"reading {entry.name}"):
        return entry.gather(request.results)


def reduced(entry: Entry, folder: Path) -> pl.DataFrame:
    """The numbers of a figure from the folder of its sweep.

    Raises:
        InputError: if it holds no sweep, or one that does not have what the figure shows.
    """
    if not SweepFolder(folder).holds_a_sweep:
        raise InputError(
            "--store", "the folder of a sweep", str(folder), f"`twopeaks sweep {entry.spec} --out {folder}`"
        )
    if entry.reduce is None:
        raise InputError("--store", "given for a figure that a sweep makes", entry.name, f"`{entry.remake}`")
    with usable(f"the sweep in {folder}", "one that this figure shows", f"that is {entry.spec}"):
        return entry.reduce(folder)


def _measured(entry: Entry, request: Request) -> pl.DataFrame:
    """The numbers of a figure from networks trained now, or before in the same folder."""
    from twopeaks.sim.network.runtime import resolve
    from twopeaks.validate.cli import sweep

    if entry.measure is not None:
        with stages() as stage:
            return entry.measure(resolve(request.device), stage)
    if entry.spec is None:
        raise InputError("NAME", "a figure that can be measured", entry.name, "see `twopeaks figures`")
    folder = SweepFolder(request.out / f"{entry.name}-sweep")
    spec = read_spec(entry.spec)
    folder.check(spec)
    sweep.train(spec, folder, sweep.Request(out=folder.root, workers=request.workers, device=request.device))
    return reduced(entry, folder.root)


def _way(entry: Entry) -> str:
    trained = f" (trains {entry.spec})" if entry.spec is not None else ""
    return f"`{entry.remake}` makes them{trained}"


def _write_captions(drawn: Sequence[Entry], request: Request) -> None:
    """A section for each figure that was drawn; those of figures that were drawn before are kept."""
    if not drawn:
        return
    path = request.out / _CAPTIONS
    before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    sections = dict.fromkeys([_TOP, *(_heading(entry) for entry in CATALOGUE)], "")
    for section in before.split("\n## ")[1:]:
        sections[f"## {section.partition(chr(10))[0]}"] = f"## {section.rstrip()}\n"
    sections |= {_heading(entry): _section(entry, request) for entry in drawn} | {_TOP: f"{_TOP}\n"}
    write(path, "\n".join(section for section in sections.values() if section))


def _heading(entry: Entry) -> str:
    return f"## {entry.title}"


def _section(entry: Entry, request: Request) -> str:
    made = ", ".join(f"`{path}`" for path in entry.files) or "theory alone"
    origin = f"from {made}; made by `{entry.remake}`."
    if request.measure or request.store is not None:
        origin = "from networks that were trained anew; what the caption says was seen with the committed ones."
    paper = f" Counterpart of {entry.paper} of arXiv 2509.21519." if entry.paper else ""
    return (
        f"{_heading(entry)}\n\n![{entry.title}]({entry.name}.png)\n\n{entry.caption}{paper}\n\n"
        f"Numbers: [{entry.name}.csv]({entry.name}.csv), {origin}\n"
    )


def _list(request: Request) -> int:
    missing = {entry.name: _state(entry, request.results) for entry in CATALOGUE}
    if request.as_json:
        print_json([{**_facts(entry), "missing": missing[entry.name]} for entry in CATALOGUE])
        return 0
    table = Table(title="figures; `twopeaks figures NAME …` or `--all` draws them")
    for heading in ("name", "paper", "what it shows", "results"):
        table.add_column(heading, overflow="fold")
    for entry in CATALOGUE:
        results = f"missing: {entry.remake}" if missing[entry.name] else "there"
        table.add_row(entry.name, entry.paper, entry.title, results)
    console().print(table)
    return 0


def _state(entry: Entry, results: Path) -> list[str]:
    return [path for path in entry.files if not (results / path).exists()]


def _facts(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.title,
        "paper": entry.paper,
        "sources": list(entry.files),
        "sweep": None if entry.spec is None else str(entry.spec),
        "remake": entry.remake,
    }


def _show(drawn: Sequence[Drawn], request: Request) -> None:
    if request.as_json:
        print_json(
            [
                {
                    **_facts(figure.entry),
                    "files": [str(path) for path in figure.paths],
                    "missing": [figure.missing] if figure.missing else [],
                    "seconds": round(figure.seconds, 3),
                }
                for figure in drawn
            ]
        )
        return
    screen = console()
    for figure in drawn:
        if figure.paths:
            screen.print(
                f"{figure.entry.name}: {figure.paths[1]} (and .png, .csv), {figure.seconds:.1f} s", markup=False
            )
        else:
            screen.print(f"{figure.entry.name}: missing {figure.missing}; {_way(figure.entry)}", markup=False)
    done = [figure for figure in drawn if figure.paths]
    total = sum(figure.seconds for figure in done)
    where = f" in {request.out}, {total:.0f} s; captions in {_CAPTIONS}" if done else ""
    screen.print(f"{len(done)} of {len(drawn)} figures{where}", markup=False)
