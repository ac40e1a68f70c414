"""Claims as ``twopeaks validate --claims`` wrote them: read back from its ``claims.json``, with their verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from twopeaks.theory.errors import InputError
from twopeaks.validate.claims.claim import Estimate, Form, Judgement, Verdict
from twopeaks.validate.pages.claims import ClaimText, form_text
from twopeaks.validate.pages.explorer.commands import claim_line

__all__ = ["Examined", "read_claims"]

_ESTIMATE, _FORM = ("value", "low", "high", "seeds", "missing"), ("name", "prediction", "quantity", "low", "high")


@dataclass(frozen=True)
class Examined:
    """One claim that was examined before, and the command that examines it again."""

    text: ClaimText
    command: str


def read_claims(path: Path) -> tuple[Examined, ...]:
    """All of them, in the order of the file.

    Raises:
        InputError: if the file is not there, or is not one of these.
    """
    remedy = "give the claims.json that twopeaks validate --claims --out DIR writes"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_examined(one, str(told["command"])) for one in told["claims"])
    except OSError as error:
        raise InputError("--claims", "a file that can be read", str(path), error.strerror or remedy) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        why = f"{path} ({type(error).__name__}: {error})"
        raise InputError("--claims", "a claims.json", why, remedy) from error


def _examined(claim: Mapping[str, Any], whole: str) -> Examined:
    seeds = tuple(int(seed) for seed in claim["seeds"])
    facts = {
        "claimed in": str(claim["source"]),
        "rests on equations": ", ".join(map(str, claim["equations"])),
        "measured": str(claim["measure"]),
        "on": f"{claim['finding']['budget']}; seeds {seeds[0]} to {seeds[-1]}",
        "note": str(claim["finding"]["notes"]),
        "took": f"{float(claim['seconds']):,.1f} s",
    }
    text = ClaimText(
        str(claim["id"]),
        str(claim["statement"]),
        _verdict(claim["verdict"]),
        tuple(form_text(_judged(form)) for form in claim["forms"]),
        {name: value for name, value in facts.items() if value},
        f"{float(claim['seconds']):,.0f}",
    )
    return Examined(text, claim_line(text.id, whole, seeds))


def _judged(form: Mapping[str, Any]) -> Judgement:
    found = form["estimate"]
    return Judgement(
        Form(**{name: form[name] for name in _FORM}),
        Estimate(**{name: found[name] for name in _ESTIMATE}),
        _verdict(form["verdict"]),
    )


def _verdict(word: object) -> Verdict:
    for known in get_args(Verdict):
        if word == known:
            verdict: Verdict = known
            return verdict
    raise ValueError(f"no verdict: {word}")
