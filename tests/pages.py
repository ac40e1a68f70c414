"""Code blocks of pages: read, and run in order in a folder of their own, as CONTRIBUTING.md says."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import tomllib
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.places import ROOT
from twopeaks.sim.sweep.spec import spec_of
from twopeaks.validate.cli.app import run

KINDS = ("python", "sh", "toml", "text", "csv")

_FENCE = re.compile(r"^(?:<!-- not run: (?P<reason>.+?) -->\n)?```(?P<kind>[^\n]*)\n(?P<code>.*?)^```$", re.M | re.S)
_NUMBER = re.compile(r"[-+±]?\d[\d.,]*(e[-+]?\d+)?%?|–(?=\s|$)")
_FRAME = re.compile(r"[\s─━│┃┏┓┗┛┡┩┠┨├┤┬┴┼╇╈┳┻└┘┌┐╭╮╰╯]+")
#: Characters for which a line needs a shell.
_SHELL = set("|&;<>$*?`(){}")


@dataclass(frozen=True)
class Block:
    """One fenced block: ``reason`` says why it is not run."""

    kind: str
    code: str
    reason: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["kind"], found["code"], found["reason"] or "", text.count("\n", 0, found.start("code")))
        for found in _FENCE.finditer(text)
    ]


def follow(page: Path, folder: Path) -> None:
    """Run every block of a page in this folder; what is shown below one is what it must have said, but for numbers."""
    for name in ("results", "examples"):
        (folder / name).symlink_to(ROOT / name)
    names: dict[str, Any] = {"__name__": "page"}
    said = ""
    with chdir(folder):
        for block in blocks(page):
            where = f"{page.name}, line {block.line}"
            if block.reason:
                _compile(block, where)
                said = ""
            elif block.kind == "text":
                _compare(block.code, said, where)
            else:
                said = _run(block, names, where)


def _compile(block: Block, where: str) -> None:
    """What cannot be run here is at least Python, or known to the shell."""
    if block.kind == "python":
        compile(block.code, where, "exec")
    elif block.kind == "sh":
        subprocess.run(["bash", "-n", "-c", block.code], check=True)


def _run(block: Block, names: dict[str, Any], where: str) -> str:
    if block.kind == "python":
        said = io.StringIO()
        with redirect_stdout(said):
            exec(compile(block.code, where, "exec"), names)
        return said.getvalue()
    first = block.code.partition("\n")[0]
    if named := re.fullmatch(r"# (\S+\.(?:toml|csv)).*", first):
        Path(named[1]).write_text(block.code if block.kind == "toml" else block.code.partition("\n")[2])
    if block.kind == "toml":
        spec = spec_of(tomllib.loads(block.code))
        assert len(spec.cells) + len(spec.bisections) >= 1, where
    return "".join(_line(line, where) for line in _lines(block.code)) if block.kind == "sh" else ""


def _lines(code: str) -> list[str]:
    return [line for line in code.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]


def _line(line: str, where: str) -> str:
    """One command, with the exit code that its comment names (0, if none)."""
    wanted = re.search(r"#.*exit code (\d)", line)
    words = shlex.split(line, comments=True)
    if words[0] == "make":  # what it does is done by CI itself
        done = subprocess.run(["make", "-n", "-C", str(ROOT), *words[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{where}: {done.stderr}"
        return ""
    if words[0] == "twopeaks" and not _SHELL & set(line.partition(" #")[0]):
        code, said = _here(words[1:])
    else:
        code, said = _in_shell(line)
    assert code == (int(wanted[1]) if wanted else 0), f"{where}: {line}\n{said}"
    return said


def _here(arguments: list[str]) -> tuple[int, str]:
    """The command in this process, which has loaded torch already."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = run(arguments)
    return code, said.getvalue()


def _in_shell(line: str) -> tuple[int, str]:
    twopeaks = f'twopeaks() {{ "{sys.executable}" -m twopeaks "$@"; }}'
    command = f'{twopeaks}; python() {{ "{sys.executable}" "$@"; }}; {line}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def _compare(shown: str, said: str, where: str) -> None:
    """Each line that is shown was said, in this order; numbers, frames and blanks aside, and ``…`` is anything."""
    rest = _words(said)
    for part in filter(None, map(_words, shown.replace("\n…", "\n…\n").split("…"))):
        assert part in rest, f"{where}: not said: {part}\nsaid: {rest}"
        rest = rest[rest.index(part) + len(part) :]


def _words(text: str) -> str:
    return _FRAME.sub(" ", _NUMBER.sub("#", text)).strip()
