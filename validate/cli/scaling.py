"""The command ``twopeaks scaling``: laws of n_c across group orders M on measured cells; table, verdicts, figure."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from twopeaks.sim.storage import store
from twopeaks.theory.errors import InputError
from twopeaks.theory.predictors.registry import NO_RUN as PREDICTORS
from twopeaks.theory.setting import SCHEMA
from twopeaks.validate.cli.options import Json, Store, repeated
from twopeaks.validate.laws.compare import EVIDENCE, SIGMAS, SPLIT, Comparison, Verdict, compare, verdict
from twopeaks.validate.laws.families import crossings
from twopeaks.validate.laws.laws import CORRECTED, FOUR_THIRDS, LAWS, M_LOG_M, NO_RUN, Law
from twopeaks.validate.measured.cell import distinct
from twopeaks.validate.measured.sheets import digest
from twopeaks.validate.measured.sources import Sources
from twopeaks.validate.scores.files import rows_csv
from twopeaks.validate.scores.words import number, share
from twopeaks.validate.screen.terminal import console, print_json

__all__ = ["Request", "scaling"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which laws are compared on which cells, and where the comparison goes."""

    cells: Annotated[
        list[Path], typer.Argument(metavar="CELLS", help="CSV of measured cells, or a sweep's SPEC.toml or folder")
    ]
    family: Annotated[str, typer.Option(help="groups compared: cyclic, cyclic-odd, cyclic-prime, abelian or all")] = (
        "cyclic"
    )
    predictor: Annotated[str, typer.Option(help="whose prediction without a run is among the laws")] = "heights-shared"
    store: Store = None
    out: Annotated[Path | None, typer.Option(help="folder for tables, figure and JSON", show_default="none")] = None
    as_json: Json = False


def scaling(request: Request) -> None:
    """Compare laws and decide between M log M and each of its rivals.

    Raises:
        InputError: if a source cannot be used, a name is unknown, or there are too few cells or orders.
    """
    predictor = next((p for p in PREDICTORS if p.name == request.predictor), None)
    if predictor is None:
        known = ", ".join(sorted(p.name for p in PREDICTORS))
        raise InputError("--predictor", "one that needs no run", request.predictor, f"known: {known}")
    sources = Sources(tuple(request.cells), request.store)
    cells, notes = sources.gather()
    distinct(cells)
    measured, more_notes = crossings(cells, request.family, predictor)
    no_run = Law(request.predictor, None, 0)
    comparison = compare(measured, [no_run if law is NO_RUN else law for law in LAWS])
    notes += more_notes
    notes += [f"{name} has no value on some cell and is left aside" for name in comparison.left_aside]
    verdicts = [verdict(comparison, M_LOG_M, law) for law in _against(comparison, no_run)]
    data = _data(request, sources, comparison, verdicts, notes)
    if request.out is not None:
        data |= _write(request.out, comparison, data)
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
    if request.as_json:
        print_json(data)
        return
    _show(comparison, verdicts, request.family)
    if request.out is not None:
        console().print(Text(f"written: {request.out}"), soft_wrap=True)


def _against(comparison: Comparison, no_run: Law) -> list[Law]:
    """Laws that M log M is put against; one that has no value on some cell is not."""
    return [law for law in (FOUR_THIRDS, CORRECTED, no_run) if law.name not in comparison.left_aside]


def _data(
    request: Request, sources: Sources, comparison: Comparison, verdicts: Sequence[Verdict], notes: Sequence[str]
) -> dict[str, Any]:
    files = [path for path in sources.paths if path.is_file()]
    return {
        "schema": SCHEMA,
        "family": request.family,
        "cells": [asdict(cell) for cell in comparison.cells],
        "laws": comparison.rows(),
        "left_aside": list(comparison.left_aside),
        "verdicts": [{**asdict(decided), "sentence": str(decided)} for decided in verdicts],
        "thresholds": {"evidence": EVIDENCE, "split": SPLIT, "standard_deviations": SIGMAS},
        "notes": list(notes),
        "command": repeated(),
        "sources": [str(path) for path in sources.paths],
        "sha256": {str(path): digest(path) for path in files},
        "versions": store.versions(),
    }


def _write(out: Path, comparison: Comparison, data: dict[str, Any]) -> dict[str, Any]:
    """Every file of this call; returns what it adds to the JSON."""
    from twopeaks.validate.figures.of_runs.scaling import fig_scaling
    from twopeaks.validate.measured.files import save_figure, write, write_json

    store.prepare(out)
    figure, _ = fig_scaling(comparison)
    added = {"figures": [str(path) for path in save_figure(figure, out / "scaling")]}
    write(out / "laws.csv", rows_csv(data["laws"]))
    write(out / "crossings.csv", rows_csv(data["cells"]))
    write_json(out / "scaling.json", {**data, **added})
    return added


def _show(comparison: Comparison, verdicts: Sequence[Verdict], family: str) -> None:
    screen, orders = console(), [cell.order for cell in comparison.cells]
    title = f"n_c of {len(orders)} groups ({family}), M = {orders[0]} to {orders[-1]}"
    table = Table(title=title, box=None)
    table.add_column("law", no_wrap=True)
    headings = ("c", "p", "scatter", "AICc", "weight", "left out", f"M > {SPLIT}")
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in comparison.rows():
        criteria = (f"{row['aicc']:.1f}", f"{row['weight']:.1%}")
        errors = (share(_number(row["left_out"])), share(_number(row["extrapolated"])))
        constants = (number(_number(row["factor"])), number(_number(row["power"])))
        cells = (str(row["law"]), *constants, share(_number(row["scatter"])), *criteria, *errors)
        table.add_row(*map(Text, cells))
    table.caption = (
        "scatter: model error of the law, in log n_c; weight: share of Akaike evidence; left out: rms error on cells "
        f"left out one by one; M > {SPLIT}: on these, fitted on the smaller"
    )
    screen.print(table)
    for decided in verdicts:
        screen.print(Text(f"{decided.favoured} or {decided.other}: {decided}."), soft_wrap=True)


def _number(value: float | int | str | None) -> float | None:
    return value if isinstance(value, float) else None
