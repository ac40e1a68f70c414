"""The clock after memorisation: tau = lr · eta · steps.

While the loss is near zero, weight decay moves the parameters theta along the manifold r(theta) = 0 of zero residual,
and the loss keeps them there. J = dr/dtheta is the Jacobian of the residuals.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from twopeaks.theory.equations.core.algebra import Matrix, matrix, relative, symbols_of, vanishes
from twopeaks.theory.equations.core.equation import Check, Equation, Step
from twopeaks.theory.equations.core.numeric import extrapolated, integrated, lowered
from twopeaks.theory.equations.decay.forgetting import EQUATIONS as FORGETTING
from twopeaks.theory.equations.decay.memory import EQUATIONS as MEMORY

__all__ = ["EQUATIONS", "balance", "norm_of_node", "preconditioned", "slow_flow"]

_LETTERS = {
    "theta": "all parameters (W, V), N of them",
    "tau": "lr·eta·steps",
    "J": "Jacobian of the C residuals in theta, C x N, of full row rank",
    "eta": "weight decay",
    "lr": "learning rate",
}

N, C, k = sp.symbols("N C k", integer=True, positive=True)
tau, lr, eta, q = sp.symbols("tau lr eta q", positive=True)
J, theta, D = symbols_of("J", C, N), symbols_of("theta", N, 1), symbols_of("D", N, N)


# --- a small network, to integrate -----------------------------------------------------------------------


def _outputs(y: Matrix, x: Matrix) -> tuple[Matrix, Matrix]:
    """Outputs F V and their Jacobian, for two nodes z^2, two inputs, one output: y = (W row by row, V)."""
    w, v = y[:4].reshape(2, 2), y[4:]
    z = x @ w
    slopes = 2 * x[:, :, None] * (z * v)[:, None, :]
    return z**2 @ v, np.concatenate([slopes.reshape(len(x), 4), z**2], axis=1)


def _example(rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Two samples, and parameters of which no constraint is nearly degenerate."""
    x = np.linalg.qr(rng.standard_normal((2, 2))).Q
    return x, np.concatenate([rng.uniform(0.7, 1.3, 4) * rng.choice([-1, 1], 4), rng.uniform(0.7, 1.3, 2)])


def _full_flow(x: Matrix, start: Matrix, *, weights: Matrix, coupled: bool) -> Callable[[float], Matrix]:
    """State at tau = 0.5, as a function of eta, of the whole flow: loss 1/2 |r|^2 and decay; weights are diag D."""
    target = _outputs(start, x)[0]

    def at(decay: float) -> Matrix:
        def slope(_: float, y: Matrix) -> Matrix:
            outputs, jacobian = _outputs(y, x)
            pull = weights * (jacobian.T @ (outputs - target)) / decay
            return np.asarray(-pull - (weights * y if coupled else y))

        return integrated(slope, start, 0.5, method="LSODA")

    return at


def _along_manifold(x: Matrix, start: Matrix, velocity: Callable[[Matrix, Matrix], Matrix]) -> Matrix:
    """State at tau = 0.5 of the slow flow dtheta/dtau = velocity(J, theta)."""
    return integrated(lambda _, y: velocity(_outputs(y, x)[1], y[:, None])[:, 0], start, 0.5, method="DOP853")


# --- the equations ---------------------------------------------------------------------------------------


def _toy_flow() -> tuple[sp.Symbol, sp.Symbol, sp.Expr, sp.Matrix]:
    """One node on w^2 v = q: w, v, the multiplier lambda = r/eta, and d(w, v)/dtau."""
    (w, v), multiplier = sp.symbols("w v", positive=True), sp.Symbol("lambda", real=True)
    place = sp.Matrix([w, v])
    jacobian = sp.Matrix([w**2 * v - q]).jacobian(place)
    velocity = -jacobian.T * multiplier - place
    held = sp.solve((jacobian * velocity)[0], multiplier)[0]
    return w, v, sp.simplify(held), velocity.subs(multiplier, held).applyfunc(sp.factor)


