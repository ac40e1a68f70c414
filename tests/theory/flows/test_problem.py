"""The numpy network of the flows against dense one-hots, autograd and the trainer's own data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests import oracle
from twopeaks.theory.errors import InputError
from twopeaks.theory.flows.problem import Problem, centred_classes, centred_samples, norm_growth
from twopeaks.theory.setting import Network, Setting, Task

K = 9
TORCH_SIGMA = {**oracle.SIGMA, "relu^3": lambda z: torch.relu(z) ** 3}


def problem(activation: str = "x^2", dtype: str = "float64") -> Problem:
    rng = np.random.default_rng(5)
    pairs = np.sort(rng.choice(36, size=20, replace=False))
    return Problem(6, pairs, rng.integers(0, 6, 36), activation, dtype)  # type: ignore[arg-type]


def weights(seed: int = 0, order: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2 * order, K)), rng.normal(size=(K, order))


def dense(p: Problem) -> tuple[torch.Tensor, torch.Tensor]:
    hot = torch.nn.functional.one_hot
    pairs = torch.as_tensor(p.pairs)
    X = torch.cat([hot(pairs // p.order, p.order), hot(pairs % p.order, p.order)], dim=1).double()
    return X, hot(torch.as_tensor(p.labels)[pairs], p.order).double()


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.tensor(a, requires_grad=True) for a in arrays]


@pytest.mark.parametrize("activation", TORCH_SIGMA)
def test_loss_and_gradient_are_those_of_autograd(activation: str) -> None:
    p, (X, Y) = problem(activation), dense(problem(activation))
    W, V = tensors(*weights())
    O = TORCH_SIGMA[activation](X @ W) @ V
    R = O - Y
    loss = (R - R.mean(dim=1, keepdim=True)).square().sum() / len(Y)
    loss.backward()
    assert p.loss(*weights()) == pytest.approx(float(loss.detach()), rel=1e-12)
    for ours, theirs in zip(p.gradient(*weights()), (W.grad, V.grad), strict=True):
        assert theirs is not None
        assert ours == pytest.approx(theirs.numpy(), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("activation", TORCH_SIGMA)
def test_push_is_the_derivative_of_the_outputs_and_back_its_transpose(activation: str) -> None:
    p, (X, _), h = problem(activation), dense(problem(activation)), 1e-6
    (W, V), (dW, dV) = weights(), weights(1)
    at = p.forward(W, V)
    expected = TORCH_SIGMA[activation](X @ torch.tensor(W)) @ torch.tensor(V)
    assert pytest.approx(expected.numpy()) == at.O
    dF, dO = p.push(at, V, dW, dV)
    ahead, behind = p.forward(W + h * dW, V + h * dV), p.forward(W - h * dW, V - h * dV)
    assert dF == pytest.approx((ahead.F - behind.F) / (2 * h), rel=1e-5, abs=1e-6)
    assert dO == pytest.approx((ahead.O - behind.O) / (2 * h), rel=1e-5, abs=1e-6)
    u = np.random.default_rng(2).normal(size=dO.shape)
    bW, bV = p.back(at, V, u)
    assert np.vdot(u, dO) == pytest.approx(np.vdot(bW, dW) + np.vdot(bV, dV), rel=1e-12)


def test_accuracy_counts_pairs() -> None:
    p, (W, V) = problem(), weights()
    right = [int(((W[i // 6] + W[6 + i % 6]) ** 2 @ V).argmax() == p.labels[i]) for i in range(36)]
    assert p.accuracy(W, V, p.pairs) == pytest.approx(np.mean([right[i] for i in p.pairs]))
    assert p.accuracy(W, V, p.rest) == pytest.approx(np.mean([right[i] for i in range(36) if i not in p.pairs]))
    assert p.accuracies(W, V) == {
        "train_accuracy": p.accuracy(W, V, p.pairs),
        "test_accuracy": p.accuracy(W, V, p.rest),
    }
    assert list(Problem(6, np.arange(36), p.labels).accuracies(W, V)) == ["train_accuracy"]


def test_accuracy_of_many_pairs_goes_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    p, (W, V) = problem(), weights()
    whole = p.accuracy(W, V, p.rest)
    monkeypatch.setattr("twopeaks.theory.flows.problem._BLOCK", 2 * K)
    assert p.accuracy(W, V, p.rest) == whole


def test_the_problem_is_that_of_the_trainer() -> None:
    setting = Setting(task=Task(group="D4", samples=30), network=Network(width=K, activation="silu"))
    p, (X, labels) = Problem.of(setting, 3), oracle.dense_data(setting, 3, torch.float64)
    assert np.array_equal(p.X.toarray(), X.numpy())
    assert np.array_equal(p.Y.argmax(axis=1), labels.numpy())


def test_single_precision_is_close() -> None:
    for ours, exact in zip(problem(dtype="float32").gradient(*weights()), problem().gradient(*weights()), strict=True):
        assert ours.dtype == np.float32
        assert ours == pytest.approx(exact, rel=1e-4, abs=1e-4)


def test_centrings_and_growth() -> None:
    rng = np.random.default_rng(0)
    A = rng.normal(size=(4, 3))
    assert centred_samples(A) == pytest.approx((np.eye(4) - 1 / 4) @ A)
    assert centred_classes(A) == pytest.approx(A @ (np.eye(3) - 1 / 3))
    (R, dR), (V, dV), h = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 5, 3)), 1e-6
    half = [0.5 * np.sum(((R + s * dR) @ (V + s * dV).T) ** 2) for s in (-h, h)]
    assert norm_growth(R, dR, V, dV) == pytest.approx((half[1] - half[0]) / (2 * h), rel=1e-6)


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(InputError, match="activation must be x\\^q, relu"):
        problem("sine")


@pytest.mark.parametrize(
    "network",
    [
        *({"layers": 3}, {"weights": "complex"}, {"readout": "ridge"}, {"output_scale": 2.0}),
        *({"embedding": "shared"}, {"hidden": "product"}, {"family": "transformer"}),
    ],
    ids=str,
)
def test_networks_that_no_flow_describes_are_refused(network: dict[str, object]) -> None:
    setting = Setting.model_validate({"task": {"group": "D4", "samples": 30}, "network": {"width": K, **network}})
    with pytest.raises(InputError, match="setting must be two real, trained layers under mse"):
        Problem.of(setting, 0)
