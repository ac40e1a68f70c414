"""How outcomes of claims are put into words: ranges, estimates, counts. The same on screen, page and figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import floor, log10
from typing import get_args

from twopeaks.validate.claims.claim import Estimate, Form, Outcome, Verdict

__all__ = ["VERDICTS", "allowed", "counts", "measured", "summary"]

#: In the order in which they are counted.
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

#: Numbers below this are written with an exponent.
_SMALL = 1e-3


def allowed(form: Form) -> str:
    """The range of a form: ``0.95 to 1.05``, ``≥ 0.95``, ``≤ 0.05``."""
    if form.low is None or form.high is None:
        return f"≤ {form.high:g}" if form.high is not None else f"≥ {form.low:g}"
    return f"{form.low:g} to {form.high:g}"


def measured(estimate: Estimate) -> str:
    """Value and 95% interval, to two digits of the interval's width; without a value, how many seeds gave none."""
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None:
        missing, seeds = estimate.missing, estimate.seeds
        return f"none: {missing} of {seeds} missing" if missing else f"none: {seeds} values"
    write = _writer(max(map(abs, (value, low, high))), high - low).format
    return f"{write(value)} [{write(low)}, {write(high)}]"


def _writer(size: float, width: float) -> str:
    """Format of numbers up to this size that are known to this width."""
    if width <= 1e-12 * size:
        return "{:.4g}"
    if size < _SMALL:
        return "{:.2e}"
    return f"{{:.{min(6, max(0, 1 - floor(log10(width))))}f}}"


def counts(outcomes: Sequence[Outcome]) -> dict[str, dict[Verdict, int]]:
    """How many claims, and how many of their forms, got each verdict."""
    claims = Counter(outcome.verdict for outcome in outcomes)
    forms = Counter(form.verdict for outcome in outcomes for form in outcome.forms)
    return {"claims": {v: claims[v] for v in VERDICTS}, "forms": {v: forms[v] for v in VERDICTS}}


def summary(outcomes: Sequence[Outcome]) -> str:
    """One line with all counts and the time it took."""
    parts = []
    for kind, by_verdict in counts(outcomes).items():
        total = sum(by_verdict.values())
        noun = kind if total != 1 else kind.removesuffix("s")
        parts.append(f"{total} {noun}: " + ", ".join(f"{number} {verdict}" for verdict, number in by_verdict.items()))
    return f"{'; '.join(parts)}. {sum(o.seconds for o in outcomes):,.0f} s"
