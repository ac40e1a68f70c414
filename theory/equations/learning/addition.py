"""Stage II for modular addition: the peaks of E of a cyclic group."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from twopeaks.theory.equations.core.algebra import vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Printed, Step
from twopeaks.theory.equations.learning.features import brute_energy
from twopeaks.theory.equations.learning.peaks import ascended
from twopeaks.theory.groups import cyclic

__all__ = ["EQUATIONS", "cyclic_peaks"]

_PAPER = "Tian, arXiv 2509.21519"
M = sp.Symbol("M", integer=True, positive=True)


def cyclic_peaks() -> Equation:
    """feat.10: the corollary on modular addition: which features, how high."""
    c, p, a = sp.symbols("c p a", positive=True)
    # Shares p of |w|^2 in the mode and c of that in u. A pair k, -k: |u^_k|^2 = c p M/2; k = M/2: |u^_k|^2 = c p M.
    pair = sp.simplify(2 / M * 2 * (c * p * M / 2) * ((1 - c) * p * M / 2))
    alone = sp.simplify(2 / M * (c * p * M) * ((1 - c) * p * M))
    heights = [mode.subs({c: sp.Rational(1, 2), p: 1}) for mode in (pair, alone)]
    mixed = sp.expand(pair.subs(c, sp.Rational(1, 2)) + a * (1 - p) ** 2)

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(heights[0] - M / 4) and vanishes(heights[1] - M / 2) and sp.diff(mixed, p, 2).is_positive
        corrected, printed = [], []
        for order in (5, 6, 7, 8):
            group = cyclic(order)
            for start in rng.standard_normal((6, 2 * order)):
                w = ascended(group, start)
                powers = (np.abs(np.fft.rfft(w.reshape(2, order), axis=1)) ** 2).sum(axis=0)
                height = order / 2 if 2 * int(powers.argmax()) == order else order / 4
                height_reached = brute_energy(group, *np.split(w, 2))
                corrected += [abs(height_reached / height - 1), 1 - float(powers.max() / powers.sum())]
                printed.append(abs(4 * height_reached / height - 1))
        return Check(
            bool(proved), max(corrected), "energy and spectrum of random ascents of E on Z5 to Z8", min(printed)
        )

    names = [sp.Symbol("E_k"), sp.Symbol("E_{M/2}")]
    return Equation(
        "feat.10",
        "Modular addition: every peak is a cosine of one frequency, M/4, or +-1 in turn, M/2",
        sp.Tuple(*(sp.Eq(name, height) for name, height in zip(names, heights, strict=True))),
        {
            "E_k": "energy of a peak u_a ~ cos(2 pi k a/M + phase), v_b likewise, |w| = 1",
            "E_{M/2}": "energy of the peak u_a, v_b ~ (-1)^a, (-1)^b, which even M has",
            "M": "order of the group",
        },
        f"{_PAPER}, corollary of theorem 2 for modular addition",
        ("as feat.4", "cyclic group"),
        "On part of the table modes couple, and below a density of 2/3 row detectors stand higher (mem.3).",
        check,
        (
            Step("a pair k, -k with shares p of |w|^2, c of that in u", pair),
            Step("k = M/2, its own partner", alone),
            Step("pair and another mode of height a, convex in p: no maximum between", mixed),
        ),
        Printed(
            sp.Tuple(sp.Eq(names[0], M / 16), sp.Eq(names[1], M / 8)),
            "The factor 4 of feat.4: M/16 and M/8 are its printed energies at d = 1.",
        ),
    )


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {"feat.10": cyclic_peaks}
