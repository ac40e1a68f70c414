"""The generalising peak of any group: nodes against tables, closed forms against networks, search and training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize

from twopeaks.sim.network.runtime import resolve
from twopeaks.sim.storage.records import Plan
from twopeaks.sim.training.loop import train
from twopeaks.theory.equations.lower import function
from twopeaks.theory.groups import Group, named
from twopeaks.theory.groups.constructions import Nodes, feature_nodes, quaternion_nodes, remainder, wanted
from twopeaks.theory.groups.irreps import block_basis, irreps, real_blocks
from twopeaks.theory.groups.representations import Representation, representations
from twopeaks.theory.heights.blocks import Kind, block_cost, kind_of, kinds
from twopeaks.theory.heights.heights import generalising_cost, pair_cost, real_cost
from twopeaks.theory.heights.sharing import SharedHeight, shared_height
from twopeaks.theory.setting import standard

GROUPS = ["Z2", "Z7", "Z8", "Z2xZ6", "S3", "D5", "Q8", "Dic3", "A4", "F21", "SL(2,3)", "S4", "A5"]


def blocks(group: Group) -> list[Representation]:
    """One representation of each block but the trivial one."""
    found = representations(group)
    return [found[block[0]] for block in real_blocks([rho.irrep for rho in found])[1:]]


def kind(rho: Representation, group: Group) -> Kind:
    return kind_of(rho.irrep, irreps(group))


def cost(nodes: Nodes) -> float:
    """|W|^2 + |V|^2 when every node has its cheapest scale: 3 (q/2)^(2/3), q = |w|^2 |v|."""
    q = (nodes.W**2).sum(axis=0) * np.sqrt((nodes.V**2).sum(axis=1))
    return float((3 * (q / 2) ** (2 / 3)).sum())


# --- nodes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GROUPS)
def test_wanted_terms_of_all_blocks_are_the_centred_labels(name: str) -> None:
    group = named(name)
    total = sum(wanted(rho, group.table) for rho in blocks(group))
    np.testing.assert_allclose(total, np.eye(group.order)[group.table] - 1 / group.order, atol=1e-12)


@pytest.mark.parametrize("name", GROUPS)
def test_nodes_build_their_block_up_to_a_function_of_c(name: str) -> None:
    group = named(name)
    for rho in blocks(group):
        nodes, arguments = feature_nodes(rho), kind(rho, group).arguments(group.order)
        left = remainder(nodes, rho, group.table)
        over = left.mean(axis=(0, 1))
        np.testing.assert_allclose(left, np.broadcast_to(over, left.shape), atol=1e-13)
        assert nodes.W.shape[1] == np.prod(arguments[1:])
        assert cost(nodes) == pytest.approx(function("heights.7")(*arguments), rel=1e-12)
        assert over @ over == pytest.approx(function("heights.8")(*arguments), rel=1e-12)


@pytest.mark.parametrize("name", GROUPS)
def test_exact_nodes_leave_nothing_over(name: str) -> None:
    group = named(name)
    for rho in blocks(group):
        nodes = feature_nodes(rho, exact=True)
        assert np.abs(remainder(nodes, rho, group.table)).max() < 1e-13
        cheapest = function("heights.9")(*kind(rho, group).arguments(group.order), 1, 0.0)
        built = kind(rho, group).functions == 1 or (rho.dim, rho.irrep.schur) in ((1, 0), (2, 1))
        assert cost(nodes) == pytest.approx(cheapest, rel=1e-12) if built else cost(nodes) > cheapest


def test_characters_cost_what_the_older_equations_say() -> None:
    assert function("heights.9")(24, 1, 2, 2, 1, 0.0) == pytest.approx(pair_cost(24), rel=1e-14)
    assert function("heights.9")(24, 1, 1, 1, 1, 0.0) == pytest.approx(real_cost(24), rel=1e-14)
    assert function("heights.7")(24, 1, 2, 2) == pytest.approx(pair_cost(24, 4), rel=1e-14)


# --- search, without any construction ------------------------------------------------------------------------


def searched(group: Group, block: int, nodes: int, free: bool, seeds: int, eta: float = 2e-5) -> float:
    """Least cost found by quasi-Newton descent from random nodes in one block; if ``free`` functions of c do not count.

    Minimises mean |O - T|^2 + (eta/2) cost over nodes whose three parts are functions of the block.
    """
    basis, of = block_basis(group)
    phi = basis[of == block].T
    order, dim = phi.shape
    target = phi[group.table.ravel()]

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        A, B = x[: dim * nodes].reshape(dim, nodes), x[dim * nodes : -dim * nodes].reshape(dim, nodes)
        C = x[-dim * nodes :].reshape(nodes, dim)
        Z = (phi @ A)[:, None, :] + (phi @ B)[None, :, :]
        F = (Z**2).reshape(order**2, nodes)
        F = F - F.mean(axis=0) if free else F
        R = F @ C - target
        G = 2 / order**2 * R
        back = G @ C.T
        back = (back - back.mean(axis=0) if free else back).reshape(order, order, nodes) * 2 * Z
        slopes = [phi.T @ back.sum(axis=1), phi.T @ back.sum(axis=0), F.T @ G]
        return float((R**2).sum() / order**2 + eta / 2 * x @ x), np.concatenate([s.ravel() for s in slopes]) + eta * x

    best = np.inf
    for seed in range(seeds):
        start = 0.3 * np.random.default_rng(seed).standard_normal(3 * dim * nodes)
        options = {"maxiter": 4000, "maxfun": 8000, "maxcor": 30, "ftol": 1e-13, "gtol": 1e-10}
        found = minimize(value, start, jac=True, method="L-BFGS-B", options=options)
        best = min(best, float(found.x @ found.x))
    return best


#: Decay of 2e-5 makes costs lower by the share of the signal it takes away, here at most this much.
SHRINKS = 2e-3


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "block", "nodes"),
    [("Z5", 1, 8), ("S3", 1, 6), pytest.param("S3", 2, 20, marks=SLOW), pytest.param("D5", 2, 20, marks=SLOW)],
)
@pytest.mark.parametrize("free", [True, False])
def test_search_finds_nothing_cheaper(name: str, block: int, nodes: int, free: bool) -> None:
    group = named(name)
    arguments = kind(blocks(group)[block - 1], group).arguments(group.order)
    closed = function("heights.7")(*arguments) if free else function("heights.9")(*arguments, 1, 0.0)
    assert searched(group, block, nodes, free, seeds=2) == pytest.approx(closed, rel=SHRINKS)


@pytest.mark.slow
@pytest.mark.parametrize(("free", "below"), [(True, 0.0), (False, 0.012)])
def test_search_in_three_dimensions(free: bool, below: float) -> None:
    """A4, d = 3: 27 nodes up to a function of c; without one some descents find 1.1% less than 30 nodes would cost.

    Which ones do differs between machines, with their rounding, so that what is found lies between both.
    """
    group = named("A4")
    arguments = kind(blocks(group)[-1], group).arguments(group.order)
    closed = float(function("heights.7")(*arguments) if free else function("heights.9")(*arguments, 1, 0.0))
    found = searched(group, 2, 80, free, seeds=2)
    assert closed * (1 - below) * (1 - 2 * SHRINKS) < found < closed * (1 + 2 * SHRINKS)


@pytest.mark.slow
def test_dicyclic_groups_find_less_for_quaternionic_type() -> None:
    """A limit of heights.7 that is stated there: Dic5 costs about 11% less than its bound."""
    group = named("Dic5")
    (number,) = [b for b, rho in enumerate(blocks(group), start=1) if rho.irrep.schur == -1][:1]
    bound = float(function("heights.7")(*kind(blocks(group)[number - 1], group).arguments(group.order)))
    assert 0.86 < searched(group, number, 30, True, seeds=3) / bound < 0.92


# --- a whole group -------------------------------------------------------------------------------------------


def cheapest(group: Group, rho: Representation) -> Nodes:
    """Nodes at the cost that `block_cost` gives, up to a function of c."""
    source = block_cost(kind(rho, group), group.order).source
    if group.order == 2:  # nobody could carry what the only block would leave over
        return feature_nodes(rho, exact=True)
    return quaternion_nodes(rho) if source == "heights.12" else feature_nodes(rho)


def network(group: Group, carriers: Callable[[int, Representation], bool]) -> Nodes:
    """A network without remainder: blocks that ``carriers`` picks undo what the others leave over, in equal shares."""
    found = list(enumerate(blocks(group)))
    carry = [feature_nodes(rho, exact=True) for i, rho in found if carriers(i, rho)]
    rest = [(cheapest(group, rho), rho) for i, rho in found if not carriers(i, rho)]
    over = np.sum([remainder(nodes, rho, group.table).mean(axis=(0, 1)) for nodes, rho in rest], axis=0)
    count = sum(len(nodes.V) for nodes in carry)
    loaded = [Nodes(n.W, n.V - over / count / ((n.W**2).sum(axis=0)[:, None] / group.order)) for n in carry]
    every = [*loaded, *(nodes for nodes, _ in rest)]
    return Nodes(np.concatenate([n.W for n in every], axis=1), np.concatenate([n.V for n in every]))


@pytest.mark.parametrize("name", ["Z2", "Z7", "Z11", "Z14", "Z2xZ6", "D5", "D12", "S3"])
def test_height_is_the_cost_of_a_network_that_computes_the_table(name: str) -> None:
    group, height = named(name), shared_height(named(name))
    which, count = height.carriers or (None, 0)
    like = [i for i, rho in enumerate(blocks(group)) if kind(rho, group) == which][:count]
    nodes = network(group, lambda i, _: i in like)
    hidden = (nodes.W[: group.order, None, :] + nodes.W[None, group.order :, :]) ** 2
    np.testing.assert_allclose(hidden @ nodes.V, np.eye(group.order)[group.table] - 1 / group.order, atol=1e-12)
    assert height.cost == pytest.approx(cost(nodes), rel=1e-12)
    assert height.nodes == nodes.W.shape[1]


@pytest.mark.parametrize("name", ["Z7", "Z12", "D12", "S4"])
def test_no_other_number_of_carriers_is_cheaper(name: str) -> None:
    group, best = named(name), shared_height(named(name))
    counts, order = kinds(group), group.order
    for which, most in counts.items():
        for P in range(1, most + 1):
            rest = counts.copy()
            rest[which] -= P
            costs = {k: block_cost(k, order) for k in counts}
            beta2 = sum(n * costs[k].left for k, n in rest.items())
            total = sum(n * costs[k].free for k, n in rest.items())
            total += function("heights.9")(*which.arguments(order), P, beta2)
            assert total >= best.cost * (1 - 1e-12)


@pytest.mark.parametrize("name", ["Z23", "Z24", "Z2xZ2xZ6", "D12"])
def test_sharing_is_cheaper_than_every_block_by_itself(name: str) -> None:
    group = named(name)
    alone = sum(n * function("heights.9")(*k.arguments(group.order), 1, 0.0) for k, n in kinds(group).items())
    assert shared_height(group).cost < alone
    if group.is_abelian:
        assert alone == pytest.approx(generalising_cost(group), rel=1e-12)


def test_odd_cyclic_groups_obey_their_closed_form() -> None:
    for order in (11, 23, 59):
        best = min(function("heights.10")(order, P) for P in range(1, (order + 1) // 2))
        assert shared_height(named(f"Z{order}")).cost == pytest.approx(best, rel=1e-12)


def test_one_element_costs_nothing() -> None:
    assert shared_height(named("Z1")) == SharedHeight(0.0, 0, None, (), "")


# --- trained networks ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("name", "steps"), [("Z17", 8000), ("D12", 8000), ("S4", 10_000)])
def test_trained_networks_come_down_to_the_height(name: str, steps: int) -> None:
    """S0, 90% of the table: |W|^2 + |V|^2 at the end is within 2.5% of the closed form, which no run has touched."""
    order = named(name).order
    records = train(
        standard(name, samples=int(0.9 * order**2), width=12 * order),
        [0, 1],
        Plan(steps=steps, every=steps),
        resolve("cpu"),
    )
    reached = records.final("norm_w2") + records.final("norm_v2")
    np.testing.assert_allclose(reached, shared_height(named(name)).cost, rtol=0.025)
