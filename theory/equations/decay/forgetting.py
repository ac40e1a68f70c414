"""Weight decay of parameters that the loss does not depend on, such as nodes that have lost the competition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from twopeaks.theory.equations.core.algebra import Matrix, relative
from twopeaks.theory.equations.core.equation import Check, Equation, Step
from twopeaks.theory.equations.core.numeric import extrapolated, integrated

__all__ = ["EQUATIONS", "profile", "three_rules"]

_LETTERS = {
    "theta_0": "value of the parameter at the start, positive",
    "k": "steps",
    "tau": "lr·eta·steps",
    "eta": "weight decay",
    "lr": "learning rate",
}

k = sp.Symbol("k", integer=True, positive=True)
tau, lr, eta, start, x, s = sp.symbols("tau lr eta theta_0 x s", positive=True)


def _adam(theta: float, steps: int, *, rate: float, decay: float) -> Matrix:
    """Adam with coupled decay and no other gradient, epsilon = 0: theta after 0 … steps updates."""
    first, second, path, betas = 0.0, 0.0, [theta], (0.9, 0.999)
    for step in range(1, steps + 1):
        gradient = decay * path[-1]
        first = betas[0] * first + (1 - betas[0]) * gradient
        second = betas[1] * second + (1 - betas[1]) * gradient**2
        mean, square = first / (1 - betas[0] ** step), second / (1 - betas[1] ** step)
        path.append(path[-1] - rate * mean / np.sqrt(square))
    return np.array(path)


def _two_updates(theta: sp.Expr) -> list[sp.Expr]:
    """The first two updates, in units of lr, of Adam with coupled decay and no other gradient."""
    b1, b2 = sp.symbols("beta_1 beta_2", positive=True)
    updates, first, second = [], sp.S.Zero, sp.S.Zero
    for step in (1, 2):
        first = b1 * first + (1 - b1) * eta * theta
        second = b2 * second + (1 - b2) * (eta * theta) ** 2
        mean, square = (sp.factor(m / (1 - b**step)) for m, b in ((first, b1), (second, b2)))
        updates.append(sp.powsimp(mean / sp.sqrt(square)))
        theta = theta - lr * updates[-1]
    return updates


def three_rules() -> Equation:
    """clock.4: decay alone, rule by rule."""
    updates, scaled = _two_updates(start), _two_updates(lr * x)
    plain = start * (1 - lr * eta) ** k

    def check(rng: np.random.Generator) -> Check:
        proved = not any(update.has(eta) for update in updates) and not any(update.has(lr) for update in scaled)
        proved &= all(sp.limit(sp.cancel(update**2), x, sp.oo) == 1 for update in scaled)
        proved &= sp.limit((1 - tau / k) ** k, k, sp.oo) == sp.exp(-tau)
        rate, decay, steps, theta = rng.uniform(0.01, 0.1), rng.uniform(0.1, 0.5), 40, 1.3
        formula = float(plain.subs({start: theta, lr: rate, eta: decay, k: steps}))
        for _ in range(steps):
            theta -= rate * decay * theta
        single = _adam(500 * rate, 800, rate=rate, decay=decay) / rate
        other = _adam(500 * 0.003, 800, rate=0.003, decay=7e-4) / 0.003
        fallen = extrapolated(lambda y: 1 / y - _adam(1 / y, steps, rate=1.0, decay=1.0)[-1:], 1e-3)
        errors = relative(formula, theta), relative(single, other), relative(fallen, steps)
        return Check(
            bool(proved), max(errors), "explicit updates; Adam with two pairs (lr, eta), and for large theta_0/lr"
        )

    h = sp.Function("h")
    return Equation(
        "clock.4",
        "What the loss ignores dies by the clock tau under SGD and AdamW, by lr·steps alone under coupled Adam",
        sp.Tuple(
            sp.Eq(sp.Symbol("theta_Adam"), lr * h(start / lr, k)),
            sp.Eq(sp.Limit(x - h(x, k), x, sp.oo, "-"), k),
            sp.Eq(sp.Symbol("theta_AdamW"), plain),
        ),
        _LETTERS
        | {"h(x, k)": "one function for all lr and eta, x = theta_0/lr", "theta_AdamW": "after k steps; SGD's too"},
        "here",
        ("gradient of the loss exactly 0", "SGD: no momentum", "Adam: epsilon = 0, i.e. eta |theta| far above 1e-8"),
        "theta_AdamW is theta_0 e^-tau for small lr·eta. Adam takes lr a step, whatever eta, only at first: clock.6.",
        check,
        (
            Step("first two updates of coupled Adam over lr: eta cancels", sp.Tuple(*updates)),
            Step("the second with theta_0 = lr x: lr cancels", scaled[1]),
            Step("its square for large x", sp.limit(sp.cancel(scaled[1] ** 2), x, sp.oo)),
        ),
        inputs=(start, lr, eta, k),
    )


def _start_of_profile(orders: int) -> tuple[sp.Expr, bool]:
    """Power series of f about s = 0, and whether it solves f'^2 int f^2 = s f^2 to that order."""
    unknown = sp.symbols(f"a_1:{orders + 1}", real=True)
    series = 1 + sum(a * s**power for power, a in enumerate(unknown, start=1))
    balance = sp.expand(sp.diff(series, s) ** 2 * sp.integrate(sp.expand(series**2), (s, 0, s)) - s * series**2)
    coefficients = {unknown[0]: sp.Integer(-1)}  # of the two roots, the falling one
    for power, a in enumerate(unknown[1:], start=2):
        coefficients[a] = sp.solve(balance.coeff(s, power).subs(coefficients), a)[0]
    solved = all(balance.coeff(s, power).subs(coefficients) == 0 for power in range(orders + 1))
    return series.subs(coefficients), solved


