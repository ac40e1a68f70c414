"""The command ``twopeaks``: which commands there are, how they are run, and how errors become a line and a code.

Exit code 0; 1 if a check failed; 2 for bad input, said in one line; 130 after Ctrl-C. The module of a command is
imported when the command is called.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer.core import TyperCommand

from twopeaks import __version__
from twopeaks.theory.errors import InputError
from twopeaks.validate.screen.terminal import Interrupted

#: Exit code after Ctrl-C, as shells have it.
_INTERRUPTED = 130

#: Command -> its help. The command is the function of the same name in the module of the same name.
COMMANDS = {
    "derive": "The equations: what is assumed, how each is derived, where print differs, and whether it is true.",
    "predict": (
        "At how many training examples does generalisation overtake memorisation? Every predictor, on each group."
    ),
    "train": "Train an ensemble of networks and say when each memorised and when it grokked.",
    "sweep": "Train a grid, a list, or around transitions, as a file describes it; tables of members and transitions.",
    "demo": "Predict a transition, train real networks across it, compare, and write a report with figures.",
    "validate": (
        "Score every prediction against measured cells; or, with --claims, test claims about training on networks.\n\n"
        "Claims are supported, refuted or undecided, as the ranges that were fixed before decide."
    ),
    "forecast": "Say from the first part of a training curve whether it will grok within the budget, and when.",
    "scaling": "Which law does n_c follow across groups? M log M against M^(4/3), with cross-validation and a verdict.",
    "figures": (
        "Figures for print from stored results: vector PDF, PNG, plotted numbers as CSV; what is missing is listed."
    ),
    "report": (
        "Write one page to explore: drag the amount of data, see both peaks, the networks, their curves and all scores."
    ),
}


class _Deferred(TyperCommand):
    """A command whose module is imported when it is called; the list of commands needs its help alone."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return _loaded(str(self.name)).make_context(info_name, args, parent, **extra)


def _loaded(name: str) -> Any:
    """The command itself, as typer runs it."""
    from twopeaks.validate.cli.fields import with_options

    function = getattr(import_module(f"twopeaks.validate.cli.{name}"), name)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name, help=COMMANDS[name])(with_options(function))
    return typer.main.get_command(alone)


def _tell_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"twopeaks {__version__}\n")
        raise typer.Exit


def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="print the version and exit")
    ] = False,
) -> None:
    pass


def _placeholder() -> None:
    pass


def _app() -> typer.Typer:
    program = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="When does a network stop memorising and start to understand, and can mathematics say so beforehand?",
    )
    program.callback()(_program)
    for name, text in COMMANDS.items():
        program.command(name, cls=_Deferred, help=text)(_placeholder)
    return program


def main() -> None:
    """Run the command; bad input, or output that finds no room, becomes one line on stderr and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does: not every terminal has UTF-8
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries again when it ends
        code = _complain(
            "output must be written where there is room, got a full disk; make room, and give the command again"
        )
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run with these arguments and return the exit code."""
    try:
        code = _app()(list(arguments), standalone_mode=False)
        if code == _INTERRUPTED:
            return _interrupted()
        return code if isinstance(code, int) else 0
    except Interrupted as stop:
        return _interrupted(str(stop))
    except ValidationError as error:
        from twopeaks.sim.storage.records import Plan
        from twopeaks.theory.setting import explain

        return _complain(str(explain(error, Plan)))
    except InputError as error:
        return _complain(str(error))
    except typer.TyperException as error:
        return _complain(f"{error.format_message() or 'a command is missing'} (see --help)")
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()


def _interrupted(kept: str = "finished runs in the folder of --out are kept and will be used again") -> int:
    sys.stderr.write(f"interrupted; {kept}\n")
    return _INTERRUPTED


def _complain(message: str) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"error: {line}\n")
    return 2
