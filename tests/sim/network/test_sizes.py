"""Operations of a step against torch's own count of the products it does, and against counts by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch.utils.flop_counter import FlopCounterMode

from twopeaks.sim.network.data import pack_data
from twopeaks.sim.network.network import evaluate, init_params
from twopeaks.sim.network.runtime import Runtime, pinned
from twopeaks.sim.network.sizes import forward_flops, gradient_flops, step_flops
from twopeaks.sim.training.learner import Learner
from twopeaks.theory.setting import Setting, standard

NETWORKS: dict[str, dict[str, object]] = {
    "core": {"width": 12},
    "3 layers": {"width": 12, "layers": 3},
    "4 residual layers": {"width": 12, "layers": 4, "residual": True, "activation": "relu"},
    "shared table": {"width": 12, "embedding": "shared", "embedding_dim": 5},
    "separate tables": {"width": 12, "embedding": "separate", "embedding_dim": 5},
    "table and 3 layers": {"width": 12, "embedding": "shared", "embedding_dim": 5, "layers": 3},
    "product units": {"width": 12, "hidden": "product"},
    "product units, 3 layers": {"width": 12, "hidden": "product", "layers": 3},
    "complex": {"width": 12, "weights": "complex"},
    "complex, 3 layers": {"width": 12, "weights": "complex", "layers": 3},
    "transformer": {"width": 12, "family": "transformer", "embedding_dim": 8, "heads": 2, "activation": "relu"},
}
TASKS: dict[str, dict[str, object]] = {
    "two operands": {"group": "Z7", "samples": 20},
    "three operands": {"expression": "x*y + z", "field": 3, "samples": 11},
}
#: Real products in one of complex numbers, which torch counts as one.
COMPLEX = 4


def problem(network: dict[str, object], task: str = "two operands", **fields: object) -> Setting:
    return Setting.model_validate({"task": TASKS[task], "network": network, **fields})


def counted(setting: Setting, work: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() * (COMPLEX if setting.network.weights == "complex" else 1)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_a_step_takes_the_products_that_torch_counts(network: dict[str, object], task: str, double: Runtime) -> None:
    setting = problem(network, task)
    with pinned(double):
        learner = Learner(setting, [0], double)
        assert counted(setting, learner.step) == step_flops(setting) == gradient_flops(setting)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_a_test_takes_one_pass_over_the_table(network: dict[str, object], task: str, double: Runtime) -> None:
    setting = problem(network, task)
    params, data = init_params(setting, [0], double), pack_data([setting], [0], double)
    rows = setting.task.table_of().labels.size
    assert counted(setting, lambda: evaluate(setting, params, data, double)) == forward_flops(setting, rows)


@pytest.mark.parametrize(("n", "width"), [(20, 8), (264, 256)])
def test_the_core_takes_6nkm(n: int, width: int) -> None:
    assert step_flops(standard("Z23", n, width)) == 6 * n * width * 23
    assert forward_flops(standard("Z23", n, width), 529) == 2 * 529 * width * 23


def test_the_count_of_a_transformer_by_hand() -> None:
    setting = problem(NETWORKS["transformer"])
    d, K, M, n, tokens = 8, 12, 7, 20, 14
    attention = d * d + 2 * (tokens + 1) * d * d + n * d * d
    assert gradient_flops(setting) == 3 * 2 * (attention + 2 * n * d * K + n * d * M)


@pytest.mark.parametrize("network", [{"width": 12, "layers": 3}, {"width": 40, "embedding": "shared", "layers": 4}])
def test_muon_adds_its_own_products(network: dict[str, object], double: Runtime) -> None:
    setting = problem(network, optimizer={"name": "muon", "lr": 0.01})
    with pinned(double):
        learner = Learner(setting, [0], double)
        assert counted(setting, learner.step) == step_flops(setting) > gradient_flops(setting)


@pytest.mark.parametrize(
    ("samples", "extra"),
    [
        (40, 2 * 12 * 40 * 12 + 12**3 // 3 + 2 * 12 * 12 * 7 + 2 * 12 * 40 * 7),  # F^T F is the smaller one
        (9, 2 * 9 * 12 * 9 + 9**3 // 3 + 2 * 9 * 9 * 7 + 2 * 12 * 9 * 7),  # F F^T is
    ],
)
def test_a_solved_readout_adds_a_gram_matrix_a_factor_and_two_solves(samples: int, extra: int) -> None:
    setting = problem({"width": 12, "readout": "ridge"}).model_copy(update={"task": standard("Z7", samples).task})
    assert step_flops(setting) - gradient_flops(setting) == extra


def test_a_solved_readout_works_out_its_features_again(double: Runtime) -> None:
    """By torch's count, which leaves out the factor and what is solved with it."""
    setting = problem({"width": 12, "layers": 3, "weights": "complex", "readout": "ridge"})
    n, columns, M = 20, 24, 7
    gram = min(n, columns)
    real_products = 2 * gram * gram * columns + 2 * columns * n * M
    uncounted = gram**3 // 3 + 2 * gram * gram * M
    with pinned(double):
        learner = Learner(setting, [0], double)
        found = counted(setting, learner.step) - (COMPLEX - 1) * real_products
    assert found + uncounted == step_flops(setting)