def _plain_mean(end: float, steps: int) -> float:
    """theta/theta_0 after so many updates of size lr = end·theta_0/steps with beta_1 = 0, beta_2 -> 1."""
    theta, total = 1.0, 0.0
    for step in range(1, steps + 1):
        total += theta**2
        theta -= end / steps * theta / np.sqrt(total / step)
    return theta


def profile() -> Equation:
    """clock.6: the whole decay under coupled Adam, in the limit of many steps."""
    f, u = sp.Function("f"), sp.Symbol("u", positive=True)
    beta, gradients = sp.Symbol("beta_2", positive=True), sp.symbols("g_1:4", positive=True)
    moment = sum((1 - beta) * beta ** (3 - i) * g**2 for i, g in enumerate(gradients, start=1)) / (1 - beta**3)
    mean = sp.limit(sp.cancel(moment), beta, 1)
    series, solved = _start_of_profile(5)

    def check(rng: np.random.Generator) -> Check:
        end, early = rng.uniform(0.5, 1.5), 0.01
        begin = [float(y.subs(s, early)) for y in (series, sp.integrate(sp.expand(series**2), (s, 0, s)))]

        def slope(t: float, y: Matrix) -> Matrix:
            return np.array([-y[0] * np.sqrt((t + early) / y[1]), y[0] ** 2])

        from_series = integrated(slope, np.array(begin), end - early, method="DOP853")[0]
        updates = extrapolated(lambda y: np.array([_plain_mean(end, round(1 / y))]), 1 / 32)
        proved = solved and sp.expand(mean - sum(g**2 for g in gradients) / 3) == 0
        return Check(proved, relative([from_series], updates), "explicit updates, extrapolated to lr/theta_0 = 0")

    return Equation(
        "clock.6",
        "How coupled Adam forgets what the loss ignores: a bell-like fall over theta_0/lr steps",
        sp.Tuple(
            sp.Eq(sp.Symbol("theta"), start * f(lr * k / start)),
            sp.Eq(sp.Derivative(f(s), s), -f(s) * sp.sqrt(s / sp.Integral(f(u) ** 2, (u, 0, s)))),
        ),
        _LETTERS | {"f": "theta/theta_0; f(0) = 1, f(1) = 0.277, f(2) = 0.041", "s": "lr·k/theta_0"},
        "here",
        (
            "gradient of the loss exactly 0",
            "beta_1 -> 0, beta_2 -> 1: Adam's second moment is the plain mean so far",
            "theta_0 >> lr",
        ),
        "Momentum lags by about 10 steps. Where theta_0 is far above lr/(1 - beta_2) = 1000 lr the moment forgets, and "
        "theta falls straight, lr a step, until it is about that small.",
        check,
        (
            Step("bias-corrected second moment after three steps, beta_2 -> 1", mean),
            Step("f near 0", series),
        ),
    )


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "clock.4": three_rules,
    "clock.6": profile,
}