def slow_flow() -> Equation:
    """clock.1: gradient descent with decay, on the manifold of zero loss."""
    w, v, held, velocity = _toy_flow()
    jacobian, place = matrix("j", 2, 3), matrix("theta", 3, 1)
    tangent = sp.Identity(N) - J.T * sp.Inverse(J * J.T) * J
    gram = jacobian * jacobian.T
    projected = gram.det() * place - jacobian.T * gram.adjugate() * jacobian * place  # det · P_T theta

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(jacobian * projected) and vanishes(projected.dot(gram.det() * place - projected))
        normal, point = sp.Matrix([[2 * w * v, w**2]]), sp.Matrix([w, v])
        proved &= vanishes(velocity + point - normal.T * (normal * normal.T).inv() * normal * point)
        x, start = _example(rng)
        along = _along_manifold(x, start, lowered(-tangent * theta, (J, theta), {N: 6, C: 2}))
        full = extrapolated(_full_flow(x, start, weights=np.ones(6), coupled=False), 0.02)
        return Check(
            proved, relative(along, full), "the whole flow with its loss, extrapolated to eta = 0 at fixed tau"
        )

    return Equation(
        "clock.1",
        "After memorisation: norm descent on the manifold of zero loss, by the clock lr·eta·steps",
        sp.Eq(sp.Derivative(sp.Symbol("theta"), tau), -tangent * theta, evaluate=False),
        _LETTERS,
        "here",
        (
            "gradient flow on loss + (eta/2)|theta|^2: lr small",
            "eta small: the residual is r = eta·lambda, and lambda holds J dtheta/dtau = 0",
            "the loss has a minimum in r at 0; its shape does not matter",
        ),
        "Neither lr nor eta is left: one slow flow serves all. Adam has a flow of its own: clock.5.",
        check,
        (
            Step("one node on w^2 v = q: lambda of r = eta·lambda", held),
            Step("d(w, v)/dtau = -J^T lambda - (w, v)", velocity),
            Step("d(w^2 + v^2)/dtau", sp.factor(2 * velocity.dot(sp.Matrix([w, v])))),
        ),
    )


def _positive(name: str) -> sp.Matrix:
    return sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"{name}_{i + 1}{j + 1}", positive=True))


def balance() -> Equation:
    """clock.2: a quantity that rescaling a node conserves and that decays with weight decay."""
    p, d0 = sp.Symbol("p", positive=True), sp.Symbol("D_0", real=True)
    x, w, v, slopes = (_positive(name) for name in ("x", "w", "v", "c"))
    outputs = (x * w).applyfunc(lambda z: z**p) * v
    loss = sum(c * o for c, o in zip(slopes, outputs, strict=True))  # to first order any loss has this form
    pull_w = [sum(y * sp.diff(loss, y) for y in w[:, j]) for j in range(2)]
    pull_v = [sum(y * sp.diff(loss, y) for y in v[j, :]) for j in range(2)]
    closed = d0 * sp.exp(-2 * tau)

    def check(rng: np.random.Generator) -> Check:
        proved = all(sp.simplify(a - p * b) == 0 for a, b in zip(pull_w, pull_v, strict=True))
        gaps = [_balance_gap(rng, power, sp.lambdify((d0, tau), closed)) for power in (2, 3)]
        return Check(proved, max(gaps), "gradient flow of 3 nodes z^2 or z^3, decay 0.3, from a random start")

    return Equation(
        "clock.2",
        "Each node's layers come into balance at the rate 2 of the clock",
        sp.Eq(sp.Function("D_j")(tau), closed),
        _LETTERS
        | {"D_j": "|w_j|^2 - p |v_j|^2 of node j; D_0 its value at tau = 0", "p": "degree: sigma(s z) = s^p sigma(z)"},
        "here",
        ("gradient flow", "any loss of the outputs", "any eta, on the manifold and off it"),
        "So |W|^2 = 2 |V|^2 in the end for z^2. Steps of finite size, Adam and biases break it.",
        check,
        (
            Step("w_1·dL/dw_1 with dL/do = c (2 samples, 2 nodes, 2 outputs)", sp.simplify(pull_w[0])),
            Step("over v_1·dL/dv_1", sp.simplify(pull_w[0] / pull_v[0])),
        ),
        inputs=(d0, tau),
    )


