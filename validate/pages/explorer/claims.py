"""Claims as ``twopeaks validate --claims`` wrote them: read back from its ``claims.json``, with their verdicts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from twopeaks.theory.errors import InputError
from twopeaks.validate.claims.claim import Outcome, problem_of
from twopeaks.validate.pages.claims import claim_facts
from twopeaks.validate.pages.explorer.commands import claim_line

__all__ = ["Examined", "read_claims"]


@dataclass(frozen=True)
class Examined:
    """A claim that was examined before, what it rests on, and the command that examines it again."""

    outcome: Outcome
    facts: dict[str, str]
    command: str


def read_claims(path: Path) -> tuple[Examined, ...]:
    """All of them, in the order of the file.

    Raises:
        InputError: if the file is not there, or is not one of these.
    """
    remedy = "give the claims.json that twopeaks validate --claims --out DIR writes"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        outcomes = map(Outcome.model_validate, content["claims"])
        return tuple(_examined(outcome, str(content["command"])) for outcome in outcomes)
    except OSError as error:
        raise InputError("--claims", "a file that can be read", str(path), error.strerror or remedy) from error
    except (ValueError, LookupError, TypeError) as error:
        raise InputError("--claims", "a claims.json", f"{path} ({problem_of(error)})", remedy) from error


def _examined(outcome: Outcome, whole: str) -> Examined:
    return Examined(outcome, claim_facts(outcome), claim_line(outcome.id, whole, outcome.seeds))
