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
from twopeaks.validate.figures.catalogue import CATALOGUE, entry
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
        drawn = [_draw(one, request) for one in chosen]
        _write_captions([one.entry for one in drawn if one.paths], request)
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
    chosen = list(CATALOGUE) if request.every else [entry(name) for name in dict.fromkeys(request.names or ())]
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
    for one in chosen:
        missing = _state(one, results)
        if missing:
            told = f"{one.name} without {results / missing[0]}"
            raise InputError("NAME", "a figure whose results are there", told, _way(one))


def _check_style(request: Request) -> None:
    if request.face not in FACES:
        raise InputError("--face", " or ".join(FACES), request.face, "sans is the default")
    if request.columns not in (1, 2):
        raise InputError("--columns", "1 or 2", request.columns, "2 is the default")


def _check_stored(chosen: Sequence[Entry]) -> None:
    if len(chosen) != 1 or chosen[0].spec is None:
        told = (chosen[0].name if len(chosen) == 1 else f"{len(chosen)} names") if chosen else "none"
        raise InputError("--store", "given with one NAME that a sweep makes", told, "see `twopeaks figures`")


def _check_measured(chosen: Sequence[Entry], *, every: bool) -> None:
    if every:
        raise InputError("--all", "left out with --measure", "given", "measure figures by name: some take an hour")
    if not chosen:
        raise InputError("--measure", "given with names", "none", "see `twopeaks figures`")
    for one in chosen:
        if not one.trained:
            remedy = f"it is drawn from {', '.join(one.sources) or 'theory alone'}: `{one.remake}` makes that again"
            raise InputError("NAME", "a figure that --measure can make", one.name, remedy)


def _draw(one: Entry, request: Request) -> Drawn:
    began = time.perf_counter()
    try:
        table = _numbers(one, request)
    except MissingError as missing:
        return Drawn(one, missing=str(missing))
    stem = request.out / one.name
    remedy = "give what it is made from, see `twopeaks figures`"
    with (
        waiting(f"drawing {one.name}"),
        sheet(cast(Face, request.face), cast(Columns, request.columns)),
        usable("the table", f"one that {one.name} shows", remedy),  # words are set when the figure is saved
    ):
        figure = one.draw(table)
        about = {"Title": one.title, "Subject": one.caption, "Creator": "twopeaks"}
        paths = save_figure(figure, stem, about)
    write(stem.with_suffix(".csv"), table.write_csv())
    return Drawn(one, (*paths, stem.with_suffix(".csv")), time.perf_counter() - began)


def _numbers(one: Entry, request: Request) -> pl.DataFrame:
    if request.store is not None:
        return reduced(one, request.store)
    if request.measure:
        return _measured(one, request)
    with waiting(f"reading {one.name}"):
        return one.gather(request.results)


def reduced(one: Entry, folder: Path) -> pl.DataFrame:
    """The numbers of a figure from the folder of its sweep.

    Raises:
        InputError: if it holds no sweep, or one that does not have what the figure shows.
    """
    if not SweepFolder(folder).holds_a_sweep:
        raise InputError("--store", "the folder of a sweep", str(folder), f"`twopeaks sweep {one.spec} --out {folder}`")
    if one.reduce is None:
        raise InputError("--store", "given for a figure that a sweep makes", one.name, f"`{one.remake}`")
    with usable(f"the sweep in {folder}", "one that this figure shows", f"that is {one.spec}"):
        return one.reduce(folder)


def _measured(one: Entry, request: Request) -> pl.DataFrame:
    """The numbers of a figure from networks trained now, or before in the same folder."""
    from twopeaks.sim.network.runtime import resolve
    from twopeaks.validate.cli import sweep

    if one.measure is not None:
        with stages() as stage:
            return one.measure(resolve(request.device), stage)
    if one.spec is None:
        raise InputError("NAME", "a figure that can be measured", one.name, "see `twopeaks figures`")
    folder = SweepFolder(request.out / f"{one.name}-sweep")
    spec = read_spec(one.spec)
    folder.check(spec)
    sweep.train(spec, folder, sweep.Request(out=folder.root, workers=request.workers, device=request.device))
    return reduced(one, folder.root)


def _way(one: Entry) -> str:
    trained = f" (trains {one.spec})" if one.spec is not None else ""
    return f"`{one.remake}` makes them{trained}"


def _write_captions(drawn: Sequence[Entry], request: Request) -> None:
    """A section for each figure that was drawn; those of figures that were drawn before are kept."""
    if not drawn:
        return
    path = request.out / _CAPTIONS
    before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    sections = dict.fromkeys([_TOP, *(_heading(one) for one in CATALOGUE)], "")
    for section in before.split("\n## ")[1:]:
        sections[f"## {section.partition(chr(10))[0]}"] = f"## {section.rstrip()}\n"
    sections |= {_heading(one): _section(one, request) for one in drawn} | {_TOP: f"{_TOP}\n"}
    write(path, "\n".join(section for section in sections.values() if section))


def _heading(one: Entry) -> str:
    return f"## {one.title}"


def _section(one: Entry, request: Request) -> str:
    made = ", ".join(f"`{path}`" for path in one.files) or "theory alone"
    told = f"from {made}; made by `{one.remake}`."
    if request.measure or request.store is not None:
        told = "from networks that were trained anew; what the caption says was seen with the committed ones."
    paper = f" Counterpart of {one.paper} of arXiv 2509.21519." if one.paper else ""
    return (
        f"{_heading(one)}\n\n![{one.title}]({one.name}.png)\n\n{one.caption}{paper}\n\n"
        f"Numbers: [{one.name}.csv]({one.name}.csv), {told}\n"
    )


def _list(request: Request) -> int:
    there = {one.name: _state(one, request.results) for one in CATALOGUE}
    if request.as_json:
        print_json([{**_facts(one), "missing": there[one.name]} for one in CATALOGUE])
        return 0
    table = Table(title="figures; `twopeaks figures NAME …` or `--all` draws them")
    for heading in ("name", "paper", "what it shows", "results"):
        table.add_column(heading, overflow="fold")
    for one in CATALOGUE:
        missing = there[one.name]
        table.add_row(one.name, one.paper, one.title, f"missing: {one.remake}" if missing else "there")
    console().print(table)
    return 0


def _state(one: Entry, results: Path) -> list[str]:
    return [path for path in one.files if not (results / path).exists()]


def _facts(one: Entry) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "paper": one.paper,
        "sources": list(one.files),
        "sweep": None if one.spec is None else str(one.spec),
        "remake": one.remake,
    }


def _show(drawn: Sequence[Drawn], request: Request) -> None:
    if request.as_json:
        print_json(
            [
                {
                    **_facts(one.entry),
                    "files": [str(path) for path in one.paths],
                    "missing": [one.missing] if one.missing else [],
                    "seconds": round(one.seconds, 3),
                }
                for one in drawn
            ]
        )
        return
    screen = console()
    for one in drawn:
        if one.paths:
            screen.print(f"{one.entry.name}: {one.paths[1]} (and .png, .csv), {one.seconds:.1f} s", markup=False)
        else:
            screen.print(f"{one.entry.name}: missing {one.missing}; {_way(one.entry)}", markup=False)
    done = [one for one in drawn if one.paths]
    total = sum(one.seconds for one in done)
    where = f" in {request.out}, {total:.0f} s; captions in {_CAPTIONS}" if done else ""
    screen.print(f"{len(done)} of {len(drawn)} figures{where}", markup=False)