def _balance_gap(rng: np.random.Generator, power: int, closed: Callable[[Matrix, float], Matrix]) -> float:
    """clock.2 against the gradient flow of a network with sigma(z) = z^power, eta = 0.3, to t = 1.5."""
    x, y, decay, end = rng.standard_normal((4, 3)), rng.standard_normal((4, 2)), 0.3, 1.5
    start = 0.7 * rng.standard_normal(15)

    def slope(_: float, state: Matrix) -> Matrix:
        w, v = state[:9].reshape(3, 3), state[9:].reshape(3, 2)
        z = x @ w
        error = z**power @ v - y
        back_w = x.T @ (error @ v.T * power * z ** (power - 1))
        return -np.concatenate([back_w.ravel(), (z.T**power @ error).ravel()]) - decay * state

    def differences(state: Matrix) -> Matrix:
        return np.asarray(
            (state[:9].reshape(3, 3) ** 2).sum(axis=0) - power * (state[9:].reshape(3, 2) ** 2).sum(axis=1)
        )

    return relative(
        closed(differences(start), decay * end), differences(integrated(slope, start, end, method="DOP853"))
    )


def norm_of_node() -> Equation:
    """clock.3: the slow flow of one node in closed form."""
    d0, d, root = sp.Symbol("D_0", real=True), sp.Symbol("D", real=True), sp.Symbol("R", positive=True)
    w, v, _, velocity = _toy_flow()
    imbalance = sp.cancel(sp.diff(w**2 - 2 * v**2, w) * velocity[0] + sp.diff(w**2 - 2 * v**2, v) * velocity[1])
    cubic = sp.expand((2 * v**2 + d) * v - q)
    cardano = sp.cbrt(q / 4 + sp.sqrt(q**2 / 16 + d**3 / 216))
    size = root - d / (6 * root)
    strength = sp.solve(cubic.subs(v, size), q)[0]  # q for which R - D/(6 R) is the root
    outer = (size**2 + q / size).subs(root, cardano).subs(d, d0 * sp.exp(-2 * tau))
    floor = sp.simplify((size**2 + q / size).subs(root, cardano).subs(d, 0))

    def check(rng: np.random.Generator) -> Check:
        proved = sp.cancel(imbalance + 2 * (w**2 - 2 * v**2)) == 0
        proved &= sp.cancel((root**3 - strength / 4) ** 2 - strength**2 / 16 - d**3 / 216) == 0
        proved &= sp.simplify(floor - 3 * (q / 2) ** sp.Rational(2, 3)) == 0
        slope, formula = sp.lambdify((w, v), list(velocity)), sp.lambdify((q, d0, tau), outer)
        strong, ratios = rng.uniform(0.5, 1.5, 4), rng.uniform(0.8, 3, 4)
        starts = np.stack([ratios * strong, strong], axis=1)
        ends = [integrated(lambda _, y: np.array(slope(*y)), y, 0.6, method="DOP853") for y in starts]
        predicted = [formula(a**2 * b, a**2 - 2 * b**2, 0.6) for a, b in starts]
        return Check(
            bool(proved), relative(predicted, np.sum(np.square(ends), axis=1)), "clock.1 integrated from 4 starts"
        )

    return Equation(
        "clock.3",
        "Norm of one node on its way down to its height",
        sp.Eq(sp.Function("c")(tau), outer),
        _LETTERS | {"c": "cost w^2 + v^2", "q": "w^2 v, which the data fix", "D_0": "w^2 - 2 v^2 at tau = 0"},
        "here",
        (
            "one node z^2 with scalar w, v on w^2 v = q > 0",
            "clock.1",
            "w^2 > v^2/2 at the start; below, with complex roots",
        ),
        "Ends at 3 (q/2)^(2/3), heights.1. Nodes that trade q among each other descend more slowly: grokking.",
        check,
        (
            Step("d(w^2 - 2 v^2)/dtau", sp.factor(imbalance)),
            Step("with D = w^2 - 2 v^2 the node solves 0 =", cubic),
            Step("v = R - D/(6 R) with R =", cardano),
            Step("norm v^2 + q/v at D = 0", floor),
        ),
        inputs=(q, d0, tau),
    )


