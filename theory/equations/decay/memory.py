"""Memory of Adam: after a burst of large gradients its second moment decides the size of later steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from twopeaks.theory.equations.core.algebra import relative, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Step
from twopeaks.theory.equations.core.numeric import extrapolated

__all__ = ["EQUATIONS", "memory"]

_LETTERS = {
    "k": "steps",
    "k_b": "step at which the burst ends",
    "G": "size of the gradient up to there",
    "g": "gradient from there on, constant and far smaller",
    "a": "-ln beta_2",
    "lr": "learning rate",
    "theta": "the parameter",
    "c": "the clock: it passes the same amount at all rates and decays, once multiplied by lr^(3/2) eta",
}

k, burst, a, lr, g, G, u = sp.symbols("k k_b a lr g G u", positive=True)


def _updates(h: float, *, decay: float, burst_end: float, end: float) -> np.ndarray:
    """How far theta moves after the burst, over lr g / G: updates of length h with beta_1 = 0, beta_2 = e^(-a h)."""
    beta, small, second, moved = np.exp(-decay * h), 1e-9, 0.0, 0.0
    for step in range(1, round(end / h) + 1):
        after = step > round(burst_end / h)
        gradient = small if after else 1.0
        second = beta * second + (1 - beta) * gradient**2
        if after:
            moved += h / np.sqrt(second / (1 - beta**step))
    return np.array([moved])


def memory() -> Equation:
    """clock.7: Adam after a burst of gradients."""
    X = sp.sqrt(sp.exp(a * k) - 1)
    clock = X - sp.atan(X)
    second = G**2 * (1 - sp.exp(-a * burst)) * sp.exp(-a * (k - burst))
    speed = lr * g * sp.sqrt(1 - sp.exp(-a * k)) / sp.sqrt(second)
    moved = lr * g / (G * sp.sqrt(sp.exp(a * burst) - 1)) * 2 / a * (clock - clock.subs(k, burst))

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(sp.simplify(sp.diff(2 / a * clock, k) - X))
        # Both sides are positive, so their squares decide.
        proved &= vanishes(sp.simplify(sp.diff(moved, k) ** 2 / speed**2) - 1)
        decay, first, last = rng.uniform(0.5, 1.5), 0.25, 2.0
        predicted = float(moved.subs({lr: 1, g: 1, G: 1, a: decay, burst: first, k: last}))
        iterated = extrapolated(lambda h: _updates(h, decay=decay, burst_end=first, end=last), 1 / 16)
        return Check(
            bool(proved), relative([predicted], iterated), "explicit updates, extrapolated to a = 0 at fixed a k"
        )

    early, late = sp.series(clock, k, 0, 3).removeO(), sp.limit(clock / sp.exp(a * k / 2), k, sp.oo)
    return Equation(
        "clock.7",
        "After memorising coupled Adam's clock is what it remembers of it: lr^(3/2)·eta·(X - arctan X)",
        sp.Tuple(
            sp.Eq(sp.Function("theta")(burst) - sp.Function("theta")(k), moved),
            sp.Eq(sp.Function("c")(k), clock),
        ),
        _LETTERS,
        "here",
        (
            "beta_1 -> 0, beta_2 -> 1 at fixed a k",
            "g << G: the slow gradients do not show in the second moment",
            "X = sqrt(e^(a k) - 1)",
        ),
        "Memorising takes k_b ∝ 1/lr steps << 1/a, so lr/sqrt(e^(a k_b) - 1) ∝ lr^(3/2); on the manifold g ∝ eta. So "
        "lr^(3/2) eta c(k) is one number for all rates and decays: early k ∝ lr^-1 eta^(-2/3), late k grows with "
        "logarithms. Once g^2 is no longer small against the second moment, or noise of finite steps is not, it ends.",
        check,
        (
            Step("second moment, not corrected, after the burst", second),
            Step("speed -dtheta/dk, with the correction 1 - beta_2^k", sp.simplify(speed)),
            Step("d/dk of 2/a times the clock", sp.simplify(sp.diff(2 / a * clock, k))),
            Step("the clock for a k << 1", early),
            Step("the clock over e^(a k/2) for a k >> 1", late),
        ),
        inputs=(k, a),
    )


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {"clock.7": memory}