def preconditioned() -> Equation:
    """clock.5: the slow flow with a preconditioner, and the clock of Adam."""
    scale, (d1, d2) = sp.Symbol("s", positive=True), sp.symbols("d_1 d_2", positive=True)
    w, v, _, _ = _toy_flow()
    jacobian, point = sp.Matrix([[2 * w * v, w**2]]), sp.Matrix([w, v])

    def velocity(weights: sp.Matrix, decay: sp.Matrix) -> sp.Matrix:
        gram = (jacobian * weights * jacobian.T)[0]
        return (weights * jacobian.T * jacobian * decay / gram - decay).applyfunc(sp.factor)

    oblique = sp.Identity(N) - D * J.T * sp.Inverse(J * D * J.T) * J
    statement = sp.Tuple(
        sp.Eq(sp.Derivative(sp.Symbol("theta_AdamW"), tau), -oblique * theta, evaluate=False),
        sp.Eq(sp.Derivative(sp.Symbol("theta_Adam"), tau), -oblique * D * theta, evaluate=False),
    )
    weights = sp.diag(d1, d2)
    decoupled, coupled = velocity(weights, point), velocity(weights, weights * point)

    def check(rng: np.random.Generator) -> Check:
        proved = vanishes(velocity(scale * weights, point) - decoupled)
        proved &= vanishes(velocity(scale * weights, scale * weights * point) - scale * coupled)
        proved &= vanishes(jacobian * decoupled) and vanishes(jacobian * coupled)
        (x, start), chosen = _example(rng), rng.uniform(0.5, 2, 6)

        def gap(relation: sp.Eq, coupled: bool) -> float:
            slope = lowered(relation.rhs, (J, D, theta), {N: 6, C: 2})
            projected = _along_manifold(x, start, lambda jac, y: np.asarray(slope(jac, np.diag(chosen), y)))
            return relative(projected, extrapolated(_full_flow(x, start, weights=chosen, coupled=coupled), 0.02))

        gaps = [gap(relation, coupled) for relation, coupled in zip(statement, (False, True), strict=True)]
        return Check(proved, max(gaps), "the whole preconditioned flow, extrapolated to eta = 0 at fixed tau")

    return Equation(
        "clock.5",
        "Preconditioned descent: AdamW keeps the clock with a flow of its own, coupled Adam does not",
        statement,
        _LETTERS | {"D": "positive diagonal preconditioner, 1/sqrt of Adam's second moment"},
        "here",
        ("eta small", "D varies slowly", "no momentum: its memory is short against 1/(lr·eta)"),
        "With s D for D AdamW's flow stays, so its clock is tau, and coupled Adam's runs s times faster. On the "
        "manifold gradients are O(eta), s ~ 1/eta: Adam's time is lr·steps, once D has forgotten larger gradients. "
        "AdamW rests where theta is in the range of D J^T, which is not the least norm.",
        check,
        (
            Step("one node on w^2 v = q, decoupled decay", decoupled),
            Step("coupled decay", coupled),
            Step("decoupled, it rests at w =", sp.solve(sp.numer(decoupled[0]) / w, w)[0]),
            Step("coupled, it rests at w =", sp.solve(sp.numer(coupled[0]) / w, w)[0]),
            Step(
                "AdamW with s D less AdamW with D", (velocity(scale * weights, point) - decoupled).applyfunc(sp.cancel)
            ),
        ),
    )


#: Equations of this file, in the order in which they are shown.
EQUATIONS: dict[str, Callable[[], Equation]] = {
    "clock.1": slow_flow,
    "clock.2": balance,
    "clock.3": norm_of_node,
    "clock.4": FORGETTING["clock.4"],
    "clock.5": preconditioned,
    "clock.6": FORGETTING["clock.6"],
    "clock.7": MEMORY["clock.7"],
}
